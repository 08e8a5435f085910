//! A message on its way to the next hop: header lines on top, the original with its edits, by BDAT where the hop has
//! it, else by DATA with dots stuffed on the fly. A message in memory is written from where it lies, not copied.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::hop::expect;
use super::{Hop, HopError, Outgoing, Phase};
use crate::reply::Reply;
use crate::spool::{Edit, Spooled};

/// Octets read from a spool file at once.
const FILE_BLOCK: u64 = 256 * 1024;
/// Slices in one write; the kernel takes 1024 at most.
const SLICES: usize = 64;

static STUFF_HERE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

impl Outgoing<'_> {
    /// Octets that go on the wire, dot-stuffing and a CRLF that is missing at the end not counted.
    pub fn len(&self) -> u64 {
        let cut: u64 = self.edits.iter().map(|edit| edit.range.end.saturating_sub(edit.range.start)).sum();
        let put: u64 = self.edits.iter().map(|edit| edit.replacement.len() as u64).sum();
        (self.prefix.len() as u64 + self.message.len() + put).saturating_sub(cut)
    }

    /// Nothing at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces in order; an error if the edits are not sorted, disjoint and within the message.
    fn pieces(&self) -> io::Result<Vec<Piece<'_>>> {
        let mut pieces = vec![Piece::Octets(self.prefix)];
        let mut at = 0;
        for Edit { range, replacement } in self.edits {
            if range.start < at || range.end < range.start || range.end > self.message.len() {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "edits out of order or out of range",
                ));
            }
            pieces.push(original(self.message, at..range.start));
            pieces.push(Piece::Octets(replacement));
            at = range.end;
        }
        pieces.push(original(self.message, at..self.message.len()));
        Ok(pieces)
    }
}

enum Piece<'a> {
    Octets(&'a [u8]),
    File(Range<u64>),
}

fn original(message: &Spooled, range: Range<u64>) -> Piece<'_> {
    match message.memory() {
        // In memory: the range fits `usize`.
        Some(octets) => Piece::Octets(&octets[range.start as usize..range.end as usize]),
        None => Piece::File(range),
    }
}

impl Hop {
    /// Sends a message and gives the hop's final reply; 250 is its only success. A refusal of DATA is that reply, and
    /// so is a refusal that comes while the message is still being sent (the session is broken then).
    pub async fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<Reply, HopError> {
        let pieces = outgoing.pieces()?;
        self.begin(Phase::DataInit).await?;
        let mut framing = if self.extensions.chunking {
            Framing::bdat(outgoing.len())
        } else {
            self.write(b"DATA\r\n", Phase::DataInit, self.timeouts.data_init).await?;
            let reply = self.reply(Phase::DataInit, self.timeouts.data_init).await?;
            let reply = expect(reply, &[354], Phase::DataInit)?;
            if !reply.is_positive() {
                self.end(reply.code == 421);
                return Ok(reply);
            }
            Framing::dots()
        };
        self.silence(Phase::DataBlock).await?;
        if !self.send_pieces(&pieces, outgoing.message, &mut framing).await? {
            return self.early_reply().await;
        }
        let reply = self.reply(Phase::DataFinal, self.timeouts.data_final).await?;
        let reply = expect(reply, &[250], Phase::DataFinal)?;
        self.end(reply.code == 421);
        Ok(reply)
    }

    /// False if the hop spoke or closed before it had all.
    async fn send_pieces(
        &mut self,
        pieces: &[Piece<'_>],
        message: &Spooled,
        framing: &mut Framing,
    ) -> Result<bool, HopError> {
        let mut slices = Vec::with_capacity(8);
        let start = std::mem::take(&mut framing.start);
        if !start.is_empty() {
            slices.push(IoSlice::new(&start));
        }
        for piece in pieces {
            match piece {
                Piece::Octets(octets) => {
                    if !self.push(octets, framing, &mut slices).await? {
                        return Ok(false);
                    }
                }
                Piece::File(range) => {
                    let whole = self.write_hearing(&mut slices).await?;
                    slices.clear();
                    if !whole || !self.send_file(message, range.clone(), framing).await? {
                        return Ok(false);
                    }
                }
            }
        }
        slices.push(IoSlice::new(framing.end()));
        Ok(self.write_hearing(&mut slices).await? && self.flush_hearing().await?)
    }

    /// Frames the octets into slices; writes when there are many.
    async fn push<'a>(
        &mut self,
        octets: &'a [u8],
        framing: &mut Framing,
        slices: &mut Vec<IoSlice<'a>>,
    ) -> Result<bool, HopError> {
        let mut rest = octets;
        while !rest.is_empty() {
            let (now, later, dot) = framing.next(rest);
            if !now.is_empty() {
                slices.push(IoSlice::new(now));
            }
            if dot {
                slices.push(IoSlice::new(b"."));
            }
            rest = later;
            if slices.len() >= SLICES {
                let whole = self.write_hearing(slices).await?;
                slices.clear();
                if !whole {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn send_file(
        &mut self,
        message: &Spooled,
        range: Range<u64>,
        framing: &mut Framing,
    ) -> Result<bool, HopError> {
        let mut at = range.start;
        let mut block = Vec::new();
        while at < range.end {
            // At most a block: fits `usize`.
            let length = (range.end - at).min(FILE_BLOCK) as usize;
            block = read_block(message.clone(), at, length, block).await?;
            let mut slices = Vec::with_capacity(8);
            if !self.push(&block, framing, &mut slices).await? || !self.write_hearing(&mut slices).await? {
                return Ok(false);
            }
            at += length as u64;
        }
        Ok(true)
    }
}

async fn read_block(message: Spooled, at: u64, length: usize, mut block: Vec<u8>) -> io::Result<Vec<u8>> {
    let read = move || {
        block.resize(length, 0);
        message.read_exact_at(&mut block, at)?;
        Ok(block)
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

/// How the octets are put on the wire.
struct Framing {
    start: Vec<u8>,
    dots: bool,
    last: Last,
}

/// What the last octets were.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// CRLF, or nothing yet: a line begins.
    LineEnd,
    Cr,
    Other,
}

impl Framing {
    fn dots() -> Self {
        Self { start: Vec::new(), dots: true, last: Last::LineEnd }
    }

    fn bdat(length: u64) -> Self {
        Self { start: format!("BDAT {length} LAST\r\n").into_bytes(), dots: false, last: Last::LineEnd }
    }

    /// Cuts `octets` (not empty): what goes now, what comes later, and whether a dot goes between.
    fn next<'a>(&mut self, octets: &'a [u8]) -> (&'a [u8], &'a [u8], bool) {
        if !self.dots {
            return (octets, b"", false);
        }
        if self.last == Last::LineEnd && octets[0] == b'.' {
            self.last = Last::Other;
            return (b"", octets, true);
        }
        if self.last == Last::Cr && octets[0] == b'\n' {
            self.last = Last::LineEnd;
            return (&octets[..1], &octets[1..], false);
        }
        match STUFF_HERE.find(octets) {
            Some(place) => {
                self.last = Last::Other;
                let (now, later) = octets.split_at(place + 2);
                (now, later, true)
            }
            None => {
                self.last = match octets {
                    [.., b'\r', b'\n'] => Last::LineEnd,
                    [.., b'\r'] => Last::Cr,
                    _ => Last::Other,
                };
                (octets, b"", false)
            }
        }
    }

    /// What ends the message. The one octet pair that we add: a CRLF that is missing before the dot.
    fn end(&self) -> &'static [u8] {
        match (self.dots, self.last) {
            (false, _) => b"",
            (true, Last::LineEnd) => b".\r\n",
            (true, _) => b"\r\n.\r\n",
        }
    }
}

/// A message that lies in pieces, as DATA sends it, with its end.
pub(crate) fn dot_stuffed(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut framing, mut out) = (Framing::dots(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (now, later, dot) = framing.next(rest);
            out.extend_from_slice(now);
            if dot {
                out.push(b'.');
            }
            rest = later;
        }
    }
    out.extend_from_slice(framing.end());
    out
}
