//! What a database promises, on SQLite and on PostgreSQL alike; then what is SQLite's own.

#![allow(clippy::unwrap_used)]

#[macro_use]
mod postgres;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use store::Error;
use store::database::{self, Database, Location, Migrations, Session};
use store::values;

static SQLITE: Migrator = sqlx::migrate!("tests/migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("tests/migrations/postgres");
const MIGRATIONS: Migrations = Migrations { sqlite: &SQLITE, postgres: &POSTGRES };

async fn open(at: &Location) -> Arc<dyn Database> {
    database::open(at, MIGRATIONS).await.unwrap()
}

async fn add(db: &mut dyn Session, name: &str) -> Result<i64, Error> {
    let sql = "INSERT INTO thing (name, number, flag, octets) VALUES (?, ?, ?, ?) RETURNING id";
    let rows = db.fetch(sql, values![name, 7_i64, true, &b"\0\xff"[..]]).await?;
    rows[0].get("id")
}

async fn names(database: &dyn Database) -> Vec<String> {
    let rows = database.fetch("SELECT name FROM thing ORDER BY id", Vec::new()).await.unwrap();
    rows.iter().map(|row| row.get("name").unwrap()).collect()
}

/// A database, and the directory that it may stand in.
struct Place {
    at: Location,
    _dir: tempfile::TempDir,
}

async fn place(at: Option<Location>) -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place { at: at.unwrap_or_else(|| Location::File(dir.path().join("things.db"))), _dir: dir }
}

on_both! {
    made by place;

    async fn values_come_back_as_they_went_in(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "Ünïcode 'quoted' ?").await.unwrap();
        let sql = "INSERT INTO thing (name, number, flag, octets) VALUES ('what?', ?, ?, ?)";
        assert_eq!(transaction.run(sql, values![None::<i64>, false, Vec::<u8>::new()]).await.unwrap(), 1);
        transaction.commit().await.unwrap();
        let rows = database.fetch("SELECT name, number, flag, octets FROM thing WHERE name <> ? ORDER BY id", values!["other"]).await.unwrap();
        assert_eq!(rows[0].get::<String>("name").unwrap(), "Ünïcode 'quoted' ?");
        assert_eq!(rows[0].get::<Option<i64>>("number").unwrap(), Some(7));
        assert_eq!(rows[0].get::<Vec<u8>>("octets").unwrap(), b"\0\xff");
        assert!(rows[0].get::<bool>("flag").unwrap());
        assert_eq!(rows[1].get::<String>("name").unwrap(), "what?");
        assert_eq!(rows[1].get::<Option<i64>>("number").unwrap(), None);
        assert!(!rows[1].get::<bool>("flag").unwrap());
        assert!(rows[1].get::<i64>("no such column").is_err());
    }

    async fn a_search_that_takes_too_long_is_ended_and_nothing_waits_for_it(place: &Place) {
        const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) AS n FROM n";
        let database = open(&place.at).await;
        let began = Instant::now();
        let ended = database.search(ENDLESS, Vec::new(), Duration::from_millis(200)).await;
        assert!(matches!(ended, Err(Error::TookTooLong(_))), "{ended:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        // More of them than there are connections, and nobody else notices.
        let many: Vec<_> = (0..8)
            .map(|_| {
                let database = database.clone();
                tokio::spawn(async move { database.search(ENDLESS, Vec::new(), Duration::from_secs(60)).await.map(|_| ()) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let meanwhile = async {
            for name in ["a", "b", "c"] {
                let mut transaction = database.begin().await.unwrap();
                add(&mut *transaction, name).await.unwrap();
                transaction.commit().await.unwrap();
                names(&*database).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), meanwhile).await.expect("others do not wait");
        assert!(many.iter().all(|one| !one.is_finished()), "the searches still run or wait");
        many.iter().for_each(|one| one.abort());
        if matches!(place.at, Location::File(_)) {
            // Nobody waits for them any more, so they end and the next one has a connection at once.
            let next = database.search("SELECT name FROM thing", Vec::new(), Duration::from_secs(60));
            let rows = tokio::time::timeout(Duration::from_secs(8), next).await.expect("it finds room").unwrap();
            assert_eq!(rows.len(), 3);
        }
    }

    async fn a_nul_in_a_text_becomes_a_replacement_character(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "a\0b").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(names(&*database).await, ["a\u{fffd}b"]);
    }

    async fn a_number_beyond_those_of_sql_finds_nothing_and_is_no_other(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let rows = database.fetch("SELECT id FROM thing WHERE id = ?", values![u64::MAX]).await.unwrap();
        assert!(rows.is_empty());
    }

    async fn a_dropped_transaction_leaves_nothing_and_the_next_one_works(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "dropped").await.unwrap();
        drop(transaction);
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "kept").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(names(&*database).await, ["kept"]);
    }

    async fn a_failed_statement_spoils_its_transaction_only(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "twice").await.unwrap();
        let error = add(&mut *transaction, "twice").await.unwrap_err();
        assert!(!error.is_outage(), "{error}");
        drop(transaction);
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "once").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(names(&*database).await, ["once"]);
    }

    async fn readers_see_commits_and_nothing_before(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "a").await.unwrap();
        assert!(names(&*database).await.is_empty());
        transaction.commit().await.unwrap();
        assert_eq!(names(&*database).await, ["a"]);
    }

    async fn transactions_that_lock_a_name_come_one_after_the_other(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let count = |database: Arc<dyn Database>| async move {
            let mut transaction = database.begin().await.unwrap();
            transaction.lock(42).await.unwrap();
            let rows = transaction.fetch("SELECT count(*) AS count FROM thing", Vec::new()).await.unwrap();
            let count: i64 = rows[0].get("count").unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
            add(&mut *transaction, &format!("number {count}")).await.unwrap();
            transaction.commit().await.unwrap();
        };
        let tasks: Vec<_> = (0..12).map(|_| tokio::spawn(count(database.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(names(&*database).await.len(), 12);
    }

    async fn migrating_again_changes_nothing_and_a_reader_begins_none(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let mut transaction = database.begin().await.unwrap();
        add(&mut *transaction, "a").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(names(&*open(at).await).await, ["a"]);
        let reader = database::open_read_only(at, MIGRATIONS).await.unwrap();
        assert_eq!(names(&*reader).await, ["a"]);
        let refused = match reader.begin().await {
            Ok(mut transaction) => add(&mut *transaction, "b").await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
        assert!(database.octets().await.unwrap() > 1_000);
    }

    async fn a_database_from_the_future_or_from_another_program_is_refused(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let change = async |sql: &str| {
            let mut transaction = database.begin().await.unwrap();
            transaction.run(sql, Vec::new()).await.unwrap();
            transaction.commit().await.unwrap();
        };
        change("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
            SELECT 9999, 'x', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1").await;
        for error in [database::open(at, MIGRATIONS).await.err(), database::open_read_only(at, MIGRATIONS).await.err()] {
            let error = error.unwrap().to_string();
            assert!(error.contains("newer version") && error.contains("9999"), "{error}");
        }
        change("DELETE FROM _sqlx_migrations WHERE version = 9999").await;
        let mut transaction = database.begin().await.unwrap();
        transaction.run("UPDATE _sqlx_migrations SET checksum = ?", values![&b"other"[..]]).await.unwrap();
        transaction.commit().await.unwrap();
        let error = database::open(at, MIGRATIONS).await.unwrap_err().to_string();
        assert!(error.contains("differs from ours"), "{error}");
    }

    async fn many_writers_and_readers_at_a_time_lose_nothing(place: &Place) {
        let at = &place.at;
        let database = open(at).await;
        let write = |database: Arc<dyn Database>, n: usize| async move {
            let mut transaction = database.begin().await.unwrap();
            add(&mut *transaction, &format!("thing {n}")).await.unwrap();
            transaction.commit().await.unwrap();
            assert!(names(&*database).await.contains(&format!("thing {n}")));
        };
        let tasks: Vec<_> = (0..50).map(|n| tokio::spawn(write(database.clone(), n))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(names(&*database).await.len(), 50);
    }
}

#[tokio::test]
async fn only_files_and_postgresql_urls_are_places() {
    assert_eq!(Location::parse("/var/lib/x.db").unwrap(), Location::File("/var/lib/x.db".into()));
    assert!(Location::parse("mysql://host/x").unwrap_err().to_string().contains("postgres://"));
    let secret = Location::parse("postgres://u:hunter2@127.0.0.1:1/x").unwrap();
    assert!(!format!("{secret:?}").contains("hunter2"));
    let error = database::open(&secret, MIGRATIONS).await.unwrap_err();
    assert!(error.is_outage() && !error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_postgresql_of_another_encoding_is_refused() {
    use sqlx::{Connection, Executor};
    let Some(url) = postgres::database().await else { return };
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let sql = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    connection.execute(sql).await.unwrap();
    let at = Location::parse(&format!("{}/latin", url.rsplit_once('/').unwrap().0)).unwrap();
    assert!(database::open(&at, MIGRATIONS).await.unwrap_err().to_string().contains("UTF8"));
}

#[tokio::test]
async fn durability_cannot_be_switched_off_behind_our_back() {
    use sqlx::{Connection, Executor};
    let Some(url) = postgres::database().await else { return };
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let name = url.rsplit_once('/').unwrap().1;
    connection
        .execute(sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} SET synchronous_commit = off")))
        .await
        .unwrap();
    let database = open(&Location::parse(&url).unwrap()).await;
    let rows =
        database.fetch("SELECT current_setting('synchronous_commit') AS setting", Vec::new()).await.unwrap();
    assert_eq!(rows[0].get::<String>("setting").unwrap(), "on");
}

// ---- SQLite

async fn filled(file: &Path) -> Arc<dyn Database> {
    let database = open(&Location::File(file.to_owned())).await;
    let mut transaction = database.begin().await.unwrap();
    for n in 0..200 {
        add(&mut *transaction, &format!("thing {n} {}", "x".repeat(400))).await.unwrap();
    }
    transaction.commit().await.unwrap();
    database
}

#[tokio::test]
async fn a_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let _database = filled(&dir.path().join("things.db")).await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_while_others_write_and_writes_over_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = filled(&dir.path().join("things.db")).await;
    let writing = tokio::spawn({
        let database = database.clone();
        async move {
            for n in 0..100 {
                let mut transaction = database.begin().await.unwrap();
                add(&mut *transaction, &format!("later {n}, first")).await.unwrap();
                add(&mut *transaction, &format!("later {n}, second")).await.unwrap();
                transaction.commit().await.unwrap();
            }
        }
    });
    let to = dir.path().join("copy.db");
    database.backup(&to).await.unwrap();
    writing.await.unwrap();
    let copy = database::open_read_only(&Location::File(to.clone()), MIGRATIONS).await.unwrap();
    let rows = names(&*copy).await;
    assert!(rows.len() >= 200 && rows.len() % 2 == 0, "all of a transaction, or nothing: {}", rows.len());
    let check =
        copy.fetch("SELECT integrity_check AS told FROM pragma_integrity_check()", Vec::new()).await.unwrap();
    assert_eq!(check[0].get::<String>("told").unwrap(), "ok");
    let before = std::fs::read(&to).unwrap();
    assert!(database.backup(&to).await.unwrap_err().to_string().contains("will not write over"));
    assert_eq!(std::fs::read(&to).unwrap(), before);
    assert!(database.backup(&dir.path().join("none/copy.db")).await.is_err());
}

#[tokio::test]
async fn a_damaged_page_is_an_error_that_names_the_file_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("things.db");
    drop(filled(&file).await);
    settled(&file).await;
    let mut octets = std::fs::read(&file).unwrap();
    let page = 4096;
    // All pages but the first ones, which hold the schema.
    for octet in &mut octets[page * 8..] {
        *octet ^= 0x5a;
    }
    std::fs::write(&file, octets).unwrap();
    let database = database::open_read_only(&Location::File(file), MIGRATIONS).await.unwrap();
    let error = database.fetch("SELECT name, octets FROM thing", Vec::new()).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.is_outage(), "{error}");
    assert!(error.to_string().contains("things.db") && error.to_string().contains("backup"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("things.db");
    std::fs::write(&file, "this is a letter, not a database ".repeat(200)).unwrap();
    let error = database::open(&Location::File(file.clone()), MIGRATIONS).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("this is a letter"));
}

/// Waits until the database is let go of, and moves everything into the file itself.
async fn settled(file: &Path) {
    use sqlx::{Connection, SqliteConnection};
    for _ in 0..200 {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        if !file.with_extension("db-wal").exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} is still open", file.display());
}

/// Keeps what is told in the log, with its fields.
#[derive(Clone, Default)]
struct Told(Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Told {
    fn enabled(&self, what: &tracing::Metadata<'_>) -> bool {
        what.target().starts_with("store")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{}={value:?} ", field.name()));
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn each_step_by_which_an_old_database_is_brought_forward_is_told_and_a_new_one_takes_its_own_silently()
{
    let place = place(None).await;
    let more = |number: i64, name: &'static str| {
        let sql =
            sqlx::AssertSqlSafe(format!("ALTER TABLE thing ADD COLUMN more{number} BIGINT")).into_sql_str();
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    };
    let first: Vec<Migration> = SQLITE.iter().cloned().collect();
    let later = [first.clone(), vec![more(50, "more things"), more(60, "still more")]].concat();
    let later: &'static Migrator = Box::leak(Box::new(Migrator::with_migrations(later)));
    let today = Migrations { sqlite: later, postgres: &POSTGRES };
    let told = Told::default();
    let _listens = tracing::subscriber::set_default(told.clone());
    let lines = || std::mem::take(&mut *told.0.lock().unwrap());
    drop(open(&place.at).await);
    assert_eq!(lines(), Vec::<String>::new(), "a new database");
    drop(database::open(&place.at, today).await.unwrap());
    let said = lines();
    assert!(said[0].contains("from=1 ") && said[0].contains("to=60 steps=2 "), "{said:?}");
    for (at, (number, name)) in [(50, "more things"), (60, "still more")].into_iter().enumerate() {
        let [begins, taken] = [&said[1 + 2 * at], &said[2 + 2 * at]];
        assert!(
            begins.contains(&format!("number={number} name={name} ")) && begins.contains("begins"),
            "{said:?}"
        );
        assert!(taken.contains(&format!("number={number} name={name} milliseconds=")), "{said:?}");
    }
    drop(database::open(&place.at, today).await.unwrap());
    assert_eq!(lines(), Vec::<String>::new(), "there is nothing to do any more");
}
