//! The policy library that comes with Weir keeps its own promises: it compiles without a warning that is not wanted, every
//! case holds, every pattern and every rule has cases of its own, and its README counts right.

#![allow(clippy::unwrap_used)]

mod first_day;
mod patterns;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use policy::{Diagnostic, Set, SourceFile, run_cases, validators};
use toml::{Table, Value};

const README: &str = include_str!("../../../../policies/README.md");

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn files() -> Vec<SourceFile> {
    let (sources, unread) = Set::read_directory(&library());
    assert!(unread.is_empty(), "{}", told(&unread));
    sources
}

fn told(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect::<Vec<_>>().join("\n\n")
}

/// What a file is about, and what it says.
struct Entry {
    name: String,
    stem: String,
    table: Table,
    cases: Table,
}

fn entries(wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
    let files = files();
    let parse =
        |name: &str| files.iter().find(|file| file.name == name).map(|file| file.text.parse().unwrap());
    let names = files.iter().map(|file| file.name.as_str());
    let whole = names.filter(|name| name.ends_with(".toml") && !name.contains(".cases") && wanted(name));
    let entry = |name: &str| {
        let path = name.trim_end_matches(".toml");
        Entry {
            name: name.to_owned(),
            stem: path.rsplit('/').next().unwrap().to_owned(),
            table: parse(name).unwrap(),
            cases: parse(&format!("{path}.cases.toml")).unwrap_or_default(),
        }
    };
    whole.map(entry).collect()
}

fn identifiers() -> Vec<Entry> {
    entries(|name| name.starts_with("identifiers/"))
}

fn policies() -> Vec<Entry> {
    let apart = ["identifiers/", "dictionaries/", "responses/", "settings"];
    entries(|name| !apart.iter().any(|folder| name.starts_with(folder)))
}

#[test]
fn the_library_compiles() {
    let loaded = Set::check_files(&files()).unwrap_or_else(|errors| panic!("{}", told(&errors)));
    let warnings: Vec<(&str, &str)> =
        loaded.warnings.iter().map(|one| (one.code, one.file.as_str())).collect();
    // The rule says so itself: it is for use inside the company.
    assert_eq!(warnings, [("W0601", "responses/tag-subject.toml")], "{}", told(&loaded.warnings));
}

#[test]
fn every_case_holds() {
    let failed = failures(&files());
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

/// The cases that do not hold, each with the name of its file in front.
fn failures(files: &[SourceFile]) -> Vec<String> {
    let load = |name: &str| {
        // A rule's copy of a policy has the policy's files.
        let name = name.split_once('~').map_or(name.to_owned(), |(_, name)| name.to_owned());
        std::fs::read(library().join(name)).ok()
    };
    let results = run_cases(files, &load, &content::documents::InProcess)
        .unwrap_or_else(|errors| panic!("{}", told(&errors)));
    assert!(!results.is_empty());
    results.iter().filter(|result| !result.passed()).map(ToString::to_string).collect()
}

#[test]
fn everything_names_its_source() {
    let all = entries(|name| !name.starts_with("responses/") && name != "settings.toml");
    let sourced = |entry: &Entry| match entry.table.get("source") {
        Some(Value::Array(several)) => !several.is_empty(),
        source => source.is_some(),
    };
    let without: Vec<&str> =
        all.iter().filter(|entry| !sourced(entry)).map(|entry| entry.name.as_str()).collect();
    assert_eq!(without, Vec::<&str>::new());
}

// ---- every rule

#[test]
fn every_rule_finds_a_case_of_its_own_and_every_policy_has_a_near_miss() {
    let mut set: Vec<SourceFile> = files()
        .into_iter()
        .filter(|file| {
            ["identifiers/", "dictionaries/", "responses/", "settings"]
                .iter()
                .any(|top| file.name.starts_with(top))
        })
        .filter(|file| !file.name.contains(".cases"))
        .collect();
    let policies = policies();
    let mut found = BTreeMap::new();
    for policy in &policies {
        assert!(policy.cases.contains_key("find") && policy.cases.contains_key("miss"), "{}", policy.name);
        for (at, rule) in policy.table["rule"].as_array().unwrap().iter().enumerate() {
            let mut alone = policy.table.clone();
            let number = found.len() as i64 + 1;
            alone.insert("id".to_owned(), Value::Integer(number));
            alone.insert("name".to_owned(), Value::String(format!("{} {at}", policy.name)));
            alone.insert("rule".to_owned(), Value::Array(vec![rule.clone()]));
            let mut cases = Vec::new();
            for case in policy.cases["find"].as_array().unwrap() {
                let mut case = case.as_table().unwrap().clone();
                let meant = case.remove("rule").is_none_or(|meant| {
                    meant == rule["name"] || meant.as_array().is_some_and(|all| all.contains(&rule["name"]))
                });
                case.remove("count");
                case.remove("severity");
                cases.extend(meant.then_some(Value::Table(case)));
            }
            found.insert(number, (policy, rule["name"].as_str().unwrap(), cases.len()));
            let cases = Table::from_iter([("find".to_owned(), Value::Array(cases))]);
            let path = policy.name.trim_end_matches(".toml");
            set.push(SourceFile::new(format!("r{number}~{path}.toml"), alone.to_string()));
            set.push(SourceFile::new(format!("r{number}~{path}.cases.toml"), cases.to_string()));
        }
    }
    for failed in failures(&set) {
        let number = failed.strip_prefix('r').and_then(|rest| rest.split_once('~')).unwrap().0;
        found.get_mut(&number.parse().unwrap()).unwrap().2 -= 1;
    }
    let idle: Vec<String> = found
        .values()
        .filter(|(_, _, cases)| *cases == 0)
        .map(|(policy, rule, _)| format!("{}: {rule}", policy.name))
        .collect();
    assert!(
        found.len() > 60 && idle.is_empty(),
        "{} of {} rules find no case: {idle:#?}",
        idle.len(),
        found.len()
    );
}

// ---- what stands beside what

/// All texts under a key, however deep.
fn named<'v>(value: &'v Value, keys: &[&str], out: &mut BTreeSet<&'v str>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                match value {
                    Value::String(one) if keys.contains(&key.as_str()) => drop(out.insert(one)),
                    Value::Array(several) if keys.contains(&key.as_str()) => {
                        out.extend(several.iter().filter_map(Value::as_str));
                    }
                    deeper => named(deeper, keys, out),
                }
            }
        }
        Value::Array(several) => several.iter().for_each(|one| named(one, keys, out)),
        _ => {}
    }
}

fn section(heading: &str) -> &'static str {
    let (_, rest) = README.split_once(heading).unwrap_or_else(|| panic!("README has no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// What a text sets as code.
fn code(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn an_identifier_is_in_a_policy_or_the_readme_says_why_it_stands_alone() {
    let (policies, identifiers) = (policies(), identifiers());
    let mut used = BTreeSet::new();
    for policy in &policies {
        policy.table.values().for_each(|value| named(value, &["identifier", "identifiers"], &mut used));
    }
    let alone = code(section("## Identifiers that stand alone"));
    let all: BTreeSet<&str> = identifiers.iter().map(|entry| entry.stem.as_str()).collect();
    assert_eq!(
        alone.intersection(&used).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "in a policy, and said to stand alone"
    );
    let known: BTreeSet<&str> = alone.union(&used).copied().collect();
    assert_eq!(
        known.symmetric_difference(&all).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "in neither, or unknown"
    );
}

/// Validators for identifiers of others: no identifier of the library asks for them.
const FOR_OTHERS: &[&str] = &[
    // Checks that many numbers share.
    "damm",
    "iso7064_mod_11_10",
    "iso7064_mod_11_2",
    "iso7064_mod_37_2",
    "iso7064_mod_37_36",
    "iso7064_mod_97_10",
    "luhn",
    "mixed_characters",
    "verhoeff",
    // One scheme of cards; the library takes all of them.
    "card_amex",
    "card_diners",
    "card_discover",
    "card_elo",
    "card_jcb",
    "card_maestro",
    "card_mastercard",
    "card_mir",
    "card_rupay",
    "card_troy",
    "card_verve",
    "card_visa",
    // Stricter or wider than what the library takes.
    "dk_cpr_mod11",
    "es_nif",
    "se_orgnr",
    "si_emso",
    "sk_rc",
    // Of goods, ships, securities and invoices: no personal data.
    "figi",
    "imo_ship",
    "iso6346",
    "rf_creditor_reference",
];

#[test]
fn a_validator_serves_an_identifier_or_is_for_those_of_others() {
    let identifiers = identifiers();
    let mut used = BTreeSet::new();
    for entry in &identifiers {
        entry.table.values().for_each(|value| named(value, &["validators"], &mut used));
    }
    let others: BTreeSet<&str> = FOR_OTHERS.iter().copied().collect();
    let all: BTreeSet<&str> = validators::names().iter().copied().collect();
    assert_eq!(used.intersection(&others).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(used.union(&others).copied().collect::<BTreeSet<_>>(), all);
}

/// The official languages of the European Union: the laws on special categories and on health speak all of them.
const LANGUAGES: [&str; 24] = [
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "it", "lt", "lv", "mt",
    "nl", "pl", "pt", "ro", "sk", "sl", "sv",
];

#[test]
fn words_of_the_unions_laws_are_there_in_each_of_its_languages() {
    for entry in entries(|name| {
        ["special_categories", "health_terms"].iter().any(|one| name == format!("dictionaries/{one}.toml"))
    }) {
        let mut known = BTreeSet::new();
        let whole = Value::Table(entry.table.clone());
        named(&whole, &["language"], &mut known);
        let lacking: Vec<&str> = LANGUAGES.into_iter().filter(|language| !known.contains(language)).collect();
        assert_eq!(lacking, Vec::<&str>::new(), "{}", entry.name);
    }
}

// ---- countries

/// Members of the G20, and of the European Union, as the files name them.
const G20: [&str; 19] = [
    "ar", "au", "br", "ca", "cn", "de", "fr", "gb", "id", "in", "it", "jp", "kr", "mx", "ru", "sa", "tr",
    "us", "za",
];
const UNION: [&str; 27] = [
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it", "lt",
    "lu", "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk",
];

#[test]
fn each_country_of_the_g20_and_of_the_union_has_a_number_with_its_check() {
    let all = identifiers();
    let without: Vec<&str> = G20
        .into_iter()
        .chain(UNION)
        .filter(|country| {
            let own = |name: &&str| name.starts_with(&format!("{country}_"));
            !all.iter().filter(|entry| entry.name.starts_with("identifiers/national/")).any(|entry| {
                let mut checks = BTreeSet::new();
                entry.table.values().for_each(|value| named(value, &["validators"], &mut checks));
                own(&entry.stem.as_str()) && checks.iter().any(own)
            })
        })
        .collect();
    assert_eq!(without, Vec::<&str>::new());
}

/// Larger countries, and what each has: an account, social insurance, a passport, a driving licence, a health number. `=` where
/// there is no number of its own, and why.
const PAPERS: [[&str; 5]; 15] = [
    ["au_bank_account", "au_tfn", "au_passport", "au_driving_licence", "au_medicare"],
    ["br_bank_account", "br_pis", "br_passport", "br_cnh", "br_cns"],
    ["ca_bank_account", "ca_sin", "ca_passport", "ca_driving_licence", "ca_health_card"],
    ["cn_bank_card", "cn_ric", "cn_passport", "= cn_ric", "= cn_ric"],
    ["iban", "de_rvnr", "de_passport", "de_driving_licence", "de_kvnr"],
    ["es_ccc", "es_nss", "es_passport", "es_driving_licence", "= of the region, in forms of its own"],
    ["fr_rib", "fr_nir", "fr_passport", "fr_driving_licence", "= fr_nir"],
    ["gb_bank_account", "gb_nino", "gb_passport", "gb_driving_licence", "gb_nhs"],
    ["in_bank_account", "in_aadhaar", "in_passport", "in_driving_licence", "in_abha"],
    ["iban", "it_codice_fiscale", "it_passport", "it_driving_licence", "ehic"],
    ["jp_bank_account", "jp_my_number", "jp_passport", "jp_driving_licence", "jp_health_insurance"],
    ["kr_bank_account", "kr_rrn", "kr_passport", "kr_driving_licence", "= kr_rrn"],
    ["mx_clabe", "mx_nss", "mx_passport", "= of the state, in forms of its own", "= mx_nss"],
    ["ru_bank_account", "ru_snils", "ru_passport", "ru_driving_licence", "ru_oms"],
    ["us_bank_account", "us_ssn", "us_passport", "us_driving_licence", "us_mbi"],
];

#[test]
fn the_larger_countries_have_accounts_insurance_passports_licences_and_health_numbers() {
    let all = identifiers();
    let there: BTreeSet<&str> = all.iter().map(|entry| entry.stem.as_str()).collect();
    let meant = PAPERS.iter().flatten().filter(|stem| !stem.starts_with('='));
    let lacking: Vec<&&str> = meant.filter(|stem| !there.contains(**stem)).collect();
    assert_eq!(lacking, Vec::<&&str>::new());
}

// ---- the README

/// The number that stands before these words, where one does.
fn counted(text: &str, words: &str) -> usize {
    let places = text.match_indices(words).map(|(at, _)| &text[..at]);
    let mut numbers =
        places.filter_map(|before| before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    numbers.next().unwrap_or_else(|| panic!("nothing counts{words}"))
}

#[test]
fn the_readmes_count_what_there_is() {
    let identifiers = identifiers();
    let nations: BTreeSet<&str> = identifiers
        .iter()
        .filter(|entry| entry.name.starts_with("identifiers/national/"))
        .map(|entry| &entry.stem[..2])
        .collect();
    let dictionaries = entries(|name| name.starts_with("dictionaries/"));
    assert_eq!(counted(README, " data identifiers"), identifiers.len());
    assert_eq!(counted(README, " countries"), nations.len());
    assert_eq!(counted(README, " word lists"), dictionaries.len());
    assert_eq!(counted(include_str!("../../../../README.md"), " data identifiers"), identifiers.len());
    let changes = include_str!("../../../../CHANGELOG.md");
    assert_eq!(counted(changes, " data identifiers"), identifiers.len());
    assert_eq!(counted(changes, " policies"), policies().len());
}

#[test]
fn the_readme_says_of_each_policy_its_mode_and_why() {
    let policies = policies();
    let rows: BTreeMap<String, Vec<&str>> = section("## What is on, in trial and off, and why")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect::<Vec<_>>())
        .map(|row| (row[0].to_owned(), row))
        .filter(|(id, _)| id.parse::<u32>().is_ok())
        .collect();
    for policy in &policies {
        let of = |key: &str| policy.table[key].as_str().unwrap();
        let row =
            rows.get(&policy.table["id"].to_string()).unwrap_or_else(|| panic!("no row for {}", policy.name));
        assert_eq!(
            row[1..3],
            [format!("[{}]({})", of("name"), policy.name), of("mode").to_owned()],
            "{}",
            policy.name
        );
        assert!(row.len() == 5 && row[4].len() > 20, "{}: why is it {}?", policy.name, of("mode"));
    }
    assert_eq!(rows.len(), policies.len());
}
