//! Records of binary parts, and the strings in them: those at their places, and those that stand anywhere in a record.

use crate::documents::ole::{Fields, u32_at, wide};

/// Characters of one string.
const LONGEST: usize = 32_767;

/// Records from the front.
pub(super) struct Records<'a>(Fields<'a>);

impl<'a> Records<'a> {
    pub(super) fn of(octets: &'a [u8]) -> Self {
        Self(Fields(octets))
    }
}

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

/// Whether the last record is cut off, or is none.
pub(super) fn are_cut(octets: &[u8]) -> bool {
    let mut rest = octets;
    while !rest.is_empty() {
        let head = 1 + usize::from(rest[0] & 0x80 != 0);
        let lengths = rest.get(head..).unwrap_or_default();
        let count = lengths.iter().take(4).position(|octet| octet & 0x80 == 0).map_or(4, |last| last + 1);
        let Some(digits) = lengths.get(..count) else { return true };
        let length = digits.iter().rev().fold(0, |length, octet| length << 7 | usize::from(octet & 0x7f));
        match rest.get(head + count + length..) {
            Some(behind) => rest = behind,
            None => return true,
        }
    }
    false
}

/// A string with its length in characters before it; takes it off the front.
pub(super) fn take_string(fields: &mut Fields<'_>) -> Option<String> {
    let count = fields.u32()?;
    // A string that is not there has the largest length.
    let octets = if count == u32::MAX { 0 } else { (count as usize).saturating_mul(2) };
    fields.take(octets.min(fields.0.len())).map(wide)
}

/// As [`take_string`], of which nothing but the string is wanted.
pub(super) fn string(octets: &[u8]) -> String {
    take_string(&mut Fields(octets)).unwrap_or_default()
}

/// Strings that the tokens of a formula hold: each behind a 23, with its length in characters.
pub(super) fn of_formula(tokens: &[u8]) -> Vec<String> {
    scan(tokens, |rest| {
        let [23, low, high, text @ ..] = rest else { return None };
        Some((3, usize::from(u16::from_le_bytes([*low, *high])), text))
    })
}

/// Strings that stand anywhere in a record, each with its length before it.
pub(super) fn anywhere(data: &[u8]) -> Vec<String> {
    scan(data, |rest| Some((4, u32_at(rest, 0)? as usize, rest.get(4..)?)))
}

/// Walks over octets and takes what `head` finds where it is readable. Of octets that make it look at them too often, everything readable is
/// taken instead.
fn scan<'a>(octets: &'a [u8], head: impl Fn(&'a [u8]) -> Option<(usize, usize, &'a [u8])>) -> Vec<String> {
    let mut found = Vec::new();
    let (mut at, mut left) = (0, 8 * octets.len());
    while at < octets.len() && left > 0 {
        let candidate = head(&octets[at..])
            .filter(|(_, count, rest)| (1..=LONGEST).contains(count) && 2 * count <= rest.len());
        at += match candidate {
            Some((before, count, rest)) => {
                left = left.saturating_sub(count);
                match readable(&rest[..2 * count]) {
                    Some(text) => {
                        found.push(text);
                        before + 2 * count
                    }
                    None => 1,
                }
            }
            None => 1,
        };
    }
    if left == 0 {
        let rest = &octets[at..];
        found.extend([rest, rest.get(1..).unwrap_or_default()].map(letters).into_iter().flatten());
    }
    found
}

/// Pieces of octets that are letters.
fn letters(octets: &[u8]) -> Vec<String> {
    let units = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let all: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\0')).collect();
    all.split(char::is_control).filter(|piece| piece.chars().nth(1).is_some()).map(str::to_owned).collect()
}

fn readable(octets: &[u8]) -> Option<String> {
    let units = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text = char::decode_utf16(units).collect::<Result<String, _>>().ok()?;
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        [
            (units.len() as u32).to_le_bytes().to_vec(),
            units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        ]
        .concat()
    }

    #[test]
    fn strings_are_found_wherever_they_stand_in_a_record() {
        let record = [&[1, 2, 3][..], &stored("4111 größe"), &[0; 5], &stored("b"), &[9]].concat();
        assert_eq!(anywhere(&record), ["4111 größe", "b"]);
        assert_eq!(of_formula(&[30, 1, 0, 23, 2, 0, b'4', 0, b'1', 0, 8]), ["41"]);
    }

    #[test]
    fn octets_that_look_like_many_strings_hide_none() {
        // At every fourth a long string seems to begin, which is none.
        let decoys = [0xff, 0x7f, 0, 0].repeat(70_000);
        let found = anywhere(&[&decoys[..], &[1; 3], &stored("Zephyr 4111")].concat()).join(" ");
        assert!(found.contains("Zephyr 4111"));
    }

    #[test]
    fn a_record_that_is_cut_off_is_read_as_far_as_it_goes() {
        let all: Vec<_> = Records::of(b"\x01\x02ab\x9c\x01\x05cd").collect();
        assert_eq!(all, [(1, &b"ab"[..]), (156, &b"cd"[..])]);
        assert!(are_cut(b"\x01\x02ab\x9c\x01\x05cd") && are_cut(b"\x01") && are_cut(b"\x01\x80"));
        assert!(!are_cut(b"\x01\x02ab\x9c\x01\x02cd") && !are_cut(b""));
        assert_eq!(string(b"\xff\xff\xff\xff"), "");
        assert_eq!(string(&stored("cut")[..8]), "cu");
    }
}
