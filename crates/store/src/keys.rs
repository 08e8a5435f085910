//! The keys that wrap the keys of stored data: made at first start, readable by their owner only, never in a backup.
//!
//! `DIR/master.keys` has a line for each key: its number and 64 hexadecimal digits; the line `search` holds the key of the keyed
//! hashes. The environment variable `WEIR_MASTER_KEYS` (the same lines, or `;` between them) takes the place of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::Error;

/// The environment variable that takes the place of the key file.
pub const VARIABLE: &str = "WEIR_MASTER_KEYS";
const FILE: &str = "master.keys";
const SEARCH: &str = "search";

/// A master key.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The master keys: data is sealed by the newest and opened by whichever sealed it.
pub struct Keys {
    keys: BTreeMap<u32, Secret>,
    search: Secret,
}

/// Tells the newest key's number and nothing else.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("newest", &self.newest_id()).finish_non_exhaustive()
    }
}

impl Keys {
    /// Takes the keys from the environment, from `DIR/master.keys`, or makes that file with one key.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        if let Some(keys) = Self::find(dir)? {
            return Ok(keys);
        }
        let keys = Self { keys: BTreeMap::from([(1, random_key()?)]), search: random_key()? };
        // Whoever is first makes it: keys that another process may be sealing with are never written over.
        keys.write(dir, |new, file| match fs::hard_link(new, file) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists => fs::remove_file(new),
            linked => linked.and_then(|()| fs::remove_file(new)),
        })?;
        Self::read(dir)
    }

    /// Like [`Keys::open`], but never makes any.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        Self::find(dir)?.ok_or_else(|| Error::Key(format!("{} is not there", dir.join(FILE).display())))
    }

    /// Reads the lines of a key file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut keys = BTreeMap::new();
        let mut search = None;
        for line in
            text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (name, digits) =
                line.split_once(' ').ok_or_else(|| spoilt("a line is a number and 64 hexadecimal digits"))?;
            let key = parse_hex(digits.trim()).ok_or_else(|| spoilt("a key is 64 hexadecimal digits"))?;
            let known = if name == SEARCH {
                search.replace(key).is_some()
            } else {
                let id = name.parse().map_err(|_| spoilt("a line begins with the number of its key"))?;
                keys.insert(id, key).is_some()
            };
            if known {
                return Err(spoilt("two lines have the same number"));
            }
        }
        let oldest = keys.values().next().ok_or_else(|| spoilt("there is no key in it"))?;
        // Keys given by hand may leave the search key out: it then hangs on the oldest key, which must stay first.
        let search = search
            .unwrap_or_else(|| Zeroizing::new(blake3::derive_key("weir 2026 search of matches", &**oldest)));
        Ok(Self { keys, search })
    }

    /// Adds a key that seals from now on, and writes the file; the older ones stay for what they sealed.
    pub fn rotate(&mut self, dir: &Path) -> Result<u32, Error> {
        if std::env::var_os(VARIABLE).is_some() {
            return Err(Error::Key(format!(
                "the keys come from {VARIABLE}: add a line with the next number there"
            )));
        }
        let newest = self.newest_id().checked_add(1).ok_or_else(|| spoilt("there is no number left"))?;
        self.keys.insert(newest, random_key()?);
        if let Err(error) = self.write(dir, |new, file| fs::rename(new, file)) {
            self.keys.remove(&newest);
            return Err(error);
        }
        Ok(newest)
    }

    /// Forgets all but the newest key. Only after everything was wrapped again: what is not cannot be opened any more.
    pub fn retire_old(&mut self, dir: &Path) -> Result<(), Error> {
        let newest = self.newest_id();
        self.keys.retain(|id, _| *id == newest);
        self.write(dir, |new, file| fs::rename(new, file))
    }

    /// The number of the key that seals.
    pub fn newest_id(&self) -> u32 {
        self.keys.keys().next_back().copied().unwrap_or(0)
    }

    /// A hash of `value` that tells equal values and, without the key, nothing else. `purpose` keeps kinds of values apart.
    pub fn hash(&self, purpose: &str, value: impl AsRef<[u8]>) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.search);
        hasher.update(purpose.as_bytes()).update(&[0]).update(value.as_ref());
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        short
    }

    /// The number (of 40 bits) of the name that stands for an address where it is not shown: the same in any case of letters. It
    /// hangs on the key of hashes, which a new master key leaves as it is.
    pub fn pseudonym(&self, address: &str) -> u64 {
        let hash = self.hash("pseudonym", address.to_lowercase());
        hash[..5].iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
    }

    pub(crate) fn newest(&self) -> Option<(u32, &Secret)> {
        self.keys.last_key_value().map(|(id, key)| (*id, key))
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Secret> {
        self.keys.get(&id)
    }

    fn find(dir: &Path) -> Result<Option<Self>, Error> {
        if let Ok(text) = std::env::var(VARIABLE) {
            return Self::parse(&Zeroizing::new(text))
                .map(Some)
                .map_err(|why| Error::Key(format!("{VARIABLE}: {why}")));
        }
        let path = dir.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let keys = Self::parse(&Zeroizing::new(text));
                keys.map(Some).map_err(|why| Error::Key(format!("{}: {why}", path.display())))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Error::file("cannot read", &path, why)),
        }
    }

    /// Whole under another name first: a crash never leaves half a file.
    fn write(
        &self,
        dir: &Path,
        take_the_place: impl Fn(&Path, &Path) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        let text = self.lines();
        let write = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            let new = dir.join(format!("{FILE}.{}.new", std::process::id()));
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            take_the_place(&new, &dir.join(FILE))?;
            File::open(dir)?.sync_all()
        };
        write().map_err(|why| Error::file("cannot write", &dir.join(FILE), why))
    }

    fn lines(&self) -> Zeroizing<String> {
        // Room for everything at once: a string that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity((self.keys.len() + 1) * 80));
        let names = self.keys.iter().map(|(id, key)| (id.to_string(), key));
        for (name, key) in names.chain([(SEARCH.to_owned(), &self.search)]) {
            text.push_str(&name);
            text.push(' ');
            for octet in key.iter() {
                text.extend(
                    [octet >> 4, octet & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')),
                );
            }
            text.push('\n');
        }
        text
    }
}

/// A name that nobody can guess and nobody else has: 32 hexadecimal digits.
pub fn random_name() -> Result<String, Error> {
    let mut octets = [0_u8; 16];
    getrandom::fill(&mut octets).map_err(|why| Error::Key(format!("no random octets: {why}")))?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

fn spoilt(why: &str) -> Error {
    Error::Key(why.to_owned())
}

fn random_key() -> Result<Secret, Error> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|why| Error::Key(format!("no random octets: {why}")))?;
    Ok(key)
}

fn parse_hex(digits: &str) -> Option<Secret> {
    let mut key = Zeroizing::new([0; 32]);
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
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
        let dir = dir.path().join("keys");
        assert!(Keys::read(&dir).is_err());
        let made = Keys::open(&dir).unwrap();
        let path = dir.join("master.keys");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        let again = Keys::open(&dir).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(made.hash("card", "4111"), again.hash("card", "4111"));
    }

    #[test]
    fn a_spoilt_file_is_refused_and_not_replaced() {
        for spoilt in
            ["1 abc\n", "", "x\n", &format!("one {}", "0".repeat(64)), &format!("1 {}", "+1".repeat(32))]
        {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("master.keys"), spoilt).unwrap();
            assert!(Keys::open(dir.path()).unwrap_err().to_string().contains("master.keys"));
            assert_eq!(fs::read_to_string(dir.path().join("master.keys")).unwrap(), spoilt);
        }
    }

    #[test]
    fn keys_in_one_line_serve_as_well_and_the_highest_number_seals() {
        let keys = Keys::parse(&format!("2 {}; 1 {}", "ab".repeat(32), "CD".repeat(32))).unwrap();
        assert_eq!(keys.newest_id(), 2);
        assert!(format!("{keys:?}").len() < 40, "no key in what is printed");
    }

    #[test]
    fn hashes_differ_by_value_by_purpose_and_by_installation() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("a")).unwrap();
        let other = Keys::open(&dir.path().join("b")).unwrap();
        assert_ne!(keys.hash("match", "1"), keys.hash("match", "2"));
        assert_ne!(keys.hash("match", "1"), keys.hash("file", "1"));
        assert_ne!(keys.hash("match", "1"), other.hash("match", "1"));
    }

    #[test]
    fn the_search_key_outlives_rotation_and_retirement() {
        let dir = tempfile::tempdir().unwrap();
        let mut keys = Keys::open(dir.path()).unwrap();
        let before = keys.hash("match", "1");
        assert_eq!(keys.rotate(dir.path()).unwrap(), 2);
        keys.retire_old(dir.path()).unwrap();
        let again = Keys::open(dir.path()).unwrap();
        assert_eq!((again.newest_id(), again.hash("match", "1")), (2, before));
        assert!(again.get(1).is_none());
    }
}
