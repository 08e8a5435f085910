//! Status updates of gateways: besides the gateway's certificate they need a user who may update incidents.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use incident::desk::{Access, Condition, Field};
use incident::wire::{ServerKind, UpdateAnswer, UpdateBatch, UpdateResult};
use web::people::Privilege;
use zeroize::Zeroizing;

use super::{Caller, Refusal, unavailable};
use crate::Enforce;
use crate::console::reach;

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
    let reach = may_update(&enforce, &headers).await?;
    if batch.updates.len() > MOST {
        let why = format!("a batch has at most {MOST} updates");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, &why));
    }
    let (batch, kept_back) = within(&enforce, &reach, batch).await?;
    // Whoever it says it is, it is whom its certificate names.
    let mut answer = enforce.journal.take_updates(&caller.name, &batch).await?;
    answer.results.extend(kept_back);
    Ok(Json(answer))
}

/// The updates of messages that the user reaches by at least one incident; the others are not taken, and may be sent again: the
/// incident may still come, and rights may change.
async fn within(
    enforce: &Enforce,
    reach: &[Access],
    mut batch: UpdateBatch,
) -> Result<(UpdateBatch, Vec<UpdateResult>), Refusal> {
    if reach.iter().any(Access::is_everything) {
        return Ok((batch, Vec::new()));
    }
    let desk = enforce.desk();
    let (mut taken, mut kept_back) = (Vec::with_capacity(batch.updates.len()), Vec::new());
    for update in batch.updates {
        let of_message = Condition::is(Field::UniqueId, update.unique_message_id.as_str());
        let mut reached = false;
        for access in reach {
            reached = reached || !desk.ids(access, &of_message, 1).await?.is_empty();
        }
        if reached {
            taken.push(update);
        } else {
            let why = "the user's incident access reaches no incident of this message (yet)".to_owned();
            kept_back.push(UpdateResult { seq: update.seq, taken: false, why: Some(why) });
        }
    }
    batch.updates = taken;
    Ok((batch, kept_back))
}

/// What the user reaches by those roles that may update incidents.
async fn may_update(enforce: &Enforce, headers: &HeaderMap) -> Result<Vec<Access>, Refusal> {
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
    let mut accesses = Vec::new();
    for (role, _) in &user.roles {
        let role = people.role(*role).await.map_err(|error| unavailable(&error))?;
        let rights = role.map(|role| role.rights).filter(|rights| rights.may(Privilege::ApiIncidentUpdate));
        accesses.extend(rights.iter().map(reach));
    }
    if accesses.is_empty() {
        let why = "this user's roles lack the privilege \"Incident Update\"";
        return Err(Refusal::new(StatusCode::FORBIDDEN, why));
    }
    Ok(accesses)
}

fn basic(headers: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let octets = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(text.trim()).ok())??;
    let text = Zeroizing::new(String::from_utf8(octets).ok()?);
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}
