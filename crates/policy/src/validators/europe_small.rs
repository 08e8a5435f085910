//! Numbers of Albania, Andorra, the Faroe Islands, Liechtenstein and Montenegro. Most of them have no published check: they are found
//! beside the words that name them only.

use super::checksum::{all_digits, digits, number, small, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("ad_nrt", ad_nrt, "Andorra tax number (NRT): kind of holder, range"),
    compacted("al_nipt", al_nipt, "Albania tax number (NIPT): decade, digits, letter"),
    compacted(
        "fo_vn",
        |c| all_digits::<6>(c.strip_prefix("FO").unwrap_or(c), |_| true),
        "Faroe Islands tax number: six digits",
    ),
    compacted(
        "li_peid",
        |c| number(c).is_some_and(|d| (4..=12).contains(&c.trim_start_matches('0').len()) && d.len() <= 12),
        "Liechtenstein tax number (PEID): up to twelve digits",
    ),
    compacted(
        "me_pib",
        |c| all_digits::<8>(c, |d| (-weighted(d, &[8, 7, 6, 5, 4, 3, 2])).rem_euclid(11) % 10 == d[7]),
        "Montenegro tax number (PIB), mod 11",
    ),
];

/// Letters that say what the holder is; companies (A, L) have the numbers from 700000 on, residents (F) those below.
fn ad_nrt(c: &str) -> bool {
    let octets = c.as_bytes();
    let Some(serial) = c.get(1..7).and_then(digits::<6>).filter(|_| octets.len() == 8) else { return false };
    let serial = small(&serial);
    octets.last().is_some_and(u8::is_ascii_uppercase)
        && match octets.first() {
            Some(b'F') => serial < 700_000,
            Some(b'A' | b'L') => (700_000..800_000).contains(&serial),
            Some(first) => b"CDEGOPU".contains(first),
            None => false,
        }
}

/// The first letter is the decade, from A for the 1920s on.
fn al_nipt(c: &str) -> bool {
    let c = c.strip_prefix("AL").unwrap_or(c);
    c.len() == 10
        && c.starts_with(|first| ('A'..='M').contains(&first))
        && c.get(1..9).and_then(digits::<8>).is_some()
        && c.ends_with(|last: char| last.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_in_the_form_of_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("ad_nrt", "U-132950-X", "I-706193-G"),
            ("ad_nrt", "L-706193-G", "L-606193-G"),
            ("al_nipt", "AL J91402501L", "Z22218003V"),
            ("fo_vn", "602 590", "60259"),
            ("li_peid", "1234567", "123"),
            ("me_pib", "02655284", "02655283"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
