//! Brings the tables of one owner to today's form in a database that it shares with others; one text for both kinds of SQL.
//!
//! Each owner has a table that counts its steps, so that owners neither know nor disturb each other's. In a step, `{id}` stands
//! for a number that the database gives, `{octets}` for the type of octets; statements end with `;`, comments are whole lines.

use crate::Error;
use crate::database::{Database, Dialect, Session};
use crate::values;

/// Makes or brings forward the tables of `owner` (letters and `_` only). All steps or none.
pub async fn prepare(database: &dyn Database, owner: &str, steps: &[&str]) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    let db = &mut *transaction;
    // Servers that start at the same time go one after another.
    db.lock(lock_name(owner)).await?;
    let table = format!("{owner}_form");
    db.run(&format!("CREATE TABLE IF NOT EXISTS {table} (step BIGINT PRIMARY KEY)"), Vec::new()).await?;
    let rows = db.fetch(&format!("SELECT max(step) AS newest FROM {table}"), Vec::new()).await?;
    let newest = rows.first().map(|row| row.get::<Option<i64>>("newest")).transpose()?.flatten().unwrap_or(0);
    if newest > steps.len() as i64 {
        return Err(Error::Schema(format!(
            "the tables of {owner} were made by a newer version of this program (form number {newest}); use that version"
        )));
    }
    for (number, step) in (1_i64..).zip(steps).filter(|(number, _)| *number > newest) {
        take(db, step).await?;
        db.run(&format!("INSERT INTO {table} (step) VALUES (?)"), values![number]).await?;
    }
    transaction.commit().await
}

async fn take(db: &mut dyn Session, step: &str) -> Result<(), Error> {
    let (id, octets) = match db.dialect() {
        Dialect::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"),
        Dialect::Postgres => ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA"),
    };
    let lines: Vec<&str> = step.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    for statement in lines.join("\n").split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        let statement = statement.replace("{id}", id).replace("{octets}", octets);
        db.run(&statement, Vec::new()).await?;
    }
    Ok(())
}

fn lock_name(owner: &str) -> i64 {
    let mut name = [0; 8];
    name.copy_from_slice(&blake3::hash(format!("steps of {owner}").as_bytes()).as_bytes()[..8]);
    i64::from_le_bytes(name)
}
