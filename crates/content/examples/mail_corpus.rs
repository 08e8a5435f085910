//! Opens other people's mails and files and says what it made of them: `cargo run -p content --example mail_corpus -- FOLDER...`.
//!
//! One line for each that is ambiguous or not fully read, then counts. Clean mail should give no line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{FileKind, How, Limits, Opened};

fn main() {
    let mut files = Vec::new();
    for argument in std::env::args().skip(1) {
        collect(Path::new(&argument), &mut files);
    }
    files.sort();
    let limits = Limits::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut silent, mut segments, mut readings) = (0, 0, 0);
    for file in &files {
        let Ok(octets) = std::fs::read(file) else { continue };
        let deadline = Instant::now() + Duration::from_secs(20);
        let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let opened = match content::detect(&octets, Some(&name)) {
            FileKind::Eml => content::open(&octets, &how),
            _ => content::open_file(&name, &octets, &how),
        };
        let findings = findings(&opened);
        silent += usize::from(opened.segments.is_empty() && opened.unscannable.is_empty());
        segments += opened.segments.len();
        readings += opened.segments.iter().filter(|one| one.view.is_some_and(|view| view.index > 0)).count();
        for finding in &findings {
            *counts.entry(finding.clone()).or_default() += 1;
        }
        if !findings.is_empty() {
            println!("{}: {}", file.display(), findings.join("; "));
        }
    }
    println!(
        "\n{} files, {silent} in silence, {segments} segments, {readings} of them further readings",
        files.len()
    );
    for (finding, count) in counts {
        println!("{count:5} {finding}");
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), files)),
        Err(_) => files.push(path.to_owned()),
    }
}

fn findings(opened: &Opened<'_>) -> Vec<String> {
    let ambiguous = opened.ambiguous.iter().map(|found| format!("ambiguous: {}", found.reason.as_str()));
    let unscannable = opened.unscannable.iter().map(|found| format!("unscannable: {}", found.reason));
    let mut all: Vec<String> = ambiguous.chain(unscannable).collect();
    all.sort();
    all.dedup();
    all
}
