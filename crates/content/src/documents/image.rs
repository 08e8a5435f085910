//! What pictures say beside what they show: EXIF, XMP, IPTC, comments, text chunks and blocks; and files hung on behind the picture.

use flate2::read::ZlibDecoder;

use super::{Output, xmp};
use crate::{DocumentRequest, FileKind, Kind, Reason};

/// Fields of one directory, and directories of one picture.
const MAX_FIELDS: usize = 4_096;
const MAX_DIRECTORIES: usize = 64;
/// Octets of Photoshop's blocks that are put together from segments.
const MAX_PHOTOSHOP: usize = 16 << 20;

/// Texts of the picture's properties.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    match request.kind {
        FileKind::Png => png(octets, out),
        FileKind::Jpeg => jpeg(octets, out),
        FileKind::Gif => gif(octets, out),
        FileKind::Tiff => exif(octets, out),
        FileKind::Webp => webp(octets, out),
        // It says nothing beside.
        FileKind::Bmp => Ok(()),
        _ => heic(octets, out),
    }
}

fn property(name: &str, text: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let text = text.trim_matches(['\0', ' ']);
    match text.is_empty() {
        true => Ok(()),
        false => out.text("properties", Kind::Property, format!("{name}: {text}")),
    }
}

/// Damage in one piece is said at the end: the others are read.
fn is_whole(read: Result<(), Reason>) -> Result<bool, Reason> {
    match read {
        Err(Reason::Corrupt) => Ok(false),
        other => other.map(|()| true),
    }
}

fn xmp_packet(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    out.text("properties", Kind::Property, xmp::text(octets))
}

/// A file behind the picture's end, where it is one.
fn appended(tail: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    if tail.len() < 8 || matches!(crate::detect(tail, None), FileKind::Unknown | FileKind::Empty) {
        // Some programs keep their records behind the picture, and Samsung's cameras what they end so.
        let records = tail.ends_with(b"SEFT") || memchr::memmem::find(tail, b"8BIM").is_some();
        if crate::extent::is_foreign(tail) && !records {
            out.unscannable("appended data", Reason::Unsupported(FileKind::Unknown));
        }
        return iptc_inside(tail, out);
    }
    out.spend(tail.len() as u64)?;
    out.file("appended data".to_owned(), tail.to_vec())
}

// ---- PNG

fn png(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut rest = octets.get(8..).unwrap_or_default();
    let mut whole = true;
    while rest.len() >= 12 {
        let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let (kind, body) = (&rest[4..8], &rest[8..]);
        let data = &body[..length.min(body.len())];
        match kind {
            b"tEXt" => {
                let (name, text) = split(data);
                whole &= is_whole(chunk(name, text, out))?;
            }
            b"zTXt" => {
                let (name, packed) = split(data);
                let text = inflate(packed.get(1..).unwrap_or_default(), out)?;
                whole &= is_whole(chunk(name, &text, out))?;
            }
            b"iTXt" => international(data, out)?,
            b"eXIf" => whole &= is_whole(exif(data, out))?,
            b"IEND" => {
                appended(body.get(length.saturating_add(4)..).unwrap_or_default(), out)?;
                return if whole { Ok(()) } else { Err(Reason::Corrupt) };
            }
            _ => {}
        }
        rest = body.get(length.saturating_add(4)..).unwrap_or_default();
    }
    Err(Reason::Corrupt)
}

/// A text chunk. ImageMagick keeps whole blocks of properties in them, as digits.
fn chunk(name: &[u8], text: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let Some(kind) = name.strip_prefix(b"Raw profile type ") else {
        return property(&latin(name), &crate::charset::utf8_or_guess(text), out);
    };
    // Its kind and its length stand before it, each on a line.
    let digits = text.trim_ascii_start().splitn(3, |octet| *octet == b'\n').nth(2).unwrap_or_default();
    let mut digits = digits.iter().filter_map(|octet| char::from(*octet).to_digit(16));
    let mut octets = Vec::with_capacity(text.len() / 2);
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        octets.push((high << 4 | low) as u8);
    }
    match octets.strip_prefix(b"Exif\0\0") {
        Some(block) => exif(block, out),
        None if octets.starts_with(b"8BIM") => photoshop(&octets, out),
        None if kind == b"iptc" => iptc_inside(&octets, out),
        None => xmp_packet(&octets, out),
    }
}

fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(0, data).unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

fn latin(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

fn inflate(packed: &[u8], out: &mut Output<'_>) -> Result<Vec<u8>, Reason> {
    match out.read(ZlibDecoder::new(packed)) {
        // What came before the damage counts.
        (octets, Ok(()) | Err(Reason::Corrupt)) => Ok(octets),
        (_, Err(reason)) => Err(reason),
    }
}

fn international(data: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let (name, rest) = split(data);
    let [packed, _, rest @ ..] = rest else { return Ok(()) };
    let (_, rest) = split(rest);
    let (_, text) = split(rest);
    let unpacked = if *packed == 1 { inflate(text, out)? } else { text.to_vec() };
    if name == b"XML:com.adobe.xmp" {
        return xmp_packet(&unpacked, out);
    }
    property(&latin(name), &String::from_utf8_lossy(&unpacked), out)
}

// ---- JPEG

fn jpeg(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut at = 2;
    // One block may lie in several segments.
    let mut blocks = Vec::new();
    let mut whole = true;
    let end = loop {
        let Some([0xff, marker, ..]) = octets.get(at..) else { break None };
        match marker {
            0xff => at += 1,
            0xd8 | 0x01 | 0xd0..=0xd7 => at += 2,
            0xd9 => break Some(at + 2),
            _ => {
                let Some([high, low, body @ ..]) = octets.get(at + 2..) else { break None };
                let length = usize::from(u16::from_be_bytes([*high, *low])).max(2);
                let data = &body[..(length - 2).min(body.len())];
                match data.strip_prefix(b"Photoshop 3.0\0") {
                    Some(data) if *marker == 0xed && blocks.len() < MAX_PHOTOSHOP => {
                        blocks.extend_from_slice(data)
                    }
                    _ => whole &= is_whole(segment(*marker, data, out))?,
                }
                at += 2 + length;
                if *marker == 0xda {
                    at = scan_end(octets, at);
                }
            }
        }
    };
    whole &= is_whole(photoshop(&blocks, out))?;
    if let Some(end) = end {
        appended(&octets[end..], out)?;
    }
    if whole && end.is_some() { Ok(()) } else { Err(Reason::Corrupt) }
}

/// Past the octets of a scan: the next marker that is neither stuffing nor a restart.
fn scan_end(octets: &[u8], from: usize) -> usize {
    let rest = octets.get(from..).unwrap_or_default();
    let ends = memchr::memchr_iter(0xff, rest);
    let end = ends
        .into_iter()
        .find(|at| matches!(rest.get(at + 1), Some(next) if !matches!(next, 0 | 0xd0..=0xd7 | 0xff)));
    from + end.unwrap_or(rest.len())
}

fn segment(marker: u8, data: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    match marker {
        0xe1 => {
            if let Some(tiff) = data.strip_prefix(b"Exif\0\0") {
                return exif(tiff, out);
            }
            let start = memchr::memchr(0, data).map_or(data.len(), |end| end + 1);
            if data.starts_with(b"http://ns.adobe.com/x") {
                return xmp_packet(&data[start..], out);
            }
            Ok(())
        }
        0xed => iptc_inside(data, out),
        0xfe => property("comment", &crate::charset::decode(data, None).text, out),
        _ => Ok(()),
    }
}

/// Photoshop's blocks, each with a number, a name and a size; what breaks off is searched for records.
fn photoshop(blocks: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut rest = blocks;
    for _ in 0..MAX_FIELDS {
        let [b'8', b'B', b'I', b'M', high, low, name, after @ ..] = rest else { break };
        // Name and data are padded to an even length; that of the name counts with the name.
        let named = after.get((usize::from(*name) | 1)..).unwrap_or_default();
        let Some((size, body)) = named.split_first_chunk::<4>() else { break };
        let size = u32::from_be_bytes(*size) as usize;
        let data = &body[..size.min(body.len())];
        match u16::from_be_bytes([*high, *low]) {
            0x0404 => iptc(data, out)?,
            0x040b => property("link", &crate::charset::utf8_or_guess(data), out)?,
            // A copy of the picture's own.
            0x0422 => drop(is_whole(exif(data, out))?),
            0x0424 => xmp_packet(data, out)?,
            _ => {}
        }
        rest = body.get(size.saturating_add(size & 1)..).unwrap_or_default();
    }
    iptc_inside(rest, out)
}

/// Records that stand somewhere in a segment.
fn iptc_inside(data: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    match memchr::memmem::find(data, b"\x1c\x02") {
        Some(at) => iptc(&data[at..], out),
        None => Ok(()),
    }
}

/// Records of IPTC-IIM.
fn iptc(data: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut rest = data;
    for count in 0.. {
        if count == MAX_FIELDS {
            out.unscannable("properties", Reason::TooManyParts);
            break;
        }
        let [0x1c, record, set, high, low, after @ ..] = rest else { break };
        let mut length = usize::from(u16::from_be_bytes([*high, *low]));
        let mut body = after;
        if length & 0x8000 != 0 {
            // The length of the length: values beyond 32 KiB.
            let Some((octets, after)) = after.split_at_checked((length & 0x7fff).min(8)) else { break };
            length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
            body = after;
        }
        // The first set of a record is its version; those from 200 on are a small picture.
        if *record == 2 && (1..200).contains(set) {
            property("iptc", &crate::charset::utf8_or_guess(&body[..length.min(body.len())]), out)?;
        }
        rest = body.get(length..).unwrap_or_default();
    }
    Ok(())
}

// ---- GIF

fn gif(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let flags = *octets.get(10).ok_or(Reason::Corrupt)?;
    let mut at = 13 + colours(flags);
    loop {
        match octets.get(at..) {
            Some([0x21, label, ..]) => {
                let (end, whole) = blocks(octets, at + 2);
                extension(*label, &octets[at + 2..end], out)?;
                if !whole {
                    return Err(Reason::Corrupt);
                }
                at = end;
            }
            Some([0x2c, head @ ..]) => {
                let flags = *head.get(8).ok_or(Reason::Corrupt)?;
                // The size of the codes stands before the blocks.
                let (end, whole) = blocks(octets, at + 11 + colours(flags));
                if !whole {
                    return Err(Reason::Corrupt);
                }
                at = end;
            }
            Some([0x3b, tail @ ..]) => return appended(tail, out),
            // Padding that encoders leave.
            Some([0, ..]) => at += 1,
            _ => return Err(Reason::Corrupt),
        }
        out.spend(0)?;
    }
}

/// Octets of a table of colours.
fn colours(flags: u8) -> usize {
    if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 }
}

/// Where a chain of blocks ends, each with its length before it, and whether it does.
fn blocks(octets: &[u8], mut at: usize) -> (usize, bool) {
    while let Some(length) = octets.get(at) {
        at += 1 + usize::from(*length);
        if *length == 0 {
            return (at, true);
        }
    }
    (octets.len(), false)
}

fn extension(label: u8, raw: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    match label {
        0xfe => property("comment", &crate::charset::utf8_or_guess(&joined(raw)), out),
        // The first block says where and how the text is drawn.
        0x01 => {
            let text =
                joined(raw.get(1 + usize::from(raw.first().copied().unwrap_or(0))..).unwrap_or_default());
            out.text("", Kind::Text, crate::charset::utf8_or_guess(&text))
        }
        // The packet stands there as it is: its octets are the lengths of its blocks.
        0xff if raw.get(1..12) == Some(b"XMP DataXMP") => xmp_packet(&raw[12..], out),
        _ => Ok(()),
    }
}

fn joined(mut raw: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some((length, rest)) = raw.split_first() {
        let (block, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        all.extend_from_slice(block);
        raw = rest;
    }
    all
}

// ---- the others

fn webp(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let size = octets.get(4..8).map_or(0, |size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    let end = (size as usize).saturating_add(8).next_multiple_of(2).min(octets.len());
    let mut rest = octets.get(12..end).unwrap_or_default();
    while rest.len() >= 8 {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let body = &rest[8..];
        let data = &body[..length.min(body.len())];
        match &rest[..4] {
            b"EXIF" => exif(data.strip_prefix(b"Exif\0\0").unwrap_or(data), out)?,
            b"XMP " => xmp_packet(data, out)?,
            _ => {}
        }
        rest = body.get(length.saturating_add(length & 1)..).unwrap_or_default();
    }
    appended(&octets[end..], out)
}

/// Boxes are not followed: the packets are found by how they begin, for the words "Exif" stand in their table of contents, too.
fn heic(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let end = crate::extent::end_of(FileKind::Heic, octets).unwrap_or(octets.len());
    let picture = &octets[..end];
    let mut at = 0;
    for _ in 0..MAX_DIRECTORIES {
        let rest = &picture[at..];
        let starts = [&b"II*\0"[..], b"MM\0*"].map(|start| memchr::memmem::find(rest, start));
        let Some(found) = starts.into_iter().flatten().min() else { break };
        at += found + 4;
        let block = &rest[found..];
        let directory = Tiff { octets: block, little: block.starts_with(b"II") }.u32(4);
        if directory.is_some_and(|directory| directory >= 8 && (directory as usize) < block.len()) {
            is_whole(exif(block, out))?;
        }
    }
    let mut rest = picture;
    for _ in 0..MAX_DIRECTORIES {
        let Some(from) = memchr::memmem::find(rest, b"<rdf:RDF") else { break };
        let length =
            memchr::memmem::find(&rest[from..], b"</rdf:RDF>").map_or(rest.len() - from, |end| end + 10);
        xmp_packet(&rest[from..from + length], out)?;
        rest = &rest[from + length..];
    }
    appended(&octets[end..], out)
}

// ---- EXIF

struct Tiff<'a> {
    octets: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn u16(&self, at: usize) -> Option<u16> {
        let pair = self.octets.get(at..at.checked_add(2)?)?;
        let pair = [pair[0], pair[1]];
        Some(if self.little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four = self.octets.get(at..at.checked_add(4)?)?;
        let four = [four[0], four[1], four[2], four[3]];
        Some(if self.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }

    /// Tag, type and octets of a field.
    fn field(&self, at: usize) -> Option<(u16, u16, &'a [u8])> {
        let (tag, kind, count) = (self.u16(at)?, self.u16(at + 2)?, self.u32(at + 4)? as usize);
        let size = match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => 1,
        };
        let length = count.checked_mul(size)?;
        let start = if length <= 4 { at + 8 } else { self.u32(at + 8)? as usize };
        let rest = self.octets.get(start..)?;
        Some((tag, kind, &rest[..length.min(rest.len())]))
    }
}

/// Text fields of every directory of a TIFF file or EXIF block.
fn exif(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let tiff = Tiff { octets, little: octets.starts_with(b"II") };
    let mut todo = vec![tiff.u32(4).ok_or(Reason::Corrupt)?];
    let mut seen = Vec::new();
    while let Some(directory) = todo.pop() {
        if directory == 0 || seen.contains(&directory) {
            continue;
        }
        if seen.len() >= MAX_DIRECTORIES {
            out.unscannable("properties", Reason::TooManyParts);
            break;
        }
        seen.push(directory);
        let at = directory as usize;
        let count = usize::from(tiff.u16(at).unwrap_or(0));
        todo.extend(tiff.u32(at + 2 + count * 12));
        let mut position = [None, None];
        for index in 0..count.min(MAX_FIELDS) {
            let place = at + 2 + index * 12;
            let Some((tag, kind, value)) = tiff.field(place) else { continue };
            match (tag, kind) {
                (0x8769 | 0x8825 | 0xa005, _) => todo.extend(tiff.u32(place + 8)),
                (0x014a, _) => todo.extend(
                    (0..value.len() / 4)
                        .take(16)
                        .filter_map(|index| Tiff { octets: value, little: tiff.little }.u32(index * 4)),
                ),
                (2 | 4, 5) => position[usize::from(tag) / 2 - 1] = degrees(&tiff, value),
                (0x02bc, _) => xmp_packet(value, out)?,
                (0x83bb, 4) if !value.starts_with(b"\x1c") => {
                    // Written as numbers, in the order of the file's octets.
                    iptc(
                        &value.chunks(4).flat_map(|four| four.iter().rev()).copied().collect::<Vec<_>>(),
                        out,
                    )?;
                }
                (0x83bb, _) => iptc(value, out)?,
                (0x8649, _) => photoshop(value, out)?,
                _ => text_field(tag, kind, value, tiff.little, out)?,
            }
        }
        if let [Some(latitude), Some(longitude)] = position {
            property("position", &format!("{latitude:.6} {longitude:.6}"), out)?;
        }
    }
    Ok(())
}

fn text_field(tag: u16, kind: u16, value: &[u8], little: bool, out: &mut Output<'_>) -> Result<(), Reason> {
    let text = match (tag, kind) {
        (0x9c9b..=0x9c9f, _) => super::ole::wide(value),
        (0x9286, _) => match value.split_at_checked(8) {
            Some((b"UNICODE\0", text)) => unicode(text, little),
            Some((_, text)) => crate::charset::utf8_or_guess(text).into_owned(),
            None => return Ok(()),
        },
        (_, 2) if value.len() > 2 => crate::charset::utf8_or_guess(value).into_owned(),
        _ => return Ok(()),
    };
    let name = match tag {
        0x010e => "description",
        0x010f => "make",
        0x0110 => "model",
        0x0131 => "software",
        0x0132 | 0x9003 | 0x9004 => "time",
        0x013b | 0x9c9d => "artist",
        0x8298 => "copyright",
        0x9286 | 0x9c9c => "comment",
        0x9c9b => "title",
        0x9c9e => "keywords",
        0x9c9f => "subject",
        0xa430 => "owner",
        _ => "exif",
    };
    property(name, &text, out)
}

/// UTF-16 in the order of the block, or in the other one where that has the zeros of Latin letters.
fn unicode(text: &[u8], little: bool) -> String {
    let zeros = |first: usize| text.iter().skip(first).step_by(2).filter(|octet| **octet == 0).count();
    let little = match (zeros(0), zeros(1)) {
        (even, odd) if even == odd => little,
        (even, odd) => odd > even,
    };
    let of_two = if little { u16::from_le_bytes } else { u16::from_be_bytes };
    let units = text.chunks_exact(2).map(|pair| of_two([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Degrees, minutes and seconds as one number.
fn degrees(tiff: &Tiff<'_>, value: &[u8]) -> Option<f64> {
    let value = Tiff { octets: value, little: tiff.little };
    let part = |index: usize| -> Option<f64> {
        let (above, below) = (value.u32(index * 8)?, value.u32(index * 8 + 4)?);
        (below != 0).then(|| f64::from(above) / f64::from(below))
    };
    Some(part(0)? + part(1).unwrap_or(0.0) / 60.0 + part(2).unwrap_or(0.0) / 3600.0)
}
