//! A sealed word in each database that tells whether the keys at hand are its keys, before anything is written with others.

use store::database::Database;
use store::keys::Keys;
use store::{cipher, values};

use crate::Error;

const CONTEXT: &str = "key check";
const WORD: &[u8] = b"weir";

/// Seals the word in a new database; opens it in an old one.
pub(crate) async fn first_time_or_check(database: &dyn Database, keys: &Keys) -> Result<(), Error> {
    let sealed = cipher::seal(keys, CONTEXT, WORD)?;
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO key_check (id, sealed) VALUES (1, ?) ON CONFLICT DO NOTHING";
    transaction.run(sql, values![sealed]).await?;
    transaction.commit().await?;
    check(database, keys).await
}

/// An error that says what to do where the keys are not those of the database.
pub(crate) async fn check(database: &dyn Database, keys: &Keys) -> Result<(), Error> {
    let rows = database.fetch("SELECT sealed FROM key_check", Vec::new()).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    match cipher::open(keys, CONTEXT, &row.get::<Vec<u8>>("sealed")?) {
        Ok(word) if word == WORD => Ok(()),
        _ => Err(Error::WrongKeys),
    }
}

/// Seals the word by the newest key.
pub(crate) async fn wrap_again(database: &dyn Database, keys: &Keys) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    transaction.run("UPDATE key_check SET sealed = ?", values![cipher::seal(keys, CONTEXT, WORD)?]).await?;
    Ok(transaction.commit().await?)
}
