//! What a PDF holds beside its pages: annotations, form fields, links, scripts, outline, properties, images and attached files.

use std::collections::HashSet;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::font::{name, number};
use super::page::Runner;
use super::{layout, text_string, unpack};
use crate::documents::Output;
use crate::documents::xml::{Node, walk};
use crate::documents::xmp;
use crate::{Kind, Reason};

/// Annotations of one page.
const MAX_ANNOTATIONS: usize = 20_000;
/// What an annotation draws in one way, and choices of one field.
const MAX_STATES: usize = 64;
const MOST_CHOICES: usize = 20_000;
/// Properties, and parts of an XML form.
const MOST_PROPERTIES: usize = 4_096;
/// Links that differ.
const MOST_LINKS: usize = 200_000;
/// Pictures that are handed on.
const MAX_IMAGES: usize = 256;
/// Patterns and masks.
const MAX_PATTERNS: usize = 4_096;
/// Octets of a property, script or form stream.
const MAX_STREAM: usize = 16 << 20;

/// Notes, links and what form fields show on one page.
pub(super) fn annotations<'a>(
    doc: &'a Document,
    page: &'a Dictionary,
    place: &str,
    runner: &mut Runner<'a>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let Ok(Object::Array(list)) = page.get_deref(b"Annots", doc) else { return Ok(()) };
    if list.len() > MAX_ANNOTATIONS {
        out.unscannable(place, Reason::TooManyParts);
    }
    for entry in list.iter().take(MAX_ANNOTATIONS) {
        let Ok((_, Object::Dictionary(annotation))) = doc.dereference(entry) else { continue };
        let mut said = String::new();
        for (key, kind) in OF_ANNOTATIONS {
            let widget_name = *key == b"T" && annotation.has(b"FT");
            let Some(text) = string(annotation, key, doc).filter(|_| !widget_name) else { continue };
            let text = if *key == b"RC" { rich(text) } else { text };
            said.push_str(&text);
            out.text(place, *kind, text)?;
        }
        // Captions of a button, as it is, pointed at and pressed.
        if let Ok(Object::Dictionary(looks)) = annotation.get_deref(b"MK", doc) {
            for caption in [b"CA", b"RC", b"AC"].iter().filter_map(|key| string(looks, *key, doc)) {
                said.push_str(&caption);
                out.text(place, Kind::Attribute, caption)?;
            }
        }
        if let Some(value) = string(annotation, b"V", doc) {
            said.push_str(&value);
        }
        appearance(doc, annotation, place, &said, runner, out)?;
    }
    Ok(())
}

/// What annotations say (ISO 32000, 12.5.6).
const OF_ANNOTATIONS: &[(&[u8], Kind)] = &[
    (b"Contents", Kind::Comment),
    (b"RC", Kind::Comment),
    (b"T", Kind::Attribute),
    (b"Subj", Kind::Attribute),
    (b"OverlayText", Kind::Comment),
];

/// The text of XHTML in a string; what is none stays as it is.
fn rich(text: String) -> String {
    let mut plain = String::new();
    let read = walk(text.as_bytes(), |node| {
        match node {
            Node::Text(piece) => plain.push_str(piece),
            Node::End("p" | "div" | "br" | "li") => plain.push('\n'),
            _ => {}
        }
        Ok(())
    });
    if read.is_ok() && !plain.trim().is_empty() { plain } else { text }
}

/// What an annotation draws, where that is not what it says.
fn appearance<'a>(
    doc: &'a Document,
    annotation: &'a Dictionary,
    place: &str,
    said: &str,
    runner: &mut Runner<'a>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let Ok(appearances) = annotation.get_deref(b"AP", doc).and_then(Object::as_dict) else { return Ok(()) };
    let state = name(annotation, b"AS", doc).unwrap_or_default();
    let mut forms = Vec::new();
    for key in [b"N", b"R", b"D"] {
        match appearances.get_deref(key, doc) {
            Ok(Object::Stream(form)) => forms.push((key == b"N", form)),
            Ok(Object::Dictionary(states)) => {
                if states.len() > MAX_STATES {
                    out.unscannable(place, Reason::TooManyParts);
                }
                for (name, form) in states.iter().take(MAX_STATES) {
                    if let Ok((_, Object::Stream(form))) = doc.dereference(form) {
                        forms.push((key == b"N" && **name == *state, form));
                    }
                }
            }
            _ => {}
        }
    }
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let mut said = letters(said);
    // What it draws now, then what it draws when somebody points at it, or chooses otherwise.
    forms.sort_by_key(|(now, _)| !now);
    for (now, form) in forms {
        let (content, whole) = unpack(form, MAX_STREAM);
        if !whole {
            runner.seen.lost = Some(Reason::Corrupt);
        }
        out.spend(0)?;
        let resources = form.dict.get_deref(b"Resources", doc).and_then(Object::as_dict).ok();
        let (shown, ran) = runner.run(content, resources);
        let text = layout::text(&shown.runs);
        if !said.contains(&letters(&text)) {
            said.push_str(&letters(&text));
            out.text(place, if now { Kind::Text } else { Kind::Hidden }, text)?;
        }
        ran?;
    }
    Ok(())
}

fn string(dict: &Dictionary, key: &[u8], doc: &Document) -> Option<String> {
    let text = match dict.get_deref(key, doc).ok()? {
        Object::String(octets, _) => text_string(octets),
        Object::Name(name) => String::from_utf8_lossy(name).into_owned(),
        Object::Stream(stream) => text_string(&unpack(stream, MAX_STREAM).0),
        Object::Array(each) => {
            // A choice may be a pair: what is sent, and what is shown.
            let one = |entry| match doc.dereference(entry).ok()?.1 {
                Object::String(octets, _) => Some(text_string(octets)),
                _ => None,
            };
            let texts = each.iter().take(MOST_CHOICES).flat_map(|entry| match doc.dereference(entry) {
                Ok((_, Object::Array(pair))) => pair.iter().take(2).filter_map(one).collect(),
                _ => Vec::from_iter(one(entry)),
            });
            let mut left = MAX_STREAM;
            let texts = texts.map_while(|text| {
                left = left.checked_sub(text.len())?;
                Some(text)
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

struct Found<'a, 'o, 'l> {
    doc: &'a Document,
    out: &'o mut Output<'l>,
    files: HashSet<ObjectId>,
    links: HashSet<Vec<u8>>,
    images: usize,
    /// Streams that draw what a page fills areas with, or shows things through.
    drawn: Vec<(ObjectId, &'static str)>,
}

/// Everything that is found by looking at each object once, wherever it hangs.
pub(super) fn read<'a>(
    doc: &'a Document,
    runner: &mut Runner<'a>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    properties(doc, out)?;
    xfa(doc, out)?;
    let mut found =
        Found { doc, out, files: HashSet::new(), links: HashSet::new(), images: 0, drawn: Vec::new() };
    let mut todo: Vec<&Object> = Vec::new();
    for (id, object) in &doc.objects {
        todo.push(object);
        while let Some(object) = todo.pop() {
            match object {
                Object::Array(each) => todo.extend(each),
                Object::Dictionary(dict) => {
                    found.dictionary(dict)?;
                    todo.extend(dict.iter().map(|(_, value)| value));
                }
                Object::Stream(stream) => {
                    found.stream(stream, *id)?;
                    found.dictionary(&stream.dict)?;
                    todo.extend(stream.dict.iter().map(|(_, value)| value));
                }
                _ => {}
            }
        }
    }
    let drawn = found.drawn;
    patterns(doc, drawn, runner, out)
}

/// The text of patterns and of masks: areas that are filled with text, and text that something shines through.
fn patterns<'a>(
    doc: &'a Document,
    mut drawn: Vec<(ObjectId, &'static str)>,
    runner: &mut Runner<'a>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    drawn.sort_unstable();
    drawn.dedup();
    if drawn.len() > MAX_PATTERNS {
        out.unscannable("pattern", Reason::TooManyParts);
    }
    for (id, place) in drawn.into_iter().take(MAX_PATTERNS) {
        let Ok(Object::Stream(stream)) = doc.get_object(id) else { continue };
        let (content, whole) = unpack(stream, MAX_STREAM);
        if !whole {
            runner.seen.lost = Some(Reason::Corrupt);
        }
        out.spend(0)?;
        let resources = stream.dict.get_deref(b"Resources", doc).and_then(Object::as_dict).ok();
        let (shown, ran) = runner.run(content, resources);
        out.text(place, Kind::Text, layout::text(&shown.runs))?;
        if let Some(reason) = runner.seen.lost.take() {
            out.unscannable(place, reason);
        }
        ran?;
    }
    Ok(())
}

impl Found<'_, '_, '_> {
    fn dictionary(&mut self, dict: &Dictionary) -> Result<(), Reason> {
        if dict.has(b"EF") {
            self.file(dict)?;
        }
        if let Ok(Object::String(link, _)) = dict.get(b"URI")
            && self.links.insert(link.clone())
        {
            if self.links.len() > MOST_LINKS {
                return Err(Reason::TooManyParts);
            }
            self.out.text("link", Kind::Link, text_string(link))?;
        }
        if let Some(script) = string(dict, b"JS", self.doc) {
            self.out.text("script", Kind::Script, script)?;
        }
        if dict.has(b"T") && (dict.has(b"FT") || dict.has(b"V") || dict.has(b"TU")) && !dict.has(b"S") {
            self.field(dict)?;
        }
        // What a figure is for those who do not see it; who signed, where and why.
        let is_element = dict.has(b"S") && (dict.has(b"P") || dict.has_type(b"StructElem"));
        let keys: &[&[u8]] = match () {
            () if is_element => &[b"Alt", b"ActualText", b"E"],
            () if dict.has(b"ByteRange") => &[b"Name", b"Location", b"Reason", b"ContactInfo"],
            () if dict.has(b"Alt") => &[b"Alt"],
            () => &[],
        };
        for key in keys {
            let text = string(dict, key, self.doc).unwrap_or_default();
            let place = if dict.has(b"ByteRange") { "signature" } else { "structure" };
            self.out.text(place, Kind::Attribute, text)?;
        }
        // Names of layers, and what stands before the numbers of pages.
        for (key, place, is) in [
            (&b"Name"[..], "layers", dict.has_type(b"OCG")),
            (b"P", "page labels", matches!(dict.get(b"P"), Ok(Object::String(..)))),
        ] {
            let text = string(dict, key, self.doc).filter(|_| is).unwrap_or_default();
            self.out.text(place, Kind::Property, text)?;
        }
        self.action(dict)?;
        if let Ok(Object::Reference(mask)) = dict.get(b"G")
            && matches!(name(dict, b"S", self.doc).as_deref(), Some(b"Luminosity" | b"Alpha"))
        {
            self.drawn.push((*mask, "mask"));
        }
        if dict.has(b"Title") && dict.has(b"Parent") {
            let title = string(dict, b"Title", self.doc).unwrap_or_default();
            self.out.text("outline", Kind::Text, title)?;
        }
        Ok(())
    }

    /// The file that an action opens, starts or sends to (ISO 32000, 12.6.4).
    fn action(&mut self, dict: &Dictionary) -> Result<(), Reason> {
        let opens = || {
            matches!(
                name(dict, b"S", self.doc).as_deref(),
                Some(b"Launch" | b"GoToR" | b"GoToE" | b"SubmitForm" | b"ImportData")
            )
        };
        if !dict.has(b"F") || !opens() {
            return Ok(());
        }
        let target = match dict.get_deref(b"F", self.doc) {
            Ok(Object::Dictionary(file)) => {
                string(file, b"UF", self.doc).or_else(|| string(file, b"F", self.doc))
            }
            _ => string(dict, b"F", self.doc),
        };
        match target {
            Some(target) if self.links.len() < MOST_LINKS && self.links.insert(target.clone().into()) => {
                self.out.text("link", Kind::Link, target)
            }
            _ => Ok(()),
        }
    }

    fn field(&mut self, dict: &Dictionary) -> Result<(), Reason> {
        let title = string(dict, b"T", self.doc).unwrap_or_default();
        if let Ok(Object::Array(each)) = dict.get_deref(b"Opt", self.doc)
            && each.len() > MOST_CHOICES
        {
            self.out.unscannable("form", Reason::TooManyParts);
        }
        let place = format!("form field {}", title.chars().take(80).collect::<String>());
        for (key, kind) in [(&b"V"[..], Kind::Text), (b"TU", Kind::Attribute), (b"Opt", Kind::Attribute)] {
            // A value that hangs on its own is no field: signatures are dictionaries.
            if let Some(value) = string(dict, key, self.doc).filter(|value| value != "Off") {
                self.out.text(&place, kind, value)?;
            }
        }
        // The value with its looks, and the one that it is set back to: nearly always the same again.
        let value = string(dict, b"V", self.doc).unwrap_or_default();
        for other in [string(dict, b"RV", self.doc).map(rich), string(dict, b"DV", self.doc)] {
            let other = other.filter(|other| other != "Off" && other.trim() != value.trim());
            self.out.text(&place, Kind::Attribute, other.unwrap_or_default())?;
        }
        Ok(())
    }

    fn file(&mut self, dict: &Dictionary) -> Result<(), Reason> {
        let Ok(Object::Dictionary(files)) = dict.get_deref(b"EF", self.doc) else { return Ok(()) };
        let name = string(dict, b"UF", self.doc).or_else(|| string(dict, b"F", self.doc));
        let name = name.unwrap_or_else(|| "attachment".to_owned());
        if let Some(about) = string(dict, b"Desc", self.doc) {
            self.out.text("attachment", Kind::Attribute, about)?;
        }
        for (_, entry) in files.iter().take(16) {
            let Ok((Some(id), Object::Stream(stream))) = self.doc.dereference(entry) else {
                self.out.unscannable(&name, Reason::Corrupt);
                continue;
            };
            if !self.files.insert(id) {
                continue;
            }
            if self.doc.is_encrypted() {
                self.out.locked(name.clone());
            } else {
                let limit = self.out.left();
                let (octets, whole) = unpack(stream, limit as usize);
                self.out.spend(octets.len() as u64)?;
                if !whole {
                    self.out.unscannable(&name, Reason::Corrupt);
                }
                if whole || !octets.is_empty() {
                    self.out.file(name.clone(), octets)?;
                }
            }
        }
        Ok(())
    }

    fn stream(&mut self, stream: &Stream, id: ObjectId) -> Result<(), Reason> {
        if stream.dict.has_type(b"Metadata") {
            let (octets, whole) = unpack(stream, MAX_STREAM);
            if !whole {
                self.out.unscannable("properties", Reason::Corrupt);
            }
            return self.out.text("properties", Kind::Property, xmp::text(&octets));
        }
        if stream.dict.get_deref(b"PatternType", self.doc).ok().and_then(number) == Some(1.0) {
            self.drawn.push((id, "pattern"));
        }
        let is_image = name(&stream.dict, b"Subtype", self.doc).as_deref() == Some(b"Image");
        let jpeg = stream.filters().is_ok_and(|filters| filters == [b"DCTDecode".as_slice()]);
        if is_image && jpeg {
            self.images += 1;
            if self.images > MAX_IMAGES {
                if self.images == MAX_IMAGES + 1 {
                    self.out.unscannable("images", Reason::TooManyParts);
                }
                return Ok(());
            }
            self.out.spend(stream.content.len() as u64)?;
            self.out.file(format!("image {}.jpg", id.0), stream.content.clone())?;
        }
        Ok(())
    }
}

fn properties(doc: &Document, out: &mut Output<'_>) -> Result<(), Reason> {
    let Ok(Object::Dictionary(info)) = doc.trailer.get_deref(b"Info", doc) else { return Ok(()) };
    if info.len() > MOST_PROPERTIES {
        out.unscannable("properties", Reason::TooManyParts);
    }
    for (key, _) in info.iter().take(MOST_PROPERTIES) {
        if let Some(value) = string(info, key, doc).filter(|_| key != b"Trapped") {
            out.text("properties", Kind::Property, format!("{}: {value}", String::from_utf8_lossy(key)))?;
        }
    }
    Ok(())
}

/// The XML form that some programs show instead of the pages.
fn xfa(doc: &Document, out: &mut Output<'_>) -> Result<(), Reason> {
    let Ok(form) = doc.catalog().and_then(|catalog| catalog.get_deref(b"AcroForm", doc)) else {
        return Ok(());
    };
    let Ok(xfa) = form.as_dict().and_then(|form| form.get_deref(b"XFA", doc)) else { return Ok(()) };
    let (mut octets, mut all) = (Vec::new(), true);
    let mut take = |object: &Object| {
        if let Object::Stream(stream) = object {
            let (part, whole) = unpack(stream, MAX_STREAM.saturating_sub(octets.len()));
            octets.extend(part);
            all &= whole;
        }
    };
    match xfa {
        Object::Array(each) => {
            let parts = each.iter().take(MOST_PROPERTIES).filter_map(|entry| doc.dereference(entry).ok());
            parts.for_each(|(_, object)| take(object));
            all &= each.len() <= MOST_PROPERTIES;
        }
        object => take(object),
    }
    if !all {
        out.unscannable("form", Reason::Corrupt);
    }
    out.spend(octets.len() as u64)?;
    out.text("form", Kind::Text, xmp::text(&octets))
}
