//! Incidents as lists and snapshots, for the Control Center and the command line.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::database::{Row, Value};
use store::values;

use crate::filter::Plan;
use crate::history::{now, tell, time};
use crate::{Entry, Error, Gateway, State, Who};

/// Which incidents are wanted; all texts are looked for anywhere in their column, upper and lower case alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyFilter {
    /// Only these, by number; none: whichever.
    pub ids: Option<Vec<u64>>,
    /// In this folder.
    pub folder: Option<u64>,
    /// In this state.
    pub state: Option<State>,
    /// The envelope sender.
    pub sender: Option<String>,
    /// The recipient.
    pub recipient: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Exactly this `X-dlp-uniquemsgid`.
    pub unique_id: Option<String>,
    /// Violates this policy.
    pub policy_id: Option<u32>,
    /// Violates a policy of each of these sets: what a role is bound to.
    pub within: Vec<BTreeSet<u32>>,
    /// Only those whose release the sender asked for.
    pub release_asked: bool,
    /// Only those whose numbers are lower: the next page.
    pub before: Option<u64>,
    /// At most so many; 0 is 50.
    pub limit: usize,
}

/// An incident in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyLine {
    /// Its number.
    pub id: u64,
    /// The message.
    pub message: u64,
    /// The folder's name.
    pub folder: String,
    /// The filter that put it there.
    pub filter: String,
    /// Its state.
    pub state: State,
    /// What became of the delivery: `delivered`, `failed`, `dropped`; none while it is not known.
    pub outcome: Option<String>,
    /// Since when it is there.
    pub entered_at: Timestamp,
    /// Envelope sender.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// Octets.
    pub size: u64,
    /// `X-dlp-uniquemsgid`.
    pub unique_id: Option<String>,
    /// `X-dlp-policyid`.
    pub policy_ids: Vec<u32>,
    /// Who decided.
    pub who: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// The reviewer's words.
    pub note: Option<String>,
}

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyPage {
    /// The incidents.
    pub copies: Vec<CopyLine>,
    /// `before` of the next page, if there is one.
    pub next: Option<u64>,
}

/// How many incidents are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// Wait for a decision.
    pub held: u64,
    /// Informational.
    pub informational: u64,
    /// Decided, in whatever way.
    pub decided: u64,
}

/// All about one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// As in the list.
    pub line: CopyLine,
    /// Message-ID.
    pub message_id: Option<String>,
    /// Who handed the message over.
    pub peer: String,
    /// When.
    pub received_at: Timestamp,
    /// What decisions mean.
    pub plan: Plan,
    /// Version of the filter that put it there.
    pub filter_version: u64,
    /// Whether the mail itself is still kept.
    pub mail_is_kept: bool,
    /// Incidents of the same message's other recipients.
    pub related: Vec<Related>,
    /// The sender asked for its release.
    pub release: Option<ReleaseRequest>,
    /// The history of the message.
    pub history: Vec<Entry>,
}

/// Another recipient's copy of the same message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Its number.
    pub id: u64,
    /// The name of the folder that it is in.
    pub folder: String,
    /// Its recipient.
    pub recipient: String,
    /// Its state.
    pub state: State,
}

/// The sender asks for release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// In the sender's words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub peer: String,
}

const LINE: &str = "SELECT c.id, c.message_id, f.name AS folder, c.filter_name, c.filter_version, c.state, c.outcome, c.entered_at, \
    c.recipient, c.size, c.who, c.decided_at, c.note, c.plan, m.sender, m.subject, m.unique_id, m.policy_ids, m.message_id AS mid, \
    m.peer, m.received_at, m.blob FROM copy c JOIN message m ON m.id = c.message_id JOIN folder f ON f.id = c.folder_id";

impl Gateway {
    /// A page of incidents, newest first.
    pub async fn copies(&self, filter: &CopyFilter) -> Result<CopyPage, Error> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit.min(1_000) };
        let (condition, mut values) = filter.condition();
        values.push((limit as u64 + 1).into());
        let mut copies = self.lines(&format!("{condition} ORDER BY c.id DESC LIMIT ?"), values).await?;
        let more = copies.len() > limit;
        copies.truncate(limit);
        let next = if more { copies.last().map(|copy| copy.id) } else { None };
        Ok(CopyPage { copies, next })
    }

    /// One incident as in the list.
    pub async fn line(&self, id: u64) -> Result<Option<CopyLine>, Error> {
        Ok(self.lines("c.id = ?", values![id]).await?.pop())
    }

    /// The incidents of this condition on `copy c` joined with `message m`.
    pub(crate) async fn lines(&self, condition: &str, values: Vec<Value>) -> Result<Vec<CopyLine>, Error> {
        let rows = self.database().fetch(&format!("{LINE} WHERE {condition}"), values).await?;
        rows.iter().map(line).collect()
    }

    /// What decisions mean for these incidents, newest first.
    pub async fn plans(&self, ids: &[u64]) -> Result<Vec<(u64, Plan)>, Error> {
        let mut values = Vec::new();
        let sql = format!(
            "SELECT c.id, c.plan FROM copy c WHERE {} ORDER BY c.id DESC",
            any_of("c.id", ids, &mut values)
        );
        let rows = self.database().fetch(&sql, values).await?;
        rows.iter()
            .map(|row| {
                let id = row.get::<i64>("id")? as u64;
                Ok((id, plan(id, row)?))
            })
            .collect()
    }

    /// How many incidents there are.
    pub async fn count_copies(&self) -> Result<Copies, Error> {
        let rows =
            self.database().fetch("SELECT state, count(*) AS n FROM copy GROUP BY state", Vec::new()).await?;
        let mut copies = Copies::default();
        for row in &rows {
            let count = row.get::<i64>("n")? as u64;
            match State::parse(&row.get::<String>("state")?) {
                Some(State::Held) => copies.held += count,
                Some(State::Informational) => copies.informational += count,
                _ => copies.decided += count,
            }
        }
        Ok(copies)
    }

    /// All about one incident.
    pub async fn snapshot(&self, id: u64) -> Result<Option<Snapshot>, Error> {
        let rows = self.database().fetch(&format!("{LINE} WHERE c.id = ?"), values![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let line = line(row)?;
        let sql = "SELECT c.id, c.recipient, c.state, f.name AS folder FROM copy c JOIN folder f ON f.id = c.folder_id \
            WHERE c.message_id = ? AND c.id <> ? ORDER BY c.id";
        let related = self.database().fetch(sql, values![line.message, id]).await?;
        let related = related.iter().map(|row| {
            let id = row.get::<i64>("id")? as u64;
            Ok(Related {
                id,
                folder: row.get("folder")?,
                recipient: row.get("recipient")?,
                state: state(id, &row.get::<String>("state")?)?,
            })
        });
        let related = related.collect::<Result<Vec<_>, Error>>()?;
        let sql = "SELECT reason, at, peer FROM release_request WHERE copy_id = ?";
        let release = self.database().fetch(sql, values![id]).await?;
        let release = release.first().map(|row| {
            Ok::<_, Error>(ReleaseRequest {
                reason: row.get("reason")?,
                at: time(row.get("at")?),
                peer: row.get("peer")?,
            })
        });
        let history = self.history(line.message).await?;
        Ok(Some(Snapshot {
            message_id: row.get("mid")?,
            peer: row.get("peer")?,
            received_at: time(row.get("received_at")?),
            plan: plan(id, row)?,
            filter_version: row.get::<i64>("filter_version")? as u64,
            mail_is_kept: row.get::<Option<String>>("blob")?.is_some(),
            related,
            release: release.transpose()?,
            history: history.into_iter().filter(|entry| entry.copy.is_none_or(|copy| copy == id)).collect(),
            line,
        }))
    }

    /// The mail of an incident, if it is still kept. The look goes into the history.
    pub async fn original(&self, id: u64, who: &Who) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.database().fetch("SELECT message_id FROM copy WHERE id = ?", values![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let message = row.get::<i64>("message_id")? as u64;
        let octets = self.octets(message).await?;
        if octets.is_some() {
            let mut transaction = self.database().begin().await?;
            tell(&mut *transaction, message, Some(id), &who.words(), "MAIL_VIEWED", "the mail was looked at")
                .await?;
            self.commit(transaction).await?;
        }
        Ok(octets)
    }

    /// The key that a release link carries: nobody can make one up, and it serves for one incident only.
    pub fn release_key(&self, id: u64) -> String {
        let hash = self.inner.keys.hash("gateway release link", id.to_be_bytes());
        hash.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// The sender asks for release, by the link of a notice. False where the key is wrong or nothing waits any more.
    pub async fn ask_for_release(&self, id: u64, key: &str, reason: &str, peer: &str) -> Result<bool, Error> {
        let right = self.release_key(id);
        let same = right.len() == key.len()
            && right.bytes().zip(key.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        if !same {
            return Ok(false);
        }
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let rows =
            db.fetch("SELECT message_id FROM copy WHERE id = ? AND state = 'held'", values![id]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let message = row.get::<i64>("message_id")? as u64;
        let reason: String = reason.chars().take(2_000).collect();
        let sql = "INSERT INTO release_request (copy_id, reason, at, peer) VALUES (?, ?, ?, ?) \
            ON CONFLICT (copy_id) DO UPDATE SET reason = excluded.reason, at = excluded.at, peer = excluded.peer";
        db.run(sql, values![id, reason.as_str(), now(), peer]).await?;
        tell(db, message, Some(id), &format!("sender from {peer}"), "RELEASE_ASKED", &reason).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

impl CopyFilter {
    /// For `copy c` joined with `message m`.
    pub(crate) fn condition(&self) -> (String, Vec<Value>) {
        let (mut terms, mut values) = (vec!["1 = 1".to_owned()], Vec::new());
        if let Some(ids) = &self.ids {
            terms.push(any_of("c.id", ids, &mut values));
        }
        let mut add = |term: &str, value: Value| {
            terms.push(term.to_owned());
            values.push(value);
        };
        if let Some(folder) = self.folder {
            add("c.folder_id = ?", folder.into());
        }
        if let Some(state) = self.state {
            add("c.state = ?", state.as_str().into());
        }
        if let Some(id) = &self.unique_id {
            add("m.unique_id = ?", id.trim().to_ascii_uppercase().into());
        }
        if let Some(before) = self.before {
            add("c.id < ?", before.into());
        }
        for (column, text) in
            [("m.sender", &self.sender), ("c.recipient", &self.recipient), ("m.subject", &self.subject)]
        {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                add(&format!("lower({column}) LIKE ? ESCAPE '!'"), anywhere(text).into());
            }
        }
        if let Some(policy) = self.policy_id {
            terms.push(violates("m", policy));
        }
        for any_of in &self.within {
            terms.push(violates_any("m", any_of));
        }
        if self.release_asked {
            terms.push("EXISTS (SELECT 1 FROM release_request r WHERE r.copy_id = c.id)".to_owned());
        }
        (terms.join(" AND "), values)
    }
}

/// That the number is any of these.
pub(crate) fn any_of(column: &str, ids: &[u64], values: &mut Vec<Value>) -> String {
    values.extend(ids.iter().map(|id| Value::from(*id)));
    if ids.is_empty() {
        "1 = 0".to_owned()
    } else {
        format!("{column} IN (?{})", ", ?".repeat(ids.len() - 1))
    }
}

/// That the message under this name violates any of these policies.
pub(crate) fn violates_any(message: &str, policies: &BTreeSet<u32>) -> String {
    // In groups, for databases bound the depth of an expression. Of a set of nothing nothing is within.
    let all: Vec<String> = policies.iter().map(|policy| violates(message, *policy)).collect();
    let groups: Vec<String> = all.chunks(100).map(|some| format!("({})", some.join(" OR "))).collect();
    if groups.is_empty() { "1 = 0".to_owned() } else { format!("({})", groups.join(" OR ")) }
}

/// The list is JSON: [23,24]. Brackets become commas, so that each number stands between two.
fn violates(message: &str, policy: u32) -> String {
    format!("replace(replace({message}.policy_ids, '[', ','), ']', ',') LIKE '%,{policy},%'")
}

/// A pattern for LIKE with `!` as the escape.
pub(crate) fn anywhere(text: &str) -> String {
    let text = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{text}%")
}

fn state(id: u64, text: &str) -> Result<State, Error> {
    State::parse(text).ok_or_else(|| Error::damaged(format!("incident {id}"), format!("state {text:?}")))
}

fn plan(id: u64, row: &Row) -> Result<Plan, Error> {
    let text: String = row.get("plan")?;
    serde_json::from_str(&text).map_err(|why| Error::damaged(format!("incident {id}"), why))
}

fn line(row: &Row) -> Result<CopyLine, Error> {
    let id = row.get::<i64>("id")? as u64;
    Ok(CopyLine {
        id,
        message: row.get::<i64>("message_id")? as u64,
        folder: row.get("folder")?,
        filter: row.get("filter_name")?,
        state: state(id, &row.get::<String>("state")?)?,
        outcome: row.get("outcome")?,
        entered_at: time(row.get("entered_at")?),
        sender: row.get("sender")?,
        recipient: row.get("recipient")?,
        subject: row.get("subject")?,
        size: row.get::<i64>("size")? as u64,
        unique_id: row.get("unique_id")?,
        policy_ids: serde_json::from_str(&row.get::<String>("policy_ids")?)
            .map_err(|why| Error::damaged(format!("incident {id}"), why))?,
        who: row.get("who")?,
        decided_at: row.get::<Option<i64>>("decided_at")?.map(time),
        note: row.get("note")?,
    })
}
