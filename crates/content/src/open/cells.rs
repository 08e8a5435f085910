//! Numbers over several cells of the tables and sheets of one part, as texts of their own beside those of the cells.

use std::ops::Range;

use super::Walk;
use super::task::Place;
use crate::across::{Cell, Table};
use crate::documents::push_cell;
use crate::{Component, Kind, View};

/// A number and its place.
type Number = (String, String);

/// The sheet whose cells come as texts, one after the other.
#[derive(Default)]
pub(super) struct Sheet {
    /// With the `!` before the cell.
    name: String,
    table: Table,
}

impl Sheet {
    /// Hears of a text that is shown; tells the numbers of a sheet that ended before it.
    pub(super) fn text(&mut self, place: &str, text: &str) -> Vec<Number> {
        let found = Cell::of(text);
        if !matches!(found, Cell::Group(_)) && (found == Cell::Empty || self.table.is_idle()) {
            return Vec::new();
        }
        let Some((name, column, row)) = cell(place) else { return self.end() };
        let ended = if name == self.name { Vec::new() } else { self.end() };
        if name != self.name {
            name.clone_into(&mut self.name);
        }
        self.table.cell(row, column, found);
        ended
    }

    pub(super) fn end(&mut self) -> Vec<Number> {
        let numbers = std::mem::take(&mut self.table).end().into_iter();
        let sheet = std::mem::take(&mut self.name);
        numbers
            .map(|number| {
                let mut place = sheet.clone();
                push_cell(&mut place, number.from, number.row);
                place.push(':');
                push_cell(&mut place, number.to, number.row);
                (place, number.text)
            })
            .collect()
    }
}

/// The numbers in rows of a text; their place is the text's. Rows with nothing between them are of one table.
pub(super) fn in_rows(place: &str, text: &str, rows: &[Range<usize>]) -> Vec<Number> {
    let mut all = Vec::new();
    if rows.is_empty() {
        return all;
    }
    let (mut table, mut end) = (Table::default(), 0);
    for (number, row) in (1..).zip(rows) {
        if text.get(end..row.start).is_none_or(|between| !between.trim().is_empty()) {
            all.extend(numbers(place, &mut table));
        }
        let lines = text.get(row.clone()).unwrap_or_default().lines();
        (0..).zip(lines).for_each(|(column, cell)| table.cell(number, column, Cell::of(cell)));
        end = row.end;
    }
    all.extend(numbers(place, &mut table));
    all
}

/// The numbers in lines whose cells are parted by signs (RFC 4180).
pub(super) fn in_lines(text: &str) -> Vec<Number> {
    let mut table = Table::default();
    for (number, line) in (1..).zip(text.lines()) {
        let (mut from, mut column) = (0, 0);
        let ends = memchr::memchr3_iter(b',', b';', b'\t', line.as_bytes()).chain([line.len()]);
        for end in ends {
            table.cell(number, column, Cell::of(line[from..end].trim_matches('"')));
            (from, column) = (end + 1, column + 1);
        }
    }
    numbers("", &mut table)
}

fn numbers(place: &str, table: &mut Table) -> Vec<Number> {
    std::mem::take(table).end().into_iter().map(|number| (place.to_owned(), number.text)).collect()
}

impl Walk<'_, '_> {
    /// Puts numbers beside the texts of cells, within the budget.
    pub(super) fn across(
        &mut self,
        id: u32,
        place: &Place,
        component: Component,
        view: Option<View>,
        numbers: impl IntoIterator<Item = Number>,
    ) {
        for (spot, number) in numbers {
            if !self.spend(number.len(), id, &place.path) {
                return;
            }
            self.segment(id, spot, component, Kind::Text, view, number);
        }
    }
}

/// Sheet, column and row of `Sheet2!B7`.
fn cell(place: &str) -> Option<(&str, u32, u32)> {
    let at = memchr::memrchr(b'!', place.as_bytes())?;
    let (sheet, address) = place.split_at(at + 1);
    let letters = address.bytes().take_while(u8::is_ascii_uppercase).count();
    let (column, row) = address.split_at(letters);
    if !(1..=3).contains(&letters) {
        return None;
    }
    let column = column.bytes().fold(0, |column, letter| column * 26 + u32::from(letter - b'A') + 1);
    Some((sheet, column, row.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(numbers: Vec<Number>) -> Vec<String> {
        numbers.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn cells_are_told_from_other_places() {
        assert_eq!(cell("My sheet!B7"), Some(("My sheet!", 2, 7)));
        assert_eq!(cell("a!b!XFD1048576"), Some(("a!b!", 16_384, 1_048_576)));
        for place in ["", "header", "Sheet!", "Sheet!B", "Sheet!7", "Sheet!B7:C8", "Sheet!b7", "!ABCD1", "B7"]
        {
            assert_eq!(cell(place), None, "{place}");
        }
    }

    #[test]
    fn rows_with_nothing_between_them_are_of_one_table() {
        let rows = |text: &str| {
            let starts: Vec<usize> = text.match_indices('<').map(|(at, _)| at + 1).collect();
            let ends = text.match_indices('>').map(|(at, _)| at);
            let rows: Vec<Range<usize>> =
                starts.into_iter().zip(ends).map(|(start, end)| start..end).collect();
            texts(in_rows("text", text, &rows))
        };
        assert_eq!(rows("x<4012\n8888\n8888\n1881>y"), ["4012 8888 8888 1881"]);
        let other = "4013\n8888\n8888\n1881";
        let text = format!("<{other}>\n<4012\n\n8888\n8888\n1881>");
        assert_eq!(rows(&text.replace(">\n<", ">then<")), ["4012 8888 8888 1881"]);
        let both = format!("{other}\n4012\n8888\n8888\n1881");
        assert_eq!(in_rows("", &both, &[0..other.len(), other.len() + 1..both.len()]), []);
    }

    #[test]
    fn lines_of_cells_are_rows() {
        assert_eq!(texts(in_lines("n,a,b,c,d\r\nAnn,4012,8888,8888,1881\r\n")), ["4012 8888 8888 1881"]);
        assert_eq!(texts(in_lines("\"4012\";\"8888\";\"8888\";\"1881\"")), ["4012 8888 8888 1881"]);
        assert_eq!(in_lines("4012,8888,8888,1881\n1,2,3,4\n1200,1300,1400,1500"), []);
    }
}
