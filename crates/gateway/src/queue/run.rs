//! Takes due entries out of the queue, destination by destination, and writes down what became of each.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smtp::mx::Resolver;
use store::database::{Row, Session};
use store::values;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{Fate, deliver};
use super::dsn;
use crate::filter::Changes;
use crate::header::Header;
use crate::history::{now, tell};
use crate::vault::release_octets;
use crate::{Destination, Error, Gateway, updates};

/// Entries of one message that go in one SMTP transaction.
const RECIPIENTS: usize = 100;
/// Transactions of one session.
const TRANSACTIONS: usize = 20;
/// The queue is looked at this often without being asked: a command beside the server may have changed it.
const LOOK: Duration = Duration::from_secs(1);
/// Wait after the database failed.
const PAUSE: Duration = Duration::from_secs(2);

/// An entry that a session has.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) message: u64,
    pub(crate) copy: Option<u64>,
    pub(crate) recipient: String,
    pub(crate) rcpt: Vec<u8>,
    pub(crate) mail: Vec<u8>,
    attempts: u64,
    expires_at: i64,
    changes: String,
}

/// Entries that go in one SMTP transaction.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) changes: Changes,
}

/// Delivers until told to stop.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    pub(crate) gateway: Gateway,
    pub(crate) resolver: Arc<Resolver>,
    busy: Arc<Mutex<HashMap<String, usize>>>,
    sessions: TaskTracker,
}

impl Runner {
    pub(crate) fn new(gateway: Gateway, resolver: Arc<Resolver>) -> Self {
        Self { gateway, resolver, busy: Arc::default(), sessions: TaskTracker::new() }
    }

    /// Runs until `stop`, then lets sessions finish what they have begun.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while let Err(error) = self.begin_again().await {
            tracing::error!(%error, "the queue cannot be read; it is tried again");
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
        while !stop.is_cancelled() {
            let found = match self.look(&stop).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(%error, "the queue cannot be read; it is tried again");
                    let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                    continue;
                }
            };
            if !found {
                let bell = self.gateway.inner.queue_bell.notified();
                let _ = stop.run_until_cancelled(tokio::time::timeout(LOOK, bell)).await;
            }
        }
        self.sessions.close();
        self.sessions.wait().await;
    }

    /// What the server that ran before had taken and not finished.
    async fn begin_again(&self) -> Result<(), Error> {
        let mut transaction = self.gateway.database().begin().await?;
        let db = &mut *transaction;
        let rows = db.fetch("SELECT * FROM queue WHERE state = 'handing'", Vec::new()).await?;
        let again = self.gateway.options().queue.send_again_after_a_crash;
        for row in &rows {
            let (entry, destination) = (entry(row)?, self.destination(&row.get::<String>("destination")?));
            if matches!(destination, Ok(Destination::Maildir(_))) {
                continue;
            }
            let detail = format!(
                "the server ended while the mail for {} was handed over, and nobody knows whether it arrived; {}",
                entry.recipient,
                if again {
                    "it is sent again and may arrive twice"
                } else {
                    "an administrator decides (retry or drop)"
                }
            );
            tell(db, entry.message, entry.copy, self.gateway.name(), "OUTCOME_UNKNOWN", &detail).await?;
            if !again {
                db.run(
                    "UPDATE queue SET state = 'unknown', last_error = ? WHERE id = ?",
                    values![detail, entry.id],
                )
                .await?;
            }
        }
        db.run("UPDATE queue SET state = 'waiting' WHERE state IN ('claimed', 'handing')", Vec::new())
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Starts sessions for what is due. False if there was nothing to start.
    async fn look(&self, stop: &CancellationToken) -> Result<bool, Error> {
        let sql = "SELECT DISTINCT destination FROM queue WHERE state = 'waiting' AND due_at <= ?";
        let rows = self.gateway.database().fetch(sql, values![now()]).await?;
        let mut found = false;
        for row in &rows {
            let name: String = row.get("destination")?;
            while let Some(place) = self.place(&name) {
                let batches = self.claim(&name).await?;
                if batches.is_empty() {
                    break;
                }
                found = true;
                let (runner, stop) = (self.clone(), stop.clone());
                self.sessions.spawn(async move {
                    runner.session(&place.name, batches, &stop).await;
                    drop(place);
                    runner.gateway.inner.queue_bell.notify_one();
                });
            }
        }
        Ok(found)
    }

    /// A session with a destination that has room for one more.
    fn place(&self, name: &str) -> Option<Place> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let count = busy.entry(name.to_owned()).or_default();
        if *count >= self.gateway.options().queue.sessions_per_destination {
            return None;
        }
        *count += 1;
        Some(Place { busy: self.busy.clone(), name: name.to_owned() })
    }

    /// Claims what one session can do.
    async fn claim(&self, destination: &str) -> Result<Vec<Batch>, Error> {
        let mut transaction = self.gateway.database().begin().await?;
        let db = &mut *transaction;
        let skip = match db.dialect() {
            store::database::Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
            store::database::Dialect::Sqlite => "",
        };
        let sql = format!(
            "SELECT * FROM queue WHERE state = 'waiting' AND due_at <= ? AND destination = ? ORDER BY due_at, id LIMIT 200{skip}"
        );
        let rows = db.fetch(&sql, values![now(), destination]).await?;
        let mut batches: Vec<Batch> = Vec::new();
        for row in &rows {
            let entry = entry(row)?;
            let fits = |batch: &Batch| {
                let first = &batch.entries[0];
                batch.entries.len() < RECIPIENTS
                    && (first.message, &first.changes, &first.mail)
                        == (entry.message, &entry.changes, &entry.mail)
            };
            match batches.iter().position(fits) {
                Some(at) => batches[at].entries.push(entry),
                None if batches.len() < TRANSACTIONS => {
                    let changes = serde_json::from_str(&entry.changes)
                        .map_err(|why| Error::damaged(format!("queue entry {}", entry.id), why))?;
                    batches.push(Batch { entries: vec![entry], changes });
                }
                None => {}
            }
        }
        for entry in batches.iter().flat_map(|batch| &batch.entries) {
            db.run("UPDATE queue SET state = 'claimed' WHERE id = ?", values![entry.id]).await?;
        }
        transaction.commit().await?;
        Ok(batches)
    }

    async fn session(&self, destination: &str, batches: Vec<Batch>, stop: &CancellationToken) {
        match self.destination(destination) {
            Ok(to) => deliver(self, &to, batches, stop).await,
            Err(why) => {
                for batch in batches {
                    let fates = batch.entries.iter().map(|_| Fate::Never(why.clone())).collect();
                    self.finish(&batch, fates, None).await;
                }
            }
        }
    }

    fn destination(&self, text: &str) -> Result<Destination, String> {
        if text.is_empty() { Ok(self.gateway.options().deliver.clone()) } else { Destination::parse(text) }
    }

    /// Writes down that these are about to go over. Nothing may be sent unless this was written.
    pub(crate) async fn handing(&self, ids: &[u64]) -> Result<(), Error> {
        let mut transaction = self.gateway.database().begin().await?;
        for id in ids {
            transaction
                .run("UPDATE queue SET state = 'handing' WHERE id = ? AND state = 'claimed'", values![*id])
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Gives claimed entries back untouched.
    pub(crate) async fn give_back(&self, batches: &[Batch]) {
        let give = async {
            let mut transaction = self.gateway.database().begin().await?;
            for entry in batches.iter().flat_map(|batch| &batch.entries) {
                transaction
                    .run(
                        "UPDATE queue SET state = 'waiting' WHERE id = ? AND state = 'claimed'",
                        values![entry.id],
                    )
                    .await?;
            }
            Ok::<_, Error>(transaction.commit().await?)
        };
        if let Err(error) = give.await {
            tracing::warn!(%error, "queue entries could not be given back; the next start does it");
        }
    }

    /// Writes down what became of a batch, until it is written: what was delivered must not be sent again because a disk was full.
    pub(crate) async fn finish(&self, batch: &Batch, fates: Vec<Fate>, octets: Option<&[u8]>) {
        let mut wait = Duration::from_millis(100);
        while let Err(error) = self.write_down(batch, &fates, octets).await {
            tracing::error!(%error, "what became of a delivery could not be written down; it is tried again");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(30));
        }
    }

    async fn write_down(&self, batch: &Batch, fates: &[Fate], octets: Option<&[u8]>) -> Result<(), Error> {
        let mut files = Vec::new();
        let mut transaction = self.gateway.database().begin().await?;
        let db = &mut *transaction;
        for (entry, fate) in batch.entries.iter().zip(fates) {
            self.write_one(db, entry, fate, octets, &mut files).await?;
        }
        let message = batch.entries.first().map_or(0, |entry| entry.message);
        files.extend(release_octets(db, &[message]).await?);
        transaction.commit().await?;
        self.gateway.inner.update_bell.notify_one();
        self.gateway.remove_blobs(files).await;
        Ok(())
    }

    async fn write_one(
        &self,
        db: &mut dyn Session,
        entry: &Entry,
        fate: &Fate,
        octets: Option<&[u8]>,
        files: &mut Vec<uuid::Uuid>,
    ) -> Result<(), Error> {
        let again = self.gateway.options().queue.send_again_after_a_crash;
        let fate = fate.after(entry.attempts + 1, now() >= entry.expires_at, again);
        let say = |action: &'static str, detail: String| (action, detail);
        let (action, detail) = match &fate {
            Fate::Delivered(words) => say("DELIVERED", format!("to {}: {words}", entry.recipient)),
            Fate::Never(words) => {
                say("DELIVERY_FAILED", format!("to {}, for good: {words}", entry.recipient))
            }
            Fate::Later(words) => say(
                "DELIVERY_DELAYED",
                format!("to {}, attempt {}: {words}", entry.recipient, entry.attempts + 1),
            ),
            Fate::Unknown(words) => say(
                "OUTCOME_UNKNOWN",
                format!("the mail for {} may or may not have arrived: {words}", entry.recipient),
            ),
        };
        tracing::info!(queue = entry.id, message_number = entry.message, incident = entry.copy, recipient = %entry.recipient, action, detail, "delivery");
        match &fate {
            Fate::Delivered(words) => self.over(db, entry, "delivered", words).await?,
            Fate::Never(words) => {
                self.over(db, entry, "failed", words).await?;
                let header = octets.map(Header::read);
                dsn::put(db, &self.gateway, entry, words, header.as_ref(), files).await?;
            }
            Fate::Later(words) | Fate::Unknown(words) => {
                let waits = matches!(fate, Fate::Later(_)) || again;
                let state = if waits { "waiting" } else { "unknown" };
                let due = now().saturating_add(self.wait(entry.attempts));
                let sql = "UPDATE queue SET state = ?, due_at = ?, attempts = attempts + 1, last_error = ? WHERE id = ?";
                db.run(sql, values![state, due, words.as_str(), entry.id]).await?;
                // The first delay is told, and each one whose words are new would fill the history: the queue shows the last.
                if entry.attempts > 0 && matches!(fate, Fate::Later(_)) {
                    return Ok(());
                }
            }
        }
        tell(db, entry.message, entry.copy, self.gateway.name(), action, &detail).await
    }

    /// The entry is done with.
    async fn over(
        &self,
        db: &mut dyn Session,
        entry: &Entry,
        outcome: &str,
        words: &str,
    ) -> Result<(), Error> {
        db.run("DELETE FROM queue WHERE id = ?", values![entry.id]).await?;
        let Some(copy) = entry.copy else { return Ok(()) };
        let sql =
            "UPDATE copy SET outcome = CASE WHEN outcome = 'failed' THEN 'failed' ELSE ? END WHERE id = ?";
        db.run(sql, values![outcome, copy]).await?;
        let rows = db.fetch("SELECT id FROM queue WHERE copy_id = ?", values![copy]).await?;
        if rows.is_empty() || outcome == "failed" {
            updates::outcome(db, &self.gateway, copy, outcome == "delivered", words).await?;
        }
        Ok(())
    }

    /// Doubled each time, up to the longest, less up to a fifth so that not all come at once.
    fn wait(&self, attempts: u64) -> i64 {
        let queue = &self.gateway.options().queue;
        let doubled = queue.first_wait.saturating_mul(1 << attempts.min(30)).min(queue.longest_wait).max(1);
        let wait = doubled.saturating_mul(1000);
        let less = wait / 5_000 * (RandomState::new().hash_one(attempts) % 1_000);
        i64::try_from(wait - less).unwrap_or(i64::MAX)
    }
}

impl Fate {
    /// What has failed for too long has failed for good, and what is sent again after an unknown outcome is not sent for ever.
    fn after(&self, attempts: u64, expired: bool, again: bool) -> Self {
        match self {
            Self::Later(words) if expired => {
                Self::Never(format!("given up after {attempts} attempts; the last: {words}"))
            }
            Self::Unknown(words) if expired && again => Self::Never(format!(
                "given up after {attempts} attempts, though it may have arrived: {words}"
            )),
            other => other.clone(),
        }
    }
}

/// One session's room at its destination.
#[derive(Debug)]
struct Place {
    busy: Arc<Mutex<HashMap<String, usize>>>,
    name: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                busy.remove(&self.name);
            }
        }
    }
}

fn entry(row: &Row) -> Result<Entry, Error> {
    Ok(Entry {
        id: row.get::<i64>("id")? as u64,
        message: row.get::<i64>("message_id")? as u64,
        copy: row.get::<Option<i64>>("copy_id")?.map(|copy| copy as u64),
        recipient: row.get("recipient")?,
        rcpt: row.get("rcpt")?,
        mail: row.get("mail")?,
        attempts: row.get::<i64>("attempts")? as u64,
        expires_at: row.get("expires_at")?,
        changes: row.get("changes")?,
    })
}
