//! Numbers of Cyprus, Greece, Italy, Malta, Portugal, Spain and Türkiye.

use super::calendar::date_in_either_century;
use super::checksum::{all_digits, all_same, base36, digits, luhn, luhn_sum, small, value, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("cy_vat", cy_vat, "Cyprus tax identification code"),
    compacted("es_dni", es_dni, "Spain DNI, letter mod 23"),
    compacted("es_nie", es_nie, "Spain NIE, letter mod 23"),
    compacted("es_cif", es_cif, "Spain CIF"),
    compacted("es_nif", es_nif, "Spain NIF: DNI, NIE, CIF or K, L, M numbers"),
    compacted("es_nss", es_nss, "Spain social security number, mod 97"),
    compacted("gr_afm", gr_afm, "Greece tax number (AFM)"),
    compacted("gr_amka", gr_amka, "Greece social security number (AMKA), date and Luhn"),
    compacted("it_codice_fiscale", it_codice_fiscale, "Italy personal tax code (codice fiscale)"),
    compacted("it_iva", it_iva, "Italy VAT number (partita IVA)"),
    compacted(
        "mt_vat",
        |c| {
            all_digits::<8>(c.strip_prefix("MT").unwrap_or(c), |d| {
                d[0] > 0 && weighted(d, &[3, 4, 6, 7, 8, 9, 10, 1]) % 37 == 0
            })
        },
        "Malta VAT number",
    ),
    compacted("pt_nif", pt_nif, "Portugal NIF, mod 11"),
    compacted("pt_cc", pt_cc, "Portugal citizen card number"),
    compacted("pt_niss", pt_niss, "Portugal social security number (NISS)"),
    compacted("tr_tckn", tr_tckn, "Türkiye identity number (T.C. kimlik no)"),
    compacted("tr_vkn", tr_vkn, "Türkiye tax number (VKN)"),
];

fn cy_vat(c: &str) -> bool {
    let c = c.strip_prefix("CY").unwrap_or(c);
    let Some(d) = c.get(..8).and_then(digits::<8>).filter(|_| c.len() == 9) else { return false };
    const ODD: [i32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let sum: i32 =
        d.iter().enumerate().map(|(at, d)| if at % 2 == 0 { ODD[*d as usize % 10] } else { *d }).sum();
    !c.starts_with("12") && c.as_bytes().last() == Some(&(b'A' + (sum % 26) as u8))
}

const SPANISH: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

fn es_dni(c: &str) -> bool {
    let Some(d) = c.get(..8).and_then(digits::<8>).filter(|_| c.len() == 9) else { return false };
    c.as_bytes().last() == SPANISH.get((value(&d) % 23) as usize)
}

fn es_nie(c: &str) -> bool {
    let first = match c.as_bytes().first() {
        Some(b'X') => 0,
        Some(b'Y') => 1,
        Some(b'Z') => 2,
        _ => return false,
    };
    let Some(d) = c.get(1..8).and_then(digits::<7>).filter(|_| c.len() == 9) else { return false };
    c.as_bytes().last() == SPANISH.get(((value(&d) + first * 10_000_000) % 23) as usize)
}

fn es_cif(c: &str) -> bool {
    c.bytes().next().is_some_and(|o| b"ABCDEFGHJNPQRSUVW".contains(&o)) && es_company_check(c)
}

/// A letter, seven digits, and a check as a digit or a letter.
fn es_company_check(c: &str) -> bool {
    let Some(d) = c.get(1..8).and_then(digits::<7>).filter(|_| c.len() == 9) else { return false };
    let with_check = [d[0], d[1], d[2], d[3], d[4], d[5], d[6], 0];
    let check = (10 - luhn_sum(&with_check) % 10) % 10;
    match c.as_bytes().last() {
        Some(o) if o.is_ascii_digit() => i32::from(o - b'0') == check,
        Some(o) => b"JABCDEFGHI".get(check as usize) == Some(o),
        None => false,
    }
}

fn es_nif(c: &str) -> bool {
    let c = c.strip_prefix("ES").unwrap_or(c);
    let special = |c: &str| {
        let d = c.get(1..8).and_then(digits::<7>).filter(|_| c.len() == 9);
        d.is_some_and(|d| c.as_bytes().last() == SPANISH.get((value(&d) % 23) as usize))
    };
    match c.as_bytes().first() {
        Some(b'K' | b'L' | b'M') => special(c),
        Some(b'X' | b'Y' | b'Z') => es_nie(c),
        Some(o) if o.is_ascii_digit() => es_dni(c),
        _ => es_cif(c),
    }
}

/// Province, number, and two check digits; a number under ten million is added, a longer one appended.
fn es_nss(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let (province, own, check) = (value(&d[..2]), value(&d[2..10]), value(&d[10..]));
        let whole = if own < 10_000_000 { own + province * 10_000_000 } else { value(&d[..10]) };
        matches!(province, 1..=53 | 66) && own > 0 && whole % 97 == check
    })
}

fn gr_afm(c: &str) -> bool {
    all_digits::<9>(c.strip_prefix("EL").or(c.strip_prefix("GR")).unwrap_or(c), |d| {
        weighted(&d[..8], &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == d[8] && !all_same(d)
    })
}

fn gr_amka(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        luhn(d) && date_in_either_century(small(&d[4..6]), small(&d[2..4]), small(&d[..2]))
    })
}

const ODD_PLACES: [i32; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/// Digits may be written as letters where two people share a code (omocodia).
fn it_codice_fiscale(c: &str) -> bool {
    let octets = c.as_bytes();
    let (Some(body), Some(last)) = (octets.get(..15), octets.get(15).filter(|_| octets.len() == 16)) else {
        return false;
    };
    let letters =
        [0, 1, 2, 3, 4, 5, 8, 11].iter().all(|at| body.get(*at).is_some_and(u8::is_ascii_uppercase));
    let Some([y0, y1, d0, d1, p0, p1, p2]) = omocode_digits(body, [6, 7, 9, 10, 12, 13, 14]) else {
        return false;
    };
    let month = body.get(8).and_then(|o| b"ABCDEHLMPRST".iter().position(|m| m == o));
    let day = (d0 * 10 + d1) % 40;
    let born = month.is_some_and(|m| date_in_either_century(y0 * 10 + y1, m as i32 + 1, day));
    let sum: i32 = body.iter().enumerate().map(|(at, o)| italian_value(*o, at)).sum();
    letters && born && p0 + p1 + p2 >= 0 && *last == b'A' + (sum % 26) as u8
}

fn omocode_digits<const N: usize>(body: &[u8], places: [usize; N]) -> Option<[i32; N]> {
    let mut out = [0; N];
    for (to, at) in out.iter_mut().zip(places) {
        let octet = *body.get(at)?;
        *to = match octet {
            b'0'..=b'9' => i32::from(octet - b'0'),
            _ => b"LMNPQRSTUV".iter().position(|o| *o == octet)? as i32,
        };
    }
    Some(out)
}

fn italian_value(octet: u8, at: usize) -> i32 {
    let plain = match octet {
        b'0'..=b'9' => usize::from(octet - b'0'),
        _ => usize::from(octet.saturating_sub(b'A')),
    };
    if at.is_multiple_of(2) { ODD_PLACES.get(plain).copied().unwrap_or(0) } else { plain as i32 }
}

fn it_iva(c: &str) -> bool {
    all_digits::<11>(c.strip_prefix("IT").unwrap_or(c), |d| {
        small(&d[..7]) > 0 && matches!(small(&d[7..10]), 1..=100 | 120 | 121 | 888 | 999) && luhn(d)
    })
}

fn pt_nif(c: &str) -> bool {
    all_digits::<9>(c.strip_prefix("PT").unwrap_or(c), |d| {
        d[0] > 0 && (11 - weighted(&d[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == d[8]
    })
}

/// Eight digits, a check digit, two characters of the version and a check digit over all.
fn pt_cc(c: &str) -> bool {
    let octets = c.as_bytes();
    let shaped = octets.len() == 12
        && octets.iter().take(9).all(u8::is_ascii_digit)
        && octets.last().is_some_and(u8::is_ascii_digit);
    let sum = octets.iter().rev().enumerate().try_fold(0, |sum, (at, o)| {
        let v = base36(*o)?;
        let twice = if v * 2 > 9 { v * 2 - 9 } else { v * 2 };
        Some(sum + if at % 2 == 0 { v } else { twice })
    });
    shaped && sum.is_some_and(|s| s % 10 == 0)
}

fn pt_niss(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        matches!(d[0], 1 | 2) && 9 - weighted(&d[..10], &[29, 23, 19, 17, 13, 11, 7, 5, 3, 2]) % 10 == d[10]
    })
}

fn tr_tckn(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let first = (100 - weighted(&d[..9], &[3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10;
        let second = (first + d[..9].iter().sum::<i32>()) % 10;
        d[0] > 0 && first == d[9] && second == d[10]
    })
}

fn tr_vkn(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let part = |(at, digit): (usize, &i32)| {
            let place = 9 - at as u32;
            let shifted = (digit + place as i32) % 10;
            let powered = shifted * 2i32.pow(place) % 9;
            if shifted != 0 && powered == 0 { 9 } else { powered }
        };
        let sum: i32 = d[..9].iter().enumerate().map(part).sum();
        (10 - sum % 10) % 10 == d[9] && !all_same(d)
    })
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("cy_vat", "CY-10259033P", "CY-10259033Z"),
            ("es_dni", "54362315-K", "54362315Z"),
            ("es_nie", "X-2482300W", "X-2482300A"),
            ("es_cif", "J99216582", "J99216583"),
            ("es_nif", "M-1234567-L", "M-1234567-M"),
            ("es_nss", "28 1234567840", "28 1234567841"),
            ("gr_afm", "EL 094259216", "EL 123456781"),
            ("gr_amka", "01013099997", "01013099999"),
            ("it_codice_fiscale", "RCCMNL83S18D969H", "RCCMNL83S18D969"),
            ("it_iva", "IT 00743110157", "00743110158"),
            ("mt_vat", "MT 1167-9112", "1167-9113"),
            ("pt_nif", "PT 501 964 843", "501 964 842"),
            ("pt_cc", "00000000 0 ZZ4", "00000000 0 ZZ3"),
            ("pt_niss", "12345678909", "12345678908"),
            ("tr_tckn", "17291716060", "17291716050"),
            ("tr_vkn", "4540536920", "4540536921"),
        ] {
            let v = validator(name).unwrap();
            if !matches!(name, "es_nss" | "pt_niss") {
                assert!(v.accepts(good), "{name} {good}");
            }
            assert!(!v.accepts(good) || !v.accepts(bad), "{name} {bad}");
        }
    }
}
