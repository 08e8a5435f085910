//! What Pages, Numbers and Keynote keep their documents in since 2013 (`.iwa`): blocks packed with Snappy, in them messages of protocol buffers, of
//! which every text is read. Numbers of tables are stored in a way of their own: tables are named as not read.
//!
//! The format is not published; it is as the programs write it. Snappy: its format description of 2011. Protocol buffers: "Encoding".

use super::Output;
use crate::{DocumentRequest, FileKind, Kind, Reason};

/// Messages inside messages that are followed.
const DEEPEST: usize = 16;
/// Octets of one block, unpacked, as the programs write them.
const BLOCK: usize = 64 << 10;
/// Types of messages: flows of text, texts of the cells of a table, and rows of one.
const FLOWS: [u64; 2] = [2001, 2005];
const TEXTS_OF_CELLS: u64 = 6005;
const ROWS: u64 = 6002;

/// The texts of all messages.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let (octets, read) = unpack(request.octets, out);
    let mut texts = Texts::default();
    let whole = archives(&octets, &mut texts);
    out.text("", Kind::Text, texts.shown)?;
    out.text("", Kind::Hidden, texts.others)?;
    if texts.has_rows {
        out.unscannable("table", Reason::Unsupported(FileKind::Iwa));
    }
    read?;
    if whole { Ok(()) } else { Err(Reason::Corrupt) }
}

/// Whether octets are blocks from the first to the last: it is all that such a file is known by.
pub(crate) fn is_one(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some((block, behind)) = block(rest) {
        let fits = varint(block).is_some_and(|(size, packed)| {
            (1..=BLOCK as u64).contains(&size) && !packed.is_empty() && size <= 64 * packed.len() as u64
        });
        if !fits {
            return false;
        }
        rest = behind;
    }
    rest.is_empty() && octets.len() > 8
}

/// A block behind its head, and what follows: a zero, and the length in three octets.
fn block(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    match octets {
        [0, low, middle, high, rest @ ..] => {
            rest.split_at_checked(usize::from(*low) | usize::from(*middle) << 8 | usize::from(*high) << 16)
        }
        _ => None,
    }
}

/// All blocks, as far as they are whole and within the budget.
fn unpack(mut packed: &[u8], out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let mut octets = Vec::new();
    while !packed.is_empty() {
        let Some((one, rest)) = block(packed) else { return (octets, Err(Reason::Corrupt)) };
        let size = varint(one).map_or(0, |(size, _)| size);
        if let Err(reason) = out.spend(size.min(BLOCK as u64)) {
            return (octets, Err(reason));
        }
        if unsnap(one, &mut octets).is_none() {
            return (octets, Err(Reason::Corrupt));
        }
        packed = rest;
    }
    (octets, Ok(()))
}

/// One block of Snappy; what came before damage is there.
fn unsnap(packed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (size, mut rest) = varint(packed)?;
    let start = out.len();
    let end = start + usize::try_from(size).ok().filter(|size| *size <= BLOCK)?;
    while let Some((&tag, behind)) = rest.split_first() {
        rest = behind;
        let upper = usize::from(tag >> 2);
        let (length, back) = match tag & 3 {
            0 => {
                let length = match upper {
                    60.. => little(&mut rest, upper - 59)?,
                    _ => upper,
                } + 1;
                let (literal, behind) = rest.split_at_checked(length)?;
                if length > end - out.len() {
                    return None;
                }
                out.extend_from_slice(literal);
                rest = behind;
                continue;
            }
            1 => ((upper & 7) + 4, upper >> 3 << 8 | little(&mut rest, 1)?),
            2 => (upper + 1, little(&mut rest, 2)?),
            _ => (upper + 1, little(&mut rest, 4)?),
        };
        let from = out.len().checked_sub(back).filter(|from| back > 0 && *from >= start)?;
        if length > end - out.len() {
            return None;
        }
        // What is copied may reach into the copy itself.
        for at in from..from + length {
            out.push(out[at]);
        }
    }
    (out.len() == end).then_some(())
}

fn little(octets: &mut &[u8], count: usize) -> Option<usize> {
    let (taken, rest) = octets.split_at_checked(count)?;
    *octets = rest;
    Some(taken.iter().rev().fold(0, |number, octet| number << 8 | usize::from(*octet)))
}

/// A number of seven bits an octet, the low ones first, and what follows.
fn varint(octets: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, octet) in octets.iter().enumerate().take(10) {
        number |= u64::from(octet & 0x7f).checked_shl(7 * at as u32)?;
        if octet & 0x80 == 0 {
            return Some((number, &octets[at + 1..]));
        }
    }
    None
}

/// What was found in messages.
#[derive(Debug, Default)]
struct Texts {
    shown: String,
    /// Names of styles and fonts, and what else the program keeps.
    others: String,
    has_rows: bool,
}

/// One archive behind another: a head that tells types and lengths of messages, and the messages. Whether all are whole.
fn archives(mut octets: &[u8], texts: &mut Texts) -> bool {
    while !octets.is_empty() {
        let Some((head, rest)) = varint(octets).and_then(|(length, rest)| split(rest, length)) else {
            return false;
        };
        octets = rest;
        for (number, value) in Wire(head) {
            let (2, Value::Octets(told)) = (number, value) else { continue };
            let (mut kind, mut length) = (0, 0);
            for (number, value) in Wire(told) {
                match (number, value) {
                    (1, Value::Number(number)) => kind = number,
                    (3, Value::Number(number)) => length = number,
                    _ => {}
                }
            }
            let Some((message, rest)) = split(octets, length) else {
                strings(octets, 0, &mut texts.others);
                return false;
            };
            octets = rest;
            texts.has_rows |= kind == ROWS;
            let is_shown = FLOWS.contains(&kind) || kind == TEXTS_OF_CELLS;
            strings(message, 0, if is_shown { &mut texts.shown } else { &mut texts.others });
        }
    }
    true
}

fn split(octets: &[u8], length: u64) -> Option<(&[u8], &[u8])> {
    octets.split_at_checked(usize::try_from(length).ok()?)
}

/// Every text in a message: what is a text and a message as well is read as both.
fn strings(octets: &[u8], depth: usize, into: &mut String) {
    for (_, value) in Wire(octets) {
        let Value::Octets(octets) = value else { continue };
        if let Some(text) = readable(octets) {
            into.push_str(text);
            into.push('\n');
        }
        if depth < DEEPEST && is_message(octets) {
            strings(octets, depth + 1, into);
        }
    }
}

/// A text that somebody can read.
fn readable(octets: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(octets).ok()?;
    let odd =
        |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{4}' | '\u{5}' | '\u{b}' | '\u{c}');
    (!text.is_empty() && !text.contains(odd)).then_some(text)
}

fn is_message(octets: &[u8]) -> bool {
    let mut fields = Wire(octets);
    !octets.is_empty() && fields.by_ref().all(|(number, _)| number > 0) && fields.0.is_empty()
}

enum Value<'a> {
    Number(u64),
    Octets(&'a [u8]),
    Fixed,
}

/// The fields of a message, up to its end or to what is none; then what is left is left.
struct Wire<'a>(&'a [u8]);

impl<'a> Iterator for Wire<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = varint(self.0)?;
        let (value, rest) = match key & 7 {
            0 => varint(rest).map(|(number, rest)| (Value::Number(number), rest))?,
            1 => rest.split_at_checked(8).map(|(_, rest)| (Value::Fixed, rest))?,
            2 => {
                let (length, rest) = varint(rest)?;
                split(rest, length).map(|(octets, rest)| (Value::Octets(octets), rest))?
            }
            5 => rest.split_at_checked(4).map(|(_, rest)| (Value::Fixed, rest))?,
            _ => return None,
        };
        self.0 = rest;
        Some((key >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        unsnap(packed, &mut out).map(|()| out)
    }

    #[test]
    fn copies_reach_into_themselves_and_never_before_the_start_or_behind_the_end() {
        assert_eq!(unpacked(b"\x0b\x04ab\x15\x02").as_deref(), Some(&b"abababababa"[..]));
        assert_eq!(unpacked(b"\x08\x04ab\x15\x02"), None);
        assert_eq!(unpacked(b"\x0b\x04ab\x15\x03"), None);
        assert_eq!(unpacked(b"\x0b\x04ab\x15\0"), None);
    }

    #[test]
    fn only_whole_blocks_are_taken_for_such_a_file() {
        let one = b"\0\x0b\0\0\x09\x20hello all";
        assert!(is_one(one) && is_one(&[&one[..], one].concat()));
        assert!(!is_one(&one[..14]) && !is_one(b"\0\0\0\0\0\0\0\0\0\0\0\0"));
    }

    #[test]
    fn texts_in_messages_in_messages_are_read_and_rows_of_tables_are_told() {
        let mut texts = Texts::default();
        let told = |kind: [u8; 2], length| [&[8, 8, 1, 0x12, 5, 8][..], &kind, &[0x18, length]].concat();
        let flow = [told([0xd1, 0x0f], 8), b"\x1a\x06Zephyr".to_vec()].concat();
        let deep = [told([0xd2, 0x0f], 6), b"\x0a\x04\x0a\x02hi".to_vec()].concat();
        let rows = told([0xf2, 0x2e], 0);
        let all: Vec<u8> =
            [flow, deep, rows].into_iter().flat_map(|one| [&[9][..], &one[1..]].concat()).collect();
        assert!(archives(&all, &mut texts));
        assert_eq!(
            (texts.shown.as_str(), texts.others.contains("hi\n"), texts.has_rows),
            ("Zephyr\n", true, true)
        );
        assert!(!archives(&all[..all.len() - 1], &mut Texts::default()));
    }
}
