//! How many notices may go out in an hour, to one address and in all. What is over is dropped and counted, never queued.
//!
//! Kept in memory: a restart begins a new hour.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);
/// Addresses remembered; those of long ago go first when there are more.
const REMEMBERED: usize = 10_000;

/// Which limit a notice met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Recipient(u32),
    All(u32),
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Recipient(limit) => write!(f, "{limit} notices went to this address within an hour"),
            Self::All(limit) => write!(f, "{limit} notices went out within an hour"),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Limiter {
    all: VecDeque<Instant>,
    by_address: HashMap<String, Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    at: VecDeque<Instant>,
    dropped: u64,
}

impl Limiter {
    /// Whether one more may go to `address`; how many were dropped since the last one that went there.
    pub(super) fn admit(&mut self, address: &str, limits: [u32; 2], now: Instant) -> Result<u64, Over> {
        let [per_address, in_all] = limits;
        self.make_room(now);
        forget(&mut self.all, now);
        let sent = self.by_address.entry(address.to_lowercase()).or_default();
        forget(&mut sent.at, now);
        let over = if sent.at.len() >= per_address as usize {
            Some(Over::Recipient(per_address))
        } else if self.all.len() >= in_all as usize {
            Some(Over::All(in_all))
        } else {
            None
        };
        match over {
            Some(over) => {
                sent.dropped += 1;
                Err(over)
            }
            None => Ok(sent.dropped),
        }
    }

    /// One went out.
    pub(super) fn sent(&mut self, address: &str, now: Instant) {
        self.all.push_back(now);
        let sent = self.by_address.entry(address.to_lowercase()).or_default();
        sent.at.push_back(now);
        sent.dropped = 0;
    }

    fn make_room(&mut self, now: Instant) {
        if self.by_address.len() < REMEMBERED {
            return;
        }
        self.by_address.retain(|_, sent| sent.at.back().is_some_and(|last| now.duration_since(*last) < HOUR));
        if self.by_address.len() >= REMEMBERED {
            // The limit in all still holds.
            self.by_address.clear();
        }
    }
}

fn forget(sent: &mut VecDeque<Instant>, now: Instant) {
    while sent.front().is_some_and(|first| now.duration_since(*first) >= HOUR) {
        sent.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_dropped_and_the_next_that_goes_out_tells_how_many() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        for _ in 0..2 {
            assert_eq!(limiter.admit("a@a.example", [2, 3], start), Ok(0));
            limiter.sent("a@a.example", start);
        }
        assert_eq!(limiter.admit("A@A.example", [2, 3], start), Err(Over::Recipient(2)));
        assert_eq!(limiter.admit("a@a.example", [2, 3], start), Err(Over::Recipient(2)));
        assert_eq!(limiter.admit("b@a.example", [2, 3], start), Ok(0));
        limiter.sent("b@a.example", start);
        assert_eq!(limiter.admit("c@a.example", [2, 3], start), Err(Over::All(3)));
        assert_eq!(limiter.admit("a@a.example", [2, 3], start + HOUR), Ok(2));
        limiter.sent("a@a.example", start + HOUR);
        assert_eq!(limiter.admit("a@a.example", [2, 3], start + HOUR), Ok(0));
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        for number in 0..3 * REMEMBERED {
            let _ = limiter.admit(&format!("{number}@a.example"), [1, u32::MAX], start);
        }
        assert!(limiter.by_address.len() <= REMEMBERED);
    }
}
