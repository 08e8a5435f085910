//! What stands in the data stream for a character of the text ([MS-DOC] 2.9.157, 2.9.192): fields of old forms, and shapes in the line.

use std::collections::BTreeSet;

use crate::documents::ole::{Fields, u16_at, u32_at, wide};
use crate::documents::{Output, shape};
use crate::{Kind, Reason};

/// sprmCPicLocation, as it is stored.
const LOCATION: [u8; 2] = [0x03, 0x6a];
/// Octets of the header of a picture; other data behind a location have the same one.
const HEADER: usize = 0x44;
/// What a picture is: shapes ([MS-DOC] 2.9.158), with the name of a file before them or without.
const SHAPE: u16 = 0x64;
const SHAPE_OF_FILE: u16 = 0x66;
/// Pictures lie beside one another; places that all say that they go to the end are made to take time.
const MOST_READINGS: usize = 8;
/// Choices of one field are at most 25 for Word; other programs give more.
const MOST_CHOICES: usize = 1_000;

/// Gives default texts, choices and help of form fields, and what shapes in the line show and are read out as. Places are looked for
/// wherever a modifier names one, in deleted text as well.
pub(super) fn read(main: &[u8], data: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let named = memchr::memmem::find_iter(main, &LOCATION).filter_map(|at| u32_at(main, at + 2));
    let places: BTreeSet<u32> = named.filter(|at| is_one(data, *at as usize)).collect();
    let spot = |what: &str| if place.is_empty() { what.to_owned() } else { format!("{place} {what}") };
    let (mut field, mut work) = (0, 0);
    for at in places {
        out.spend(0)?;
        let length = u32_at(data, at as usize).unwrap_or(0) as usize;
        let rest = &data[at as usize..];
        let octets = &rest[..length.min(rest.len())];
        work += octets.len();
        if work > MOST_READINGS * data.len() {
            return Err(Reason::TooBig);
        }
        if let Some(texts) = form_field(octets.get(HEADER..).unwrap_or_default()) {
            field += 1;
            let spot = spot(&format!("form field {field}"));
            texts.into_iter().try_for_each(|text| out.text(&spot, Kind::Attribute, text))?;
            continue;
        }
        let texts = shape::in_drawings(shapes(octets));
        texts.into_iter().try_for_each(|(kind, text)| out.text(spot("shape"), kind, text))?;
    }
    Ok(())
}

/// Whether a header begins at a place.
fn is_one(data: &[u8], at: usize) -> bool {
    data.get(at..).is_some_and(|rest| u16_at(rest, 4) == Some(HEADER as u16))
}

/// The drawing behind the header of a picture.
fn shapes(octets: &[u8]) -> &[u8] {
    let begin = match u16_at(octets, 6) {
        Some(SHAPE) => HEADER,
        Some(SHAPE_OF_FILE) => HEADER + 1 + usize::from(octets.get(HEADER).copied().unwrap_or(0)),
        _ => return &[],
    };
    octets.get(begin..).unwrap_or_default()
}

/// The texts of a field of a form ([MS-DOC] 2.9.78, FFData): what stands in it at first, help, choices. None where it is no such field.
fn form_field(octets: &[u8]) -> Option<Vec<String>> {
    let mut fields = Fields(octets);
    if fields.u32()? != u32::MAX {
        return None;
    }
    let kind = fields.u16()? & 3;
    // Lengths, and the size of a box.
    fields.take(4)?;
    let mut texts = Vec::new();
    let mut read = || -> Option<()> {
        let text = |fields: &mut Fields<'_>| {
            let count = usize::from(fields.u16()?);
            Some(wide(fields.take(2 * count)?))
        };
        let closed = |fields: &mut Fields<'_>| {
            let text = text(fields)?;
            fields.u16().map(|_| text)
        };
        let _name = closed(&mut fields)?;
        match kind {
            0 => texts.push(closed(&mut fields)?),
            _ => _ = fields.u16()?,
        }
        let _format = closed(&mut fields)?;
        // Help, and the line below the window.
        for _ in 0..2 {
            texts.push(closed(&mut fields)?);
        }
        let _macros = [closed(&mut fields)?, closed(&mut fields)?];
        if kind == 2 {
            // A table of strings with letters of two octets ([MS-DOC] 2.2.4).
            fields.u16().filter(|mark| *mark == 0xffff)?;
            let count = usize::from(fields.u16()?);
            let extra = usize::from(fields.u16()?);
            for _ in 0..count.min(MOST_CHOICES) {
                texts.push(text(&mut fields)?);
                fields.take(extra)?;
            }
        }
        Some(())
    };
    // A cut field gives what it has.
    let _whole = read();
    Some(texts)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{HEADER, LOCATION, form_field, read, shapes};
    use crate::documents::Output;
    use crate::{DocumentRequest, FileKind, Limits, Reason};

    #[test]
    fn a_field_that_is_cut_gives_what_it_has() {
        let mut field = vec![0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0];
        let text = |text: &str| -> Vec<u8> {
            [text.encode_utf16().count() as u16]
                .into_iter()
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect()
        };
        let closed = |of: &str| [text(of), vec![0, 0]].concat();
        field.extend([closed("name"), vec![1, 0], closed(""), closed("help"), closed("status")].concat());
        field.extend(
            [closed("in"), closed("out"), vec![0xff, 0xff, 2, 0, 1, 0], text("one"), vec![9], text("größe")]
                .concat(),
        );
        let whole = ["help", "status", "one", "größe"];
        assert_eq!(form_field(&field).unwrap(), whole);
        for length in 10..field.len() {
            let texts = form_field(&field[..length]).unwrap();
            assert_eq!(texts, whole[..texts.len()]);
        }
        assert_eq!(form_field(&[0; 80]), None);
    }

    #[test]
    fn pictures_that_all_claim_the_rest_are_a_finding() {
        let read_at = |places: &[u32], length: u32| {
            let mut header = [0; HEADER];
            header[..4].copy_from_slice(&length.to_le_bytes());
            header[4] = HEADER as u8;
            let main: Vec<u8> =
                places.iter().flat_map(|at| [&LOCATION[..], &at.to_le_bytes()].concat()).collect();
            let limits = Limits::default();
            let request = DocumentRequest {
                kind: FileKind::Doc,
                name: None,
                octets: &main,
                limits: &limits,
                deadline: Instant::now() + Duration::from_secs(60),
                passwords: &[],
            };
            read(&main, &header.repeat(100), "", &mut Output::new(&request))
        };
        let places: Vec<u32> = (0..100).map(|at| at * HEADER as u32).collect();
        assert_eq!(read_at(&places, HEADER as u32), Ok(()));
        assert_eq!(read_at(&places, u32::MAX), Err(Reason::TooBig));
    }

    #[test]
    fn shapes_stand_behind_the_header_and_the_name_of_a_file() {
        let picture = |kind: u8, rest: &[u8]| [&[0, 0, 0, 0, 0x44, 0, kind, 0][..], &[0; 60], rest].concat();
        assert_eq!(shapes(&picture(0x64, b"shape")), b"shape");
        assert_eq!(shapes(&picture(0x66, b"\x01ashape")), b"shape");
        assert_eq!(shapes(&picture(0x66, b"\xff")), b"");
        assert_eq!(shapes(&picture(0, b"field")), b"");
        assert_eq!(shapes(&[]), b"");
    }
}
