//! What authors of policies see: for each folder of `tests/diagnostics`, a small policy directory, the report as it is
//! shown. `UPDATE_EXPECTED=1 cargo test -p policy --test diagnostics` writes the reports anew; read the difference before
//! it is committed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use policy::{CODES, Diagnostic, Set};

#[path = "support/indexes.rs"]
mod indexes;

const EXPECTED: &str = "expected.txt";

fn folders() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut all: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn diagnostics(dir: &Path) -> Vec<Diagnostic> {
    let (mut sources, mut all) = Set::read_directory(dir);
    sources.retain(|source| source.name != EXPECTED);
    all.extend(match Set::check_files_with(&sources, &indexes::made_for(dir)) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => errors,
    });
    all
}

fn report(diagnostics: &[Diagnostic]) -> String {
    let lines = |text: String| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    diagnostics.iter().map(|diagnostic| lines(diagnostic.render(false)) + "\n").collect::<Vec<_>>().join("\n")
}

#[test]
fn reports_are_as_written_down() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut different = Vec::new();
    for dir in folders() {
        let shown = report(&diagnostics(&dir));
        let file = dir.join(EXPECTED);
        if update {
            std::fs::write(&file, &shown).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != shown {
            different.push(format!("--- {}\n{shown}", dir.display()));
        }
    }
    assert!(
        different.is_empty(),
        "{} reports differ; now they are:\n{}",
        different.len(),
        different.join("\n")
    );
}

#[test]
fn every_code_has_a_folder_in_which_it_is_the_report() {
    let mut shown = BTreeSet::new();
    for dir in folders() {
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        let code = name.split('-').next().unwrap();
        let found = diagnostics(&dir);
        assert!(found.iter().any(|one| one.code == code), "{name} does not show {code}: {}", report(&found));
        assert!(
            found.iter().all(|one| one.code == code),
            "{name} shows more than {code}: {}",
            report(&found)
        );
        shown.insert(code.to_owned());
    }
    let listed: BTreeSet<String> = CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(shown, listed);
}

#[test]
fn every_report_names_its_file_and_says_what_to_do() {
    for dir in folders() {
        for one in diagnostics(&dir) {
            let shown = one.render(false);
            assert!(
                one.remedy.as_ref().is_some_and(|remedy| remedy.len() > 10),
                "{} has no remedy:\n{shown}",
                one.code
            );
            assert!(shown.contains(&one.file) && shown.contains(one.code), "{shown}");
            assert_eq!(one.position().is_some(), one.span.is_some(), "{shown}");
        }
    }
}
