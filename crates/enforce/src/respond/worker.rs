//! Carries requests to plug-ins: one after the other, each under its own id, again after a crash, until there is an answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use incident::desk::{Asked, Desk, RemediationResult};
use incident::wire::ServerKind;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::Enforce;
use crate::plugins::{self, Definition, Holder, Outcome, Request};
use crate::servers::Standing;

/// Requests that waited, or came from another server, are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A plug-in that cannot be reached is asked again for so long.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);
/// Seconds, doubled before each attempt: a gateway that is started anew is asked again within moments.
const FIRST_WAIT: i64 = 1;
const LONGEST_WAIT: i64 = 60;
/// Requests under way at the same time.
const AT_ONCE: usize = 4;

/// The worker of a process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Where requests wait.
    pub desk: Desk,
    /// Knows where gateways are.
    pub enforce: Arc<Enforce>,
    /// Where executable plug-ins are.
    pub plugins: PathBuf,
    /// Told when there is a new request.
    pub asked: Arc<Notify>,
}

impl Worker {
    /// Runs until told to stop; what is under way is finished first.
    pub async fn run(self, stop: CancellationToken) {
        if let Err(error) = self.desk.resume_requests().await {
            tracing::error!(%error, "requests to plug-ins that were under way cannot be taken up");
        }
        let lanes: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(self.clone().lane(stop.clone()))).collect();
        for lane in lanes {
            let _ = lane.await;
        }
    }

    async fn lane(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.desk.claim_request().await {
                Ok(Some(asked)) => self.carry(&asked).await,
                Ok(None) => self.wait(&stop).await,
                Err(error) => {
                    tracing::error!(%error, "requests to plug-ins cannot be read");
                    self.wait(&stop).await;
                }
            }
        }
    }

    async fn wait(&self, stop: &CancellationToken) {
        tokio::select! {
            _ = self.asked.notified() => {}
            _ = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn carry(&self, asked: &Asked) {
        let outcome = match self.outcome(asked).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Later(error.to_string()),
        };
        let kept = match self.finished(asked, outcome) {
            Ok(result) => self.desk.finish_request(asked, &result).await.map(|_| ()),
            Err((why, at)) => self.desk.delay_request(asked, &why, at).await,
        };
        if let Err(error) = kept {
            // The claim ends by itself, and the request is sent again under the same id.
            tracing::error!(%error, request = %asked.order.id, "what came of a request cannot be noted");
        }
    }

    /// The result, or why and until when to wait.
    fn finished(&self, asked: &Asked, outcome: Outcome) -> Result<RemediationResult, (String, Timestamp)> {
        let over = |executed, message: String, answer| Ok(RemediationResult { executed, message, answer });
        match outcome {
            Outcome::Executed { message, answer } => over(true, message, answer),
            Outcome::Refused { message, answer } => over(false, message, answer),
            Outcome::Later(why) => {
                let now = Timestamp::now();
                if now.duration_since(asked.requested_at) >= PATIENCE {
                    let message = format!(
                        "The remediation request was not successful: {why}; given up after {} attempts. It may or may not have \
                        been carried out: look at the gateway.",
                        asked.attempts
                    );
                    return over(false, message, String::new());
                }
                let doubled = FIRST_WAIT.saturating_mul(1 << asked.attempts.min(10));
                let wait = SignedDuration::from_secs(doubled.min(LONGEST_WAIT));
                Err((why, now.saturating_add(wait).unwrap_or(Timestamp::MAX)))
            }
        }
    }

    async fn outcome(&self, asked: &Asked) -> Result<Outcome, incident::Error> {
        let gone = |what: &str| Outcome::Refused {
            message: format!("The remediation request was not successful: {what}."),
            answer: String::new(),
        };
        let rows = self.desk.plugins().await?;
        let Some(row) = rows.iter().find(|row| row.name == asked.order.plugin) else {
            return Ok(gone("there is no plug-in of this name any more"));
        };
        let definition: Definition = match serde_json::from_str(&row.definition) {
            Ok(definition) => definition,
            Err(why) => return Ok(gone(&format!("the plug-in's properties cannot be read: {why}"))),
        };
        let Some(incident) = self.desk.journal().show(asked.order.incident).await? else {
            return Ok(gone("there is no such incident any more"));
        };
        let secret = match definition.credential() {
            None => None,
            Some(name) => match self.desk.open_secret(name).await? {
                Some((_, value)) => Some(value),
                None => return Ok(gone(&format!("there is no credential named {name}"))),
            },
        };
        let holders = self.holders(&incident.summary.unique_message_id).await?;
        let secret = secret.as_ref().map(|value| value.as_slice());
        let request = Request { asked, incident: &incident, secret, holders: &holders };
        Ok(plugins::run(&definition, &request, &self.plugins).await)
    }

    /// The gateways that told of copies of this message, and where each is reached.
    async fn holders(&self, unique_id: &str) -> Result<Vec<Holder>, incident::Error> {
        let mut holders: Vec<Holder> = Vec::new();
        for state in self.desk.journal().message_states(unique_id).await? {
            if !holders.iter().any(|holder| holder.name == state.gateway) {
                let place = self.place(&state.gateway).await;
                holders.push(Holder { name: state.gateway, place });
            }
        }
        Ok(holders)
    }

    /// As it said itself in its last heartbeat; none where it is not known or not let in any more.
    async fn place(&self, gateway: &str) -> Option<String> {
        let server = match self.enforce.server(gateway).await {
            Ok(server) => server?,
            Err(error) => {
                tracing::warn!(%error, gateway, "where a gateway is cannot be read");
                return None;
            }
        };
        let is_ours = server.kind == ServerKind::Gateway && server.standing == Standing::Approved;
        server.heartbeat.filter(|_| is_ours)?.remediation
    }
}
