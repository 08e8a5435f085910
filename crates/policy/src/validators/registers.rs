//! Numbers under which registers keep companies and payees: the registers of Austria, Estonia, Romania and Slovenia, creditors of SEPA
//! direct debits, and the Union's one-stop shop for value added tax.

use super::checksum::{all_digits, digits, number, remainder97, small, weighted};
use super::europe_north::baltic_check;
use super::{Validator, compacted, verbatim};

pub(super) const TABLE: &[Validator] = &[
    compacted("at_fn", at_fn, "Austria company register number (Firmenbuchnummer), check letter mod 17"),
    compacted(
        "ee_registrikood",
        |c| all_digits::<8>(c, |d| matches!(d[0], 1 | 7..=9) && baltic_check(&d[..7]) == d[7]),
        "Estonia register number (registrikood), mod 11",
    ),
    compacted(
        "eu_oss",
        eu_oss,
        "one-stop shop VAT number: EU or IM, member state, five or six digits, one more",
    ),
    verbatim(
        "ro_onrc",
        ro_onrc,
        "Romania trade register number: class, county, year; since 2024 with a check digit",
    ),
    compacted("sepa_creditor", sepa_creditor, "SEPA creditor identifier, mod 97 without the business code"),
    compacted("si_maticna", si_maticna, "Slovenia register number (matična številka), mod 11"),
];

/// The check letter is one of seventeen.
fn at_fn(c: &str) -> bool {
    const LETTERS: &[u8; 17] = b"ABDFGHIKMPSTVWXYZ";
    let c = c.strip_prefix("FN").unwrap_or(c);
    let Some((serial, check)) = c.len().checked_sub(1).and_then(|last| c.split_at_checked(last)) else {
        return false;
    };
    let Some(d) = number(serial).filter(|d| (4..=6).contains(&d.len())) else { return false };
    let weights = [6, 4, 14, 15, 10, 1];
    let sum = weighted(&d, weights.get(6 - d.len()..).unwrap_or(&[]));
    check.as_bytes().first() == LETTERS.get(sum as usize % 17)
}

/// Member states by ISO 3166-1, and 900 for Northern Ireland (Implementing Regulation (EU) 2020/194).
fn eu_oss(c: &str) -> bool {
    const STATES: [i32; 28] = [
        40, 56, 100, 191, 196, 203, 208, 233, 246, 250, 276, 300, 348, 372, 380, 428, 440, 442, 470, 528,
        616, 620, 642, 703, 705, 724, 752, 900,
    ];
    let in_a_state = |d: &[i32]| STATES.contains(&small(&d[..3]));
    match (c.strip_prefix("EU"), c.strip_prefix("IM")) {
        (Some(rest), _) => all_digits::<9>(rest, |d| in_a_state(d)),
        (_, Some(rest)) => all_digits::<10>(rest, |d| in_a_state(d)),
        _ => false,
    }
}

/// `J40/8302/2012` until July 2024, `J2012008302404` since: class, year, serial, county (00 for new ones), check digit.
fn ro_onrc(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['J', 'F', 'C']) else { return false };
    let county = |number: i32| matches!(number, 1..=40 | 51 | 52);
    let mut parts = rest.splitn(3, '/');
    if let (Some(place), Some(serial), Some(year)) = (parts.next(), parts.next(), parts.next()) {
        let of = |part: &str, longest: usize| number(part).filter(|d| d.len() <= longest).map(|d| small(&d));
        return of(place, 2).is_some_and(county)
            && of(serial, 5).is_some()
            && year.len() == 4
            && of(year, 4).is_some_and(|year| (1990..=2024).contains(&year));
    }
    let class = match text.as_bytes().first() {
        Some(b'J') => 4,
        Some(b'C') => 7,
        _ => 0,
    };
    all_digits::<13>(rest, |d| {
        let (year, place) = (small(&d[..4]), small(&d[10..12]));
        (1990..=2099).contains(&year)
            && (year >= 2024 && place == 0 || year <= 2024 && county(place))
            && (class + d[..12].iter().sum::<i32>()) % 10 == d[12]
    })
}

/// Country, check digits, three characters of the creditor's own that are not checked, national identifier (EPC262-08).
fn sepa_creditor(c: &str) -> bool {
    let octets = c.as_bytes();
    let country = octets.iter().take(2).all(u8::is_ascii_uppercase);
    let check = c.get(2..4).and_then(digits::<2>).is_some_and(|d| (2..=98).contains(&small(&d)));
    let (Some(front), Some(national)) = (octets.get(..4), octets.get(7..)) else { return false };
    (8..=35).contains(&octets.len())
        && country
        && check
        && remainder97(national.iter().chain(front).copied()) == Some(1)
}

/// Three more characters are a branch; 000 is the seat.
fn si_maticna(c: &str) -> bool {
    let (Some(d), Some(branch)) = (c.get(..7).and_then(digits::<7>), c.get(7..)) else { return false };
    let rest = (-weighted(&d[..6], &[7, 6, 5, 4, 3, 2])).rem_euclid(11);
    rest != 0
        && rest % 10 == d[6]
        && (branch.is_empty() || branch.len() == 3 && digits::<2>(&branch[1..]).is_some())
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("at_fn", "FN 93363z", "FN 93363y"),
            ("at_fn", "FN 122119m", "FN 122118m"),
            ("ee_registrikood", "12345678", "12345679"),
            ("eu_oss", "EU 372022452", "EU 373022452"),
            ("eu_oss", "IM3720000123", "IM372000012"),
            ("ro_onrc", "J52/750/2012", "J53/750/2012"),
            ("ro_onrc", "J2012000750528", "J2012000750529"),
            ("sepa_creditor", "DE98ZZZ09999999999", "DE97ZZZ09999999999"),
            ("sepa_creditor", "ES2300047690558N", "ES2300047690558M"),
            ("si_maticna", "9331310000", "9331320000"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
