//! The fuzz bodies over the table's rows, over those rows damaged, and over octets of any kind.

use std::sync::OnceLock;

use content::fuzz;
use proptest::prelude::*;

use crate::table::{Row, rows};

fn all(octets: &[u8]) {
    fuzz::mail(octets);
    fuzz::header(octets);
    fuzz::html(octets);
    fuzz::notation(octets);
    fuzz::charset(octets);
    fuzz::transfer(octets);
    fuzz::tnef(octets);
    fuzz::smime(octets);
}

#[test]
fn the_corpus_and_the_table_hold_together() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for name in ["mail", "header", "html", "notation", "charset", "transfer", "tnef", "smime"] {
        let seeds: Vec<_> = std::fs::read_dir(corpus.join(name)).expect(name).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            all(&std::fs::read(seed.expect("an entry").path()).expect("a seed"));
        }
    }
    for row in table() {
        all(&row.message);
    }
}

#[test]
fn rows_that_are_cut_short_hold_together() {
    for row in table() {
        for end in (0..row.message.len()).step_by(61) {
            fuzz::mail(&row.message[..end]);
        }
    }
}

fn table() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| rows(include_str!("evasions.txt")))
}

/// Words that parsers look for.
const WORDS: &[&str] = &[
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "message/rfc822",
    "\r\n--b\r\n",
    "\r\n--b--\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "=?utf-8?q?",
    "?=",
    "\"",
    "(",
    "begin 644 a\r\n",
    "=ybegin ",
    "<a href='data:,",
    "<script>",
    "-->",
    "TUFSSw==",
    "=41=",
    "+AE0-",
    "; boundary*0=b",
    "charset=utf-16\r\n",
    "From a\r\n",
    "\u{1b}$B",
    "text/html",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn octets_of_any_kind_hold_together(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        all(&octets);
    }

    #[test]
    fn words_in_any_order_hold_together(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        all(words.concat().as_bytes());
    }

    #[test]
    fn damaged_rows_hold_together(row in 0_usize..200, at in any::<prop::sample::Index>(), octets in prop::collection::vec(any::<u8>(), 0..4)) {
        let mut message = table()[row].message.clone();
        let at = at.index(message.len());
        message.splice(at..(at + octets.len()).min(message.len()), octets);
        fuzz::mail(&message);
    }
}
