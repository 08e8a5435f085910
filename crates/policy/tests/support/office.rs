//! Small documents of office programs, made by hand.

// Each test file uses some of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use crate::support::{Message, raw};
use base64::Engine;

/// A mail with a file.
fn attached(name: &str, octets: &[u8]) -> Message {
    let text = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> =
        text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    raw(&format!(
        "Subject: Hello\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{}\r\n--xx--\r\n",
        lines.join("\r\n")
    ))
}

/// A sheet whose cells hold their texts.
pub fn xlsx(rows: &[&[&str]]) -> Message {
    workbook(
        rows,
        &|text, _| format!(" t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is>", xml(text)),
        ("", ""),
    )
}

/// A sheet whose texts stand apart, as Excel writes them.
pub fn xlsx_of_shared_strings(rows: &[&[&str]]) -> Message {
    let texts: String = rows.concat().iter().map(|text| format!("<si><t>{}</t></si>", xml(text))).collect();
    let shared =
        format!("<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{texts}</sst>");
    workbook(rows, &|_, number| format!(" t=\"s\"><v>{number}</v>"), ("sharedStrings", &shared))
}

/// A sheet whose numbers look otherwise than they are stored: with a comma behind thousands, and two decimals.
pub fn xlsx_with_formats(rows: &[&[&str]]) -> Message {
    let styles = format!(
        "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"4\"/></cellXfs></styleSheet>"
    );
    workbook(
        rows,
        &|text, _| match text.parse::<f64>() {
            Ok(_) => format!(" s=\"1\"><v>{text}</v>"),
            Err(_) => format!(" t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is>", xml(text)),
        },
        ("styles", &styles),
    )
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

fn workbook(rows: &[&[&str]], cell: &dyn Fn(&str, usize) -> String, beside: (&str, &str)) -> Message {
    let (mut data, mut number) = (String::new(), 0);
    for (at, row) in rows.iter().enumerate() {
        data += &format!("<row r=\"{}\">", at + 1);
        for (column, text) in row.iter().enumerate() {
            let letter = char::from(b'A' + column as u8);
            data += &format!("<c r=\"{letter}{}\"{}</c>", at + 1, cell(text, number));
            number += 1;
        }
        data += "</row>";
    }
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{data}</sheetData></worksheet>");
    let book = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"List\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let mut links = vec![("rId1", "worksheet", "worksheets/sheet1.xml")];
    let mut parts = vec![("xl/workbook.xml", book), ("xl/worksheets/sheet1.xml", sheet)];
    let (what, text) = beside;
    let (file, path) = (format!("{what}.xml"), format!("xl/{what}.xml"));
    if !text.is_empty() {
        links.push(("rId2", what, &file));
        parts.push((&path, text.to_owned()));
    }
    parts.push(("xl/_rels/workbook.xml.rels", relations(&links)));
    parts.push(("_rels/.rels", relations(&[("rId1", "officeDocument", "xl/workbook.xml")])));
    parts.insert(0, ("[Content_Types].xml", types("xl/workbook.xml", "spreadsheetml.sheet")));
    attached("list.xlsx", &zip(&parts))
}

/// Paragraphs, and behind them a table.
pub fn docx(paragraphs: &[&str], rows: &[&[&str]]) -> Message {
    let paragraph =
        |text: &&str| format!("<w:p><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>", xml(text));
    let cell = |text: &&str| format!("<w:tc>{}</w:tc>", paragraph(text));
    let row = |row: &&[&str]| format!("<w:tr>{}</w:tr>", row.iter().map(cell).collect::<String>());
    let body: String = paragraphs.iter().map(paragraph).collect();
    let table: String = rows.iter().map(row).collect();
    let document = format!(
        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{body}<w:tbl>{table}</w:tbl></w:body></w:document>"
    );
    let parts = [
        ("[Content_Types].xml", types("word/document.xml", "wordprocessingml.document")),
        ("_rels/.rels", relations(&[("rId1", "officeDocument", "word/document.xml")])),
        ("word/document.xml", document),
    ];
    attached("list.docx", &zip(&parts))
}

/// The same as an OpenDocument text.
pub fn odt(paragraphs: &[&str], rows: &[&[&str]]) -> Message {
    let paragraph = |text: &&str| format!("<text:p>{}</text:p>", xml(text));
    let cell = |text: &&str| format!("<table:table-cell>{}</table:table-cell>", paragraph(text));
    let row = |row: &&[&str]| {
        format!("<table:table-row>{}</table:table-row>", row.iter().map(cell).collect::<String>())
    };
    let body: String = paragraphs.iter().map(paragraph).collect();
    let table: String = rows.iter().map(row).collect();
    let content = format!(
        "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\"><office:body><office:text>{body}<table:table>{table}</table:table></office:text></office:body></office:document-content>"
    );
    let parts =
        [("mimetype", "application/vnd.oasis.opendocument.text".to_owned()), ("content.xml", content)];
    attached("list.odt", &zip(&parts))
}

const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn relations(all: &[(&str, &str, &str)]) -> String {
    let each = |(id, kind, target): &(&str, &str, &str)| {
        format!("<Relationship Id=\"{id}\" Type=\"{RELATIONS}/{kind}\" Target=\"{target}\"/>")
    };
    let all: String = all.iter().map(each).collect();
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{all}</Relationships>"
    )
}

fn types(main: &str, kind: &str) -> String {
    format!(
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/{main}\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}.main+xml\"/></Types>"
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An archive that packs nothing.
fn zip(parts: &[(&str, String)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let (length, offset) = (text.len() as u32, out.len() as u32);
        let mut fields = vec![10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for field in [crc32(text.as_bytes()), length, length] {
            fields.extend_from_slice(&field.to_le_bytes());
        }
        fields.extend_from_slice(&(name.len() as u16).to_le_bytes());
        fields.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&fields);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(text.as_bytes());
        directory.extend_from_slice(b"PK\x01\x02\x0a\0");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (count, at, length) = (parts.len() as u16, out.len() as u32, directory.len() as u32);
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for field in [count, count] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for field in [length, at] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(&[0, 0]);
    out
}

fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
