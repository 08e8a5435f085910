//! Looks for rows of a table in a text: first what may point at one, then the row's other values around that place.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::time::Instant;

use super::ExactIndex;
use super::common::{Common, common};
use super::finder::{Candidates, Finder, MOST_AROUND, Pointing};
use super::hashes::Hashes;
use super::lookups::Lookups;
use super::near::{Lay, edge};
use super::points::{Point, points};
use crate::index::words::Tokens;
use crate::matcher::Prepared;

/// What conditions want of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Words around a row's first value in which its others may stand.
    pub(crate) within: u32,
    /// Some condition may hold by values alone that point at no row: two common ones together lead to it.
    pub(crate) pairs: bool,
    /// Some condition holds by one common value.
    pub(crate) singles: bool,
}

impl Wants {
    pub(crate) fn merge(&mut self, other: Self) {
        self.within = self.within.max(other.within);
        self.pairs |= other.pairs;
        self.singles |= other.singles;
    }
}

/// A value of a row in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) column: u8,
    /// In the original text.
    pub(crate) span: Range<usize>,
    /// Words between it and the value that led to the row; 0 within one line.
    pub(crate) distance: u32,
}

/// A row in a text: its values, each once, in the order of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowHit {
    pub(crate) row: u32,
    pub(crate) cells: Vec<Cell>,
}

/// Takes the rows that are found.
pub(crate) trait Sink {
    /// Takes a row. True if the same values of it no nearer to each other need not be told again, wherever in the text
    /// they stand.
    fn take(&mut self, hit: RowHit) -> bool;
    /// No more can be taken.
    fn is_full(&self) -> bool;
}

/// What was not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// There were too many rows to look at.
    pub(crate) overflow: bool,
    /// There was no time.
    pub(crate) late: bool,
}

/// Octets looked at in one go, and how much of the end is looked at again with what follows.
const SLICE: usize = 512 << 10;
const OVERLAP: usize = 8 << 10;
/// Values that the filter is asked about together, or looked at between two looks at the clock.
pub(super) const BATCH: usize = 128;

/// Looks through a text until the deadline; `rows` are those octets of the original text that are known to be one row of a
/// table, in order and apart.
pub(crate) fn scan(
    index: &ExactIndex,
    text: &Prepared<'_>,
    rows: &[Range<usize>],
    wants: Wants,
    deadline: Instant,
    sink: &mut dyn Sink,
) -> io::Result<Outcome> {
    let bytes = text.bytes();
    let mut all = Outcome::default();
    let mut from = 0;
    loop {
        let to = edge(bytes, from + SLICE);
        let slice = Slice { index, text, rows, range: from..to, wants, deadline };
        let outcome = slice.scan(sink)?;
        all = Outcome { overflow: all.overflow || outcome.overflow, late: outcome.late };
        if to == bytes.len() || all.late {
            return Ok(all);
        }
        if sink.is_full() {
            return Ok(Outcome { overflow: true, ..all });
        }
        from = edge(bytes, to.saturating_sub(OVERLAP)).max(from + 1).min(to);
    }
}

/// A part of a text that is looked at in one go.
pub(super) struct Slice<'s, 't> {
    index: &'s ExactIndex,
    pub(super) text: &'s Prepared<'t>,
    rows: &'s [Range<usize>],
    range: Range<usize>,
    pub(super) wants: Wants,
    pub(super) deadline: Instant,
}

impl Slice<'_, '_> {
    fn scan(&self, sink: &mut dyn Sink) -> io::Result<Outcome> {
        let mut lookups = Lookups::new(self.index, self.wants.singles);
        let Some(pointing) = self.pointing(&mut lookups)? else {
            return Ok(Outcome { late: true, ..Outcome::default() });
        };
        let by_words = self.wants.pairs || self.wants.singles;
        if pointing.is_empty() && !by_words {
            return Ok(Outcome::default());
        }
        let lay = Lay::new(self.text, self.range.clone(), self.rows);
        let mut candidates = Candidates::new(&mut lookups, self.wants.within);
        let (mut tokens, mut values) = (Tokens::default(), Vec::new());
        if by_words {
            self.read(self.range.clone(), &mut tokens, &mut values);
        }
        if by_words && (self.wants.singles || self.may_pair(&lay, &tokens, &values)) {
            candidates.take(&tokens, &values, &pointing);
        } else {
            let mut pointing = pointing.as_slice();
            for region in self.regions(&lay, pointing) {
                let own = pointing.partition_point(|point| point.span.start < region.end);
                self.read(region, &mut tokens, &mut values);
                candidates.take(&tokens, &values, &pointing[..own]);
                pointing = &pointing[own..];
            }
        }
        let candidates = candidates.finish(&lay);
        Finder::new(self, &lay, candidates, lookups).rows(sink)
    }

    /// The words of a stretch, and the common values among them.
    fn read(&self, range: Range<usize>, tokens: &mut Tokens, values: &mut Vec<Common>) {
        tokens.read(self.text, range);
        values.clear();
        common(self.index, tokens, &mut |value| values.push(value));
    }

    /// What may be near one of the points.
    fn regions(&self, lay: &Lay<'_, '_>, pointing: &[Pointing]) -> Vec<Range<usize>> {
        let words = self.wants.within + self.index.shape.words + 1;
        let mut all: Vec<Range<usize>> = Vec::new();
        for point in pointing {
            let near = lay.around(&point.span, words);
            match all.last_mut() {
                Some(last) if near.start <= last.end => last.end = last.end.max(near.end),
                _ => all.push(near),
            }
        }
        all
    }

    /// The values that point at rows: they pass the filter, and the table has them. `None` if there was no time.
    fn pointing(&self, lookups: &mut Lookups<'_>) -> io::Result<Option<Vec<Pointing>>> {
        let (index, mut buffer, mut all) = (self.index, Vec::with_capacity(64), Vec::new());
        // The filter is bigger than the caches: questions that do not wait for each other's answers are asked together.
        let mut batch: Vec<(u64, Point)> = Vec::with_capacity(BATCH);
        let mut ask = |batch: &mut Vec<(u64, Point)>| {
            all.extend(batch.drain(..).filter(|(short, _)| index.points.contains(*short)))
        };
        points(self.text.bytes(), self.range.clone(), &index.shape, &mut |point| {
            batch.push((index.hashes.short(point.value.octets(&mut buffer)), point));
            if batch.len() == BATCH {
                ask(&mut batch);
            }
        });
        ask(&mut batch);
        let mut kept = Vec::new();
        for (at, (short, point)) in all.into_iter().enumerate() {
            // The hash of a value that can be guessed is dear.
            if at.is_multiple_of(BATCH) && at > 0 && Instant::now() >= self.deadline {
                return Ok(None);
            }
            if let Some(value) = lookups.point(short, &point)? {
                kept.push(Pointing { value, span: point.span });
            }
        }
        kept.sort_by_key(|point| point.span.start);
        Ok(Some(kept))
    }

    /// Whether two common values that stand in one row may be near each other.
    fn may_pair(&self, lay: &Lay<'_, '_>, tokens: &Tokens, values: &[Common]) -> bool {
        let mut recent: VecDeque<(u32, usize, u64)> = VecDeque::new();
        for value in values {
            let at = tokens.span(value.words()).start;
            let far = |(word, start, _): &(u32, usize, u64)| {
                word + self.wants.within < value.word() && !lay.one_row(*start, at)
            };
            while recent.len() > MOST_AROUND || recent.front().is_some_and(far) {
                recent.pop_front();
            }
            let paired = |(.., other): &(u32, usize, u64)| {
                self.index.pairs.contains(Hashes::pair_short(*other, value.short))
            };
            if recent.iter().any(paired) {
                return true;
            }
            recent.push_back((value.word(), at, value.short));
        }
        false
    }
}
