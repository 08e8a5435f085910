//! What is told to receivers such as a SIEM: each line of each history, in order, at least once, from where each receiver stands.
//!
//! The database itself notes each line that is written while a receiver listens. Lines get their places once they are
//! committed ([`Events::place`]); a receiver's turn is claimed by one server at a time, and what it was told moves its place on.
//! Nobody who records or decides waits for a receiver: one that is away has lines waiting, up to a bound.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use store::database::{Database, Dialect, Row, Witnessed};
use store::values;
use uuid::Uuid;

use crate::desk::kept::is_kept;
use crate::desk::saved::{FORMS, is_as_shown, mark};
use crate::desk::{Actor, Saved};
use crate::read::{alone, time};
use crate::seal::shortened;
use crate::{Error, Incident, Journal};

/// A claim that is this old is void.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// Servers give places one after another.
const PLACING: i64 = 0x706c_6163_696e;
/// Lines that get their places in one transaction.
const PLACED: i64 = 5_000;
/// Lines that may wait for a receiver; the oldest beyond are not told.
pub const MOST_WAITING: u64 = 1_000_000;
/// Receivers that there may be.
const RECEIVERS: i64 = 20;
/// Characters of an error as shown.
const WORDS: usize = 500;

/// A receiver as kept, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where and how it is told, as JSON.
    pub definition: String,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Lines that wait for it.
    pub waiting: u64,
    /// Lines that it was never told.
    pub skipped: u64,
    /// Attempts in a row that failed.
    pub failures: u64,
    /// When it last took something.
    pub sent_at: Option<Timestamp>,
    /// What failed last, and when.
    pub error: Option<(Timestamp, String)>,
}

impl Receiver {
    /// What a form carries that was made from it.
    pub fn mark(&self) -> String {
        mark(&[&self.name, &self.definition, &self.enabled.to_string()])
    }
}

const SELECTED: &str = "SELECT receiver.*, (SELECT count(*) FROM event WHERE receiver.enabled AND (place > told OR place IS NULL)) AS waiting \
    FROM receiver";

/// A receiver that nobody else tells anything now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The receiver's number.
    pub receiver: u64,
    /// Its name.
    pub name: String,
    /// Where and how it is told, as JSON.
    pub definition: String,
    /// Attempts in a row that failed.
    pub failures: u64,
    told: i64,
    turn: i64,
}

/// A line of a history, with its incident as it is by now.
#[derive(Debug, Clone)]
pub struct Event {
    /// The same at each attempt, and of no other event.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// From where, where a person did it.
    pub origin: Option<String>,
    /// The product's name of the action; `DETECTED` is a new incident.
    pub action: String,
    /// What came of it.
    pub detail: String,
    /// The incident.
    pub incident: Arc<Incident>,
    place: i64,
}

/// Events of one turn.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In order.
    pub events: Vec<Event>,
    /// Everything up to here was looked at, what is gone by now too.
    end: Option<i64>,
}

impl Batch {
    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.end.is_none()
    }
}

/// The events of a journal.
#[derive(Debug, Clone)]
pub struct Events {
    journal: Arc<Journal>,
    witnessed: Witnessed,
}

impl Events {
    /// Those of this journal.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, witnessed: Witnessed::default() }
    }

    /// The same, whose next change of a receiver is committed together with what tells of it.
    pub fn noting(&self, witnessed: impl Into<Witnessed>) -> Self {
        Self { witnessed: witnessed.into(), ..self.clone() }
    }

    /// The receivers by name.
    pub async fn receivers(&self) -> Result<Vec<Receiver>, Error> {
        let sql = format!("{SELECTED} ORDER BY name");
        self.database().fetch(&sql, Vec::new()).await?.iter().map(receiver).collect()
    }

    /// Makes a receiver that needs this credential, or changes the one of this name, as its maker `was` shown it. One that
    /// begins to listen is told what happens from now on.
    pub async fn save_receiver(
        &self,
        actor: &Actor,
        name: &str,
        (definition, credential): (&str, Option<&str>),
        enabled: bool,
        was: &str,
    ) -> Result<Saved<Receiver>, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        if let Some(credential) = credential
            && !is_kept(db, credential).await?
        {
            return Ok(Saved::Refused(format!("there is no credential named {credential}")));
        }
        db.lock(FORMS).await?;
        db.lock(PLACING).await?;
        let known = db.fetch(&format!("{SELECTED} WHERE name = ?"), values![name]).await?;
        let known = known.first().map(receiver).transpose()?;
        if !is_as_shown(known.as_ref(), Receiver::mark, was) {
            return Ok(Saved::Stale(known));
        }
        let listened = known.as_ref().is_some_and(|known| known.enabled);
        let count = db.fetch("SELECT count(*) AS n FROM receiver", Vec::new()).await?;
        let count = count.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0);
        if known.is_none() && count >= RECEIVERS {
            return Ok(Saved::Refused(format!("there are {RECEIVERS} receivers already: remove one first")));
        }
        let now = Timestamp::now().as_millisecond();
        let sql = "INSERT INTO receiver (name, definition, enabled, told, changed_at, changed_by) \
            VALUES (?, ?, ?, (SELECT last FROM event_count), ?, ?) \
            ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, enabled = excluded.enabled, due_at = 0, \
            failures = 0, error = NULL, error_at = NULL, changed_at = excluded.changed_at, changed_by = excluded.changed_by";
        db.run(sql, values![name, definition, enabled, now, actor.who.as_str()]).await?;
        if !listened {
            let sql = "UPDATE receiver SET told = (SELECT last FROM event_count) WHERE name = ?";
            db.run(sql, values![name]).await?;
        }
        self.witnessed.commit(transaction).await?;
        Ok(Saved::Done)
    }

    /// Removes a receiver. False if there is none of this name.
    pub async fn remove_receiver(&self, name: &str) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        if transaction.run("DELETE FROM receiver WHERE name = ?", values![name]).await? == 0 {
            return Ok(false);
        }
        self.witnessed.commit(transaction).await?;
        Ok(true)
    }

    /// Makes claims void that an earlier process of this data directory left. Only where no other server may be at work.
    pub async fn begin_again(&self) -> Result<(), Error> {
        if self.database().dialect() == Dialect::Postgres {
            return Ok(());
        }
        let mut transaction = self.database().begin().await?;
        transaction.run("UPDATE receiver SET claimed_until = NULL", Vec::new()).await?;
        Ok(transaction.commit().await?)
    }

    /// Gives places to the lines that were committed since the last time.
    pub async fn place(&self) -> Result<(), Error> {
        let new = "SELECT id FROM event WHERE place IS NULL LIMIT 1";
        while !self.database().fetch(new, Vec::new()).await?.is_empty() {
            let mut transaction = self.database().begin().await?;
            let db = &mut *transaction;
            db.lock(PLACING).await?;
            let last = db.fetch("SELECT last FROM event_count", Vec::new()).await?;
            let last = last.first().map(|row| row.get::<i64>("last")).transpose()?.unwrap_or(0);
            let sql = "UPDATE event SET place = numbered.n + ? FROM \
                (SELECT id, row_number() OVER (ORDER BY id) AS n FROM event WHERE place IS NULL ORDER BY id LIMIT ?) AS numbered \
                WHERE event.id = numbered.id";
            let placed = db.run(sql, values![last, PLACED]).await?;
            db.run("UPDATE event_count SET last = ?", values![last + placed as i64]).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// The next receiver that something waits for, for this server alone. None of those in `busy`.
    pub async fn claim(&self, busy: &[u64]) -> Result<Option<Turn>, Error> {
        let now = Timestamp::now();
        let marks = vec!["?"; busy.len()].join(", ");
        let others = if busy.is_empty() { String::new() } else { format!(" AND id NOT IN ({marks})") };
        let wanted = |more: &str| {
            format!(
                "SELECT * FROM receiver WHERE enabled AND due_at <= ? AND (claimed_until IS NULL OR claimed_until < ?) \
                AND told < (SELECT last FROM event_count){others} ORDER BY due_at, id LIMIT 1{more}"
            )
        };
        let values = || {
            let mut values = values![now.as_millisecond(), now.as_millisecond()];
            values.extend(busy.iter().map(|id| (*id).into()));
            values
        };
        if self.database().fetch(&wanted(""), values()).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = self.database().begin().await?;
        let skip = if transaction.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
        let rows = transaction.fetch(&wanted(skip), values()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let turn = Turn {
            receiver: row.get::<i64>("id")? as u64,
            name: row.get("name")?,
            definition: row.get("definition")?,
            failures: row.get::<i64>("failures")? as u64,
            told: row.get("told")?,
            turn: row.get::<i64>("turn")? + 1,
        };
        let sql = "UPDATE receiver SET claimed_until = ?, turn = ? WHERE id = ?";
        transaction.run(sql, values![lease(now), turn.turn, turn.receiver]).await?;
        transaction.commit().await?;
        Ok(Some(turn))
    }

    /// What waits for the receiver, at most so much.
    pub async fn batch(&self, turn: &Turn, most: u32) -> Result<Batch, Error> {
        // A deleted incident takes its history with it: what is not there any more is not told.
        let sql = "SELECT event.place, history.incident_id, history.at, history.who, history.origin, history.action, history.detail, \
            history.id AS line FROM event LEFT JOIN history ON history.id = event.history_id \
            WHERE event.place > ? ORDER BY event.place LIMIT ?";
        let rows = self.database().fetch(sql, values![turn.told, most]).await?;
        let mut incidents: BTreeMap<i64, Option<Arc<Incident>>> = BTreeMap::new();
        let mut batch = Batch::default();
        for row in &rows {
            let place: i64 = row.get("place")?;
            batch.end = Some(place);
            let Some(id) = row.get::<Option<i64>>("incident_id")? else { continue };
            let incident = match incidents.entry(id) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(new) => {
                    let incident = alone(self.database(), self.journal.keys(), id as u64).await?;
                    new.insert(incident.map(Arc::new)).clone()
                }
            };
            let Some(incident) = incident else { continue };
            let (at, who, action): (i64, String, String) =
                (row.get("at")?, row.get("who")?, row.get("action")?);
            let detail: String = row.get("detail")?;
            let line: i64 = row.get("line")?;
            batch.events.push(Event {
                id: name(line, at, &[&incident.summary.unique_message_id, &who, &action, &detail]),
                at: time(at),
                who,
                origin: row.get("origin")?,
                action,
                detail,
                incident,
                place,
            });
        }
        Ok(batch)
    }

    /// The receiver has the event. False if the claim had run out: somebody else goes on.
    pub async fn told(&self, turn: &mut Turn, event: &Event) -> Result<bool, Error> {
        self.moved(turn, event.place, None).await
    }

    /// The receiver will never have the event, for it refuses it.
    pub async fn skip(&self, turn: &mut Turn, event: &Event, why: &str) -> Result<bool, Error> {
        self.moved(turn, event.place, Some(why)).await
    }

    /// The receiver has all of it.
    pub async fn told_all(&self, turn: &mut Turn, batch: &Batch) -> Result<bool, Error> {
        match (batch.end, batch.events.last()) {
            // What a turn of its own told was noted then.
            (Some(end), Some(last)) if turn.told >= last.place => self.passed(turn, end).await,
            (Some(end), Some(_)) => self.moved(turn, end, None).await,
            (Some(end), None) => self.passed(turn, end).await,
            (None, _) => Ok(true),
        }
    }

    /// What is between is gone.
    async fn passed(&self, turn: &mut Turn, place: i64) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        let sql = "UPDATE receiver SET told = ?, claimed_until = ? WHERE id = ? AND turn = ?";
        let values = values![place, lease(Timestamp::now()), turn.receiver, turn.turn];
        let ours = transaction.run(sql, values).await? > 0;
        transaction.commit().await?;
        turn.told = place;
        Ok(ours)
    }

    async fn moved(&self, turn: &mut Turn, place: i64, refused: Option<&str>) -> Result<bool, Error> {
        let now = Timestamp::now();
        let mut transaction = self.database().begin().await?;
        let (at, claimed, id, number) = (now.as_millisecond(), lease(now), turn.receiver, turn.turn);
        let ours = match refused {
            None => {
                let sql = "UPDATE receiver SET told = ?, claimed_until = ?, failures = 0, sent_at = ?, error = NULL, error_at = NULL \
                    WHERE id = ? AND turn = ?";
                transaction.run(sql, values![place, claimed, at, id, number]).await?
            }
            Some(why) => {
                let sql = "UPDATE receiver SET told = ?, claimed_until = ?, failures = 0, skipped = skipped + 1, error = ?, error_at = ? \
                    WHERE id = ? AND turn = ?";
                let why = shortened(&format!("an event was refused and is not sent: {why}"), WORDS);
                transaction.run(sql, values![place, claimed, why, at, id, number]).await?
            }
        };
        transaction.commit().await?;
        (turn.told, turn.failures) = (place, 0);
        Ok(ours > 0)
    }

    /// The turn is over, and the next may begin at once.
    pub async fn done(&self, turn: &Turn) -> Result<(), Error> {
        let sql = "UPDATE receiver SET claimed_until = NULL WHERE id = ? AND turn = ?";
        self.over(sql, values![turn.receiver, turn.turn]).await
    }

    /// It did not work; the next turn begins at `at`.
    pub async fn failed(&self, turn: &Turn, why: &str, at: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE receiver SET claimed_until = NULL, due_at = ?, failures = failures + 1, error = ?, error_at = ? \
            WHERE id = ? AND turn = ?";
        let now = Timestamp::now().as_millisecond();
        self.over(sql, values![at.as_millisecond(), shortened(why, WORDS), now, turn.receiver, turn.turn])
            .await
    }

    async fn over(&self, sql: &str, values: Vec<store::database::Value>) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        transaction.run(sql, values).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets what every receiver was told, and moves those on for which too much waits. Names of these, and how much they lose.
    pub async fn tidy(&self, most_waiting: u64) -> Result<Vec<(String, u64)>, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(PLACING).await?;
        let sql = "SELECT id, name, told, (SELECT last FROM event_count) AS last FROM receiver WHERE enabled";
        let mut lost = Vec::new();
        for row in db.fetch(sql, Vec::new()).await? {
            let (id, told, last): (i64, i64, i64) = (row.get("id")?, row.get("told")?, row.get("last")?);
            let first = last - i64::try_from(most_waiting).unwrap_or(i64::MAX);
            if told < first {
                let gone = (first - told) as u64;
                let sql = "UPDATE receiver SET told = ?, skipped = skipped + ? WHERE id = ?";
                db.run(sql, values![first, gone, id]).await?;
                lost.push((row.get("name")?, gone));
            }
        }
        let sql = "DELETE FROM event WHERE place <= coalesce((SELECT min(told) FROM receiver WHERE enabled), (SELECT last FROM event_count))";
        db.run(sql, Vec::new()).await?;
        transaction.commit().await?;
        Ok(lost)
    }

    fn database(&self) -> &dyn Database {
        &**self.journal.database()
    }
}

fn lease(now: Timestamp) -> i64 {
    now.saturating_add(LEASE).map_or(i64::MAX, Timestamp::as_millisecond)
}

fn receiver(row: &Row) -> Result<Receiver, Error> {
    let error: Option<String> = row.get("error")?;
    let error_at: Option<i64> = row.get("error_at")?;
    Ok(Receiver {
        id: row.get::<i64>("id")? as u64,
        name: row.get("name")?,
        definition: row.get("definition")?,
        enabled: row.get("enabled")?,
        waiting: row.get::<i64>("waiting")?.max(0) as u64,
        skipped: row.get::<i64>("skipped")? as u64,
        failures: row.get::<i64>("failures")? as u64,
        sent_at: row.get::<Option<i64>>("sent_at")?.map(time),
        error: error_at.map(time).zip(error),
    })
}

/// Made of what the line says (version 8 of RFC 9562): numbers that come again after a restore name other lines.
fn name(line: i64, at: i64, texts: &[&str]) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("weir 2026 event of a history");
    hasher.update(&line.to_be_bytes()).update(&at.to_be_bytes());
    for text in texts {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    let mut octets = [0; 16];
    octets.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(octets).into_uuid()
}
