//! Sound and film: walked over by their frames, pages, boxes or chunks, never decoded.

use super::{MOST_STEPS, at, length, u16_be, u32_be, u32_le};

/// Frames that follow each other before octets are taken for sound.
const LEAST_FRAMES: usize = 3;
/// Octets of nothing between a tag and the first frame.
const MOST_PADDING: usize = 64 << 10;

/// MPEG audio, with tags before and behind.
pub(super) fn mpeg_audio(octets: &[u8]) -> Option<usize> {
    let mut from = 0;
    if octets.starts_with(b"ID3") {
        let size: [u8; 4] = at(octets, 6)?;
        if !(2..=4).contains(octets.get(3)?) || size.iter().any(|octet| *octet > 127) {
            return None;
        }
        from = 10 + size.iter().fold(0_usize, |size, octet| size << 7 | usize::from(*octet));
        let padding = octets.get(from..)?.iter().take(MOST_PADDING).take_while(|octet| **octet == 0);
        from += padding.count();
    }
    let mut frames = 0;
    while let Some(size) = octets.get(from..).and_then(frame).filter(|_| frames < MOST_STEPS) {
        frames += 1;
        from += size;
    }
    let tail = octets.get(from..).unwrap_or_default();
    (frames >= LEAST_FRAMES || frames > 0 && tail.is_empty()).then_some(from.saturating_add(tags(tail)))
}

/// Octets of the tags behind the last frame.
fn tags(tail: &[u8]) -> usize {
    let ape = match tail.strip_prefix(b"APETAGEX") {
        Some(header) => u32_le(header, 4).map_or(0, |size| (size as usize).saturating_add(32)),
        None => 0,
    };
    let last = tail.get(ape..).is_some_and(|tail| tail.starts_with(b"TAG"));
    ape.saturating_add(if last { 128 } else { 0 })
}

/// Octets of a frame, by its header.
fn frame(octets: &[u8]) -> Option<usize> {
    const RATES: [[u16; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let [first, second, third, _] = at(octets, 0)?;
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    if first != 0xff || second < 0xe0 || version == 1 || layer == 0 {
        return None;
    }
    let one = version == 3;
    let row = match (one, layer) {
        (true, layer) => 3 - usize::from(layer),
        (false, 3) => 3,
        (false, _) => 4,
    };
    let rate = u32::from(*RATES[row].get(usize::from(third >> 4)).filter(|rate| **rate > 0)?) * 1_000;
    let samples = *[44_100_u32, 48_000, 32_000].get(usize::from(third >> 2 & 3))?;
    let samples = samples >> [2, 0, 1, 0][usize::from(version)];
    let pad = u32::from(third >> 1 & 1);
    let size = match layer {
        3 => (12 * rate / samples + pad) * 4,
        1 if !one => 72 * rate / samples + pad,
        _ => 144 * rate / samples + pad,
    };
    Some(size as usize)
}

/// The format of MP4 and QuickTime.
pub(super) fn boxes(octets: &[u8]) -> Option<usize> {
    const KNOWN: &[&[u8; 4]] = &[
        b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"meta", b"pdin", b"uuid",
        b"sidx", b"styp", b"udta", b"emsg", b"prft", b"pnot",
    ];
    let (mut from, mut film) = (0_usize, false);
    for _ in 0..MOST_STEPS {
        let Some(kind) = at::<4>(octets, from.saturating_add(4)).filter(|kind| KNOWN.contains(&kind)) else {
            break;
        };
        film |= matches!(&kind, b"moov" | b"moof" | b"meta");
        let size = match u32_be(octets, from)? {
            0 => octets.len() - from,
            1 => length(at(octets, from + 8).map(u64::from_be_bytes)?)?,
            size => size as usize,
        };
        if size < 8 {
            break;
        }
        from = from.saturating_add(size);
    }
    film.then_some(from)
}

pub(super) fn pages(octets: &[u8]) -> Option<usize> {
    let (mut from, mut count) = (0, 0);
    while octets.get(from..from + 5) == Some(b"OggS\0") && count < MOST_STEPS {
        let segments = usize::from(*octets.get(from + 26)?);
        let Some(sizes) = octets.get(from + 27..from + 27 + segments) else { break };
        from += 27 + segments + sizes.iter().map(|size| usize::from(*size)).sum::<usize>();
        count += 1;
    }
    (count >= 2).then_some(from)
}

pub(super) fn flac(octets: &[u8]) -> Option<usize> {
    let mut from = 4;
    for _ in 0..128 {
        let [kind, a, b, c] = at(octets, from)?;
        from += 4 + u32::from_be_bytes([0, a, b, c]) as usize;
        if kind & 0x80 != 0 {
            let sync = u16_be(octets, from)?;
            return (sync & 0xfffe == 0xfff8).then_some(octets.len());
        }
    }
    None
}

/// WAV and AVI: chunks in one chunk, and more of these behind it in large films.
pub(super) fn riff(octets: &[u8]) -> Option<usize> {
    let first: [u8; 4] = at(octets, 12)?;
    let is_film = octets.get(8..12) == Some(b"AVI ");
    let known = match is_film {
        true => first == *b"LIST",
        false => matches!(&first, b"fmt " | b"JUNK" | b"bext" | b"LIST" | b"fact" | b"PEAK" | b"ds64"),
    };
    let mut from = 0_usize;
    for _ in 0..MOST_STEPS {
        if octets.get(from..from.saturating_add(4)) != Some(b"RIFF") {
            break;
        }
        // Programs that write while they record leave the size open.
        let size = match u32_le(octets, from + 4)? {
            0 | u32::MAX => octets.len(),
            size => size as usize,
        };
        from = from.saturating_add(size.saturating_add(8).next_multiple_of(2));
    }
    known.then_some(from)
}

/// A header, then one segment, whose size may be open.
pub(super) fn matroska(octets: &[u8]) -> Option<usize> {
    let (size, width) = number(octets, 4)?;
    let mut from = 4 + width + length(size)?;
    if octets.get(from) == Some(&0xec) {
        let (size, width) = number(octets, from + 1)?;
        from = from.checked_add(1 + width)?.checked_add(length(size)?)?;
    }
    let segment: [u8; 4] = at(octets, from)?;
    let (size, width) = number(octets, from + 4)?;
    let open = size == (1 << (7 * width)) - 1;
    let end = if open { octets.len() } else { from.checked_add(4 + width)?.checked_add(length(size)?)? };
    (segment == [0x18, 0x53, 0x80, 0x67]).then_some(end)
}

/// A number whose first octet says how many octets it has.
fn number(octets: &[u8], place: usize) -> Option<(u64, usize)> {
    let width = octets.get(place)?.leading_zeros() as usize + 1;
    let all = octets.get(place..place.checked_add(width)?).filter(|_| width <= 8)?;
    let value = all.iter().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
    Some((value & ((1_u64 << (7 * width)) - 1), width))
}
