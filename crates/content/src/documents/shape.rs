//! Words that shapes of old Office documents draw themselves (WordArt), what is read out for a shape and where it leads: properties in its
//! drawing ([MS-ODRAW] 2.3).

use super::hyperlink;
use super::ole::{u16_at, u32_at, wide};
use crate::Kind;

/// Tables of a shape's properties: the first, the second and the third.
const TABLES: [u16; 3] = [0xf00b, 0xf121, 0xf122];
/// Kinds of records of drawings.
const DRAWING: std::ops::RangeInclusive<u16> = 0xf000..=0xf1ff;

/// Whether a record is a table of a shape's properties.
pub(super) fn is_table(kind: u16) -> bool {
    TABLES.contains(&kind)
}

/// The texts in a table of so many properties: first the properties, then what those hold that are no number, one behind the other.
pub(super) fn texts(count: u16, data: &[u8]) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let mut at = 6 * usize::from(count);
    for index in 0..usize::from(count) {
        let (Some(property), Some(value)) = (u16_at(data, 6 * index), u32_at(data, 6 * index + 2)) else {
            break;
        };
        if property & 0x8000 == 0 {
            continue;
        }
        let end = at.saturating_add(value as usize).min(data.len());
        let octets = data.get(at..end).unwrap_or_default();
        match property & 0x3fff {
            0xc0 => found.push((Kind::Text, wide(octets))),
            0x381 | 0x38d => found.push((Kind::Attribute, wide(octets))),
            // pihlShape ([MS-ODRAW] 2.3.4.2)
            0x382 => found.push((Kind::Link, hyperlink::text(octets))),
            _ => {}
        }
        at = end;
    }
    found
}

/// The texts of all shapes in drawings that stand one behind the other, perhaps with an octet between them. Containers are stepped into.
pub(super) fn in_drawings(octets: &[u8]) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    let kind_at = |at: usize| u16_at(octets, at + 2).filter(|kind| DRAWING.contains(kind));
    while let Some((at_record, kind)) = [at, at + 1].into_iter().find_map(|at| Some((at, kind_at(at)?))) {
        let (Some(head), Some(length)) = (u16_at(octets, at_record), u32_at(octets, at_record + 4)) else {
            break;
        };
        at = at_record + 8;
        if head & 15 == 15 {
            continue;
        }
        let end = at.saturating_add(length as usize);
        if is_table(kind) {
            found.extend(texts(head >> 4, octets.get(at..end.min(octets.len())).unwrap_or_default()));
        }
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    /// A link to an address.
    fn link() -> Vec<u8> {
        let class = |first: u8| [&[first, 0xc9, 0xea, 0x79][..], &[0; 12]].concat();
        let address = stored("https://a.example/4111");
        let length = (address.len() as u32).to_le_bytes();
        [class(0xd0), vec![2, 0, 0, 0, 3, 0, 0, 0], class(0xe0), length.to_vec(), address].concat()
    }

    /// A shape with a number, drawn words, a description and a link.
    fn table() -> Vec<u8> {
        let (words, description, link) = (stored("4111 größe"), stored("a card"), link());
        let entry = |property: u16, value: usize| {
            [&property.to_le_bytes()[..], &(value as u32).to_le_bytes()].concat()
        };
        let entries = [
            entry(0x4004, 9),
            entry(0xc0c0, words.len()),
            entry(0xc381, description.len()),
            entry(0xc382, link.len()),
        ];
        [entries.concat(), words, description, link].concat()
    }

    #[test]
    fn drawn_words_descriptions_and_links_are_read_wherever_a_drawing_holds_them() {
        let table = table();
        let record = |head: u16, kind: u16, data: &[u8]| {
            [&head.to_le_bytes()[..], &kind.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data].concat()
        };
        let shape =
            record(15, 0xf004, &[record(0xa2, 0xf00a, &[0; 8]), record(0x43, 0xf00b, &table)].concat());
        let drawings =
            [record(15, 0xf000, &record(0, 0xf006, &[1; 4])), vec![0], record(15, 0xf002, &shape)].concat();
        let expected = [
            (Kind::Text, "4111 größe".to_owned()),
            (Kind::Attribute, "a card".to_owned()),
            (Kind::Link, "https://a.example/4111".to_owned()),
        ];
        assert_eq!(in_drawings(&drawings), expected);
        for length in 0..drawings.len() {
            assert!(in_drawings(&drawings[..length]).len() <= 3);
        }
        assert_eq!(in_drawings(&[0xff; 40]), []);
    }
}
