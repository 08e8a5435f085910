//! The arithmetic that most numbers share: weighted sums, Luhn, Verhoeff, Damm and the ISO 7064 systems.

use std::ops::Deref;

use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted(
        "luhn",
        |c| number(c).is_some_and(|d| d.len() > 1 && luhn(&d)),
        "Luhn check digit (ISO/IEC 7812-1 annex B)",
    ),
    compacted("verhoeff", |c| number(c).is_some_and(|d| d.len() > 1 && verhoeff(&d)), "Verhoeff check digit"),
    compacted("damm", |c| number(c).is_some_and(|d| d.len() > 1 && damm(&d)), "Damm check digit"),
    compacted("iso7064_mod_97_10", |c| c.len() > 2 && mod97(c.as_bytes()) == Some(1), "ISO 7064 mod 97-10"),
    compacted(
        "iso7064_mod_11_10",
        |c| number(c).is_some_and(|d| d.len() > 1 && mod_11_10(&d)),
        "ISO 7064 mod 11,10",
    ),
    compacted("iso7064_mod_11_2", |c| c.len() > 1 && mod_11_2(c.as_bytes()), "ISO 7064 mod 11-2"),
    compacted(
        "iso7064_mod_37_2",
        |c| c.len() > 1 && mod_37_2(c.as_bytes()),
        "ISO 7064 mod 37-2 (letters and digits)",
    ),
    compacted("iso7064_mod_37_36", |c| c.len() > 1 && mod_37_36(c.as_bytes()), "ISO 7064 mod 37,36"),
];

/// Up to 40 decimal digits as values.
pub(super) struct Number {
    digits: [i32; 40],
    len: usize,
}

impl Deref for Number {
    type Target = [i32];
    fn deref(&self) -> &[i32] {
        self.digits.get(..self.len).unwrap_or(&[])
    }
}

/// The digits of a text that is nothing but 1 to 40 ASCII digits.
pub(super) fn number(text: &str) -> Option<Number> {
    let mut digits = [0; 40];
    let octets = text.as_bytes();
    if octets.is_empty() {
        return None;
    }
    for (at, octet) in octets.iter().enumerate() {
        *digits.get_mut(at)? = digit(*octet)?;
    }
    Some(Number { digits, len: octets.len() })
}

/// The digits of a text that is exactly `N` ASCII digits.
pub(super) fn digits<const N: usize>(text: &str) -> Option<[i32; N]> {
    let octets: &[u8; N] = text.as_bytes().try_into().ok()?;
    let mut out = [0; N];
    for (to, octet) in out.iter_mut().zip(octets) {
        *to = digit(*octet)?;
    }
    Some(out)
}

/// Whether the text is exactly `N` ASCII digits that satisfy `rule`.
pub(super) fn all_digits<const N: usize>(text: &str, rule: impl FnOnce(&[i32; N]) -> bool) -> bool {
    digits::<N>(text).is_some_and(|d| rule(&d))
}

fn digit(octet: u8) -> Option<i32> {
    octet.is_ascii_digit().then(|| i32::from(octet - b'0'))
}

/// 0-9 for digits, 10-35 for upper-case letters.
pub(super) fn base36(octet: u8) -> Option<i32> {
    match octet {
        b'0'..=b'9' => Some(i32::from(octet - b'0')),
        b'A'..=b'Z' => Some(i32::from(octet - b'A') + 10),
        _ => None,
    }
}

/// The sum of digit times weight, as far as both go.
pub(super) fn weighted(digits: &[i32], weights: &[i32]) -> i32 {
    digits.iter().zip(weights).map(|(d, w)| d * w).sum()
}

/// The decimal value of at most 18 digits.
pub(super) fn value(digits: &[i32]) -> i64 {
    digits.iter().take(18).fold(0, |v, d| v * 10 + i64::from(*d))
}

/// The value of a short group of digits (at most 9).
pub(super) fn small(digits: &[i32]) -> i32 {
    digits.iter().take(9).fold(0, |v, d| v * 10 + d)
}

/// Whether every digit is the same.
pub(super) fn all_same(digits: &[i32]) -> bool {
    digits.windows(2).all(|w| w.first() == w.last())
}

/// Luhn over decimal digits, check digit last.
pub(super) fn luhn(digits: &[i32]) -> bool {
    luhn_sum(digits) % 10 == 0
}

/// The Luhn sum with the last digit counted once.
pub(super) fn luhn_sum(digits: &[i32]) -> i32 {
    let fold = |(at, d): (usize, &i32)| match (at % 2, *d * 2) {
        (0, _) => *d,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    digits.iter().rev().enumerate().map(fold).sum()
}

/// Luhn over an alphabet of `n` symbols given by their values (mod n).
pub(super) fn luhn_mod(values: impl DoubleEndedIterator<Item = Option<i32>>, n: i32) -> bool {
    let mut sum = 0;
    for (at, value) in values.rev().enumerate() {
        let Some(v) = value.filter(|v| (0..n).contains(v)) else { return false };
        sum += if at % 2 == 0 { v } else { (2 * v) / n + (2 * v) % n };
    }
    sum % n == 0
}

const VERHOEFF_PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

const VERHOEFF_PERMUTATION: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Verhoeff over decimal digits, check digit last.
pub(super) fn verhoeff(digits: &[i32]) -> bool {
    digits.iter().rev().enumerate().fold(0usize, |state, (at, d)| {
        let turned = VERHOEFF_PERMUTATION[at % 8][(*d as usize) % 10];
        usize::from(VERHOEFF_PRODUCT[state % 10][usize::from(turned)])
    }) == 0
}

const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// Damm over decimal digits, check digit last.
pub(super) fn damm(digits: &[i32]) -> bool {
    digits.iter().fold(0usize, |state, d| usize::from(DAMM[state % 10][(*d as usize) % 10])) == 0
}

/// The remainder by 97 of letters and digits, letters counting as two digits (A = 10). None if there is another octet.
pub(super) fn mod97(octets: &[u8]) -> Option<u32> {
    remainder97(octets.iter().copied())
}

/// As [`mod97`], over any source of octets.
pub(super) fn remainder97(octets: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0u32;
    for octet in octets {
        let v = base36(octet)? as u32;
        rest = if v > 9 { (rest * 100 + v) % 97 } else { (rest * 10 + v) % 97 };
    }
    Some(rest)
}

/// ISO 7064 mod 11,10 over decimal digits, check digit last.
pub(super) fn mod_11_10(digits: &[i32]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |p, d| {
        let s = (p + d) % 10;
        (if s == 0 { 10 } else { s }) * 2 % 11
    });
    (product + check) % 10 == 1
}

/// ISO 7064 mod 11-2: digits, of which the last may be X.
pub(super) fn mod_11_2(octets: &[u8]) -> bool {
    let Some((last, body)) = octets.split_last() else { return false };
    let mut sum = 0;
    for octet in body {
        let Some(d) = digit(*octet) else { return false };
        sum = (sum + d) * 2 % 11;
    }
    let check = if *last == b'X' { Some(10) } else { digit(*last) };
    check.is_some_and(|c| (sum + c) % 11 == 1)
}

/// ISO 7064 mod 37-2 over letters and digits, the last may be `*` (not reachable in compact form).
pub(super) fn mod_37_2(octets: &[u8]) -> bool {
    let sum = octets.iter().try_fold(0, |sum, o| Some((sum * 2 + base36(*o)?) % 37));
    sum == Some(1)
}

/// ISO 7064 mod 37,36 over letters and digits.
pub(super) fn mod_37_36(octets: &[u8]) -> bool {
    let Some((last, body)) = octets.split_last() else { return false };
    let product = body.iter().try_fold(36, |p, o| {
        let s = (p + base36(*o)?) % 36;
        Some((if s == 0 { 36 } else { s }) * 2 % 37)
    });
    matches!((product, base36(*last)), (Some(p), Some(c)) if (p + c) % 36 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(name: &str, text: &str) -> bool {
        crate::validators::validator(name).unwrap().accepts(text)
    }

    #[test]
    fn published_examples_of_each_system_pass_and_a_changed_digit_fails() {
        for (name, good, bad) in [
            ("luhn", "79927398713", "79927398710"),
            ("verhoeff", "2363", "2364"),
            ("damm", "5724", "5727"),
            ("iso7064_mod_97_10", "79444", "79445"),
            ("iso7064_mod_11_10", "07945", "07946"),
            ("iso7064_mod_11_2", "079X", "0791"),
            ("iso7064_mod_37_36", "A12425GABC1234002M", "A12425GABC1234002N"),
        ] {
            assert!(accepts(name, good), "{name} {good}");
            assert!(!accepts(name, bad), "{name} {bad}");
        }
    }

    #[test]
    fn forty_digits_are_the_most() {
        assert!(number(&"0".repeat(40)).is_some());
        assert!(number(&"0".repeat(41)).is_none());
        assert!(number("").is_none() && number("12a").is_none());
    }
}
