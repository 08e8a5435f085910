//! A session with the next hop after EHLO: each call is one exchange. Replies that come early, too many, malformed, or
//! with a code that cannot be the answer break the session; nothing wrong is ever passed on as success.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::{Extensions, HopError, HopTimeouts, Phase};
use crate::alarm::Alarm;
use crate::command::{Mail, Rcpt};
use crate::reply::{self, Reply};
use crate::server::EnvelopeCommand;
use crate::stream::{Stream, poll_read_more};
use crate::tls::TlsInfo;
use crate::xclient::{Attributes, Name};

/// Octets read in one go; replies are small.
const READ: usize = 2048;
/// Commands written before their replies are read: neither side's window fills up (RFC 2920 3.1).
const BATCH: usize = 50;

/// A session with the next hop.
#[derive(Debug)]
pub struct Hop {
    pub(super) stream: Stream,
    pub(super) input: Vec<u8>,
    pub(super) extensions: Extensions,
    pub(super) timeouts: HopTimeouts,
    pub(super) helo: Arc<str>,
    peer: SocketAddr,
    alarm: Alarm,
    /// An exchange is under way, or one went wrong.
    broken: bool,
}

impl Hop {
    pub(super) fn new(stream: Stream, peer: SocketAddr, timeouts: HopTimeouts, helo: &str) -> Self {
        let (input, extensions) = (Vec::new(), Extensions::default());
        Self {
            stream,
            input,
            extensions,
            timeouts,
            helo: helo.into(),
            peer,
            alarm: Alarm::default(),
            broken: false,
        }
    }

    /// What the hop offered after the last EHLO.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The address that we are connected to.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The encryption, if there is one.
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.stream.tls_info()
    }

    /// The session must not be used any more: after any [`HopError`], after a reply of 421, and when a call was
    /// dropped before it came to its end.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Sends MAIL and RCPT as they are, in one go when the hop can; gives one reply each. 250 (and 251 to RCPT) are
    /// the only successes.
    pub async fn envelope(&mut self, commands: &[EnvelopeCommand]) -> Result<Vec<Reply>, HopError> {
        let batch = if self.extensions.pipelining { BATCH } else { 1 };
        let total = commands.len();
        let mut replies = Vec::with_capacity(total);
        for commands in commands.chunks(batch) {
            self.begin(Phase::Envelope).await?;
            let mut lines = Vec::with_capacity(128 * commands.len());
            for command in commands {
                write_command(command, &mut lines)?;
            }
            self.write(&lines, Phase::Envelope, self.timeouts.command).await?;
            for command in commands {
                let reply = self.reply(Phase::Envelope, self.timeouts.command).await?;
                let good: &[u16] = match command {
                    EnvelopeCommand::Mail(_) => &[250],
                    EnvelopeCommand::Rcpt(_) => &[250, 251],
                };
                replies.push(expect(reply, good, Phase::Envelope)?);
                if let Some(goodbye) = replies.last().filter(|reply| reply.code == 421).cloned() {
                    // The hop goes (RFC 5321 3.8): nothing more of it is waited for, and that is every other answer.
                    replies.resize(total, goodbye);
                    return Ok(replies);
                }
            }
            self.end(false);
        }
        Ok(replies)
    }

    /// RSET.
    pub async fn rset(&mut self) -> Result<Reply, HopError> {
        self.command(b"RSET\r\n", &[250], Phase::Command, self.timeouts.command).await
    }

    /// NOOP, for instance to keep the session alive.
    pub async fn noop(&mut self) -> Result<Reply, HopError> {
        self.command(b"NOOP\r\n", &[250], Phase::Command, self.timeouts.command).await
    }

    /// QUIT. Whatever comes back, the session is over.
    pub async fn quit(&mut self) -> Result<Reply, HopError> {
        let reply = self.command(b"QUIT\r\n", &[221], Phase::Quit, self.timeouts.quit).await;
        self.broken = true;
        let _ = timeout(self.timeouts.quit, self.stream.shutdown()).await;
        reply
    }

    /// XFORWARD with what the hop knows of `attributes`; `None` when that is nothing.
    pub async fn xforward(&mut self, attributes: &Attributes) -> Result<Option<Reply>, HopError> {
        let attributes = known(attributes, &self.extensions.xforward);
        if attributes.is_empty() {
            return Ok(None);
        }
        let line = format!("XFORWARD {attributes}\r\n");
        self.command(line.as_bytes(), &[250], Phase::Command, self.timeouts.command).await.map(Some)
    }

    /// XCLIENT with what the hop knows of `attributes`, and EHLO again; `None` when the hop knows nothing of them.
    pub async fn xclient(&mut self, attributes: &Attributes) -> Result<Option<Reply>, HopError> {
        let attributes = known(attributes, &self.extensions.xclient);
        if attributes.is_empty() {
            return Ok(None);
        }
        let line = format!("XCLIENT {attributes}\r\n");
        let reply = self.command(line.as_bytes(), &[220], Phase::Command, self.timeouts.greeting).await?;
        if reply.is_positive() {
            self.hello().await?;
        }
        Ok(Some(reply))
    }

    // ---- one exchange

    /// One command and its reply; a positive code that is not in `good` is an error.
    pub(super) async fn command(
        &mut self,
        line: &[u8],
        good: &[u16],
        phase: Phase,
        wait: Duration,
    ) -> Result<Reply, HopError> {
        self.begin(phase).await?;
        self.write(line, phase, wait).await?;
        let reply = expect(self.reply(phase, wait).await?, good, phase)?;
        self.end(reply.code == 421);
        Ok(reply)
    }

    /// Before anything is sent: the session is whole, and nothing came that was not asked for. Until [`Hop::end`] the
    /// session counts as broken, so that an error or a dropped future leaves it so.
    pub(super) async fn begin(&mut self, phase: Phase) -> Result<(), HopError> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(HopError::Broken);
        }
        self.silence(phase).await
    }

    /// The exchange went well, except that octets may be left over.
    pub(super) fn end(&mut self, lost: bool) {
        self.broken = lost || !self.input.is_empty();
        if self.input.is_empty() && self.input.capacity() > 512 {
            self.input = Vec::new();
        }
    }

    /// Nothing came that was not asked for. Does not wait.
    pub(super) async fn silence(&mut self, phase: Phase) -> Result<(), HopError> {
        if self.input.is_empty() {
            let (stream, input) = (&mut self.stream, &mut self.input);
            match poll_fn(|cx| Poll::Ready(poll_read_more(stream, cx, input, READ))).await {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(HopError::Closed(phase)),
                Poll::Ready(Err(error)) => return Err(lost(error, phase)),
                Poll::Ready(Ok(_)) => {}
            }
        }
        // A hop that was idle for too long says so and goes: that is no disorder.
        let goodbye = self.input.starts_with(b"421");
        Err(if goodbye { HopError::Closed(phase) } else { HopError::Surplus(phase) })
    }

    pub(super) async fn write(
        &mut self,
        octets: &[u8],
        phase: Phase,
        wait: Duration,
    ) -> Result<(), HopError> {
        let stream = &mut self.stream;
        let write = async {
            stream.write_all(octets).await?;
            stream.flush().await
        };
        match timeout(wait, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(error, phase)),
            Err(_) => Err(HopError::Timeout(phase)),
        }
    }

    /// Reads one reply, within `wait` from its first octet to its last.
    pub(super) async fn reply(&mut self, phase: Phase, wait: Duration) -> Result<Reply, HopError> {
        let mut parser = reply::Parser::default();
        let mut deadline = None;
        loop {
            let (used, reply) = parser.feed(&self.input).map_err(HopError::Malformed)?;
            self.input.drain(..used);
            if let Some(reply) = reply {
                return Ok(reply);
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + wait);
            self.read(phase, deadline).await?;
        }
    }

    async fn read(&mut self, phase: Phase, deadline: Instant) -> Result<(), HopError> {
        let (stream, input, alarm) = (&mut self.stream, &mut self.input, &mut self.alarm);
        let read = poll_fn(|cx| match poll_read_more(stream, cx, input, READ) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => alarm.poll_past(deadline, cx).map(|()| None),
        });
        match read.await {
            Some(Ok(0)) => Err(HopError::Closed(phase)),
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(lost(error, phase)),
            None => Err(HopError::Timeout(phase)),
        }
    }

    /// Writes slices of a message while listening. `Ok(false)`: the hop spoke, or closed, before it had all.
    pub(super) async fn write_hearing(&mut self, mut slices: &mut [IoSlice<'_>]) -> Result<bool, HopError> {
        // An empty slice is nothing to write, where a stream that takes nothing is one that has closed.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.step(Step::Write(slices)).await? {
                Some(count) => IoSlice::advance_slices(&mut slices, count),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Flushes while listening.
    pub(super) async fn flush_hearing(&mut self) -> Result<bool, HopError> {
        Ok(self.step(Step::Flush).await?.is_some())
    }

    async fn step(&mut self, step: Step<'_, '_>) -> Result<Option<usize>, HopError> {
        let (stream, input) = (&mut self.stream, &mut self.input);
        let work = poll_fn(|cx| {
            match step.poll(stream, cx) {
                // A hop that has closed may have said why: what came is read later.
                Poll::Ready(Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(count)) => return Poll::Ready(Some(count)),
                Poll::Pending => {}
            }
            match poll_read_more(stream, cx, input, READ) {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        let done = timeout(self.timeouts.data_block, work).await;
        done.map_err(|_| HopError::Timeout(Phase::DataBlock))
    }

    /// The hop spoke before it had the whole message: a refusal is its answer, anything else is out of order. Either
    /// way the rest of the message is not sent and the session is broken.
    pub(super) async fn early_reply(&mut self) -> Result<Reply, HopError> {
        let reply = self.reply(Phase::DataBlock, self.timeouts.command).await?;
        if reply.is_positive() { Err(HopError::WrongCode(Phase::DataBlock, reply.code)) } else { Ok(reply) }
    }
}

enum Step<'a, 'b> {
    Write(&'a [IoSlice<'b>]),
    Flush,
}

impl Step<'_, '_> {
    fn poll(&self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Flush => Pin::new(stream).poll_flush(cx).map_ok(|()| 0),
            Self::Write(slices) => match Pin::new(stream).poll_write_vectored(cx, slices) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                other => other,
            },
        }
    }
}

/// The reply, unless it is a success of the wrong kind.
pub(super) fn expect(reply: Reply, good: &[u16], phase: Phase) -> Result<Reply, HopError> {
    if reply.is_positive() && !good.contains(&reply.code) {
        return Err(HopError::WrongCode(phase, reply.code));
    }
    Ok(reply)
}

fn lost(error: io::Error, phase: Phase) -> HopError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
            HopError::Closed(phase)
        }
        _ => HopError::Io(error),
    }
}

fn write_command(command: &EnvelopeCommand, out: &mut Vec<u8>) -> Result<(), HopError> {
    let (verb, verbatim): (&[u8], _) = match command {
        EnvelopeCommand::Mail(Mail { verbatim, .. }) => (b"MAIL FROM:", verbatim),
        EnvelopeCommand::Rcpt(Rcpt { verbatim, .. }) => (b"RCPT TO:", verbatim),
    };
    // The parser lets none of these through; a value made elsewhere must not become two commands.
    if memchr::memchr3(b'\r', b'\n', 0, verbatim).is_some() {
        return Err(HopError::Io(io::Error::new(io::ErrorKind::InvalidInput, "line end in a command")));
    }
    out.extend_from_slice(verb);
    out.extend_from_slice(verbatim);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn known(attributes: &Attributes, offered: &BTreeSet<Name>) -> Attributes {
    let offered: Vec<Name> = offered.iter().copied().collect();
    attributes.only(&offered)
}
