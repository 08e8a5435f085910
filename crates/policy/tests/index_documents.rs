//! Indexed documents and learned policies, from the outside: texts, a policy, mails.

#![allow(clippy::unwrap_used)]

#[path = "support/asking.rs"]
mod asking;
mod support;

use std::path::Path;

use asking::{set, set_with};
use policy::index::{
    DocumentsBuilder, DocumentsReport, IndexKey, IndexKeys, IndexKind, Indexes, LearnedBuilder, LearnedReport,
};
use policy::{Set, SourceFile};
use support::{mail, with_files};

const WORDS: &[&str] = &[
    "harbour", "invoice", "merger", "schedule", "quarter", "engine", "supplier", "margin", "customer",
    "draft", "garden", "window", "signal", "market", "letter", "storage", "bridge", "copper", "velvet",
    "orchard", "lantern", "ledger", "meadow", "cargo", "anchor", "festival",
];

/// Text that no other seed gives.
fn prose(words: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for at in 0..words {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += WORDS[(state >> 40) as usize % WORDS.len()];
        text += if at % 11 == 10 { ".\r\n" } else { " " };
    }
    text
}

const FOOTER: &str = "This document is the property of Example Corporation and its affiliates. It is intended for internal use only and must not \
    be copied, forwarded or disclosed to third parties without the prior written consent of the legal department of Example Corporation.";

fn key(dir: &Path, name: &str) -> IndexKey {
    IndexKey::read_or_make(&dir.join(format!("keys/{name}.key"))).unwrap()
}

fn place(dir: &Path, kind: IndexKind) -> std::path::PathBuf {
    let path = kind.file_in(dir, "own");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

fn documents(dir: &Path, texts: &[(String, String)]) -> DocumentsReport {
    let path = place(dir, IndexKind::Documents);
    let mut builder = DocumentsBuilder::new(&path, &key(dir, "own"), "tests", 0, None).unwrap();
    let reader = builder.reader();
    for (name, text) in texts {
        if let Some(read) = reader.read_texts(name.clone(), std::iter::once(text.as_str())) {
            builder.add(read).unwrap();
        }
    }
    builder.finish().unwrap()
}

/// Twenty contracts, each with the same footer.
fn contracts() -> Vec<(String, String)> {
    (0..20)
        .map(|at| (format!("contracts/{at}.docx"), format!("{}\r\n{FOOTER}\r\n", prose(400, at))))
        .collect()
}

/// So many letters of a text, from a place, reflowed, recased and quoted.
fn excerpt(text: &str, from: usize, letters: usize) -> String {
    let mut taken = 0;
    let part: String = text[from..]
        .chars()
        .take_while(|c| {
            taken += usize::from(c.is_alphanumeric());
            taken <= letters
        })
        .collect();
    part.to_uppercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .chunks(7)
        .map(|line| format!("> {}\r\n", line.join("   ")))
        .collect()
}

#[test]
fn an_excerpt_of_three_hundred_letters_is_found_wherever_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let texts = contracts();
    documents(dir.path(), &texts);
    let set = set(dir.path(), "documents = \"own\"");
    for from in (0..1_500).step_by(101) {
        let body = format!("Look at this:\r\n{}\r\nWhat do you say?", excerpt(&texts[7].1, from, 300));
        let inspection = mail(&body).inspect(&set);
        let found = &inspection.violations.first().unwrap_or_else(|| panic!("from {from}")).matches;
        assert_eq!(found.len(), 1);
        let said = found[0].validator.as_deref().unwrap();
        assert!(said.contains("contracts/7.docx") && said.contains(" % of "), "{said}");
        assert!(found[0].text.to_lowercase().contains(' ') && found[0].text.len() >= 150);
    }
}

#[test]
fn other_text_and_boilerplate_are_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let report = documents(dir.path(), &contracts());
    assert!(report.boilerplate > 0 && report.nothing_own == 0);
    let set = set(dir.path(), "documents = \"own\"");
    assert!(!mail(&prose(2_000, 99)).violates(&set));
    assert!(!mail(&format!("{}\r\n{FOOTER}\r\n", prose(50, 98))).violates(&set));
}

#[test]
fn the_whole_document_is_told_from_a_part() {
    let dir = tempfile::tempdir().unwrap();
    let texts = contracts();
    documents(dir.path(), &texts);
    let whole = set(dir.path(), "documents = \"own\"\nmatch = \"exact\"");
    let part = set(dir.path(), "documents = \"own\"\nmatch = \"partial\"\npercent = 50");
    let all = with_files("see the file", &[("renamed.txt", &texts[3].1.to_uppercase())]);
    let half = with_files("see the file", &[("x.txt", &texts[3].1[..texts[3].1.len() * 3 / 4])]);
    let little = with_files("see the file", &[("x.txt", &texts[3].1[..600])]);
    assert_eq!([all.count(&whole), half.count(&whole), little.count(&whole)], [Some(1), None, None]);
    assert_eq!([all.count(&part), half.count(&part), little.count(&part)], [Some(1), Some(1), None]);
    let found = &all.inspect(&whole).violations[0].matches[0];
    assert_eq!(found.validator.as_deref(), Some("all of contracts/3.docx"));
    assert_eq!(found.path, "renamed.txt");
}

#[test]
fn a_changed_word_does_not_hide_a_passage_and_documents_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let texts = contracts();
    documents(dir.path(), &texts);
    let set = set(dir.path(), "documents = \"own\"\nat_least = 2");
    let part = |at: usize| texts[at].1[..900].replacen("harbour", "haven", 1);
    assert_eq!(mail(&part(1)).count(&set), None);
    assert_eq!(mail(&format!("{}\r\n{}", part(1), part(2))).count(&set), Some(2));
}

#[test]
fn neither_text_nor_names_stand_in_the_index() {
    let dir = tempfile::tempdir().unwrap();
    documents(dir.path(), &contracts());
    let octets = std::fs::read(IndexKind::Documents.file_in(dir.path(), "own")).unwrap();
    for text in ["contracts/", ".docx", "harbour", "property of"] {
        assert!(!octets.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
}

const PICTURE: &[u8] = include_bytes!("../../content/tests/samples/photo.png");

/// A mail with an attached file of these octets.
fn with_octets(name: &str, octets: &[u8]) -> support::Message {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    support::raw(&format!(
        "Subject: a file\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    ))
}

/// Indexes these files by opening them.
fn files(dir: &Path, files: &[(&str, &[u8])]) -> DocumentsReport {
    let path = place(dir, IndexKind::Documents);
    let mut builder = DocumentsBuilder::new(&path, &key(dir, "own"), "tests", 0, None).unwrap();
    let limits = content::Limits::default();
    let how = content::How {
        limits: &limits,
        deadline: std::time::Instant::now() + std::time::Duration::from_secs(60),
        documents: &content::documents::InProcess,
        passwords: &[],
        digests: true,
    };
    for (name, octets) in files {
        for document in builder.reader().read(name, &content::open_file(name, octets, &how)) {
            builder.add(document).unwrap();
        }
    }
    builder.finish().unwrap()
}

#[test]
fn a_file_without_text_is_found_by_its_octets_and_no_other_is() {
    let dir = tempfile::tempdir().unwrap();
    let drawing: Vec<u8> = (0..5_000u32).map(|at| ((at * at) >> 3) as u8 ^ 0x80).collect();
    let report = files(dir.path(), &[("plans/site.png", PICTURE), ("plans/valve.dwg", &drawing)]);
    assert_eq!((report.documents, report.nothing_own), (2, 2));
    let whole = set(dir.path(), "documents = \"own\"\nmatch = \"exact\"");
    for (octets, name) in [(PICTURE, "plans/site.png"), (&drawing, "plans/valve.dwg")] {
        let found = with_octets("holiday.bin", octets).inspect(&whole);
        let found = &found.violations[0].matches;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].validator.as_deref(), Some(&*format!("all of {name}")));
        assert_eq!((found[0].path.as_str(), found[0].text.as_str()), ("holiday.bin", "holiday.bin"));
    }
    let mut changed = drawing.clone();
    changed[4_321] ^= 1;
    assert!(!with_octets("valve.dwg", &changed).violates(&whole));
    assert!(!with_octets("valve.dwg", &drawing[..4_999]).violates(&whole));
    let elsewhere = set(dir.path(), "documents = \"own\"\nwhere = [\"body\"]");
    assert!(!with_octets("valve.dwg", &drawing).violates(&elsewhere));
}

#[test]
fn a_file_that_is_found_by_its_text_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let texts = contracts();
    let all: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    files(dir.path(), &all);
    let set = set(dir.path(), "documents = \"own\"");
    assert_eq!(with_octets("x.txt", texts[3].1.as_bytes()).count(&set), Some(1));
}

#[test]
fn what_is_quoted_of_an_earlier_mail_is_no_passage_where_the_set_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let texts = contracts();
    documents(dir.path(), &texts);
    let settings = "[ignore]\nquoted_replies = true\n";
    let set = set_with(dir.path(), "documents = \"own\"", settings);
    let quoted = excerpt(&texts[7].1, 0, 300);
    assert!(!mail(&format!("Thanks.\r\n{quoted}")).violates(&set));
    let inspection = mail(&format!("{quoted}{}\r\n{quoted}", quoted.replace("> ", ""))).inspect(&set);
    let found = &inspection.violations[0].matches[0];
    assert!(
        (quoted.len()..2 * quoted.len()).contains(&found.offset) && !found.text.contains('>'),
        "{found:?}"
    );
}

#[test]
fn what_is_quoted_of_an_earlier_mail_is_not_what_a_mail_is_like_where_the_set_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(learn(dir.path(), false, sided).written);
    let set = set_with(dir.path(), "learned = \"own\"", "[ignore]\nquoted_replies = true\n");
    let text = sided(1_000, true);
    let quoted: String =
        text.split(". ").map(|line| format!("> {}\r\n", line.replace("\r\n", " "))).collect();
    assert!(mail(&text).violates(&set) && !mail(&quoted).violates(&set));
}

#[test]
fn an_index_of_nothing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = place(dir.path(), IndexKind::Documents);
    let builder = DocumentsBuilder::new(&path, &key(dir.path(), "own"), "tests", 0, None).unwrap();
    assert!(builder.reader().read_texts("x".into(), std::iter::once("too short")).is_none());
    assert!(builder.finish().unwrap_err().to_string().contains("no document"));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

// ---- learned

fn sided(at: u64, positive: bool) -> String {
    let own: &[&str] = if positive {
        &[
            "acquisition",
            "due diligence",
            "target company",
            "purchase price",
            "closing conditions",
            "term sheet",
        ]
    } else {
        &["holiday", "canteen", "parking lot", "printer", "birthday cake", "lost umbrella"]
    };
    let mut text = String::new();
    for (number, line) in prose(80, at).lines().enumerate() {
        text += &format!("{line} {} ", own[(number + at as usize) % own.len()]);
    }
    text
}

fn learn(dir: &Path, force: bool, text: impl Fn(u64, bool) -> String) -> LearnedReport {
    let path = place(dir, IndexKind::Learned);
    let mut builder = LearnedBuilder::new(&key(dir, "own"), "tests", 0).unwrap();
    for at in 0..60 {
        let positive = at % 2 == 0;
        builder.add(std::iter::once(text(at, positive).as_str()), positive);
    }
    builder.finish(&path, force).unwrap()
}

#[test]
fn a_learned_policy_tells_new_texts_apart_and_says_by_which_words() {
    let dir = tempfile::tempdir().unwrap();
    let report = learn(dir.path(), false, sided);
    assert!(report.written && report.quality.precision >= 0.98 && report.quality.recall >= 0.9, "{report:?}");
    let set = set(dir.path(), "learned = \"own\"");
    let positive = mail(&sided(1_000, true));
    assert!(positive.violates(&set));
    assert!(!mail(&sided(1_001, false)).violates(&set));
    assert!(!mail("Short.").violates(&set));
    let inspection = positive.inspect(&set);
    let found = &inspection.violations[0].matches[0];
    let decided = [
        "acquisition",
        "diligence",
        "target",
        "purchase",
        "closing",
        "term",
        "price",
        "company",
        "sheet",
        "conditions",
    ];
    assert!(decided.iter().any(|word| found.text.contains(word)), "{}", found.text);
    assert!(found.validator.as_deref().unwrap().starts_with("like own, score "));
}

#[test]
fn what_cannot_be_told_apart_is_not_written_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let same = |at: u64, _: bool| prose(80, at);
    let report = learn(dir.path(), false, same);
    assert!(!report.quality.good && !report.written, "{report:?}");
    assert!(!IndexKind::Learned.file_in(dir.path(), "own").exists());
    assert!(learn(dir.path(), true, same).written);
    let indexes = Indexes::open(dir.path(), &IndexKeys::in_dir(dir.path().join("keys")));
    let policy =
        SourceFile::new("p.toml", "id = 1\nname = \"P\"\n[[rule]]\nname = \"R\"\nlearned = \"own\"\n");
    let loaded = Set::load_files_with(&[policy], &indexes).unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.code == "W0304"));
}

#[test]
fn too_few_texts_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = LearnedBuilder::new(&key(dir.path(), "own"), "tests", 0).unwrap();
    builder.add(std::iter::once(prose(80, 1).as_str()), true);
    assert!(
        builder.finish(&dir.path().join("x"), false).unwrap_err().to_string().contains("1 positive texts")
    );
}
