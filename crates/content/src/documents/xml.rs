//! XML as a stream of elements and texts: bounded, no entities but the standard's, no tree, nothing copied but what is asked for.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::Reason;

/// Elements inside elements.
const MAX_DEPTH: usize = 4_096;
/// Attributes of an element that are looked at.
const MAX_ATTRIBUTES: usize = 256;

/// What a reader of a format wants to hear of; names are local ones.
pub(crate) enum Node<'a> {
    Start(&'a str, &'a Attributes<'a>),
    End(&'a str),
    Text(&'a str),
}

/// Attributes by local name, taken apart when they are asked for.
pub(crate) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.each().find(|(key, _)| *key == name).map(|(_, value)| unescape(value))
    }

    /// Whether the attribute is there and says yes.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(&*value, "1" | "true" | "on"))
    }

    /// Every attribute, references not undone.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let mut attributes = self.0.attributes();
        attributes.with_checks(false);
        attributes.take(MAX_ATTRIBUTES).flatten().map(|one| (local(one.key.into_inner()), one.value))
    }
}

/// Walks through a document. Damage ends the walk with a reason; what was heard before counts.
pub(crate) fn walk(
    octets: &[u8],
    mut hear: impl FnMut(Node<'_>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let text = crate::charset::decode(octets, declared(octets)).text;
    let (mut reader, mut start) = (reader_of(&text), 0);
    let mut depth = 0_usize;
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(_) => {
                let at = start + usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                start = behind_condition(&text, at).ok_or(Reason::Corrupt)?;
                reader = reader_of(&text[start..]);
                continue;
            }
        };
        match event {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Reason::TooDeep);
                }
                hear(Node::Start(local(start.name().into_inner()), &Attributes(&start)))?;
            }
            Event::Empty(start) => {
                let name = local(start.name().into_inner());
                hear(Node::Start(name, &Attributes(&start)))?;
                hear(Node::End(name))?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                hear(Node::End(local(end.name().into_inner())))?;
            }
            Event::Text(text) => hear(Node::Text(&text))?,
            Event::CData(text) => hear(Node::Text(&text))?,
            Event::GeneralRef(name) => match reference(&name) {
                Some(c) => hear(Node::Text(c.encode_utf8(&mut [0; 4])))?,
                // Never expanded: a program that would do so is not asked for.
                None => hear(Node::Text(&format!("&{};", &*name)))?,
            },
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn reader_of(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// `<![if gte mso 9]>` is no XML, but stands in drawings of older Office versions.
fn behind_condition(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..).filter(|rest| rest.starts_with("<![") && !rest.starts_with("<![CDATA["))?;
    Some(at + memchr::memchr(b'>', rest.as_bytes())? + 1)
}

/// The local name of the first element; empty if there is none near the start.
pub(crate) fn root(octets: &[u8]) -> String {
    let mut root = String::new();
    // An error is how the walk ends after the first element.
    let _ = walk(&octets[..octets.len().min(4096)], |node| match node {
        Node::Start(name, _) => {
            root = name.to_owned();
            Err(Reason::Corrupt)
        }
        _ => Ok(()),
    });
    root
}

/// All texts, one a line.
pub(crate) fn plain(octets: &[u8]) -> (String, Result<(), Reason>) {
    let mut text = String::new();
    let read = walk(octets, |node| {
        match node {
            // White space with a line end in it is how the file is laid out.
            Node::Text(piece) if piece.trim().is_empty() && piece.contains('\n') => {}
            Node::Text(piece) => text.push_str(piece),
            Node::End(_) if !text.is_empty() && !text.ends_with('\n') => text.push('\n'),
            _ => {}
        }
        Ok(())
    });
    (text, read)
}

/// The encoding that the declaration names.
fn declared(octets: &[u8]) -> Option<&str> {
    let head = octets.get(..octets.len().min(200)).filter(|head| head.starts_with(b"<?xml"))?;
    let head = &head[..memchr::memchr(b'>', head)?];
    let after = &head[memchr::memmem::find(head, b"encoding")? + b"encoding".len()..];
    let mut quoted = after.splitn(3, |octet| matches!(octet, b'"' | b'\''));
    quoted.next()?;
    std::str::from_utf8(quoted.next()?).ok()
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn unescape(text: Cow<'_, str>) -> Cow<'_, str> {
    match memchr::memchr(b'&', text.as_bytes()) {
        None => text,
        Some(_) => match quick_xml::escape::unescape(&text) {
            Ok(plain) => Cow::Owned(plain.into_owned()),
            Err(_) => text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(octets: &[u8]) -> (String, Result<(), Reason>) {
        plain(octets)
    }

    #[test]
    fn entities_of_the_document_are_not_expanded() {
        let laughs = br#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;">]><a>&m;&amp;&#65;</a>"#;
        assert_eq!(texts(laughs), ("&m;&A\n".into(), Ok(())));
    }

    #[test]
    fn every_usual_encoding_is_read() {
        let wide = |bom: &[u8], unit: fn(u16) -> [u8; 2]| {
            let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>Größe</a>";
            [bom, &text.encode_utf16().flat_map(unit).collect::<Vec<u8>>()].concat()
        };
        let latin = b"<?xml version='1.0' encoding='iso-8859-2'?><a>\xb5</a>";
        for (octets, text) in [
            (wide(b"\xff\xfe", u16::to_le_bytes), "Größe\n"),
            (wide(b"\xfe\xff", u16::to_be_bytes), "Größe\n"),
            (wide(b"", u16::to_le_bytes), "Größe\n"),
            (latin.to_vec(), "ľ\n"),
        ] {
            assert_eq!(texts(&octets).0, text);
        }
    }

    #[test]
    fn conditions_of_office_are_passed_over() {
        let drawing =
            b"<xml><a>one</a><![if gte mso 9]><b>two</b><![endif]><c>three</c><![CDATA[four]]></xml>";
        assert_eq!(texts(drawing), ("one\ntwo\nthree\nfour\n".into(), Ok(())));
    }

    #[test]
    fn depth_is_bounded_and_what_came_before_counts() {
        let deep = format!("<a>first</a>{}", "<b>".repeat(MAX_DEPTH + 1));
        assert_eq!(texts(deep.as_bytes()), ("first\n".into(), Err(Reason::TooDeep)));
    }

    #[test]
    fn a_document_cut_short_gives_what_it_had() {
        assert_eq!(texts(b"<a><t>one</t><t>two</t><t att"), ("one\ntwo\n".into(), Err(Reason::Corrupt)));
    }
}
