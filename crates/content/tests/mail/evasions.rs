//! Every technique of the table is seen through, and named where it is an ambiguity.

use crate::opened::{ambiguities, check, has, open, reasons};
use crate::table::{Row, rows};

const TABLE: &str = include_str!("evasions.txt");
const CLIENTS: &str = include_str!("clients.py");

#[test]
fn the_table_is_long_and_its_rows_have_names_of_their_own() {
    let rows = rows(TABLE);
    assert!(rows.len() >= 200, "{}", rows.len());
    let names: std::collections::HashSet<_> = rows.iter().map(|row| (&row.group, &row.name)).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn every_row_was_read_by_a_reader_that_can_be_asked_again() {
    for row in rows(TABLE) {
        assert!(!row.read_by.is_empty(), "{} / {}: nobody has read it", row.group, row.name);
        for reader in &row.read_by {
            assert!(
                CLIENTS.contains(&format!("(\"{reader}\", ")),
                "{} / {}: no reader {reader}",
                row.group,
                row.name
            );
        }
    }
}

#[test]
fn every_technique_is_seen_through() {
    let failures: Vec<String> = rows(TABLE).iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} rows:\n{}", failures.len(), failures.join("\n"));
}

fn failure(row: &Row) -> Option<String> {
    let opened = open(&row.message);
    check(&opened, &row.message);
    let found = has(&opened, "MARKTEXT");
    let (ambiguous, unscannable) = (ambiguities(&opened), reasons(&opened));
    let missing = |wanted: &[String], got: &[String]| -> Vec<String> {
        wanted.iter().filter(|one| !one.is_empty() && !got.contains(one)).cloned().collect()
    };
    let got: Vec<String> = ambiguous.iter().map(|one| (*one).to_owned()).collect();
    let missing = [missing(&row.ambiguous, &got), missing(&row.unscannable, &unscannable)].concat();
    (!found || !missing.is_empty()).then(|| {
        format!("{} / {}: found: {found}, missing: {missing:?}, ambiguous: {ambiguous:?}, unscannable: {unscannable:?}", row.group, row.name)
    })
}

#[test]
fn text_in_several_readings_counts_once() {
    for row in rows(TABLE) {
        let opened = open(&row.message);
        let count = crate::opened::count_shown(&opened, "MARKTEXT");
        assert!(count <= 2, "{} / {}: {count} times", row.group, row.name);
    }
}
