//! How full the journal is: looked at by the writer, read by everybody, without waiting.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::database::{Database, Dialect};

/// Share of the disk's size that the journal may take, whatever `max_octets` says.
const SHARE_OF_DISK_PERCENT: u64 = 80;

/// Bounds of the journal.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Octets on disk at which nothing more is taken; never more than 80 % of the disk.
    pub max_octets: u64,
    /// Nothing more is taken when the disk is this full, by whatever.
    pub max_disk_percent: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { max_octets: 10 << 30, max_disk_percent: 98 }
    }
}

/// How full the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalState {
    /// Octets on disk.
    pub octets: u64,
    /// Octets at which it is full.
    pub max_octets: u64,
    /// Nothing more is taken: the bound, or the disk's, is reached.
    pub full: bool,
    /// 70 % of the bound are reached.
    pub warn: bool,
    /// Transactions that wrote messages or outcomes, since it was opened: far fewer than messages where many come at once.
    pub commits: u64,
}

#[derive(Debug)]
pub(crate) struct Gauge {
    data: PathBuf,
    options: JournalOptions,
    octets: AtomicU64,
    /// Octets of the disk; nothing is known of a database elsewhere.
    disk: AtomicU64,
    disk_percent: AtomicU64,
    commits: AtomicU64,
    warned: AtomicBool,
}

impl Gauge {
    pub(crate) fn new(data: &Path, options: JournalOptions) -> Self {
        Self {
            data: data.to_owned(),
            options,
            octets: AtomicU64::new(0),
            disk: AtomicU64::new(u64::MAX),
            disk_percent: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        }
    }

    /// Looks at the database and the disk. What cannot be seen stays as it was: the next write will say what is wrong.
    pub(crate) async fn look(&self, database: &dyn Database) {
        if let Ok(octets) = database.octets().await {
            self.octets.store(octets, Ordering::Relaxed);
        }
        if database.dialect() == Dialect::Sqlite
            && let Ok(disk) = rustix::fs::statvfs(&self.data)
        {
            let free = disk.f_bavail.saturating_mul(100).checked_div(disk.f_blocks).unwrap_or(100);
            self.disk_percent.store(100_u64.saturating_sub(free), Ordering::Relaxed);
            self.disk.store(disk.f_blocks.saturating_mul(disk.f_frsize), Ordering::Relaxed);
        }
        let state = self.state();
        if state.warn && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                octets = state.octets,
                max = state.max_octets,
                full = state.full,
                "the incidents take 70 % of the room they may take"
            );
        }
        if !state.warn {
            self.warned.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Between two looks, what was written is added.
    pub(crate) fn add(&self, octets: u64) {
        self.octets.fetch_add(octets, Ordering::Relaxed);
    }

    pub(crate) fn has_no_room_for(&self, octets: u64) -> bool {
        let state = self.state();
        state.full || state.octets.saturating_add(octets) > state.max_octets
    }

    pub(crate) fn state(&self) -> JournalState {
        let octets = self.octets.load(Ordering::Relaxed);
        let share = self.disk.load(Ordering::Relaxed) / 100 * SHARE_OF_DISK_PERCENT;
        let max_octets = self.options.max_octets.min(share);
        let full = octets >= max_octets
            || self.disk_percent.load(Ordering::Relaxed) >= self.options.max_disk_percent;
        let warn = full || octets >= max_octets / 10 * 7;
        JournalState { octets, max_octets, full, warn, commits: self.commits.load(Ordering::Relaxed) }
    }
}
