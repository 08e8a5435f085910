//! Octets to text: labels are believed when they fit, corrected when they lie.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text, and whether the label did not fit the octets.
#[derive(Debug)]
pub(crate) struct Text<'m> {
    pub(crate) text: Cow<'m, str>,
    pub(crate) mislabelled: bool,
}

/// Decodes by mark, label or guess. Clean ASCII and UTF-8 are borrowed.
pub(crate) fn decode<'m>(octets: &'m [u8], label: Option<&str>) -> Text<'m> {
    if let Some((encoding, length)) = Encoding::for_bom(octets) {
        return Text { text: encoding.decode_without_bom_handling(&octets[length..]).0, mislabelled: false };
    }
    if let Some(encoding) = utf16_without_mark(octets) {
        return Text { text: encoding.decode_without_bom_handling(octets).0, mislabelled: label.is_some() };
    }
    let label = label.map(str::trim).filter(|label| !label.is_empty());
    if label.is_some_and(|label| label.eq_ignore_ascii_case("utf-7")) {
        return Text { text: Cow::Owned(utf7(octets)), mislabelled: false };
    }
    if octets.is_ascii() && label.is_none_or(ascii_compatible) {
        return Text { text: utf8_or_guess(octets), mislabelled: false };
    }
    match label.and_then(|label| Encoding::for_label(label.as_bytes())) {
        Some(encoding) => {
            let (text, wrong) = encoding.decode_without_bom_handling(octets);
            match wrong || (encoding != UTF_8 && std::str::from_utf8(octets).is_ok()) {
                // The label does not fit, or UTF-8 fits as well: that is no accident with octets over 127.
                true => Text { text: utf8_or_guess(octets), mislabelled: true },
                false => Text { text, mislabelled: false },
            }
        }
        None => Text { text: utf8_or_guess(octets), mislabelled: label.is_some() },
    }
}

/// UTF-8 if it is, else Windows-1252, which has a character for every octet.
pub(crate) fn utf8_or_guess(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

fn ascii_compatible(label: &str) -> bool {
    Encoding::for_label(label.as_bytes()).is_none_or(Encoding::is_ascii_compatible)
}

/// Every second octet is NUL: text in UTF-16 whose mark is missing.
fn utf16_without_mark(octets: &[u8]) -> Option<&'static Encoding> {
    let sample = &octets[..octets.len().min(512) & !1];
    if sample.len() < 8 {
        return None;
    }
    let nuls = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|octet| **octet == 0).count();
    let (even, odd, half) = (nuls(0), nuls(1), sample.len() / 2);
    match (even * 10 > half * 8, odd * 10 > half * 8) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// UTF-7 (RFC 2152).
fn utf7(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(plus) = memchr::memchr(b'+', rest) {
        out.push_str(&String::from_utf8_lossy(&rest[..plus]));
        rest = &rest[plus + 1..];
        let length = rest
            .iter()
            .take_while(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/'))
            .count();
        if length == 0 {
            out.push('+');
        } else {
            let units = crate::transfer::base64(&rest[..length]).octets;
            let units = units.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        rest = &rest[length..];
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
    }
    out.push_str(&String::from_utf8_lossy(rest));
    out
}
