//! Spreadsheets: each cell with its address, as shown and as stored; what is hidden, cached or beside the cells.

use std::collections::BTreeMap;

use super::format::Formats;
use super::package::{Package, Part, report, stem};
use super::text;
use crate::documents::Output;
use crate::documents::shared_strings::SharedStrings;
use crate::documents::xml::{Attributes, Node, walk};
use crate::{Kind, Reason};

/// Titles of the sheets by part, and which are hidden.
type Titles = BTreeMap<String, (String, bool)>;

/// Reads a workbook's own parts: sheets, comments, drawings, caches.
pub(super) fn read(package: &Package, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut titles = Titles::new();
    let mut dates_1904 = false;
    for part in package.of_root("workbook") {
        let read = workbook(package, part, &mut titles, &mut dates_1904, out);
        report(read, &part.name, out)?;
    }
    let (mut strings, mut readings) = (SharedStrings::default(), String::new());
    for part in package.of_root("sst") {
        report(read_strings(&mut strings, &mut readings, &part.octets), &part.name, out)?;
    }
    out.text("readings of strings", Kind::Hidden, readings)?;
    let mut formats = Formats::new(dates_1904);
    for part in package.of_root("styleSheet") {
        report(formats.read(&part.octets), &part.name, out)?;
    }
    let of_conditions: Vec<_> = std::mem::take(&mut formats.of_conditions).into_iter().collect();
    out.text("number formats", Kind::Attribute, of_conditions.join("\n"))?;
    let book = Book { package, titles, strings, formats };
    for part in &package.parts {
        out.at(&part.name);
        let read = book.part(part, out);
        report(read, &part.name, out)?;
    }
    book.strings.left_over("strings of no cell", out)
}

/// Sheet names and states, and what names are defined for.
fn workbook(
    package: &Package,
    part: &Part,
    titles: &mut Titles,
    dates_1904: &mut bool,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let (mut names, mut in_name) = (String::new(), false);
    let relations = package.relations(&part.name);
    let read = walk(&part.octets, |node| {
        match node {
            Node::Start("workbookPr", attributes) => *dates_1904 = attributes.is("date1904"),
            Node::Start("sheet", attributes) => {
                let id = attributes.get("id").unwrap_or_default();
                let target = relations.and_then(|relations| relations.get(&*id));
                if let (Some(name), Some(target)) = (attributes.get("name"), target) {
                    let hidden = attributes.get("state").is_some_and(|state| state.contains("idden"));
                    titles.insert(target.clone(), (name.into_owned(), hidden));
                }
            }
            Node::Start("definedName", attributes) => {
                in_name = true;
                names.push_str(&attributes.get("name").unwrap_or_default());
                names.push('=');
            }
            Node::End("definedName") => {
                in_name = false;
                names.push('\n');
            }
            Node::Text(text) if in_name => names.push_str(text),
            _ => {}
        }
        Ok(())
    });
    for (title, hidden) in titles.values() {
        let kind = if *hidden { Kind::Hidden } else { Kind::Text };
        out.text("sheet name", kind, title.clone())?;
    }
    out.text("defined names", Kind::Property, names)?;
    read
}

/// Strings, and apart from them the letters that say how to read them.
fn read_strings(strings: &mut SharedStrings, readings: &mut String, octets: &[u8]) -> Result<(), Reason> {
    let (mut in_text, mut in_phonetic) = (false, false);
    walk(octets, |node| {
        match node {
            Node::Start("rPh", _) => in_phonetic = true,
            Node::End("rPh") => {
                in_phonetic = false;
                readings.push('\n');
            }
            Node::Start("t", _) => in_text = true,
            Node::End("t") => in_text = false,
            Node::End("si") => return strings.end(),
            Node::Text(text) if in_text && in_phonetic => readings.push_str(text),
            Node::Text(text) if in_text => strings.push(text),
            _ => {}
        }
        Ok(())
    })
}

struct Book<'a> {
    package: &'a Package,
    titles: Titles,
    strings: SharedStrings,
    formats: Formats,
}

impl Book<'_> {
    fn part(&self, part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
        match part.root.as_str() {
            "worksheet" | "chartsheet" | "dialogsheet" | "macrosheet" => {
                let (title, hidden) = self.title(&part.name);
                Cells::new(self, title, hidden).read(&part.octets, out)
            }
            "comments" | "ThreadedComments" => self.comments(part, out),
            "wsDr" | "dataModel" | "chartSpace" | "xml" | "userShapes" => {
                let (texts, read) = text::read(&part.octets);
                let place = format!("{}!{}", self.title_of_owner(&part.name), stem(&part.name));
                texts.hand_on(&place, Kind::Text, out)?;
                read?;
                if part.root == "chartSpace" { super::chart(part, &place, out) } else { Ok(()) }
            }
            "pivotCacheDefinition" | "pivotCacheRecords" => cached(part, out),
            "pivotTableDefinition" => self.captions(part, PIVOT_CAPTIONS, out),
            "slicers" | "timelines" | "slicerCacheDefinition" => self.captions(part, &["caption", "c"], out),
            "personList" => self.captions(part, &["displayName"], out),
            // What a list of an old form offers ([MS-XLSX] 2.6.30).
            "formControlPr" => self.captions(part, &["val"], out),
            "externalLink" => values(part, out),
            "connections" | "queryTable" => connections(part, out),
            _ => Ok(()),
        }
    }

    /// What tables of pivots, their buttons and controls show.
    fn captions(&self, part: &Part, names: &[&str], out: &mut Output<'_>) -> Result<(), Reason> {
        let place = format!("{}!{}", self.title_of_owner(&part.name), stem(&part.name));
        super::values_of(part, names, &place, Kind::Attribute, out)
    }

    fn title(&self, part: &str) -> (String, bool) {
        self.titles.get(part).cloned().unwrap_or_else(|| (stem(part).to_owned(), false))
    }

    /// The title of the sheet that a comment or drawing belongs to.
    fn title_of_owner(&self, part: &str) -> String {
        let direct = self.package.owners(part).find_map(|owner| self.titles.get(owner));
        let through = || {
            let owners = self.package.owners(part);
            owners.flat_map(|owner| self.package.owners(owner)).find_map(|owner| self.titles.get(owner))
        };
        direct.or_else(through).map_or_else(String::new, |(title, _)| title.clone())
    }

    fn comments(&self, part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
        let title = self.title_of_owner(&part.name);
        let (mut address, mut text, mut in_text) = (String::new(), String::new(), false);
        walk(&part.octets, |node| {
            match node {
                Node::Start("comment" | "threadedComment", attributes) => {
                    address = attributes.get("ref").unwrap_or_default().into_owned();
                    text.clear();
                }
                Node::Start("t" | "text" | "author", _) => in_text = true,
                Node::End("t" | "text") => in_text = false,
                Node::End("author") => {
                    in_text = false;
                    out.text(format!("{title}!comments"), Kind::Attribute, std::mem::take(&mut text))?;
                }
                Node::End("comment" | "threadedComment") => {
                    out.text(format!("{title}!{address}"), Kind::Comment, std::mem::take(&mut text))?;
                }
                Node::Text(piece) if in_text => text.push_str(piece),
                _ => {}
            }
            Ok(())
        })
    }
}

/// Attributes of the words that a table of a pivot shows (ECMA-376-1, 18.10.1).
const PIVOT_CAPTIONS: &[&str] = &[
    "name",
    "caption",
    "n",
    "dataCaption",
    "grandTotalCaption",
    "errorCaption",
    "missingCaption",
    "rowHeaderCaption",
    "colHeaderCaption",
    "subtotalCaption",
];

/// Attributes or elements with values that a cache keeps: shown by no cell, but there.
fn cached(part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut all = String::new();
    let read = walk(&part.octets, |node| {
        if let Node::Start(name @ ("s" | "n" | "d" | "cacheField"), attributes) = node {
            let keys: &[&str] = if name == "cacheField" { &["name", "caption", "formula"] } else { &["v"] };
            for value in keys.iter().filter_map(|key| attributes.get(key)) {
                all.push_str(&value);
                all.push('\n');
            }
        }
        Ok(())
    });
    out.text(stem(&part.name), Kind::Hidden, all)?;
    read
}

/// Values of cells of another workbook.
fn values(part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
    let (text, read) = crate::documents::xml::plain(&part.octets);
    out.text(stem(&part.name), Kind::Hidden, text)?;
    read?;
    // Names of its sheets, and those that it defines.
    super::values_of(part, &["val", "name"], stem(&part.name), Kind::Hidden, out)
}

/// Where data comes from; passwords stand there too.
fn connections(part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut all = String::new();
    let read = walk(&part.octets, |node| {
        if let Node::Start(_, attributes) = node {
            for key in ["name", "description", "connection", "command", "url", "sourceFile"] {
                if let Some(value) = attributes.get(key) {
                    all.push_str(&value);
                    all.push('\n');
                }
            }
        }
        Ok(())
    });
    out.text(stem(&part.name), Kind::Property, all)?;
    read
}

/// The cells of one sheet.
struct Cells<'a> {
    book: &'a Book<'a>,
    title: String,
    sheet_hidden: bool,
    cell: Cell,
    row: u32,
    column: u32,
    row_hidden: bool,
    hidden_columns: Vec<(u32, u32)>,
    into: Into,
    beside: String,
    phonetic: bool,
    /// A rule of a conditional format is open.
    in_rule: bool,
    /// Values that filters are set to.
    filters: String,
}

/// A cell that is being read.
#[derive(Default)]
struct Cell {
    kind: CellKind,
    style: usize,
    value: String,
    formula: String,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum CellKind {
    #[default]
    Number,
    Shared,
    Truth,
    Text,
}

/// Where text goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Into {
    Nothing,
    Value,
    Formula,
    Beside,
}

impl<'a> Cells<'a> {
    fn new(book: &'a Book<'a>, title: String, sheet_hidden: bool) -> Self {
        Self {
            book,
            title,
            sheet_hidden,
            cell: Cell::default(),
            row: 0,
            column: 0,
            row_hidden: false,
            hidden_columns: Vec::new(),
            into: Into::Nothing,
            beside: String::new(),
            phonetic: false,
            in_rule: false,
            filters: String::new(),
        }
    }

    fn read(mut self, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
        walk(octets, |node| match node {
            Node::Start(name, attributes) => self.start(name, attributes, out),
            Node::End(name) => self.end(name, out),
            Node::Text(text) => {
                match self.into {
                    Into::Nothing => {}
                    Into::Value if self.phonetic => self.beside.push_str(text),
                    Into::Value => self.cell.value.push_str(text),
                    Into::Formula => self.cell.formula.push_str(text),
                    Into::Beside => self.beside.push_str(text),
                }
                Ok(())
            }
        })
    }

    fn start(&mut self, name: &str, attributes: &Attributes<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
        match name {
            "c" => self.cell(attributes),
            "v" | "t" => self.into = Into::Value,
            // The formula of a newer list of choices is an element in it.
            "f" if self.into == Into::Beside => {}
            "cfRule" => {
                self.in_rule = true;
                let text = attributes.get("text").unwrap_or_default().into_owned();
                out.text(self.place_of("conditions"), Kind::Attribute, text)?;
            }
            "numFmt" => {
                let text = attributes.get("formatCode").unwrap_or_default().into_owned();
                out.text(self.place_of("conditions"), Kind::Attribute, text)?;
            }
            "f" | "formula" if self.in_rule => self.into = Into::Beside,
            "filter" | "customFilter" => {
                self.filters.push_str(&attributes.get("val").unwrap_or_default());
                self.filters.push('\n');
            }
            "f" => self.into = Into::Formula,
            // How the value is read out stands in the middle of it.
            "rPh" => self.phonetic = true,
            "scenario" | "inputCells" => {
                for key in ["name", "comment", "user", "val"] {
                    let text = attributes.get(key).unwrap_or_default().into_owned();
                    out.text(self.place_of("scenarios"), Kind::Hidden, text)?;
                }
            }
            "row" => {
                let number = attributes.get("r").and_then(|row| row.parse().ok());
                self.row = number.unwrap_or(self.row.saturating_add(1));
                self.column = 0;
                self.row_hidden = attributes.is("hidden");
            }
            "col" if attributes.is("hidden") && self.hidden_columns.len() < 1_000 => {
                let number = |key| attributes.get(key).and_then(|number| number.parse().ok()).unwrap_or(0);
                self.hidden_columns.push((number("min"), number("max")));
            }
            "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader" | "firstFooter" => {
                self.into = Into::Beside;
            }
            "formula1" | "formula2" => self.into = Into::Beside,
            "hyperlink" => {
                let place = self.place_of(&attributes.get("ref").unwrap_or_default());
                for key in ["display", "tooltip"] {
                    out.text(
                        place.clone(),
                        Kind::Attribute,
                        attributes.get(key).unwrap_or_default().into_owned(),
                    )?;
                }
            }
            "dataValidation" => {
                let place = self.place_of(&attributes.get("sqref").unwrap_or_default());
                for key in ["promptTitle", "prompt", "errorTitle", "error"] {
                    out.text(
                        place.clone(),
                        Kind::Attribute,
                        attributes.get(key).unwrap_or_default().into_owned(),
                    )?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Begins a cell; without an address it is the next one of the row.
    fn cell(&mut self, attributes: &Attributes<'_>) {
        self.column = self.column.saturating_add(1);
        (self.cell.kind, self.cell.style) = (CellKind::Number, 0);
        self.cell.value.clear();
        self.cell.formula.clear();
        for (key, value) in attributes.each() {
            match key {
                "r" => {
                    if let Some((column, row)) = address(value) {
                        (self.column, self.row) = (column, row);
                    }
                }
                "t" => {
                    self.cell.kind = match value {
                        "s" => CellKind::Shared,
                        "n" => CellKind::Number,
                        "b" => CellKind::Truth,
                        _ => CellKind::Text,
                    }
                }
                "s" => self.cell.style = value.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    fn end(&mut self, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        match name {
            "cfRule" => self.in_rule = false,
            "f" | "formula" if self.in_rule => {
                self.into = Into::Nothing;
                let text = std::mem::take(&mut self.beside);
                // What is compared with cells only is no text.
                if text.contains('"') {
                    return out.text(self.place_of("conditions"), Kind::Hidden, text);
                }
            }
            "autoFilter" => {
                let text = std::mem::take(&mut self.filters);
                return out.text(self.place_of("filters"), Kind::Hidden, text);
            }
            "f" if self.into == Into::Beside => {}
            "v" | "t" | "f" => self.into = Into::Nothing,
            "rPh" => {
                self.phonetic = false;
                return out.text(&*self.place(), Kind::Hidden, std::mem::take(&mut self.beside));
            }
            "c" => return self.finish(out),
            "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader" | "firstFooter" => {
                self.into = Into::Nothing;
                let text = header_text(&std::mem::take(&mut self.beside));
                let part = if name.ends_with("Header") { "header" } else { "footer" };
                return out.text(self.place_of(part), Kind::Text, text);
            }
            "formula1" | "formula2" => {
                self.into = Into::Nothing;
                let text = std::mem::take(&mut self.beside);
                // A list of choices is text; a reference to cells is none.
                if text.contains('"') {
                    return out.text(self.place_of("choices"), Kind::Attribute, text);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Output<'_>) -> Result<(), Reason> {
        if self.cell.value.is_empty() && self.cell.formula.is_empty() {
            return Ok(());
        }
        let hidden_column = self.hidden_columns.iter().any(|(from, to)| (*from..=*to).contains(&self.column));
        let kind = match self.sheet_hidden || self.row_hidden || hidden_column {
            true => Kind::Hidden,
            false => Kind::Text,
        };
        let place = self.place();
        let value = self.cell.value.as_str();
        match self.cell.kind {
            CellKind::Text => self.string(&place, kind, value, out)?,
            CellKind::Truth => {
                let shown = if value.trim() == "1" { "TRUE" } else { "FALSE" };
                out.text(&*place, kind, shown)?;
            }
            CellKind::Shared => {
                let string = value.trim().parse().ok().and_then(|index| self.book.strings.get(index));
                self.string(&place, kind, string.unwrap_or_default(), out)?;
            }
            CellKind::Number => {
                let stored = super::format::plain(value.trim());
                let stored = super::format::at_most_15_digits(&stored);
                if let Some(shown) =
                    self.book.formats.show(self.cell.style, &stored).filter(|shown| *shown != stored)
                {
                    out.text(&*place, kind, self.directed(&shown))?;
                    out.text(&*place, Kind::Hidden, stored)?;
                } else {
                    out.text(&*place, kind, stored)?;
                }
            }
        }
        // Text that stands in a formula need not come out in its value.
        if self.cell.formula.contains('"') {
            out.text(&*place, Kind::Hidden, &self.cell.formula)?;
        }
        Ok(())
    }

    /// A text, between the words that its format puts beside it.
    fn string(&self, place: &str, kind: Kind, text: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        match self.book.formats.show_text(self.cell.style, text).filter(|_| !text.is_empty()) {
            Some(shown) => {
                out.text(place, kind, self.directed(&shown))?;
                out.text(place, Kind::Hidden, text)
            }
            None => out.text(place, kind, self.directed(text)),
        }
    }

    /// Text of the cell, in the direction in which it is read.
    fn directed<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        self.book.formats.directed(self.cell.style, text)
    }

    fn place(&self) -> String {
        let mut place = String::with_capacity(self.title.len() + 9);
        place.push_str(&self.title);
        place.push('!');
        crate::documents::place::push_cell(&mut place, self.column, self.row);
        place
    }

    fn place_of(&self, what: &str) -> String {
        format!("{}!{what}", self.title)
    }
}

/// Column and row of `B7`, counted from 1.
fn address(text: &str) -> Option<(u32, u32)> {
    let (mut column, mut row) = (0_u32, 0_u32);
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' if row == 0 => {
                let letter = u32::from(octet.to_ascii_uppercase() - b'A') + 1;
                column = column.checked_mul(26)?.checked_add(letter)?;
            }
            b'0'..=b'9' => row = row.checked_mul(10)?.checked_add(u32::from(octet - b'0'))?,
            b'$' => {}
            _ => return None,
        }
    }
    (column > 0 && row > 0).then_some((column, row))
}

/// `&L`, `&C`, `&R` and other codes are not text.
pub(in crate::documents) fn header_text(codes: &str) -> String {
    let mut text = String::new();
    let mut rest = codes.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '&' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('&') => text.push('&'),
            // A font: `&"Arial,Bold"`.
            Some('"') => while rest.next().is_some_and(|c| c != '"') {},
            Some(_) => text.push(' '),
            None => {}
        }
    }
    text
}
