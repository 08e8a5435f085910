//! What stands in a text that may point at a row: numbers, identifiers, telephone numbers, addresses of mail.
//!
//! Nothing but digits and `@` is looked for at first: prose costs next to nothing.

use std::ops::{Range, RangeInclusive};

use super::phone::{self, Written};
use super::value::{Value, length};
use crate::index::lines::goes_on;

/// What an index holds, so that nothing else is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shape {
    /// One bit for each count of digits that a number may have.
    pub(crate) digits: u64,
    /// How long they are with zeros in front.
    #[serde(default)]
    pub(crate) written: Widths,
    /// One bit for each length that an identifier of letters and digits may have.
    pub(crate) mixed: u64,
    /// Likewise of telephone numbers: without country code, with it, of unknown country.
    pub(crate) national: u64,
    pub(crate) international: u64,
    pub(crate) any_country: u64,
    pub(crate) email: bool,
    /// Words of the longest value of words.
    pub(crate) words: u32,
    pub(crate) dates: bool,
}

impl Shape {
    pub(crate) fn add(&mut self, value: &Value) {
        match value {
            Value::Words(text) => self.words = self.words.max(text.split(' ').count() as u32),
            Value::Digits(number) => self.digits |= 1 << length(*number).min(63),
            Value::Mixed(text) => self.mixed |= 1 << text.len().min(63),
            Value::Email(_) => self.email = true,
            Value::Date(_) => self.dates = true,
            Value::National(number) => self.national |= 1 << length(*number).min(63),
            Value::International(number) => self.international |= 1 << length(*number).min(63),
            Value::AnyCountry(number) => self.any_country |= 1 << length(*number).min(63),
            Value::Opening(_) => {}
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.digits |= other.digits;
        self.mixed |= other.mixed;
        self.national |= other.national;
        self.international |= other.international;
        self.any_country |= other.any_country;
        self.email |= other.email;
        self.words = self.words.max(other.words);
        self.dates |= other.dates;
    }

    fn numbers(&self) -> bool {
        self.digits != 0 || self.mixed != 0 || self.phones() != 0
    }

    fn phones(&self) -> u64 {
        self.national | self.international | self.any_country
    }

    /// Whether a number of so many digits may be a telephone number of the index: with a country code and a trunk zero
    /// it has up to four digits more than one without.
    fn may_be_phone(&self, length: u32) -> bool {
        let lengths = 0b1_1111u64 << length.saturating_sub(4).min(59);
        length >= phone::LEAST && self.phones() & lengths != 0
    }

    /// Digits of the shortest and of the longest number that is worth a look.
    fn lengths(&self) -> RangeInclusive<u32> {
        let numbers = 64 - self.digits.leading_zeros();
        let phones = if self.phones() == 0 { 0 } else { 64 - self.phones().leading_zeros() + 4 };
        (self.digits | self.phones()).trailing_zeros()..=numbers.max(phones)
    }

    /// Whether the index has telephone numbers of that form and length.
    fn has_phone(&self, value: &Value) -> bool {
        match value {
            Value::National(number) => self.national >> length(*number) & 1 == 1,
            Value::International(number) => self.international >> length(*number) & 1 == 1,
            Value::AnyCountry(number) => self.any_country >> length(*number) & 1 == 1,
            _ => false,
        }
    }
}

/// For each count of digits that a number may have without zeros in front, the most that one of its column is written with:
/// longer ones are other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub(crate) struct Widths([u8; 64]);

impl Widths {
    /// Of a column: the bits of its counts, and the most digits.
    pub(crate) fn add(&mut self, digits: u64, widest: u8) {
        for (count, width) in self.0.iter_mut().enumerate() {
            if digits >> count & 1 == 1 {
                *width = widest.max(*width);
            }
        }
    }

    /// Whether a number of so many digits without zeros in front may be written with so many.
    fn take(&self, length: u32, written: usize) -> bool {
        match self.0[length.min(63) as usize] {
            // An index made before widths were kept.
            0 => true,
            widest => written <= usize::from(widest),
        }
    }
}

impl Default for Widths {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl From<Vec<u8>> for Widths {
    fn from(all: Vec<u8>) -> Self {
        let mut widths = Self::default();
        widths.0.iter_mut().zip(all).for_each(|(to, width)| *to = width);
        widths
    }
}

impl From<Widths> for Vec<u8> {
    fn from(widths: Widths) -> Self {
        let used = widths.0.iter().rposition(|width| *width != 0).map_or(0, |last| last + 1);
        widths.0[..used].to_vec()
    }
}

/// Something that may be in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) value: Value,
    /// For a telephone number: the form that rows are tagged with.
    pub(crate) tagged: Option<Value>,
    /// In the folded text.
    pub(crate) span: Range<usize>,
}

/// Groups of letters and digits that may together be one value.
const TOGETHER: usize = 10;
/// Groups looked at in one go.
const RUN: usize = 4096;
/// Octets of the longest identifier or address.
const LONGEST: usize = 62;
const LONGEST_EMAIL: usize = 254;

/// A run of letters and digits.
#[derive(Debug, Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
    letters: bool,
    digits: bool,
}

/// Hands on every point of a stretch of folded text.
pub(crate) fn points(bytes: &[u8], range: Range<usize>, shape: &Shape, each: &mut impl FnMut(Point)) {
    let mut at = range.start;
    let mut groups = Vec::new();
    let lengths = shape.lengths();
    while let Some(next) = interesting(bytes, at, range.end) {
        if bytes[next] == b'@' {
            if shape.email {
                email(bytes, next, &range, each);
            }
            at = next + 1;
            continue;
        }
        groups.clear();
        let cut = run(bytes, next, &range, shape, &mut groups);
        let Some(last) = groups.last().copied() else { break };
        if shape.numbers() {
            (0..groups.len()).for_each(|from| {
                numbers(bytes, &groups[from..], shape, &lengths, each);
                if shape.mixed != 0 {
                    mixed(bytes, &groups[from..], shape, each);
                }
            });
        }
        // Groups at the end of a very long run may go on in the next.
        at = if cut { groups[groups.len() - TOGETHER].start } else { last.end };
        at = at.max(next + 1);
    }
}

/// The next digit or `@`.
fn interesting(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let is = |octet: u8| octet.is_ascii_digit() || octet == b'@';
    let mut at = from;
    let bytes = bytes.get(..end)?;
    while let Some(chunk) = bytes.get(at..at + 32) {
        // One answer for all of them, so that they are looked at together.
        if chunk.iter().fold(false, |any, octet| any | is(*octet)) {
            break;
        }
        at += 32;
    }
    bytes.get(at..)?.iter().position(|octet| is(*octet)).map(|offset| at + offset)
}

/// The groups around a digit that may belong together; whether there are more than were taken.
fn run(bytes: &[u8], digit: usize, range: &Range<usize>, shape: &Shape, groups: &mut Vec<Group>) -> bool {
    let start = (range.start..digit)
        .rev()
        .take_while(|at| bytes[*at].is_ascii_alphanumeric())
        .last()
        .unwrap_or(digit);
    let first = group(bytes, start, range.end);
    if shape.mixed != 0 {
        before(bytes, start, range.start, groups);
    }
    groups.push(first);
    loop {
        let last = groups[groups.len() - 1];
        let Some(next) = separated(bytes, last.end, range.end) else { return false };
        let next = group(bytes, next, range.end);
        let belongs = next.digits || shape.mixed != 0 && next.end - next.start <= 4;
        if !belongs {
            return false;
        }
        if groups.len() >= RUN {
            return true;
        }
        groups.push(next);
    }
}

/// Up to two short groups of letters before the first: `AB-CD-1234`.
fn before(bytes: &[u8], start: usize, least: usize, groups: &mut Vec<Group>) {
    let mut start = start;
    for _ in 0..2 {
        let Some(end) = start.checked_sub(1).filter(|end| *end > least && is_separator(bytes[*end])) else {
            break;
        };
        let from = (least..end).rev().take_while(|at| bytes[*at].is_ascii_alphabetic()).last();
        let Some(from) = from
            .filter(|from| end - from <= 4 && (*from == least || !bytes[from - 1].is_ascii_alphanumeric()))
        else {
            break;
        };
        groups.insert(0, Group { start: from, end, letters: true, digits: false });
        start = from;
    }
}

fn group(bytes: &[u8], start: usize, end: usize) -> Group {
    let (mut at, mut letters, mut digits) = (start, false, false);
    while at < end {
        match bytes[at] {
            b'0'..=b'9' => digits = true,
            b'a'..=b'z' | b'A'..=b'Z' => letters = true,
            _ => break,
        }
        at += 1;
    }
    Group { start, end: at, letters, digits }
}

fn is_separator(octet: u8) -> bool {
    matches!(octet, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'\'' | b'_')
}

/// Where the next group begins, if no more than a few separators stand before it.
fn separated(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut at = from;
    while at < end && at - from < 3 && is_separator(bytes[at]) {
        at += 1;
    }
    // The line was full, and the number goes on in the next.
    if let Some(next) = goes_on(bytes, at).filter(|next| *next < end) {
        return bytes[next].is_ascii_alphanumeric().then_some(next);
    }
    // Dashes of print, and a comma between thousands.
    let rest = bytes.get(at..end)?;
    let wide = rest.len() > 3 && rest[0] == 0xE2 && rest[1] == 0x80 && (0x90..=0x95).contains(&rest[2]);
    if wide && at == from {
        at += 3;
    } else if at == from && rest.first() == Some(&b',') && rest.get(1).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > from && at < end && bytes[at].is_ascii_alphanumeric()).then_some(at)
}

/// Numbers that begin with the first group.
fn numbers(
    bytes: &[u8],
    groups: &[Group],
    shape: &Shape,
    lengths: &RangeInclusive<u32>,
    each: &mut impl FnMut(Point),
) {
    let start = groups[0].start;
    let plus = start > 0 && bytes[start - 1] == b'+';
    let (mut number, mut digits, mut taken) = (0u128, 0, 0);
    for (at, group) in groups.iter().take(TOGETHER).enumerate() {
        digits += group.end - group.start;
        if group.letters || digits > 38 {
            return;
        }
        if digits < *lengths.start() as usize {
            continue;
        }
        number = groups[taken..=at]
            .iter()
            .fold(number, |number, group| joined(number, &bytes[group.start..group.end]));
        taken = at + 1;
        let span = start..group.end;
        let length = length(number);
        if length > *lengths.end() {
            return;
        }
        if shape.digits >> length & 1 == 1 && shape.written.take(length, digits) {
            each(Point { value: Value::Digits(number), tagged: None, span: span.clone() });
        }
        if shape.may_be_phone(length) {
            let zeros = bytes[start..start + 2.min(groups[0].end - start)] == *b"00";
            let written =
                Written { number, country: plus || zeros, trunk: !plus && !zeros && bytes[start] == b'0' };
            for (value, tagged) in phone::forms(written).filter(|(value, _)| shape.has_phone(value)) {
                each(Point { value, tagged: Some(tagged), span: span.clone() });
            }
        }
    }
}

/// A number with further digits behind it: not more than 38 together.
fn joined(number: u128, digits: &[u8]) -> u128 {
    let (first, rest) = digits.split_at(digits.len().min(19));
    let short = |digits: &[u8]| {
        digits.iter().fold(0u64, |all, digit| all.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    };
    let number = number * POWERS[first.len()] + u128::from(short(first));
    if rest.is_empty() { number } else { number * POWERS[rest.len()] + u128::from(short(rest)) }
}

/// Powers of ten.
static POWERS: [u128; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < 20 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Identifiers of letters and digits that begin with the first group.
fn mixed(bytes: &[u8], groups: &[Group], shape: &Shape, each: &mut impl FnMut(Point)) {
    let mut text = String::new();
    let (mut letters, mut digits) = (false, false);
    for group in groups.iter().take(TOGETHER) {
        if text.len() + group.end - group.start > LONGEST {
            return;
        }
        text.extend(bytes[group.start..group.end].iter().map(|octet| octet.to_ascii_uppercase() as char));
        letters |= group.letters;
        digits |= group.digits;
        if letters && digits && shape.mixed >> text.len() & 1 == 1 {
            each(Point { value: Value::Mixed(text.clone()), tagged: None, span: groups[0].start..group.end });
        }
    }
}

/// The address around an `@`.
fn email(bytes: &[u8], at: usize, range: &Range<usize>, each: &mut impl FnMut(Point)) {
    let local =
        |octet: u8| octet.is_ascii_alphanumeric() || octet >= 0x80 || b"._%+-'&~#$!*/?^{|}".contains(&octet);
    let domain = |octet: u8| octet.is_ascii_alphanumeric() || octet >= 0x80 || octet == b'.' || octet == b'-';
    let start = (range.start..at).rev().take(64).take_while(|place| local(bytes[*place])).last();
    let end = (at + 1..range.end).take(LONGEST_EMAIL).take_while(|place| domain(bytes[*place])).last();
    let (Some(mut start), Some(end)) = (start, end) else { return };
    let mut end = end + 1;
    while start < at
        && !(bytes[start].is_ascii_alphanumeric() || bytes[start] >= 0x80 || bytes[start] == b'_')
    {
        start += 1;
    }
    while end > at + 1 && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    if start == at || !bytes[at + 1..end].contains(&b'.') {
        return;
    }
    let Ok(text) = std::str::from_utf8(&bytes[start..end]) else { return };
    each(Point { value: Value::Email(text.to_ascii_lowercase()), tagged: None, span: start..end });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, shape: Shape) -> Vec<(Value, &str)> {
        let mut all = Vec::new();
        points(text.as_bytes(), 0..text.len(), &shape, &mut |point| {
            all.push((point.value, &text[point.span]))
        });
        all
    }

    fn digits(lengths: &[u32]) -> Shape {
        Shape { digits: lengths.iter().fold(0, |bits, length| bits | 1 << length), ..Shape::default() }
    }

    #[test]
    fn separators_of_every_kind_leave_the_number() {
        for text in [
            "123456789",
            "123-45-6789",
            "123 45 6789",
            "123.45.6789",
            "(123) 45-6789",
            "123,456,789",
            "x 123–45–6789",
            "0123456789",
        ] {
            assert!(
                found(text, digits(&[9])).iter().any(|(value, _)| *value == Value::Digits(123_456_789)),
                "{text}"
            );
        }
    }

    #[test]
    fn zeros_in_front_make_another_number_where_no_number_of_the_column_is_so_long() {
        let mut shape = digits(&[8, 9, 12]);
        shape.written.add(1 << 8 | 1 << 9, 9);
        shape.written.add(1 << 12, 16);
        for (text, count) in [
            ("123456789", 1),
            ("012345678", 1),
            ("12345678", 1),
            ("0123456789", 0),
            ("000 0123456789", 0),
            ("0000123456789012", 1),
            ("00000123456789012", 0),
        ] {
            assert_eq!(found(text, shape).len(), count, "{text}");
        }
        let kept = serde_json::to_string(&shape).unwrap();
        assert_eq!(serde_json::from_str::<Shape>(&kept).unwrap(), shape);
    }

    #[test]
    fn a_number_inside_a_longer_one_is_not_there() {
        assert_eq!(found("91234567890 a123456789 123456789b", digits(&[9])), []);
        assert_eq!(found("12:34:56:789 123\t456789 12\n3456789", digits(&[9])), []);
    }

    #[test]
    fn identifiers_are_found_with_their_letters_before_and_behind() {
        let shape = Shape { mixed: 1 << 8 | 1 << 22, ..Shape::default() };
        for text in ["ab-cd-1234", "ABCD1234", "AB CD 12 34", "see AB/CD/1234."] {
            assert!(
                found(text, shape).iter().any(|(value, _)| *value == Value::Mixed("ABCD1234".into())),
                "{text}: {:?}",
                found(text, shape)
            );
        }
        let iban = found("IBAN DE89 3704 0044 0532 0130 00.", shape);
        assert!(
            iban.contains(&(Value::Mixed("DE89370400440532013000".into()), "DE89 3704 0044 0532 0130 00")),
            "{iban:?}"
        );
    }

    #[test]
    fn addresses_lose_what_stands_around_them() {
        let shape = Shape { email: true, ..Shape::default() };
        for text in [
            "<Ann.Lee@Corp.example>",
            "mailto:ann.lee@corp.example.",
            "'ann.lee@corp.example'",
            "(ann.lee@corp.example)",
        ] {
            assert_eq!(found(text, shape)[0].0, Value::Email("ann.lee@corp.example".into()), "{text}");
        }
        assert_eq!(found("@ann ann@ a@b", shape), []);
    }

    #[test]
    fn a_very_long_run_of_numbers_loses_none() {
        let text: String = (0..20_000).map(|number| format!("{} ", number + 100_000)).collect();
        let mut all: Vec<Value> = found(&text, digits(&[6])).into_iter().map(|(value, _)| value).collect();
        all.dedup();
        for number in 100_000..120_000 {
            assert!(all.contains(&Value::Digits(number)) || number % 997 != 0, "{number}");
        }
    }
}
