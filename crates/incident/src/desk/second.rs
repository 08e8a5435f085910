//! What only two people together may do: one asks, another one confirms or declines. Nobody confirms what they asked for.

use jiff::Timestamp;
use store::database::{Row, Session};
use store::values;

use super::look::one;
use super::{Access, Actor, Condition, Desk, tell};
use crate::Error;
use crate::read::time;

/// Requests that a list shows.
const MOST: i64 = 500;

/// What is to wait for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The smart response rule.
    pub rule: String,
    /// What it does, as JSON.
    pub actions: String,
    /// The words of whoever asks.
    pub note: String,
}

/// A request that waits for a second person, or waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondAsked {
    /// Its number.
    pub id: u64,
    /// The incident.
    pub incident: u64,
    /// What is asked for.
    pub ask: Ask,
    /// Who asked, and from where.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// What became of a wish to say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// Somebody else's request is declined.
    Declined,
    /// One's own is withdrawn.
    Withdrawn,
    /// It waits no more, or is not there for this asker.
    NotThere,
}

impl Desk {
    /// What waits for a second person, of one incident or of all that the asker may see; the oldest first.
    pub async fn waiting_for_second(
        &self,
        access: &Access,
        incident: Option<u64>,
    ) -> Result<Vec<SecondAsked>, Error> {
        let condition = incident.map_or_else(Condition::everything, one);
        let mut visible = self.select("incident.id", access, &condition);
        // Few wait, and there may be millions of incidents: each is looked up by its number.
        let sql = format!(
            "SELECT * FROM second_person WHERE state = 'waiting' AND EXISTS \
             (SELECT 1 FROM ({}) AS visible WHERE visible.id = second_person.incident_id) ORDER BY id LIMIT ?",
            visible.sql
        );
        visible.values.push(MOST.into());
        self.database().fetch(&sql, visible.values).await?.iter().map(asked).collect()
    }

    /// One request that waits, if the asker may see its incident.
    pub async fn second_asked(&self, access: &Access, id: u64) -> Result<Option<SecondAsked>, Error> {
        let sql = "SELECT * FROM second_person WHERE state = 'waiting' AND id = ?";
        let rows = self.database().fetch(sql, values![id]).await?;
        let Some(asked) = rows.first().map(asked).transpose()? else { return Ok(None) };
        Ok(self.may_see(access, asked.incident).await?.then_some(asked))
    }

    /// Says no to a request: to somebody else's, or to one's own.
    pub async fn decline_second(
        &self,
        access: &Access,
        actor: &Actor,
        id: u64,
        note: &str,
    ) -> Result<Declined, Error> {
        let Some(asked) = self.second_asked(access, id).await? else { return Ok(Declined::NotThere) };
        let own = is_same(&asked.actor.who, &actor.who);
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let state = if own { "withdrawn" } else { "declined" };
        if !decide(db, id, actor, state).await? {
            return Ok(Declined::NotThere);
        }
        let what = format!("{}, asked for by {}", asked.ask.rule, asked.actor.who);
        let detail = if note.is_empty() { what } else { format!("{what}: {note}") };
        let action = if own { "SECOND_PERSON_WITHDRAWN" } else { "SECOND_PERSON_DECLINED" };
        tell(db, asked.incident, actor, action, &detail).await?;
        self.commit(transaction).await?;
        Ok(if own { Declined::Withdrawn } else { Declined::Declined })
    }
}

/// Writes down what is to wait. False if the same waits already.
pub(super) async fn ask(
    db: &mut dyn Session,
    incident: u64,
    actor: &Actor,
    ask: &Ask,
) -> Result<bool, Error> {
    let sql = "INSERT INTO second_person (incident_id, rule, actions, note, asked_by, origin, asked_at, state) \
        VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting') ON CONFLICT DO NOTHING";
    let (rule, actions, note) = (ask.rule.as_str(), ask.actions.as_str(), ask.note.as_str());
    let (who, origin, now) = (actor.who.as_str(), actor.origin.as_deref(), Timestamp::now().as_millisecond());
    if db.run(sql, values![incident, rule, actions, note, who, origin, now]).await? == 0 {
        return Ok(false);
    }
    let detail = format!("{rule} waits for a second person");
    let detail = if note.is_empty() { detail } else { format!("{detail}: {note}") };
    tell(db, incident, actor, "SECOND_PERSON_ASKED", &detail).await?;
    Ok(true)
}

/// Confirms a request; what it asked for is done in the same transaction. The error is for whoever confirms.
pub(super) async fn confirm(
    db: &mut dyn Session,
    incident: u64,
    actor: &Actor,
    id: u64,
) -> Result<Result<(), String>, Error> {
    let sql = "SELECT * FROM second_person WHERE id = ? AND incident_id = ? AND state = 'waiting'";
    let rows = db.fetch(sql, values![id, incident]).await?;
    let gone =
        || Err("It does not wait for a second person any more: somebody decided meanwhile.".to_owned());
    let Some(asked) = rows.first().map(asked).transpose()? else { return Ok(gone()) };
    if is_same(&asked.actor.who, &actor.who) {
        return Ok(Err("You asked for it yourself: a second person has to confirm.".to_owned()));
    }
    if !decide(db, id, actor, "confirmed").await? {
        return Ok(gone());
    }
    let detail = format!("{}, asked for by {}", asked.ask.rule, asked.actor.who);
    tell(db, incident, actor, "SECOND_PERSON_CONFIRMED", &detail).await?;
    Ok(Ok(()))
}

async fn decide(db: &mut dyn Session, id: u64, actor: &Actor, state: &str) -> Result<bool, Error> {
    let sql = "UPDATE second_person SET state = ?, decided_by = ?, decided_at = ? WHERE id = ? AND state = 'waiting'";
    let now = Timestamp::now().as_millisecond();
    Ok(db.run(sql, values![state, actor.who.as_str(), now, id]).await? > 0)
}

/// Names of users differ by more than the case of letters.
fn is_same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn asked(row: &Row) -> Result<SecondAsked, Error> {
    Ok(SecondAsked {
        id: row.get::<i64>("id")? as u64,
        incident: row.get::<i64>("incident_id")? as u64,
        ask: Ask { rule: row.get("rule")?, actions: row.get("actions")?, note: row.get("note")? },
        actor: Actor { who: row.get("asked_by")?, origin: row.get("origin")? },
        at: time(row.get("asked_at")?),
    })
}
