//! What style sheets put before and behind elements (CSS 2.1, 12: `::before`, `::after`, `content`), in a reading of its own: most mail
//! programs show it, some do not.

use std::collections::HashMap;

/// Rules with text, of one page.
const MOST_RULES: usize = 1_024;
/// Octets of one text.
const LONGEST: usize = 4_096;
/// Octets that rules add to one page.
const MOST_ADDED: usize = 1 << 20;
/// Elements that are open and have something behind them.
const DEEPEST: usize = 256;

/// One piece of a text: as it stands, or the value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Attribute(String),
}

/// An element's name, class, id and attributes, by name.
pub(super) struct Element<'a> {
    pub(super) name: &'a [u8],
    pub(super) class: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) attribute: &'a dyn Fn(&str) -> Option<String>,
}

/// Texts of rules by whom they mean: `p`, `.class`, `#id`.
#[derive(Debug, Default)]
pub(super) struct Generated {
    before: HashMap<String, Vec<Piece>>,
    after: HashMap<String, Vec<Piece>>,
    /// The page with these texts.
    text: String,
    /// Elements that are open: the name, how many of that name are open in it, and what stands behind it.
    open: Vec<(Vec<u8>, usize, String)>,
    added: usize,
    /// Something with a digit was put in: the rest are bullets, quotes and labels.
    counts: bool,
}

impl Generated {
    /// The rules of a page's style sheets; none where there are no such rules.
    pub(super) fn of(page: &str) -> Option<Self> {
        if !super::style::has_sheets(page) {
            return None;
        }
        let lower = page.to_ascii_lowercase();
        memchr::memmem::find(lower.as_bytes(), b":before")
            .or_else(|| memchr::memmem::find(lower.as_bytes(), b":after"))?;
        let mut all = Self::default();
        super::style::sheets(&lower).for_each(|at| all.rules(&page[at]));
        (!all.before.is_empty() || !all.after.is_empty()).then_some(all)
    }

    fn rules(&mut self, rules: &str) {
        let rules = super::style::without_comments(rules);
        let mut rest = rules.as_str();
        // A brace in a string is text.
        while let Some(open) = memchr::memchr(b'{', rest.as_bytes()) {
            let (selector, body) = (&rest[..open], &rest[open + 1..]);
            let end = end_of_block(body);
            match body.as_bytes().get(end) {
                // Rules inside others.
                Some(b'{') => rest = body,
                _ => {
                    self.rule(selector.rsplit('}').next().unwrap_or_default(), &body[..end]);
                    rest = body.get(end + 1..).unwrap_or_default();
                }
            }
        }
    }

    fn rule(&mut self, selectors: &str, style: &str) {
        let Some(pieces) = content(style) else { return };
        let selectors = selectors.to_ascii_lowercase();
        for selector in selectors.split(',').map(str::trim) {
            let to = match () {
                () if selector.ends_with(":before") => &mut self.before,
                () if selector.ends_with(":after") => &mut self.after,
                () => continue,
            };
            if let Some(whom) = super::style::whom(selector).filter(|whom| !whom.is_empty())
                && to.len() < MOST_RULES
            {
                to.insert(whom.to_owned(), pieces.clone());
            }
        }
    }

    pub(super) fn start(&mut self, element: &Element<'_>, closes_itself: bool) {
        if !closes_itself
            && let Some((name, open, _)) = self.open.last_mut()
            && name == element.name
        {
            // Many elements end where another of their name begins.
            if matches!(element.name, b"p" | b"li" | b"td" | b"th" | b"tr" | b"dt" | b"dd" | b"option") {
                self.end(element.name);
            } else {
                *open += 1;
            }
        }
        let before = self.said(&self.before, element);
        self.put(&before);
        let after = self.said(&self.after, element);
        if closes_itself {
            self.put(&after);
        } else if !after.is_empty() && self.open.len() < DEEPEST {
            self.open.push((element.name.to_vec(), 1, after));
        }
    }

    pub(super) fn end(&mut self, name: &[u8]) {
        let Some((open_name, open, _)) = self.open.last_mut().filter(|(open, ..)| open == name) else {
            return;
        };
        debug_assert_eq!(open_name, name);
        *open -= 1;
        if *open == 0
            && let Some((.., after)) = self.open.pop()
        {
            self.put(&after);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn separate(&mut self) {
        super::separate(&mut self.text);
    }

    /// The page with these texts, where one of them has a digit.
    pub(super) fn into_text(mut self) -> Option<String> {
        while let Some((.., after)) = self.open.pop() {
            self.put(&after);
        }
        self.counts.then_some(self.text)
    }

    fn put(&mut self, text: &str) {
        if self.added + text.len() <= MOST_ADDED {
            self.added += text.len();
            self.counts |= text.contains(|c: char| c.is_numeric());
            self.text.push_str(text);
        }
    }

    /// The text that the rules for an element say; the one of the id, of the class, of the name.
    fn said(&self, rules: &HashMap<String, Vec<Piece>>, element: &Element<'_>) -> String {
        if rules.is_empty() {
            return String::new();
        }
        let known =
            |sign: &str, name: &str| rules.get(&format!("{sign}{}", name.trim().to_ascii_lowercase()));
        let by_id = element.id.and_then(|id| known("#", id));
        let by_class =
            || element.class.and_then(|all| all.split_ascii_whitespace().find_map(|class| known(".", class)));
        let by_name = || known("", &String::from_utf8_lossy(element.name));
        let Some(pieces) = by_id.or_else(by_class).or_else(by_name) else { return String::new() };
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Attribute(name) => text.push_str(&(element.attribute)(name).unwrap_or_default()),
            }
        }
        text
    }
}

/// Where a block ends, or one inside it begins; braces in strings are text.
fn end_of_block(body: &str) -> usize {
    let (mut quote, mut escaped) = (None, false);
    for (at, octet) in body.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' | b'\'' if quote == Some(octet) => quote = None,
            // A string ends with its line.
            b'\n' => quote = None,
            b'"' | b'\'' if quote.is_none() => quote = Some(octet),
            b'{' | b'}' if quote.is_none() => return at,
            _ => {}
        }
    }
    body.len()
}

/// The pieces of the last `content` of some declarations; none where it is no text.
fn content(style: &str) -> Option<Vec<Piece>> {
    let lower = style.to_ascii_lowercase();
    let at = lower.rfind("content")?;
    // `justify-content` and `align-content` are something else.
    let stands_alone = !lower[..at].ends_with(|c: char| c == '-' || c.is_alphanumeric());
    let value = style[at + "content".len()..].trim_start().strip_prefix(':').filter(|_| stands_alone)?;
    let (mut pieces, mut rest, mut length) = (Vec::new(), value.chars().peekable(), 0);
    let mut word = String::new();
    while let Some(c) = rest.next() {
        if length > LONGEST {
            break;
        }
        length += 1;
        match c {
            ';' | '}' => break,
            '"' | '\'' => {
                let text = string(&mut rest, c);
                length += text.len();
                pieces.push(Piece::Text(text));
            }
            '(' if word.eq_ignore_ascii_case("attr") => {
                let inner: String = std::iter::from_fn(|| rest.next_if(|c| *c != ')')).take(100).collect();
                let name = inner.split([',', ' ']).find(|part| !part.is_empty()).unwrap_or_default();
                pieces.push(Piece::Attribute(name.to_ascii_lowercase()));
            }
            // Of another function nothing is known.
            '(' => while rest.next_if(|c| !matches!(c, ')' | ';')).is_some() {},
            c if c.is_alphanumeric() || c == '-' => {
                word.push(c);
                continue;
            }
            _ => {}
        }
        word.clear();
    }
    (!pieces.is_empty()).then_some(pieces)
}

/// A string of CSS, its escapes undone (CSS Syntax Level 3, 4.3.7).
fn string(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            c if c == quote => break,
            '\\' => {
                let mut code = 0;
                let mut digits = 0;
                while let Some(digit) = rest.peek().and_then(|c| c.to_digit(16)).filter(|_| digits < 6) {
                    (code, digits) = (code * 16 + digit, digits + 1);
                    rest.next();
                }
                match digits {
                    0 => text.extend(rest.next().filter(|c| *c != '\n')),
                    _ => {
                        rest.next_if(|c| c.is_ascii_whitespace());
                        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                }
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::html::read;

    #[test]
    fn what_a_style_sheet_puts_beside_an_element_is_read_with_it() {
        for (rules, page) in [
            (".a::before{content:'4111 1111 '}", "<p><b class=a>1111 1111</b></p>"),
            (".a:BEFORE { color: red; content : \"\\34 111 \\31 111 \" }", "<p class='x a'>1111 1111"),
            ("p#i::after{content:' 1111' ' 1111'}", "<p id=i>4111 1111</p>"),
            ("b::after{content:' }1111 1111'}", "<b><b>4111 1111</b></b>"),
            (
                "@media screen{/* { */ i::before, .b::before{content:attr(data-x) ' 1111'}}",
                "<i data-x='4111 1111'> 1111</i>",
            ),
            ("td::after{content:'1'}td::before{content:'4'}", "<table><td>11<td>22"),
        ] {
            let read = read(&format!("<style>{rules}</style>{page}"));
            let text = read.generated.unwrap_or_else(|| panic!("a reading: {rules}"));
            let text = text.replace(['}', '\n'], "");
            assert!(text.contains("4111 1111 1111 1111") || text.contains("41114221"), "{rules}: {text}");
        }
    }

    #[test]
    fn bullets_quotes_and_labels_are_no_reading() {
        for rules in [
            "p::before{content:'\\2022'}",
            "p::before{content:\"\"}",
            "p::before{content:open-quote}",
            "p{justify-content:'4'}",
            "p{content:'4111'}",
            "p::before{color:red}",
            "p::before{content:counter(x)}",
            "i::before{content:'4111'}",
        ] {
            assert_eq!(read(&format!("<style>{rules}</style><p>4111</p>")).generated, None, "{rules}");
        }
    }

    #[test]
    fn rules_with_text_cost_what_they_have_octets() {
        for line in ["<style>", "p::after{content:'1'}\n", "content:'", "<b>"] {
            crate::open::grows_with_lines(line, |text| {
                read(&format!(
                    "<style>p::after{{content:'1'}}b::before{{content:'{text}'}}{text}</style>{text}"
                ));
            });
        }
    }
}
