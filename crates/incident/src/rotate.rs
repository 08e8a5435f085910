//! A new master key: everything sealed is wrapped again under it, and only then are the old keys forgotten.
//!
//! Bodies are not touched: each has a key of its own, and only that is wrapped again. Stopped half-way, nothing is lost: the old
//! keys are still there, and the next rotation wraps the rest.

use std::path::Path;

use store::cipher::{self, HEAD};
use store::database::{self, Database, Location, Row};
use store::keys::Keys;
use store::values;

use crate::journal::{FILE, MIGRATIONS, keys_for, own};
use crate::seal::{credential_context, matches_context, original_context};
use crate::{Error, key_check};

/// Rows of one transaction.
const ROWS: u32 = 500;

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

/// Makes a new master key for the embedded database in `data`. No server may run there.
pub async fn rotate_keys(data: &Path) -> Result<Rotated, Error> {
    let _lock = own(data).await?;
    let at = Location::File(data.join(FILE));
    let mut keys = keys_for(data, &at)?;
    let database = database::open(&at, MIGRATIONS).await?;
    key_check::first_time_or_check(&*database, &keys).await?;
    let dir = data.join("keys");
    let mut rotated = Rotated { key: keys.rotate(&dir)?, wrapped: 0, failed: 0 };
    originals(&*database, &keys, &mut rotated).await?;
    matches(&*database, &keys, &mut rotated).await?;
    credentials(&*database, &keys, &mut rotated).await?;
    key_check::wrap_again(&*database, &keys).await?;
    if rotated.failed == 0 {
        keys.retire_old(&dir)?;
    }
    Ok(rotated)
}

async fn originals(database: &dyn Database, keys: &Keys, rotated: &mut Rotated) -> Result<(), Error> {
    let read = "SELECT id, unique_id, head AS sealed FROM original WHERE id > ? ORDER BY id LIMIT ?";
    let write = "UPDATE original SET head = ? WHERE id = ?";
    all(database, keys, rotated, [read, write], |row| Ok(original_context(&row.get::<String>("unique_id")?)))
        .await
}

async fn matches(database: &dyn Database, keys: &Keys, rotated: &mut Rotated) -> Result<(), Error> {
    let read =
        "SELECT id, unique_id, policy_id, matches AS sealed FROM incident WHERE id > ? ORDER BY id LIMIT ?";
    let write = "UPDATE incident SET matches = ? WHERE id = ?";
    let context = |row: &Row| {
        Ok(matches_context(&row.get::<String>("unique_id")?, row.get::<i64>("policy_id")? as u32))
    };
    all(database, keys, rotated, [read, write], context).await
}

async fn credentials(database: &dyn Database, keys: &Keys, rotated: &mut Rotated) -> Result<(), Error> {
    let read = "SELECT id, name, sealed FROM credential WHERE id > ? ORDER BY id LIMIT ?";
    let write = "UPDATE credential SET sealed = ? WHERE id = ?";
    all(database, keys, rotated, [read, write], |row| Ok(credential_context(&row.get::<String>("name")?)))
        .await
}

async fn all(
    database: &dyn Database,
    keys: &Keys,
    rotated: &mut Rotated,
    [read, write]: [&str; 2],
    context: impl Fn(&Row) -> Result<String, Error>,
) -> Result<(), Error> {
    let mut last = 0_i64;
    loop {
        let rows = database.fetch(read, values![last, ROWS]).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.get("id")?;
        let mut transaction = database.begin().await?;
        for row in &rows {
            let sealed: Vec<u8> = row.get("sealed")?;
            match cipher::rewrap(keys, &context(row)?, &sealed) {
                Ok(Some(head)) => {
                    let again = [&head, sealed.get(HEAD..).unwrap_or_default()].concat();
                    transaction.run(write, values![again, row.get::<i64>("id")?]).await?;
                    rotated.wrapped += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, id = row.get::<i64>("id")?, "an object does not open and keeps its old key");
                    rotated.failed += 1;
                }
            }
        }
        transaction.commit().await?;
    }
}
