//! OneNote's sections ([MS-ONESTORE]): the files in them, texts in UTF-16 where their length stands before them, and words in ASCII. What belongs to which page is not
//! followed, and text can be missed: such a file is named as not read, always.

use super::Output;
use super::ole::u32_at;
use crate::{DocumentRequest, FileKind, Kind, Reason};

/// How the octets of a file in it begin (2.6.13, FileDataStoreObject).
const FILE: &[u8] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
/// Octets of its head.
const HEAD: usize = 36;
/// Octets of one text.
const LONGEST: usize = 64 << 10;
/// Characters of one.
const SHORTEST: usize = 3;

/// Texts and files; the rest is named.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    out.text("", Kind::Hidden, texts(octets))?;
    out.text("", Kind::Raw, crate::open::words(octets))?;
    for (number, at) in memchr::memmem::find_iter(octets, FILE).enumerate() {
        let Some(length) = octets.get(at + 16..at + 24) else { break };
        let length = length.iter().rev().fold(0_u64, |length, octet| length << 8 | u64::from(*octet));
        let rest = octets.get(at + HEAD..).unwrap_or_default();
        let data = &rest[..rest.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
        out.copied(format!("file {}", number + 1), data)?;
    }
    Err(Reason::Unsupported(FileKind::OneNote))
}

/// Texts in UTF-16 behind their lengths, one a line.
fn texts(octets: &[u8]) -> String {
    let mut all = String::new();
    let mut at = 0;
    // A length that fits has zeros in it, which no text has: what is looked at twice is short.
    while let Some(length) = u32_at(octets, at) {
        let length = length as usize;
        let data = octets.get(at + 4..).and_then(|rest| rest.get(..length)).filter(|_| length <= LONGEST);
        match data.and_then(wide) {
            Some(text) => {
                all.push_str(text.trim_end_matches('\0'));
                all.push('\n');
                at += 4 + length;
            }
            None => at += 1,
        }
    }
    all
}

fn wide(data: &[u8]) -> Option<String> {
    // Printable ASCII would come out as Chinese, and is read as words.
    if !data.len().is_multiple_of(2) || data.iter().all(|octet| (b' '..=b'~').contains(octet)) {
        return None;
    }
    let data = data.strip_suffix(b"\0\0").unwrap_or(data);
    let units = data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let mut text = String::new();
    for c in char::decode_utf16(units) {
        text.push(c.ok().filter(|c| is_text(*c))?);
    }
    // Octets that are no text come out as letters of every script.
    let mut scripts =
        text.chars().map(|c| c as u32 >> 8).filter(|block| !matches!(block, 0 | 0x20 | 0x30..=0x9f));
    let first = scripts.next();
    (text.chars().count() >= SHORTEST && scripts.all(|block| Some(block) == first)).then_some(text)
}

fn is_text(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_behind_their_lengths_wherever_they_begin() {
        let wide: Vec<u8> = "Žofie 4111".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let octets =
            [&[9, 9, 9][..], &[20, 0, 0, 0], &wide, &[7], &[6, 0, 0, 0], b"Zephyr", &[0, 0, 0]].concat();
        assert_eq!(texts(&octets), "Žofie 4111\n");
    }
}
