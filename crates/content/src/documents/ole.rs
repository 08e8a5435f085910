//! Objects that old programs embed: OLE 1 streams, packages made by the Object Packager, and what Ole10Native holds.

use super::Output;
use crate::{Kind, Reason};

/// Reads little-endian fields from the front; nothing once the octets end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_le_bytes([octets[0], octets[1]]))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|octets| u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]]))
    }

    /// Octets up to a NUL, which is taken too.
    fn until_nul(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.0)?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }
}

/// A little-endian number at a place; nothing beyond the end.
pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Fields(octets.get(at..)?).u16()
}

/// As [`u16_at`].
pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Fields(octets.get(at..)?).u32()
}

/// Octets as text in the usual Western code page, or UTF-8 where they are.
pub(super) fn ansi(octets: &[u8]) -> String {
    let end = memchr::memchr(0, octets).unwrap_or(octets.len());
    crate::charset::utf8_or_guess(&octets[..end]).into_owned()
}

/// UTF-16 octets as text, up to a NUL.
pub(super) fn wide(octets: &[u8]) -> String {
    let units = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units = units.take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// An OLE 1 object ([MS-OLEDS] 2.2.5), as RTF has them; what cannot be read as one is handed on as it is.
pub(super) fn version1(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let Some((class, data)) = version1_parts(octets) else {
        return hand_on("object", octets, out);
    };
    if class.eq_ignore_ascii_case("package") || class.is_empty() {
        return match package(data) {
            Some(package) => package.hand_on(out),
            None => hand_on("package", data, out),
        };
    }
    let ending = match data {
        [0xd0, 0xcf, 0x11, 0xe0, ..] => ".ole",
        [b'P', b'K', 3, 4, ..] => ".zip",
        _ => "",
    };
    hand_on(&format!("{class}{ending}"), data, out)
}

fn version1_parts(octets: &[u8]) -> Option<(String, &[u8])> {
    let mut fields = Fields(octets);
    fields.u32()?;
    let format = fields.u32()?;
    if format > 5 {
        return None;
    }
    let class = ansi(fields.counted()?);
    fields.counted()?;
    fields.counted()?;
    let size = fields.u32()? as usize;
    // A size that lies does not hide the data.
    Some((class, &fields.0[..size.min(fields.0.len())]))
}

fn hand_on(name: &str, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    match octets.is_empty() {
        true => Ok(()),
        false => out.file(name.to_owned(), octets.to_vec()),
    }
}

/// A file put into a document by dragging it there.
#[derive(Debug)]
pub(super) struct Package<'a> {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) data: &'a [u8],
}

impl Package<'_> {
    pub(super) fn hand_on(self, out: &mut Output<'_>) -> Result<(), Reason> {
        out.text("package", Kind::Property, self.source)?;
        out.spend(self.data.len() as u64)?;
        out.file(self.name, self.data.to_vec())
    }
}

/// The stream `Ole10Native`: a length, then a package.
pub(super) fn native(octets: &[u8]) -> Option<Package<'_>> {
    package(octets.get(4..)?).or_else(|| package(octets))
}

fn package(octets: &[u8]) -> Option<Package<'_>> {
    let mut fields = Fields(octets);
    if fields.u16()? != 2 {
        return None;
    }
    let label = ansi(fields.until_nul()?);
    let source = ansi(fields.until_nul()?);
    fields.u32()?;
    fields.counted()?;
    let size = fields.u32()? as usize;
    let data = &fields.0[..size.min(fields.0.len())];
    let name = if label.is_empty() { "package".to_owned() } else { label };
    Some(Package { name, source, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_gives_name_source_and_data() {
        let octets = b"\x02\0a.txt\0C:\\a.txt\0\0\0\x03\0\x05\0\0\0temp\0\x06\0\0\0secrettail";
        let package = package(octets).expect("a package");
        assert_eq!((package.name.as_str(), package.source.as_str()), ("a.txt", "C:\\a.txt"));
        assert_eq!(package.data, b"secret");
    }

    #[test]
    fn every_cut_of_a_package_is_read_or_refused_quietly() {
        let octets = b"\x02\0a.txt\0C:\\a.txt\0\0\0\x03\0\x05\0\0\0temp\0\x06\0\0\0secret";
        let read = (0..octets.len()).filter(|length| package(&octets[..*length]).is_some()).count();
        assert_eq!(read, 6, "cuts inside the data are read as far as they go");
    }
}
