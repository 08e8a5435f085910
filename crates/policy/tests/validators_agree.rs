//! The validators agree with python-stdnum, an independent implementation of some 190 of the same formats, in both directions,
//! but for the inputs described here, each with who is right by the standard.

#[path = "../../store/tests/pypi/mod.rs"]
mod pypi;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jiff::civil::Date;
use policy::validators;

/// The implementation, as PyPI has it.
const STDNUM: &str = "python-stdnum==2.2";

/// What the other accepts and we refuse (`Theirs`), or we accept and it refuses (`Ours`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Only {
    Theirs,
    Ours,
}
use Only::{Ours, Theirs};

/// A candidate, and what the other says about it.
struct Seen<'t> {
    text: &'t str,
    /// Its letters and digits, upper-cased.
    compact: String,
    /// Its digits.
    digits: Vec<u32>,
    /// `1`, or the kind of error with which the other refused.
    answer: &'t str,
}

impl<'t> Seen<'t> {
    fn new(text: &'t str, answer: &'t str) -> Self {
        let compact: String =
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        let digits = compact.chars().filter_map(|c| c.to_digit(10)).collect();
        Seen { text, compact, digits, answer }
    }

    fn one_digit(&self) -> bool {
        self.digits.windows(2).all(|pair| pair[0] == pair[1])
    }

    fn begins(&self, with: &str) -> bool {
        self.compact.starts_with(with)
    }

    fn length(&self) -> usize {
        self.compact.len()
    }

    /// The value of some of its digits; too large a one if they are not there.
    fn value(&self, from: usize, to: usize) -> u32 {
        self.digits
            .get(from..to)
            .map_or(u32::MAX, |some| some.iter().fold(0, |value, digit| value * 10 + digit))
    }

    /// Separators that the number is not written with. The same candidate without them is compared beside it.
    fn parted(&self) -> bool {
        self.text.len() != self.compact.len()
    }

    /// The other knows the parts of the number (places, offices, words) by a list or by today's date.
    fn refused_by_list(&self) -> bool {
        matches!(self.answer, "InvalidComponent" | "KeyError")
    }

    fn digits_before_the_letter(&self) -> usize {
        self.compact.bytes().take_while(u8::is_ascii_digit).count()
    }
}

/// Whether the day is in no month of this name, of either century. Zero stands for an unknown day or month.
fn no_such_day(two_digits: u32, month: u32, day: u32) -> bool {
    let in_century = |century: u32| Date::new((century + two_digits) as i16, month as i8, day as i8).is_ok();
    if month == 0 || day == 0 { day > 31 } else { !(in_century(1900) && in_century(2000)) }
}

/// Two digits of a year that had not come when this was written.
fn to_come(two_digits: u32, last: u32) -> bool {
    (26..=last).contains(&two_digits)
}

/// Inputs about which a difference stands: whose, which, and why. Everything else is a failure.
type Excuse = (&'static str, Only, fn(&Seen) -> bool, &'static str);

const ONE_DIGIT: &str = "ours: one repeated digit is refused";
const PREFIX: &str = "even: the other strips a country prefix";
const SEPARATORS: &str = "even: other separators";
const BANKS: &str = "theirs: banks and branches by list; new ones are not missed by ours";
const LEADING: &str = "theirs: leading zeros may be missing; too common a form for us";

const EXCUSES: &[Excuse] = &[
    (
        "aba_routing",
        Theirs,
        |c| !matches!(c.value(0, 2), 1..=12 | 21..=32 | 61..=72 | 80),
        "ours: the first two digits name a Federal Reserve district or 80 (ABA policy), the other checks the sum only",
    ),
    (
        "at_fn",
        Theirs,
        |c| {
            let serial: Vec<u32> = c.digits.clone();
            let weights = [6, 4, 14, 15, 10, 1];
            let short = weights.get(6usize.saturating_sub(serial.len())..).unwrap_or(&[]);
            let sum: u32 = serial.iter().zip(short).map(|(d, w)| d * w).sum();
            let check = b"ABDFGHIKMPSTVWXYZ".get(sum as usize % 17).copied();
            !(4..=6).contains(&serial.len()) || c.compact.bytes().last() != check
        },
        "ours: the check letter of the register, and four to six digits; the other takes any digits and letter",
    ),
    (
        "at_fn",
        Ours,
        |c| c.text.ends_with(|last: char| last.is_ascii_uppercase()),
        "even: the letter is printed small, and written large",
    ),
    (
        "au_abn",
        Ours,
        |c| c.begins("10"),
        "ours: 10 passes the register's test as 99 does; the other takes 99 for the only one",
    ),
    ("au_tfn", Theirs, |c| c.one_digit(), ONE_DIGIT),
    ("az_voen", Theirs, |c| c.length() == 9, LEADING),
    (
        "be_bis",
        Theirs,
        |c| no_such_day(c.value(0, 2), c.value(2, 4) % 20, c.value(4, 6)),
        "ours: days beyond the month are refused; the other passes them as unknown",
    ),
    (
        "be_bis",
        Ours,
        |c| to_come(c.value(0, 2), 49),
        "even: the year of birth decides the century; the other compares it with today's date",
    ),
    (
        "be_nn",
        Theirs,
        |c| no_such_day(c.value(0, 2), c.value(2, 4), c.value(4, 6)),
        "ours: days beyond the month are refused; the other passes them as unknown",
    ),
    ("be_nn", Ours, |c| to_come(c.value(0, 2), 49), "even: born in a future year of this century"),
    (
        "be_vat",
        Theirs,
        |c| c.digits.len() == 9,
        "theirs: nine-digit numbers from before 2005 are accepted; ours wants the ten digits in use today",
    ),
    ("be_vat", Ours, |c| c.text.contains(['(', ')']), SEPARATORS),
    (
        "bech32",
        Theirs,
        |c| c.text.starts_with(['1', '3']),
        "theirs: base58 addresses, another format that this validator does not claim",
    ),
    (
        "bech32",
        Ours,
        |c| c.begins("BC1P"),
        "ours: later witness versions have a check of their own (BIP 350)",
    ),
    (
        "bech32",
        Theirs,
        |c| c.text.contains(char::is_uppercase) && c.text.contains(char::is_lowercase),
        "ours: mixed case is refused (BIP 173)",
    ),
    ("br_cnpj", Ours, |c| c.parted(), SEPARATORS),
    ("ch_uid", Theirs, |c| !c.begins("CHE"), "ours: CHE is part of the number (UIDG article 3)"),
    ("cl_rut", Theirs, |c| c.begins("CL"), PREFIX),
    (
        "cn_ric",
        Ours,
        |c| c.refused_by_list(),
        "theirs: county codes by list; ours knows provinces, so that new counties are not missed",
    ),
    ("cn_ric", Theirs, |c| c.value(6, 10) < 1850, "ours: nobody alive was born before 1850"),
    (
        "cr_cpf",
        Theirs,
        |c| c.value(1, 2) == 0 || c.length() == 9 && c.value(0, 1) == 0,
        "ours: province and class from 1 on",
    ),
    ("cr_cpf", Ours, |c| c.parted(), SEPARATORS),
    ("cr_cpf", Theirs, |c| c.parted() && c.length() < 9, LEADING),
    ("cr_dimex", Theirs, |c| c.one_digit(), ONE_DIGIT),
    (
        "cz_account",
        Theirs,
        |c| c.text.split_once('/').is_some_and(|(_, bank)| bank.len() != 4),
        "ours: the code of a bank has four digits (CNB)",
    ),
    ("cz_account", Ours, |c| c.refused_by_list(), BANKS),
    ("eu_oss", Ours, |c| c.parted(), SEPARATORS),
    ("fi_veronumero", Theirs, |c| c.one_digit(), ONE_DIGIT),
    ("gn_nifp", Theirs, |c| c.one_digit(), ONE_DIGIT),
    ("imsi", Theirs, |c| c.length() == 14, "ours: fifteen digits; hardly any network has fewer"),
    (
        "imsi",
        Theirs,
        |c| !(2..=7).contains(&c.value(0, 1)),
        "ours: networks of tests and of ships are no subscribers",
    ),
    (
        "imsi",
        Ours,
        |c| c.refused_by_list(),
        "theirs: countries and networks by list; new ones are not missed by ours",
    ),
    (
        "nz_account",
        Theirs,
        |c| {
            let whole = |group: (&str, usize)| group.0.len() == group.1;
            let parts: Vec<&str> = c.text.split([' ', '-']).collect();
            c.length() < 15 || !parts.iter().copied().zip([2, 4, 7]).all(whole)
        },
        LEADING,
    ),
    ("nz_account", Ours, |c| c.parted() && c.answer != "InvalidComponent", SEPARATORS),
    ("nz_account", Ours, |c| c.refused_by_list(), BANKS),
    ("de_steuernummer", Theirs, |c| c.one_digit(), "ours: zeros only"),
    (
        "dk_cpr",
        Ours,
        |c| c.value(6, 7) >= 4 && to_come(c.value(4, 6), 57),
        "even: dates of birth in the future",
    ),
    (
        "fi_hetu",
        Ours,
        |c| c.length() == 10 && !c.text.contains(['-', '+']),
        "even: the sign of the century is a separator to us",
    ),
    (
        "fr_nir",
        Theirs,
        |c| {
            !(matches!(c.value(0, 1), 1..=4 | 7 | 8)
                && matches!(c.value(3, 5), 1..=12 | 20 | 30..=42 | 50..=99))
        },
        "ours: sex is 1, 2, 3, 4, 7 or 8 and the month one of INSEE's; the other checks the key only",
    ),
    ("gb_nhs", Theirs, |c| c.one_digit(), ONE_DIGIT),
    (
        "gb_upn",
        Ours,
        |c| c.answer == "InvalidComponent",
        "even: authorities come and go, the check letter stays",
    ),
    ("gr_afm", Theirs, |c| c.digits.len() < 9, LEADING),
    (
        "iban",
        Ours,
        |c| ["BE", "ES", "ME", "NO"].iter().any(|country| c.begins(country)),
        "even: the other adds the national check digits of four countries to the registry's rules",
    ),
    (
        "iban",
        Theirs,
        |c| matches!(c.compact.get(2..4), Some("00" | "01" | "99")),
        "ours: check digits are 02 to 98 (ISO 13616)",
    ),
    (
        "id_nik",
        Theirs,
        |c| c.value(2, 4) == 0 || c.value(4, 6) == 0 || c.value(12, 16) == 0,
        "ours: regency, district and serial from 01 on (Permendagri)",
    ),
    (
        "id_nik",
        Ours,
        |c| c.refused_by_list(),
        "theirs: regencies by list; ours knows provinces, so that new regencies are not missed",
    ),
    (
        "id_npwp",
        Theirs,
        |c| c.digits.len() == 16 && !c.begins("0"),
        "even: the sixteen-digit form that is an NIK is found as id_nik",
    ),
    (
        "ie_vat",
        Theirs,
        |c| c.length() == 9 && c.compact.as_bytes()[1].is_ascii_uppercase(),
        "ours: the old form, with a letter in the second place, has eight characters",
    ),
    ("il_id", Theirs, |c| c.length() < 8, "even: fewer than eight digits are too common"),
    (
        "imei",
        Theirs,
        |c| matches!(c.length(), 14 | 16),
        "ours: fifteen digits with check digit; the other takes 14 and 16 digits without any check",
    ),
    ("imo_ship", Theirs, |c| c.value(0, 1) == 0, "ours: numbers begin at 1000000"),
    (
        "in_gstin",
        Ours,
        |c| matches!(c.value(0, 2), 38 | 97 | 99),
        "ours: 38 (Ladakh), 97 and 99 are given out (GST Council)",
    ),
    ("isin", Ours, |c| c.begins("EZ"), "ours: EZ is given out for over-the-counter derivatives (ANNA DSB)"),
    (
        "iso6346",
        Theirs,
        |c| !c.compact.bytes().take(3).all(|o| o.is_ascii_uppercase()),
        "ours: owner codes are letters",
    ),
    (
        "it_codice_fiscale",
        Theirs,
        |c| c.length() == 11,
        "even: a company's eleven digits are found as it_iva",
    ),
    (
        "kr_brn",
        Theirs,
        |c| {
            let sum: u32 = c.digits.iter().zip([1, 3, 7, 1, 3, 7, 1, 3]).map(|(d, w)| d * w).sum();
            let ninth = c.value(8, 9) * 5;
            !(sum + ninth / 10 + ninth % 10 + c.value(9, 10)).is_multiple_of(10)
        },
        "ours: the tax office's check digit; the other checks ranges only",
    ),
    (
        "lei",
        Theirs,
        |c| c.length() != 20,
        "ours: twenty characters (ISO 17442); the other checks mod 97-10 at any length",
    ),
    (
        "lei",
        Theirs,
        |c| !c.compact.bytes().skip(18).all(|o| o.is_ascii_digit()),
        "ours: the last two are digits (ISO 17442)",
    ),
    ("lv_pvn", Theirs, |c| c.value(6, 7) > 2, "ours: centuries to come are refused"),
    (
        "mac_address",
        Theirs,
        |c| {
            let groups: Vec<&str> = c.text.trim().split([':', '-']).collect();
            let first = u8::from_str_radix(groups[0], 16).unwrap_or(1);
            first & 1 == 1 || groups.iter().any(|group| group.len() != 2)
        },
        "ours: unicast addresses of devices only, two digits to the octet",
    ),
    (
        "meid",
        Theirs,
        |c| c.value(0, 1) < 10 && c.compact.starts_with(|first: char| first.is_ascii_digit()),
        "even: decimal and all-digit forms, and those without a regional code of letters, are not claimed",
    ),
    (
        "mx_curp",
        Ours,
        |c| c.compact.get(10..11) == Some("X"),
        "ours: X since the third gender marker of 2023",
    ),
    (
        "mx_curp",
        Ours,
        |c| c.answer == "RudeWord",
        "even: the other refuses rude words, which the registry replaces",
    ),
    ("mx_rfc", Theirs, |c| c.length() == 10, "even: ten characters without homoclave carry no check"),
    (
        "mx_rfc",
        Ours,
        |c| c.answer == "RudeWord",
        "even: the other refuses rude words, which the registry replaces",
    ),
    ("nl_bsn", Theirs, |c| c.digits.len() < 9, LEADING),
    (
        "nl_btw",
        Theirs,
        |c| c.compact.trim_start_matches("NL").find('B').is_some_and(|at| at < 9),
        "theirs: leading zeros may be missing",
    ),
    (
        "no_fodselsnummer",
        Ours,
        |c| c.value(6, 7) >= 5 && to_come(c.value(4, 6), 39),
        "even: dates of birth in the future",
    ),
    ("no_kontonr", Theirs, |c| c.length() == 7, "theirs: seven digits of the postal giro"),
    ("no_kontonr", Theirs, |c| c.begins("0000"), "theirs: the same behind four zeros"),
    ("no_kontonr", Ours, |c| c.begins("0000"), "even: zeros in front are part of the number to us"),
    ("nz_ird", Theirs, |c| c.begins("NZ"), PREFIX),
    (
        "pe_dni",
        Theirs,
        |c| c.length() == 8,
        "ours: the check character is wanted; eight digits alone carry none",
    ),
    ("pl_nip", Theirs, |c| c.one_digit(), ONE_DIGIT),
    ("pt_cc", Theirs, |c| c.length() != 12, "ours: twelve characters; the other takes any number of digits"),
    ("py_ruc", Theirs, |c| c.length() < 5, "even: fewer than five digits are too common"),
    (
        "ro_onrc",
        Theirs,
        |c| {
            c.text.contains([' ', '-', '\\'])
                || c.text.contains("//")
                || c.text.get(1..2) == Some("/")
                || c.text.contains('.')
        },
        SEPARATORS,
    ),
    ("ro_onrc", Theirs, |c| c.text.contains(char::is_lowercase), "even: small letters"),
    ("ro_onrc", Ours, |c| c.value(0, 4) > 2025, "even: years to come"),
    ("ru_inn", Theirs, |c| c.one_digit(), ONE_DIGIT),
    (
        "ru_ogrn",
        Ours,
        |c| c.length() == 15 && c.compact[..14].parse::<u64>().is_ok_and(|root| root % 13 > 9),
        "ours: of a remainder by 13 of two digits the last one counts (order 438 of the tax office)",
    ),
    (
        "sepa_creditor",
        Theirs,
        |c| {
            !(8..=35).contains(&c.length())
                || !c.compact.bytes().take(2).all(|o| o.is_ascii_uppercase())
                || !matches!(c.compact.get(2..4).and_then(|check| check.parse().ok()), Some(2..=98))
        },
        "ours: a country and two digits of check from 02 to 98 in front, 8 to 35 characters (EPC262-08); the other checks mod 97 only",
    ),
    ("sg_uen", Theirs, |c| c.value(0, 4) < 1800, "ours: years of registration begin in 1800"),
    (
        "sg_uen",
        Ours,
        |c| if c.begins("T") { c.value(0, 2) > 25 } else { (2026..=2100).contains(&c.value(0, 4)) },
        "even: years to come",
    ),
    ("sv_nit", Theirs, |c| c.begins("SV"), PREFIX),
    ("tn_mf", Theirs, |c| c.digits_before_the_letter() < 7, LEADING),
    ("tr_vkn", Theirs, |c| c.one_digit(), ONE_DIGIT),
    ("tw_ubn", Theirs, |c| c.one_digit(), ONE_DIGIT),
    (
        "us_atin",
        Theirs,
        |c| c.value(0, 1) != 9 || c.value(3, 5) != 93,
        "ours: 9 and group 93 (IRS); the other checks the pattern only",
    ),
    ("us_ein", Ours, |c| c.parted() && c.answer == "InvalidFormat", SEPARATORS),
    ("us_ein", Theirs, |c| c.value(2, 9) == 0, "ours: a serial of zeros is refused"),
    (
        "us_itin",
        Ours,
        |c| matches!(c.value(3, 5), 50..=65),
        "ours: groups 50 to 65 are given out by now (IRS Publication 1915)",
    ),
    ("us_itin", Ours, |c| c.parted(), SEPARATORS),
    ("us_ssn", Ours, |c| c.parted(), SEPARATORS),
    ("uy_rut", Theirs, |c| c.begins("UY"), PREFIX),
];

/// Validators that have nothing in python-stdnum to be compared with, each with what the test of its module goes by.
const ALONE: &[(&str, &[&str])] = &[
    (
        "examples and rules of the issuer",
        &[
            "ae_id",
            "au_ihi",
            "au_medicare",
            "br_cnh",
            "br_cns",
            "br_pis",
            "br_titulo_eleitor",
            "ca_on_health",
            "ca_qc_ramq",
            "de_driving_licence",
            "de_kvnr",
            "de_rvnr",
            "dk_cpr_mod11",
            "ehic",
            "eg_nid",
            "es_nss",
            "fr_rib",
            "gb_chi",
            "gb_driving_licence",
            "gb_nino",
            "hk_hkid",
            "hu_account",
            "hu_taj",
            "hu_tax_id",
            "iccid",
            "icao_document",
            "in_ifsc",
            "ir_national_code",
            "jmbg",
            "jp_health_insurer",
            "kw_civil_id",
            "kz_iin",
            "lk_nic",
            "lu_matricule",
            "lv_pk",
            "mrz_td1",
            "mrz_td2",
            "mrz_td3",
            "mx_clabe",
            "mx_nss",
            "nz_nhi",
            "pl_id_card",
            "pl_nrb",
            "pl_passport",
            "pt_niss",
            "ru_account",
            "ru_snils",
            "sa_id",
            "sa_vat",
            "se_samordningsnummer",
            "sg_nric",
            "tw_id",
            "us_dea",
            "us_mbi",
            "us_npi",
            "us_passport",
            "uy_ci",
            "uz_pinfl",
            "vin",
            "vn_cccd",
        ],
    ),
    (
        "issuer ranges and Luhn, which is compared",
        &[
            "card_amex",
            "card_diners",
            "card_discover",
            "card_elo",
            "card_jcb",
            "card_maestro",
            "card_mastercard",
            "card_mir",
            "card_rupay",
            "card_track1",
            "card_track2",
            "card_troy",
            "card_unionpay",
            "card_verve",
            "card_visa",
            "payment_card",
        ],
    ),
    (
        "shape of tokens and texts",
        &[
            "assigned_secret",
            "aws_access_key_id",
            "email_address",
            "entropy_3",
            "entropy_3_5",
            "entropy_4",
            "github_token",
            "ipv6",
            "jwt",
            "last_word_secret",
            "letters_and_digits",
            "mixed_characters",
            "not_day",
            "not_one_symbol",
            "not_placeholder",
            "not_sequence",
            "npm_token",
            "private_ipv4",
            "public_ipv4",
            "three_symbols",
            "url_with_password",
            "wireguard_private_key",
        ],
    ),
];

/// How many numbers of a validator must be good to both, so that its comparison says something.
const GOOD_TO_BOTH: usize = 5;

#[derive(Default)]
struct Comparison {
    judged: usize,
    /// Numbers that both accept, by validator.
    agreed: BTreeMap<String, usize>,
    /// How often each excuse was needed, by its place in the list.
    excused: BTreeMap<usize, usize>,
    failures: Vec<String>,
}

fn compare(table: &str) -> Comparison {
    let mut out = Comparison::default();
    for line in table.lines() {
        let mut fields = line.split('\t');
        let (Some(name), Some(text), Some(answer)) = (fields.next(), fields.next(), fields.next()) else {
            panic!("not a row: {line}");
        };
        let theirs = answer == "1";
        let ours = validators::validator(name).unwrap_or_else(|| panic!("no validator {name}")).accepts(text);
        out.judged += 1;
        *out.agreed.entry(name.to_owned()).or_default() += usize::from(ours && theirs);
        if ours == theirs {
            continue;
        }
        let side = if theirs { Theirs } else { Ours };
        let seen = Seen::new(text, answer);
        match EXCUSES
            .iter()
            .position(|(whose, only, covers, _)| *whose == name && *only == side && covers(&seen))
        {
            Some(at) => *out.excused.entry(at).or_default() += 1,
            None => out.failures.push(format!("{name} {text:?}: only {side:?} accepts ({answer})")),
        }
    }
    let hollow = out.agreed.iter().filter(|(_, count)| **count < GOOD_TO_BOTH);
    out.failures.extend(hollow.map(|(name, count)| format!("{name}: {count} numbers are good to both")));
    out
}

#[test]
fn committed_samples_get_the_verdict_of_the_independent_implementation() {
    let found = compare(include_str!("validators/stdnum_samples.tsv"));
    assert!(found.judged > 5_000, "{} samples", found.judged);
    assert_eq!(found.failures, Vec::<String>::new());
    let idle: Vec<_> = EXCUSES
        .iter()
        .enumerate()
        .filter(|(at, _)| !found.excused.contains_key(at))
        .map(|(_, one)| (one.0, one.3))
        .collect();
    assert!(idle.is_empty(), "excuses that no sample needs: {idle:?}");
}

#[test]
fn every_validator_is_compared_or_is_known_to_have_no_counterpart() {
    let compared: BTreeSet<&str> = include_str!("validators/stdnum_samples.tsv")
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    let alone: BTreeSet<&str> = ALONE.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let ours: BTreeSet<&str> = validators::names().iter().copied().collect();
    let known: BTreeSet<&str> = compared.union(&alone).copied().collect();
    assert_eq!(compared.intersection(&alone).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(known.symmetric_difference(&ours).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(compared.len() > 160, "{} compared", compared.len());
}

/// Asks the live implementation about fresh candidates. It refuses to answer when it has a format that is neither compared
/// nor named in the script as none of ours. STDNUM_TRIES makes the run longer than the usual few seconds.
#[test]
fn fresh_random_numbers_get_the_verdict_of_the_independent_implementation() {
    let Some(environment) = pypi::environment(STDNUM) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/validators/stdnum_verdicts.py");
    let seed = std::process::id().to_string();
    let tries = std::env::var("STDNUM_TRIES").unwrap_or_else(|_| "1000".to_owned());
    let answer = Command::new(environment.join("bin/python"))
        .args([script, &seed, &tries, "0"])
        .output()
        .expect("python runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let found = compare(&String::from_utf8_lossy(&answer.stdout));
    let good: usize = found.agreed.values().sum();
    println!("seed {seed}: {} judged, {good} good to both", found.judged);
    for (at, count) in &found.excused {
        println!("  {} {:?}, {count} times: {}", EXCUSES[*at].0, EXCUSES[*at].1, EXCUSES[*at].3);
    }
    assert!(found.judged > 100_000, "{} judged", found.judged);
    assert_eq!(found.failures, Vec::<String>::new(), "seed {seed}");
}
