//! One SQL for SQLite and PostgreSQL: statements with `?`, plain values in, plain rows out, transactions that hold or leave nothing.
//!
//! SQLite is one file with one writer and some readers, for one server and the command line beside it. PostgreSQL is a URL, for
//! several servers. What differs is said by [`Dialect`] and [`Session::lock`]; tests of what is built on this run on both.

mod forward;
mod postgres;
mod sqlite;
mod value;
mod witness;

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};

pub use value::{Column, Row, Value};
pub use witness::{Witness, Witnessed};

use crate::Error;

/// What the methods of these traits return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Which SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// Where statements run: in a transaction.
pub trait Session: Send {
    /// Which SQL is spoken.
    fn dialect(&self) -> Dialect;
    /// The rows that a statement gives.
    fn fetch<'a>(&'a mut self, sql: &'a str, values: Vec<Value>) -> Answer<'a, Vec<Row>>;
    /// Runs a statement; the number of rows that it touched.
    fn run<'a>(&'a mut self, sql: &'a str, values: Vec<Value>) -> Answer<'a, u64>;
    /// Keeps other transactions that lock the same name waiting until this one ends. Lock several in ascending order.
    fn lock(&mut self, name: i64) -> Answer<'_, ()>;
}

/// A transaction. Dropped without commit, it leaves nothing.
pub trait Transaction: Session {
    /// Durable when it returns without error. After an error nothing of it is there, unless the connection broke in between.
    fn commit(self: Box<Self>) -> Answer<'static, ()>;
}

/// An open database. Calls may run at the same time.
pub trait Database: Send + Sync + fmt::Debug {
    /// Which SQL is spoken.
    fn dialect(&self) -> Dialect;
    /// The rows that a reading statement gives, as of the last commit.
    fn fetch<'a>(&'a self, sql: &'a str, values: Vec<Value>) -> Answer<'a, Vec<Row>>;
    /// As [`Self::fetch`], for statements that may read all there is: on connections of their own, so that nothing else waits for
    /// them, and interrupted after `patience`, or when nobody waits for the answer any more.
    fn search<'a>(&'a self, sql: &'a str, values: Vec<Value>, patience: Duration) -> Answer<'a, Vec<Row>>;
    /// Begins a transaction that may write. With SQLite there is one at a time, and others wait here.
    fn begin(&self) -> Answer<'_, Box<dyn Transaction>>;
    /// Octets that the data takes on disk.
    fn octets(&self) -> Answer<'_, u64>;
    /// Writes a consistent copy to a file that must not exist, while readers and writers go on. The keys are not in it.
    fn backup<'a>(&'a self, to: &'a Path) -> Answer<'a, ()>;
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL URL; never shown, for it may hold a password.
    Postgres(Url),
}

/// A URL that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://…")
    }
}

impl Location {
    /// `postgres://…` and `postgresql://…` are PostgreSQL, anything else with `://` is refused, the rest is a file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Url(text.to_owned()))),
            Some((scheme, _)) => {
                let scheme = scheme.escape_debug();
                Err(Error::Schema(format!(
                    "{scheme}:// is no database that this program knows; write postgres://USER@HOST/NAME"
                )))
            }
            None => Ok(Self::File(text.into())),
        }
    }
}

/// The steps from nothing to today's tables, one folder for each dialect, with the same numbers.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// For SQLite.
    pub sqlite: &'static Migrator,
    /// For PostgreSQL.
    pub postgres: &'static Migrator,
}

/// Opens a database, makes it if it is a file that is not there, and brings its tables to today's form.
pub async fn open(at: &Location, migrations: Migrations) -> Result<Arc<dyn Database>, Error> {
    Ok(match at {
        Location::File(path) => Arc::new(sqlite::Sqlite::open(path, migrations.sqlite).await?),
        Location::Postgres(url) => Arc::new(postgres::Postgres::open(&url.0, migrations.postgres).await?),
    })
}

/// Opens a database of exactly today's form to read it, while a server may be writing. Begins no transaction.
pub async fn open_read_only(at: &Location, migrations: Migrations) -> Result<Arc<dyn Database>, Error> {
    let (database, migrator): (Arc<dyn Database>, _) = match at {
        Location::File(path) => (Arc::new(sqlite::Sqlite::read_only(path).await?), migrations.sqlite),
        Location::Postgres(url) => {
            (Arc::new(postgres::Postgres::read_only(&url.0).await?), migrations.postgres)
        }
    };
    let rows = database.fetch("SELECT max(version) AS newest FROM _sqlx_migrations", Vec::new()).await;
    let newest =
        rows?.first().map(|row| row.get::<Option<i64>>("newest")).transpose()?.flatten().unwrap_or(0);
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    match newest {
        _ if newest > known => Err(from_the_future(newest)),
        _ if newest < known => Err(Error::Schema(format!(
            "it has the form number {newest}, this program needs {known}: start the server once, it brings it forward"
        ))),
        _ => Ok(database),
    }
}

fn from_the_future(version: i64) -> Error {
    Error::Schema(format!(
        "it was made by a newer version of this program (form number {version}); use that version"
    ))
}

fn migration_failed(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => from_the_future(version),
        MigrateError::Execute(error) => error.into(),
        MigrateError::VersionMismatch(version) => Error::Schema(format!(
            "step number {version} was made by another program or a test version: its text differs from ours"
        )),
        other => Error::Schema(other.to_string()),
    }
}
