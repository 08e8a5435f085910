//! SQLite: one writer, some readers, every commit on disk before it counts.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteArguments, SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::value::Kind;
use super::{Answer, Database, Dialect, Row, Session, Transaction, Value, forward, migration_failed};
use crate::Error;
use crate::whole::{beside, keep, sync_dir};

/// Another process may hold the file for so long, a backup or a command for example.
const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
/// Connections for statements that may read all there is.
const SEARCHERS: u32 = 2;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;
/// The log of pages that were not moved to the file yet is cut back to this size.
const WAL_LIMIT: u32 = 64 << 20;

#[derive(Debug)]
pub(super) struct Sqlite {
    file: PathBuf,
    readers: SqlitePool,
    searchers: SqlitePool,
    /// The connection that writes; none at first, and none after a failure: a fresh one has no half transaction in it.
    writer: Option<Arc<Mutex<Option<SqliteConnection>>>>,
}

impl Sqlite {
    pub(super) async fn open(file: &Path, migrations: &'static Migrator) -> Result<Self, Error> {
        make_private(file).map_err(|why| Error::file("cannot make", file, why))?;
        let mut writer = writing(file).connect().await.map_err(|error| named(file, error))?;
        for step in forward::missing(&mut writer, migrations).await.map_err(migration_failed)? {
            let begun = step.begins();
            migrations.run_to(step.number, &mut writer).await.map_err(migration_failed)?;
            begun.ends();
        }
        migrations.run(&mut writer).await.map_err(migration_failed)?;
        let (readers, searchers) = (readers(file).await?, searchers(file));
        let writer = Some(Arc::new(Mutex::new(Some(writer))));
        Ok(Self { file: file.to_owned(), readers, searchers, writer })
    }

    pub(super) async fn read_only(file: &Path) -> Result<Self, Error> {
        fs::metadata(file).map_err(|why| Error::file("cannot read", file, why))?;
        let (readers, searchers) = (readers(file).await?, searchers(file));
        Ok(Self { file: file.to_owned(), readers, searchers, writer: None })
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn fetch<'a>(&'a self, sql: &'a str, values: Vec<Value>) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let rows = self.readers.fetch_all(bound(sql, values)).await;
            Ok(rows.map_err(|error| named(&self.file, error))?.into_iter().map(row).collect())
        })
    }

    fn search<'a>(&'a self, sql: &'a str, values: Vec<Value>, patience: Duration) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let failed = |error| interrupted(&self.file, error, patience);
            let until = Instant::now() + patience;
            let mut connection = self.searchers.acquire().await.map_err(failed)?;
            let waits = Arc::new(());
            let waited_for = Arc::downgrade(&waits);
            let goes_on = move || waited_for.strong_count() > 0 && Instant::now() < until;
            connection.lock_handle().await.map_err(failed)?.set_progress_handler(STEPS, goes_on);
            let rows = connection.fetch_all(bound(sql, values)).await;
            connection.lock_handle().await.map_err(failed)?.remove_progress_handler();
            drop(waits);
            Ok(rows.map_err(failed)?.into_iter().map(row).collect())
        })
    }

    fn begin(&self) -> Answer<'_, Box<dyn Transaction>> {
        Box::pin(async move {
            let writer =
                self.writer.clone().ok_or_else(|| Error::ReadOnly(self.file.display().to_string()))?;
            let mut place = writer.lock_owned().await;
            let mut connection = match place.take() {
                Some(connection) => connection,
                None => after_a_failure(&self.file).await?,
            };
            // At once with the right to write: a later upgrade could fail half-way.
            connection.execute("BEGIN IMMEDIATE").await.map_err(|error| named(&self.file, error))?;
            Ok(Box::new(Writing { connection, place, file: self.file.clone() }) as Box<dyn Transaction>)
        })
    }

    fn octets(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            // Pages in use, not the file's size: what was deleted makes room, and the log comes and goes.
            let sql = "SELECT (page_count - freelist_count) * page_size AS octets \
                FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()";
            let rows = self.fetch(sql, Vec::new()).await?;
            let pages = rows.first().map(|row| row.get::<i64>("octets")).transpose()?.unwrap_or(0);
            Ok(pages as u64)
        })
    }

    fn backup<'a>(&'a self, to: &'a Path) -> Answer<'a, ()> {
        Box::pin(async move {
            if to.exists() {
                return Err(Error::file("will not write over", to, std::io::ErrorKind::AlreadyExists.into()));
            }
            let part = beside(to, ".part");
            let written = self.copy_to(&part).await;
            let failed = |why| Error::file("cannot write", to, why);
            let kept = written.and_then(|()| keep(&part, to).map_err(failed));
            if kept.is_err() {
                let _ = fs::remove_file(&part);
            }
            kept
        })
    }
}

impl Sqlite {
    async fn copy_to(&self, part: &Path) -> Result<(), Error> {
        let failed = |why| Error::file("cannot write", part, why);
        match fs::remove_file(part) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
            _ => make_private(part).map_err(failed)?,
        }
        let name = part.to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;
        self.readers
            .execute(bound("VACUUM INTO ?", vec![name.into()]))
            .await
            .map_err(|error| named(&self.file, error))?;
        Ok(())
    }
}

/// A transaction that has the only writing connection. It is given back after a commit, and closed otherwise: closing rolls back.
struct Writing {
    connection: SqliteConnection,
    place: OwnedMutexGuard<Option<SqliteConnection>>,
    file: PathBuf,
}

impl Session for Writing {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn fetch<'a>(&'a mut self, sql: &'a str, values: Vec<Value>) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let rows = self.connection.fetch_all(bound(sql, values)).await;
            Ok(rows.map_err(|error| named(&self.file, error))?.into_iter().map(row).collect())
        })
    }

    fn run<'a>(&'a mut self, sql: &'a str, values: Vec<Value>) -> Answer<'a, u64> {
        Box::pin(async move {
            let done = self.connection.execute(bound(sql, values)).await;
            Ok(done.map_err(|error| named(&self.file, error))?.rows_affected())
        })
    }

    /// Nobody else writes meanwhile.
    fn lock(&mut self, _: i64) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Transaction for Writing {
    fn commit(mut self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move {
            if let Err(error) = self.connection.execute("COMMIT").await {
                let _ = self.connection.close().await;
                return Err(named(&self.file, error));
            }
            *self.place = Some(self.connection);
            Ok(())
        })
    }
}

async fn readers(file: &Path) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new().max_connections(READERS);
    pool.connect_with(options(file).read_only(true)).await.map_err(|error| named(file, error))
}

fn searchers(file: &Path) -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(SEARCHERS).acquire_timeout(BUSY);
    pool.connect_lazy_with(options(file).read_only(true))
}

/// As [`named`]; a search that had no time left, or found no connection free, is said as what it is.
fn interrupted(file: &Path, error: sqlx::Error, patience: Duration) -> Error {
    const INTERRUPTED: &str = "9";
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some(INTERRUPTED) => Error::TookTooLong(patience),
        _ => named(file, error),
    }
}

/// A fresh connection. A sync may have failed: what the log holds may be in the page cache only, and a later commit behind it
/// would hang on nothing. So all of it goes to the file first, and the log begins anew.
async fn after_a_failure(file: &Path) -> Result<SqliteConnection, Error> {
    let mut connection = writing(file).connect().await.map_err(|error| named(file, error))?;
    let row =
        connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await.map_err(|error| named(file, error))?;
    if row.try_get::<i64, _>(0)? != 0 {
        let why = std::io::ErrorKind::ResourceBusy.into();
        return Err(Error::file("cannot settle the log of", file, why));
    }
    Ok(connection)
}

fn writing(file: &Path) -> SqliteConnectOptions {
    options(file)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_LIMIT.to_string())
        .pragma("secure_delete", "ON")
        .foreign_keys(true)
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).busy_timeout(BUSY).disable_statement_logging()
}

fn bound(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'_, sqlx::Sqlite, SqliteArguments> {
    values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
        Value::Bool(value) => query.bind(value),
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    })
}

fn row(row: sqlx::sqlite::SqliteRow) -> Row {
    Row(Kind::Sqlite(row))
}

/// Damage is said with the file's name and what to do: it is nothing that goes away by itself.
fn named(file: &Path, error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => Error::Corrupt(file.display().to_string()),
        _ => error.into(),
    }
}

/// A file that only its owner can read, and whose name is on disk.
fn make_private(file: &Path) -> std::io::Result<()> {
    if file.exists() {
        return Ok(());
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file)?;
    sync_dir(file)
}
