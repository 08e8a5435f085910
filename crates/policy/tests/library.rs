//! The policy library that comes with Weir keeps its own promises: it compiles without a warning that is not wanted, and
//! every case of every policy and identifier holds.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use policy::{Diagnostic, Set, run_cases};

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn told(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn the_library_compiles() {
    let (sources, unread) = Set::read_directory(&library());
    assert!(unread.is_empty(), "{}", told(&unread));
    let loaded = Set::check_files(&sources).unwrap_or_else(|errors| panic!("{}", told(&errors)));
    let warnings: Vec<(&str, &str)> =
        loaded.warnings.iter().map(|one| (one.code, one.file.as_str())).collect();
    // The rule says so itself: it is for use inside the company.
    assert_eq!(warnings, [("W0601", "responses/tag-subject.toml")], "{}", told(&loaded.warnings));
    assert!(loaded.set.policies().len() > 40);
}

#[test]
fn every_case_holds() {
    let dir = library();
    let (sources, _) = Set::read_directory(&dir);
    let load = |name: &str| std::fs::read(dir.join(name)).ok();
    let results = run_cases(&sources, &load, &content::documents::InProcess)
        .unwrap_or_else(|errors| panic!("{}", told(&errors)));
    let failed: Vec<String> =
        results.iter().filter(|result| !result.passed()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{}", failed.len(), results.len(), failed.join("\n"));
    assert!(results.len() > 800, "{} cases", results.len());
}
