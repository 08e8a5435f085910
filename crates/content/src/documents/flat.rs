//! Documents that are one XML file: Word's and Excel's of 2003, packages written flat, OpenDocument written flat. Runs are joined, and
//! the files that are written in them as base64 come out as files.

use super::ooxml;
use super::xml::{Node, walk};
use super::{Output, odf};
use crate::{DocumentRequest, Kind, Reason, charset, transfer};

/// What the programs look for, and how the text is told.
const VOCABULARIES: &[(&str, Vocabulary)] = &[
    ("urn:oasis:names:tc:opendocument:xmlns:office", Vocabulary::OpenDocument),
    ("urn:schemas-microsoft-com:office:spreadsheet", Vocabulary::Cells),
    ("http://schemas.microsoft.com/office/word/2003/wordml", Vocabulary::Runs),
    ("http://schemas.microsoft.com/office/2006/xmlPackage", Vocabulary::Runs),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    OpenDocument,
    Cells,
    Runs,
}

/// Whether a text is such a document.
pub(crate) fn is_one(octets: &[u8]) -> bool {
    let begins = octets.iter().take(64).any(|octet| *octet == b'<');
    begins && vocabulary(&charset::decode(octets, None).text).is_some()
}

fn vocabulary(text: &str) -> Option<Vocabulary> {
    let found = |name: &str| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some();
    VOCABULARIES.iter().find(|(name, _)| found(name)).map(|(_, vocabulary)| *vocabulary)
}

/// Every text of the document, and the files in it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    let read = match vocabulary(&charset::decode(octets, None).text) {
        None => return Err(Reason::Unsupported(request.kind)),
        Some(Vocabulary::OpenDocument) => odf::flat(octets, out),
        Some(Vocabulary::Cells) => cells(octets, out),
        Some(Vocabulary::Runs) => ooxml::runs(octets, out),
    };
    // Damage takes the text behind it, not the files before it.
    match read {
        Ok(()) | Err(Reason::Corrupt) => files(octets, out).and(read),
        Err(reason) => Err(reason),
    }
}

/// Excel's sheets, each cell a line: it may hold text in several looks.
fn cells(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let (mut sheet, mut text, mut inside) = (String::new(), String::new(), false);
    let read = walk(octets, |node| {
        match node {
            Node::Start("Worksheet", attributes) => {
                sheet = attributes.get("Name").unwrap_or_default().into_owned();
                out.text("sheet name", Kind::Text, sheet.as_str())?;
            }
            Node::Start("Data", _) => inside = true,
            Node::End("Data") => {
                inside = false;
                text.push('\n');
            }
            Node::End("Worksheet") => out.text(&sheet, Kind::Text, std::mem::take(&mut text))?,
            Node::Text(piece) if inside => text.push_str(piece),
            _ => {}
        }
        Ok(())
    });
    out.text(&sheet, Kind::Text, text)?;
    read
}

/// Elements whose text is a file, and the attributes that may name it.
const FILES: &[&str] = &["binData", "binaryData", "binary-data"];

fn files(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let (mut name, mut text, mut inside) = (String::new(), String::new(), false);
    walk(octets, |node| {
        match node {
            Node::Start(element, attributes) => {
                let named =
                    attributes.get("name").filter(|_| matches!(element, "part" | "binData" | "image"));
                name = named.map_or_else(|| std::mem::take(&mut name), std::borrow::Cow::into_owned);
                inside = FILES.contains(&element);
            }
            Node::End(element) if FILES.contains(&element) => {
                inside = false;
                let octets = transfer::base64(std::mem::take(&mut text).as_bytes()).octets;
                let file = name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("object");
                out.spend(octets.len() as u64)?;
                out.file(file.to_owned(), octets)?;
            }
            Node::Text(piece) if inside => text.push_str(piece),
            _ => {}
        }
        Ok(())
    })
}
