//! A new master key for the journal, and for all else that is sealed by its keys.

use std::path::Path;

use store::database::{self, Location};
use store::key_check;
use store::sealed::{self, Rotated, SealedColumn};

use crate::Error;
use crate::journal::{FILE, MIGRATIONS, keys_for, own};
use crate::seal::{credential_context, matches_context, original_context};

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

/// Makes a new master key for the embedded database in `data`. No server may run there. `others` are all columns in it that hold
/// what others than the journal sealed with its keys: what is left out cannot be opened afterwards.
pub async fn rotate_keys(data: &Path, others: &[SealedColumn]) -> Result<Rotated, Error> {
    let _lock = own(data).await?;
    let at = Location::File(data.join(FILE));
    let mut keys = keys_for(data, &at)?;
    let database = database::open(&at, MIGRATIONS).await?;
    key_check::first_time_or_fits(&*database, &keys).await?.then_some(()).ok_or(Error::WrongKeys)?;
    let columns: Vec<SealedColumn> = SEALED.iter().chain(others).copied().collect();
    Ok(sealed::rotate(&*database, &mut keys, &data.join("keys"), &columns).await?)
}
