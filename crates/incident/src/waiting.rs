//! How much may wait to be written: a store that is slow must not fill the memory.

use std::sync::{Arc, Mutex, PoisonError};

/// Messages that may wait; the next one hears that we are busy.
const MESSAGES: usize = 1_024;
/// Octets of originals that may wait. One message may, whatever its size.
const OCTETS: u64 = 256 << 20;

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Amount>);

#[derive(Debug, Default)]
struct Amount {
    messages: usize,
    octets: u64,
}

/// A place among those that wait, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Arc<Waiting>,
    octets: u64,
}

impl Waiting {
    /// A place for a message with an original of this size, if there is room.
    pub(crate) fn enter(self: &Arc<Self>, octets: u64) -> Option<Place> {
        let mut amount = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if amount.messages > 0 && (amount.messages >= MESSAGES || amount.octets + octets > OCTETS) {
            return None;
        }
        amount.messages += 1;
        amount.octets += octets;
        Some(Place { waiting: self.clone(), octets })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut amount = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        amount.messages -= 1;
        amount.octets -= self.octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_in_number_and_octets_but_one_is_always_taken() {
        let waiting = Arc::new(Waiting::default());
        let huge = waiting.enter(OCTETS * 2).unwrap();
        assert!(waiting.enter(1).is_none());
        drop(huge);
        let mut places: Vec<Place> = (0..MESSAGES).map(|_| waiting.enter(10).unwrap()).collect();
        assert!(waiting.enter(0).is_none());
        places.pop();
        assert!(waiting.enter(0).is_some());
    }
}
