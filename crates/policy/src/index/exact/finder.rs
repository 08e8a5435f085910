//! From what may be values of rows to the rows: what leads to one, and the row's other values around it.

use std::cmp::Reverse;
use std::io;
use std::ops::Range;
use std::time::Instant;

use super::common::Common;
use super::lookups::{Lookups, Third};
use super::met::Candidate;
use super::near::Lay;
use super::scan::{BATCH, Cell, Outcome, RowHit, Sink, Slice};
use super::value::Value;
use crate::index::words::Tokens;

/// Candidates before and behind a value among which its row's others are looked for.
pub(super) const MOST_AROUND: usize = 512;

/// A value of a slice that points at rows, by its number, and where it stands in the folded text.
#[derive(Debug, Clone)]
pub(super) struct Pointing {
    pub(super) value: u32,
    pub(super) span: Range<usize>,
}

/// A place from which rows are looked for: a candidate, the one before it with which it leads there, and the lead.
type Anchor = (usize, Option<usize>, usize);

/// A candidate that some row of the lead has as well: how far it stands from the anchor, and those rows.
struct Helpful {
    at: usize,
    distance: u32,
    rows: Range<usize>,
}

/// Collects what may be a value of a row, stretch by stretch.
pub(super) struct Candidates<'c, 'i> {
    lookups: &'c mut Lookups<'i>,
    within: u32,
    all: Vec<Candidate>,
    /// Words of the stretches before.
    words: u32,
}

impl<'c, 'i> Candidates<'c, 'i> {
    pub(super) fn new(lookups: &'c mut Lookups<'i>, within: u32) -> Self {
        Self { lookups, within, all: Vec::new(), words: 0 }
    }

    /// Takes a stretch; what is in another is not near.
    pub(super) fn take(&mut self, tokens: &Tokens, common: &[Common], pointing: &[Pointing]) {
        for Pointing { value, span } in pointing {
            let word = tokens.all.partition_point(|token| (token.start as usize) < span.start) as u32;
            self.push(*value, span, word);
        }
        for value in common {
            let span = tokens.span(value.words());
            let number = self.lookups.meet(value.short, || {
                let held = match value.date {
                    Some(date) => Value::Date(date),
                    None => Value::Words(String::from_utf8_lossy(&value.text(tokens)).into_owned()),
                };
                (held, None)
            });
            self.push(number, &span, value.word());
        }
        self.words += tokens.all.len() as u32 + self.within + 2;
    }

    fn push(&mut self, value: u32, span: &Range<usize>, word: u32) {
        let (start, end) = (span.start as u32, span.end as u32);
        self.all.push(Candidate { start, end, word: self.words + word, value, line: 0 });
    }

    /// All of them in the order of the text.
    pub(super) fn finish(mut self, lay: &Lay<'_, '_>) -> Vec<Candidate> {
        self.all.sort_by_key(|candidate| (candidate.start, Reverse(candidate.end)));
        lay.set_lines(&mut self.all);
        self.all
    }
}

/// Finds the rows of a slice in which something was found.
pub(super) struct Finder<'f, 'i, 's, 't> {
    slice: &'f Slice<'s, 't>,
    lay: &'f Lay<'s, 't>,
    candidates: Vec<Candidate>,
    lookups: Lookups<'i>,
    /// By value: the candidate for which it was seen last among those before, and among those around.
    seen: (Vec<u32>, Vec<u32>),
    /// Values around the candidate that is looked at, each once.
    around: Vec<u32>,
    around_of: Option<usize>,
}

impl<'f, 'i, 's, 't> Finder<'f, 'i, 's, 't> {
    pub(super) fn new(
        slice: &'f Slice<'s, 't>,
        lay: &'f Lay<'s, 't>,
        candidates: Vec<Candidate>,
        lookups: Lookups<'i>,
    ) -> Self {
        let unseen = vec![u32::MAX; lookups.met.len()];
        Self {
            slice,
            lay,
            candidates,
            lookups,
            seen: (unseen.clone(), unseen),
            around: Vec::new(),
            around_of: None,
        }
    }

    /// Hands on every row.
    pub(super) fn rows(&mut self, sink: &mut dyn Sink) -> io::Result<Outcome> {
        let mut anchors = Vec::new();
        for at in 0..self.candidates.len() {
            if at.is_multiple_of(BATCH) && Instant::now() >= self.slice.deadline {
                return Ok(Outcome { late: true, ..Outcome::default() });
            }
            self.lookups.make_room();
            anchors.clear();
            self.anchors(at, &mut anchors)?;
            for anchor in &anchors {
                self.resolve(*anchor, sink)?;
                if self.lookups.enough() || sink.is_full() {
                    return Ok(Outcome { overflow: true, ..Outcome::default() });
                }
            }
        }
        Ok(Outcome::default())
    }

    /// The leads of a candidate, by itself or with one before it.
    fn anchors(&mut self, at: usize, anchors: &mut Vec<Anchor>) -> io::Result<()> {
        let here = self.candidates[at];
        let own = self.lookups.leads_of_value(here.value)?;
        anchors.extend(own.map(|lead| (at, None, lead)));
        if !self.slice.wants.pairs || !self.lookups.met[here.value as usize].common {
            return Ok(());
        }
        for before in (at.saturating_sub(MOST_AROUND)..at).rev() {
            let other = self.candidates[before];
            if other.word + self.slice.wants.within < here.word && !self.one_row(&other, &here) {
                break;
            }
            // Of a value that is there many times the nearest is enough.
            if other.end > here.start || self.seen.0[other.value as usize] == at as u32 {
                continue;
            }
            self.seen.0[other.value as usize] = at as u32;
            if self.lookups.met[other.value as usize].common {
                let leads = self.lookups.leads_of_pair(other.value, here.value)?;
                anchors.extend(leads.map(|lead| (at, Some(before), lead)));
            }
        }
        Ok(())
    }

    /// Whether what begins at one candidate and at a later one stands on one line or in one row of a table.
    fn one_row(&self, from: &Candidate, to: &Candidate) -> bool {
        to.start <= from.line || self.lay.one_table_row(from.start as usize, to.start as usize)
    }

    /// Words between two candidates, if they are near each other.
    fn distance(&self, one: usize, other: usize) -> Option<u32> {
        // Where a value begins counts: its end may be on the next line.
        let (first, second) = (&self.candidates[one.min(other)], &self.candidates[one.max(other)]);
        let words = (second.word - first.word).saturating_sub(1);
        if words == 0 || self.one_row(first, second) {
            return Some(0);
        }
        (words <= self.slice.wants.within).then_some(words)
    }

    /// Candidates near one, the nearest first before it, then those behind, with their distances.
    fn near(&self, at: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        let before = (at.saturating_sub(MOST_AROUND)..at).rev();
        let behind = at + 1..self.candidates.len().min(at + 1 + MOST_AROUND);
        let near = move |other| Some((other, self.distance(at, other)?));
        before.map_while(near).chain(behind.map_while(near))
    }

    /// Hands on the rows of a lead that have further values around the anchor; if none has, the first for all of them.
    fn resolve(&mut self, anchor: Anchor, sink: &mut dyn Sink) -> io::Result<()> {
        let helpful = self.helpful(anchor)?;
        let own = if anchor.1.is_some() { 2 } else { 1 };
        let mut any = false;
        for row in self.rows_of(&helpful) {
            let mut cells = self.own_cells(anchor, row)?;
            self.further_cells(row, &helpful, &mut cells);
            if cells.len() > own {
                any = true;
                cells.sort_by_key(|cell| cell.column);
                sink.take(RowHit { row, cells });
                if sink.is_full() {
                    break;
                }
            }
        }
        if !any {
            self.alone(anchor, sink)?;
        }
        Ok(())
    }

    /// Where a lead has several rows and nothing tells them apart, it is one row.
    fn alone(&mut self, anchor: Anchor, sink: &mut dyn Sink) -> io::Result<()> {
        let (at, second, lead) = anchor;
        let distance = second.and_then(|second| self.distance(at, second)).unwrap_or(0);
        let behind = usize::from(self.lookups.leads[lead].values.0 == self.candidates[at].value);
        if self.lookups.leads[lead].told[behind] <= distance {
            return Ok(());
        }
        let Some(row) = self.lookups.first(lead)? else { return Ok(()) };
        let mut cells = self.own_cells(anchor, row)?;
        cells.sort_by_key(|cell| cell.column);
        if sink.take(RowHit { row, cells }) {
            self.lookups.leads[lead].told[behind] = distance;
        }
        Ok(())
    }

    /// The candidates near an anchor that some of the lead's rows have as well, the nearest first.
    fn helpful(&mut self, anchor: Anchor) -> io::Result<Vec<Helpful>> {
        let (at, _, lead) = anchor;
        if !self.lookups.may_have_more(lead) {
            return Ok(Vec::new());
        }
        self.look_around(at);
        let mut values: Vec<(u32, Range<usize>)> = Vec::new();
        for value in &self.around {
            let rows = self.lookups.thirds(lead, *value)?;
            if !rows.is_empty() {
                values.push((*value, rows));
            }
        }
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let rows =
            |value: u32| values.iter().find(|(known, _)| *known == value).map(|(_, rows)| rows.clone());
        let mut all: Vec<Helpful> = self
            .near(at)
            .filter_map(|(other, distance)| {
                Some(Helpful { at: other, distance, rows: rows(self.candidates[other].value)? })
            })
            .collect();
        // Of several places of one value the nearest counts.
        let word = self.candidates[at].word;
        all.sort_by_key(|one| (one.distance, self.candidates[one.at].word.abs_diff(word)));
        Ok(all)
    }

    /// Notes which values stand around a candidate.
    fn look_around(&mut self, at: usize) {
        if self.around_of == Some(at) {
            return;
        }
        let mut around = std::mem::take(&mut self.around);
        around.clear();
        let mut seen = std::mem::take(&mut self.seen.1);
        for (other, _) in self.near(at) {
            let value = self.candidates[other].value;
            if std::mem::replace(&mut seen[value as usize], at as u32) != at as u32 {
                around.push(value);
            }
        }
        (self.around, self.seen.1, self.around_of) = (around, seen, Some(at));
    }

    /// The rows that some of them have.
    fn rows_of(&self, helpful: &[Helpful]) -> Vec<u32> {
        let rows = helpful.iter().flat_map(|one| self.lookups.held(&one.rows));
        let mut rows: Vec<u32> = rows.map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The cells of the values that led to a row.
    fn own_cells(&mut self, anchor: Anchor, row: u32) -> io::Result<Vec<Cell>> {
        let (at, second, lead) = anchor;
        let (mut column, other) = self.lookups.leads[lead].columns;
        let (Some(second), Some(mut other)) = (second, other) else {
            return Ok(vec![self.cell(column, at, 0)]);
        };
        // A pair does not say which of the two stands in which column.
        if self.lookups.holds(row, self.candidates[at].value, 1 << column)? == 0 {
            std::mem::swap(&mut column, &mut other);
        }
        let distance = self.distance(at, second).unwrap_or(0);
        Ok(vec![self.cell(column, at, 0), self.cell(other, second, distance)])
    }

    /// The values of a row that stand around the anchor; each word is the value of one column only.
    fn further_cells(&self, row: u32, helpful: &[Helpful], cells: &mut Vec<Cell>) {
        let mut taken = cells.iter().fold(0, |bits, cell| bits | 1u32 << cell.column);
        for one in helpful {
            let rows: &[Third] = self.lookups.held(&one.rows);
            let Ok(place) = rows.binary_search_by_key(&row, |(row, _)| *row) else { continue };
            let free = rows[place].1 & !taken;
            if free == 0 {
                continue;
            }
            let cell = self.cell(free.trailing_zeros() as u8, one.at, one.distance);
            let span = &cell.span;
            if !cells.iter().any(|cell| cell.span.start < span.end && span.start < cell.span.end) {
                taken |= 1 << cell.column;
                cells.push(cell);
            }
        }
    }

    fn cell(&self, column: u8, at: usize, distance: u32) -> Cell {
        Cell { column, span: self.slice.text.original(self.candidates[at].span()), distance }
    }
}
