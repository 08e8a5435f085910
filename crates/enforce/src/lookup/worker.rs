//! Looks attributes up in the background: new incidents once, others when somebody asks, and again where a lookup failed.

use std::sync::Arc;
use std::time::Duration;

use incident::desk::{Desk, LookupDue};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::Enforce;

/// New incidents are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Lookups under way at the same time.
const AT_ONCE: usize = 4;
/// Seconds, doubled before each attempt.
const FIRST_WAIT: i64 = 30;
const LONGEST_WAIT: i64 = 3_600;
/// With those waits: for about eight hours.
const MOST_ATTEMPTS: u64 = 14;

/// Runs until told to stop; what is under way is finished first.
pub(crate) async fn run(enforce: Arc<Enforce>, stop: CancellationToken) {
    if enforce.lookups.is_empty() {
        return;
    }
    let lanes: Vec<_> =
        (0..AT_ONCE).map(|number| tokio::spawn(lane(enforce.clone(), number == 0, stop.clone()))).collect();
    for lane in lanes {
        let _ = lane.await;
    }
}

async fn lane(enforce: Arc<Enforce>, first: bool, stop: CancellationToken) {
    let desk = enforce.desk();
    while !stop.is_cancelled() {
        if first && let Err(error) = desk.queue_lookups().await {
            tracing::error!(%error, "new incidents cannot be queued for their attributes");
        }
        // The first one goes on looking for new incidents, however many wait.
        let mut left = if first { 50 } else { usize::MAX };
        while left > 0 && !stop.is_cancelled() && next(&enforce, &desk).await {
            left -= 1;
        }
        if left > 0 {
            tokio::select! {
                () = enforce.look_up.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// False if nothing is due.
async fn next(enforce: &Enforce, desk: &Desk) -> bool {
    let due = match desk.claim_lookup().await {
        Ok(Some(due)) => due,
        Ok(None) => return false,
        Err(error) => {
            tracing::error!(%error, "incidents that wait for their attributes cannot be read");
            return false;
        }
    };
    let found = enforce.lookups.ask(&due).await;
    let trouble = found.trouble.join("; ");
    if !trouble.is_empty() {
        tracing::warn!(incident = due.incident, attempt = due.attempt, why = trouble, "a lookup failed");
    }
    let again = (!trouble.is_empty()).then(|| wait(&due)).flatten();
    if let Err(error) = desk.finish_lookup(&due, &found.values, &trouble, again).await {
        // The claim ends by itself, and it is looked up again.
        tracing::error!(%error, incident = due.incident, "looked-up attributes cannot be kept");
    }
    true
}

/// When a failed one is tried again; None: never.
fn wait(due: &LookupDue) -> Option<Timestamp> {
    if due.attempt >= MOST_ATTEMPTS {
        return None;
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << due.attempt.min(20).saturating_sub(1));
    Timestamp::now().checked_add(SignedDuration::from_secs(doubled.min(LONGEST_WAIT))).ok()
}
