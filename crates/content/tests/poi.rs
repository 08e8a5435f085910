//! Documents that Word, Excel, PowerPoint and Outlook made (`samples/poi`): their macros, binary workbooks and messages are read in their places.

use std::io::Read;
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{FileKind, How, Kind, Limits, Opened, open_file};

fn sample(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/poi").join(name);
    let octets = std::fs::read(path).expect("sample");
    if !name.ends_with(".gz") {
        return octets;
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(octets.as_slice()).read_to_end(&mut unpacked).expect("gzip");
    unpacked
}

fn opened<'m>(name: &str, octets: &'m [u8]) -> Opened<'m> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let limits = Limits::default();
    let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
    open_file(name, octets, &how)
}

#[track_caller]
fn holds(opened: &Opened<'_>, place: &str, kind: Kind, text: &str) {
    let found = |place: &str| {
        let all = opened.segments.iter().filter(|found| place.is_empty() || found.place == *place);
        all.map(|found| format!("{} {:?} {:?}", opened.path_of(found), found.kind, &*found.text))
            .collect::<Vec<_>>()
    };
    let same = |found: &content::Segment<'_>| {
        found.place == *place && found.kind == kind && found.text.contains(text)
    };
    assert!(opened.segments.iter().any(same), "{text} as {kind:?} at {place:?} in {:#?}", found(""));
}

#[test]
fn macros_are_read_in_every_kind_of_document() {
    for (name, kind) in [
        ("SimpleMacro.doc", FileKind::Doc),
        ("SimpleMacro.docm", FileKind::Docm),
        ("SimpleMacro.xls", FileKind::Xls),
        ("SimpleMacro.xlsm", FileKind::Xlsm),
        ("SimpleMacro.ppt.gz", FileKind::Ppt),
        ("SimpleMacro.pptm", FileKind::Pptm),
    ] {
        let octets = sample(name);
        let opened = opened(name, &octets);
        assert_eq!(opened.parts[0].kind, kind);
        let scripts: Vec<_> = opened.segments.iter().filter(|found| found.kind == Kind::Script).collect();
        let text = scripts.iter().map(|found| &*found.text).collect::<String>();
        assert!(text.contains("Sub TestMacro()") && text.contains("This is a macro"), "{name}: {text}");
        assert_eq!(opened.unscannable, [], "{name}");
    }
}

#[test]
fn a_binary_workbook_gives_what_the_other_workbooks_give() {
    let octets = sample("testVarious.xlsb");
    let book = opened("testVarious.xlsb", &octets);
    assert_eq!((book.parts[0].kind, &book.unscannable[..]), (FileKind::Xlsb, &[][..]));
    for (place, kind, text) in [
        ("sheet name", Kind::Text, "mySheet1"),
        ("mySheet1!B1", Kind::Text, "This is a string"),
        ("mySheet1!header", Kind::Text, "OddLeftHeader"),
        ("mySheet1!footer", Kind::Text, "FirstPageRightFooter"),
        ("mySheet1!comments", Kind::Attribute, "Allison, Timothy B."),
        ("mySheet1!A23", Kind::Comment, "comment1"),
        ("links", Kind::Link, "http://tika.apache.org/"),
        ("chart1", Kind::Text, "merchant1"),
    ] {
        holds(&book, place, kind, text);
    }
    let octets = sample("comments.xlsb");
    let book = opened("comments.xlsb", &octets);
    holds(&book, "Sheet1!A1", Kind::Comment, "comment top row1 (index0)");
    holds(&book, "Sheet1!B1", Kind::Text, "row1");
    let octets = sample("WithTextBox.xlsb");
    holds(&opened("WithTextBox.xlsb", &octets), "drawing1", Kind::Text, "Line 1");
}

#[test]
fn a_number_in_a_binary_workbook_is_read_as_shown_and_as_stored_and_counts_once() {
    let octets = sample("testVarious.xlsb");
    let book = opened("testVarious.xlsb", &octets);
    let at = |place: &str| -> Vec<_> {
        let all = book.segments.iter().filter(|found| found.place == *place);
        all.map(|found| (found.kind, found.text.to_string(), found.view.map(|view| view.index))).collect()
    };
    assert_eq!(
        at("mySheet1!B4"),
        [(Kind::Text, "$3.03".to_owned(), Some(0)), (Kind::Hidden, "3.03".to_owned(), Some(1))]
    );
}

#[test]
fn messages_of_outlook_give_subject_body_people_and_attachments() {
    let octets = sample("example_received_unicode.msg");
    let message = opened("m.msg", &octets);
    assert_eq!((message.parts[0].kind, &message.unscannable[..]), (FileKind::Msg, &[][..]));
    holds(&message, "subject", Kind::Text, "This is a test");
    let octets = sample("attachment_test_msg.msg");
    let message = opened("m.msg", &octets);
    let names: Vec<_> = message.parts.iter().filter_map(|part| part.name.as_deref()).collect();
    assert!(names.len() > 1, "{names:?}");
    let octets = sample("cyrillic_message.msg");
    let message = opened("m.msg", &octets);
    let text = message.segments.iter().map(|found| &*found.text).collect::<String>();
    assert!(text.chars().any(|c| ('а'..='я').contains(&c)), "{text}");
}
