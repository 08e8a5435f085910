//! How full the journal is: looked at by the writer, read by everybody, without waiting.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use store::database::{Database, Dialect};

/// Share of the disk's size that the journal may take, whatever `max_octets` says.
const SHARE_OF_DISK_PERCENT: u64 = 80;

/// Share of the disk's size that is enough to have free, whatever `min_free` says: small disks have small files.
const ENOUGH_FREE_PERCENT: u64 = 2;

/// Bounds of the journal.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Octets on disk at which nothing more is taken; never more than 80 % of the disk.
    pub max_octets: u64,
    /// Nothing more is taken when fewer octets than this are free on the disk, and fewer than 2 % of it.
    pub min_free: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { max_octets: 10 << 30, min_free: 1 << 30 }
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
    free: AtomicU64,
    commits: AtomicU64,
    /// How near the end of its room the log was told that it is: not near, 70 %, full.
    told: AtomicU8,
}

impl Gauge {
    pub(crate) fn new(data: &Path, options: JournalOptions) -> Self {
        Self {
            data: data.to_owned(),
            options,
            octets: AtomicU64::new(0),
            disk: AtomicU64::new(u64::MAX),
            free: AtomicU64::new(u64::MAX),
            commits: AtomicU64::new(0),
            told: AtomicU8::new(0),
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
            self.free.store(disk.f_bavail.saturating_mul(disk.f_frsize), Ordering::Relaxed);
            self.disk.store(disk.f_blocks.saturating_mul(disk.f_frsize), Ordering::Relaxed);
        }
        let state = self.state();
        if let Some(news) = self.news(state) {
            let free = self.free.load(Ordering::Relaxed);
            tracing::warn!(octets = state.octets, max = state.max_octets, free, "{news}");
        }
    }

    /// What the log is told once it is nearer to the end of its room than was said.
    fn news(&self, state: JournalState) -> Option<&'static str> {
        let near = u8::from(state.warn) + u8::from(state.full);
        let before = self.told.swap(near, Ordering::Relaxed);
        (near > before).then_some(match state.full {
            true => "there is no room for incidents: violating mail stays with its senders until the disk has more, or limits.journal_size is raised",
            false => "the incidents take 70 % of the room they may take",
        })
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
        let percent = self.disk.load(Ordering::Relaxed) / 100;
        let max_octets = self.options.max_octets.min(percent * SHARE_OF_DISK_PERCENT);
        let enough = self.options.min_free.min(percent * ENOUGH_FREE_PERCENT);
        let full = octets >= max_octets || self.free.load(Ordering::Relaxed) < enough;
        let warn = full || octets >= max_octets / 10 * 7;
        JournalState { octets, max_octets, full, warn, commits: self.commits.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_disk_of(octets: u64, free: u64) -> Gauge {
        let gauge = Gauge::new(Path::new("/"), JournalOptions::default());
        gauge.disk.store(octets, Ordering::Relaxed);
        gauge.free.store(free, Ordering::Relaxed);
        gauge
    }

    #[test]
    fn a_large_disk_is_full_when_less_than_a_gibibyte_is_free() {
        assert!(!on_a_disk_of(4 << 40, 1 << 30).state().full, "some forty times more would be 1 % of it");
        assert!(on_a_disk_of(4 << 40, (1 << 30) - 1).state().full);
    }

    #[test]
    fn a_small_disk_is_full_when_less_than_two_percent_are_free() {
        assert!(!on_a_disk_of(10_000_000_000, 200_000_000).state().full);
        assert!(on_a_disk_of(10_000_000_000, 199_999_999).state().full);
    }

    /// On a disk that others filled, the incidents may take little of what they may.
    #[test]
    fn the_log_is_told_of_a_full_disk_once_and_in_words_of_its_own() {
        let gauge = on_a_disk_of(10_000_000_000, 199_999_999);
        assert!(
            gauge.news(gauge.state()).is_some_and(|news| news.starts_with("there is no room for incidents"))
        );
        assert_eq!(gauge.news(gauge.state()), None);
        gauge.free.store(5_000_000_000, Ordering::Relaxed);
        assert_eq!(gauge.news(gauge.state()), None);
        gauge.add(7 << 30);
        assert!(gauge.news(gauge.state()).is_some_and(|news| news.contains("70 %")));
        gauge.free.store(0, Ordering::Relaxed);
        assert!(
            gauge.news(gauge.state()).is_some_and(|news| news.contains("no room")),
            "nearer than was said"
        );
    }

    #[test]
    fn where_nothing_is_known_of_the_disk_only_the_bound_counts() {
        let gauge = Gauge::new(Path::new("/"), JournalOptions::default());
        assert!(!gauge.state().full);
        gauge.add(10 << 30);
        assert!(gauge.state().full);
    }
}
