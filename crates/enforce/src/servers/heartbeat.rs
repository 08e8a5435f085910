//! How servers are, and what they are to run with: heartbeats, settings, policies.

use std::io::Read;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use incident::wire::{Heartbeat, HeartbeatAnswer, ServerSettings};

use super::{Caller, Refusal, unavailable};
use crate::{Enforce, stream};

/// Octets of a file that are read at a time.
const PIECE: usize = 256 << 10;

/// `POST` [`incident::wire::paths::HEARTBEAT`].
pub(super) async fn take(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    Json(heartbeat): Json<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, Refusal> {
    enforce.heard_from(&caller.name, &caller.address, &heartbeat).await?;
    enforce.sound_alarm_by(&heartbeat).await?;
    Ok(Json(HeartbeatAnswer {
        settings: settings_of(&enforce, &caller).await?.0,
        policies: enforce.published.manifest().etag.clone(),
        unique_id_keys: enforce.unique_id_keys().await?,
    }))
}

/// `GET` [`incident::wire::paths::SETTINGS`].
pub(super) async fn settings(
    State(enforce): State<Arc<Enforce>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (etag, settings) = settings_of(&enforce, &caller).await?;
    Ok(unless_known(&headers, &etag, || Json(settings).into_response()))
}

/// `GET` [`incident::wire::paths::POLICIES`].
pub(super) async fn policies(
    State(enforce): State<Arc<Enforce>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let manifest = enforce.published.manifest();
    if manifest.etag.is_empty() {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no policy set compiled yet"));
    }
    Ok(unless_known(&headers, &manifest.etag, || Json(&*manifest).into_response()))
}

/// `GET` [`incident::wire::paths::POLICY_FILES`].
pub(super) async fn policy_file(
    State(enforce): State<Arc<Enforce>>,
    Path(digest): Path<String>,
) -> Result<Body, Refusal> {
    let gone = || {
        Refusal::new(StatusCode::NOT_FOUND, "there is no such file (any more): ask for the manifest again")
    };
    let path = enforce.published.file(&digest).ok_or_else(gone)?;
    let file = tokio::task::spawn_blocking(move || std::fs::File::open(path)).await;
    let file = file.map_err(|error| unavailable(&error))?.map_err(|_| gone())?;
    let (pieces, body) = stream::body();
    tokio::task::spawn_blocking(move || send(file, &pieces));
    Ok(body)
}

/// An index may have hundreds of megabytes.
fn send(mut file: std::fs::File, pieces: &stream::Pieces) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let piece = match file.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => return,
            Ok(_) => Ok(Bytes::from(piece)),
            Err(error) => Err(error),
        };
        if pieces.blocking_send(piece).is_err() {
            return;
        }
    }
}

async fn settings_of(enforce: &Enforce, caller: &Caller) -> Result<(String, ServerSettings), Refusal> {
    let server = enforce.server(&caller.name).await?;
    let (version, values) = server.map(|one| (one.settings_version, one.settings)).unwrap_or_default();
    Ok((version.to_string(), ServerSettings { values: values.into_iter().collect() }))
}

fn unless_known(headers: &HeaderMap, etag: &str, answer: impl FnOnce() -> Response) -> Response {
    let quoted = format!("\"{etag}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response =
        if known == Some(&quoted) { StatusCode::NOT_MODIFIED.into_response() } else { answer() };
    if let Ok(value) = HeaderValue::from_str(&quoted) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}
