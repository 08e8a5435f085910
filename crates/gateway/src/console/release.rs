//! The page behind the link of a notice: the sender of a held mail asks for its release. It shows nothing of the mail.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Form};
use serde::Deserialize;
use web::layout::{Field, Kind, Page};
use web::listen::Peer;
use web::{Problem, Theme};

use super::Center;

/// Characters of a reason.
const REASON: usize = 2_000;

#[derive(Template)]
#[template(path = "release.html")]
struct AskPage {
    action: String,
    reason: Field,
    done: bool,
}

fn page<'s>(center: &'s Center, headers: &HeaderMap) -> Page<'s> {
    Page::public(&center.site, Theme::of(headers), "Ask for release")
}

/// `GET /release/{id}/{key}`: the same form for every link, so that no link tells whether a mail is held.
pub(super) async fn ask(
    State(center): State<Arc<Center>>,
    Path((id, key)): Path<(u64, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if key.len() > 100 || !key.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err(Problem::NotFound);
    }
    let reason = Field::new(Kind::Lines(5), "reason", "Why the mail may go out")
        .hint("A reviewer reads this and decides.")
        .required()
        .with("maxlength", "2000");
    page(&center, &headers).show(&AskPage { action: format!("/release/{id}/{key}"), reason, done: false })
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    reason: String,
}

/// `POST /release/{id}/{key}`
pub(super) async fn take(
    State(center): State<Arc<Center>>,
    Extension(peer): Extension<Peer>,
    Path((id, key)): Path<(u64, String)>,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let reason = asked.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON {
        return Err(Problem::Unfit(format!(
            "Write why the mail may go out, in at most {REASON} characters."
        )));
    }
    if !center.gateway.ask_for_release(id, &key, reason, &peer.ip().to_string()).await? {
        return Err(Problem::NotFound);
    }
    let reason = Field::new(Kind::Text, "reason", "");
    page(&center, &headers).show(&AskPage { action: String::new(), reason, done: true })
}
