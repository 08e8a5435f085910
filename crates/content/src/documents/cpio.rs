//! cpio archives of every age: the "new" ASCII form with and without checksums, the portable octal form, and the old binary
//! form in either order of octets; several archives one behind the other.

use super::{Output, packed};
use crate::{DocumentRequest, Kind, Reason};

/// Names longer than this are damage (octets).
const LONGEST_NAME: usize = 64 << 10;
const LAST: &[u8] = b"TRAILER!!!";

/// Every file of the archive.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    read(request.octets, out)
}

/// As [`open`], for what a package carries.
pub(super) fn read(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let mut at = 0;
    loop {
        at = archive(octets, at, out)?;
        out.at("");
        let rest = octets.get(at..).unwrap_or_default();
        let padding = rest.iter().take_while(|octet| **octet == 0).count();
        at += padding;
        // Images for starting a system are several archives; others stop at the first end.
        if Member::read(octets, at).is_none() {
            return packed::behind(&rest[padding..], out);
        }
    }
}

/// Whether the octets begin as such an archive does: a whole header, and a name that ends where it should.
pub(crate) fn is_archive(octets: &[u8]) -> bool {
    Member::read(octets, 0).is_some()
}

/// The files up to the member that ends the archive; where it ends.
fn archive(octets: &[u8], mut at: usize, out: &mut Output<'_>) -> Result<usize, Reason> {
    loop {
        let member = Member::read(octets, at).ok_or(Reason::Corrupt)?;
        if member.name == LAST {
            return Ok(member.data.min(octets.len()));
        }
        let name = crate::charset::utf8_or_guess(member.name).into_owned();
        out.at(&name);
        let data = octets.get(member.data.min(octets.len())..).unwrap_or_default();
        let data = &data[..member.size.min(data.len())];
        match member.mode & 0o170_000 {
            // Folders, devices and pipes have no octets.
            0o040_000 | 0o020_000 | 0o060_000 | 0o010_000 | 0o140_000 => {
                out.text("", Kind::FileName, name)?;
            }
            0o120_000 => {
                out.text("", Kind::Link, crate::charset::utf8_or_guess(data).into_owned())?;
                out.text("", Kind::FileName, name)?;
            }
            _ => out.copied(name, data)?,
        }
        if data.len() < member.size {
            return Err(Reason::Corrupt);
        }
        at = member.next;
    }
}

/// One file as its header tells of it.
struct Member<'a> {
    name: &'a [u8],
    mode: usize,
    size: usize,
    data: usize,
    next: usize,
}

impl<'a> Member<'a> {
    fn read(octets: &'a [u8], at: usize) -> Option<Self> {
        let head = octets.get(at..)?;
        match head.get(..6)? {
            b"070701" | b"070702" => {
                let field = |index: usize| digits(head, 6 + 8 * index, 8, 16);
                Self::of(octets, at, 110, field(11)?, field(1)?, field(6)?, 4)
            }
            b"070707" => {
                let field = |from: usize, length: usize| digits(head, from, length, 8);
                Self::of(octets, at, 76, field(59, 6)?, field(18, 6)?, field(65, 11)?, 1)
            }
            [0xc7, 0x71, ..] => Self::binary(octets, at, u16::from_le_bytes),
            [0x71, 0xc7, ..] => Self::binary(octets, at, u16::from_be_bytes),
            _ => None,
        }
    }

    /// Thirteen numbers of 16 bits; those of 32 have their upper half first.
    fn binary(octets: &'a [u8], at: usize, word: fn([u8; 2]) -> u16) -> Option<Self> {
        let head = octets.get(at..at + 26)?;
        let field = |index: usize| usize::from(word([head[2 * index], head[2 * index + 1]]));
        Self::of(octets, at, 26, field(10), field(3), field(11) << 16 | field(12), 2)
    }

    /// The name behind a header of so many octets, and the data behind the name, each filled up to `align`.
    fn of(
        octets: &'a [u8],
        at: usize,
        header: usize,
        name_length: usize,
        mode: usize,
        size: usize,
        align: usize,
    ) -> Option<Self> {
        let name_start = at + header;
        if !(1..=LONGEST_NAME).contains(&name_length) {
            return None;
        }
        let name = octets.get(name_start..name_start + name_length)?.strip_suffix(b"\0")?;
        // Filling counts from the archive's own first octet, which in all forms is aligned to where this member began.
        let fill = |length: usize| length.checked_next_multiple_of(align);
        let data = at.checked_add(fill(header + name_length)?)?;
        let next = data.checked_add(fill(size)?)?;
        Some(Self { name, mode, size, data, next })
    }
}

fn digits(head: &[u8], from: usize, length: usize, radix: u32) -> Option<usize> {
    let digits = std::str::from_utf8(head.get(from..from + length)?).ok()?;
    // A sign is no digit.
    digits.bytes().all(|octet| octet.is_ascii_hexdigit()).then_some(())?;
    usize::from_str_radix(digits, radix).ok()
}
