//! The reference of the language says the truth: its examples compile as one set without a warning, its cases hold, and
//! no key and no code is missing.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use policy::{CODES, Set, SourceFile, run_cases, schema};

const REFERENCE: &str = include_str!("../../../docs/policy-language.md");

/// The blocks that name a file.
fn examples() -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut rest = REFERENCE;
    while let Some((_, block)) = rest.split_once(" file=") {
        let (name, text) = block.split_once('\n').unwrap();
        let (text, after) = text.split_once("\n```").unwrap();
        files.push(SourceFile::new(name, format!("{text}\n")));
        rest = after;
    }
    files
}

#[test]
fn the_examples_compile_without_a_warning() {
    let files = examples();
    assert!(files.len() > 15, "{} examples", files.len());
    let told = match Set::check_files(&files) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => errors,
    };
    let told: Vec<String> = told.iter().map(|one| one.render(false)).collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

#[test]
fn the_cases_of_the_examples_hold() {
    let results = run_cases(&examples(), &|_| None, &content::documents::InProcess).unwrap();
    let failed: Vec<String> =
        results.iter().filter(|result| !result.passed()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(results.len(), 7);
}

/// The words of the text that are set as code.
fn words_of_code() -> HashSet<&'static str> {
    let spans = REFERENCE.split('`').skip(1).step_by(2).filter(|span| !span.contains('\n'));
    spans.flat_map(|span| span.split(|c: char| !c.is_ascii_lowercase() && c != '_')).collect()
}

#[test]
fn every_key_and_every_code_is_in_the_reference() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let explained = words_of_code();
    for (kind, part) in schema["$defs"].as_object().unwrap() {
        let unexplained =
            part["properties"].as_object().unwrap().keys().find(|key| !explained.contains(key.as_str()));
        assert_eq!(unexplained, None, "a key of {kind} is not explained");
    }
    for (code, meaning) in CODES {
        assert!(
            REFERENCE.contains(&format!("| {code} | {meaning} |")),
            "{code} is not in the list of codes, or says something else"
        );
    }
}
