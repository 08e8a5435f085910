//! One table-driven automaton for many shapes at once, as small as it can be; several where one would be too large.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;

use super::scan::Scan;
use super::{Boundary, REACH, Refusal};

/// The most that one automaton may take while it is built, in octets; sets that need more are divided.
const SIZE: usize = 32 << 20;
/// The most states of one automaton.
const STATES: usize = u16::MAX as usize;

/// One shape of an identifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) identifier: u32,
    pub(super) boundary: Boundary,
}

/// A text that fits a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) shape: Shape,
    pub(super) end: usize,
}

/// Several shapes in one automaton.
pub(super) struct Automata {
    pub(super) shapes: Vec<Shape>,
    pub(super) classes: [u8; 256],
    pub(super) class_count: usize,
    /// Where the row of the next state begins, by state and class; 0 is the end.
    next: Vec<u32>,
    pub(super) start: u16,
    /// States from here on say that shapes fit.
    first_fit: u16,
    /// Their shapes, by state from `first_fit` on.
    fits: Vec<Vec<u16>>,
}

/// Builds one automaton, or several if one would be too large.
pub(super) fn divide(shapes: &[(Hir, Shape)], automata: &mut Vec<Automata>) -> Result<(), (Shape, Refusal)> {
    match (Automata::new(shapes), shapes) {
        (Some(one), _) => automata.push(one),
        (None, [] | [_]) => {
            let refused = shapes
                .first()
                .map(|(_, shape)| (*shape, Refusal::new("this shape is too large once compiled")));
            return refused.map_or(Ok(()), Err);
        }
        (None, _) => {
            let (one, other) = shapes.split_at(shapes.len() / 2);
            divide(one, automata)?;
            divide(other, automata)?;
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

    /// Collects what fits from a place on.
    #[inline]
    pub(super) fn run(&self, scan: &mut Scan<'_, '_>, fits: &mut Vec<Fit>, at: usize) {
        let first_fit = usize::from(self.first_fit) * self.class_count;
        let mut row = usize::from(self.start) * self.class_count;
        let text = &scan.bytes[at..scan.bytes.len().min(at + REACH)];
        for (index, octet) in text.iter().enumerate() {
            row = self.next[row + usize::from(self.classes[usize::from(*octet)])] as usize;
            if row == 0 {
                scan.steps += index as u64;
                return;
            }
            if row >= first_fit {
                let shapes = &self.fits[(row - first_fit) / self.class_count];
                let end = at + index + 1;
                fits.extend(shapes.iter().map(|shape| Fit { shape: self.shapes[usize::from(*shape)], end }));
            }
        }
        scan.steps += text.len() as u64;
    }

    /// The state after a state and an octet of a class; 0 is the end.
    pub(super) fn after(&self, state: u16, class: usize) -> u16 {
        (self.next[usize::from(state) * self.class_count + class] as usize / self.class_count) as u16
    }

    /// Whether a text that fits a shape may have the octet in it.
    pub(super) fn takes(&self, octet: u8) -> bool {
        let class = usize::from(self.classes[usize::from(octet)]);
        (1..self.states()).any(|state| self.after(state, class) != 0)
    }

    pub(super) fn states(&self) -> u16 {
        (self.next.len() / self.class_count) as u16
    }

    /// The shapes that fit in the state.
    pub(super) fn fits(&self, state: u16) -> impl Iterator<Item = &Shape> + '_ {
        let fits = state.checked_sub(self.first_fit).and_then(|index| self.fits.get(usize::from(index)));
        fits.into_iter().flatten().map(|shape| &self.shapes[usize::from(*shape)])
    }

    pub(super) fn memory(&self) -> usize {
        self.next.len() * 4 + self.fits.iter().map(|fits| 24 + 2 * fits.len()).sum::<usize>() + 256
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
            let place = |to: &u32| u32::from(place[block_of[*to as usize] as usize]) * count as u32;
            next.extend(row.iter().map(place));
        }
        let fits = order[first_fit..].iter().map(|block| self.fits[example[*block]].clone()).collect();
        let start = place[block_of[1] as usize];
        Some(Automata {
            shapes,
            classes: self.classes,
            class_count: count,
            next,
            start,
            first_fit: first_fit as u16,
            fits,
        })
    }

    /// Moore's partition refinement: the block of each state, and how many there are. States that are differently far from where
    /// something fits behave differently: begun with that, it is done in a few rounds, and not in as many as a shape is long.
    fn minimal(&self) -> (Vec<u32>, usize) {
        let mut blocks: HashMap<(u32, &[u16]), u32> = HashMap::new();
        let mut block_of: Vec<u32> = Vec::with_capacity(self.fits.len());
        for (fits, left) in self.fits.iter().zip(self.left()) {
            let number = blocks.len() as u32;
            block_of.push(*blocks.entry((left, fits)).or_insert(number));
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

    /// For each state, the fewest octets after which something fits.
    fn left(&self) -> Vec<u32> {
        let mut left: Vec<u32> =
            self.fits.iter().map(|fits| if fits.is_empty() { u32::MAX } else { 0 }).collect();
        loop {
            let mut same = true;
            // Most ways lead to states that were found later.
            for state in (0..left.len()).rev() {
                let nearest = self.row(state).iter().map(|to| left[*to as usize]).min().unwrap_or(u32::MAX);
                let own = left[state].min(nearest.saturating_add(1));
                same &= own == left[state];
                left[state] = own;
            }
            if same {
                return left;
            }
        }
    }

    fn row(&self, state: usize) -> &[u32] {
        &self.next[state * self.class_count..][..self.class_count]
    }

    /// A number that is equal for states of one block that lead to the same blocks.
    fn print(&self, state: usize, block_of: &[u32]) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        // A sum, so that no step waits for the one before.
        let blocks = self.row(state).iter().zip(1..).map(|(to, class)| (block_of[*to as usize], class));
        blocks.fold(u64::from(block_of[state]), |print, (block, class): (u32, u64)| {
            let mixed = (u64::from(block) | class << 32).wrapping_mul(ODD);
            print.wrapping_add((mixed ^ mixed >> 31).wrapping_mul(ODD))
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

fn leads_nowhere(dfa: &dense::DFA<Vec<u32>>, state: StateID) -> bool {
    dfa.is_dead_state(state) || dfa.is_quit_state(state)
}
