//! What became of each recipient's copy of a message, as gateways tell it: kept by (unique id, recipient), shown on every
//! incident of the message, which changes its prevent status and nothing else.
//!
//! An update counts once, however often it is sent: it is known by gateway, number and content. One that comes before its
//! incident is kept, and told when that comes.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Serialize;
use store::database::{Database, Row, Session};
use store::values;

use crate::seal::{json, shortened};
use crate::wire::{CopyState, MessageUpdate, UpdateAnswer, UpdateBatch, UpdateResult};
use crate::write::{DETAIL, lock_name};
use crate::{Error, Journal};

/// Lines of earlier updates that a new incident shows.
const TOLD: u32 = 200;
/// Octets of a unique message id: a UUID is far shorter.
const UNIQUE_ID: usize = 200;
/// Octets of a recipient: SMTP's longest line is shorter, and PostgreSQL keeps no index entry beyond 2,700.
const RECIPIENT: usize = 2_500;

/// Where one recipient's copy stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageState {
    /// Whose copy.
    pub recipient: String,
    /// Its state.
    pub state: CopyState,
    /// The gateway that has it: remediation goes there.
    pub gateway: String,
    /// The gateway's own incident number.
    pub gateway_incident: u64,
    /// Since when.
    pub at: Timestamp,
    /// Who decided.
    pub who: String,
    /// The reviewer's note, or why.
    pub note: String,
}

impl Journal {
    /// Takes updates of the gateway that is enrolled as `gateway`: all of them or none. Durable when it returns.
    pub async fn take_updates(&self, gateway: &str, batch: &UpdateBatch) -> Result<UpdateAnswer, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let mut names: Vec<i64> =
            batch.updates.iter().map(|update| lock_name(&update.unique_message_id)).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            db.lock(name).await?;
        }
        let mut results = Vec::with_capacity(batch.updates.len());
        for update in &batch.updates {
            let why = misfit(update);
            if why.is_none() {
                take(db, gateway, update).await?;
            }
            results.push(UpdateResult { seq: update.seq, taken: true, why });
        }
        transaction.commit().await?;
        Ok(UpdateAnswer { results })
    }

    /// Where the copies of a message stand, by recipient.
    pub async fn message_states(&self, unique_id: &str) -> Result<Vec<MessageState>, Error> {
        message_states(&**self.database(), unique_id).await
    }
}

async fn message_states(database: &dyn Database, unique_id: &str) -> Result<Vec<MessageState>, Error> {
    let sql = "SELECT * FROM message_state WHERE unique_id = ? ORDER BY recipient LIMIT 10000";
    database.fetch(sql, values![unique_id]).await?.iter().map(state).collect()
}

fn state(row: &Row) -> Result<MessageState, Error> {
    Ok(MessageState {
        recipient: row.get("recipient")?,
        state: parse(&row.get::<String>("state")?),
        gateway: row.get("gateway")?,
        gateway_incident: row.get::<i64>("gateway_incident")? as u64,
        at: Timestamp::from_millisecond(row.get("at")?).unwrap_or(Timestamp::UNIX_EPOCH),
        who: row.get("who")?,
        note: row.get("note")?,
    })
}

/// Only names that we wrote are in the table.
fn parse(name: &str) -> CopyState {
    serde_json::from_value(name.into()).unwrap_or(CopyState::Held)
}

fn name(state: CopyState) -> String {
    json(&state).trim_matches('"').to_owned()
}

/// Why an update cannot be kept: then it is over, and the others of its batch are kept.
fn misfit(update: &MessageUpdate) -> Option<String> {
    let too_long = |what: &str, most: usize| Some(format!("{what} has more than {most} octets"));
    if update.unique_message_id.len() > UNIQUE_ID {
        return too_long("the unique message id", UNIQUE_ID);
    }
    if update.recipient.len() > RECIPIENT {
        return too_long("the recipient", RECIPIENT);
    }
    None
}

async fn take(db: &mut dyn Session, gateway: &str, update: &MessageUpdate) -> Result<(), Error> {
    let digest = digest(update);
    let (who, note) = (shortened(&update.who, 200), shortened(update.note.as_deref().unwrap_or(""), DETAIL));
    let sql = "INSERT INTO message_update \
        (gateway, seq, digest, unique_id, recipient, state, at, who, note, gateway_incident, request_id) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let values = values![
        gateway,
        update.seq,
        digest,
        update.unique_message_id.as_str(),
        update.recipient.as_str(),
        name(update.state),
        update.at.as_millisecond(),
        who,
        note.as_str(),
        update.gateway_incident,
        update.request_id.as_deref(),
    ];
    if db.run(sql, values).await? == 0 {
        return Ok(());
    }
    keep_state(db, gateway, update, &note).await?;
    tell(db, gateway, update, &note).await
}

/// The same content is the same update; a gateway that was made anew counts from 1 again, and says something else.
fn digest(update: &MessageUpdate) -> String {
    let plain =
        (&update.unique_message_id, &update.recipient, update.state, update.at, update.gateway_incident);
    format!("{:016x}", lock_name(&json(&plain)))
}

async fn keep_state(
    db: &mut dyn Session,
    gateway: &str,
    update: &MessageUpdate,
    note: &str,
) -> Result<(), Error> {
    let sql =
        "SELECT gateway, gateway_incident, seq, at FROM message_state WHERE unique_id = ? AND recipient = ?";
    let (unique_id, recipient) = (update.unique_message_id.as_str(), update.recipient.as_str());
    let rows = db.fetch(sql, values![unique_id, recipient]).await?;
    if let Some(row) = rows.first()
        && !is_news(row, gateway, update)?
    {
        return Ok(());
    }
    let sql = "INSERT INTO message_state (unique_id, recipient, gateway, gateway_incident, state, seq, at, who, note, prevent_status) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (unique_id, recipient) DO UPDATE SET gateway = excluded.gateway, \
        gateway_incident = excluded.gateway_incident, state = excluded.state, seq = excluded.seq, at = excluded.at, \
        who = excluded.who, note = excluded.note, \
        prevent_status = coalesce(excluded.prevent_status, message_state.prevent_status)";
    let values = values![
        unique_id,
        recipient,
        gateway,
        update.gateway_incident,
        name(update.state),
        update.seq,
        update.at.as_millisecond(),
        shortened(&update.who, 200),
        note,
        update.state.prevent_status(),
    ];
    db.run(sql, values).await?;
    Ok(())
}

/// Whether an update says more than what is known of a recipient's copy. A message that its sender sent again may be held again
/// while the first copy is still on its way: what counts is the newest copy, and updates are in order for each copy only.
fn is_news(known: &Row, gateway: &str, update: &MessageUpdate) -> Result<bool, Error> {
    let later = update.at.as_millisecond() > known.get::<i64>("at")?;
    if known.get::<String>("gateway")? != gateway {
        return Ok(later);
    }
    let number = (update.seq as i64).cmp(&known.get::<i64>("seq")?);
    Ok(match (update.gateway_incident as i64).cmp(&known.get::<i64>("gateway_incident")?) {
        Ordering::Greater => true,
        // Clocks step back now and then; numbers of one gateway do not.
        Ordering::Equal => later || number == Ordering::Greater,
        // Of an older copy, unless the gateway was made anew and counts from 1 again.
        Ordering::Less => later && number == Ordering::Less,
    })
}

async fn tell(db: &mut dyn Session, gateway: &str, update: &MessageUpdate, note: &str) -> Result<(), Error> {
    let sql = "SELECT id FROM incident WHERE unique_id = ? ORDER BY id LIMIT 1000";
    let incidents = db.fetch(sql, values![update.unique_message_id.as_str()]).await?;
    let (action, detail) = words(update.state, &update.recipient, gateway, note);
    for row in &incidents {
        let id = row.get("id")?;
        line(db, id, update.at.as_millisecond(), &update.who, (action, &detail)).await?;
        set_prevent_status(db, id, &update.unique_message_id).await?;
    }
    Ok(())
}

async fn line(
    db: &mut dyn Session,
    id: i64,
    at: i64,
    who: &str,
    (action, detail): (&str, &str),
) -> Result<(), Error> {
    let sql = "INSERT INTO history (incident_id, at, who, action, detail) VALUES (?, ?, ?, ?, ?)";
    db.run(sql, values![id, at, shortened(who, 200), action, shortened(detail, DETAIL)]).await?;
    Ok(())
}

/// The name of what happened, and the line for people.
fn words(state: CopyState, recipient: &str, gateway: &str, note: &str) -> (&'static str, String) {
    let (action, what) = match state {
        CopyState::Held => ("EMAIL_QUARANTINED", "is held for review"),
        CopyState::Approved => ("EMAIL_APPROVED", "was approved and is being delivered"),
        CopyState::Rejected => ("EMAIL_BLOCKED", "was rejected and deleted"),
        CopyState::Custom => ("CUSTOM_ACTION_ON_EMAIL", "had the custom action taken"),
        CopyState::Expunged => ("EMAIL_MESSAGE_EXPUNGED", "was removed by its folder's limits"),
        CopyState::Delivered => ("EMAIL_DELIVERED", "was delivered"),
        CopyState::DeliveryFailed => ("EMAIL_DELIVERY_FAILED", "could not be delivered"),
    };
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    (action, format!("the copy for {recipient} {what} at {gateway}{note}"))
}

/// An incident that comes after updates of its message shows them too, whosever copies they are about, as it would had it come
/// before them.
pub(crate) async fn tell_new_incident(db: &mut dyn Session, id: i64, unique_id: &str) -> Result<(), Error> {
    let sql = "SELECT * FROM message_update WHERE unique_id = ? ORDER BY id LIMIT ?";
    for row in &db.fetch(sql, values![unique_id, TOLD]).await? {
        let (gateway, note): (String, String) = (row.get("gateway")?, row.get("note")?);
        let state = parse(&row.get::<String>("state")?);
        let (action, detail) = words(state, &row.get::<String>("recipient")?, &gateway, &note);
        line(db, id, row.get("at")?, &row.get::<String>("who")?, (action, &detail)).await?;
    }
    Ok(())
}

/// The prevent status that the copies of the message come to: held while any is held, otherwise the latest decision. None of
/// them known: it stays as it is.
pub(crate) async fn set_prevent_status(db: &mut dyn Session, id: i64, unique_id: &str) -> Result<(), Error> {
    let sql = "SELECT prevent_status FROM message_state WHERE unique_id = ? AND prevent_status IS NOT NULL \
        ORDER BY CASE WHEN prevent_status = 21 THEN 0 ELSE 1 END, at DESC, seq DESC LIMIT 1";
    let rows = db.fetch(sql, values![unique_id]).await?;
    if let Some(row) = rows.first() {
        let status: i64 = row.get("prevent_status")?;
        db.run("UPDATE incident SET prevent_status = ? WHERE id = ?", values![status, id]).await?;
    }
    Ok(())
}
