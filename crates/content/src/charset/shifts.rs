//! Encodings of seven-bit text that shift in and out, which browsers gave up: UTF-7, HZ, ISO-2022-KR, ISO-2022-CN.

use encoding_rs::{EUC_KR, GBK};

/// UTF-7 (RFC 2152), also without closing hyphens.
pub(super) fn utf7(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(plus) = memchr::memchr(b'+', rest) {
        out.push_str(&String::from_utf8_lossy(&rest[..plus]));
        rest = &rest[plus + 1..];
        let length = run(rest);
        if length == 0 {
            out.push('+');
        } else {
            out.extend(units(&rest[..length]).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        rest = &rest[length..];
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
    }
    out.push_str(&String::from_utf8_lossy(rest));
    out
}

/// Text without a label whose shifts all give Latin letters, digits or signs can hardly be anything else.
pub(super) fn looks_like_utf7(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some(found) = memchr::memmem::find(rest, b"+A") {
        let shifted = &rest[found + 1..];
        let length = run(shifted);
        let closed = shifted.get(length) == Some(&b'-');
        if closed && length >= 3 && units(&shifted[..length]).all(|c| matches!(c, Ok('\t'..='\u{ff}'))) {
            return true;
        }
        rest = &shifted[length..];
    }
    false
}

fn run(octets: &[u8]) -> usize {
    octets.iter().take_while(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/')).count()
}

fn units(text: &[u8]) -> impl Iterator<Item = Result<char, std::char::DecodeUtf16Error>> {
    let octets = crate::transfer::base64(text).octets;
    let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    char::decode_utf16(units)
}

/// HZ (RFC 1843): `~{` shifts to GB 2312, `~}` back.
pub(super) fn hz(octets: &[u8]) -> String {
    let mut eight = Vec::with_capacity(octets.len());
    let (mut at, mut shifted) = (0, false);
    while at < octets.len() {
        match (&octets[at..], shifted) {
            ([b'~', b'{', ..], false) => (shifted, at) = (true, at + 2),
            ([b'~', b'}', ..], true) => (shifted, at) = (false, at + 2),
            ([b'~', b'~', ..], false) => {
                eight.push(b'~');
                at += 2;
            }
            ([b'~', b'\n', ..], false) => at += 2,
            ([octet, ..], _) => {
                // A shift does not outlive its line.
                shifted &= *octet != b'\n';
                eight.push(if shifted && *octet > b' ' { octet | 0x80 } else { *octet });
                at += 1;
            }
            ([], _) => break,
        }
    }
    GBK.decode_without_bom_handling(&eight).0.into_owned()
}

/// ISO-2022-KR and ISO-2022-CN: SO and SI shift to and from the set that an escape sequence named.
pub(super) fn iso2022(octets: &[u8], korean: bool) -> String {
    let mut eight = Vec::with_capacity(octets.len());
    let (mut at, mut shifted) = (0, false);
    while at < octets.len() {
        match &octets[at..] {
            [0x1b, b'$', b')' | b'*' | b'+', _, ..] => at += 4,
            [0x0e, ..] => (shifted, at) = (true, at + 1),
            [0x0f, ..] => (shifted, at) = (false, at + 1),
            [octet, ..] => {
                eight.push(if shifted && *octet > b' ' { octet | 0x80 } else { *octet });
                at += 1;
            }
            [] => break,
        }
    }
    let encoding = if korean { EUC_KR } else { GBK };
    encoding.decode_without_bom_handling(&eight).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf7_is_read_with_and_without_hyphens() {
        assert_eq!(utf7(b"+ADQAMQAxADE- 1+AOk-"), "4111 1é");
        assert_eq!(utf7(b"a +- b +AOk c"), "a + b é c");
        assert!(looks_like_utf7(b"call +ADQAMQAxADE- now"));
        assert!(!looks_like_utf7(b"call +49-89-1234 or A+B- or +Abc-"));
    }

    #[test]
    fn shifts_that_browsers_replace_are_read() {
        assert_eq!(hz(b"pin ~{VPND~} 4111~~"), "pin 中文 4111~");
        assert_eq!(iso2022(b"\x1b$)C\x0e0!3*\x0f 41", true), EUC_KR.decode(b"\xb0\xa1\xb3\xaa 41").0);
        assert_eq!(iso2022(b"\x1b$)A\x0eVPND\x0f 41", false), "中文 41");
    }
}
