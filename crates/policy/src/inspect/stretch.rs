//! Texts that belong together, as indexes look at them: the cells of a sheet, the paragraphs of a page, one after another.

use std::borrow::Cow;
use std::ops::Range;

use super::pieces::{Piece, Pieces};
use crate::compile::model::Places;

/// Octets of a stretch that is put together from several texts, and how much of its end the next one begins with.
const TOGETHER: usize = 1 << 20;
const OVERLAP: usize = 8 << 10;

/// A text put together from pieces, and where each begins in it.
pub(super) struct Stretch<'m> {
    pub(super) text: Cow<'m, str>,
    /// Octets that are each one row of a table, in order and apart.
    pub(super) table_rows: Cow<'m, [Range<usize>]>,
    /// Where it begins in the text, and its number.
    starts: Vec<(usize, u32)>,
}

/// Pieces in a row that are of one part, by number.
pub(super) fn rows(pieces: &Pieces<'_>, places: &Places) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = Vec::new();
    let mut last: Option<&Piece<'_>> = None;
    for (number, piece) in pieces.iter().enumerate() {
        if !piece.admitted_by(places) || piece.text.is_empty() || piece.text.len() > u32::MAX as usize {
            continue;
        }
        let same = |last: &Piece<'_>| {
            // A number as it is stored stands in its row like the number as it is shown.
            let rendering = last.view == piece.view || cell(last.place).and(cell(piece.place)).is_some();
            rendering && (last.part, last.spot) == (piece.part, piece.spot)
        };
        match (last.is_some_and(same), all.last_mut()) {
            (true, Some(row)) => row.push(number as u32),
            _ => all.push(vec![number as u32]),
        }
        last = Some(piece);
    }
    all
}

/// The texts of a row of pieces, some at a time.
pub(super) fn stretches<'m>(pieces: &Pieces<'m>, row: &[u32], each: &mut dyn FnMut(&Stretch<'m>)) {
    if let [one] = row {
        let piece = pieces.get(*one);
        return each(&Stretch {
            text: Cow::Borrowed(piece.text),
            table_rows: Cow::Borrowed(piece.table_rows),
            starts: vec![(0, *one)],
        });
    }
    let mut from = 0;
    while from < row.len() {
        let (mut to, mut len) = (from, 0);
        while to < row.len() && (to == from || len + pieces.get(row[to]).text.len() <= TOGETHER) {
            len += pieces.get(row[to]).text.len() + 1;
            to += 1;
        }
        each(&together(pieces, &row[from..to]));
        if to == row.len() {
            return;
        }
        // What stands at the end may go on in the next.
        let (mut next, mut again) = (to, 0);
        while next > from + 1 && again + pieces.get(row[next - 1]).text.len() <= OVERLAP {
            again += pieces.get(row[next - 1]).text.len() + 1;
            next -= 1;
        }
        from = next;
    }
}

fn together<'m>(pieces: &Pieces<'m>, row: &[u32]) -> Stretch<'m> {
    let mut text = String::new();
    let mut table_rows: Vec<Range<usize>> = Vec::new();
    let mut starts = Vec::with_capacity(row.len());
    for cells in row.chunk_by(|one, other| same_row(pieces.get(*one).place, pieces.get(*other).place)) {
        let from = text.len();
        for number in cells {
            if !text.is_empty() {
                text.push(if text.len() > from { '\t' } else { '\n' });
            }
            starts.push((text.len(), *number));
            text.push_str(pieces.get(*number).text);
        }
        match cells {
            [one] => {
                let from = text.len() - pieces.get(*one).text.len();
                let own = pieces.get(*one).table_rows.iter();
                table_rows.extend(own.map(|row| row.start + from..row.end + from));
            }
            _ => table_rows.push(from..text.len()),
        }
    }
    Stretch { text: Cow::Owned(text), table_rows: Cow::Owned(table_rows), starts }
}

/// Whether two places are cells of one row of a sheet: `Sheet2!B7` and `Sheet2!D7`.
fn same_row(one: &str, other: &str) -> bool {
    cell(one).is_some_and(|one| cell(other) == Some(one))
}

/// The sheet and the row of a cell's place.
fn cell(place: &str) -> Option<(&str, &str)> {
    let (sheet, cell) = place.rsplit_once('!')?;
    let number = cell.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let is_cell =
        number.len() < cell.len() && !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    is_cell.then_some((sheet, number))
}

impl Stretch<'_> {
    /// The piece in which a span begins, and the span in it, cut where the piece ends.
    pub(super) fn place(&self, pieces: &Pieces<'_>, span: &Range<usize>) -> (u32, u32, u32) {
        let next = self.starts.partition_point(|(start, _)| *start <= span.start);
        let (start, piece) = self.starts[next.saturating_sub(1)];
        let len = pieces.get(piece).text.len();
        let within = |at: usize| at.saturating_sub(start).min(len) as u32;
        (piece, within(span.start), within(span.end))
    }
}

#[cfg(test)]
mod tests {
    use super::same_row;

    #[test]
    fn cells_of_one_row_are_told_by_their_places() {
        assert!(same_row("Sheet1!B7", "Sheet1!AC7"));
        assert!(!same_row("Sheet1!B7", "Sheet1!B8"));
        assert!(!same_row("Sheet1!B7", "Sheet2!C7"));
        assert!(!same_row("", ""));
        assert!(!same_row("Sheet1!comments", "Sheet1!comments"));
    }
}
