//! Rows of a table are found in whatever people write and send them in: each way of writing a value, in each kind of text.

#![allow(clippy::unwrap_used)]

#[path = "support/office.rs"]
mod office;
mod support;

use office::{docx, odt, xlsx, xlsx_of_shared_strings};
use policy::Set;
use policy::SourceFile;
use policy::index::{ColumnOption, ExactOptions, IndexKey, IndexKeys, IndexKind, Indexes, Kind, build_exact};
use support::{Message, mail, raw, with_files};

/// A person of the table.
struct Person {
    first: &'static str,
    last: &'static str,
    full: &'static str,
    ssn: &'static str,
    card: &'static str,
    iban: &'static str,
    mail: &'static str,
    /// Without country code and trunk zero.
    phone: &'static str,
    born: (u16, u8, u8),
}

const fn person(names: [&'static str; 3], numbers: [&'static str; 5], born: (u16, u8, u8)) -> Person {
    let ([first, last, full], [ssn, card, iban, mail, phone]) = (names, numbers);
    Person { first, last, full, ssn, card, iban, mail, phone, born }
}

const PEOPLE: &[Person] = &[
    person(
        ["Ann", "O'Brien", "Ann O'Brien"],
        ["123456789", "4111111111111111", "DE89370400440532013000", "ann.obrien@shop.example", "301234567"],
        (1980, 2, 3),
    ),
    person(
        ["José", "Müller-Lüdenscheidt", "José Müller-Lüdenscheidt"],
        ["987654321", "5555555555554444", "GB82WEST12345698765432", "jose@shop.example", "8912345678"],
        (1975, 12, 31),
    ),
    person(
        ["Mary Ann", "Smith", "Mary Ann Smith"],
        ["555443333", "378282246310005", "NL91ABNA0417164300", "mary_ann+x@shop.example", "2079460958"],
        (1990, 7, 14),
    ),
    person(
        ["Zoë", "van der Berg", "Zoë van der Berg"],
        ["102030405", "6011111111111117", "BE68539007547034", "zoe-b@shop.example", "1512345678"],
        (2001, 1, 30),
    ),
    person(
        ["Ольга", "Иванова", "Ольга Иванова"],
        [
            "271828182",
            "3530111333300000",
            "MT84MALT011000012345MTLCAST001S",
            "olga@shop.example",
            "4021234567",
        ],
        (1969, 5, 5),
    ),
];

const COLUMNS: [(&str, Kind); 9] = [
    ("first", Kind::Name),
    ("last", Kind::Name),
    ("full", Kind::Name),
    ("ssn", Kind::Number),
    ("card", Kind::Card),
    ("iban", Kind::Id),
    ("mail", Kind::Email),
    ("phone", Kind::Phone),
    ("born", Kind::Date),
];

fn indexed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut table = COLUMNS.map(|(name, _)| name).join(";") + "\n";
    for Person { first, last, full, ssn, card, iban, mail, phone, born: (year, month, day) } in PEOPLE {
        table += &format!(
            "{first};{last};{full};{ssn};{card};{iban};{mail};+49{phone};{day:02}.{month:02}.{year}\n"
        );
    }
    let columns = COLUMNS.map(|(name, kind)| ColumnOption {
        name: name.into(),
        kind,
        order: None,
        home: (kind == Kind::Phone).then_some(49),
    });
    let options = ExactOptions {
        columns: columns.to_vec(),
        separator: None,
        no_header: false,
        stop: vec![],
        source: "people.csv".into(),
        max_age_days: 0,
        size: None,
    };
    let path = IndexKind::Exact.file_in(dir.path(), "people");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let key = IndexKey::read_or_make(&dir.path().join("keys/people.key")).unwrap();
    build_exact(table.as_bytes(), &options, &key, &path, &|_| ()).unwrap();
    dir
}

/// Finds a row by this column and one other.
fn asking(dir: &std::path::Path, column: &str) -> Set {
    let indexes = Indexes::open(dir, &IndexKeys::in_dir(dir.join("keys")));
    let policy = format!(
        "id = 1\nname = \"P\"\nmode = \"on\"\n[[rule]]\nname = \"R\"\nexact = \"people\"\ncolumns = 2\nrequire = [\"{column}\"]\n"
    );
    match Set::load_files_with(&[SourceFile::new("p.toml", policy)], &indexes) {
        Ok(loaded) => loaded.set,
        Err(told) => panic!("{}", told.iter().map(ToString::to_string).collect::<String>()),
    }
}

// ---- how people write values

/// Digits in groups of these lengths; the last length goes on.
fn grouped(digits: &str, lengths: &[usize], between: &str) -> String {
    let (mut rest, mut groups) = (digits, Vec::new());
    for length in lengths.iter().chain(std::iter::repeat(lengths.last().unwrap())) {
        let (group, behind) = rest.split_at((*length).min(rest.len()));
        groups.push(group);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    groups.join(between)
}

fn of_words(name: &str) -> Vec<String> {
    let decomposed = name.replace('é', "e\u{301}").replace('ü', "u\u{308}").replace('ë', "e\u{308}");
    let printed = name.replace('\'', "’").replace('-', "‐");
    vec![name.to_owned(), name.to_uppercase(), name.to_lowercase(), decomposed, printed, format!("{name}'s")]
}

/// Full names as lists, forms and letters turn them.
fn of_full_name(Person { first, last, full, .. }: &Person) -> Vec<String> {
    let mut all = of_words(full);
    all.extend([
        format!("{last}, {first}"),
        format!("{last},{first}"),
        format!("{}, {first}", last.to_uppercase()),
        format!("{first} {}", last.to_uppercase()),
        format!("Dr. {full}"),
        format!("\"{last}, {first}\""),
    ]);
    all
}

fn of_number(ssn: &str) -> Vec<String> {
    let mut all: Vec<String> = ["-", " ", ".", "/", "\u{a0}", "–", " - "]
        .iter()
        .map(|sign| grouped(ssn, &[3, 2, 4], sign))
        .collect();
    all.extend(["'", ",", "’", "\u{202f}"].map(|sign| grouped(ssn, &[3], sign)));
    all.extend([ssn.to_owned(), format!("#{ssn}"), format!("No.{ssn}"), format!("({ssn})")]);
    all.push(ssn.chars().map(|digit| char::from_u32(digit as u32 + 0xfee0).unwrap()).collect());
    all
}

fn of_card(card: &str) -> Vec<String> {
    let mut all: Vec<String> =
        [" ", "-", ".", "\u{a0}"].iter().map(|sign| grouped(card, &[4], sign)).collect();
    all.extend([card.to_owned(), grouped(card, &[4, 6, 5], " ")]);
    all
}

fn of_iban(iban: &str) -> Vec<String> {
    let mut all: Vec<String> = [" ", "-", "\u{a0}"].iter().map(|sign| grouped(iban, &[4], sign)).collect();
    all.extend([iban.to_owned(), iban.to_lowercase(), format!("IBAN:{iban}"), format!("iban {iban}.")]);
    all.push(grouped(&iban.to_lowercase(), &[4], " "));
    all
}

fn of_mail(mail: &str) -> Vec<String> {
    let around = [("", ""), ("<", ">"), ("mailto:", ""), ("(", ")."), ("'", "'"), ("[", "]"), ("\"", "\";")];
    let mut all: Vec<String> =
        around.iter().map(|(before, behind)| format!("{before}{mail}{behind}")).collect();
    all.push(mail.to_uppercase());
    all
}

fn of_phone(phone: &str) -> Vec<String> {
    let (area, rest) = phone.split_at(if phone.len() == 9 { 2 } else { 3 });
    let pairs = grouped(rest, &[3, 2], " ");
    vec![
        format!("+49{phone}"),
        format!("+49 {area} {rest}"),
        format!("+49 ({area}) {pairs}"),
        format!("+49 (0) {area} {rest}"),
        format!("+49 (0){area}/{rest}"),
        format!("+49-{area}-{}", grouped(rest, &[3, 4], "-")),
        format!("+49.{area}.{rest}"),
        format!("0049{phone}"),
        format!("0049 {area} {pairs}"),
        format!("0{phone}"),
        format!("0{area}/{rest}"),
        format!("0{area} / {pairs}"),
        format!("(0{area}) {pairs}"),
        format!("0{area} - {rest}"),
        format!("tel:+49{phone}"),
        format!("0{area}\u{a0}{pairs}"),
    ]
}

/// Names of the months in which somebody here is born, in English, German and French.
fn month(number: u8) -> [&'static str; 3] {
    match number {
        1 => ["January", "Januar", "janvier"],
        2 => ["February", "Februar", "février"],
        5 => ["May", "Mai", "mai"],
        7 => ["July", "Juli", "juillet"],
        _ => ["December", "Dezember", "décembre"],
    }
}

fn of_date((year, number, day): (u16, u8, u8)) -> Vec<String> {
    let [english, german, french] = month(number);
    let (short, two) = (&english[..3], year % 100);
    let ordinal = match day {
        3 => "3rd".to_owned(),
        31 => "31st".to_owned(),
        _ => format!("{day}th"),
    };
    vec![
        format!("{year}-{number:02}-{day:02}"),
        format!("{year}/{number:02}/{day:02}"),
        format!("{year}.{number}.{day}."),
        format!("{year}{number:02}{day:02}"),
        format!("{year}-{number:02}-{day:02}T00:00:00Z"),
        format!("{year}-{number:02}-{day:02} 00:00:00"),
        format!("{day}.{number}.{year}"),
        format!("{day:02}. {number:02}. {year}"),
        format!("{day:02}/{number:02}/{year}"),
        format!("{number}/{day}/{year}"),
        format!("{day:02}.{number:02}.{two:02}"),
        format!("{number:02}/{day:02}/{two:02}"),
        format!("{day} {english} {year}"),
        format!("{english} {day}, {year}"),
        format!("{short}. {ordinal}, {year}"),
        format!("{ordinal} of {english} {year}"),
        format!("{day:02}-{short}-{two:02}"),
        format!("{day:02}{}{year}", short.to_uppercase()),
        format!("{day}. {german} {year}"),
        format!("{day} {french} {year}"),
        format!("le {day} {} {year}", french.to_uppercase()),
        format!("{year}年{number}月{day}日"),
    ]
}

/// Each column with all ways to write it, and what stands beside it.
fn writings(person: &Person) -> Vec<(&'static str, Vec<String>, &'static str)> {
    vec![
        ("first", of_words(person.first), person.mail),
        ("last", of_words(person.last), person.ssn),
        ("full", of_full_name(person), person.iban),
        ("ssn", of_number(person.ssn), person.last),
        ("card", of_card(person.card), person.last),
        ("iban", of_iban(person.iban), person.last),
        ("mail", of_mail(person.mail), person.last),
        ("phone", of_phone(person.phone), person.last),
        ("born", of_date(person.born), person.mail),
    ]
}

// ---- where people write them

type Layout = (&'static str, fn(&str, &str) -> Message);

fn page(body: &str) -> Message {
    raw(&format!(
        "Subject: Hello\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A cell as programs write it.
fn cell(text: &str, separator: char) -> String {
    if text.contains([separator, '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn list(name: &str, separator: char, beside: &str, value: &str) -> Message {
    let row = [cell(beside, separator), "active".into(), cell(value, separator), "12.50".into()];
    let table = format!(
        "who{separator}state{separator}what{separator}sum\r\n{}\r\n",
        row.join(&separator.to_string())
    );
    with_files("", &[(name, &table)])
}

const LAYOUTS: &[Layout] = &[
    ("a sentence", |beside, value| mail(&format!("The entry of {beside} is {value} as you know."))),
    ("a form", |beside, value| mail(&format!("Customer: {beside}\r\nEntry: {value}\r\nState: open\r\n"))),
    ("marked up", |beside, value| mail(&format!("*Customer:* {beside}\r\n- **Entry**: {value}\r\n"))),
    ("a reply", |beside, value| {
        mail(&format!("See below.\r\n\r\nAnn wrote:\r\n> Customer {beside}\r\n> Entry {value}\r\n> Bye\r\n"))
    }),
    ("a reply to a reply", |beside, value| mail(&format!("Yes\r\n> > {beside}\r\n> > {value}\r\n> Bye\r\n"))),
    ("a drawn table", |beside, value| {
        mail(&format!("| {beside} | open | {value} |\r\n+----+----+----+\r\n"))
    }),
    ("commas", |beside, value| list("list.csv", ',', beside, value)),
    ("semicolons", |beside, value| list("list.csv", ';', beside, value)),
    ("tabs", |beside, value| list("list.tsv", '\t', beside, value)),
    ("objects", |beside, value| {
        let value = value.replace('"', "\\\"");
        with_files("", &[("list.json", &format!("[{{\"who\": \"{beside}\", \"what\": \"{value}\"}}]"))])
    }),
    ("a page", |beside, value| page(&format!("<p>{} has <b>{}</b></p>", escaped(beside), escaped(value)))),
    ("a table of a page", |beside, value| {
        let cells =
            format!("<td><p>{}</p></td><td>1</td><td><span>{}</span></td>", escaped(beside), escaped(value));
        page(&format!("<table><tr><th>Who</th><th>Entry</th></tr>\r\n<tr>{cells}</tr></table>"))
    }),
    ("hard spaces of a page", |beside, value| {
        page(&format!("<div>{}&nbsp;{}</div>", escaped(beside), escaped(value).replace(' ', "&nbsp;")))
    }),
    ("a sheet", |beside, value| xlsx(&[&["Who", "State", "Entry"], &[beside, "open", value]])),
    ("a sheet that shares its texts", |beside, value| xlsx_of_shared_strings(&[&[beside, "open", value]])),
    ("a document", |beside, value| docx(&[&format!("The entry of {beside} is {value}.")], &[])),
    ("a table of a document", |beside, value| docx(&["Customers"], &[&["Who", "Entry"], &[beside, value]])),
    ("an open document", |beside, value| odt(&["Customers"], &[&["Who", "Entry"], &[beside, value]])),
];

#[test]
fn each_way_of_writing_each_value_is_found_in_each_kind_of_text() {
    let dir = indexed();
    let sets: Vec<(&str, Set)> = COLUMNS.iter().map(|(name, _)| (*name, asking(dir.path(), name))).collect();
    let (mut tried, mut missed) = (0, Vec::new());
    for person in PEOPLE {
        for (column, values, beside) in writings(person) {
            let (_, set) = sets.iter().find(|(name, _)| *name == column).unwrap();
            for value in &values {
                for (layout, make) in LAYOUTS {
                    tried += 1;
                    if make(beside, value).count(set) != Some(1) {
                        missed.push(format!("{column} in {layout}: {value}"));
                    }
                }
            }
        }
    }
    assert!(tried > 7_000, "{tried}");
    assert!(missed.is_empty(), "{} of {tried} missed:\n{}", missed.len(), missed.join("\n"));
}

// ---- line ends

/// Words in lines of no more than 72 characters, as programs wrap them, each line with something in front.
fn wrapped(text: &str, front: &str) -> String {
    let (mut out, mut column) = (front.to_owned(), 0);
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.chars().count() > 72 {
            out += "\r\n";
            out += front;
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += word.chars().count();
    }
    out + "\r\n"
}

#[test]
fn a_value_that_is_wrapped_at_the_end_of_a_line_is_found() {
    let dir = indexed();
    let person = &PEOPLE[0];
    let values = [
        ("ssn", "123 45 6789"),
        ("card", "4111 1111 1111 1111"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("phone", "+49 30 123 45 67"),
        ("born", "3rd of February 1980"),
        ("born", "February 3, 1980"),
        ("full", "Ann O'Brien"),
    ];
    let mut missed = Vec::new();
    for (column, value) in values {
        let set = asking(dir.path(), column);
        let beside = if matches!(column, "born" | "full") { person.mail } else { person.last };
        for before in 0..72 {
            // What stands before it moves it over the end of the line, place by place.
            let filler: String = "lorem ipsum dolor ".chars().cycle().take(before).collect();
            let text =
                format!("{filler}x {beside} has {value} as entry and there is nothing more to say about it");
            for front in ["", "> ", "> > ", ">>"] {
                if mail(&wrapped(&text, front)).count(&set) != Some(1) {
                    missed.push(format!("{column}:\n{}", wrapped(&text, front)));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} missed, as\n{}", missed.len(), missed.concat());
}

#[test]
fn numbers_on_lines_of_their_own_are_numbers_of_their_own() {
    let dir = indexed();
    let set = asking(dir.path(), "ssn");
    let lists =
        ["O'Brien\r\n123\r\n456789\r\n", "O'Brien 123\r\n45\r\n6789\r\n", "O'Brien\t123\t45\t6789\r\n"];
    for list in lists {
        assert_eq!(mail(list).count(&set), None, "{list}");
    }
}
