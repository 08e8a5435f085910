//! Fuzz bodies of the document readers: any octets in, small bounds, no panic, and never more out than allowed.

use std::time::{Duration, Instant};

use super::InProcess;
use crate::{DocumentItem, DocumentRequest, Documents, FileKind, Limits};

fn body(kind: FileKind, octets: &[u8]) {
    let limits = Limits { octets_out: 8 << 20, parts: 500, ..Limits::default() };
    let deadline = Instant::now() + Duration::from_secs(5);
    let request =
        DocumentRequest { kind, name: Some("fuzz"), octets, limits: &limits, deadline, passwords: &[] };
    let answer = InProcess.open(&request);
    let texts = answer.items.iter().map(|item| match item {
        DocumentItem::Text { text, .. } => text.len() as u64,
        DocumentItem::File { octets, .. } => octets.len() as u64,
    });
    assert!(texts.sum::<u64>() <= limits.octets_out + (1 << 20), "{kind} gave more than its bound");
}

/// A PDF.
pub fn pdf(octets: &[u8]) {
    body(FileKind::Pdf, octets);
}

/// RTF.
pub fn rtf(octets: &[u8]) {
    body(FileKind::Rtf, octets);
}

/// A Word document.
pub fn doc(octets: &[u8]) {
    body(FileKind::Doc, octets);
}

/// An Excel workbook, as a file and as its bare stream.
pub fn xls(octets: &[u8]) {
    body(FileKind::Xls, octets);
    let limits = Limits { octets_out: 8 << 20, ..Limits::default() };
    let deadline = Instant::now() + Duration::from_secs(5);
    let kind = FileKind::Xls;
    let request = DocumentRequest { kind, name: None, octets, limits: &limits, deadline, passwords: &[] };
    let mut out = super::Output::new(&request);
    // Whether the stream is whole is not the question here.
    let _read = super::xls::read(octets, "", &mut out);
}

/// A PowerPoint presentation.
pub fn ppt(octets: &[u8]) {
    body(FileKind::Ppt, octets);
}

/// An Outlook message.
pub fn msg(octets: &[u8]) {
    body(FileKind::Msg, octets);
}

/// A binary workbook in a zip.
pub fn xlsb(octets: &[u8]) {
    body(FileKind::Xlsb, octets);
}

/// An SQLite database.
pub fn sqlite(octets: &[u8]) {
    body(FileKind::Sqlite, octets);
}

/// A picture of any kind.
pub fn image(octets: &[u8]) {
    for kind in [FileKind::Png, FileKind::Jpeg, FileKind::Gif, FileKind::Tiff, FileKind::Webp, FileKind::Heic]
    {
        body(kind, octets);
    }
}

/// Pictures of any kind as pixels, and those in a PDF.
pub fn pixels(octets: &[u8]) {
    use FileKind::{Bmp, Gif, Jpeg, Pdf, Png, Tiff, Webp};
    let limits = Limits { octets_out: 64 << 20, parts: 50, ratio: 1_000_000, ..Limits::default() };
    for kind in [Png, Jpeg, Gif, Tiff, Webp, Bmp, Pdf] {
        let deadline = Instant::now() + Duration::from_secs(5);
        let request = DocumentRequest { kind, name: None, octets, limits: &limits, deadline, passwords: &[] };
        let mut out = super::Output::new(&request);
        super::read(super::Wanted::Pixels, &request, &mut out);
        for item in out.finish().items {
            assert!(matches!(item, DocumentItem::File { octets, .. } if octets.starts_with(b"P5\n")));
        }
    }
}

/// What says how an Office package or a part of OpenDocument is encrypted: a length, so many octets of that, then the package; and an
/// encrypted workbook.
pub fn encrypted(octets: &[u8]) {
    let Some(([low, high], rest)) = octets.split_first_chunk::<2>() else { return };
    let (info, package) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
    let limits = Limits { octets_out: 8 << 20, ..Limits::default() };
    let deadline = Instant::now() + Duration::from_millis(300);
    let passwords = ["secret".to_owned()];
    let kind = FileKind::Cfb;
    let request =
        DocumentRequest { kind, name: None, octets, limits: &limits, deadline, passwords: &passwords };
    let mut out = super::Output::new(&request);
    if let Ok(clear) = super::encrypted::decrypt(info, package, &mut out) {
        assert!(clear.len() <= package.len());
    }
    let _clear = super::encrypted::workbook(octets, &mut out);
    super::odf::unlock(info, package, &request, &mut super::Output::new(&request));
}

/// A document that is one XML file.
pub fn flat(octets: &[u8]) {
    body(FileKind::Xml, octets);
    for start in [
        "<a xmlns='urn:oasis:names:tc:opendocument:xmlns:office'>",
        "<a xmlns='urn:schemas-microsoft-com:office:spreadsheet'>",
        "<a xmlns='http://schemas.microsoft.com/office/2006/xmlPackage'>",
    ] {
        body(FileKind::Xml, &[start.as_bytes(), octets].concat());
    }
}

/// A file of Pages, Numbers or Keynote.
pub fn iwa(octets: &[u8]) {
    body(FileKind::Iwa, octets);
}

/// A section of a notebook of OneNote.
pub fn onenote(octets: &[u8]) {
    body(FileKind::OneNote, octets);
}
