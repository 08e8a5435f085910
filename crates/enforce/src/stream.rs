//! A body whose pieces are made while it is sent: however long it is, few of them are in memory. One that cannot be made breaks
//! the connection off, so that nobody takes a part for the whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// Pieces that wait to be sent.
const WAITING: usize = 2;

/// Takes pieces. Sending fails once nobody reads any more.
pub(crate) type Pieces = mpsc::Sender<io::Result<Bytes>>;

struct Flow(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Flow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// A body, and where its pieces go in.
pub(crate) fn body() -> (Pieces, Body) {
    let (pieces, flow) = mpsc::channel(WAITING);
    (pieces, Body::new(Flow(flow)))
}
