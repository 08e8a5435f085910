//! Outlook's winmail.dat (MS-OXTNEF): its attributes, the properties in them, attachments and the body in every form.

use crate::charset;
use crate::{Kind, Limits, Reason};

/// What is in a winmail.dat.
#[derive(Debug, Default)]
pub(crate) struct Tnef {
    /// Place, kind and text.
    pub(crate) texts: Vec<(String, Kind, String)>,
    /// Names and octets: attachments, the body as RTF or HTML, embedded messages.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Why there may be more than was read.
    pub(crate) broken: Option<Reason>,
}

const SIGNATURE: &[u8] = b"\x78\x9f\x3e\x22";
/// Properties of one list, and attributes of one file.
const MOST: usize = 20_000;

/// Reads attributes as far as they go. Checksums are not looked at: no client does.
pub(crate) fn read(octets: &[u8], limits: &Limits) -> Tnef {
    let mut reader =
        Reader { out: Tnef::default(), limits, label: "windows-1252".to_owned(), attachment: None };
    let Some(rest) = octets.strip_prefix(SIGNATURE).and_then(|rest| rest.get(2..)) else {
        reader.out.broken = Some(Reason::Corrupt);
        return reader.out;
    };
    let mut input = Input(rest);
    for _ in 0..MOST {
        if input.0.is_empty() {
            break;
        }
        let Some(attribute) = input.attribute() else {
            reader.out.broken = Some(Reason::Corrupt);
            break;
        };
        reader.attribute(&attribute);
        if reader.out.files.len() as u64 > u64::from(limits.parts) {
            reader.out.broken = Some(Reason::TooManyParts);
            break;
        }
    }
    reader.end_attachment();
    reader.out
}

/// Little-endian fields from the front.
struct Input<'a>(&'a [u8]);

struct Attribute<'a> {
    id: u16,
    data: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|two| u16::from_le_bytes([two[0], two[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    /// Octets of a length that comes first, filled up to four.
    fn padded(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let data = self.take(length.min(self.0.len()))?;
        let fill = length.wrapping_neg() & 3;
        self.0 = self.0.get(fill..).unwrap_or_default();
        Some(data)
    }

    /// Level, id, type, length, data, checksum. Data that is cut short is taken as far as it goes.
    fn attribute(&mut self) -> Option<Attribute<'a>> {
        self.take(1)?;
        let id = self.u16()?;
        self.take(2)?;
        let length = self.u32()? as usize;
        let data = self.take(length.min(self.0.len()))?;
        self.0 = self.0.get(2..).unwrap_or_default();
        Some(Attribute { id, data })
    }
}

#[derive(Default)]
struct Attachment {
    title: String,
    long_name: String,
    data: Vec<u8>,
}

struct Reader<'l> {
    out: Tnef,
    limits: &'l Limits,
    /// The charset of strings of octets.
    label: String,
    attachment: Option<Attachment>,
}

impl Reader<'_> {
    fn attribute(&mut self, attribute: &Attribute<'_>) {
        let data = attribute.data;
        match attribute.id {
            0x9007 => {
                if let Some(page) = Input(data).u32() {
                    self.label = match page {
                        65001 => "utf-8".to_owned(),
                        1250..=1258 => format!("windows-{page}"),
                        _ => format!("cp{page}"),
                    };
                }
            }
            0x9002 => {
                self.end_attachment();
                self.attachment = Some(Attachment::default());
            }
            0x8010 => self.attached().title = self.string(data),
            0x800f => self.attached().data = data.to_vec(),
            0x9003 | 0x9005 => self.properties(data, attribute.id == 0x9005),
            0x8004 => self.text("subject", Kind::Property, self.string(data)),
            0x800c => self.text("body", Kind::Text, self.string(data)),
            // From, message class, ids, dates and the rest: strings are properties.
            0x8000..=0x8003 | 0x8005..=0x800b => {
                self.text("property", Kind::Property, printable(&self.string(data)))
            }
            _ => {}
        }
    }

    fn attached(&mut self) -> &mut Attachment {
        self.attachment.get_or_insert_default()
    }

    fn end_attachment(&mut self) {
        let Some(attachment) = self.attachment.take() else { return };
        let name = match (attachment.long_name.is_empty(), attachment.title.is_empty()) {
            (false, _) => attachment.long_name,
            (true, false) => attachment.title,
            (true, true) => format!("attachment {}", self.out.files.len() + 1),
        };
        self.out.files.push((name, attachment.data));
    }

    fn text(&mut self, place: &str, kind: Kind, text: String) {
        if !text.trim().is_empty() {
            self.out.texts.push((place.to_owned(), kind, text));
        }
    }

    fn string(&self, octets: &[u8]) -> String {
        let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        charset::decode(&octets[..end], Some(&self.label)).text.into_owned()
    }

    fn properties(&mut self, data: &[u8], of_attachment: bool) {
        let mut input = Input(data);
        let count = input.u32().unwrap_or(0);
        for _ in 0..(count as usize).min(MOST) {
            if self.property(&mut input, of_attachment).is_none() {
                self.out.broken = Some(Reason::Corrupt);
                return;
            }
        }
    }

    fn property(&mut self, input: &mut Input<'_>, of_attachment: bool) -> Option<()> {
        let (kind, id) = (input.u16()?, input.u16()?);
        if id >= 0x8000 {
            input.take(16)?;
            if input.u32()? == 0 { input.take(4).map(|_| ())? } else { input.padded().map(|_| ())? }
        }
        let several = kind & 0x1000 != 0;
        match kind & 0x0fff {
            0x0d | 0x1e | 0x1f | 0x102 => {
                for _ in 0..(input.u32()? as usize).min(MOST) {
                    let value = input.padded()?;
                    self.value(id, kind & 0x0fff, value, of_attachment);
                }
            }
            fixed => {
                let width = match fixed {
                    0x05 | 0x06 | 0x07 | 0x14 | 0x40 => 8,
                    0x48 => 16,
                    _ => 4,
                };
                let values = if several { input.u32()? as usize } else { 1 };
                input.take(values.checked_mul(width)?)?;
            }
        }
        Some(())
    }

    fn value(&mut self, id: u16, kind: u16, value: &[u8], of_attachment: bool) {
        let text = || match kind {
            0x1f => charset::wide::Wide::Utf16Le.decode(value).0.trim_end_matches('\0').to_owned(),
            _ => self.string(value),
        };
        match (id, kind) {
            (0x1009, _) => match unpack_rtf(value, self.limits) {
                Some(rtf) => self.out.files.push(("body.rtf".to_owned(), rtf)),
                None => self.out.broken = Some(Reason::Corrupt),
            },
            (0x1013, _) => {
                let html = if kind == 0x1f { text().into_bytes() } else { value.to_vec() };
                self.out.files.push(("body.html".to_owned(), html));
            }
            (0x3707, 0x1e | 0x1f) if of_attachment => self.attached().long_name = text(),
            (0x3701, 0x0d | 0x102) if of_attachment => {
                // An object begins with the identifier of its interface.
                let data = if kind == 0x0d { value.get(16..).unwrap_or_default() } else { value };
                if self.attached().data.len() < data.len() {
                    self.attached().data = data.to_vec();
                }
            }
            (0x1000, 0x1e | 0x1f) => self.text("body", Kind::Text, text()),
            (0x0037, 0x1e | 0x1f) => self.text("subject", Kind::Property, text()),
            (_, 0x1e | 0x1f) => self.text("property", Kind::Property, text()),
            _ => {}
        }
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What every compressed RTF may refer back to (MS-OXRTFCP 2.1.2.1).
const PRESET: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Compressed RTF (MS-OXRTFCP): literals and references into a ring of 4,096 octets.
pub(crate) fn unpack_rtf(packed: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let mut input = Input(packed);
    input.u32()?;
    let raw = input.u32()? as usize;
    let magic = input.take(4)?;
    input.take(4)?;
    if magic == b"MELA" {
        return Some(input.0[..raw.min(input.0.len())].to_vec());
    }
    if magic != b"LZFu" {
        return None;
    }
    let most = usize::try_from(limits.octets_out).unwrap_or(usize::MAX).min(packed.len().saturating_mul(18));
    let mut ring = [b' '; 4096];
    ring[..PRESET.len()].copy_from_slice(PRESET);
    let (mut write, mut out) = (PRESET.len(), Vec::new());
    while let Some(&flags) = input.take(1).and_then(<[u8]>::first) {
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some(&literal) = input.take(1).and_then(<[u8]>::first) else { return Some(out) };
                ring[write] = literal;
                write = (write + 1) % ring.len();
                out.push(literal);
                continue;
            }
            let Some(pair) = input.take(2) else { return Some(out) };
            let reference = usize::from(u16::from_be_bytes([pair[0], pair[1]]));
            let (offset, length) = (reference >> 4, (reference & 15) + 2);
            if offset == write || out.len() >= most {
                return Some(out);
            }
            for step in 0..length {
                let octet = ring[(offset + step) % ring.len()];
                ring[write] = octet;
                write = (write + 1) % ring.len();
                out.push(octet);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(level: u8, id: u16, data: &[u8]) -> Vec<u8> {
        let mut out = vec![level];
        out.extend(id.to_le_bytes());
        out.extend([0, 0]);
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out.extend([0, 0]);
        out
    }

    fn string_property(id: u16, text: &str) -> Vec<u8> {
        let mut out = vec![0x1e, 0];
        out.extend(id.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.bytes());
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn file(attributes: &[Vec<u8>]) -> Vec<u8> {
        [SIGNATURE, &[1, 0], &attributes.concat()].concat()
    }

    #[test]
    fn attachments_bodies_and_properties_are_read() {
        let properties = [
            &2_u32.to_le_bytes()[..],
            &string_property(0x1000, "the body"),
            &string_property(0x0037, "the subject"),
        ]
        .concat();
        let name = [&1_u32.to_le_bytes()[..], &string_property(0x3707, "long name.txt")].concat();
        let read = read(
            &file(&[
                attribute(1, 0x9003, &properties),
                attribute(2, 0x9002, &[0; 14]),
                attribute(2, 0x8010, b"SHORT.TXT\0"),
                attribute(2, 0x800f, b"4111 1111"),
                attribute(2, 0x9005, &name),
                attribute(2, 0x9002, &[0; 14]),
                attribute(2, 0x8010, b"B.TXT\0"),
                attribute(2, 0x800f, b"second"),
            ]),
            &Limits::default(),
        );
        let expected =
            [("long name.txt".to_owned(), b"4111 1111".to_vec()), ("B.TXT".to_owned(), b"second".to_vec())];
        assert_eq!(read.files, expected);
        assert_eq!(read.texts[0], ("body".to_owned(), Kind::Text, "the body".to_owned()));
        assert_eq!(read.texts[1].2, "the subject");
        assert_eq!(read.broken, None);
    }

    #[test]
    fn a_file_that_is_cut_short_gives_what_it_has() {
        let whole = file(&[attribute(1, 0x800c, b"body text"), attribute(1, 0x800c, b"more")]);
        let read = read(&whole[..whole.len() - 10], &Limits::default());
        assert_eq!(read.texts[0].2, "body text");
        assert_eq!(read.broken, Some(Reason::Corrupt));
    }

    #[test]
    fn compressed_rtf_is_unpacked() {
        // The example of MS-OXRTFCP 3.2.
        let packed = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        let rtf = unpack_rtf(packed, &Limits::default()).expect("compressed RTF");
        assert_eq!(String::from_utf8_lossy(&rtf), "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    }
}
