//! Numbers of Albania, Belarus, Bulgaria, Croatia, Czechia, Hungary, Moldova, North Macedonia, Poland, Romania, Russia, Serbia,
//! Slovakia, Slovenia and Ukraine.

use super::calendar::date;
use super::checksum::{all_digits, all_same, base36, digits, mod_11_10, number, small, value, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("bg_egn", bg_egn, "Bulgaria personal number (EGN)"),
    compacted(
        "bg_pnf",
        |c| all_digits::<10>(c, |d| weighted(d, &[21, 19, 17, 13, 11, 9, 7, 3, 1, -1]).rem_euclid(10) == 0),
        "Bulgaria number of foreigners (LNCh)",
    ),
    compacted("bg_vat", bg_vat, "Bulgaria VAT number"),
    compacted("by_unp", by_unp, "Belarus taxpayer number (UNP)"),
    compacted("cz_rc", czechoslovak_birth_number, "Czechia birth number (rodné číslo)"),
    compacted("cz_dic", cz_dic, "Czechia tax number (DIČ)"),
    compacted(
        "hr_oib",
        |c| all_digits::<11>(c.strip_prefix("HR").unwrap_or(c), |d| mod_11_10(d) && !all_same(d)),
        "Croatia OIB, mod 11,10",
    ),
    compacted(
        "hu_anum",
        hu_anum,
        "Hungary tax number of companies (adószám), alone or with VAT and county code",
    ),
    compacted("hu_tax_id", hu_tax_id, "Hungary personal tax number (adóazonosító jel)"),
    compacted("hu_taj", hu_taj, "Hungary social security number (TAJ)"),
    compacted("jmbg", jmbg, "personal number of the countries of former Yugoslavia (JMBG, EMŠO), mod 11"),
    compacted(
        "md_idno",
        |c| all_digits::<13>(c, |d| weighted(&d[..12], &[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == d[12]),
        "Moldova state number (IDNO, IDNP)",
    ),
    compacted(
        "mk_edb",
        |c| all_digits::<13>(c.strip_prefix("MK").unwrap_or(c), mod11_of_twelve),
        "North Macedonia tax number (EDB)",
    ),
    compacted("pl_pesel", pl_pesel, "Poland PESEL: date and check digit"),
    compacted(
        "pl_nip",
        |c| {
            all_digits::<10>(c.strip_prefix("PL").unwrap_or(c), |d| {
                weighted(d, &[6, 5, 7, 2, 3, 4, 5, 6, 7, -1]).rem_euclid(11) == 0 && !all_same(d)
            })
        },
        "Poland tax number (NIP), mod 11",
    ),
    compacted("pl_regon", pl_regon, "Poland REGON, mod 11"),
    compacted(
        "pl_id_card",
        |c| polish_document(c, 3, &[7, 3, 1, 9, 7, 3, 1, 7, 3]),
        "Poland identity card: three letters, six digits, check digit",
    ),
    compacted(
        "pl_passport",
        |c| polish_document(c, 2, &[7, 3, 9, 1, 7, 3, 1, 7, 3]),
        "Poland passport: two letters, seven digits, check digit",
    ),
    compacted("ro_cnp", ro_cnp, "Romania personal number (CNP)"),
    compacted("ro_cui", ro_cui, "Romania company number (CUI)"),
    compacted("rs_pib", |c| all_digits::<9>(c, |d| mod_11_10(d)), "Serbia tax number (PIB), mod 11,10"),
    compacted("ru_inn", ru_inn, "Russia taxpayer number (INN)"),
    compacted("ru_ogrn", ru_ogrn, "Russia company register number (OGRN, OGRNIP)"),
    compacted("ru_snils", ru_snils, "Russia insurance number (SNILS)"),
    compacted("si_ddv", si_ddv, "Slovenia tax number"),
    compacted("si_emso", jmbg, "Slovenia personal number (EMŠO), mod 11"),
    compacted("sk_rc", czechoslovak_birth_number, "Slovakia birth number (rodné číslo)"),
    compacted("sk_dph", sk_dph, "Slovakia VAT number"),
    compacted("ua_edrpou", ua_edrpou, "Ukraine company number (EDRPOU)"),
    compacted(
        "ua_rntrc",
        |c| {
            all_digits::<10>(c, |d| {
                weighted(&d[..9], &[-1, 5, 7, 9, 4, 6, 10, 5, 7]).rem_euclid(11) % 10 == d[9]
            })
        },
        "Ukraine taxpayer number (RNTRC)",
    ),
];

/// The month says the century: +20 for 1800, +40 for 2000.
fn bg_egn(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let (year, month, day) = (small(&d[..2]), small(&d[2..4]), small(&d[4..6]));
        let born = match month {
            41..=52 => date(2000 + year, month - 40, day),
            21..=32 => date(1800 + year, month - 20, day),
            _ => date(1900 + year, month, day),
        };
        born && weighted(&d[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == d[9]
    })
}

fn bg_vat(c: &str) -> bool {
    let c = c.strip_prefix("BG").unwrap_or(c);
    let legal = |d: &[i32; 9]| {
        let first = weighted(&d[..8], &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
        let second = weighted(&d[..8], &[3, 4, 5, 6, 7, 8, 9, 10]) % 11;
        (if first == 10 { second % 10 } else { first }) == d[8]
    };
    let other = |d: &[i32; 10]| (11 - weighted(&d[..9], &[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 == d[9];
    let foreigner = |d: &[i32; 10]| weighted(&d[..9], &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == d[9];
    all_digits(c, legal) || all_digits(c, |d: &[i32; 10]| other(d) || foreigner(d)) || bg_egn(c)
}

fn by_unp(c: &str) -> bool {
    let octets = c.as_bytes();
    let Some([first, second]) = octets.first_chunk::<2>() else { return false };
    let Some(tail) = c.get(2..).and_then(digits::<7>) else { return false };
    if !b"1234567ABCEHKM".contains(first) {
        return false;
    }
    let letters = b"ABCEHKMOPT";
    let second = match (first.is_ascii_digit(), second) {
        (true, b'0'..=b'9') => Some(i32::from(second - b'0')),
        (false, _) => letters.iter().position(|l| l == second).map(|at| at as i32),
        _ => None,
    };
    let (Some(first), Some(second)) = (base36(*first), second) else { return false };
    let sum = first * 29 + second * 23 + weighted(&tail[..6], &[19, 17, 13, 7, 5, 3]);
    sum % 11 == tail[6]
}

/// Women have 50 added to the month, days that ran out of numbers 20. Nine digits until 1953, then ten with mod 11.
fn czechoslovak_birth_number(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| matches!(d.len(), 9 | 10)) else { return false };
    let (Some(year), Some(month), Some(day)) = (d.get(..2), d.get(2..4), d.get(4..6)) else { return false };
    let (year, month, day) = (small(year), small(month) % 50 % 20, small(day));
    if d.len() == 9 {
        let year = if year >= 80 { 1800 + year } else { 1900 + year };
        return year <= 1953 && date(year, month, day);
    }
    let century = if year < 54 { 2000 } else { 1900 };
    let check = value(d.get(..9).unwrap_or(&[])) % 11 % 10;
    date(century + year, month, day) && d.last().is_some_and(|last| i64::from(*last) == check)
}

fn cz_dic(c: &str) -> bool {
    let c = c.strip_prefix("CZ").unwrap_or(c);
    let legal = |d: &[i32; 8]| {
        let check = (11 - weighted(&d[..7], &[8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        d[0] != 9 && (if check == 0 { 1 } else { check }) % 10 == d[7]
    };
    let special = |d: &[i32; 9]| {
        let check = weighted(&d[1..8], &[8, 7, 6, 5, 4, 3, 2]) % 11;
        d[0] == 6 && (8 - (10 - check).rem_euclid(11)).rem_euclid(10) == d[8]
    };
    all_digits(c, legal)
        || all_digits(c, special)
        || (!(c.len() == 9 && c.starts_with('6')) && czechoslovak_birth_number(c))
}

/// Seven digits and a check digit; behind them may stand the kind of taxation, 1 to 5, and the county.
fn hu_anum(c: &str) -> bool {
    let Some(d) = number(c.strip_prefix("HU").unwrap_or(c)) else { return false };
    let Some((root, codes)) = d.split_at_checked(8) else { return false };
    let coded = match codes {
        [] => true,
        [taxed, county @ ..] => {
            county.len() == 2 && (1..=5).contains(taxed) && matches!(small(county), 2..=20 | 22..=44 | 51)
        }
    };
    coded && small(root) > 0 && weighted(root, &[9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0
}

fn hu_tax_id(c: &str) -> bool {
    all_digits::<10>(c, |d| d[0] == 8 && weighted(&d[..9], &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == d[9])
}

fn hu_taj(c: &str) -> bool {
    all_digits::<9>(c, |d| weighted(&d[..8], &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == d[8] && !all_same(d))
}

/// Mod 11 over twelve digits as the JMBG and the Macedonian tax number use it.
fn mod11_of_twelve(d: &[i32; 13]) -> bool {
    (11 - weighted(&d[..12], &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == d[12]
}

/// Day, month, the last three digits of the year, region, serial, check digit.
fn jmbg(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        let year = small(&d[4..7]);
        let year = if year < 800 { 2000 + year } else { 1000 + year };
        date(year, small(&d[2..4]), small(&d[..2])) && mod11_of_twelve(d)
    })
}

/// The month says the century: 80 for 1800, 0 for 1900, 20 for 2000.
fn pl_pesel(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let month = small(&d[2..4]);
        let century = [1900, 2000, 2100, 2200, 1800].get(month as usize / 20).copied().unwrap_or(0);
        let check = (10 - weighted(&d[..10], &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
        check == d[10] && date(century + small(&d[..2]), month % 20, small(&d[4..6]))
    })
}

fn pl_regon(c: &str) -> bool {
    let nine = |d: &[i32]| weighted(d, &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10;
    let short = |d: &[i32; 9]| nine(&d[..8]) == d[8];
    let long = |d: &[i32; 14]| {
        nine(&d[..8]) == d[8]
            && weighted(&d[..13], &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == d[13]
    };
    all_digits(c, short) || all_digits(c, long)
}

/// Letters first; the check digit follows them and takes part in the sum with weight 9 or 1.
fn polish_document(c: &str, letters: usize, weights: &[i32; 9]) -> bool {
    let octets = c.as_bytes();
    let (Some(series), Some(tail)) = (octets.get(..letters), octets.get(letters..)) else { return false };
    let shaped =
        octets.len() == 9 && series.iter().all(u8::is_ascii_uppercase) && tail.iter().all(u8::is_ascii_digit);
    let mut sum = 0;
    for (at, (octet, weight)) in octets.iter().zip(weights).enumerate() {
        let v = base36(*octet).unwrap_or(0) * weight;
        sum += if at == letters { 0 } else { v };
    }
    let check = tail.first().map_or(-1, |o| i32::from(o.wrapping_sub(b'0')));
    shaped && sum % 10 == check
}

fn ro_cnp(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        let century = match d[0] {
            3 | 4 => 1800,
            5 | 6 => 2000,
            _ => 1900,
        };
        let county = matches!(small(&d[7..9]), 1..=48 | 51 | 52 | 70 | 80..=83);
        let check = weighted(&d[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        d[0] > 0
            && county
            && date(century + small(&d[1..3]), small(&d[3..5]), small(&d[5..7]))
            && (if check == 10 { 1 } else { check }) == d[12]
    })
}

fn ro_cui(c: &str) -> bool {
    let Some(d) = number(c.strip_prefix("RO").unwrap_or(c)).filter(|d| (2..=10).contains(&d.len())) else {
        return false;
    };
    let weights = [2, 3, 5, 7, 1, 2, 3, 5, 7];
    let sum: i32 = d.iter().rev().skip(1).zip(weights).map(|(d, w)| d * w).sum();
    d.first() != Some(&0) && d.last() == Some(&(sum * 10 % 11 % 10))
}

fn ru_inn(c: &str) -> bool {
    const WEIGHTS: [i32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let company = |d: &[i32; 10]| weighted(&d[..9], &WEIGHTS[2..]) % 11 % 10 == d[9];
    let person = |d: &[i32; 12]| {
        weighted(&d[..10], &WEIGHTS[1..]) % 11 % 10 == d[10]
            && weighted(&d[..11], &WEIGHTS) % 11 % 10 == d[11]
    };
    all_digits(c, |d| company(d) && !all_same(d)) || all_digits(c, |d| person(d) && !all_same(d))
}

fn ru_ogrn(c: &str) -> bool {
    let company = |d: &[i32; 13]| d[0] > 0 && value(&d[..12]) % 11 % 10 == i64::from(d[12]);
    let person = |d: &[i32; 15]| matches!(d[0], 3 | 4) && value(&d[..14]) % 13 % 10 == i64::from(d[14]);
    all_digits(c, company) || all_digits(c, person)
}

/// Numbers up to 001-001-998 carry no check digits and are refused.
fn ru_snils(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let check = weighted(&d[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
        value(&d[..9]) > 1_001_998 && check == small(&d[9..]) && !all_same(&d[..9])
    })
}

fn si_ddv(c: &str) -> bool {
    all_digits::<8>(c.strip_prefix("SI").unwrap_or(c), |d| {
        let check = 11 - weighted(&d[..7], &[8, 7, 6, 5, 4, 3, 2]) % 11;
        d[0] > 0 && (if check == 10 { 0 } else { check }) == d[7]
    })
}

fn sk_dph(c: &str) -> bool {
    let c = c.strip_prefix("SK").unwrap_or(c);
    (c.len() == 10 && czechoslovak_birth_number(c))
        || all_digits::<10>(c, |d| d[0] > 0 && matches!(d[2], 2 | 3 | 4 | 7 | 8 | 9) && value(d) % 11 == 0)
}

fn ua_edrpou(c: &str) -> bool {
    all_digits::<8>(c, |d| {
        let weights = if matches!(d[0], 3..=5) { [7, 1, 2, 3, 4, 5, 6] } else { [1, 2, 3, 4, 5, 6, 7] };
        let first = weighted(&d[..7], &weights) % 11;
        let second = weighted(&d[..7], &weights.map(|w| w + 2)) % 11;
        (if first == 10 { second % 10 } else { first }) == d[7]
    })
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("bg_egn", "752316 926 3", "752316 926 4"),
            ("bg_pnf", "7111042925", "7111042922"),
            ("bg_vat", "BG 175 074 752", "175074751"),
            ("by_unp", "200988541", "200988542"),
            ("by_unp", "MA1953684", "MA1953685"),
            ("cz_rc", "710319/2745", "710319/2746"),
            ("cz_dic", "CZ 25123891", "25123890"),
            ("hr_oib", "HR 33392005961", "33392005962"),
            ("hu_anum", "HU-12892312", "HU-12892313"),
            ("hu_tax_id", "8071592153", "8071592154"),
            ("hu_taj", "123 456 788", "123 456 789"),
            ("jmbg", "0101006500006", "0101006500007"),
            ("md_idno", "1008600038413", "1008600038412"),
            ("mk_edb", "4030000375897", "4030000375896"),
            ("pl_pesel", "44051401359", "44051401358"),
            ("pl_nip", "PL 8567346215", "PL 8567346216"),
            ("pl_regon", "192598184", "192598183"),
            ("pl_id_card", "ABA300000", "ABA400000"),
            ("pl_passport", "ZS0000177", "ZS1000177"),
            ("ro_cnp", "1630615123457", "8800101221142"),
            ("ro_cui", "RO 185 472 90", "18547291"),
            ("rs_pib", "101134702", "101134703"),
            ("ru_inn", "1234567894", "1234567895"),
            ("ru_inn", "123456789047", "123456789037"),
            ("ru_ogrn", "1022200525819", "1022200525818"),
            ("ru_snils", "112-233-445 95", "112-233-445 96"),
            ("si_ddv", "SI 5022 3054", "SI 50223055"),
            ("sk_dph", "SK 202 274 96 19", "SK 202 274 96 18"),
            ("ua_edrpou", "32855961", "32855968"),
            ("ua_rntrc", "1759013776", "1759013770"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
