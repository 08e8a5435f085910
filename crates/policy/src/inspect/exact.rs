//! Rows of a table in the texts of a message: where they stand, and which of them suffice for a question.

use std::collections::HashMap;
use std::time::Instant;

use super::ignore::{LeftOut, covers};
use super::pieces::{Pieces, Scope, Spot};
use super::probes::Trouble;
use super::stretch::{self, Stretch};
use crate::compile::model::ExactTest;
use crate::index::exact::ExactIndex;
use crate::index::exact::scan::{RowHit, Sink, Wants, scan};
use crate::matcher::Prepared;

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CellFound {
    pub(super) column: u8,
    pub(super) piece: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Words between it and the value that led to the row.
    pub(super) distance: u32,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowFound {
    pub(super) row: u32,
    /// In the order of the columns.
    pub(super) cells: Vec<CellFound>,
}

/// Places of rows that are kept for one question to an index, in all texts of a message together.
const MOST_FOUND: usize = 200_000;

/// Looks through a row of texts.
pub(super) fn look(
    index: &ExactIndex,
    wants: Wants,
    pieces: &Pieces<'_>,
    left_out: &mut LeftOut<'_, '_>,
    row: &[u32],
    deadline: Instant,
    found: &mut Vec<RowFound>,
) -> Trouble {
    let mut trouble = Trouble::default();
    let mut known = HashMap::new();
    stretch::stretches(pieces, row, &mut |stretch| {
        if trouble.late {
            return;
        }
        let mut kept = Kept { stretch, pieces, left_out, known: &mut known, found };
        let text = Prepared::new(&stretch.text);
        match scan(index, &text, &stretch.table_rows, wants, deadline, &mut kept) {
            Ok(outcome) => {
                trouble.overflow |= outcome.overflow;
                trouble.late |= outcome.late;
            }
            Err(_) => trouble.fault = true,
        }
    });
    trouble
}

/// The rows of a stretch that say something new.
struct Kept<'k, 'm, 'l, 's> {
    stretch: &'k Stretch<'m>,
    pieces: &'k Pieces<'m>,
    left_out: &'k mut LeftOut<'l, 's>,
    /// By row: its places in `found`.
    known: &'k mut HashMap<u32, Vec<u32>>,
    found: &'k mut Vec<RowFound>,
}

impl Sink for Kept<'_, '_, '_, '_> {
    fn take(&mut self, hit: RowHit) -> bool {
        let all = hit.cells.len();
        let cells = hit.cells.into_iter().map(|cell| {
            let (piece, start, end) = self.stretch.place(self.pieces, &cell.span);
            CellFound { column: cell.column, piece, start, end, distance: cell.distance }
        });
        let mut cells: Vec<CellFound> = cells.collect();
        cells.retain(|cell| !covers(self.left_out.of(cell.piece), &(cell.start as usize..cell.end as usize)));
        if cells.is_empty() {
            return false;
        }
        // A question may look into one header and not into the next.
        let whole =
            cells.len() == all && cells.iter().all(|cell| self.pieces.get(cell.piece).spot != Spot::Header);
        let known = self.known.entry(hit.row).or_default();
        let says_no_more = |place: &u32| {
            let before = &self.found[*place as usize].cells;
            cells.iter().all(|cell| before.iter().any(|before| before.says(cell, self.pieces)))
        };
        if !known.iter().any(says_no_more) {
            known.push(self.found.len() as u32);
            self.found.push(RowFound { row: hit.row, cells });
        }
        whole
    }

    fn is_full(&self) -> bool {
        self.found.len() >= MOST_FOUND
    }
}

impl CellFound {
    /// Whether every question that counts the other cell of the same row counts this one.
    fn says(&self, other: &Self, pieces: &Pieces<'_>) -> bool {
        self.column == other.column
            && self.distance <= other.distance
            && (self.piece == other.piece || pieces.get(self.piece).spot != Spot::Header)
    }
}

/// The rows that suffice: for each component and row the place with the most columns; component, place in `found`, row.
pub(super) fn sufficing(test: &ExactTest, found: &[RowFound], pieces: &Pieces<'_>) -> Vec<(Scope, u32, u32)> {
    let mut best: HashMap<(Scope, u32), (u32, u32)> = HashMap::new();
    for (number, row) in found.iter().enumerate() {
        let cells: Vec<&CellFound> = cells(test, row, pieces).collect();
        let columns = cells.iter().fold(0, |columns, cell| columns | 1 << cell.column);
        let Some(first) = cells.first().filter(|_| test.suffice(columns)) else { continue };
        let scope = pieces.get(first.piece).scope();
        let count = (columns & (test.of | test.require)).count_ones();
        let known = best.entry((scope, row.row)).or_insert((0, number as u32));
        if count > known.0 {
            *known = (count, number as u32);
        }
    }
    let mut all: Vec<(Scope, u32, u32)> =
        best.into_iter().map(|((scope, row), (_, number))| (scope, number, row)).collect();
    all.sort_unstable();
    all
}

/// The cells of a row that count for a question.
pub(super) fn cells<'c>(
    test: &'c ExactTest,
    row: &'c RowFound,
    pieces: &'c Pieces<'_>,
) -> impl Iterator<Item = &'c CellFound> {
    row.cells.iter().filter(move |cell| {
        let asked = (test.of | test.require) >> cell.column & 1 == 1;
        asked && cell.distance <= test.within && pieces.get(cell.piece).admitted_by(&test.places)
    })
}
