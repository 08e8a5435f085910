//! What comes out of one file: texts, files, findings; within the budget, and sent on while the rest is still being read.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::rows::ROW_COST;
use crate::{AmbiguityReason, DocumentAnswer, DocumentItem, DocumentRequest, Kind, Limits, Reason, Text};

/// What an item costs beside its octets, so that millions of tiny ones are bounded too.
const ITEM_COST: u64 = 48;
/// Octets after which what is there is sent on: a reader that dies later loses no more than this.
const BATCH: usize = 128 << 10;
/// Octets from which on a text has its own memory.
const LARGE: usize = 4 << 10;
/// Findings of one file; more of them say nothing new.
const MAX_FINDINGS: usize = 1_000;
/// The clock is looked at once in so many items or blocks.
const CLOCK: u32 = 32;

/// Where parts of an answer go.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(DocumentAnswer);

/// What comes out of one file.
pub(crate) struct Output<'a> {
    answer: DocumentAnswer,
    /// Small texts and their places, in one piece.
    small: String,
    /// Which these are: the items that come behind those in `answer`.
    stretches: Vec<(Range<u32>, Kind, Range<u32>)>,
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) passwords: &'a [String],
    sink: Option<Sink<'a>>,
    octets: u64,
    packed: u64,
    files: u32,
    pending: usize,
    spent: u32,
    at: String,
}

impl<'a> Output<'a> {
    /// Collects everything in `answer`.
    pub(crate) fn new(request: &DocumentRequest<'a>) -> Self {
        Self {
            answer: DocumentAnswer::default(),
            small: String::new(),
            stretches: Vec::new(),
            limits: request.limits,
            deadline: request.deadline,
            passwords: request.passwords,
            sink: None,
            octets: 0,
            packed: request.octets.len() as u64,
            files: 0,
            pending: 0,
            spent: 0,
            at: String::new(),
        }
    }

    /// Sends parts of the answer on as they come.
    pub(crate) fn streaming(request: &DocumentRequest<'a>, sink: Sink<'a>) -> Self {
        Self { sink: Some(sink), ..Self::new(request) }
    }

    /// Text at a place. Empty text is nothing.
    pub(crate) fn text<'t>(
        &mut self,
        place: impl AsRef<str>,
        kind: Kind,
        text: impl Into<Cow<'t, str>>,
    ) -> Result<(), Reason> {
        let (place, text) = (place.as_ref(), text.into());
        if text.trim().is_empty() {
            return Ok(());
        }
        let size = text.len() + place.len();
        self.spend(size as u64 + ITEM_COST)?;
        if size < LARGE {
            let place = self.place(place);
            let text = self.keep(&text);
            self.stretches.push((place, kind, text));
        } else {
            self.alone(place, kind, text.into_owned(), Vec::new());
        }
        self.grown(size);
        Ok(())
    }

    /// Running text, and which octets of it are rows of tables. Empty text is nothing.
    pub(crate) fn text_with_rows(
        &mut self,
        place: &str,
        kind: Kind,
        text: String,
        rows: Vec<Range<usize>>,
    ) -> Result<(), Reason> {
        if rows.is_empty() {
            return self.text(place, kind, text);
        }
        let size = text.len() + place.len() + rows.len() * ROW_COST as usize;
        self.spend(size as u64 + ITEM_COST)?;
        self.alone(place, kind, text, rows);
        self.grown(size);
        Ok(())
    }

    /// A text with memory of its own.
    fn alone(&mut self, place: &str, kind: Kind, text: String, rows: Vec<Range<usize>>) {
        self.settle();
        let (place, text) = (place.to_owned().into(), text.into());
        self.answer.items.push(DocumentItem::Text { place, kind, text, rows });
    }

    /// A number as it is stored has the place of the number as it is shown.
    fn place(&mut self, place: &str) -> Range<u32> {
        let last = self.stretches.last().map(|(place, ..)| place.clone());
        let same = |last: &Range<u32>| &self.small[last.start as usize..last.end as usize] == place;
        last.filter(same).unwrap_or_else(|| self.keep(place))
    }

    fn keep(&mut self, text: &str) -> Range<u32> {
        let from = self.small.len() as u32;
        self.small.push_str(text);
        from..self.small.len() as u32
    }

    /// Turns what is small into items.
    fn settle(&mut self) {
        if self.stretches.is_empty() {
            return;
        }
        let all: Arc<str> = self.small.as_str().into();
        self.small.clear();
        self.answer.items.extend(self.stretches.drain(..).map(|(place, kind, text)| DocumentItem::Text {
            place: Text::shared(&all, place),
            kind,
            text: Text::shared(&all, text),
            rows: Vec::new(),
        }));
    }

    /// What came out, but for what was sent on.
    pub(crate) fn finish(mut self) -> DocumentAnswer {
        self.settle();
        self.answer
    }

    /// A file whose octets are already paid for.
    pub(crate) fn file(&mut self, name: String, octets: Vec<u8>) -> Result<(), Reason> {
        self.count_file()?;
        self.spend(name.len() as u64 + ITEM_COST)?;
        let size = octets.len() + name.len();
        self.push(size, DocumentItem::File { name, place: String::new(), octets, encrypted: false });
        Ok(())
    }

    /// What was read of a file when a bound was met: it is past the budget already, and counts nevertheless.
    pub(crate) fn partial_file(&mut self, name: String, octets: Vec<u8>) -> Result<(), Reason> {
        self.count_file()?;
        let size = octets.len() + name.len();
        self.push(size, DocumentItem::File { name, place: String::new(), octets, encrypted: false });
        Ok(())
    }

    /// A stretch of the file itself, copied out as a file.
    pub(crate) fn copied(&mut self, name: String, octets: &[u8]) -> Result<(), Reason> {
        let (octets, read) = self.read(octets);
        match read {
            Ok(()) => self.file(name, octets),
            Err(reason) => self.partial_file(name, octets).and(Err(reason)),
        }
    }

    /// A file that stays closed; it is named.
    pub(crate) fn locked(&mut self, name: String) {
        self.unscannable(&name, Reason::Encrypted);
        if self.count_file().is_ok() {
            let size = name.len();
            let file = DocumentItem::File { name, place: String::new(), octets: Vec::new(), encrypted: true };
            self.push(size, file);
        }
    }

    /// A file that no reader opens; its name is text that people see.
    pub(crate) fn named(&mut self, name: &str, reason: Reason) -> Result<(), Reason> {
        self.count_file()?;
        self.unscannable(name, reason);
        self.text("", Kind::FileName, name)
    }

    fn count_file(&mut self) -> Result<(), Reason> {
        self.files += 1;
        if self.files > self.limits.parts { Err(Reason::TooManyParts) } else { Ok(()) }
    }

    fn push(&mut self, size: usize, item: DocumentItem) {
        self.settle();
        self.answer.items.push(item);
        self.grown(size);
    }

    fn grown(&mut self, size: usize) {
        self.pending += size + ITEM_COST as usize;
        // Bounded with and without somebody to send it on to: places in shared memory are numbers of 32 bits.
        if self.pending < BATCH {
            return;
        }
        self.pending = 0;
        self.settle();
        if let Some(sink) = &mut self.sink {
            sink(std::mem::take(&mut self.answer));
        }
    }

    /// Says what is being read: where a bound is met, this is what it names.
    pub(crate) fn at(&mut self, place: &str) {
        self.at.clear();
        self.at.push_str(place);
    }

    /// A bound or a fault that ends the reading, at the place that was being read.
    pub(crate) fn end(&mut self, reason: Reason) {
        let at = std::mem::take(&mut self.at);
        let known = self.answer.unscannable.last().is_some_and(|last| last.0 == at && last.1 == reason);
        if !known {
            self.answer.unscannable.push((at, reason));
        }
    }

    pub(crate) fn unscannable(&mut self, path: &str, reason: Reason) {
        if self.answer.unscannable.len() < MAX_FINDINGS {
            self.answer.unscannable.push((path.to_owned(), reason));
        }
    }

    pub(crate) fn ambiguous(&mut self, path: &str, reason: AmbiguityReason) {
        let known = self.answer.ambiguous.iter().any(|known| known.0 == path && known.1 == reason);
        if !known && self.answer.ambiguous.len() < MAX_FINDINGS {
            self.answer.ambiguous.push((path.to_owned(), reason));
        }
    }

    /// Takes octets from the budget.
    pub(crate) fn spend(&mut self, octets: u64) -> Result<(), Reason> {
        self.octets = self.octets.saturating_add(octets);
        // Cells come by the hundred thousand: the clock costs as much as one of them.
        if self.spent.is_multiple_of(CLOCK) && Instant::now() >= self.deadline {
            return Err(Reason::Timeout);
        }
        self.spent = self.spent.wrapping_add(1);
        if self.octets > self.limits.octets_out {
            return Err(Reason::TooBig);
        }
        let allowed = self.packed.max(64 << 10).saturating_mul(self.limits.ratio.into());
        if self.octets > allowed { Err(Reason::Ratio) } else { Ok(()) }
    }

    /// Octets that may still come out.
    pub(crate) fn left(&self) -> u64 {
        self.limits.octets_out.saturating_sub(self.octets)
    }

    /// Reads to the end within the budget; what was read before a failure comes with it.
    pub(crate) fn read(&mut self, mut from: impl Read) -> (Vec<u8>, Result<(), Reason>) {
        let mut octets = Vec::new();
        let mut block = [0; 32 << 10];
        loop {
            match from.read(&mut block) {
                Ok(0) => return (octets, Ok(())),
                Ok(count) => {
                    // Of what goes over the bound, no octet is kept: what is handed on is within the budget.
                    let room = count.min(usize::try_from(self.left()).unwrap_or(usize::MAX));
                    octets.extend_from_slice(&block[..room]);
                    if let Err(reason) = self.spend(count as u64) {
                        return (octets, Err(reason));
                    }
                }
                Err(error) => match error.kind() {
                    std::io::ErrorKind::Interrupted => {}
                    std::io::ErrorKind::OutOfMemory => return (octets, Err(Reason::TooBig)),
                    _ => return (octets, Err(Reason::Corrupt)),
                },
            }
        }
    }
}
