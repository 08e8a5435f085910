//! One pass over a text: what all engines share while they read it.

use std::ops::Range;

use super::fold::Prepared;
use super::identifiers::{Identifiers, Start, View};
use super::phrases::{Before, Phrases};
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
        let mut before = Before::default();
        let special = identifiers.inner_digits || !identifiers.symbols.is_empty();
        let mut carry = 0;
        let mut next = if shapes { self.digits(0) } else { 0 };
        for block in 0..self.words.blocks() {
            let (starts, edges) = self.words.block(block);
            let mut others = 0;
            let mut kinds = Kinds::default();
            if shapes {
                let digits = std::mem::replace(&mut next, self.digits(block + 1));
                kinds = Kinds::new(digits, next, self.words, block);
                if special {
                    others = self.others(identifiers, block, digits, &mut carry) & !starts;
                }
            }
            let mut starts = starts;
            while starts | others != 0 {
                let offset = (starts | others).trailing_zeros();
                let at = block * 64 + offset as usize;
                let eight = load(self.bytes, at);
                if starts >> offset & 1 == 0 {
                    others &= others - 1;
                    let start =
                        if kinds.digits >> offset & 1 == 1 { Start::InnerDigit } else { Start::Symbol };
                    identifiers.at(self, &mut ends, kinds.view(offset, eight), at, start)?;
                    continue;
                }
                starts &= starts - 1;
                if words {
                    let end = match edges >> offset >> 1 {
                        0 => self.words.end(at),
                        edges => at + 1 + edges.trailing_zeros() as usize,
                    };
                    phrases.word(self, &mut before, eight, at..end)?;
                }
                if shapes {
                    identifiers.at(self, &mut ends, kinds.view(offset, eight), at, Start::Word)?;
                }
            }
        }
        Flow::Continue(())
    }

    /// Which of 64 octets are digits; none past the end.
    fn digits(&self, block: usize) -> u64 {
        match self.bytes.get(block * 64..) {
            Some(rest) => flags(&rest[..rest.len().min(64)], |octet| octet.wrapping_sub(b'0') < 10),
            None => 0,
        }
    }

    /// The bits of 64 octets at which a run of digits or a shape's first symbol stands.
    fn others(&self, identifiers: &Identifiers, block: usize, digits: u64, carry: &mut u64) -> u64 {
        let text = &self.bytes[block * 64..self.bytes.len().min(block * 64 + 64)];
        let mut bits = 0;
        if identifiers.inner_digits {
            bits = digits & !(digits << 1 | *carry);
            *carry = digits >> 63;
        }
        for symbol in &identifiers.symbols {
            bits |= flags(text, |octet| octet == *symbol);
        }
        bits
    }
}

/// Digits and letters of 128 octets.
#[derive(Default)]
struct Kinds {
    digits: u64,
    /// Without the first of each word: a run of letters ends where the next word begins, even without a gap.
    letters: u64,
    firsts: u64,
    next_digits: u64,
    next_letters: u64,
}

impl Kinds {
    fn new(digits: u64, next_digits: u64, words: &Words, block: usize) -> Self {
        let letters = |block: usize, digits: u64| words.insides(block) & !digits;
        let (here, next) = (letters(block, digits), letters(block + 1, next_digits));
        let firsts = here & words.beginnings(block);
        Self {
            digits,
            letters: here & !firsts,
            firsts,
            next_digits,
            next_letters: next & !words.beginnings(block + 1),
        }
    }

    /// The 64 octets from an offset on.
    #[inline]
    fn view(&self, offset: u32, eight: u64) -> View {
        let from = |low: u64, high: u64| low >> offset | (high << 1) << (63 - offset);
        View {
            eight,
            digits: from(self.digits, self.next_digits),
            letters: from(self.letters, self.next_letters) | self.firsts >> offset & 1,
        }
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
