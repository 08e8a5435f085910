//! What detection servers and gateways say to Enforce, and hear from it: the servers' port.
//!
//! A certificate of our authority opens the door; which server it is, and whether it may still come in, is looked up at each
//! request, so a revocation counts at once. Only enrolment does without: it shows a token.

mod enroll;
mod glass;
mod heartbeat;
mod ingest;
mod numbers;
mod people;
mod policies;
mod registry;
mod settings;
mod token;
mod unique_id;
mod updates;
mod versions;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use incident::wire::{ServerKind, paths};
use web::listen::Peer;

use crate::Enforce;

pub(crate) use glass::is_broken;
pub(crate) use numbers::Numbers;
pub(crate) use policies::{Published, keep_published};
pub use registry::{NewToken, Presence, ServerState, Standing};
pub(crate) use settings::{SETTINGS, Setting, Shape};
pub use token::Token;
pub(crate) use unique_id::SEALED as UNIQUE_ID_KEYS;
pub(crate) use versions::MOST as VERSIONED;

/// Octets of a batch of incidents.
const BATCH: usize = 64 << 20;
/// Octets of an original.
const ORIGINAL: usize = 256 << 20;
/// Octets of anything else.
const SMALL: usize = 4 << 20;

/// The server that asks: its certificate was checked and counts.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) kind: ServerKind,
    pub(crate) address: String,
}

/// The paths of the servers' port.
pub(crate) fn router(enforce: &Arc<Enforce>) -> Router {
    let known = Router::new()
        .route(paths::RENEW, post(enroll::renew))
        .route(paths::HEARTBEAT, post(heartbeat::take))
        .route(paths::SETTINGS, get(heartbeat::settings))
        .route(paths::POLICIES, get(heartbeat::policies))
        .route(&format!("{}/{{digest}}", paths::POLICY_FILES), get(heartbeat::policy_file))
        .route(paths::MESSAGE_UPDATES, post(updates::take))
        .route(paths::SIGN_IN, post(people::sign_in))
        .route(paths::SESSION, post(people::session))
        .route(&format!("{}/{{journal}}", paths::CURSOR), get(ingest::cursor))
        .layer(DefaultBodyLimit::max(SMALL))
        .merge(Router::new().route(paths::INCIDENTS, post(ingest::take)).layer(DefaultBodyLimit::max(BATCH)))
        .merge(
            Router::new()
                .route(
                    &format!("{}/{{journal}}/{{name}}", paths::ORIGINALS),
                    put(ingest::original).delete(ingest::gone),
                )
                .layer(DefaultBodyLimit::max(ORIGINAL)),
        )
        .layer(middleware::from_fn_with_state(enforce.clone(), only_known));
    Router::new()
        .route(paths::ENROLL, post(enroll::enroll))
        .layer(DefaultBodyLimit::max(64 << 10))
        .merge(known)
        .with_state(enforce.clone())
}

async fn only_known(
    State(enforce): State<Arc<Enforce>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let address = peer.ip().to_string();
    let certificate = peer.certificate.ok_or_else(|| {
        Refusal::new(StatusCode::UNAUTHORIZED, "a certificate is needed here: enrol this server first")
    })?;
    let who = enforce.who(&certificate.name, &certificate.serial).await?;
    let Some((kind, standing)) = who else {
        tracing::warn!(
            name = certificate.name,
            serial = certificate.serial,
            address,
            "a certificate that does not count was shown"
        );
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "this certificate does not count (any more): enrol this server again",
        ));
    };
    match standing {
        Standing::Approved => {}
        Standing::Waiting => {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "an administrator has to approve this server first",
            ));
        }
        Standing::Revoked => {
            tracing::warn!(name = certificate.name, address, "a revoked server was refused");
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "this server was revoked: enrol it again if that was a mistake",
            ));
        }
    }
    request.extensions_mut().insert(Caller { name: certificate.name, kind, address });
    Ok(next.run(request).await)
}

impl Caller {
    /// Only servers of this kind do this.
    fn must_be(&self, kind: ServerKind) -> Result<(), Refusal> {
        if self.kind == kind {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::FORBIDDEN, &format!("only a {} server does this", kind.as_str())))
    }
}

/// What a server hears that is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, why: &str) -> Self {
        Self { status, why: why.to_owned() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.why }))).into_response()
    }
}

/// What fails here is told in the log; the server hears that it should try again.
fn unavailable(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "a server could not be served");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Enforce cannot do this now; try again")
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::Refused(why) => Self::new(StatusCode::BAD_REQUEST, &why),
            other => unavailable(&other),
        }
    }
}

impl From<incident::Error> for Refusal {
    fn from(error: incident::Error) -> Self {
        unavailable(&error)
    }
}
