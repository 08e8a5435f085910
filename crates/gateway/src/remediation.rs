//! The service by which Enforce remediates: mutual TLS, one request for one message, the same answer to the same request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use incident::wire::{CopyAnswer, CopyResult, RemediationAnswer, RemediationRequest, paths};
use smtp::tls::{Acceptor, CertificateFiles};
use store::database::Session;
use store::values;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::decide::{Decision, Held};
use crate::definitions::json;
use crate::history::now;
use crate::options::RemediationOptions;
use crate::vault::lock_name;
use crate::{Error, Gateway, State};

/// Octets of a request.
const REQUEST: usize = 1 << 20;
/// A client has so long for its handshake, and for a whole exchange.
const PATIENCE: Duration = Duration::from_secs(30);
const EXCHANGE: Duration = Duration::from_secs(300);
const CONNECTIONS: usize = 200;

/// The service, listening.
pub(crate) struct Service {
    gateway: Gateway,
    listener: TcpListener,
    acceptor: Acceptor,
    client_names: Arc<Vec<String>>,
}

impl Service {
    pub(crate) async fn bind(gateway: Gateway, options: &RemediationOptions) -> Result<Self, Error> {
        let files = CertificateFiles { chain: options.tls.certificate.clone(), key: options.tls.key.clone() };
        let acceptor = Acceptor::load(files, options.tls.ca.clone());
        let acceptor = acceptor.map_err(|why| Error::Setup(format!("remediation: {why}")))?;
        if let Some(end) = acceptor.expires() {
            let days = end.duration_since(jiff::Timestamp::now()).as_hours() / 24;
            if days < 30 {
                tracing::warn!(days, "the certificate of the remediation service ends soon");
            }
        }
        let listener = TcpListener::bind(&options.listen).await.map_err(|why| {
            Error::Setup(format!("cannot listen on {} (remediation): {why}", options.listen))
        })?;
        Ok(Self { gateway, listener, acceptor, client_names: Arc::new(options.client_names.clone()) })
    }

    /// Clones share the certificates: [`Acceptor::reload`] has them read again.
    pub(crate) fn tls(&self) -> Acceptor {
        self.acceptor.clone()
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    pub(crate) async fn run(self, stop: CancellationToken) {
        let router = Router::new()
            .route(paths::REMEDIATION, post(remediate))
            .layer(DefaultBodyLimit::max(REQUEST))
            .with_state(self.gateway.clone());
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) if connections.len() < CONNECTIONS => {
                    let (acceptor, router) = (self.acceptor.clone(), router.clone());
                    let names = self.client_names.clone();
                    connections.spawn(async move { serve(stream, peer, &acceptor, &names, router).await });
                }
                Ok((_, peer)) => tracing::warn!(%peer, "too many connections to the remediation service"),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        connections.close();
        let _ = tokio::time::timeout(PATIENCE, connections.wait()).await;
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, acceptor: &Acceptor, names: &[String], router: Router) {
    let handshake = TlsAcceptor::from(acceptor.config()).accept(stream);
    let stream = match tokio::time::timeout(PATIENCE, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return tracing::warn!(%peer, %error, "no TLS session with a client of the remediation service");
        }
        Err(_) => return tracing::warn!(%peer, "a client of the remediation service was too slow"),
    };
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let name = shown.and_then(web::listen::certificate).map(|certificate| certificate.name);
    if !name.as_ref().is_some_and(|name| names.contains(name)) {
        // The connection ends: no word of what is held here goes to who may not ask.
        return tracing::warn!(%peer, ?name, "a client of the remediation service is not among client_names");
    }
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let exchange = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(EXCHANGE, exchange).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a remediation session ended"),
    }
}

async fn remediate(
    Shared(gateway): Shared<Gateway>,
    Extension(peer): Extension<SocketAddr>,
    Json(request): Json<RemediationRequest>,
) -> Response {
    tracing::info!(
        %peer, request = request.id, unique_message_id = request.unique_message_id, action = ?request.action,
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
