//! Markup with its references undone and its comments left out: `&#52;<!-- -->&#49;` is shown as 41, in text and in attributes.
//!
//! Entities that the document declares are put in, those that were declared before them as well, within a bound.

use std::collections::BTreeMap;

use memchr::{memchr, memchr2, memchr3, memmem};

use super::Read;
use crate::documents::xml_reference;

/// Octets from `&` to `;`; what is longer is text.
const LONGEST_REFERENCE: usize = 1_024;
/// Entities of one document, and octets that they add at most for each octet of it, and in any case.
const MOST_ENTITIES: usize = 256;
const GROWTH: usize = 4;
const LEAST_GROWTH: usize = 64 << 10;

/// The text as it is shown; nothing where that is how it is written.
pub(super) fn read(text: &str) -> Read {
    let mut reader = Markup { out: String::with_capacity(text.len()), ..Markup::default() };
    reader.room = text.len() * GROWTH + LEAST_GROWTH;
    let mut rest = text;
    while let Some(at) = memchr2(b'<', b'&', rest.as_bytes()) {
        reader.out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('&') { reader.reference(rest) } else { reader.markup(rest) };
        rest = &rest[taken..];
    }
    reader.out.push_str(rest);
    Read { shown: reader.changed.then_some(reader.out), more: reader.more, ..Read::default() }
}

#[derive(Default)]
struct Markup<'t> {
    out: String,
    changed: bool,
    more: bool,
    room: usize,
    entities: BTreeMap<&'t str, String>,
    /// Ends that do not come any more: none is searched for twice.
    missing: [bool; 3],
}

impl<'t> Markup<'t> {
    /// Undoes a reference; gives the octets taken, one where it is none.
    fn reference(&mut self, text: &str) -> usize {
        let mut shown = std::mem::take(&mut self.out);
        let taken = self.undo(text, &mut shown);
        self.out = shown;
        self.changed |= taken > 1;
        taken
    }

    fn undo(&mut self, text: &str, out: &mut String) -> usize {
        let window = &text.as_bytes()[..text.len().min(LONGEST_REFERENCE)];
        let end = memchr3(b';', b'&', b'<', &window[1..]).map_or(0, |end| end + 1);
        let name = if window.get(end) == Some(&b';') { &text[1..end] } else { "" };
        if let Some(c) = xml_reference(name) {
            out.push(c);
        } else if let Some(held) = self.entities.get(name) {
            match self.room.checked_sub(held.len()) {
                Some(room) => {
                    self.room = room;
                    out.push_str(held);
                }
                None => self.more = true,
            }
        } else {
            out.push('&');
            return 1;
        }
        name.len() + 2
    }

    /// What begins with `<`; gives the octets taken.
    fn markup(&mut self, text: &'t str) -> usize {
        if let Some(inside) = self.within(0, text, "<!--", "-->") {
            self.changed = true;
            inside.len() + 7
        } else if let Some(inside) = self.within(1, text, "<![CDATA[", "]]>") {
            self.changed = true;
            self.out.push_str(inside);
            inside.len() + 12
        } else if let Some(inside) = self.within(2, text, "<?", "?>") {
            // The declaration that every document begins with is no change.
            self.changed |= !self.out.trim_start_matches('\u{feff}').is_empty();
            inside.len() + 4
        } else {
            if let Some(declared) = text.strip_prefix("<!ENTITY") {
                self.declare(declared);
            }
            self.out.push('<');
            1
        }
    }

    fn within(&mut self, which: usize, text: &'t str, start: &str, end: &str) -> Option<&'t str> {
        let inside = text.strip_prefix(start).filter(|_| !self.missing[which])?;
        let end = memmem::find(inside.as_bytes(), end.as_bytes());
        self.missing[which] = end.is_none();
        Some(&inside[..end?])
    }

    /// `name "value"`, with what the value refers to put in.
    fn declare(&mut self, text: &'t str) {
        let text = text.trim_ascii_start();
        let end = text.bytes().take(LONGEST_REFERENCE).position(|octet| octet.is_ascii_whitespace());
        let Some((name, value)) = end.map(|end| text.split_at(end)) else { return };
        let value = value.trim_ascii_start();
        let Some(quote @ (b'"' | b'\'')) = value.bytes().next() else { return };
        let Some(end) = memchr(quote, &value.as_bytes()[1..]) else { return };
        if self.entities.contains_key(name) {
            return;
        }
        if self.entities.len() == MOST_ENTITIES {
            self.more = true;
            return;
        }
        let (mut rest, mut held) = (&value[1..=end], String::new());
        while let Some(at) = memchr(b'&', rest.as_bytes()) {
            held.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = &rest[self.undo(rest, &mut held)..];
        }
        held.push_str(rest);
        self.entities.insert(name, held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        read(text).shown
    }

    #[test]
    fn references_comments_and_sections_do_not_split_what_is_shown() {
        for text in [
            "<a>&#52;&#x31;11</a>",
            "<a>4<!-- x -->111</a>",
            "<a>4<![CDATA[111]]></a>",
            "<a>4<?x y?>111</a>",
            "<!DOCTYPE a [<!ENTITY b \"4&#49;\"><!ENTITY c '1&d;'><!ENTITY b 'x'>]><a>&b;11</a>",
            "<!DOCTYPE a [<!ENTITY b '41'><!ENTITY c '&b;1'>]><a>&c;1</a>",
        ] {
            assert!(
                shown(text).is_some_and(|shown| shown.contains(">4111</a>")),
                "{text}: {:?}",
                shown(text)
            );
        }
        assert_eq!(shown("<a b='&#52;111'/>").as_deref(), Some("<a b='4111'/>"));
    }

    #[test]
    fn what_is_shown_as_it_is_written_has_no_other_reading() {
        for text in ["<?xml version='1.0'?><a>b</a>", "<a>&unknown; & &;</a>", "", "<", "<!--", "&#52"] {
            assert_eq!(read(text), Read::default(), "{text}");
        }
    }

    #[test]
    fn beginnings_without_an_end_take_no_more_time_than_they_have_octets() {
        for line in ["<!--", "<![CDATA[", "<?", "<!ENTITY a '", "&", "<!ENTITY a \"&a;\">\n"] {
            crate::open::grows_with_lines(line, |text| {
                std::hint::black_box(read(text));
            });
        }
    }

    #[test]
    fn entities_do_not_multiply() {
        let laughs = format!(
            "<!DOCTYPE a [<!ENTITY l '{}'><!ENTITY m '&l;&l;&l;'>]><a>{}</a>",
            "ha".repeat(5_000),
            "&m;&l;".repeat(2_000)
        );
        let read = read(&laughs);
        assert!(read.more);
        assert!(read.shown.is_some_and(|shown| shown.len() <= laughs.len() * (GROWTH + 1) + LEAST_GROWTH));
    }
}
