//! PostgreSQL: a pool of connections, each checked for what our promises need.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _};

use super::value::Kind;
use super::{Answer, Database, Dialect, Row, Session, Transaction, Value, forward, migration_failed};
use crate::Error;

const CONNECTIONS: u32 = 16;
/// Connections for statements that may read all there is.
const SEARCHERS: u32 = 4;
/// The code of a statement that had no time left.
const CANCELED: &str = "57014";
/// How long to wait for a free connection.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Postgres {
    pool: PgPool,
    searchers: PgPool,
}

impl Postgres {
    pub(super) async fn open(url: &str, migrations: &'static Migrator) -> Result<Self, Error> {
        let options = options(url)?;
        // A connection of its own: what fails half-way leaves its lock to nobody.
        let mut connection = options.connect().await.map_err(|why| not_opened(&options, &why))?;
        check(&mut connection).await?;
        let migrated = bring_forward(&mut connection, migrations).await.map_err(migration_failed);
        connection.close().await?;
        migrated?;
        let searchers = durable(SEARCHERS).connect_lazy_with(options.clone());
        Ok(Self { pool: durable(CONNECTIONS).connect_with(options).await?, searchers })
    }

    pub(super) async fn read_only(url: &str) -> Result<Self, Error> {
        let options = options(url)?.options([("default_transaction_read_only", "on")]);
        let searchers = durable(1).connect_lazy_with(options.clone());
        Ok(Self { pool: durable(2).connect_with(options).await?, searchers })
    }
}

async fn bring_forward(
    connection: &mut PgConnection,
    migrations: &'static Migrator,
) -> Result<(), MigrateError> {
    for step in forward::missing(connection, migrations).await? {
        let begun = step.begins();
        migrations.run_to(step.number, &mut *connection).await?;
        begun.ends();
    }
    migrations.run(&mut *connection).await
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn fetch<'a>(&'a self, sql: &'a str, values: Vec<Value>) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let sql = numbered(sql);
            Ok(self.pool.fetch_all(bound(&sql, values)).await?.into_iter().map(row).collect())
        })
    }

    fn search<'a>(&'a self, sql: &'a str, values: Vec<Value>, patience: Duration) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let mut transaction = self.searchers.begin().await?;
            // The server ends it then, also if nobody waits for the answer any more.
            let bound_to = format!("SET LOCAL statement_timeout = {}", patience.as_millis().max(1));
            transaction.execute(sqlx::query(AssertSqlSafe(bound_to.as_str()))).await?;
            let sql = numbered(sql);
            let rows = transaction.fetch_all(bound(&sql, values)).await.map_err(|error| {
                let code = error.as_database_error().and_then(|error| error.code());
                if code.as_deref() == Some(CANCELED) { Error::TookTooLong(patience) } else { error.into() }
            })?;
            transaction.commit().await?;
            Ok(rows.into_iter().map(row).collect())
        })
    }

    fn begin(&self) -> Answer<'_, Box<dyn Transaction>> {
        Box::pin(async move {
            let transaction = self.pool.begin().await?;
            Ok(Box::new(Writing(transaction)) as Box<dyn Transaction>)
        })
    }

    fn octets(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let rows =
                self.fetch("SELECT pg_database_size(current_database()) AS octets", Vec::new()).await?;
            Ok(rows.first().map(|row| row.get::<i64>("octets")).transpose()?.unwrap_or(0) as u64)
        })
    }

    fn backup<'a>(&'a self, _: &'a Path) -> Answer<'a, ()> {
        let why = "PostgreSQL has its own ways to back up: use pg_dump or pg_basebackup";
        Box::pin(async move { Err(Error::Schema(why.to_owned())) })
    }
}

struct Writing(sqlx::Transaction<'static, sqlx::Postgres>);

impl Session for Writing {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn fetch<'a>(&'a mut self, sql: &'a str, values: Vec<Value>) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let sql = numbered(sql);
            Ok(self.0.fetch_all(bound(&sql, values)).await?.into_iter().map(row).collect())
        })
    }

    fn run<'a>(&'a mut self, sql: &'a str, values: Vec<Value>) -> Answer<'a, u64> {
        Box::pin(async move {
            let sql = numbered(sql);
            Ok(self.0.execute(bound(&sql, values)).await?.rows_affected())
        })
    }

    fn lock(&mut self, name: i64) -> Answer<'_, ()> {
        Box::pin(async move {
            self.0.execute(sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(name)).await?;
            Ok(())
        })
    }
}

impl Transaction for Writing {
    fn commit(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move { Ok(self.0.commit().await?) })
    }
}

fn options(url: &str) -> Result<PgConnectOptions, Error> {
    // The reason may quote the URL, and the URL may hold a password.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        Error::Schema(
            "the database URL cannot be read; write postgres://USER:PASSWORD@HOST:PORT/NAME".to_owned(),
        )
    })?;
    // Notices of the server are no news: tables that are made only where they are not there yet.
    let options = options.options([("client_min_messages", "warning")]);
    Ok(options.application_name("weir").disable_statement_logging())
}

/// Names the place, but never the password.
fn not_opened(options: &PgConnectOptions, why: &sqlx::Error) -> Error {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    Error::NotOpened(match why {
        sqlx::Error::Io(why) => {
            format!("PostgreSQL does not answer at {place}: {why}; start it, or name another place")
        }
        sqlx::Error::Database(why) => {
            format!("PostgreSQL at {place} lets {} not in: {}", options.get_username(), why.message())
        }
        why => format!("PostgreSQL at {place}: {why}"),
    })
}

fn durable(connections: u32) -> PgPoolOptions {
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
    // A role or database may have switched durability off for speed: not for us.
    pool.after_connect(|connection, _| {
        Box::pin(async move {
            let sql = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
            connection.execute(sql).await.map(|_| ())
        })
    })
}

async fn check(connection: &mut sqlx::PgConnection) -> Result<(), Error> {
    let sql = "SELECT current_setting('server_encoding') AS encoding, current_setting('server_version_num')::int AS version";
    let row = connection.fetch_one(sql).await?;
    let (encoding, version): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
    if encoding != "UTF8" {
        return Err(Error::Schema(format!(
            "the database's encoding is {encoding}; make it with ENCODING 'UTF8'"
        )));
    }
    if version < 130_000 {
        return Err(Error::Schema(format!(
            "PostgreSQL {} is too old; 13 or newer is needed",
            version / 10_000
        )));
    }
    Ok(())
}

/// `?` becomes `$1`, `$2`, … outside of quotes.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let (mut number, mut quoted) = (0, false);
    for c in sql.chars() {
        quoted ^= c == '\'';
        if c == '?' && !quoted {
            number += 1;
            out.push('$');
            out.push_str(&number.to_string());
        } else {
            out.push(c);
        }
    }
    out
}

fn bound(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'_, sqlx::Postgres, PgArguments> {
    values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
        Value::Bool(value) => query.bind(value),
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    })
}

fn row(row: sqlx::postgres::PgRow) -> Row {
    Row(Kind::Postgres(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_numbered_outside_of_quotes_only() {
        assert_eq!(
            numbered("SELECT '?', a FROM t WHERE b = ? AND c = ?"),
            "SELECT '?', a FROM t WHERE b = $1 AND c = $2"
        );
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_it() {
        let error = options("postgres://u:hunter2@[bad/x").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
