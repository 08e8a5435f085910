//! What the message of an incident is made of: its text and its files, their matches, and the files themselves.
//!
//! The text is component 1. Files in which something was found, or that could not be opened, follow in the order in which the
//! record has them; then the message's other files, where the original is kept and the role may see it. So numbers are the same for
//! every role.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use content::{Closed, How, Limits, Opened};
use incident::{Incident, Match};
use serde::Serialize;
use utoipa::ToSchema;
use web::pages::encoded;
use web::{Problem, Viewer};

use super::Refusal;
use super::single::{looked, message};
use crate::console::{Answer, Console, access, body_of};

/// Time to take a message apart.
const PATIENCE: Duration = Duration::from_secs(3);
/// Files of a message that are listed.
const MOST: usize = 1_000;
const BODY: &str = "Body";

/// The text of the message, or a file in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    component_type: u8,
    message_component_type_name: &'static str,
    message_component_name: String,
    message_component_id: usize,
    was_cracked: bool,
    document_format: Option<String>,
    mime_type: Option<String>,
    /// Octets.
    original_size: Option<u64>,
    /// It can be had.
    is_component_available: bool,
}

/// A component as it is found.
struct Piece {
    name: String,
    cracked: bool,
    mime: Option<String>,
    size: Option<u64>,
    /// Where it stands among the attachments of the opened message.
    at: Option<usize>,
}

/// In the order of their numbers, from 1.
fn pieces(incident: &Incident, opened: Option<&Opened<'_>>) -> Vec<Piece> {
    let plain =
        |name: &str, cracked| Piece { name: name.to_owned(), cracked, mime: None, size: None, at: None };
    let mut pieces = vec![plain(BODY, true)];
    let found = incident.matches.iter().map(|one| (one.path.as_str(), true));
    for (path, cracked) in found.chain(incident.unscannable.iter().map(|(path, _)| (path.as_str(), false))) {
        let file = path.split(" > ").next().unwrap_or_default();
        if !file.is_empty() && !pieces.iter().skip(1).any(|known| known.name == file) {
            pieces.push(plain(file, cracked));
        }
    }
    let Some(opened) = opened else { return pieces };
    for (at, written) in opened.written.iter().enumerate().take(MOST) {
        let part = opened.parts.iter().find(|part| part.path == written.path);
        let mime = part.map(|part| part.declared.clone()).filter(|mime| !mime.is_empty());
        let size = part.map(|part| part.size);
        let known = pieces.iter_mut().skip(1).find(|piece| piece.name == written.path && piece.at.is_none());
        match known {
            Some(piece) => (piece.mime, piece.size, piece.at) = (mime, size, Some(at)),
            None => {
                pieces.push(Piece { name: written.path.clone(), cracked: true, mime, size, at: Some(at) });
            }
        }
    }
    pieces
}

/// The number of the component that a path begins in.
fn id_of(pieces: &[Piece], path: &str) -> usize {
    let file = path.split(" > ").next().unwrap_or_default();
    pieces.iter().skip(1).position(|piece| piece.name == file).map_or(1, |at| at + 2)
}

fn told(pieces: Vec<Piece>, has_text: bool) -> Vec<Component> {
    let component = |(at, piece): (usize, Piece)| Component {
        component_type: if at == 0 { 1 } else { 2 },
        message_component_type_name: if at == 0 { "Body" } else { "Attachment" },
        message_component_name: piece.name,
        message_component_id: at + 1,
        was_cracked: piece.cracked,
        document_format: None,
        mime_type: piece.mime,
        original_size: piece.size,
        is_component_available: if at == 0 { has_text } else { piece.at.is_some() },
    };
    pieces.into_iter().enumerate().map(component).collect()
}

/// The files in which something was found, or that could not be opened.
pub(super) fn attachments(incident: &Incident) -> Vec<Component> {
    told(pieces(incident, None), false).into_iter().skip(1).collect()
}

fn opened(octets: &[u8]) -> Opened<'_> {
    let deadline = Instant::now() + PATIENCE;
    let how =
        How { limits: &Limits::default(), deadline, documents: &Closed, passwords: &[], digests: false };
    content::open(octets, &how)
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|why| Problem::Internal(format!("a message could not be read: {why}")))?)
}

/// The text of the message and its files. Those in which nothing was found are there where the role may see the message.
#[utoipa::path(get, path = "/incidents/{id}/components", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = Vec<Component>)))]
pub(super) async fn components(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let original = match viewer.may_see_original() {
        Ok(()) => console.desk.original(&access(&viewer), id).await?,
        Err(_) => None,
    };
    let all = apart(move || match &original {
        Some(octets) => told(pieces(&look.incident, Some(&opened(octets))), true),
        None => told(pieces(&look.incident, None), false),
    });
    Ok(Json(all.await?).into_response())
}

/// A component itself: the text, or a file as it was attached. For roles that may see the message.
#[utoipa::path(get, path = "/incidents/{id}/components/{component}", tag = "incidents",
    params(("id" = u64, Path), ("component" = usize, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = String)))]
pub(super) async fn component(
    State(console): State<Console>,
    viewer: Viewer,
    Path((id, component)): Path<(u64, usize)>,
) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    let octets = message(&console, &viewer, id, &format!("its component {component} given")).await?;
    let found = apart(move || {
        if component == 1 {
            return Some((BODY.to_owned(), body_of(&octets).into_bytes()));
        }
        let opened = opened(&octets);
        let piece = pieces(&look.incident, Some(&opened)).into_iter().nth(component.checked_sub(1)?)?;
        Some((piece.name, opened.written.get(piece.at?)?.octets(&octets)))
    });
    let (name, octets) = found.await?.ok_or(Problem::NotFound)?;
    let disposition = format!("attachment; filename*=UTF-8''{}", encoded(&name));
    // Nothing of it is ever shown as a page of ours.
    let kind = (header::CONTENT_TYPE, "application/octet-stream".to_owned());
    let headers = [kind, (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, octets).into_response())
}

/// The picture of a form in which something was found. Forms are not recognised here, so no incident has one.
#[utoipa::path(get, path = "/incidents/{id}/message/{message}/violation/{violation}/image", tag = "incidents",
    params(("id" = u64, Path), ("message" = u64, Path), ("violation" = u64, Path)),
    responses((status = 404, body = Refusal)))]
pub(super) async fn form_image(
    State(console): State<Console>,
    viewer: Viewer,
    Path((id, _, _)): Path<(u64, u64, u64)>,
) -> Answer {
    // Whether there is such an incident is told to those only who may see it.
    looked(&console, &viewer, id).await?;
    viewer.may_see_original()?;
    let refusal = Refusal {
        status: StatusCode::NOT_FOUND.as_u16(),
        error: "There is no such picture".to_owned(),
        detail: format!(
            "Incident {id} has no picture of a form: nothing in it was found by recognising a form."
        ),
    };
    Ok((StatusCode::NOT_FOUND, Json(refusal)).into_response())
}

/// Matches of one place in the message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ComponentMatches {
    message_component_id: usize,
    message_component_name: String,
    violations: Vec<Violation>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Violation {
    /// What stands before it, itself, and what stands behind it.
    violation_segments: Vec<Segment>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Segment {
    /// `CONTEXT` or `VIOLATING_CONTENT`.
    segment_type: &'static str,
    text: String,
    rule_name: String,
    condition: String,
}

/// Matches by their places; masked, unless the role may see them.
#[utoipa::path(get, path = "/incidents/{id}/components/matches", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = Vec<ComponentMatches>)))]
pub(super) async fn matches(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let look = looked(&console, &viewer, id).await?;
    if viewer.may_see_matches() {
        viewer.log("MATCHES_SEEN", &format!("incident {id}"), "matches given unmasked").await?;
    }
    let pieces = pieces(&look.incident, None);
    let mut places: Vec<ComponentMatches> = Vec::new();
    for found in &look.incident.matches {
        let violation = violation(found);
        match places.iter_mut().find(|place| place.message_component_name == found.path) {
            Some(place) => place.violations.push(violation),
            None => places.push(ComponentMatches {
                message_component_id: id_of(&pieces, &found.path),
                message_component_name: found.path.clone(),
                violations: vec![violation],
            }),
        }
    }
    Ok(Json(places).into_response())
}

fn violation(found: &Match) -> Violation {
    let segment = |segment_type, text: &str| Segment {
        segment_type,
        text: text.to_owned(),
        rule_name: found.rule.clone(),
        condition: found.condition.clone(),
    };
    Violation {
        violation_segments: vec![
            segment("CONTEXT", &found.before),
            segment("VIOLATING_CONTENT", &found.text),
            segment("CONTEXT", &found.after),
        ],
    }
}
