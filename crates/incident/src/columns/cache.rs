//! Columns that were read are kept in memory for the next question, as long as what the database has of them was not written anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Column;

/// Octets that columns take in memory: those of two million incidents.
const MOST: usize = 96 << 20;

/// What was read, within bounds.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    columns: HashMap<(String, i64), Entry>,
    octets: usize,
    /// Counts questions: what was asked for longest ago goes first.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    written: i64,
    asked: u64,
    column: Arc<Column>,
}

impl Cache {
    /// The column of a block as it was written then.
    pub(crate) fn get(&self, name: &str, block: i64, written: i64) -> Option<Arc<Column>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clock += 1;
        let clock = known.clock;
        let entry =
            known.columns.get_mut(&(name.to_owned(), block)).filter(|entry| entry.written == written)?;
        entry.asked = clock;
        Some(entry.column.clone())
    }

    pub(crate) fn put(&self, name: &str, block: i64, written: i64, column: &Arc<Column>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clock += 1;
        let entry = Entry { written, asked: known.clock, column: column.clone() };
        known.octets += column.size();
        if let Some(before) = known.columns.insert((name.to_owned(), block), entry) {
            known.octets -= before.column.size();
        }
        known.shrink(MOST);
    }
}

impl Known {
    fn shrink(&mut self, most: usize) {
        while self.octets > most {
            let oldest = self.columns.iter().min_by_key(|(_, entry)| entry.asked).map(|(key, _)| key.clone());
            let Some(entry) = oldest.and_then(|key| self.columns.remove(&key)) else { return };
            self.octets -= entry.column.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_anew_is_not_what_was_read() {
        let cache = Cache::default();
        let column = Arc::new(Column::absent(8));
        cache.put("status", 1, 5, &column);
        assert!(cache.get("status", 1, 5).is_some());
        assert!(cache.get("status", 1, 6).is_none());
        assert!(cache.get("status", 2, 5).is_none());
    }

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let cache = Cache::default();
        let column = Arc::new(Column::absent(8));
        (0..3).for_each(|block| cache.put("status", block, 1, &column));
        assert!(cache.get("status", 0, 1).is_some());
        let mut known = cache.0.lock().unwrap();
        assert_eq!(known.octets, 3 * column.size());
        known.shrink(2 * column.size());
        let mut left: Vec<i64> = known.columns.keys().map(|(_, block)| *block).collect();
        left.sort_unstable();
        assert_eq!((left, known.octets), (vec![0, 2], 2 * column.size()));
    }
}
