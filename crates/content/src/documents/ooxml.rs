//! Office Open XML: every text of every part, each with its place. A part is what its first element says, whatever it
//! is called and wherever it lies; so one reader serves all variants, and a part in an odd place is read all the same.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::Output;
use super::xml::{Node, plain, walk};
use crate::{DocumentRequest, Kind, Reason};

mod date;
mod format;
mod levels;
mod numbering;
mod package;
mod sections;
mod sheet;
mod slides;
mod styles;
mod text;

pub(super) use format::{Formats, at_most_15_digits, plain as plain_number};
use package::Part;
pub(super) use package::{Package, report, stem};
pub(super) use sheet::header_text;
use styles::{Styles, rightward_sections};

/// Opens a document, workbook or presentation.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut package = Package::read(request, out)?;
    for (name, octets) in package.take_binaries() {
        package.unread(&name, octets, out)?;
    }
    read(&package, out)
}

/// The XML parts of a package, by the readers of what is in it.
pub(super) fn read(package: &Package, out: &mut Output<'_>) -> Result<(), Reason> {
    let is = |root: &str| package.of_root(root).next().is_some();
    let (book, show) = (is("workbook") || is("worksheet"), is("presentation") || is("sld"));
    // Drawings belong to whatever holds them; text without a program of its own is read as a document's.
    if book {
        sheet::read(package, out)?;
    }
    if show {
        slides::read(package, out)?;
    }
    others(package, book || show, out)
}

/// Running text of a document that is one XML file.
pub(super) fn runs(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut styles = Styles::default();
    // Damage is told by whoever reads the text.
    let _ = styles.read(octets);
    styles.resolve();
    let too_many = styles.is_too_much();
    let (texts, read) = text::read_with(&Rc::new(styles), rightward_sections(octets), octets);
    texts.hand_on("", Kind::Text, out)?;
    if too_many {
        out.unscannable("styles", Reason::TooBig);
    }
    read
}

/// Parts that the readers of workbooks and presentations do not take.
fn others(package: &Package, drawings_done: bool, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut styles = Styles::default();
    for part in package.of_root("styles") {
        report(styles.read(&part.octets), &part.name, out)?;
    }
    if styles.is_too_much() {
        out.unscannable("styles", Reason::TooBig);
    }
    styles.resolve();
    let sections =
        package.of_root("document").map(|part| (part.name.clone(), rightward_sections(&part.octets)));
    styles.sections = sections.filter(|(_, sections)| !sections.is_empty()).collect();
    let numbering = &mut styles.numbering;
    for part in package.of_root("numbering") {
        report(numbering.read(&part.octets), &part.name, out)?;
    }
    if !numbering.is_empty() {
        for part in package.of_root("styles") {
            report(numbering.read_styles(&part.octets), &part.name, out)?;
        }
    }
    let styles = Rc::new(styles);
    drawn_diagrams(package, out)?;
    for part in &package.parts {
        out.at(&part.name);
        let read = match other(part, &styles, drawings_done, out) {
            // What looks like a part without text, but is none of this package, is anybody's file.
            Ok(false) if package.type_of(&part.name).is_none() && part.name != "[Content_Types].xml" => {
                out.file(part.name.clone(), part.octets.clone())
            }
            read => read.map(drop),
        };
        report(read, &part.name, out)?;
    }
    out.at("");
    Ok(())
}

/// What programs show of a diagram is a drawing that they keep beside it ([MS-ODRAWXML] 2.2.7): nearly always the same texts again.
fn drawn_diagrams(package: &Package, out: &mut Output<'_>) -> Result<(), Reason> {
    if package.of_root("drawing").next().is_none() {
        return Ok(());
    }
    let mut known = HashSet::new();
    for part in package.of_root("dataModel") {
        let (texts, _) = text::read(&part.octets);
        known.extend(texts.lines().map(str::to_owned));
    }
    for part in package.of_root("drawing") {
        out.at(&part.name);
        let (texts, read) = text::read(&part.octets);
        texts.without(&known).hand_on(stem(&part.name), Kind::Text, out)?;
        report(read, &part.name, out)?;
    }
    out.at("");
    Ok(())
}

/// Parts of documents, and those that every kind of package has; false where it shows nothing by what it is.
fn other(
    part: &Part,
    styles: &Rc<Styles>,
    drawings_done: bool,
    out: &mut Output<'_>,
) -> Result<bool, Reason> {
    let name = stem(&part.name);
    let word = |place: &str, kind: Kind, out: &mut Output<'_>| {
        let sections = styles.sections.get(&part.name).cloned().unwrap_or_default();
        let (texts, read) = text::read_with(styles, sections, &part.octets);
        texts.hand_on(place, kind, out)?;
        read
    };
    match part.root.as_str() {
        "document" => word(if name == "document" { "" } else { name }, Kind::Text, out)?,
        "hdr" | "ftr" => word(name, Kind::Text, out)?,
        "glossaryDocument" => word("building blocks", Kind::Hidden, out)?,
        "footnotes" | "endnotes" => word(name, Kind::Note, out)?,
        "comments" if !drawings_done => word("comments", Kind::Comment, out)?,
        "settings" => settings(part, out)?,
        "numbering" => numbering(part, out)?,
        "dataModel" | "chartSpace" | "xml" | "userShapes" | "wsDr" if !drawings_done => {
            word(name, Kind::Text, out)?;
            if part.root == "chartSpace" {
                chart(part, name, out)?;
            }
        }
        root if drawings_done && READ_ELSEWHERE.contains(&root) => {}
        root if WITHOUT_TEXT.contains(&root) => return Ok(false),
        _ => {
            let (text, read) = plain(&part.octets);
            let place = if part.name.starts_with("docProps") { "properties" } else { name };
            out.text(place, Kind::Property, text)?;
            read?;
            if part.root == "Properties" {
                values_of(part, &["name"], place, Kind::Property, out)?;
            }
        }
    }
    Ok(true)
}

/// Roots that the readers of workbooks and presentations take.
const READ_ELSEWHERE: &[&str] = &[
    "workbook",
    "worksheet",
    "chartsheet",
    "dialogsheet",
    "macrosheet",
    "sst",
    "comments",
    "ThreadedComments",
    "pivotCacheDefinition",
    "pivotCacheRecords",
    "externalLink",
    "connections",
    "queryTable",
    "presentation",
    "sld",
    "notes",
    "cmLst",
    "cmAuthorLst",
    "authorLst",
    "sldMaster",
    "sldLayout",
    "notesMaster",
    "handoutMaster",
    "wsDr",
    "dataModel",
    "chartSpace",
    "xml",
    "userShapes",
    "formControlPr",
    "personList",
    "pivotTableDefinition",
    "slicers",
    "slicerCacheDefinition",
    "timelines",
];

/// Roots of parts that show nothing: how things look, and copies of what was read.
const WITHOUT_TEXT: &[&str] = &[
    "styleSheet",
    "styles",
    "theme",
    "fonts",
    "webSettings",
    "calcChain",
    "tblStyleLst",
    "presentationPr",
    "viewPr",
    "Types",
    "drawing",
    "layoutDef",
    "styleDef",
    "colorsDef",
    "colorStyle",
    "chartStyle",
];

/// Words that stand before each paragraph of a list; numbers and bullets are none.
fn numbering(part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
    const SHORTEST: usize = 4;
    let mut all = String::new();
    let read = walk(&part.octets, |node| {
        if let Node::Start("lvlText", attributes) = node
            && let Some(text) = attributes.get("val")
            && text.split('%').flat_map(str::chars).filter(|c| c.is_alphanumeric()).count() >= SHORTEST
        {
            all.push_str(&text);
            all.push('\n');
        }
        Ok(())
    });
    out.text("numbering", Kind::Text, all)?;
    read
}

/// Variables that programs keep in a document, and where letters to many have their names from.
fn settings(part: &Part, out: &mut Output<'_>) -> Result<(), Reason> {
    let (mut all, mut merge) = (String::new(), String::new());
    let read = walk(&part.octets, |node| {
        match node {
            Node::Start("docVar", attributes) => {
                for key in ["name", "val"] {
                    all.push_str(&attributes.get(key).unwrap_or_default());
                    all.push('\n');
                }
            }
            Node::Start("connectString" | "query" | "mailSubject", attributes) => {
                merge.push_str(&attributes.get("val").unwrap_or_default());
                merge.push('\n');
            }
            _ => {}
        }
        Ok(())
    });
    out.text("variables", Kind::Property, all)?;
    out.text("mail merge", Kind::Property, merge)?;
    read
}

/// What a part says in attributes of these names, each value once, a line each.
fn values_of(
    part: &Part,
    names: &[&str],
    place: &str,
    kind: Kind,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let (mut seen, mut all) = (HashSet::new(), String::new());
    let read = walk(&part.octets, |node| {
        if let Node::Start(_, attributes) = node {
            for name in names {
                if let Some(value) = attributes.get(name).filter(|value| value.len() > 1)
                    && seen.insert(value.to_string())
                {
                    all.push_str(&value);
                    all.push('\n');
                }
            }
        }
        Ok(())
    });
    out.text(place, kind, all)?;
    read
}

/// The values that a chart keeps of its cells, points of the newer charts ([MS-ODRAWXML] 2.24.3), names of trend lines, and
/// words that formats put beside a number.
fn chart(part: &Part, place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let (mut all, mut formats, mut inside, mut in_format) = (String::new(), BTreeSet::new(), false, false);
    let with_words = |code: &str| code.contains(|c| matches!(c, '"' | '\\' | '1'..='9'));
    let read = walk(&part.octets, |node| {
        match node {
            Node::Start("formatCode", _) => in_format = true,
            Node::End("formatCode") => in_format = false,
            Node::Text(text) if in_format && with_words(text) => {
                formats.insert(text.to_owned());
            }
            Node::Start(name, attributes) => {
                inside |= matches!(name, "v" | "pt" | "name");
                if let Some(code) = attributes.get("formatCode").filter(|code| with_words(code)) {
                    formats.insert(code.into_owned());
                }
            }
            Node::End("v" | "pt" | "name") => {
                inside = false;
                if !all.is_empty() && !all.ends_with('\n') {
                    all.push('\n');
                }
            }
            Node::Text(text) if inside && !text.trim().is_empty() => all.push_str(text),
            _ => {}
        }
        Ok(())
    });
    out.text(place, Kind::Text, all)?;
    let formats: Vec<_> = formats.into_iter().collect();
    out.text(place, Kind::Attribute, formats.join("\n"))?;
    read
}
