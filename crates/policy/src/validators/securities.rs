//! Securities and legal entities: CUSIP, ISIN (ISO 6166), SEDOL, FIGI, LEI (ISO 17442).

use super::bank::{is_country, passes_mod97};
use super::checksum::base36;
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("cusip", cusip, "CUSIP: 9 characters, check digit (ANSI X9.6)"),
    compacted("isin", isin, "ISIN: country, 9 characters, check digit (ISO 6166)"),
    compacted("sedol", sedol, "SEDOL: 7 characters without vowels, check digit"),
    compacted("figi", figi, "FIGI: 12 characters, check digit"),
    compacted("lei", lei, "LEI: 20 characters, mod 97-10 (ISO 17442)"),
];

/// Adds up the decimal digits of value times 1 or 2, doubling every second position.
fn doubled_sum(c: &str, double_first: bool) -> Option<i32> {
    c.bytes().enumerate().try_fold(0, |sum, (at, octet)| {
        let v = base36(octet)? * if (at % 2 == 0) == double_first { 2 } else { 1 };
        Some(sum + v / 10 + v % 10)
    })
}

fn ends_with_check(c: &str, sum: impl Fn(&str) -> Option<i32>) -> bool {
    let Some((body, last)) = c.len().checked_sub(1).and_then(|at| c.split_at_checked(at)) else {
        return false;
    };
    let check = last.bytes().next().filter(u8::is_ascii_digit).and_then(base36);
    matches!((sum(body), check), (Some(s), Some(k)) if (10 - s % 10) % 10 == k)
}

fn cusip(c: &str) -> bool {
    c.len() == 9 && ends_with_check(c, |body| doubled_sum(body, false))
}

fn figi(c: &str) -> bool {
    let octets = c.as_bytes();
    c.len() == 12
        && octets.iter().all(|o| !b"AEIOU".contains(o) || !o.is_ascii_alphabetic())
        && octets.iter().take(2).all(u8::is_ascii_uppercase)
        && octets.get(2) == Some(&b'G')
        && !["BS", "BM", "GG", "GB", "VG"].iter().any(|reserved| c.starts_with(reserved))
        && ends_with_check(c, |body| doubled_sum(body, false))
}

/// Letters become two digits before Luhn, so the parity runs over the expanded digits.
fn isin(c: &str) -> bool {
    let octets = c.as_bytes();
    let prefixed = octets.get(..2).is_some_and(|cc| is_country(cc) || OTHER_PREFIXES.contains(&cc));
    if octets.len() != 12 || !prefixed || !octets.last().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let (mut sum, mut twice) = (0, false);
    for octet in octets.iter().rev() {
        let Some(v) = base36(*octet) else { return false };
        for d in if v > 9 { [Some(v % 10), Some(v / 10)] } else { [Some(v), None] }.into_iter().flatten() {
            let counted = if twice { d * 2 } else { d };
            sum += counted / 10 + counted % 10;
            twice = !twice;
        }
    }
    sum % 10 == 0
}

/// Prefixes that ISO 6166 uses beside countries: international securities, tokens, derivatives, and former countries.
const OTHER_PREFIXES: &[&[u8]] =
    &[b"EU", b"QS", b"QT", b"XA", b"XB", b"XC", b"XD", b"XF", b"XK", b"XS", b"XT", b"EZ", b"AN", b"CS"];

fn sedol(c: &str) -> bool {
    let octets = c.as_bytes();
    let consonants = octets.iter().all(|o| !b"AEIOU".contains(o));
    let new_style = octets.first().is_some_and(u8::is_ascii_uppercase);
    if octets.len() != 7 || !consonants || !(new_style || octets.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    ends_with_check(c, |body| {
        body.bytes()
            .zip([1, 3, 1, 7, 3, 9])
            .try_fold(0, |sum, (octet, weight)| Some(sum + base36(octet)? * weight))
    })
}

fn lei(c: &str) -> bool {
    c.len() == 20 && c.as_bytes().iter().rev().take(2).all(u8::is_ascii_digit) && passes_mod97(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_securities_pass_and_their_neighbours_fail() {
        assert!(cusip("037833100") && !cusip("037833101"));
        assert!(
            isin("US0378331005")
                && isin("GB0002634946")
                && isin("XS1234567891") == isin_by_hand("XS1234567891")
        );
        assert!(!isin("US0378331006") && !isin("ZZ0378331005"));
        assert!(sedol("0263494") && sedol("B0YBKJ7") && !sedol("B0YBKJ8") && !sedol("0A63494"));
        assert!(figi("BBG000BLNQ16") && !figi("BBG000BLNQ17"));
        assert!(lei("5493001KJTIIGC8Y1R12") && !lei("5493001KJTIIGC8Y1R13"));
    }

    fn isin_by_hand(c: &str) -> bool {
        let expanded: Vec<i32> = c
            .bytes()
            .flat_map(|o| base36(o).unwrap().to_string().into_bytes())
            .map(|d| i32::from(d - b'0'))
            .collect();
        super::super::checksum::luhn(&expanded)
    }
}
