//! HTML to the text that people see, and apart from it what they do not: hidden text, attributes, links, comments, scripts.
//!
//! Tokens only, no tree: time and memory are linear in the input.

use std::ops::Range;

use html5gum::{DefaultEmitter, Token, Tokenizer};

use crate::Kind;
use crate::direction::Shown;
use crate::rows::Rows;
use generated::{Element, Generated};
use place::Place;
use placed::Moves;
use quote::Quote;
use style::Sheet;
use turned::Turned;

mod generated;
mod place;
mod placed;
mod quote;
mod style;
mod turned;

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
    // Of drawings: each stands at a place of its own.
    b"text",
];
/// Elements without an end tag.
const VOID: &[&[u8]] = &[
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param",
    b"source", b"track", b"wbr",
];
const READ: &[&[u8]] =
    &[b"alt", b"title", b"placeholder", b"value", b"content", b"aria-label", b"label", b"summary"];
/// Lists inside lists that are counted.
const DEEPEST_LIST: usize = 64;
/// From here on, the number of an item is not only its place in a list.
const SHORTEST_NUMBER: i64 = 100;
/// Pages in an attribute.
const PAGE: &[u8] = b"srcdoc";
const LINKS: &[&[u8]] =
    &[b"href", b"src", b"action", b"background", b"cite", b"formaction", b"poster", b"data", b"xlink:href"];

/// Texts of one page, each kind together.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) shown: String,
    /// Octets of what is shown that quote an earlier mail, in order and apart.
    pub(crate) quoted: Vec<Range<usize>>,
    /// Octets of what is shown that are each one row of a table, in order and apart.
    pub(crate) rows: Vec<Range<usize>>,
    pub(crate) hidden: String,
    /// Shown and hidden in one, if hidden text stands inside a word: some clients show it.
    pub(crate) joined: Option<String>,
    /// Shown text without what a rule of a style sheet hides, if that stands inside a word.
    pub(crate) without: Option<String>,
    /// Shown text where elements turn its direction round.
    pub(crate) turned: Option<Shown>,
    /// Shown text where styles put pieces of words elsewhere.
    pub(crate) placed: Option<String>,
    /// Shown text with what style sheets put before and behind elements.
    pub(crate) generated: Option<String>,
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
    let sheet = Sheet::of(html);
    let ruled = (!sheet.is_empty()).then(Ruled::default);
    let mut reader = Reader { sheet, ruled, generated: Generated::of(html), ..Reader::default() };
    reader.read(html);
    // What only some clients take for HTML is read once more as such, but not what is in it again.
    for again in std::mem::take(&mut reader.again) {
        separate(&mut reader.page.hidden);
        reader.hide_all = true;
        reader.read(&again);
    }
    let placed = reader.moves.moves().then(|| placed::read(html, &reader.sheet));
    let Reader { mut page, all, inside_a_word, quote, rows, ruled, turned, generated, .. } = reader;
    page.generated = generated.and_then(Generated::into_text);
    page.placed = placed.flatten();
    page.without = ruled.filter(|ruled| ruled.inside_a_word).map(|ruled| ruled.text);
    page.turned = turned.into_shown();
    page.quoted = quote.into_ranges(&page.shown);
    page.rows = rows.into_ranges(&page.shown);
    page.joined = inside_a_word.then_some(all).flatten();
    page
}

/// The charset that a page declares in its first kilobyte.
pub(crate) fn declared_charset(octets: &[u8]) -> Option<String> {
    let start = octets[..octets.len().min(1024)].to_ascii_lowercase();
    let at = memchr::memmem::find(&start, b"charset")? + 7;
    let rest = start[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or(rest.strip_prefix(b"'")).unwrap_or(rest);
    let end = rest.iter().position(|octet| !(octet.is_ascii_alphanumeric() || b"-_:.".contains(octet)));
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}

#[derive(Default)]
struct Reader {
    page: Page,
    /// Shown and hidden text together, from the first hidden text on.
    all: Option<String>,
    inside_a_word: bool,
    /// The text before was hidden.
    was_hidden: bool,
    sheet: Sheet,
    /// The text without what a rule hides, where there are such rules.
    ruled: Option<Ruled>,
    turned: Turned,
    generated: Option<Generated>,
    moves: Moves,
    quote: Quote,
    rows: Rows,
    /// Lists that are open: the next number of those that count.
    lists: Vec<Option<i64>>,
    /// How many elements deep we are inside one that is not shown.
    hidden: u32,
    hide_all: bool,
    /// The element whose text is raw.
    raw: Option<Vec<u8>>,
    /// Conditional comments, which Outlook reads, and `noscript`, which readers without scripts do.
    again: Vec<String>,
}

/// Text without what a rule of a style sheet hides.
#[derive(Default)]
struct Ruled {
    text: String,
    /// How many elements deep we are inside one that a rule means, and which that is.
    depth: u32,
    root: Vec<u8>,
    /// Text was left out since the last one that was not.
    left_out: bool,
    inside_a_word: bool,
}

impl Ruled {
    fn start(&mut self, name: &[u8], meant: bool, closes_itself: bool) {
        // Many elements end where another begins.
        if self.depth > 0 && BLOCKS.contains(&name) && (self.root == name || self.root == b"p") {
            self.depth = 0;
        }
        if closes_itself || self.depth == 0 && !meant {
            return;
        }
        if self.depth == 0 {
            self.root = name.to_vec();
        }
        self.depth += 1;
    }

    fn text(&mut self, text: &str) {
        if self.depth > 0 {
            self.left_out = true;
            return;
        }
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        self.inside_a_word |=
            self.left_out && inside(self.text.chars().next_back()) && inside(text.chars().next());
        self.left_out = false;
        self.text.push_str(text);
    }
}

impl Reader {
    fn read(&mut self, html: &str) {
        (self.hidden, self.raw) = (u32::from(self.hide_all), None);
        let mut emitter: DefaultEmitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::String(text) => self.text(&String::from_utf8_lossy(&text)),
                Token::StartTag(tag) => self.start(&tag),
                Token::EndTag(tag) => self.end(&tag.name),
                Token::Comment(text) => self.comment(&String::from_utf8_lossy(&text)),
                _ => {}
            }
        }
    }

    fn text(&mut self, text: &str) {
        match self.raw.as_deref() {
            Some(raw @ (b"script" | b"style")) => {
                // Pictures that a style sheet draws behind something, and sheets that it asks for.
                if raw == b"style" {
                    note_data_of_styles(&mut self.page, text);
                }
                return self.page.scripts.push_str(text);
            }
            Some(b"noscript") if !self.hide_all => return self.again.push(text.to_owned()),
            _ => {}
        }
        let hidden = self.hidden > 0;
        let (last, next) = (self.last(), text.chars().next());
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if !self.hide_all {
            self.inside_a_word |= hidden != self.was_hidden && inside(last) && inside(next);
            if hidden && self.all.is_none() {
                self.all = Some(self.page.shown.clone());
            }
            if let Some(all) = &mut self.all {
                all.push_str(text);
            }
            self.was_hidden = hidden;
        }
        if hidden {
            return self.page.hidden.push_str(text);
        }
        self.page.shown.push_str(text);
        self.turned.text(text);
        if let Some(generated) = &mut self.generated {
            generated.text(text);
        }
        if let Some(ruled) = &mut self.ruled {
            ruled.text(text);
        }
    }

    fn last(&self) -> Option<char> {
        self.all.as_ref().unwrap_or(&self.page.shown).chars().next_back()
    }

    fn separate(&mut self) {
        separate(&mut self.page.shown);
        separate(&mut self.page.hidden);
        self.turned.separate();
        if let Some(generated) = &mut self.generated {
            generated.separate();
        }
        if let Some(all) = &mut self.all {
            separate(all);
        }
        if let Some(ruled) = &mut self.ruled {
            separate(&mut ruled.text);
        }
    }

    fn start<S: html5gum::SpanBound>(&mut self, tag: &html5gum::StartTag<S>) {
        let name: &[u8] = &tag.name;
        if BLOCKS.contains(&name) {
            self.separate();
        }
        if !self.hide_all && !tag.self_closing {
            self.quote.start(tag, self.page.shown.len());
        }
        self.start_of_table(name);
        let (mut conceals, mut class, mut id, mut number) = (false, None, None, None);
        for (key, value) in &tag.attributes {
            let key: &[u8] = key;
            let value = String::from_utf8_lossy(value).into_owned();
            match key {
                b"class" => class = Some(value.clone()),
                b"id" => id = Some(value.clone()),
                b"start" | b"value" => number = value.trim().parse().ok(),
                _ => {}
            }
            conceals |= key == b"hidden" || key == b"style" && style::conceals(&value);
            match key {
                b"style" => self.moves.hear(Place::of_style(&value), name),
                b"dir" => self.moves.rightward |= value.trim().eq_ignore_ascii_case("rtl"),
                _ => {}
            }
            if key == PAGE && !self.hide_all {
                self.again.push(value);
            } else {
                note_attribute(&mut self.page, key, value);
            }
        }
        let closes_itself = tag.self_closing || VOID.contains(&name);
        self.moves.hear(self.sheet.places(name, class.as_deref(), id.as_deref()), name);
        if !self.hide_all && !closes_itself {
            let sheet = self.sheet.turns(name, class.as_deref(), id.as_deref());
            self.turned.start(tag, sheet, &self.page.shown);
        }
        if !self.hide_all
            && let Some(generated) = &mut self.generated
        {
            let attribute = |name: &str| {
                let found = tag.attributes.iter().find(|(key, _)| key.as_slice() == name.as_bytes());
                found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            };
            let (class, id) = (class.as_deref(), id.as_deref());
            generated.start(&Element { name, class, id, attribute: &attribute }, closes_itself);
        }
        if let Some(ruled) = &mut self.ruled {
            ruled.start(name, self.sheet.means(name, class.as_deref(), id.as_deref()), closes_itself);
        }
        if !closes_itself && (self.hidden > 0 || conceals) {
            self.hidden += 1;
        }
        self.start_of_list(name, number);
        if matches!(name, b"script" | b"style" | b"noscript") {
            self.raw = Some(name.to_vec());
            separate(&mut self.page.scripts);
        }
    }

    fn end(&mut self, name: &[u8]) {
        if self.raw.as_deref() == Some(name) {
            self.raw = None;
        }
        if BLOCKS.contains(&name) {
            self.separate();
        }
        if !self.hide_all {
            self.quote.end(name, self.page.shown.len());
            self.turned.end(name);
            if let Some(generated) = &mut self.generated {
                generated.end(name);
            }
        }
        self.end_of_table(name);
        if matches!(name, b"ol" | b"ul") {
            self.lists.pop();
        }
        if !VOID.contains(&name) {
            if let Some(ruled) = &mut self.ruled {
                ruled.depth = ruled.depth.saturating_sub(1);
            }
            self.hidden = self.hidden.saturating_sub(1).max(u32::from(self.hide_all));
        }
    }

    /// A list counts from where its author says: numbers that are long enough to be a part of something are text.
    fn start_of_list(&mut self, name: &[u8], number: Option<i64>) {
        match name {
            b"ol" if self.lists.len() < DEEPEST_LIST => self.lists.push(Some(number.unwrap_or(1))),
            b"ul" if self.lists.len() < DEEPEST_LIST => self.lists.push(None),
            b"li" => {
                let Some(Some(next)) = self.lists.last_mut() else { return };
                let this = number.unwrap_or(*next);
                *next = this.saturating_add(1);
                if this.abs() >= SHORTEST_NUMBER {
                    self.text(&format!("{this}\t"));
                }
            }
            _ => {}
        }
    }

    fn start_of_table(&mut self, name: &[u8]) {
        match name {
            _ if self.hide_all => {}
            b"table" => self.rows.start_table(),
            b"tr" => self.rows.start_row(&self.page.shown),
            b"td" | b"th" => {
                self.moves.count_cell(&self.page.shown);
                self.rows.start_cell(&self.page.shown);
            }
            _ => {}
        }
    }

    fn end_of_table(&mut self, name: &[u8]) {
        match name {
            _ if self.hide_all => {}
            b"table" => self.rows.end_table(&self.page.shown),
            b"tr" => self.rows.end_row(&self.page.shown),
            b"td" | b"th" => self.rows.end_cell(&self.page.shown),
            _ => {}
        }
    }

    fn comment(&mut self, text: &str) {
        let conditional = text.trim_start().get(..3).is_some_and(|start| start.eq_ignore_ascii_case("[if"));
        match text.split_once(']') {
            Some((_, inner)) if conditional && !self.hide_all => {
                self.again.push(inner.trim_start_matches('>').replace("<![endif]", ""));
            }
            _ => line(&mut self.page.comments, text),
        }
    }
}

fn note_attribute(page: &mut Page, key: &[u8], value: String) {
    if READ.contains(&key) {
        line(&mut page.attributes, &value);
    } else if LINKS.contains(&key) {
        note_link(page, &value);
    } else if key == b"srcset" {
        value
            .split(',')
            .filter_map(|one| one.split_whitespace().next())
            .for_each(|one| line(&mut page.links, one));
    } else if key == b"style" {
        for url in value.split("url(").skip(1) {
            let url = url.split(')').next().unwrap_or_default();
            note_link(page, url.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')));
        }
    }
}

fn note_data_of_styles(page: &mut Page, styles: &str) {
    for url in styles.split("url(").skip(1) {
        let url = url.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        if url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            let end = url.find(['"', '\'', ')']).unwrap_or(url.len());
            page.data.push(url[..end].to_owned());
        }
    }
}

fn note_link(page: &mut Page, value: &str) {
    if value.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        return page.data.push(value.trim_start().to_owned());
    }
    line(&mut page.links, value);
    if value.contains('%') {
        line(&mut page.links, &String::from_utf8_lossy(&crate::header::percent(value)));
    }
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
    fn hidden_text_inside_a_word_is_read_with_it_and_without() {
        let page = read("4111<span style='display:none'>x</span>1111");
        assert_eq!((page.shown.as_str(), page.joined.as_deref()), ("41111111", Some("4111x1111")));
        assert_eq!(read("<div style='display:none'>preview</div><p>text</p>").joined, None);
    }

    #[test]
    fn what_a_style_sheet_hides_inside_a_word_is_read_with_it_and_without() {
        for sheet in [
            ".x{display:none}",
            "i{font-size:0}",
            "@media screen{p i.x{visibility:hidden}}",
            "*{display:none}",
        ] {
            for page in [
                format!("<style>{sheet}</style><p>4111<i class=x>q</i>11<i class=x>q<u>r</u></i>11</p>"),
                format!("<p class=y>a<p>4111<i class=x>q</i>1<i class=x>s</i>111</p><style>{sheet}</style>"),
            ] {
                let page = read(&page);
                assert!(page.shown.contains("4111q1"), "{sheet}");
                assert!(
                    page.without.as_deref().is_some_and(|text| text.contains("41111111")),
                    "{sheet}: {page:?}"
                );
            }
        }
        for page in [
            "<style>.x{display:none}</style>preview <i class=x>q</i> text<p class=x>hidden</p>4111",
            "<style>.x{color:red}</style>4111<i class=x>q</i>1111",
        ] {
            assert_eq!(read(page).without, None, "{page}");
        }
    }

    #[test]
    fn a_hidden_paragraph_without_an_end_ends_at_the_next() {
        let page = read(
            "<style>.x{display:none}</style><p class=x>junk<p>4111<b class=x>q</b>1111<li class=x>a<li>5<b class=x>q</b>5",
        );
        let without = page.without.expect("a reading");
        assert!(
            without.contains("41111111") && without.contains("55") && !without.contains("junk"),
            "{without:?}"
        );
    }

    #[test]
    fn what_only_some_clients_read_is_read_as_html() {
        let page = read("<!--[if mso]><b>4</b>111<![endif]--><noscript>5<i>5</i></noscript><!-- c -->");
        assert_eq!((page.hidden.as_str(), page.comments.as_str()), ("4111\n55", "c\n"));
    }

    #[test]
    fn a_page_in_an_attribute_is_read_as_html() {
        let page = read(
            "<iframe srcdoc='&lt;b&gt;4&lt;/b&gt;111 <a href=http://x/>z</a>'></iframe><use xlink:href='http://y/'/>",
        );
        assert_eq!((page.hidden.trim(), page.links.as_str()), ("4111 z", "http://y/\nhttp://x/\n"));
    }

    #[test]
    fn rows_of_tables_are_told_and_what_lays_out_is_none() {
        let rows = |html: &str| -> Vec<String> {
            let page = read(html);
            page.rows.iter().map(|row| page.shown[row.clone()].replace('\n', "|")).collect()
        };
        let table =
            "<table><thead><tr><th>Who<th>What<tbody><tr><td><p>Ann</p><td><b>1</b>2<tr><td>Bea<td>3</table>";
        assert_eq!(
            rows(&format!("<td>x<tr>y{table}z<table><td>u<td>v")),
            ["Who|What", "Ann|12", "Bea|3", "u|v"]
        );
        let layout = format!("<table><tr><td>menu</td><td>{table}</td></tr><tr><td>foot</td></tr></table>");
        assert_eq!(rows(&layout), ["Who|What", "Ann|12", "Bea|3"]);
        assert_eq!(rows("<table><tr><td>a</td><td hidden>b</td></tr></table>"), Vec::<String>::new());
        assert_eq!(
            rows("x<!--[if mso]><table><tr><td>a<td>b<tr><td>c<td>d</table><![endif]-->"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn scripts_do_not_end_at_what_looks_like_a_tag() {
        let page = read("<script>if (a<b) x='</p>';</script>text<title>a<b>c</title>");
        assert_eq!((page.scripts.as_str(), page.shown.as_str()), ("if (a<b) x='</p>';", "text\na<b>c\n"));
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
