//! The octets of an entry: every method of unpacking that has a reader, and both ciphers, with the passwords at hand.

use std::io::{Cursor, Read};

use super::directory::{Entry, u16_at, u32_at};
use crate::documents::{Output, packed};
use crate::{FileKind, Reason};

/// Unpacks an entry that is not encrypted. What came out before a failure comes with it.
pub(super) fn unpack(octets: &[u8], entry: &Entry, out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let packed = octets.get(entry.packed.clone()).unwrap_or_default();
    let (unpacked, read) = by_method(entry.method, packed, entry, out);
    if read.is_ok() && entry.crc.is_some_and(|crc| crc != checksum(&unpacked)) {
        return (unpacked, Err(Reason::Corrupt));
    }
    (unpacked, read)
}

/// Unpacks octets by a method of APPNOTE.TXT 4.4.5.
fn by_method(
    method: u16,
    packed: &[u8],
    entry: &Entry,
    out: &mut Output<'_>,
) -> (Vec<u8>, Result<(), Reason>) {
    match method {
        0 => out.read(packed),
        8 => out.read(flate2::bufread::DeflateDecoder::new(packed)),
        9 => out.read(deflate64::Deflate64Decoder::new(packed)),
        12 => out.read(bzip2::bufread::BzDecoder::new(packed)),
        14 => lzma(packed, entry, out),
        20 | 93 => packed::zstd(packed, out),
        95 => out.read(packed::xz(packed)),
        98 => ppmd(packed, entry, out),
        _ => (Vec::new(), Err(Reason::Unsupported(FileKind::Zip))),
    }
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

/// PPMd variant I: order, megabytes of memory and what becomes of a full model in two octets (APPNOTE.TXT 5.10).
fn ppmd(octets: &[u8], entry: &Entry, out: &mut Output<'_>) -> (Vec<u8>, Result<(), Reason>) {
    let Some(packed) = octets.get(2..) else { return (Vec::new(), Err(Reason::Corrupt)) };
    let told = u16_at(octets, 0);
    // At most 256 MiB, as for the dictionaries of others.
    let (order, megabytes, when_full) = (told & 15, (told >> 4) & 0xff, told >> 12);
    let reader = ppmd_rust::Ppmd8Decoder::new(
        packed,
        u32::from(order) + 1,
        (u32::from(megabytes) + 1) << 20,
        when_full.into(),
    );
    match reader {
        // The stream has no end of its own.
        Ok(reader) => out.read(reader.take(entry.size)),
        Err(ppmd_rust::Error::MemoryAllocation) => (Vec::new(), Err(Reason::TooBig)),
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
    let extra = octets.get(entry.extra.clone()).unwrap_or_default();
    let aes = Aes::of(entry, extra);
    let Some(packed) = decrypt(octets, entry, aes, password) else { return Ok(None) };
    let (unpacked, read) = by_method(aes.map_or(entry.method, |aes| aes.method), &packed, entry, out);
    // The old cipher tells a wrong password only by chance: the checksum at the end tells for sure.
    let right = || match aes {
        Some(aes) if aes.version == 2 => true,
        _ => entry.crc.is_none_or(|crc| crc == checksum(&unpacked)),
    };
    match read {
        Ok(()) if right() => Ok(Some(unpacked)),
        Ok(()) | Err(Reason::Corrupt) => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// How an entry is encrypted with AES (APPNOTE.TXT 7.2, WinZip's AE-1 and AE-2).
#[derive(Clone, Copy)]
struct Aes {
    /// The second has no checksum of what is unpacked: its own tells of it.
    version: u16,
    /// 1, 2 and 3 for keys of 128, 192 and 256 bits.
    strength: u8,
    /// How the entry is packed beneath.
    method: u16,
}

impl Aes {
    const FIELD: u16 = 0x9901;

    fn of(entry: &Entry, extra: &[u8]) -> Option<Self> {
        let field = super::name::extra_field(extra, Self::FIELD).filter(|field| field.len() >= 7);
        let field = field.filter(|_| entry.method == 99)?;
        Some(Self { version: u16_at(field, 0), strength: field[4], method: u16_at(field, 5) })
    }
}

/// The packed octets of an entry; none with a password that is surely wrong.
fn decrypt(octets: &[u8], entry: &Entry, aes: Option<Aes>, password: &[u8]) -> Option<Vec<u8>> {
    let archive = alone(octets.get(entry.packed.clone()).unwrap_or_default(), entry, aes);
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).ok()?;
    let mut file = archive.by_index_decrypt(0, password).ok()?;
    let mut packed = Vec::new();
    match file.read_to_end(&mut packed) {
        Ok(_) => Some(packed),
        // The checksum is that of the unpacked octets, and stands behind the last packed one.
        Err(_) if aes.is_none() => Some(packed),
        Err(_) => None,
    }
}

/// The entry in an archive of its own, as the library that knows the ciphers wants it: as if it were stored and not packed.
fn alone(packed: &[u8], entry: &Entry, aes: Option<Aes>) -> Vec<u8> {
    const STORED: u16 = 0;
    let mut fields = Vec::new();
    if let Some(aes) = aes {
        fields.extend_from_slice(&Aes::FIELD.to_le_bytes());
        fields.extend_from_slice(&[7, 0, 2, 0, b'A', b'E', aes.strength]);
        fields.extend_from_slice(&STORED.to_le_bytes());
    }
    let method = if aes.is_some() { entry.method } else { STORED };
    let mut common = Vec::new();
    for number in [51, entry.flags, method, entry.time, 33] {
        common.extend_from_slice(&number.to_le_bytes());
    }
    let size = packed.len() as u32;
    for number in [entry.crc.unwrap_or(0), size, size] {
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
