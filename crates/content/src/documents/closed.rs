//! RAR, ARJ, LHA and ACE: no free reader unpacks them, but their files are named, and those that are only stored are read.

use super::Output;
use crate::{DocumentRequest, FileKind, Kind, Reason};

/// Names every file; hands stored ones on.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    let read = match request.kind {
        FileKind::Rar if octets.get(6) == Some(&1) => rar5(octets, request.kind, out)?,
        FileKind::Rar => rar4(octets, request.kind, out)?,
        FileKind::Arj => arj(octets, request.kind, out)?,
        FileKind::Lha => lha(octets, request.kind, out)?,
        FileKind::Ace => ace(octets, request.kind, out)?,
        other => return Err(Reason::Unsupported(other)),
    };
    out.at("");
    // Damage or an unknown form: what could be named was.
    read.ok_or(Reason::Unsupported(request.kind))
}

/// A file as its header tells of it.
struct File<'a> {
    name: String,
    stored: bool,
    encrypted: bool,
    packed: &'a [u8],
    whole: bool,
}

impl File<'_> {
    fn hand_on(self, kind: FileKind, out: &mut Output<'_>) -> Result<(), Reason> {
        out.at(&self.name);
        match (self.encrypted, self.stored && self.whole) {
            (true, _) => {
                out.locked(self.name);
                Ok(())
            }
            (false, true) => out.copied(self.name, self.packed),
            (false, false) => out.named(&self.name, Reason::Unsupported(kind)),
        }
    }
}

/// None where the chain of headers breaks.
type Read = Result<Option<()>, Reason>;

fn rar4(octets: &[u8], kind: FileKind, out: &mut Output<'_>) -> Read {
    let mut at = 7;
    while at < octets.len() {
        let Some(block) = octets.get(at..).filter(|block| block.len() >= 7) else { return Ok(None) };
        let (tag, flags, size) = (block[2], u16_at(block, 3), usize::from(u16_at(block, 5)));
        let Some(header) = block.get(..size).filter(|_| size >= 7) else { return Ok(None) };
        let added = if flags & 0x8000 != 0 || tag == 0x74 { u32_at(header, 7) as usize } else { 0 };
        let packed = block.get(size..).unwrap_or_default();
        match tag {
            // All other headers are encrypted.
            0x73 if flags & 0x80 != 0 => return Err(Reason::Encrypted),
            0x74 => {
                let length = usize::from(u16_at(header, 26));
                let start = if flags & 0x100 != 0 { 40 } else { 32 };
                let name = header.get(start..start + length).unwrap_or_default();
                let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
                let file = File {
                    name: text(name),
                    stored: header.get(25) == Some(&0x30),
                    encrypted: flags & 4 != 0,
                    packed: &packed[..added.min(packed.len())],
                    whole: flags & 3 == 0,
                };
                file.hand_on(kind, out)?;
            }
            0x7b => return Ok(Some(())),
            _ => {}
        }
        at = at.saturating_add(size).saturating_add(added);
    }
    Ok(Some(()))
}

fn rar5(octets: &[u8], kind: FileKind, out: &mut Output<'_>) -> Read {
    let mut at = 8;
    while at < octets.len() {
        let Some((tag, flags, mut fields, packed, next)) = rar5_block(octets, at) else { return Ok(None) };
        at = next;
        match tag {
            2 | 3 => {
                let Some((name, stored)) = rar5_file(&mut fields) else { return Ok(None) };
                if tag == 3 {
                    if name == "CMT" && stored {
                        out.text("comment", Kind::Comment, text(packed))?;
                    }
                    continue;
                }
                let encrypted = rar5_is_encrypted(fields.0);
                File { name, stored, encrypted, packed, whole: flags & 0x18 == 0 }.hand_on(kind, out)?;
            }
            4 => return Err(Reason::Encrypted),
            5 => return Ok(Some(())),
            _ => {}
        }
    }
    Ok(Some(()))
}

/// Numbers of seven bits an octet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let (octet, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(octets)
    }
}

/// Type, flags, the fields of the type, the data, and where the next block is.
fn rar5_block(octets: &[u8], at: usize) -> Option<(u64, u64, Fields<'_>, &[u8], usize)> {
    let mut from = Fields(octets.get(at + 4..)?);
    let size = from.number()?;
    let mut header = Fields(from.take(size)?);
    let (tag, flags) = (header.number()?, header.number()?);
    if flags & 1 != 0 {
        header.number()?;
    }
    let data = if flags & 2 != 0 { header.number()? } else { 0 };
    let rest = from.0;
    let packed = &rest[..rest.len().min(usize::try_from(data).ok()?)];
    let next = (octets.len() - rest.len()).checked_add(usize::try_from(data).ok()?)?;
    Some((tag, flags, header, packed, next))
}

/// The name of a file, and whether it is only stored; what is left are the extra records.
fn rar5_file(fields: &mut Fields<'_>) -> Option<(String, bool)> {
    let flags = fields.number()?;
    fields.number()?;
    fields.number()?;
    fields.take(if flags & 2 != 0 { 4 } else { 0 })?;
    fields.take(if flags & 4 != 0 { 4 } else { 0 })?;
    let stored = fields.number()? >> 7 & 7 == 0;
    fields.number()?;
    let length = fields.number()?;
    Some((text(fields.take(length)?), stored))
}

fn rar5_is_encrypted(extra: &[u8]) -> bool {
    let mut records = Fields(extra);
    while let Some(size) = records.number() {
        let Some(record) = records.take(size) else { return false };
        if Fields(record).number() == Some(1) {
            return true;
        }
    }
    false
}

fn arj(octets: &[u8], kind: FileKind, out: &mut Output<'_>) -> Read {
    let mut at = 0;
    loop {
        let Some(head) = octets.get(at..).filter(|head| head.starts_with(b"\x60\xea")) else {
            return Ok(None);
        };
        let size = usize::from(u16_at(head, 2));
        if size == 0 {
            return Ok(Some(()));
        }
        let Some(header) = head.get(4..4 + size).filter(|header| header.len() >= 30) else { return Ok(None) };
        let mut texts = header[usize::from(header[0]).min(size)..].split(|octet| *octet == 0);
        let (name, comment) =
            (text(texts.next().unwrap_or_default()), text(texts.next().unwrap_or_default()));
        out.text(name.clone(), Kind::Comment, comment)?;
        let mut data = 4 + size + 4;
        while u16_at(head, data) != 0 {
            data += usize::from(u16_at(head, data)) + 6;
        }
        data += 2;
        if header[6] == 2 {
            // The archive's own header.
            out.text("", Kind::FileName, name)?;
            at += data;
            continue;
        }
        let length = u32_at(header, 12) as usize;
        let packed = head.get(data..).unwrap_or_default();
        let file = File {
            name,
            stored: header[5] == 0,
            encrypted: header[4] & 1 != 0,
            packed: &packed[..length.min(packed.len())],
            whole: true,
        };
        file.hand_on(kind, out)?;
        at = at.saturating_add(data).saturating_add(length);
    }
}

fn lha(octets: &[u8], kind: FileKind, out: &mut Output<'_>) -> Read {
    let mut at = 0;
    loop {
        let Some(head) = octets.get(at..).filter(|head| head.first().is_some_and(|size| *size != 0)) else {
            return Ok((at > 0).then_some(()));
        };
        if head.len() < 24 || head[2] != b'-' || head[6] != b'-' {
            return Ok(None);
        }
        let (stored, length) = (matches!(&head[3..6], b"lh0" | b"lz4"), u32_at(head, 7) as usize);
        let (name, data) = match head[20] {
            level @ (0 | 1) => {
                let name = head.get(22..22 + usize::from(head[21])).unwrap_or_default();
                let header = 2 + usize::from(head[0]);
                if level == 1 { lha_extensions(head, header - 2, name) } else { (text(name), header) }
            }
            2 => {
                let (name, _) = lha_extensions(head, 24, b"");
                (name, usize::from(u16_at(head, 0)).max(26))
            }
            _ => return Ok(None),
        };
        // Where extensions follow the header, the length counts them too.
        let extended = if head[20] == 1 { data.saturating_sub(2 + usize::from(head[0])) } else { 0 };
        let length = length.saturating_sub(extended);
        let packed = head.get(data..).unwrap_or_default();
        let packed = &packed[..length.min(packed.len())];
        File { name, stored, encrypted: false, packed, whole: true }.hand_on(kind, out)?;
        at = at.saturating_add(data).saturating_add(length);
    }
}

/// Follows the chain of extensions from where the size of the first stands; name and folder are among them.
fn lha_extensions(head: &[u8], at: usize, name: &[u8]) -> (String, usize) {
    let (mut name, mut folder) = (name.to_vec(), Vec::new());
    let mut data = at + 2;
    let mut size = usize::from(u16_at(head, at));
    while size >= 3 && data + size <= head.len() {
        let extension = &head[data + 1..data + size - 2];
        match head[data] {
            1 => name = extension.to_vec(),
            2 => folder = extension.iter().map(|octet| if *octet == 0xff { b'/' } else { *octet }).collect(),
            _ => {}
        }
        data += size;
        size = usize::from(u16_at(head, data - 2));
    }
    folder.extend(name);
    (text(&folder), data)
}

fn ace(octets: &[u8], kind: FileKind, out: &mut Output<'_>) -> Read {
    let mut at = 0;
    while at < octets.len() {
        let Some(head) = octets.get(at..).filter(|head| head.len() >= 7) else { return Ok(None) };
        let size = usize::from(u16_at(head, 2));
        let (tag, flags) = (head[4], u16_at(head, 5));
        let added = if flags & 1 != 0 { u32_at(head, 7) as usize } else { 0 };
        let data = 4 + size;
        if tag == 1 {
            let length = usize::from(u16_at(head, 33));
            let Some(name) = head.get(35..35 + length) else { return Ok(None) };
            let packed = head.get(data..).unwrap_or_default();
            let file = File {
                name: text(name),
                stored: head[27] == 0,
                encrypted: flags & 0x4000 != 0,
                packed: &packed[..added.min(packed.len())],
                whole: flags & 0x3000 == 0,
            };
            file.hand_on(kind, out)?;
        }
        at = at.saturating_add(data).saturating_add(added);
    }
    Ok((at == octets.len()).then_some(()))
}

fn text(octets: &[u8]) -> String {
    crate::charset::utf8_or_guess(octets).into_owned()
}

fn u16_at(octets: &[u8], at: usize) -> u16 {
    octets.get(at..at.saturating_add(2)).map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from(u16_at(octets, at)) | u32::from(u16_at(octets, at.saturating_add(2))) << 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::InProcess;
    use crate::{DocumentItem, Documents, Limits};

    fn open(kind: FileKind, octets: &[u8]) -> crate::DocumentAnswer {
        InProcess.open(&DocumentRequest {
            kind,
            name: None,
            octets,
            limits: &Limits::default(),
            deadline: std::time::Instant::now() + std::time::Duration::from_secs(9),
            passwords: &[],
        })
    }

    fn rar4_file(name: &str, method: u8, flags: u16, data: &[u8]) -> Vec<u8> {
        let mut header = vec![0, 0, 0x74];
        header.extend((flags | 0x8000).to_le_bytes());
        header.extend((32 + name.len() as u16).to_le_bytes());
        header.extend((data.len() as u32).to_le_bytes());
        header.extend([0; 14]);
        header.push(method);
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0; 4]);
        header.extend(name.as_bytes());
        [header.as_slice(), data].concat()
    }

    fn rar5_file_block(name: &str, method: u8, extra: &[u8], data: &[u8]) -> Vec<u8> {
        let flags = 2 | u8::from(!extra.is_empty());
        let mut header = vec![2, flags];
        if !extra.is_empty() {
            header.push(extra.len() as u8);
        }
        header.push(data.len() as u8);
        // Flags, size, attributes, how it is packed (two octets), system, name.
        header.extend([0, data.len() as u8, 0, (method & 1) << 7 | 0x80, method >> 1, 0, name.len() as u8]);
        header.extend(name.as_bytes());
        header.extend(extra);
        [&[0; 4], &[header.len() as u8][..], &header, data].concat()
    }

    fn expect(kind: FileKind, octets: &[u8]) {
        let answer = open(kind, octets);
        let stored = |item: &DocumentItem| matches!(item, DocumentItem::File { name, octets, encrypted: false, .. } if name == "stored.txt" && octets == b"Amber");
        assert!(answer.items.iter().any(stored), "{answer:?}");
        let expected = [
            ("packed.txt".to_owned(), Reason::Unsupported(kind)),
            ("locked.txt".to_owned(), Reason::Encrypted),
        ];
        assert_eq!(answer.unscannable, expected);
    }

    #[test]
    fn rar_of_both_ages_is_named_file_by_file_and_stored_files_are_read() {
        let old = [
            b"Rar!\x1a\x07\x00".as_slice(),
            &[0, 0, 0x73, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0],
            &rar4_file("stored.txt", 0x30, 0, b"Amber"),
            &rar4_file("packed.txt", 0x33, 0, b"noise"),
            &rar4_file("locked.txt", 0x30, 4, b"noise"),
            &[0, 0, 0x7b, 0, 0, 7, 0],
        ];
        expect(FileKind::Rar, &old.concat());
        let new = [
            b"Rar!\x1a\x07\x01\x00".as_slice(),
            &[0, 0, 0, 0, 3, 1, 0, 0],
            &rar5_file_block("stored.txt", 0, b"", b"Amber"),
            &rar5_file_block("packed.txt", 3, b"", b"noise"),
            &rar5_file_block("locked.txt", 0, &[2, 1, 0], b"noise"),
            &[0, 0, 0, 0, 3, 5, 0, 0],
        ];
        expect(FileKind::Rar, &new.concat());
    }

    #[test]
    fn encrypted_headers_and_damage_are_findings() {
        let locked =
            [b"Rar!\x1a\x07\x00".as_slice(), &[0, 0, 0x73, 0x80, 0, 13, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(open(FileKind::Rar, &locked).unscannable, [(String::new(), Reason::Encrypted)]);
        for kind in [FileKind::Rar, FileKind::Arj, FileKind::Lha, FileKind::Ace] {
            let answer = open(kind, b"Rar!\x1a\x07\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff");
            assert_eq!(answer.unscannable, [(String::new(), Reason::Unsupported(kind))]);
        }
    }
}
