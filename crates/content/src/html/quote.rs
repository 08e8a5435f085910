//! Tells which shown text of a page is the earlier mail that a reply carries along, by how mail programs mark it. In doubt
//! it is the sender's own: what is quoted may be left out of inspection.

use std::ops::Range;

use html5gum::{SpanBound, StartTag};

/// Classes of the element round an earlier mail.
const CLASSES: &[&[u8]] = &[b"gmail_quote", b"yahoo_quoted", b"protonmail_quote"];
/// Names of the element above an earlier mail, which goes on to the end of the page.
const HEADS: &[&[u8]] = &[b"divRplyFwdMsg", b"OLK_SRC_BODY_SECTION", b"appendonsend"];

/// What is quoted so far.
#[derive(Default)]
pub(super) struct Quote {
    ranges: Vec<Range<usize>>,
    open: Option<Open>,
}

/// A quotation that has not ended.
struct Open {
    from: usize,
    /// The element, and how many of its name are open within; nothing for one that goes on to the end.
    element: Option<(Vec<u8>, u32)>,
}

impl Quote {
    /// An element begins when so many octets are shown.
    pub(super) fn start<S: SpanBound>(&mut self, tag: &StartTag<S>, shown: usize) {
        let name: &[u8] = &tag.name;
        match &mut self.open {
            Some(Open { element: Some((open, depth)), .. }) => *depth += u32::from(open.as_slice() == name),
            Some(_) => {}
            None if is_head(tag) => self.open = Some(Open { from: shown, element: None }),
            None if is_quote(tag) => {
                self.open = Some(Open { from: shown, element: Some((name.to_vec(), 1)) });
            }
            None => {}
        }
    }

    /// An element ends when so many octets are shown.
    pub(super) fn end(&mut self, name: &[u8], shown: usize) {
        let Some(Open { from, element: Some((open, depth)) }) = &mut self.open else { return };
        if open.as_slice() != name {
            return;
        }
        *depth -= 1;
        if *depth == 0 {
            self.ranges.push(*from..shown);
            self.open = None;
        }
    }

    /// The octets of the shown text that are quoted. What is forwarded is not: somebody chose to send it on.
    pub(super) fn into_ranges(mut self, shown: &str) -> Vec<Range<usize>> {
        self.ranges.extend(self.open.map(|open| open.from..shown.len()));
        self.ranges.retain(|range| {
            let text = shown.get(range.clone()).unwrap_or_default().trim_start();
            !text.is_empty() && !text.starts_with("----------")
        });
        self.ranges
    }
}

fn is_head<S: SpanBound>(tag: &StartTag<S>) -> bool {
    attribute(tag, b"id").is_some_and(|id| HEADS.contains(&id))
}

fn is_quote<S: SpanBound>(tag: &StartTag<S>) -> bool {
    let name: &[u8] = &tag.name;
    let classes = attribute(tag, b"class").unwrap_or_default();
    name == b"blockquote"
        || name == b"div" && classes.split(u8::is_ascii_whitespace).any(|class| CLASSES.contains(&class))
}

fn attribute<'t, S: SpanBound>(tag: &'t StartTag<S>, name: &[u8]) -> Option<&'t [u8]> {
    tag.attributes.iter().find(|(key, _)| key.as_slice() == name).map(|(_, value)| value.as_slice())
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn quoted(html: &str) -> Vec<String> {
        let page = read(html);
        page.quoted.iter().map(|range| page.shown[range.clone()].trim().to_owned()).collect()
    }

    #[test]
    fn what_mail_programs_mark_as_an_earlier_mail_is_quoted() {
        assert_eq!(
            quoted("new<blockquote type=cite>old<blockquote>older</blockquote>old</blockquote>new"),
            ["old\nolder\nold"]
        );
        assert_eq!(
            quoted("<div>new</div><div class='x gmail_quote'>On Monday<div>old</div></div><p>new"),
            ["On Monday\nold"]
        );
        assert_eq!(
            quoted("new<div id=divRplyFwdMsg><b>From:</b> Ann</div><div>old</div>old"),
            ["From: Ann\nold\nold"]
        );
        assert_eq!(quoted("<blockquote>one</blockquote>new<blockquote>two</blockquote>"), ["one", "two"]);
    }

    #[test]
    fn what_follows_a_quotation_is_new_however_its_elements_are_closed() {
        assert_eq!(quoted("<blockquote><p>old<p>old</blockquote>new"), ["old\nold"]);
        assert_eq!(quoted("<div class=gmail_quote><span>old</div>new"), ["old"]);
        assert_eq!(quoted("</blockquote>new</div>"), Vec::<String>::new());
    }

    #[test]
    fn what_is_forwarded_is_not_quoted() {
        let html =
            "<div class=gmail_quote><div>---------- Weitergeleitete Nachricht ---------</div>old</div>";
        assert_eq!(quoted(html), Vec::<String>::new());
    }
}
