//! Hands the incidents of a detection server over to Enforce: where Enforce stands is asked, what is behind that is sent, and
//! nothing is forgotten here before it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use incident::Journal;
use incident::wire::{IngestAnswer, paths};
use tokio_util::sync::CancellationToken;

use super::client::{Client, Failure};
use super::identity::Place;
use super::{Lately, Pauses};

/// How often the journal is looked at when there was nothing new.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Hands over until stopped.
pub(crate) struct Shipper {
    pub(crate) journal: Arc<Journal>,
    pub(crate) place: Place,
    /// History lines that wait, for the heartbeat.
    pub(crate) waiting: Arc<AtomicU64>,
}

/// Where things stand between this journal and Enforce.
struct Standing {
    client: Client,
    name: String,
    cursor: u64,
    wanted: Vec<String>,
}

impl Shipper {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut pauses, mut lately) = (Pauses::new(), Lately::default());
        let mut standing = None;
        loop {
            let pause = match self.round(&mut standing).await {
                Ok(true) => {
                    pauses.reset();
                    lately.worked("handing incidents over to Enforce");
                    Duration::ZERO
                }
                Ok(false) => {
                    lately.worked("handing incidents over to Enforce");
                    LOOK_EVERY
                }
                Err(failure) => {
                    standing = None;
                    self.count(None).await;
                    lately.failed("incidents cannot be handed over to Enforce", &failure.to_string());
                    pauses.next()
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// True if something was handed over.
    async fn round(&self, standing: &mut Option<Standing>) -> Result<bool, Failure> {
        let now = match standing {
            Some(now) => now,
            None => standing.insert(self.ask().await?),
        };
        if !now.wanted.is_empty() {
            let name = now.wanted.remove(0);
            self.original(now, &name).await?;
            if now.wanted.is_empty() {
                // An answer names some of them only.
                let answer: IngestAnswer = now.client.get(&format!("{}/{}", paths::CURSOR, now.name)).await?;
                now.wanted = answer.wanted;
            }
            return Ok(true);
        }
        let Some(batch) = self.journal.changes(now.cursor).await.map_err(here)? else {
            self.waiting.store(0, Ordering::Relaxed);
            return Ok(false);
        };
        self.waiting.store(batch.waiting + 1, Ordering::Relaxed);
        let answer: IngestAnswer = now.client.post(paths::INCIDENTS, &batch).await?;
        if answer.refused && answer.cursor == now.cursor {
            return Err(Failure::Away("Enforce refuses what begins where it stands".to_owned()));
        }
        now.cursor = answer.cursor;
        now.wanted = answer.wanted;
        self.journal.set_shipped(now.cursor).await.map_err(here)?;
        Ok(true)
    }

    async fn ask(&self) -> Result<Standing, Failure> {
        let identity = self.place.identity_here();
        let identity = identity.ok_or_else(|| Failure::Away("this server is not enrolled yet".to_owned()))?;
        let client = Client::enrolled(&identity.url, &self.place)
            .map_err(|error| Failure::Away(format!("{error:#}")))?;
        let mut name = self.journal.name().await.map_err(here)?;
        let mut answer: IngestAnswer = client.get(&format!("{}/{name}", paths::CURSOR)).await?;
        let (newest, _) = self.journal.behind(answer.cursor).await.map_err(here)?;
        if answer.cursor > newest {
            tracing::warn!(
                cursor = answer.cursor,
                newest,
                "Enforce has more of this journal than there is: it was set back; everything is handed over again"
            );
            name = self.journal.rename().await.map_err(here)?;
            answer = client.get(&format!("{}/{name}", paths::CURSOR)).await?;
        }
        Ok(Standing { client, name, cursor: answer.cursor, wanted: answer.wanted })
    }

    async fn original(&self, now: &Standing, name: &str) -> Result<(), Failure> {
        let path = format!("{}/{}/{name}", paths::ORIGINALS, now.name);
        match self.journal.original_by_name(name).await {
            Ok(Some(octets)) => now.client.put(&path, octets).await,
            Ok(None) => now.client.delete(&path).await,
            Err(error) => {
                tracing::error!(%error, "an original cannot be read and is not handed over");
                now.client.delete(&path).await
            }
        }
    }

    async fn count(&self, cursor: Option<u64>) {
        let cursor = match cursor {
            Some(cursor) => cursor,
            None => self.journal.shipped().await.unwrap_or(0),
        };
        if let Ok((_, waiting)) = self.journal.behind(cursor).await {
            self.waiting.store(waiting, Ordering::Relaxed);
        }
    }
}

fn here(error: incident::Error) -> Failure {
    Failure::Away(format!("our own journal: {error}"))
}
