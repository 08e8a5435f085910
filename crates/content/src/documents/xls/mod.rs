//! Excel workbooks of the binary format ([MS-XLS], BIFF5 to BIFF8), record by record: cells with their places, notes, shapes, links.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::ole::{Fields, u16_at, u32_at, wide};
use super::ooxml::header_text;
use super::place::push_cell;
use super::shared_strings::SharedStrings;
use super::{Output, encrypted, hyperlink, rtf, shape};
use crate::{Kind, Reason};

mod filter;
mod formula;
pub(super) mod number;
pub(super) mod pivot;
mod strings;

use number::Formats;
use strings::Joined;

pub(super) mod id {
    pub(in crate::documents) const FORMULA: u16 = 0x06;
    pub(in crate::documents) const HEADER: u16 = 0x14;
    pub(in crate::documents) const FOOTER: u16 = 0x15;
    pub(in crate::documents) const LABEL_NAME: u16 = 0x18;
    pub(in crate::documents) const NOTE: u16 = 0x1c;
    pub(in crate::documents) const DATEMODE: u16 = 0x22;
    pub(in crate::documents) const FILEPASS: u16 = 0x2f;
    pub(in crate::documents) const CONTINUE: u16 = 0x3c;
    pub(in crate::documents) const CODEPAGE: u16 = 0x42;
    pub(in crate::documents) const COLINFO: u16 = 0x7d;
    pub(in crate::documents) const BOUNDSHEET: u16 = 0x85;
    pub(in crate::documents) const MULRK: u16 = 0xbd;
    pub(in crate::documents) const RSTRING: u16 = 0xd6;
    pub(in crate::documents) const FILTER: u16 = 0x9e;
    pub(in crate::documents) const XF: u16 = 0xe0;
    pub(in crate::documents) const DRAWING: u16 = 0xec;
    pub(in crate::documents) const SST: u16 = 0xfc;
    pub(in crate::documents) const LABELSST: u16 = 0xfd;
    pub(in crate::documents) const TXO: u16 = 0x1b6;
    pub(in crate::documents) const HLINK: u16 = 0x1b8;
    pub(in crate::documents) const CONDITION: u16 = 0x1b1;
    pub(in crate::documents) const DVAL_ENTRY: u16 = 0x1be;
    pub(in crate::documents) const NUMBER: u16 = 0x203;
    pub(in crate::documents) const LABEL: u16 = 0x204;
    pub(in crate::documents) const STRING: u16 = 0x207;
    pub(in crate::documents) const ROW: u16 = 0x208;
    pub(in crate::documents) const ARRAY: u16 = 0x221;
    pub(in crate::documents) const RK: u16 = 0x27e;
    pub(in crate::documents) const FORMAT: u16 = 0x41e;
    pub(in crate::documents) const SHARED_FORMULA: u16 = 0x4bc;
    pub(in crate::documents) const LINK_TOOLTIP: u16 = 0x800;
    pub(in crate::documents) const BOF: u16 = 0x809;
    pub(in crate::documents) const NEWER_CONDITION: u16 = 0x87a;
    pub(in crate::documents) const NEWER_FILTER: u16 = 0x87e;
    pub(in crate::documents) const CONTINUE_FUTURE: u16 = 0x87f;
    pub(in crate::documents) const SERIES_TEXT: u16 = 0x100d;
}

/// Every text of the stream `Workbook` or `Book`.
pub(super) fn read(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let clear = encrypted::workbook(octets, out)?;
    let mut book = Book {
        out,
        place: String::new(),
        prefix: if place.is_empty() { String::new() } else { format!("{place} ") },
        wide: true,
        begun: false,
        page: encoding_rs::WINDOWS_1252,
        sheets: HashMap::new(),
        strings: SharedStrings::default(),
        formats: Formats::default(),
        sheet: Sheet { name: "workbook".to_owned(), ..Sheet::default() },
        formula: None,
        filters: false,
    };
    let read = book.walk(clear.as_deref().unwrap_or(octets));
    if let Err(reason @ (Reason::Timeout | Reason::TooBig | Reason::Ratio)) = read {
        return Err(reason);
    }
    let left = format!("{}strings of no cell", book.prefix);
    book.strings.left_over(&left, book.out)?;
    read
}

/// A record: its number, and where its octets are.
pub(super) struct Record {
    pub(super) kind: u16,
    pub(super) data: Range<usize>,
}

/// The records of a stream, as far as they are whole.
pub(super) fn records(octets: &[u8]) -> impl Iterator<Item = Record> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (kind, length) = (u16_at(octets, at)?, u16_at(octets, at + 2)?);
        let data = at + 4..at + 4 + usize::from(length);
        at = data.end;
        (at <= octets.len()).then_some(Record { kind, data })
    })
}

/// The sheet that is being read.
#[derive(Default)]
struct Sheet {
    name: String,
    hidden: bool,
    hidden_rows: HashSet<u16>,
    hidden_columns: Vec<(u16, u16)>,
}

struct Book<'o, 'l> {
    out: &'o mut Output<'l>,
    prefix: String,
    /// Of the last cell.
    place: String,
    /// Strings may be of two octets a character (BIFF8).
    wide: bool,
    /// The version was told: that of the workbook is that of its sheets, whatever they say.
    begun: bool,
    page: &'static encoding_rs::Encoding,
    /// Name and whether hidden, by where the sheet begins.
    sheets: HashMap<u32, (String, bool)>,
    strings: SharedStrings,
    formats: Formats,
    sheet: Sheet,
    /// Cell of a formula whose text follows.
    formula: Option<(u16, u16, u16)>,
    /// The last record is of a filter of Excel 2007 and later.
    filters: bool,
}

impl Book<'_, '_> {
    fn walk(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let mut at = 0;
        let mut count = 0_u32;
        let mut segments: Vec<&[u8]> = Vec::new();
        while let (Some(kind), Some(length)) = (u16_at(octets, at), u16_at(octets, at + 2)) {
            let begin = at;
            let Some(data) = octets.get(at + 4..at + 4 + usize::from(length)) else {
                // Cut off within a record: what there is of it counts.
                let rest = &octets[at + 4..];
                self.record(kind, &[rest], begin)?;
                return Err(Reason::Corrupt);
            };
            at += 4 + usize::from(length);
            segments.clear();
            segments.push(data);
            while u16_at(octets, at) == Some(id::CONTINUE) {
                let Some(length) = u16_at(octets, at + 2) else { break };
                let Some(more) = octets.get(at + 4..at + 4 + usize::from(length)) else { break };
                segments.push(more);
                at += 4 + usize::from(length);
            }
            count = count.wrapping_add(1);
            if count.is_multiple_of(8192) {
                self.out.spend(0)?;
            }
            self.record(kind, &segments, begin)?;
        }
        Ok(())
    }

    fn record(&mut self, kind: u16, segments: &[&[u8]], begin: usize) -> Result<(), Reason> {
        let data = segments[0];
        // What a filter lets through stands in records that go on with it.
        self.filters = kind == id::NEWER_FILTER || kind == id::CONTINUE_FUTURE && self.filters;
        match kind {
            id::BOF => self.begin(data, begin),
            id::FILEPASS => return Err(Reason::Encrypted),
            id::CODEPAGE => {
                let page = rtf::code_page(u16_at(data, 0).unwrap_or(1252).into());
                self.page = page.unwrap_or(encoding_rs::WINDOWS_1252);
            }
            id::BOUNDSHEET => return self.bound_sheet(data),
            id::SST => self.shared_strings(segments)?,
            id::FORMAT => {
                let text = self.string(data.get(2..).unwrap_or_default(), if self.wide { 2 } else { 1 });
                self.formats.define(u16_at(data, 0).unwrap_or(0), &text);
            }
            id::DATEMODE if u16_at(data, 0) == Some(1) => self.formats.counts_from_1904(),
            id::XF => {
                // The order of reading stands in the two highest bits behind the indentation ([MS-XLS] 2.5.20).
                let rightward = self.wide && data.get(8).is_some_and(|octet| octet >> 6 == 2);
                self.formats.style(u16_at(data, 2).unwrap_or(0), rightward);
            }
            id::ROW => self.row(data),
            id::COLINFO => {
                let hidden = u16_at(data, 8).unwrap_or(0) & 1 != 0;
                if let (true, Some(first), Some(last)) = (hidden, u16_at(data, 0), u16_at(data, 2)) {
                    self.sheet.hidden_columns.push((first, last));
                }
            }
            id::LABELSST | id::LABEL | id::RSTRING | id::RK | id::NUMBER | id::FORMULA | id::MULRK => {
                return self.cells(kind, segments);
            }
            id::STRING => {
                if let Some((row, column, style)) = self.formula.take() {
                    let text = self.joined(segments, 2);
                    return self.text_cell(row, column, style, &text);
                }
            }
            id::DRAWING => return self.shapes(segments),
            _ => return self.beside(kind, segments),
        }
        Ok(())
    }

    // ---- sheets

    fn begin(&mut self, data: &[u8], begin: usize) {
        if !std::mem::replace(&mut self.begun, true) {
            self.wide = u16_at(data, 0).unwrap_or(0x600) >= 0x600;
        }
        let at = u32::try_from(begin).unwrap_or(u32::MAX);
        if let Some((name, hidden)) = self.sheets.get(&at) {
            self.sheet = Sheet { name: name.clone(), hidden: *hidden, ..Sheet::default() };
            let place = format!("{}{name}", self.prefix);
            self.out.at(&place);
        }
    }

    fn bound_sheet(&mut self, data: &[u8]) -> Result<(), Reason> {
        let (Some(at), Some(state)) = (u32_at(data, 0), data.get(4)) else { return Ok(()) };
        let name = self.string(data.get(6..).unwrap_or_default(), 1);
        if self.sheets.len() < 65_536 {
            self.sheets.insert(at, (name.clone(), state & 3 != 0));
        }
        // A title is text that people read, on an empty sheet too.
        self.out.text(format!("{}sheet title", self.prefix), Kind::Attribute, name)
    }

    fn row(&mut self, data: &[u8]) {
        let hidden = u16_at(data, 12).unwrap_or(0) & 0x20 != 0;
        if let (true, Some(row)) = (hidden, u16_at(data, 0)) {
            self.sheet.hidden_rows.insert(row);
        }
    }

    fn shared_strings(&mut self, segments: &[&[u8]]) -> Result<(), Reason> {
        let mut from = Joined::new(segments, self.page);
        from.skip(8);
        while let Some(text) = from.rich(2) {
            self.strings.push(&text);
            self.strings.end()?;
        }
        Ok(())
    }

    // ---- cells

    fn cells(&mut self, kind: u16, segments: &[&[u8]]) -> Result<(), Reason> {
        let data = segments[0];
        let mut fields = Fields(data);
        let (Some(row), Some(column), Some(style)) = (fields.u16(), fields.u16(), fields.u16()) else {
            return Ok(());
        };
        match kind {
            id::LABELSST => {
                let index = fields.u32().unwrap_or(u32::MAX) as usize;
                let kind = self.place(row, column);
                let text = self.formats.text(style, self.strings.get(index).unwrap_or_default());
                let text = self.formats.directed(style, &text);
                self.out.text(&self.place, kind, text)
            }
            id::LABEL | id::RSTRING => {
                let rest: Vec<&[u8]> =
                    std::iter::once(fields.0).chain(segments[1..].iter().copied()).collect();
                let text = self.joined(&rest, 2);
                self.text_cell(row, column, style, &text)
            }
            id::RK => match fields.u32() {
                Some(value) => self.value(row, column, style, number::rk(value)),
                None => Ok(()),
            },
            id::NUMBER => match fields.take(8) {
                Some(value) => self.value(row, column, style, number::float(value)),
                None => Ok(()),
            },
            id::MULRK => self.many(row, column, data.get(4..).unwrap_or_default()),
            _ => {
                // Behind its value, flags and the length of the tokens ([MS-XLS] 2.4.127).
                let said = formula::strings(data.get(22..).unwrap_or_default(), self.wide, self.page);
                self.formula(row, column, style, fields)?;
                if said.is_empty() {
                    return Ok(());
                }
                self.place(row, column);
                self.out.text(&self.place, Kind::Hidden, said)
            }
        }
    }

    fn many(&mut self, row: u16, first: u16, data: &[u8]) -> Result<(), Reason> {
        for (index, each) in data.chunks_exact(6).enumerate() {
            let (style, value) = (u16_at(each, 0).unwrap_or(0), u32_at(each, 2).unwrap_or(0));
            self.value(row, first.saturating_add(index as u16), style, number::rk(value))?;
        }
        Ok(())
    }

    fn formula(&mut self, row: u16, column: u16, style: u16, mut fields: Fields<'_>) -> Result<(), Reason> {
        self.formula = None;
        let Some(result) = fields.take(8) else { return Ok(()) };
        if result[6..] != [0xff, 0xff] {
            return self.value(row, column, style, number::float(result));
        }
        if result[0] == 0 {
            self.formula = Some((row, column, style));
        }
        Ok(())
    }

    fn value(&mut self, row: u16, column: u16, style: u16, value: f64) -> Result<(), Reason> {
        let text = self.formats.show(style, value);
        self.cell(row, column, text)
    }

    fn text_cell(&mut self, row: u16, column: u16, style: u16, text: &str) -> Result<(), Reason> {
        let text = self.formats.text(style, text);
        let text = self.formats.directed(style, &text).into_owned();
        self.cell(row, column, text)
    }

    fn cell(&mut self, row: u16, column: u16, text: String) -> Result<(), Reason> {
        let kind = self.place(row, column);
        self.out.text(&self.place, kind, text)
    }

    /// Says which cell it is, in `place`, and whether it is shown.
    fn place(&mut self, row: u16, column: u16) -> Kind {
        let sheet = &self.sheet;
        let hidden = sheet.hidden
            || sheet.hidden_rows.contains(&row)
            || sheet.hidden_columns.iter().take(512).any(|(first, last)| (*first..=*last).contains(&column));
        self.place.clear();
        for piece in [self.prefix.as_str(), &sheet.name, "!"] {
            self.place.push_str(piece);
        }
        push_cell(&mut self.place, u32::from(column) + 1, u32::from(row) + 1);
        if hidden { Kind::Hidden } else { Kind::Text }
    }

    // ---- what stands beside the cells

    fn shapes(&mut self, segments: &[&[u8]]) -> Result<(), Reason> {
        let place = format!("{}{} shape", self.prefix, self.sheet.name);
        let texts = shape::in_drawings(&segments.concat());
        texts.into_iter().try_for_each(|(kind, text)| self.out.text(&place, kind, text))
    }

    fn beside(&mut self, kind: u16, segments: &[&[u8]]) -> Result<(), Reason> {
        let data = segments[0];
        let length = if self.wide { 2 } else { 1 };
        let (what, kind, text) = match kind {
            id::HEADER => ("header", Kind::Text, header_text(&self.string(data, length))),
            id::FOOTER => ("footer", Kind::Text, header_text(&self.string(data, length))),
            id::NOTE if self.wide => {
                ("comment author", Kind::Attribute, self.string(data.get(8..).unwrap_or_default(), 2))
            }
            id::NOTE => ("comment", Kind::Comment, self.narrow(data.get(6..).unwrap_or_default())),
            id::TXO => ("text box", Kind::Text, shape_text(segments, self.page)),
            id::SERIES_TEXT => ("chart", Kind::Text, self.string(data.get(2..).unwrap_or_default(), 1)),
            id::HLINK => ("link", Kind::Link, hyperlink::text(data.get(8..).unwrap_or_default())),
            id::LINK_TOOLTIP => ("link", Kind::Attribute, wide(data.get(10..).unwrap_or_default())),
            id::FILTER => ("filter", Kind::Hidden, filter::values(data, self.wide, self.page)),
            id::CONTINUE_FUTURE if self.filters => ("filter", Kind::Hidden, filter::chosen(data, self.page)),
            id::DVAL_ENTRY => ("input help", Kind::Attribute, self.validation(data)),
            id::LABEL_NAME => ("defined name", Kind::Attribute, self.defined_name(data)),
            id::ARRAY | id::SHARED_FORMULA => (
                "formula",
                Kind::Hidden,
                formula::strings(data.get(8..).unwrap_or_default(), self.wide, self.page),
            ),
            id::CONDITION | id::NEWER_CONDITION => {
                ("condition", Kind::Hidden, formula::strings(data, self.wide, self.page))
            }
            _ => return Ok(()),
        };
        let place = format!("{}{} {what}", self.prefix, self.sheet.name);
        self.out.text(place, kind, text)
    }

    fn defined_name(&self, data: &[u8]) -> String {
        let length = usize::from(data.get(3).copied().unwrap_or(0));
        let rest = data.get(14..).unwrap_or_default();
        let (name, end) = match (self.wide, rest.first()) {
            (true, Some(1)) => (wide(rest.get(1..1 + 2 * length).unwrap_or_default()), 1 + 2 * length),
            (true, Some(_)) => {
                let name = rest.get(1..1 + length).unwrap_or_default();
                (encoding_rs::mem::decode_latin1(name).into_owned(), 1 + length)
            }
            (false, _) => (self.narrow(rest.get(..length).unwrap_or_default()), length),
            (true, None) => return String::new(),
        };
        // What it stands for.
        let said = formula::strings(rest.get(end..).unwrap_or_default(), self.wide, self.page);
        if said.is_empty() { name } else { format!("{name}\n{said}") }
    }

    fn validation(&self, data: &[u8]) -> String {
        let segments = [data.get(4..).unwrap_or_default()];
        let mut from = Joined::new(&segments, self.page);
        let texts: Vec<String> = (0..4).map_while(|_| from.rich(2)).collect();
        // Behind them stand the choices of a list, or a condition.
        let said = formula::strings(data.get(4..).unwrap_or_default(), self.wide, self.page);
        if said.is_empty() { texts.join("\n") } else { format!("{}\n{said}", texts.join("\n")) }
    }

    /// A string with its length before it, as this version of the format has them.
    fn string(&self, data: &[u8], length: usize) -> String {
        self.joined(&[data], length)
    }

    fn joined(&self, segments: &[&[u8]], length: usize) -> String {
        let mut from = Joined::new(segments, self.page);
        let text = if self.wide { from.rich(length) } else { from.narrow(length) };
        text.unwrap_or_default()
    }

    fn narrow(&self, octets: &[u8]) -> String {
        self.page.decode_without_bom_handling(octets).0.into_owned()
    }
}

/// Text of a shape: its characters follow in records of their own.
fn shape_text(segments: &[&[u8]], page: &'static encoding_rs::Encoding) -> String {
    let count = u16_at(segments[0], 10).unwrap_or(0);
    let Some(rest) = segments.get(1..).filter(|rest| !rest.is_empty() && count > 0) else {
        return String::new();
    };
    Joined::new(rest, page).characters(count.into()).unwrap_or_default()
}
