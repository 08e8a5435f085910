//! Finds data identifiers: a gate says which groups of shapes may begin at a place, their automata what fits there; then
//! boundaries, then validators.

use regex_syntax::hir::Hir;

use super::automaton::{Automata, Fit, Shape};
use super::gate::Gate;
use super::groups::{self, Anchor, Group, Groups, Way};
use super::row::within_row;
use super::scan::Scan;
use super::{Boundary, Flow, PatternId, Refusal, ValidatorFn};

/// All identifiers.
#[derive(Default)]
pub(super) struct Identifiers {
    known: Vec<Identifier>,
    /// To shapes that may begin with a digit, and to those that may begin with anything else.
    digits: Door,
    others: Door,
    /// Shapes that are found by an octet that they hold.
    anchored: Vec<Group>,
}

/// Groups of shapes, by their bit in the gate before them.
#[derive(Default)]
struct Door {
    gate: Option<Gate>,
    groups: Vec<Group>,
}

/// Of a gate, the groups that are asked for.
#[derive(Clone, Copy)]
pub(super) struct Gated<'i> {
    pub(super) gate: &'i Gate,
    pub(super) groups: Groups,
}

struct Identifier {
    id: PatternId,
    validate: Option<ValidatorFn>,
    /// Those that its shapes are in, of those that may begin with a digit, and of the others.
    digits: Groups,
    others: Groups,
    /// With how many digits those at least begin that may begin with one.
    least_digits: usize,
}

/// Where a candidate begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Word,
    /// A digit after a letter.
    InnerDigit,
    Symbol,
}

/// What a scan asks of identifiers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'w> {
    /// By pattern: only these; all if there is nothing.
    pub(super) wanted: &'w [bool],
    /// Tells of what the validators refuse instead of what they accept.
    pub(super) refused: bool,
}

impl Asked<'_> {
    /// All of them.
    pub(super) const ALL: Self = Self { wanted: &[], refused: false };

    fn wants(&self, id: PatternId) -> bool {
        self.wanted.is_empty() || self.wanted.get(id.0 as usize).copied().unwrap_or(false)
    }
}

/// What a scan remembers: where the last hit of each identifier ended.
pub(super) struct Ends<'w> {
    /// By identifier; empty before the first hit.
    last: Vec<usize>,
    fits: Vec<Fit>,
    asked: Asked<'w>,
}

impl<'w> Ends<'w> {
    pub(super) fn new(asked: Asked<'w>) -> Self {
        Self { last: Vec::new(), fits: Vec::new(), asked }
    }
}

impl Identifiers {
    pub(super) fn new(all: Vec<Source>) -> Result<Self, (PatternId, Refusal)> {
        let mut known: Vec<Identifier> = Vec::new();
        let mut shapes = Vec::new();
        for Source { id, shapes: own, validate } in all {
            let identifier = known.len() as u32;
            let least_digits =
                own.iter().filter_map(|(hir, _)| groups::least_digits(hir)).min().unwrap_or(usize::MAX);
            let own = own.into_iter().map(|(hir, boundary)| (hir, Shape { identifier, boundary }));
            shapes.push(own.collect());
            known.push(Identifier { id, validate, digits: 0, others: 0, least_digits });
        }
        let all = groups::All::new(shapes)
            .map_err(|(shape, refusal)| (known[shape.identifier as usize].id, refusal))?;
        for (number, group) in all.digits.iter().enumerate() {
            group.shapes().for_each(|shape| known[shape.identifier as usize].digits |= 1 << number);
        }
        for (number, group) in all.others.iter().enumerate() {
            group.shapes().for_each(|shape| known[shape.identifier as usize].others |= 1 << number);
        }
        let (digits, others) = (Door::new(all.digits), Door::new(all.others));
        Ok(Self { known, digits, others, anchored: all.anchored })
    }

    /// The gate to what may begin with a digit, and the one to what may begin with anything else.
    pub(super) fn gates(&self, asked: Asked<'_>) -> [Option<Gated<'_>>; 2] {
        let known = || self.known.iter().filter(|one| asked.wants(one.id));
        let digits = known().fold(0, |all, one| all | one.digits);
        let others = known().fold(0, |all, one| all | one.others);
        [self.digits.gated(digits), self.others.gated(others)]
    }

    /// With how many digits shapes begin at least that may begin with one.
    pub(super) fn least_digits(&self, asked: Asked<'_>) -> usize {
        let asked = self.known.iter().filter(|one| asked.wants(one.id));
        asked.map(|one| one.least_digits).min().unwrap_or(usize::MAX)
    }

    /// The groups that are found by an octet that they hold.
    pub(super) fn anchored(&self, asked: Asked<'_>) -> impl Iterator<Item = (&Group, Anchor)> {
        self.anchored.iter().filter_map(move |group| {
            let Way::Anchor(anchor) = group.way else { return None };
            let mut ids = group.shapes().map(|shape| self.known[shape.identifier as usize].id);
            ids.any(|id| asked.wants(id)).then_some((group, anchor))
        })
    }

    /// What words begin with, in lower case, that shapes in text without digits begin with, where these begin with one of a few texts.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = &[u8]> {
        self.others.gate.iter().flat_map(|gate| gate.letters.beginnings()).map(<[u8; _]>::as_slice)
    }

    /// Whether a candidate may have the octet in it.
    pub(super) fn takes(&self, octet: u8) -> bool {
        self.groups().flat_map(|group| &group.automata).any(|automata| automata.takes(octet))
    }

    /// Reports what begins at `at`; shapes of these groups, of those that may begin with its octet, may.
    #[inline(never)]
    pub(super) fn try_at(
        &self,
        scan: &mut Scan<'_, '_>,
        ends: &mut Ends<'_>,
        open: Groups,
        at: usize,
        start: Start,
    ) -> Flow {
        ends.fits.clear();
        let digit = scan.bytes.get(at).is_some_and(u8::is_ascii_digit);
        let door = if digit { &self.digits } else { &self.others };
        let mut open = open;
        while open != 0 {
            let group = &door.groups[open.trailing_zeros() as usize];
            open &= open - 1;
            group.automata.iter().for_each(|automata| automata.run(scan, &mut ends.fits, at));
        }
        if ends.fits.is_empty() { Flow::Continue(()) } else { self.judge(scan, ends, at, start) }
    }

    /// Reports what shapes of a group begin at `at`.
    pub(super) fn try_group(
        &self,
        scan: &mut Scan<'_, '_>,
        ends: &mut Ends<'_>,
        group: &Group,
        at: usize,
        start: Start,
    ) -> Flow {
        ends.fits.clear();
        group.automata.iter().for_each(|automata| automata.run(scan, &mut ends.fits, at));
        if ends.fits.is_empty() { Flow::Continue(()) } else { self.judge(scan, ends, at, start) }
    }

    /// Of what fits, the longest with its boundaries and validator is a hit.
    #[inline(never)]
    fn judge(&self, scan: &mut Scan<'_, '_>, ends: &mut Ends<'_>, at: usize, start: Start) -> Flow {
        let mut judged: Option<(u32, usize)> = None;
        ends.fits.retain(|fit| ends.asked.wants(self.known[fit.shape.identifier as usize].id));
        // Longest first; the same stretch in order of identifiers.
        ends.fits.sort_unstable_by_key(|fit| (fit.shape.identifier, usize::MAX - fit.end));
        for fit in &ends.fits {
            let shape = fit.shape;
            let number = shape.identifier as usize;
            if at < ends.last.get(number).copied().unwrap_or(0) || judged == Some((shape.identifier, fit.end))
            {
                continue;
            }
            scan.steps += 1;
            if !stands_apart(shape.boundary, scan, at, fit.end, start) {
                continue;
            }
            let identifier = &self.known[number];
            let candidate = scan.text.str(at..fit.end);
            let accepted = identifier.validate.as_ref().is_none_or(|validate| validate(candidate));
            // Asked last: it looks at more text than the rest together.
            if accepted != ends.asked.refused
                && shape.boundary == Boundary::Apart
                && within_row(scan.bytes, at, fit.end)
            {
                continue;
            }
            judged = Some((shape.identifier, fit.end));
            if accepted {
                ends.last.resize(self.known.len(), 0);
                ends.last[number] = fit.end;
            }
            if accepted != ends.asked.refused {
                scan.hit(identifier.id, at..fit.end)?;
            }
        }
        Flow::Continue(())
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        self.digits.groups.iter().chain(&self.others.groups).chain(&self.anchored)
    }

    pub(super) fn memory(&self) -> usize {
        let gates = self.digits.gate.iter().chain(&self.others.gate);
        self.groups().flat_map(|group| &group.automata).map(Automata::memory).sum::<usize>()
            + gates.map(Gate::memory).sum::<usize>()
            + self.known.len() * size_of::<Identifier>()
    }
}

impl Door {
    fn new(groups: Vec<Group>) -> Self {
        Self { gate: (!groups.is_empty()).then(|| Gate::new(&groups)), groups }
    }

    fn gated(&self, groups: Groups) -> Option<Gated<'_>> {
        self.gate.as_ref().filter(|_| groups != 0).map(|gate| Gated { gate, groups })
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
