//! Tells in a few steps whether any shape of an identifier may begin at a place: by the pairs of octets that stand there
//! and by how long its first runs of letters and digits are. It may say yes in vain, never no in error.
//!
//! Shapes are put into eight buckets, one bit each, so that one look answers for all of them; shapes that begin alike
//! share a bucket.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::hir::{Class, Hir, HirKind};

use super::Boundary;
use super::automaton::{Automata, Shape};
use super::table::load;

/// Buckets, as bits.
pub(super) type Buckets = u8;

/// Which of the 64 octets from a candidate on are digits, which letters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    pub(super) digits: u64,
    pub(super) letters: u64,
}

/// The longest run that the tables tell apart; longer ones pass.
const RUN: usize = 32;
/// The same for the second run.
const SECOND: usize = 16;
/// What most text is like, for choosing which question to ask first.
const PROSE: &str = " Thank you for your letter of last week, which our colleagues in the sales department have read with interest. \
    We are sorry that the delivery came late, and that some of the boxes were open when they arrived. Please send \
    us a list of what is missing; we will replace it at once, without any cost to you. About the other question: \
    yes, prices for the next year should be ready before the end of the month, and nobody expects them to change much. ";
/// Sorts of the octet that stands two places after a run.
const SORTS: usize = 8;
/// Pairs of seven-bit octets.
const PAIRS: usize = 1 << 14;
/// Sets of states larger than this are not followed: the pair passes.
const MOST_STATES: usize = 4096;

/// The tables.
pub(super) struct Gate {
    /// By the pair of octets at places 0, 2, 4 and 6.
    pairs: Box<[[Buckets; PAIRS]; 4]>,
    /// Whether pairs of octets alone shut the gate before nearly all words of prose.
    pairs_first: bool,
    /// Octets that no automaton tells apart have one class.
    classes: [u8; 256],
    class_count: usize,
    /// By kind (digits, letters), length of the run, class of the octet after it, and sort of the octet after that.
    first: Vec<[Buckets; SORTS]>,
    /// By length of a run of digits, class of the one octet after it, and length of the next run of digits.
    second: Vec<Buckets>,
    /// Octets other than letters and digits that shapes begin with.
    symbols: Vec<(u8, Buckets)>,
    /// Buckets with a shape that may begin with a digit after a letter.
    inner_digits: Buckets,
}

impl Gate {
    /// A gate before automata whose shapes have their buckets.
    pub(super) fn new(automata: &[Automata]) -> Self {
        let (classes, examples) = joint_classes(automata);
        let count = examples.len();
        let mut gate = Self {
            pairs: Box::new([[0; PAIRS]; 4]),
            pairs_first: false,
            classes,
            class_count: count,
            first: vec![[0; SORTS]; 2 * (RUN + 1) * count],
            second: vec![0; (RUN + 1) * count * (SECOND + 1)],
            symbols: Vec::new(),
            inner_digits: 0,
        };
        for one in automata {
            let paths = Paths::new(one);
            gate.add_pairs(&paths);
            gate.add_runs(&paths, &examples);
            gate.add_starts(&paths);
        }
        gate.pass_the_longest();
        let starts = PROSE.match_indices(' ').map(|(blank, _)| load(PROSE.as_bytes(), blank + 1));
        let (open, shut): (Vec<u64>, _) = starts.partition(|eight| gate.by_pairs(*eight) != 0);
        gate.pairs_first = open.len() * 8 < shut.len();
        gate
    }

    /// The buckets whose shapes may begin here; `view` looks ahead from there.
    #[inline]
    pub(super) fn open(&self, text: &[u8], eight: u64, view: impl FnOnce() -> View, at: usize) -> Buckets {
        if self.pairs_first {
            let open = self.by_pairs(eight);
            return if open == 0 { 0 } else { open & self.by_runs(text, view(), at) };
        }
        let open = self.by_pair(eight, 0) & self.by_runs(text, view(), at);
        if open == 0 { 0 } else { open & self.by_pairs(eight) }
    }

    #[inline]
    fn by_pair(&self, eight: u64, place: usize) -> Buckets {
        let two = (eight >> (16 * place)) as usize;
        self.pairs[place][two & 0x7F | two >> 1 & 0x3F80]
    }

    /// The buckets whose shapes may begin with these eight octets.
    #[inline]
    fn by_pairs(&self, eight: u64) -> Buckets {
        let pair = |place| self.by_pair(eight, place);
        pair(0) & pair(1) & pair(2) & pair(3)
    }

    /// The buckets whose shapes may begin with the runs of letters or digits here.
    #[inline]
    fn by_runs(&self, text: &[u8], view: View, at: usize) -> Buckets {
        let digits = view.digits.trailing_ones() as usize;
        let letters = view.letters.trailing_ones() as usize;
        let run = digits | letters;
        if run == 0 {
            return Buckets::MAX;
        }
        let (after, beyond) = match text.get(at + run..) {
            Some([after, beyond, ..]) => (*after, *beyond),
            Some([after]) => (*after, 0),
            _ => (0, 0),
        };
        let class = usize::from(self.classes[usize::from(after)]);
        let run = run.min(RUN);
        let kind = usize::from(digits == 0);
        let first = self.first[(kind * (RUN + 1) + run) * self.class_count + class][sort(beyond)];
        if kind == 1 || run == RUN {
            return first;
        }
        let second = ((view.digits >> run >> 1).trailing_ones() as usize).min(SECOND);
        first & self.second[(run * self.class_count + class) * (SECOND + 1) + second]
    }

    /// Octets other than letters and digits that shapes of these buckets begin with.
    pub(super) fn symbols(&self, buckets: Buckets) -> impl Iterator<Item = u8> + '_ {
        self.symbols.iter().filter(move |(_, of)| of & buckets != 0).map(|(octet, _)| *octet)
    }

    /// Whether a shape of these buckets may begin with a digit after a letter.
    pub(super) fn inner_digits(&self, buckets: Buckets) -> bool {
        self.inner_digits & buckets != 0
    }

    pub(super) fn memory(&self) -> usize {
        4 * PAIRS + SORTS * self.first.len() + self.second.len() + 256
    }
}

/// What sort of octet it is, below [`SORTS`].
#[inline]
fn sort(octet: u8) -> usize {
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
fn joint_classes(automata: &[Automata]) -> ([u8; 256], Vec<u8>) {
    let mut classes = [0; 256];
    let mut examples = Vec::new();
    let mut numbers: BTreeMap<Vec<u8>, u8> = BTreeMap::new();
    for octet in 0..=255u8 {
        let key = automata.iter().map(|one| one.classes[usize::from(octet)]).collect();
        let number = *numbers.entry(key).or_insert_with(|| {
            examples.push(octet);
            (examples.len() - 1) as u8
        });
        classes[usize::from(octet)] = number;
    }
    (classes, examples)
}

// ---- how the tables are filled

/// An automaton, and which buckets still fit from each of its states on.
struct Paths<'a> {
    automata: &'a Automata,
    /// By state.
    alive: Vec<Buckets>,
    fits: Vec<Buckets>,
    digits: Vec<usize>,
    letters: Vec<usize>,
    sorts: [Vec<usize>; SORTS],
}

impl<'a> Paths<'a> {
    fn new(automata: &'a Automata) -> Self {
        let states = automata.states();
        let fits: Vec<Buckets> =
            (0..states).map(|state| automata.fits(state).fold(0, |all, shape| all | shape.bucket)).collect();
        let mut alive = fits.clone();
        let mut changed = true;
        while changed {
            changed = false;
            for state in (1..states).rev() {
                let next = (0..automata.class_count).map(|class| automata.after(state, class));
                let here = next.fold(alive[usize::from(state)], |all, next| all | alive[usize::from(next)]);
                changed |= here != alive[usize::from(state)];
                alive[usize::from(state)] = here;
            }
        }
        let classes_of = |is: &dyn Fn(u8) -> bool| -> Vec<usize> {
            let octets = (0..=0xFF).filter(|octet| is(*octet));
            let classes = octets.map(|octet| usize::from(automata.classes[usize::from(octet)]));
            classes.collect::<BTreeSet<usize>>().into_iter().collect()
        };
        Self {
            automata,
            alive,
            fits,
            digits: classes_of(&|octet| octet.is_ascii_digit()),
            letters: classes_of(&|octet| octet.is_ascii_alphabetic()),
            sorts: std::array::from_fn(|number| classes_of(&|octet| sort(octet) == number)),
        }
    }

    fn after(&self, states: &BTreeSet<u16>, classes: &[usize]) -> BTreeSet<u16> {
        let next = |state: &u16| {
            let state = *state;
            classes.iter().map(move |class| self.automata.after(state, *class)).filter(|next| *next != 0)
        };
        states.iter().flat_map(next).collect()
    }

    fn alive(&self, states: &BTreeSet<u16>) -> Buckets {
        states.iter().fold(0, |all, state| all | self.alive[usize::from(*state)])
    }

    fn fits(&self, states: &BTreeSet<u16>) -> Buckets {
        states.iter().fold(0, |all, state| all | self.fits[usize::from(*state)])
    }

    /// The buckets of shapes that fit in the states and let the run go on.
    fn loose(&self, states: &BTreeSet<u16>) -> Buckets {
        let loose = |shape: &&Shape| matches!(shape.boundary, Boundary::Digits | Boundary::Open);
        let shapes = states.iter().flat_map(|state| self.automata.fits(*state)).filter(loose);
        shapes.fold(0, |all, shape| all | shape.bucket)
    }
}

impl Gate {
    fn add_pairs(&mut self, paths: &Paths<'_>) {
        let count = paths.automata.class_count;
        let all: Vec<usize> = (0..count).collect();
        let mut states = BTreeSet::from([paths.automata.start]);
        // Of shapes that have ended before: whatever follows.
        let mut ended = 0;
        for place in 0..4 {
            if states.len() > MOST_STATES {
                let whole = paths.alive[usize::from(paths.automata.start)];
                self.pairs[place].iter_mut().for_each(|open| *open |= whole);
                continue;
            }
            let mut by_class = vec![ended; count * count];
            let mut next = BTreeSet::new();
            for one in 0..count {
                let middle = paths.after(&states, &[one]);
                let fits = paths.fits(&middle);
                for two in 0..count {
                    let on = paths.after(&middle, &[two]);
                    by_class[one * count + two] |= fits | paths.alive(&on);
                    next.extend(on);
                }
            }
            for (index, open) in self.pairs[place].iter_mut().enumerate() {
                let class = |octet: usize| usize::from(paths.automata.classes[octet]);
                *open |= by_class[class(index & 0x7F) * count + class(index >> 7)];
            }
            ended |= paths.fits(&paths.after(&states, &all)) | paths.fits(&next);
            states = next;
        }
    }

    fn add_runs(&mut self, paths: &Paths<'_>, examples: &[u8]) {
        for (kind, classes) in [&paths.digits, &paths.letters].into_iter().enumerate() {
            let mut states = BTreeSet::from([paths.automata.start]);
            // Of shapes that may end within the run.
            let mut loose = 0;
            for run in 1..RUN {
                states = paths.after(&states, classes);
                let fits = paths.fits(&states);
                for (class, example) in examples.iter().enumerate() {
                    let own = usize::from(paths.automata.classes[usize::from(*example)]);
                    let on = paths.after(&states, &[own]);
                    // Shapes that end with the octet after the run go whatever comes then.
                    let known = loose | fits | paths.fits(&on);
                    let row = &mut self.first[(kind * (RUN + 1) + run) * examples.len() + class];
                    for (open, classes) in row.iter_mut().zip(&paths.sorts) {
                        *open |= known | paths.alive(&paths.after(&on, classes));
                    }
                    if kind == 0 {
                        self.add_second(paths, (run, class), on, loose | fits);
                    }
                }
                loose |= paths.loose(&states);
            }
        }
    }

    fn add_second(
        &mut self,
        paths: &Paths<'_>,
        (run, class): (usize, usize),
        mut states: BTreeSet<u16>,
        mut known: Buckets,
    ) {
        let others: Vec<usize> =
            (0..paths.automata.class_count).filter(|class| !paths.digits.contains(class)).collect();
        let place = (run * self.class_count + class) * (SECOND + 1);
        // A shape may end with the octet between the runs.
        known |= paths.fits(&states);
        for second in 1..SECOND {
            if !states.is_empty() {
                states = paths.after(&states, &paths.digits);
            }
            let on = if states.is_empty() { 0 } else { paths.alive(&paths.after(&states, &others)) };
            self.second[place + second] |= known | paths.fits(&states) | on;
            known |= paths.loose(&states);
        }
    }

    fn add_starts(&mut self, paths: &Paths<'_>) {
        for octet in (0..0x80u8).filter(|octet| !octet.is_ascii_alphanumeric()) {
            let class = usize::from(paths.automata.classes[usize::from(octet)]);
            let next = paths.automata.after(paths.automata.start, class);
            let buckets = paths.alive[usize::from(next)];
            if next == 0 || buckets == 0 {
                continue;
            }
            match self.symbols.iter_mut().find(|(known, _)| *known == octet) {
                Some((_, of)) => *of |= buckets,
                None => self.symbols.push((octet, buckets)),
            }
        }
        let inner = paths.automata.shapes.iter();
        let inner = inner.filter(|shape| matches!(shape.boundary, Boundary::Digits | Boundary::Open));
        self.inner_digits |= inner.fold(0, |all, shape| all | shape.bucket);
    }

    /// Runs too long for the tables pass, and digits that nothing but one octet parts from no digit.
    fn pass_the_longest(&mut self) {
        for kind in 0..2 {
            let row = (kind * (RUN + 1) + RUN) * self.class_count;
            self.first[row..row + self.class_count].fill([Buckets::MAX; SORTS]);
        }
        for seconds in self.second.chunks_mut(SECOND + 1) {
            seconds[0] = Buckets::MAX;
            seconds[SECOND] = Buckets::MAX;
        }
    }
}

// ---- which shapes begin alike

/// Shapes that begin alike have one number, 0 to 3: digits; few letters; many letters; symbols.
pub(super) fn beginning(shape: &Hir) -> u8 {
    let mut first = [false; 128];
    firsts(shape, &mut first);
    let count =
        |is: fn(&u8) -> bool| (0..0x80u8).filter(|octet| first[usize::from(*octet)] && is(octet)).count();
    let lower = count(u8::is_ascii_lowercase);
    let letters = lower + count(u8::is_ascii_uppercase);
    match (letters, lower) {
        (0, _) if count(u8::is_ascii_digit) > 0 => 0,
        (0, _) => 3,
        (_, 0..=8) => 1,
        _ => 2,
    }
}

/// Notes the octets that a shape may begin with; tells whether it may be empty. Recursion is bounded by the parser's
/// limit on nesting.
fn firsts(shape: &Hir, first: &mut [bool; 128]) -> bool {
    let mut note = |from: u8, to: u8| (from..=to.min(127)).for_each(|octet| first[usize::from(octet)] = true);
    match shape.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => literal.0.first().is_none_or(|octet| {
            note(*octet, *octet);
            false
        }),
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().for_each(|range| note(range.start(), range.end()));
            false
        }
        HirKind::Class(Class::Unicode(class)) => {
            let octet = |c: char| u8::try_from(c).unwrap_or(127);
            class.ranges().iter().for_each(|range| note(octet(range.start()), octet(range.end())));
            false
        }
        HirKind::Repetition(repetition) => firsts(&repetition.sub, first) || repetition.min == 0,
        HirKind::Capture(capture) => firsts(&capture.sub, first),
        HirKind::Concat(all) => all.iter().all(|each| firsts(each, first)),
        HirKind::Alternation(all) => {
            // All of them are looked at.
            all.iter().filter(|each| firsts(each, first)).count() > 0
        }
    }
}
