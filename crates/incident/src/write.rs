//! One transaction: messages become incidents or join them, outcomes join the histories. All of it or nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use store::database::{Database, Dialect, Session, Value};
use store::values;

use crate::Error;
use crate::record::{Outcome, Recorded, RecordedIncident, Status};
use crate::seal::{Sealed, SealedOriginal, SealedViolation, json, shortened};
use crate::{originals, terms};

/// A repeat within this time joins its incident.
pub(crate) const MERGE_WITHIN: SignedDuration = SignedDuration::from_hours(5 * 24);
/// Characters of a history line's detail.
pub(crate) const DETAIL: usize = 2_000;
/// Recipients named in a history line.
const NAMED: usize = 20;

/// What became of a message that was recorded before.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) recorded: Recorded,
    pub(crate) outcome: Outcome,
    pub(crate) at: Timestamp,
}

/// A workflow status that somebody sets.
#[derive(Debug)]
pub(crate) struct StatusChange {
    pub(crate) id: u64,
    pub(crate) status: Status,
    pub(crate) who: String,
    pub(crate) note: String,
    pub(crate) at: Timestamp,
}

/// Writes all of it, or nothing.
pub(crate) async fn transaction(
    database: &dyn Database,
    happened: &[Happened],
    messages: &[Sealed],
) -> Result<Vec<Recorded>, Error> {
    let mut transaction = database.begin().await?;
    let db = &mut *transaction;
    // In one order everywhere, so that no two servers wait for each other.
    let mut names: Vec<i64> = messages.iter().map(|message| lock_name(&message.new.unique_id)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        db.lock(name).await?;
    }
    // Outcomes first: they belong to messages of earlier batches.
    for one in happened {
        add_outcome(db, one).await?;
    }
    let mut recorded = Vec::with_capacity(messages.len());
    for message in messages {
        recorded.push(record(db, message).await?);
    }
    transaction.commit().await?;
    Ok(recorded)
}

/// False if there is no such incident.
pub(crate) async fn set_status(database: &dyn Database, change: &StatusChange) -> Result<bool, Error> {
    let mut transaction = database.begin().await?;
    let db = &mut *transaction;
    let known = db.fetch("SELECT status FROM incident WHERE id = ?", values![change.id]).await?;
    let Some(row) = known.first() else { return Ok(false) };
    let detail = format!("{} -> {}; {}", row.get::<String>("status")?, change.status, change.note);
    db.run("UPDATE incident SET status = ? WHERE id = ?", values![change.status.as_str(), change.id]).await?;
    History::of(change.at, &change.who).line("SET_STATUS", &detail).write(db, change.id).await?;
    transaction.commit().await?;
    Ok(true)
}

/// What a crash left open is said: nobody knows what the next hop answered. Only where no other server may be at work.
pub(crate) async fn end_unknown(database: &dyn Database) -> Result<(), Error> {
    if database.dialect() != Dialect::Sqlite {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO history (incident_id, at, who, action, detail) \
        SELECT id, ?, server, 'OUTCOME_UNKNOWN', 'the server ended before the next hop''s answer was noted' FROM incident WHERE pending > 0";
    transaction.run(sql, values![Timestamp::now().as_millisecond()]).await?;
    transaction
        .run("UPDATE incident SET pending = 0, outcome = 'unknown' WHERE pending > 0", Vec::new())
        .await?;
    Ok(transaction.commit().await?)
}

// ---- a message

async fn record(db: &mut dyn Session, message: &Sealed) -> Result<Recorded, Error> {
    let mut original = Original { sealed: message.original.as_ref(), id: None };
    let mut incidents = Vec::with_capacity(message.violations.len());
    for violation in &message.violations {
        incidents.push(one(db, message, violation, &mut original).await?);
    }
    let now = Timestamp::now().as_millisecond();
    for effect in &message.new.effects {
        let Some(incident) = incidents.iter().find(|incident| incident.policy_id == effect.policy_id) else {
            continue;
        };
        let sql = "INSERT INTO effect (incident_id, rule, kind, payload, due_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let (rule, kind, payload) = (effect.rule.as_str(), effect.kind.as_str(), effect.payload.as_str());
        db.run(sql, values![incident.id, rule, kind, payload, now]).await?;
    }
    Ok(Recorded { incidents, server: message.new.server.clone() })
}

/// An incident of the same message and policy.
struct Known {
    id: i64,
    closed: bool,
    recipients: Vec<String>,
    received_at: i64,
    severity: i64,
    match_count: i64,
}

async fn one(
    db: &mut dyn Session,
    message: &Sealed,
    violation: &SealedViolation,
    original: &mut Original<'_>,
) -> Result<RecordedIncident, Error> {
    let policy_id = violation.violation.policy_id;
    let known = newest(db, &message.new.unique_id, policy_id).await?;
    if let Some(known) = &known {
        let fresh = message.new.recipients.iter().any(|recipient| !known.recipients.contains(recipient));
        let age = message.new.received_at.as_millisecond() - known.received_at;
        // New recipients never hide under an old decision.
        if age <= MERGE_WITHIN.as_millis() as i64 && !(known.closed && fresh) {
            join(db, known, message, violation, original).await?;
            return Ok(RecordedIncident { id: known.id as u64, policy_id, merged: true });
        }
    }
    let original = original.keep(db, &message.new.unique_id).await?;
    let id = insert(db, message, violation, original, known.map(|known| known.id)).await?;
    keep_values(db, id, &violation.values).await?;
    history_of_new(message, violation).write(db, id as u64).await?;
    Ok(RecordedIncident { id: id as u64, policy_id, merged: false })
}

async fn newest(db: &mut dyn Session, unique_id: &str, policy_id: u32) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, recipients, received_at, severity, match_count, \
        EXISTS (SELECT 1 FROM status WHERE status.name = incident.status AND closed) AS closed \
        FROM incident WHERE unique_id = ? AND policy_id = ? ORDER BY id DESC LIMIT 1";
    let rows = db.fetch(sql, values![unique_id, policy_id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let id: i64 = row.get("id")?;
    let damaged = |why: String| Error::Damaged { id: id as u64, why };
    Ok(Some(Known {
        id,
        closed: row.get("closed")?,
        recipients: serde_json::from_str(&row.get::<String>("recipients")?)
            .map_err(|why| damaged(why.to_string()))?,
        received_at: row.get("received_at")?,
        severity: row.get("severity")?,
        match_count: row.get("match_count")?,
    }))
}

/// Another attempt, or another part of the recipients. If it is worse than what is known (another policy set, another header
/// over the same body), the incident becomes worse.
async fn join(
    db: &mut dyn Session,
    known: &Known,
    message: &Sealed,
    sealed: &SealedViolation,
    original: &mut Original<'_>,
) -> Result<(), Error> {
    let (new, violation) = (&message.new, &sealed.violation);
    let fresh = new.recipients.iter().filter(|recipient| !known.recipients.contains(recipient));
    let recipients: Vec<&String> = known.recipients.iter().chain(fresh).collect();
    let severity = known.severity.min(violation.severity as i64);
    // What became of the mail behind this server (held, approved, remediation attempted) says more and stays.
    let sql = "UPDATE incident SET recipients = ?, last_seen = ?, severity = ?, \
        prevent_status = CASE WHEN prevent_status IN (0, 1, 2, 20) THEN ? ELSE prevent_status END, trial = ?, pending = pending + 1 WHERE id = ?";
    let (seen, status) = (new.received_at.as_millisecond(), new.disposition.prevent_status());
    db.run(sql, values![json(&recipients), seen, severity, status, violation.trial, known.id]).await?;
    terms::keep(db, known.id, &new.recipients, &new.unscannable).await?;
    let mut detail = sent_to(&new.recipients);
    if severity < known.severity {
        let _ = write!(detail, "; severity now {}", violation.severity);
    }
    if violation.match_count as i64 > known.match_count {
        let _ = write!(detail, "; {} matches, before {}", violation.match_count, known.match_count);
        let original = original.keep(db, &new.unique_id).await?;
        let sql = "UPDATE incident SET match_count = ?, count_is_complete = ?, matches = ?, original_id = coalesce(?, original_id) WHERE id = ?";
        db.run(
            sql,
            values![
                violation.match_count,
                violation.count_is_complete,
                sealed.matches.clone(),
                original,
                known.id
            ],
        )
        .await?;
        keep_values(db, known.id, &sealed.values).await?;
    }
    let history = History::of(new.received_at, &new.server).line("DETECTED_AGAIN", &detail);
    history.rules(sealed).write(db, known.id as u64).await
}

async fn insert(
    db: &mut dyn Session,
    message: &Sealed,
    sealed: &SealedViolation,
    original: Option<i64>,
    follows: Option<i64>,
) -> Result<i64, Error> {
    let (new, violation) = (&message.new, &sealed.violation);
    let at = new.received_at.as_millisecond();
    let sql = "INSERT INTO incident (unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, \
         message_id, sender, recipients, subject, peer, direction, server, received_at, last_seen, size, match_count, \
         count_is_complete, trial, response_rules, unscannable, original_id, linked_to, pending, matches, recorded_at, sender_domain, pseudonym) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) RETURNING id";
    let values = values![
        new.unique_id.as_str(),
        violation.policy_id,
        violation.policy_name.as_str(),
        violation.policy_version.as_str(),
        new.policy_set.as_str(),
        violation.severity as i64,
        Status::New.as_str(),
        new.disposition.prevent_status(),
        new.message_id.as_deref(),
        new.sender.as_str(),
        json(&new.recipients),
        new.subject.as_str(),
        new.peer.as_deref(),
        new.direction.as_str(),
        new.server.as_str(),
        at,
        at,
        new.size,
        violation.match_count,
        violation.count_is_complete,
        violation.trial,
        json(&violation.response_rules),
        json(&new.unscannable),
        original,
        follows,
        sealed.matches.clone(),
        Timestamp::now().as_millisecond(),
        terms::domain(&new.sender),
        message.pseudonym,
    ];
    let id = only_id(&db.fetch(sql, values).await?)?;
    terms::keep(db, id, &new.recipients, &new.unscannable).await?;
    Ok(id)
}

pub(crate) async fn keep_values(
    db: &mut dyn Session,
    id: i64,
    values: &BTreeSet<[u8; 16]>,
) -> Result<(), Error> {
    /// Rows of one statement; SQL bounds its marks.
    const ROWS: usize = 100;
    let hashes: Vec<&[u8; 16]> = values.iter().collect();
    for some in hashes.chunks(ROWS) {
        let sql = terms::insert("match_hash", &["hash"], some.len());
        let mut values: Vec<Value> = some.iter().map(|hash| Value::from(&hash[..])).collect();
        values.push(id.into());
        db.run(&sql, values).await?;
    }
    Ok(())
}

pub(crate) fn only_id(rows: &[store::database::Row]) -> Result<i64, Error> {
    Ok(rows.first().ok_or(store::Error::Database(sqlx::Error::RowNotFound))?.get("id")?)
}

// ---- the original

/// The message is kept once, however many policies it violates and however often it is tried. Two messages of the same unique
/// id may differ in their headers: each that an incident shows is kept.
struct Original<'a> {
    sealed: Option<&'a SealedOriginal>,
    id: Option<i64>,
}

impl Original<'_> {
    async fn keep(&mut self, db: &mut dyn Session, unique_id: &str) -> Result<Option<i64>, Error> {
        if let (Some(sealed), None) = (self.sealed, self.id) {
            self.id = Some(originals::keep(db, unique_id, sealed, None).await?);
        }
        Ok(self.id)
    }
}

// ---- the history

async fn add_outcome(db: &mut dyn Session, happened: &Happened) -> Result<(), Error> {
    let (action, outcome, detail) = match &happened.outcome {
        Outcome::Relayed { text, .. } => ("RELAYED", "relayed", format!("next hop answered {text}")),
        Outcome::Redirected { text, .. } => ("REDIRECTED", "redirected", format!("next hop answered {text}")),
        Outcome::Refused { text, .. } => ("REFUSED", "refused", format!("next hop answered {text}")),
        Outcome::Deferred { text, .. } => ("DEFERRED", "deferred", format!("left with the sender: {text}")),
        Outcome::Returned { .. } => {
            ("RETURNED", "returned", "returned to the MTA, which asked by milter".to_owned())
        }
        Outcome::Blocked { text, .. } => ("BLOCKED", "blocked", format!("the sender was told {text}")),
    };
    for incident in &happened.recorded.incidents {
        let sql = "UPDATE incident SET outcome = ?, pending = CASE WHEN pending > 0 THEN pending - 1 ELSE 0 END WHERE id = ?";
        // An incident that was deleted meanwhile has no history to add to.
        if db.run(sql, values![outcome, incident.id]).await? > 0 {
            History::of(happened.at, &happened.recorded.server)
                .line(action, &detail)
                .write(db, incident.id)
                .await?;
        }
    }
    Ok(())
}

fn history_of_new(message: &Sealed, sealed: &SealedViolation) -> History {
    let new = &message.new;
    let matches = match sealed.violation.match_count {
        1 => "1 match".to_owned(),
        count => format!("{count} matches"),
    };
    let detail = format!("{matches}; {}", sent_to(&new.recipients));
    let history = History::of(new.received_at, &new.server).line("DETECTED", &detail);
    let history = match message.original {
        Some(_) => history,
        None => history.line("MESSAGE_NOT_RETAINED", "a response rule asked not to keep the original"),
    };
    history.rules(sealed)
}

/// Lines of the same moment.
struct History {
    at: i64,
    who: String,
    lines: Vec<(&'static str, String)>,
}

impl History {
    fn of(at: Timestamp, who: &str) -> Self {
        Self { at: at.as_millisecond(), who: who.to_owned(), lines: Vec::new() }
    }

    fn line(mut self, action: &'static str, detail: &str) -> Self {
        self.lines.push((action, shortened(detail, DETAIL)));
        self
    }

    fn rules(self, sealed: &SealedViolation) -> Self {
        let action = if sealed.violation.trial { "RESPONSE_RULE_TRIAL" } else { "RESPONSE_RULE_EXECUTED" };
        sealed
            .violation
            .response_rules
            .iter()
            .take(100)
            .fold(self, |history, rule| history.line(action, rule))
    }

    async fn write(self, db: &mut dyn Session, incident: u64) -> Result<(), Error> {
        let marks = vec!["(?, ?, ?, ?, ?)"; self.lines.len()].join(", ");
        let sql = format!("INSERT INTO history (incident_id, at, who, action, detail) VALUES {marks}");
        let values = self
            .lines
            .into_iter()
            .flat_map(|(action, detail)| values![incident, self.at, self.who.as_str(), action, detail]);
        db.run(&sql, values.collect()).await?;
        Ok(())
    }
}

fn sent_to(recipients: &[String]) -> String {
    let named = recipients.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match recipients.len().saturating_sub(NAMED) {
        0 => format!("to {named}"),
        more => format!("to {named} and {more} more"),
    }
}

/// FNV-1a: the same on every server, whatever compiled it.
pub(crate) fn lock_name(unique_id: &str) -> i64 {
    let step = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    unique_id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step) as i64
}
