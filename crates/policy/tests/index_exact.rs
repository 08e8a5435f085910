//! Exact data, from the outside: a table, a policy, mails.

#![allow(clippy::unwrap_used)]

#[path = "support/asking.rs"]
mod asking;
#[path = "support/exact.rs"]
mod exact;
mod support;

use std::path::Path;
use std::sync::LazyLock;

use asking::{set, set_with};
use exact::{TABLE, build, column, customers, indexed};
use policy::index::{IndexKeys, IndexKind, Indexes, Kind, Skip};
use policy::{Set, SourceFile};
use support::{Message, mail, with_files};

fn counts(set: &Set, texts: &[&str]) -> Vec<u64> {
    texts.iter().map(|text| mail(text).count(set).unwrap_or(0)).collect()
}

#[test]
fn rows_are_found_in_the_ways_that_people_write_them() {
    let dir = indexed();
    let set = set(
        dir.path(),
        "exact = \"customers\"\ncolumns = 2\nexcept = [[\"first_name\", \"last_name\"], [\"first_name\", \"birthday\"]]",
    );
    let texts = [
        "Ann O'Brien, SSN 123-45-6789",
        "O’BRIEN (ann): 123 45 6789",
        "ann obrien's number is 123456789",
        "Brief an ann.obrien@shop.example, Frau O'Brien",
        "call O'Brien at 030 1234567",
        "call O'Brien at +49 (0)30 123-4567",
        "call O'Brien at 0049301234567",
        "Jose Muller Ludenscheidt, 555-123-4567",
        "Müller-Lüdenscheidt 1 555 123 4567",
        "MARY ANN, born 14 July 1990, 555443333",
        "Will May's card: 12-34-5678",
        "Will May's card: 012345678",
        "山田太郎様 222-33-4444",
        "Ann\r\nO'Brien\r\n123-45-6789",
        "born 3.2.1980: 123-45-6789",
        "born Feb 3rd, 1980: 123-45-6789",
        "born 02/03/80: 123-45-6789",
    ];
    for (text, count) in texts.iter().zip(counts(&set, &texts)) {
        assert_eq!(count, 1, "{text}");
    }
}

#[test]
fn what_is_not_one_row_of_the_table_is_not_found() {
    let dir = indexed();
    let set =
        set(dir.path(), "exact = \"customers\"\ncolumns = 2\nexcept = [[\"first_name\", \"last_name\"]]");
    let far = format!("123-45-6789 {}\r\nAnn O'Brien", "word\r\n".repeat(60));
    let texts = [
        "Ann O'Brien, SSN 123-45-6780",
        "Will Smith, SSN 123-45-6789",
        "Ann Smith",
        "Will Will Will May may be 123-45-6789",
        "9123-45-6789 Ann",
        "xann.obrien@shop.example O'Brien-Ann 03.02.1981",
        &far,
    ];
    assert_eq!(counts(&set, &texts), [0; 7]);
}

#[test]
fn a_number_with_more_zeros_in_front_than_any_of_its_column_is_another_number() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2\nof = [\"last_name\", \"ssn\"]");
    let texts =
        ["Smith 555443333", "Smith 0555443333", "Smith 00000005,55443333", "May 12345678", "May 012345678"];
    assert_eq!(counts(&set, &texts), [1, 0, 0, 1, 1]);
}

#[test]
fn common_values_alone_find_a_row_where_the_policy_says_that_they_suffice() {
    let dir = indexed();
    let set = set(
        dir.path(),
        "exact = \"customers\"\ncolumns = 2\nof = [\"first_name\", \"last_name\", \"birthday\"]",
    );
    let texts = [
        "Dear Mary Ann Smith,",
        "Smith, born 14.07.1990",
        "Smith, Mary Ann",
        "Mary Smith",
        "Ann May",
        "José Smith",
    ];
    assert_eq!(counts(&set, &texts), [1, 1, 1, 0, 0, 0]);
}

#[test]
fn one_column_may_suffice() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 1\nof = [\"ssn\", \"last_name\"]");
    let texts = ["123456789", "see MULLER LUDENSCHEIDT", "Muller", "jose@shop.example"];
    assert_eq!(counts(&set, &texts), [1, 1, 0, 0]);
}

#[test]
fn a_required_column_must_be_there() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2\nrequire = [\"ssn\"]");
    assert_eq!(counts(&set, &["Ann O'Brien ann.obrien@shop.example", "O'Brien 123456789"]), [0, 1]);
}

#[test]
fn values_in_ignored_text_do_not_count() {
    let dir = indexed();
    let set = set_with(
        dir.path(),
        "exact = \"customers\"\ncolumns = 2\nrequire = [\"ssn\"]",
        "[ignore]\nquoted_replies = true\n[[ignore.text]]\nname = \"Sample\"\ntext = \"For instance O'Brien with 123-45-6789 as number\"\n",
    );
    let texts = [
        "Thanks.\r\n> O'Brien 123-45-6789\r\n",
        "Write it so: for instance O'Brien,\r\nwith 123-45-6789 as number. Bye",
        "O'Brien again.\r\n> 123-45-6789\r\n",
        "O'Brien 123-45-6789\r\n> O'Brien 123-45-6789\r\n",
        "For instance O'Brien with 123-45-6789",
    ];
    assert_eq!(counts(&set, &texts), [0, 0, 0, 1, 1]);
}

#[test]
fn rows_are_counted_each_once() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 3\nat_least = 3");
    let three = "Ann O'Brien 123-45-6789\r\nWill May 012-34-5678\r\nMary Ann Smith 555-44-3333\r\nWill May 012-34-5678\r\n";
    assert_eq!(counts(&set, &[three, &three[..60]]), [3, 0]);
}

#[test]
fn values_of_a_row_of_a_table_are_near_each_other_however_wide_it_is() {
    let dir = indexed();
    let set = set(
        dir.path(),
        "exact = \"customers\"\ncolumns = 2\nwithin = 3\nexcept = [[\"first_name\", \"last_name\"]]",
    );
    let line = format!("O'Brien;{}123-45-6789\r\n", "a b c d e f;".repeat(30));
    let lines = format!("O'Brien {}\r\n123-45-6789\r\n", "a b c d e f".repeat(3));
    let cut = with_files("", &[("list.csv", &line)]);
    assert_eq!(cut.count(&set), Some(1));
    assert_eq!(counts(&set, &[&lines]), [0]);
}

#[test]
fn a_match_names_row_and_columns_and_is_masked_like_any_other() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 3");
    let inspection = mail("Dear Will May, your number 012-34-5678 is known. Bye").inspect(&set);
    let found = &inspection.violations[0].matches[0];
    assert_eq!(found.text, "Will | May | 012-34-5678");
    assert_eq!(found.masked(), "**** | *** | ***-**-5678");
    assert_eq!(found.validator.as_deref(), Some("row 4 of customers: first_name, last_name, ssn"));
    assert_eq!(found.condition, "exact customers (3 of first_name, last_name, ssn, 3 more)");
    assert_eq!((found.offset, found.before.as_str(), found.component.as_str()), (5, "Dear ", "body"));
    assert!(found.after.starts_with(" is known."));
}

#[test]
fn a_row_goes_on_from_one_header_to_the_next() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2\nwhere = [\"headers\"]");
    let message = support::raw(
        "From: ann.obrien@shop.example\r\nTo: x@y.example\r\nX-Note: O'Brien\r\nSubject: 1\r\n\r\nx",
    );
    assert_eq!(message.count(&set), Some(1));
}

#[test]
fn the_order_of_day_and_month_must_be_told_or_tellable() {
    let dir = tempfile::tempdir().unwrap();
    let columns = || vec![column("name", Kind::Name), column("day", Kind::Date)];
    let error =
        build(dir.path(), "name,day\nAnn,03/02/1980\nBob,01/02/1981\n", columns()).unwrap_err().to_string();
    assert!(error.contains("day:date/dmy"), "{error}");
    build(dir.path(), "name,day\nAnn,03/02/1980\nBob,28/02/1981\n", columns()).unwrap();
}

#[test]
fn a_bad_row_costs_itself_and_is_told_with_line_column_and_reason() {
    let dir = tempfile::tempdir().unwrap();
    let table = "name,mail\nAnn,ann@shop.example\nBob\nCarl,carl at shop\n,\nn/a,dora@shop.example\n\"Eve,eve@shop.example\nFred,fred@shop.example\n";
    let report =
        build(dir.path(), table, vec![column("name", Kind::Name), column("mail", Kind::Email)]).unwrap();
    assert_eq!((report.rows, report.taken), (7, 2));
    assert_eq!(
        report.examples,
        [
            "line 3: 1 columns where at least 2 are needed",
            "line 4, column mail: this is no email; the cell is left out",
            "line 7, column name: a quote is opened and never closed",
        ]
    );
    assert_eq!(report.columns[0].2[&Skip::Stop], 1);
    assert_eq!(report.columns[1].2[&Skip::Empty], 1);
}

#[test]
fn a_table_without_anything_to_index_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |table: &str, columns| build(dir.path(), table, columns).unwrap_err().to_string();
    assert!(refused("", vec![column("a", Kind::Name)]).contains("empty"));
    assert!(refused("b,c\n1,2\n", vec![column("a", Kind::Name)]).contains("its columns are b, c"));
    assert!(
        refused("a,b\n,\n", vec![column("a", Kind::Name), column("b", Kind::Email)])
            .contains("no row can be used")
    );
    let useless = refused(
        "a,b,c\nAnn,x@y.example,-\n",
        vec![column("a", Kind::Name), column("b", Kind::Email), column("c", Kind::Number)],
    );
    assert!(useless.contains("no cell of c"), "{useless}");
    assert_eq!(
        std::fs::read_dir(dir.path().join("indexes")).unwrap().count(),
        0,
        "nothing half made stays behind"
    );
}

#[test]
fn nothing_of_the_table_stands_in_the_index() {
    let dir = indexed();
    let octets = std::fs::read(IndexKind::Exact.file_in(dir.path(), "customers")).unwrap();
    let lower = octets.to_ascii_lowercase();
    // Six octets at least: fewer stand by chance among random octets, or in the second of the build.
    for value in [
        "o'brien",
        "obrien",
        "muller",
        "müller",
        "123-45-6789",
        "123456789",
        "shop.example",
        "301234567",
        "1980-02-03",
        "19800203",
    ] {
        let there = lower.windows(value.len()).any(|window| window == value.as_bytes());
        assert!(!there, "{value}");
    }
}

#[test]
fn two_builds_of_one_table_have_no_hash_in_common() {
    let (one, other) = (indexed(), tempfile::tempdir().unwrap());
    std::fs::create_dir(other.path().join("keys")).unwrap();
    std::fs::copy(one.path().join("keys/customers.key"), other.path().join("keys/customers.key")).unwrap();
    build(other.path(), TABLE, customers()).unwrap();
    let blocks = |dir: &Path| -> std::collections::HashSet<[u8; 16]> {
        let octets = std::fs::read(IndexKind::Exact.file_in(dir, "customers")).unwrap();
        octets
            .as_chunks::<16>()
            .0
            .iter()
            .filter(|block| block.iter().any(|octet| *octet > 127))
            .copied()
            .collect()
    };
    let common = blocks(one.path()).intersection(&blocks(other.path())).count();
    // The three filters begin with the same seed, which is the library's.
    assert!(common <= 3, "{common}");
    let set = set(other.path(), "exact = \"customers\"\ncolumns = 2\nrequire = [\"ssn\"]");
    assert_eq!(counts(&set, &["O'Brien 123456789"]), [1], "the old key serves the new build");
}

#[test]
fn a_new_index_is_a_new_set() {
    let dir = indexed();
    let before = set(dir.path(), "exact = \"customers\"");
    build(dir.path(), TABLE, customers()).unwrap();
    let after = set(dir.path(), "exact = \"customers\"");
    assert_ne!(before.id(), after.id());
    assert_ne!(before.policies()[0].version, after.policies()[0].version);
    assert!(
        mail("Ann 123-45-6789").violates(&before),
        "an index that was replaced is in use until the set is"
    );
}

/// Every octet of the file is covered by some checksum or does not matter.
#[test]
fn a_spoilt_index_is_refused_or_a_finding_and_never_a_panic() {
    let dir = indexed();
    let path = IndexKind::Exact.file_in(dir.path(), "customers");
    let good = std::fs::read(&path).unwrap();
    let policy = SourceFile::new(
        "p.toml",
        "id = 1\nname = \"P\"\nmode = \"on\"\n[[rule]]\nname = \"R\"\nexact = \"customers\"\ncolumns = 3\n",
    );
    let message = mail("Will May 012-34-5678");
    for at in (0..good.len()).step_by(7).chain(good.len() - 60..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        std::fs::write(&path, &bad).unwrap();
        let indexes = Indexes::open(dir.path(), &IndexKeys::in_dir(dir.path().join("keys")));
        let Ok(loaded) = Set::load_files_with(std::slice::from_ref(&policy), &indexes) else { continue };
        let inspection = message.inspect(&loaded.set);
        let faulty = inspection.unscannable.iter().any(|found| found.reason == content::Reason::EngineFault);
        let found = inspection.violations.iter().any(|violation| violation.policy.id == 1);
        assert!(faulty || found, "octet {at} of {}", good.len());
    }
    for len in [0, 7, 60, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..len]).unwrap();
        let indexes = Indexes::open(dir.path(), &IndexKeys::in_dir(dir.path().join("keys")));
        assert!(Set::load_files_with(std::slice::from_ref(&policy), &indexes).is_err(), "cut at {len}");
    }
}

// ---- properties

use proptest::prelude::*;

/// A table of made-up people.
fn people(count: usize) -> (String, Vec<(String, String, String)>) {
    let mut rows = Vec::new();
    let mut table = String::from("first,last,number\n");
    for at in 0..count {
        let number = 100_000_000 + (at as u64 * 7_919_993) % 899_999_999;
        let row = (format!("Fore{}", at % 50), format!("Sur{}name", at % 301), number.to_string());
        table += &format!("{},{},{}\n", row.0, row.1, row.2);
        rows.push(row);
    }
    (table, rows)
}

type MadeUp = (tempfile::TempDir, Vec<(String, String, String)>, Set);

static MADE_UP: LazyLock<MadeUp> = LazyLock::new(made_up);

fn made_up() -> MadeUp {
    let dir = tempfile::tempdir().unwrap();
    let (table, rows) = people(2_000);
    build(
        dir.path(),
        &table,
        vec![column("first", Kind::Name), column("last", Kind::Name), column("number", Kind::Number)],
    )
    .unwrap();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2");
    (dir, rows, set)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is reported is, under its normal form, in the row that is named.
    #[test]
    fn only_values_of_the_row_are_reported(
        picks in prop::collection::vec((0usize..2_500, 0usize..2_500, 0usize..2_500, 0u8..6), 1..40)
    ) {
        let (_, rows, set) = &*MADE_UP;
        let at = |number: usize| rows.get(number).cloned().unwrap_or((format!("Other{number}"), "Nobody".into(), format!("{}", 200_000_003 + number)));
        let mut text = String::new();
        for (one, two, three, how) in picks {
            let ((first, ..), (_, last, _), (.., number)) = (at(one), at(two), at(three));
            text += &match how {
                0 => format!("{first} {last} {number}\r\n"),
                1 => format!("{last}, {first}: {}-{}\r\n", &number[..3], &number[3..]),
                2 => format!("{} and {last}\r\n\r\n", number),
                3 => format!("{}\t{}\r\n", first.to_uppercase(), number),
                4 => format!("x{number} {first}9 {last}x\r\n"),
                _ => format!("{last}\r\n"),
            };
        }
        let inspection = mail(&text).inspect(set);
        for found in inspection.violations.iter().flat_map(|violation| &violation.matches) {
            let said = found.validator.clone().unwrap();
            let number: usize = said.split(' ').nth(1).unwrap().parse().unwrap();
            let (first, last, digits) = &rows[number - 1];
            for value in found.text.split(" | ") {
                let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
                let known = [first.to_lowercase(), last.to_lowercase(), digits.clone()];
                prop_assert!(known.contains(&plain), "{} says {}", said, found.text);
            }
        }
    }

    /// Every row that is written somewhere is found, whatever stands around it.
    #[test]
    fn planted_rows_are_found(rows_of in prop::collection::vec(0usize..2_000, 1..20), noise in "[a-z0-9 .,:;@/()-]{0,200}") {
        let (_, rows, set) = &*MADE_UP;
        let mut text = String::new();
        let mut distinct = std::collections::HashSet::new();
        for (at, number) in rows_of.iter().enumerate() {
            let (first, last, digits) = &rows[*number];
            distinct.insert(*number);
            text += &match at % 3 {
                0 => format!("{noise}\r\n{first} {last}, {digits}\r\n{noise}\r\n"),
                1 => format!("{noise}\r\nNo. {} {} {} for Ms {last}\r\n", &digits[..3], &digits[3..6], &digits[6..]),
                _ => format!("{}.{} - {} -\r\n", &digits[..5], &digits[5..], last.to_uppercase()),
            };
        }
        let count = mail(&text).count(set).unwrap_or(0);
        prop_assert!(count >= distinct.len() as u64, "{} of {}", count, distinct.len());
    }
}

#[test]
fn a_text_that_takes_too_long_is_a_finding() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2");
    let names = "Ann O'Brien Will May Mary Ann Smith ".repeat(200_000);
    let octets = [b"Subject: x\r\n\r\n", names.as_bytes()].concat();
    let limits = content::Limits::default();
    let far = std::time::Instant::now() + std::time::Duration::from_secs(600);
    let how = content::How {
        limits: &limits,
        deadline: far,
        documents: &content::documents::InProcess,
        passwords: &[],
        digests: false,
    };
    let opened = content::open(&octets, &how);
    let envelope = policy::Envelope::default();
    let start = std::time::Instant::now();
    let deadline = start + std::time::Duration::from_millis(300);
    let size = octets.len() as u64;
    let mail = policy::Mail {
        envelope: &envelope,
        opened: &opened,
        size,
        now: jiff::ZonedDateTime::now(),
        deadline,
    };
    let inspection = set.inspect(&mail);
    assert!(inspection.unscannable.iter().any(|found| found.reason == content::Reason::Timeout));
    assert!(start.elapsed() < std::time::Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn hostile_texts_take_time_in_proportion_to_their_length() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2");
    let texts = [
        "123-45-6789 ".repeat(40_000),
        "Ann O'Brien Will May Smith ".repeat(20_000),
        "1 2 3 4 5 6 7 8 9 0 ".repeat(20_000),
        "@".repeat(500_000),
        "a@a.".repeat(100_000),
        "1".repeat(500_000),
        "\u{4e00}".repeat(100_000),
        "Mary Ann ".repeat(50_000),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        let message = Message {
            octets: [b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", text.as_bytes()]
                .concat(),
            ..mail("")
        };
        message.inspect(&set);
        assert!(
            start.elapsed() < std::time::Duration::from_secs(20),
            "{:?} took {:?}",
            text.chars().take(8).collect::<String>(),
            start.elapsed()
        );
    }
}
