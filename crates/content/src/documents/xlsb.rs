//! Excel's binary workbooks in a zip ([MS-XLSB]): read as the other workbooks are, part by part by their relations, record by record.

use std::collections::{BTreeMap, HashMap};

use super::Output;
use super::ole::{Fields, u32_at};
use super::ooxml::{self, Package};
use super::shared_strings::SharedStrings;
use super::xls::number::{Formats, float, plain};
use crate::{DocumentRequest, Kind, Reason};

mod records;
mod sheet;

use records::{Records, anywhere, of_formula, string, take_string};

/// Sheets of a workbook.
const MOST_SHEETS: usize = 65_536;

/// Every text of the workbook, and the files in it. Parts are what their relations say, and what they are called where none says it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut package = Package::read(request, out)?;
    let mut parts: BTreeMap<Role, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for (name, octets) in package.take_binaries() {
        let role = Role::of(package.type_of(&name), &name.to_ascii_lowercase());
        parts.entry(role).or_default().push((name, octets));
    }
    for (name, octets) in parts.iter().filter(|(role, _)| **role != Role::Other).flat_map(|(_, parts)| parts)
    {
        if records::are_cut(octets) {
            out.unscannable(name, Reason::Corrupt);
        }
    }
    let mut book = Book::default();
    let mut take = |role: Role| parts.remove(&role).unwrap_or_default();
    for (name, octets) in take(Role::Workbook) {
        out.at(&name);
        book.workbook(&octets, package.relations(&name).unwrap_or(&BTreeMap::new()), out)?;
    }
    for (_, octets) in take(Role::Styles) {
        book.styles(&octets);
    }
    for (name, octets) in take(Role::Strings) {
        out.at(&name);
        book.shared(&octets)?;
    }
    for (name, octets) in take(Role::Sheet) {
        out.at(&name);
        sheet::read(&book, &book.title(&name), &octets, out)?;
    }
    for (name, octets) in take(Role::Comments) {
        out.at(&name);
        let title = package.owners(&name).find_map(|owner| book.sheets.get(owner));
        sheet::comments(title.map_or("", |title| title.name.as_str()), &octets, out)?;
    }
    for (name, octets) in take(Role::Cache) {
        out.at(&name);
        cached(&name, &octets, out)?;
    }
    for (name, octets) in take(Role::Other) {
        package.unread(&name, octets, out)?;
    }
    out.at("");
    book.strings.left_over("strings of no cell", out)?;
    ooxml::read(&package, out)
}

/// Which of the readers takes a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Workbook,
    Styles,
    Strings,
    Sheet,
    Comments,
    /// Values of other workbooks, tables and databases, and what says where they come from.
    Cache,
    Other,
}

impl Role {
    fn of(kind: Option<&str>, lower: &str) -> Self {
        match kind {
            Some("officeDocument") => Self::Workbook,
            Some("styles") => Self::Styles,
            Some("sharedStrings") => Self::Strings,
            Some("worksheet" | "chartsheet" | "dialogsheet" | "xlMacrosheet" | "xlIntlMacrosheet") => {
                Self::Sheet
            }
            Some("comments") => Self::Comments,
            Some(
                "externalLink"
                | "pivotCacheDefinition"
                | "pivotCacheRecords"
                | "pivotTable"
                | "connections"
                | "queryTable"
                | "table"
                | "slicer"
                | "slicerCache"
                | "tableSingleCells"
                | "sheetMetadata"
                | "volatileDependencies"
                | "usernames"
                | "revisionLog"
                | "revisionHeaders",
            ) => Self::Cache,
            Some(_) => Self::Other,
            None if !lower.ends_with(".bin") => Self::Other,
            None if lower.ends_with("workbook.bin") => Self::Workbook,
            None if lower.ends_with("styles.bin") => Self::Styles,
            None if lower.ends_with("sharedstrings.bin") => Self::Strings,
            None if lower.contains("sheets/") && !lower.contains("index") => Self::Sheet,
            None if lower.contains("comments") => Self::Comments,
            None => Self::Other,
        }
    }
}

/// What a sheet is called.
#[derive(Debug, Clone)]
struct Title {
    name: String,
    hidden: bool,
}

#[derive(Default)]
struct Book {
    strings: SharedStrings,
    formats: Formats,
    /// By part.
    sheets: HashMap<String, Title>,
}

impl Book {
    fn title(&self, part: &str) -> Title {
        let unknown = || Title { name: ooxml::stem(part).to_owned(), hidden: false };
        self.sheets.get(part).cloned().unwrap_or_else(unknown)
    }

    /// Sheet names and states, and what names are defined for.
    fn workbook(
        &mut self,
        octets: &[u8],
        links: &BTreeMap<String, String>,
        out: &mut Output<'_>,
    ) -> Result<(), Reason> {
        for (id, data) in Records::of(octets) {
            match id {
                153 if u32_at(data, 0).unwrap_or(0) & 1 != 0 => self.formats.counts_from_1904(),
                156 => {
                    let hidden = u32_at(data, 0).unwrap_or(0) & 3 != 0;
                    let mut fields = Fields(data.get(8..).unwrap_or_default());
                    let link = take_string(&mut fields).unwrap_or_default();
                    let name = take_string(&mut fields).unwrap_or_default();
                    out.text("sheet name", if hidden { Kind::Hidden } else { Kind::Text }, name.as_str())?;
                    if let Some(target) = links.get(&link).filter(|_| self.sheets.len() < MOST_SHEETS) {
                        self.sheets.insert(target.clone(), Title { name, hidden });
                    }
                }
                // A name, what it stands for, and a comment.
                39 => {
                    let mut fields = Fields(data.get(9..).unwrap_or_default());
                    let mut defined = take_string(&mut fields).unwrap_or_default();
                    for text in of_formula(fields.0).into_iter().chain(anywhere(fields.0)) {
                        defined.push('=');
                        defined.push_str(&text);
                    }
                    out.text("defined names", Kind::Property, defined)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn styles(&mut self, octets: &[u8]) {
        let mut in_cells = false;
        for (id, data) in Records::of(octets) {
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
                    // The order of reading is two bits of the flags behind the indentation ([MS-XLSB] 2.4.876).
                    let rightward = data.get(13).is_some_and(|flags| flags >> 2 & 3 == 2);
                    fields.u16();
                    self.formats.style(fields.u16().unwrap_or(0), rightward);
                }
                _ => {}
            }
        }
    }

    fn shared(&mut self, octets: &[u8]) -> Result<(), Reason> {
        for (id, data) in Records::of(octets) {
            if id == 19 {
                self.strings.push(&string(data.get(1..).unwrap_or_default()));
                self.strings.end()?;
            }
        }
        Ok(())
    }
}

/// Values that a cache keeps: shown by no cell, but there.
fn cached(name: &str, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut all = String::new();
    for (id, data) in Records::of(octets) {
        // Numbers of a cell of another workbook, and of items of a pivot table.
        let number = match id {
            368 => data.get(4..12),
            21 | 28 => data.get(..8),
            _ => None,
        };
        let texts = match number {
            Some(number) => vec![plain(float(number))],
            None => anywhere(data),
        };
        for text in texts {
            all.push_str(&text);
            all.push('\n');
        }
    }
    out.text(ooxml::stem(name), Kind::Hidden, all)
}
