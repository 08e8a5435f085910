//! Indexed documents: a hundred thousand of them, and texts with and without their passages.

use std::path::Path;
use std::time::Instant;

use policy::index::{DocumentsBuilder, IndexKind};

use crate::texts::{Random, logs, prose};
use crate::{Options, each_file, inspect, key, matches, peak, set, speed};

/// What stands under every document.
const FOOTER: &str = "This document is confidential and may be used by employees of the company and its partners only; it must not be copied or \
    handed on without written consent of the department that it comes from, and has to be destroyed when the project ends.\n";

/// A document: words that stand in an order of its own.
fn document(number: u64) -> String {
    let mut random = Random(number ^ 0xd0c5);
    let length = 4_000 + random.below(12_000) as usize;
    format!("{}\n{FOOTER}", prose(length, number.wrapping_mul(31) + 1_000_000))
}

fn build(dir: &Path, count: u64) {
    let start = Instant::now();
    let path = IndexKind::Documents.file_in(dir, "own");
    let mut builder = DocumentsBuilder::new(&path, &key(dir, "own"), "bench", 0, None).unwrap();
    let reader = builder.reader();
    let mut octets = 0;
    for number in 0..count {
        let text = document(number);
        octets += text.len();
        let read = reader.read_texts(format!("documents/{number}.txt"), std::iter::once(text.as_str()));
        builder.add(read.unwrap()).unwrap();
    }
    let report = builder.finish().unwrap();
    let took = start.elapsed().as_secs_f64();
    println!("documents: {} of {} MB of text", report.documents, octets / 1_000_000);
    println!(
        "  built in {took:.0} s, at most {} MB of memory; {} fingerprints, {} of them boilerplate",
        peak(),
        report.runs,
        report.boilerplate
    );
    println!("  {} MB on disk", report.size / 1_000_000);
}

/// Builds, then measures.
pub(crate) fn measure(dir: &Path, options: &Options) {
    if !IndexKind::Documents.file_in(dir, "own").exists() {
        build(dir, options.documents);
    }
    let any = set(dir, "documents = \"own\"");
    println!("  {} MB in memory with one policy", any.memory() / 1_000_000);
    speed(&any, "prose", &prose(options.octets, 5));
    speed(&any, "logs", &logs(options.octets, 6));
    let mut random = Random(78);
    let mut found = 0;
    for at in 0..1_000 {
        let number = random.below(options.documents);
        let text = document(number);
        let from = random.below((text.len() - 900) as u64) as usize;
        let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
        let mut letters = 0;
        let excerpt: String = text[from..]
            .chars()
            .take_while(|c| {
                letters += usize::from(c.is_alphanumeric());
                letters <= 300
            })
            .collect();
        let pasted = format!(
            "{}\n> {}\n{}",
            prose(400, at),
            excerpt.to_uppercase().split_whitespace().collect::<Vec<_>>().join("  "),
            prose(400, at + 1)
        );
        let inspection = inspect(&any, &pasted).0;
        let named = inspection.violations.iter().flat_map(|violation| &violation.matches);
        found += u64::from(
            named
                .filter_map(|one| one.validator.as_deref())
                .any(|said| said.contains(&format!("documents/{number}.txt"))),
        );
    }
    println!("  excerpts of 300 letters found with the name of their document: {found} of 1000");
    let footer = matches(&inspect(&any, &format!("{}\n{FOOTER}{}", prose(300, 1), prose(300, 2))).0);
    println!("  the footer of all documents alone: {footer} found");
    if let Some(corpus) = &options.corpus {
        let (mut octets, mut alarms) = (0, 0);
        each_file(corpus, &mut |_, text| {
            octets += text.len();
            alarms += matches(&inspect(&any, text).0);
        });
        println!("  {} MB of other text: {alarms} documents reported", octets / 1_000_000);
    }
}
