//! Tells a problem as whoever asked can read it: a page, a part of a page, a redirection to sign in, or JSON.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::Asked;
use crate::layout::Page;
use crate::pages::encoded;
use crate::{Problem, Site, Viewer};

/// The answer, or what stands for it if it is a problem.
pub(super) fn problem(site: &Site, asked: &Asked, viewer: Option<&Viewer>, answer: Response) -> Response {
    let Some(problem) = found(&answer) else { return answer };
    let (parts, _) = answer.into_parts();
    let mut told = tell(site, asked, viewer, &problem);
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = parts.headers.get(&name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

/// A handler's problem, or what the framework refused in words of its own.
fn found(answer: &Response) -> Option<Problem> {
    if let Some(problem) = answer.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !(kind.is_empty() || kind.starts_with("text/plain")) {
        return None;
    }
    Some(match answer.status() {
        StatusCode::NOT_FOUND => Problem::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Problem::Method,
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        status if status.is_client_error() => Problem::Bad(
            "A value is missing or is not of its kind. Open the page again and use its form; programs find the \
            forms of values in the documentation."
                .to_owned(),
        ),
        StatusCode::INTERNAL_SERVER_ERROR => Problem::Internal("an answer without a reason".to_owned()),
        _ => return None,
    })
}

fn tell(site: &Site, asked: &Asked, viewer: Option<&Viewer>, problem: &Problem) -> Response {
    if !asked.html {
        return json(asked, problem);
    }
    let detour = match problem {
        Problem::SignIn if asked.safe && !asked.part && asked.here != "/" => {
            Some(format!("/sign-in?to={}", encoded(&asked.here)))
        }
        Problem::SignIn => Some("/sign-in".to_owned()),
        Problem::ChangePassword => Some("/account/password".to_owned()),
        _ => None,
    };
    match detour {
        // A part of a page cannot show another page: the browser goes there as a whole.
        Some(to) if asked.part => {
            let mut answer = problem.status().into_response();
            if let Ok(to) = HeaderValue::try_from(to) {
                answer.headers_mut().insert(HeaderName::from_static("hx-redirect"), to);
            }
            answer
        }
        Some(to) => Redirect::to(&to).into_response(),
        None if asked.part => part(problem),
        None => page(site, asked, viewer, problem),
    }
}

fn page(site: &Site, asked: &Asked, viewer: Option<&Viewer>, problem: &Problem) -> Response {
    let shown = Page::of_problem(site, viewer, asked.theme, problem);
    let mut answer = shown.unwrap_or_else(|_| problem.advice().into_response());
    *answer.status_mut() = problem.status();
    answer
}

fn part(problem: &Problem) -> Response {
    let html = crate::layout::notice(crate::session::Tone::Trouble, &problem.advice());
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (problem.status(), [(header::CONTENT_TYPE, kind)], Body::from(html.to_string())).into_response()
}

fn json(asked: &Asked, problem: &Problem) -> Response {
    let status = problem.status();
    let body = serde_json::json!({
        "status": status.as_u16(),
        "error": problem.title(),
        "detail": problem.advice(),
    });
    let mut answer = (status, Json(body)).into_response();
    if *problem == Problem::SignIn && asked.api {
        let value = HeaderValue::from_static("Basic realm=\"Weir\", charset=\"UTF-8\", Bearer");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    answer
}
