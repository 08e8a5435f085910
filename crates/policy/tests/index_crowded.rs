//! Exact data whose values stand in many rows each, in texts that are full of them.

#![allow(clippy::unwrap_used)]

#[path = "support/asking.rs"]
mod asking;
#[path = "support/exact.rs"]
mod exact;
mod support;

use asking::set;
use exact::{build, column, indexed};
use policy::index::Kind;
use support::mail;

#[test]
fn a_row_is_found_beside_its_names_however_often_they_were_there_before() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 3");
    let names = format!("Ann O'Brien\r\n{}", "word\r\n".repeat(60)).repeat(100);
    assert_eq!(mail(&names).count(&set), None);
    assert_eq!(mail(&format!("{names}Ann O'Brien, 3 Feb 1980")).count(&set), Some(1));
}

#[test]
fn a_list_of_names_that_hundreds_share_is_inspected_to_its_end() {
    const FIRST: usize = 20;
    const LAST: usize = 60;
    // More rows than are read for one text, and each pair of names has 180 of them.
    let mut table = String::from("first,last\n");
    for row in 0..FIRST * LAST * 180 {
        table += &format!("fore{},sur{}\n", row % FIRST, row / FIRST % LAST);
    }
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &table, vec![column("first", Kind::Name), column("last", Kind::Name)]).unwrap();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2\nwithin = 0");
    let mut text = String::new();
    for pair in 0..FIRST * LAST {
        text += &format!("fore{} sur{}\r\n{}", pair % FIRST, pair / FIRST, "and\r\n".repeat(2));
    }
    let inspection = mail(&text).inspect(&set);
    assert!(inspection.unscannable.is_empty());
    // What nothing tells apart is one row for each pair of names.
    assert_eq!(inspection.violations[0].match_count, (FIRST * LAST) as u64);
}
