//! Folds text to the form that patterns are matched against, and leads positions in it back to the original;
//! text of ASCII only is never copied.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::words::Words;

/// What a folded character is to the division into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Not part of a word.
    Other,
    /// A letter or digit of a script with words.
    Letter,
    /// A word by itself (Han, kana, Thai, ..., the first part of a Hangul syllable).
    Solo,
    /// A later part of a Hangul syllable.
    Trail,
}

/// A folded character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded {
    /// Lower case outside ASCII; ASCII letters keep their case.
    pub(super) folded: char,
    /// With its case.
    pub(super) kept: char,
    pub(super) class: Class,
}

/// A text made ready for matching.
///
/// Holds the folded text, where it differs from the original, and which octets are words. Texts are shorter than
/// 4 GiB.
pub struct Prepared<'t> {
    text: &'t str,
    folded: Form<'t>,
    words: Words,
    kept: OnceLock<Form<'t>>,
    cased: bool,
    expands: bool,
}

/// A folded text and the way back.
struct Form<'t> {
    /// Well-formed UTF-8.
    text: Cow<'t, [u8]>,
    map: Map,
}

impl<'t> Prepared<'t> {
    /// Folds a text: nothing to do for ASCII, one copy for anything else.
    pub fn new(text: &'t str) -> Self {
        let Some(first) = first_non_ascii(text.as_bytes()) else {
            return Self {
                text,
                folded: Form { text: Cow::Borrowed(text.as_bytes()), map: Map::default() },
                words: Words::ascii(text.as_bytes()),
                kept: OnceLock::new(),
                cased: false,
                expands: false,
            };
        };
        let mut folder = Folder::new(text, first, false);
        folder.run(text, first);
        let words = Words::mixed(&folder.out, &folder.marks);
        Self {
            text,
            folded: Form { text: Cow::Owned(folder.out), map: folder.map },
            words,
            kept: OnceLock::new(),
            cased: folder.cased,
            expands: folder.expands,
        }
    }

    /// The original text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The matched text as folded: ASCII digits, no invisible characters; case and separators kept.
    pub fn folded(&self, span: &Range<usize>) -> String {
        let mut kept = String::new();
        for c in self.text.get(span.clone()).unwrap_or_default().chars() {
            fold_char(c, &mut |f| kept.push(f.kept));
        }
        kept
    }

    /// The value of a hit for telling unique ones apart: letters and digits only, upper-cased.
    pub fn value(&self, span: &Range<usize>) -> String {
        let folded = self.folded(span);
        folded.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
    }

    /// How many words begin between two spans of the original text: 0 for neighbours or overlapping spans,
    /// 1 when one word stands between them. Costs one step for each 64 octets between the spans.
    pub fn words_between(&self, one: &Range<usize>, other: &Range<usize>) -> usize {
        let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
        if second.start <= first.end {
            return 0;
        }
        let end = self.folded.map.inward(first.end);
        let start = self.folded.map.inward(second.start);
        self.words.starts_in(end, start)
    }

    /// The folded text, well-formed UTF-8.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.folded.text
    }

    /// A stretch of the folded text.
    pub(super) fn str(&self, range: Range<usize>) -> &str {
        let octets = self.folded.text.get(range).unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// Whether one original character may stand for several folded ones.
    pub(super) fn expands(&self) -> bool {
        self.expands
    }

    /// Whether the folded text lost the case of letters outside ASCII.
    pub(super) fn cased(&self) -> bool {
        self.cased
    }

    /// The original octets of a stretch of the folded text.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.folded.map.outward(range)
    }

    /// The folded text with the case of all letters, as regular expressions see it.
    pub(super) fn kept(&self) -> &[u8] {
        if self.cased { &self.kept_form().text } else { &self.folded.text }
    }

    /// The folded characters of a stretch of folded text, with their case.
    pub(super) fn kept_chars(&self, range: Range<usize>) -> Vec<Folded> {
        let original = self.original(range.clone());
        let first = self.folded.map.inward(original.start);
        let before = self.str(first..range.start).chars().count();
        let mut all = Vec::new();
        for c in self.text.get(original).unwrap_or_default().chars() {
            fold_char(c, &mut |f| all.push(f));
        }
        all.split_off(before.min(all.len()))
    }

    /// The original octets of a stretch of [`Self::kept`].
    pub(super) fn original_of_kept(&self, range: Range<usize>) -> Range<usize> {
        if self.cased { self.kept_form().map.outward(range) } else { self.original(range) }
    }

    /// The place in [`Self::kept`] of an octet of the original text.
    pub(super) fn in_kept(&self, original: usize) -> usize {
        if self.cased { self.kept_form().map.inward(original) } else { self.folded.map.inward(original) }
    }

    fn kept_form(&self) -> &Form<'t> {
        self.kept.get_or_init(|| {
            let first = first_non_ascii(self.text.as_bytes()).unwrap_or(self.text.len());
            let mut folder = Folder::new(self.text, first, true);
            folder.run(self.text, first);
            Form { text: Cow::Owned(folder.out), map: folder.map }
        })
    }
}

/// Where the folded text stands in the original: between listed characters both advance alike.
#[derive(Debug, Default)]
struct Map {
    odd: Vec<Odd>,
}

/// A character whose folded form has another length.
#[derive(Debug, Clone, Copy)]
struct Odd {
    folded: u32,
    original: u32,
    folded_len: u8,
    original_len: u8,
}

impl Odd {
    fn folded(self) -> usize {
        self.folded as usize
    }

    fn original(self) -> usize {
        self.original as usize
    }

    fn folded_end(self) -> usize {
        self.folded() + usize::from(self.folded_len)
    }

    fn original_end(self) -> usize {
        self.original() + usize::from(self.original_len)
    }
}

impl Map {
    /// The original octets of a stretch of folded text: whole characters, none of the invisible ones at its
    /// ends.
    fn outward(&self, range: Range<usize>) -> Range<usize> {
        if self.odd.is_empty() {
            return range;
        }
        if range.is_empty() {
            let at = self.character(range.start).start;
            return at..at;
        }
        self.character(range.start).start..self.character(range.end - 1).end
    }

    /// The original character that gave a folded octet; for plain stretches, that octet alone.
    fn character(&self, folded: usize) -> Range<usize> {
        let next = self.odd.partition_point(|odd| odd.folded() <= folded);
        // Invisible characters give no octet: step over those that stand at the same place.
        match self.odd[..next].last() {
            None => folded..folded + 1,
            Some(odd) if folded < odd.folded_end() => odd.original()..odd.original_end(),
            Some(odd) => {
                let at = folded - odd.folded_end() + odd.original_end();
                at..at + 1
            }
        }
    }

    /// The folded position of an original one.
    fn inward(&self, original: usize) -> usize {
        let next = self.odd.partition_point(|odd| odd.original() < original);
        match self.odd[..next].last() {
            None => original,
            Some(odd) => odd.folded_end() + original.saturating_sub(odd.original_end()),
        }
    }
}

/// Writes the folded text.
struct Folder {
    out: Vec<u8>,
    map: Map,
    /// For each octet written: [`INSIDE`] and [`STARTS`] where the class of a character outside ASCII says so.
    marks: Vec<u8>,
    keep_case: bool,
    cased: bool,
    expands: bool,
    /// The class of the last character, if a letter right after it begins a word.
    solo: bool,
}

/// The octet belongs to a word.
pub(super) const INSIDE: u8 = 1;
/// A word begins, though nothing says so but the class of the character.
pub(super) const STARTS: u8 = 2;

impl Folder {
    fn new(text: &str, first: usize, keep_case: bool) -> Self {
        let mut folder = Self {
            out: Vec::with_capacity(text.len() + text.len() / 16 + 16),
            map: Map::default(),
            marks: Vec::with_capacity(text.len() + text.len() / 16 + 16),
            keep_case,
            cased: false,
            expands: false,
            solo: false,
        };
        folder.plain(&text.as_bytes()[..first]);
        folder
    }

    fn run(&mut self, text: &str, first: usize) {
        let bytes = text.as_bytes();
        let table = TABLE.as_slice();
        let pairs = if self.keep_case { KEPT_PAIRS.as_slice() } else { FOLDED_PAIRS.as_slice() };
        let mut at = first;
        while at < bytes.len() {
            at = self.letters(bytes, at, pairs);
            if at == bytes.len() {
                return;
            }
            let (code, len) = match bytes[at..] {
                [one, ..] if one < 0x80 => {
                    let len = ascii_run(&bytes[at..]);
                    self.plain(&bytes[at..at + len]);
                    at += len;
                    continue;
                }
                [one @ ..0xE0, two, ..] => (usize::from(one & 0x1F) << 6 | usize::from(two & 0x3F), 2),
                [one @ ..0xF0, two, three, ..] => {
                    let low = usize::from(two & 0x3F) << 6 | usize::from(three & 0x3F);
                    (usize::from(one & 0x0F) << 12 | low, 3)
                }
                _ => (usize::MAX, 4),
            };
            match table.get(code) {
                Some(Fold::One(folded)) => self.one(*folded, at, len),
                _ => self.slowly(text, at, len),
            }
            at += len;
        }
    }

    /// Takes the letters of two octets that stay two octets, as most of Greek and Cyrillic; gives where it stopped.
    #[inline]
    fn letters(&mut self, bytes: &[u8], from: usize, pairs: &[u16]) -> usize {
        let mut at = from;
        let first = self.out.len();
        while let Some([one @ 0xC2..0xE0, two]) = bytes.get(at..at + 2) {
            let folded = pairs[usize::from(one & 0x1F) << 6 | usize::from(two & 0x3F)];
            if folded == 0 {
                break;
            }
            // Whatever changes here may have been a matter of case.
            self.cased |= folded != u16::from_le_bytes([*one, *two]);
            self.out.extend_from_slice(&folded.to_le_bytes());
            at += 2;
        }
        if at > from {
            self.marks.resize(self.out.len(), INSIDE);
            if std::mem::take(&mut self.solo) {
                self.marks[first] |= STARTS;
            }
        }
        at
    }

    fn plain(&mut self, ascii: &[u8]) {
        let Some(first) = ascii.first() else { return };
        let begins = self.solo && first.is_ascii_alphanumeric();
        self.solo = false;
        self.marks.push(if begins { STARTS } else { 0 });
        self.out.extend_from_slice(ascii);
        self.marks.resize(self.out.len(), 0);
    }

    #[inline]
    fn one(&mut self, f: Folded, original: usize, original_len: usize) {
        let folded = self.out.len();
        self.push(f);
        let folded_len = self.out.len() - folded;
        if folded_len != original_len {
            self.odd(folded, original, original_len);
        }
    }

    #[cold]
    fn slowly(&mut self, text: &str, original: usize, original_len: usize) {
        let folded = self.out.len();
        let mut count = 0;
        if let Some(c) = text[original..].chars().next() {
            fold_char(c, &mut |f| {
                self.push(f);
                count += 1;
            });
        }
        self.expands |= count > 1;
        if count != 1 || self.out.len() - folded != original_len {
            self.odd(folded, original, original_len);
        }
    }

    fn odd(&mut self, folded: usize, original: usize, original_len: usize) {
        self.map.odd.push(Odd {
            folded: folded as u32,
            original: original as u32,
            folded_len: (self.out.len() - folded) as u8,
            original_len: original_len as u8,
        });
    }

    #[inline]
    fn push(&mut self, f: Folded) {
        self.cased |= f.kept != f.folded;
        let c = if self.keep_case { f.kept } else { f.folded };
        let mut mark = if f.class == Class::Other || c.is_ascii() { 0 } else { INSIDE };
        let first = if f.class == Class::Solo || f.class == Class::Letter && self.solo { STARTS } else { 0 };
        self.solo = matches!(f.class, Class::Solo | Class::Trail);
        self.marks.push(mark | first);
        match c as u32 {
            code @ ..0x80 => self.out.push(code as u8),
            code @ ..0x800 => {
                self.out.extend_from_slice(&[0xC0 | (code >> 6) as u8, 0x80 | (code & 0x3F) as u8]);
                self.marks.push(mark);
            }
            _ => {
                let mut octets = [0; 4];
                self.out.extend_from_slice(c.encode_utf8(&mut octets).as_bytes());
                mark &= INSIDE;
                self.marks.resize(self.out.len(), mark);
            }
        }
    }
}

/// How many octets of ASCII a text begins with.
fn ascii_run(bytes: &[u8]) -> usize {
    // Most stretches between characters outside ASCII are short.
    match bytes.iter().take(32).position(|octet| *octet >= 0x80) {
        Some(len) => len,
        None => first_non_ascii(bytes).unwrap_or(bytes.len()),
    }
}

/// Folds one character to none, one or several.
pub(super) fn fold_char(c: char, out: &mut dyn FnMut(Folded)) {
    if c.is_ascii() {
        return out(ascii(c));
    }
    match TABLE.get(c as usize) {
        Some(Fold::One(folded)) => out(*folded),
        Some(Fold::None) => {}
        _ => fold_slowly(c, out),
    }
}

/// How the characters below U+3000 fold.
static TABLE: LazyLock<Vec<Fold>> = LazyLock::new(|| (0..0x3000).map(fold_of).collect());

/// The two octets that a letter of two octets (below U+0800) folds to; 0 if it is anything else.
static FOLDED_PAIRS: LazyLock<Vec<u16>> = LazyLock::new(|| pairs(|f| f.folded));
static KEPT_PAIRS: LazyLock<Vec<u16>> = LazyLock::new(|| pairs(|f| f.kept));

fn pairs(form: fn(&Folded) -> char) -> Vec<u16> {
    let pair = |fold: &Fold| match fold {
        Fold::One(f) if f.class == Class::Letter && (0x80..0x800).contains(&(form(f) as u32)) => {
            let mut octets = [0; 2];
            form(f).encode_utf8(&mut octets);
            u16::from_le_bytes(octets)
        }
        _ => 0,
    };
    TABLE[..0x800].iter().map(pair).collect()
}

enum Fold {
    None,
    One(Folded),
    Many,
}

fn fold_of(code: u32) -> Fold {
    let mut all = Vec::new();
    if let Some(c) = char::from_u32(code) {
        fold_slowly(c, &mut |f| all.push(f));
    }
    match all.as_slice() {
        [] => Fold::None,
        [one] => Fold::One(*one),
        _ => Fold::Many,
    }
}

fn fold_slowly(c: char, out: &mut dyn FnMut(Folded)) {
    if is_invisible(c) {
        return;
    }
    if let Some(plain) = plain_form(c) {
        return out(classified(plain));
    }
    for part in std::iter::once(c).nfkd() {
        if canonical_combining_class(part) != 0 || is_enclosing(part) || is_invisible(part) {
            continue;
        }
        match (part, plain_form(part)) {
            ('ß', _) => ['s', 's'].into_iter().for_each(|s| out(ascii(s))),
            ('ẞ', _) => ['S', 'S'].into_iter().for_each(|s| out(ascii(s))),
            (_, Some(plain)) => out(classified(plain)),
            (part, None) => out(classified(part)),
        }
    }
}

fn ascii(c: char) -> Folded {
    let class = if c.is_ascii_alphanumeric() { Class::Letter } else { Class::Other };
    Folded { folded: c, kept: c, class }
}

fn classified(c: char) -> Folded {
    if c.is_ascii() {
        return ascii(c);
    }
    Folded { folded: lower(c), kept: c, class: class_of(c) }
}

/// One-to-one lower case, by way of upper case so that the two small sigmas are one.
pub(super) fn lower(c: char) -> char {
    let mut upper = c.to_uppercase();
    let upper = match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    };
    let mut lower = upper.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if one.is_ascii() == c.is_ascii() => one,
        _ => c,
    }
}

pub(super) fn class_of(c: char) -> Class {
    match c as u32 {
        0..0x80 => ascii(c).class,
        0x1160..=0x11FF | 0xD7B0..=0xD7FF => Class::Trail,
        0x1100..=0x115F
        | 0xA960..=0xA97F
        | 0x0E00..=0x0EFF
        | 0x1000..=0x109F
        | 0x1780..=0x17FF
        | 0x2E80..=0x2FDF
        | 0x3005..=0x3007
        | 0x3021..=0x3029
        | 0x3041..=0x30FF
        | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0x20000..=0x323AF
            if c.is_alphanumeric() =>
        {
            Class::Solo
        }
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Other,
    }
}

/// Characters that a reader does not see.
fn is_invisible(c: char) -> bool {
    matches!(c as u32,
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Marks that enclose a character (keycaps, circles).
fn is_enclosing(c: char) -> bool {
    matches!(c as u32, 0x0488 | 0x0489 | 0x1ABE | 0x20DD..=0x20E0 | 0x20E2..=0x20E4 | 0xA670..=0xA672)
}

/// The plain character that people read for it, where compatibility decomposition has none.
fn plain_form(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    if let Some(digit) = digit(c) {
        return Some(digit);
    }
    Some(match c as u32 {
        0x0085 | 0x2028 | 0x2029 => '\n',
        _ if c.is_whitespace() => ' ',
        0x058A
        | 0x05BE
        | 0x1400
        | 0x1806
        | 0x2010..=0x2015
        | 0x2043
        | 0x207B
        | 0x208B
        | 0x2212
        | 0x2796
        | 0x2E17
        | 0x2E1A
        | 0x2E3A
        | 0x2E3B
        | 0x2E40
        | 0x2E5D
        | 0x301C
        | 0x3030
        | 0x30A0
        | 0xFE31
        | 0xFE32
        | 0xFE58
        | 0xFE63
        | 0xFF0D
        | 0x10EAD => '-',
        0x2018..=0x201B | 0x2032 | 0x2035 | 0x2039 | 0x203A | 0x02B9 | 0x02BC | 0x02C8 | 0x00B4 => '\'',
        0x201C..=0x201F | 0x2033 | 0x2036 | 0x00AB | 0x00BB => '"',
        0x2022 | 0x2219 | 0x00B7 | 0x30FB => '.',
        0x2044 | 0x2215 => '/',
        0x0131 => 'i',
        // Signs that would glue letters to the word before them.
        0x2120 | 0x2122 => c,
        _ => return None,
    })
}

/// The ASCII digit for any decimal digit (Unicode category Nd).
fn digit(c: char) -> Option<char> {
    let code = c as u32;
    let after = DIGIT_ZEROS.partition_point(|zero| *zero <= code);
    let zero = *DIGIT_ZEROS.get(after.checked_sub(1)?)?;
    char::from_digit(code - zero, 10)
}

/// The zero of each run of ten decimal digits outside ASCII (UnicodeData.txt, category Nd).
const DIGIT_ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50,
    0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140,
    0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The place of the first octet outside ASCII.
fn first_non_ascii(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = bytes.get(at..at + 64) {
        if block.iter().fold(0, |all, b| all | b) >= 0x80 {
            break;
        }
        at += 64;
    }
    bytes[at..].iter().position(|b| *b >= 0x80).map(|more| at + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        String::from_utf8(Prepared::new(text).bytes().to_vec()).unwrap()
    }

    #[test]
    fn ascii_is_not_copied() {
        let prepared = Prepared::new("plain text");
        assert!(matches!(prepared.folded.text, Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_reader_sees_as_a_number_becomes_one() {
        for text in [
            "4\u{AD}1\u{200B}11",
            "４１１１",
            "٤١١١",
            "4\u{301}111",
            "𝟜𝟙𝟙𝟙",
            "4\u{20E3}1\u{FE0F}\u{20E3}11",
            "④①①①",
        ] {
            assert_eq!(folded(text), "4111", "{text:?}");
        }
        assert_eq!(folded("41\u{A0}11\u{2011}3\u{2009}4"), "41 11-3 4");
    }

    #[test]
    fn accents_and_case_outside_ascii_fold_away() {
        assert_eq!(folded("Éclair ΣΊΣΥΦΟΣ"), "Eclair σισυφοσ");
        assert_eq!(Prepared::new("Éclair ΣΊΣΥΦΟΣ").kept(), "Eclair ΣΙΣΥΦΟΣ".as_bytes());
        assert_eq!(folded("STRAẞE Straße"), "STRASSE Strasse");
    }

    #[test]
    fn positions_lead_back_to_whole_characters() {
        let text = "aé\u{AD}\u{200B}ﬁ\u{AD}x\u{301}z";
        let prepared = Prepared::new(text);
        assert_eq!(prepared.bytes(), b"aefixz");
        let back = |range: Range<usize>| &text[prepared.original(range)];
        assert_eq!(back(0..1), "a");
        assert_eq!(back(1..2), "é");
        assert_eq!(back(2..3), "ﬁ");
        assert_eq!(back(3..4), "ﬁ");
        assert_eq!(back(1..4), "é\u{AD}\u{200B}ﬁ");
        assert_eq!(back(4..5), "x");
        assert_eq!(back(4..6), "x\u{301}z");
    }

    #[test]
    fn distance_is_counted_in_words() {
        let text = "one two\u{A0}three — four 机密 five";
        let prepared = Prepared::new(text);
        let span = |word: &str| {
            let at = text.find(word).unwrap();
            at..at + word.len()
        };
        assert_eq!(prepared.words_between(&span("one"), &span("two")), 0);
        assert_eq!(prepared.words_between(&span("four"), &span("one")), 2);
        assert_eq!(prepared.words_between(&span("four"), &span("five")), 2);
    }
}
