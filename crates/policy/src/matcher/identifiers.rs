//! Finds data identifiers: all shapes in one table-driven automaton, started only where a word, a run of digits
//! or a fixed symbol begins and three octets fit; then boundaries, then validators.

use std::collections::{BTreeSet, HashMap};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;

use super::scan::Scan;
use super::{Boundary, Flow, PatternId, REACH, Refusal, ValidatorFn};

/// The most that one automaton may take while it is built, in octets; sets that need more are divided.
const SIZE: usize = 32 << 20;
/// The most states of one automaton.
const STATES: usize = u16::MAX as usize;

/// All identifiers.
#[derive(Default)]
pub(super) struct Identifiers {
    known: Vec<Identifier>,
    automata: Vec<Automata>,
    /// Symbols that shapes begin with.
    pub(super) symbols: Vec<u8>,
    /// Whether a shape may begin with a digit after a letter.
    pub(super) inner_digits: bool,
}

struct Identifier {
    id: PatternId,
    validate: Option<ValidatorFn>,
}

/// One shape of an identifier.
#[derive(Debug, Clone, Copy)]
struct Shape {
    identifier: u32,
    boundary: Boundary,
}

/// Several shapes in one automaton.
struct Automata {
    shapes: Vec<Shape>,
    classes: [u8; 256],
    class_count: usize,
    /// Next state by state and class; 0 is the end.
    next: Vec<u16>,
    start: u16,
    /// States from here on say that shapes fit.
    first_fit: u16,
    /// Their shapes, by state from `first_fit` on.
    fits: Vec<Vec<u16>>,
    /// Whether a shape can begin with three octets of these classes.
    three: Vec<u64>,
    runs: Runs,
}

/// How long the runs of letters or of digits may be with which shapes begin.
#[derive(Debug, Default)]
struct Runs {
    /// By kind, length of the run, and class of the octet after it.
    first: Vec<bool>,
    /// By length of a run of digits, class of the one octet after it, and length of the next run of digits.
    second: Vec<bool>,
}

/// The longest run that the tables tell apart; longer ones pass.
const RUN: usize = 32;
/// The same for the second run.
const SECOND: usize = 16;

/// A text that fits a shape.
#[derive(Debug, Clone, Copy)]
struct Fit {
    shape: u16,
    end: usize,
}

/// The octets from a candidate on: which are digits, which letters, up to 64 of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    pub(super) eight: u64,
    pub(super) digits: u64,
    pub(super) letters: u64,
}

/// Where a candidate begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Word,
    /// A digit after a letter.
    InnerDigit,
    Symbol,
}

/// What a scan remembers: where the last hit of each identifier ended.
pub(super) struct Ends {
    last: Vec<usize>,
    fits: Vec<Fit>,
}

impl Identifiers {
    pub(super) fn new(all: Vec<Source>) -> Result<Self, (PatternId, Refusal)> {
        let mut known = Vec::new();
        let mut shapes = Vec::new();
        for source in all {
            let identifier = known.len() as u32;
            let each = source.shapes.into_iter();
            shapes.extend(each.map(|(hir, boundary)| (hir, Shape { identifier, boundary })));
            known.push(Identifier { id: source.id, validate: source.validate });
        }
        let inner_digits =
            shapes.iter().any(|(_, shape)| matches!(shape.boundary, Boundary::Digits | Boundary::Open));
        let mut automata = Vec::new();
        divide(&shapes, &mut automata)
            .map_err(|(shape, refusal)| (known[shape.identifier as usize].id, refusal))?;
        let symbols = automata.iter().flat_map(Automata::symbols).collect::<BTreeSet<_>>();
        Ok(Self { known, automata, symbols: symbols.into_iter().collect(), inner_digits })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn ends(&self) -> Ends {
        Ends { last: vec![0; self.known.len()], fits: Vec::new() }
    }

    /// Reports what begins at `at`.
    #[inline]
    pub(super) fn at(
        &self,
        scan: &mut Scan<'_, '_>,
        ends: &mut Ends,
        view: View,
        at: usize,
        start: Start,
    ) -> Flow {
        for automata in &self.automata {
            if automata.may_go_on(scan.bytes, view, at) && automata.may_begin(view.eight) {
                self.try_at(scan, automata, ends, at, start)?;
            }
        }
        Flow::Continue(())
    }

    #[inline(never)]
    fn try_at(
        &self,
        scan: &mut Scan<'_, '_>,
        automata: &Automata,
        ends: &mut Ends,
        at: usize,
        start: Start,
    ) -> Flow {
        if automata.run(scan, &mut ends.fits, at) {
            return self.judge(scan, automata, ends, at, start);
        }
        Flow::Continue(())
    }

    /// Of what fits, the longest with its boundaries and validator is a hit.
    #[inline(never)]
    fn judge(
        &self,
        scan: &mut Scan<'_, '_>,
        automata: &Automata,
        ends: &mut Ends,
        at: usize,
        start: Start,
    ) -> Flow {
        let mut judged: Option<(u32, usize)> = None;
        // Longest first; the same stretch in order of identifiers.
        ends.fits.sort_unstable_by_key(|fit| {
            (automata.shapes[fit.shape as usize].identifier, usize::MAX - fit.end)
        });
        for fit in &ends.fits {
            let shape = automata.shapes[fit.shape as usize];
            let number = shape.identifier as usize;
            if at < ends.last[number] || judged == Some((shape.identifier, fit.end)) {
                continue;
            }
            scan.steps += 1;
            if !stands_apart(shape.boundary, scan, at, fit.end, start) {
                continue;
            }
            judged = Some((shape.identifier, fit.end));
            let identifier = &self.known[number];
            let candidate = scan.text.str(at..fit.end);
            if identifier.validate.as_ref().is_none_or(|validate| validate(candidate)) {
                ends.last[number] = fit.end;
                scan.hit(identifier.id, at..fit.end)?;
            }
        }
        Flow::Continue(())
    }

    pub(super) fn memory(&self) -> usize {
        let automata = self.automata.iter();
        automata.map(|a| a.next.len() * 2 + a.three.len() * 8 + a.fits.len() * 32 + 256).sum::<usize>()
            + self.known.len() * size_of::<Identifier>()
    }
}

/// An identifier with its shapes parsed.
pub(super) struct Source {
    pub(super) id: PatternId,
    pub(super) shapes: Vec<(Hir, Boundary)>,
    pub(super) validate: Option<ValidatorFn>,
}

fn stands_apart(boundary: Boundary, scan: &Scan<'_, '_>, at: usize, end: usize, start: Start) -> bool {
    let octet = |at: usize| scan.bytes.get(at).copied().unwrap_or(0);
    let digit = |at: usize| octet(at).is_ascii_digit();
    let mark = |at: usize| matches!(octet(at), b'-' | b'.');
    let before = start == Start::Symbol
        || match boundary {
            Boundary::Open => true,
            Boundary::Digits => at == 0 || !digit(at - 1),
            Boundary::Word => start == Start::Word,
            Boundary::Apart => start == Start::Word && !(at >= 2 && mark(at - 1) && digit(at - 2)),
        };
    before
        && (!octet(end - 1).is_ascii_alphanumeric()
            || match boundary {
                Boundary::Open => true,
                Boundary::Digits => !digit(end),
                Boundary::Word => scan.words.edge(end),
                Boundary::Apart => scan.words.edge(end) && !(mark(end) && digit(end + 1)),
            })
}

/// Builds one automaton, or several if one would be too large.
fn divide(shapes: &[(Hir, Shape)], automata: &mut Vec<Automata>) -> Result<(), (Shape, Refusal)> {
    if shapes.is_empty() {
        return Ok(());
    }
    match (Automata::new(shapes), shapes) {
        (Some(one), _) => automata.push(one),
        (None, [(_, shape)]) => return Err((*shape, Refusal::new("this shape is too large once compiled"))),
        (None, _) => {
            // Shapes of one identifier stay together: its longest candidate is judged in one place.
            let middle = shapes[shapes.len() / 2].1.identifier;
            let mut cut = shapes.partition_point(|(_, shape)| shape.identifier < middle);
            if cut == 0 {
                cut = shapes.partition_point(|(_, shape)| shape.identifier <= middle);
            }
            if cut == shapes.len() {
                let refusal = Refusal::new("the shapes of this identifier are too large once compiled");
                return Err((shapes[0].1, refusal));
            }
            divide(&shapes[..cut], automata)?;
            divide(&shapes[cut..], automata)?;
        }
    }
    Ok(())
}

impl Automata {
    /// `None` if it would be too large.
    fn new(shapes: &[(Hir, Shape)]) -> Option<Self> {
        let hirs: Vec<&Hir> = shapes.iter().map(|(hir, _)| hir).collect();
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(SIZE));
        let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(&hirs).ok()?;
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .accelerate(false)
            .dfa_size_limit(Some(SIZE))
            .determinize_size_limit(Some(SIZE));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()?;
        Tables::read(&dfa)?.finish(shapes.iter().map(|(_, shape)| *shape).collect())
    }

    fn class(&self, octet: u64) -> usize {
        usize::from(self.classes[(octet & 0xFF) as usize])
    }

    /// Whether a shape can begin with the first three of eight octets.
    #[inline]
    fn may_begin(&self, eight: u64) -> bool {
        let count = self.class_count;
        let index = (self.class(eight) * count + self.class(eight >> 8)) * count + self.class(eight >> 16);
        self.three[index / 64] >> (index % 64) & 1 == 1
    }

    /// Whether a shape can begin with the runs of letters or digits here.
    #[inline]
    fn may_go_on(&self, text: &[u8], view: View, at: usize) -> bool {
        let digits = view.digits.trailing_ones() as usize;
        let letters = view.letters.trailing_ones() as usize;
        let run = digits | letters;
        if run == 0 || run >= RUN {
            return true;
        }
        let Some(after) = text.get(at + run) else { return true };
        let class = usize::from(self.classes[usize::from(*after)]);
        let kind = usize::from(digits == 0);
        if !self.runs.first[(kind * RUN + run) * self.class_count + class] {
            return false;
        }
        let second = (view.digits >> run >> 1).trailing_ones() as usize;
        if kind == 1 || second == 0 || second >= SECOND {
            return true;
        }
        self.runs.second[(run * self.class_count + class) * SECOND + second]
    }

    /// Collects what fits from a place on; tells whether anything does.
    #[inline]
    fn run(&self, scan: &mut Scan<'_, '_>, fits: &mut Vec<Fit>, at: usize) -> bool {
        fits.clear();
        let mut state = self.start;
        let text = &scan.bytes[at..scan.bytes.len().min(at + REACH)];
        for (index, octet) in text.iter().enumerate() {
            let class = usize::from(self.classes[usize::from(*octet)]);
            state = self.next[usize::from(state) * self.class_count + class];
            if state == 0 {
                scan.steps += index as u64;
                return !fits.is_empty();
            }
            if state >= self.first_fit {
                let shapes = &self.fits[usize::from(state - self.first_fit)];
                fits.extend(shapes.iter().map(|shape| Fit { shape: *shape, end: at + index + 1 }));
            }
        }
        scan.steps += text.len() as u64;
        !fits.is_empty()
    }

    /// The symbols that a shape can begin with.
    fn symbols(&self) -> impl Iterator<Item = u8> + '_ {
        let first = |octet: &u8| {
            let class = usize::from(self.classes[usize::from(*octet)]);
            !octet.is_ascii_alphanumeric()
                && self.next[usize::from(self.start) * self.class_count + class] != 0
        };
        (0..0x80u8).filter(first)
    }
}

/// The states of a dense automaton, in the order in which they are found.
struct Tables {
    classes: [u8; 256],
    class_count: usize,
    next: Vec<u32>,
    fits: Vec<Vec<u16>>,
}

impl Tables {
    fn read(dfa: &dense::DFA<Vec<u32>>) -> Option<Self> {
        let mut classes = [0; 256];
        let mut examples: Vec<u8> = Vec::new();
        let mut numbers = HashMap::new();
        for octet in 0..=255u8 {
            let class = *numbers.entry(dfa.byte_classes().get(octet)).or_insert_with(|| {
                examples.push(octet);
                (examples.len() - 1) as u8
            });
            classes[usize::from(octet)] = class;
        }
        let input = Input::new(b"").anchored(Anchored::Yes);
        let start = dfa.start_state_forward(&input).ok()?;
        let mut found: HashMap<StateID, u32> = HashMap::from([(start, 1)]);
        let mut order = vec![start];
        let mut tables = Self {
            classes,
            class_count: examples.len(),
            next: vec![0; examples.len()],
            fits: vec![Vec::new()],
        };
        let mut at = 0;
        while at < order.len() {
            let state = order[at];
            at += 1;
            let end = dfa.next_eoi_state(state);
            let fits = if dfa.is_match_state(end) { dfa.match_len(end) } else { 0 };
            tables.fits.push((0..fits).map(|i| dfa.match_pattern(end, i).as_u32() as u16).collect());
            for octet in &examples {
                let next = dfa.next_state(state, *octet);
                let number = if leads_nowhere(dfa, next) {
                    0
                } else {
                    *found.entry(next).or_insert_with(|| {
                        order.push(next);
                        order.len() as u32
                    })
                };
                tables.next.push(number);
            }
        }
        Some(tables)
    }

    /// Joins states that behave alike, orders them by whether anything fits there, and packs them.
    fn finish(self, shapes: Vec<Shape>) -> Option<Automata> {
        let count = self.class_count;
        let (block_of, blocks) = self.minimal();
        if blocks > STATES {
            return None;
        }
        let mut example = vec![0; blocks];
        for (state, block) in block_of.iter().enumerate().rev() {
            example[*block as usize] = state;
        }
        // The end first, then states where nothing fits.
        let mut order: Vec<usize> = (0..blocks).collect();
        let end = block_of[0] as usize;
        order.sort_by_key(|block| (*block != end, !self.fits[example[*block]].is_empty(), *block));
        let mut place = vec![0u16; blocks];
        for (index, block) in order.iter().enumerate() {
            place[*block] = index as u16;
        }
        let first_fit = order.iter().position(|block| !self.fits[example[*block]].is_empty())?;
        let mut next = Vec::with_capacity(blocks * count);
        for block in &order {
            let row = &self.next[example[*block] * count..][..count];
            next.extend(row.iter().map(|to| place[block_of[*to as usize] as usize]));
        }
        let fits = order[first_fit..].iter().map(|block| self.fits[example[*block]].clone()).collect();
        let start = place[block_of[1] as usize];
        let mut automata = Automata {
            shapes,
            classes: self.classes,
            class_count: count,
            next,
            start,
            first_fit: first_fit as u16,
            fits,
            three: Vec::new(),
            runs: Runs::default(),
        };
        automata.three = automata.beginnings();
        automata.runs = automata.runs();
        Some(automata)
    }

    /// Moore's partition refinement: the block of each state, and how many there are.
    fn minimal(&self) -> (Vec<u32>, usize) {
        let mut blocks: HashMap<&[u16], u32> = HashMap::new();
        let mut block_of: Vec<u32> = Vec::with_capacity(self.fits.len());
        for fits in &self.fits {
            let number = blocks.len() as u32;
            block_of.push(*blocks.entry(fits).or_insert(number));
        }
        let mut count = blocks.len() as u32;
        loop {
            let mut finer = Finer::default();
            let mut next_of = Vec::with_capacity(block_of.len());
            for state in 0..block_of.len() {
                next_of.push(finer.block(
                    state,
                    |one, other| self.alike(one, other, &block_of),
                    self.print(state, &block_of),
                ));
            }
            let same = finer.blocks == count;
            count = finer.blocks;
            block_of = next_of;
            if same {
                return (block_of, count as usize);
            }
        }
    }

    fn row(&self, state: usize) -> &[u32] {
        &self.next[state * self.class_count..][..self.class_count]
    }

    /// A number that is equal for states of one block that lead to the same blocks.
    fn print(&self, state: usize, block_of: &[u32]) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let blocks = self.row(state).iter().map(|to| block_of[*to as usize]);
        blocks.fold(u64::from(block_of[state]), |print, block| {
            (print.rotate_left(5) ^ u64::from(block)).wrapping_mul(ODD)
        })
    }

    fn alike(&self, one: usize, other: usize, block_of: &[u32]) -> bool {
        let same = |(a, b): (&u32, &u32)| block_of[*a as usize] == block_of[*b as usize];
        block_of[one] == block_of[other] && self.row(one).iter().zip(self.row(other)).all(same)
    }
}

/// Blocks of a finer partition: states by their prints, each block known by its first state.
#[derive(Default)]
struct Finer {
    by_print: HashMap<u64, Vec<(usize, u32)>>,
    blocks: u32,
}

impl Finer {
    fn block(&mut self, state: usize, alike: impl Fn(usize, usize) -> bool, print: u64) -> u32 {
        let known = self.by_print.entry(print).or_default();
        if let Some((_, block)) = known.iter().find(|(first, _)| alike(*first, state)) {
            return *block;
        }
        known.push((state, self.blocks));
        self.blocks += 1;
        self.blocks - 1
    }
}

impl Automata {
    fn beginnings(&self) -> Vec<u64> {
        let count = self.class_count;
        let mut bits = vec![0; (count * count * count).div_ceil(64)];
        let next = |state: u16, class: usize| self.next[usize::from(state) * count + class];
        for one in 0..count {
            let first = next(self.start, one);
            for two in (0..count).filter(|_| first != 0) {
                let second = next(first, two);
                for three in (0..count).filter(|three| second != 0 && next(second, *three) != 0) {
                    let index = (one * count + two) * count + three;
                    bits[index / 64] |= 1 << (index % 64);
                }
            }
        }
        bits
    }
}

impl Automata {
    /// Explores the automaton with sets of states: which runs lead on, or end where a shape fits.
    fn runs(&self) -> Runs {
        let count = self.class_count;
        let mut runs =
            Runs { first: vec![false; 2 * RUN * count], second: vec![false; RUN * count * SECOND] };
        let digits = self.classes_of(|octet| octet.is_ascii_digit());
        let letters = self.classes_of(|octet| octet.is_ascii_alphabetic());
        for (kind, classes) in [&digits, &letters].into_iter().enumerate() {
            let mut states = BTreeSet::from([self.start]);
            let mut loose = false;
            for run in 1..RUN {
                states = self.after(&states, classes);
                // Some shapes may end with the word going on.
                let fits = states.iter().any(|state| self.fits_here(*state, |_| true));
                for class in 0..count {
                    let on = self.after(&states, &[class]);
                    runs.first[(kind * RUN + run) * count + class] = loose || fits || !on.is_empty();
                    if kind == 0 {
                        self.second_runs(&mut runs, run, class, on, &digits, loose || fits);
                    }
                }
                loose |= states
                    .iter()
                    .any(|state| self.fits_here(*state, |b| matches!(b, Boundary::Digits | Boundary::Open)));
            }
        }
        runs
    }

    fn second_runs(
        &self,
        runs: &mut Runs,
        run: usize,
        class: usize,
        mut states: BTreeSet<u16>,
        digits: &[usize],
        mut known: bool,
    ) {
        let others: Vec<usize> = (0..self.class_count).filter(|class| !digits.contains(class)).collect();
        // A shape may end with the octet between the runs.
        known |= states.iter().any(|state| self.fits_here(*state, |_| true));
        for second in 1..SECOND {
            states = self.after(&states, digits);
            let fits = states.iter().any(|state| self.fits_here(*state, |_| true));
            let goes_on = fits || !self.after(&states, &others).is_empty();
            runs.second[(run * self.class_count + class) * SECOND + second] = known || goes_on;
            known |= states
                .iter()
                .any(|state| self.fits_here(*state, |b| matches!(b, Boundary::Digits | Boundary::Open)));
        }
    }

    fn after(&self, states: &BTreeSet<u16>, classes: &[usize]) -> BTreeSet<u16> {
        let next = |state: &u16| {
            let row = usize::from(*state) * self.class_count;
            classes.iter().map(move |class| self.next[row + class]).filter(|next| *next != 0)
        };
        states.iter().flat_map(next).collect()
    }

    /// Whether a shape with such a boundary fits in the state.
    fn fits_here(&self, state: u16, boundary: impl Fn(Boundary) -> bool) -> bool {
        let fits = state.checked_sub(self.first_fit).map(|index| &self.fits[usize::from(index)]);
        fits.is_some_and(|shapes| {
            shapes.iter().any(|shape| boundary(self.shapes[usize::from(*shape)].boundary))
        })
    }

    fn classes_of(&self, is: impl Fn(u8) -> bool) -> Vec<usize> {
        let classes: BTreeSet<usize> = (0..0x80u8)
            .filter(|octet| is(*octet))
            .map(|octet| usize::from(self.classes[usize::from(octet)]))
            .collect();
        classes.into_iter().collect()
    }
}

fn leads_nowhere(dfa: &dense::DFA<Vec<u32>>, state: StateID) -> bool {
    dfa.is_dead_state(state) || dfa.is_quit_state(state)
}
