//! Turns what the wire carries after DATA or BDAT into the message (RFC 5321 4.5.2, RFC 3030): removes dot-stuffing,
//! finds the one end, judges line ends. No I/O.
//!
//! It works in place, in the buffer that the socket is read into: octets of a clean message are not copied.
//! Nothing ends DATA but CRLF `.` CRLF, and only CRLF begins a line. Memory is the buffer; time is linear.

use crate::server::{LineEndRule, LineEnds};
use crate::spool::Repairs;

/// How the octets are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// DATA: dots are stuffed, a dot alone on a line ends it.
    Dots,
    /// BDAT: octets are counted by someone else.
    Counted,
}

/// Which octet is against the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadOctet {
    BareLf,
    BareCr,
    Nul,
}

/// Decodes one message.
#[derive(Debug)]
pub(crate) struct Decoder {
    framing: Framing,
    rules: LineEnds,
    at_line_start: bool,
    /// What was repaired or let through.
    pub(crate) repairs: Repairs,
    /// The first octet that the rules refuse.
    pub(crate) refused: Option<BadOctet>,
}

/// What a look at the octets found, and where.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A dot at the start of a line that was stuffed there.
    Dot(usize),
    /// The dot of the end.
    End(usize),
    Bad(BadOctet, usize),
    /// From here on more octets are needed to tell. Three at most.
    Undecided(usize),
}

impl Decoder {
    pub(crate) fn new(framing: Framing, rules: LineEnds) -> Self {
        Self { framing, rules, at_line_start: true, repairs: Repairs::default(), refused: None }
    }

    /// Decodes `buffer[decoded..]`. Afterwards `buffer[..n]` is decoded, where `n` is the first of the pair given; what
    /// follows is undecided octets or, when the second is true, what came after the end of the message.
    pub(crate) fn feed(&mut self, buffer: &mut Vec<u8>, decoded: usize) -> (usize, bool) {
        let mut work = Work { buffer, raw: None, written: decoded, kept: decoded };
        let mut at = decoded;
        loop {
            match self.look(work.source(), at) {
                Event::Dot(dot) => {
                    work.keep_to(dot);
                    work.kept = dot + 1;
                    at = dot + 1;
                }
                Event::Bad(what, place) => at = self.judge(what, place, &mut work),
                Event::Undecided(place) => {
                    work.keep_to(place);
                    return (work.close(place), false);
                }
                Event::End(dot) => {
                    work.keep_to(dot);
                    return (work.close(dot + 3), true);
                }
            }
        }
    }

    /// The last octet was counted: judges what is still undecided (a CR at the very end). `buffer` is decoded wholly.
    pub(crate) fn finish(&mut self, buffer: &mut Vec<u8>, decoded: usize) {
        if buffer.len() > decoded {
            let mut work = Work { buffer, raw: None, written: decoded, kept: decoded };
            let end = self.judge(BadOctet::BareCr, decoded, &mut work);
            work.keep_to(end);
            work.close(end);
        }
    }

    fn look(&mut self, source: &[u8], mut at: usize) -> Event {
        loop {
            if self.at_line_start && self.framing == Framing::Dots {
                match &source[at..] {
                    [] | [b'.'] | [b'.', b'\r'] => return Event::Undecided(at),
                    [b'.', b'\r', b'\n', ..] => return Event::End(at),
                    [b'.', ..] => {
                        self.at_line_start = false;
                        return Event::Dot(at);
                    }
                    _ => {}
                }
            }
            let Some(offset) = memchr::memchr3(b'\r', b'\n', 0, &source[at..]) else {
                self.at_line_start &= at == source.len();
                return Event::Undecided(source.len());
            };
            let place = at + offset;
            self.at_line_start &= offset == 0;
            match &source[place..] {
                [b'\r', b'\n', ..] => {
                    self.at_line_start = true;
                    at = place + 2;
                }
                [b'\r'] => {
                    // A CR is never a stuffed dot, so it does not matter that a line may begin here.
                    return Event::Undecided(place);
                }
                [b'\r', ..] => return Event::Bad(BadOctet::BareCr, place),
                [b'\n', ..] => return Event::Bad(BadOctet::BareLf, place),
                _ => return Event::Bad(BadOctet::Nul, place),
            }
        }
    }

    /// Does what the rules say about a bad octet; gives the place to go on from.
    fn judge(&mut self, what: BadOctet, place: usize, work: &mut Work<'_>) -> usize {
        self.at_line_start = false;
        let (rule, count, repaired): (_, _, &[u8]) = match what {
            BadOctet::BareLf => (self.rules.bare_lf, &mut self.repairs.bare_lf, b"\r\n"),
            BadOctet::BareCr => (self.rules.bare_cr, &mut self.repairs.bare_cr, b"\r\n"),
            BadOctet::Nul => (self.rules.nul, &mut self.repairs.nul, b""),
        };
        *count += 1;
        match rule {
            LineEndRule::Pass => place + 1,
            LineEndRule::Repair => work.replace(place, repaired),
            LineEndRule::Refuse => {
                self.refused.get_or_insert(what);
                place + 1
            }
        }
    }
}

/// The buffer while it is worked on: in place as long as no more comes out than goes in.
struct Work<'b> {
    buffer: &'b mut Vec<u8>,
    /// Octets yet to be decoded, once they had to move out of the way.
    raw: Option<Vec<u8>>,
    /// End of what is decoded in `buffer`.
    written: usize,
    /// Start of what is to be kept in the source and not yet written.
    kept: usize,
}

impl Work<'_> {
    fn source(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.buffer)
    }

    /// Writes what is kept up to `end`.
    fn keep_to(&mut self, end: usize) {
        match &self.raw {
            Some(raw) => {
                self.buffer.extend_from_slice(&raw[self.kept..end]);
                self.written = self.buffer.len();
            }
            None => {
                if self.kept != self.written {
                    self.buffer.copy_within(self.kept..end, self.written);
                }
                self.written += end - self.kept;
            }
        }
        self.kept = end;
    }

    /// Puts `octets` in the place of the one at `place`; gives where the source goes on.
    fn replace(&mut self, place: usize, octets: &[u8]) -> usize {
        self.keep_to(place);
        let mut next = place + 1;
        if self.raw.is_none() && self.written + octets.len() > next {
            self.raw = Some(self.buffer.split_off(next));
            next = 0;
        }
        if self.raw.is_some() {
            self.buffer.truncate(self.written);
            self.buffer.extend_from_slice(octets);
        } else {
            self.buffer[self.written..self.written + octets.len()].copy_from_slice(octets);
        }
        self.written += octets.len();
        self.kept = next;
        next
    }

    /// Leaves the source from `rest` on behind what is decoded.
    fn close(self, rest: usize) -> usize {
        match self.raw {
            Some(raw) => self.buffer.extend_from_slice(&raw[rest..]),
            None if rest != self.written => {
                let length = self.buffer.len() - rest;
                self.buffer.copy_within(rest.., self.written);
                self.buffer.truncate(self.written + length);
            }
            None => {}
        }
        self.written
    }
}

#[cfg(test)]
mod tests;
