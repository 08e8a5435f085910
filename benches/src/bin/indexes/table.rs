//! Exact data: a table of people, its index, and texts with and without its rows.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use policy::index::{ColumnOption, ExactOptions, IndexKind, Kind, build_exact};

use crate::texts::{Random, WORDS, logs, prose};
use crate::{Options, each_file, inspect, key, matches, peak, set, speed};

const FIRST: &[&str] = &[
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Will",
    "Linda",
    "Mark",
    "Grace",
    "Bill",
    "May",
    "Ann",
    "José",
    "Zoë",
    "Jürgen",
    "Mary Ann",
    "Françoise",
    "Olga",
    "Rich",
    "Hope",
    "April",
    "June",
    "Art",
    "Frank",
    "Pat",
    "Rose",
    "Sue",
    "Dean",
    "Guy",
];
const SYLLABLES: &[&str] = &[
    "ba", "ker", "son", "mar", "ti", "nez", "lo", "pez", "wil", "ke", "ro", "ber", "han", "sen", "mül",
    "ler", "ka", "to", "ni", "vic", "o'", "sha", "dor", "lin",
];

/// A person: first and last name, social security number, mail, telephone.
pub(crate) struct Person {
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) number: u64,
    pub(crate) mail: String,
    pub(crate) phone: u64,
}

/// The person of a row.
pub(crate) fn person(row: u64) -> Person {
    let mut random = Random(row.wrapping_mul(0x1234_5678_9abc_def1));
    let first = FIRST[random.below(FIRST.len() as u64) as usize].to_owned();
    // One in five has a name that is a word as well.
    let last = if random.below(5) == 0 {
        WORDS[random.below(WORDS.len() as u64) as usize].to_owned()
    } else {
        (0..2 + random.below(2)).map(|_| SYLLABLES[random.below(SYLLABLES.len() as u64) as usize]).collect()
    };
    // No two rows share a number: a multiplication without common factors.
    let number = 100_000_000 + row.wrapping_mul(48_271) % 899_999_981;
    let mail = format!(
        "{}{}@mail{}.example",
        ["a", "j", "m", "info"][random.below(4) as usize],
        row,
        random.below(50)
    );
    Person { first, last, number, mail, phone: 2_000_000_000 + row.wrapping_mul(69_621) % 7_999_999_999 }
}

fn write(path: &Path, rows: u64) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    writeln!(out, "first_name,last_name,ssn,email,phone").unwrap();
    for row in 0..rows {
        let Person { first, last, number, mail, phone } = person(row);
        writeln!(
            out,
            "{first},{last},{:03}-{:02}-{:04},{mail},+1{phone}",
            number / 1_000_000,
            number / 10_000 % 100,
            number % 10_000
        )
        .unwrap();
    }
    out.flush().unwrap();
}

fn columns() -> Vec<ColumnOption> {
    let kinds = [
        ("first_name", Kind::Name),
        ("last_name", Kind::Name),
        ("ssn", Kind::Number),
        ("email", Kind::Email),
        ("phone", Kind::Phone),
    ];
    kinds.map(|(name, kind)| ColumnOption { name: name.into(), kind, order: None, home: None }).to_vec()
}

fn build(dir: &Path, rows: u64) {
    let table: PathBuf = dir.join("people.csv");
    if !table.exists() {
        write(&table, rows);
    }
    let size = std::fs::metadata(&table).unwrap().len();
    let options = ExactOptions {
        columns: columns(),
        separator: None,
        no_header: false,
        stop: vec![],
        source: "bench".into(),
        max_age_days: 0,
        size: Some(size),
    };
    let start = Instant::now();
    let path = IndexKind::Exact.file_in(dir, "people");
    let report =
        build_exact(File::open(&table).unwrap(), &options, &key(dir, "people"), &path, &|_| ()).unwrap();
    let took = start.elapsed().as_secs_f64();
    println!("exact data: {} rows of 5 columns, {} MB", report.rows, size / 1_000_000);
    println!(
        "  built in {took:.0} s, {:.0} rows/s, at most {} MB of memory; {} hashes a guess",
        report.rows as f64 / took,
        peak(),
        report.rounds
    );
    println!("  {} MB on disk", report.size / 1_000_000);
}

/// Builds, then measures.
pub(crate) fn measure(dir: &Path, options: &Options) {
    if !IndexKind::Exact.file_in(dir, "people").exists() {
        build(dir, options.rows);
    }
    let three = set(dir, "exact = \"people\"\ncolumns = 3\n");
    println!("  {} MB in memory with one policy", three.memory() / 1_000_000);
    let two = set(dir, "exact = \"people\"\ncolumns = 2\nexcept = [[\"first_name\", \"last_name\"]]");
    let names = set(dir, "exact = \"people\"\ncolumns = 2");
    let (clean, digits) = (prose(options.octets, 5), logs(options.octets, 6));
    speed(&three, "prose, 3 columns", &clean);
    speed(&three, "logs, 3 columns", &digits);
    speed(&two, "prose, 2 columns but not first and last name", &clean);
    speed(&two, "logs, 2 columns but not first and last name", &digits);
    // Every third word of this prose is a name of the table: as bad as it can get.
    let little = prose(2 << 20, 5);
    speed(&names, "prose full of names, any 2 columns", &little);
    speed(&names, "logs, any 2 columns, names included", &digits[..digits.len().min(4 << 20)]);
    recall(&two, options.rows);
    if let Some(corpus) = &options.corpus {
        alarms(&[("3 columns", &three), ("2, not names alone", &two)], corpus, options.rows);
    }
}

/// Rows written in ways that people write them, each in a mail of its own.
fn recall(set: &policy::Set, rows: u64) {
    let mut random = Random(77);
    let (mut found, mut all) = (0, 0);
    for at in 0..2_000 {
        let Person { first, last, number, mail, phone } = person(random.below(rows));
        let text = match at % 10 {
            0 => format!(
                "{first} {last}, SSN {:03}-{:02}-{:04}",
                number / 1_000_000,
                number / 10_000 % 100,
                number % 10_000
            ),
            1 => format!("{}, {}: {number}", last.to_uppercase(), first.to_uppercase()),
            2 => format!(
                "{last}\n{:03} {:02} {:04}",
                number / 1_000_000,
                number / 10_000 % 100,
                number % 10_000
            ),
            3 => format!("Dear {first},\nyour mail {} was changed.", mail.to_uppercase()),
            4 => format!("{mail};{last};{first}"),
            5 => format!(
                "call {last} at ({:03}) {:03}-{:04}",
                phone / 10_000_000,
                phone / 10_000 % 1_000,
                phone % 10_000
            ),
            6 => format!(
                "call {last} at 1-{:03}-{:03}-{:04}",
                phone / 10_000_000,
                phone / 10_000 % 1_000,
                phone % 10_000
            ),
            7 => format!("{last} 001{phone}"),
            8 => format!("<{mail}>\t+1 {phone}"),
            _ => format!("{number}\t{mail}"),
        };
        // Names of one letter are too short to be indexed.
        if last.len() < 2 {
            continue;
        }
        all += 1;
        let filled = format!("{}\n{text}\n{}", prose(300, at), prose(300, at + 1));
        let there = matches(&inspect(set, &filled).0) > 0;
        found += u64::from(there);
        if !there {
            println!("    MISSED: {text}");
        }
    }
    println!("  planted rows found: {found} of {all}, in ten ways of writing");
}

/// Looks through other text; every value that is reported is held against the table.
fn alarms(sets: &[(&str, &policy::Set)], corpus: &Path, rows: u64) {
    let mut octets = 0;
    let mut counts = vec![(0u64, 0u64); sets.len()];
    each_file(corpus, &mut |path, text| {
        octets += text.len();
        for ((_, set), (found, wrong)) in sets.iter().zip(&mut counts) {
            let (inspection, _) = inspect(set, text);
            for one in inspection
                .violations
                .iter()
                .filter(|violation| violation.policy.id == 1)
                .flat_map(|violation| &violation.matches)
            {
                *found += 1;
                if !in_table(&one.text, one.validator.as_deref().unwrap_or_default(), rows) {
                    *wrong += 1;
                    println!("    WRONG in {}: {} ({:?})", path.display(), one.text, one.validator);
                }
            }
        }
    });
    for ((name, _), (found, wrong)) in sets.iter().zip(counts) {
        println!(
            "  {} MB of other text, {name}: {found} rows reported, {wrong} of them with a value that is not in the row",
            octets / 1_000_000
        );
    }
}

/// Whether each value stands in the row that was named.
fn in_table(text: &str, said: &str, rows: u64) -> bool {
    let Some(row) = said
        .split(' ')
        .nth(1)
        .and_then(|number| number.parse::<u64>().ok())
        .filter(|row| (1..=rows).contains(row))
    else {
        return false;
    };
    let Person { first, last, number, mail, phone } = person(row - 1);
    let plain = |text: &str| -> String {
        text.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '@').collect()
    };
    let known = [
        plain(&first),
        plain(&last),
        number.to_string(),
        plain(&mail),
        phone.to_string(),
        format!("1{phone}"),
        format!("001{phone}"),
    ];
    text.split(" | ").all(|value| {
        known.contains(&plain(value)) || known.contains(&plain(value.strip_suffix("'s").unwrap_or(value)))
    })
}
