//! The key of `X-dlp-uniquemsgid`: made at first start, kept beside the journal's keys, readable by Weir only.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use prevent::IdKey;

use crate::link::Place;

/// So long after enrolment, messages that came before it come again.
const OLD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The key that makes ids and those before it: Enforce's where this server is enrolled, otherwise our own.
pub(crate) fn unique_id_keys(data: &Path) -> Result<(IdKey, Vec<IdKey>)> {
    let own = unique_id_key(data)?;
    let place = Place::of(data);
    let text = fs::read_to_string(place.unique_id_keys()).unwrap_or_default();
    let given: Result<Vec<IdKey>, _> = text.lines().map(str::parse).collect();
    let mut given = given.map_err(|why| anyhow!("{}: {why}", place.unique_id_keys().display()))?;
    if given.is_empty() {
        return Ok((own, Vec::new()));
    }
    let newest = given.remove(0);
    let enrolled = place.identity_here().and_then(|identity| identity.enrolled_at);
    if enrolled.is_some_and(|at| Timestamp::now().duration_since(at) <= OLD_FOR) {
        given.push(own);
    }
    Ok((newest, given))
}

/// Reads `DATA/keys/unique-id.key`, or makes it.
pub(crate) fn unique_id_key(data: &Path) -> Result<IdKey> {
    let dir = data.join("keys");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("cannot make the directory {}", dir.display()))?;
    let path = dir.join("unique-id.key");
    if !path.exists() {
        make(&path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().map_err(|why| anyhow!("{}: {why}", path.display()))
}

fn make(path: &Path) -> std::io::Result<()> {
    let mut octets = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut octets)?;
    let text: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    // Written whole under another name first: a crash never leaves half a key.
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        unique_id_key(dir.path()).unwrap();
        let path = dir.path().join("keys/unique-id.key");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        unique_id_key(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn a_spoilt_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("keys")).unwrap();
        fs::write(dir.path().join("keys/unique-id.key"), "short").unwrap();
        assert!(unique_id_key(dir.path()).unwrap_err().to_string().contains("unique-id.key"));
    }
}
