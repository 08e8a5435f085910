//! One type for a connection in clear and under TLS, on either side.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use crate::tls::TlsInfo;

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Server(Box<server::TlsStream<TcpStream>>),
    Client(Box<client::TlsStream<TcpStream>>),
    /// Taken for a handshake that did not come to an end.
    Gone,
}

impl Stream {
    /// Takes the connection out for a handshake, if it is in clear.
    pub(crate) fn take_plain(&mut self) -> Option<TcpStream> {
        match std::mem::replace(self, Self::Gone) {
            Self::Plain(stream) => Some(stream),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Ready when octets may be there to read. Under TLS nothing can be said without a buffer: always ready.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_read_ready(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// What is known of the encryption.
    pub(crate) fn tls_info(&self) -> Option<TlsInfo> {
        let (common, server_name, peer_verified): (&rustls::CommonState, _, _) = match self {
            Self::Server(stream) => {
                let (_, connection) = stream.get_ref();
                let verified = connection.peer_certificates().is_some();
                (connection, connection.server_name().map(str::to_owned), verified)
            }
            Self::Client(stream) => {
                let (_, connection) = stream.get_ref();
                (connection, None, connection.peer_certificates().is_some())
            }
            Self::Plain(_) | Self::Gone => return None,
        };
        let version = match common.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLS",
        };
        let cipher = common.negotiated_cipher_suite();
        let cipher = cipher.and_then(|suite| suite.suite().as_str()).unwrap_or("unknown").to_owned();
        Some(TlsInfo { version, cipher, server_name, peer_verified })
    }
}

/// Reads more octets to the end of `buffer`, into at least `room` octets of space. `Ok(0)` is the end of the stream.
pub(crate) fn poll_read_more(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    buffer: &mut Vec<u8>,
    room: usize,
) -> Poll<io::Result<usize>> {
    // Space is taken only when there is something to put in it: idle connections have none.
    if buffer.capacity() == buffer.len() {
        ready!(stream.poll_readable(cx))?;
    }
    buffer.reserve(room);
    tokio_util::io::poll_read_buf(Pin::new(stream), cx, buffer)
}

macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($stream) => $call,
            Stream::Server($stream) => $call,
            Stream::Client($stream) => $call,
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, out))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, octets))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
