//! The octets of an upstream connection: lines in, replies out, with bounds. Knows CRLF and nothing of commands.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::alarm::Alarm;
use crate::reply::Reply;
use crate::stream::{Stream, poll_read_more};

/// Octets read in one go while commands are expected.
const READ: usize = 8 * 1024;
/// Octets of one line that are thrown away before the peer is given up.
const MAX_DISCARD: usize = 1 << 20;
/// Buffers over this are given back when the connection waits.
const IDLE: usize = 512;

/// A line of the peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'w> {
    /// Without its CRLF.
    Whole(&'w [u8]),
    /// Over the limit; the rest of it is gone.
    TooLong,
}

/// Why there is nothing to read.
#[derive(Debug)]
pub(super) enum Stop {
    Closed,
    Io,
    Timeout,
    Shutdown,
    Flood,
    /// A bare LF stands where a command should end. Nothing behind it is read: another server might take it for a command.
    BareLf,
}

pub(super) struct Wire {
    pub(super) stream: Stream,
    input: Vec<u8>,
    at: usize,
    out: Vec<u8>,
    discarding: Option<usize>,
    write_timeout: Duration,
    alarm: Alarm,
}

impl Wire {
    pub(super) fn new(stream: Stream, write_timeout: Duration) -> Self {
        Self {
            stream,
            input: Vec::new(),
            at: 0,
            out: Vec::new(),
            discarding: None,
            write_timeout,
            alarm: Alarm::default(),
        }
    }

    /// Octets that were read and not used.
    pub(super) fn unread(&self) -> &[u8] {
        &self.input[self.at..]
    }

    /// Takes octets away from the front of those unread.
    pub(super) fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.input.len());
        if self.at == self.input.len() {
            self.input.clear();
            self.at = 0;
        }
    }

    /// Takes all unread octets.
    pub(super) fn take_unread(&mut self, into: &mut Vec<u8>, most: usize) {
        let count = self.unread().len().min(most);
        into.extend_from_slice(&self.input[self.at..self.at + count]);
        self.consume(count);
    }

    /// Puts octets back that belong to the next command.
    pub(super) fn give_back(&mut self, octets: &[u8]) {
        debug_assert!(self.unread().is_empty());
        self.input.extend_from_slice(octets);
    }

    /// The next line if it is here already.
    pub(super) fn line(&mut self, limit: usize) -> Result<Option<Line<'_>>, Stop> {
        let found = memchr::memchr(b'\n', self.unread());
        if let Some(discarded) = self.discarding {
            return self.discard(found, discarded);
        }
        match found {
            Some(length) if length + 1 > limit => {
                self.consume(length + 1);
                Ok(Some(Line::TooLong))
            }
            Some(length) => {
                let start = self.at;
                let end = start + length;
                // Not `consume`: the line is still looked at. The buffer is cleared when it is next filled.
                self.at = end + 1;
                self.input[start..end]
                    .strip_suffix(b"\r")
                    .map(|line| Some(Line::Whole(line)))
                    .ok_or(Stop::BareLf)
            }
            None if self.unread().len() >= limit => self.discard(None, 0),
            None => Ok(None),
        }
    }

    fn discard(&mut self, found: Option<usize>, discarded: usize) -> Result<Option<Line<'_>>, Stop> {
        let count = found.map_or(self.unread().len(), |length| length + 1);
        self.consume(count);
        self.discarding = if found.is_some() { None } else { Some(discarded + count) };
        match found {
            Some(_) => Ok(Some(Line::TooLong)),
            None if discarded + count > MAX_DISCARD => Err(Stop::Flood),
            None => Ok(None),
        }
    }

    /// Waits for more octets; flushes first. Stops at `until`, or when `shutdown` comes, if it is given.
    pub(super) async fn fill(
        &mut self,
        until: Instant,
        shutdown: Option<Pin<&mut WaitForCancellationFutureOwned>>,
    ) -> Result<(), Stop> {
        self.flush().await?;
        self.tidy();
        let (stream, input, alarm) = (&mut self.stream, &mut self.input, &mut self.alarm);
        let mut shutdown = shutdown;
        poll_fn(|cx| {
            if let Poll::Ready(result) = poll_read_more(stream, cx, input, READ) {
                return Poll::Ready(read_result(result));
            }
            if let Some(shutdown) = &mut shutdown
                && shutdown.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Err(Stop::Shutdown));
            }
            alarm.poll_past(until, cx).map(|()| Err(Stop::Timeout))
        })
        .await
    }

    fn tidy(&mut self) {
        if self.at > 0 {
            self.input.drain(..self.at);
            self.at = 0;
        }
        if self.input.is_empty() && self.input.capacity() > IDLE {
            self.input = Vec::new();
        }
        if self.out.capacity() > IDLE {
            self.out = Vec::new();
        }
    }

    /// Reads octets of a message to the end of `buffer`.
    pub(super) async fn read_into(
        &mut self,
        buffer: &mut Vec<u8>,
        room: usize,
        wait: Duration,
    ) -> Result<(), Stop> {
        let (stream, alarm, until) = (&mut self.stream, &mut self.alarm, Instant::now() + wait);
        poll_fn(|cx| match poll_read_more(stream, cx, buffer, room) {
            Poll::Ready(result) => Poll::Ready(read_result(result)),
            Poll::Pending => alarm.poll_past(until, cx).map(|()| Err(Stop::Timeout)),
        })
        .await
    }

    /// Queues a reply.
    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.write_to(&mut self.out);
    }

    /// Writes out what is queued.
    pub(super) async fn flush(&mut self) -> Result<(), Stop> {
        if self.out.is_empty() {
            return Ok(());
        }
        let (stream, out) = (&mut self.stream, &self.out);
        let write = async {
            stream.write_all(out).await?;
            stream.flush().await
        };
        let written = tokio::time::timeout(self.write_timeout, write).await;
        self.out.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Io),
            Err(_) => Err(Stop::Timeout),
        }
    }

    /// Says the last words and closes so that they arrive: a reset would take them back (bounded in time and octets).
    pub(super) async fn close(mut self, linger: bool) {
        let close = async {
            if self.flush().await.is_err() || self.stream.shutdown().await.is_err() || !linger {
                return;
            }
            let mut octets = 0;
            let mut sink = Vec::new();
            while octets < MAX_DISCARD {
                sink.clear();
                match self.read_into(&mut sink, READ, Duration::from_secs(2)).await {
                    Ok(()) => octets += sink.len(),
                    Err(_) => return,
                }
            }
        };
        // Whatever is left after that is lost to a peer that does not listen.
        let _ = tokio::time::timeout(Duration::from_secs(5), close).await;
    }
}

fn read_result(result: io::Result<usize>) -> Result<(), Stop> {
    match result {
        Ok(0) => Err(Stop::Closed),
        Ok(_) => Ok(()),
        Err(_) => Err(Stop::Io),
    }
}
