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
    /// Shapes that begin alike, by the bit of their group.
    groups: Vec<Group>,
    gate: Option<Gate>,
}

struct Identifier {
    id: PatternId,
    validate: Option<ValidatorFn>,
    /// Those that its shapes are in, of those with a bit.
    groups: Groups,
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
            let own = own.into_iter().map(|(hir, boundary)| (hir, Shape { identifier, boundary }));
            shapes.push(own.collect());
            known.push(Identifier { id, validate, groups: 0 });
        }
        let groups =
            groups::all(shapes).map_err(|(shape, refusal)| (known[shape.identifier as usize].id, refusal))?;
        let gated = groups.partition_point(|group| matches!(group.way, Way::Gate { .. }));
        for (number, group) in groups[..gated].iter().enumerate() {
            for shape in group.shapes() {
                known[shape.identifier as usize].groups |= 1 << number;
            }
        }
        let gate = (gated > 0).then(|| Gate::new(&groups[..gated]));
        Ok(Self { known, groups, gate })
    }

    /// The gate, and the groups that are looked at: those of the identifiers that are asked for.
    pub(super) fn gate(&self, asked: Asked<'_>) -> Option<(&Gate, Groups)> {
        let asked = self.known.iter().filter(|one| asked.wants(one.id));
        let groups = asked.fold(0, |all, one| all | one.groups);
        self.gate.as_ref().filter(|_| groups != 0).map(|gate| (gate, groups))
    }

    /// The groups that are found by an octet that they hold, as for [`Self::gate`].
    pub(super) fn anchored(&self, asked: Asked<'_>) -> impl Iterator<Item = (&Group, Anchor)> {
        self.groups.iter().filter_map(move |group| {
            let Way::Anchor(anchor) = group.way else { return None };
            let mut ids = group.shapes().map(|shape| self.known[shape.identifier as usize].id);
            ids.any(|id| asked.wants(id)).then_some((group, anchor))
        })
    }

    /// Whether a candidate may have the octet in it.
    pub(super) fn takes(&self, octet: u8) -> bool {
        self.groups.iter().flat_map(|group| &group.automata).any(|automata| automata.takes(octet))
    }

    /// Reports what begins at `at`; shapes of these groups may.
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
        let mut open = open;
        while open != 0 {
            let group = &self.groups[open.trailing_zeros() as usize];
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
        // Longest first; the same stretch in order of identifiers.
        ends.fits.sort_unstable_by_key(|fit| (fit.shape.identifier, usize::MAX - fit.end));
        for fit in &ends.fits {
            let shape = fit.shape;
            let number = shape.identifier as usize;
            if at < ends.last.get(number).copied().unwrap_or(0)
                || !ends.asked.wants(self.known[number].id)
                || judged == Some((shape.identifier, fit.end))
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

    pub(super) fn memory(&self) -> usize {
        self.groups.iter().flat_map(|group| &group.automata).map(Automata::memory).sum::<usize>()
            + self.gate.as_ref().map_or(0, Gate::memory)
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
