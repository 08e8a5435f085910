//! XMP and other small XML as plain text: texts and attribute values, name spaces left out; any damage is passed over.

/// The texts of a packet, one a line.
pub(super) fn text(octets: &[u8]) -> String {
    let source = crate::charset::decode(octets, None).text;
    let mut text = String::new();
    let mut rest = &*source;
    while let Some(open) = rest.find('<') {
        add(&mut text, &rest[..open]);
        rest = &rest[open..];
        let hidden = rest.starts_with("<!--").then(|| rest.find("-->")).flatten();
        let end = hidden.map(|at| at + 2).or_else(|| tag_end(rest)).unwrap_or(rest.len());
        if hidden.is_none() && !rest.starts_with("<?") {
            attributes(&mut text, rest.get(1..end).unwrap_or_default());
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    add(&mut text, rest);
    text
}

/// Where a tag ends; a `>` in quotes does not end it.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|octet| match (quote, octet) {
        (None, b'"' | b'\'') => {
            quote = Some(octet);
            false
        }
        (Some(open), _) if open == octet => {
            quote = None;
            false
        }
        (None, b'>') => true,
        _ => false,
    })
}

fn attributes(text: &mut String, tag: &str) {
    let mut rest = tag;
    while let Some(equals) = rest.find('=') {
        let name = rest[..equals].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let skipped = name.starts_with("xmlns") || name.starts_with("rdf:") || name == "xml:lang";
        let value = rest[equals + 1..].trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            rest = value;
            continue;
        };
        let inner = &value[1..];
        let end = inner.find(quote).unwrap_or(inner.len());
        if !skipped {
            add(text, &inner[..end]);
        }
        rest = inner.get(end + 1..).unwrap_or_default();
    }
}

fn add(text: &mut String, piece: &str) {
    let piece = piece.trim();
    if !piece.is_empty() {
        let plain = quick_xml::escape::unescape(piece);
        text.push_str(plain.as_deref().unwrap_or(piece));
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_in_attributes_and_in_elements_are_text() {
        let packet =
            b"<?xpacket?><rdf:D xmlns:a='u' rdf:about='' a:City=\"K&amp;ln > x\"><dc:t>Secret</dc:t></rdf:D>";
        assert_eq!(super::text(packet), "K&ln > x\nSecret\n");
    }

    #[test]
    fn every_cut_is_read_quietly() {
        let packet = "<a b='c'><!-- d --><e f=\"g\">h</e><é".as_bytes();
        for length in 0..packet.len() {
            super::text(&packet[..length]);
        }
        assert_eq!(super::text(packet), "c\ng\nh\n");
    }
}
