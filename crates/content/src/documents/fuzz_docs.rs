//! Fuzz bodies of the document readers: any octets in, small bounds, no panic, and never more out than allowed.

use std::time::{Duration, Instant};

use super::InProcess;
use crate::{DocumentItem, DocumentRequest, Documents, FileKind, Limits};

/// Those of the seeds, without which no target gets behind an encryption.
pub(super) const PASSWORDS: [&str; 5] = ["tulip7", "hello", "tika", "password", "secret"];

fn body(kind: FileKind, octets: &[u8]) {
    let limits = Limits { octets_out: 8 << 20, parts: 500, ..Limits::default() };
    let deadline = Instant::now() + Duration::from_secs(5);
    let passwords = PASSWORDS.map(str::to_owned);
    let name = Some("fuzz");
    let request = DocumentRequest { kind, name, octets, limits: &limits, deadline, passwords: &passwords };
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

/// An encrypted document; what says how an Office package or a part of OpenDocument is encrypted: a length, so many octets of that,
/// then the package; and the stream of an encrypted workbook.
pub fn encrypted(octets: &[u8]) {
    if octets.starts_with(b"\xd0\xcf\x11\xe0") {
        return body(FileKind::Doc, octets);
    }
    if octets.starts_with(b"PK") {
        return body(FileKind::Odt, octets);
    }
    let _unlocked = unlocks(octets, Duration::from_millis(50));
}

/// Whether one of the passwords opens what is encrypted.
fn unlocks(octets: &[u8], time: Duration) -> bool {
    let Some(([low, high], rest)) = octets.split_first_chunk::<2>() else { return false };
    let (info, package) = rest.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(rest.len()));
    let limits = Limits { octets_out: 8 << 20, ..Limits::default() };
    let deadline = Instant::now() + time;
    let passwords = PASSWORDS.map(str::to_owned);
    let kind = FileKind::Cfb;
    let request =
        DocumentRequest { kind, name: None, octets, limits: &limits, deadline, passwords: &passwords };
    let mut out = super::Output::new(&request);
    let clear = super::encrypted::decrypt(info, package, &mut out);
    assert!(clear.as_ref().map_or(0, Vec::len) <= package.len());
    let workbook = super::encrypted::workbook(octets, &mut out);
    let parts = super::odf::unlock(info, package, &request, &mut super::Output::new(&request));
    clear.is_ok() || workbook.is_ok_and(|clear| clear.is_some()) || parts > 0
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

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_of_encryption_leads_behind_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/encrypted");
        let mut seeds = 0;
        for seed in std::fs::read_dir(folder).expect(folder).flatten() {
            let octets = std::fs::read(seed.path()).expect(folder);
            assert!(super::unlocks(&octets, super::Duration::from_secs(60)), "{}", seed.path().display());
            seeds += 1;
        }
        assert_eq!(seeds, 9);
    }
}
