//! Rows of a table in the texts of a message: where they stand, and which of them suffice for a question.

use std::collections::HashMap;
use std::time::Instant;

use super::ignore::{LeftOut, covers};
use super::pieces::{Pieces, Scope};
use super::probes::Trouble;
use super::stretch;
use crate::compile::model::ExactTest;
use crate::index::exact::ExactIndex;
use crate::index::exact::scan::{Hits, Wants, scan};
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
    stretch::stretches(pieces, row, &mut |stretch| {
        if trouble.late {
            return;
        }
        let mut hits = Hits::default();
        trouble.fault |= {
            let text = Prepared::new(&stretch.text);
            scan(index, &text, &stretch.table_rows, wants, deadline, &mut hits).is_err()
        };
        trouble.overflow |= hits.overflow;
        trouble.late |= hits.late;
        found.extend(hits.rows.into_iter().map(|hit| {
            let mut cells: Vec<CellFound> = hit
                .cells
                .into_iter()
                .map(|cell| {
                    let (piece, start, end) = stretch.place(pieces, &cell.span);
                    CellFound { column: cell.column, piece, start, end, distance: cell.distance }
                })
                .collect();
            cells.retain(|cell| !covers(left_out.of(cell.piece), &(cell.start as usize..cell.end as usize)));
            RowFound { row: hit.row, cells }
        }));
        found.retain(|row| !row.cells.is_empty());
    });
    trouble
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
