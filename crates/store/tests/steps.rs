//! Steps bring the tables of an owner forward, once each, beside those of others.

use store::database::{self, Location, Migrations};
use store::{steps, values};

#[path = "postgres/mod.rs"]
mod postgres;

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("tests/migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("tests/migrations/postgres");
const MIGRATIONS: Migrations = Migrations { sqlite: &SQLITE, postgres: &POSTGRES };

const FIRST: &str =
    "-- A thing; with a comment.\nCREATE TABLE item (id {id}, name TEXT NOT NULL, secret {octets});";
const SECOND: &str =
    "ALTER TABLE item ADD COLUMN size BIGINT NOT NULL DEFAULT 7; CREATE INDEX item_by_size ON item (size)";

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_taken_once_on_both_databases_and_the_future_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut places = vec![Location::File(dir.path().join("x.db"))];
    places.extend(postgres::database().await.map(|url| Location::parse(&url).unwrap()));
    for at in places {
        let db = database::open(&at, MIGRATIONS).await.unwrap();
        steps::prepare(&*db, "things", &[FIRST]).await.unwrap();
        let mut transaction = db.begin().await.unwrap();
        let sql = "INSERT INTO item (name, secret) VALUES (?, ?) RETURNING id";
        let rows = transaction.fetch(sql, values!["a", vec![1_u8, 0]]).await.unwrap();
        assert_eq!(rows[0].get::<i64>("id").unwrap(), 1);
        transaction.commit().await.unwrap();
        steps::prepare(&*db, "things", &[FIRST, SECOND]).await.unwrap();
        steps::prepare(&*db, "things", &[FIRST, SECOND]).await.unwrap();
        let rows = db.fetch("SELECT size FROM item", Vec::new()).await.unwrap();
        assert_eq!(rows[0].get::<i64>("size").unwrap(), 7);
        let error = steps::prepare(&*db, "things", &[FIRST]).await.unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
        let broken = ["CREATE TABLE half (id {id})", "CREATE NONSENSE"];
        assert!(steps::prepare(&*db, "others", &broken).await.is_err());
        assert!(db.fetch("SELECT * FROM half", Vec::new()).await.is_err(), "a failed step leaves nothing");
    }
}
