//! Which octets of a running text are one row of a table, told from the elements that a reader meets on its way. What stands
//! in one row belongs together however far apart it is.
//!
//! A row counts if two of its cells hold text and none holds a table: what holds tables lays out a page.

use std::ops::Range;

/// What a row takes in memory, beside its text (octets).
pub(crate) const ROW_COST: u64 = size_of::<Range<usize>>() as u64;

/// Rows of one text while it grows: each call is given the text as it is then.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Tables that have not ended, the innermost last, with their rows.
    open: Vec<Option<Row>>,
    done: Vec<Range<usize>>,
}

/// A row that has not ended.
#[derive(Debug)]
struct Row {
    from: usize,
    /// Where its last cell begins.
    cell: usize,
    /// There is text in one cell, and in another one.
    one: bool,
    two: bool,
    /// A table stands in it.
    layout: bool,
}

impl Rows {
    pub(crate) fn start_table(&mut self) {
        if let Some(Some(row)) = self.open.last_mut() {
            row.layout = true;
        }
        self.open.push(None);
    }

    pub(crate) fn end_table(&mut self, text: &str) {
        self.end_row(text);
        self.open.pop();
    }

    /// Outside of a table there are no rows. A row ends where the next one begins.
    pub(crate) fn start_row(&mut self, text: &str) {
        self.end_row(text);
        if let Some(open) = self.open.last_mut() {
            let from = text.len();
            *open = Some(Row { from, cell: from, one: false, two: false, layout: false });
        }
    }

    pub(crate) fn end_row(&mut self, text: &str) {
        let Some(mut row) = self.open.last_mut().and_then(Option::take) else { return };
        row.end_cell(text);
        if row.two && !row.layout {
            let shown = text.get(row.from..).unwrap_or_default().trim_end();
            self.done.push(row.from..row.from + shown.len());
        }
    }

    /// A cell without a row begins one.
    pub(crate) fn start_cell(&mut self, text: &str) {
        if let Some(None) = self.open.last() {
            self.start_row(text);
        }
        self.end_cell(text);
    }

    pub(crate) fn end_cell(&mut self, text: &str) {
        if let Some(Some(row)) = self.open.last_mut() {
            row.end_cell(text);
        }
    }

    /// The text was cut: rows end before it.
    pub(crate) fn cut(&mut self, len: usize) {
        self.done.retain(|row| row.end <= len);
        for row in self.open.iter_mut().flatten() {
            if row.cell > len {
                *row = Row { from: row.from.min(len), cell: len, one: false, two: false, ..*row };
            }
        }
    }

    /// The rows, in order and apart; those that have no end, end here.
    pub(crate) fn into_ranges(mut self, text: &str) -> Vec<Range<usize>> {
        while !self.open.is_empty() {
            self.end_table(text);
        }
        self.done
    }
}

impl Row {
    fn end_cell(&mut self, text: &str) {
        if text.get(self.cell..).is_some_and(|cell| !cell.trim_start().is_empty()) {
            self.two = self.one;
            self.one = true;
        }
        self.cell = text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a text of marks: `{` and `}` for a table, `[` and `]` for a row, `|` before each cell.
    fn rows(marks: &str) -> Vec<String> {
        let (mut rows, mut text) = (Rows::default(), String::new());
        for mark in marks.chars() {
            match mark {
                '{' => rows.start_table(),
                '}' => rows.end_table(&text),
                '[' => rows.start_row(&text),
                ']' => rows.end_row(&text),
                '|' => {
                    text.push('\n');
                    rows.start_cell(&text);
                }
                other => text.push(other),
            }
        }
        rows.into_ranges(&text).into_iter().map(|row| text[row].trim().replace('\n', "|")).collect()
    }

    #[test]
    fn rows_of_two_cells_with_text_are_rows() {
        assert_eq!(rows("a{[|b|c][|d|e]}f"), ["b|c", "d|e"]);
        assert_eq!(rows("{[|é|ü|x]}"), ["é|ü|x"]);
        assert_eq!(rows("{[|only][| |b][| | ]}[|a|b]|c"), Vec::<String>::new());
    }

    #[test]
    fn rows_without_ends_end_where_others_begin() {
        assert_eq!(rows("{[|a|b[|c|d"), ["a|b", "c|d"]);
        assert_eq!(rows("{|a|b}|c|d"), ["a|b"]);
        assert_eq!(rows("]}}{[|a|b]]}}"), ["a|b"]);
    }

    #[test]
    fn what_holds_a_table_lays_out_and_the_rows_of_that_table_are_rows() {
        assert_eq!(rows("{[|menu|{[|a|b][|c|d]}|end]}"), ["a|b", "c|d"]);
        assert_eq!(rows("{[|a|{[|{[|b|c]}|d]}]}"), ["b|c"]);
    }

    #[test]
    fn what_is_cut_is_no_row() {
        let mut rows = Rows::default();
        rows.start_table();
        rows.start_row("");
        rows.start_cell("");
        rows.start_cell("a\n");
        rows.end_row("a\nb");
        rows.start_row("a\nb");
        rows.cut(1);
        assert_eq!(rows.into_ranges("a"), Vec::<Range<usize>>::new());
    }
}
