//! HTML to the text that people see, and apart from it what they do not: hidden text, attributes, links, comments, scripts.
//!
//! Tokens only, no tree: time and memory are linear in the input.

use html5gum::{Token, Tokenizer};

use crate::Kind;

/// Elements that begin a new word; all others may stand inside one: `4<b>1</b>11`.
const BLOCKS: &[&[u8]] = &[
    b"p",
    b"div",
    b"br",
    b"tr",
    b"td",
    b"th",
    b"li",
    b"ul",
    b"ol",
    b"table",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"hr",
    b"pre",
    b"section",
    b"article",
    b"header",
    b"footer",
    b"option",
    b"select",
    b"textarea",
    b"form",
    b"blockquote",
    b"dt",
    b"dd",
    b"title",
    b"body",
    b"html",
    b"head",
    b"center",
    b"address",
    b"caption",
    b"fieldset",
    b"legend",
    b"figure",
    b"figcaption",
    b"main",
    b"nav",
    b"aside",
];
/// Elements without an end tag.
const VOID: &[&[u8]] = &[
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param",
    b"source", b"track", b"wbr",
];
const READ: &[&[u8]] =
    &[b"alt", b"title", b"placeholder", b"value", b"content", b"aria-label", b"label", b"summary"];
const LINKS: &[&[u8]] =
    &[b"href", b"src", b"action", b"background", b"cite", b"formaction", b"poster", b"data"];

/// Texts of one page, each kind together.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) shown: String,
    pub(crate) hidden: String,
    pub(crate) attributes: String,
    pub(crate) links: String,
    pub(crate) comments: String,
    pub(crate) scripts: String,
    /// `data:` URIs, undecoded.
    pub(crate) data: Vec<String>,
}

impl Page {
    /// The texts that are not empty, with their kinds.
    pub(crate) fn into_texts(self) -> impl Iterator<Item = (Kind, String)> {
        [
            (Kind::Text, self.shown),
            (Kind::Hidden, self.hidden),
            (Kind::Attribute, self.attributes),
            (Kind::Link, self.links),
            (Kind::Comment, self.comments),
            (Kind::Script, self.scripts),
        ]
        .into_iter()
        .filter(|(_, text)| !text.trim().is_empty())
    }
}

/// Reads a page.
pub(crate) fn read(html: &str) -> Page {
    let mut page = Page::default();
    // How many elements deep we are inside one that is not shown, and the name of the raw text element we are in.
    let (mut hidden, mut raw): (u32, Option<Vec<u8>>) = (0, None);
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::String(text) => {
                let text = String::from_utf8_lossy(&text);
                match (&raw, hidden) {
                    (Some(_), _) => page.scripts.push_str(&text),
                    (None, 0) => page.shown.push_str(&text),
                    (None, _) => page.hidden.push_str(&text),
                }
            }
            Token::StartTag(tag) => {
                let name: &[u8] = &tag.name;
                if BLOCKS.contains(&name) {
                    separate(&mut page.shown);
                    separate(&mut page.hidden);
                }
                let mut conceals = false;
                for (key, value) in &tag.attributes {
                    let (key, value): (&[u8], String) = (key, String::from_utf8_lossy(value).into_owned());
                    conceals |= key == b"hidden" || key == b"style" && conceals_by_style(&value);
                    note_attribute(&mut page, key, value);
                }
                if !tag.self_closing && !VOID.contains(&name) && (hidden > 0 || conceals) {
                    hidden += 1;
                }
                if matches!(name, b"script" | b"style") {
                    raw = Some(name.to_vec());
                    separate(&mut page.scripts);
                }
            }
            Token::EndTag(tag) => {
                let name: &[u8] = &tag.name;
                if raw.as_deref() == Some(name) {
                    raw = None;
                }
                if BLOCKS.contains(&name) {
                    separate(&mut page.shown);
                    separate(&mut page.hidden);
                }
                if !VOID.contains(&name) {
                    hidden = hidden.saturating_sub(1);
                }
            }
            Token::Comment(text) => line(&mut page.comments, &String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    page
}

fn note_attribute(page: &mut Page, key: &[u8], value: String) {
    if READ.contains(&key) {
        line(&mut page.attributes, &value);
    } else if LINKS.contains(&key) {
        if value.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            page.data.push(value);
            return;
        }
        line(&mut page.links, &value);
        if value.contains('%') {
            line(&mut page.links, &String::from_utf8_lossy(&crate::header::percent(&value)));
        }
    }
}

fn conceals_by_style(style: &str) -> bool {
    let style: String = style.to_ascii_lowercase().split_whitespace().collect();
    [
        "display:none",
        "visibility:hidden",
        "font-size:0",
        "opacity:0",
        "color:white",
        "color:#fff",
        "max-height:0",
        "mso-hide:all",
    ]
    .iter()
    .any(|property| style.contains(property))
}

fn separate(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

fn line(out: &mut String, text: &str) {
    if !text.trim().is_empty() {
        out.push_str(text.trim());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_comments_inside_a_number_do_not_split_it() {
        assert_eq!(read("4<!-- x -->1<b>1</b>1&#32;1111").shown, "4111 1111");
    }

    #[test]
    fn blocks_separate_words() {
        assert_eq!(read("<p>one</p><p>two</p>").shown, "one\ntwo\n");
    }

    #[test]
    fn what_is_not_shown_is_kept_apart() {
        let page = read(
            "a<span style='display: none'>b<i>c</i></span>d<script>e</script><img alt=f src='http://x/%41'>",
        );
        assert_eq!((page.shown.as_str(), page.hidden.as_str()), ("ad", "bc"));
        assert_eq!(
            (page.scripts.as_str(), page.attributes.as_str(), page.links.as_str()),
            ("e", "f\n", "http://x/%41\nhttp://x/A\n")
        );
    }
}
