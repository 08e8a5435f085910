//! The fuzz bodies on stable: every kept sample, the library's own files bent out of shape, and generated octets.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use policy::Set;
use policy::fuzz::{TARGETS, policy_files};
use proptest::prelude::*;
use proptest::sample::select;

/// Pieces of the languages spoken here, so that random text gets past the first check.
const PIECES: &[&str] = &[
    "\n%%\n",
    "\n",
    " ",
    "=",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "\"",
    "'",
    ",",
    "id",
    "name",
    "mode",
    "\"on\"",
    "1",
    "42",
    "-3",
    "rule",
    "exception",
    "keywords",
    "regex",
    "identifier",
    "identifiers",
    "breadth",
    "\"a\"",
    "\"wide\"",
    "near",
    "within",
    "patterns",
    "'\\d{4}~\\d{4}'",
    "validators",
    "\"luhn\"",
    "wide",
    "like",
    "at_least",
    "count",
    "\"unique\"",
    "tiers",
    "all",
    "any",
    "none",
    "words",
    "ignore",
    "text",
    "quoted_replies",
    "true",
    "zone",
    "\"UTC\"",
    "respond",
    "block",
    "notify",
    "find",
    "miss",
    "mail",
    "kconfid*",
    "cAb",
    "p-b",
    "r\\d+x?",
    "r(?i)word\\s",
    "iw\\d{4}~\\d{4}",
    "id[A-Z]{2}\\d{2,4}",
    "ia\\d{3}",
    "io\\$[ab]+\\d",
    "4111 1111",
    "AB12",
    "$ab1",
    "word ",
    "é",
    "\u{200B}",
    "１２",
    "> old",
    "From: a\nSubject: b\n",
    "one two three four five",
    "----- Original Message -----",
    "\u{0}",
    "ß",
    "机密",
];

#[test]
fn every_kept_sample_keeps_the_promises() {
    for (name, body) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|_| panic!("samples of {name}")) {
            body(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has samples");
    }
}

#[test]
fn files_of_the_library_cut_and_bent_are_refused_with_places_that_exist() {
    let (files, _) = Set::read_directory(&support::library_dir());
    assert!(files.len() > 400);
    for (number, file) in files.iter().enumerate().step_by(7) {
        let text: Vec<char> = file.text.chars().collect();
        let at = number * 31 % text.len().max(1);
        let cut: String = text[..at].iter().collect();
        let doubled: String = text[..at].iter().chain(&text[at / 2..]).collect();
        let mut bent = text.clone();
        bent[at] = ['"', '[', '=', '\u{301}', '0'][number % 5];
        for text in [cut, doubled, bent.into_iter().collect()] {
            policy_files(text.as_bytes());
            policy_files(format!("id = 1\nname = \"P\"\n%%\n{text}").as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn generated_texts_keep_the_promises(pieces in prop::collection::vec(select(PIECES), 0..40)) {
        let text = pieces.concat();
        TARGETS.iter().for_each(|(_, body)| body(text.as_bytes()));
    }

    #[test]
    fn any_octets_keep_the_promises(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        TARGETS.iter().for_each(|(_, body)| body(&octets));
    }

    #[test]
    fn patterns_of_lines_equal_the_slow_engine(lines in prop::collection::vec(select(&PIECES[56..]), 1..6), text in prop::collection::vec(select(PIECES), 0..30)) {
        policy::fuzz::patterns(format!("{}\n%%\n{}", lines.join("\n"), text.concat()).as_bytes());
    }
}
