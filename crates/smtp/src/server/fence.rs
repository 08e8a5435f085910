//! A panic in one message is one 451, not an outage: a fence around each future of the service.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future panicked.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs `future`. It lives on the heap, so that an idle session does not hold room for the biggest of them.
pub(super) fn fenced<F: Future>(future: F) -> Fenced<F> {
    Fenced(Box::pin(future))
}

pub(super) struct Fenced<F>(Pin<Box<F>>);

impl<F: Future> Future for Fenced<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = &mut self.get_mut().0;
        // The session ends after a panic, and the service is only told to quit: nothing half-done is looked at.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
