//! From what may be values of rows to the rows: what points at one, and the row's other values around it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::time::Instant;

use super::common::common;
use super::hashes::{Hashes, Strong, TAG};
use super::near::{LINE, Lay};
use super::points::Point;
use super::scan::{BATCH, Cell, Hits, RowHit, Slice};
use super::value::Value;
use crate::index::words::Tokens;

/// Rows of the index that are looked at for one slice, and rows that are kept.
const MOST_LOOKS: usize = 200_000;
pub(super) const MOST_HITS: usize = 100_000;
/// Rows that a value points at: the column, the rows, and whether there are more than are kept.
pub(super) type Pointed = Vec<(u8, Vec<u32>, bool)>;

/// Something that may be a value of a row.
#[derive(Debug, Clone)]
struct Candidate {
    value: Held,
    /// In the folded text.
    span: Range<usize>,
    /// Words before it in the slice.
    word: u32,
    short: u64,
}

/// A value with what rows are tagged with.
#[derive(Debug, Clone)]
enum Held {
    Value(Value),
    /// A telephone number as met, and its national form.
    Phone(Value, Value),
}

impl Held {
    fn tagged(&self) -> &Value {
        match self {
            Self::Value(value) | Self::Phone(_, value) => value,
        }
    }
}

/// A place from which rows are looked for.
#[derive(Debug)]
struct Anchor {
    /// The candidates that led there.
    first: usize,
    second: Option<usize>,
    /// Columns of the candidates, and the rows.
    columns: (u8, Option<u8>),
    rows: Vec<u32>,
}

/// Finds the rows of a slice in which something was found.
pub(super) struct Finder<'f, 's, 't> {
    slice: &'f Slice<'s, 't>,
    candidates: Vec<Candidate>,
    /// By number of the candidate: its strong hash.
    strong: HashMap<usize, Strong>,
    lay: Lay<'s, 't>,
    looks: usize,
    /// What the tables said before: a text that says one thing a thousand times is not looked up a thousand times.
    pointed: HashMap<u64, Pointed>,
    together: HashMap<u64, Vec<(u8, Vec<u32>)>>,
    /// By row: what it keeps of its cells, and how often it was looked at.
    rows: HashMap<u32, (Vec<u8>, u32)>,
}

/// Candidates before and behind a value among which its row's others are looked for.
pub(super) const MOST_AROUND: usize = 512;
/// How often one row is looked at in a slice: once would do, were not another place nearer to more of its values.
const MOST_TIMES: u32 = 64;

impl<'f, 's, 't> Finder<'f, 's, 't> {
    pub(super) fn new(
        slice: &'f Slice<'s, 't>,
        lay: Lay<'s, 't>,
        pointing: Vec<Point>,
        pointed: HashMap<u64, Pointed>,
        regions: &[Range<usize>],
    ) -> Self {
        let mut candidates = Vec::new();
        let mut pointing = pointing.into_iter().peekable();
        let mut word = 0;
        for region in regions {
            let mut own = Vec::new();
            while let Some(point) = pointing.next_if(|point| point.span.start < region.end) {
                own.push(point);
            }
            // What is in another region is not near.
            word += Self::region(slice, own, region, word, &mut candidates) + slice.wants.within + 2;
        }
        candidates.sort_by_key(|candidate: &Candidate| {
            (candidate.span.start, std::cmp::Reverse(candidate.span.end))
        });
        Self {
            slice,
            candidates,
            strong: HashMap::new(),
            lay,
            looks: 0,
            pointed,
            together: HashMap::new(),
            rows: HashMap::new(),
        }
    }

    /// The candidates of a region; gives how many words it has.
    fn region(
        slice: &Slice<'s, 't>,
        pointing: Vec<Point>,
        region: &Range<usize>,
        before: u32,
        candidates: &mut Vec<Candidate>,
    ) -> u32 {
        let mut tokens = Tokens::default();
        tokens.read(slice.text, region.clone());
        let mut buffer = Vec::new();
        for point in pointing {
            let word =
                before + tokens.all.partition_point(|token| (token.start as usize) < point.span.start) as u32;
            let short = slice.index.hashes.short(point.value.octets(&mut buffer));
            let value = match point.tagged {
                Some(national) => Held::Phone(point.value, national),
                None => Held::Value(point.value),
            };
            candidates.push(Candidate { value, span: point.span, word, short });
        }
        common(slice.index, &tokens, &mut |value| {
            let span =
                tokens.all[value.words.start].start as usize..tokens.all[value.words.end - 1].end as usize;
            let held = match value.date {
                Some(date) => Value::Date(date),
                None => Value::Words(String::from_utf8_lossy(&value.text(&tokens)).into_owned()),
            };
            candidates.push(Candidate {
                value: Held::Value(held),
                span,
                word: before + value.word,
                short: value.short,
            });
        });
        tokens.all.len() as u32
    }

    pub(super) fn rows(&mut self, hits: &mut Hits) -> io::Result<()> {
        let mut seen = HashSet::new();
        for at in 0..self.candidates.len() {
            if at.is_multiple_of(BATCH) && Instant::now() >= self.slice.deadline {
                hits.late = true;
                return Ok(());
            }
            for anchor in self.anchors(at)? {
                if self.looks > MOST_LOOKS || hits.rows.len() > MOST_HITS {
                    hits.overflow = true;
                    return Ok(());
                }
                self.resolve(&anchor, &mut seen, hits)?;
            }
        }
        Ok(())
    }

    fn strong(&mut self, at: usize) -> Strong {
        let hashes = &self.slice.index.hashes;
        let candidate = &self.candidates[at];
        *self.strong.entry(at).or_insert_with(|| hashes.strong_of(candidate.value.tagged()))
    }

    /// The rows that a candidate leads to, by itself or with one before it.
    fn anchors(&mut self, at: usize) -> io::Result<Vec<Anchor>> {
        let index = self.slice.index;
        let wants = self.slice.wants;
        let mut all = Vec::new();
        let met = match &self.candidates[at].value {
            Held::Phone(met, _) => met.clone(),
            Held::Value(value) => value.clone(),
        };
        let common = matches!(met, Value::Words(_) | Value::Date(_));
        if !common || wants.singles {
            let short = self.candidates[at].short;
            if let Entry::Vacant(vacant) = self.pointed.entry(short) {
                self.looks += 1;
                vacant.insert(index.pointed(&index.hashes.strong_of(&met))?);
            }
            for (column, rows, many) in self.pointed.get(&short).cloned().unwrap_or_default() {
                let points = index.columns[usize::from(column) % index.columns.len()].kind.points();
                if points || wants.singles {
                    let rows = if many { rows[..1].to_vec() } else { rows };
                    all.push(Anchor { first: at, second: None, columns: (column, None), rows });
                }
            }
        }
        if common && wants.pairs {
            self.pairs(at, &mut all)?;
        }
        Ok(all)
    }

    fn pairs(&mut self, at: usize, all: &mut Vec<Anchor>) -> io::Result<()> {
        let index = self.slice.index;
        let here = self.candidates[at].clone();
        // Of a value that is there many times the nearest is enough.
        let mut tried: Vec<u64> = Vec::new();
        for before in (0..at).rev().take(MOST_AROUND) {
            let other = &self.candidates[before];
            if other.word + self.slice.wants.within < here.word
                && !self.lay.one_row(other.span.start, here.span.start)
            {
                break;
            }
            if tried.contains(&other.short) {
                continue;
            }
            tried.push(other.short);
            let common = matches!(other.value.tagged(), Value::Words(_) | Value::Date(_));
            if !common
                || other.span.end > here.span.start
                || !index.pairs.contains(Hashes::pair_short(other.short, here.short))
            {
                continue;
            }
            let short = Hashes::pair_short(other.short, here.short);
            if !self.together.contains_key(&short) {
                self.looks += 1;
                let (one, two) = (self.strong(before), self.strong(at));
                self.together.insert(short, index.together(&one, &two)?);
            }
            for (tag, rows) in self.together.get(&short).cloned().unwrap_or_default() {
                all.push(Anchor {
                    first: at,
                    second: Some(before),
                    columns: (tag >> 4, Some(tag & 15)),
                    rows,
                });
            }
        }
        Ok(())
    }

    /// Looks for the other values of the rows around the anchor.
    fn resolve(
        &mut self,
        anchor: &Anchor,
        seen: &mut HashSet<(u32, usize, usize)>,
        hits: &mut Hits,
    ) -> io::Result<()> {
        let mut rows = Vec::with_capacity(anchor.rows.len());
        for row in &anchor.rows {
            rows.extend(self.tags(*row)?.map(|tags| (row, tags)));
            if self.looks > MOST_LOOKS {
                hits.overflow = true;
                break;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let around = self.around(anchor);
        let mut found: Vec<RowHit> = Vec::new();
        for (row, tags) in rows {
            let cells = self.cells(anchor, *row, &tags, &around)?;
            found.push(RowHit { row: *row, cells });
        }
        // Where a value stands in several rows and nothing tells them apart, it is one row.
        let own = if anchor.second.is_some() { 2 } else { 1 };
        let more = found.iter().any(|hit| hit.cells.len() > own);
        let kept = found
            .into_iter()
            .enumerate()
            .filter(|(at, hit)| if more { hit.cells.len() > own } else { *at == 0 });
        for (_, hit) in kept {
            let first = hit.cells.iter().map(|cell| cell.span.start).min().unwrap_or_default();
            if seen.insert((hit.row, first, hit.cells.len())) {
                hits.rows.push(hit);
            }
        }
        Ok(())
    }

    /// What a row keeps of its cells; `None` where it was looked at often enough.
    fn tags(&mut self, row: u32) -> io::Result<Option<Vec<u8>>> {
        if let Some((tags, times)) = self.rows.get_mut(&row) {
            *times += 1;
            return Ok((*times <= MOST_TIMES).then(|| tags.clone()));
        }
        self.looks += 1;
        let tags = self.slice.index.row(row)?;
        self.rows.insert(row, (tags.clone(), 1));
        Ok(Some(tags))
    }

    /// The candidates near an anchor, with their distances.
    fn around(&self, anchor: &Anchor) -> Vec<(usize, u32)> {
        let here = &self.candidates[anchor.first];
        let within = self.slice.wants.within;
        let distance = |other: &Candidate| {
            // Where a value begins counts: its end may be on the next line.
            let (one, two) = (other.span.start, here.span.start);
            if self.lay.one_row(one.min(two), one.max(two)) {
                return 0;
            }
            other.word.abs_diff(here.word).saturating_sub(1)
        };
        let far = |other: &Candidate| {
            let (one, two) = (other.span.start, here.span.start);
            other.word.abs_diff(here.word) > within + 1
                && one.abs_diff(two) > LINE
                && !self.lay.one_row(one.min(two), one.max(two))
        };
        let before = (0..anchor.first).rev().take(MOST_AROUND).take_while(|at| !far(&self.candidates[*at]));
        let behind = (anchor.first + 1..self.candidates.len())
            .take(MOST_AROUND)
            .take_while(|at| !far(&self.candidates[*at]));
        let mut all: Vec<(usize, u32)> = before
            .chain(behind)
            .map(|at| (at, distance(&self.candidates[at])))
            .filter(|(_, distance)| *distance <= within)
            .collect();
        // Of several places of one value the nearest counts.
        all.sort_by_key(|(at, distance)| (*distance, self.candidates[*at].word.abs_diff(here.word)));
        all
    }

    /// The values of a row that stand around the anchor; each word is the value of one column only.
    fn cells(
        &mut self,
        anchor: &Anchor,
        row: u32,
        tags: &[u8],
        around: &[(usize, u32)],
    ) -> io::Result<Vec<Cell>> {
        let index = self.slice.index;
        let mut cells = vec![self.cell(anchor.columns.0, anchor.first, 0)];
        // A pair does not say which of the two stands in which column.
        if let (Some(second), Some(other)) = (anchor.second, anchor.columns.1) {
            let strong = self.strong(anchor.first);
            if index.hashes.tag(row, anchor.columns.0, &strong)[..]
                != tags[usize::from(anchor.columns.0) * TAG..][..TAG]
            {
                cells[0].column = other;
            }
            let column = if cells[0].column == other { anchor.columns.0 } else { other };
            let distance = around.iter().find(|(at, _)| *at == second).map_or(0, |(_, distance)| *distance);
            cells.push(self.cell(column, second, distance));
        }
        for (at, distance) in around {
            if cells.len() == index.columns.len() {
                break;
            }
            let span = self.candidates[*at].span.clone();
            let original = self.slice.text.original(span);
            if cells.iter().any(|cell| cell.span.start < original.end && original.start < cell.span.end) {
                continue;
            }
            if let Some(column) = self.column(*at, row, tags, &cells)? {
                cells.push(Cell { column, span: original, distance: *distance });
            }
        }
        cells.sort_by_key(|cell| cell.column);
        Ok(cells)
    }

    /// The column of the row that has the candidate's value.
    fn column(&mut self, at: usize, row: u32, tags: &[u8], cells: &[Cell]) -> io::Result<Option<u8>> {
        let index = self.slice.index;
        for (column, of) in index.columns.iter().enumerate() {
            let (column, kind) = (column as u8, of.kind);
            let tag = &tags[usize::from(column) * TAG..][..TAG];
            let free = !cells.iter().any(|cell| cell.column == column);
            if !free || tag == [0; TAG] || !self.candidates[at].value.tagged().fits(kind) {
                continue;
            }
            let strong = self.strong(at);
            if index.hashes.tag(row, column, &strong)[..] == *tag {
                return Ok(Some(column));
            }
        }
        Ok(None)
    }

    fn cell(&self, column: u8, at: usize, distance: u32) -> Cell {
        Cell { column, span: self.slice.text.original(self.candidates[at].span.clone()), distance }
    }
}
