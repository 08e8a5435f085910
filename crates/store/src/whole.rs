//! Files that are there whole or not at all: written under another name, synced, then put in place.

use std::fs;
use std::path::{Path, PathBuf};

/// Gives a file that was written under another name its own, never over one that is there; durable when it returns.
pub(crate) fn keep(part: &Path, to: &Path) -> std::io::Result<()> {
    fs::File::open(part)?.sync_all()?;
    fs::hard_link(part, to)?;
    fs::remove_file(part)?;
    sync_dir(to)
}

pub(crate) fn sync_dir(file: &Path) -> std::io::Result<()> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(dir)?.sync_all()
}

pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
