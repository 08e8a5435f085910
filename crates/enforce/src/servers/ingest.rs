//! Incidents and originals of detection servers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use incident::wire::{IncidentBatch, IngestAnswer, ServerKind};

use super::{Caller, Refusal};
use crate::Enforce;

/// `POST` [`incident::wire::paths::INCIDENTS`].
pub(super) async fn take(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Json(batch): Json<IncidentBatch>,
) -> Result<Json<IngestAnswer>, Refusal> {
    caller.must_be(ServerKind::Detection)?;
    ours(&enforce, &caller, &batch.journal).await?;
    let (count, up_to) = (batch.incidents.len(), batch.up_to);
    let answer = enforce.journal.take(&caller.name, batch).await?;
    if answer.refused {
        tracing::info!(
            server = caller.name,
            cursor = answer.cursor,
            "a batch did not begin where we stand; nothing of it was taken"
        );
    } else {
        tracing::debug!(server = caller.name, incidents = count, up_to, "incidents taken");
    }
    Ok(Json(answer))
}

/// `GET` [`incident::wire::paths::CURSOR`].
pub(super) async fn cursor(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Path(journal): Path<String>,
) -> Result<Json<IngestAnswer>, Refusal> {
    caller.must_be(ServerKind::Detection)?;
    Ok(Json(ours(&enforce, &caller, &journal).await?))
}

/// `PUT` [`incident::wire::paths::ORIGINALS`].
pub(super) async fn original(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Path((journal, name)): Path<(String, String)>,
    octets: Bytes,
) -> Result<StatusCode, Refusal> {
    ours(&enforce, &caller, &journal).await?;
    enforce.journal.take_original(&journal, &name, octets.to_vec()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE` [`incident::wire::paths::ORIGINALS`].
pub(super) async fn gone(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Path((journal, name)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    ours(&enforce, &caller, &journal).await?;
    enforce.journal.original_is_gone(&caller.name, &journal, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A journal is its server's own.
async fn ours(enforce: &Enforce, caller: &Caller, journal: &str) -> Result<IngestAnswer, Refusal> {
    if journal.len() > 64 || !journal.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "this is no name of a journal"));
    }
    let taken = enforce.journal.taken(&caller.name, journal).await?;
    taken
        .ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN, "this journal came from a server of another name"))
}
