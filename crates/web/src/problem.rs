//! What went wrong with a request, told to people as a page that says what to do, and to programs as JSON.
//!
//! A handler answers with a [`Problem`]; the guard around all pages renders it for whoever asked. What the far end is told and
//! what the operator reads in the log are two texts.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Error;

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// 400: the request makes no sense; the text says why and what to send.
    Bad(String),
    /// 401, or for people the sign-in page.
    SignIn,
    /// 403: signed in, but not allowed; the text says what is missing.
    Forbidden(String),
    /// 404: it is not there, or not for this role. Which of them is not told.
    NotFound,
    /// 405: there is something, but it is not asked like that.
    Method,
    /// 409: it changed meanwhile, or something hangs on it.
    Conflict(String),
    /// 413: too much was sent.
    TooLarge,
    /// 422: the form cannot be taken as it is.
    Unfit(String),
    /// 422: the search reads too much; the seconds that it had.
    TookTooLong(u64),
    /// 429: too often; seconds to wait.
    TooOften(u32),
    /// 500: our fault. The text is for the log.
    Internal(String),
    /// 500: what is kept cannot be read any more; the text says what.
    Damaged(String),
    /// 503: for the moment. The text is for the log.
    Unavailable(String),
    /// 503: another server that is needed does not answer; the text says which.
    Away(String),
    /// The password must be changed before anything else.
    ChangePassword,
}

impl Problem {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::ChangePassword => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unfit(_) | Self::TookTooLong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal(_) | Self::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) | Self::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A few words.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Bad(_) => "The request cannot be read",
            Self::SignIn => "Please sign in",
            Self::Forbidden(_) => "Not allowed",
            Self::NotFound => "There is no such page",
            Self::Method => "It cannot be asked like that",
            Self::Conflict(_) => "It has changed meanwhile",
            Self::TooLarge => "That is too much",
            Self::Unfit(_) => "It cannot be taken like that",
            Self::TookTooLong(_) => "The search took too long",
            Self::TooOften(_) => "Too many attempts",
            Self::Internal(_) => "Something went wrong",
            Self::Damaged(_) => "It cannot be read any more",
            Self::Unavailable(_) | Self::Away(_) => "Not at the moment",
            Self::ChangePassword => "Change the password first",
        }
    }

    /// What the far end is told: what happened and what to do.
    pub fn advice(&self) -> String {
        match self {
            Self::Bad(text)
            | Self::Conflict(text)
            | Self::Unfit(text)
            | Self::Forbidden(text)
            | Self::Damaged(text)
            | Self::Away(text) => text.clone(),
            Self::SignIn => "Sign in with a name and password, or send an API token.".to_owned(),
            Self::NotFound => {
                "It was removed, it never was, or your role does not reach it. Go back, or ask an administrator."
                    .to_owned()
            }
            Self::Method => "Open the page again and use its buttons.".to_owned(),
            Self::TooLarge => "Send less at once.".to_owned(),
            Self::TookTooLong(seconds) => format!(
                "The search took longer than {seconds} s and was ended: narrow it by date or by another filter. Parts of words are \
                looked for in every incident that the other filters leave."
            ),
            Self::TooOften(seconds) => format!("Wait {seconds} seconds, then try again."),
            Self::Internal(_) => {
                "Nothing was changed half-way. Try again; if it stays so, the server's log says more.".to_owned()
            }
            Self::Unavailable(_) => "The server is busy or its database is away. Try again in a minute.".to_owned(),
            Self::ChangePassword => "The password was set by somebody else: choose your own one first.".to_owned(),
        }
    }

    /// For the log, where it says more than the far end is told.
    pub(crate) fn inside(&self) -> Option<&str> {
        match self {
            Self::Internal(text) | Self::Unavailable(text) => Some(text),
            _ => None,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Busy => Self::Unavailable(error.to_string()),
            Error::Random(_) => Self::Internal(error.to_string()),
            Error::Gone => Self::NotFound,
            Error::Taken(_) | Error::Stale | Error::LastAdministrator | Error::InUse(_) => {
                Self::Conflict(error.to_string())
            }
            Error::Weak(_) | Error::WrongPassword | Error::Bad(_) => Self::Unfit(error.to_string()),
        }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::TookTooLong(patience) => Self::TookTooLong(patience.as_secs()),
            error if error.is_outage() => Self::Unavailable(error.to_string()),
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::Internal(format!("a template failed: {error}"))
    }
}

impl IntoResponse for Problem {
    /// The bare status with the problem beside it: the guard makes a page or JSON of it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Self::TooOften(seconds) = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
