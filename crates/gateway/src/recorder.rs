//! The message audit of mail that only passes: written soon after the sender has its answer, many at a time, so that the audit
//! costs the way of the mail next to nothing. The log has the same line at once.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::accept::{self, Incoming};
use crate::history::tell;
use crate::{Error, Gateway};

/// Messages that wait to be written; more than that slow mail down.
const WAITING: usize = 10_000;
const AT_ONCE: usize = 500;

/// A message that the gateway did not keep.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) incoming: Incoming,
    /// `passed`, `refused`, `deferred`.
    pub(crate) outcome: &'static str,
    pub(crate) detail: String,
}

/// Where such messages go.
pub(crate) type Recorder = mpsc::Sender<Passed>;

/// A recorder, and the task that ends once all recorders are gone and all is written.
pub(crate) fn start(gateway: Gateway) -> (Recorder, tokio::task::JoinHandle<()>) {
    let (recorder, mut queue) = mpsc::channel(WAITING);
    let task = tokio::spawn(async move {
        let mut some = Vec::new();
        while queue.recv_many(&mut some, AT_ONCE).await > 0 {
            let mut attempts = 0;
            while let Err(error) = write(&gateway, &some).await {
                attempts += 1;
                tracing::error!(%error, messages = some.len(), "the message audit cannot be written");
                if attempts >= 10 {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            some.clear();
        }
    });
    (recorder, task)
}

async fn write(gateway: &Gateway, some: &[Passed]) -> Result<(), Error> {
    let mut transaction = gateway.database().begin().await?;
    let db = &mut *transaction;
    for passed in some {
        let message = accept::insert(db, &passed.incoming, passed.outcome, None).await?;
        tell(db, message, None, gateway.name(), &passed.outcome.to_uppercase(), &passed.detail).await?;
    }
    Ok(transaction.commit().await?)
}
