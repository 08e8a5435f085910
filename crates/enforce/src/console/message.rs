//! The message of an incident: its headers and texts with the matches marked where they stand, or the original to download.
//! Every look is in the audit log before anything is shown.

use std::ops::Range;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html as Body, IntoResponse};
use content::{Closed, How, Limits};
use incident::Match;
use web::layout::{Html, Page};
use web::mail::{Header, header_table, line, passage};
use web::people::Privilege;
use web::{Problem, Viewer};

use super::seen::access;
use super::{Answer, Console};

/// Octets of one text shown, and texts shown.
const TEXT: usize = 20_000;
const TEXTS: usize = 50;
/// Time to take a message apart for a page.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    /// A page, not a part of the incident's.
    whole: bool,
    headers: Html,
    texts: Vec<(Html, &'static str, Html)>,
    files: Vec<Html>,
    more: usize,
}

async fn original(console: &Console, viewer: &Viewer, id: u64, how: &str) -> Answer<Vec<u8>> {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    viewer.may_see_original()?;
    let access = access(viewer);
    if !console.desk.may_see(&access, id).await? {
        return Err(Problem::NotFound.into());
    }
    // Nobody sees what is not noted.
    viewer.log("ORIGINAL_SEEN", &format!("incident {id}"), how).await?;
    Ok(console.desk.original(&access, id).await?.ok_or(Problem::NotFound)?)
}

pub(super) async fn download(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    let octets = original(&console, &viewer, id, "downloaded").await?;
    let disposition = format!("attachment; filename=\"incident-{id}.eml\"");
    let headers =
        [(header::CONTENT_TYPE, "message/rfc822".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, octets).into_response())
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Answer {
    let octets = original(&console, &viewer, id, "shown").await?;
    let look = console.desk.look(&access(&viewer), id).await?.ok_or(Problem::NotFound)?;
    let matches = if viewer.may_see_matches() { look.incident.matches } else { Vec::new() };
    let part = headers.contains_key("hx-request");
    let opened = tokio::task::spawn_blocking(move || opened(&octets, &matches, !part)).await;
    let message = opened.map_err(|why| Problem::Internal(format!("a message could not be shown: {why}")))?;
    if part {
        return Ok(Body(message.render()?).into_response());
    }
    // Where no scripts run, the message has a page of its own.
    let page = Page::new(&viewer, format!("Message of incident {id}")).within("/incidents");
    let page =
        page.below("Incidents", "/incidents").below(format!("Incident {id}"), format!("/incidents/{id}"));
    Ok(page.show(&message)?)
}

fn opened(octets: &[u8], matches: &[Match], whole: bool) -> Message {
    let how = How {
        limits: &Limits::default(),
        deadline: Instant::now() + PATIENCE,
        documents: &Closed,
        passwords: &[],
        digests: false,
    };
    let opened = content::open(octets, &how);
    let headers: Vec<Header> = opened
        .headers
        .iter()
        .map(|field| Header {
            name: String::from_utf8_lossy(field.name).into_owned(),
            value: field.text.to_string(),
        })
        .collect();
    // Header fields stand in the table above; of several readings of one text the first is shown.
    let texts: Vec<_> = opened
        .segments
        .iter()
        .filter(|segment| {
            matches!(segment.component, content::Component::Body | content::Component::Attachment)
        })
        .filter(|segment| segment.view.is_none_or(|view| view.index == 0) && !segment.text.trim().is_empty())
        .filter(|segment| segment.kind != content::Kind::FileName)
        .collect();
    let shown = texts.iter().take(TEXTS).map(|segment| {
        let path = opened.path_of(segment);
        let kind = segment.kind.as_str();
        let marks: Vec<Range<usize>> = matches
            .iter()
            .filter(|found| found.path == path && found.kind == kind)
            .filter_map(|found| range(&segment.text, found))
            .collect();
        let name = if path.is_empty() { "the message" } else { &path };
        (line(name, 300), kind, passage(&segment.text, &marks, TEXT))
    });
    let files = opened.parts.iter().filter_map(|part| {
        let name = part.name.as_deref()?;
        Some(Html::new(format!("{} <small>{}</small>", line(name, 200), web::layout::Size(part.size))))
    });
    Message {
        whole,
        headers: header_table(&headers),
        more: texts.len().saturating_sub(TEXTS),
        texts: shown.collect(),
        files: files.take(200).collect(),
    }
}

/// The text that people read as the message's.
pub(crate) fn body_of(octets: &[u8]) -> String {
    let how = How {
        limits: &Limits::default(),
        deadline: Instant::now() + PATIENCE,
        documents: &Closed,
        passwords: &[],
        digests: false,
    };
    let opened = content::open(octets, &how);
    let texts = opened.segments.iter().filter(|segment| {
        segment.component == content::Component::Body
            && segment.kind == content::Kind::Text
            && segment.view.is_none_or(|view| view.index == 0)
    });
    texts.map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n\n")
}

/// Where a match stands in its text, if it does.
fn range(text: &str, found: &Match) -> Option<Range<usize>> {
    let start = match text.char_indices().nth(found.offset) {
        Some((start, _)) => start,
        None => return None,
    };
    text[start..].starts_with(&found.text).then(|| start..start + found.text.len())
}
