//! The detection server's journal: incidents are durable when `record` returns.
//!
//! One task writes. Whatever waits is written in one transaction with one sync (group commit), so that many messages at a
//! time cost little more than one. A failed transaction leaves nothing behind, and everybody who waited for it hears of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use store::keys::Keys;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Filter, Incident, NewMessage, Outcome, Recorded, Summary, read, write};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Messages that may wait to be written; the next one hears that we are busy.
const WAITING: usize = 1_024;
/// Most jobs of one transaction, and most octets of originals in it.
const BATCH: usize = 256;
const BATCH_OCTETS: usize = 32 << 20;
/// The size on disk is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const FILE: &str = "incidents.db";

/// Bounds of the journal.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Octets on disk at which nothing more is taken.
    pub max_octets: u64,
    /// Share of the disk that may be full.
    pub max_disk_percent: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { max_octets: 10 << 30, max_disk_percent: 98 }
    }
}

/// How full the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalState {
    /// Octets on disk.
    pub octets: u64,
    /// Octets at which it is full.
    pub max_octets: u64,
    /// Nothing more is taken: the bound, or the disk's, is reached.
    pub full: bool,
    /// 70 % of the bound are reached.
    pub warn: bool,
}

/// Durable incidents.
#[derive(Debug)]
pub struct Journal {
    readers: SqlitePool,
    keys: Arc<Keys>,
    /// None where the journal was opened to be read only.
    jobs: Option<mpsc::Sender<Job>>,
    gauge: Arc<Gauge>,
}

#[derive(Debug)]
struct Gauge {
    data: PathBuf,
    options: JournalOptions,
    octets: AtomicU64,
    disk_percent: AtomicU64,
}

/// What the writer is asked to do.
pub(crate) enum Job {
    Record(Box<NewMessage>, oneshot::Sender<Result<Recorded, Error>>),
    Outcome(Recorded, Outcome, Timestamp),
    Flush(oneshot::Sender<()>),
}

impl Journal {
    /// Opens or makes the journal in `data`, and starts its writer.
    pub async fn open(data: &Path, options: JournalOptions) -> Result<Self, Error> {
        std::fs::create_dir_all(data)
            .map_err(|why| store::Error::File { what: format!("cannot make {}", data.display()), why })?;
        let keys = Arc::new(Keys::open(&data.join("keys"))?);
        let file = data.join(FILE);
        let connection = store::sqlite::writer(&file, &MIGRATIONS).await?;
        let readers = store::sqlite::readers(&file).await?;
        let gauge = Gauge {
            data: data.to_owned(),
            options,
            octets: AtomicU64::new(0),
            disk_percent: AtomicU64::new(0),
        };
        let gauge = Arc::new(gauge);
        gauge.look();
        let (jobs, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write_all(connection, keys.clone(), waiting, gauge.clone()));
        Ok(Self { readers, keys, jobs: Some(jobs), gauge })
    }

    /// Opens a journal that another process may be writing.
    pub async fn open_read_only(data: &Path) -> Result<Self, Error> {
        let file = data.join(FILE);
        if !file.exists() {
            let why = std::io::ErrorKind::NotFound.into();
            return Err(store::Error::File { what: format!("{} is not there", file.display()), why }.into());
        }
        let keys = Arc::new(Keys::open(&data.join("keys"))?);
        let readers = store::sqlite::readers(&file).await?;
        let gauge = Gauge {
            data: data.to_owned(),
            options: JournalOptions::default(),
            octets: AtomicU64::new(0),
            disk_percent: AtomicU64::new(0),
        };
        Ok(Self { readers, keys, jobs: None, gauge: Arc::new(gauge) })
    }

    /// Writes one incident for each violation, or joins those that the same message opened before. Durable when it returns.
    pub async fn record(&self, new: NewMessage) -> Result<Recorded, Error> {
        let jobs = self.jobs.as_ref().ok_or(Error::Closed)?;
        let (done, recorded) = oneshot::channel();
        jobs.try_send(Job::Record(Box::new(new), done)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        recorded.await.map_err(|_| Error::Closed)?
    }

    /// Adds what became of the message to the history of its incidents. Written soon, with the next batch.
    pub async fn outcome(&self, recorded: &Recorded, outcome: Outcome) -> Result<(), Error> {
        let jobs = self.jobs.as_ref().ok_or(Error::Closed)?;
        let job = Job::Outcome(recorded.clone(), outcome, Timestamp::now());
        jobs.send(job).await.map_err(|_| Error::Closed)
    }

    /// Incidents, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>, Error> {
        read::list(&self.readers, filter).await
    }

    /// One incident with its matches and history.
    pub async fn show(&self, id: u64) -> Result<Option<Incident>, Error> {
        read::show(&self.readers, &self.keys, id).await
    }

    /// The original message of an incident, if it is still kept.
    pub async fn original(&self, id: u64) -> Result<Option<Vec<u8>>, Error> {
        read::original(&self.readers, &self.keys, id).await
    }

    /// How full it is, as of the last look.
    pub fn state(&self) -> JournalState {
        self.gauge.state()
    }

    /// Returns when everything that was handed over before is written.
    pub async fn flush(&self) {
        let Some(jobs) = &self.jobs else { return };
        let (done, flushed) = oneshot::channel();
        if jobs.send(Job::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

impl Gauge {
    fn look(&self) {
        let size = |name: &str| std::fs::metadata(self.data.join(name)).map_or(0, |meta| meta.len());
        self.octets.store(size(FILE) + size("incidents.db-wal"), Ordering::Relaxed);
        if let Ok(disk) = rustix::fs::statvfs(&self.data) {
            let free = disk.f_bavail.saturating_mul(100).checked_div(disk.f_blocks).unwrap_or(100);
            self.disk_percent.store(100_u64.saturating_sub(free), Ordering::Relaxed);
        }
    }

    fn state(&self) -> JournalState {
        let octets = self.octets.load(Ordering::Relaxed);
        let max_octets = self.options.max_octets;
        let full = octets >= max_octets
            || self.disk_percent.load(Ordering::Relaxed) >= self.options.max_disk_percent;
        JournalState { octets, max_octets, full, warn: octets >= max_octets / 10 * 7 }
    }
}

async fn write_all(
    mut connection: SqliteConnection,
    keys: Arc<Keys>,
    mut waiting: mpsc::Receiver<Job>,
    gauge: Arc<Gauge>,
) {
    let mut looked = std::time::Instant::now();
    let mut warned = false;
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![first];
        let mut octets = 0;
        while batch.len() < BATCH && octets < BATCH_OCTETS {
            let Ok(job) = waiting.try_recv() else { break };
            if let Job::Record(new, _) = &job {
                octets += new.original.as_ref().map_or(0, Vec::len);
            }
            batch.push(job);
        }
        write::batch(&mut connection, &keys, batch).await;
        if looked.elapsed() >= LOOK_EVERY {
            looked = std::time::Instant::now();
            gauge.look();
            let state = gauge.state();
            if state.warn && !warned {
                tracing::warn!(
                    octets = state.octets,
                    max = state.max_octets,
                    "the incidents take 70 % of the room they may take"
                );
            }
            warned = state.warn;
        }
    }
}
