//! A new master key: everything sealed is wrapped again under it, and only then are the old keys forgotten.
//!
//! Bodies are not touched: each has a key of its own, and only that is wrapped again. Stopped half-way, nothing is lost: the old
//! keys are still there, and the next rotation wraps the rest.

use std::path::Path;

use store::database::{self, Location};
use store::sealed::SealedColumn;

use crate::journal::{FILE, MIGRATIONS, keys_for, own};
use crate::seal::{credential_context, matches_context, original_context};
use crate::{Error, key_check};

/// What of the journal's is sealed.
const SEALED: [SealedColumn; 3] = [
    SealedColumn {
        table: "original",
        column: "head",
        known_by: &["unique_id"],
        context: |row| Ok(original_context(&row.get::<String>("unique_id")?)),
    },
    SealedColumn {
        table: "incident",
        column: "matches",
        known_by: &["unique_id", "policy_id"],
        context: |row| {
            Ok(matches_context(&row.get::<String>("unique_id")?, row.get::<i64>("policy_id")? as u32))
        },
    },
    SealedColumn {
        table: "credential",
        column: "sealed",
        known_by: &["name"],
        context: |row| Ok(credential_context(&row.get::<String>("name")?)),
    },
];

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

/// Makes a new master key for the embedded database in `data`. No server may run there. `others` are all columns in it that hold
/// what others than the journal sealed with its keys: what is left out cannot be opened afterwards.
pub async fn rotate_keys(data: &Path, others: &[SealedColumn]) -> Result<Rotated, Error> {
    let _lock = own(data).await?;
    let at = Location::File(data.join(FILE));
    let mut keys = keys_for(data, &at)?;
    let database = database::open(&at, MIGRATIONS).await?;
    key_check::first_time_or_check(&*database, &keys).await?;
    let dir = data.join("keys");
    let mut rotated = Rotated { key: keys.rotate(&dir)?, wrapped: 0, failed: 0 };
    for column in SEALED.iter().chain(others) {
        let wrapped = column.wrap_again(&*database, &keys).await?;
        rotated.wrapped += wrapped.again;
        rotated.failed += wrapped.failed;
    }
    key_check::wrap_again(&*database, &keys).await?;
    if rotated.failed == 0 {
        keys.retire_old(&dir)?;
    }
    Ok(rotated)
}
