//! RPM packages: what they say of themselves, and the files of the cpio archive that they carry.

use super::{Output, cpio, packed};
use crate::{DocumentRequest, FileKind, Kind, Reason};

const LEAD: usize = 96;
/// Tags of texts that people read: name, summary, description, packager, changes.
const TEXTS: &[u32] = &[1000, 1004, 1005, 1011, 1014, 1015, 1020, 1081, 1082];

/// Every file of the package.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let signature = header(request.octets, LEAD).ok_or(Reason::Corrupt)?;
    let main = header(request.octets, signature.end.next_multiple_of(8)).ok_or(Reason::Corrupt)?;
    properties(&main, out)?;
    let payload = request.octets.get(main.end..).unwrap_or_default();
    let kind = match crate::detect(payload, None) {
        kind @ (FileKind::Gzip | FileKind::Bzip2 | FileKind::Xz | FileKind::Zstd) => kind,
        FileKind::Cpio => return cpio::read(payload, out),
        _ => FileKind::Lzma,
    };
    out.at("payload");
    let (archive, read) = packed::unpack(kind, payload, out)?;
    cpio::read(&archive, out)?;
    out.at("payload");
    read
}

/// A header structure: an index of entries, then a store.
struct Header<'a> {
    index: &'a [u8],
    store: &'a [u8],
    end: usize,
}

fn header(octets: &[u8], at: usize) -> Option<Header<'_>> {
    let head = octets.get(at..at + 16).filter(|head| head.starts_with(b"\x8e\xad\xe8"))?;
    let index_end = (at + 16).checked_add((big(head, 8) as usize).checked_mul(16)?)?;
    let end = index_end.checked_add(big(head, 12) as usize)?;
    Some(Header { index: octets.get(at + 16..index_end)?, store: octets.get(index_end..end)?, end })
}

fn properties(header: &Header<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    for entry in header.index.chunks_exact(16).filter(|entry| TEXTS.contains(&big(entry, 0))) {
        let from = header.store.get(big(entry, 8) as usize..).unwrap_or_default();
        let count = big(entry, 12).min(1_000) as usize;
        let strings = from.split(|octet| *octet == 0).take(count);
        let text: Vec<_> = strings.map(crate::charset::utf8_or_guess).collect();
        out.text("properties", Kind::Property, text.join("\n"))?;
    }
    Ok(())
}

fn big(octets: &[u8], at: usize) -> u32 {
    octets.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}
