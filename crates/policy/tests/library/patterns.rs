//! Every pattern of the library has cases of its own: it finds one, each alternative in it finds one, and there is a near
//! miss for each thing that it asks for beyond its shape.

use policy::SourceFile;
use regex_syntax::ast::{Alternation, Ast, Concat, Group, Repetition, parse::Parser};
use toml::{Table, Value};

use super::{Entry, failures, identifiers};

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
    "al_nipt",
    "cr_cpf",
    "cr_dimex",
    "dz_nif",
    "eg_tn",
    "fi_veronumero",
    "fo_vn",
    "in_ifsc",
    "in_pan",
    "ke_pin",
    "letters_and_digits",
    "li_peid",
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
        set.push(SourceFile::new(format!("identifiers/p{at}.toml"), identifier.to_string()));
        if !cases.is_empty() {
            let file = Table::from_iter([("find".to_owned(), Value::Array(cases))]);
            set.push(SourceFile::new(format!("identifiers/p{at}.cases.toml"), file.to_string()));
        }
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

// ---- alternatives inside a pattern

/// The shape once for each branch of each alternation in it, with that branch alone in the place of all.
fn alternatives(shape: &str) -> Vec<String> {
    let shape = shape.replace(r"\~", r"\x7E");
    let whole = Parser::new().parse(&shape).unwrap();
    let (mut open, mut all) = (vec![&whole], Vec::new());
    while let Some(ast) = open.pop() {
        match ast {
            Ast::Alternation(of) => {
                let Alternation { span, asts } = &**of;
                let branch = |ast: &Ast| {
                    let (from, to) = (ast.span().start.offset, ast.span().end.offset);
                    [&shape[..span.start.offset], &shape[from..to], &shape[span.end.offset..]].concat()
                };
                all.extend(asts.iter().map(branch));
                open.extend(asts);
            }
            Ast::Concat(of) => {
                let Concat { asts, .. } = &**of;
                open.extend(asts);
            }
            Ast::Group(of) => {
                let Group { ast, .. } = &**of;
                open.push(ast);
            }
            Ast::Repetition(of) => {
                let Repetition { ast, .. } = &**of;
                open.push(ast);
            }
            _ => {}
        }
    }
    all.reverse();
    all
}

#[test]
fn an_alternative_is_the_shape_with_one_branch() {
    assert_eq!(
        alternatives(r"(?:a|b(?:c|d))\~e|f"),
        [
            r"(?:a|b(?:d))\x7Ee|f",
            r"(?:a|b(?:c))\x7Ee|f",
            r"(?:b(?:c|d))\x7Ee|f",
            r"(?:a)\x7Ee|f",
            "f",
            r"(?:a|b(?:c|d))\x7Ee"
        ]
    );
    assert_eq!(alternatives(r"a[|]\|"), Vec::<String>::new());
}

/// A pattern once for each of its alternatives.
fn every_alternative<'e>(pattern: &Pattern<'e>) -> Vec<Pattern<'e>> {
    let written = &pattern.keys["patterns"][0];
    let shape = written.as_str().or_else(|| written.get("shape")?.as_str()).unwrap();
    let each = alternatives(shape).into_iter().map(|alternative| {
        let (mut keys, mut one) = (pattern.keys.clone(), written.clone());
        match &mut one {
            Value::Table(table) => drop(table.insert("shape".to_owned(), Value::String(alternative))),
            plain => *plain = Value::String(alternative),
        }
        keys.insert("patterns".to_owned(), Value::Array(vec![one]));
        Pattern { of: pattern.of, breadth: pattern.breadth, keys }
    });
    each.collect()
}

#[test]
fn every_alternative_in_a_pattern_finds_a_case_of_its_own() {
    let identifiers = identifiers();
    let each: Vec<Pattern> = patterns(&identifiers).iter().flat_map(every_alternative).collect();
    let idle = finding_nothing(&each, |one| one.cases("find"), |_| {});
    let told: Vec<String> = idle.iter().map(|one| one.told()).collect();
    assert!(each.len() > 400, "{}", each.len());
    assert!(
        told.is_empty(),
        "{} of {} alternatives find no case:\n{}",
        told.len(),
        each.len(),
        told.join("\n")
    );
}
