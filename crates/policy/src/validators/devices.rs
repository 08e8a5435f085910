//! Devices and vehicles: IMEI, MEID and IMSI (3GPP TS 23.003), ICCID (ITU-T E.118), VIN (ISO 3779), freight containers (ISO 6346),
//! ships (IMO).

use super::checksum::{all_digits, all_same, base36, luhn, luhn_mod, number};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("imei", imei, "IMEI: 15 digits, reporting body, Luhn"),
    compacted("meid", meid, "MEID: 14 hexadecimal digits and an optional Luhn digit"),
    compacted("iccid", iccid, "SIM card number: 89, 19 or 20 digits, Luhn"),
    compacted("imsi", imsi, "mobile subscriber (IMSI): a country of ITU-T E.212, fifteen digits"),
    compacted("vin", vin, "vehicle identification number with its check digit (49 CFR 565)"),
    compacted("iso6346", iso6346, "freight container number, check digit"),
    compacted(
        "imo_ship",
        |c| {
            all_digits::<7>(c.strip_prefix("IMO").unwrap_or(c), |d| {
                let sum: i32 = d.iter().take(6).zip([7, 6, 5, 4, 3, 2]).map(|(d, w)| d * w).sum();
                sum % 10 == d[6] && d[0] > 0
            })
        },
        "IMO ship number, check digit",
    ),
];

fn imei(c: &str) -> bool {
    all_digits::<15>(c, |d| luhn(d) && !all_same(d))
}

/// Countries by their first digit (1 and 8 are nobody's), and 901 for networks of no country.
fn imsi(c: &str) -> bool {
    all_digits::<15>(c, |d| (matches!(d[0], 2..=7) || d[..3] == [9, 0, 1]) && !all_same(d))
}

fn meid(c: &str) -> bool {
    let octets = c.as_bytes();
    let hex = octets.iter().all(u8::is_ascii_hexdigit);
    let regional = octets.first().is_some_and(|o| (b'A'..=b'F').contains(o));
    let checked = || luhn_mod(octets.iter().map(|o| base36(*o)), 16);
    hex && regional && (octets.len() == 14 || octets.len() == 15 && checked())
}

fn iccid(c: &str) -> bool {
    matches!(c.len(), 19 | 20) && c.starts_with("89") && number(c).is_some_and(|d| luhn(&d))
}

/// The check digit is duty in North America and China; elsewhere it is often right, too.
fn vin(c: &str) -> bool {
    const WEIGHTS: [i32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let octets = c.as_bytes();
    let Some(check) = octets.get(8).filter(|_| octets.len() == 17) else { return false };
    let mut sum = 0;
    for (octet, weight) in octets.iter().zip(WEIGHTS) {
        let Some(v) = transliterate(*octet) else { return false };
        sum += v * weight;
    }
    let letters = octets.iter().filter(|o| o.is_ascii_uppercase()).count();
    let expected = if sum % 11 == 10 { b'X' } else { b'0' + (sum % 11) as u8 };
    *check == expected && letters >= 1
}

/// ISO 3779 leaves out I, O and Q.
fn transliterate(octet: u8) -> Option<i32> {
    match octet {
        b'0'..=b'9' => Some(i32::from(octet - b'0')),
        b'A'..=b'H' => Some(i32::from(octet - b'A') + 1),
        b'J'..=b'N' => Some(i32::from(octet - b'J') + 1),
        b'P' => Some(7),
        b'R' => Some(9),
        b'S'..=b'Z' => Some(i32::from(octet - b'S') + 2),
        _ => None,
    }
}

fn iso6346(c: &str) -> bool {
    let octets = c.as_bytes();
    if octets.len() != 11 || !octets.iter().take(3).all(u8::is_ascii_uppercase) {
        return false;
    }
    let category = octets.get(3).is_some_and(|o| b"UJZR".contains(o));
    let Some(tail) = c.get(4..).and_then(number) else { return false };
    let mut sum = 0;
    for (at, octet) in octets.iter().take(10).enumerate() {
        let digit = octet.is_ascii_digit().then(|| i32::from(octet.wrapping_sub(b'0')));
        let Some(v) = digit.or_else(|| letter_value(*octet)) else { return false };
        sum += v << at;
    }
    category && tail.last() == Some(&(sum % 11 % 10))
}

/// Letters count from 10 and skip the multiples of 11.
fn letter_value(octet: u8) -> Option<i32> {
    let at = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ".iter().position(|o| *o == octet)?;
    [10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 34, 35, 36, 37, 38]
        .get(at)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_devices_pass_and_their_neighbours_fail() {
        assert!(imei("490154203237518") && !imei("490154203237519") && !imei("000000000000000"));
        assert!(vin("1M8GDM9AXKP042788") && !vin("11111111111111111") && !vin("1M8GDM9A1KP042788"));
        assert!(iso6346("CSQU3054383") && iso6346("TASU1170000") && !iso6346("CSQU3054384"));
        assert!(meid("AF0123450ABCDEC") || meid("AF0123450ABCDE"));
        assert!(iccid("8901260390012345679") == luhn(&number("8901260390012345679").unwrap()));
    }
}
