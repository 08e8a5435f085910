//! Numbers of Azerbaijan, China, Hong Kong, India, Indonesia, Japan, Kazakhstan, Korea, Malaysia, Pakistan, Singapore, Sri Lanka, Taiwan, Thailand,
//! Uzbekistan and Vietnam.

use super::bank::passes_luhn36;
use super::calendar::{date, date_in_either_century};
use super::checksum::{all_digits, all_same, base36, digits, luhn, number, small, value, verhoeff, weighted};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted(
        "az_voen",
        |c| {
            all_digits::<10>(c, |d| {
                matches!(d[9], 1 | 2) && weighted(d, &[4, 1, 8, 6, 2, 7, 5, 3]) % 11 == d[8]
            })
        },
        "Azerbaijan tax number (VÖEN): mod 11, kind of holder",
    ),
    compacted("cn_ric", cn_ric, "China resident identity number (GB 11643)"),
    compacted("cn_uscc", cn_uscc, "China unified social credit code (GB 32100)"),
    compacted("hk_hkid", hk_hkid, "Hong Kong identity card, mod 11"),
    compacted("id_nik", id_nik, "Indonesia NIK: province and date"),
    compacted("id_npwp", id_npwp, "Indonesia tax number (NPWP)"),
    compacted("in_aadhaar", in_aadhaar, "India Aadhaar number, Verhoeff"),
    compacted(
        "in_vid",
        |c| all_digits::<16>(c, |d| d[0] >= 2 && !palindrome(d) && verhoeff(d)),
        "India Aadhaar virtual number, Verhoeff",
    ),
    compacted("in_pan", in_pan, "India permanent account number (PAN)"),
    compacted("in_gstin", in_gstin, "India GST number, check character"),
    compacted(
        "in_epic",
        |c| three_letters(c) && c.get(3..).is_some_and(|t| all_digits::<7>(t, |d| luhn(d))),
        "India voter card (EPIC), Luhn",
    ),
    compacted(
        "jp_health_insurer",
        |c| all_digits::<8>(c, |d| luhn(d) && small(&d[2..7]) > 0),
        "Japan health insurer number (保険者番号), check digit by weights 2 and 1",
    ),
    compacted("jp_my_number", jp_my_number, "Japan individual number (My Number)"),
    compacted(
        "jp_corporate",
        |c| all_digits::<13>(c, |d| 9 - weighted(&d[1..], &[2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]) % 9 == d[0]),
        "Japan corporate number",
    ),
    compacted("kr_rrn", kr_rrn, "Korea resident registration number"),
    compacted("kr_brn", kr_brn, "Korea business registration number, check digit"),
    compacted("kz_iin", kz_iin, "Kazakhstan individual number (IIN)"),
    compacted("lk_nic", lk_nic, "Sri Lanka identity card: day of the year"),
    compacted("my_nric", my_nric, "Malaysia NRIC: date and place"),
    compacted(
        "pk_cnic",
        |c| all_digits::<13>(c, |d| (1..=7).contains(&d[0]) && d[12] > 0 && !all_same(&d[..12])),
        "Pakistan CNIC: province and sex",
    ),
    compacted("sg_nric", sg_nric, "Singapore NRIC and FIN"),
    compacted("sg_uen", sg_uen, "Singapore unique entity number"),
    compacted("th_pin", th_pin, "Thailand personal number, mod 11"),
    compacted("tw_id", tw_id, "Taiwan national identification number"),
    compacted("tw_ubn", tw_ubn, "Taiwan unified business number"),
    compacted(
        "uz_pinfl",
        |c| {
            all_digits::<14>(c, |d| {
                (1..=6).contains(&d[0])
                    && weighted(&d[..13], &[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7]) % 10 == d[13]
            })
        },
        "Uzbekistan personal number (PINFL)",
    ),
    compacted("vn_cccd", vn_cccd, "Vietnam citizen number: province and century"),
    compacted("vn_mst", vn_mst, "Vietnam tax code (MST)"),
];

fn palindrome(d: &[i32]) -> bool {
    d.iter().eq(d.iter().rev())
}

fn three_letters(c: &str) -> bool {
    c.len() == 10 && c.bytes().take(3).all(|o| o.is_ascii_uppercase())
}

/// Province, date of birth, serial, check character (ISO 7064 mod 11-2).
fn cn_ric(c: &str) -> bool {
    let Some(d) = c.get(..17).and_then(digits::<17>).filter(|_| c.len() == 18) else { return false };
    let province =
        matches!(small(&d[..2]), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    province
        && small(&d[2..6]) > 0
        && date(small(&d[6..10]), small(&d[10..12]), small(&d[12..14]))
        && small(&d[6..10]) >= 1850
        && super::checksum::mod_11_2(c.as_bytes())
}

fn cn_uscc(c: &str) -> bool {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [i32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let at = |o: &u8| ALPHABET.iter().position(|a| a == o).map(|p| p as i32);
    let octets = c.as_bytes();
    if octets.len() != 18 || !octets.iter().take(8).all(u8::is_ascii_digit) {
        return false;
    }
    let sum = octets.iter().zip(WEIGHTS).try_fold(0, |sum, (o, w)| Some(sum + at(o)? * w));
    matches!((sum, octets.last().and_then(at)), (Some(s), Some(check)) if (31 - s % 31) % 31 == check)
}

/// One or two letters, six digits, a check character; a missing first letter counts as 36.
fn hk_hkid(c: &str) -> bool {
    let octets = c.as_bytes();
    let Some(letters) = octets.len().checked_sub(7).filter(|n| matches!(n, 1 | 2)) else { return false };
    let shaped = octets.iter().take(letters).all(u8::is_ascii_uppercase)
        && octets.iter().skip(letters).take(6).all(u8::is_ascii_digit)
        && octets.last().is_some_and(|o| o.is_ascii_digit() || *o == b'A');
    let mut sum = if letters == 1 { 36 * 9 } else { 0 };
    for (octet, weight) in octets.iter().rev().zip(1..) {
        sum += base36(*octet).unwrap_or(0) * weight;
    }
    shaped && sum % 11 == 0
}

/// Province, regency, district, date of birth (40 added to the day for women), serial.
fn id_nik(c: &str) -> bool {
    all_digits::<16>(c, |d| {
        let province = matches!(small(&d[..2]), 11..=19 | 21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=96);
        province
            && small(&d[2..4]) > 0
            && small(&d[4..6]) > 0
            && date_in_either_century(small(&d[10..12]), small(&d[8..10]), small(&d[6..8]) % 40)
            && small(&d[12..]) > 0
    })
}

fn id_npwp(c: &str) -> bool {
    all_digits::<15>(c, |d| luhn(&d[..9]) && value(&d[..9]) > 0)
        || all_digits::<16>(c, |d| d[0] == 0 && luhn(&d[..10]) && value(&d[..10]) > 0)
}

fn in_aadhaar(c: &str) -> bool {
    all_digits::<12>(c, |d| d[0] >= 2 && !palindrome(d) && verhoeff(d))
}

fn in_pan(c: &str) -> bool {
    let octets = c.as_bytes();
    octets.len() == 10
        && octets.iter().take(5).all(u8::is_ascii_uppercase)
        && octets.get(3).is_some_and(|o| b"ABCFGHLJPTK".contains(o))
        && octets.iter().skip(5).take(4).all(u8::is_ascii_digit)
        && c.get(5..9) != Some("0000")
        && octets.last().is_some_and(u8::is_ascii_uppercase)
}

fn in_gstin(c: &str) -> bool {
    let octets = c.as_bytes();
    let state = c.get(..2).and_then(digits::<2>).is_some_and(|d| matches!(small(&d), 1..=38 | 97 | 99));
    octets.len() == 15
        && state
        && c.get(2..12).is_some_and(in_pan)
        && octets.get(12).is_some_and(|o| *o != b'0')
        && octets.get(13) == Some(&b'Z')
        && passes_luhn36(c)
}

fn jp_my_number(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let rest = weighted(&d[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        (if rest <= 1 { 0 } else { 11 - rest }) == d[11] && !all_same(d)
    })
}

fn kr_rrn(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        let century = match d[6] {
            1 | 2 | 5 | 6 => 1900,
            3 | 4 | 7 | 8 => 2000,
            _ => 1800,
        };
        let sum = weighted(&d[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
        date(century + small(&d[..2]), small(&d[2..4]), small(&d[4..6]))
            && small(&d[7..9]) <= 96
            && (11 - sum % 11) % 10 == d[12]
    })
}

/// The check digit is the tax office's: the ninth digit times five is added by its tens, too.
fn kr_brn(c: &str) -> bool {
    all_digits::<10>(c, |d| {
        let sum = weighted(&d[..9], &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + d[8] * 5 / 10;
        small(&d[..3]) >= 101 && small(&d[3..5]) > 0 && small(&d[5..9]) > 0 && (10 - sum % 10) % 10 == d[9]
    })
}

fn kz_iin(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let century =
            [1800, 1800, 1900, 1900, 2000, 2000, 2100].get(d[6].max(1) as usize - 1).copied().unwrap_or(0);
        let first = weighted(&d[..11], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
        let second = weighted(&d[..11], &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
        (1..=6).contains(&d[6])
            && date(century + small(&d[..2]), small(&d[2..4]), small(&d[4..6]))
            && (if first == 10 { second } else { first }) == d[11]
    })
}

/// Old: year, day of the year, serial, V or X. New: four digits of the year and no letter.
fn lk_nic(c: &str) -> bool {
    let day = |d: &[i32]| matches!(small(d), 1..=366 | 501..=866);
    let old = c.strip_suffix(['V', 'X']).is_some_and(|c| all_digits::<9>(c, |d| day(&d[2..5])));
    old || all_digits::<12>(c, |d| (1900..=2020).contains(&small(&d[..4])) && day(&d[4..7]))
}

fn my_nric(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let place =
            matches!(small(&d[6..8]), 1..=16 | 21..=59 | 60..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
        place && date_in_either_century(small(&d[..2]), small(&d[2..4]), small(&d[4..6]))
    })
}

fn sg_nric(c: &str) -> bool {
    let (Some(kind), Some(last)) = (c.as_bytes().first(), c.as_bytes().get(8).filter(|_| c.len() == 9))
    else {
        return false;
    };
    let Some(d) = c.get(1..8).and_then(digits::<7>) else { return false };
    let (offset, letters) = match kind {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let sum = weighted(&d, &[2, 7, 6, 5, 4, 3, 2]) + offset;
    letters.get(sum as usize % 11) == Some(last)
}

/// Businesses, local companies, and other entities by year, type and serial.
fn sg_uen(c: &str) -> bool {
    const TYPES: &str = "CCCDCHCLCMCPCSCXDPFBFCFMFNGAGBGSHSLLLPMBMCMDMHMMMQNBNRPAPBPFRFRPSMSSTCTUVHXL";
    let octets = c.as_bytes();
    let Some(last) = octets.last() else { return false };
    if let Some(d) = c.get(..8).and_then(digits::<8>).filter(|_| octets.len() == 9) {
        return b"XMKECAWLJDB".get(weighted(&d, &[10, 4, 9, 3, 8, 2, 7, 1]) as usize % 11) == Some(last);
    }
    if let Some(d) = c.get(..9).and_then(digits::<9>).filter(|_| octets.len() == 10) {
        let year = (1800..=2100).contains(&small(&d[..4]));
        return year
            && b"ZKCMDNERGWH".get(weighted(&d, &[10, 8, 6, 4, 9, 7, 5, 3, 1]) as usize % 11) == Some(last);
    }
    let entity = octets.get(3..5).is_some_and(|t| TYPES.as_bytes().chunks_exact(2).any(|k| k == t));
    let shaped = octets.len() == 10
        && matches!(octets.first(), Some(b'R' | b'S' | b'T'))
        && c.get(1..3).and_then(digits::<2>).is_some()
        && c.get(5..9).and_then(digits::<4>).is_some();
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    let sum = octets
        .iter()
        .take(9)
        .zip([4, 3, 5, 3, 10, 2, 2, 5, 7])
        .try_fold(0i32, |sum, (o, w)| Some(sum + ALPHABET.iter().position(|a| a == o)? as i32 * w));
    entity && shaped && sum.is_some_and(|s| ALPHABET.get((s - 5).rem_euclid(11) as usize) == Some(last))
}

fn th_pin(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        let sum = weighted(&d[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
        matches!(d[0], 1..=8) && (11 - sum % 11) % 10 == d[12] && !all_same(&d[..12])
    })
}

/// The letter stands for two digits; 1 and 2 are citizens, 8 and 9 (formerly A to D) residents.
fn tw_id(c: &str) -> bool {
    let letter = |o: &u8| b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|l| l == o).map(|p| p as i32 + 10);
    let octets = c.as_bytes();
    let (Some(first), Some(sex)) = (octets.first().and_then(letter), octets.get(1)) else { return false };
    let Some(d) = c.get(2..).and_then(digits::<8>) else { return false };
    let second = match sex {
        b'1' | b'2' | b'8' | b'9' => i32::from(sex - b'0'),
        b'A'..=b'D' => letter(sex).unwrap_or(0) % 10,
        _ => return false,
    };
    let sum = first / 10 + first % 10 * 9 + second * 8 + weighted(&d, &[7, 6, 5, 4, 3, 2, 1, 1]);
    sum % 10 == 0
}

fn tw_ubn(c: &str) -> bool {
    all_digits::<8>(c, |d| {
        let sum: i32 = d.iter().zip([1, 2, 1, 2, 1, 2, 4, 1]).map(|(d, w)| d * w / 10 + d * w % 10).sum();
        (sum % 10 == 0 || (sum % 10 == 9 && d[6] == 7)) && !all_same(d)
    })
}

fn vn_cccd(c: &str) -> bool {
    all_digits::<12>(c, |d| (1..=96).contains(&small(&d[..3])) && d[3] <= 3 && small(&d[6..]) > 0)
}

fn vn_mst(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| matches!(d.len(), 10 | 13)) else { return false };
    let serial = d.get(2..9).is_some_and(|s| small(s) > 0);
    let branch = d.get(10..).is_none_or(|b| b.is_empty() || small(b) > 0);
    let sum = weighted(&d, &[31, 29, 23, 19, 17, 13, 7, 5, 3]);
    serial && branch && d.get(9) == Some(&(10 - sum % 11))
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("az_voen", "140 155 5071", "140 155 5081"),
            ("cn_ric", "11010519491231002X", "110105194912310021"),
            ("cn_uscc", "91110000600037341L", "A1110000600037341L"),
            ("hk_hkid", "A123456(3)", "A123456(4)"),
            ("hk_hkid", "AB987654(3)", "AB987654(2)"),
            ("id_nik", "3171011708450001", "3171013513450001"),
            ("id_npwp", "01.312.166.0-091.000", "01.312.166.1-091.000"),
            ("in_aadhaar", "2345 6789 0124", "2345 6789 0123"),
            ("in_pan", "ACUPA7085R", "234123412347"),
            ("in_gstin", "27AAPFU0939F1ZV", "27AAPFU0939F1Z1"),
            ("in_epic", "WKH1186253", "WKH1186263"),
            ("jp_health_insurer", "01130012", "01130013"),
            ("jp_my_number", "6214 9832 0257", "6214 9832 0258"),
            ("jp_corporate", "5835678256246", "2835678256246"),
            ("kr_rrn", "971013-9019902", "971013-9019903"),
            ("kr_brn", "220-81-62517", "220-81-62518"),
            ("lk_nic", "880520123V", "880000123V"),
            ("my_nric", "770305-02-1234", "771305-02-1234"),
            ("sg_nric", "S1234567D", "S1234567E"),
            ("sg_nric", "F1234567N", "F1234567M"),
            ("sg_uen", "00192200M", "00192200N"),
            ("sg_uen", "S16FC0121D", "S16FC0121E"),
            ("th_pin", "1-2345-45678-78-1", "1-2345-45678-78-9"),
            ("tw_id", "A123456789", "A123456788"),
            ("tw_ubn", "00501503", "00501502"),
            ("vn_mst", "0100233488", "0100233480"),
        ] {
            let v = validator(name).unwrap();
            assert!(v.accepts(good), "{name} {good}");
            assert!(!v.accepts(bad), "{name} {bad}");
        }
    }
}
