//! The octets of an entry: every method of unpacking that has a reader, and both ciphers, with the passwords at hand.

use std::io::{Cursor, Read};

use super::directory::{Entry, u16_at, u32_at};
use crate::documents::{Output, packed};
use crate::{FileKind, Reason};

/// Unpacks an entry that is not encrypted. What came out before a failure comes with it.
pub(super) fn unpack(octets: &[u8], entry: &Entry, out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let packed = octets.get(entry.packed.clone()).unwrap_or_default();
    let (unpacked, read) = match entry.method {
        0 => out.read(packed),
        8 => out.read(flate2::bufread::DeflateDecoder::new(packed)),
        9 => out.read(deflate64::Deflate64Decoder::new(packed)),
        12 => out.read(bzip2::bufread::BzDecoder::new(packed)),
        14 => lzma(packed, entry, out),
        20 | 93 => packed::zstd(packed, out),
        95 => out.read(packed::xz(packed)),
        _ => return (Vec::new(), Err(Reason::Unsupported(FileKind::Zip))),
    };
    if read.is_ok() && entry.crc.is_some_and(|crc| crc != checksum(&unpacked)) {
        return (unpacked, Err(Reason::Corrupt));
    }
    (unpacked, read)
}

/// A version, the length of the properties, the properties, then raw LZMA.
fn lzma(octets: &[u8], entry: &Entry, out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let Some(packed) = octets.get(9..).filter(|_| u16_at(octets, 2) == 5) else {
        return (Vec::new(), Err(Reason::Corrupt));
    };
    let (properties, dictionary) = (octets[4], u32_at(octets, 5));
    if dictionary > packed::LARGEST_DICTIONARY {
        return (Vec::new(), Err(Reason::TooBig));
    }
    // Bit 1: the end is marked in the stream.
    let size = if entry.flags & 2 != 0 { u64::MAX } else { entry.size };
    match lzma_rust2::LzmaReader::new_with_props(packed, size, properties, dictionary, None) {
        Ok(reader) => out.read(reader),
        Err(_) => (Vec::new(), Err(Reason::Corrupt)),
    }
}

fn checksum(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}

/// Decrypts and unpacks an entry with one password; none if it is the wrong one.
pub(super) fn unlock(
    octets: &[u8],
    entry: &Entry,
    password: &[u8],
    out: &mut Output<'_>,
) -> Result<Option<Vec<u8>>, Reason> {
    let archive = alone(octets, entry);
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(archive)) else { return Ok(None) };
    let Ok(file) = archive.by_index_decrypt(0, password) else { return Ok(None) };
    // The old cipher tells a wrong password only by chance: the checksum at the end tells for sure.
    let (unpacked, read) = out.read(file.take(out.left().saturating_add(1)));
    match read {
        Ok(()) => Ok(Some(unpacked)),
        Err(Reason::Corrupt) => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// The entry in an archive of its own, as the library that knows the ciphers wants it.
fn alone(octets: &[u8], entry: &Entry) -> Vec<u8> {
    let packed = octets.get(entry.packed.clone()).unwrap_or_default();
    let extra = octets.get(entry.extra.clone()).unwrap_or_default();
    let aes = super::name::extra_field(extra, AES).unwrap_or_default();
    let mut fields = Vec::new();
    if !aes.is_empty() {
        fields.extend_from_slice(&AES.to_le_bytes());
        fields.extend_from_slice(&(aes.len() as u16).to_le_bytes());
        fields.extend_from_slice(aes);
    }
    let mut common = Vec::new();
    for number in [51, entry.flags, entry.method, entry.time, 33] {
        common.extend_from_slice(&number.to_le_bytes());
    }
    for number in [entry.crc.unwrap_or(0), packed.len() as u32, entry.size.min(u32::MAX.into()) as u32] {
        common.extend_from_slice(&number.to_le_bytes());
    }
    common.extend_from_slice(&1_u16.to_le_bytes());
    common.extend_from_slice(&(fields.len() as u16).to_le_bytes());
    let mut archive = [b"PK\x03\x04", common.as_slice(), b"x", &fields, packed].concat();
    let directory = archive.len() as u32;
    archive.extend_from_slice(b"PK\x01\x02\x33\x00");
    archive.extend_from_slice(&common);
    archive.extend_from_slice(&[0; 14]);
    archive.push(b'x');
    archive.extend_from_slice(&fields);
    let size = archive.len() as u32 - directory;
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend_from_slice(&size.to_le_bytes());
    archive.extend_from_slice(&directory.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}

/// The extra field that tells how AES is used.
const AES: u16 = 0x9901;
