//! Sealed objects in columns of a database: whoever keeps some names their columns, so that a new master key wraps all of them
//! again before the old ones are forgotten.

use crate::cipher::{self, HEAD};
use crate::database::{Database, Row};
use crate::keys::Keys;
use crate::{Error, values};

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
