//! The policy directory, looked at now and then: a change counts when it has come to rest.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A directory whose change is seen by names, sizes and times; taken only when it has come to rest.
pub(super) struct Watched {
    dir: PathBuf,
    seen: Vec<(PathBuf, u64, Option<SystemTime>)>,
    moving: Option<Vec<(PathBuf, u64, Option<SystemTime>)>>,
}

impl Watched {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), seen: fingerprint(dir), moving: None }
    }

    /// True once after a change, when two looks in a row see the same.
    pub(super) fn changed(&mut self) -> bool {
        if self.dir.as_os_str().is_empty() {
            return false;
        }
        let now = fingerprint(&self.dir);
        if now == self.seen {
            self.moving = None;
            return false;
        }
        if self.moving.as_ref() == Some(&now) {
            self.seen = now;
            self.moving = None;
            return true;
        }
        self.moving = Some(now);
        false
    }
}

fn fingerprint(dir: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                dirs.push(entry.path());
            } else {
                found.push((entry.path(), meta.len(), meta.modified().ok()));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_has_come_to_rest() {
        let dir = tempfile::tempdir().unwrap();
        let mut watched = Watched::new(dir.path());
        assert!(!watched.changed());
        std::fs::write(dir.path().join("a.toml"), "1").unwrap();
        assert!(!watched.changed());
        std::fs::write(dir.path().join("a.toml"), "12").unwrap();
        assert!(!watched.changed());
        assert!(watched.changed());
        assert!(!watched.changed());
    }
}
