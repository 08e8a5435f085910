//! Bodies of the fuzz targets for containers and zip-based documents: any octets in; no panic, and the budget is kept.

use std::time::{Duration, Instant};

use super::InProcess;
use crate::{DocumentAnswer, DocumentItem, DocumentRequest, Documents, FileKind, Limits};

/// A target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("zip", zip),
    ("tar", tar),
    ("packed", packed),
    ("sevenzip", sevenzip),
    ("cab", cab),
    ("iso", iso),
    ("archives", archives),
    ("closed", closed),
    ("ooxml", ooxml),
    ("odf", odf),
    ("picture", picture),
    ("frames", frames),
];

/// Zip archives.
pub fn zip(octets: &[u8]) {
    check(FileKind::Zip, octets);
}

/// Tar archives.
pub fn tar(octets: &[u8]) {
    check(FileKind::Tar, octets);
}

/// Compressed files of every kind.
pub fn packed(octets: &[u8]) {
    for kind in [FileKind::Gzip, FileKind::Bzip2, FileKind::Xz, FileKind::Lzma, FileKind::Zstd] {
        check(kind, octets);
    }
}

/// 7z archives.
pub fn sevenzip(octets: &[u8]) {
    check(FileKind::SevenZip, octets);
}

/// Cabinets.
pub fn cab(octets: &[u8]) {
    check(FileKind::Cab, octets);
}

/// Disk images.
pub fn iso(octets: &[u8]) {
    check(FileKind::Iso, octets);
}

/// `ar`, RPM and cpio.
pub fn archives(octets: &[u8]) {
    check(FileKind::Ar, octets);
    check(FileKind::Rpm, octets);
    check(FileKind::Cpio, octets);
}

/// Archives that are only named.
pub fn closed(octets: &[u8]) {
    for kind in [FileKind::Rar, FileKind::Arj, FileKind::Lha, FileKind::Ace] {
        check(kind, octets);
    }
}

/// Office Open XML: as a package, and as a part of one.
pub fn ooxml(octets: &[u8]) {
    check(FileKind::Docx, octets);
    for name in ["word/document.xml", "xl/worksheets/sheet1.xml", "ppt/slides/slide1.xml", "xl/styles.xml"] {
        check(FileKind::Xlsx, &alone(name, octets));
    }
    for name in ["xl/workbook.bin", "xl/worksheets/sheet1.bin", "xl/sharedStrings.bin", "xl/comments1.bin"] {
        check(FileKind::Xlsb, &alone(name, octets));
    }
}

/// OpenDocument: as a package, and as its content.
pub fn odf(octets: &[u8]) {
    check(FileKind::Ods, octets);
    check(FileKind::Epub, octets);
    check(FileKind::Odt, &alone("content.xml", octets));
}

/// Metafiles.
pub fn picture(octets: &[u8]) {
    let text = super::picture::text(octets);
    // A record of octets gives no more than three octets of text for each of them.
    assert!(text.is_none_or(|text| text.len() <= octets.len() * 3));
}

/// What a worker and its pool read from each other.
pub fn frames(octets: &[u8]) {
    crate::worker::check_frames(octets);
}

fn check(kind: FileKind, octets: &[u8]) {
    let limits = Limits { octets_out: 4 << 20, parts: 200, ..Limits::default() };
    let passwords = super::fuzz_docs::PASSWORDS.map(str::to_owned);
    let answer = InProcess.open(&DocumentRequest {
        kind,
        name: Some("name.gz"),
        octets,
        limits: &limits,
        deadline: Instant::now() + Duration::from_secs(20),
        passwords: &passwords,
    });
    keeps_to(&limits, &answer);
    crate::worker::check_answer(&answer);
}

fn keeps_to(limits: &Limits, answer: &DocumentAnswer) {
    let size = |item: &DocumentItem| match item {
        DocumentItem::Text { text, .. } => text.len() as u64,
        DocumentItem::File { octets, .. } => octets.len() as u64,
    };
    assert!(answer.items.iter().map(size).sum::<u64>() <= limits.octets_out);
    for item in &answer.items {
        let DocumentItem::Text { text, rows, .. } = item else { continue };
        crate::fuzz::rows_lie_in(text, rows);
    }
    let files = answer.items.iter().filter(|item| matches!(item, DocumentItem::File { .. })).count();
    assert!(files <= limits.parts as usize);
}

/// A zip archive with one stored file.
fn alone(name: &str, octets: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    let size = (octets.len() as u32).to_le_bytes();
    let length = (name.len() as u16).to_le_bytes();
    let common =
        [&[20, 0, 0, 0, 0, 0, 0, 0, 33, 0], &crc.sum().to_le_bytes()[..], &size, &size, &length, &[0; 2]]
            .concat();
    let local = [b"PK\x03\x04", common.as_slice(), name.as_bytes(), octets].concat();
    let record = [b"PK\x01\x02\x14\0", common.as_slice(), &[0; 14], name.as_bytes()].concat();
    let end =
        [&(record.len() as u32).to_le_bytes()[..], &(local.len() as u32).to_le_bytes(), &[0; 2]].concat();
    [local.as_slice(), &record, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &end].concat()
}
