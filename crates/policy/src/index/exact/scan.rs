//! Looks for rows of a table in a text: first what may point at one, then the row's other values around that place.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::Range;
use std::time::Instant;

use super::ExactIndex;
use super::common::common;
use super::finder::{Finder, MOST_AROUND, MOST_HITS, Pointed};
use super::hashes::Hashes;
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

/// What was found in a text.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    pub(crate) rows: Vec<RowHit>,
    /// Not everything was looked at: there were too many rows to look at.
    pub(crate) overflow: bool,
    /// Likewise, for want of time.
    pub(crate) late: bool,
}

/// Octets looked at in one go, and how much of the end is looked at again with what follows.
const SLICE: usize = 512 << 10;
const OVERLAP: usize = 8 << 10;
/// Values that the filter is asked about together.
pub(super) const BATCH: usize = 128;

/// Looks through a text until the deadline; `rows` are those octets of the original text that are known to be one row of a
/// table, in order and apart.
pub(crate) fn scan(
    index: &ExactIndex,
    text: &Prepared<'_>,
    rows: &[Range<usize>],
    wants: Wants,
    deadline: Instant,
    hits: &mut Hits,
) -> io::Result<()> {
    let bytes = text.bytes();
    let mut from = 0;
    loop {
        let to = edge(bytes, from + SLICE);
        let slice = Slice { index, text, rows, range: from..to, wants, deadline };
        slice.scan(hits)?;
        if to == bytes.len() || hits.rows.len() > MOST_HITS || hits.late {
            break;
        }
        from = edge(bytes, to.saturating_sub(OVERLAP)).max(from + 1).min(to);
    }
    if hits.rows.len() > MOST_HITS {
        hits.rows.truncate(MOST_HITS);
        hits.overflow = true;
    }
    Ok(())
}

/// A part of a text that is looked at in one go.
pub(super) struct Slice<'s, 't> {
    pub(super) index: &'s ExactIndex,
    pub(super) text: &'s Prepared<'t>,
    pub(super) rows: &'s [Range<usize>],
    pub(super) range: Range<usize>,
    pub(super) wants: Wants,
    pub(super) deadline: Instant,
}

impl Slice<'_, '_> {
    fn scan(&self, hits: &mut Hits) -> io::Result<()> {
        let (pointing, known) = self.pointing()?;
        if pointing.is_empty() && !self.wants.pairs && !self.wants.singles {
            return Ok(());
        }
        let lay = Lay::new(self.text, self.range.clone(), self.rows);
        let by_words = (self.wants.pairs || self.wants.singles) && self.may_pair(&lay);
        if pointing.is_empty() && !by_words {
            return Ok(());
        }
        let regions = if by_words { vec![self.range.clone()] } else { self.regions(&lay, &pointing) };
        Finder::new(self, lay, pointing, known, &regions).rows(hits)
    }

    /// What may be near one of the points.
    fn regions(&self, lay: &Lay<'_, '_>, pointing: &[Point]) -> Vec<Range<usize>> {
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

    /// The values that point at rows: they pass the filter, and the table has them. With what it says of each.
    fn pointing(&self) -> io::Result<(Vec<Point>, HashMap<u64, Pointed>)> {
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
        let mut known: HashMap<u64, Pointed> = HashMap::new();
        for (short, point) in &all {
            if let Entry::Vacant(vacant) = known.entry(*short) {
                vacant.insert(index.pointed(&index.hashes.strong_of(&point.value))?);
            }
        }
        let there = |short: &u64| known.get(short).is_some_and(|rows| !rows.is_empty());
        let mut kept: Vec<Point> =
            all.into_iter().filter(|(short, _)| there(short)).map(|(_, point)| point).collect();
        kept.sort_by_key(|point| point.span.start);
        Ok((kept, known))
    }

    /// Whether two common values that stand in one row, or one where one will do, may be near each other.
    fn may_pair(&self, lay: &Lay<'_, '_>) -> bool {
        let mut tokens = Tokens::default();
        tokens.read(self.text, self.range.clone());
        if self.wants.singles {
            return true;
        }
        let mut recent: VecDeque<(u32, usize, u64)> = VecDeque::new();
        let mut any = false;
        common(self.index, &tokens, &mut |value| {
            if any {
                return;
            }
            let at = tokens.all[value.words.start].start as usize;
            let far = |(word, start, _): &(u32, usize, u64)| {
                word + self.wants.within < value.word && !lay.one_row(*start, at)
            };
            while recent.len() > MOST_AROUND || recent.front().is_some_and(far) {
                recent.pop_front();
            }
            any = recent
                .iter()
                .any(|(.., other)| self.index.pairs.contains(Hashes::pair_short(*other, value.short)));
            recent.push_back((value.word, at, value.short));
        });
        any
    }
}
