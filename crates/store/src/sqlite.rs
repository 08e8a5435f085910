//! SQLite: one writer, some readers, every commit on disk before it counts.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, migrate::Migrator};

use crate::Error;

const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

/// The writing connection of a database, migrated to the newest schema. A schema from the future is refused.
pub async fn writer(file: &Path, migrations: &Migrator) -> Result<SqliteConnection, Error> {
    let mut connection = options(file).create_if_missing(true).connect().await?;
    migrations.run(&mut connection).await?;
    Ok(connection)
}

/// Connections that only read; also for another process than the writer's.
pub async fn readers(file: &Path) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new().max_connections(READERS);
    Ok(pool.connect_with(options(file).read_only(true)).await?)
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}
