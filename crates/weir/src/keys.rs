//! The key of `X-dlp-uniquemsgid`: made at first start, kept beside the journal's keys, readable by Weir only.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use prevent::IdKey;

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
