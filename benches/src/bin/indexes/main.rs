//! Indexes at the size that companies have: a table of ten million people, a hundred thousand documents; how long building
//! takes, what it holds in memory and on disk, how fast text is looked through, and that nothing is found that is not there.
//!
//! ```sh
//! cargo run --release -p benches --bin indexes -- [--rows 10000000] [--documents 100000] [--corpus DIR]
//! ```
//!
//! Without `--corpus`, text is made; with it, the files below that directory are looked through as well.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

mod documents;
mod table;
mod texts;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use content::documents::InProcess;
use content::{How, Limits};
use policy::index::{IndexKey, IndexKeys, Indexes};
use policy::{Envelope, Inspection, Mail, Set, SourceFile};

#[derive(Parser)]
struct Options {
    /// Rows of the table.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Documents.
    #[arg(long, default_value_t = 100_000)]
    documents: u64,
    /// Octets of each text that is looked through.
    #[arg(long, default_value_t = 64 << 20)]
    octets: usize,
    /// Other text to look through for false alarms.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Where tables and indexes go (a directory of its own, removed at the end, if not given).
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() {
    let options = Options::parse();
    let temporary = tempfile::tempdir().unwrap();
    let dir = options.dir.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    std::fs::create_dir_all(dir.join("indexes")).unwrap();
    if options.rows > 0 {
        table::measure(&dir, &options);
    }
    if options.documents > 0 {
        documents::measure(&dir, &options);
    }
}

/// The key of the benches.
fn key(dir: &Path, name: &str) -> IndexKey {
    IndexKey::read_or_make(&dir.join(format!("keys/{name}.key"))).unwrap()
}

/// A set of one policy with this condition.
fn set(dir: &Path, condition: &str) -> Set {
    let indexes = Indexes::open(dir, &IndexKeys::in_dir(dir.join("keys")));
    let policy = format!("id = 1\nname = \"P\"\nmode = \"on\"\n[[rule]]\nname = \"R\"\n{condition}");
    match Set::load_files_with(&[SourceFile::new("p.toml", policy)], &indexes) {
        Ok(loaded) => loaded.set,
        Err(told) => panic!("{}", told.iter().map(ToString::to_string).collect::<String>()),
    }
}

/// Inspects a text as the body of a mail; gives what was found and how long inspection alone took.
fn inspect(set: &Set, text: &str) -> (Inspection, Duration) {
    let octets = [b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", text.as_bytes()].concat();
    let limits = Limits { octets_out: 1 << 32, ..Limits::default() };
    let deadline = Instant::now() + Duration::from_secs(3_600);
    let opened = content::open(
        &octets,
        &How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false },
    );
    let envelope = Envelope::default();
    let mail = Mail {
        envelope: &envelope,
        opened: &opened,
        size: octets.len() as u64,
        now: jiff::ZonedDateTime::now(),
        deadline,
    };
    let start = busy();
    let inspection = set.inspect(&mail);
    (inspection, busy() - start)
}

/// Time that this thread was on a core: what else the machine does is not measured.
fn busy() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Rows or documents found.
fn matches(inspection: &Inspection) -> u64 {
    inspection
        .violations
        .iter()
        .filter(|violation| violation.policy.id == 1)
        .map(|violation| violation.match_count)
        .sum()
}

/// Prints how fast a text was looked through, the best of three, and what was found in it.
fn speed(set: &Set, name: &str, text: &str) {
    let mut best = Duration::MAX;
    let mut found = 0;
    for _ in 0..3 {
        let (inspection, took) = inspect(set, text);
        best = best.min(took);
        found = matches(&inspection);
    }
    println!("  {name:<44} {:>7.0} MB/s   {found} found", text.len() as f64 / 1e6 / best.as_secs_f64());
}

/// Files below a directory, one after another, as text.
fn each_file(dir: &Path, see: &mut dyn FnMut(&Path, &str)) {
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.is_dir() {
                dirs.push(entry.path());
            } else if meta.is_file() && meta.len() < 64 << 20 {
                let octets = std::fs::read(entry.path()).unwrap_or_default();
                see(&entry.path(), &String::from_utf8_lossy(&octets));
            }
        }
    }
}

/// The most memory that this process held, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1_000
}
