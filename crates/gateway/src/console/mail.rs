//! The mail of an incident, shown as text: header, texts, names of what is attached. Each look is in the history and the audit log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use content::{Closed, How, Limits, Role};
use web::layout::{Html, Page, Size};
use web::{Problem, Viewer, mail};

use super::Center;
use super::reach::{line, who};

/// Octets of one text shown, and texts shown.
const TEXT: usize = 64 << 10;
const TEXTS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage {
    form: Html,
    id: u64,
    headers: Html,
    texts: Vec<(Html, &'static str, Html)>,
    more_texts: usize,
    attachments: Vec<(Html, String, Size)>,
    size: Size,
}

async fn look(center: &Center, viewer: &Viewer, id: u64, action: &str) -> Result<Vec<u8>, Problem> {
    viewer.may_see_original()?;
    line(center, viewer, id).await?;
    let gateway = center.gateway.noting(viewer.entry(action, &format!("incident {id}"), ""));
    gateway.original(id, &who(viewer)).await?.ok_or(Problem::NotFound)
}

/// `GET /incidents/{id}/mail`
pub(super) async fn show(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let octets = look(&center, &viewer, id, "ORIGINAL_VIEWED").await?;
    let form = viewer.form();
    let opening = tokio::task::spawn_blocking(move || opened(id, form, &octets));
    let content = opening.await.map_err(|why| Problem::Internal(why.to_string()))?;
    Page::new(&viewer, "Mail")
        .within("/incidents")
        .below("Incidents", "/incidents")
        .below(format!("Incident {id}"), format!("/incidents/{id}"))
        .show(&content)
}

fn opened(id: u64, form: Html, octets: &[u8]) -> MailPage {
    let limits = Limits { octets_out: 16 << 20, parts: 500, ..Limits::default() };
    let deadline = Instant::now() + PATIENCE;
    let opened = content::open(
        octets,
        &How { limits: &limits, deadline, documents: &Closed, passwords: &[], digests: false },
    );
    let headers = opened.headers.iter().map(|field| mail::Header {
        name: String::from_utf8_lossy(field.name).into_owned(),
        value: field.text.clone().into_owned(),
    });
    // One rendering of each text, and of the header nothing: it has its own table.
    let shown: Vec<_> = opened
        .segments
        .iter()
        .filter(|segment| segment.view.is_none_or(|view| view.index == 0))
        .filter(|segment| {
            !matches!(segment.component, content::Component::Subject | content::Component::Header)
        })
        .filter(|segment| segment.kind != content::Kind::FileName)
        .collect();
    let texts = shown.iter().take(TEXTS).map(|segment| {
        let path = opened.path_of(segment);
        let place = if path.is_empty() { "Message text".to_owned() } else { path.to_string() };
        (mail::line(&place, 200), segment.kind.as_str(), mail::passage(&segment.text, &[], TEXT))
    });
    let attachments = opened.parts.iter().filter(|part| part.role == Role::Attachment).map(|part| {
        let name = part.name.as_deref().unwrap_or("(no name)");
        (mail::line(name, 200), part.kind.to_string(), Size(part.size))
    });
    MailPage {
        form,
        id,
        headers: mail::header_table(&headers.collect::<Vec<_>>()),
        more_texts: shown.len().saturating_sub(TEXTS),
        texts: texts.collect(),
        attachments: attachments.take(500).collect(),
        size: Size(octets.len() as u64),
    }
}

/// `POST /incidents/{id}/original`: the mail as it came, as a file that no browser shows.
pub(super) async fn download(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let octets = look(&center, &viewer, id, "ORIGINAL_DOWNLOADED").await?;
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"incident-{id}.eml\"")),
    ];
    Ok((head, octets).into_response())
}
