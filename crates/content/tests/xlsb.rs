//! Binary workbooks whose archive says two things, or that are closed, damaged or packed in an odd way in part: what can be read is read, and the
//! rest is named.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{FileKind, How, Limits, Opened, open_file};
use zip::write::SimpleFileOptions;

fn opened(octets: &[u8]) -> Opened<'_> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let limits = Limits::default();
    let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
    open_file("book.xlsb", octets, &how)
}

fn at(opened: &Opened<'_>, place: &str) -> String {
    let texts = opened.segments.iter().filter(|segment| segment.place == place);
    texts.map(|segment| segment.text.as_ref()).collect::<Vec<_>>().join("\n")
}

fn named(opened: &Opened<'_>) -> Vec<String> {
    opened.unscannable.iter().map(|one| format!("{} {}", one.path, one.reason)).collect()
}

fn string(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    [(units.len() as u32).to_le_bytes().to_vec(), units.into_iter().flat_map(u16::to_le_bytes).collect()]
        .concat()
}

fn record(id: u16, data: &[u8]) -> Vec<u8> {
    let id = if id < 128 { vec![id as u8] } else { vec![id as u8 | 0x80, (id >> 7) as u8] };
    let length = [data.len() as u8 | 0x80, (data.len() >> 7) as u8];
    [&id[..], &length, data].concat()
}

fn sheet(text: &str) -> Vec<u8> {
    [record(0, &[0; 17]), record(6, &[&[0; 8][..], &string(text)].concat())].concat()
}

/// A workbook with two sheets, its folder being called so.
fn book(folder: &str) -> Vec<u8> {
    let title = |link: &str, name: &str| record(156, &[&[0; 8][..], &string(link), &string(name)].concat());
    let types = "<Types><Default Extension='bin' ContentType='application/vnd.ms-excel.sheet.binary.macroEnabled.main'/></Types>";
    let relation = |id: &str, kind: &str, target: &str| {
        format!(
            "<Relationship Id='{id}' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}' Target='{target}'/>"
        )
    };
    let of_package = format!(
        "<Relationships>{}</Relationships>",
        relation("a", "officeDocument", &format!("{folder}/workbook.bin"))
    );
    let of_book = format!(
        "<Relationships>{}{}</Relationships>",
        relation("r1", "worksheet", "one.bin"),
        relation("r2", "worksheet", "two.bin")
    );
    let workbook = [title("r1", "First"), title("r2", "Second")].concat();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in [
        ("[Content_Types].xml".to_owned(), types.as_bytes().to_vec()),
        ("_rels/.rels".to_owned(), of_package.into_bytes()),
        (format!("{folder}/workbook.bin"), workbook),
        (format!("{folder}/_rels/workbook.bin.rels"), of_book.into_bytes()),
        (format!("{folder}/one.bin"), sheet("4111 1111")),
        (format!("{folder}/two.bin"), sheet("5500 0055")),
    ] {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file(name, options).expect("a file");
        writer.write_all(&octets).expect("octets");
    }
    writer.finish().expect("an archive").into_inner()
}

/// Where the header of an entry begins, of that signature.
fn header(octets: &[u8], signature: &[u8], name: &str) -> usize {
    let length = if signature == b"PK\x03\x04" { 30 } else { 46 };
    let is_there = |at: &usize| {
        octets[*at..].starts_with(signature) && octets[at + length..].starts_with(name.as_bytes())
    };
    (0..octets.len() - length - name.len()).find(is_there).expect("a header")
}

/// Sets two octets of both headers of the first sheet, which have them at different places.
fn with(mut octets: Vec<u8>, local: usize, value: u16) -> Vec<u8> {
    for (signature, more) in [(b"PK\x03\x04", 0), (b"PK\x01\x02", 2)] {
        let at = header(&octets, signature, "xl/one.bin") + local + more;
        octets[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    octets
}

#[test]
fn sheets_are_read_wherever_the_folder_is() {
    for folder in ["xl", "else"] {
        let octets = book(folder);
        let book = opened(&octets);
        assert_eq!(
            (at(&book, "First!A1").as_str(), at(&book, "Second!A1").as_str()),
            ("4111 1111", "5500 0055"),
            "{folder}"
        );
        assert_eq!((named(&book), book.ambiguous.len()), (vec![], 0), "{folder}");
    }
    assert_eq!(opened(&book("xl")).parts[0].kind, FileKind::Xlsb);
}

#[test]
fn two_directories_that_disagree_are_both_read() {
    let mut octets = book("xl");
    let local = header(&octets, b"PK\x03\x04", "xl/one.bin") + 30;
    octets[local..local + 10].copy_from_slice(b"xl/oho.bin");
    let book = opened(&octets);
    assert_eq!(at(&book, "First!A1"), "4111 1111");
    assert_eq!(book.ambiguous.len(), 1);
    // One that only the local headers know.
    let mut octets = self::book("xl");
    let central = header(&octets, b"PK\x01\x02", "xl/two.bin");
    octets[central..central + 4].copy_from_slice(b"none");
    let book = opened(&octets);
    assert_eq!((at(&book, "First!A1").as_str(), at(&book, "Second!A1").as_str()), ("4111 1111", "5500 0055"));
    assert!(!book.ambiguous.is_empty());
}

#[test]
fn sheets_that_are_closed_or_packed_in_an_unknown_way_are_named_and_the_others_read() {
    for (octets, reason) in [
        (with(book("xl"), 6, 1), "xl/one.bin encrypted"),
        (with(book("xl"), 8, 6), "xl/one.bin unsupported type zip"),
        (with(book("xl"), 8, 97), "xl/one.bin unsupported type zip"),
    ] {
        let book = opened(&octets);
        assert_eq!(named(&book), [reason]);
        assert_eq!((at(&book, "First!A1").as_str(), at(&book, "Second!A1").as_str()), ("", "5500 0055"));
    }
}

#[test]
fn a_sheet_that_is_cut_off_is_named_and_read_as_far_as_it_goes() {
    let mut octets = book("xl");
    // The text's record says that it is longer than the part.
    let text = string("4111 1111");
    let at_text = octets.windows(text.len()).position(|window| window == text).expect("the text");
    octets[at_text - 9] = 1;
    // The checksum is of the octets as they were.
    let crc = {
        let from = header(&octets, b"PK\x03\x04", "xl/one.bin") + 30 + 10;
        let mut crc = flate2::Crc::new();
        crc.update(&octets[from..at_text + text.len()]);
        crc.sum()
    };
    for (signature, place) in [(b"PK\x03\x04", 14), (b"PK\x01\x02", 16)] {
        let at = header(&octets, signature, "xl/one.bin") + place;
        octets[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    }
    let book = opened(&octets);
    assert_eq!(named(&book), ["xl/one.bin corrupt"]);
    assert_eq!(at(&book, "First!A1"), "4111 1111");
}
