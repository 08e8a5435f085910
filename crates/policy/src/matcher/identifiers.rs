//! Finds data identifiers: a gate says where shapes may begin, an automaton what fits there; then boundaries, then
//! validators.

use regex_syntax::hir::Hir;

use super::automaton::{Automata, Fit, Shape, divide};
use super::gate::{Buckets, Gate, beginning};
use super::scan::Scan;
use super::{Boundary, Flow, PatternId, Refusal, ValidatorFn};

/// All identifiers.
#[derive(Default)]
pub(super) struct Identifiers {
    known: Vec<Identifier>,
    /// Each with the buckets of its shapes.
    automata: Vec<(Automata, Buckets)>,
    gate: Option<Gate>,
    /// The buckets of identifiers that are looked for only when asked.
    later: Buckets,
}

struct Identifier {
    id: PatternId,
    validate: Option<ValidatorFn>,
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
pub(super) struct Ends<'w> {
    /// By identifier; empty before the first hit.
    last: Vec<usize>,
    fits: Vec<Fit>,
    /// By pattern: only these; all if there is nothing.
    wanted: &'w [bool],
    /// Tells of what the validators refuse instead of what they accept.
    refused: bool,
}

impl<'w> Ends<'w> {
    fn wants(&self, id: PatternId) -> bool {
        self.wanted.is_empty() || self.wanted.get(id.0 as usize).copied().unwrap_or(false)
    }
}

impl Identifiers {
    pub(super) fn new(all: Vec<Source>) -> Result<Self, (PatternId, Refusal)> {
        let mut known = Vec::new();
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for source in all {
            let identifier = known.len() as u32;
            let shapes = if source.later { &mut later } else { &mut now };
            let each = source.shapes.into_iter();
            shapes.extend(each.map(|(hir, boundary)| (hir, Shape { identifier, boundary, bucket: 0 })));
            known.push(Identifier { id: source.id, validate: source.validate });
        }
        let refused = |(shape, refusal): (Shape, Refusal)| (known[shape.identifier as usize].id, refusal);
        // Both share the buckets; where there is one kind only, it has them all.
        let (low, high) = match (now.is_empty(), later.is_empty()) {
            (false, false) => (0..4, 4..8),
            (_, true) => (0..8, 8..8),
            (true, _) => (0..0, 0..8),
        };
        let mut automata = built(now, low).map_err(refused)?;
        automata.extend(built(later, high.clone()).map_err(refused)?);
        let later = high.fold(0, |all, bit| all | 1 << bit);
        let gate = (!automata.is_empty()).then(|| Gate::new(&automata));
        let of = |one: &Automata| one.shapes.iter().fold(0, |all, shape| all | shape.bucket);
        let automata = automata.into_iter().map(|one| (of(&one), one)).map(|(of, one)| (one, of)).collect();
        Ok(Self { known, automata, gate, later })
    }

    /// The gate, and the buckets that are looked at: those asked for, or the others, or all.
    pub(super) fn gate(&self, which: Which) -> Option<(&Gate, Buckets)> {
        let buckets = match which {
            Which::All | Which::Refused => Buckets::MAX,
            Which::Now => !self.later,
            Which::Later => self.later,
        };
        let any = self.automata.iter().any(|(_, of)| of & buckets != 0);
        self.gate.as_ref().filter(|_| any).map(|gate| (gate, buckets))
    }

    /// Whether a candidate may have the octet in it.
    pub(super) fn takes(&self, octet: u8) -> bool {
        self.automata.iter().any(|(automata, _)| automata.takes(octet))
    }

    /// `wanted` says by pattern which are looked for; nothing stands for all.
    pub(super) fn ends<'w>(&self, which: Which, wanted: &'w [bool]) -> Ends<'w> {
        Ends { last: Vec::new(), fits: Vec::new(), wanted, refused: which == Which::Refused }
    }

    /// Reports what begins at `at`; shapes of these buckets may.
    #[inline(never)]
    pub(super) fn try_at(
        &self,
        scan: &mut Scan<'_, '_>,
        ends: &mut Ends<'_>,
        open: Buckets,
        at: usize,
        start: Start,
    ) -> Flow {
        for (automata, buckets) in &self.automata {
            if buckets & open != 0 && automata.run(scan, &mut ends.fits, at) {
                self.judge(scan, automata, ends, at, start)?;
            }
        }
        Flow::Continue(())
    }

    /// Of what fits, the longest with its boundaries and validator is a hit.
    #[inline(never)]
    fn judge(
        &self,
        scan: &mut Scan<'_, '_>,
        automata: &Automata,
        ends: &mut Ends<'_>,
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
            if at < ends.last.get(number).copied().unwrap_or(0)
                || !ends.wants(self.known[number].id)
                || judged == Some((shape.identifier, fit.end))
            {
                continue;
            }
            scan.steps += 1;
            if !stands_apart(shape.boundary, scan, at, fit.end, start) {
                continue;
            }
            judged = Some((shape.identifier, fit.end));
            let identifier = &self.known[number];
            let candidate = scan.text.str(at..fit.end);
            let accepted = identifier.validate.as_ref().is_none_or(|validate| validate(candidate));
            if accepted {
                ends.last.resize(self.known.len(), 0);
                ends.last[number] = fit.end;
            }
            if accepted != ends.refused {
                scan.hit(identifier.id, at..fit.end)?;
            }
        }
        Flow::Continue(())
    }

    pub(super) fn memory(&self) -> usize {
        self.automata.iter().map(|(automata, _)| automata.memory()).sum::<usize>()
            + self.gate.as_ref().map_or(0, Gate::memory)
            + self.known.len() * size_of::<Identifier>()
    }
}

/// Which identifiers a scan looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those that wait for nothing.
    Now,
    /// Those that are asked for.
    Later,
    /// All, for what their validators refuse.
    Refused,
}

/// Automata for shapes, and a bucket for each shape among these bits: shapes that begin alike share one.
fn built(shapes: Vec<(Hir, Shape)>, bits: std::ops::Range<u8>) -> Result<Vec<Automata>, (Shape, Refusal)> {
    let mut all = Vec::new();
    divide(&shapes, &mut all)?;
    let count = all.len().max(1) as u8;
    let mut rest = shapes.iter();
    for (number, automata) in all.iter_mut().enumerate() {
        // Each automaton has its own bits as long as there are enough.
        let own = (bits.len() as u8 / count).max(1);
        let first = bits.start + number as u8 % (bits.len() as u8 / own) * own;
        for (shape, (hir, _)) in automata.shapes.iter_mut().zip(&mut rest) {
            shape.bucket = 1 << (first + beginning(hir) * own.min(4) / 4);
        }
    }
    Ok(all)
}

/// An identifier with its shapes parsed.
pub(super) struct Source {
    pub(super) id: PatternId,
    pub(super) shapes: Vec<(Hir, Boundary)>,
    pub(super) validate: Option<ValidatorFn>,
    /// Looked for only when asked: see [`super::Matcher::scan_later`].
    pub(super) later: bool,
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
