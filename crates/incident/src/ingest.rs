//! Enforce's side of taking incidents over: each becomes an incident of its own numbering, or joins one; all of a batch or nothing.
//!
//! A batch is taken only where its journal stands, so a repeat, a batch out of order or one from before a restored backup
//! changes nothing. The same message seen by two detection servers is one incident, as it is on one of them. Effects stay
//! with the detection server, which does them once.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use store::cipher;
use store::database::{Row, Session};
use store::values;

use crate::desk::statuses::known_attribute;
use crate::messages;
use crate::record::Status;
use crate::seal::{self, json, matches_context, shortened};
use crate::wire::{IncidentBatch, IngestAnswer, ShippedIncident, ShippedLine};
use crate::write::{DETAIL, MERGE_WITHIN, keep_values, lock_name, only_id};
use crate::{Error, Journal, originals, terms};

/// Originals asked for in one answer.
const WANTED: u32 = 50;
/// Recipients, lines and names beyond these are cut: no batch fills the database by one incident.
const RECIPIENTS: usize = 10_000;

/// An incident ready to be written, sealed with our own keys.
struct Ready {
    shipped: ShippedIncident,
    matches: Vec<u8>,
    values: BTreeSet<[u8; 16]>,
    /// The number that stands for its sender.
    pseudonym: u64,
}

/// Whose batch it is.
struct From<'a> {
    /// Its name at Enforce.
    server: &'a str,
    journal: &'a str,
}

impl Journal {
    /// Takes a batch of the detection server that is enrolled as `server`. Durable when it returns.
    pub async fn take(&self, server: &str, batch: IncidentBatch) -> Result<IngestAnswer, Error> {
        let IncidentBatch { journal, after, up_to, incidents, .. } = batch;
        let mut ready = Vec::with_capacity(incidents.len());
        for incident in incidents {
            ready.push(self.ready(incident)?);
        }
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        lock_all(db, &journal, &ready).await?;
        let cursor = cursor(db, &journal).await?;
        if cursor != after || up_to < after {
            return Ok(IngestAnswer { cursor, refused: true, wanted: wanted(db, &journal).await? });
        }
        let from = From { server, journal: &journal };
        for one in &ready {
            take_one(db, &from, one).await?;
        }
        let sql = "INSERT INTO taken (journal, server, cursor, taken_at) VALUES (?, ?, ?, ?) \
            ON CONFLICT (journal) DO UPDATE SET cursor = excluded.cursor, taken_at = excluded.taken_at, server = excluded.server";
        db.run(sql, values![journal.as_str(), server, up_to, Timestamp::now().as_millisecond()]).await?;
        let wanted = wanted(db, &journal).await?;
        transaction.commit().await?;
        Ok(IngestAnswer { cursor: up_to, refused: false, wanted })
    }

    /// How far a journal is taken, and which of its originals are wanted. None if it is another server's journal.
    pub async fn taken(&self, server: &str, journal: &str) -> Result<Option<IngestAnswer>, Error> {
        let sql = "SELECT cursor, server FROM taken WHERE journal = ?";
        let rows = self.database().fetch(sql, values![journal]).await?;
        let Some(row) = rows.first() else {
            return Ok(Some(IngestAnswer { cursor: 0, refused: false, wanted: Vec::new() }));
        };
        if row.get::<String>("server")? != server {
            return Ok(None);
        }
        let sql = "SELECT DISTINCT original FROM shipped WHERE journal = ? AND wanted AND original IS NOT NULL AND incident_id IS NOT NULL LIMIT ?";
        let names = self.database().fetch(sql, values![journal, WANTED]).await?;
        let wanted = names.iter().map(|row| Ok(row.get("original")?)).collect::<Result<_, Error>>()?;
        Ok(Some(IngestAnswer { cursor: row.get::<i64>("cursor")? as u64, refused: false, wanted }))
    }

    /// Keeps an original that was wanted; false if it is not wanted (any more).
    pub async fn take_original(&self, journal: &str, name: &str, octets: Vec<u8>) -> Result<bool, Error> {
        let sql = "SELECT unique_id FROM shipped JOIN incident ON incident.id = incident_id \
            WHERE journal = ? AND original = ? AND wanted LIMIT 1";
        let rows = self.database().fetch(sql, values![journal, name]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let unique_id: String = row.get("unique_id")?;
        let keys = self.keys().clone();
        let context = unique_id.clone();
        let sealing = tokio::task::spawn_blocking(move || seal::seal_original(&keys, &context, &octets));
        let mut sealed = sealing.await.map_err(|_| Error::Closed)??;
        let object = self.put_object(&unique_id, &mut sealed).await?;
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(&unique_id)).await?;
        let sql = "SELECT incident_id FROM shipped WHERE journal = ? AND original = ? AND wanted AND incident_id IS NOT NULL";
        let incidents = db.fetch(sql, values![journal, name]).await?;
        if incidents.is_empty() {
            if let Some(name) = &object {
                originals::not_needed(db, name).await?;
                transaction.commit().await?;
            }
            return Ok(false);
        }
        let original = originals::keep(db, &unique_id, &sealed, object.as_deref()).await?;
        for row in &incidents {
            let sql = "UPDATE incident SET original_id = ? WHERE id = ?";
            db.run(sql, values![original, row.get::<i64>("incident_id")?]).await?;
        }
        unwant(db, journal, name).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// An original that was wanted is not kept there any more.
    pub async fn original_is_gone(&self, server: &str, journal: &str, name: &str) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let sql = "INSERT INTO history (incident_id, at, who, action, detail) \
            SELECT incident_id, ?, ?, 'MESSAGE_NOT_RETAINED', 'the detection server did not keep the original until it could be handed over' \
            FROM shipped WHERE journal = ? AND original = ? AND wanted AND incident_id IS NOT NULL";
        db.run(sql, values![Timestamp::now().as_millisecond(), server, journal, name]).await?;
        unwant(db, journal, name).await?;
        Ok(transaction.commit().await?)
    }

    fn ready(&self, mut shipped: ShippedIncident) -> Result<Ready, Error> {
        bound(&mut shipped);
        let matches = std::mem::take(&mut shipped.matches);
        let values = seal::values(self.keys(), &matches, &shipped.unscannable);
        let context = matches_context(&shipped.unique_message_id, shipped.policy_id);
        let matches = cipher::seal(self.keys(), &context, json(&matches).as_bytes())?;
        let pseudonym = self.keys().pseudonym(&shipped.sender);
        Ok(Ready { shipped, matches, values, pseudonym })
    }
}

fn bound(shipped: &mut ShippedIncident) {
    const TEXT: usize = 1_000;
    const NAME: usize = 200;
    for text in [&mut shipped.subject, &mut shipped.policy, &mut shipped.policy_version, &mut shipped.sender]
    {
        *text = shortened(text, TEXT);
    }
    for text in [&mut shipped.unique_message_id, &mut shipped.policy_set, &mut shipped.direction] {
        *text = shortened(text, NAME);
    }
    for text in [&mut shipped.message_id, &mut shipped.peer, &mut shipped.outcome] {
        *text = text.as_deref().map(|text| shortened(text, TEXT));
    }
    shipped.recipients.truncate(RECIPIENTS);
}

async fn lock_all(db: &mut dyn Session, journal: &str, ready: &[Ready]) -> Result<(), Error> {
    let mut names: Vec<i64> = ready.iter().map(|one| lock_name(&one.shipped.unique_message_id)).collect();
    names.push(lock_name(journal));
    names.sort_unstable();
    names.dedup();
    for name in names {
        db.lock(name).await?;
    }
    Ok(())
}

async fn cursor(db: &mut dyn Session, journal: &str) -> Result<u64, Error> {
    let rows = db.fetch("SELECT cursor FROM taken WHERE journal = ?", values![journal]).await?;
    Ok(rows.first().map(|row| row.get::<i64>("cursor")).transpose()?.unwrap_or(0) as u64)
}

async fn wanted(db: &mut dyn Session, journal: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT original FROM shipped WHERE journal = ? AND wanted AND original IS NOT NULL AND incident_id IS NOT NULL LIMIT ?";
    let rows = db.fetch(sql, values![journal, WANTED]).await?;
    rows.iter().map(|row| Ok(row.get("original")?)).collect()
}

async fn unwant(db: &mut dyn Session, journal: &str, name: &str) -> Result<(), Error> {
    let sql = "UPDATE shipped SET wanted = ? WHERE journal = ? AND original = ?";
    db.run(sql, values![false, journal, name]).await?;
    Ok(())
}

// ---- one incident

/// What we know of an incident of that journal.
struct Mapped {
    incident: Option<i64>,
    change: u64,
    original: Option<String>,
}

async fn take_one(db: &mut dyn Session, from: &From<'_>, ready: &Ready) -> Result<(), Error> {
    let shipped = &ready.shipped;
    let Some(newest) = shipped.lines.last().map(|line| line.seq) else { return Ok(()) };
    let known = mapped(db, from, shipped.id).await?;
    let (id, lines, wanted) = match &known {
        Some(known) if known.change >= newest => return Ok(()),
        Some(known) => {
            let lines: Vec<&ShippedLine> =
                shipped.lines.iter().filter(|line| line.seq > known.change).collect();
            match known.incident {
                Some(id) => changed(db, from, ready, id, &lines, known).await?,
                // It was deleted here. What became of it is nobody's matter any more; a new attempt is.
                None if lines.iter().any(|line| is_attempt(line)) => {
                    let id = place(db, from, ready, true).await?;
                    (Some(id), lines, shipped.original.is_some())
                }
                None => (None, Vec::new(), false),
            }
        }
        None => {
            let id = place(db, from, ready, false).await?;
            (Some(id), shipped.lines.iter().collect(), shipped.original.is_some())
        }
    };
    if let Some(id) = id {
        add_lines(db, from, id, &lines).await?;
        messages::set_prevent_status(db, id, &shipped.unique_message_id).await?;
    }
    let sql = "INSERT INTO shipped (journal, their_id, incident_id, change, original, wanted) VALUES (?, ?, ?, ?, ?, ?) \
        ON CONFLICT (journal, their_id) DO UPDATE SET incident_id = excluded.incident_id, change = excluded.change, \
        original = excluded.original, wanted = excluded.wanted";
    let original = shipped.original.as_deref();
    db.run(sql, values![from.journal, shipped.id, id, newest, original, wanted]).await?;
    Ok(())
}

async fn mapped(db: &mut dyn Session, from: &From<'_>, their_id: u64) -> Result<Option<Mapped>, Error> {
    let sql = "SELECT incident_id, change, original FROM shipped WHERE journal = ? AND their_id = ?";
    let rows = db.fetch(sql, values![from.journal, their_id]).await?;
    let mapped = |row: &Row| {
        Ok(Mapped {
            incident: row.get("incident_id")?,
            change: row.get::<i64>("change")? as u64,
            original: row.get("original")?,
        })
    };
    rows.first().map(mapped).transpose()
}

fn is_attempt(line: &ShippedLine) -> bool {
    matches!(line.action.as_str(), "DETECTED" | "DETECTED_AGAIN")
}

/// An incident that we did not have: it joins the one of the same message and policy that another server saw, or is new.
async fn place(db: &mut dyn Session, from: &From<'_>, ready: &Ready, mapped: bool) -> Result<i64, Error> {
    let shipped = &ready.shipped;
    let sql = format!(
        "SELECT {} FROM incident WHERE unique_id = ? AND policy_id = ? ORDER BY id DESC LIMIT 1",
        Known::COLUMNS
    );
    let rows = db.fetch(&sql, values![shipped.unique_message_id.as_str(), shipped.policy_id]).await?;
    let known = rows.first().map(Known::read).transpose()?;
    if let Some(known) = &known {
        // The journal was set back and comes under another name.
        let handed_over_before = !mapped
            && known.server == from.server
            && known.received_at == shipped.received_at.as_millisecond();
        if handed_over_before || known.may_be_joined_by(shipped) {
            update(db, ready, known).await?;
            return Ok(known.id);
        }
    }
    insert(db, from, ready, known.map(|known| known.id)).await
}

/// A change of one that we have. A new attempt to new recipients never hides under a decision that was made here.
async fn changed<'a>(
    db: &mut dyn Session,
    from: &From<'_>,
    ready: &Ready,
    id: i64,
    lines: &[&'a ShippedLine],
    mapped: &Mapped,
) -> Result<(Option<i64>, Vec<&'a ShippedLine>, bool), Error> {
    let sql = format!("SELECT {} FROM incident WHERE id = ?", Known::COLUMNS);
    let rows = db.fetch(&sql, values![id]).await?;
    let Some(row) = rows.first() else { return Ok((None, Vec::new(), false)) };
    let known = Known::read(row)?;
    let shipped = &ready.shipped;
    let again = lines.iter().any(|line| is_attempt(line));
    if again && !known.may_be_joined_by(shipped) {
        let id = place(db, from, ready, true).await?;
        return Ok((Some(id), lines.to_vec(), shipped.original.is_some()));
    }
    update(db, ready, &known).await?;
    apply_rules(db, shipped, &known, lines).await?;
    let other = shipped.original.is_some() && shipped.original != mapped.original;
    Ok((Some(id), lines.to_vec(), other))
}

/// An incident as it is here.
struct Known {
    id: i64,
    server: String,
    closed: bool,
    recipients: Vec<String>,
    received_at: i64,
    last_seen: i64,
    severity: i64,
    match_count: i64,
}

impl Known {
    const COLUMNS: &str = "id, server, recipients, received_at, last_seen, severity, match_count, \
        EXISTS (SELECT 1 FROM status WHERE status.name = incident.status AND closed) AS closed";

    fn read(row: &Row) -> Result<Self, Error> {
        let id: i64 = row.get("id")?;
        let recipients: String = row.get("recipients")?;
        Ok(Self {
            id,
            server: row.get("server")?,
            closed: row.get("closed")?,
            recipients: serde_json::from_str(&recipients)
                .map_err(|why| Error::Damaged { id: id as u64, why: why.to_string() })?,
            received_at: row.get("received_at")?,
            last_seen: row.get("last_seen")?,
            severity: row.get("severity")?,
            match_count: row.get("match_count")?,
        })
    }

    fn may_be_joined_by(&self, shipped: &ShippedIncident) -> bool {
        let fresh = shipped.recipients.iter().any(|recipient| !self.recipients.contains(recipient));
        let age = SignedDuration::from_millis(shipped.last_seen.as_millisecond() - self.received_at);
        age <= MERGE_WITHIN && !(self.closed && fresh)
    }
}

/// The incident as both have it: it only grows and only becomes worse; the newer outcome counts.
async fn update(db: &mut dyn Session, ready: &Ready, known: &Known) -> Result<(), Error> {
    let shipped = &ready.shipped;
    let fresh = shipped.recipients.iter().filter(|recipient| !known.recipients.contains(recipient));
    let recipients: Vec<&String> = known.recipients.iter().chain(fresh).take(RECIPIENTS).collect();
    let seen = shipped.last_seen.as_millisecond();
    let severity = known.severity.min(shipped.severity as i64);
    let sql = "UPDATE incident SET recipients = ?, last_seen = ?, severity = ? WHERE id = ?";
    db.run(sql, values![json(&recipients), seen.max(known.last_seen), severity, known.id]).await?;
    terms::keep(db, known.id, &shipped.recipients, &shipped.unscannable).await?;
    if seen >= known.last_seen {
        // What became of the mail behind the detection server (held, approved, remediation attempted) says more and stays.
        let sql = "UPDATE incident SET prevent_status = CASE WHEN prevent_status IN (0, 1, 2, 20) THEN ? ELSE prevent_status END, trial = ?, outcome = ? WHERE id = ?";
        let (status, outcome) = (shipped.prevent_status, shipped.outcome.as_deref());
        db.run(sql, values![status, shipped.trial, outcome, known.id]).await?;
    }
    if shipped.match_count as i64 > known.match_count {
        let sql = "UPDATE incident SET match_count = ?, count_is_complete = ?, matches = ? WHERE id = ?";
        let values = values![shipped.match_count, shipped.count_is_complete, ready.matches.clone(), known.id];
        db.run(sql, values).await?;
        keep_values(db, known.id, &ready.values).await?;
    }
    Ok(())
}

/// What automatic rules made of it there, unless a person here decided otherwise.
async fn apply_rules(
    db: &mut dyn Session,
    shipped: &ShippedIncident,
    known: &Known,
    lines: &[&ShippedLine],
) -> Result<(), Error> {
    let ordered = |action: &str| lines.iter().any(|line| line.action == action);
    if ordered("SET_STATUS") && !set_by_a_person(db, known.id).await? {
        let sql = "UPDATE incident SET status = ? WHERE id = ?";
        db.run(sql, values![status(shipped), known.id]).await?;
    }
    if ordered("SET_ATTRIBUTE") {
        add_attributes(db, known.id, &shipped.attributes).await?;
    }
    if ordered("RETENTION_LIMITED") && shipped.original.is_none() {
        crate::retention::drop_original(db, known.id).await?;
    }
    Ok(())
}

async fn set_by_a_person(db: &mut dyn Session, id: i64) -> Result<bool, Error> {
    let sql =
        "SELECT who FROM history WHERE incident_id = ? AND action = 'SET_STATUS' ORDER BY id DESC LIMIT 1";
    let rows = db.fetch(sql, values![id]).await?;
    let who = rows.first().map(|row| row.get::<String>("who")).transpose()?;
    Ok(who.is_some_and(|who| !who.starts_with("response rule")))
}

fn status(shipped: &ShippedIncident) -> String {
    Status::parse(&shipped.status).unwrap_or(Status::New).to_string()
}

async fn add_attributes(db: &mut dyn Session, id: i64, attributes: &[(String, String)]) -> Result<(), Error> {
    for (name, value) in attributes.iter().take(100) {
        let (name, value) = (shortened(name, 100), shortened(value, 2_000));
        let sql = "INSERT INTO attribute (incident_id, name, value) VALUES (?, ?, ?) \
            ON CONFLICT (incident_id, name) DO UPDATE SET value = excluded.value";
        db.run(sql, values![id, name.as_str(), value]).await?;
        known_attribute(db, &name).await?;
    }
    Ok(())
}

async fn insert(
    db: &mut dyn Session,
    from: &From<'_>,
    ready: &Ready,
    follows: Option<i64>,
) -> Result<i64, Error> {
    let shipped = &ready.shipped;
    let sql = "INSERT INTO incident (unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, \
         message_id, sender, recipients, subject, peer, direction, server, received_at, last_seen, size, match_count, \
         count_is_complete, trial, response_rules, unscannable, linked_to, outcome, pending, matches, recorded_at, sender_domain, pseudonym) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?) RETURNING id";
    let values = values![
        shipped.unique_message_id.as_str(),
        shipped.policy_id,
        shipped.policy.as_str(),
        shipped.policy_version.as_str(),
        shipped.policy_set.as_str(),
        shipped.severity as i64,
        status(shipped),
        shipped.prevent_status,
        shipped.message_id.as_deref(),
        shipped.sender.as_str(),
        json(&shipped.recipients),
        shipped.subject.as_str(),
        shipped.peer.as_deref(),
        shipped.direction.as_str(),
        from.server,
        shipped.received_at.as_millisecond(),
        shipped.last_seen.as_millisecond(),
        shipped.size,
        shipped.match_count,
        shipped.count_is_complete,
        shipped.trial,
        json(&shipped.response_rules),
        json(&shipped.unscannable),
        follows,
        shipped.outcome.as_deref(),
        ready.matches.clone(),
        jiff::Timestamp::now().as_millisecond(),
        terms::domain(&shipped.sender),
        ready.pseudonym,
    ];
    let id = only_id(&db.fetch(sql, values).await?)?;
    terms::keep(db, id, &shipped.recipients, &shipped.unscannable).await?;
    keep_values(db, id, &ready.values).await?;
    add_attributes(db, id, &shipped.attributes).await?;
    messages::tell_new_incident(db, id, &shipped.unique_message_id).await?;
    Ok(id)
}

/// Lines of its own are told as the server's name here; those that name a rule keep it. A journal that was set back, and comes
/// under another name, tells lines again: those are there.
async fn add_lines(
    db: &mut dyn Session,
    from: &From<'_>,
    id: i64,
    lines: &[&ShippedLine],
) -> Result<(), Error> {
    for line in lines {
        let who = if line.who.starts_with("response rule") { line.who.as_str() } else { from.server };
        let sql = "INSERT INTO history (incident_id, at, who, action, detail) SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS \
            (SELECT 1 FROM history WHERE incident_id = ? AND at = ? AND who = ? AND action = ? AND detail = ?)";
        let (at, detail) = (line.at.as_millisecond(), shortened(&line.detail, DETAIL));
        let (who, action) = (shortened(who, 200), shortened(&line.action, 100));
        let one = values![id, at, who, action, detail];
        db.run(sql, [one.clone(), one].concat()).await?;
    }
    Ok(())
}
