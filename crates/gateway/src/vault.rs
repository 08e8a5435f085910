//! The open gateway: database, keys and sealed messages, and what every part of it shares. Opening it brings tables to today's
//! form, checks the keys, and sweeps out what a crash left behind.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use smtp::spool::Spooled;
use store::blobs::{Blob, Blobs};
use store::database::{self, Database, Location, Migrations, Row, Session, Transaction, Witnessed};
use store::key_check;
use store::keys::Keys;
use store::lock::Lock;
use store::sealed::{self, Rotated, SealedColumn};
use store::values;
use tokio::sync::Notify;
use uuid::Uuid;
use web::audit::Actor;

use crate::filter::Judge;
use crate::to_enforce::ToEnforce;
use crate::updates::Last;
use crate::{Error, Options, Who};

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");
const MIGRATIONS: Migrations = Migrations { sqlite: &SQLITE, postgres: &POSTGRES };
const CONTEXT: &str = "gateway message";
const PATIENCE: Duration = Duration::from_secs(3);

/// An open gateway. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub(crate) inner: Arc<Inner>,
    witnessed: Witnessed,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) blobs: Blobs,
    pub(crate) judge: RwLock<Arc<Judge>>,
    /// There is something for the queue.
    pub(crate) queue_bell: Notify,
    /// There is something for Enforce.
    pub(crate) update_bell: Notify,
    /// There is a decision about many.
    pub(crate) bulk_bell: Notify,
    pub(crate) last_update: Mutex<Last>,
    /// The way to Enforce, once the gateway runs and if it has one.
    pub(crate) to_enforce: OnceLock<ToEnforce>,
    /// None where only a command looks in.
    _lock: Option<Lock>,
}

impl Gateway {
    /// Opens or makes the gateway's data; this process owns it from now on.
    pub async fn open(options: Options) -> Result<Self, Error> {
        options.check()?;
        let data = options.data.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&data)).await;
        let (lock, keys, blobs) = prepared.map_err(|why| Error::Setup(why.to_string()))??;
        let database = database::open(&location(&options)?, MIGRATIONS).await?;
        check_keys(&*database, &keys).await?;
        let gateway = Self::assemble(options, database, keys, blobs, Some(lock));
        gateway.sweep().await?;
        gateway.seed_definitions().await?;
        Ok(gateway)
    }

    /// Opens the data that a running gateway owns, for a command beside it. Its changes are seen there within seconds.
    pub async fn beside(options: Options) -> Result<Self, Error> {
        let database = database::open(&location(&options)?, MIGRATIONS).await?;
        let keys = Keys::read(&options.data.join("keys"))?;
        check_keys(&*database, &keys).await?;
        let blobs = Blobs::open(&options.data.join("messages"))?;
        Ok(Self::assemble(options, database, keys, blobs, None))
    }

    fn assemble(
        options: Options,
        database: Arc<dyn Database>,
        keys: Keys,
        blobs: Blobs,
        lock: Option<Lock>,
    ) -> Self {
        let inner = Inner {
            options,
            database,
            keys: Arc::new(keys),
            blobs,
            judge: RwLock::default(),
            queue_bell: Notify::new(),
            update_bell: Notify::new(),
            bulk_bell: Notify::new(),
            last_update: Mutex::default(),
            to_enforce: OnceLock::new(),
            _lock: lock,
        };
        Self { inner: Arc::new(inner), witnessed: Witnessed::default() }
    }

    /// The same, whose next change that a person asked for is committed together with what tells of it.
    pub fn noting(&self, witnessed: impl Into<Witnessed>) -> Self {
        Self { witnessed: witnessed.into(), ..self.clone() }
    }

    /// Ends a change that a person asked for, with what tells of it.
    pub(crate) async fn commit(&self, transaction: Box<dyn Transaction>) -> Result<(), Error> {
        Ok(self.witnessed.commit(transaction).await?)
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The name of this gateway.
    pub fn name(&self) -> &str {
        if self.inner.options.name.is_empty() { "gateway" } else { &self.inner.options.name }
    }

    /// The keys that seal what is kept; the Control Center seals its sessions with them too.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.inner.keys
    }

    pub(crate) fn database(&self) -> &dyn Database {
        &*self.inner.database
    }

    /// The filters in force.
    pub(crate) fn judge(&self) -> Arc<Judge> {
        self.inner.judge.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    // ---- sealed messages

    /// Seals a message into a file; on disk when it returns.
    pub(crate) async fn put(&self, message: Spooled) -> Result<Blob, Error> {
        let inner = self.inner.clone();
        let put = move || -> Result<Blob, Error> {
            let octets =
                message.read().map_err(|why| Error::Setup(format!("cannot read the spool: {why}")))?;
            Ok(inner.blobs.write(&inner.keys, CONTEXT, &octets)?)
        };
        tokio::task::spawn_blocking(put).await.map_err(|why| Error::Setup(why.to_string()))?
    }

    /// The octets of a message, if they are still kept.
    pub(crate) async fn octets(&self, message: u64) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT blob, head FROM message WHERE id = ?";
        let rows = self.database().fetch(sql, values![message]).await?;
        let Some((name, head)) = rows.first().map(blob_of).transpose()?.flatten() else { return Ok(None) };
        let inner = self.inner.clone();
        let read = move || -> Result<Vec<u8>, Error> {
            let mut octets = Vec::new();
            let mut file = inner.blobs.read(&inner.keys, CONTEXT, name, &head)?;
            file.read_to_end(&mut octets).map_err(|why| Error::damaged(format!("message {message}"), why))?;
            Ok(octets)
        };
        tokio::task::spawn_blocking(read).await.map_err(|why| Error::Setup(why.to_string()))?.map(Some)
    }

    /// Removes files that no row names any more.
    pub(crate) async fn remove_blobs(&self, names: Vec<Uuid>) {
        if names.is_empty() {
            return;
        }
        let inner = self.inner.clone();
        let _ = tokio::task::spawn_blocking(move || {
            for name in names {
                // What stays is swept at the next start.
                if let Err(error) = inner.blobs.remove(name) {
                    tracing::warn!(%error, "a message that nobody needs stays on disk for now");
                }
            }
        })
        .await;
    }

    async fn sweep(&self) -> Result<(), Error> {
        let rows =
            self.database().fetch("SELECT blob FROM message WHERE blob IS NOT NULL", Vec::new()).await?;
        let mut named = HashSet::new();
        for row in &rows {
            named.extend(Uuid::try_parse(&row.get::<String>("blob")?));
        }
        let inner = self.inner.clone();
        let swept =
            tokio::task::spawn_blocking(move || inner.blobs.sweep(|name| named.contains(&name))).await;
        let removed = swept.map_err(|why| Error::Setup(why.to_string()))??;
        if removed > 0 {
            tracing::info!(
                removed,
                "files of messages that were never accepted, or are needed no longer, are gone"
            );
        }
        Ok(())
    }
}

/// Messages of `ids` that no held copy, informational incident or queue entry needs lose their octets. The files to remove once
/// this is committed.
pub(crate) async fn release_octets(db: &mut dyn Session, ids: &[u64]) -> Result<Vec<Uuid>, Error> {
    let mut files = Vec::new();
    for id in ids {
        let sql = "SELECT blob, head FROM message WHERE id = ? AND blob IS NOT NULL \
            AND NOT EXISTS (SELECT 1 FROM copy WHERE message_id = message.id AND state IN ('held', 'informational')) \
            AND NOT EXISTS (SELECT 1 FROM queue WHERE message_id = message.id)";
        let rows = db.fetch(sql, values![*id]).await?;
        if let Some((name, _)) = rows.first().map(blob_of).transpose()?.flatten() {
            db.run("UPDATE message SET blob = NULL, head = NULL WHERE id = ?", values![*id]).await?;
            files.push(name);
        }
    }
    Ok(files)
}

fn blob_of(row: &Row) -> Result<Option<(Uuid, Vec<u8>)>, Error> {
    let (Some(name), Some(head)) = (row.get::<Option<String>>("blob")?, row.get::<Option<Vec<u8>>>("head")?)
    else {
        return Ok(None);
    };
    let name = Uuid::try_parse(&name).map_err(|why| Error::damaged("the name of a message's file", why))?;
    Ok(Some((name, head)))
}

/// One step after another for all that concerns one message, on a database of several servers too.
pub(crate) fn lock_name(text: &str) -> i64 {
    let step = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step) as i64
}

fn location(options: &Options) -> Result<Location, Error> {
    if options.database.is_empty() {
        return Ok(Location::File(options.data.join("gateway.db")));
    }
    Ok(Location::parse(&options.database)?)
}

fn prepare(data: &Path) -> Result<(Lock, Keys, Blobs), Error> {
    std::fs::create_dir_all(data)
        .map_err(|why| Error::Setup(format!("cannot make {}: {why}", data.display())))?;
    let lock = Lock::take(data, "gateway.lock", PATIENCE)?;
    Ok((lock, Keys::open(&data.join("keys"))?, Blobs::open(&data.join("messages"))?))
}

async fn check_keys(database: &dyn Database, keys: &Keys) -> Result<(), Error> {
    key_check::first_time_or_fits(database, keys).await?.then_some(()).ok_or(Error::WrongKeys)
}

/// The keys of messages: the rest of what is sealed here is other people's.
const SEALED: SealedColumn =
    SealedColumn { table: "message", column: "head", known_by: &[], context: |_| Ok(CONTEXT.to_owned()) };

/// Makes a new master key, wraps all that is sealed by it, and forgets the old ones unless something does not open. While no
/// gateway runs on this data.
pub async fn rotate_keys(options: &Options, who: &Who) -> Result<Rotated, Error> {
    let data = options.data.clone();
    // A gateway that is not there has no keys to renew.
    let read = Keys::read(&data.join("keys"))?;
    drop(read);
    let prepared = tokio::task::spawn_blocking(move || prepare(&data)).await;
    let (_lock, mut keys, _) = prepared.map_err(|why| Error::Setup(why.to_string()))??;
    let database = database::open(&location(options)?, MIGRATIONS).await?;
    check_keys(&*database, &keys).await?;
    web::prepare(&*database).await?;
    let dir = options.data.join("keys");
    let rotated = sealed::rotate(&*database, &mut keys, &dir, &[SEALED, web::people::SEALED]).await?;
    let actor =
        Actor { who: who.name.clone(), role: String::new(), peer: who.from.clone().unwrap_or_default() };
    let detail = format!("{} objects wrapped again, {} that do not open", rotated.wrapped, rotated.failed);
    let audit = web::audit::Audit::new(database, web::Clock::real());
    let logged = audit.add(&actor, "KEYS_ROTATED", &format!("key {}", rotated.key), &detail).await;
    logged.map_err(|why| {
        Error::Setup(format!("the rotation is done, but the audit log cannot be written: {why}"))
    })?;
    Ok(rotated)
}
