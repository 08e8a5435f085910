//! How long a name stays locked after wrong passwords: the first few cost nothing, then each costs twice the time of the last.

use jiff::{SignedDuration, Timestamp};

/// So many wrong passwords in a row are mistakes, not guesses.
const FREE: i64 = 5;
const FIRST: SignedDuration = SignedDuration::from_secs(30);
/// Never for ever: a stranger must not be able to shut people out for good.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// When the name may be tried again after so many wrong passwords in a row.
pub(crate) fn locked_until(failures: i64, now: Timestamp) -> Timestamp {
    if failures < FREE {
        return now;
    }
    let doublings = u32::try_from(failures - FREE).unwrap_or(u32::MAX).min(20);
    let wait = FIRST.checked_mul(1 << doublings).unwrap_or(LONGEST).min(LONGEST);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_begins_after_five_failures_doubles_and_ends_at_an_hour() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let wait = |failures| locked_until(failures, now).as_second() - now.as_second();
        assert_eq!(
            [1, 4, 5, 6, 7, 11, 12, 40, i64::MAX].map(wait),
            [0, 0, 30, 60, 120, 1920, 3600, 3600, 3600]
        );
    }
}
