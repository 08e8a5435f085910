//! Follows the automaton of a group from its start: what the gate before it has to let pass.

use std::collections::BTreeSet;

use super::Boundary;
use super::automaton::Automata;
use super::gate::{SECOND, SORTS, sort};
use super::groups::Groups;

/// States of an automaton that a text may have led to, each once and in order.
pub(super) type States = Vec<u16>;

/// An automaton of a group, and which octets lead on in it.
pub(super) struct Paths<'a> {
    pub(super) automata: &'a Automata,
    pub(super) group: Groups,
    pub(super) digits: Vec<usize>,
    pub(super) others: Vec<usize>,
    pub(super) letters: Vec<usize>,
    pub(super) alphanumeric: Vec<usize>,
    pub(super) symbols: Vec<usize>,
    pub(super) sorts: [Vec<usize>; SORTS],
}

/// What may follow a run and one octet after it.
pub(super) struct Beyond {
    /// By the sort of the octet after that.
    pub(super) sorts: [bool; SORTS],
    /// By the length of a run of digits there.
    pub(super) seconds: [bool; SECOND],
}

impl<'a> Paths<'a> {
    pub(super) fn new(automata: &'a Automata, group: Groups) -> Self {
        let classes_of = |is: &dyn Fn(u8) -> bool| -> Vec<usize> {
            let octets = (0..=0xFF).filter(|octet| is(*octet));
            let classes = octets.map(|octet| usize::from(automata.classes[usize::from(octet)]));
            classes.collect::<BTreeSet<usize>>().into_iter().collect()
        };
        Self {
            automata,
            group,
            digits: classes_of(&|octet| octet.is_ascii_digit()),
            others: classes_of(&|octet| !octet.is_ascii_digit()),
            letters: classes_of(&|octet| octet.is_ascii_alphabetic()),
            alphanumeric: classes_of(&|octet| octet.is_ascii_alphanumeric()),
            symbols: classes_of(&|octet| !octet.is_ascii_alphanumeric()),
            sorts: std::array::from_fn(|number| classes_of(&|octet| sort(octet) == number)),
        }
    }

    pub(super) fn start(&self) -> States {
        vec![self.automata.start]
    }

    /// From every state something fits in the end: states are all that says whether a shape may go on.
    pub(super) fn after(&self, states: &States, classes: &[usize]) -> States {
        let next = |state: &u16| {
            let state = *state;
            classes.iter().map(move |class| self.automata.after(state, *class)).filter(|next| *next != 0)
        };
        let mut after: States = states.iter().flat_map(next).collect();
        after.sort_unstable();
        after.dedup();
        after
    }

    pub(super) fn class(&self, octet: u8) -> usize {
        usize::from(self.automata.classes[usize::from(octet)])
    }

    /// The classes of some octets, each once.
    pub(super) fn classes(&self, octets: &[u8]) -> BTreeSet<usize> {
        octets.iter().map(|octet| self.class(*octet)).collect()
    }

    /// Whether a shape fits in one of the states.
    pub(super) fn fits(&self, states: &States) -> bool {
        states.iter().any(|state| self.automata.fits(*state).next().is_some())
    }

    /// Whether one fits there that lets the run go on.
    pub(super) fn loose(&self, states: &States) -> bool {
        states.iter().any(|state| self.is_loose(*state))
    }

    pub(super) fn is_loose(&self, state: u16) -> bool {
        let mut shapes = self.automata.fits(state);
        shapes.any(|shape| matches!(shape.boundary, Boundary::Digits | Boundary::Open))
    }

    /// What may follow a run that led to these states and an octet of a class; `known` says that a shape may have ended before.
    pub(super) fn beyond(&self, states: &States, class: usize, known: bool) -> Beyond {
        let mut on = self.after(states, &[class]);
        // A shape that ends with the octet after the run goes whatever comes then.
        let mut known = known || self.fits(&on);
        let sorts = std::array::from_fn(|sort| known || !self.after(&on, &self.sorts[sort]).is_empty());
        let mut seconds = [false; SECOND];
        for second in &mut seconds[1..] {
            on = self.after(&on, &self.digits);
            *second = known || self.fits(&on) || !self.after(&on, &self.others).is_empty();
            known |= self.loose(&on);
        }
        Beyond { sorts, seconds }
    }
}
