//! Large sealed objects as files: whole and on disk before a row names them, gone after no row names them any more.
//!
//! `DIR/aa/NAME` where NAME is a random UUID and aa its last two digits. A file is written as `NAME.part`, synced, renamed, and
//! its directory synced. What a crash leaves behind without a row is removed by [`Blobs::sweep`] at the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::Error;
use crate::cipher::{HEAD, Opener, Sealer};
use crate::keys::Keys;

/// A directory of sealed files.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
}

/// A file that was written: what its row must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The name of the file.
    pub name: Uuid,
    /// The head of the sealed object; without it the file does not open.
    pub head: [u8; HEAD],
    /// Octets of the file.
    pub octets: u64,
}

impl Blobs {
    /// The blobs in `dir`, which is made if need be (0700).
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let make = || {
            // All at once and synced: later no file hangs on a directory whose name is not on disk yet.
            for number in 0..=255_u8 {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(dir.join(format!("{number:02x}")))?;
            }
            File::open(dir)?.sync_all()
        };
        make().map_err(|why| Error::file("cannot make", dir, why))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Seals `plain` into a file. On disk when it returns; nothing of it is left when it fails. Blocks.
    pub fn write(&self, keys: &Keys, context: &str, plain: &[u8]) -> Result<Blob, Error> {
        let name = Uuid::from_u128(u128::from_le_bytes(random()?));
        let path = self.path(name);
        let part = path.with_extension("part");
        let written = self.put(keys, context, plain, &path, &part);
        if written.is_err() {
            let _ = fs::remove_file(&part);
            let _ = fs::remove_file(&path);
        }
        let (head, octets) = written?;
        Ok(Blob { name, head, octets })
    }

    /// Opens a file for reading as plain text.
    pub fn read(&self, keys: &Keys, context: &str, name: Uuid, head: &[u8]) -> Result<Opener<File>, Error> {
        let path = self.path(name);
        let file = File::open(&path).map_err(|why| Error::file("cannot open", &path, why))?;
        Opener::new(keys, context, head, file)
    }

    /// Removes a file; one that is not there is no error.
    pub fn remove(&self, name: Uuid) -> Result<(), Error> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                Err(Error::file("cannot remove", &path, why))
            }
            _ => Ok(()),
        }
    }

    /// Removes files that were left half written, and those that `is_named` does not know. Tells how many went.
    pub fn sweep(&self, is_named: impl Fn(Uuid) -> bool) -> Result<u64, Error> {
        let sweep = || {
            let mut removed = 0;
            for dir in fs::read_dir(&self.dir)? {
                let dir = dir?.path();
                if !dir.is_dir() {
                    continue;
                }
                for file in fs::read_dir(&dir)? {
                    let path = file?.path();
                    // A name that is none of ours is left alone, but for the halves.
                    let name = path
                        .file_stem()
                        .and_then(|name| name.to_str())
                        .and_then(|name| Uuid::try_parse(name).ok());
                    let half = path.extension().is_some_and(|extension| extension == "part");
                    if name.is_some_and(|name| half || !is_named(name)) {
                        fs::remove_file(&path)?;
                        removed += 1;
                    }
                }
            }
            Ok(removed)
        };
        sweep().map_err(|why| Error::file("cannot sweep", &self.dir, why))
    }

    fn put(
        &self,
        keys: &Keys,
        context: &str,
        plain: &[u8],
        path: &Path,
        part: &Path,
    ) -> Result<([u8; HEAD], u64), Error> {
        let failed = |why| Error::file("cannot write", path, why);
        let dir = path.parent().unwrap_or(&self.dir);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(failed)?;
        let (head, mut sealer) = Sealer::new(keys, context, file)?;
        sealer.write_all(plain).map_err(failed)?;
        let file = sealer.finish().map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let octets = file.metadata().map_err(failed)?.len();
        fs::rename(part, path).map_err(failed)?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok((head, octets))
    }

    fn path(&self, name: Uuid) -> PathBuf {
        let name = name.simple().to_string();
        self.dir.join(&name[30..]).join(name)
    }
}

fn random() -> Result<[u8; 16], Error> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|why| Error::Key(format!("no random octets: {why}")))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn fixture() -> (tempfile::TempDir, Keys, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys")).unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs")).unwrap();
        (dir, keys, blobs)
    }

    #[test]
    fn a_file_comes_back_and_shows_nothing() {
        let (_dir, keys, blobs) = fixture();
        let plain = b"SECRET ".repeat(30_000);
        let blob = blobs.write(&keys, "original", &plain).unwrap();
        let mut back = Vec::new();
        blobs.read(&keys, "original", blob.name, &blob.head).unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, plain);
        let raw = fs::read(blobs.path(blob.name)).unwrap();
        assert_eq!(raw.len() as u64, blob.octets);
        assert!(!raw.windows(6).any(|window| window == b"SECRET"));
        assert!(blobs.read(&keys, "original", blob.name, &[0; HEAD]).is_err());
    }

    #[test]
    fn halves_and_files_without_a_row_are_swept_and_others_stay() {
        let (dir, keys, blobs) = fixture();
        let kept = blobs.write(&keys, "x", b"kept").unwrap();
        let orphan = blobs.write(&keys, "x", b"orphan").unwrap();
        let half = blobs.path(kept.name).with_extension("part");
        fs::write(&half, b"half").unwrap();
        let foreign = dir.path().join("blobs").join("README");
        fs::write(&foreign, b"").unwrap();
        assert_eq!(blobs.sweep(|name| name == kept.name).unwrap(), 2);
        assert!(blobs.path(kept.name).exists() && foreign.exists());
        assert!(!blobs.path(orphan.name).exists() && !half.exists());
        blobs.remove(kept.name).unwrap();
        blobs.remove(kept.name).unwrap();
    }
}
