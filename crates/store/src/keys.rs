//! The keys that wrap the keys of stored data: made at first start, readable by their owner only, never in a backup.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::Error;

/// A master key.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The master keys: data is sealed by the newest and opened by whichever sealed it.
pub struct Keys {
    newest: u32,
    keys: BTreeMap<u32, Secret>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("newest", &self.newest).finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads `DIR/master.keys`, or makes it with one key. A line is a number and 64 hexadecimal digits.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("master.keys");
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&Zeroizing::new(text))
                .map_err(|why| Error::Key(format!("{}: {why}", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let keys = Self { newest: 1, keys: BTreeMap::from([(1, random_key()?)]) };
                keys.write(dir)
                    .map_err(|why| Error::File { what: format!("cannot write {}", path.display()), why })?;
                Ok(keys)
            }
            Err(why) => Err(Error::File { what: format!("cannot read {}", path.display()), why }),
        }
    }

    /// Adds a key that seals from now on; the older ones stay for what they sealed.
    pub fn rotate(&mut self, dir: &Path) -> Result<(), Error> {
        let newest = self.newest + 1;
        self.keys.insert(newest, random_key()?);
        self.newest = newest;
        self.write(dir)
            .map_err(|why| Error::File { what: format!("cannot write keys to {}", dir.display()), why })
    }

    pub(crate) fn newest(&self) -> Option<(u32, &Secret)> {
        self.keys.get(&self.newest).map(|key| (self.newest, key))
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Secret> {
        self.keys.get(&id)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (id, digits) = line.split_once(' ').ok_or("a line is a number and 64 hexadecimal digits")?;
            let id = id.parse::<u32>().map_err(|_| "a line begins with the number of its key")?;
            keys.insert(id, parse_hex(digits.trim()).ok_or("a key is 64 hexadecimal digits")?);
        }
        let newest = *keys.keys().next_back().ok_or("there is no key in it")?;
        Ok(Self { newest, keys })
    }

    fn write(&self, dir: &Path) -> std::io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut text = Zeroizing::new(String::new());
        for (id, key) in &self.keys {
            text.push_str(&format!("{id} "));
            key.iter().for_each(|octet| text.push_str(&format!("{octet:02x}")));
            text.push('\n');
        }
        // Whole under another name first: a crash never leaves half a file.
        let new = dir.join("master.keys.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, dir.join("master.keys"))?;
        File::open(dir)?.sync_all()
    }
}

fn random_key() -> Result<Secret, Error> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|why| Error::Key(format!("no random octets: {why}")))?;
    Ok(key)
}

fn parse_hex(digits: &str) -> Option<Secret> {
    let mut key = Zeroizing::new([0; 32]);
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (octet, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *octet = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_and_only_their_owner_can_read_them() {
        let dir = tempfile::tempdir().unwrap();
        Keys::open(dir.path()).unwrap();
        let path = dir.path().join("master.keys");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        Keys::open(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn a_spoilt_file_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("master.keys"), "1 abc\n").unwrap();
        assert!(Keys::open(dir.path()).unwrap_err().to_string().contains("master.keys"));
        assert_eq!(fs::read_to_string(dir.path().join("master.keys")).unwrap(), "1 abc\n");
    }
}
