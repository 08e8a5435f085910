//! A sealed word in a database that tells whether the keys at hand are its keys, before anything is written with others. Whoever owns
//! the database has a table `key_check (id, sealed)` for it.

use crate::cipher;
use crate::database::Database;
use crate::keys::Keys;
use crate::sealed::SealedColumn;
use crate::{Error, values};

const CONTEXT: &str = "key check";
const WORD: &[u8] = b"weir";

/// For a new master key.
pub(crate) const SEALED: SealedColumn =
    SealedColumn { table: "key_check", column: "sealed", known_by: &[], context: |_| Ok(CONTEXT.to_owned()) };

/// Seals the word in a new database; in an old one, whether these are its keys.
pub async fn first_time_or_fits(database: &dyn Database, keys: &Keys) -> Result<bool, Error> {
    let sealed = cipher::seal(keys, CONTEXT, WORD)?;
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO key_check (id, sealed) VALUES (1, ?) ON CONFLICT DO NOTHING";
    transaction.run(sql, values![sealed]).await?;
    transaction.commit().await?;
    fits(database, keys).await
}

/// Whether these are the database's keys, as far as it has any.
pub async fn fits(database: &dyn Database, keys: &Keys) -> Result<bool, Error> {
    let rows = database.fetch("SELECT sealed FROM key_check", Vec::new()).await?;
    let Some(row) = rows.first() else { return Ok(true) };
    let word = cipher::open(keys, CONTEXT, &row.get::<Vec<u8>>("sealed")?);
    Ok(word.is_ok_and(|word| word == WORD))
}
