//! `weir index`: exact data, documents, learned policies; what there is.

mod documents;
mod exact;
mod learned;
mod list;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use policy::index::{IndexKey, IndexKind, is_index_name};

use crate::cli::{Index, IndexPlace};
use crate::policies;

/// Runs the command.
pub(crate) fn run(command: &Index) -> Result<ExitCode> {
    match command {
        Index::Exact(command) => exact::run(command),
        Index::Documents(command) => documents::run(command),
        Index::Learned(command) => learned::run(command),
        Index::List(command) => list::run(command),
    }
}

/// Where an index goes, and its key.
struct Place {
    path: PathBuf,
    key: IndexKey,
    key_file: PathBuf,
}

impl Place {
    /// Makes the folder, and the key if there is none yet.
    fn new(place: &IndexPlace, kind: IndexKind) -> Result<Self> {
        let name = &place.name;
        ensure!(is_index_name(name), "a name has letters, digits, _ and - only: \"{name}\" has others");
        ensure!(
            place.policies.is_dir(),
            "{} is no directory; name the directory of the policies with --policies",
            place.policies.display()
        );
        let path = kind.file_in(&place.policies, name);
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let key_file = policies::index_keys(&place.data).file_of(name).context("no directory of keys")?;
        let key = IndexKey::read_or_make(&key_file)
            .with_context(|| format!("cannot read or make the key {}", key_file.display()))?;
        Ok(Self { path, key, key_file })
    }

    /// Says where things are.
    fn print(&self, octets: u64) {
        println!("index {} ({}), key {}", self.path.display(), size(octets), self.key_file.display());
    }
}

/// Octets for people.
fn size(octets: u64) -> String {
    match octets {
        ..10_000 => format!("{octets} octets"),
        10_000..10_000_000 => format!("{} kB", octets / 1_000),
        _ => format!("{} MB", octets / 1_000_000),
    }
}

/// A bar on standard error, if that is a terminal.
fn bar(total: Option<u64>, octets: bool) -> ProgressBar {
    let (bar, template) = match (total, octets) {
        // Of what comes from another program nobody knows the end.
        (None, _) => (ProgressBar::new_spinner(), "{spinner} {bytes} read in {elapsed}"),
        (Some(total), true) => (ProgressBar::new(total), "{bar:40} {bytes} of {total_bytes}, {eta} left"),
        (Some(total), false) => (ProgressBar::new(total), "{bar:40} {pos} of {len}, {eta} left"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
