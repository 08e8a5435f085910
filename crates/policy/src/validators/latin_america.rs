//! Numbers of Argentina, Brazil, Chile, Colombia, Costa Rica, Cuba, the Dominican Republic, Ecuador, El Salvador, Guatemala,
//! Mexico, Paraguay, Peru, Uruguay and Venezuela.

use super::calendar::{date, date_in_either_century};
use super::checksum::{all_digits, all_same, digits, luhn, number, small, value, weighted};
use super::{Validator, compacted, verbatim};

pub(super) const TABLE: &[Validator] = &[
    compacted("ar_cuit", ar_cuit, "Argentina CUIT/CUIL"),
    compacted("br_cpf", br_cpf, "Brazil CPF"),
    compacted("br_cnpj", br_cnpj, "Brazil CNPJ, with letters as issued since July 2026"),
    compacted("br_pis", br_pis, "Brazil PIS/PASEP/NIS"),
    compacted("br_cns", br_cns, "Brazil national health card (CNS), mod 11"),
    compacted("br_cnh", br_cnh, "Brazil driving licence (CNH)"),
    compacted("br_titulo_eleitor", br_titulo_eleitor, "Brazil voter registration"),
    compacted("cl_rut", cl_rut, "Chile RUN/RUT"),
    compacted("co_nit", co_nit, "Colombia NIT"),
    compacted("cu_ni", cu_ni, "Cuba identity number: date"),
    compacted(
        "cr_cpf",
        |c| c.len() == 9 && cr_cpf(c) || c.len() == 10 && c.strip_prefix('0').is_some_and(cr_cpf),
        "Costa Rica identity card: province, volume, entry",
    ),
    compacted("cr_cpj", cr_cpj, "Costa Rica company number: class and type"),
    compacted(
        "cr_dimex",
        |c| matches!(c.len(), 11 | 12) && number(c).is_some_and(|d| d[0] == 1 && !all_same(&d)),
        "Costa Rica residence card (DIMEX): 1, country, two serials",
    ),
    compacted(
        "do_cedula",
        |c| all_digits::<11>(c, |d| luhn(d) && !all_same(d)),
        "Dominican Republic cédula, Luhn",
    ),
    compacted(
        "do_rnc",
        |c| {
            all_digits::<9>(c, |d| {
                (10 - weighted(&d[..8], &[7, 9, 8, 6, 5, 4, 3, 2]) % 11).rem_euclid(9) + 1 == d[8]
            })
        },
        "Dominican Republic RNC",
    ),
    compacted("ec_ci", ec_ci, "Ecuador cédula"),
    compacted("ec_ruc", ec_ruc, "Ecuador RUC"),
    compacted("gt_nit", gt_nit, "Guatemala NIT"),
    compacted("mx_curp", mx_curp, "Mexico CURP"),
    verbatim("mx_rfc", mx_rfc, "Mexico RFC with its homoclave and check digit"),
    compacted(
        "mx_nss",
        |c| all_digits::<11>(c, |d| luhn(d) && !all_same(d)),
        "Mexico social security number, Luhn",
    ),
    compacted("pe_dni", pe_dni, "Peru DNI with its check character"),
    compacted("pe_ruc", pe_ruc, "Peru RUC"),
    compacted("py_ruc", py_ruc, "Paraguay RUC"),
    compacted("sv_nit", sv_nit, "El Salvador NIT"),
    compacted(
        "uy_ci",
        |c| all_digits::<8>(c, |d| weighted(d, &[2, 9, 8, 7, 6, 3, 4, 1]) % 10 == 0 && !all_same(d)),
        "Uruguay identity card",
    ),
    compacted("uy_rut", uy_rut, "Uruguay RUT"),
    compacted("ve_rif", ve_rif, "Venezuela RIF"),
];

fn ar_cuit(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let kind = matches!(small(&d[..2]), 20 | 23 | 24 | 27 | 30 | 33 | 34 | 50 | 51 | 55);
        let check = 11 - weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        kind && d[10] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0][check as usize % 12]
    })
}

/// The rest of 11 with 10 counting as 0, as Brazil's numbers use it.
fn brazilian(sum: i32) -> i32 {
    (11 - sum % 11) % 11 % 10
}

fn br_cpf(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        brazilian(weighted(&d[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2])) == d[9]
            && brazilian(weighted(&d[..10], &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])) == d[10]
            && !all_same(d)
    })
}

/// Letters count by their ASCII code less 48 (IN RFB 2229/2024).
fn br_cnpj(c: &str) -> bool {
    let octets = c.as_bytes();
    if octets.len() != 14 || !octets.iter().skip(12).all(u8::is_ascii_digit) || c.starts_with("000000000000")
    {
        return false;
    }
    let mut d = [0; 14];
    for (to, octet) in d.iter_mut().zip(octets) {
        *to = i32::from(*octet) - 48;
    }
    const WEIGHTS: [i32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    brazilian(weighted(&d[..12], &WEIGHTS[1..])) == d[12] && brazilian(weighted(&d[..13], &WEIGHTS)) == d[13]
}

fn br_pis(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        brazilian(weighted(&d[..10], &[3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == d[10] && !all_same(d)
    })
}

/// Final numbers begin with 1 or 2, provisional ones with 7, 8 or 9.
fn br_cns(c: &str) -> bool {
    all_digits::<15>(c, |d| {
        matches!(d[0], 1 | 2 | 7..=9)
            && weighted(d, &[15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
            && !all_same(d)
    })
}

fn br_cnh(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let first = weighted(&d[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        let second = weighted(&d[..9], &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11;
        let (first, less) = if first > 9 { (0, 2) } else { (first, 0) };
        let second = if second > 9 { 0 } else { (second - less).rem_euclid(11) % 10 };
        first == d[9] && second == d[10] && !all_same(d)
    })
}

/// Eight digits, two of the state, two check digits; São Paulo and Minas Gerais count a rest of 0 as 1.
fn br_titulo_eleitor(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let state = small(&d[8..10]);
        let check = |sum: i32| match sum % 11 {
            10 => 0,
            0 if state <= 2 => 1,
            rest => rest,
        };
        let first = check(weighted(&d[..8], &[2, 3, 4, 5, 6, 7, 8, 9]));
        (1..=28).contains(&state) && first == d[10] && check(d[8] * 7 + d[9] * 8 + first * 9) == d[11]
    })
}

fn cl_rut(c: &str) -> bool {
    let Some((body, last)) = c.len().checked_sub(1).and_then(|at| c.split_at_checked(at)) else {
        return false;
    };
    let Some(d) = number(body).filter(|d| matches!(d.len(), 7 | 8)) else { return false };
    let sum: i32 = d.iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3]).map(|(d, w)| d * w).sum();
    let expected = [b'0', b'K', b'9', b'8', b'7', b'6', b'5', b'4', b'3', b'2', b'1'][sum as usize % 11];
    last.as_bytes() == [expected] && !all_same(&d)
}

fn co_nit(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| (8..=16).contains(&d.len())) else { return false };
    let weights = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
    let sum: i32 = d.iter().rev().skip(1).zip(weights).map(|(d, w)| d * w).sum();
    d.last() == Some(&[0, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1][sum as usize % 11])
}

fn cu_ni(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let century = match d[6] {
            9 => 1800,
            0..=5 => 1900,
            _ => 2000,
        };
        date(century + small(&d[..2]), small(&d[2..4]), small(&d[4..6]))
    })
}

fn ec_province(d: &[i32]) -> bool {
    matches!(small(d), 1..=24 | 30 | 50)
}

fn ec_ci(c: &str) -> bool {
    all_digits::<10>(c, |d| ec_province(&d[..2]) && d[2] <= 6 && luhn(d))
}

fn ec_ruc(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        let natural = || small(&d[10..]) > 0 && c.get(..10).is_some_and(ec_ci);
        let public = || small(&d[9..]) > 0 && weighted(&d[..9], &[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0;
        let juridical =
            || small(&d[10..]) > 0 && weighted(&d[..10], &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0;
        ec_province(&d[..2])
            && match d[2] {
                0..=5 => natural(),
                6 => public() || natural(),
                9 => public() || juridical(),
                _ => false,
            }
    })
}

fn gt_nit(c: &str) -> bool {
    let Some((body, last)) = c.len().checked_sub(1).and_then(|at| c.split_at_checked(at)) else {
        return false;
    };
    let Some(d) = number(body).filter(|d| d.len() <= 11) else { return false };
    let sum: i32 = d.iter().rev().zip(2..).map(|(d, w)| d * w).sum();
    let expected = b"0123456789K"[(11 - sum % 11) as usize % 11];
    sum > 0 && last.as_bytes() == [expected]
}

/// Two-letter states of birth, NE for abroad, MX and CX for Mexico City as used since its renaming.
const STATES: &str = "ASBCBSCCCHCLCMCSDFDGGRGTHGJCMCMNMSNENLNTOCPLQRQTSLSPSRTCTLTSVZYNZS";

fn mx_curp(c: &str) -> bool {
    let octets = c.as_bytes();
    let (Some(d), Some(check)) = (c.get(4..10).and_then(digits::<6>), c.get(17..).and_then(digits::<1>))
    else {
        return false;
    };
    let letters = [0, 1, 2, 3, 10, 11, 12, 13, 14, 15]
        .iter()
        .all(|at| octets.get(*at).is_some_and(u8::is_ascii_uppercase));
    let state = octets.get(11..13).is_some_and(|s| STATES.as_bytes().chunks_exact(2).any(|k| k == s));
    let century = if octets.get(16).is_some_and(u8::is_ascii_digit) { 1900 } else { 2000 };
    let sum: i32 =
        octets.iter().take(17).zip((2..=18).rev()).map(|(o, w)| mexican(*o).unwrap_or(0) * w).sum();
    letters
        && octets.get(10).is_some_and(|sex| b"HMX".contains(sex))
        && state
        && date(century + small(&d[..2]), small(&d[2..4]), small(&d[4..]))
        && (10 - sum % 10) % 10 == check[0]
}

/// The place in 0-9 A-N Ñ (or &) O-Z.
fn mexican(octet: u8) -> Option<i32> {
    match octet {
        b'0'..=b'9' => Some(i32::from(octet - b'0')),
        b'A'..=b'N' => Some(i32::from(octet - b'A') + 10),
        b'&' => Some(24),
        b'O'..=b'Z' => Some(i32::from(octet - b'O') + 25),
        b' ' => Some(37),
        _ => None,
    }
}

/// Three letters for companies, four for people, a date, two characters and a check digit. Ñ and & are letters here.
fn mx_rfc(text: &str) -> bool {
    let mut c = [b' '; 13];
    let mut used = 0;
    for letter in text.chars().filter(|l| !matches!(l, ' ' | '-')) {
        let octet = match letter {
            'Ñ' | 'ñ' => 0,
            l if l.is_ascii_alphanumeric() || l == '&' => l.to_ascii_uppercase() as u8,
            _ => return false,
        };
        let Some(to) = c.get_mut(used) else { return false };
        *to = octet;
        used += 1;
    }
    let Some(name) = used.checked_sub(9).filter(|n| matches!(n, 3 | 4)) else { return false };
    let Some(born) = c.get(name..name + 6).and_then(|o| std::str::from_utf8(o).ok()).and_then(digits::<6>)
    else {
        return false;
    };
    let named = c.iter().take(name).all(|o| o.is_ascii_uppercase() || matches!(o, 0 | b'&'));
    let homoclave =
        matches!(c[used - 3], b'1'..=b'9' | b'A'..=b'V') && matches!(c[used - 2], b'1'..=b'9' | b'A'..=b'Z');
    let offset = 13 - used as i32;
    let sum: i32 = c
        .iter()
        .take(used - 1)
        .enumerate()
        .map(|(at, o)| (if *o == 0 { 38 } else { mexican(*o).unwrap_or(0) }) * (13 - at as i32 - offset))
        .sum::<i32>()
        + offset * 37 * 13;
    let check = b"0123456789A"[(11 - sum.rem_euclid(11)) as usize % 11];
    let exists = date_in_either_century(small(&born[..2]), small(&born[2..4]), small(&born[4..]));
    named && exists && homoclave && c[used - 1] == check
}

fn pe_dni(c: &str) -> bool {
    let (Some(d), Some(last)) =
        (c.get(..8).and_then(digits::<8>), c.as_bytes().get(8).filter(|_| c.len() == 9))
    else {
        return false;
    };
    let rest = weighted(&d, &[3, 2, 7, 6, 5, 4, 3, 2]) as usize % 11;
    *last == b"65432110987"[rest] || *last == b"KJIHGFEDCBA"[rest]
}

fn pe_ruc(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let sum = weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
        matches!(small(&d[..2]), 10 | 15 | 17 | 20) && (11 - sum % 11) % 10 == d[10]
    })
}

fn py_ruc(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| (5..=9).contains(&d.len())) else { return false };
    let sum: i32 = d.iter().rev().skip(1).zip(2..).map(|(d, w)| d * w).sum();
    d.last() == Some(&((11 - sum % 11) % 11 % 10))
}

fn sv_nit(c: &str) -> bool {
    all_digits::<14>(c, |d| {
        let check = if small(&d[10..13]) <= 100 {
            weighted(&d[..13], &[14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 % 10
        } else {
            (11 - weighted(&d[..13], &[2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10
        };
        matches!(d[0], 0 | 1 | 9) && check == d[13]
    })
}

fn uy_rut(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        (1..=22).contains(&small(&d[..2]))
            && value(&d[2..8]) > 0
            && d[8..11] == [0, 0, 1]
            && (11 - weighted(&d[..11], &[4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 == d[11]
    })
}

fn ve_rif(c: &str) -> bool {
    let kind = match c.as_bytes().first() {
        Some(b'V') => 4,
        Some(b'E') => 8,
        Some(b'J') => 12,
        Some(b'P') => 16,
        Some(b'G') => 20,
        _ => return false,
    };
    let Some(d) = c.get(1..).and_then(digits::<9>) else { return false };
    let sum = kind + weighted(&d[..8], &[3, 2, 7, 6, 5, 4, 3, 2]);
    d[8] == [0, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1][sum as usize % 11]
}

fn cr_cpf(c: &str) -> bool {
    all_digits::<9>(c, |d| d[0] > 0)
}

/// Types of companies as the national register lists them for each class.
fn cr_cpj(c: &str) -> bool {
    all_digits::<10>(c, |d| match (d[0], small(&d[1..4])) {
        (2, kind) => matches!(kind, 100 | 200 | 300 | 400),
        (3, kind) => matches!(kind, 2..=14 | 101..=110),
        (4, kind) => kind == 0,
        (5, kind) => kind == 1,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("ar_cuit", "20-05536168-2", "20267565392"),
            ("br_cpf", "390.533.447-05", "231.002.999-00"),
            ("br_cns", "898 0000 0004 3208", "898 0000 0004 3209"),
            ("br_cnpj", "16.727.230/0001-97", "16.727.230.0001-98"),
            ("br_cnpj", "12.ABC.345/01DE-35", "12.ABC.345/01DE-36"),
            ("br_pis", "120.5678.901-0", "120.5678.901-1"),
            ("cl_rut", "76086428-5", "12531909-3"),
            ("co_nit", "213.123.432-1", "213.123.432-2"),
            ("cr_cpf", "3-0455-0175", "0-0455-0175"),
            ("cr_cpj", "3-101-999999", "3-534-123559"),
            ("cr_dimex", "155812994816", "30123456789"),
            ("do_cedula", "00113918205", "00113918204"),
            ("do_rnc", "1-01-85004-3", "1018A0043"),
            ("ec_ci", "171430710-3", "1714307104"),
            ("ec_ruc", "1792060346-001", "1763154690001"),
            ("gt_nit", "576937-K", "8977112-0"),
            ("mx_curp", "BOXW310820HNERXN09", "BOXW310820HNERXN08"),
            ("mx_rfc", "GODE561231GR8", "GODE561231GR9"),
            ("mx_rfc", "MAB-930714-8T4", "MAB-930714-8T5"),
            ("pe_dni", "10117410-2", "10117410-3"),
            ("pe_ruc", "20512333797", "20512333798"),
            ("py_ruc", "80028061-0", "80028061-9"),
            ("sv_nit", "0614-050707-104-8", "0614-050707-104-0"),
            ("uy_ci", "1.234.567-2", "1.234.567-3"),
            ("uy_rut", "21-140634-001-1", "210303670013"),
            ("ve_rif", "V-11470283-4", "V-11470283-3"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
