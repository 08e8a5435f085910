//! Fonts: from the octets of a shown string to text and advance widths, as far as the file tells.

use std::borrow::Cow;
use std::rc::Rc;

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS, UTF_8, UTF_16BE};
use foldhash::{HashMap, HashMapExt};
use lopdf::{Dictionary, Document, Object};

use super::cmap::{CMap, Code};
use super::embedded::{descriptor, drawn_characters, names_are_drawn, own_table};
use super::names::{self, Names};
use super::widths;

/// Octets of one CMap or font program.
const MAX_STREAM: usize = 8 << 20;

/// A font, ready to read strings.
#[derive(Debug, Clone)]
pub(super) struct Font {
    coding: Coding,
    /// Of a font of one octet a glyph: the printable ASCII character that an octet shows, or 0.
    plain: Vec<u8>,
    to_unicode: Option<CMap>,
    widths: Widths,
    pub(super) vertical: bool,
    /// The same font by the names of its glyphs, where its table of texts says otherwise: the names are what is drawn.
    pub(super) by_names: Option<Rc<Font>>,
}

#[derive(Debug, Clone)]
enum Coding {
    /// One octet, one glyph.
    Simple(Vec<String>),
    /// Two octets are the glyph's number; the program may tell what glyphs stand for.
    Identity { latin_collection: bool, drawn: HashMap<u32, char> },
    /// The file's own CMap.
    Own(Box<CMap>),
    /// A CMap that Adobe defined, as a character set.
    Charset(&'static Encoding),
    /// Rows and cells of JIS X 0208, two octets of seven bits each: EUC without its high bits.
    Rows,
    /// A CMap that Adobe defined for UTF-32: the code is the character.
    Characters,
    /// A CMap for a character set that has no decoder here: ASCII, and glyphs of two octets that do not tell their text.
    Unknown,
}

impl Coding {
    /// Whether the program has another letter or digit for a glyph than the table of texts.
    fn denies(&self, map: &CMap) -> bool {
        let Self::Identity { drawn, .. } = self else { return false };
        drawn.iter().filter(|(_, c)| c.is_ascii_alphanumeric()).any(|(glyph, c)| {
            map.text((2, *glyph)).is_some_and(|text| {
                let mut text = text.chars();
                let first = text.next().filter(char::is_ascii_alphanumeric);
                first.is_some_and(|first| first != *c) && text.next().is_none()
            })
        })
    }
}

/// One glyph of a shown string.
pub(super) struct Shown<'a> {
    /// What it stands for; nothing if the file does not tell.
    pub(super) text: Option<&'a str>,
    /// Advance in ems.
    pub(super) advance: f64,
    /// The single octet 32, to which word spacing applies.
    pub(super) is_space: bool,
    /// Its number in the font.
    pub(super) code: u32,
}

/// Glyphs that each show one printable ASCII character.
#[derive(Debug, Default)]
pub(super) struct Plain {
    /// How many; as many octets of the string.
    pub(super) glyphs: usize,
    /// How many of them are the octet 32, to which word spacing applies.
    pub(super) spaces: usize,
    /// Their advances in ems, together.
    pub(super) advance: f64,
}

impl Font {
    pub(super) fn load(dict: &Dictionary, doc: &Document, names: &mut Names) -> Self {
        let to_unicode = dict.get_deref(b"ToUnicode", doc).ok().and_then(stream);
        let to_unicode = to_unicode.map(|octets| CMap::parse(&octets)).filter(|map| !map.is_empty());
        match name(dict, b"Subtype", doc).as_deref() {
            Some(b"Type0") => Self::composite(dict, doc, names, to_unicode),
            subtype => Self::simple(dict, doc, names, to_unicode, subtype == Some(b"Type3")),
        }
    }

    /// For text shown without a font that can be found.
    pub(super) fn fallback(doc: &Document, names: &mut Names) -> Self {
        Self::simple(&Dictionary::new(), doc, names, None, false)
    }

    fn simple(
        dict: &Dictionary,
        doc: &Document,
        names: &mut Names,
        to_unicode: Option<CMap>,
        drawn: bool,
    ) -> Self {
        let base_font = name(dict, b"BaseFont", doc).unwrap_or_default();
        let mut table = base_table(dict, doc, names, &base_font);
        let differences = dict.get_deref(b"Encoding", doc).ok().and_then(|object| object.as_dict().ok());
        if let Some(list) = differences.and_then(|encoding| encoding.get_deref(b"Differences", doc).ok()) {
            apply_differences(list.as_array().map_or(&[][..], Vec::as_slice), doc, names, &mut table);
        }
        let named = table.clone();
        if let Some(map) = &to_unicode {
            for (code, text) in table.iter_mut().enumerate() {
                let mapped = map.text((1, code as u32)).or_else(|| map.text((2, code as u32)));
                if let Some(mapped) = mapped.filter(|mapped| names::is_text(mapped)) {
                    *text = mapped.into_owned();
                }
            }
        }
        let unit = if drawn { matrix_scale(dict, doc) } else { 0.001 };
        let widths = simple_widths(dict, doc, unit, &base_font, &table);
        let of = |table: Vec<String>, by_names: Option<Rc<Self>>| {
            let plain = plain(&table);
            let (coding, widths) = (Coding::Simple(table), widths.clone());
            Self { coding, plain, to_unicode: None, widths, vertical: false, by_names }
        };
        let lies = !drawn && names_are_drawn(dict, doc) && say_otherwise(&named, &table);
        let by_names = lies.then(|| Rc::new(of(named, None)));
        of(table, by_names)
    }

    fn composite(dict: &Dictionary, doc: &Document, names: &mut Names, to_unicode: Option<CMap>) -> Self {
        let descendant = dict.get_deref(b"DescendantFonts", doc).ok().and_then(|list| match list {
            Object::Array(list) => doc.dereference(list.first()?).ok()?.1.as_dict().ok(),
            other => other.as_dict().ok(),
        });
        let (coding, vertical) = composite_coding(dict, descendant, doc, names);
        let (plain, widths) = (Vec::new(), Widths::all(1.0));
        let lies = to_unicode.as_ref().is_some_and(|map| coding.denies(map));
        let mut font = Self { coding, plain, to_unicode, widths, vertical, by_names: None };
        let Some(descendant) = descendant else { return font };
        if let Some(width) = descendant.get_deref(b"DW", doc).ok().and_then(number) {
            font.widths = Widths::all(width / 1000.0);
        }
        if let Ok(Object::Array(list)) = descendant.get_deref(b"W", doc) {
            composite_widths(list, doc, &mut font.widths);
        }
        if lies {
            font.by_names = Some(Rc::new(Self { to_unicode: None, by_names: None, ..font.clone() }));
        }
        font
    }

    /// Reads the beginning of a shown string, as far as each octet shows a printable ASCII character; adds these to the text.
    pub(super) fn read_plain(&self, octets: &[u8], text: &mut String) -> Plain {
        let Ok(plain) = <&[u8; 256]>::try_from(self.plain.as_slice()) else { return Plain::default() };
        let from = text.len();
        text.reserve(octets.len());
        let mut advance = 0.0;
        for octet in octets {
            let shown = plain[usize::from(*octet)];
            if shown == 0 {
                break;
            }
            text.push(char::from(shown));
            advance += self.widths.get(u32::from(*octet));
        }
        let glyphs = text.len() - from;
        let spaces = octets[..glyphs].iter().filter(|octet| **octet == 32).count();
        Plain { glyphs, spaces, advance }
    }

    /// Reads a shown string glyph by glyph.
    pub(super) fn read(&self, octets: &[u8], mut hear: impl FnMut(Shown<'_>)) {
        if let Coding::Simple(table) = &self.coding {
            for octet in octets {
                let text = table.get(usize::from(*octet)).map(String::as_str).filter(|text| !text.is_empty());
                let code = u32::from(*octet);
                hear(Shown { text, advance: self.widths.get(code), is_space: code == 32, code });
            }
            return;
        }
        let mut rest = octets;
        while !rest.is_empty() {
            let code = self.next_code(rest);
            let taken = usize::from(code.0).clamp(1, rest.len());
            let text = self.text(code, &rest[..taken]);
            let advance = match self.vertical {
                true => 1.0,
                false => self.widths.get(self.character(code)),
            };
            hear(Shown { text: text.as_deref(), advance, is_space: code == (1, 32), code: code.1 });
            rest = &rest[taken..];
        }
    }

    /// How many octets the first glyph of a shown string has.
    pub(super) fn length(&self, rest: &[u8]) -> usize {
        match &self.coding {
            Coding::Simple(_) => 1,
            _ => usize::from(self.next_code(rest).0).clamp(1, rest.len()),
        }
    }

    fn next_code(&self, rest: &[u8]) -> Code {
        let length = match &self.coding {
            Coding::Own(map) if map.has_spaces() => return map.next_code(rest),
            Coding::Unknown => match rest[0] {
                // The other planes of EUC-TW.
                0x8e => 4,
                0xa1..=0xfe => 2,
                _ => 1,
            },
            Coding::Characters => 4,
            Coding::Charset(encoding) if *encoding == UTF_8 => match rest[0] {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 1,
            },
            Coding::Charset(encoding) if *encoding != UTF_16BE => match rest[0] {
                0xa1..=0xdf if *encoding == SHIFT_JIS => 1,
                0x81..=0xfe if rest.len() > 1 => 2,
                _ => 1,
            },
            _ => 2,
        };
        let taken = rest.len().min(length);
        (taken as u8, rest[..taken].iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
    }

    fn character(&self, code: Code) -> u32 {
        match &self.coding {
            Coding::Own(map) => map.character(code).unwrap_or(code.1),
            _ => code.1,
        }
    }

    fn text<'t>(&'t self, code: Code, octets: &'t [u8]) -> Option<Cow<'t, str>> {
        let mapped = self.to_unicode.as_ref().and_then(|map| map.text(code));
        if let Some(mapped) = mapped.filter(|mapped| names::is_text(mapped)) {
            return Some(mapped);
        }
        match &self.coding {
            Coding::Charset(encoding) => {
                let (text, wrong) = encoding.decode_without_bom_handling(octets);
                (!wrong && names::is_text(&text)).then_some(text)
            }
            Coding::Rows => {
                let high: Vec<u8> = octets.iter().map(|octet| octet | 0x80).collect();
                let (text, wrong) = EUC_JP.decode_without_bom_handling(&high);
                (!wrong && names::is_text(&text)).then(|| text.into_owned().into())
            }
            Coding::Characters => char::from_u32(code.1)
                .map(|c| c.to_string().into())
                .filter(|text: &Cow<'_, str>| names::is_text(text)),
            Coding::Unknown => match code {
                (1, ascii @ 0x20..=0x7e) => char::from_u32(ascii).map(|c| c.to_string().into()),
                _ => None,
            },
            Coding::Own(map) => map.text(code).filter(|text| names::is_text(text)),
            // Adobe's collections for Chinese, Japanese and Korean begin with ASCII.
            Coding::Identity { latin_collection: true, .. } if (1..=95).contains(&code.1) => {
                char::from_u32(code.1 + 31).map(|c| c.to_string().into())
            }
            Coding::Identity { drawn, .. } => drawn.get(&code.1).map(|c| c.to_string().into()),
            Coding::Simple(_) => None,
        }
    }
}

/// Of a font of one octet a glyph: the printable ASCII character that each octet shows, or 0.
fn plain(table: &[String]) -> Vec<u8> {
    let one = |text: &String| match text.as_bytes() {
        [octet @ b' '..=b'~'] => *octet,
        _ => 0,
    };
    table.iter().map(one).collect()
}

/// Whether two tables have different letters or digits for one octet.
fn say_otherwise(named: &[String], table: &[String]) -> bool {
    let sign = |text: &String| text.len() == 1 && text.as_bytes()[0].is_ascii_alphanumeric();
    named.iter().zip(table).any(|(named, text)| named != text && sign(named) && sign(text))
}

fn composite_coding(
    dict: &Dictionary,
    descendant: Option<&Dictionary>,
    doc: &Document,
    names: &mut Names,
) -> (Coding, bool) {
    let collection = descendant
        .and_then(|font| font.get_deref(b"CIDSystemInfo", doc).ok()?.as_dict().ok())
        .and_then(|info| info.get_deref(b"Ordering", doc).ok()?.as_str().ok());
    let latin_collection =
        collection.is_some_and(|name| matches!(name, b"Japan1" | b"GB1" | b"CNS1" | b"Korea1" | b"KR"));
    let encoding = dict.get_deref(b"Encoding", doc).ok();
    if let Some(octets) = encoding.and_then(stream) {
        let map = CMap::parse(&octets);
        let vertical = map.vertical;
        return (Coding::Own(Box::new(map)), vertical);
    }
    let name = encoding.and_then(|object| object.as_name().ok()).unwrap_or_default();
    let has = |part: &[u8]| memchr::memmem::find(name, part).is_some();
    let coding = if has(b"UCS2") || has(b"UTF16") {
        Coding::Charset(UTF_16BE)
    } else if has(b"UTF32") {
        Coding::Characters
    } else if has(b"UTF8") {
        Coding::Charset(UTF_8)
    } else if matches!(name, b"H" | b"V" | b"Add-H" | b"Add-V" | b"Ext-H" | b"Ext-V") {
        Coding::Rows
    } else if has(b"CNS-EUC") {
        Coding::Unknown
    } else if has(b"RKSJ") {
        Coding::Charset(SHIFT_JIS)
    } else if has(b"GB") {
        Coding::Charset(GB18030)
    } else if has(b"B5") || has(b"HKscs") {
        Coding::Charset(BIG5)
    } else if has(b"KSC") {
        Coding::Charset(EUC_KR)
    } else if has(b"EUC") {
        Coding::Charset(EUC_JP)
    } else {
        let drawn = descendant.map(|font| drawn_characters(font, doc, names)).unwrap_or_default();
        Coding::Identity { latin_collection, drawn }
    };
    (coding, name == b"V" || name.ends_with(b"-V"))
}

fn base_table(dict: &Dictionary, doc: &Document, names: &mut Names, base_font: &[u8]) -> Vec<String> {
    let encoding = dict.get_deref(b"Encoding", doc).ok();
    let named = match encoding {
        Some(Object::Name(name)) => Some(name.clone()),
        Some(Object::Dictionary(encoding)) => name(encoding, b"BaseEncoding", doc),
        _ => None,
    };
    if named.is_none() {
        if let Some(own) = own_table(dict, doc, names) {
            return own;
        }
        if memchr::memmem::find(base_font, b"Symbol").is_some() {
            return names::symbol();
        }
    }
    match named.as_deref() {
        Some(name) => names::table(name),
        None if name(dict, b"Subtype", doc).as_deref() == Some(b"TrueType") => {
            names::table(b"WinAnsiEncoding")
        }
        None => names::table(b"StandardEncoding"),
    }
}

fn apply_differences(list: &[Object], doc: &Document, names: &mut Names, table: &mut [String]) {
    let mut code = 0_usize;
    for entry in list.iter().take(4096) {
        match doc.dereference(entry).map(|(_, object)| object) {
            Ok(Object::Name(name)) => {
                if let Some(slot) = table.get_mut(code) {
                    let text = names.text(name);
                    // A name that says nothing (`g17`) leaves what the code itself would say.
                    if !text.is_empty() || name == b".notdef" {
                        *slot = text;
                    }
                }
                code += 1;
            }
            Ok(object) => code = number(object).map_or(code, |code| code.max(0.0) as usize),
            Err(_) => {}
        }
    }
}

fn simple_widths(dict: &Dictionary, doc: &Document, unit: f64, base_font: &[u8], table: &[String]) -> Widths {
    let missing = descriptor(dict, doc).and_then(|font| number(font.get_deref(b"MissingWidth", doc).ok()?));
    let Ok(Object::Array(list)) = dict.get_deref(b"Widths", doc) else {
        let mut widths = Widths::all(0.5);
        for (code, text) in table.iter().enumerate() {
            widths.set(code as u32, widths::standard(base_font, text));
        }
        return widths;
    };
    let mut widths = Widths::all(missing.unwrap_or(0.0) * unit);
    let first = dict.get_deref(b"FirstChar", doc).ok().and_then(number).unwrap_or(0.0).max(0.0) as u32;
    for (index, entry) in list.iter().take(256).enumerate() {
        if let Some(width) = doc.dereference(entry).ok().and_then(|(_, object)| number(object)) {
            widths.set(first.saturating_add(index as u32), width * unit);
        }
    }
    widths
}

fn composite_widths(list: &[Object], doc: &Document, widths: &mut Widths) {
    let mut at = 0;
    let get =
        |at: usize| list.get(at).and_then(|entry| doc.dereference(entry).ok()).map(|(_, object)| object);
    while let Some(first) = get(at).and_then(number) {
        let first = first.max(0.0) as u32;
        if let Some(Object::Array(each)) = get(at + 1) {
            for (index, entry) in each.iter().take(70_000).enumerate() {
                let width = doc.dereference(entry).ok().and_then(|(_, object)| number(object));
                widths.set(first.saturating_add(index as u32), width.unwrap_or(0.0) / 1000.0);
            }
            at += 2;
        } else if let (Some(last), Some(width)) = (get(at + 1).and_then(number), get(at + 2).and_then(number))
        {
            for code in first..=(last.max(0.0) as u32).min(first.saturating_add(70_000)).min(70_000) {
                widths.set(code, width / 1000.0);
            }
            at += 3;
        } else {
            break;
        }
        if widths.far.len() > 200_000 {
            break;
        }
    }
}

/// Advance widths in ems by character; those that text is mostly made of lie side by side.
#[derive(Debug, Clone)]
struct Widths {
    near: Vec<f64>,
    far: HashMap<u32, f64>,
    other: f64,
}

impl Widths {
    const NEAR: u32 = 256;

    fn all(other: f64) -> Self {
        Self { near: vec![other; Self::NEAR as usize], far: HashMap::new(), other }
    }

    fn set(&mut self, character: u32, width: f64) {
        match self.near.get_mut(character as usize) {
            Some(near) => *near = width,
            None => drop(self.far.insert(character, width)),
        }
    }

    fn get(&self, character: u32) -> f64 {
        let near = self.near.get(character as usize).copied();
        near.unwrap_or_else(|| self.far.get(&character).copied().unwrap_or(self.other))
    }
}

fn matrix_scale(dict: &Dictionary, doc: &Document) -> f64 {
    let matrix = dict.get_deref(b"FontMatrix", doc).ok().and_then(|object| object.as_array().ok());
    let first = matrix.and_then(|matrix| number(matrix.first()?));
    first.map(f64::abs).filter(|scale| *scale > 0.0).unwrap_or(0.001)
}

pub(super) fn stream(object: &Object) -> Option<Vec<u8>> {
    object.as_stream().ok()?.get_plain_content_with_limit(MAX_STREAM).ok()
}

pub(super) fn name(dict: &Dictionary, key: &[u8], doc: &Document) -> Option<Vec<u8>> {
    dict.get_deref(key, doc).ok()?.as_name().ok().map(<[u8]>::to_vec)
}

pub(super) fn number(object: &Object) -> Option<f64> {
    match object {
        Object::Integer(value) => Some(*value as f64),
        Object::Real(value) => Some(f64::from(*value)),
        _ => None,
    }
}
