//! Words of a folded text as indexes know them: lower case, without accents and apostrophes, one character each in
//! scripts that do not part words.

use std::ops::Range;

use super::lines::goes_on;
use crate::matcher::Prepared;

/// A word: its place among the normalised words, and in the folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Little, and no line end but of a full line, stands between it and the word before.
    pub(crate) joined: bool,
    /// A comma stands between them.
    pub(crate) comma: bool,
}

/// The words of a stretch of text, one space between them.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) text: Vec<u8>,
    pub(crate) all: Vec<Token>,
}

impl Tokens {
    /// Takes the words of a stretch of folded text; what was there before is gone.
    pub(crate) fn read(&mut self, text: &Prepared<'_>, range: Range<usize>) {
        self.text.clear();
        self.all.clear();
        let bytes = text.bytes();
        let end = range.end.min(bytes.len());
        let (mut at, mut behind) = (range.start, range.start);
        while at < end {
            let (class, len) = class(bytes, at);
            if class == Class::Other {
                at += len;
                continue;
            }
            let joined = !self.all.is_empty() && near(bytes, behind, at);
            let comma = joined && bytes[behind..at].contains(&b',');
            at = self.word(bytes, at, end, joined, comma);
            behind = at;
        }
    }

    /// Takes the word that begins here; gives where it ends.
    fn word(&mut self, bytes: &[u8], start: usize, end: usize, joined: bool, comma: bool) -> usize {
        if !self.all.is_empty() {
            self.text.push(b' ');
        }
        let from = self.text.len();
        let mut at = start;
        let mut apostrophe = None;
        while at < end {
            let (class, len) = class(bytes, at);
            match class {
                Class::Letter => self.text.extend(bytes[at..at + len].iter().map(u8::to_ascii_lowercase)),
                Class::Solo if at == start => self.text.extend_from_slice(&bytes[at..at + len]),
                Class::Trail => self.text.extend_from_slice(&bytes[at..at + len]),
                // O'Brien is one word, whichever apostrophe is typed.
                Class::Other
                    if at > start
                        && is_apostrophe(bytes, at)
                        && at + len < end
                        && self::class(bytes, at + len).0 == Class::Letter =>
                {
                    apostrophe = Some(self.text.len());
                }
                _ => break,
            }
            at += len;
            if class == Class::Solo {
                while at < end && self::class(bytes, at).0 == Class::Trail {
                    let (_, len) = self::class(bytes, at);
                    self.text.extend_from_slice(&bytes[at..at + len]);
                    at += len;
                }
                break;
            }
        }
        // Smith's is Smith.
        if let Some(before) = apostrophe.filter(|before| *before > from)
            && self.text[before..] == *b"s"
        {
            self.text.truncate(before);
        }
        self.all.push(Token {
            from: from as u32,
            to: self.text.len() as u32,
            start: start as u32,
            end: at as u32,
            joined,
            comma,
        });
        at
    }

    /// Where several words in a row stand in the folded text.
    pub(crate) fn span(&self, words: Range<usize>) -> Range<usize> {
        self.all[words.start].start as usize..self.all[words.end - 1].end as usize
    }

    /// One word.
    pub(crate) fn word_at(&self, at: usize) -> &[u8] {
        let token = self.all[at];
        &self.text[token.from as usize..token.to as usize]
    }

    /// Several words in a row, one space between.
    pub(crate) fn words(&self, range: Range<usize>) -> &[u8] {
        let (first, last) = (self.all[range.start], self.all[range.end - 1]);
        &self.text[first.from as usize..last.to as usize]
    }
}

/// Whether little stands between a word's end and the next one's start: three octets, or a line end that only broke the line.
fn near(bytes: &[u8], behind: usize, at: usize) -> bool {
    match memchr::memchr2(b'\r', b'\n', &bytes[behind..at]) {
        None => at - behind <= 3,
        Some(line) => line <= 3 && goes_on(bytes, behind + line) == Some(at),
    }
}

/// Whether the character at an octet of well-formed UTF-8 is a letter or digit, and how long it is.
#[inline]
pub(crate) fn letter(bytes: &[u8], at: usize) -> (bool, usize) {
    let (class, len) = class(bytes, at);
    (class != Class::Other, len)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    Letter,
    /// A word by itself.
    Solo,
    /// A later part of a Hangul syllable.
    Trail,
}

/// What stands at an octet of well-formed UTF-8, and how long it is.
#[inline]
fn class(bytes: &[u8], at: usize) -> (Class, usize) {
    let first = bytes[at];
    if first < 0x80 {
        let class = if first.is_ascii_alphanumeric() { Class::Letter } else { Class::Other };
        return (class, 1);
    }
    let len = match first {
        0xF0.. => 4,
        0xE0.. => 3,
        _ => 2,
    };
    let c = bytes
        .get(at..at + len)
        .and_then(|octets| std::str::from_utf8(octets).ok())
        .and_then(|text| text.chars().next());
    let Some(c) = c else { return (Class::Other, 1) };
    let class = match c as u32 {
        0x1100..=0x115F
        | 0x0E00..=0x0EFF
        | 0x1780..=0x17FF
        | 0x3040..=0x30FF
        | 0x3400..=0x9FFF
        | 0xF900..=0xFAFF
        | 0x20000..=0x3FFFF
            if c.is_alphanumeric() =>
        {
            Class::Solo
        }
        0x1160..=0x11FF => Class::Trail,
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Other,
    };
    (class, len)
}

fn is_apostrophe(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'\'' || bytes[at..].starts_with("\u{2019}".as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let mut tokens = Tokens::default();
        let text = Prepared::new(text);
        tokens.read(&text, 0..text.bytes().len());
        String::from_utf8(tokens.text).unwrap()
    }

    #[test]
    fn names_lose_case_accents_apostrophes_and_hyphens() {
        assert_eq!(words("O’Brien, Müller-Lüdenscheidt & Smith's"), "obrien muller ludenscheidt smith");
        assert_eq!(words("  J.R. St. John\r\n"), "j r st john");
        assert_eq!(words("D'"), "d");
    }

    #[test]
    fn scripts_without_spaces_give_a_word_for_each_character() {
        assert_eq!(words("山田太郎さん").split(' ').count(), 6);
        assert_eq!(words("김철수").split(' ').count(), 3);
    }
}
