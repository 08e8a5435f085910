//! Tar archives: ustar, pax and GNU's long names, in every reading; damage is stepped over.

use super::Output;
use crate::{AmbiguityReason, DocumentRequest, Kind, Reason};

const BLOCK: usize = 512;
/// Names and attributes longer than this are cut (octets).
const MOST_ATTRIBUTES: usize = 1 << 20;

/// What headers before an entry's own say about it.
#[derive(Default)]
struct Said {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    comment: Option<Vec<u8>>,
}

/// Every file of the archive.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    let mut said = Said::default();
    let (mut at, mut zeros, mut damaged) = (0, 0, false);
    while let Some(header) = octets.get(at..at + BLOCK) {
        if header.iter().all(|octet| *octet == 0) {
            zeros += 1;
            at += BLOCK;
            continue;
        }
        if !valid(header) {
            // Behind the end anything may stand; before it, nothing but headers.
            damaged |= zeros < 2;
            at += BLOCK;
            continue;
        }
        if zeros >= 2 {
            // Some programs stop at two empty blocks, others read on.
            out.ambiguous("", AmbiguityReason::ContainerDisagreement);
        }
        zeros = 0;
        at = entry(octets, at, header, &mut said, out)?;
    }
    if damaged || at > octets.len().next_multiple_of(BLOCK) {
        out.at("");
        return Err(Reason::Corrupt);
    }
    Ok(())
}

/// Takes one header and what it announces; where the next header is.
fn entry(
    octets: &[u8],
    at: usize,
    header: &[u8],
    said: &mut Said,
    out: &mut Output<'_>,
) -> Result<usize, Reason> {
    let kind = header[156];
    let own_size = number(&header[124..136]);
    let mut data = at + BLOCK;
    if kind == b'S' {
        data = behind_sparse_map(octets, at);
    }
    let describes = matches!(kind, b'x' | b'g' | b'L' | b'K');
    let size = said.size.filter(|_| !describes).unwrap_or(own_size);
    let end = data.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    let next = end.checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX);
    let content = octets.get(data.min(octets.len())..end.min(octets.len())).unwrap_or_default();
    match kind {
        b'x' => pax(content, said),
        b'g' => {
            let mut global = Said::default();
            pax(content, &mut global);
            out.text("", Kind::Comment, text(&global.comment.unwrap_or_default()))?;
        }
        b'L' => said.name = Some(until_nul(content).to_vec()),
        b'K' => said.link = Some(until_nul(content).to_vec()),
        _ => {
            let said = std::mem::take(said);
            let name = text(&said.name.unwrap_or_else(|| own_name(header)));
            out.text(name.clone(), Kind::Comment, text(&said.comment.unwrap_or_default()))?;
            let own_link = until_nul(&header[157..257]);
            out.text("", Kind::Link, text(said.link.as_deref().unwrap_or(own_link)))?;
            out.at(&name);
            match kind {
                b'1'..=b'6' | b'D' | b'V' => out.text("", Kind::FileName, name)?,
                _ => {
                    if end > octets.len() {
                        out.unscannable(&name, Reason::Corrupt);
                    }
                    file(name, content, said.size.map(|_| (own_size, octets, data)), out)?;
                }
            }
            if matches!(kind, b'1'..=b'6') {
                // Links, devices and folders have no data, whatever their size says (POSIX leaves it open).
                return Ok(data.saturating_add(if content.is_empty() || kind == b'1' {
                    0
                } else {
                    next - data
                }));
            }
        }
    }
    Ok(next)
}

/// A file, and a second reading where the two headers tell two sizes.
fn file(
    name: String,
    content: &[u8],
    own: Option<(u64, &[u8], usize)>,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    out.copied(name.clone(), content)?;
    if let Some((own_size, octets, data)) = own
        && own_size != content.len() as u64
        // Eleven octal digits say no more: then the other header is needed.
        && (content.len() as u64) < 0o77_777_777_777
    {
        out.ambiguous(&name, AmbiguityReason::ContainerDisagreement);
        let end = data.saturating_add(usize::try_from(own_size).unwrap_or(usize::MAX)).min(octets.len());
        if end > data + content.len() {
            out.copied(name, &octets[data..end])?;
        }
    }
    Ok(())
}

/// `LENGTH KEY=VALUE\n`, again and again.
fn pax(mut records: &[u8], said: &mut Said) {
    records = &records[..records.len().min(MOST_ATTRIBUTES)];
    while let Some(space) = memchr::memchr(b' ', records) {
        let length =
            std::str::from_utf8(&records[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let Some(record) =
            length.filter(|length| *length > space).and_then(|length| records.get(space + 1..length))
        else {
            return;
        };
        records = &records[space + 1 + record.len()..];
        let Some(equals) = memchr::memchr(b'=', record) else { continue };
        let value = record[equals + 1..].strip_suffix(b"\n").unwrap_or(&record[equals + 1..]);
        match &record[..equals] {
            b"path" if said.name.is_none() => said.name = Some(value.to_vec()),
            b"GNU.sparse.name" => said.name = Some(value.to_vec()),
            b"linkpath" => said.link = Some(value.to_vec()),
            b"size" => said.size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()),
            b"comment" => said.comment = Some(value.to_vec()),
            _ => {}
        }
    }
}

/// Whether octets begin with a header, also one of the times before headers had a sign of their own.
pub(crate) fn is_archive(octets: &[u8]) -> bool {
    let Some(header) = octets.get(..BLOCK) else { return false };
    let kind = matches!(header[156], 0 | b'0'..=b'7');
    let named = header[0].is_ascii_graphic() || header[0] >= 0x80;
    let digits = |field: &[u8]| field.iter().all(|octet| matches!(octet, b'0'..=b'7' | b' ' | 0));
    named && kind && digits(&header[100..136]) && valid(header)
}

/// The checksum, as the sum of octets with or without sign.
fn valid(header: &[u8]) -> bool {
    let said = number(&header[148..156]);
    let field = 148..156;
    let octets =
        || header.iter().enumerate().map(|(at, octet)| if field.contains(&at) { b' ' } else { *octet });
    let unsigned: u64 = octets().map(u64::from).sum();
    let signed: i64 = octets().map(|octet| i64::from(octet.cast_signed())).sum();
    said == unsigned || i64::try_from(said) == Ok(signed)
}

/// Octal digits, or a number in base 256.
fn number(field: &[u8]) -> u64 {
    if field[0] & 0x80 != 0 {
        return field[field.len() - 8..].iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
    }
    let digits =
        field.iter().skip_while(|octet| **octet == b' ').take_while(|octet| (b'0'..=b'7').contains(octet));
    digits.fold(0_u64, |number, digit| number.wrapping_mul(8) + u64::from(digit - b'0'))
}

fn own_name(header: &[u8]) -> Vec<u8> {
    let name = until_nul(&header[..100]);
    let prefix = until_nul(&header[345..500]);
    match &header[257..263] == b"ustar\0" && !prefix.is_empty() {
        true => [prefix, b"/", name].concat(),
        false => name.to_vec(),
    }
}

/// GNU's old sparse files continue their map in blocks behind the header.
fn behind_sparse_map(octets: &[u8], at: usize) -> usize {
    let mut data = at + BLOCK;
    let mut more = octets[at + 482] != 0;
    while more && let Some(block) = octets.get(data..data + BLOCK) {
        more = block[504] != 0;
        data += BLOCK;
    }
    data
}

fn until_nul(field: &[u8]) -> &[u8] {
    &field[..memchr::memchr(0, field).unwrap_or(field.len())]
}

fn text(octets: &[u8]) -> String {
    crate::charset::utf8_or_guess(octets).into_owned()
}
