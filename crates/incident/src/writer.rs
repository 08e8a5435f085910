//! The one task that writes: takes what waits, commits it together, and tells everybody who waits.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::database::Database;
use store::lock::Lock;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::gauge::Gauge;
use crate::seal::Sealed;
use crate::waiting::Place;
use crate::write::{self, Happened, StatusChange};
use crate::{Error, Outcome, Recorded};

/// Most messages of one transaction, and most octets in it.
const BATCH: usize = 256;
const BATCH_OCTETS: u64 = 32 << 20;
/// The size on disk is looked at this often, and outcomes that could not be written are tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Done<T> = oneshot::Sender<Result<T, Error>>;

/// What the writer is asked to do.
pub(crate) enum Job {
    Record { message: Box<Sealed>, place: Place, done: Done<Recorded> },
    Outcome(Recorded, Outcome, Timestamp),
    Status(StatusChange, Done<bool>),
    Flush(Done<()>),
}

pub(crate) struct Writer {
    database: Arc<dyn Database>,
    queue: mpsc::UnboundedReceiver<Job>,
    gauge: Arc<Gauge>,
    /// Outcomes that are not in the histories yet: they wait for a batch, or for the store to come back.
    happened: Vec<Happened>,
    looked: Instant,
    _lock: Lock,
}

/// Messages to be committed together, and who waits for each.
#[derive(Default)]
struct Batch {
    messages: Vec<Sealed>,
    waiting: Vec<(Done<Recorded>, Place)>,
    changes: Vec<(StatusChange, Done<bool>)>,
    flushes: Vec<Done<()>>,
    octets: u64,
}

impl Writer {
    pub(crate) fn new(
        database: Arc<dyn Database>,
        queue: mpsc::UnboundedReceiver<Job>,
        gauge: Arc<Gauge>,
        lock: Lock,
    ) -> Self {
        Self { database, queue, gauge, happened: Vec::new(), looked: Instant::now(), _lock: lock }
    }

    /// Runs until the journal is dropped and everything handed over is written.
    pub(crate) async fn run(mut self) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                job = self.queue.recv() => match job {
                    Some(job) => self.batch(job).await,
                    None => break,
                },
                _ = tick.tick() => self.idle().await,
            }
        }
        if !self.happened.is_empty() {
            self.commit(&[]).await.unwrap_or_else(|error| {
                tracing::error!(%error, outcomes = self.happened.len(), "outcomes were not written; the next start notes them as unknown");
                Vec::new()
            });
        }
    }

    async fn idle(&mut self) {
        self.gauge.look(&*self.database).await;
        self.looked = Instant::now();
        if !self.happened.is_empty() {
            self.write(Batch::default()).await;
        }
    }

    async fn batch(&mut self, first: Job) {
        let mut batch = Batch::default();
        self.take(&mut batch, first);
        while batch.messages.len() < BATCH && batch.octets < BATCH_OCTETS {
            let Ok(job) = self.queue.try_recv() else { break };
            self.take(&mut batch, job);
        }
        self.write(batch).await;
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            self.gauge.look(&*self.database).await;
        }
    }

    fn take(&mut self, batch: &mut Batch, job: Job) {
        match job {
            Job::Record { message, place, done } => {
                batch.octets += message.octets();
                batch.messages.push(*message);
                batch.waiting.push((done, place));
            }
            Job::Outcome(recorded, outcome, at) => self.happened.push(Happened { recorded, outcome, at }),
            Job::Status(change, done) => batch.changes.push((change, done)),
            Job::Flush(done) => batch.flushes.push(done),
        }
    }

    async fn write(&mut self, batch: Batch) {
        let Batch { messages, waiting, changes, flushes, octets } = batch;
        if !messages.is_empty() || !self.happened.is_empty() {
            let results = self.write_messages(&messages).await;
            self.gauge.add(octets);
            for ((done, _place), result) in waiting.into_iter().zip(results) {
                let _ = done.send(result);
            }
        }
        for (change, done) in changes {
            let _ = done.send(write::set_status(&*self.database, &change).await);
        }
        for done in flushes {
            let _ = done.send(Ok(()));
        }
    }

    /// One result for each message. If the store works but one of them cannot be written, the others do not suffer for it.
    async fn write_messages(&mut self, messages: &[Sealed]) -> Vec<Result<Recorded, Error>> {
        let error = match self.commit(messages).await {
            Ok(recorded) => return recorded.into_iter().map(Ok).collect(),
            Err(error) => error,
        };
        if error.is_outage() {
            tracing::error!(%error, messages = messages.len(), "incidents could not be written");
            return messages.iter().map(|_| Err(Error::Batch(error.to_string()))).collect();
        }
        self.drop_impossible_outcomes().await;
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            let recorded = self.transaction(&[], std::slice::from_ref(message)).await;
            results.push(recorded.and_then(|mut recorded| recorded.pop().ok_or(Error::Closed)));
        }
        results
    }

    async fn commit(&mut self, messages: &[Sealed]) -> Result<Vec<Recorded>, Error> {
        let recorded = self.transaction(&self.happened, messages).await?;
        self.happened.clear();
        Ok(recorded)
    }

    async fn transaction(&self, happened: &[Happened], messages: &[Sealed]) -> Result<Vec<Recorded>, Error> {
        let recorded = write::transaction(&*self.database, happened, messages).await?;
        self.gauge.committed();
        Ok(recorded)
    }

    async fn drop_impossible_outcomes(&mut self) {
        match self.commit(&[]).await {
            Err(error) if !error.is_outage() => {
                tracing::error!(%error, outcomes = self.happened.len(), "outcomes cannot be written");
                self.happened.clear();
            }
            _ => {}
        }
    }
}
