//! Compressed files and tar archives.

use std::io::{Cursor, Read};

use super::Output;
use crate::{DocumentRequest, FileKind, Reason};

/// What a compressed file unpacks to; all of its members.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    let (unpacked, read) = match request.kind {
        FileKind::Gzip => out.read(flate2::read::MultiGzDecoder::new(octets)),
        FileKind::Bzip2 => out.read(bzip2::read::MultiBzDecoder::new(octets)),
        FileKind::Xz => out.read(lzma_rust2::XzReader::new(octets, true)),
        FileKind::Zstd => zstd(octets, out),
        other => return Err(Reason::Unsupported(other)),
    };
    let name = request.name.unwrap_or("content");
    let inner = [".gz", ".bz2", ".xz", ".zst", ".tgz"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or("content");
    if !unpacked.is_empty() {
        out.file(inner.to_owned(), unpacked)?;
    }
    read
}

fn zstd(octets: &[u8], out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let mut rest = octets;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let Ok(decoder) = ruzstd::decoding::StreamingDecoder::new(&mut rest) else {
            return (all, Err(Reason::Corrupt));
        };
        let (unpacked, read) = out.read(decoder);
        all.extend(unpacked);
        if read.is_err() {
            return (all, read);
        }
    }
    (all, Ok(()))
}

/// Every file of a tar archive.
pub(super) fn tar(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = tar::Archive::new(Cursor::new(request.octets));
    for entry in archive.entries().map_err(|_| Reason::Corrupt)? {
        let mut entry = entry.map_err(|_| Reason::Corrupt)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (octets, read) = out.read(entry.by_ref());
        out.file(name, octets)?;
        read?;
    }
    Ok(())
}
