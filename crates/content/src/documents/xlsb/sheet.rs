//! A sheet of a binary workbook: its cells as shown and as stored, strings in formulas, comments, links, choices, headers.

use super::records::{Records, of_formula, string, take_string};
use super::{Book, Title};
use crate::documents::Output;
use crate::documents::ole::{Fields, u32_at};
use crate::documents::place::push_cell;
use crate::documents::xls::number::{float, rk};
use crate::{Kind, Reason};

/// Columns of a sheet.
const COLUMNS: u32 = 16_384;

/// Numbers of records ([MS-XLSB] 2.3.2).
mod id {
    pub(super) const ROW: u16 = 0;
    pub(super) const CELL_RK: u16 = 2;
    pub(super) const CELL_BOOL: u16 = 4;
    pub(super) const CELL_REAL: u16 = 5;
    pub(super) const CELL_STRING: u16 = 6;
    pub(super) const CELL_SHARED: u16 = 7;
    pub(super) const FORMULA_STRING: u16 = 8;
    pub(super) const FORMULA_NUMBER: u16 = 9;
    pub(super) const FORMULA_BOOL: u16 = 10;
    pub(super) const FORMULA_ERROR: u16 = 11;
    pub(super) const COLUMNS: u16 = 60;
    pub(super) const CELL_RICH: u16 = 62;
    pub(super) const VALIDATION: u16 = 64;
    pub(super) const HEADER_FOOTER: u16 = 479;
    pub(super) const LINK: u16 = 494;
    pub(super) const COMMENT_AUTHOR: u16 = 632;
    pub(super) const COMMENT: u16 = 635;
    pub(super) const COMMENT_TEXT: u16 = 637;
}

struct Sheet<'a> {
    book: &'a Book,
    title: &'a Title,
    row: u32,
    row_hidden: bool,
    hidden_columns: Vec<bool>,
}

/// Reads a sheet.
pub(super) fn read(book: &Book, title: &Title, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut sheet = Sheet { book, title, row: 0, row_hidden: false, hidden_columns: Vec::new() };
    Records::of(octets).try_for_each(|(id, data)| sheet.record(id, data, out))
}

/// Comments of a sheet.
pub(super) fn comments(title: &str, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut place = format!("{title}!comments");
    for (id, data) in Records::of(octets) {
        match id {
            id::COMMENT_AUTHOR => out.text(format!("{title}!comments"), Kind::Attribute, string(data))?,
            id::COMMENT => {
                place = address(title, u32_at(data, 12).unwrap_or(0), u32_at(data, 4).unwrap_or(0))
            }
            id::COMMENT_TEXT => out.text(&place, Kind::Comment, string(data.get(1..).unwrap_or_default()))?,
            _ => {}
        }
    }
    Ok(())
}

/// Of a column and a row that are counted from 0.
fn address(title: &str, column: u32, row: u32) -> String {
    let mut place = format!("{title}!");
    push_cell(&mut place, column.saturating_add(1), row.saturating_add(1));
    place
}

impl Sheet<'_> {
    fn record(&mut self, id: u16, data: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
        match id {
            id::ROW => {
                self.row = u32_at(data, 0).unwrap_or(0);
                self.row_hidden = data.get(11).is_some_and(|flags| flags & 0x10 != 0);
            }
            id::COLUMNS if data.get(16).is_some_and(|flags| flags & 1 != 0) => {
                let column =
                    |at: usize| u32_at(data, at).map_or(0, |column| column.min(COLUMNS - 1) as usize);
                self.hidden_columns.resize(COLUMNS as usize, false);
                if let Some(columns) = self.hidden_columns.get_mut(column(0)..=column(4)) {
                    columns.fill(true);
                }
            }
            id::CELL_RK..=id::FORMULA_ERROR | id::CELL_RICH => return self.cell(id, data, out),
            id::LINK => {
                let place =
                    address(&self.title.name, u32_at(data, 8).unwrap_or(0), u32_at(data, 0).unwrap_or(0));
                let mut fields = Fields(data.get(16..).unwrap_or_default());
                // The relation that leads there is among the links of the package; then where in it, what a mouse tells, what is shown.
                for text in std::iter::from_fn(|| take_string(&mut fields)).take(4).skip(1) {
                    out.text(&place, Kind::Attribute, text)?;
                }
            }
            id::VALIDATION => {
                let places = u32_at(data, 4).unwrap_or(0) as usize;
                let strings = data.get(places.saturating_mul(16).saturating_add(8)..).unwrap_or_default();
                let mut fields = Fields(strings);
                for text in std::iter::from_fn(|| take_string(&mut fields)).take(4) {
                    out.text(self.beside("choices"), Kind::Attribute, text)?;
                }
                out.text(self.beside("choices"), Kind::Attribute, of_formula(fields.0).join("\n"))?;
            }
            id::HEADER_FOOTER => {
                let mut fields = Fields(data.get(2..).unwrap_or_default());
                let names = ["header", "footer"].into_iter().cycle();
                for (text, name) in std::iter::from_fn(|| take_string(&mut fields)).take(6).zip(names) {
                    out.text(self.beside(name), Kind::Text, crate::documents::ooxml::header_text(&text))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn beside(&self, what: &str) -> String {
        format!("{}!{what}", self.title.name)
    }

    fn cell(&self, id: u16, data: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
        let column = u32_at(data, 0).unwrap_or(0);
        let hidden = self.title.hidden
            || self.row_hidden
            || self.hidden_columns.get(column as usize).is_some_and(|hidden| *hidden);
        let kind = if hidden { Kind::Hidden } else { Kind::Text };
        let style = (u32_at(data, 4).unwrap_or(0) & 0x00ff_ffff) as u16;
        let value = data.get(8..).unwrap_or_default();
        let number = match id {
            id::CELL_RK => u32_at(value, 0).map(rk),
            id::CELL_REAL | id::FORMULA_NUMBER => value.get(..8).map(float),
            _ => None,
        };
        let (text, stored) = match number {
            Some(number) => self.book.formats.shown_and_stored(style, number),
            None => (self.book.formats.text(style, &self.text(id, value)).into_owned(), None),
        };
        let formula = behind_value(id, value);
        if text.is_empty() && formula.is_empty() {
            return Ok(());
        }
        let place = address(&self.title.name, column, self.row);
        out.text(&place, kind, self.book.formats.directed(style, &text))?;
        out.text(&place, Kind::Hidden, stored.unwrap_or_default())?;
        // Text that stands in a formula need not come out in its value.
        out.text(&place, Kind::Hidden, of_formula(formula).join("\n"))
    }

    fn text(&self, id: u16, value: &[u8]) -> String {
        match id {
            id::CELL_STRING | id::FORMULA_STRING => string(value),
            id::CELL_RICH => string(value.get(1..).unwrap_or_default()),
            id::CELL_SHARED => {
                let index = u32_at(value, 0).map_or(usize::MAX, |index| index as usize);
                self.book.strings.get(index).unwrap_or_default().to_owned()
            }
            id::CELL_BOOL | id::FORMULA_BOOL => match value.first() {
                Some(0) | None => "FALSE".to_owned(),
                Some(_) => "TRUE".to_owned(),
            },
            _ => String::new(),
        }
    }
}

/// The tokens of a cell's formula: behind its value, two octets of flags and their own length.
fn behind_value(id: u16, value: &[u8]) -> &[u8] {
    let length = match id {
        id::FORMULA_STRING => {
            u32_at(value, 0).map_or(usize::MAX, |count| (count as usize).saturating_mul(2).saturating_add(4))
        }
        id::FORMULA_NUMBER => 8,
        id::FORMULA_BOOL | id::FORMULA_ERROR => 1,
        _ => return &[],
    };
    value.get(length.saturating_add(6)..).unwrap_or_default()
}
