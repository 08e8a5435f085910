//! Encrypted documents of old Word ([MS-DOC] 2.2.6) and presentations of old PowerPoint ([MS-PPT] 2.3.7): their streams in the clear.

use std::borrow::Cow;

use super::super::cfb::Cfb;
use super::super::ole::{u16_at, u32_at};
use super::super::{Output, ppt};
use super::binary::Cipher;
use super::passwords;
use crate::Reason;

/// Streams in the clear, by their numbers in the compound file.
type Clear = Vec<(usize, Vec<u8>)>;

/// The streams of the document in a storage that are encrypted, if a password opens them; nothing where none is.
pub(in crate::documents) fn streams(
    file: &Cfb<'_>,
    storage: usize,
    out: &mut Output<'_>,
) -> Result<Clear, Reason> {
    if file.find(storage, "WordDocument").is_some() {
        word(file, storage, out)
    } else if file.find(storage, "Current User").is_some() {
        slides(file, storage, out)
    } else {
        Ok(Clear::new())
    }
}

/// A stream with its number.
fn found<'a>(file: &Cfb<'a>, storage: usize, name: &str) -> Option<(usize, Cow<'a, [u8]>)> {
    file.find(storage, name).map(|index| (index, file.read(index)))
}

fn opened(out: &Output<'_>, cipher: impl Fn(&str) -> Option<Cipher>) -> Result<Cipher, Reason> {
    passwords(out.passwords).find_map(cipher).ok_or(Reason::Encrypted)
}

// ---- Word

/// Octets of the main stream that are never encrypted.
const HEADER: usize = 68;
const ENCRYPTED: u8 = 1;
const OBFUSCATED: u8 = 0x80;
/// Octets with one key.
const BLOCK: usize = 512;

fn word(file: &Cfb<'_>, storage: usize, out: &mut Output<'_>) -> Result<Clear, Reason> {
    let Some((number, main)) = found(file, storage, "WordDocument") else { return Ok(Clear::new()) };
    let flags = main.get(11).copied().unwrap_or(0);
    let (Some(ident), Some(version)) = (u16_at(&main, 0), u16_at(&main, 2)) else { return Ok(Clear::new()) };
    if flags & ENCRYPTED == 0 {
        return Ok(Clear::new());
    }
    // Word 6 and 95 know nothing else than to obfuscate.
    let old = version < 106 || ident == 0xa5dc;
    let names = if flags & 2 != 0 { ["1Table", "0Table"] } else { ["0Table", "1Table"] };
    let table = names.iter().find_map(|name| found(file, storage, name));
    let (cipher, described) = if old || flags & OBFUSCATED != 0 {
        let (verifier, key) = (u16_at(&main, 14).unwrap_or(0), u16_at(&main, 16).unwrap_or(0));
        let xor = |password: &str| Cipher::xor(key, verifier, password);
        (opened(out, xor)?, 0)
    } else {
        let description = table.as_ref().map(|(_, table)| &**table).unwrap_or_default();
        let length = u32_at(&main, 14).map_or(0, |length| length as usize);
        (opened(out, |password| Cipher::described(description, password))?, length)
    };
    let mut clear = Clear::new();
    let mut decrypt = |number: usize, octets: &[u8], head: usize| {
        out.spend(octets.len() as u64)?;
        let mut all: Vec<u8> =
            octets.chunks(BLOCK).zip(0..).flat_map(|(block, number)| cipher.block(number, block)).collect();
        let head = head.min(octets.len());
        all[..head].copy_from_slice(&octets[..head]);
        clear.push((number, all));
        Ok(())
    };
    decrypt(number, &main, HEADER)?;
    if let Some((number, table)) = &table {
        decrypt(*number, table, described)?;
    }
    if let Some((number, data)) = found(file, storage, "Data") {
        decrypt(number, &data, 0)?;
    }
    // The copy is not encrypted any more.
    clear[0].1[11] &= !(ENCRYPTED | OBFUSCATED);
    Ok(clear)
}

// ---- PowerPoint

/// What the stream of the user says of an encrypted presentation, and of others.
const TOKENS: (u32, u32) = (0xf3d1_c4df, 0xe391_c05f);

fn slides(file: &Cfb<'_>, storage: usize, out: &mut Output<'_>) -> Result<Clear, Reason> {
    let Some((user_number, user)) = found(file, storage, "Current User") else { return Ok(Clear::new()) };
    let main = found(file, storage, "PowerPoint Document");
    let (Some((number, main)), true) = (main, u32_at(&user, 12) == Some(TOKENS.0)) else {
        return Ok(Clear::new());
    };
    let edit = u32_at(&user, 16).ok_or(Reason::Corrupt)?;
    let (objects, session) = ppt::encrypted_objects(&main, edit).ok_or(Reason::Encrypted)?;
    let description = main.get(session.saturating_add(8)..).unwrap_or_default();
    let cipher = opened(out, |password| Cipher::described(description, password))?;
    out.spend(main.len() as u64)?;
    let mut clear = main.to_vec();
    for (at, id) in objects {
        if at == session {
            continue;
        }
        let octets = main.get(at..).unwrap_or_default();
        let head = cipher.block(id, &octets[..octets.len().min(8)]);
        let length = u32_at(&head, 4).map_or(0, |length| length as usize).saturating_add(8).min(octets.len());
        // Objects that overlap would cost more than they are.
        out.spend(length as u64)?;
        clear[at..at + length].copy_from_slice(&cipher.block(id, &octets[..length]));
    }
    let mut user = user.into_owned();
    user[12..16].copy_from_slice(&TOKENS.1.to_le_bytes());
    let mut all = vec![(number, clear), (user_number, user)];
    if let Some((number, pictures)) = found(file, storage, "Pictures") {
        out.spend(pictures.len() as u64)?;
        all.push((number, self::pictures(&cipher, &pictures)));
    }
    Ok(all)
}

/// Records of pictures; each field is encrypted as if it were alone.
fn pictures(cipher: &Cipher, packed: &[u8]) -> Vec<u8> {
    /// Fields of what tells of a picture in a store.
    const STORE: [usize; 11] = [1, 1, 16, 2, 4, 4, 4, 1, 1, 1, 1];
    /// Kinds of pictures that have two marks and not one.
    const TWO: [u16; 8] = [0x217, 0x3d5, 0x46b, 0x543, 0x6e1, 0x6e3, 0x6e5, 0x7a9];
    let mut clear = packed.to_vec();
    let mut at = 0;
    // A field: what it was in the clear, for the lengths in it.
    let mut field = |at: &mut usize, length: usize| {
        let from = (*at).min(clear.len());
        let to = from.saturating_add(length).min(clear.len());
        let octets = cipher.block(0, &packed[from..to]);
        clear[from..to].copy_from_slice(&octets);
        *at = to;
        octets
    };
    while at < packed.len() {
        let mut head = field(&mut at, 8);
        let end = u32_at(&head, 4).map_or(0, |length| length as usize).saturating_add(at).min(packed.len());
        if u16_at(&head, 2) == Some(0xf007) {
            let fields = STORE.map(|length| field(&mut at, length));
            let name = fields[8].first().map_or(0, |length| usize::from(*length));
            if name > 0 {
                field(&mut at, name);
            }
            if at >= end {
                continue;
            }
            head = field(&mut at, 8);
        }
        let (instance, kind) = (u16_at(&head, 0).unwrap_or(0) >> 4, u16_at(&head, 2).unwrap_or(0));
        for _ in 0..if TWO.contains(&instance) { 2 } else { 1 } {
            field(&mut at, 16);
        }
        field(&mut at, if matches!(kind, 0xf01a..=0xf01c) { 34 } else { 1 });
        let rest = end.saturating_sub(at);
        field(&mut at, rest);
    }
    clear
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Write};
    use std::time::{Duration, Instant};

    use super::super::binary::{xor_key, xor_verifier};
    use super::*;
    use crate::documents::InProcess;
    use crate::{DocumentAnswer, DocumentItem, DocumentRequest, Documents, FileKind, Limits};

    /// A document obfuscated as Word 97 obfuscates: the rule read the other way round, checked with LibreOffice 7.4.
    fn obfuscated(password: &str) -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/letter.doc");
        let octets = std::fs::read(path).expect(path);
        let mut file = cfb::CompoundFile::open(Cursor::new(octets)).expect(path);
        let (key, verifier) = (xor_key(password.as_bytes()), xor_verifier(password.as_bytes()));
        let cipher = Cipher::xor(key, verifier, password).expect("a password");
        for name in ["WordDocument", "1Table", "0Table", "Data"] {
            let Ok(mut stream) = file.open_stream(name) else { continue };
            let mut octets = Vec::new();
            stream.read_to_end(&mut octets).expect(name);
            drop(stream);
            let head = if name == "WordDocument" { HEADER } else { 0 };
            let all: Vec<u8> = octets.chunks(BLOCK).flat_map(|block| cipher.block(0, block)).collect();
            octets[head..].copy_from_slice(&all[head..]);
            if name == "WordDocument" {
                octets[11] |= ENCRYPTED | OBFUSCATED;
                octets[14..16].copy_from_slice(&verifier.to_le_bytes());
                octets[16..18].copy_from_slice(&key.to_le_bytes());
            }
            file.create_stream(name).and_then(|mut stream| stream.write_all(&octets)).expect(name);
        }
        file.flush().expect(path);
        file.into_inner().into_inner()
    }

    fn read(octets: &[u8], password: &str) -> DocumentAnswer {
        InProcess.open(&DocumentRequest {
            kind: FileKind::Doc,
            name: None,
            octets,
            limits: &Limits::default(),
            deadline: Instant::now() + Duration::from_secs(60),
            passwords: &[password.to_owned()],
        })
    }

    #[test]
    fn an_obfuscated_document_opens_with_its_password_and_with_no_other() {
        let octets = obfuscated("tulip7");
        let has_text = |answer: &DocumentAnswer| {
            answer.items.iter().any(
                |item| matches!(item, DocumentItem::Text { text, .. } if text.contains("4111 1111 1111 1111")),
            )
        };
        let opened = read(&octets, "tulip7");
        assert!(has_text(&opened) && opened.unscannable.is_empty(), "{:?}", opened.unscannable);
        let closed = read(&octets, "wrong");
        assert!(!has_text(&closed) && closed.unscannable == [(String::new(), Reason::Encrypted)]);
    }
}
