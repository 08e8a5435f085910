//! Rows of a table in the tables that people send: values of one row are found however wide it is, and values of two rows are
//! not taken for one.

#![allow(clippy::unwrap_used)]

#[path = "support/asking.rs"]
mod asking;
#[path = "support/exact.rs"]
mod exact;
#[path = "support/office.rs"]
mod office;
mod support;

use asking::set;
use exact::indexed;
use office::{docx, odt, xlsx, xlsx_with_formats};
use policy::Set;
use support::{Message, raw, with_files};

/// Words in one cell: seventy of them, and none of the table.
const LONG: &str = "the order was placed by telephone and is to be delivered within two weeks of the day on which the goods \
    have come in from abroad and were looked at by the person who keeps the stock; whoever opens the crate writes down what \
    is missing or broken and sends the list to the office before noon so that it can be claimed from the carrier in good time";

type Make = fn(&[&[&str]]) -> Message;

/// A table with these rows, as each program writes it.
const TABLES: &[(&str, Make)] = &[
    ("a page", page),
    ("a page without end tags", |rows| {
        let row = |row: &&[&str]| format!("<TR><TD>{}\r\n", row.join("<TD><P>"));
        of_page(&format!("<TABLE>{}</TABLE>", rows.iter().map(row).collect::<String>()))
    }),
    ("a page in a page that lays it out", |rows| {
        of_page(&format!("<table><tr><td>menu</td><td>{}</td></tr></table>", table(rows)))
    }),
    ("an attached page", |rows| with_files("", &[("list.html", &format!("<html><body>{}", table(rows)))])),
    ("a document", |rows| docx(&["Orders of May"], rows)),
    ("an open document", |rows| odt(&["Orders of May"], rows)),
    ("a sheet", xlsx),
];

fn page(rows: &[&[&str]]) -> Message {
    of_page(&table(rows))
}

fn of_page(body: &str) -> Message {
    raw(&format!(
        "Subject: Hello\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Orders of May</p>{body}</body></html>"
    ))
}

fn table(rows: &[&[&str]]) -> String {
    let row = |row: &&[&str]| {
        format!("<tr>{}</tr>\r\n", row.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>())
    };
    format!("<table><tbody>{}</tbody></table>", rows.iter().map(row).collect::<String>())
}

fn asking() -> (tempfile::TempDir, Set) {
    let dir = indexed();
    let set = set(
        dir.path(),
        "exact = \"customers\"\ncolumns = 2\nexcept = [[\"first_name\", \"last_name\"]]\nwithin = 40",
    );
    (dir, set)
}

/// Twelve columns with the values in the second and the last but one, and so many words in each of six between.
fn wide<'a>(first: &'a str, long: &'a str, last: &'a str) -> [&'a str; 12] {
    ["7", first, "open", long, "2", long, "é", long, "x", long, last, "end"]
}

#[test]
fn values_of_a_wide_row_are_found_in_the_tables_of_each_program() {
    let (_dir, set) = asking();
    let (cell, far) = (LONG.replace("é", "e"), "123-45-6789");
    assert!(cell.split(' ').count() > 60);
    for (name, make) in TABLES {
        for (first, last) in [("O'Brien", far), (far, "O’BRIEN"), ("Müller-Lüdenscheidt", "987-65-4321")]
        {
            let rows =
                [&["no", "who", "state"][..], &wide(first, &cell, last), &wide("Smith", &cell, "nobody")];
            assert_eq!(make(&rows).count(&set), Some(1), "{first} … {last} in {name}");
        }
    }
}

#[test]
fn common_values_of_a_wide_row_are_found() {
    let dir = indexed();
    let set = set(dir.path(), "exact = \"customers\"\ncolumns = 2\nof = [\"last_name\", \"birthday\"]");
    for (name, make) in TABLES {
        let rows = [&wide("O'Brien", LONG, "3 February 1980")[..], &wide("Smith", LONG, "31.12.1975")];
        assert_eq!(make(&rows).count(&set), Some(1), "{name}");
    }
    let line = format!("O'Brien;{LONG};3 February 1980;\r\nSmith;{LONG};31.12.1975\r\n")
        .replace("; whoever", ", whoever");
    assert_eq!(with_files("", &[("list.csv", &line)]).count(&set), Some(1));
}

#[test]
fn values_of_two_rows_are_not_one_row() {
    let (_dir, set) = asking();
    for (name, make) in TABLES {
        for between in 0..3 {
            let other = wide("nobody", LONG, "nothing");
            let first = wide("O'Brien", LONG, LONG);
            let mut rows = vec![&first[..]];
            rows.extend((0..between).map(|_| &other[..]));
            rows.push(&["1", LONG, "123-45-6789"]);
            // What stands near each other by words is another matter: here it is far.
            assert_eq!(make(&rows).count(&set), None, "{between} rows between in {name}");
        }
    }
}

#[test]
fn what_lays_out_a_page_joins_nothing() {
    let (_dir, set) = asking();
    let column = |text: &str| format!("<td><p>{text}</p><p>{LONG}</p></td>");
    let inner = table(&[&["a", LONG], &["b", "123-45-6789"]]);
    let pages = [
        // A table stands in one of the cells.
        format!("<table><tr>{}<td>{LONG}{inner}</td></tr></table>", column("O'Brien")),
        // Two tables beside each other.
        format!("<table><tr><td>{}</td><td>{inner}</td></tr></table>", table(&[&["O'Brien", "c"]])),
        // A row of one cell.
        format!("<table><tr><td>O'Brien<br>{LONG}<br>123-45-6789</td><td> </td></tr></table>"),
        // Cells without a table.
        format!("<tr><td>O'Brien</td><td>{LONG}</td><td>123-45-6789</td></tr>"),
        // A row that has ended.
        format!(
            "<table><tr><td>1</td><td>O'Brien</td></tr></table>{LONG}<table><tr><td>2<td>123-45-6789</table>"
        ),
    ];
    for page in pages {
        assert_eq!(of_page(&page).count(&set), None, "{page}");
    }
}

#[test]
fn a_row_that_is_longer_than_a_row_can_be_is_text_like_any_other() {
    let (_dir, set) = asking();
    for (name, make) in TABLES {
        let of = |words: usize| make(&[&["O'Brien", &"word ".repeat(words), "123-45-6789"]]).count(&set);
        assert_eq!((of(780), of(820)), (Some(1), None), "{name}");
    }
}

#[test]
fn rows_are_found_wherever_they_stand_in_a_long_text() {
    let (_dir, set) = asking();
    let row = wide("O'Brien", LONG, "123-45-6789");
    // The text is looked at piece by piece: the row comes to lie on the seam.
    for before in (518_000..526_000).step_by(1_700) {
        let filler = format!("{}\n", "word ".repeat(7)).repeat(before / 36);
        let page = of_page(&format!("<pre>{filler}</pre>{}", table(&[&row])));
        assert_eq!(page.count(&set), Some(1), "{before}");
    }
}

#[test]
fn numbers_that_look_otherwise_than_they_are_stored_break_no_row() {
    let (_dir, set) = asking();
    let row = ["O'Brien", "1250", LONG, "45.5", "77", "123-45-6789"];
    assert_eq!(xlsx_with_formats(&[&["who", "sum", "note"], &row]).count(&set), Some(1));
    let stored = ["O'Brien", "1250", "123456789"];
    assert_eq!(xlsx_with_formats(&[&stored]).count(&set), Some(1));
    let two = [&["O'Brien", "1250", LONG][..], &["2", "99", LONG, "123-45-6789"]];
    assert_eq!(xlsx_with_formats(&two).count(&set), None);
}

#[test]
fn a_line_end_in_a_cell_ends_no_row() {
    let (_dir, set) = asking();
    let cell = LONG.replace("; ", "\n");
    for (name, make) in [("a sheet", xlsx as Make), ("a page", page)] {
        assert_eq!(make(&[&["O'Brien", &cell, "123-45-6789"]]).count(&set), Some(1), "{name}");
    }
}
