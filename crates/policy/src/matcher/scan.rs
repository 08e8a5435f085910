//! One pass over a text: what all engines share while they read it.

use std::ops::Range;

use super::gate::{Buckets, Gate, View};
use super::identifiers::{Ends, Identifiers, Start, Which};
use super::phrases::{Before, Phrases};
use super::prepared::Prepared;
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
    /// Looks at each place where a word, a run of digits or a symbol begins: for keywords, if they are given, and for
    /// identifiers.
    pub(super) fn starts(
        &mut self,
        phrases: Option<&Phrases>,
        identifiers: &Identifiers,
        (which, wanted): (Which, &[bool]),
    ) -> Flow {
        let phrases = phrases.filter(|phrases| phrases.at_words());
        match (phrases, identifiers.gate(which)) {
            (None, None) => Flow::Continue(()),
            (Some(phrases), None) => self.words(phrases),
            (phrases, Some((gate, buckets))) => {
                let symbols = Symbols::new(gate.symbols(buckets));
                let mut shapes = Shapes {
                    identifiers,
                    gate,
                    buckets,
                    inner: gate.inner_digits(buckets),
                    symbols,
                    carry: 0,
                    next: self.digits(0),
                    ends: identifiers.ends(which, wanted),
                };
                let mut before = Before::default();
                (0..self.words.blocks())
                    .try_for_each(|block| self.block(block, phrases, &mut before, &mut shapes))
            }
        }
    }

    /// Keywords alone.
    fn words(&mut self, phrases: &Phrases) -> Flow {
        let mut before = Before::default();
        for block in 0..self.words.blocks() {
            let (mut starts, edges) = self.words.block(block);
            while starts != 0 {
                let offset = starts.trailing_zeros();
                starts &= starts - 1;
                let at = block * 64 + offset as usize;
                let word = at..self.word_end(at, edges >> offset);
                phrases.word(self, &mut before, load(self.bytes, at), word)?;
            }
        }
        Flow::Continue(())
    }

    /// Where the word at a place ends; `edges` are the octets from there on before which no word goes on.
    #[inline]
    fn word_end(&self, at: usize, edges: u64) -> usize {
        match edges >> 1 {
            0 => self.words.end(at),
            edges => at + 1 + edges.trailing_zeros() as usize,
        }
    }

    #[inline]
    fn block(
        &mut self,
        block: usize,
        phrases: Option<&Phrases>,
        before: &mut Before,
        shapes: &mut Shapes<'_, '_>,
    ) -> Flow {
        let (starts, edges) = self.words.block(block);
        let digits = std::mem::replace(&mut shapes.next, self.digits(block + 1));
        let kinds = Kinds::new(digits, shapes.next, self.words, block);
        let mut rest = starts | self.others(shapes, block, digits);
        while rest != 0 {
            let offset = rest.trailing_zeros();
            rest &= rest - 1;
            let at = block * 64 + offset as usize;
            let eight = load(self.bytes, at);
            if let Some(phrases) = phrases
                && starts >> offset & 1 == 1
            {
                if digits >> offset & 1 == 1 && !phrases.knows_number(eight) {
                    // No keyword has it, so none goes on after it.
                    *before = Before::default();
                } else {
                    let word = at..self.word_end(at, edges >> offset);
                    phrases.word(self, before, eight, word)?;
                }
            }
            let open = shapes.gate.open(self.bytes, eight, || kinds.view(offset), at) & shapes.buckets;
            if open != 0 {
                let start = match (starts >> offset & 1, digits >> offset & 1) {
                    (1, _) => Start::Word,
                    (_, 1) => Start::InnerDigit,
                    _ => Start::Symbol,
                };
                shapes.identifiers.try_at(self, &mut shapes.ends, open, at, start)?;
            }
        }
        Flow::Continue(())
    }

    /// Which of 64 octets are digits; none past the end.
    #[inline]
    fn digits(&self, block: usize) -> u64 {
        let is_digit = |octet: u8| octet.wrapping_sub(b'0') < 10;
        match self.bytes.get(block * 64..) {
            // Most blocks of prose have none.
            Some(rest) => match rest.first_chunk::<64>() {
                Some(whole) => {
                    let any = whole.iter().fold(0, |any, octet| any | u8::from(is_digit(*octet)));
                    if any == 0 { 0 } else { flags(whole, is_digit) }
                }
                None => flags(rest, is_digit),
            },
            None => 0,
        }
    }

    /// The bits of 64 octets at which a run of digits or a shape's first symbol stands.
    #[inline]
    fn others(&self, shapes: &mut Shapes<'_, '_>, block: usize, digits: u64) -> u64 {
        let mut bits = shapes.symbols.of(&self.bytes[block * 64..self.bytes.len().min(block * 64 + 64)]);
        if shapes.inner {
            bits |= digits & !(digits << 1 | shapes.carry);
            shapes.carry = digits >> 63;
        }
        bits
    }
}

/// How identifiers are looked for.
struct Shapes<'i, 'w> {
    identifiers: &'i Identifiers,
    gate: &'i Gate,
    buckets: Buckets,
    /// Whether a run of digits may begin a shape after a letter.
    inner: bool,
    symbols: Symbols,
    /// Whether the last octet was a digit.
    carry: u64,
    /// The digits of the next block.
    next: u64,
    ends: Ends<'w>,
}

/// A set of octets, eight at a time.
struct Symbols {
    eights: Vec<[u8; 8]>,
}

impl Symbols {
    fn new(octets: impl Iterator<Item = u8>) -> Self {
        let octets: Vec<u8> = octets.collect();
        let eight = |some: &[u8]| std::array::from_fn(|at| some.get(at).copied().unwrap_or(some[0]));
        Self { eights: octets.chunks(8).map(eight).collect() }
    }

    /// Where in at most 64 octets one of them stands.
    #[inline]
    fn of(&self, text: &[u8]) -> u64 {
        let mut bits = 0;
        for eight in &self.eights {
            let is = |octet: u8| eight.iter().fold(false, |any, symbol| any | (octet == *symbol));
            bits |= match text.first_chunk::<64>() {
                Some(whole) => {
                    let mut marks = [0u8; 64];
                    for (mark, octet) in marks.iter_mut().zip(whole) {
                        *mark = u8::from(is(*octet));
                    }
                    let any = marks.iter().fold(0, |any, mark| any | mark);
                    if any == 0 { 0 } else { pack(&marks) }
                }
                None => flags(text, is),
            };
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
    #[inline]
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
    fn view(&self, offset: u32) -> View {
        let from = |low: u64, high: u64| low >> offset | (high << 1) << (63 - offset);
        View {
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
