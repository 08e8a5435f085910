//! Bank accounts and routing: IBAN (ISO 13616), BIC (ISO 9362), and domestic accounts that carry check digits.

use super::checksum::{all_digits, digits, luhn_mod, mod97, number, remainder97, small, value, weighted};
use super::{Validator, compacted, verbatim};

pub(super) const TABLE: &[Validator] = &[
    compacted("iban", iban, "IBAN: country's structure by the registry and ISO 7064 mod 97-10"),
    compacted("swift_bic", swift_bic, "SWIFT/BIC: 8 or 11 characters with an ISO 3166 country"),
    compacted("aba_routing", aba_routing, "ABA routing number: Federal Reserve prefix and check digit"),
    compacted("ar_cbu", ar_cbu, "Argentina CBU: 22 digits, two check digits"),
    compacted("mx_clabe", mx_clabe, "Mexico CLABE: 18 digits, check digit"),
    compacted("es_ccc", es_ccc, "Spain CCC: 20 digits, two check digits"),
    compacted("fr_rib", fr_rib, "France RIB: 23 characters, key mod 97"),
    compacted("no_kontonr", no_kontonr, "Norway account number: 11 digits, mod 11"),
    compacted(
        "pl_nrb",
        |c| c.len() == 26 && number(c).is_some() && mod97_moved("PL", c),
        "Poland NRB: 26 digits, mod 97-10",
    ),
    verbatim("cz_account", cz_account, "Czechia and Slovakia account: prefix and number mod 11, bank code"),
    compacted(
        "nz_account",
        nz_account,
        "New Zealand account: bank, branch, base, suffix; the bank's own check",
    ),
    compacted("ru_account", ru_account, "Russia account: 20 digits, balance account and currency"),
    compacted("hu_account", hu_account, "Hungary account number: 16 or 24 digits, check digit of each group"),
    compacted("in_ifsc", in_ifsc, "India IFSC: bank, zero, branch"),
    compacted(
        "rf_creditor_reference",
        |c| c.starts_with("RF") && (5..=25).contains(&c.len()) && moved97(c) == Some(1),
        "ISO 11649 creditor reference, mod 97-10",
    ),
];

/// Country and BBAN structure (n digits, a letters, c either), SWIFT IBAN registry, release 99 and later.
const IBAN: &[(&str, &str)] = &[
    ("AD", "8n12c"),
    ("AE", "19n"),
    ("AL", "8n16c"),
    ("AT", "16n"),
    ("AZ", "4a20c"),
    ("BA", "16n"),
    ("BE", "12n"),
    ("BG", "4a6n8c"),
    ("BH", "4a14c"),
    ("BI", "23n"),
    ("BR", "23n1a1c"),
    ("BY", "4c4n16c"),
    ("CH", "5n12c"),
    ("CR", "18n"),
    ("CY", "8n16c"),
    ("CZ", "20n"),
    ("DE", "18n"),
    ("DJ", "23n"),
    ("DK", "14n"),
    ("DO", "4c20n"),
    ("EE", "16n"),
    ("EG", "25n"),
    ("ES", "20n"),
    ("FI", "14n"),
    ("FK", "2a12n"),
    ("FO", "14n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("GE", "2a16n"),
    ("GI", "4a15c"),
    ("GL", "14n"),
    ("GR", "7n16c"),
    ("GT", "24c"),
    ("HN", "4a20n"),
    ("HR", "17n"),
    ("HU", "24n"),
    ("IE", "4a14n"),
    ("IL", "19n"),
    ("IQ", "4a15n"),
    ("IS", "22n"),
    ("IT", "1a10n12c"),
    ("JO", "4a4n18c"),
    ("KW", "4a22c"),
    ("KZ", "3n13c"),
    ("LB", "4n20c"),
    ("LC", "4a24c"),
    ("LI", "5n12c"),
    ("LT", "16n"),
    ("LU", "3n13c"),
    ("LV", "4a13c"),
    ("LY", "21n"),
    ("MC", "10n11c2n"),
    ("MD", "20c"),
    ("ME", "18n"),
    ("MK", "3n10c2n"),
    ("MN", "16n"),
    ("MR", "23n"),
    ("MT", "4a5n18c"),
    ("MU", "4a19n3a"),
    ("NI", "4a20n"),
    ("NL", "4a10n"),
    ("NO", "11n"),
    ("OM", "3n16c"),
    ("PK", "4a16c"),
    ("PL", "24n"),
    ("PS", "4a21c"),
    ("PT", "21n"),
    ("QA", "4a21c"),
    ("RO", "4a16c"),
    ("RS", "18n"),
    ("RU", "14n15c"),
    ("SA", "2n18c"),
    ("SC", "4a20n3a"),
    ("SD", "14n"),
    ("SE", "20n"),
    ("SI", "15n"),
    ("SK", "20n"),
    ("SM", "1a10n12c"),
    ("SO", "19n"),
    ("ST", "21n"),
    ("SV", "4a20n"),
    ("TL", "19n"),
    ("TN", "20n"),
    ("TR", "6n16c"),
    ("UA", "6n19c"),
    ("VA", "18n"),
    ("VG", "4a16n"),
    ("XK", "16n"),
    ("YE", "4a4n18c"),
];

/// ISO 3166-1 alpha-2, with XK as banks use it.
const COUNTRIES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCO\
CRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJE\
JMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPA\
PEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZ\
VAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";

/// Whether the two octets are a country of ISO 3166-1 (or XK).
pub(super) fn is_country(code: &[u8]) -> bool {
    code.len() == 2 && COUNTRIES.as_bytes().chunks_exact(2).any(|c| c == code)
}

fn iban(c: &str) -> bool {
    let (Some(country), Some(check), Some(bban)) = (c.get(..2), c.get(2..4), c.get(4..)) else {
        return false;
    };
    let known = IBAN.binary_search_by(|(code, _)| (*code).cmp(country)).ok().and_then(|at| IBAN.get(at));
    let Some((_, structure)) = known else { return false };
    let checkable = number(check).is_some_and(|d| (2..=98).contains(&small(&d)));
    checkable && fits(bban.as_bytes(), structure) && moved97(c) == Some(1)
}

/// The remainder by 97 with the first four characters moved to the end.
fn moved97(c: &str) -> Option<u32> {
    let octets = c.as_bytes();
    let (head, tail) = (octets.get(..4)?, octets.get(4..)?);
    remainder97(tail.iter().chain(head).copied())
}

/// As [`moved97`] for a domestic number that lacks its country.
fn mod97_moved(country: &str, c: &str) -> bool {
    let octets = c.as_bytes();
    let (Some(check), Some(rest)) = (octets.get(..2), octets.get(2..)) else { return false };
    remainder97(rest.iter().chain(country.as_bytes()).chain(check).copied()) == Some(1)
}

/// Whether the octets have a structure such as `4a6n8c`.
fn fits(octets: &[u8], structure: &str) -> bool {
    let (mut rest, mut count) = (octets, 0usize);
    for mark in structure.bytes() {
        if mark.is_ascii_digit() {
            count = count * 10 + usize::from(mark - b'0');
            continue;
        }
        let Some((group, after)) = rest.split_at_checked(count) else { return false };
        let kind = match mark {
            b'n' => u8::is_ascii_digit,
            b'a' => u8::is_ascii_uppercase,
            _ => u8::is_ascii_alphanumeric,
        };
        if !group.iter().all(kind) {
            return false;
        }
        (rest, count) = (after, 0);
    }
    rest.is_empty()
}

fn swift_bic(c: &str) -> bool {
    let octets = c.as_bytes();
    matches!(octets.len(), 8 | 11)
        && octets.iter().take(6).all(u8::is_ascii_uppercase)
        && octets.get(4..6).is_some_and(is_country)
}

fn aba_routing(c: &str) -> bool {
    all_digits::<9>(c, |d| {
        let district = small(&d[..2]);
        let issued = matches!(district, 1..=12 | 21..=32 | 61..=72 | 80);
        issued && weighted(d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0
    })
}

fn ar_cbu(c: &str) -> bool {
    all_digits::<22>(c, |d| {
        let bank = weighted(&d[..8], &[7, 1, 3, 9, 7, 1, 3, 1]);
        let account = weighted(&d[8..], &[3, 9, 7, 1, 3, 9, 7, 1, 3, 9, 7, 1, 3, 1]);
        bank % 10 == 0 && account % 10 == 0
    })
}

fn mx_clabe(c: &str) -> bool {
    all_digits::<18>(c, |d| {
        let sum: i32 = d[..17].iter().zip([3, 7, 1].iter().cycle()).map(|(d, w)| d * w % 10).sum();
        (10 - sum % 10) % 10 == d[17]
    })
}

fn es_ccc(c: &str) -> bool {
    const WEIGHTS: [i32; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let check = |sum: i32| match sum % 11 {
        rest @ 0..=1 => rest,
        rest => 11 - rest,
    };
    all_digits::<20>(c, |d| {
        check(weighted(&d[..8], &WEIGHTS[2..])) == d[8] && check(weighted(&d[10..], &WEIGHTS)) == d[9]
    })
}

/// Letters count as digits: A, J = 1; B, K, S = 2; and so on.
fn fr_rib(c: &str) -> bool {
    if c.len() != 23 || !fits(c.as_bytes(), "10n11c2n") {
        return false;
    }
    let digit = |o: u8| match o {
        b'0'..=b'9' => u64::from(o - b'0'),
        b'A'..=b'R' => u64::from((o - b'A') % 9 + 1),
        _ => u64::from(o - b'S' + 2),
    };
    c.bytes().map(digit).fold(0, |rest, d| (rest * 10 + d) % 97) == 0
}

fn no_kontonr(c: &str) -> bool {
    all_digits::<11>(c, |d| {
        let check = weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
        (11 - check % 11) % 11 == d[10]
    })
}

/// Up to six digits and a dash may stand in front; both numbers are checked alike; the code of the bank has four digits.
fn cz_account(text: &str) -> bool {
    let Some((account, bank)) = text.split_once('/') else { return false };
    let (prefix, root) = account.split_once('-').unwrap_or(("0", account));
    let right = |part: &str, most: usize| {
        number(part).filter(|d| d.len() <= most).is_some_and(|d| {
            d.iter().rev().zip([1, 2, 4, 8, 5, 10, 9, 7, 3, 6]).map(|(d, w)| d * w).sum::<i32>() % 11 == 0
        })
    };
    let paid = number(root).is_some_and(|d| d.len() > 1 && d.iter().filter(|d| **d > 0).count() > 1);
    right(prefix, 6) && right(root, 10) && paid && digits::<4>(bank).is_some_and(|d| small(&d) >= 100)
}

/// Which sum is right depends on the bank, and for most on the size of the base number. The suffix may lack its first zero.
fn nz_account(c: &str) -> bool {
    let Some(short) = number(c).filter(|d| matches!(d.len(), 15 | 16)) else { return false };
    let (head, suffix) = short.split_at(13);
    let mut d = [0; 16];
    d[..13].copy_from_slice(head);
    d[16 - suffix.len()..].copy_from_slice(suffix);
    let sum = |weights: [i32; 16], fold: i32| -> i32 {
        d.iter().zip(weights).map(|(d, w)| d * w).map(|p| if p > fold { p % fold } else { p }).sum()
    };
    let base = small(&d[6..13]);
    let right = match small(&d[..2]) {
        1..=4 | 6 | 10..=24 | 27 | 30 | 35 | 38 if base < 990_000 => {
            sum([0, 0, 6, 3, 7, 9, 0, 10, 5, 8, 4, 2, 1, 0, 0, 0], i32::MAX) % 11 == 0
        }
        1..=4 | 6 | 10..=24 | 27 | 30 | 35 | 38 => {
            sum([0, 0, 0, 0, 0, 0, 0, 10, 5, 8, 4, 2, 1, 0, 0, 0], i32::MAX) % 11 == 0
        }
        8 => sum([0, 0, 0, 0, 0, 0, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0], i32::MAX) % 11 == 0,
        9 => sum([0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 4, 3, 2, 0, 0, 1], 9) % 11 == 0,
        25 | 33 => sum([0, 0, 0, 0, 0, 0, 1, 7, 3, 1, 7, 3, 1, 0, 0, 0], 10) % 10 == 0,
        26 | 28 | 29 => sum([0, 0, 0, 0, 0, 0, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1], 9) % 10 == 0,
        5 | 31 | 88 => true,
        _ => false,
    };
    right && small(&d[2..6]) > 0 && base > 0
}

/// The key in the ninth place needs the bank's BIK, which stands elsewhere; what is certain is the balance account of the
/// Bank of Russia's chart and the currency.
fn ru_account(c: &str) -> bool {
    all_digits::<20>(c, |d| {
        matches!(small(&d[..3]), 301..=303 | 401..=408 | 411..=426 | 440..=454 | 455 | 474)
            && matches!(small(&d[5..8]), 810 | 643 | 840 | 978 | 156 | 398 | 933 | 826 | 756 | 949 | 784)
            && value(&d[9..]) > 0
    })
}

fn hu_account(c: &str) -> bool {
    const WEIGHTS: [i32; 16] = [9, 7, 3, 1, 9, 7, 3, 1, 9, 7, 3, 1, 9, 7, 3, 1];
    let Some(d) = number(c).filter(|d| matches!(d.len(), 16 | 24)) else { return false };
    let (bank, account) = d.split_at(8);
    weighted(bank, &WEIGHTS) % 10 == 0 && weighted(account, &WEIGHTS) % 10 == 0 && small(bank) > 0
}

fn in_ifsc(c: &str) -> bool {
    let octets = c.as_bytes();
    octets.len() == 11 && octets.iter().take(4).all(u8::is_ascii_uppercase) && octets.get(4) == Some(&b'0')
}

/// Whether letters and digits pass mod 97-10 as they stand (LEI and others).
pub(super) fn passes_mod97(c: &str) -> bool {
    mod97(c.as_bytes()) == Some(1)
}

/// Luhn over letters and digits with values 0 to 35, each symbol weighed whole (GSTIN).
pub(super) fn passes_luhn36(c: &str) -> bool {
    luhn_mod(c.bytes().map(super::checksum::base36), 36)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_examples_pass_in_every_length() {
        for good in [
            "AD1200012030200359100100",
            "AT611904300234573201",
            "BE68539007547034",
            "CH9300762011623852957",
            "DE89370400440532013000",
            "DK5000400440116243",
            "ES9121000418450200051332",
            "FR1420041010050500013M02606",
            "GB29NWBK60161331926819",
            "IT60X0542811101000000123456",
            "MT84MALT011000012345MTLCAST001S",
            "NL91ABNA0417164300",
            "NO9386011117947",
            "PL61109010140000071219812874",
            "SA0380000000608010167519",
            "SE4550000000058398257466",
            "LC55HEMM000100010012001200023015",
        ] {
            assert!(iban(good), "{good}");
        }
    }

    #[test]
    fn a_wrong_length_country_or_check_digit_is_no_iban() {
        for bad in [
            "DE8937040044053201300",
            "ZZ89370400440532013000",
            "DE88370400440532013000",
            "GB29NWBK601613319268A9",
        ] {
            assert!(!iban(bad), "{bad}");
        }
        assert!(IBAN.windows(2).all(|w| w[0].0 < w[1].0), "sorted by country");
    }

    #[test]
    fn domestic_accounts_carry_their_check_digits() {
        assert!(aba_routing("021000021") && !aba_routing("021000022") && !aba_routing("991000021"));
        assert!(mx_clabe("032180000118359719") && !mx_clabe("032180000118359718"));
        assert!(es_ccc("21000418450200051332") && !es_ccc("21000418460200051332"));
        assert!(fr_rib("20041010050500013M02606") && !fr_rib("20041010050500013M02607"));
        assert!(no_kontonr("86011117947") && !no_kontonr("86011117946"));
        assert!(cz_account("34278-0727558021/0100") && !cz_account("4278-0727558021/0100"));
        assert!(cz_account("19-2000145399/0800") && !cz_account("19-2000145398/0800"));
        assert!(nz_account("0109020068389000") && !nz_account("0109020068382000"));
        assert!(ru_account("40702810900000002453") && !ru_account("40702123900000002453"));
        assert!(mod97_moved("PL", "61109010140000071219812874"));
        assert!(swift_bic("DEUTDEFF") && swift_bic("DEUTDEFF500") && !swift_bic("DEUTZZFF"));
    }
}
