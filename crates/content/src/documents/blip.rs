//! Pictures in documents of old Office ([MS-ODRAW] 2.2.23): in streams of PowerPoint and Word, and in the drawings of workbooks. Metafiles are read for
//! the text that they draw, the others are files.

use super::ole::{u16_at, u32_at};
use super::{Output, picture};
use crate::Reason;

/// Pictures of one document.
const MOST: usize = 256;

/// The pictures in a stream, wherever in it they stand.
pub(super) fn read(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let (mut at, mut count) = (0, 0);
    while let Some(found) = next(octets, at) {
        at = found.end;
        count += 1;
        let name = match place {
            "" => format!("picture {count}"),
            place => format!("{place} picture {count}"),
        };
        if count > MOST {
            out.unscannable(&name, Reason::TooManyParts);
            return Ok(());
        }
        found.hand_on(&name, out)?;
    }
    if count > 0 {
        // What is said from here on is about the document.
        out.at(place);
    }
    Ok(())
}

/// The drawings of a workbook, which are cut into records.
pub(super) fn of_workbook(book: &[u8]) -> Vec<u8> {
    const DRAWINGS: u16 = 0xeb;
    const CONTINUES: u16 = 0x3c;
    let (mut all, mut at, mut inside) = (Vec::new(), 0, false);
    while let (Some(id), Some(length)) = (u16_at(book, at), u16_at(book, at + 2)) {
        let data = book.get(at + 4..).unwrap_or_default();
        let data = &data[..data.len().min(length.into())];
        inside = id == DRAWINGS || inside && id == CONTINUES;
        if inside {
            all.extend_from_slice(data);
        }
        at += 4 + usize::from(length);
    }
    all
}

struct Blip<'a> {
    form: Form,
    data: &'a [u8],
    /// It ends before its record says so.
    cut: bool,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Packed, behind what says how large it is.
    Metafile,
    Pict,
    Jpeg,
    Png,
    Bitmap,
    Tiff,
}

/// The next picture: a record of a known form with a fitting mark.
fn next(octets: &[u8], from: usize) -> Option<Blip<'_>> {
    let first = octets.get(from..)?;
    for high in memchr::memchr_iter(0xf0, first).map(|at| from + at) {
        let Some(at) = high.checked_sub(3).filter(|at| *at >= from) else { continue };
        let (version, kind) = (u16_at(octets, at)?, u16_at(octets, at + 2)?);
        let (form, one) = match kind {
            0xf01a => (Form::Metafile, 0x3d4),
            0xf01b => (Form::Metafile, 0x216),
            0xf01c => (Form::Pict, 0x542),
            0xf01d | 0xf02a if version >> 5 == 0x6e2 >> 1 => (Form::Jpeg, 0x6e2),
            0xf01d | 0xf02a => (Form::Jpeg, 0x46a),
            0xf01e => (Form::Png, 0x6e0),
            0xf01f => (Form::Bitmap, 0x7a8),
            0xf029 => (Form::Tiff, 0x6e4),
            _ => continue,
        };
        // With an odd mark there are two identifiers before the picture.
        if version & 15 != 0 || version >> 5 != one >> 1 {
            continue;
        }
        let (Some(length), rest) = (u32_at(octets, at + 4), octets.get(at + 8..).unwrap_or_default()) else {
            continue;
        };
        let length = length as usize;
        let head = if version >> 4 & 1 == 1 { 32 } else { 16 };
        let head = head + if matches!(form, Form::Metafile | Form::Pict) { 0 } else { 1 };
        let data = rest.get(..length.min(rest.len()))?.get(head..).unwrap_or_default();
        return Some(Blip { form, data, cut: length > rest.len(), end: at + 8 + length.min(rest.len()) });
    }
    None
}

impl Blip<'_> {
    fn hand_on(&self, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        out.at(name);
        if self.cut {
            out.unscannable(name, Reason::Corrupt);
        }
        let ending = match self.form {
            Form::Metafile | Form::Pict => return self.metafile(name, out),
            Form::Jpeg => "jpg",
            Form::Png => "png",
            Form::Tiff => "tiff",
            Form::Bitmap => {
                let file = with_head(self.data);
                out.spend(file.len() as u64)?;
                return out.file(format!("{name}.bmp"), file);
            }
        };
        if self.data.is_empty() { Ok(()) } else { out.copied(format!("{name}.{ending}"), self.data) }
    }

    fn metafile(&self, name: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        const HEAD: usize = 34;
        let packed = self.data.get(HEAD..).unwrap_or_default();
        let (octets, read) = match self.data.get(HEAD - 2) {
            Some(0) => out.read(flate2::read::ZlibDecoder::new(packed)),
            _ => out.read(packed),
        };
        match read {
            Err(Reason::Corrupt) if self.cut => {}
            Err(Reason::Corrupt) => out.unscannable(name, Reason::Corrupt),
            other => other?,
        }
        match picture::text(&octets) {
            Some(text) => out.text(name, crate::Kind::Text, text),
            None if octets.is_empty() => Ok(()),
            None => {
                out.file(format!("{name}.{}", if self.form == Form::Pict { "pict" } else { "emf" }), octets)
            }
        }
    }
}

/// A bitmap with the head that files have: how long it is, and where its pixels begin.
pub(super) fn with_head(data: &[u8]) -> Vec<u8> {
    let (size, bits, used) =
        (u32_at(data, 0).unwrap_or(40), u16_at(data, 14).unwrap_or(0), u32_at(data, 32).unwrap_or(0));
    let colours = match (used, bits) {
        (0, 1..=8) => 1 << bits,
        (used, _) => used.min(256),
    };
    let pixels = 14_u32.saturating_add(size).saturating_add(4 * colours);
    let length = (data.len() as u32).saturating_add(14);
    [b"BM", &length.to_le_bytes()[..], &[0; 4], &pixels.to_le_bytes(), data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(mark: u16, kind: u16, data: &[u8]) -> Vec<u8> {
        [&(mark << 4).to_le_bytes()[..], &kind.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data]
            .concat()
    }

    #[test]
    fn pictures_are_found_with_one_identifier_and_with_two() {
        let one = record(0x6e0, 0xf01e, &[&[1; 17][..], b"png"].concat());
        let two = record(0x46b, 0xf01d, &[&[2; 33][..], b"jpeg"].concat());
        let stream = [b"before \x1e\xf0", &one[..], b"between", &two, b"\xf0behind"].concat();
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(blip) = next(&stream, at) {
            at = blip.end;
            found.push((blip.form, blip.data.to_vec(), blip.cut));
        }
        assert_eq!(found, [(Form::Png, b"png".to_vec(), false), (Form::Jpeg, b"jpeg".to_vec(), false)]);
    }

    #[test]
    fn a_picture_that_is_cut_off_is_found_and_says_so() {
        let whole = record(0x6e0, 0xf01e, &[1; 40]);
        for length in 8..whole.len() {
            assert!(next(&whole[..length], 0).is_some_and(|blip| blip.cut), "{length}");
        }
    }

    #[test]
    fn drawings_of_a_workbook_go_on_in_the_next_records() {
        let record =
            |id: u16, data: &[u8]| [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
        let book = [
            record(9, b"x"),
            record(0xeb, b"ab"),
            record(0x3c, b"cd"),
            record(0xa, b""),
            record(0x3c, b"no"),
        ];
        assert_eq!(of_workbook(&book.concat()), b"abcd");
    }
}
