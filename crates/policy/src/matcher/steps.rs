//! Follows an automaton from sets of states, which are vectors: many sets are followed while the gate is built.

use super::automaton::Automata;
use super::paths::Paths;

/// A set of states.
pub(super) struct Set {
    has: Vec<bool>,
    pub(super) all: Vec<u16>,
}

impl Set {
    pub(super) fn add(&mut self, state: u16) {
        if !std::mem::replace(&mut self.has[usize::from(state)], true) {
            self.all.push(state);
        }
    }
}

/// Where the states of an automaton lead.
pub(super) struct Steps<'a> {
    pub(super) automata: &'a Automata,
    /// By state: the next ones with a digit, with a letter, with one of these, with any other octet, and with any that is no digit.
    pub(super) digits: Vec<Vec<u16>>,
    pub(super) letters: Vec<Vec<u16>>,
    pub(super) in_word: Vec<Vec<u16>>,
    pub(super) outside: Vec<Vec<u16>>,
    no_digit: Vec<Vec<u16>>,
    /// By state: whether a shape fits there, and whether one that lets a word go on.
    pub(super) fits: Vec<bool>,
    pub(super) loose: Vec<bool>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(paths: &Paths<'a>) -> Self {
        let automata = paths.automata;
        let states = 0..automata.states();
        let next = |classes: &[usize]| -> Vec<Vec<u16>> {
            let of = |state| {
                let mut next: Vec<u16> = classes.iter().map(|class| automata.after(state, *class)).collect();
                next.sort_unstable();
                next.dedup();
                next.retain(|state| *state != 0);
                next
            };
            states.clone().map(of).collect()
        };
        Self {
            automata,
            digits: next(&paths.digits),
            letters: next(&paths.letters),
            in_word: next(&paths.alphanumeric),
            outside: next(&paths.symbols),
            no_digit: next(&paths.others),
            fits: states.clone().map(|state| automata.fits(state).next().is_some()).collect(),
            loose: states.clone().map(|state| paths.is_loose(state)).collect(),
        }
    }

    pub(super) fn none(&self) -> Set {
        Set { has: vec![false; self.fits.len()], all: Vec::new() }
    }

    pub(super) fn only(&self, state: u16) -> Set {
        let mut set = self.none();
        set.add(state);
        set
    }

    pub(super) fn after(&self, set: &Set, next: &[Vec<u16>]) -> Set {
        let mut after = self.none();
        self.add_after(set, next, &mut after);
        after
    }

    pub(super) fn add_after(&self, set: &Set, next: &[Vec<u16>], after: &mut Set) {
        set.all.iter().flat_map(|state| &next[usize::from(*state)]).for_each(|state| after.add(*state));
    }

    pub(super) fn any_fits(&self, set: &Set) -> bool {
        set.all.iter().any(|state| self.fits[usize::from(*state)])
    }

    /// By state: how many octets a shape may go on with no digit among them, at most this many; as many if it may fit without one.
    pub(super) fn without_digits_from(&self, most: usize) -> Vec<usize> {
        let mut far: Vec<usize> = self.fits.iter().map(|fits| if *fits { most } else { 0 }).collect();
        for _ in 0..most {
            let longer = |(next, known): (&Vec<u16>, &usize)| {
                let longest = next.iter().map(|state| far[usize::from(*state)] + 1).max().unwrap_or(0);
                longest.min(most).max(*known)
            };
            far = self.no_digit.iter().zip(&far).map(longer).collect();
        }
        far
    }

    /// Whether a shape may fit, or go on, with no digit among its first octets.
    pub(super) fn without_digits(&self, octets: usize) -> bool {
        let mut states = self.only(self.automata.start);
        for _ in 0..octets {
            states = self.after(&states, &self.no_digit);
            if states.all.is_empty() || self.any_fits(&states) {
                break;
            }
        }
        !states.all.is_empty()
    }
}
