//! Which values stand in so many rows that two of them tell nothing: counted in the first rows of the table.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock};

use super::hashes::Hashes;

/// Rows in which values are counted, and the share of them from which a value is frequent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) rows: u32,
    pub(super) share: u32,
}

/// Counts values, from several threads. Until all rows of the sample were counted nothing is frequent.
#[derive(Debug)]
pub(super) struct Frequent {
    sample: Sample,
    counting: Mutex<Counting>,
    frequent: OnceLock<HashSet<u64>>,
}

#[derive(Debug, Default)]
struct Counting {
    rows: u32,
    counts: HashMap<u64, u32>,
}

impl Frequent {
    pub(super) fn new(sample: Sample) -> Self {
        Self { sample, counting: Mutex::default(), frequent: OnceLock::new() }
    }

    /// How many of so many rows from one on belong to the sample.
    pub(super) fn sampled(&self, first: u32, rows: usize) -> usize {
        (self.sample.rows.saturating_sub(first) as usize).min(rows)
    }

    /// Takes the values of so many rows of the sample.
    pub(super) fn count(&self, rows: usize, values: &[u64]) {
        let Ok(mut counting) = self.counting.lock() else { return };
        counting.rows += rows as u32;
        for value in values {
            *counting.counts.entry(*value).or_default() += 1;
        }
        if counting.rows == self.sample.rows {
            let counts = std::mem::take(&mut counting.counts).into_iter();
            let most = self.sample.rows / self.sample.share;
            let frequent = counts.filter(|(_, count)| *count > most).map(|(value, _)| value);
            let _ = self.frequent.set(frequent.collect());
        }
    }

    pub(super) fn contains(&self, value: u64) -> bool {
        self.frequent.get().is_some_and(|all| all.contains(&value))
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.frequent.get().into_iter().flatten().copied().collect();
        all.sort_unstable();
        all
    }
    /// Two of them together, each with each.
    pub(super) fn pairs(&self) -> HashSet<u64> {
        let all = self.all();
        all.iter().flat_map(|one| all.iter().map(|other| Hashes::pair_short(*one, *other))).collect()
    }
}
