//! Where a file ends by what is written in it: octets that only begin like a kind have no end, and what stands behind the end
//! is another file's. For kinds that no reader opens, because they carry no text, and for archives that are read from their front.

use crate::FileKind;

mod media;

/// Frames, pages, boxes, chunks and tables that are walked over; the rest is taken to go on like them.
const MOST_STEPS: usize = 1_000_000;

/// Where the file ends; nothing where it is not what it begins as, or where nothing tells.
pub(crate) fn end_of(kind: FileKind, octets: &[u8]) -> Option<usize> {
    said(kind, octets).map(|end| end.min(octets.len()))
}

/// From where on octets are no more the file's; from the front where it says that it is longer than it is.
pub(crate) fn behind(kind: FileKind, octets: &[u8]) -> Option<usize> {
    said(kind, octets).map(|end| if end > octets.len() { 0 } else { end })
}

/// The end as the file says it.
fn said(kind: FileKind, octets: &[u8]) -> Option<usize> {
    use FileKind::*;
    match kind {
        Mp3 => media::mpeg_audio(octets),
        Mp4 | Heic => media::boxes(octets),
        Ogg => media::pages(octets),
        Flac => media::flac(octets),
        Wav | Avi => media::riff(octets),
        Matroska => media::matroska(octets),
        Font => font(octets),
        Ico => icons(octets),
        ExecutablePe => windows_program(octets),
        ExecutableElf => matches!(octets.get(4..7), Some([1 | 2, 1 | 2, 1])).then_some(octets.len()),
        ExecutableMacho => (u32_le(octets, 16)? < 10_000 && u32_le(octets, 12)? < 16).then_some(octets.len()),
        JavaClass => java(octets),
        Wasm => (octets.get(4..8) == Some(&[1, 0, 0, 0])).then_some(octets.len()),
        SevenZip => u64_le(octets, 12)?.checked_add(u64_le(octets, 20)?)?.checked_add(32).and_then(length),
        Cab => u32_le(octets, 8).and_then(|size| length(size.into())),
        Iso => image_of_a_disk(octets),
        Sqlite => database(octets),
        Tar => tape(octets),
        _ => None,
    }
}

/// Whether files of a kind say nothing that anybody reads, so that no reader opens them.
pub(crate) fn carries_no_text(kind: FileKind) -> bool {
    use FileKind::*;
    matches!(
        kind,
        Mp3 | Mp4
            | Ogg
            | Flac
            | Wav
            | Avi
            | Matroska
            | Font
            | Ico
            | ExecutablePe
            | ExecutableElf
            | ExecutableMacho
            | JavaClass
            | Wasm
    )
}

/// Whether octets behind the end of a file are a file of somebody's: more than tags, records, filler and what stood in a buffer.
pub(crate) fn is_foreign(tail: &[u8]) -> bool {
    const LEAST: usize = 4_096;
    let filler = tail.first().is_none_or(|first| tail.iter().all(|octet| octet == first));
    tail.len() >= LEAST && !filler && crate::detect::looks_binary(tail)
}

/// Tables, each with its place: TrueType, OpenType, collections of them, and both forms for the web.
fn font(octets: &[u8]) -> Option<usize> {
    if octets.starts_with(b"wOFF") || octets.starts_with(b"wOF2") {
        return u32_be(octets, 8).filter(|size| *size > 44).and_then(|size| length(size.into()));
    }
    let start = if octets.starts_with(b"ttcf") { u32_be(octets, 12)? as usize } else { 0 };
    let count = usize::from(u16_be(octets, start.checked_add(4)?)?);
    let tables = octets.get(start.checked_add(12)?..)?.get(..count * 16)?;
    let mut end = 0;
    for table in tables.chunks_exact(16) {
        let (from, size) = (u32_be(table, 8)? as usize, u32_be(table, 12)? as usize);
        let known = table[..4].iter().all(|octet| (b' '..=b'~').contains(octet));
        if !known || from > octets.len() {
            return None;
        }
        end = end.max(from.saturating_add(size).next_multiple_of(4));
    }
    // Of a collection, other fonts may stand behind this one.
    (count > 0).then_some(if start > 0 { octets.len() } else { end })
}

/// A directory of pictures, each with its place.
fn icons(octets: &[u8]) -> Option<usize> {
    let count = usize::from(u16_le(octets, 4)?);
    let entries = octets.get(6..6 + count * 16)?;
    let mut end = 0;
    for entry in entries.chunks_exact(16) {
        let (size, from) = (u32_le(entry, 8)? as usize, u32_le(entry, 12)? as usize);
        if from < 6 + count * 16 || size == 0 || from >= octets.len() {
            return None;
        }
        end = end.max(from.saturating_add(size));
    }
    (1..=256).contains(&count).then_some(end)
}

/// Programs of Windows, and of DOS before it. What hangs on behind them is looked for by its signatures.
fn windows_program(octets: &[u8]) -> Option<usize> {
    let header = u32_le(octets, 0x3c)
        .and_then(|at| octets.get(at as usize..)?.get(..2))
        .is_some_and(|sign| matches!(sign, b"PE" | b"NE" | b"LE" | b"LX"));
    let paragraphs = usize::from(u16_le(octets, 8)?) * 16;
    let pages = usize::from(u16_le(octets, 4)?) * 512;
    let of_dos =
        u16_le(octets, 2)? <= 512 && (32..=pages).contains(&paragraphs) && pages <= octets.len() + 512;
    (header || of_dos).then_some(octets.len())
}

/// Compiled Java; programs for several processors begin alike.
fn java(octets: &[u8]) -> Option<usize> {
    let for_processors = (1..30).contains(&u32_be(octets, 4)?);
    let version = (45..200).contains(&u16_be(octets, 6)?) && u16_be(octets, 8)? > 0;
    (for_processors || version).then_some(octets.len())
}

fn image_of_a_disk(octets: &[u8]) -> Option<usize> {
    const DESCRIPTOR: usize = 32_768;
    let (blocks, size) = (u32_le(octets, DESCRIPTOR + 80)?, u16_le(octets, DESCRIPTOR + 128)?);
    length(u64::from(blocks) * u64::from(size)).filter(|end| *end > DESCRIPTOR)
}

fn database(octets: &[u8]) -> Option<usize> {
    let size = match u16_be(octets, 16)? {
        1 => 65_536,
        size => u64::from(size),
    };
    length(size * u64::from(u32_be(octets, 28)?)).filter(|end| *end > 0)
}

/// Headers and what they announce, up to the empty one.
fn tape(octets: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    for _ in 0..MOST_STEPS {
        let Some(header) = octets.get(at..at + 512) else { break };
        if header.iter().all(|octet| *octet == 0) {
            return Some(at + 512);
        }
        let digits =
            header[124..136].iter().take_while(|octet| (b'0'..=b'7').contains(octet) || **octet == b' ');
        let size = digits
            .filter(|octet| **octet != b' ')
            .try_fold(0_usize, |size, digit| size.checked_mul(8)?.checked_add(usize::from(digit - b'0')))?;
        at = at.checked_add(512)?.checked_add(size.checked_next_multiple_of(512)?)?;
    }
    Some(at)
}

fn length(octets: u64) -> Option<usize> {
    usize::try_from(octets).ok()
}

fn at<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_le(octets: &[u8], place: usize) -> Option<u16> {
    at(octets, place).map(u16::from_le_bytes)
}

fn u16_be(octets: &[u8], place: usize) -> Option<u16> {
    at(octets, place).map(u16::from_be_bytes)
}

fn u32_le(octets: &[u8], place: usize) -> Option<u32> {
    at(octets, place).map(u32::from_le_bytes)
}

fn u32_be(octets: &[u8], place: usize) -> Option<u32> {
    at(octets, place).map(u32::from_be_bytes)
}

fn u64_le(octets: &[u8], place: usize) -> Option<u64> {
    at(octets, place).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_behind_the_first_octets_of_a_kind_is_not_of_that_kind() {
        // No chance: what a hash makes of a number stays what it is.
        let noise: Vec<u8> = (0..200_u32).flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
        for (start, kind) in [
            (&b"ID3\x04\0"[..], FileKind::Mp3),
            (b"OggS", FileKind::Ogg),
            (b"fLaC", FileKind::Flac),
            (b"\0\0\0\x18ftypmp42", FileKind::Mp4),
            (b"RIFF\x10\0\0\0WAVE", FileKind::Wav),
            (b"RIFF\x10\0\0\0AVI ", FileKind::Avi),
            (b"\x1aE\xdf\xa3", FileKind::Matroska),
            (b"\0\x01\0\0\0", FileKind::Font),
            (b"\0\0\x01\0\x01\0", FileKind::Ico),
            (b"MZ", FileKind::ExecutablePe),
            (b"\x7fELF", FileKind::ExecutableElf),
            (b"\xcf\xfa\xed\xfe", FileKind::ExecutableMacho),
            (b"\xca\xfe\xba\xbe", FileKind::JavaClass),
            (b"\0asm", FileKind::Wasm),
        ] {
            assert!(carries_no_text(kind));
            assert_eq!(end_of(kind, &[start, &noise].concat()), None, "{kind}");
            assert_eq!(end_of(kind, start), None, "{kind} alone");
        }
    }

    #[test]
    fn no_octets_panic_or_end_outside() {
        let kinds =
            FileKind::ALL.iter().filter(|kind| carries_no_text(**kind) || end_of(**kind, &[]).is_none());
        for kind in kinds {
            for octet in [0, 1, b'0', 0x7f, 0xff] {
                for length in [0, 3, 12, 44, 513, 40_000] {
                    assert!(end_of(*kind, &vec![octet; length]).is_none_or(|end| end <= length), "{kind}");
                }
            }
        }
    }
}
