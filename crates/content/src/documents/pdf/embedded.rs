//! What the program of a font tells that lies in the file: by it glyphs are drawn, whatever text the file tells for them.

use foldhash::HashMap;
use lopdf::{Dictionary, Document};

use super::cff::Cff;
use super::font::{number, stream};
use super::names::Names;
use super::program;

/// Whether a viewer finds the glyphs by their names: the program has no other way, the font says how it is encoded, or it is the
/// viewer's own.
pub(super) fn names_are_drawn(dict: &Dictionary, doc: &Document) -> bool {
    let Some(font) = descriptor(dict, doc) else { return true };
    let flags = font.get_deref(b"Flags", doc).ok().and_then(number).unwrap_or(0.0) as u32;
    let symbolic = flags & 4 != 0;
    !font.has(b"FontFile2") || !symbolic && dict.has(b"Encoding")
}

pub(super) fn descriptor<'a>(dict: &'a Dictionary, doc: &'a Document) -> Option<&'a Dictionary> {
    dict.get_deref(b"FontDescriptor", doc).ok()?.as_dict().ok()
}

/// Characters by the numbers that strings have for glyphs, as the embedded program tells them.
pub(super) fn drawn_characters(
    descendant: &Dictionary,
    doc: &Document,
    names: &mut Names,
) -> HashMap<u32, char> {
    let file = |key| stream(descriptor(descendant, doc)?.get_deref(key, doc).ok()?);
    if let Some(octets) = file(b"FontFile3") {
        return compact_characters(&octets, names);
    }
    let by_glyph = file(b"FontFile2").map(|octets| program::characters(&octets)).unwrap_or_default();
    if by_glyph.is_empty() {
        return by_glyph;
    }
    let Some(map) = descendant.get_deref(b"CIDToGIDMap", doc).ok().and_then(stream) else { return by_glyph };
    let glyphs = map.chunks_exact(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]])));
    glyphs.zip(0..).filter_map(|(glyph, number)| Some((number, *by_glyph.get(&glyph)?))).collect()
}

/// Those of a program in Adobe's form: by the names of its glyphs, or by the table of the OpenType file that it lies in.
fn compact_characters(octets: &[u8], names: &mut Names) -> HashMap<u32, char> {
    let by_glyph = program::characters(octets);
    let Some(cff) = Cff::read(octets) else { return by_glyph };
    let mut character = |glyph: usize| {
        let named = cff.name(glyph).map(|name| names.text(name)).and_then(|text| only_character(&text));
        named.or_else(|| by_glyph.get(&(glyph as u32)).copied())
    };
    let number = |glyph: usize| match cff.numbered {
        true => cff.number(glyph).map(u32::from),
        false => Some(glyph as u32),
    };
    (0..cff.len()).filter_map(|glyph| Some((number(glyph)?, character(glyph)?))).collect()
}

fn only_character(text: &str) -> Option<char> {
    let mut all = text.chars();
    all.next().filter(|_| all.next().is_none())
}

/// The encoding that an embedded program has of its own.
pub(super) fn own_table(dict: &Dictionary, doc: &Document, names: &mut Names) -> Option<Vec<String>> {
    let file = |key| stream(descriptor(dict, doc)?.get_deref(key, doc).ok()?);
    let own = if let Some(octets) = file(b"FontFile") {
        names.of_type1_program(&octets)
    } else {
        let octets = file(b"FontFile3")?;
        let mut table = vec![String::new(); 256];
        for (code, name) in Cff::read(&octets)?.encoding()? {
            table[usize::from(code)] = names.text(name);
        }
        table
    };
    own.iter().any(|text| !text.is_empty()).then_some(own)
}
