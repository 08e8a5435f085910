//! The heartbeat: says how this server is, hears what it should run with, fetches that, and keeps the certificate fresh.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use enforce::certificates::SOON;
use incident::wire::{Heartbeat, HeartbeatAnswer, ServerKind, ServerSettings, paths};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::client::{Client, Failure};
use super::identity::{self, Identity, Place};
use super::{Lately, Pauses, cached_settings, enroll, policies};

/// Between two heartbeats.
const EVERY: Duration = Duration::from_secs(5);

/// Asks the server to read its configuration again; it says what was wrong with it.
pub(crate) type Reload = mpsc::Sender<oneshot::Sender<Result<(), String>>>;
/// What the server says of itself.
pub(crate) type Pulse = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Heartbeat> + Send>> + Send + Sync>;

/// Beats until stopped.
pub(crate) struct Heart {
    pub(crate) kind: ServerKind,
    pub(crate) url: String,
    pub(crate) data: PathBuf,
    /// The token by which this server enrols itself, if it is not enrolled.
    pub(crate) token: Option<String>,
    pub(crate) pulse: Pulse,
    /// Asked after anything that the server runs with has changed: settings, policies, its certificate.
    pub(crate) reload: Reload,
    /// Settings are taken from Enforce.
    pub(crate) wants_settings: bool,
    /// Policies are taken from Enforce.
    pub(crate) wants_policies: bool,
}

#[derive(Default)]
struct Refused {
    policies: Option<(String, String)>,
    settings: Option<(String, String)>,
}

impl Heart {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let (mut pauses, mut lately, mut refused) = (Pauses::new(), Lately::default(), Refused::default());
        loop {
            let pause = match self.beat(&mut refused).await {
                Ok(()) => {
                    pauses.reset();
                    lately.worked("the connection to Enforce");
                    EVERY
                }
                Err(failure) => {
                    lately.failed(
                        "Enforce is not reached; this server goes on with what it has",
                        &failure.to_string(),
                    );
                    pauses.next().min(EVERY * 3)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn beat(&self, refused: &mut Refused) -> Result<(), Failure> {
        let place = Place::of(&self.data);
        let mut identity = self.identity(&place).await?;
        let failed = |error: anyhow::Error| Failure::Away(format!("{error:#}"));
        let client = Client::enrolled(&identity.url, &place).map_err(failed)?;
        let mut heartbeat = (self.pulse)().await;
        heartbeat.certificate_expires = place.certificate_ends();
        heartbeat.settings = identity.settings.clone();
        heartbeat.policy_error = refused.policies.as_ref().map(|(_, why)| why.clone());
        heartbeat.settings_error = refused.settings.as_ref().map(|(_, why)| why.clone());
        let answer: HeartbeatAnswer = client.post(paths::HEARTBEAT, &heartbeat).await?;
        if place.keep_unique_id_keys(&answer.unique_id_keys).map_err(failed)? {
            let _ = self.reload().await;
        }
        if self.wants_settings && answer.settings != identity.settings {
            self.settings(&client, &place, &mut identity, &answer, refused).await?;
        }
        if self.wants_policies && !answer.policies.is_empty() && answer.policies != policies::etag(&self.data)
        {
            self.policies(&client, &answer, refused).await?;
        }
        if place.certificate_ends().is_some_and(|end| end <= Timestamp::now() + SOON) {
            identity::renew(&place, &client, &identity.name).await?;
            if let Err(why) = self.reload().await {
                tracing::error!(why, "the renewed certificate is not in use before the next start");
            }
        }
        Ok(())
    }

    async fn identity(&self, place: &Place) -> Result<Identity, Failure> {
        if let Some(mut identity) = place.identity_here() {
            if identity.url != self.url {
                // The same Enforce under another address, or another one: the certificate will tell.
                identity.url.clone_from(&self.url);
                place.keep_identity(&identity).map_err(|error| Failure::Away(format!("{error:#}")))?;
            }
            return Ok(identity);
        }
        let Some(token) = &self.token else {
            return Err(Failure::Away(
                "this server is not enrolled: make a token with `weir enforce enroll NAME`, and give it with --enroll-token-file".to_owned(),
            ));
        };
        let enrolled = enroll(place, &self.url, token, self.kind, &[]).await;
        let enrolled = enrolled.map_err(|error| Failure::Away(format!("enrolment: {error:#}")))?;
        let _ = self.reload().await;
        Ok(enrolled)
    }

    /// All or nothing: what the server refuses is told to Enforce, and the last good settings stay.
    async fn settings(
        &self,
        client: &Client,
        place: &Place,
        identity: &mut Identity,
        answer: &HeartbeatAnswer,
        refused: &mut Refused,
    ) -> Result<(), Failure> {
        if refused.settings.as_ref().is_some_and(|(etag, _)| *etag == answer.settings) {
            return Ok(());
        }
        let failed = |error: anyhow::Error| Failure::Away(format!("{error:#}"));
        let new: Option<ServerSettings> = client.get_new(paths::SETTINGS, &identity.settings).await?;
        let Some(new) = new else { return Ok(()) };
        let before = ServerSettings { values: cached_settings(&self.data) };
        if new != before {
            place.keep_settings(&new).map_err(failed)?;
            if let Err(why) = self.reload().await {
                place.keep_settings(&before).map_err(failed)?;
                let _ = self.reload().await;
                tracing::error!(why, "settings of Enforce are refused; the last good ones stay");
                refused.settings = Some((answer.settings.clone(), why));
                return Ok(());
            }
            tracing::info!(version = answer.settings, "settings of Enforce are in force");
        }
        refused.settings = None;
        identity.settings.clone_from(&answer.settings);
        place.keep_identity(identity).map_err(failed)
    }

    async fn policies(
        &self,
        client: &Client,
        answer: &HeartbeatAnswer,
        refused: &mut Refused,
    ) -> Result<(), Failure> {
        if refused.policies.as_ref().is_some_and(|(etag, _)| *etag == answer.policies) {
            return Ok(());
        }
        let fetched = match policies::fetch(client, &self.data).await? {
            Ok(true) => self.reload().await,
            Ok(false) => Ok(()),
            Err(why) => Err(why),
        };
        match fetched {
            Ok(()) => refused.policies = None,
            Err(why) => {
                tracing::error!(why, "the policies of Enforce are refused; the last good ones stay");
                refused.policies = Some((answer.policies.clone(), why));
            }
        }
        Ok(())
    }

    async fn reload(&self) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        if self.reload.send(done).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}
