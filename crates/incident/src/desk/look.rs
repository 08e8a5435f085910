//! All about one incident, for the snapshot: what happened, who did what, what else belongs to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use store::database::{Database, Row};
use store::values;

use super::{Access, Condition, Count, Desk, Field, Listed, Scalar, Search};
use crate::read::{alone, time};
use crate::{Error, Incident, files};

/// Lines of the history, notes and copies that one page shows.
const MOST: i64 = 2_000;
/// Recipients, matched values and files that are looked for elsewhere.
const CORRELATED: usize = 5;

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryLine {
    /// Its number.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// From where, where a person did it.
    pub origin: Option<String>,
    /// The product's name of the action.
    pub action: String,
    /// What came of it.
    pub detail: String,
}

/// What somebody noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What.
    pub text: String,
}

/// How many other incidents share something with this one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Correlations {
    /// Same sender.
    pub sender: Option<Count>,
    /// Same policy and sender.
    pub policy_and_sender: Option<Count>,
    /// Same recipient, for the first few.
    pub recipients: Vec<(String, Count)>,
    /// Same matched value, for the first few.
    pub values: Vec<(String, Count)>,
    /// A file of the same name, for the first few.
    pub files: Vec<(String, Count)>,
}

/// An incident with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Look {
    /// The incident as recorded; its history and siblings are those below.
    pub incident: Incident,
    /// When it was written down here.
    pub recorded_at: Timestamp,
    /// Whose it is.
    pub owner: Option<String>,
    /// Name and address of whoever owns the data.
    pub data_owner: (Option<String>, Option<String>),
    /// Free text.
    pub remediation_location: Option<String>,
    /// Out of the usual lists.
    pub hidden: bool,
    /// Oldest first.
    pub history: Vec<HistoryLine>,
    /// Oldest first.
    pub notes: Vec<Note>,
    /// By name.
    pub attributes: Vec<(String, String)>,
    /// Other incidents of the same message that the asker may see.
    pub siblings: Vec<Listed>,
}

impl Desk {
    /// The incident, if there is such a one for this asker.
    pub async fn look(&self, access: &Access, id: u64) -> Result<Option<Look>, Error> {
        let columns = "recorded_at, owner, data_owner_name, data_owner_email, remediation_location, hidden";
        let writer = self.select(columns, access, &one(id));
        let rows = self.database().fetch(&writer.sql, writer.values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let db = self.database();
        let Some(incident) = alone(db, self.keys(), id).await? else { return Ok(None) };
        Ok(Some(Look {
            recorded_at: time(row.get("recorded_at")?),
            owner: row.get("owner")?,
            data_owner: (row.get("data_owner_name")?, row.get("data_owner_email")?),
            remediation_location: row.get("remediation_location")?,
            hidden: row.get("hidden")?,
            history: history(db, id).await?,
            notes: notes(db, id).await?,
            attributes: attributes(db, id).await?,
            siblings: self.siblings(access, &incident).await?,
            incident,
        }))
    }

    /// The custom attributes of incidents that the asker was shown already, by number.
    pub async fn attributes_of(&self, ids: &[u64]) -> Result<BTreeMap<u64, Vec<(String, String)>>, Error> {
        const AT_ONCE: usize = 500;
        let mut all: BTreeMap<u64, Vec<(String, String)>> = BTreeMap::new();
        for some in ids.chunks(AT_ONCE) {
            let marks = vec!["?"; some.len()].join(", ");
            let sql = format!(
                "SELECT incident_id, name, value FROM attribute WHERE incident_id IN ({marks}) ORDER BY incident_id, name"
            );
            let ids = some.iter().map(|id| (*id).into()).collect();
            for row in self.database().fetch(&sql, ids).await? {
                let id = row.get::<i64>("incident_id")? as u64;
                all.entry(id).or_default().push((row.get("name")?, row.get("value")?));
            }
        }
        Ok(all)
    }

    /// Whether the asker may see it.
    pub async fn may_see(&self, access: &Access, id: u64) -> Result<bool, Error> {
        Ok(!self.ids(access, &one(id), 1).await?.is_empty())
    }

    /// The original message, if it is kept and the asker may see the incident.
    pub async fn original(&self, access: &Access, id: u64) -> Result<Option<Vec<u8>>, Error> {
        if self.may_see(access, id).await? { self.journal.original(id).await } else { Ok(None) }
    }

    /// What others share with it, among those that the asker may see.
    pub async fn correlations(&self, access: &Access, incident: &Incident) -> Result<Correlations, Error> {
        let summary = &incident.summary;
        let other = Condition::Not(Box::new(one(summary.id)));
        let sender = Condition::is(Field::Sender, summary.sender.as_str()).and(other.clone());
        let policy = Scalar::Number(summary.policy_id.into());
        let both = Condition::All(vec![sender.clone(), Condition::Is(Field::PolicyId, vec![policy])]);
        let mut found = Correlations {
            sender: Some(self.count(access, &sender).await?),
            policy_and_sender: Some(self.count(access, &both).await?),
            ..Correlations::default()
        };
        for recipient in summary.recipients.iter().take(CORRELATED) {
            let same = Condition::is(Field::Recipient, recipient.as_str()).and(other.clone());
            found.recipients.push((recipient.clone(), self.count(access, &same).await?));
        }
        for value in incident.matched_values().into_iter().take(CORRELATED) {
            let same = Condition::is(Field::MatchedValue, value).and(other.clone());
            found.values.push((value.to_owned(), self.count(access, &same).await?));
        }
        for name in files::named(&incident.matches, &incident.unscannable).into_iter().take(CORRELATED) {
            let same = Condition::is(Field::MatchedValue, files::value(&name)).and(other.clone());
            let count = self.count(access, &same).await?;
            found.files.push((name, count));
        }
        Ok(found)
    }

    async fn siblings(&self, access: &Access, incident: &Incident) -> Result<Vec<Listed>, Error> {
        let same = Condition::is(Field::UniqueId, incident.summary.unique_message_id.as_str());
        let condition = same.and(Condition::Not(Box::new(one(incident.summary.id))));
        let search = Search { condition, limit: 200, ..Search::default() };
        Ok(self.page(access, &search).await?.rows)
    }
}

impl Incident {
    /// The values that were matched, each once, in order.
    pub fn matched_values(&self) -> Vec<&str> {
        let mut values: Vec<&str> = self.matches.iter().map(|found| found.text.as_str()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// This incident.
pub(super) fn one(id: u64) -> Condition {
    Condition::Is(Field::Id, vec![Scalar::Number(i64::try_from(id).unwrap_or(-1))])
}

async fn history(db: &dyn Database, id: u64) -> Result<Vec<HistoryLine>, Error> {
    let sql = "SELECT id, at, who, origin, action, detail FROM history WHERE incident_id = ? ORDER BY id DESC LIMIT ?";
    let line = |row: &Row| {
        Ok(HistoryLine {
            id: row.get::<i64>("id")? as u64,
            at: time(row.get("at")?),
            who: row.get("who")?,
            origin: row.get("origin")?,
            action: row.get("action")?,
            detail: row.get("detail")?,
        })
    };
    let mut lines =
        db.fetch(sql, values![id, MOST]).await?.iter().map(line).collect::<Result<Vec<_>, Error>>()?;
    lines.reverse();
    Ok(lines)
}

async fn notes(db: &dyn Database, id: u64) -> Result<Vec<Note>, Error> {
    let sql = "SELECT at, who, text FROM note WHERE incident_id = ? ORDER BY id LIMIT ?";
    let note =
        |row: &Row| Ok(Note { at: time(row.get("at")?), who: row.get("who")?, text: row.get("text")? });
    db.fetch(sql, values![id, MOST]).await?.iter().map(note).collect()
}

async fn attributes(db: &dyn Database, id: u64) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT name, value FROM attribute WHERE incident_id = ? ORDER BY name LIMIT ?";
    let pair = |row: &Row| Ok((row.get("name")?, row.get("value")?));
    db.fetch(sql, values![id, MOST]).await?.iter().map(pair).collect()
}
