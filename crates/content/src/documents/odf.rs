//! OpenDocument: text, sheets with cell addresses, slides, notes, comments, what is hidden; objects inside read alike.

use std::collections::BTreeSet;

use super::place::push_cell;
use super::xml::{self, Attributes, Node, walk};
use super::{Output, picture};
use crate::direction::{BACK, FROM_RIGHT, from_right};
use crate::rows::Rows;
use crate::{FileKind, Kind, Reason};

mod conditions;
mod direction;
mod locked;
mod numbering;
mod package;

use conditions::OfStyles;
use direction::Directions;
use numbering::Numbering;
pub(super) use package::{open, unlock};

/// Attributes that programs show on a click, in a list or where somebody points (OpenDocument 1.3, 19).
const BESIDE: &[(&str, Kind, &[&str])] = &[
    ("label", Kind::Attribute, &["value"]),
    ("placeholder", Kind::Attribute, &["description"]),
    ("text-input", Kind::Attribute, &["description"]),
    ("param", Kind::Attribute, &["value"]),
    ("show", Kind::Attribute, &["name"]),
    ("scenario", Kind::Attribute, &["comment"]),
    ("database-range", Kind::Property, &["name"]),
    ("filter-condition", Kind::Hidden, &["value"]),
    ("filter-set-item", Kind::Hidden, &["value"]),
    ("data-pilot-table", Kind::Attribute, &["name"]),
    ("data-pilot-field", Kind::Hidden, &["source-field-name", "display-name"]),
    ("data-pilot-member", Kind::Hidden, &["name", "display-name"]),
    (
        "bibliography-mark",
        Kind::Hidden,
        &[
            "identifier",
            "author",
            "title",
            "booktitle",
            "journal",
            "publisher",
            "note",
            "annote",
            "number",
            "url",
            "address",
            "isbn",
            "custom1",
            "custom2",
            "custom3",
            "custom4",
            "custom5",
        ],
    ),
];

/// A cell that is repeated is text as often as this.
const MOST_REPEATS: u32 = 16;

/// A document that is one XML file.
pub(super) fn flat(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    Content::new(String::new()).read(octets, out)
}

/// What the styles of a package say of the text in another part.
#[derive(Default)]
struct Known {
    numbering: Numbering,
    directions: Directions,
}

/// Where programs keep previews.
const PREVIEWS: &[&str] = &["ObjectReplacements/", "Pictures/TablePreview"];

fn part(name: &str, octets: Vec<u8>, known: Known, out: &mut Output<'_>) -> Result<(), Reason> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let root = || xml::root(&octets);
    match file {
        "content.xml" => Content { known, ..Content::new(folder.to_owned()) }.read(&octets, out),
        "styles.xml" => Content::new(folder.to_owned()).styles(&octets, out),
        "meta.xml" => {
            let (text, read) = xml::plain(&octets);
            out.text("properties", Kind::Property, text)?;
            read?;
            // Names of properties of one's own.
            walk(&octets, |node| match node {
                Node::Start("user-defined", attributes) => {
                    out.text("properties", Kind::Property, attributes.get("name").unwrap_or_default())
                }
                _ => Ok(()),
            })
        }
        "mimetype" if folder.is_empty() => Ok(()),
        // How it looks, and what is where; only as what it says to be.
        "settings.xml" if root() == "document-settings" => Ok(()),
        "manifest.xml" if root() == "manifest" => Ok(()),
        "manifest.rdf" if root() == "RDF" => Ok(()),
        "script-lb.xml" | "script-lc.xml" if matches!(root().as_str(), "library" | "libraries") => Ok(()),
        _ if name.starts_with("Basic/") && file.ends_with(".xml") => {
            let (text, read) = xml::plain(&octets);
            out.text(name, Kind::Script, text)?;
            read
        }
        _ if let Some(text) = picture::text(&octets) => out.text(file, Kind::Text, text),
        // A preview that the program draws of a table which is read itself.
        _ if octets.starts_with(b"VCLMTF") && PREVIEWS.iter().any(|start| name.starts_with(start)) => Ok(()),
        _ => match crate::detect(&octets, Some(file)) {
            // Previews of objects that are read themselves, in a program's own form.
            FileKind::Unknown | FileKind::Empty
                if name.starts_with("ObjectReplacements/") || name == "layout-cache" =>
            {
                Ok(())
            }
            _ => out.file(file.to_owned(), octets),
        },
    }
}

/// Text that is being collected for one place.
struct Flow {
    kind: Kind,
    place: String,
    text: String,
    /// Rows of tables in it; cells of sheets have places instead.
    rows: Rows,
    /// Times that the text stands there, one cell beside the other.
    repeats: u32,
    stored: Option<String>,
    /// The paragraph that is open goes from right to left.
    rightward: bool,
    /// The cell is read from right to left.
    cell_rightward: bool,
    /// Not text: a date, a label.
    ignored: bool,
    /// The element that ends it.
    ends: &'static str,
}

#[derive(Default)]
struct Content {
    flows: Vec<Flow>,
    place: String,
    /// Styles of tables that are not shown.
    hidden_styles: BTreeSet<String>,
    style: String,
    in_spreadsheet: bool,
    tables: usize,
    sheet: String,
    sheet_hidden: bool,
    row: u32,
    row_repeats: u32,
    row_hidden: bool,
    column: u32,
    columns: u32,
    hidden_columns: Vec<(u32, u32)>,
    slides: usize,
    links: String,
    conditions: OfStyles,
    known: Known,
    /// Paragraphs with the number or word before them, where nothing stands between; and where the text of such a one begins.
    glued: String,
    glued_at: Option<(usize, usize)>,
}

impl Content {
    fn new(place: String) -> Self {
        Self { place, ..Self::default() }
    }

    /// The main part: everything in it is shown, but for what says otherwise.
    fn read(mut self, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
        self.begin(Kind::Text, self.place.clone(), "");
        self.walk(octets, out)
    }

    /// Styles: only headers and footers are text.
    fn styles(mut self, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
        self.begin(Kind::Text, String::new(), "");
        self.flows[0].ignored = true;
        self.walk(octets, out)
    }

    fn walk(mut self, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
        let read = walk(octets, |node| match node {
            Node::Start(name, attributes) => self.start(name, attributes, out),
            Node::End(name) => self.end(name, out),
            Node::Text(text) => {
                self.push(text.trim_matches(['\n', '\r']));
                Ok(())
            }
        });
        while self.flows.pop().map(|flow| hand_on(flow, out)).transpose()?.is_some() {}
        out.text(&self.place, Kind::Hidden, self.glued)?;
        if self.known.numbering.room.is_over() || self.known.directions.is_too_much() {
            out.unscannable(&self.place, Reason::TooBig);
        }
        out.text("links", Kind::Link, self.links)?;
        self.conditions.left().try_for_each(|said| out.text("conditions", Kind::Hidden, said))?;
        read
    }

    fn begin(&mut self, kind: Kind, place: String, ends: &'static str) {
        self.flows.push(Flow {
            kind,
            place,
            text: String::new(),
            rows: Rows::default(),
            repeats: 1,
            stored: None,
            rightward: false,
            cell_rightward: false,
            ignored: false,
            ends,
        });
    }

    fn here(&self) -> String {
        self.flows.last().map_or_else(String::new, |flow| flow.place.clone())
    }

    fn push(&mut self, text: &str) {
        if let Some(flow) = self.flows.last_mut().filter(|flow| !flow.ignored) {
            flow.text.push_str(text);
        }
    }

    /// An element of a table, in the text in which it stands.
    fn rows(&mut self, element: impl FnOnce(&mut Rows, &str)) {
        if let Some(flow) = self.flows.last_mut().filter(|flow| !flow.ignored) {
            element(&mut flow.rows, &flow.text);
        }
    }

    /// What the list of a paragraph puts before it.
    fn number(&mut self, name: &str, attributes: &Attributes<'_>) {
        let Some(before) = self.known.numbering.start(name, attributes) else { return };
        self.push(&before.text);
        self.push("\t");
        if let Some(flow) = self.flows.last().filter(|_| before.glued) {
            self.glued.push_str(&before.text);
            self.glued_at = Some((self.flows.len(), flow.text.len()));
        }
    }

    /// A paragraph ends.
    fn end_of_glued(&mut self) {
        if let Some((_, at)) = self.glued_at.take_if(|(flows, _)| *flows == self.flows.len()) {
            let text = self.flows.last().and_then(|flow| flow.text.get(at..)).unwrap_or_default();
            self.glued.push_str(text);
            self.glued.push('\n');
        }
    }

    /// A paragraph or heading begins.
    fn begin_paragraph(&mut self, attributes: &Attributes<'_>) {
        let rightward = !self.in_spreadsheet && self.known.directions.is_rightward(attributes);
        if let Some(flow) = self.flows.last_mut() {
            flow.rightward = rightward;
        }
        self.turn(FROM_RIGHT);
    }

    fn turn(&mut self, mark: &str) {
        if self.flows.last().is_some_and(|flow| flow.rightward) {
            self.push(mark);
        }
    }

    fn start(&mut self, name: &str, attributes: &Attributes<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
        self.known.directions.start(name, attributes);
        if matches!(name, "p" | "h") {
            self.begin_paragraph(attributes);
        }
        // What was deleted is not counted.
        if !self.in_spreadsheet && self.flows.iter().all(|flow| flow.ends != "tracked-changes") {
            self.number(name, attributes);
        }
        if let Some(said) = conditions::of_element(name, attributes) {
            self.condition(name == "map", said, out)?;
        }
        match name {
            "s" => {
                let count = attributes.get("c").and_then(|count| count.parse().ok()).unwrap_or(1_usize);
                self.push(&" ".repeat(count.min(1_000)));
            }
            "tab" => self.push("\t"),
            "line-break" => {
                self.turn(BACK);
                self.push("\n");
                self.turn(FROM_RIGHT);
            }
            "a" | "area-rectangle" | "area-circle" | "area-polygon" => {
                self.link(attributes.get("href"));
                hand_on_attributes(&self.here(), Kind::Attribute, attributes, &["title", "name"], out)?;
            }
            "event-listener" | "iframe" | "plugin" | "section-source" => self.link(attributes.get("href")),
            "annotation" => self.begin(Kind::Comment, self.here(), "annotation"),
            "note" => self.begin(Kind::Note, self.here(), "note"),
            "notes" => self.begin(Kind::Note, self.here(), "notes"),
            "tracked-changes" => self.begin(Kind::Hidden, self.here(), "tracked-changes"),
            "title" => self.begin(Kind::Attribute, self.here(), "title"),
            "desc" => self.begin(Kind::Attribute, self.here(), "desc"),
            "text-box" => self.begin(Kind::Text, self.here(), "text-box"),
            // What every slide shows.
            "master-page" => self.begin(Kind::Text, self.here(), "master-page"),
            "toc-mark" | "user-index-mark" | "alphabetical-index-mark" => {
                hand_on_attributes(
                    &self.here(),
                    Kind::Hidden,
                    attributes,
                    &["string-value", "key1", "key2"],
                    out,
                )?;
            }
            "content-validation" | "named-range" | "named-expression" => {
                let keys = ["name", "expression", "condition"];
                hand_on_attributes("defined names", Kind::Property, attributes, &keys, out)?;
            }
            "help-message" | "error-message" => {
                hand_on_attributes(&self.here(), Kind::Attribute, attributes, &["title"], out)?;
            }
            "creator" => self.begin(Kind::Attribute, self.here(), "creator"),
            "date" if self.flows.last().is_some_and(|flow| flow.ends == "annotation") => self.ignore("date"),
            "date-string" => self.ignore("date-string"),
            "binary-data" => self.ignore("binary-data"),
            "note-citation" => {
                // A mark that somebody chose stands in the text; numbers are counted.
                hand_on_attributes(&self.here(), Kind::Attribute, attributes, &["label"], out)?;
                self.ignore("note-citation");
            }
            _ if let Some((_, kind, keys)) = BESIDE.iter().find(|(of, ..)| *of == name) => {
                hand_on_attributes(&self.here(), *kind, attributes, keys, out)?;
            }
            "index-title-template" => self.ignore("index-title-template"),
            "index-entry-span" => self.ignore("index-entry-span"),
            "ruby-text" => self.begin(Kind::Text, self.here(), "ruby-text"),
            "header" => self.begin(Kind::Text, "header".to_owned(), "header"),
            "header-left" => self.begin(Kind::Text, "header".to_owned(), "header-left"),
            "header-first" => self.begin(Kind::Text, "header".to_owned(), "header-first"),
            "footer" => self.begin(Kind::Text, "footer".to_owned(), "footer"),
            "footer-left" => self.begin(Kind::Text, "footer".to_owned(), "footer-left"),
            "footer-first" => self.begin(Kind::Text, "footer".to_owned(), "footer-first"),
            "hidden-text" | "hidden-paragraph" | "conditional-text" | "user-field-decl" => {
                let keys = ["string-value", "string-value-if-true", "string-value-if-false"];
                hand_on_attributes(&self.here(), Kind::Hidden, attributes, &keys, out)?;
            }
            "page" if !self.in_spreadsheet && attributes.get("master-page-name").is_some() => {
                self.slides += 1;
                if let Some(name) = attributes.get("name").filter(|name| !is_counted(name)) {
                    out.text(format!("slide {}", self.slides), Kind::Attribute, name)?;
                }
                self.begin(Kind::Text, format!("slide {}", self.slides), "page");
            }
            "spreadsheet" => self.in_spreadsheet = true,
            "style" => self.style = attributes.get("name").unwrap_or_default().into_owned(),
            "table-properties" if attributes.get("display").as_deref() == Some("false") => {
                self.hidden_styles.insert(self.style.clone());
            }
            _ if name.starts_with("table") || name == "covered-table-cell" => {
                self.table(name, attributes, out)?
            }
            // What forms show, and what they send.
            "textarea" | "button" | "checkbox" | "radio" | "combobox" | "listbox" | "item" | "option"
            | "fixed-text" | "text" | "formatted-text" | "generic-control" | "password" | "hidden"
            | "frame" | "file" | "column" => {
                let keys = ["label", "current-value", "value", "title", "help-message"];
                hand_on_attributes(&self.here(), Kind::Attribute, attributes, &keys, out)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn condition(&mut self, of_style: bool, said: String, out: &mut Output<'_>) -> Result<(), Reason> {
        let Some(said) = (if of_style { self.conditions.keep(said) } else { Some(said) }) else {
            return Ok(());
        };
        self.conditions.given(&said);
        let place = if self.sheet.is_empty() {
            "conditions".to_owned()
        } else {
            format!("{}!conditions", self.sheet)
        };
        out.text(place, Kind::Hidden, said)
    }

    fn ignore(&mut self, ends: &'static str) {
        self.begin(Kind::Text, String::new(), ends);
        if let Some(flow) = self.flows.last_mut() {
            flow.ignored = true;
        }
    }

    fn link(&mut self, target: Option<std::borrow::Cow<'_, str>>) {
        if let Some(target) = target.filter(|target| !target.starts_with('#') && !target.is_empty()) {
            self.links.push_str(&target);
            self.links.push('\n');
        }
    }

    // ---- sheets

    fn table(&mut self, name: &str, attributes: &Attributes<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
        if name == "table" {
            self.tables += 1;
        }
        if !self.in_spreadsheet {
            match name {
                "table" => self.rows(|rows, _| rows.start_table()),
                "table-row" => self.rows(Rows::start_row),
                "table-cell" | "covered-table-cell" => self.rows(Rows::start_cell),
                _ => {}
            }
        }
        if !self.in_spreadsheet || self.tables != 1 {
            return Ok(());
        }
        let number =
            |key: &str| attributes.get(key).and_then(|number| number.parse().ok()).unwrap_or(1_u32).max(1);
        let hidden = || attributes.get("visibility").is_some_and(|is| matches!(&*is, "collapse" | "filter"));
        self.known.directions.sheet(name, attributes);
        match name {
            "table" => {
                self.sheet = attributes.get("name").unwrap_or_default().into_owned();
                self.sheet_hidden =
                    attributes.get("style-name").is_some_and(|style| self.hidden_styles.contains(&*style));
                (self.row, self.row_repeats, self.columns) = (0, 1, 0);
                self.hidden_columns.clear();
                let kind = if self.sheet_hidden { Kind::Hidden } else { Kind::Text };
                out.text("sheet name", kind, self.sheet.clone())?;
            }
            "table-column" => {
                let from = self.columns.saturating_add(1);
                self.columns = self.columns.saturating_add(number("number-columns-repeated"));
                if hidden() && self.hidden_columns.len() < 1_000 {
                    self.hidden_columns.push((from, self.columns));
                }
            }
            "table-row" => {
                self.row = self.row.saturating_add(self.row_repeats);
                self.row_repeats = number("number-rows-repeated");
                self.row_hidden = hidden();
                self.column = 0;
            }
            "table-cell" | "covered-table-cell" => {
                let repeats = number("number-columns-repeated");
                let column = self.column.saturating_add(1);
                self.column = self.column.saturating_add(repeats);
                self.cell(name, column, repeats, attributes, out)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn cell(
        &mut self,
        name: &str,
        column: u32,
        repeats: u32,
        attributes: &Attributes<'_>,
        out: &mut Output<'_>,
    ) -> Result<(), Reason> {
        let hidden = self.sheet_hidden
            || self.row_hidden
            || self.hidden_columns.iter().any(|(from, to)| (*from..=*to).contains(&column));
        let mut place = format!("{}!", self.sheet);
        push_cell(&mut place, column, self.row.max(1));
        if let Some(formula) = attributes.get("formula").filter(|formula| formula.contains('"')) {
            out.text(place.clone(), Kind::Hidden, formula.into_owned())?;
        }
        let kind = if hidden { Kind::Hidden } else { Kind::Text };
        self.begin(kind, place, if name == "table-cell" { "table-cell" } else { "covered-table-cell" });
        let keys = ["value", "string-value", "date-value"];
        let stored = keys.iter().find_map(|key| attributes.get(key).map(|value| value.into_owned()));
        let rightward = self.known.directions.is_cell_rightward(column);
        if let Some(flow) = self.flows.last_mut() {
            flow.cell_rightward = rightward;
            flow.repeats = repeats;
            flow.stored = stored;
        }
        Ok(())
    }

    fn end(&mut self, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        self.known.numbering.end(name);
        self.known.directions.end(name);
        match name {
            "p" | "h" => {
                self.end_of_glued();
                self.turn(BACK);
                if let Some(flow) = self.flows.last_mut() {
                    flow.rightward = false;
                }
                self.push("\n");
            }
            "date" => self.push("\n"),
            "table-cell" | "covered-table-cell" if !self.in_spreadsheet => self.push("\n"),
            "table-row" if !self.in_spreadsheet => {
                self.rows(Rows::end_row);
                self.push("\n");
            }
            "table" => {
                self.tables = self.tables.saturating_sub(1);
                if !self.in_spreadsheet {
                    self.rows(Rows::end_table);
                }
            }
            _ => {}
        }
        if self.flows.len() > 1
            && let Some(flow) = self.flows.pop_if(|flow| flow.ends == name)
        {
            hand_on(flow, out)?;
        }
        Ok(())
    }
}

/// Names that programs give to slides: `page1`, `Slide 12`.
fn is_counted(name: &str) -> bool {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = name.len() - word.len();
    (1..=3).contains(&digits) && word.trim_end().chars().all(char::is_alphabetic)
}

fn hand_on_attributes(
    place: &str,
    kind: Kind,
    attributes: &Attributes<'_>,
    keys: &[&str],
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    keys.iter().try_for_each(|key| out.text(place, kind, attributes.get(key).unwrap_or_default()))
}

fn hand_on(flow: Flow, out: &mut Output<'_>) -> Result<(), Reason> {
    let Flow { kind, place, text, rows, repeats, stored, cell_rightward, ignored, ends, .. } = flow;
    if ignored {
        return Ok(());
    }
    if !ends.ends_with("table-cell") {
        let rows = rows.into_ranges(&text);
        return out.text_with_rows(&place, kind, text, rows);
    }
    let shown = text.trim_end_matches('\n');
    let stored = stored.as_deref().map(super::ooxml::plain_number).unwrap_or_default();
    let repeats = if shown.is_empty() && stored.is_empty() { 0 } else { repeats.min(MOST_REPEATS) };
    let directed = if cell_rightward { from_right(shown) } else { shown.into() };
    for _ in 0..repeats {
        out.text(&place, kind, &*directed)?;
    }
    if stored != shown {
        out.text(place, Kind::Hidden, stored.into_owned())?;
    }
    Ok(())
}
