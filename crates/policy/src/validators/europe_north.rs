//! Numbers of Denmark, Estonia, Finland, Iceland, Latvia, Lithuania, Norway and Sweden.

use super::calendar::{date, date_in_either_century};
use super::checksum::{all_digits, all_same, digits, luhn, number, small, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("dk_cpr", dk_cpr, "Denmark CPR number: date of birth"),
    compacted(
        "dk_cpr_mod11",
        dk_cpr_mod11,
        "Denmark CPR number: date of birth and mod 11 (not kept by all since 2007)",
    ),
    compacted("dk_cvr", dk_cvr, "Denmark CVR number, mod 11"),
    compacted("ee_ik", ee_ik, "Estonia personal code"),
    compacted(
        "ee_kmkr",
        |c| {
            all_digits::<9>(c.strip_prefix("EE").unwrap_or(c), |d| {
                weighted(d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0
            })
        },
        "Estonia VAT number",
    ),
    compacted("fi_hetu", fi_hetu, "Finland personal identity code"),
    compacted(
        "fi_veronumero",
        |c| all_digits::<12>(c, |d| !all_same(d)),
        "Finland tax number of builders (veronumero): twelve digits",
    ),
    compacted("fi_ytunnus", fi_ytunnus, "Finland business identity code, mod 11"),
    compacted("is_kennitala", is_kennitala, "Iceland identity number, mod 11"),
    compacted("lt_asmens", lt_asmens, "Lithuania personal code"),
    compacted("lt_pvm", lt_pvm, "Lithuania VAT number"),
    compacted("lv_pk", lv_pk, "Latvia personal code"),
    compacted("lv_pvn", lv_pvn, "Latvia VAT number or personal code"),
    compacted("no_fodselsnummer", no_fodselsnummer, "Norway birth number or D-number, two mod 11 digits"),
    compacted(
        "no_orgnr",
        |c| {
            all_digits::<9>(c.strip_prefix("NO").unwrap_or(c).strip_suffix("MVA").unwrap_or(c), |d| {
                weighted(d, &[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
            })
        },
        "Norway organisation number, mod 11",
    ),
    compacted("se_personnummer", se_personnummer, "Sweden personal number: date and Luhn"),
    compacted(
        "se_samordningsnummer",
        se_samordningsnummer,
        "Sweden coordination number: day plus 60 and Luhn",
    ),
    compacted("se_orgnr", |c| all_digits::<10>(c, |d| luhn(d)), "Sweden organisation number, Luhn"),
    compacted(
        "se_vat",
        |c| {
            c.strip_prefix("SE")
                .unwrap_or(c)
                .strip_suffix("01")
                .is_some_and(|c| all_digits::<10>(c, |d| luhn(d)))
        },
        "Sweden VAT number",
    ),
];

fn dk_cpr(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let (day, month, year) = (small(&d[..2]), small(&d[2..4]), small(&d[4..6]));
        let century = match d[6] {
            5..=8 if year >= 58 => 1800,
            0..=3 => 1900,
            4 | 9 if year >= 37 => 1900,
            _ => 2000,
        };
        date(century + year, month, day)
    })
}

fn dk_cpr_mod11(c: &str) -> bool {
    dk_cpr(c) && all_digits::<10>(c, |d| weighted(d, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0)
}

fn dk_cvr(c: &str) -> bool {
    all_digits::<8>(c.strip_prefix("DK").unwrap_or(c), |d| {
        d[0] > 0 && weighted(d, &[2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    })
}

/// The check digit of Estonian and Lithuanian personal codes: two rounds of weights.
pub(super) fn baltic_check(d: &[i32]) -> i32 {
    let first = weighted(d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2]) % 11;
    let second = weighted(d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4]) % 11;
    if first == 10 { second % 10 } else { first }
}

/// The first digit gives sex and century.
fn baltic_born(d: &[i32; 11]) -> bool {
    (1..=8).contains(&d[0])
        && date(1800 + (d[0] - 1) / 2 * 100 + small(&d[1..3]), small(&d[3..5]), small(&d[5..7]))
}

fn ee_ik(c: &str) -> bool {
    all_digits::<11>(c, |d| baltic_born(d) && baltic_check(&d[..10]) == d[10])
}

/// Codes that begin with 9 carry no date.
fn lt_asmens(c: &str) -> bool {
    all_digits::<11>(c, |d| (d[0] == 9 || baltic_born(d)) && baltic_check(&d[..10]) == d[10])
}

fn lt_pvm(c: &str) -> bool {
    let Some(d) = number(c.strip_prefix("LT").unwrap_or(c)).filter(|d| matches!(d.len(), 9 | 12)) else {
        return false;
    };
    let Some((check, body)) = d.split_last() else { return false };
    let sum = |shift: usize| -> i32 {
        body.iter().enumerate().map(|(at, d)| (1 + (at + shift) as i32 % 9) * d).sum::<i32>() % 11
    };
    let expected = if sum(0) == 10 { sum(2) } else { sum(0) };
    body.last() == Some(&1) && expected % 10 == *check
}

/// The sign between date and number says the century; compact form may have lost it.
fn fi_hetu(c: &str) -> bool {
    let octets = c.as_bytes();
    let tail = match octets.get(6) {
        Some(o) if o.is_ascii_digit() => c.get(6..),
        Some(b'A'..=b'F' | b'U'..=b'Y') => c.get(7..),
        _ => None,
    };
    let (Some(d), Some(tail)) = (c.get(..6).and_then(digits::<6>), tail.filter(|t| t.len() == 4)) else {
        return false;
    };
    let Some(serial) = tail.get(..3).and_then(digits::<3>) else { return false };
    let whole = i64::from(small(&d)) * 1000 + i64::from(small(&serial));
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get((whole % 31) as usize);
    date_in_either_century(small(&d[4..]), small(&d[2..4]), small(&d[..2]))
        && (2..900).contains(&small(&serial))
        && check == tail.as_bytes().last()
}

fn fi_ytunnus(c: &str) -> bool {
    all_digits::<8>(c.strip_prefix("FI").unwrap_or(c), |d| {
        weighted(d, &[7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0 && d.iter().any(|d| *d > 0)
    })
}

/// Legal persons have 40 added to the day.
fn is_kennitala(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let day = small(&d[..2]);
        let century = if d[9] == 9 { 1900 } else { 2000 };
        matches!(d[9], 0 | 9)
            && date(century + small(&d[4..6]), small(&d[2..4]), if day >= 40 { day - 40 } else { day })
            && weighted(d, &[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    })
}

/// Codes since 2017 begin with 32 and carry no date.
fn lv_pk(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let born = d[6] <= 2 && date(1800 + d[6] * 100 + small(&d[4..6]), small(&d[2..4]), small(&d[..2]));
        let check = 1 + weighted(&d[..10], &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9]);
        (small(&d[..2]) == 32 || born) && check % 11 % 10 == d[10]
    })
}

fn lv_pvn(c: &str) -> bool {
    let c = c.strip_prefix("LV").unwrap_or(c);
    lv_pk(c)
        || all_digits::<11>(c, |d| d[0] > 3 && weighted(d, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3)
}

/// D-numbers add 40 to the day, numbers of health services 40 to the month (and test numbers 80).
fn no_fodselsnummer(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let (day, month, year, individual) =
            (small(&d[..2]), small(&d[2..4]), small(&d[4..6]), small(&d[6..9]));
        let (day, month) =
            (if day > 40 { day - 40 } else { day }, if month > 40 { month - 40 } else { month });
        let century = match individual {
            0..=499 => 1900,
            500..=749 if year >= 54 => 1800,
            500..=999 if year < 40 => 2000,
            900..=999 => 1900,
            _ => return false,
        };
        date(century + year, month, day)
            && weighted(d, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 == 0
            && weighted(d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    })
}

fn se_personnummer(c: &str) -> bool {
    swedish(c, 0)
}

fn se_samordningsnummer(c: &str) -> bool {
    swedish(c, 60)
}

/// Ten digits, or twelve with the century; the Luhn digit is over the last ten.
fn swedish(c: &str, day_offset: i32) -> bool {
    let Some(d) = number(c).filter(|d| matches!(d.len(), 10 | 12)) else { return false };
    let Some((century, ten)) = d.len().checked_sub(10).and_then(|at| d.split_at_checked(at)) else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (ten.get(..2), ten.get(2..4), ten.get(4..6)) else {
        return false;
    };
    let (year, month, day) = (small(year), small(month), small(day) - day_offset);
    let exists = match small(century) {
        _ if century.is_empty() => date_in_either_century(year, month, day),
        century @ 18..=20 => date(century * 100 + year, month, day),
        _ => false,
    };
    exists && luhn(ten)
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("dk_cpr", "211062-5629", "511062-5629"),
            ("dk_cpr_mod11", "070761-4285", "070761-4286"),
            ("dk_cvr", "DK 13585628", "DK 13585627"),
            ("ee_ik", "36805280109", "36805280108"),
            ("ee_kmkr", "EE 100 931 558", "100594103"),
            ("fi_hetu", "131052-308T", "131052-308U"),
            ("fi_hetu", "131052A308T", "310252A308T"),
            ("fi_veronumero", "123456789123", "12345678912"),
            ("fi_ytunnus", "2077474-0", "2077474-1"),
            ("is_kennitala", "120174-3399", "530575-0299"),
            ("lt_asmens", "33309240064", "33309240164"),
            ("lt_pvm", "119511515", "100001919018"),
            ("lv_pk", "161175-19997", "161375-19997"),
            ("no_fodselsnummer", "151086 95088", "151086-95077"),
            ("no_orgnr", "988 077 917", "988 077 918"),
            ("se_personnummer", "880320-0016", "880320-0018"),
            ("se_personnummer", "19880320-0016", "17880320-0016"),
            ("se_orgnr", "1234567897", "1234567891"),
            ("se_vat", "SE 123456789701", "123456789101"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
