//! Compressed files: every member, and what stands behind the last one.

use std::io::Read;

use super::Output;
use crate::{AmbiguityReason, DocumentRequest, FileKind, Kind, Reason};

/// Dictionaries and windows beyond this are refused before memory is taken (octets).
pub(super) const LARGEST_DICTIONARY: u32 = 256 << 20;

/// What a compressed file unpacks to: its members as one file, as its program would write it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let name = inner_name(request.name.unwrap_or_default());
    out.at(&name);
    let (unpacked, read) = unpack(request.kind, request.octets, out)?;
    if unpacked.is_empty() {
        return read;
    }
    match read {
        Ok(()) | Err(Reason::Corrupt) => out.file(name, unpacked)?,
        Err(_) => out.partial_file(name, unpacked)?,
    }
    read
}

/// Unpacks a compressed stream of that kind.
pub(super) fn unpack(
    kind: FileKind,
    octets: &[u8],
    out: &mut Output<'_>,
) -> Result<(Vec<u8>, Result<(), Reason>), Reason> {
    Ok(match kind {
        FileKind::Gzip => gzip(octets, out)?,
        FileKind::Bzip2 => bzip2(octets, out)?,
        FileKind::Xz => out.read(xz(octets)),
        FileKind::Lzma => lzma(octets, out),
        FileKind::Zstd => zstd(octets, out),
        other => return Err(Reason::Unsupported(other)),
    })
}

fn inner_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let cut = |end: &str| lower.ends_with(end).then(|| name[..name.len() - end.len()].to_owned());
    for end in [".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".taz"] {
        if let Some(stem) = cut(end) {
            return format!("{stem}.tar");
        }
    }
    let inner = [".gz", ".bz2", ".xz", ".lzma", ".zst", ".z"].iter().find_map(|end| cut(end));
    inner.filter(|inner| !inner.is_empty()).unwrap_or_else(|| "content".to_owned())
}

fn gzip(octets: &[u8], out: &mut Output<'_>) -> Result<(Vec<u8>, Result<(), Reason>), Reason> {
    members(octets, b"\x1f\x8b", out, |rest, out| {
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        let (unpacked, read) = out.read(&mut decoder);
        let header = decoder
            .header()
            .map(|header| (header.filename().map(<[u8]>::to_vec), header.comment().map(<[u8]>::to_vec)));
        let (name, comment) = header.unwrap_or_default();
        for (kind, text) in [(Kind::FileName, name), (Kind::Comment, comment)] {
            let text = text.unwrap_or_default();
            out.text("", kind, crate::charset::utf8_or_guess(&text).into_owned())?;
        }
        Ok((unpacked, read))
    })
}

fn bzip2(octets: &[u8], out: &mut Output<'_>) -> Result<(Vec<u8>, Result<(), Reason>), Reason> {
    members(octets, b"BZh", out, |rest, out| Ok(out.read(bzip2::bufread::BzDecoder::new(rest))))
}

type Unpacked = Result<(Vec<u8>, Result<(), Reason>), Reason>;

/// Member after member. What follows the last one is not part of the format: it is a finding, and a file if it is one.
fn members(
    octets: &[u8],
    magic: &[u8],
    out: &mut Output<'_>,
    member: impl Fn(&mut &[u8], &mut Output<'_>) -> Unpacked,
) -> Unpacked {
    let mut rest = octets;
    let mut all = Vec::new();
    while rest.starts_with(magic) {
        let before = rest.len();
        let (unpacked, read) = member(&mut rest, out)?;
        all.extend(unpacked);
        if read.is_err() {
            return Ok((all, read));
        }
        if rest.len() == before {
            break;
        }
        let padding = rest.iter().take_while(|octet| **octet == 0).count();
        rest = &rest[padding..];
    }
    behind(rest, out)?;
    Ok((all, Ok(())))
}

/// Octets behind the end of a format.
pub(super) fn behind(rest: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    if rest.iter().all(|octet| *octet == 0) {
        return Ok(());
    }
    out.ambiguous("", AmbiguityReason::ContainerDisagreement);
    match crate::detect(rest, None) {
        FileKind::Unknown | FileKind::Empty => Ok(()),
        _ => out.copied("behind the end".to_owned(), rest),
    }
}

/// All streams of an xz file.
pub(super) fn xz(octets: &[u8]) -> impl Read {
    lzma_rust2::XzReader::new_mem_limit(octets, true, LARGEST_DICTIONARY >> 10)
}

fn lzma(octets: &[u8], out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let dictionary =
        octets.get(1..5).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    if dictionary > LARGEST_DICTIONARY {
        return (Vec::new(), Err(Reason::TooBig));
    }
    match lzma_rust2::LzmaReader::new_mem_limit(octets, u32::MAX, None) {
        Ok(reader) => out.read(reader),
        Err(_) => (Vec::new(), Err(Reason::Corrupt)),
    }
}

/// All frames; those that are to be skipped are.
pub(super) fn zstd(octets: &[u8], out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::decoding::errors::FrameDecoderError;
    let mut rest = octets;
    let mut all = Vec::new();
    while !rest.is_empty() {
        if let Some(skipped) = skippable(rest) {
            rest = rest.get(skipped..).unwrap_or_default();
            continue;
        }
        let decoder = match StreamingDecoder::new(&mut rest) {
            Ok(decoder) => decoder,
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => return (all, Err(Reason::TooBig)),
            Err(_) => return (all, Err(Reason::Corrupt)),
        };
        let (unpacked, read) = out.read(decoder);
        all.extend(unpacked);
        if read.is_err() {
            return (all, read);
        }
    }
    (all, Ok(()))
}

/// The length of a frame that decoders skip (RFC 8878 3.1.2).
fn skippable(octets: &[u8]) -> Option<usize> {
    let (head, _) = octets.split_first_chunk::<8>()?;
    let magic = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    (magic & 0xffff_fff0 == 0x184d_2a50).then_some(8 + length as usize)
}
