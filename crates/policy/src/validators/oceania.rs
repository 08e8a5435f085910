//! Numbers of Australia and New Zealand.

use super::checksum::{all_digits, all_same, digits, luhn, number, small, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("au_tfn", au_tfn, "Australia tax file number, mod 11"),
    compacted("au_abn", au_abn, "Australia business number, mod 89"),
    compacted(
        "au_acn",
        |c| all_digits::<9>(c, |d| (10 - weighted(&d[..8], &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == d[8]),
        "Australia company number",
    ),
    compacted("au_medicare", au_medicare, "Australia Medicare card number"),
    compacted(
        "au_ihi",
        |c| c.starts_with("800360") && all_digits::<16>(c, |d| luhn(d)),
        "Australia individual healthcare identifier, Luhn",
    ),
    compacted("nz_ird", nz_ird, "New Zealand IRD number"),
    compacted("nz_nhi", nz_nhi, "New Zealand health index number, old form (HISO 10046)"),
];

fn au_tfn(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| matches!(d.len(), 8 | 9)) else { return false };
    weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0 && !all_same(&d)
}

/// One is taken from the first digit before weighing.
fn au_abn(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let sum = weighted(d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10;
        d[0] > 0 && sum % 89 == 0
    })
}

/// First digit 2 to 6; the ninth checks the first eight; the tenth counts issues and an eleventh says whose line it is.
fn au_medicare(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| matches!(d.len(), 10 | 11)) else { return false };
    let first = d.first().is_some_and(|d| (2..=6).contains(d));
    first
        && d.get(8) == Some(&(weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10))
        && d.get(9).is_some_and(|issue| *issue > 0)
}

fn nz_ird(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| matches!(d.len(), 8 | 9)) else { return false };
    let mut padded = [0; 9];
    let Some(to) = padded.get_mut(9 - d.len()..) else { return false };
    to.copy_from_slice(&d);
    let check = |weights: [i32; 8]| (11 - weighted(&padded, &weights) % 11) % 11;
    let first = check([3, 2, 7, 6, 5, 4, 3, 2]);
    let expected = if first == 10 { check([7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    let issued = small(&padded) > 10_000_000 && small(&padded) < 150_000_000;
    issued && expected == padded[8]
}

/// Three letters without I and O, three digits and a check digit.
fn nz_nhi(c: &str) -> bool {
    let letter = |o: u8| b"ABCDEFGHJKLMNPQRSTUVWXYZ".iter().position(|l| *l == o).map(|p| p as i32 + 1);
    let (Some(head), Some(d)) = (c.get(..3), c.get(3..).and_then(digits::<4>)) else { return false };
    let sum = head.bytes().zip([7, 6, 5]).try_fold(0, |sum, (o, w)| Some(sum + letter(o)? * w));
    let Some(rest) = sum.map(|s| (s + weighted(&d[..3], &[4, 3, 2])) % 11) else { return false };
    rest != 0 && (11 - rest) % 10 == d[3]
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("au_tfn", "123 456 782", "999 999 999"),
            ("au_abn", "83 914 571 673", "99 999 999 999"),
            ("au_acn", "004 085 616", "999 999 999"),
            ("au_medicare", "2123 45670 1", "2123 45680 1"),
            ("au_ihi", "8003 6081 6669 0503", "8003 6081 6669 0504"),
            ("nz_ird", "49-091-850", "136410133"),
            ("nz_nhi", "ZZZ0016", "ZZZ0044"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
