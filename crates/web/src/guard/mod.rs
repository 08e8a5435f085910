//! What every request passes before a page sees it, and every answer before it leaves.
//!
//! In: the name it was asked under, its size and time, where it comes from (forged forms), who it is from. Out: headers that keep
//! browsers from running, framing or keeping anything that they should not, and problems told as whoever asked can read them.

mod auth;
mod forms;
mod headers;
mod noted;
mod render;
mod stream;
mod throttle;

use std::any::Any;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{Method, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) use auth::{cookie, session_cookie};
pub(crate) use noted::Noted;
pub use stream::MORE_THAN_MAY_BE_SENT;
pub(crate) use throttle::Throttle;

use crate::layout::Told;
use crate::listen::Peer;
use crate::{Problem, Site, Theme, oidc};

/// How long a request's body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// What is known of a request from the outside.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) peer: Peer,
    /// For programs: problems in JSON, tokens and basic authentication.
    pub(crate) api: bool,
    /// Wants a whole page or a part of one.
    pub(crate) html: bool,
    /// A script of ours asks for a part of a page.
    pub(crate) part: bool,
    pub(crate) safe: bool,
    /// The answer's body is wanted too.
    pub(crate) body: bool,
    pub(crate) path: String,
    /// Path and query.
    pub(crate) here: String,
    pub(crate) theme: Theme,
}

/// The guard.
pub(crate) async fn around(State(site): State<Site>, request: Request, next: Next) -> Response {
    let asked = asked(&site, &request);
    let request_log = (request.method().clone(), asked.path.clone());
    let mut viewer = None;
    let answer = match admit(&site, &asked, request, &mut viewer).await {
        Ok(request) => tokio::time::timeout(patience(&site, &request), next.run(request))
            .await
            .unwrap_or_else(|_| Problem::Unavailable("the request took too long".to_owned()).into_response()),
        Err(problem) => problem.into_response(),
    };
    if let Some(inside) = answer.extensions().get::<Problem>().and_then(Problem::inside) {
        let (method, path) = request_log;
        tracing::error!(%method, path = %path.escape_debug(), why = inside, "a request failed");
    }
    let mut answer = render::problem(&site, &asked, viewer.as_ref(), answer);
    if let Some(viewer) =
        viewer.as_ref().filter(|_| asked.body && answer.extensions().get::<Told>().is_some())
        && let Err(error) = site.sessions().shown(&viewer.session, &viewer.said).await
    {
        tracing::warn!(%error, "a message to a user is shown once more");
    }
    headers::add(answer.headers_mut(), asked.peer.secure);
    answer
}

fn patience(site: &Site, request: &Request) -> Duration {
    let streamed = request.extensions().get::<stream::Streamed>().is_some();
    if streamed { stream::PATIENCE } else { site.options().patience }
}

/// A panic is one failed request; what it said goes to the log.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words");
    Problem::Internal(format!("a panic: {text}")).into_response()
}

fn asked(site: &Site, request: &Request) -> Asked {
    let path = request.uri().path().to_owned();
    let headers = request.headers();
    let accepts = |kind| value(headers, header::ACCEPT).is_some_and(|accepted| accepted.contains(kind));
    let api = site.options().api.iter().any(|prefix| path.starts_with(prefix.as_str()));
    let here = request.uri().path_and_query().map_or_else(|| path.clone(), ToString::to_string);
    Asked {
        peer: request.extensions().get::<Peer>().cloned().unwrap_or_default(),
        api,
        html: !api && (accepts("text/html") || !accepts("application/json")),
        part: headers.contains_key("hx-request"),
        safe: matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS),
        body: *request.method() != Method::HEAD,
        theme: Theme::of(headers),
        path,
        here,
    }
}

/// The request as a page may see it, with its viewer; or why not.
async fn admit(
    site: &Site,
    asked: &Asked,
    request: Request,
    viewer: &mut Option<crate::Viewer>,
) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    under_its_name(site, asked, &parts.headers)?;
    if !asked.safe {
        forms::from_here(&parts.headers, asked)?;
    }
    // Assets are the same for all: nobody is looked up for them.
    if asked.path.starts_with("/assets/") {
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    *viewer = auth::viewer(site, asked, &parts.headers).await?;
    let public = is_public(site, &asked.path);
    if viewer.is_none() && !public {
        return Err(Problem::SignIn);
    }
    if viewer.as_ref().is_some_and(|viewer| viewer.must_change && !public && !while_changing(&asked.path)) {
        return Err(Problem::ChangePassword);
    }
    let streamed = stream::limit(site, asked, &parts.headers).filter(|_| viewer.is_some());
    if let Some(limit) = streamed {
        let (beginning, body) = stream::begin(&parts.headers, body, limit).await?;
        if let Some(viewer) = &viewer {
            forms::with_token(&parts.headers, &beginning, &viewer.form_token)?;
            parts.extensions.insert(viewer.clone());
        }
        parts.extensions.insert(asked.peer.clone());
        parts.extensions.insert(stream::Streamed);
        return Ok(Request::from_parts(parts, body));
    }
    let body = read(site, asked, &parts, body, viewer.is_some()).await?;
    // A public page is the same for whoever is signed in and for strangers: its forms have no token, and act for nobody.
    let needs_token = !asked.safe && !public;
    if let Some(viewer) = viewer.as_ref().filter(|viewer| needs_token && !viewer.form_token.is_empty()) {
        forms::with_token(&parts.headers, &body, &viewer.form_token)?;
    }
    parts.extensions.insert(asked.peer.clone());
    if let Some(viewer) = viewer {
        parts.extensions.insert(viewer.clone());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn is_public(site: &Site, path: &str) -> bool {
    let ours = ["/sign-in", oidc::BEGIN, oidc::DONE, "/theme", "/favicon.ico"].contains(&path);
    ours || site.options().public.iter().any(|prefix| path.starts_with(prefix.as_str()))
}

/// Where somebody may go whose password was set by others, besides what is public.
fn while_changing(path: &str) -> bool {
    ["/account/password", "/sign-out"].contains(&path)
}

/// On plain http only this machine's names count: a stranger's name that was made to lead here is refused (DNS rebinding).
fn under_its_name(site: &Site, asked: &Asked, headers: &HeaderMap) -> Result<(), Problem> {
    if asked.peer.secure {
        return Ok(());
    }
    let host = value(headers, header::HOST).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let local = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if local || site.options().hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(Problem::Bad(
        "On plain http this console answers under the names of its own machine only: ask for 127.0.0.1 or \
        localhost, use TLS, or add the name to its configuration."
            .to_owned(),
    ))
}

/// The whole body, within its bounds of size and time.
async fn read(
    site: &Site,
    asked: &Asked,
    parts: &Parts,
    body: Body,
    known: bool,
) -> Result<axum::body::Bytes, Problem> {
    if asked.safe {
        return Ok(axum::body::Bytes::new());
    }
    let files = value(&parts.headers, header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
    let limit = if files && known { site.options().upload_limit } else { site.options().body_limit };
    let announced =
        value(&parts.headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Problem::TooLarge);
    }
    match tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(octets)) => Ok(octets),
        Ok(Err(error)) if is_too_large(&error) => Err(Problem::TooLarge),
        Ok(Err(_)) => Err(Problem::Bad("The request ended before it was whole. Send it again.".to_owned())),
        Err(_) => Err(Problem::Bad("The request came too slowly. Send it again.".to_owned())),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}

pub(crate) fn value(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
