//! Custom attributes that are looked up: which incidents wait for it, and what came of it. New incidents are found by their numbers,
//! so that taking them in is not held up by it; each is seen to once, and again when somebody asks.

use jiff::{SignedDuration, Timestamp};
use store::database::{Dialect, Row};
use store::values;

use super::change::set_attribute;
use super::look::one;
use super::{Access, Actor, Desk, tell};
use crate::Error;
use crate::read::time;
use crate::seal::shortened;

/// A claim that is this old is void.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// An incident that was recorded so long ago cannot appear below others any more: two that are taken in at the same time may
/// become visible in either order.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);
/// New incidents that are queued at once.
const BATCH: i64 = 500;
/// Characters of what is kept of a failure.
const WORDS: usize = 1_000;

/// An incident whose attributes are to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupDue {
    /// Its number.
    pub incident: u64,
    /// Who sent it; may be empty.
    pub sender: String,
    /// To whom it went.
    pub recipients: Vec<String>,
    /// Which attempt this is, from 1.
    pub attempt: u64,
    /// Who asked for it; None: it is new.
    pub asked_by: Option<String>,
    /// Why the last attempt did not find all; empty if there was none.
    pub trouble: String,
}

/// An attribute that was found, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedUp {
    /// The attribute.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The lookup.
    pub by: String,
}

/// Where a lookup stands that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupWaits {
    /// Attempts so far.
    pub attempts: u64,
    /// When it is tried next.
    pub due: Timestamp,
    /// Why the last one did not find all; empty if there was none.
    pub trouble: String,
}

impl Desk {
    /// Queues new incidents. Those that there are when this is called for the first time are left alone.
    pub async fn queue_lookups(&self) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let sql = "INSERT INTO lookup_floor (one, incident_id) SELECT 1, coalesce(max(id), 0) FROM incident WHERE 1 = 1 \
            ON CONFLICT (one) DO NOTHING";
        db.run(sql, Vec::new()).await?;
        let floor = "(SELECT incident_id FROM lookup_floor)";
        let now = Timestamp::now();
        let sql = format!(
            "INSERT INTO lookup (incident_id, due_at, attempts, trouble) SELECT id, ?, 0, '' FROM incident WHERE id > {floor} \
            AND NOT EXISTS (SELECT 1 FROM lookup WHERE incident_id = incident.id) ORDER BY id LIMIT {BATCH} \
            ON CONFLICT (incident_id) DO NOTHING"
        );
        db.run(&sql, values![now.as_millisecond()]).await?;
        let settled = now.saturating_sub(SETTLED).unwrap_or(Timestamp::MIN).as_millisecond();
        // The first that may still get a neighbour below it, or is not queued, is where the floor ends.
        let sql = format!(
            "SELECT min(id) AS first FROM incident WHERE id > {floor} AND (recorded_at >= ? \
            OR NOT EXISTS (SELECT 1 FROM lookup WHERE incident_id = incident.id))"
        );
        let rows = db.fetch(&sql, values![settled]).await?;
        let first = rows.first().map(|row| row.get::<Option<i64>>("first")).transpose()?.flatten();
        let sql = "UPDATE lookup_floor SET incident_id = coalesce((SELECT max(incident_id) FROM lookup WHERE incident_id < ? \
            AND incident_id > lookup_floor.incident_id), incident_id)";
        db.run(sql, values![first.unwrap_or(i64::MAX)]).await?;
        db.run(
            &format!("DELETE FROM lookup WHERE done_at IS NOT NULL AND incident_id <= {floor}"),
            Vec::new(),
        )
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Somebody wants them looked up again. False if there is no such incident for the asker.
    pub async fn ask_lookup(&self, access: &Access, actor: &Actor, incident: u64) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let visible = self.select("id", access, &one(incident));
        if db.fetch(&visible.sql, visible.values).await?.is_empty() {
            return Ok(false);
        }
        let sql = "INSERT INTO lookup (incident_id, asked_by, due_at, attempts, trouble) VALUES (?, ?, ?, 0, '') \
            ON CONFLICT (incident_id) DO UPDATE SET asked_by = excluded.asked_by, due_at = excluded.due_at, attempts = 0, \
            claimed_until = NULL, trouble = '', done_at = NULL";
        db.run(sql, values![incident, actor.who.as_str(), Timestamp::now().as_millisecond()]).await?;
        tell(db, incident, actor, "LOOKUP_REQUESTED", "custom attributes are looked up again").await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// One that is due, for whoever claims it.
    pub async fn claim_lookup(&self) -> Result<Option<LookupDue>, Error> {
        let now = Timestamp::now();
        let at = now.as_millisecond();
        let wanted = |more: &str| {
            format!(
                "SELECT l.*, i.sender, i.recipients FROM lookup l JOIN incident i ON i.id = l.incident_id WHERE l.done_at IS NULL \
                AND l.due_at <= ? AND (l.claimed_until IS NULL OR l.claimed_until < ?) ORDER BY l.due_at, l.incident_id LIMIT 1{more}"
            )
        };
        if self.database().fetch(&wanted(""), values![at, at]).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = self.begin().await?;
        let skip = match self.database().dialect() {
            Dialect::Postgres => " FOR UPDATE OF l SKIP LOCKED",
            Dialect::Sqlite => "",
        };
        let rows = transaction.fetch(&wanted(skip), values![at, at]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let due = due(row)?;
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX).as_millisecond();
        let sql = "UPDATE lookup SET claimed_until = ?, attempts = ? WHERE incident_id = ?";
        transaction.run(sql, values![until, due.attempt, due.incident]).await?;
        transaction.commit().await?;
        Ok(Some(due))
    }

    /// What came of it. What is there already stays, unless somebody asked for it anew. With a time it is tried again then; the
    /// history says why at the first and at the last failure.
    pub async fn finish_lookup(
        &self,
        due: &LookupDue,
        found: &[LookedUp],
        trouble: &str,
        again: Option<Timestamp>,
    ) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        let db = &mut *transaction;
        let sql = "UPDATE lookup SET claimed_until = NULL, trouble = ?, due_at = coalesce(?, due_at), done_at = ? \
            WHERE incident_id = ? AND attempts = ? AND done_at IS NULL";
        let over = again.is_none().then(|| Timestamp::now().as_millisecond());
        let at = again.map(Timestamp::as_millisecond);
        let trouble = shortened(trouble, WORDS);
        // Deleted, or asked for anew meanwhile.
        if db.run(sql, values![&*trouble, at, over, due.incident, due.attempt]).await? == 0 {
            return Ok(());
        }
        let mut filled: Vec<String> = Vec::new();
        for one in found {
            let there = "SELECT 1 AS one FROM attribute WHERE incident_id = ? AND name = ?";
            let keeps = due.asked_by.is_none()
                && !db.fetch(there, values![due.incident, one.name.as_str()]).await?.is_empty();
            if !keeps && set_attribute(db, due.incident, &one.name, &one.value).await? {
                filled.push(format!("{} ({})", one.name, one.by));
            }
        }
        let lookup = Actor { who: "lookup".to_owned(), origin: None };
        if !filled.is_empty() {
            // Names alone: values are for those who see attributes.
            tell(db, due.incident, &lookup, "ATTRIBUTES_LOOKED_UP", &filled.join(", ")).await?;
        } else if due.asked_by.is_some() && trouble.is_empty() {
            tell(db, due.incident, &lookup, "ATTRIBUTES_LOOKED_UP", "nothing new was found").await?;
        }
        if !trouble.is_empty() && (due.trouble.is_empty() || again.is_none()) {
            let next = match again {
                Some(_) => "it is tried again".to_owned(),
                None => format!("given up after {} attempts", due.attempt),
            };
            tell(db, due.incident, &lookup, "LOOKUP_FAILED", &format!("{trouble}; {next}")).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Where the lookup of an incident stands; None if none waits.
    pub async fn lookup_waits(&self, incident: u64) -> Result<Option<LookupWaits>, Error> {
        let sql = "SELECT attempts, due_at, trouble FROM lookup WHERE incident_id = ? AND done_at IS NULL";
        let rows = self.database().fetch(sql, values![incident]).await?;
        let waits = |row: &Row| {
            Ok(LookupWaits {
                attempts: row.get::<i64>("attempts")? as u64,
                due: time(row.get("due_at")?),
                trouble: row.get("trouble")?,
            })
        };
        rows.first().map(waits).transpose()
    }
}

fn due(row: &Row) -> Result<LookupDue, Error> {
    Ok(LookupDue {
        incident: row.get::<i64>("incident_id")? as u64,
        sender: row.get("sender")?,
        recipients: serde_json::from_str(&row.get::<String>("recipients")?).unwrap_or_default(),
        attempt: row.get::<i64>("attempts")? as u64 + 1,
        asked_by: row.get("asked_by")?,
        trouble: row.get("trouble")?,
    })
}
