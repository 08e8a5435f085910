//! Glyph names and one-octet encodings as text. The lists of names are lopdf's, asked through its font encodings.

use std::collections::HashMap;
use std::sync::LazyLock;

use lopdf::{Dictionary, Document, Object};

use super::lexer::{Lexer, Token};

/// Glyph names that were looked up, for a document.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<Vec<u8>, String>,
}

/// The encodings that have a name, and their 256 texts: asked for once, not once a document.
static TABLES: LazyLock<Vec<(&[u8], Vec<String>)>> = LazyLock::new(|| {
    let named: [&[u8]; 4] =
        [b"StandardEncoding", b"WinAnsiEncoding", b"MacRomanEncoding", b"MacExpertEncoding"];
    named.into_iter().map(|name| (name, table_of(name))).collect()
});

fn table_of(name: &[u8]) -> Vec<String> {
    let table = (0..=255_u8).map(|code| {
        let text = decode(Object::Name(name.to_vec()), &[code]);
        match text.is_empty() && (32..127).contains(&code) {
            true => char::from(code).to_string(),
            false => text,
        }
    });
    table.collect()
}

fn decode(encoding: Object, octets: &[u8]) -> String {
    static NOWHERE: LazyLock<Document> = LazyLock::new(Document::new);
    let font = Dictionary::from_iter([("Type", Object::Name(b"Font".to_vec())), ("Encoding", encoding)]);
    let text = font.get_font_encoding(&NOWHERE).and_then(|encoding| encoding.bytes_to_string(octets));
    text.unwrap_or_default()
}

impl Names {
    /// What a glyph name stands for (Adobe Glyph List specification, section 2); empty if nothing is known.
    pub(super) fn text(&mut self, name: &[u8]) -> String {
        if let Some(text) = self.known.get(name) {
            return text.clone();
        }
        let stem = name.split(|octet| *octet == b'.').next().unwrap_or_default();
        let text: String = stem.split(|octet| *octet == b'_').take(16).map(|part| self.part(part)).collect();
        if self.known.len() < 20_000 {
            self.known.insert(name.to_vec(), text.clone());
        }
        text
    }

    fn part(&self, part: &[u8]) -> String {
        if let [one] = part
            && one.is_ascii_alphabetic()
        {
            return char::from(*one).to_string();
        }
        let entry = Object::Array(vec![Object::Integer(0), Object::Name(part.to_vec())]);
        let encoding = Dictionary::from_iter([("Differences", entry)]);
        let listed = decode(Object::Dictionary(encoding), &[0]);
        if !listed.is_empty() {
            return listed;
        }
        let text = std::str::from_utf8(part).unwrap_or_default();
        if let Some(digits) = text.strip_prefix("uni").filter(|digits| digits.len() % 4 == 0) {
            let units = (0..digits.len() / 4).map_while(|index| hex(digits.get(index * 4..index * 4 + 4)?));
            return units.filter_map(char::from_u32).collect();
        }
        if let Some(digits) = text.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len())) {
            return hex(digits).and_then(char::from_u32).map(String::from).unwrap_or_default();
        }
        String::new()
    }

    /// The encoding in the clear text part of a Type 1 program: `dup 65 /A put`.
    pub(super) fn of_type1_program(&mut self, octets: &[u8]) -> Vec<String> {
        let clear = memchr::memmem::find(octets, b"eexec").map_or(octets, |end| &octets[..end]);
        let start = memchr::memmem::find(clear, b"/Encoding").unwrap_or(clear.len());
        let mut lexer = Lexer::new(&clear[start..], 0);
        let mut table = vec![String::new(); 256];
        let mut last = None;
        while let Some(token) = lexer.next() {
            match token {
                Token::Number(value) => last = Some(value as usize),
                Token::Name(name) => {
                    if let Some(slot) = last.take().and_then(|code| table.get_mut(code)) {
                        *slot = self.text(&name);
                    }
                }
                Token::Operator(word) if word == b"StandardEncoding" => {
                    return self::table(b"StandardEncoding");
                }
                _ => {}
            }
        }
        table
    }
}

/// The 256 texts of an encoding; the standard one where the name is none.
pub(super) fn table(name: &[u8]) -> Vec<String> {
    let known = TABLES.iter().find(|(known, _)| *known == name).or(TABLES.first());
    known.map(|(_, table)| table.clone()).unwrap_or_default()
}

fn hex(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 16).ok()
}

/// Whether a mapping says anything: control characters and the replacement character do not.
pub(super) fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().any(|c| !c.is_control() && c != '\u{fffd}')
}

/// Adobe's Symbol encoding, its Greek letters and ASCII signs.
pub(super) fn symbol() -> Vec<String> {
    const GREEK: &str = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ";
    let mut table = vec![String::new(); 256];
    for (code, slot) in (32..65_u8).zip(&mut table[32..]) {
        *slot = char::from(code).to_string();
    }
    for (index, letter) in GREEK.chars().enumerate() {
        table[65 + index] = letter.to_string();
        table[97 + index] = letter.to_lowercase().collect();
    }
    for (code, sign) in [(91, "["), (93, "]"), (95, "_"), (123, "{"), (124, "|"), (125, "}"), (0xb7, "•")] {
        sign.clone_into(&mut table[code]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_form_are_read() {
        let mut names = Names::default();
        let read = |name: &str, names: &mut Names| names.text(name.as_bytes());
        for (name, text) in [
            ("A", "A"),
            ("eacute", "é"),
            ("a.alt", "a"),
            ("f_i", "fi"),
            ("uni0041", "A"),
            ("uni00410042", "AB"),
            ("u1F600", "😀"),
            ("g17", ""),
        ] {
            assert_eq!(read(name, &mut names), text, "{name}");
        }
    }

    #[test]
    fn encodings_have_letters_where_they_belong() {
        assert_eq!(table(b"WinAnsiEncoding")[0x80], "€");
        assert_eq!(table(b"MacRomanEncoding")[0x8a], "ä");
        assert_eq!(table(b"StandardEncoding")[0x41], "A");
        assert_eq!(table(b"NoSuchEncoding")[0x41], "A");
    }
}
