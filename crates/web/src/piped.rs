//! An answer that is made while it is sent: long exports never stand in memory whole.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// Takes the pieces of an answer. Dropping it ends the answer; [`Pipe::fail`] cuts it off, so that half of it is not taken for whole.
#[derive(Debug)]
pub struct Pipe(mpsc::Sender<Result<Bytes, Cut>>);

/// An answer that was cut off.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: {0}")]
pub struct Cut(String);

/// The two ends of an answer.
pub fn piped() -> (Pipe, Body) {
    let (send, receive) = mpsc::channel(2);
    (Pipe(send), Body::new(Pieces(receive)))
}

impl Pipe {
    /// Sends a piece as soon as the far end takes it; false if nobody is there any more.
    pub async fn send(&self, piece: impl Into<Bytes>) -> bool {
        self.0.send(Ok(piece.into())).await.is_ok()
    }

    /// Cuts the answer off.
    pub async fn fail(self, why: impl std::fmt::Display) {
        tracing::error!(%why, "an export was cut off");
        let _ = self.0.send(Err(Cut(why.to_string()))).await;
    }
}

struct Pieces(mpsc::Receiver<Result<Bytes, Cut>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_come_in_order_and_a_failure_is_no_end() {
        let (pipe, body) = piped();
        tokio::spawn(async move {
            assert!(pipe.send("a").await && pipe.send("b").await);
        });
        assert_eq!(&axum::body::to_bytes(body, 10).await.unwrap()[..], b"ab");
        let (pipe, body) = piped();
        tokio::spawn(async move {
            pipe.send("a").await;
            pipe.fail("the disk").await;
        });
        assert!(axum::body::to_bytes(body, 10).await.is_err());
    }
}
