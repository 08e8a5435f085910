//! What happens with every request of a program is written to the audit log once in a while: the same line not again within an
//! hour, and only so many lines an hour, whatever names and addresses somebody makes up.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::clock::Clock;

/// Milliseconds until the same is told again.
const AGAIN: i64 = 3_600_000;
/// Different lines within that time.
const MOST: usize = 1_000;

/// What was told lately.
#[derive(Debug)]
pub(crate) struct Noted {
    clock: Clock,
    told: Mutex<HashMap<[u8; 32], i64>>,
}

impl Noted {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, told: Mutex::default() }
    }

    /// Whether this was not told lately, and may be; it counts as told then.
    pub(crate) fn is_new(&self, action: &str, who: &str, more: &str) -> bool {
        let mut hasher = blake3::Hasher::new();
        for text in [action, who, more] {
            hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
        }
        let mark = *hasher.finalize().as_bytes();
        let now = self.clock.now().as_millisecond();
        let mut told = self.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if told.get(&mark).is_some_and(|at| now - at < AGAIN) {
            return false;
        }
        if told.len() >= MOST {
            told.retain(|_, at| now - *at < AGAIN);
        }
        let has_room = told.len() < MOST;
        if has_room {
            told.insert(mark, now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn the_same_is_told_once_an_hour_and_no_flood_of_names_is_told() {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let shown = now.clone();
        let noted = Noted::new(Clock::by(move || {
            jiff::Timestamp::from_millisecond(shown.load(Ordering::Relaxed)).unwrap()
        }));
        assert!(noted.is_new("A", "jane", "192.0.2.1"));
        assert!(!noted.is_new("A", "jane", "192.0.2.1"));
        assert!(noted.is_new("B", "jane", "192.0.2.1") && noted.is_new("A", "jane", "192.0.2.2"));
        let told = (0..5_000).filter(|number| noted.is_new("A", &number.to_string(), "")).count();
        assert_eq!(told, MOST - 3);
        now.fetch_add(AGAIN, Ordering::Relaxed);
        assert!(noted.is_new("A", "jane", "192.0.2.1"));
    }
}
