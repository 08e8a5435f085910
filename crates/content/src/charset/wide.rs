//! UTF-16 and UTF-32, with and without marks, in both orders.

/// An encoding of more than one octet a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wide {
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

/// The encoding that a byte order mark tells, and the length of the mark.
pub(crate) fn by_mark(octets: &[u8]) -> Option<(Wide, usize)> {
    match octets {
        [0xff, 0xfe, 0, 0, ..] => Some((Wide::Utf32Le, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((Wide::Utf32Be, 4)),
        [0xff, 0xfe, ..] => Some((Wide::Utf16Le, 2)),
        [0xfe, 0xff, ..] => Some((Wide::Utf16Be, 2)),
        _ => None,
    }
}

/// The encodings that a label names, the likelier first: `utf-16` does not say which order.
pub(crate) fn by_label(label: &str) -> &'static [Wide] {
    use Wide::*;
    match label.to_ascii_lowercase().replace(['-', '_', ' '], "").as_str() {
        "utf16" | "ucs2" | "unicode" | "iso10646ucs2" | "csunicode" => &[Utf16Le, Utf16Be],
        "utf16le" | "ucs2le" | "unicodefeff" => &[Utf16Le],
        "utf16be" | "ucs2be" | "unicodefffe" => &[Utf16Be],
        "utf32" | "ucs4" | "iso10646ucs4" | "csucs4" => &[Utf32Be, Utf32Le],
        "utf32le" | "ucs4le" => &[Utf32Le],
        "utf32be" | "ucs4be" => &[Utf32Be],
        _ => &[],
    }
}

/// Told by where the NULs stand: text whose mark is missing.
pub(crate) fn by_nuls(octets: &[u8]) -> Option<Wide> {
    let sample = &octets[..octets.len().min(512) & !3];
    if sample.len() < 8 {
        // Too short for a share, long enough for a pattern.
        return match octets {
            [a, 0, b, 0] | [a, 0, b, 0, _, 0] if *a != 0 && *b != 0 => Some(Wide::Utf16Le),
            [0, a, 0, b] | [0, a, 0, b, 0, _] if *a != 0 && *b != 0 => Some(Wide::Utf16Be),
            _ => None,
        };
    }
    let mut nuls = [0_usize; 4];
    for quad in sample.chunks_exact(4) {
        for (count, octet) in nuls.iter_mut().zip(quad) {
            *count += usize::from(*octet == 0);
        }
    }
    let quads = sample.len() / 4;
    let most = |count: usize| count * 10 >= quads * 7;
    let few = |count: usize| count * 10 <= quads * 2;
    match nuls.map(|count| (most(count), few(count))) {
        [(_, true), (true, _), (true, _), (true, _)] => Some(Wide::Utf32Le),
        [(true, _), (true, _), (true, _), (_, true)] => Some(Wide::Utf32Be),
        [(_, true), (true, _), (_, true), (true, _)] => Some(Wide::Utf16Le),
        [(true, _), (_, true), (true, _), (_, true)] => Some(Wide::Utf16Be),
        _ => None,
    }
}

impl Wide {
    /// The text, and whether every unit was a character.
    pub(crate) fn decode(self, octets: &[u8]) -> (String, bool) {
        let mut text = String::with_capacity(octets.len());
        let mut clean = true;
        match self {
            Self::Utf16Le | Self::Utf16Be => {
                let order = if self == Self::Utf16Le { u16::from_le_bytes } else { u16::from_be_bytes };
                let units = octets.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
                for unit in char::decode_utf16(units) {
                    clean &= unit.is_ok();
                    text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
            Self::Utf32Le | Self::Utf32Be => {
                let order = if self == Self::Utf32Le { u32::from_le_bytes } else { u32::from_be_bytes };
                for quad in octets.chunks_exact(4) {
                    let unit = char::from_u32(order([quad[0], quad[1], quad[2], quad[3]]));
                    clean &= unit.is_some();
                    text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
        }
        (text, clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn utf32(text: &str, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|c| order(c as u32)).collect()
    }

    #[test]
    fn text_without_marks_is_told_by_its_nuls() {
        let text = "Überweisung 4111 1111 1111 1111";
        for (octets, expected) in [
            (utf16(text, u16::to_le_bytes), Wide::Utf16Le),
            (utf16(text, u16::to_be_bytes), Wide::Utf16Be),
            (utf32(text, u32::to_le_bytes), Wide::Utf32Le),
            (utf32(text, u32::to_be_bytes), Wide::Utf32Be),
        ] {
            assert_eq!(by_nuls(&octets), Some(expected));
            assert_eq!(expected.decode(&octets), (text.to_owned(), true));
        }
        assert_eq!(by_nuls(text.as_bytes()), None);
        assert_eq!(by_nuls(&[0; 64]), None);
    }

    #[test]
    fn the_mark_of_utf_32_is_not_taken_for_that_of_utf_16() {
        assert_eq!(by_mark(b"\xff\xfe\0\0a\0\0\0"), Some((Wide::Utf32Le, 4)));
        assert_eq!(by_mark(b"\xff\xfea\0"), Some((Wide::Utf16Le, 2)));
    }
}
