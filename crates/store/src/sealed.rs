//! Sealed objects in columns of a database: whoever keeps some names their columns, so that a new master key wraps all of them
//! again before the old ones are forgotten.

use std::path::Path;

use crate::cipher::{self, HEAD};
use crate::database::{Database, Row};
use crate::keys::Keys;
use crate::{Error, key_check, values};

/// Rows of one transaction.
const ROWS: u32 = 500;

/// A column of sealed objects, or of their heads.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// Its table; the rows have a number, `id`.
    pub table: &'static str,
    /// Its name. Rows without a value are left alone.
    pub column: &'static str,
    /// The columns, besides `id`, that the context is made from.
    pub known_by: &'static [&'static str],
    /// What the object in this row is bound to.
    pub context: fn(&Row) -> Result<String, Error>,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The number of the key that seals now.
    pub key: u32,
    /// Objects that were wrapped again.
    pub wrapped: u64,
    /// Objects that do not open with any key at hand. If there are some, the old keys are kept.
    pub failed: u64,
}

/// Makes a new master key in `dir`, wraps the objects of all these columns by it, and only then forgets the old ones. Stopped
/// half-way, nothing is lost: the old keys are still there, and the next rotation wraps the rest. Nobody else may write to the
/// columns meanwhile, and the word of [`crate::key_check`] goes with them; what stands in a column that is left out cannot be opened afterwards.
///
/// Large objects are not touched: each has a key of its own, and only that is wrapped again.
pub async fn rotate(
    database: &dyn Database,
    keys: &mut Keys,
    dir: &Path,
    columns: &[SealedColumn],
) -> Result<Rotated, Error> {
    let mut rotated = Rotated { key: keys.rotate(dir)?, wrapped: 0, failed: 0 };
    for column in columns {
        let wrapped = column.wrap_again(database, keys).await?;
        rotated.wrapped += wrapped.again;
        rotated.failed += wrapped.failed;
    }
    // The word by which keys are checked is nobody's object.
    rotated.failed += key_check::SEALED.wrap_again(database, keys).await?.failed;
    if rotated.failed == 0 {
        keys.retire_old(dir)?;
    }
    Ok(rotated)
}

/// What was wrapped again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrapped {
    /// Objects that were.
    pub again: u64,
    /// Objects that do not open with any key at hand: they stay as they are, and are named in the log.
    pub failed: u64,
}

impl SealedColumn {
    /// Wraps its objects by the newest key, as far as they are not. Nobody else may write to the column meanwhile.
    pub async fn wrap_again(&self, database: &dyn Database, keys: &Keys) -> Result<Wrapped, Error> {
        let Self { table, column, .. } = self;
        let others: String = self.known_by.iter().map(|other| format!(", {other}")).collect();
        let read = format!(
            "SELECT id, {column} AS sealed{others} FROM {table} WHERE id > ? AND {column} IS NOT NULL ORDER BY id LIMIT ?"
        );
        let write = format!("UPDATE {table} SET {column} = ? WHERE id = ?");
        let (mut last, mut wrapped) = (0_i64, Wrapped::default());
        loop {
            let rows = database.fetch(&read, values![last, ROWS]).await?;
            let Some(end) = rows.last() else { return Ok(wrapped) };
            last = end.get("id")?;
            let mut transaction = database.begin().await?;
            for row in &rows {
                let (id, sealed) = (row.get::<i64>("id")?, row.get::<Vec<u8>>("sealed")?);
                match cipher::rewrap(keys, &(self.context)(row)?, &sealed) {
                    Ok(Some(head)) => {
                        let again = [&head, sealed.get(HEAD..).unwrap_or_default()].concat();
                        transaction.run(&write, values![again, id]).await?;
                        wrapped.again += 1;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(%error, table, id, "an object does not open and keeps its old key");
                        wrapped.failed += 1;
                    }
                }
            }
            transaction.commit().await?;
        }
    }
}
