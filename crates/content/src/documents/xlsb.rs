//! Excel's binary workbooks in a zip ([MS-XLSB]): cells with their places, comments, names; record by record.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Output;
use super::ole::{Fields, u32_at, wide};
use super::ooxml::{self, Package};
use super::shared_strings::SharedStrings;
use super::xls::column_name;
use super::xls::number::{Formats, float, rk};
use crate::{DocumentRequest, Kind, Reason};

/// Every text of the workbook, and the files in it. Parts are what their relations say, and what they are called where none says it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut package = Package::read(request, out)?;
    let mut parts: BTreeMap<&str, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for (name, octets) in package.take_binaries() {
        let role = role(package.type_of(&name), &name.to_ascii_lowercase());
        parts.entry(role).or_default().push((name, octets));
    }
    let mut book = Book::default();
    let nothing = BTreeMap::new();
    for (name, octets) in parts.remove("workbook").unwrap_or_default() {
        book.workbook(&octets, package.relations(&name).unwrap_or(&nothing));
    }
    let mut titles: Vec<&String> = book.sheets.values().map(|(title, _)| title).collect();
    titles.sort();
    for title in titles {
        out.text("sheet title", Kind::Attribute, title.clone())?;
    }
    for (_, octets) in parts.remove("styles").unwrap_or_default() {
        book.styles(&octets);
    }
    for (_, octets) in parts.remove("strings").unwrap_or_default() {
        book.shared(&octets)?;
    }
    for (name, octets) in parts.remove("sheet").unwrap_or_default() {
        out.at(&name);
        book.sheet(&octets, &name, out)?;
    }
    for (name, octets) in parts.remove("comments").unwrap_or_default() {
        out.at(&name);
        comments(&octets, out)?;
    }
    for (name, octets) in parts.into_values().flatten() {
        package.unread(&name, octets, out)?;
    }
    book.strings.left_over("strings of no cell", out)?;
    ooxml::read(&package, out)
}

/// Which of the readers takes a part.
fn role(kind: Option<&str>, lower: &str) -> &'static str {
    match kind {
        Some("officeDocument") => "workbook",
        Some("styles") => "styles",
        Some("sharedStrings") => "strings",
        Some("worksheet" | "chartsheet" | "dialogsheet" | "xlMacrosheet" | "xlIntlMacrosheet") => "sheet",
        Some("comments") => "comments",
        Some(_) => "",
        None if !lower.ends_with(".bin") => "",
        None if lower.ends_with("workbook.bin") => "workbook",
        None if lower.ends_with("styles.bin") => "styles",
        None if lower.ends_with("sharedstrings.bin") => "strings",
        None if lower.contains("sheets/") && !lower.contains("index") => "sheet",
        None if lower.contains("comments") => "comments",
        None => "",
    }
}

/// Records from the front.
struct Records<'a>(Fields<'a>);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let low = self.0.u8()?;
        let id = match low & 0x80 {
            0 => u16::from(low),
            _ => u16::from(low & 0x7f) | u16::from(self.0.u8()? & 0x7f) << 7,
        };
        let mut length = 0_usize;
        for index in 0..4 {
            let octet = self.0.u8()?;
            length |= usize::from(octet & 0x7f) << (7 * index);
            if octet & 0x80 == 0 {
                break;
            }
        }
        // A last record that is cut off is given as far as it goes.
        self.0.take(length.min(self.0.0.len())).map(|data| (id, data))
    }
}

/// A string with its length in characters before it.
fn string(octets: &[u8]) -> String {
    let count = u32_at(octets, 0).filter(|count| *count != u32::MAX).unwrap_or(0) as usize;
    let rest = octets.get(4..).unwrap_or_default();
    wide(&rest[..count.saturating_mul(2).min(rest.len())])
}

#[derive(Default)]
struct Book {
    strings: SharedStrings,
    formats: Formats,
    /// Title and whether hidden, by part.
    sheets: HashMap<String, (String, bool)>,
}

impl Book {
    fn workbook(&mut self, octets: &[u8], links: &BTreeMap<String, String>) {
        for (id, data) in Records(Fields(octets)) {
            if id == 153 && u32_at(data, 0).unwrap_or(0) & 1 != 0 {
                self.formats.counts_from_1904();
            }
            if id == 156 && self.sheets.len() < 65_536 {
                let rest = data.get(8..).unwrap_or_default();
                let link = string(rest);
                let name = string(rest.get(4 + 2 * link.encode_utf16().count()..).unwrap_or_default());
                if let Some(target) = links.get(&link) {
                    self.sheets.insert(target.clone(), (name, u32_at(data, 0).unwrap_or(0) & 3 != 0));
                }
            }
        }
    }

    fn styles(&mut self, octets: &[u8]) {
        let mut in_cells = false;
        for (id, data) in Records(Fields(octets)) {
            let mut fields = Fields(data);
            match id {
                44 => {
                    if let Some(index) = fields.u16() {
                        self.formats.define(index, &string(fields.0));
                    }
                }
                617 => in_cells = true,
                618 => in_cells = false,
                47 if in_cells => {
                    fields.u16();
                    self.formats.style(fields.u16().unwrap_or(0));
                }
                _ => {}
            }
        }
    }

    fn shared(&mut self, octets: &[u8]) -> Result<(), Reason> {
        for (id, data) in Records(Fields(octets)) {
            if id == 19 {
                self.strings.push(&string(data.get(1..).unwrap_or_default()));
                self.strings.end()?;
            }
        }
        Ok(())
    }

    fn sheet(&self, octets: &[u8], part: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        let (title, hidden) = self.sheets.get(part).cloned().unwrap_or_else(|| (part.to_owned(), false));
        let (mut row, mut row_hidden) = (0, false);
        let mut columns: HashSet<u32> = HashSet::new();
        for (id, data) in Records(Fields(octets)) {
            match id {
                0 => {
                    row = u32_at(data, 0).unwrap_or(0);
                    row_hidden = data.get(11).is_some_and(|flags| flags & 0x10 != 0);
                }
                60 if data.get(16).is_some_and(|flags| flags & 1 != 0) => {
                    let last = u32_at(data, 4).unwrap_or(0).min(16_383);
                    columns.extend(u32_at(data, 0).unwrap_or(0)..=last);
                }
                2..=11 => {
                    let column = u32_at(data, 0).unwrap_or(0);
                    let kind = if hidden || row_hidden || columns.contains(&column) {
                        Kind::Hidden
                    } else {
                        Kind::Text
                    };
                    let name = column_name(u16::try_from(column).unwrap_or(u16::MAX));
                    let text = self.cell(id, data);
                    out.text(format!("{title}!{name}{}", u64::from(row) + 1), kind, text)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn cell(&self, id: u16, data: &[u8]) -> String {
        let style = (u32_at(data, 4).unwrap_or(0) & 0x00ff_ffff) as u16;
        let value = data.get(8..).unwrap_or_default();
        match id {
            2 => u32_at(value, 0).map_or_else(String::new, |value| self.formats.show(style, rk(value))),
            5 | 9 if value.len() >= 8 => self.formats.show(style, float(&value[..8])),
            6 | 8 => string(value),
            7 => {
                let index = u32_at(value, 0).map_or(usize::MAX, |index| index as usize);
                self.strings.get(index).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        }
    }
}

fn comments(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    for (id, data) in Records(Fields(octets)) {
        match id {
            637 => out.text("comments", Kind::Comment, string(data.get(1..).unwrap_or_default()))?,
            632 => out.text("comment author", Kind::Attribute, string(data))?,
            _ => {}
        }
    }
    Ok(())
}
