//! The service by which Enforce remediates: mutual TLS, one request for one message, the same answer to the same request.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use incident::wire::{CopyAnswer, CopyResult, RemediationAnswer, RemediationRequest, paths};
use store::database::Session;
use store::values;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::listen::{Clients, Listening, Peer, Tls, TlsFiles, Transport};

use crate::decide::{Decision, Held};
use crate::definitions::json;
use crate::history::now;
use crate::options::RemediationOptions;
use crate::vault::lock_name;
use crate::{Error, Gateway, State};

/// Octets of a request.
const REQUEST: usize = 1 << 20;
/// For a request to come whole, and to be answered.
const EXCHANGE: Duration = Duration::from_secs(300);
const CONNECTIONS: usize = 200;

/// The certificates of the service, which lets in clients of these names.
pub(crate) fn tls(options: &RemediationOptions) -> Result<Tls, Error> {
    let clients = Clients::Named {
        authorities: options.tls.ca.clone().unwrap_or_default(),
        names: options.client_names.clone(),
    };
    let (chain, key) = (options.tls.certificate.clone(), options.tls.key.clone());
    Tls::load(TlsFiles { chain, key, clients }).map_err(setup)
}

fn setup(why: web::listen::Error) -> Error {
    Error::Setup(format!("remediation: {why}"))
}

/// Serves it until `stop`.
pub(crate) async fn listen(
    gateway: Gateway,
    address: &str,
    tls: Tls,
    stop: CancellationToken,
) -> Result<Listening, Error> {
    let router = Router::new()
        .route(paths::REMEDIATION, post(remediate))
        .layer(DefaultBodyLimit::max(REQUEST))
        .layer(middleware::from_fn(in_time))
        .with_state(gateway);
    web::listen::listen(address, Transport::Tls(tls), CONNECTIONS, router, stop).await.map_err(setup)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(EXCHANGE, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

async fn remediate(
    Shared(gateway): Shared<Gateway>,
    Extension(peer): Extension<Peer>,
    Json(request): Json<RemediationRequest>,
) -> Response {
    tracing::info!(
        peer = %peer.address, request = request.id, unique_message_id = request.unique_message_id, action = ?request.action,
        remediator = request.remediator, requested_by = request.requested_by, incident = request.incident_id,
        "remediation requested"
    );
    match gateway.remediate(&request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(Error::Invalid(why)) => (StatusCode::CONFLICT, why).into_response(),
        Err(error) => {
            tracing::error!(%error, request = request.id, "a remediation request failed");
            match gateway.failed(&request, &error).await {
                Ok(answer) => Json(answer).into_response(),
                // Not even to be read: whoever asked keeps the request and sends it again.
                Err(_) => {
                    (StatusCode::SERVICE_UNAVAILABLE, "the gateway cannot reach its database").into_response()
                }
            }
        }
    }
}

impl Gateway {
    /// Carries out a request of Enforce's: once, on the copies that are held now.
    pub async fn remediate(&self, request: &RemediationRequest) -> Result<RemediationAnswer, Error> {
        let mut files = Vec::new();
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(&request.id)).await?;
        let asked = json(request)?;
        let sql = "SELECT asked, answer FROM request WHERE id = ?";
        if let Some(row) = db.fetch(sql, values![request.id.as_str()]).await?.first() {
            if row.get::<String>("asked")? != asked {
                return Err(Error::Invalid(format!(
                    "request {} was made before with other content",
                    request.id
                )));
            }
            let answer: RemediationAnswer = serde_json::from_str(&row.get::<String>("answer")?)
                .map_err(|why| Error::damaged(format!("the answer to request {}", request.id), why))?;
            return Ok(RemediationAnswer { repeated: true, ..answer });
        }
        let copies = self.act(db, request, &mut files).await?;
        let answer = RemediationAnswer {
            id: request.id.clone(),
            gateway: self.name().to_owned(),
            repeated: false,
            copies,
        };
        let sql = "INSERT INTO request (id, asked, answer, at) VALUES (?, ?, ?, ?)";
        db.run(sql, values![request.id.as_str(), asked, json(&answer)?, now()]).await?;
        transaction.commit().await?;
        self.after_decisions(files).await;
        Ok(answer)
    }

    async fn act(
        &self,
        db: &mut dyn Session,
        request: &RemediationRequest,
        files: &mut Vec<Uuid>,
    ) -> Result<Vec<CopyAnswer>, Error> {
        let who = format!("{} (Enforce, asked by {})", request.remediator, request.requested_by);
        let decision = Decision {
            action: request.action,
            who: &who,
            name: &request.remediator,
            note: request.note.as_deref(),
            request: Some(&request.id),
        };
        let known = of_message(db, &request.unique_message_id).await?;
        let wanted = |recipient: &str| {
            request.recipients.is_empty()
                || request.recipients.iter().any(|one| one.eq_ignore_ascii_case(recipient))
        };
        let mut answers: Vec<CopyAnswer> = Vec::new();
        for (id, recipient, state) in known.iter().filter(|(_, recipient, _)| wanted(recipient)) {
            if *state == State::Held {
                let decided = self.decide_one(db, *id, &decision, files).await?;
                answers.push(CopyAnswer {
                    recipient: decided.recipient,
                    result: decided.result,
                    detail: decided.detail,
                });
                continue;
            }
            // Of several copies over time the one that is held counts, else the newest.
            let newer = |(other, to, state): &(u64, String, State)| {
                to == recipient && (*state == State::Held || other > id)
            };
            if !known.iter().any(newer)
                && let Some(copy) = Held::load(db, *id).await?
            {
                let already = copy.already(request.action);
                answers.push(CopyAnswer {
                    recipient: recipient.clone(),
                    result: already.result,
                    detail: already.detail,
                });
            }
        }
        for recipient in &request.recipients {
            if !known.iter().any(|(_, known, _)| known.eq_ignore_ascii_case(recipient)) {
                let detail = "no copy for this recipient was ever held here".to_owned();
                answers.push(CopyAnswer {
                    recipient: recipient.clone(),
                    result: CopyResult::NotFound,
                    detail,
                });
            }
        }
        Ok(answers)
    }

    /// The answer when nothing could be done: whatever is held is still held. Not kept, so a resend is tried anew.
    async fn failed(&self, request: &RemediationRequest, error: &Error) -> Result<RemediationAnswer, Error> {
        let sql = "SELECT c.recipient FROM copy c JOIN message m ON m.id = c.message_id WHERE m.unique_id = ? AND c.state = 'held' ORDER BY c.id";
        let id = request.unique_message_id.to_ascii_uppercase();
        let rows = self.database().fetch(sql, values![id]).await?;
        let copies = rows.iter().map(|row| {
            let detail = format!("the email could not be remediated: {error}");
            Ok(CopyAnswer { recipient: row.get("recipient")?, result: CopyResult::Failed, detail })
        });
        let copies = copies.collect::<Result<_, Error>>()?;
        Ok(RemediationAnswer {
            id: request.id.clone(),
            gateway: self.name().to_owned(),
            repeated: false,
            copies,
        })
    }
}

/// Copies of a message that were ever held, oldest first.
async fn of_message(db: &mut dyn Session, unique_id: &str) -> Result<Vec<(u64, String, State)>, Error> {
    let sql = "SELECT c.id, c.recipient, c.state FROM copy c JOIN message m ON m.id = c.message_id \
        WHERE m.unique_id = ? AND c.state <> 'informational' ORDER BY c.id";
    let rows = db.fetch(sql, values![unique_id.trim().to_ascii_uppercase()]).await?;
    rows.iter()
        .map(|row| {
            let (id, state) = (row.get::<i64>("id")? as u64, row.get::<String>("state")?);
            let state =
                State::parse(&state).ok_or_else(|| Error::damaged(format!("incident {id}"), state))?;
            Ok((id, row.get("recipient")?, state))
        })
        .collect()
}
