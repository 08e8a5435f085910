//! One's own API tokens: made (shown once) and revoked.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde::Deserialize;

use super::at_home;
use crate::layout::Page;
use crate::people::RoleId;
use crate::session::Tone;
use crate::{Problem, Routes, Site, Viewer};

const DAY: i64 = 86_400_000;

pub(super) fn router() -> Routes<Site> {
    Routes::new().route("/account/tokens", post(make)).route("/account/tokens/revoke", post(revoke))
}

#[derive(Template)]
#[template(path = "token.html")]
struct TokenPage<'a> {
    name: &'a str,
    text: &'a str,
    user: &'a str,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    role: RoleId,
    days: String,
}

async fn make(
    State(site): State<Site>,
    viewer: Viewer,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Problem> {
    at_home(&viewer)?;
    let ends_at = match wanted.days.as_str() {
        "" => None,
        days => {
            let days =
                days.parse::<u16>().ok().filter(|days| (1..=3_650).contains(days)).ok_or_else(|| {
                    Problem::Unfit("A token lasts from 1 to 3,650 days, or for ever.".to_owned())
                })?;
            Some(site.clock().now().as_millisecond() + i64::from(days) * DAY)
        }
    };
    let entry = viewer.entry("TOKEN_MADE", &format!("token of {}", viewer.name), wanted.name.trim());
    let token =
        site.people().noting(entry).make_token(viewer.user, wanted.role, &wanted.name, ends_at).await?;
    let content = TokenPage { name: wanted.name.trim(), text: &token.text, user: &viewer.name };
    Page::new(&viewer, "New API token").below("Your account", "/account").show(&content)
}

#[derive(Deserialize)]
struct Which {
    token: i64,
}

async fn revoke(
    State(site): State<Site>,
    viewer: Viewer,
    Form(which): Form<Which>,
) -> Result<Response, Problem> {
    at_home(&viewer)?;
    let entry = viewer.entry("TOKEN_REVOKED", &format!("token {} of {}", which.token, viewer.name), "");
    site.people().noting(entry).revoke_token(viewer.user, which.token).await?;
    viewer.say(Tone::Done, "The token is revoked: whoever uses it is refused from now on.").await?;
    Ok(Redirect::to("/account").into_response())
}
