//! Slows those down who try many names or tokens from one address: so many failures at once, then one every few seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use crate::Problem;
use crate::clock::Clock;
use crate::listen::Peer;

/// Failures that an address has at first.
const BURST: f64 = 20.0;
/// Seconds for one more.
const REFILL: f64 = 6.0;
/// Addresses remembered; the ones that rest longest are forgotten first.
const MOST: usize = 10_000;

/// What each address has left.
#[derive(Debug)]
pub(crate) struct Throttle {
    clock: Clock,
    left: Mutex<HashMap<IpAddr, Left>>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    failures: f64,
    at: i64,
}

impl Throttle {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, left: Mutex::default() }
    }

    /// Whether an address may try.
    pub(crate) fn ask(&self, peer: &Peer) -> Result<(), Problem> {
        let now = self.now();
        let left = self.lock();
        let failures = left.get(&network(peer)).map_or(BURST, |left| refilled(*left, now));
        if failures >= 1.0 {
            return Ok(());
        }
        Err(Problem::TooOften(((1.0 - failures) * REFILL).ceil() as u32))
    }

    /// An address tried and was wrong.
    pub(crate) fn failed(&self, peer: &Peer) {
        let now = self.now();
        let mut left = self.lock();
        if left.len() >= MOST {
            left.retain(|_, left| refilled(*left, now) < BURST);
        }
        if left.len() >= MOST
            && let Some(oldest) = left.iter().min_by_key(|(_, left)| left.at).map(|(address, _)| *address)
        {
            left.remove(&oldest);
        }
        let known = left.entry(network(peer)).or_insert(Left { failures: BURST, at: now });
        *known = Left { failures: (refilled(*known, now) - 1.0).max(0.0), at: now };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Left>> {
        self.left.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

fn refilled(left: Left, now: i64) -> f64 {
    let seconds = now.saturating_sub(left.at).max(0) as f64 / 1000.0;
    (left.failures + seconds / REFILL).min(BURST)
}

/// Whoever has one address of IPv6 has the 2^64 around it.
fn network(peer: &Peer) -> IpAddr {
    match peer.ip() {
        IpAddr::V6(address) => {
            let segments = address.segments();
            IpAddr::from([segments[0], segments[1], segments[2], segments[3], 0, 0, 0, 0])
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn an_address_that_fails_too_often_waits_and_others_do_not() {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let shown = now.clone();
        let clock =
            Clock::by(move || jiff::Timestamp::from_millisecond(shown.load(Ordering::Relaxed)).unwrap());
        let throttle = Throttle::new(clock);
        let at = |address: &str| Peer { address: address.parse().unwrap(), ..Peer::default() };
        for _ in 0..20 {
            throttle.ask(&at("[2001:db8::1]:5")).unwrap();
            throttle.failed(&at("[2001:db8::1]:5"));
        }
        assert_eq!(throttle.ask(&at("[2001:db8::ffff]:6")), Err(Problem::TooOften(6)), "the same network");
        assert_eq!(throttle.ask(&at("[2001:db8:1::1]:5")), Ok(()));
        now.fetch_add(6_000, Ordering::Relaxed);
        assert_eq!(throttle.ask(&at("[2001:db8::1]:5")), Ok(()));
    }
}
