//! Running text of Word and PowerPoint: runs joined, paragraphs and cells apart, and what is not shown on its own.

use std::collections::HashSet;
use std::rc::Rc;

use super::levels::{Inherited, Levels, is_title};
use super::numbering::Counters;
use super::styles::{Look, Styles, is_off};
use crate::direction::{BACK, FROM_RIGHT, needs_marks, run_mark};
use crate::documents::Output;
use crate::documents::based_on::Look as _;
use crate::documents::xml::{Node, walk};
use crate::rows::Rows;
use crate::{Kind, Reason};

/// Texts of one part by what they are.
#[derive(Debug, Default)]
pub(super) struct Texts {
    shown: String,
    rows: Rows,
    hidden: String,
    /// Text boxes: apart, or they would stand in the middle of a paragraph.
    boxes: String,
    rows_of_boxes: Rows,
    /// What a program shows that does not know the newer form: nearly always the same again.
    fallback: String,
    attributes: String,
    /// Codes of fields: `HYPERLINK "…"`.
    codes: String,
    /// Paragraphs with the number or word before them, where nothing stands between.
    glued: String,
    styles: Rc<Styles>,
    counters: Counters,
    /// Who changed the text, each once.
    authors: HashSet<String>,
    /// Which sections of the part run from right to left, where one does.
    sections: Vec<bool>,
    /// What shapes of a slide have from elsewhere.
    inherited: Inherited,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    in_text: bool,
    in_code: bool,
    /// Elements that are open, by what they do to the text in them.
    deleted: usize,
    moved_away: usize,
    fallback: usize,
    boxes: usize,
    /// Properties of a paragraph, and those that a run no longer has.
    properties: usize,
    vanished: bool,
    paragraph: Paragraph,
    /// What the styles of the tables that are open say.
    tables: Vec<Look>,
    /// The section that the text is in; its properties are open; its last paragraph is.
    section: usize,
    section_properties: bool,
    section_ends: bool,
    /// A master: the sample text of its placeholders is shown on no slide.
    master: bool,
    placeholder: bool,
    title: bool,
    /// What the list style of the shape says; it is open.
    levels: Levels,
    in_list_style: bool,
    shape_start: usize,
    /// The run that is open says that it runs from right to left, or its style does.
    rightward: Option<bool>,
    run: Look,
    /// The text before it runs so, without a break.
    turned: bool,
    /// Boxes of VML: captions of buttons in sheets are HTML in them.
    vml_boxes: usize,
    /// What a building block says of itself is open.
    building_block: bool,
}

/// What a paragraph says of itself before its text.
#[derive(Debug, Default)]
struct Paragraph {
    style: String,
    list: Option<String>,
    level: Option<usize>,
    /// On a slide, counted from zero.
    depth: usize,
    /// Where its text begins behind what stands glued to it.
    glued: Option<usize>,
    /// It has no text yet.
    awaited: bool,
    /// It says that it runs from right to left, or else its style does.
    bidi: Option<bool>,
    look: Look,
    /// It runs so, and so does the order of numbers in it.
    rightward: bool,
}

/// Reads a part. What was read before damage counts.
pub(super) fn read(octets: &[u8]) -> (Texts, Result<(), Reason>) {
    read_into(Texts::default(), octets)
}

/// Reads a part of a document with styles, and with sections where one runs from right to left.
pub(super) fn read_with(
    styles: &Rc<Styles>,
    sections: Vec<bool>,
    octets: &[u8],
) -> (Texts, Result<(), Reason>) {
    read_into(Texts { styles: styles.clone(), sections, ..Texts::default() }, octets)
}

/// Reads a slide or what belongs to it.
pub(super) fn read_slide(inherited: Inherited, octets: &[u8]) -> (Texts, Result<(), Reason>) {
    read_into(Texts { inherited, ..Texts::default() }, octets)
}

/// Reads a master or layout: what every slide shows, without the sample text of placeholders.
pub(super) fn read_master(inherited: Inherited, octets: &[u8]) -> (Texts, Result<(), Reason>) {
    let state = State { master: true, ..State::default() };
    read_into(Texts { state, inherited, ..Texts::default() }, octets)
}

fn read_into(mut texts: Texts, octets: &[u8]) -> (Texts, Result<(), Reason>) {
    let read = walk(octets, |node| {
        match node {
            Node::Start(name, attributes) => {
                texts.start(name, |key| attributes.get(key).map(|value| value.into_owned()))
            }
            Node::End(name) => texts.end(name),
            Node::Text(text) => texts.text(text),
        }
        Ok(())
    });
    (texts, read)
}

impl Texts {
    /// Hands the texts on; those of the part itself as `kind`.
    pub(super) fn hand_on(self, place: &str, kind: Kind, out: &mut Output<'_>) -> Result<(), Reason> {
        let Self {
            mut shown,
            rows,
            hidden,
            boxes,
            rows_of_boxes,
            fallback,
            attributes,
            codes,
            glued,
            counters,
            ..
        } = self;
        let mut rows = rows.into_ranges(&shown);
        if !boxes.trim().is_empty() {
            shown.push('\n');
            let from = shown.len();
            let of_boxes = rows_of_boxes.into_ranges(&boxes);
            rows.extend(of_boxes.into_iter().map(|row| row.start + from..row.end + from));
            shown.push_str(&boxes);
        }
        let lines: HashSet<&str> = shown.lines().map(str::trim).collect();
        let known = fallback.lines().all(|line| lines.contains(line.trim()));
        let (links, codes): (Vec<_>, Vec<_>) =
            codes.lines().filter(|code| !code.trim().is_empty()).partition(|code| code.contains("HYPERLINK"));
        let (links, codes) = (links.join("\n"), codes.join("\n"));
        out.text_with_rows(place, kind, shown, rows)?;
        out.text(place, Kind::Hidden, glued)?;
        if counters.room.is_over() {
            out.unscannable(place, Reason::TooBig);
        }
        out.text(place, Kind::Hidden, hidden)?;
        out.text(place, Kind::Hidden, codes)?;
        out.text(place, Kind::Link, links)?;
        out.text(place, Kind::Attribute, attributes)?;
        if known { Ok(()) } else { out.text(place, Kind::Hidden, fallback) }
    }

    /// Leaves out the lines that are known.
    pub(super) fn without(mut self, known: &HashSet<String>) -> Self {
        let unknown = |line: &&str| !line.trim().is_empty() && !known.contains(line.trim());
        self.shown = self.shown.lines().filter(unknown).flat_map(|line| [line, "\n"]).collect();
        self.rows = Rows::default();
        self
    }

    /// The lines that are shown.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.shown.lines().map(str::trim)
    }

    fn start(&mut self, name: &str, get: impl Fn(&str) -> Option<String>) {
        let off = || is_off(get("val").as_deref());
        let style = || get("val").unwrap_or_default();
        let of_paragraph = self.state.properties == 1 && !self.state.section_properties;
        match name {
            "t" => self.state.in_text = true,
            "delText" => (self.state.in_text, self.state.deleted) = (true, self.state.deleted + 1),
            "instrText" | "delInstrText" => self.state.in_code = true,
            "fldSimple" => self.line("codes", get("instr")),
            "p" => {
                let look = self.styles.paragraph("");
                (self.state.vanished, self.state.rightward, self.state.run) = (false, None, Look::default());
                self.state.paragraph = Paragraph { look, awaited: true, ..Paragraph::default() };
            }
            "pStyle" if of_paragraph => {
                let style = style();
                self.state.paragraph.look = self.styles.paragraph(&style);
                self.state.paragraph.style = style;
            }
            "numId" if of_paragraph => self.state.paragraph.list = get("val"),
            "ilvl" if of_paragraph => {
                self.state.paragraph.level = get("val").and_then(|level| level.parse().ok());
            }
            "r" => {
                self.begin_paragraph();
                (self.state.rightward, self.state.run) = (None, Look::default());
                self.state.vanished = self.look().unseen == Some(true);
            }
            "rStyle" if self.state.properties == 0 => {
                self.state.run = self.styles.run(&style());
                self.state.vanished |= self.state.run.unseen == Some(true);
            }
            "pPr" => {
                self.state.properties += 1;
                self.state.paragraph.bidi =
                    get("rtl").map(|rtl| matches!(&*rtl, "1" | "true")).or(self.state.paragraph.bidi);
                self.state.paragraph.depth = get("lvl").and_then(|level| level.parse().ok()).unwrap_or(0);
            }
            "rPrChange" => self.state.properties += 1,
            "sectPr" => (self.state.section_properties, self.state.section_ends) = (true, true),
            "bidi" if of_paragraph => self.state.paragraph.bidi = Some(!off()),
            "rtl" if self.state.properties == 0 => self.state.rightward = Some(!off()),
            // Of a paragraph's mark it says nothing about the text.
            "vanish" if self.state.properties == 0 => self.state.vanished = !off(),
            "Fallback" => self.state.fallback += 1,
            // What is read out over a word stands beside it, not in it.
            "txbxContent" | "rt" => {
                self.turn(false);
                self.state.boxes += 1;
                self.push("\n");
            }
            "tab" | "ptab" if self.state.properties == 0 => self.push("\t"),
            "br" | "cr" => self.line_break(),
            // The letters in it are turned round, or the order of words.
            "bdo" => self.push(if get("val").as_deref() == Some("ltr") { "\u{202d}" } else { "\u{202e}" }),
            "dir" => self.push(if get("val").as_deref() == Some("ltr") { "\u{202a}" } else { FROM_RIGHT }),
            "noBreakHyphen" => self.push("-"),
            "sym" => {
                let code = get("char").and_then(|code| u32::from_str_radix(&code, 16).ok()).unwrap_or(0);
                // Symbol fonts keep their letters from F000 on.
                let code = if (0xf020..0xf100).contains(&code) { code - 0xf000 } else { code };
                self.push(char::from_u32(code).unwrap_or(' ').encode_utf8(&mut [0; 4]));
            }
            "docPr" | "cNvPr" => {
                self.line("attributes", get("descr"));
                self.line("attributes", get("title"));
            }
            "hlinkClick" | "hlinkHover" | "hyperlink" => {
                self.line("attributes", get("tooltip"));
                // Where it leads inside; marks that programs made for themselves begin so.
                self.line("attributes", get("anchor").filter(|mark| !mark.starts_with('_')));
                self.line("attributes", get("docLocation"));
            }
            // Shapes of VML (ECMA-376-4, 14).
            "shape" | "rect" | "roundrect" | "oval" | "line" | "polyline" | "group" | "imagedata" => {
                self.line("attributes", get("alt"));
                self.line("attributes", get("title"));
                self.line("attributes", get("href"));
            }
            "listItem" => self.line("attributes", get("displayText")),
            "default" | "helpText" | "statusText" | "alias" | "listEntry" | "tblCaption"
            | "tblDescription" => self.line("attributes", get("val").filter(|text| text.len() > 1)),
            // What the gallery of building blocks shows.
            "docPartPr" => self.state.building_block = true,
            "name" | "description" if self.state.building_block => self.line("attributes", get("val")),
            // Names of those who changed something stand beside it.
            "ins" | "del" | "moveFrom" | "moveTo" => {
                if name == "moveFrom" {
                    self.state.moved_away += 1;
                }
                self.author(get("author"));
            }
            "textpath" => self.line("shown", get("string")),
            "textbox" => self.state.vml_boxes += 1,
            "comment" | "cm" => self.line("attributes", get("author")),
            "sp" => (self.state.placeholder, self.state.shape_start) = (false, self.shown.len()),
            "graphicFrame" => self.state.placeholder = false,
            "ph" => {
                (self.state.placeholder, self.state.title) = (true, is_title(get("type").as_deref()));
            }
            "txBody" => self.state.levels = Levels::default(),
            "lstStyle" => self.state.in_list_style = true,
            "tbl" => {
                self.state.tables.push(self.styles.table(""));
                self.table(|rows, _| rows.start_table());
            }
            "tblStyle" => {
                let look = self.styles.table(&style());
                if let Some(table) = self.state.tables.last_mut() {
                    *table = look;
                }
            }
            "tr" => self.table(Rows::start_row),
            "tc" => self.table(Rows::start_cell),
            _ if self.state.in_list_style => self.state.levels.hear(name, get("rtl").as_deref()),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        let state = &mut self.state;
        match name {
            "t" => state.in_text = false,
            "delText" => (state.in_text, state.deleted) = (false, state.deleted.saturating_sub(1)),
            "instrText" | "delInstrText" => state.in_code = false,
            "fldChar" => self.codes.push('\n'),
            "pPr" => {
                state.properties = state.properties.saturating_sub(1);
                if state.properties == 0 {
                    self.begin_paragraph();
                }
            }
            "rPrChange" => state.properties = state.properties.saturating_sub(1),
            "sectPr" => state.section_properties = false,
            "docPartPr" => state.building_block = false,
            "textbox" => state.vml_boxes = state.vml_boxes.saturating_sub(1),
            "div" if state.vml_boxes > 0 => self.boxes.push('\n'),
            "bdo" | "dir" => self.push(BACK),
            "lstStyle" => state.in_list_style = false,
            "moveFrom" => state.moved_away = state.moved_away.saturating_sub(1),
            "Fallback" => state.fallback = state.fallback.saturating_sub(1),
            "txbxContent" | "rt" => {
                self.turn(false);
                self.state.boxes = self.state.boxes.saturating_sub(1);
            }
            "sp" if state.master && state.placeholder => {
                self.shown.truncate(state.shape_start);
                self.rows.cut(self.shown.len());
            }
            "tbl" => {
                state.tables.pop();
                self.table(Rows::end_table);
            }
            "tr" => self.table(Rows::end_row),
            "p" | "tc" => {
                self.turn(false);
                if std::mem::take(&mut self.state.paragraph.rightward) {
                    self.push(BACK);
                }
                if let Some(text) = self.state.paragraph.glued.take().and_then(|at| self.shown.get(at..)) {
                    self.glued.push_str(text);
                    self.glued.push('\n');
                }
                self.push("\n");
                self.state.section += usize::from(std::mem::take(&mut self.state.section_ends));
                if !self.hidden.is_empty() && !self.hidden.ends_with('\n') {
                    self.hidden.push('\n');
                }
            }
            _ => {}
        }
    }

    /// What styles and defaults say of the text that is open (ISO/IEC 29500-1, 17.7.2).
    fn look(&self) -> Look {
        if self.styles.say_nothing() {
            return Look::default();
        }
        let tables = self.state.tables.last().copied().unwrap_or_default();
        self.state.run.or(self.state.paragraph.look).or(tables).or(self.styles.defaults())
    }

    /// What the shape on a slide says that the text is in, or what it is an example of.
    fn of_shape(&self) -> Option<bool> {
        let depth = self.state.paragraph.depth;
        let inherited = match (self.state.placeholder, self.state.title) {
            (true, true) => self.inherited.titles,
            (true, false) => self.inherited.bodies,
            (false, _) => self.inherited.boxes,
        };
        self.state.levels.at(depth).or(inherited.at(depth))
    }

    /// All is known of a paragraph that stands before its text.
    fn begin_paragraph(&mut self) {
        if !std::mem::take(&mut self.state.paragraph.awaited) {
            return;
        }
        // LibreOffice 7.4 shows paragraphs of such a section so that say nothing of themselves.
        let section = || match self.sections.get(self.state.section) {
            Some(rightward) => *rightward,
            None => !self.styles.sections.is_empty() && self.sections.is_empty(),
        };
        let said = self.state.paragraph.bidi.or(self.look().rightward).or_else(|| self.of_shape());
        self.state.paragraph.rightward = said.unwrap_or_else(section);
        if self.state.paragraph.rightward {
            self.push(FROM_RIGHT);
        }
        self.number();
    }

    /// Runs of one direction, one behind the other, are one stretch.
    fn turn(&mut self, rightward: bool) {
        if std::mem::replace(&mut self.state.turned, rightward) != rightward {
            self.push(run_mark(rightward, self.state.paragraph.rightward));
        }
    }

    fn text(&mut self, text: &str) {
        if self.state.in_code {
            self.codes.push_str(text);
        } else if self.state.in_text {
            match self.state.deleted > 0 || self.state.moved_away > 0 || self.state.vanished {
                true => self.hidden.push_str(text),
                false => {
                    let rightward = self.state.rightward.or(self.look().runs_rightward) == Some(true);
                    self.turn(rightward && (self.state.turned || needs_marks(text)));
                    self.push(text);
                }
            }
        } else if self.state.vml_boxes > 0 && self.state.boxes == 0 && !text.trim().is_empty() {
            self.boxes.push_str(text);
        }
    }

    /// The next line of a paragraph runs as this one did.
    fn line_break(&mut self) {
        self.turn(false);
        self.push("\n");
        if self.state.paragraph.rightward {
            self.push(FROM_RIGHT);
        }
    }

    /// What the list of a paragraph puts before it.
    fn number(&mut self) {
        if self.styles.numbering.is_empty() || self.state.fallback > 0 {
            return;
        }
        let Paragraph { style, list, level, .. } = &self.state.paragraph;
        let numbering = &self.styles.numbering;
        let Some(before) = numbering.next(list.as_deref(), *level, style, &mut self.counters) else { return };
        if before.glued && self.state.boxes == 0 {
            self.glued.push_str(&before.text);
            self.state.paragraph.glued = Some(self.shown.len() + before.text.len() + 1);
        }
        self.push(&before.text);
        self.push("\t");
    }

    /// An element of a table, in the text in which it stands.
    fn table(&mut self, element: impl FnOnce(&mut Rows, &str)) {
        match (self.state.fallback > 0, self.state.boxes > 0) {
            (true, _) => {}
            (_, true) => element(&mut self.rows_of_boxes, &self.boxes),
            _ => element(&mut self.rows, &self.shown),
        }
    }

    /// Text goes where it is shown.
    fn push(&mut self, text: &str) {
        let to = match (self.state.fallback > 0, self.state.boxes > 0) {
            (true, _) => &mut self.fallback,
            (_, true) => &mut self.boxes,
            _ => &mut self.shown,
        };
        to.push_str(text);
    }

    fn author(&mut self, name: Option<String>) {
        const MOST: usize = 1_000;
        if let Some(name) = name
            && self.authors.len() < MOST
            && !self.authors.contains(&name)
        {
            self.line("attributes", Some(name.clone()));
            self.authors.insert(name);
        }
    }

    fn line(&mut self, to: &str, text: Option<String>) {
        let to = match to {
            "codes" => &mut self.codes,
            "shown" => &mut self.shown,
            _ => &mut self.attributes,
        };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            to.push_str(&text);
            to.push('\n');
        }
    }
}
