//! One server owns a data directory: an advisory lock that the kernel gives back when the process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::Error;

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes `DIR/NAME`, waiting up to `patience` for an owner that is just ending. Blocks the thread meanwhile.
    pub fn take(dir: &Path, name: &str, patience: Duration) -> Result<Self, Error> {
        let path = dir.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|why| Error::file("cannot open", &path, why))?;
        let until = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => return Err(Error::InUse(dir.display().to_string())),
                Err(why) => return Err(Error::file("cannot lock", &path, why.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path(), "lock", Duration::ZERO).unwrap();
        let second = Lock::take(dir.path(), "lock", Duration::from_millis(30));
        assert!(second.unwrap_err().to_string().contains("in use by another process"));
        drop(first);
        Lock::take(dir.path(), "lock", Duration::ZERO).unwrap();
    }
}
