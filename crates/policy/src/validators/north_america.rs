//! Numbers of the United States and Canada.

use super::checksum::{all_digits, digits, luhn, small};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("us_ssn", us_ssn, "US social security number: area, group, serial; advertised numbers refused"),
    compacted("us_itin", us_itin, "US individual taxpayer number: 9, group 50-65, 70-88, 90-92, 94-99"),
    compacted(
        "us_atin",
        |c| all_digits::<9>(c, |d| d[0] == 9 && small(&d[3..5]) == 93),
        "US adoption taxpayer number: 9 and group 93",
    ),
    compacted("us_ein", us_ein, "US employer number: prefixes of the IRS campuses"),
    compacted(
        "us_ptin",
        |c| c.strip_prefix('P').is_some_and(|c| digits::<8>(c).is_some()),
        "US preparer number: P and 8 digits",
    ),
    compacted("us_npi", us_npi, "US National Provider Identifier, Luhn with 80840"),
    compacted("us_dea", us_dea, "US DEA registration number, check digit"),
    compacted("us_mbi", us_mbi, "US Medicare Beneficiary Identifier (CMS format)"),
    compacted(
        "us_passport",
        |c| c.len() == 9 && c.bytes().skip(1).all(|o| o.is_ascii_digit()),
        "US passport: nine digits, or a letter and eight",
    ),
    compacted("ca_sin", ca_sin, "Canada social insurance number, Luhn"),
    compacted("ca_bn", ca_bn, "Canada business number, Luhn, with program account"),
    compacted("ca_bc_phn", ca_bc_phn, "British Columbia health number"),
    compacted(
        "ca_on_health",
        |c| {
            all_digits::<10>(c.get(..10).unwrap_or(""), |d| d[0] > 0 && luhn(d))
                && c.bytes().skip(10).all(|o| o.is_ascii_uppercase())
                && c.len() <= 12
        },
        "Ontario health card, Luhn, with version code",
    ),
    compacted("ca_qc_ramq", ca_qc_ramq, "Quebec health card: letters of the name, date of birth"),
];

/// Numbers that were printed in advertisements and pamphlets, 987-65-4320 to 4329 being barred by the area rule.
const ADVERTISED: [i32; 3] = [78_051_120, 457_555_462, 219_099_999];

fn us_ssn(c: &str) -> bool {
    all_digits::<9>(c, |d| {
        let area = small(&d[..3]);
        area > 0
            && area != 666
            && area < 900
            && small(&d[3..5]) > 0
            && small(&d[5..]) > 0
            && !ADVERTISED.contains(&small(d))
    })
}

/// The groups of IRS notice: 50 to 65 were added when 70 and up ran out.
fn us_itin(c: &str) -> bool {
    all_digits::<9>(c, |d| d[0] == 9 && matches!(small(&d[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

fn us_ein(c: &str) -> bool {
    all_digits::<9>(c, |d| {
        let prefix = matches!(small(&d[..2]), 1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99);
        prefix && small(&d[2..]) > 0
    })
}

/// The prefix 80840 of ISO 7812 adds 24 to the Luhn sum.
fn us_npi(c: &str) -> bool {
    all_digits::<10>(c, |d| matches!(d[0], 1 | 2) && (super::checksum::luhn_sum(d) + 24) % 10 == 0)
}

fn us_dea(c: &str) -> bool {
    let octets = c.as_bytes();
    let registrant = octets.first().is_some_and(|o| b"ABCDEFGHJKLMPRSTUX".contains(o));
    let name = octets.get(1).is_some_and(|o| o.is_ascii_uppercase() || *o == b'9');
    let Some(d) = c.get(2..).and_then(digits::<7>) else { return false };
    registrant
        && name
        && (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]
        && d.iter().any(|d| *d > 0)
}

/// C A AN N A AN N A A N N, where C is 1-9 and letters leave out S, L, O, I, B and Z.
fn us_mbi(c: &str) -> bool {
    let letter = |o: &u8| o.is_ascii_uppercase() && !b"SLOIBZ".contains(o);
    let fits = |(at, o): (usize, &u8)| match at {
        0 => (b'1'..=b'9').contains(o),
        1 | 4 | 7 | 8 => letter(o),
        2 | 5 => letter(o) || o.is_ascii_digit(),
        _ => o.is_ascii_digit(),
    };
    c.len() == 11 && c.as_bytes().iter().enumerate().all(fits)
}

/// 0 and 8 are not issued as first digits; 9 is for temporary residents.
fn ca_sin(c: &str) -> bool {
    all_digits::<9>(c, |d| !matches!(d[0], 0 | 8) && luhn(d))
}

fn ca_bn(c: &str) -> bool {
    let Some(d) = c.get(..9).and_then(digits::<9>) else { return false };
    let account = c.get(9..).unwrap_or("");
    let program = ["RC", "RM", "RP", "RT"]
        .iter()
        .any(|p| account.strip_prefix(p).is_some_and(|t| digits::<4>(t).is_some()));
    luhn(&d) && (account.is_empty() || program)
}

fn ca_bc_phn(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let sum: i32 = d[1..9].iter().zip([2, 4, 8, 5, 10, 9, 7, 3]).map(|(d, w)| d * w % 11).sum();
        d[0] == 9 && (11 - sum % 11) % 11 == d[9]
    })
}

/// Four letters, year, month (+50 for women), day, two digits.
fn ca_qc_ramq(c: &str) -> bool {
    let Some(d) = c.get(4..).and_then(digits::<8>) else { return false };
    let letters = c.bytes().take(4).all(|o| o.is_ascii_uppercase());
    letters && super::calendar::date_in_either_century(small(&d[..2]), small(&d[2..4]) % 50, small(&d[4..6]))
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn unissued_areas_groups_and_serials_are_no_social_security_numbers() {
        for bad in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "078-05-1120",
            "219-09-9999",
        ] {
            assert!(!validator("us_ssn").unwrap().accepts(bad), "{bad}");
        }
        assert!(validator("us_ssn").unwrap().accepts("536-90-4399"));
    }

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("us_itin", "912-90-3456", "912-93-3456"),
            ("us_atin", "932-93-1234", "932-90-1234"),
            ("us_ein", "91-1144442", "07-1144442"),
            ("us_npi", "1234567893", "1234567894"),
            ("us_dea", "BB1388568", "BB1388569"),
            ("us_mbi", "1EG4-TE5-MK73", "1SG4-TE5-MK73"),
            ("ca_sin", "130692544", "130692543"),
            ("ca_bn", "12302 6635 RC 0001", "123456783 RC 0001"),
            ("ca_bc_phn", "9698 658 215", "9698 658 216"),
            ("ca_qc_ramq", "TREM 5803 1519", "TREM 5813 3519"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
