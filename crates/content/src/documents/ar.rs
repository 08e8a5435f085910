//! `ar` archives, Debian packages among them: names of every flavour.

use super::Output;
use crate::{DocumentRequest, Reason};

const HEADER: usize = 60;

/// Every member of the archive.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = request.octets;
    let mut long_names: &[u8] = &[];
    let mut at = b"!<arch>\n".len();
    while let Some(header) = octets.get(at..at + HEADER) {
        out.at("");
        if !header.ends_with(b"`\n") {
            return Err(Reason::Corrupt);
        }
        let size = number(&header[48..58]).ok_or(Reason::Corrupt)?;
        let data = at + HEADER;
        let end = data.saturating_add(size);
        let mut content = octets.get(data..end.min(octets.len())).unwrap_or_default();
        at = end.saturating_add(size & 1);
        let short = header[..16].trim_ascii_end();
        let name = match short {
            b"//" => {
                long_names = content;
                continue;
            }
            // Indexes of symbols.
            b"/" | b"/SYM64/" => continue,
            _ if short.starts_with(b"#1/") => {
                let length = number(&short[3..]).unwrap_or(0).min(content.len());
                let name = content[..length].split(|octet| *octet == 0).next().unwrap_or_default();
                content = &content[length..];
                name
            }
            [b'/', digits @ ..] => {
                let name = number(digits).and_then(|start| long_names.get(start..)).unwrap_or_default();
                name.split(|octet| matches!(octet, b'\n' | 0)).next().unwrap_or_default()
            }
            _ => short,
        };
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let name = crate::charset::utf8_or_guess(name).into_owned();
        out.at(&name);
        out.copied(name, content)?;
        if end > octets.len() {
            return Err(Reason::Corrupt);
        }
    }
    out.at("");
    let rest = octets.get(at..).unwrap_or_default();
    if rest.iter().all(u8::is_ascii_whitespace) { Ok(()) } else { Err(Reason::Corrupt) }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()
}
