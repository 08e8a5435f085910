//! One pass over a text: what all engines share while they read it.

use std::ops::Range;

use memchr::memchr_iter;

use super::gate::{Gate, View};
use super::groups::{Anchor, Groups};
use super::identifiers::{Asked, Ends, Identifiers, Start};
use super::literals::Literals;
use super::openings::{self, Openings};
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
    /// Where words begin that may begin with a literal of a regular expression.
    pub(super) heads: Vec<usize>,
    hits: &'s mut dyn FnMut(Hit) -> Flow,
    /// Where two stretches of the folded text may be the same in the original: hits are held back for sorting.
    held: Option<Vec<Hit>>,
}

impl<'s, 't> Scan<'s, 't> {
    pub(super) fn new(text: &'s Prepared<'t>, hits: &'s mut dyn FnMut(Hit) -> Flow) -> Self {
        let held = text.expands().then(Vec::new);
        Self { text, bytes: text.bytes(), words: text.words(), steps: 0, heads: Vec::new(), hits, held }
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
    /// Looks at each place where a word, a run of digits or a symbol begins: for what words may begin, if that is given, and
    /// for identifiers.
    pub(super) fn starts(
        &mut self,
        at_words: Option<AtWords<'_>>,
        identifiers: &Identifiers,
        asked: Asked<'_>,
    ) -> Flow {
        self.anchored(identifiers, asked)?;
        let at_words = at_words.filter(AtWords::any);
        match (at_words, identifiers.gate(asked)) {
            (None, None) => Flow::Continue(()),
            (Some(at_words), None) => self.words(at_words),
            (at_words, Some((gate, groups))) => {
                let symbols = Symbols::new(gate.symbols(groups));
                let mut shapes = Shapes {
                    identifiers,
                    gate,
                    groups,
                    inner: gate.inner_digits(groups),
                    plain: gate.without_digits(groups),
                    begin_words: gate.begin_words(groups),
                    symbols,
                    carry: 0,
                    next: self.digits(0),
                    ends: Ends::new(asked),
                };
                let mut before = Before::default();
                (0..self.words.blocks())
                    .try_for_each(|block| self.block(block, at_words, &mut before, &mut shapes))
            }
        }
    }

    /// Looks for identifiers near the octets that all their shapes hold.
    fn anchored(&mut self, identifiers: &Identifiers, asked: Asked<'_>) -> Flow {
        let mut ends = Ends::new(asked);
        for (group, Anchor { octet, before, .. }) in identifiers.anchored(asked) {
            // Candidates before this place have been looked at: no octet is looked at twice.
            let mut from = 0;
            for found in memchr_iter(octet, self.bytes) {
                let least = found.saturating_sub(before.most).max(from);
                let run =
                    self.bytes[least..found].iter().rev().take_while(|octet| before.octets.has(**octet));
                let first = found - run.count();
                self.steps += (found - first) as u64;
                for at in first..(found + 1).saturating_sub(before.least) {
                    if let Some(start) = self.start_at(at) {
                        identifiers.try_group(self, &mut ends, group, at, start)?;
                    }
                }
                from = from.max((found + 1).saturating_sub(before.least));
            }
        }
        Flow::Continue(())
    }

    /// How a candidate may begin at an octet, if it may.
    fn start_at(&self, at: usize) -> Option<Start> {
        let octet = self.bytes[at];
        let digit_before = || at > 0 && self.bytes[at - 1].is_ascii_digit();
        match octet {
            _ if self.words.starts(at) => Some(Start::Word),
            b'0'..=b'9' => (!digit_before()).then_some(Start::InnerDigit),
            _ => (!octet.is_ascii_alphanumeric()).then_some(Start::Symbol),
        }
    }

    /// What words may begin, and no identifiers.
    fn words(&mut self, at_words: AtWords<'_>) -> Flow {
        let mut before = Before::default();
        for block in 0..self.words.blocks() {
            let (mut starts, edges) = self.words.block(block);
            while starts != 0 {
                let offset = starts.trailing_zeros();
                starts &= starts - 1;
                let at = block * 64 + offset as usize;
                let word = at..self.word_end(at, edges >> offset);
                self.word(at_words, &mut before, load(self.bytes, at), word)?;
            }
        }
        Flow::Continue(())
    }

    #[inline(always)]
    fn word(&mut self, at_words: AtWords<'_>, before: &mut Before, eight: u64, word: Range<usize>) -> Flow {
        let opening = at_words.openings.of(eight);
        if opening != 0 {
            self.opened(at_words, opening, eight, &word)?;
        }
        at_words.phrases.word(self, before, eight, word)
    }

    /// What a word may begin and what is more than that word.
    #[inline(never)]
    fn opened(&mut self, at_words: AtWords<'_>, opening: u8, eight: u64, word: &Range<usize>) -> Flow {
        if opening & openings::LITERAL != 0 && at_words.literals.may_begin_word(eight) {
            self.heads.push(word.start);
        }
        match opening & openings::KEYWORD {
            0 => Flow::Continue(()),
            _ => at_words.phrases.begin(self, eight, word),
        }
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
        at_words: Option<AtWords<'_>>,
        before: &mut Before,
        shapes: &mut Shapes<'_, '_>,
    ) -> Flow {
        let digits = std::mem::replace(&mut shapes.next, self.digits(block + 1));
        let others = self.others(shapes, block, digits);
        if digits | shapes.next | others == 0 {
            return self.plain_block(block, at_words, before, shapes);
        }
        let (starts, edges) = self.words.block(block);
        let kinds = Kinds::new(digits, shapes.next, self.words, block);
        let worth = if at_words.is_some() { u64::MAX } else { shapes.words_with(digits) };
        let mut rest = others | starts & worth;
        while rest != 0 {
            let offset = rest.trailing_zeros();
            rest &= rest - 1;
            let at = block * 64 + offset as usize;
            let eight = load(self.bytes, at);
            let is_digit = digits >> offset & 1 == 1;
            let (start, groups, word) = match (starts >> offset & 1, is_digit) {
                (1, _) => (Start::Word, shapes.groups, at..self.word_end(at, edges >> offset)),
                (_, true) => (Start::InnerDigit, shapes.inner, at..at),
                _ => (Start::Symbol, shapes.groups, at..at),
            };
            let place = (at, word.len());
            if let Some(at_words) = at_words
                && start == Start::Word
            {
                if is_digit && !at_words.knows_number(eight, word.len()) {
                    // No keyword has it, so none goes on after it.
                    *before = Before::default();
                    if at_words.literals.may_begin_number(eight) {
                        self.heads.push(at);
                    }
                } else {
                    self.word(at_words, before, eight, word)?;
                }
            }
            let open = shapes.gate.open(groups, self.bytes, eight, || kinds.view(offset), place);
            if open != 0 {
                shapes.identifiers.try_at(self, &mut shapes.ends, open, at, start)?;
            }
        }
        Flow::Continue(())
    }

    /// As [`Self::block`], of words without digits: most blocks of prose.
    #[inline]
    fn plain_block(
        &mut self,
        block: usize,
        at_words: Option<AtWords<'_>>,
        before: &mut Before,
        shapes: &mut Shapes<'_, '_>,
    ) -> Flow {
        let (mut starts, edges) = self.words.block(block);
        if at_words.is_none() && shapes.plain == 0 {
            return Flow::Continue(());
        }
        while starts != 0 {
            let offset = starts.trailing_zeros();
            starts &= starts - 1;
            let at = block * 64 + offset as usize;
            let eight = load(self.bytes, at);
            let word = at..self.word_end(at, edges >> offset);
            let open = shapes.gate.open_letters(self.bytes, eight, &word, shapes.plain);
            if let Some(at_words) = at_words {
                self.word(at_words, before, eight, word)?;
            }
            if open != 0 {
                shapes.identifiers.try_at(self, &mut shapes.ends, open, at, Start::Word)?;
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
        if shapes.inner != 0 {
            bits |= digits & !(digits << 1 | shapes.carry);
            shapes.carry = digits >> 63;
        }
        bits
    }
}

/// What is looked for at each word.
#[derive(Clone, Copy)]
pub(super) struct AtWords<'p> {
    pub(super) phrases: &'p Phrases,
    /// Of regular expressions.
    pub(super) literals: &'p Literals,
    pub(super) openings: &'p Openings,
}

impl AtWords<'_> {
    /// Whether a keyword may begin with, or go on to, a word of this length that begins with these octets, the first a digit.
    #[inline]
    fn knows_number(&self, eight: u64, length: usize) -> bool {
        self.phrases.knows_number(eight, length) || self.openings.of(eight) & openings::KEYWORD != 0
    }

    fn any(&self) -> bool {
        self.phrases.at_words() || self.literals.at_words()
    }
}

/// How identifiers are looked for.
struct Shapes<'i, 'w> {
    identifiers: &'i Identifiers,
    gate: &'i Gate,
    groups: Groups,
    /// Those of which a run of digits may begin a shape after a letter.
    inner: Groups,
    /// Those of which a shape may stand in text without digits.
    plain: Groups,
    /// Whether a shape may begin with a digit, and whether with another octet of a word.
    begin_words: (bool, bool),
    symbols: Symbols,
    /// Whether the last octet was a digit.
    carry: u64,
    /// The digits of the next block.
    next: u64,
    ends: Ends<'w>,
}

impl Shapes<'_, '_> {
    /// Where shapes may begin if a word does; where digits are is told.
    #[inline]
    fn words_with(&self, digits: u64) -> u64 {
        let (digit, other) = self.begin_words;
        (if digit { digits } else { 0 }) | (if other { !digits } else { 0 })
    }
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

/// Digits, letters and ends of words of 128 octets.
#[derive(Default)]
struct Kinds {
    digits: u64,
    /// Without the first of each word: a run of letters ends where the next word begins, even without a gap.
    letters: u64,
    firsts: u64,
    next_digits: u64,
    next_letters: u64,
    edges: u64,
    next_edges: u64,
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
            edges: words.edges(block),
            next_edges: words.edges(block + 1),
        }
    }

    /// The 64 octets from an offset on.
    #[inline]
    fn view(&self, offset: u32) -> View {
        let from = |low: u64, high: u64| low >> offset | (high << 1) << (63 - offset);
        View {
            digits: from(self.digits, self.next_digits),
            letters: from(self.letters, self.next_letters) | self.firsts >> offset & 1,
            edges: from(self.edges, self.next_edges),
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
