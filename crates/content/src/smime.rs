//! Cryptographic messages (CMS, RFC 5652) by a small walk through their BER: the signed or compressed content, or that it is encrypted.

use std::io::Read;

use crate::{Limits, Reason};

/// What is in a cryptographic message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cms {
    /// The content that was signed.
    Signed(Vec<u8>),
    /// The content, unpacked.
    Compressed(Vec<u8>),
    /// A signature whose content is elsewhere.
    Detached,
    /// Content for those who have the key.
    Encrypted,
    /// It cannot be read.
    Broken(Reason),
}

/// Pieces in pieces of one string.
const DEEPEST: usize = 16;
/// Elements of one message: a string may come in many pieces.
const MOST_ELEMENTS: usize = 1 << 20;

/// Whether octets begin like a cryptographic message.
pub(crate) fn is_cms(octets: &[u8]) -> bool {
    content_type(octets).is_some()
}

/// Reads a cryptographic message.
pub(crate) fn read(octets: &[u8], limits: &Limits) -> Cms {
    let Some((kind, content)) = content_type(octets) else { return Cms::Broken(Reason::Corrupt) };
    match kind {
        Type::Encrypted => Cms::Encrypted,
        Type::Signed => match inner_content(content, 1) {
            Some(Inner::Content(content)) => Cms::Signed(content),
            Some(Inner::None) => Cms::Detached,
            None => Cms::Broken(Reason::Corrupt),
        },
        Type::Compressed => match inner_content(content, 1) {
            Some(Inner::Content(packed)) => inflate(&packed, limits),
            _ => Cms::Broken(Reason::Corrupt),
        },
    }
}

enum Type {
    Signed,
    Encrypted,
    Compressed,
}

/// ContentInfo: its type, and what is in its SEQUENCE of content.
fn content_type(octets: &[u8]) -> Option<(Type, &[u8])> {
    let outer = element(octets).filter(|outer| outer.tag == 0x30)?;
    let oid = element(outer.content).filter(|oid| oid.tag == 0x06)?;
    let kind = match oid.content {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2] => Type::Signed,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3 | 4 | 6] => Type::Encrypted,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 23] => Type::Encrypted,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 9] => Type::Compressed,
        _ => return None,
    };
    let explicit = element(oid.after).filter(|explicit| explicit.tag == 0xa0);
    let sequence = explicit.and_then(|explicit| element(explicit.content)).filter(|inner| inner.tag == 0x30);
    Some((kind, sequence.map_or(&[][..], |sequence| sequence.content)))
}

enum Inner {
    Content(Vec<u8>),
    None,
}

/// The version, `algorithms` fields, and then the encapsulated content: its type and, perhaps, its octets.
fn inner_content(content: &[u8], algorithms: usize) -> Option<Inner> {
    let mut rest = element(content).filter(|version| version.tag == 0x02)?.after;
    for _ in 0..algorithms {
        rest = element(rest)?.after;
    }
    let encapsulated = element(rest).filter(|inner| inner.tag == 0x30)?;
    let oid = element(encapsulated.content).filter(|oid| oid.tag == 0x06)?;
    let Some(explicit) = element(oid.after).filter(|explicit| explicit.tag == 0xa0) else {
        return Some(Inner::None);
    };
    octet_string(explicit.content).map(Inner::Content)
}

/// An OCTET STRING, whole or in pieces, or pieces in pieces.
fn octet_string(octets: &[u8]) -> Option<Vec<u8>> {
    let first = element(octets)?;
    if !matches!(first.tag, 0x04 | 0x24) {
        // Before CMS, PKCS #7 put any type here.
        return Some(first.content.to_vec());
    }
    let mut out = Vec::new();
    let mut stack = vec![(&octets[..octets.len() - first.after.len()], 0)];
    let mut elements = 0;
    while let Some((rest, depth)) = stack.pop() {
        let Some(piece) = element(rest) else { continue };
        elements += 1;
        if elements > MOST_ELEMENTS || depth > DEEPEST {
            return None;
        }
        if !piece.after.is_empty() {
            stack.push((piece.after, depth));
        }
        match piece.tag {
            0x04 => out.extend_from_slice(piece.content),
            0x24 => stack.push((piece.content, depth + 1)),
            _ => {}
        }
    }
    Some(out)
}

fn inflate(packed: &[u8], limits: &Limits) -> Cms {
    let most = limits.octets_out.min((packed.len() as u64).max(64 << 10).saturating_mul(limits.ratio.into()));
    let mut content = Vec::new();
    let read = flate2::read::ZlibDecoder::new(packed).take(most + 1).read_to_end(&mut content);
    match read {
        Ok(_) if content.len() as u64 > most => Cms::Broken(Reason::Ratio),
        Ok(_) => Cms::Compressed(content),
        Err(_) if content.is_empty() => Cms::Broken(Reason::Corrupt),
        Err(_) => Cms::Compressed(content),
    }
}

/// One element of BER. What is cut short is taken as far as it goes.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    after: &'a [u8],
}

fn element(octets: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    if first == 0x80 {
        let length = indefinite(rest);
        let after = rest.get(length + 2..).unwrap_or_default();
        return Some(Element { tag, content: &rest[..length], after });
    }
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let count = usize::from(first & 0x7f);
            if count > 8 || rest.len() < count {
                return None;
            }
            let length = rest[..count].iter().fold(0_u64, |length, octet| length << 8 | u64::from(*octet));
            (usize::try_from(length).unwrap_or(usize::MAX), &rest[count..])
        }
    };
    let length = length.min(rest.len());
    Some(Element { tag, content: &rest[..length], after: &rest[length..] })
}

/// The length of content that ends with two NULs of its own level: a count of open ends, no recursion.
fn indefinite(octets: &[u8]) -> usize {
    let (mut at, mut open) = (0, 1_usize);
    while at < octets.len() {
        match &octets[at..] {
            [0, 0, ..] => {
                open -= 1;
                if open == 0 {
                    return at;
                }
                at += 2;
            }
            [_, 0x80, ..] => {
                open += 1;
                at += 2;
            }
            [_, length @ 0..0x80, ..] => at += 2 + usize::from(*length),
            [_, count, rest @ ..] => {
                let count = usize::from(count & 0x7f);
                let Some(digits) = rest.get(..count.min(8)) else { break };
                let length = digits.iter().fold(0_u64, |length, octet| length << 8 | u64::from(*octet));
                at = usize::try_from(length)
                    .map_or(usize::MAX, |length| (at + 2 + count).saturating_add(length));
            }
            _ => break,
        }
    }
    octets.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut out = vec![tag, 0x82, (length >> 8) as u8, length as u8];
        out.extend_from_slice(content);
        out
    }

    fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    const SIGNED: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    const DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];

    fn signed(wrap: fn(u8, &[u8]) -> Vec<u8>, content: &[u8]) -> Vec<u8> {
        let encapsulated = wrap(0x30, &[DATA, content].concat());
        let inner = wrap(0x30, &[&[2, 1, 1, 0x31, 0], &encapsulated[..], &[0x31, 0]].concat());
        wrap(0x30, &[SIGNED, &wrap(0xa0, &inner)].concat())
    }

    #[test]
    fn signed_content_is_read_whole_and_in_pieces() {
        let limits = Limits::default();
        let whole = signed(der, &der(0xa0, &der(0x04, b"text")));
        assert_eq!(read(&whole, &limits), Cms::Signed(b"text".to_vec()));
        let pieces = [der(0x04, b"te"), ber(0x24, &der(0x04, b"xt"))].concat();
        let pieces = signed(ber, &ber(0xa0, &ber(0x24, &pieces)));
        assert!(is_cms(&pieces));
        assert_eq!(read(&pieces, &limits), Cms::Signed(b"text".to_vec()));
        assert_eq!(read(&signed(der, &[]), &limits), Cms::Detached);
    }

    #[test]
    fn encrypted_content_is_named() {
        let mut octets =
            der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3], &der(0xa0, &[])[..]].concat());
        assert_eq!(read(&octets, &Limits::default()), Cms::Encrypted);
        octets[12] = 99;
        assert_eq!(read(&octets, &Limits::default()), Cms::Broken(Reason::Corrupt));
    }
}
