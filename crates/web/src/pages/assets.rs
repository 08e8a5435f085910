//! Files under their lasting addresses, the icon under the address that browsers guess, and the choice of light or dark.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::local;
use crate::{Routes, Site, Theme};

pub(super) fn router() -> Routes<Site> {
    Routes::new()
        .route("/assets/{file}", get(asset))
        .route("/favicon.ico", get(icon))
        .route("/theme", post(theme))
        .route("/", get(home))
}

async fn asset(State(site): State<Site>, Path(file): Path<String>) -> Response {
    site.assets().answer(&file)
}

async fn icon(State(site): State<Site>) -> Response {
    site.assets().icon()
}

async fn home(State(site): State<Site>) -> Redirect {
    Redirect::to(&site.options().home)
}

#[derive(Deserialize)]
struct Choice {
    theme: String,
    to: String,
}

async fn theme(State(site): State<Site>, Form(choice): Form<Choice>) -> impl IntoResponse {
    let theme = Theme::parse(&choice.theme).word();
    let cookie = format!("theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
    ([(header::SET_COOKIE, cookie)], Redirect::to(&local(&choice.to, &site.options().home)))
}
