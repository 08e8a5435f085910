//! Enrolment: a token that counts once, for one certificate request, becomes a certificate.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use incident::wire::{EnrollRequest, Enrolled, RenewRequest, ServerKind};
use web::listen::Peer;

use super::registry::{Certified, Granted};
use super::{Caller, Refusal};
use crate::certificates::{self, Issue, Use};
use crate::{Enforce, Error};

/// As long as public authorities allow; renewed by itself before.
const DAYS: u32 = 397;

/// `POST` [`incident::wire::paths::ENROLL`].
pub(super) async fn enroll(
    State(enforce): State<Arc<Enforce>>,
    Extension(peer): Extension<Peer>,
    Json(request): Json<EnrollRequest>,
) -> Result<Json<Enrolled>, Refusal> {
    let no_token = || {
        tracing::warn!(address = %peer.address, "a token was shown that is unknown, over or used");
        let why = "the token is unknown, over, or was used; make another with `weir enforce enroll`";
        Refusal::new(StatusCode::FORBIDDEN, why)
    };
    let granted = enforce.token(&request).await?.ok_or_else(no_token)?;
    let (certificate, seen) = sign(&enforce, &request.csr, &granted.name, &granted.names, request.kind)?;
    let certified = Certified {
        name: &granted.name,
        kind: request.kind,
        names: &seen.names,
        serial: &seen.serial,
        ends: seen.until,
    };
    // Used up only now: a request that cannot be signed costs nobody a token.
    if !enforce.enter_server(&request, &certified, &granted, &peer.address.to_string()).await? {
        return Err(no_token());
    }
    tracing::info!(name = granted.name, kind = request.kind.as_str(), address = %peer.address, waits = granted.needs_approval, "a server was enrolled");
    answer(&enforce, &granted, certificate).await
}

/// `POST` [`incident::wire::paths::RENEW`].
pub(super) async fn renew(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<RenewRequest>,
) -> Result<Json<Enrolled>, Refusal> {
    let server = enforce.server(&caller.name).await?;
    let names = server.map(|server| server.names).unwrap_or_default();
    let (certificate, seen) = sign(&enforce, &request.csr, &caller.name, &names, caller.kind)?;
    let certified = Certified {
        name: &caller.name,
        kind: caller.kind,
        names: &seen.names,
        serial: &seen.serial,
        ends: seen.until,
    };
    enforce.renew_server(&certified).await?;
    tracing::info!(name = caller.name, until = %seen.until, "a server's certificate was renewed");
    let granted = Granted { name: caller.name, names, needs_approval: false, by: String::new() };
    answer(&enforce, &granted, certificate).await
}

/// A gateway is asked by Enforce too, so its certificate is good for both sides; a detection server's is not.
fn sign(
    enforce: &Enforce,
    request: &str,
    name: &str,
    names: &[String],
    kind: ServerKind,
) -> Result<(String, certificates::Seen), Error> {
    let authority = enforce.certificates.authority.as_ref().ok_or_else(|| {
        Error::Refused("the authority's key is not here: servers cannot be enrolled".to_owned())
    })?;
    let purpose = match kind {
        ServerKind::Detection => Use::Client,
        ServerKind::Gateway => Use::Both,
    };
    let issue = Issue { name: name.to_owned(), names: names.to_vec(), purpose, days: DAYS };
    let certificate = authority.sign(request, &issue).map_err(|why| Error::Refused(why.to_string()))?;
    let seen = certificates::describe(certificate.as_bytes())?;
    let seen = seen.into_iter().next().ok_or_else(|| Error::Refused("no certificate was made".to_owned()))?;
    Ok((certificate, seen))
}

async fn answer(
    enforce: &Enforce,
    granted: &Granted,
    certificate: String,
) -> Result<Json<Enrolled>, Refusal> {
    // Whoever still waits for approval does not get what all servers share.
    let keys = if granted.needs_approval { Vec::new() } else { enforce.unique_id_keys().await? };
    Ok(Json(Enrolled {
        name: granted.name.clone(),
        certificate,
        authority: enforce.certificates.roots.clone(),
        unique_id_keys: keys,
        waits_for_approval: granted.needs_approval,
    }))
}
