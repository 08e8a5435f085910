//! Machine-readable zones of travel documents (ICAO Doc 9303) and the European health insurance card.

use super::checksum::{all_digits, base36, small, value};
use super::{Validator, compacted, verbatim};

pub(super) const TABLE: &[Validator] = &[
    compacted(
        "icao_document",
        icao_document,
        "document number of nine characters with its ICAO 9303 check digit",
    ),
    verbatim(
        "mrz_td1",
        mrz_td1,
        "first two lines of an identity card's machine-readable zone with their check digits (ICAO 9303-5)",
    ),
    verbatim(
        "mrz_td2",
        mrz_td2,
        "second line of a small travel document's machine-readable zone with its check digits (ICAO 9303-6)",
    ),
    verbatim(
        "mrz_td3",
        mrz_td3,
        "second line of a passport's machine-readable zone with its check digits (ICAO 9303-4)",
    ),
    compacted(
        "ehic",
        ehic,
        "European health insurance card: 80, country that takes part, institution and card",
    ),
];

fn icao_document(c: &str) -> bool {
    c.len() == 10 && Zone(c.as_bytes()).checked(0, 9)
}

/// Document number, date of birth and date of expiry have a check digit each, and all of it has one at the end of line 2. A
/// number that is longer than nine goes on in the next field and is left to that last digit.
fn mrz_td1(text: &str) -> bool {
    let mut lines = text.split_ascii_whitespace();
    let (Some(upper), Some(lower), None) = (lines.next(), lines.next(), lines.next()) else { return false };
    let (first, second) = (Zone(upper.as_bytes()), Zone(lower.as_bytes()));
    let number = first.checked(5, 14) || upper.get(14..15) == Some("<");
    let parts = [first.part(5, 30), second.part(0, 7), second.part(8, 15), second.part(18, 29)];
    upper.len() == 30
        && lower.len() == 30
        && number
        && second.checked(0, 6)
        && second.checked(8, 14)
        && checks(&parts, second.0.get(29))
}

fn mrz_td2(text: &str) -> bool {
    let line = Zone(text.as_bytes());
    let parts = [line.part(0, 10), line.part(13, 20), line.part(21, 35)];
    text.len() == 36
        && line.checked(0, 9)
        && line.checked(13, 19)
        && line.checked(21, 27)
        && checks(&parts, line.0.get(35))
}

fn mrz_td3(text: &str) -> bool {
    let line = Zone(text.as_bytes());
    let parts = [line.part(0, 10), line.part(13, 20), line.part(21, 43)];
    text.len() == 44
        && line.checked(0, 9)
        && line.checked(13, 19)
        && line.checked(21, 27)
        && (line.checked(28, 42) || line.is_empty_field(28, 43))
        && checks(&parts, line.0.last())
}

/// A line of a machine-readable zone.
struct Zone<'l>(&'l [u8]);

impl Zone<'_> {
    fn part(&self, from: usize, to: usize) -> &[u8] {
        self.0.get(from..to).unwrap_or(&[])
    }

    /// Whether the field's check digit, which follows it, is right.
    fn checked(&self, from: usize, to: usize) -> bool {
        checks(&[self.part(from, to)], self.0.get(to))
    }

    /// An optional field that is not used may have a filler for its check digit.
    fn is_empty_field(&self, from: usize, to: usize) -> bool {
        self.part(from, to).iter().all(|octet| *octet == b'<')
    }
}

/// Whether the digit is right for the parts: weights 7, 3 and 1, letters from A = 10, fillers 0.
fn checks(parts: &[&[u8]], digit: Option<&u8>) -> bool {
    let octets = parts.iter().flat_map(|part| part.iter());
    let sum = octets.zip([7, 3, 1].iter().cycle()).try_fold(0, |sum, (octet, weight)| {
        let value = if *octet == b'<' { 0 } else { base36(*octet)? };
        Some(sum + value * weight)
    });
    matches!((sum, digit), (Some(sum), Some(digit)) if *digit == b'0' + (sum % 10) as u8)
}

/// ISO 3166 numbers of the countries of the European Union, the EEA, Switzerland and the United Kingdom.
const EHIC_COUNTRIES: [i32; 32] = [
    40, 56, 100, 191, 196, 203, 208, 233, 246, 250, 276, 300, 348, 352, 372, 380, 428, 438, 440, 442, 470,
    528, 578, 616, 620, 642, 703, 705, 724, 752, 756, 826,
];

fn ehic(c: &str) -> bool {
    all_digits::<20>(c, |d| {
        small(&d[..2]) == 80 && EHIC_COUNTRIES.contains(&small(&d[2..5])) && value(&d[10..]) > 0
    })
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    fn accepts(name: &str, text: &str) -> bool {
        validator(name).unwrap().accepts(text)
    }

    #[test]
    fn icaos_specimens_pass_and_a_changed_digit_fails() {
        for (name, good) in [
            ("mrz_td1", "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6"),
            ("mrz_td1", "I<UTOD23145890<7349<<<<<<<<<<<\r\n3407127M9507122UTO<<<<<<<<<<<2"),
            ("mrz_td2", "D231458907UTO7408122F1204159<<<<<<<6"),
            ("mrz_td3", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
        ] {
            assert!(accepts(name, good), "{name} {good}");
            for at in (0..good.len()).filter(|at| good.as_bytes()[*at].is_ascii_digit()) {
                let mut changed = good.as_bytes().to_vec();
                changed[at] = if changed[at] == b'9' { b'0' } else { changed[at] + 1 };
                let changed = String::from_utf8(changed).unwrap();
                assert!(!accepts(name, &changed), "{name} {changed}");
            }
        }
        assert!(!accepts("mrz_td1", "I<UTOD231458907<<<<<<<<<<<<<<<"), "one line is not enough");
    }

    #[test]
    fn document_numbers_and_insurance_cards_are_told_from_other_numbers() {
        assert!(accepts("icao_document", "T22000129 3") && !accepts("icao_document", "T22000129 4"));
        assert!(accepts("ehic", "80 276 12345 1234567890") && !accepts("ehic", "80 277 12345 1234567890"));
    }
}
