//! One pass over a text: what all engines share while they read it.

use std::ops::Range;

use super::fold::Prepared;
use super::identifiers::{Ends, Identifiers, Start};
use super::phrases::Phrases;
use super::table::load;
use super::words::{Words, pack};
use super::{Flow, Hit, PatternId};

/// The state of one scan.
pub(super) struct Scan<'s, 't> {
    pub(super) text: &'s Prepared<'t>,
    /// The folded text.
    pub(super) bytes: &'s [u8],
    pub(super) words: &'s Words,
    /// Work done beyond the pass itself: octets compared, table steps; for tests of the worst case.
    pub(super) steps: u64,
    hits: &'s mut dyn FnMut(Hit) -> Flow,
    /// Where two stretches of the folded text may be the same in the original: hits are held back for sorting.
    held: Option<Vec<Hit>>,
}

impl<'s, 't> Scan<'s, 't> {
    pub(super) fn new(text: &'s Prepared<'t>, hits: &'s mut dyn FnMut(Hit) -> Flow) -> Self {
        let held = text.expands().then(Vec::new);
        Self { text, bytes: text.bytes(), words: text.words(), steps: 0, hits, held }
    }

    /// Reports a stretch of the folded text.
    pub(super) fn hit(&mut self, pattern: PatternId, range: Range<usize>) -> Flow {
        let span = self.text.original(range);
        self.report(Hit { pattern, span })
    }

    /// Reports a stretch of the folded text with its case.
    pub(super) fn hit_in_kept(&mut self, pattern: PatternId, range: Range<usize>) -> Flow {
        let span = self.text.original_of_kept(range);
        self.report(Hit { pattern, span })
    }

    fn report(&mut self, hit: Hit) -> Flow {
        match &mut self.held {
            Some(held) => {
                held.push(hit);
                Flow::Continue(())
            }
            None => (self.hits)(hit),
        }
    }

    /// Reports what was held back, each hit once; gives the steps taken.
    pub(super) fn finish(mut self) -> u64 {
        let mut held = self.held.take().unwrap_or_default();
        held.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
        held.dedup();
        for hit in held {
            if (self.hits)(hit).is_break() {
                break;
            }
        }
        self.steps
    }
}

impl Scan<'_, '_> {
    /// Looks at each place where a word, a run of digits or a symbol begins.
    pub(super) fn starts(&mut self, phrases: &Phrases, identifiers: &Identifiers) -> Flow {
        let (words, shapes) = (phrases.at_words(), !identifiers.is_empty());
        if !words && !shapes {
            return Flow::Continue(());
        }
        let mut ends = identifiers.ends();
        let special = identifiers.inner_digits || !identifiers.symbols.is_empty();
        let mut carry = 0;
        for block in 0..self.words.blocks() {
            let (starts, edges) = self.words.block(block);
            let mut others = if special { self.others(identifiers, block, &mut carry) & !starts } else { 0 };
            let mut starts = starts;
            while starts | others != 0 {
                let offset = (starts | others).trailing_zeros();
                let at = block * 64 + offset as usize;
                let eight = load(self.bytes, at);
                if starts >> offset & 1 == 0 {
                    others &= others - 1;
                    self.other(identifiers, &mut ends, eight, at)?;
                    continue;
                }
                starts &= starts - 1;
                if words {
                    let end = match edges >> offset >> 1 {
                        0 => self.words.end(at),
                        edges => at + 1 + edges.trailing_zeros() as usize,
                    };
                    phrases.word(self, eight, at, end)?;
                }
                if shapes {
                    identifiers.at(self, &mut ends, eight, at, Start::Word)?;
                }
            }
        }
        Flow::Continue(())
    }

    fn other(&mut self, identifiers: &Identifiers, ends: &mut Ends, eight: u64, at: usize) -> Flow {
        let start = if self.bytes[at].is_ascii_digit() { Start::InnerDigit } else { Start::Symbol };
        identifiers.at(self, ends, eight, at, start)
    }

    /// The bits of 64 octets at which a run of digits or a shape's first symbol stands.
    fn others(&self, identifiers: &Identifiers, block: usize, carry: &mut u64) -> u64 {
        let text = &self.bytes[block * 64..self.bytes.len().min(block * 64 + 64)];
        let mut bits = 0;
        if identifiers.inner_digits {
            let digits = flags(text, |octet| octet.wrapping_sub(b'0') < 10);
            bits = digits & !(digits << 1 | *carry);
            *carry = digits >> 63;
        }
        for symbol in &identifiers.symbols {
            bits |= flags(text, |octet| octet == *symbol);
        }
        bits
    }
}

#[inline]
fn flags(text: &[u8], is: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0; 64];
    for (flag, octet) in flags.iter_mut().zip(text) {
        *flag = u8::from(is(*octet));
    }
    pack(&flags)
}
