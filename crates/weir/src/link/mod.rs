//! A server's side of the servers' port: enrolment, heartbeats, what Enforce gives to run with, and handing incidents over.
//!
//! Everything here may fail for days: the server goes on with what it has, tries again with growing pauses, and catches up. The
//! log tells when Enforce goes away and when it is there again, not each attempt.

mod client;
mod heart;
mod identity;
mod policies;
mod shipper;
mod trust;

pub(crate) use heart::{Heart, Pulse, Reload};
pub(crate) use identity::{Place, cached_settings, enroll};
pub(crate) use policies::current as current_policies;
pub(crate) use shipper::Shipper;

use std::time::Duration;

/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Pauses that double, up to a minute.
#[derive(Debug)]
struct Pauses(Duration);

impl Pauses {
    fn new() -> Self {
        Self(PAUSES.0)
    }

    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSES.1);
        pause
    }

    fn reset(&mut self) {
        self.0 = PAUSES.0;
    }
}

/// Whether the last attempt worked; only a change is told.
#[derive(Debug, Default)]
struct Lately(Option<String>);

impl Lately {
    fn failed(&mut self, what: &str, why: &str) {
        if self.0.as_deref() != Some(why) {
            tracing::warn!(why, "{what}; it is tried again until it works");
            self.0 = Some(why.to_owned());
        }
    }

    fn worked(&mut self, what: &str) {
        if self.0.take().is_some() {
            tracing::info!("{what} works again");
        }
    }
}
