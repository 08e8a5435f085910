//! Tells in a few steps whether any shape of an identifier may begin at a place: by the pairs of octets that stand there
//! and by how long its first runs of letters and digits are. It may say yes in vain, never no in error.
//!
//! Each group of shapes has a bit, so that one look answers for all of them. Before that a coarser look, at kinds of groups only,
//! shuts the gate before most words of prose.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Boundary;
use super::groups::{Group, Groups};
use super::paths::{Beyond, Paths, States};
use super::steps::Steps;
use super::table::load;
use super::tokens::Tokens;

/// Kinds of groups, as bits.
type Kinds = u8;

/// Which of the 64 octets from a candidate on are digits, which letters, and where words end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    pub(super) digits: u64,
    pub(super) letters: u64,
    /// Before which of them no word goes on.
    pub(super) edges: u64,
}

/// The longest run that the tables tell apart; longer ones pass.
const RUN: usize = 32;
/// The same for the second run.
pub(super) const SECOND: usize = 16;
/// The same for words, of letters and digits.
const LENGTH: usize = 64;
/// Sorts of the octet that stands two places after a run.
pub(super) const SORTS: usize = 8;
/// So many octets have no digit where no word of a block has one: those of the next block.
pub(super) const PLAIN: usize = 64;
/// Pairs of seven-bit octets.
const PAIRS: usize = 1 << 14;
/// Sets of states larger than this are not followed: the pair passes.
const MOST_STATES: usize = 4096;

/// The tables.
pub(super) struct Gate {
    /// By the pair of octets at places 0, 2, 4 and 6.
    pairs: Box<[[Kinds; PAIRS]; 4]>,
    /// The groups of some kinds.
    of_kinds: Box<[Groups; 256]>,
    /// Octets that no automaton tells apart have one class.
    classes: [u8; 256],
    class_count: usize,
    /// By kind (digits, letters), length of the run, class of the octet after it, and sort of the octet after that.
    first: Vec<[Groups; SORTS]>,
    /// By length of a run of digits, class of the one octet after it, and length of the next run of digits.
    second: Vec<Groups>,
    /// By the first and by the next two digits.
    digits: [[Groups; 100]; 2],
    /// By the first octet.
    initials: Box<[Groups; 256]>,
    /// Those that may begin with a digit, and those that may with another octet.
    begin_digits: Groups,
    begin_others: Groups,
    /// By the length of the word that begins here.
    lengths: [Groups; LENGTH + 1],
    /// Octets other than letters and digits that shapes begin with.
    symbols: Vec<(u8, Groups)>,
    /// Those with a shape that may begin with a digit after a letter.
    inner_digits: Groups,
    /// By the first few words.
    tokens: Tokens,
    /// Those with a shape that may have no digit among its first octets.
    without_digits: Groups,
}

impl Gate {
    /// A gate before groups, which are known by their place.
    pub(super) fn new(groups: &[Group]) -> Self {
        let (classes, examples) = joint_classes(groups);
        let count = examples.len();
        let of_kinds = |kinds: usize| {
            let some = groups.iter().enumerate().filter(|(_, group)| kinds & usize::from(group.kind()) != 0);
            some.fold(0, |all, (number, _)| all | 1 << number)
        };
        let mut gate = Self {
            pairs: Box::new([[0; PAIRS]; 4]),
            of_kinds: Box::new(std::array::from_fn(of_kinds)),
            classes,
            class_count: count,
            first: vec![[0; SORTS]; 2 * (RUN + 1) * count],
            second: vec![0; (RUN + 1) * count * (SECOND + 1)],
            digits: [[0; 100]; 2],
            initials: Box::new([0; 256]),
            begin_digits: 0,
            begin_others: 0,
            lengths: [0; LENGTH + 1],
            symbols: Vec::new(),
            inner_digits: 0,
            tokens: Tokens::new(count),
            without_digits: 0,
        };
        for (number, group) in groups.iter().enumerate() {
            for automata in &group.automata {
                let paths = Paths::new(automata, 1 << number);
                gate.add_pairs(&paths, group.kind());
                gate.add_runs(&paths, &examples);
                gate.add_digits(&paths);
                gate.add_lengths(&paths);
                gate.add_starts(&paths);
                let steps = Steps::new(&paths);
                gate.tokens.add(&paths, &steps, &classes, &examples);
                gate.without_digits |= if steps.without_digits(PLAIN) { paths.group } else { 0 };
            }
        }
        gate.pass_the_longest();
        gate
    }

    /// Those of the groups whose shapes may begin here, with a word of this length if there is one; `view` looks ahead from
    /// there.
    #[inline]
    pub(super) fn open(
        &self,
        groups: Groups,
        text: &[u8],
        eight: u64,
        view: impl FnOnce() -> View,
        (at, length): (usize, usize),
    ) -> Groups {
        let open = groups & self.lengths[length.min(LENGTH)] & self.initials[eight as usize & 0xFF];
        let open = open & self.groups_of(self.by_pairs(eight));
        if open == 0 {
            return 0;
        }
        let view = view();
        let open = self.by_tokens(open, text, view, at);
        if open == 0 { 0 } else { open & self.by_runs(text, eight, view, at) }
    }

    /// As [`Self::open`] at a word of letters only, of these groups.
    #[inline]
    pub(super) fn open_letters(
        &self,
        text: &[u8],
        eight: u64,
        word: &Range<usize>,
        groups: Groups,
    ) -> Groups {
        let beyond = load(text, word.end);
        let class = usize::from(self.classes[beyond as usize & 0xFF]);
        let run = word.len().min(RUN);
        // In one step, without a guess: hardly any word gets through.
        self.first[(RUN + 1 + run) * self.class_count + class][sort((beyond >> 8) as u8)]
            & self.groups_of(self.by_pair(eight, 0) & self.by_pair(eight, 1))
            & groups
    }

    #[inline]
    fn groups_of(&self, kinds: Kinds) -> Groups {
        self.of_kinds[usize::from(kinds)]
    }

    #[inline]
    fn by_pair(&self, eight: u64, place: usize) -> Kinds {
        let two = (eight >> (16 * place)) as usize;
        self.pairs[place][two & 0x7F | two >> 1 & 0x3F80]
    }

    /// The kinds whose shapes may begin with these eight octets.
    #[inline]
    fn by_pairs(&self, eight: u64) -> Kinds {
        let pair = |place| self.by_pair(eight, place);
        pair(0) & pair(1) & pair(2) & pair(3)
    }

    /// The groups whose shapes may begin with the runs of letters or digits here.
    #[inline]
    fn by_runs(&self, text: &[u8], eight: u64, view: View, at: usize) -> Groups {
        let digits = view.digits.trailing_ones() as usize;
        let letters = view.letters.trailing_ones() as usize;
        let whole = digits | letters;
        if whole == 0 {
            return Groups::MAX;
        }
        let (after, beyond) = match text.get(at + whole..) {
            Some([after, beyond, ..]) => (*after, *beyond),
            Some([after]) => (*after, 0),
            _ => (0, 0),
        };
        let class = usize::from(self.classes[usize::from(after)]);
        let run = whole.min(RUN);
        let kind = usize::from(digits == 0);
        let mut open = self.first[(kind * (RUN + 1) + run) * self.class_count + class][sort(beyond)];
        if kind == 1 {
            return open;
        }
        for (place, by_digits) in self.digits.iter().enumerate().take(run / 2) {
            let two = eight >> (16 * place) & 0x0F0F;
            open &= by_digits[((two & 0x0F) * 10 + (two >> 8)) as usize % 100];
        }
        if run == RUN {
            return open;
        }
        let second = ((view.digits >> run >> 1).trailing_ones() as usize).min(SECOND);
        open & self.second[(run * self.class_count + class) * (SECOND + 1) + second]
    }

    /// Those of the groups whose shapes may begin with the words here.
    #[inline]
    fn by_tokens(&self, groups: Groups, text: &[u8], view: View, at: usize) -> Groups {
        self.tokens.open(groups, text, &self.classes, at, view.edges)
    }

    /// Of these groups, those with a shape that may have no digit among its first [`PLAIN`] octets.
    pub(super) fn without_digits(&self, groups: Groups) -> Groups {
        self.without_digits & groups
    }

    /// Whether shapes of these groups may begin with a digit, and whether with another octet of a word.
    pub(super) fn begin_words(&self, groups: Groups) -> (bool, bool) {
        (self.begin_digits & groups != 0, self.begin_others & groups != 0)
    }

    /// Octets other than letters and digits that shapes of these groups begin with.
    pub(super) fn symbols(&self, groups: Groups) -> impl Iterator<Item = u8> + '_ {
        self.symbols.iter().filter(move |(_, of)| of & groups != 0).map(|(octet, _)| *octet)
    }

    /// Of these groups, those with a shape that may begin with a digit after a letter.
    pub(super) fn inner_digits(&self, groups: Groups) -> Groups {
        self.inner_digits & groups
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.pairs)
            + size_of_val(&*self.of_kinds)
            + size_of_val(&*self.first)
            + size_of_val(&*self.second)
            + self.tokens.memory()
            + size_of::<Self>()
    }
}

/// What sort of octet it is, below [`SORTS`].
#[inline]
pub(super) fn sort(octet: u8) -> usize {
    const SORT: [u8; 256] = {
        let mut sorts = [0; 256];
        let mut octet = 0;
        while octet < 256 {
            sorts[octet] = match octet as u8 {
                b'0'..=b'9' => 1,
                b'a'..=b'z' => 2,
                b'A'..=b'Z' => 3,
                b' ' => 4,
                b'-' => 5,
                b'.' => 6,
                0..b' ' | 0x7F.. => 7,
                _ => 0,
            };
            octet += 1;
        }
        sorts
    };
    usize::from(SORT[usize::from(octet)])
}

/// Octets by what all automata together tell apart, and one octet of each class.
fn joint_classes(groups: &[Group]) -> ([u8; 256], Vec<u8>) {
    let mut classes = [0; 256];
    let mut examples = Vec::new();
    let mut numbers: BTreeMap<Vec<u8>, u8> = BTreeMap::new();
    for octet in 0..=255u8 {
        let automata = groups.iter().flat_map(|group| &group.automata);
        let key = automata.map(|one| one.classes[usize::from(octet)]).collect();
        let number = *numbers.entry(key).or_insert_with(|| {
            examples.push(octet);
            (examples.len() - 1) as u8
        });
        classes[usize::from(octet)] = number;
    }
    (classes, examples)
}

// ---- how the tables are filled

impl Gate {
    fn add_pairs(&mut self, paths: &Paths<'_>, kind: Kinds) {
        let count = paths.automata.class_count;
        let all: Vec<usize> = (0..count).collect();
        let mut states = paths.start();
        // A shape has ended before: whatever follows.
        let mut ended = false;
        for pairs in self.pairs.iter_mut() {
            ended |= states.len() > MOST_STATES;
            if ended {
                pairs.iter_mut().for_each(|open| *open |= kind);
                continue;
            }
            let mut by_class = vec![false; count * count];
            let mut next = BTreeSet::new();
            for one in 0..count {
                let middle = paths.after(&states, &[one]);
                let fits = paths.fits(&middle);
                for two in 0..count {
                    let on = paths.after(&middle, &[two]);
                    by_class[one * count + two] = fits || !on.is_empty();
                    next.extend(on);
                }
            }
            for (index, open) in pairs.iter_mut().enumerate() {
                let class = |octet: usize| usize::from(paths.automata.classes[octet]);
                if by_class[class(index & 0x7F) * count + class(index >> 7)] {
                    *open |= kind;
                }
            }
            let next: States = next.into_iter().collect();
            ended |= paths.fits(&paths.after(&states, &all)) || paths.fits(&next);
            states = next;
        }
    }

    fn add_runs(&mut self, paths: &Paths<'_>, examples: &[u8]) {
        for (kind, classes) in [&paths.digits, &paths.letters].into_iter().enumerate() {
            let mut states = paths.start();
            // A shape may have ended within the run.
            let mut loose = false;
            for run in 1..RUN {
                states = paths.after(&states, classes);
                if states.is_empty() && !loose {
                    break;
                }
                let known = loose || paths.fits(&states);
                let beyond: Vec<Beyond> = (0..paths.automata.class_count)
                    .map(|class| paths.beyond(&states, class, known))
                    .collect();
                for (class, example) in examples.iter().enumerate() {
                    let beyond = &beyond[paths.class(*example)];
                    let row = &mut self.first[(kind * (RUN + 1) + run) * examples.len() + class];
                    admit(row, &beyond.sorts, paths.group);
                    if kind == 0 {
                        let place = (run * examples.len() + class) * (SECOND + 1);
                        admit(&mut self.second[place..place + SECOND], &beyond.seconds, paths.group);
                    }
                }
                loose |= paths.loose(&states);
            }
        }
    }

    /// No shape has ended after two digits.
    fn add_digits(&mut self, paths: &Paths<'_>) {
        let mut states = paths.start();
        for by_digits in &mut self.digits {
            let mut next = BTreeSet::new();
            for (index, open) in by_digits.iter_mut().enumerate() {
                let digit = |value: usize| paths.class(b'0' + value as u8);
                let one = paths.after(&states, &[digit(index / 10)]);
                let two = paths.after(&one, &[digit(index % 10)]);
                if !two.is_empty() || paths.fits(&one) {
                    *open |= paths.group;
                }
                next.extend(two);
            }
            states = next.into_iter().collect();
        }
    }

    fn add_lengths(&mut self, paths: &Paths<'_>) {
        let mut states = paths.start();
        // A shape may have ended within the word.
        let mut loose = false;
        for open in &mut self.lengths[1..LENGTH] {
            states = paths.after(&states, &paths.alphanumeric);
            if loose || paths.fits(&states) || !paths.after(&states, &paths.symbols).is_empty() {
                *open |= paths.group;
            }
            loose |= paths.loose(&states);
        }
    }

    fn add_starts(&mut self, paths: &Paths<'_>) {
        for (octet, open) in self.initials.iter_mut().enumerate() {
            let class = usize::from(paths.automata.classes[octet]);
            if paths.automata.after(paths.automata.start, class) != 0 {
                *open |= paths.group;
                let begin = if (octet as u8).is_ascii_digit() {
                    &mut self.begin_digits
                } else {
                    &mut self.begin_others
                };
                *begin |= paths.group;
            }
        }
        for octet in (0..0x80u8).filter(|octet| !octet.is_ascii_alphanumeric()) {
            if paths.automata.after(paths.automata.start, paths.class(octet)) == 0 {
                continue;
            }
            match self.symbols.iter_mut().find(|(known, _)| *known == octet) {
                Some((_, of)) => *of |= paths.group,
                None => self.symbols.push((octet, paths.group)),
            }
        }
        let inner = |boundary| matches!(boundary, Boundary::Digits | Boundary::Open);
        if paths.automata.shapes.iter().any(|shape| inner(shape.boundary))
            && !paths.after(&paths.start(), &paths.digits).is_empty()
        {
            self.inner_digits |= paths.group;
        }
    }

    /// Runs too long for the tables pass, and digits that nothing but one octet parts from no digit.
    fn pass_the_longest(&mut self) {
        for kind in 0..2 {
            let row = (kind * (RUN + 1) + RUN) * self.class_count;
            self.first[row..row + self.class_count].fill([Groups::MAX; SORTS]);
        }
        for seconds in self.second.chunks_mut(SECOND + 1) {
            seconds[0] = Groups::MAX;
            seconds[SECOND] = Groups::MAX;
        }
        self.lengths[0] = Groups::MAX;
        self.lengths[LENGTH] = Groups::MAX;
    }
}

fn admit(row: &mut [Groups], may: &[bool], group: Groups) {
    for (open, _) in row.iter_mut().zip(may).filter(|(_, may)| **may) {
        *open |= group;
    }
}
