//! RTF by its own tokens: text in every code page, destinations each to its place, embedded objects as files; no recursion.
//!
//! HTML that was wrapped in RTF comes out as the HTML it was; what only the one or the other reading shows is told apart.

use super::{Output, blip, ole, picture};
use crate::{DocumentRequest, Kind, Reason};

mod charsets;
mod destination;
mod direction;
mod tokens;

use charsets::Charsets;
pub(super) use charsets::code_page;
use destination::Destination;
use direction::{Flow, Said, Sheet};
use tokens::{Token, Tokens};

/// Groups inside groups that keep a state of their own; deeper ones share the last.
const MAX_DEPTH: usize = 4_096;
/// Pieces beside the body: notes, comments, properties.
const MAX_PIECES: usize = 100_000;
/// Letters and digits of what stands before each paragraph of a list; numbers and bullets are none.
const SHORTEST_LEVEL_TEXT: usize = 4;

/// What a group's end restores.
#[derive(Debug, Clone)]
struct State {
    destination: Destination,
    /// Began by this group, so that its end is the destination's end.
    begins: bool,
    hidden: bool,
    /// Characters that stand in for a `\u` and are passed over.
    fallback: u32,
    font: i32,
    said: Said,
}

/// What a picture says that it is.
#[derive(Debug, Clone, Copy)]
enum Picture {
    Unsaid,
    /// A bitmap without the head that files have.
    Bitmap,
    File(&'static str),
}

/// Characters that stand in for a `\u` in honest files: one, or two where letters have two octets.
const HONEST_FALLBACK: u32 = 2;

struct Reader<'o, 'l> {
    out: &'o mut Output<'l>,
    charsets: Charsets,
    state: State,
    stack: Vec<State>,
    /// Groups opened beyond [`MAX_DEPTH`].
    beyond: usize,
    ignorable: bool,
    /// Characters still to be passed over after a `\u`.
    pass: u32,
    high: Option<u16>,
    octets: Vec<u8>,
    body: Flow,
    sheet: Sheet,
    hidden: String,
    html: String,
    /// From HTML: what the wrapped HTML leaves out.
    not_html: String,
    is_html: bool,
    in_rtf_only: bool,
    /// Texts of the open destinations other than the body.
    open: Vec<Flow>,
    pieces: usize,
    shape_property: String,
    /// A character that a field draws, with the depth of its group and the length of the body there.
    symbol: Option<(char, usize, usize)>,
    picture: Picture,
    ended: bool,
}

/// Every text of the file, and the files in it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    read(request.octets, "", out).map(drop)
}

/// As [`open`], for RTF inside something else; what a reader sees of it comes back.
pub(super) fn read(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<String, Reason> {
    let start = State {
        destination: Destination::Body,
        begins: false,
        hidden: false,
        fallback: 1,
        font: -1,
        said: Said::default(),
    };
    let mut reader = Reader {
        out,
        charsets: Charsets::default(),
        state: start,
        stack: Vec::new(),
        beyond: 0,
        ignorable: false,
        pass: 0,
        high: None,
        octets: Vec::new(),
        body: Flow::default(),
        sheet: Sheet::default(),
        hidden: String::new(),
        html: String::new(),
        not_html: String::new(),
        is_html: false,
        in_rtf_only: false,
        open: Vec::new(),
        pieces: 0,
        shape_property: String::new(),
        symbol: None,
        picture: Picture::Unsaid,
        ended: false,
    };
    let walked = reader.walk(octets);
    let shown = reader.shown();
    let finished = reader.finish(place);
    walked.and(finished).map(|()| shown)
}

impl Reader<'_, '_> {
    fn walk(&mut self, octets: &[u8]) -> Result<(), Reason> {
        let mut count = 0_u32;
        let mut tokens = Tokens::new(octets);
        while let Some(token) = tokens.next() {
            count = count.wrapping_add(1);
            if count.is_multiple_of(8192) {
                self.out.spend(0)?;
            }
            match token {
                Token::Open => self.open_group(),
                Token::Close => self.close_group()?,
                Token::Text(text) => self.text(text),
                Token::Octet(octet) => self.text(&[octet]),
                Token::Binary(data) => self.binary(data),
                Token::Symbol(symbol) => self.symbol(symbol),
                Token::Word(word, value) => self.word(word, value),
            }
        }
        Ok(())
    }

    // ---- groups

    fn open_group(&mut self) {
        self.flush();
        self.pass = 0;
        self.ignorable = false;
        if self.stack.len() >= MAX_DEPTH {
            self.beyond += 1;
            return;
        }
        self.stack.push(self.state.clone());
        self.state.begins = false;
    }

    fn close_group(&mut self) -> Result<(), Reason> {
        self.flush();
        self.pass = 0;
        if self.beyond > 0 {
            self.beyond -= 1;
            return Ok(());
        }
        let done = match self.stack.pop() {
            Some(outer) => std::mem::replace(&mut self.state, outer),
            None => {
                self.ended = true;
                return Ok(());
            }
        };
        if self.stack.is_empty() {
            self.ended = true;
        }
        // A field that draws a character need not hold it as text.
        if let Some((c, depth, length)) = self.symbol
            && self.stack.len() < depth
        {
            self.symbol = None;
            if self.body.text.len() == length {
                self.push(c.encode_utf8(&mut [0; 4]));
            }
        }
        match done.destination {
            Destination::StyleSheet if done.begins => self.sheet.resolve(),
            Destination::StyleSheet => self.sheet.define(done.said),
            Destination::Defaults => self.sheet.default_to(done.said),
            _ => {}
        }
        if done.begins && done.destination.collects() {
            let mut flow = self.open.pop().unwrap_or_default();
            flow.end_paragraph(self.sheet.way(done.said), "");
            self.end_destination(done.destination, flow.text)?;
        }
        Ok(())
    }

    /// Texts left open by a file that is cut off count as well.
    fn finish(&mut self, place: &str) -> Result<(), Reason> {
        self.flush();
        let mut outcome = Ok(());
        if self.sheet.is_too_much() {
            self.out.unscannable("styles", Reason::TooBig);
        }
        while !self.stack.is_empty() && outcome.is_ok() {
            outcome = self.close_group();
        }
        self.body.end_paragraph(self.sheet.way(self.state.said), "");
        for (kind, text) in [
            (Kind::Text, std::mem::take(&mut self.body.text)),
            (Kind::Hidden, std::mem::take(&mut self.hidden)),
        ] {
            outcome = outcome.and_then(|()| self.out.text(place, kind, text));
        }
        if self.is_html {
            let html = std::mem::take(&mut self.html);
            let size = html.len() as u64;
            outcome = outcome.and_then(|()| self.out.spend(size));
            outcome = outcome.and_then(|()| self.out.file("body.html".to_owned(), html.into_bytes()));
            let rest = std::mem::take(&mut self.not_html);
            if rest.chars().any(char::is_alphanumeric) {
                outcome = outcome.and_then(|()| self.out.text(place, Kind::Hidden, rest));
            }
        }
        outcome
    }

    /// The text as people read it.
    fn shown(&mut self) -> String {
        self.flush();
        match self.is_html {
            true => crate::html::read(&self.html).shown,
            false => self.body.text.clone(),
        }
    }

    // ---- destinations

    fn begin_destination(&mut self, word: &str) -> bool {
        let Some(destination) = Destination::of(word, self.ignorable, &self.state.destination) else {
            return false;
        };
        self.flush();
        self.ignorable = false;
        if self.state.begins && self.state.destination.collects() {
            // A second destination in one group goes on where the first one was: nothing of it is lost.
            if destination.collects() {
                self.state.destination = destination;
            }
            return true;
        }
        self.state.begins = true;
        if destination.collects() {
            self.open.push(Flow::default());
        }
        // A picture's own groups, such as its identifier, stand behind the word that says what it is.
        if matches!(destination, Destination::Picture) {
            self.picture = Picture::Unsaid;
        }
        self.state.destination = destination;
        true
    }

    fn end_destination(&mut self, destination: Destination, text: String) -> Result<(), Reason> {
        match destination {
            Destination::FontTable
            | Destination::StyleSheet
            | Destination::Defaults
            | Destination::Skip
            | Destination::Body
            | Destination::Upper(_) => {}
            Destination::ObjectData => {
                let octets = hex(&text);
                self.out.spend(octets.len() as u64)?;
                return ole::version1(&octets, self.out);
            }
            Destination::Picture => return self.end_picture(&text),
            Destination::ShapeProperty => self.shape_property = text,
            Destination::ShapeValue => {
                let read = ["wz", "gtext", "pihl"].iter().any(|start| self.shape_property.starts_with(start));
                if read {
                    return self.piece("shape", Kind::Attribute, text);
                }
            }
            Destination::Instruction => return self.instruction(&text),
            Destination::LevelText => {
                // Control characters stand for the numbers of the levels.
                let words: String = text.chars().skip(1).filter(|c| !c.is_control()).collect();
                if words.chars().filter(|c| c.is_alphanumeric()).count() >= SHORTEST_LEVEL_TEXT {
                    return self.piece("numbering", Kind::Text, words.trim_end_matches(';').to_owned());
                }
            }
            Destination::HtmlTag => self.html.push_str(&text),
            Destination::Named(place, kind) => return self.piece(place, kind, text),
        }
        Ok(())
    }

    fn piece(&mut self, place: &str, kind: Kind, text: String) -> Result<(), Reason> {
        self.pieces += 1;
        if self.pieces > MAX_PIECES {
            return Err(Reason::TooManyParts);
        }
        self.out.text(place, kind, text)
    }

    fn instruction(&mut self, text: &str) -> Result<(), Reason> {
        let text = text.trim();
        let mut words = text.splitn(2, char::is_whitespace);
        let command = words.next().unwrap_or_default();
        if command.eq_ignore_ascii_case("SYMBOL") {
            let code = words.next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
            let code = match code.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => code.parse().ok(),
            };
            let c = code.map(|code| if (0xf020..=0xf0ff).contains(&code) { code - 0xf000 } else { code });
            if let Some(c) = c.and_then(char::from_u32).filter(|c| !c.is_control()) {
                self.symbol = Some((c, self.stack.len(), self.body.text.len()));
            }
        }
        if ["HYPERLINK", "INCLUDEPICTURE", "INCLUDETEXT", "LINK"]
            .contains(&command.to_ascii_uppercase().as_str())
        {
            let target = words.next().unwrap_or_default().trim().trim_matches('"').to_owned();
            return self.piece("field", Kind::Link, target);
        }
        self.piece("field", Kind::Hidden, text.to_owned())
    }

    fn end_picture(&mut self, text: &str) -> Result<(), Reason> {
        let form = std::mem::replace(&mut self.picture, Picture::Unsaid);
        let octets = hex(text);
        if octets.is_empty() {
            return Ok(());
        }
        self.pieces += 1;
        if self.pieces > MAX_PIECES {
            return Err(Reason::TooManyParts);
        }
        self.out.spend(octets.len() as u64)?;
        let name = format!("picture {}", self.pieces);
        if let Some(text) = picture::text(&octets) {
            return self.out.text(name, Kind::Text, text);
        }
        match form {
            Picture::Bitmap => self.out.file(format!("{name}.bmp"), blip::with_head(&octets)),
            Picture::File(ending) => self.out.file(format!("{name}.{ending}"), octets),
            Picture::Unsaid => self.out.file(name, octets),
        }
    }

    // ---- words

    fn word(&mut self, word: &str, value: Option<i32>) {
        if self.passed() && word != "u" {
            return;
        }
        match (word, value) {
            ("u", Some(value)) => return self.unicode(value),
            ("uc", Some(value)) => return self.state.fallback = value.clamp(0, 64) as u32,
            ("*", _) => return,
            _ => {}
        }
        self.flush();
        if let Some(text) = special(word) {
            return self.push(text);
        }
        let on = value != Some(0);
        match word {
            "par" | "sect" | "row" | "nestrow" => self.end_paragraph("\n"),
            "cell" | "nestcell" => self.end_paragraph("\t"),
            "line" | "page" | "column" => self.line_break(),
            "tab" => self.push("\t"),
            "v" | "webhidden" | "deleted" => self.state.hidden = on,
            "plain" => {
                self.state.hidden = false;
                self.state.said.plain();
            }
            "f" | "deff" | "af" => self.font(word, value.unwrap_or(0)),
            "fcharset" => self.charsets.font_charset(self.state.font, value.unwrap_or(1)),
            "cpg" => self.charsets.font_code_page(self.state.font, value.unwrap_or(0)),
            "ansicpg" | "ansi" | "mac" | "pc" | "pca" => self.charsets.document(word, value),
            "fromhtml" => self.is_html = on,
            "htmlrtf" => self.in_rtf_only = on,
            "jpegblip" => self.picture = Picture::File("jpg"),
            "pngblip" => self.picture = Picture::File("png"),
            "emfblip" => self.picture = Picture::File("emf"),
            "wmetafile" => self.picture = Picture::File("wmf"),
            "macpict" => self.picture = Picture::File("pict"),
            "dibitmap" => self.picture = Picture::Bitmap,
            _ if self.state.said.hear(word, value) => {}
            _ if self.begin_destination(word) => {}
            _ => {}
        }
        self.ignorable = false;
    }

    fn font(&mut self, word: &str, value: i32) {
        match word {
            "deff" => self.charsets.default_font = value,
            "f" => self.state.font = value,
            _ => {}
        }
    }

    fn symbol(&mut self, symbol: u8) {
        if symbol == b'*' {
            self.ignorable = true;
            return;
        }
        if self.passed() {
            return;
        }
        match symbol {
            b'\\' | b'{' | b'}' => self.octets.push(symbol),
            b'~' => self.text(b" "),
            b'_' => self.text(b"-"),
            b'\r' | b'\n' => {
                self.flush();
                self.end_paragraph("\n");
            }
            b'\t' => self.text(b"\t"),
            _ => {}
        }
    }

    // ---- text

    /// Whether a character stands in for the `\u` before it.
    fn passed(&mut self) -> bool {
        let passed = self.pass > 0;
        self.pass = self.pass.saturating_sub(1);
        passed
    }

    fn text(&mut self, mut text: &[u8]) {
        self.ignorable = false;
        if self.pass > 0 {
            let passed = text.len().min(self.pass as usize);
            self.pass -= passed as u32;
            // Readers without Unicode show it; more of it than anybody needs can be a message of its own.
            if self.state.fallback > HONEST_FALLBACK {
                self.hidden.push_str(&self.charsets.decode(self.state.font, &text[..passed]));
            }
            text = &text[passed..];
        }
        if self.state.destination.is_silent() && self.state.destination != Destination::FontTable {
            return;
        }
        self.octets.extend_from_slice(text);
    }

    fn binary(&mut self, data: &[u8]) {
        if self.passed() {
            return;
        }
        self.flush();
        if matches!(self.state.destination, Destination::ObjectData | Destination::Picture)
            && let Some(open) = self.open.last_mut()
        {
            open.text.extend(data.iter().flat_map(|octet| {
                [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
            }));
        }
    }

    fn unicode(&mut self, value: i32) {
        self.flush();
        self.pass = self.state.fallback;
        let unit = value as u16;
        // Some writers put the whole code point in one word.
        if value > 0xffff
            && let Some(c) = u32::try_from(value).ok().and_then(char::from_u32)
        {
            return self.push(c.encode_utf8(&mut [0; 4]));
        }
        match (self.high.take(), unit) {
            (_, 0xd800..=0xdbff) => self.high = Some(unit),
            (Some(high), 0xdc00..=0xdfff) => {
                let c = char::decode_utf16([high, unit]).next().and_then(Result::ok);
                self.push(c.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]));
            }
            // Symbol fonts live in a private area, on the octets they once had.
            (_, 0xf020..=0xf07e) => self.push(char::from((unit - 0xf000) as u8).encode_utf8(&mut [0; 4])),
            _ => {
                let c = char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.push(c.encode_utf8(&mut [0; 4]));
            }
        }
    }

    /// Octets become text when the code page may change.
    fn flush(&mut self) {
        if self.octets.is_empty() {
            return;
        }
        let octets = std::mem::take(&mut self.octets);
        if self.state.destination.is_silent() {
            if matches!(self.state.destination, Destination::FontTable) {
                self.charsets.font_name(self.state.font, &octets);
            }
            self.octets = octets;
            self.octets.clear();
            return;
        }
        let text = self.charsets.decode(self.state.font, &octets).into_owned();
        self.push(&text);
        self.octets = octets;
        self.octets.clear();
    }

    fn push(&mut self, text: &str) {
        let way = self.sheet.way(self.state.said);
        match self.place() {
            Place::None => {}
            Place::Flow(flow) => flow.push(text, way),
            Place::Plain(target) => target.push_str(text),
        }
    }

    fn line_break(&mut self) {
        match self.place() {
            Place::None => {}
            Place::Flow(flow) => flow.line_break(),
            Place::Plain(target) => target.push('\n'),
        }
    }

    fn end_paragraph(&mut self, end: &str) {
        let way = self.sheet.way(self.state.said);
        match self.place() {
            Place::None => {}
            Place::Flow(flow) => flow.end_paragraph(way, end),
            Place::Plain(target) => target.push_str(end),
        }
    }

    /// Where text goes.
    fn place(&mut self) -> Place<'_> {
        let open = self.open.last_mut();
        match self.state.destination {
            _ if self.state.destination.is_silent() => Place::None,
            // Old readers show this half, new ones the other.
            Destination::Upper(_) => Place::Plain(&mut self.hidden),
            Destination::Body if self.ended || self.state.hidden => Place::Plain(&mut self.hidden),
            Destination::Body if self.is_html && self.in_rtf_only => Place::Plain(&mut self.not_html),
            Destination::Body if self.is_html => Place::Plain(&mut self.html),
            Destination::Body => Place::Flow(&mut self.body),
            Destination::Named(_, kind) if kind != Kind::Property => open.map_or(Place::None, Place::Flow),
            _ => open.map_or(Place::None, |flow| Place::Plain(&mut flow.text)),
        }
    }
}

/// What takes a text.
enum Place<'a> {
    None,
    /// Paragraphs, which have a direction.
    Flow(&'a mut Flow),
    Plain(&'a mut String),
}

/// Words that stand for a character.
fn special(word: &str) -> Option<&'static str> {
    Some(match word {
        "emdash" => "—",
        "endash" => "–",
        "emspace" | "enspace" | "qmspace" => " ",
        "bullet" => "•",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "zwj" => "\u{200d}",
        "zwnj" => "\u{200c}",
        "ltrmark" => "\u{200e}",
        "rtlmark" => "\u{200f}",
        _ => return None,
    })
}

/// Hexadecimal digits as octets; anything between them is passed over.
fn hex(text: &str) -> Vec<u8> {
    let mut digits = text.bytes().filter_map(|octet| char::from(octet).to_digit(16));
    let mut octets = Vec::with_capacity(text.len() / 2);
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        octets.push((high << 4 | low) as u8);
    }
    octets
}
