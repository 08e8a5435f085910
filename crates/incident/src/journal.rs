//! The detection server's journal: incidents are durable when `record` returns.
//!
//! Messages are sealed where they are recorded and written by one task, which takes whatever waits into one transaction with
//! one sync (group commit): many messages at a time cost little more than one. A failed transaction leaves nothing behind, and
//! everybody who waited for it hears of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::database::{self, Database, Location, Migrations};
use store::key_check;
use store::keys::Keys;
use store::lock::Lock;
use store::objects::Objects;
use tokio::sync::{mpsc, oneshot};

use crate::columns::Cache;
use crate::gauge::{Gauge, JournalOptions, JournalState};
use crate::seal::{self, Sealed};
use crate::waiting::Waiting;
use crate::writer::{Job, Writer};
use crate::{Error, Filter, Incident, NewMessage, Outcome, Recorded, Status, Summary, read, write};

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");
pub(crate) const MIGRATIONS: Migrations = Migrations { sqlite: &SQLITE, postgres: &POSTGRES };

pub(crate) const FILE: &str = "incidents.db";
const LOCK: &str = "incidents.lock";
/// A server that is just ending gets so long to give the directory back.
const PATIENCE: Duration = Duration::from_secs(3);

/// Durable incidents.
#[derive(Debug)]
pub struct Journal {
    database: Arc<dyn Database>,
    keys: Arc<Keys>,
    /// Where originals go from now on; None: into rows.
    pub(crate) objects: Option<Arc<Objects>>,
    /// None where the journal was opened to be read only.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    waiting: Arc<Waiting>,
    pub(crate) columns: Arc<Cache>,
    gauge: Arc<Gauge>,
}

impl Journal {
    /// Opens or makes the journal in `data`, and starts its writer.
    pub async fn open(data: &Path, options: JournalOptions) -> Result<Self, Error> {
        Self::open_at(data, &Location::File(data.join(FILE)), options).await
    }

    /// Like [`Journal::open`], with the database elsewhere; keys and lock stay in `data`.
    pub async fn open_at(data: &Path, at: &Location, options: JournalOptions) -> Result<Self, Error> {
        let lock = own(data).await?;
        let keys = Arc::new(keys_for(data, at)?);
        let database = database::open(at, MIGRATIONS).await?;
        key_check::first_time_or_fits(&*database, &keys).await?.then_some(()).ok_or(Error::WrongKeys)?;
        write::end_unknown(&*database).await?;
        let gauge = Arc::new(Gauge::new(data, options));
        gauge.look(&*database).await;
        let (jobs, queue) = mpsc::unbounded_channel();
        let writer = Writer::new(database.clone(), queue, gauge.clone(), lock);
        tokio::spawn(writer.run());
        Ok(Self::of(database, keys, Some(jobs), gauge))
    }

    /// Opens the tables beside a server that may be running, to read and to change them, but not to record.
    pub async fn open_beside(data: &Path, at: &Location) -> Result<Self, Error> {
        let keys = Arc::new(keys_for(data, at)?);
        let database = database::open(at, MIGRATIONS).await?;
        key_check::first_time_or_fits(&*database, &keys).await?.then_some(()).ok_or(Error::WrongKeys)?;
        let gauge = Arc::new(Gauge::new(data, JournalOptions::default()));
        Ok(Self::of(database, keys, None, gauge))
    }

    /// Opens a journal that another process may be writing. Makes nothing.
    pub async fn open_read_only(data: &Path) -> Result<Self, Error> {
        Self::open_read_only_at(data, &Location::File(data.join(FILE))).await
    }

    /// Like [`Journal::open_read_only`], with the database elsewhere.
    pub async fn open_read_only_at(data: &Path, at: &Location) -> Result<Self, Error> {
        let database = database::open_read_only(at, MIGRATIONS).await?;
        let keys = Arc::new(Keys::read(&data.join("keys"))?);
        key_check::fits(&*database, &keys).await?.then_some(()).ok_or(Error::WrongKeys)?;
        let gauge = Arc::new(Gauge::new(data, JournalOptions::default()));
        gauge.look(&*database).await;
        Ok(Self::of(database, keys, None, gauge))
    }

    fn of(
        database: Arc<dyn Database>,
        keys: Arc<Keys>,
        jobs: Option<mpsc::UnboundedSender<Job>>,
        gauge: Arc<Gauge>,
    ) -> Self {
        let (waiting, columns) = Default::default();
        Self { database, keys, objects: None, jobs, waiting, columns, gauge }
    }

    /// Writes one incident for each violation, or joins those that the same message opened before. Durable when it returns.
    pub async fn record(&self, new: NewMessage) -> Result<Recorded, Error> {
        let octets = new.original.as_ref().map_or(0, Vec::len) as u64;
        if self.gauge.has_no_room_for(octets) {
            return Err(Error::Full);
        }
        let place = self.waiting.enter(octets).ok_or(Error::Busy)?;
        let sealed = self.seal(new, octets).await?;
        self.ask(|done| Job::Record { message: Box::new(sealed), place, done }).await
    }

    /// Adds what became of the message to the history of its incidents. Written soon; kept and tried again if the store fails.
    pub async fn outcome(&self, recorded: &Recorded, outcome: Outcome) -> Result<(), Error> {
        let jobs = self.jobs.as_ref().ok_or(Error::Closed)?;
        jobs.send(Job::Outcome(recorded.clone(), outcome, Timestamp::now())).map_err(|_| Error::Closed)
    }

    /// Sets the workflow status; the history says who did it and why. False if there is no such incident.
    pub async fn set_status(&self, id: u64, status: Status, who: &str, note: &str) -> Result<bool, Error> {
        let change = write::StatusChange {
            id,
            status,
            who: who.to_owned(),
            note: note.to_owned(),
            at: Timestamp::now(),
        };
        self.ask(|done| Job::Status(change, done)).await
    }

    /// Incidents, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>, Error> {
        read::list(&*self.database, &self.keys, filter).await
    }

    /// One incident with its matches and history.
    pub async fn show(&self, id: u64) -> Result<Option<Incident>, Error> {
        read::show(&*self.database, &self.keys, id).await
    }

    /// Whether there is an incident of this message.
    pub async fn knows_message(&self, unique_id: &str) -> Result<bool, Error> {
        let sql = "SELECT 1 AS one FROM incident WHERE unique_id = ? LIMIT 1";
        Ok(!self.database.fetch(sql, store::values![unique_id]).await?.is_empty())
    }

    /// How full it is, as of the last look, which is seconds ago at most.
    pub fn state(&self) -> JournalState {
        self.gauge.state()
    }

    /// Writes a consistent copy of the embedded database to a new file while everything goes on. The keys are not in it.
    pub async fn backup(&self, to: &Path) -> Result<(), Error> {
        Ok(self.database.backup(to).await?)
    }

    /// Returns when everything that was handed over before is written, or could not be.
    pub async fn flush(&self) {
        let _ = self.ask(Job::Flush).await;
    }

    /// The database, for what reads and writes beside the writer, and for tables of others in it.
    pub fn database(&self) -> &Arc<dyn Database> {
        &self.database
    }

    /// The keys that seal what is kept in it.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job) -> Result<T, Error> {
        let jobs = self.jobs.as_ref().ok_or(Error::Closed)?;
        let (done, answer) = oneshot::channel();
        jobs.send(job(done)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    async fn seal(&self, new: NewMessage, octets: u64) -> Result<Sealed, Error> {
        const ON_THE_SPOT: u64 = 128 << 10;
        if octets <= ON_THE_SPOT {
            return seal::seal(&self.keys, new);
        }
        let keys = self.keys.clone();
        tokio::task::spawn_blocking(move || seal::seal(&keys, new)).await.map_err(|_| Error::Closed)?
    }
}

/// Makes the directory if need be, and takes it for this process.
pub(crate) async fn own(data: &Path) -> Result<Lock, Error> {
    let dir: PathBuf = data.to_owned();
    let take = move || {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|why| store::Error::File { what: format!("cannot make {}", dir.display()), why })?;
        Lock::take(&dir, LOCK, PATIENCE)
    };
    Ok(tokio::task::spawn_blocking(take).await.map_err(|_| Error::Closed)??)
}

/// New keys only for a new database: an old one whose keys are gone must not be filled on under others.
pub(crate) fn keys_for(data: &Path, at: &Location) -> Result<Keys, Error> {
    let dir = data.join("keys");
    let keys = match at {
        Location::File(file) if std::fs::metadata(file).is_ok_and(|meta| meta.len() > 0) => Keys::read(&dir),
        _ => Keys::open(&dir),
    };
    Ok(keys?)
}
