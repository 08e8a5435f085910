//! The validators agree with python-stdnum, an independent implementation of some 160 of the same formats, in both directions,
//! but for the differences listed here with who is right by the standard.

use std::collections::BTreeMap;
use std::process::Command;

use policy::validators;

/// What the other accepts and we refuse (`Theirs`), or we accept and it refuses (`Ours`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Only {
    Theirs,
    Ours,
}
use Only::{Ours, Theirs};

/// Differences that stand. Everything else is a failure.
const STANDING: &[(&str, Only, &str)] = &[
    (
        "aba_routing",
        Theirs,
        "ours: the first two digits name a Federal Reserve district or 80 (ABA policy), the other checks the sum only",
    ),
    ("at_tin", Theirs, "ours: one repeated digit is refused"),
    ("au_tfn", Theirs, "ours: one repeated digit is refused"),
    ("be_bis", Theirs, "ours: days beyond the month are refused; the other passes them as unknown"),
    ("be_bis", Ours, "even: the year of birth decides the century; the other compares it with today's date"),
    ("be_nn", Theirs, "ours: days beyond the month are refused; the other passes them as unknown"),
    ("be_nn", Ours, "even: born in a future year of this century"),
    (
        "be_vat",
        Theirs,
        "theirs: nine-digit numbers from before 2005 are accepted; ours wants the ten digits in use today",
    ),
    ("be_vat", Ours, "even: other separators"),
    ("bech32", Theirs, "theirs: base58 addresses, another format that this validator does not claim"),
    ("br_cnpj", Ours, "even: other separators"),
    ("ch_uid", Theirs, "ours: CHE is part of the number (UIDG article 3)"),
    ("cl_rut", Theirs, "even: the other strips a country prefix"),
    ("cl_rut", Ours, "even: other separators"),
    (
        "cn_ric",
        Ours,
        "theirs: county codes by list; ours knows provinces, so that new counties are not missed",
    ),
    ("cn_ric", Theirs, "ours: nobody alive was born before 1850"),
    ("dk_cpr", Ours, "even: dates of birth in the future"),
    ("do_cedula", Theirs, "theirs: a list of numbers issued without a right check digit"),
    ("do_rnc", Theirs, "theirs: a list of numbers issued without a right check digit"),
    ("fi_hetu", Ours, "even: the sign of the century is a separator to us"),
    ("fi_hetu", Theirs, "even: a day that exists in 1800 only"),
    (
        "fr_nir",
        Theirs,
        "ours: sex is 1, 2, 3, 4, 7 or 8 and the month one of INSEE's; the other checks the key only",
    ),
    ("gb_nhs", Theirs, "ours: one repeated digit is refused"),
    ("gr_afm", Theirs, "theirs: the leading zero may be missing; too common a form for us"),
    ("gr_afm", Ours, "even: the prefix GR"),
    ("hr_oib", Theirs, "ours: one repeated digit is refused"),
    ("iban", Ours, "even: the other adds national check digits and bank lists to the registry's rules"),
    (
        "id_nik",
        Theirs,
        "ours: province, regency, district and serial from 01 on (Permendagri); the other knows regencies as of its list",
    ),
    ("id_nik", Ours, "theirs: regencies by list; ours knows provinces, so that new regencies are not missed"),
    ("id_npwp", Theirs, "even: the sixteen-digit form that is an NIK is found as id_nik"),
    ("il_id", Theirs, "even: fewer than eight digits are too common"),
    (
        "imei",
        Theirs,
        "ours: fifteen digits with check digit; the other takes 14 and 16 digits without any check",
    ),
    ("imo_ship", Theirs, "ours: numbers begin at 1000000"),
    ("in_gstin", Ours, "ours: 97 and 99 are given out (GST Council)"),
    ("isin", Ours, "ours: EZ is given out for over-the-counter derivatives (ANNA DSB)"),
    ("iso6346", Theirs, "ours: owner codes are letters"),
    ("it_codice_fiscale", Theirs, "even: a company's eleven digits are found as it_iva"),
    ("kr_brn", Theirs, "ours: the tax office's check digit; the other checks ranges only"),
    ("lei", Theirs, "ours: twenty characters (ISO 17442); the other checks mod 97-10 at any length"),
    ("lv_pvn", Theirs, "ours: centuries to come are refused"),
    ("lv_pvn", Ours, "ours: numbers from 2017 on begin with 32 and any third digit"),
    ("mac_address", Theirs, "ours: unicast addresses of devices only"),
    ("mac_address", Ours, "even: other separators"),
    ("meid", Theirs, "even: decimal and all-digit forms are not claimed"),
    ("mx_curp", Ours, "ours: X since the third gender marker of 2023"),
    ("mx_curp", Theirs, "even: states of the other's list"),
    ("mx_curp", Ours, "even: the other refuses rude words, which the registry replaces"),
    ("mx_rfc", Theirs, "even: ten characters without homoclave carry no check"),
    ("mx_rfc", Ours, "even: the other refuses rude words, which the registry replaces"),
    ("nl_bsn", Theirs, "theirs: leading zeros may be missing; too common a form for us"),
    ("nl_btw", Theirs, "theirs: leading zeros may be missing"),
    ("no_fodselsnummer", Ours, "even: dates of birth in the future"),
    ("no_kontonr", Theirs, "theirs: seven digits of the postal giro"),
    ("no_kontonr", Ours, "even: zeros in front are part of the number to us"),
    ("nz_ird", Theirs, "even: the other strips a country prefix"),
    ("pe_dni", Theirs, "ours: the check character is wanted; eight digits alone carry none"),
    ("pl_nip", Theirs, "ours: one repeated digit is refused"),
    ("pt_cc", Theirs, "ours: twelve characters; the other takes any number of digits"),
    ("py_ruc", Theirs, "even: fewer than five digits are too common"),
    ("ru_inn", Theirs, "ours: one repeated digit is refused"),
    (
        "ru_ogrn",
        Ours,
        "ours: of a remainder by 13 of two digits the last one counts (order 438 of the tax office)",
    ),
    ("ru_ogrn", Theirs, "even"),
    ("sg_uen", Theirs, "ours: years of registration begin in 1800"),
    ("sg_uen", Ours, "even: years to come"),
    ("sv_nit", Theirs, "even: the other strips a country prefix"),
    ("th_pin", Theirs, "ours: one repeated digit is refused"),
    ("tn_mf", Theirs, "theirs: zeros in front may be missing; too common a form for us"),
    ("tr_vkn", Theirs, "ours: one repeated digit is refused"),
    ("tw_ubn", Theirs, "ours: one repeated digit is refused"),
    ("us_atin", Theirs, "ours: 9 and group 93 (IRS); the other checks the pattern only"),
    ("us_ein", Ours, "ours: prefixes given out since the other's list"),
    ("us_ein", Theirs, "ours: a serial of zeros is refused"),
    ("us_itin", Ours, "ours: groups 50 to 65 are given out by now (IRS Publication 1915)"),
    ("us_ssn", Ours, "even: other separators"),
    ("uy_rut", Theirs, "even: the other strips a country prefix"),
    ("ve_rif", Theirs, "even"),
];

struct Comparison {
    judged: usize,
    agreed_valid: usize,
    standing: BTreeMap<(String, Only), usize>,
    failures: Vec<String>,
}

fn compare(table: &str) -> Comparison {
    let mut out = Comparison { judged: 0, agreed_valid: 0, standing: BTreeMap::new(), failures: Vec::new() };
    for line in table.lines() {
        let mut fields = line.split('\t');
        let (Some(name), Some(text), Some(verdict)) = (fields.next(), fields.next(), fields.next()) else {
            panic!("not a row: {line}");
        };
        let theirs = verdict == "1";
        let ours = validators::validator(name).unwrap_or_else(|| panic!("no validator {name}")).accepts(text);
        out.judged += 1;
        out.agreed_valid += usize::from(ours && theirs);
        if ours == theirs {
            continue;
        }
        let side = if theirs { Theirs } else { Ours };
        if STANDING.iter().any(|(n, s, _)| *n == name && *s == side) {
            *out.standing.entry((name.to_owned(), side)).or_default() += 1;
        } else {
            out.failures.push(format!("{name} {text:?}: {side:?} accepts"));
        }
    }
    out
}

#[test]
fn committed_samples_get_the_verdict_of_the_independent_implementation() {
    let found = compare(include_str!("validators/stdnum_samples.tsv"));
    assert!(found.judged > 3_500, "{} samples", found.judged);
    assert!(found.agreed_valid > 1_400, "{} valid samples", found.agreed_valid);
    assert_eq!(found.failures, Vec::<String>::new());
}

#[test]
fn more_than_120_formats_exist_and_most_are_compared() {
    assert!(validators::names().len() >= 120, "{} validators", validators::names().len());
}

/// Asks the live implementation about some 800,000 fresh candidates. Needs python-stdnum for the Python named by
/// STDNUM_PYTHON: `STDNUM_PYTHON=venv/bin/python cargo test -p policy --test validators_agree -- --ignored --nocapture`.
#[test]
#[ignore = "needs python-stdnum from PyPI"]
fn fresh_random_numbers_get_the_verdict_of_the_independent_implementation() {
    let python = std::env::var("STDNUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/validators/stdnum_verdicts.py");
    let seed = std::process::id().to_string();
    let answer = Command::new(python).args([script, &seed, "5000", "0"]).output().expect("python runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let found = compare(&String::from_utf8_lossy(&answer.stdout));
    println!("seed {seed}: {} judged, {} valid to both", found.judged, found.agreed_valid);
    for ((name, side), count) in &found.standing {
        println!("  {name}: {count} accepted by {side:?} only");
    }
    assert_eq!(found.failures, Vec::<String>::new());
}
