//! XML as a stream of elements and texts: bounded, no entities but the standard's, no tree.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::Reason;

/// Elements inside elements.
const MAX_DEPTH: usize = 256;

/// What a reader of a format wants to hear of.
pub(super) enum Node<'a> {
    Start(&'a str, &'a Attributes),
    End(&'a str),
    Text(&'a str),
}

/// Attributes by local name.
#[derive(Default)]
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Walks through a document; local names only. Damage ends the walk with a reason; what was heard before counts.
pub(super) fn walk(
    octets: &[u8],
    mut hear: impl FnMut(Node<'_>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let text = crate::charset::decode(octets, None).text;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|_| Reason::Corrupt)? {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Reason::TooDeep);
                }
                hear(Node::Start(&local(start.name().as_ref()), &attributes(&start)))?;
            }
            Event::Empty(start) => {
                let name = local(start.name().as_ref());
                hear(Node::Start(&name, &attributes(&start)))?;
                hear(Node::End(&name))?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                hear(Node::End(&local(end.name().as_ref())))?;
            }
            Event::Text(text) => hear(Node::Text(&text))?,
            Event::CData(text) => hear(Node::Text(&text))?,
            Event::GeneralRef(name) => {
                if let Some(c) = reference(&name) {
                    hear(Node::Text(c.encode_utf8(&mut [0; 4])))?;
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
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

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn attributes(start: &BytesStart<'_>) -> Attributes {
    let mut attributes = start.attributes();
    let each = attributes.with_checks(false).take(64).flatten();
    Attributes(each.map(|one| (local(one.key.as_ref()), unescape(&one.value))).collect())
}

fn unescape(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), |text| text.into_owned())
}
