//! Status updates of gateways: besides the gateway's certificate they need a user who may update incidents.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use incident::wire::{ServerKind, UpdateAnswer, UpdateBatch};
use web::people::Privilege;
use zeroize::Zeroizing;

use super::{Caller, Refusal, unavailable};
use crate::Enforce;

/// Updates of one batch.
const MOST: usize = 10_000;

/// `POST` [`incident::wire::paths::MESSAGE_UPDATES`].
pub(super) async fn take(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Json(batch): Json<UpdateBatch>,
) -> Result<Json<UpdateAnswer>, Refusal> {
    caller.must_be(ServerKind::Gateway)?;
    may_update(&enforce, &headers).await?;
    if batch.updates.len() > MOST {
        let why = format!("a batch has at most {MOST} updates");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, &why));
    }
    // Whoever it says it is, it is whom its certificate names.
    Ok(Json(enforce.journal.take_updates(&caller.name, &batch).await?))
}

async fn may_update(enforce: &Enforce, headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = |why: &str| Err(Refusal::new(StatusCode::UNAUTHORIZED, why));
    let Some((name, password)) = basic(headers) else {
        return refused("name and password of an Enforce user with \"Incident Update\" are needed");
    };
    let people = enforce.site.people();
    let known = people.by_password(&name, password).await.map_err(|error| unavailable(&error))?;
    let Some(web::people::Known(user)) = known else {
        tracing::warn!(user = name, "status updates were refused: wrong name or password");
        return refused("wrong name or password, or a user who may not sign in this way");
    };
    for (role, _) in &user.roles {
        let role = people.role(*role).await.map_err(|error| unavailable(&error))?;
        if role.is_some_and(|role| role.rights.may(Privilege::ApiIncidentUpdate)) {
            return Ok(());
        }
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "this user's roles lack the privilege \"Incident Update\""))
}

fn basic(headers: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let octets = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(text.trim()).ok())??;
    let text = Zeroizing::new(String::from_utf8(octets).ok()?);
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}
