//! Bodies that are too large to be held: what proves that a form is ours is read first, the rest comes while the handler reads it,
//! within bounds of size and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderMap};
use hyper::body::{Body as _, Frame};

use super::{Asked, BODY_PATIENCE, value};
use crate::{Problem, Site};

/// How long a body may take to come and be dealt with.
pub(super) const PATIENCE: Duration = Duration::from_secs(900);
/// What the error of a body says that is larger than it may be.
pub const MORE_THAN_MAY_BE_SENT: &str = "more than may be sent";
/// The token of a form stands within so many octets.
const BEGINNING: usize = 1_000;

/// Stands on a request whose body is still coming.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streamed;

/// Octets that a form with a file to this path may have, if it is one.
pub(super) fn limit(site: &Site, asked: &Asked, headers: &HeaderMap) -> Option<u64> {
    let kind = value(headers, header::CONTENT_TYPE)?;
    let files = !asked.safe && kind.to_ascii_lowercase().starts_with("multipart/form-data");
    let known = site.options().streams.iter().find(|(path, _)| *path == asked.path);
    known.filter(|_| files).map(|(_, limit)| *limit)
}

/// The beginning of a body, and all of it.
pub(super) async fn begin(headers: &HeaderMap, mut body: Body, limit: u64) -> Result<(Bytes, Body), Problem> {
    let announced = value(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::TooLarge);
    }
    let read = async {
        let mut beginning = Vec::new();
        while beginning.len() < BEGINNING {
            match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(Ok(frame)) => beginning.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
                Some(Err(_)) => {
                    return Err(Problem::Bad(
                        "The request ended before it was whole. Send it again.".to_owned(),
                    ));
                }
                None => break,
            }
        }
        Ok(Bytes::from(beginning))
    };
    let slow = |_| Problem::Bad("The request came too slowly. Send it again.".to_owned());
    let beginning = tokio::time::timeout(BODY_PATIENCE, read).await.map_err(slow)??;
    let rest = Bounded { beginning: Some(beginning.clone()), rest: body, left: limit };
    Ok((beginning, Body::new(rest)))
}

/// What was read already, then the rest; more than its bound is an error.
struct Bounded {
    beginning: Option<Bytes>,
    rest: Body,
    left: u64,
}

impl hyper::body::Body for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = match this.beginning.take() {
            Some(beginning) => Poll::Ready(Some(Ok(Frame::data(beginning)))),
            None => Pin::new(&mut this.rest).poll_frame(context),
        };
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let len = frame.data_ref().map_or(0, Bytes::len) as u64;
            match this.left.checked_sub(len) {
                Some(left) => this.left = left,
                None => return Poll::Ready(Some(Err(axum::Error::new(MORE_THAN_MAY_BE_SENT)))),
            }
        }
        frame
    }
}
