//! A message on its way from the wire into the spool, whatever becomes of it: its octets are always read to the end,
//! or to a bound, so that what follows is never taken for something else.

use std::time::Instant;

use crate::body::{BadOctet, Decoder, Framing};
use crate::reply::{Reply, own};
use crate::server::{LineEnds, NotReceived, ReceiveTimes};
use crate::spool::{Spool, SpoolRules, Spooled};

/// Room for one read. A small message arrives in one.
const FIRST_READ: usize = 16 * 1024;
const LATER_READ: usize = 64 * 1024;

/// A message that is being received.
pub(super) struct Body {
    spool: Spool,
    decoder: Decoder,
    /// Octets at the front of the spool's buffer that are decoded.
    decoded: usize,
    refusal: Option<Reply>,
    /// Octets that had come when it was refused.
    before_refusal: u64,
    dropped: u64,
    began: Instant,
}

/// What became of a message.
pub(super) enum Received {
    Whole(Spooled, ReceiveTimes),
    Refused(NotReceived),
}

impl Body {
    pub(super) fn new(rules: SpoolRules, expected: u64, framing: Framing, line_ends: LineEnds) -> Self {
        Self {
            spool: Spool::new(rules, expected),
            decoder: Decoder::new(framing, line_ends),
            decoded: 0,
            refusal: None,
            before_refusal: 0,
            dropped: 0,
            began: Instant::now(),
        }
    }

    /// The buffer to read into, behind its end, and how much room to make.
    pub(super) fn buffer(&mut self) -> (&mut Vec<u8>, usize) {
        let free = self.spool.buffer.capacity() - self.spool.buffer.len();
        let room = match free {
            // Nearly full: the rest would come in driblets.
            0..2048 if self.spool.buffer.is_empty() => FIRST_READ,
            0..2048 => LATER_READ,
            _ => 1,
        };
        (&mut self.spool.buffer, room)
    }

    /// Octets that were thrown away since the message was refused.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What can be told of it when it is given up, answered by `reply`.
    pub(super) fn given_up(&self, reply: Option<Reply>) -> NotReceived {
        let size = match self.refusal {
            Some(_) => self.before_refusal + self.dropped,
            None => self.spool.length(self.decoded),
        };
        NotReceived { reply, size, times: ReceiveTimes { began: self.began, ended: Instant::now() } }
    }

    pub(super) fn refusal(&self) -> Option<&Reply> {
        self.refusal.as_ref()
    }

    /// Decodes what was read; when the message is over, gives what came after it.
    pub(super) async fn digest(&mut self) -> Option<Vec<u8>> {
        let (decoded, ended) = self.decoder.feed(&mut self.spool.buffer, self.decoded);
        self.decoded = decoded;
        let rest = ended.then(|| self.spool.buffer.split_off(decoded));
        self.judge();
        if self.refusal.is_none() {
            match self.spool.settle(self.decoded).await {
                Ok(decoded) => self.decoded = decoded,
                Err(error) => {
                    tracing::error!(%error, "cannot spool a message");
                    self.refuse(own::no_room());
                }
            }
        }
        rest
    }

    fn judge(&mut self) {
        if self.refusal.is_some() {
            return self.drop_decoded();
        }
        if let Some(octet) = self.decoder.refused {
            self.refuse(match octet {
                BadOctet::BareLf => own::bare_lf(),
                BadOctet::BareCr => own::bare_cr(),
                BadOctet::Nul => own::nul(),
            });
        } else if self.spool.length(self.decoded) > self.spool.max() {
            self.refuse(own::message_too_big());
        }
    }

    fn refuse(&mut self, reply: Reply) {
        self.refusal = Some(reply);
        self.before_refusal = self.spool.length(self.decoded);
        let undecided = self.spool.buffer.split_off(self.decoded);
        self.spool.discard();
        self.spool.buffer = undecided;
        self.decoded = 0;
    }

    fn drop_decoded(&mut self) {
        self.dropped += self.decoded as u64;
        self.spool.buffer.drain(..self.decoded);
        self.decoded = 0;
    }

    /// The message is over and digested.
    pub(super) async fn finish(mut self) -> Received {
        self.decoder.finish(&mut self.spool.buffer, self.decoded);
        self.decoded = self.spool.buffer.len();
        self.judge();
        if let Some(reply) = self.refusal.clone() {
            return Received::Refused(self.given_up(Some(reply)));
        }
        let began = self.began;
        let size = self.spool.length(self.decoded);
        let times = || ReceiveTimes { began, ended: Instant::now() };
        match self.spool.finish(self.decoder.repairs).await {
            Ok(message) => Received::Whole(message, times()),
            Err(error) => {
                tracing::error!(%error, "cannot spool a message");
                Received::Refused(NotReceived { reply: Some(own::no_room()), size, times: times() })
            }
        }
    }
}
