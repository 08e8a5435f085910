//! XML as a stream of elements and texts: bounded, no entities but the standard's, no tree, nothing copied but what is asked for.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3, memmem};

use crate::Reason;

/// Elements inside elements.
const MAX_DEPTH: usize = 4_096;
/// Attributes of an element that are looked at.
const MAX_ATTRIBUTES: usize = 256;
/// Octets of a reference from `&` to `;`; what is longer is text.
const MAX_REFERENCE: usize = 1_024;

/// What a reader of a format wants to hear of; names are local ones.
pub(crate) enum Node<'a> {
    Start(&'a str, &'a Attributes<'a>),
    End(&'a str),
    Text(&'a str),
}

/// Attributes by local name, taken apart when they are asked for.
pub(crate) struct Attributes<'a>(&'a str);

impl<'a> Attributes<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.each().find(|(key, _)| *key == name).map(|(_, value)| unescape(value))
    }

    /// Whether the attribute is there and says yes.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(&*value, "1" | "true" | "on"))
    }

    /// Every attribute with a quoted value, references not undone.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || attribute(&mut rest)).take(MAX_ATTRIBUTES)
    }
}

/// Takes the next `name="value"` off the front; what has no value, or one without quotes, is passed over.
fn attribute<'a>(rest: &mut &'a str) -> Option<(&'a str, &'a str)> {
    loop {
        let text = rest.trim_ascii_start();
        let key_end = text.bytes().position(|octet| octet == b'=' || octet.is_ascii_whitespace());
        let (key, behind) = text.split_at(key_end?);
        let Some(value) = behind.trim_ascii_start().strip_prefix('=') else {
            *rest = behind;
            continue;
        };
        let value = value.trim_ascii_start();
        let quote = value.bytes().next()?;
        if quote != b'"' && quote != b'\'' {
            let end = value.bytes().position(|octet| octet.is_ascii_whitespace())?;
            *rest = &value[end..];
            continue;
        }
        let end = value.as_bytes()[1..].iter().position(|octet| *octet == quote)? + 1;
        *rest = &value[end + 1..];
        return Some((local(key), &value[1..end]));
    }
}

/// Walks through a document. Damage ends the walk with a reason; what was heard before counts.
pub(crate) fn walk(
    octets: &[u8],
    mut hear: impl FnMut(Node<'_>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let text = crate::charset::decode(octets, declared(octets)).text;
    let mut depth = 0_usize;
    let mut rest = &*text;
    while !rest.is_empty() {
        rest = characters(rest, &mut hear)?;
        if rest.is_empty() {
            break;
        }
        let (markup, behind) = markup(rest).ok_or(Reason::Corrupt)?;
        rest = behind;
        match markup {
            Markup::Start { name, attributes, empty } => {
                depth += usize::from(!empty);
                if depth > MAX_DEPTH {
                    return Err(Reason::TooDeep);
                }
                hear(Node::Start(name, &Attributes(attributes)))?;
                if empty {
                    hear(Node::End(name))?;
                }
            }
            Markup::End(name) => {
                depth = depth.saturating_sub(1);
                hear(Node::End(name))?;
            }
            Markup::Characters(text) => hear(Node::Text(text))?,
            Markup::Other => {}
        }
    }
    Ok(())
}

/// What stands between `<` and `>`.
enum Markup<'a> {
    Start {
        name: &'a str,
        attributes: &'a str,
        empty: bool,
    },
    End(&'a str),
    /// A CDATA section.
    Characters(&'a str),
    /// Comments, declarations, instructions.
    Other,
}

/// Text up to the next markup, with its references undone; what follows it comes back.
fn characters<'a>(
    text: &'a str,
    hear: &mut impl FnMut(Node<'_>) -> Result<(), Reason>,
) -> Result<&'a str, Reason> {
    let mut rest = text;
    loop {
        let end = memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        if end > 0 {
            hear(Node::Text(&rest[..end]))?;
        }
        rest = &rest[end..];
        if !rest.starts_with('&') {
            return Ok(rest);
        }
        let window = &rest.as_bytes()[1..rest.len().min(MAX_REFERENCE)];
        match memchr3(b';', b'<', b'&', window).filter(|at| window[*at] == b';') {
            Some(length) => {
                let name = &rest[1..=length];
                match reference(name) {
                    Some(c) => hear(Node::Text(c.encode_utf8(&mut [0; 4])))?,
                    // Never expanded: a program that would do so is not asked for.
                    None => hear(Node::Text(&rest[..length + 2]))?,
                }
                rest = &rest[length + 2..];
            }
            None => {
                hear(Node::Text("&"))?;
                rest = &rest[1..];
            }
        }
    }
}

/// Reads one piece of markup, and gives what is behind it; nothing where it does not end.
fn markup(text: &str) -> Option<(Markup<'_>, &str)> {
    match text.as_bytes().get(1)? {
        b'!' => declaration(text),
        b'?' => Some((Markup::Other, behind(text, b"?>")?)),
        b'/' => {
            let end = memchr(b'>', text.as_bytes())?;
            Some((Markup::End(local(text[2..end].trim_ascii_end())), &text[end + 1..]))
        }
        _ => {
            let end = end_of_tag(text.as_bytes())?;
            let inside = &text[1..end];
            let (inside, empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
            let name = inside.bytes().position(|octet| octet.is_ascii_whitespace()).unwrap_or(inside.len());
            let (name, attributes) = inside.split_at(name);
            Some((Markup::Start { name: local(name), attributes, empty }, &text[end + 1..]))
        }
    }
}

/// Where the `>` stands that no quotes hide.
fn end_of_tag(octets: &[u8]) -> Option<usize> {
    // Tags are short: a search that sets up registers for each quote costs more than it saves.
    let mut quote = None;
    octets.iter().position(|octet| {
        match quote {
            None if *octet == b'>' => return true,
            None if matches!(octet, b'"' | b'\'') => quote = Some(*octet),
            Some(open) if open == *octet => quote = None,
            _ => {}
        }
        false
    })
}

fn declaration(text: &str) -> Option<(Markup<'_>, &str)> {
    if text.starts_with("<!--") {
        let behind = behind(text.get(4..)?, b"-->")?;
        return Some((Markup::Other, behind));
    }
    if let Some(inside) = text.strip_prefix("<![CDATA[") {
        let end = memmem::find(inside.as_bytes(), b"]]>")?;
        return Some((Markup::Characters(&inside[..end]), &inside[end + 3..]));
    }
    // `<![if gte mso 9]>` is no XML, but stands in drawings of older Office versions.
    if text.starts_with("<![") {
        return Some((Markup::Other, behind(text, b">")?));
    }
    let mut open = 0_usize;
    let mut at = 0;
    loop {
        at += memchr2(b'<', b'>', text.as_bytes().get(at..)?)?;
        match text.as_bytes()[at] {
            b'<' => open += 1,
            _ => open -= 1,
        }
        at += 1;
        if open == 0 {
            return Some((Markup::Other, &text[at..]));
        }
    }
}

fn behind<'a>(text: &'a str, end: &[u8]) -> Option<&'a str> {
    memmem::find(text.as_bytes(), end).map(|at| &text[at + end.len()..])
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
    let head = &head[..memchr(b'>', head)?];
    let after = &head[memmem::find(head, b"encoding")? + b"encoding".len()..];
    let mut quoted = after.splitn(3, |octet| matches!(octet, b'"' | b'\''));
    quoted.next()?;
    std::str::from_utf8(quoted.next()?).ok()
}

/// The character that a reference stands for, by its name or its number.
pub(crate) fn reference(name: &str) -> Option<char> {
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
    // Names are short: octet by octet is the quickest way.
    name.bytes().rposition(|octet| octet == b':').map_or(name, |colon| &name[colon + 1..])
}

fn unescape(text: &str) -> Cow<'_, str> {
    match memchr(b'&', text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => quick_xml::escape::unescape(text).unwrap_or(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// The same walk by quick-xml, as slow as it likes.
    fn twin(text: &str) -> Vec<String> {
        use quick_xml::events::Event;
        let mut reader = quick_xml::Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        let mut heard = Vec::new();
        loop {
            let start = |start: &quick_xml::events::BytesStart<'_>| {
                let mut attributes = start.attributes();
                let attributes = attributes.with_checks(false).flatten();
                let attributes =
                    attributes.map(|one| format!(" {}={}", local(one.key.into_inner()), one.value));
                format!("<{}{}", local(start.name().into_inner()), attributes.collect::<String>())
            };
            match reader.read_event() {
                Ok(Event::Start(tag)) => heard.push(start(&tag)),
                Ok(Event::Empty(tag)) => {
                    heard.push(start(&tag));
                    heard.push(format!(">{}", local(tag.name().into_inner())));
                }
                Ok(Event::End(tag)) => heard.push(format!(">{}", local(tag.name().into_inner()))),
                Ok(Event::Text(text)) => heard.push(text.to_string()),
                Ok(Event::CData(text)) => heard.push(text.to_string()),
                Ok(Event::GeneralRef(name)) => {
                    heard.push(reference(&name).map_or_else(|| format!("&{};", &*name), String::from));
                }
                Ok(Event::Eof) => return joined(heard),
                Ok(_) => {}
                Err(_) => {
                    heard.push("damaged".to_owned());
                    return joined(heard);
                }
            }
        }
    }

    fn ours(text: &str) -> Vec<String> {
        let mut heard = Vec::new();
        let read = walk(text.as_bytes(), |node| {
            heard.push(match node {
                Node::Start(name, attributes) => {
                    let attributes = attributes.each().map(|(key, value)| format!(" {key}={value}"));
                    format!("<{name}{}", attributes.collect::<String>())
                }
                Node::End(name) => format!(">{name}"),
                Node::Text(text) => text.to_owned(),
            });
            Ok(())
        });
        if read.is_err() {
            heard.push("damaged".to_owned());
        }
        joined(heard)
    }

    /// Where text is cut into pieces makes no difference.
    fn joined(heard: Vec<String>) -> Vec<String> {
        let is_text = |one: &str| !one.starts_with(['<', '>']) && one != "damaged";
        let mut all: Vec<String> = Vec::new();
        for one in heard.into_iter().filter(|one| !one.is_empty()) {
            match all.last_mut().filter(|last| is_text(last) && is_text(&one)) {
                Some(last) => last.push_str(&one),
                None => all.push(one),
            }
        }
        all
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("<a>"),
            Just("</a>"),
            Just("<x:b k=\"v\" x:l='w&amp;'>"),
            Just("</x:b>"),
            Just("<c d = \"1>2\"/>"),
            Just("text"),
            Just("\n "),
            Just("&lt;"),
            Just("&#x41;"),
            Just("&no;"),
            Just("& "),
            Just("<!-- - > -->"),
            Just("<![CDATA[<q>]]>"),
            Just("<?pi > ?>"),
            Just("<!DOCTYPE a [<!ENTITY b \"c\">]>"),
            Just("é"),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn hears_what_quick_xml_hears(text in pieces()) {
            prop_assert_eq!(ours(&text), twin(&text));
        }

        #[test]
        fn nothing_panics_and_what_is_cut_short_is_damaged_or_whole(text in pieces(), junk in "[<>&;!?/='\"a\\[\\]-]{0,20}", at in 0..60usize) {
            let mut text = text;
            if text.is_char_boundary(at.min(text.len())) {
                text.insert_str(at.min(text.len()), &junk);
            }
            let _ = ours(&text);
        }
    }
}
