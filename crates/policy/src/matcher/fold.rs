//! What each character is in the form of text that patterns are matched against.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

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

static FOLDED: LazyLock<Vec<Short>> =
    LazyLock::new(|| (0..0x800).map(|code| Short::of(&TABLE[code], false)).collect());
static KEPT: LazyLock<Vec<Short>> =
    LazyLock::new(|| (0..0x800).map(|code| Short::of(&TABLE[code], true)).collect());

/// What a character of two octets (below U+0800) folds to, ready to be written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Short {
    pub(super) octets: [u8; 2],
    /// One for a character of ASCII, two for a letter of a script with words, none for anything else.
    pub(super) len: u8,
    /// Whether its case is lost, or would be.
    pub(super) cased: bool,
}

impl Short {
    /// All of them, by code.
    pub(super) fn all(keep_case: bool) -> &'static [Self] {
        if keep_case { &KEPT } else { &FOLDED }
    }

    fn of(fold: &Fold, keep_case: bool) -> Self {
        let Fold::One(f) = fold else { return Self::default() };
        let c = if keep_case { f.kept } else { f.folded };
        let simple = c.is_ascii() || c.len_utf8() == 2 && f.class == Class::Letter;
        let mut octets = [0; 2];
        let len = if simple { c.encode_utf8(&mut octets).len() as u8 } else { 0 };
        Self { octets, len, cased: f.kept != f.folded }
    }
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
fn lower(c: char) -> char {
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

/// As [`lower`], letters of ASCII included.
pub(super) fn lower_all(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { lower(c) }
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
