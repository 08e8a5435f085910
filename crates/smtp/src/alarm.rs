//! One timer for the many waits of a connection. Each wait has its own deadline, but nearly all end long before it: the
//! timer is left where it stands and only moved when it would ring too late or has rung too early. So a message costs
//! no entry into the runtime's timer wheel and never wakes its driver.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is never later than the deadline at hand.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once `until` has passed.
    pub(crate) fn poll_past(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    async fn wait(alarm: &mut Alarm, millis: u64) -> u64 {
        let began = Instant::now();
        let until = began + Duration::from_millis(millis);
        poll_fn(|cx| alarm.poll_past(until, cx)).await;
        began.elapsed().as_millis() as u64
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_deadline_whatever_was_before() {
        let mut alarm = Alarm::default();
        for millis in [100, 10, 1000, 0, 50] {
            let waited = wait(&mut alarm, millis).await;
            assert!((millis..=millis + 2).contains(&waited), "{millis}: {waited}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_was_given_up_shortens_none_that_follows() {
        let mut alarm = Alarm::default();
        let given_up = tokio::time::timeout(Duration::from_millis(5), wait(&mut alarm, 20)).await;
        assert!(given_up.is_err());
        assert!(wait(&mut alarm, 100).await >= 100);
        assert!((30..=32).contains(&wait(&mut alarm, 30).await));
    }
}
