//! Keys of indexes: 256 random bits in a file of their own, never in the index, readable by their owner only.
//!
//! All that is stored of a value is a hash under a key that is derived from this one and from the salt of the build: two
//! builds of one table have no hash in common, and an index without its key file gives nothing to try guesses against.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The secret of one index.
#[derive(Clone, PartialEq, Eq)]
pub struct IndexKey {
    octets: [u8; 32],
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexKey({})", self.id())
    }
}

impl IndexKey {
    /// From 256 random bits of the system.
    pub fn random() -> io::Result<Self> {
        Ok(Self { octets: random()? })
    }

    /// A key from its octets.
    pub fn from_octets(octets: [u8; 32]) -> Self {
        Self { octets }
    }

    /// What an index says about its key: enough to find the right file, nothing to compute with.
    pub fn id(&self) -> String {
        blake3::Hash::from_bytes(blake3::derive_key("weir index: name of the key", &self.octets)).to_hex()
            [..16]
            .to_owned()
    }

    /// Reads a key file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let bad = || {
            io::Error::new(io::ErrorKind::InvalidData, "this is no key file: 64 hexadecimal digits are meant")
        };
        let octets = blake3::Hash::from_hex(text.trim()).map_err(|_| bad())?;
        Ok(Self { octets: *octets.as_bytes() })
    }

    /// The key of that file, which is made if it is not there.
    pub fn read_or_make(path: &Path) -> io::Result<Self> {
        if path.exists() {
            return Self::read(path);
        }
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let key = Self::random()?;
        // Written whole under another name first: a crash never leaves half a key.
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(file, "{}", blake3::Hash::from_bytes(key.octets).to_hex())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        Ok(key)
    }

    /// A key for one purpose in one build.
    pub(crate) fn derive(&self, purpose: &str, salt: &[u8; 32]) -> [u8; 32] {
        let mut material = [0; 64];
        material[..32].copy_from_slice(&self.octets);
        material[32..].copy_from_slice(salt);
        blake3::derive_key(&format!("weir index: {purpose}"), &material)
    }
}

/// 256 bits from the system.
pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut octets = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(octets)
}

/// Where key files are looked for: `NAME.key`, or any other `.key` file with the right key in it.
#[derive(Debug, Clone, Default)]
pub struct IndexKeys {
    dir: Option<PathBuf>,
}

impl IndexKeys {
    /// Key files of a directory; it need not exist.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()) }
    }

    /// The file that the key of the index `name` is kept in.
    pub fn file_of(&self, name: &str) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{name}.key")))
    }

    /// Where they are looked for, for people.
    pub(crate) fn place(&self) -> String {
        self.dir
            .as_ref()
            .map_or_else(|| "no directory of keys is given".to_owned(), |dir| dir.display().to_string())
    }

    /// The key with this id, and whether others than its owner may read the file.
    pub(crate) fn find(&self, name: &str, id: &str) -> Option<(IndexKey, bool)> {
        let own = self.file_of(name)?;
        let others =
            fs::read_dir(self.dir.as_ref()?).into_iter().flatten().flatten().map(|entry| entry.path());
        let others = others.filter(|path| path.extension().is_some_and(|end| end == "key")).take(1_000);
        std::iter::once(own).chain(others).find_map(|path| {
            let key = IndexKey::read(&path).ok().filter(|key| key.id() == id)?;
            let open = fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
            Some((key, open))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/customers.key");
        let key = IndexKey::read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(IndexKey::read_or_make(&path).unwrap(), key);
    }

    #[test]
    fn a_key_is_found_under_another_name_and_one_that_others_can_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let key = IndexKey::read_or_make(&dir.path().join("old.key")).unwrap();
        IndexKey::read_or_make(&dir.path().join("customers.key")).unwrap();
        fs::set_permissions(dir.path().join("old.key"), fs::Permissions::from_mode(0o644)).unwrap();
        let keys = IndexKeys::in_dir(dir.path());
        assert_eq!(keys.find("customers", &key.id()), Some((key, true)));
        assert_eq!(keys.find("customers", "0123456789abcdef"), None);
    }

    #[test]
    fn neither_another_purpose_nor_another_salt_gives_the_same_key() {
        let key = IndexKey::from_octets([7; 32]);
        assert_ne!(key.derive("values", &[1; 32]), key.derive("values", &[2; 32]));
        assert_ne!(key.derive("values", &[1; 32]), key.derive("filters", &[1; 32]));
        assert!(!format!("{key:?}").contains("0707"));
    }
}
