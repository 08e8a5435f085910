//! One pass over a text: what all engines share while they read it.

use std::ops::{ControlFlow, Range};

use memchr::memchr_iter;

use super::ahead::{Ahead, ROOM, Runs};
use super::bits::{BLOCK, Block, Octets};
use super::gate::Gate;
use super::groups::{Anchor, Group, Groups};
use super::identifiers::{Asked, Ends, Gated, Identifiers, Start};
use super::literals::Literals;
use super::openings::{self, Openings};
use super::phrases::{Before, Phrases};
use super::prepared::Prepared;
use super::words::Words;
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
        let mut anchored = Anchored {
            identifiers,
            groups: identifiers.anchored(asked).map(|(group, anchor)| (group, anchor, 0)).collect(),
            ends: Ends::new(asked),
        };
        let at_words = at_words.filter(AtWords::any);
        let [of_digits, of_others] = identifiers.gates(asked);
        if of_digits.is_none() && of_others.is_none() {
            self.anchored(0..self.bytes.len(), &mut anchored)?;
            return at_words.map_or(Flow::Continue(()), |at_words| self.words(at_words));
        }
        let of = |gated: Option<Gated<'_>>, groups: fn(&Gate, Groups) -> Groups| {
            gated.map_or(0, |gated| groups(gated.gate, gated.groups))
        };
        let letters = of_others.filter(|gated| gated.gate.begin_letters(gated.groups));
        let symbols: Octets = of_others.iter().flat_map(|gated| gated.gate.symbols(gated.groups)).collect();
        let plain = of(of_others, Gate::without_digits);
        let only_near_digits = at_words.is_none() && plain == 0 && symbols.is_empty();
        let mut shapes = Shapes {
            identifiers,
            digits: of_digits,
            others: of_others,
            inner: of(of_digits, Gate::inner_digits),
            least: identifiers.least_digits(asked),
            plain,
            letters,
            symbols,
            only_digits: only_near_digits && letters.is_none(),
            open: Box::new([0; BLOCK]),
            ends: Ends::new(asked),
        };
        let mut before = Before::default();
        for block in 0..self.words.blocks() {
            if block % STRETCH == 0 {
                let end = (block + STRETCH) * BLOCK;
                self.anchored(block * BLOCK..end.min(self.bytes.len()), &mut anchored)?;
            }
            if only_near_digits && self.words.digits(block) | self.words.digits(block + 1) == 0 {
                continue;
            }
            self.block(block, at_words, &mut before, &mut shapes)?;
        }
        Flow::Continue(())
    }

    /// Looks for identifiers near the octets of a stretch that all their shapes hold.
    fn anchored(&mut self, stretch: Range<usize>, anchored: &mut Anchored<'_, '_>) -> Flow {
        let Anchored { identifiers, groups, ends } = anchored;
        for (group, Anchor { octet, before, .. }, from) in groups {
            for found in memchr_iter(*octet, &self.bytes[stretch.clone()]) {
                let found = stretch.start + found;
                let least = found.saturating_sub(before.most).max(*from);
                let run =
                    self.bytes[least..found].iter().rev().take_while(|octet| before.octets.has(**octet));
                let first = found - run.count();
                self.steps += (found - first) as u64;
                for at in first..(found + 1).saturating_sub(before.least) {
                    if let Some(start) = self.start_at(at) {
                        identifiers.try_group(self, ends, group, at, start)?;
                    }
                }
                *from = (found + 1).saturating_sub(before.least).max(*from);
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
            let mut room = ROOM;
            let ahead = Ahead::new(self.bytes, self.words, block, &mut room);
            for offset in Ones(self.words.beginnings(block)) {
                let word = self.word_at(block, offset, ahead.word_length(offset));
                self.word(at_words, &mut before, ahead.eight(offset as usize), word)?;
            }
        }
        Flow::Continue(())
    }

    #[inline(always)]
    fn word(&mut self, at_words: AtWords<'_>, before: &mut Before, eight: u64, word: Range<usize>) -> Flow {
        let opening = at_words.openings.of(eight);
        self.word_with(at_words, opening, before, eight, word)
    }

    #[inline(always)]
    fn word_with(
        &mut self,
        at_words: AtWords<'_>,
        opening: u8,
        before: &mut Before,
        eight: u64,
        word: Range<usize>,
    ) -> Flow {
        if opening != 0 {
            self.opened(at_words, opening, eight, &word)?;
        }
        at_words.phrases.word(self, before, eight, word)
    }

    /// What a word may begin and what is more than that word.
    #[inline(never)]
    fn opened(&mut self, at_words: AtWords<'_>, opening: u8, eight: u64, word: &Range<usize>) -> Flow {
        if opening & openings::OTHER != 0 && at_words.literals.may_begin_word(eight) {
            self.heads.push(word.start);
        }
        match opening & openings::KEYWORD {
            0 => Flow::Continue(()),
            _ => at_words.phrases.begin(self, eight, word),
        }
    }

    /// The word that begins at a place of a block; its length is what is known of it there.
    #[inline(always)]
    fn word_at(&self, block: usize, offset: u32, length: usize) -> Range<usize> {
        let at = block * BLOCK + offset as usize;
        at..if length == BLOCK { self.words.end(at) } else { at + length }
    }

    #[inline]
    fn block(
        &mut self,
        block: usize,
        at_words: Option<AtWords<'_>>,
        before: &mut Before,
        shapes: &mut Shapes<'_, '_>,
    ) -> Flow {
        let (digits, next) = (self.words.digits(block), self.words.digits(block + 1));
        let inner = if shapes.inner == 0 { 0 } else { self.first_digits(block) };
        let symbols = match shapes.symbols.is_empty() {
            true => 0,
            false => Block::of(self.bytes, block).any_of(&shapes.symbols),
        };
        let starts = self.words.beginnings(block);
        let long = long_runs([digits, next], shapes.least);
        if shapes.only_digits && long == 0 {
            return Flow::Continue(());
        }
        let mut room = ROOM;
        let ahead = Ahead::new(self.bytes, self.words, block, &mut room);
        // Places that are to be tried, and of these such of which not all that the gate knows was asked.
        let (mut left, mut by_digits, mut by_others) = (0, 0, 0);
        if digits | next == 0 {
            left = self.plain_words(block, at_words, before, shapes, &ahead)?;
            if left | symbols == 0 {
                // Most blocks of prose.
                return Flow::Continue(());
            }
        } else {
            if let Some(at_words) = at_words {
                self.words_of(block, at_words, before, &ahead, digits)?;
            }
            // One loop for each way in which a shape may begin, and one for each look: processors guess less.
            let runs = Runs::new([digits, next], self.words, block);
            if let Some(Gated { gate, groups }) = shapes.digits {
                for offset in Ones(starts & long) {
                    let open = gate.open_digits(groups, &ahead, &runs, offset);
                    shapes.note(offset, open, &mut by_digits);
                }
                for offset in Ones(inner & !starts & long) {
                    let open = gate.open_digits(shapes.inner, &ahead, &runs, offset);
                    shapes.note(offset, open, &mut by_digits);
                }
            }
            if let Some(Gated { gate, groups }) = shapes.letters {
                for offset in Ones(starts & !digits) {
                    let open = gate.open_letter(groups, &ahead, &runs, offset);
                    shapes.note(offset, open, &mut by_others);
                }
            }
        }
        if let Some(Gated { gate, groups }) = shapes.others {
            for offset in Ones(symbols & !starts) {
                let open = gate.open_symbol(groups, &ahead, offset);
                shapes.note(offset, open, &mut by_others);
            }
        }
        for (gated, noted) in [(shapes.digits, by_digits), (shapes.others, by_others)] {
            let Some(Gated { gate, .. }) = gated else { continue };
            for offset in Ones(noted) {
                let open = gate.open_tokens(shapes.open[offset as usize], &ahead, offset);
                shapes.note(offset, open, &mut left);
            }
        }
        // From left to right, whatever they begin with.
        for offset in Ones(left) {
            let start = match (starts >> offset & 1, digits >> offset & 1) {
                (1, _) => Start::Word,
                (_, 1) => Start::InnerDigit,
                _ => Start::Symbol,
            };
            let at = block * BLOCK + offset as usize;
            let open = shapes.open[offset as usize];
            shapes.identifiers.try_at(self, &mut shapes.ends, open, at, start)?;
        }
        Flow::Continue(())
    }

    /// What the words of a block may begin, no identifiers.
    #[inline(always)]
    fn words_of(
        &mut self,
        block: usize,
        at_words: AtWords<'_>,
        before: &mut Before,
        ahead: &Ahead<'_>,
        digits: u64,
    ) -> Flow {
        let starts = self.words.beginnings(block);
        let mut known = starts & !digits;
        if at_words.openings.of_numbers() {
            known = starts;
        } else if at_words.phrases.has_numbers() {
            for offset in Ones(starts & digits) {
                let eight = ahead.eight(offset as usize);
                if at_words.phrases.knows_head(eight) {
                    let known_number = at_words.phrases.knows_number(eight, ahead.word_length(offset));
                    known |= u64::from(known_number) << offset;
                }
            }
        }
        for offset in Ones(known) {
            // Of a pair of words that has a number between them, what stands between them tells.
            let word = self.word_at(block, offset, ahead.word_length(offset));
            self.word(at_words, before, ahead.eight(offset as usize), word)?;
        }
        Flow::Continue(())
    }

    /// The same of a block without digits near; gives the places at which a shape of an identifier may begin with a word.
    #[inline(never)]
    fn plain_words(
        &mut self,
        block: usize,
        at_words: Option<AtWords<'_>>,
        before: &mut Before,
        shapes: &mut Shapes<'_, '_>,
        ahead: &Ahead<'_>,
    ) -> ControlFlow<(), u64> {
        let gate = shapes.letters.map(|gated| gated.gate).filter(|_| shapes.plain != 0);
        let mut left = 0;
        if at_words.is_none() && gate.is_none() {
            return ControlFlow::Continue(left);
        }
        for offset in Ones(self.words.beginnings(block)) {
            let eight = ahead.eight(offset as usize);
            let length = ahead.word_length(offset);
            let beyond = ahead.eight(offset as usize + length);
            let mut may_begin = gate.is_some();
            if let Some(at_words) = at_words {
                let opening = at_words.openings.of(eight);
                may_begin = opening & openings::OTHER != 0
                    || gate.is_some_and(|gate| gate.letters.may_begin(length, beyond as u8));
                self.word_with(at_words, opening, before, eight, self.word_at(block, offset, length))?;
            }
            if may_begin && let Some(gate) = gate {
                let open = gate.open_letters(eight, length, beyond, shapes.plain);
                shapes.note(offset, open, &mut left);
            }
        }
        ControlFlow::Continue(left)
    }

    /// At which octets of a block a run of digits begins.
    #[inline]
    fn first_digits(&self, block: usize) -> u64 {
        let digits = self.words.digits(block);
        let carry = block.checked_sub(1).map_or(0, |before| self.words.digits(before) >> 63);
        digits & !(digits << 1 | carry)
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
    fn any(&self) -> bool {
        self.phrases.at_words() || self.literals.at_words()
    }
}

/// So many blocks are looked at in one way and then in the next, while processors have them at hand.
const STRETCH: usize = 512;

/// Identifiers that are found by octets that they hold.
struct Anchored<'i, 'w> {
    identifiers: &'i Identifiers,
    /// With the place before which candidates have been looked at: no octet is looked at twice.
    groups: Vec<(&'i Group, Anchor, usize)>,
    ends: Ends<'w>,
}

/// How identifiers are looked for.
struct Shapes<'i, 'w> {
    identifiers: &'i Identifiers,
    /// To shapes that may begin with a digit, and to those that may begin with anything else.
    digits: Option<Gated<'i>>,
    others: Option<Gated<'i>>,
    /// To the latter, if one of them may begin with a letter.
    letters: Option<Gated<'i>>,
    /// Those of which a run of digits may begin a shape after a letter.
    inner: Groups,
    /// With how many digits shapes begin at least, if they begin with one.
    least: usize,
    /// Those of which a shape may stand in text without digits.
    plain: Groups,
    symbols: Octets,
    /// Whether nothing is looked for but what begins with a digit.
    only_digits: bool,
    /// By place of a block: those of which a shape may begin there.
    open: Box<[Groups; BLOCK]>,
    ends: Ends<'w>,
}

impl Shapes<'_, '_> {
    /// Keeps what is open at a place of a block, and marks the place if anything is.
    #[inline]
    fn note(&mut self, offset: u32, open: Groups, marks: &mut u64) {
        self.open[offset as usize % BLOCK] = open;
        *marks |= u64::from(open != 0) << offset;
    }
}

/// At which octets of a block a run of so many digits begins, or of 16 if it is more; which octets of the block and the next one are
/// digits is told.
#[inline]
fn long_runs([mut here, mut next]: [u64; 2], least: usize) -> u64 {
    let mut known = 1;
    while known < least.min(16) {
        let more = known.min(least.min(16) - known);
        here &= here >> more | next << (64 - more);
        next &= next >> more;
        known += more;
    }
    here
}

/// The places of the ones among 64 bits.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let first = self.0.trailing_zeros();
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            first
        })
    }
}
