//! The policy library that comes with Weir keeps its own promises: it compiles without a warning that is not wanted, every
//! case holds, every pattern and every rule has cases of its own, and its README counts right.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use policy::{Diagnostic, Set, SourceFile, run_cases, validators};
use toml::{Table, Value};

const README: &str = include_str!("../../../policies/README.md");

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

// ---- every pattern

/// One pattern of one breadth of an identifier, as an identifier of its own.
struct Pattern<'e> {
    of: &'e Entry,
    breadth: &'static str,
    /// The breadth's keys, with this pattern only.
    keys: Table,
}

impl Pattern<'_> {
    fn told(&self) -> String {
        format!("{} {} {}", self.of.stem, self.breadth, self.keys["patterns"])
    }

    /// Cases of this kind that are meant for this breadth, each text one case that must be found.
    fn cases(&self, kind: &str) -> Vec<Value> {
        let empty = Vec::new();
        let all = self.of.cases.get(kind).and_then(Value::as_array).unwrap_or(&empty);
        let meant = |case: &&Value| match case.get("breadth").and_then(Value::as_array) {
            Some(breadths) => breadths.iter().any(|breadth| breadth.as_str() == Some(self.breadth)),
            None => true,
        };
        let each = all.iter().filter(meant).flat_map(|case| {
            let mut plain = case.as_table().unwrap().clone();
            for key in ["breadth", "count", "severity", "rule", "name"] {
                plain.remove(key);
            }
            let texts = plain.remove("texts").and_then(|texts| texts.as_array().cloned());
            let one = |text: Value| {
                let mut one = plain.clone();
                one.insert("text".to_owned(), text);
                one
            };
            match texts {
                Some(texts) => texts.into_iter().map(one).collect(),
                None => vec![plain.clone()],
            }
        });
        each.map(Value::Table).collect()
    }

    /// Whether the pattern has such a key that can refuse what has its shape.
    fn has(&self, key: &str) -> bool {
        match self.keys.get(key).and_then(Value::as_array) {
            Some(names) => names.iter().any(|name| !CLEANING.contains(&name.as_str().unwrap_or(""))),
            None => self.keys.contains_key(key),
        }
    }
}

/// Validators that are for no format, and those that say what the shapes that they stand beside say already.
const CLEANING: &[&str] = &[
    "in_ifsc",
    "in_pan",
    "ke_pin",
    "letters_and_digits",
    "mixed_characters",
    "nl_document",
    "not_one_symbol",
    "not_sequence",
    "pk_cnic",
    "sa_vat",
    "three_symbols",
    "us_atin",
    "us_mbi",
    "us_ptin",
];

/// What a breadth says, with what it takes over from another.
fn breadth_keys(of: &Entry, breadth: &str) -> Option<Table> {
    let mut own = of.table.get(breadth)?.as_table()?.clone();
    let Some(like) = own.remove("like") else { return Some(own) };
    let mut all = breadth_keys(of, like.as_str()?)?;
    all.extend(own);
    Some(all)
}

fn patterns(identifiers: &[Entry]) -> Vec<Pattern<'_>> {
    let mut out = Vec::new();
    for of in identifiers {
        for breadth in ["wide", "medium", "narrow"] {
            let Some(mut shared) = breadth_keys(of, breadth) else { continue };
            let groups =
                shared.remove("group").and_then(|groups| groups.as_array().cloned()).unwrap_or_default();
            let plain = shared.contains_key("patterns").then(|| shared.clone());
            for group in plain.into_iter().chain(groups.iter().filter_map(Value::as_table).cloned()) {
                for pattern in group["patterns"].as_array().unwrap() {
                    let mut keys = group.clone();
                    keys.insert("patterns".to_owned(), Value::Array(vec![pattern.clone()]));
                    if let Some(near) = shared.get("near") {
                        keys.insert("near".to_owned(), near.clone());
                    }
                    out.push(Pattern { of, breadth, keys });
                }
            }
        }
    }
    out
}

/// The patterns that find none of the cases given for them; `loosened` may take away what a pattern asks for.
fn finding_nothing<'p, 'e>(
    patterns: &'p [Pattern<'e>],
    cases: impl Fn(&Pattern) -> Vec<Value>,
    loosened: impl Fn(&mut Table),
) -> Vec<&'p Pattern<'e>> {
    patterns.chunks(TOGETHER).flat_map(|some| finding_nothing_in_one_set(some, &cases, &loosened)).collect()
}

/// A set of many patterns is slow to make, and each case looks for all of them.
const TOGETHER: usize = 24;

fn finding_nothing_in_one_set<'p, 'e>(
    patterns: &'p [Pattern<'e>],
    cases: &impl Fn(&Pattern) -> Vec<Value>,
    loosened: &impl Fn(&mut Table),
) -> Vec<&'p Pattern<'e>> {
    let mut set = Vec::new();
    let mut found = Vec::new();
    for (at, pattern) in patterns.iter().enumerate() {
        let mut identifier = Table::new();
        let mut keys = pattern.keys.clone();
        loosened(&mut keys);
        identifier.insert("name".to_owned(), Value::String(format!("pattern {at}")));
        identifier.insert("default".to_owned(), Value::String(pattern.breadth.to_owned()));
        identifier.insert(pattern.breadth.to_owned(), Value::Table(keys));
        let cases = cases(pattern);
        found.push(cases.len());
        let file = Table::from_iter([("find".to_owned(), Value::Array(cases))]);
        set.push(SourceFile::new(format!("identifiers/p{at}.toml"), identifier.to_string()));
        set.push(SourceFile::new(format!("identifiers/p{at}.cases.toml"), file.to_string()));
    }
    for failed in failures(&set) {
        let at = failed.strip_prefix("identifiers/p").and_then(|rest| rest.split_once('.')).unwrap().0;
        found[at.parse::<usize>().unwrap()] -= 1;
    }
    patterns.iter().zip(found).filter(|(_, found)| *found == 0).map(|(pattern, _)| pattern).collect()
}

#[test]
fn every_pattern_finds_a_case_of_its_own() {
    let identifiers = identifiers();
    let patterns = patterns(&identifiers);
    let idle: Vec<String> =
        finding_nothing(&patterns, |one| one.cases("find"), |_| {}).iter().map(|one| one.told()).collect();
    assert!(
        idle.is_empty(),
        "{} of {} patterns find no case:\n{}",
        idle.len(),
        patterns.len(),
        idle.join("\n")
    );
}

/// A near miss is one for the sake of what the pattern asks for beyond its shape: without the validators, or without the
/// words, it would be found.
#[test]
fn every_pattern_has_a_near_miss_for_each_thing_it_asks_for() {
    let identifiers = identifiers();
    let mut lacking = Vec::new();
    for key in ["validators", "near"] {
        let asking: Vec<Pattern> = patterns(&identifiers).into_iter().filter(|one| one.has(key)).collect();
        assert!(asking.len() > 100, "{} ask for {key}", asking.len());
        let without = |keys: &mut Table| drop(keys.remove(key));
        let nothing = finding_nothing(&asking, |one| one.cases("miss"), without);
        lacking.extend(nothing.iter().map(|one| format!("{key}: {}", one.told())));
    }
    assert!(lacking.is_empty(), "{} patterns have no near miss:\n{}", lacking.len(), lacking.join("\n"));
    let none: Vec<&str> = identifiers
        .iter()
        .filter(|entry| !entry.cases.contains_key("miss"))
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(none, Vec::<&str>::new());
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
    assert_eq!(counted(include_str!("../../../README.md"), " data identifiers"), identifiers.len());
    let changes = include_str!("../../../CHANGELOG.md");
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
