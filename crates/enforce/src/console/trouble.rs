//! One error for all handlers: whatever fails becomes a [`Problem`] that says what to do, and says more in the log.

use axum::response::{IntoResponse, Response};
use web::Problem;

/// What handlers return.
pub(crate) type Answer<T = Response> = Result<T, Trouble>;

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) struct Trouble(pub(crate) Problem);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<incident::Error> for Trouble {
    fn from(error: incident::Error) -> Self {
        Self(match error {
            incident::Error::Store(store::Error::Objects(_)) => Problem::Away(
                "The object store that holds original messages does not give it: it is away, or refuses. The server's log says \
                 more. Try again in a minute."
                    .to_owned(),
            ),
            incident::Error::Store(error) => error.into(),
            incident::Error::OutOfReach(place) => Problem::Away(format!(
                "The original message lies in the object store {place}, and this server is not set up for it: an administrator \
                 names it in [enforce.originals]."
            )),
            incident::Error::Damaged { id, why } => {
                tracing::error!(incident = id, why, "what is kept is damaged");
                Problem::Damaged(format!(
                    "What is kept of incident {id} is damaged or partly lost. The server's log says what."
                ))
            }
            incident::Error::Busy | incident::Error::Full | incident::Error::NotYet(_) => {
                Problem::Unavailable(error.to_string())
            }
            other => Problem::Internal(other.to_string()),
        })
    }
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self(error.into())
    }
}

impl From<web::Error> for Trouble {
    fn from(error: web::Error) -> Self {
        Self(error.into())
    }
}

impl From<askama::Error> for Trouble {
    fn from(error: askama::Error) -> Self {
        Self(error.into())
    }
}

impl From<crate::Error> for Trouble {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::Incident(error) => error.into(),
            crate::Error::Store(error) => error.into(),
            crate::Error::Web(error) => error.into(),
            crate::Error::Refused(why) => Self(Problem::Unfit(why)),
            other => Self(Problem::Internal(other.to_string())),
        }
    }
}

/// The request makes no sense, and this is why.
pub(crate) fn bad(why: impl Into<String>) -> Trouble {
    Trouble(Problem::Bad(why.into()))
}
