//! The spool: a whole message, in memory up to a bound, then in an unlinked file. Nobody else can open that file and a
//! crash leaves nothing behind.
//!
//! While it is received the message lives in one buffer that the socket is read into; after that it never changes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Octets that are collected before they are written to the file in one go.
const FILE_BLOCK: usize = 256 * 1024;

/// Where a message may lie and how big it may be.
#[derive(Clone, Debug)]
pub struct SpoolRules {
    /// Octets kept in memory; a bigger message goes to an unlinked file.
    pub memory: usize,
    /// Directory for that file.
    pub dir: PathBuf,
    /// Most octets of a message, line ends included and dot-stuffing removed.
    pub max: u64,
}

/// Octets that did not keep the line rules and what became of them was configured: counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// LF without CR.
    pub bare_lf: u64,
    /// CR without LF.
    pub bare_cr: u64,
    /// NUL octets.
    pub nul: u64,
}

impl Repairs {
    /// Whether any were seen.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// A range of the message and what goes on in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Octets of the original.
    pub range: Range<u64>,
    /// What is sent instead; may be empty.
    pub replacement: Vec<u8>,
}

/// A message that is being received.
#[derive(Debug)]
pub struct Spool {
    rules: SpoolRules,
    /// Decoded octets that are not in the file yet, `tail..` is what the socket gave and is not decoded yet.
    pub(crate) buffer: Vec<u8>,
    file: Option<File>,
    written: u64,
    /// Octets of `buffer` that went through [`Spool::note`].
    noted: usize,
    body_8bit: bool,
    last_two: [u8; 2],
}

/// A whole message: CRLF lines, dot-stuffing removed.
#[derive(Clone, Debug)]
pub struct Spooled {
    place: Place,
    length: u64,
    /// Octets over 127 are in it.
    pub body_8bit: bool,
    /// The last two octets are CRLF (an empty message counts as well: nothing is missing).
    pub ends_with_crlf: bool,
    /// What was repaired or let through.
    pub line_end_repairs: Repairs,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Arc<Vec<u8>>),
    File(Arc<File>),
}

impl Spool {
    /// An empty spool; `expected` octets (as SIZE announced) are reserved in advance, within the memory bound.
    pub fn new(rules: SpoolRules, expected: u64) -> Self {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX).min(rules.memory).min(4 << 20);
        let buffer = Vec::with_capacity(if expected > 0 { expected + 512 } else { 0 });
        Self { rules, buffer, file: None, written: 0, noted: 0, body_8bit: false, last_two: [0; 2] }
    }

    /// Adds octets of a message that comes decoded (by milter, for example); false when it is over the bound, and then nothing
    /// is added.
    pub async fn append(&mut self, octets: &[u8]) -> io::Result<bool> {
        if self.length(self.buffer.len()) + octets.len() as u64 > self.rules.max {
            return Ok(false);
        }
        self.buffer.extend_from_slice(octets);
        self.settle(self.buffer.len()).await?;
        Ok(true)
    }

    /// Ends a message that was added up.
    pub async fn close(self) -> io::Result<Spooled> {
        self.finish(Repairs::default()).await
    }

    /// Octets decoded so far, when the first `decoded` of the buffer are.
    pub(crate) fn length(&self, decoded: usize) -> u64 {
        self.written + decoded as u64
    }

    /// The bound on the message's octets.
    pub fn max(&self) -> u64 {
        self.rules.max
    }

    /// Takes note of the buffer's octets up to `decoded`, and moves them to the file when the bound on memory is passed.
    pub(crate) async fn settle(&mut self, decoded: usize) -> io::Result<usize> {
        self.note(decoded);
        let in_memory_allowed = self.file.is_none() && decoded <= self.rules.memory;
        if in_memory_allowed || decoded < FILE_BLOCK {
            return Ok(decoded);
        }
        self.write_out(decoded).await?;
        Ok(0)
    }

    fn note(&mut self, decoded: usize) {
        let fresh = &self.buffer[self.noted..decoded];
        self.body_8bit |= !fresh.is_ascii();
        match *fresh {
            [] => {}
            [last] => self.last_two = [self.last_two[1], last],
            [.., a, b] => self.last_two = [a, b],
        }
        self.noted = decoded;
    }

    async fn write_out(&mut self, decoded: usize) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let (file, dir) = (self.file.take(), self.rules.dir.clone());
        let write = move || {
            let written = file.map_or_else(|| tempfile::tempfile_in(dir), Ok).and_then(|mut file| {
                file.write_all(&buffer[..decoded])?;
                Ok(file)
            });
            (written, buffer)
        };
        let (written, buffer) = tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?;
        // Whether it was written or not: what is not decoded yet may hold the end of the message.
        self.buffer = buffer;
        self.file = Some(written?);
        self.buffer.drain(..decoded);
        self.buffer.shrink_to(2 * FILE_BLOCK);
        self.written += decoded as u64;
        self.noted = 0;
        Ok(())
    }

    /// Ends the message: the buffer holds decoded octets only.
    pub(crate) async fn finish(mut self, repairs: Repairs) -> io::Result<Spooled> {
        let decoded = self.buffer.len();
        self.note(decoded);
        if self.file.is_some() || decoded > self.rules.memory {
            self.write_out(decoded).await?;
        }
        let length = self.written + self.buffer.len() as u64;
        let place = match self.file.take() {
            Some(file) => Place::File(Arc::new(file)),
            None => Place::Memory(Arc::new(self.buffer)),
        };
        let ends_with_crlf = length == 0 || self.last_two == *b"\r\n";
        Ok(Spooled { place, length, body_8bit: self.body_8bit, ends_with_crlf, line_end_repairs: repairs })
    }

    /// Lets go of what was stored: the rest of the message is only read, not kept.
    pub fn discard(&mut self) {
        self.buffer.clear();
        self.noted = 0;
        self.file = None;
    }
}

impl Spooled {
    /// A message that is in memory already (tests, redirected or held mail).
    pub fn from_vec(octets: Vec<u8>) -> Self {
        let length = octets.len() as u64;
        let body_8bit = !octets.is_ascii();
        let ends_with_crlf = octets.is_empty() || octets.ends_with(b"\r\n");
        let place = Place::Memory(Arc::new(octets));
        Self { place, length, body_8bit, ends_with_crlf, line_end_repairs: Repairs::default() }
    }

    /// Octets of the message.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// No octets at all.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The message, if it is in memory.
    pub fn memory(&self) -> Option<&[u8]> {
        match &self.place {
            Place::Memory(octets) => Some(octets),
            Place::File(_) => None,
        }
    }

    /// The whole message, read from the file if it lies there. Blocks for that; memory as the message is long.
    pub fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.place {
            Place::Memory(octets) => Ok(Cow::Borrowed(octets)),
            Place::File(_) => {
                let length = usize::try_from(self.length).map_err(io::Error::other)?;
                let mut octets = vec![0; length];
                self.read_exact_at(&mut octets, 0)?;
                Ok(Cow::Owned(octets))
            }
        }
    }

    /// Fills `out` from `position`. Blocks if the message lies in a file.
    pub fn read_exact_at(&self, out: &mut [u8], position: u64) -> io::Result<()> {
        match &self.place {
            Place::File(file) => file.read_exact_at(out, position),
            Place::Memory(octets) => {
                let start = usize::try_from(position).map_err(io::Error::other)?;
                let end = start.checked_add(out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
                out.copy_from_slice(octets.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    /// Reads the message from its start; each reader has its own position.
    pub fn reader(&self) -> impl Read + Send + 'static {
        Reader { message: self.clone(), position: 0 }
    }
}

struct Reader {
    message: Spooled,
    position: u64,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.message.length.saturating_sub(self.position);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        self.message.read_exact_at(&mut out[..count], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spooled(octets: &[u8], memory: usize) -> Spooled {
        let dir = tempfile::tempdir().expect("directory");
        let rules = SpoolRules { memory, dir: dir.path().to_owned(), max: 1 << 30 };
        let mut spool = Spool::new(rules, 0);
        for chunk in octets.chunks(100_000) {
            spool.buffer.extend_from_slice(chunk);
            spool.settle(spool.buffer.len()).await.expect("settle");
        }
        let spooled = spool.finish(Repairs::default()).await.expect("finish");
        assert_eq!(std::fs::read_dir(dir.path()).expect("list").count(), 0, "the file has no name");
        spooled
    }

    #[tokio::test]
    async fn a_message_reads_the_same_from_memory_and_from_the_file() {
        let octets: Vec<u8> = (0..1_000_000u32).flat_map(|n| [(n % 120) as u8, b'x', b'\r', b'\n']).collect();
        for memory in [0, 1000, 300_000, 1 << 23] {
            let message = spooled(&octets, memory).await;
            assert_eq!(message.memory().is_some(), memory > octets.len());
            assert_eq!(message.read().expect("read"), octets);
            let mut copy = Vec::new();
            message.reader().read_to_end(&mut copy).expect("read");
            assert!(copy == octets && message.ends_with_crlf && !message.body_8bit);
        }
    }

    #[tokio::test]
    async fn eight_bit_octets_and_a_missing_line_end_are_noticed() {
        let message = spooled(b"caf\xc3\xa9", 100).await;
        assert!(message.body_8bit && !message.ends_with_crlf);
    }
}
