//! The text of a page as it is shown where styles put elements in another order than they stand: `flex-direction: row-reverse`, `order`,
//! `float: right`, places of their own, mirrors, cells from right to left.
//!
//! One pass, and a place in memory for each element that is put somewhere; deeper ones count as text of those around them.

use html5gum::{DefaultEmitter, SpanBound, StartTag, Token, Tokenizer};

use super::place::{Place, Side};
use super::style::{Sheet, conceals};
use super::{BLOCKS, VOID};

/// Elements inside elements that are put somewhere.
const DEEPEST: usize = 96;
/// Letters of an element that may be a piece of a word.
const PIECE: usize = 8;
/// Cells of one letter side by side that may be a word.
const CELLS: usize = 4;
/// How wide a letter is, in pixels, as the units that go by it are read.
const LETTER: f64 = 8.0;

/// Whether a page has what may put elements in another order.
#[derive(Default)]
pub(super) struct Moves {
    elsewhere: bool,
    pub(super) rightward: bool,
    within_lines: bool,
    /// Cells of one letter side by side, until there are enough, and where the last one begins.
    cells: usize,
    cell: usize,
}

impl Moves {
    /// Hears where an element is put.
    pub(super) fn hear(&mut self, place: Place, name: &[u8]) {
        self.elsewhere |= place.moves(BLOCKS.contains(&name));
        self.rightward |= place.rightward == Some(true);
        self.within_lines |= place.inline;
    }

    /// A cell begins behind what is shown so far.
    pub(super) fn count_cell(&mut self, shown: &str) {
        let text = shown.get(self.cell..).unwrap_or_default();
        if self.cells + 1 < CELLS {
            self.cells = if text.trim().chars().nth(1).is_none() { self.cells + 1 } else { 0 };
        }
        self.cell = shown.len();
    }

    pub(super) fn moves(&self) -> bool {
        self.elsewhere || self.rightward && self.within_lines || self.cells + 1 >= CELLS
    }
}

/// The text in the order in which it is shown, if words are made of elements that are put side by side.
pub(super) fn read(html: &str, sheet: &Sheet) -> Option<String> {
    let mut page = Placed { sheet, open: vec![Open::default()], hidden: 0, raw: None, joins: false };
    let mut emitter: DefaultEmitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::String(text) => page.text(&String::from_utf8_lossy(&text)),
            Token::StartTag(tag) => page.start(&tag),
            Token::EndTag(tag) => page.end(&tag.name),
            _ => {}
        }
    }
    while page.open.len() > 1 {
        page.close();
    }
    let text = page.open.pop()?.text(&mut page.joins);
    page.joins.then_some(text)
}

struct Placed<'s> {
    sheet: &'s Sheet,
    /// Elements that are put somewhere, or whose children are; the page is the first.
    open: Vec<Open>,
    hidden: u32,
    raw: Option<Vec<u8>>,
    /// Pieces of a word came to stand side by side.
    joins: bool,
}

/// An element that is being read.
#[derive(Default)]
struct Open {
    name: Vec<u8>,
    /// How many of its name are open within.
    depth: u32,
    block: bool,
    place: Place,
    rightward: bool,
    /// Elements directly in it, as far as its children are put somewhere.
    children: u32,
    pieces: Vec<Piece>,
}

/// Text, or an element, or the end of a line.
#[derive(Default)]
struct Piece {
    text: String,
    place: Place,
    /// It is an element that is put somewhere.
    element: bool,
    /// Nothing stands beside it.
    line: bool,
}

impl Piece {
    fn is_blank(&self) -> bool {
        !self.line && self.text.trim().is_empty()
    }
}

impl Placed<'_> {
    fn text(&mut self, text: &str) {
        if self.raw.is_none() && self.hidden == 0 {
            self.add(text, false);
        }
    }

    fn add(&mut self, text: &str, line: bool) {
        let Some(open) = self.open.last_mut() else { return };
        match open.pieces.last_mut() {
            Some(last) if !last.element && !last.line && !line => last.text.push_str(text),
            Some(last) if last.line && line => {}
            _ => open.pieces.push(Piece {
                text: text.to_owned(),
                place: Place::default(),
                element: false,
                line,
            }),
        }
    }

    fn start<S: SpanBound>(&mut self, tag: &StartTag<S>) {
        let name: &[u8] = &tag.name;
        if matches!(name, b"script" | b"style") {
            self.raw = Some(name.to_vec());
        }
        let attribute = |key: &[u8]| {
            let found = tag.attributes.iter().find(|(name, _)| name.as_slice() == key);
            found.map(|(_, value)| String::from_utf8_lossy(value))
        };
        let style = attribute(b"style").unwrap_or_default();
        if tag.self_closing || VOID.contains(&name) {
            if BLOCKS.contains(&name) {
                self.add("\n", true);
            }
            return;
        }
        if self.hidden > 0 || conceals(&style) || attribute(b"hidden").is_some() {
            self.hidden += 1;
            return;
        }
        let number = self.open.last_mut().filter(|open| open.place.flex).map(|open| {
            open.children += 1;
            open.children
        });
        let (class, id) = (attribute(b"class"), attribute(b"id"));
        let sheet = self.sheet.places_of_child(number, name, class.as_deref(), id.as_deref());
        let mut place = Place::of_style(&style).or(sheet);
        if let Some(direction) = attribute(b"dir") {
            place.rightward = Some(direction.trim().eq_ignore_ascii_case("rtl"));
        }
        self.enter(name, place);
    }

    fn enter(&mut self, name: &[u8], place: Place) {
        self.end_of_those_without_end(name);
        let block = BLOCKS.contains(&name) && !place.inline;
        let around = self.open.last();
        let item = around.is_some_and(|open| open.place.flex || open.name == b"tr");
        let cells = matches!(name, b"tr" | b"td" | b"th");
        let wanted = item || cells || !place.is_none();
        if !wanted || self.open.len() >= DEEPEST {
            if block {
                self.add("\n", true);
            }
            if let Some(open) = self.open.iter_mut().rev().find(|open| open.name == name) {
                open.depth += 1;
            }
            return;
        }
        let rightward = place.rightward.unwrap_or(around.is_some_and(|open| open.rightward));
        let block =
            block && !item && place.side.is_none() && !place.absolute && !matches!(name, b"td" | b"th");
        if block {
            self.add("\n", true);
        }
        self.open.push(Open {
            name: name.to_vec(),
            depth: 1,
            block,
            place,
            rightward,
            children: 0,
            pieces: Vec::new(),
        });
    }

    /// A cell, a row or a paragraph ends where another begins.
    fn end_of_those_without_end(&mut self, name: &[u8]) {
        let ends: &[&[u8]] = match name {
            b"td" | b"th" => &[b"td", b"th"],
            b"tr" => &[b"td", b"th", b"tr"],
            b"p" | b"li" => std::slice::from_ref(&name),
            _ => return,
        };
        while self.open.last().is_some_and(|open| ends.contains(&open.name.as_slice())) {
            self.close();
        }
    }

    fn end(&mut self, name: &[u8]) {
        if self.raw.as_deref() == Some(name) {
            self.raw = None;
        }
        if VOID.contains(&name) {
            return;
        }
        if self.hidden > 0 {
            self.hidden -= 1;
            return;
        }
        let at = self.open.iter().rposition(|open| open.name == name);
        let last = at.map(|at| {
            self.open[at].depth -= 1;
            (at, self.open[at].depth == 0)
        });
        match last {
            Some((at, true)) => {
                while self.open.len() > at.max(1) {
                    self.close();
                }
            }
            _ if BLOCKS.contains(&name) => self.add("\n", true),
            _ => {}
        }
    }

    /// The innermost element becomes a piece of the one around it.
    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let (place, block) = (open.place, open.block);
        let atom = place.inline || matches!(open.name.as_slice(), b"td" | b"th");
        let text = open.text(&mut self.joins);
        let Some(around) = self.open.last_mut() else { return };
        let element = !block && (atom || place.moves(false) || around.place.flex);
        around.pieces.push(Piece { text, place, element, line: false });
        if block {
            self.add("\n", true);
        }
    }
}

impl Open {
    /// The text, its pieces being where they are shown.
    fn text(self, joins: &mut bool) -> String {
        let Self { name, place, rightward, pieces, .. } = self;
        let mut text = String::with_capacity(pieces.iter().map(|piece| piece.text.len()).sum());
        if place.flex {
            flex(pieces, place, rightward, &mut text, joins);
        } else {
            let row = name == b"tr";
            let mut line = Vec::new();
            for piece in pieces {
                match piece.line {
                    true => {
                        flow(std::mem::take(&mut line), row, rightward, &mut text, joins);
                        text.push('\n');
                    }
                    false => line.push(piece),
                }
            }
            flow(line, row, rightward, &mut text, joins);
        }
        if place.mirrored {
            *joins |= text.trim().len() > 1;
            text = text.chars().rev().collect();
        }
        text
    }
}

/// Children side by side, by their order.
fn flex(pieces: Vec<Piece>, place: Place, rightward: bool, text: &mut String, joins: &mut bool) {
    let mut items: Vec<Piece> = pieces.into_iter().filter(|piece| !piece.line && !piece.is_blank()).collect();
    items.sort_by_key(|item| item.place.order.unwrap_or(0));
    if place.reverse != (rightward && !place.column) {
        items.reverse();
    }
    match place.column {
        true => items.iter().for_each(|item| {
            text.push_str(&item.text);
            text.push('\n');
        }),
        false => join(items, text, joins),
    }
}

/// One line of a text: what is put to its sides, what has a place of its own, and the rest.
fn flow(mut line: Vec<Piece>, row: bool, rightward: bool, text: &mut String, joins: &mut bool) {
    if row {
        return cells(line, rightward, text, joins);
    }
    if !line.iter().any(|piece| piece.element) {
        return line.iter().for_each(|piece| text.push_str(&piece.text));
    }
    let mut take = |wanted: &dyn Fn(&Place) -> bool| -> Vec<Piece> {
        let (taken, rest) =
            std::mem::take(&mut line).into_iter().partition(|piece| piece.element && wanted(&piece.place));
        line = rest;
        taken
    };
    let mut placed = take(&|place| place.across().is_some());
    let left = take(&|place| place.side == Some(Side::Left));
    let mut right = take(&|place| place.side == Some(Side::Right));
    right.reverse();
    if !left.is_empty() || !right.is_empty() {
        line.retain(|piece| !piece.is_blank());
    }
    join(left, text, joins);
    atoms(line, rightward, text, joins);
    join(right, text, joins);
    let key = |piece: &Piece| (piece.place.top.unwrap_or(0.0), piece.place.across().unwrap_or(0.0));
    placed.sort_by(|a, b| key(a).0.total_cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
    let mut placed = placed.into_iter().peekable();
    while let Some(first) = placed.next() {
        let end = key(&first).0 + 4.0;
        let mut beside = vec![first];
        beside.extend(std::iter::from_fn(|| placed.next_if(|piece| key(piece).0 <= end)));
        text.push('\n');
        join(beside, text, joins);
    }
}

/// Text and elements within a line; where that goes from right to left, so do elements one behind the other.
fn atoms(mut line: Vec<Piece>, rightward: bool, text: &mut String, joins: &mut bool) {
    if rightward && line.iter().all(|piece| piece.element || piece.is_blank()) {
        line.reverse();
    }
    if line.iter().any(|piece| piece.element && piece.place.shift().is_some()) {
        shift(&mut line);
    }
    join(line, text, joins);
}

/// Pieces in the order in which they are seen, some being moved along the line; a letter is taken to be as wide as most are.
fn shift(line: &mut [Piece]) {
    let (mut end, mut places) = (0.0, Vec::with_capacity(line.len()));
    for piece in line.iter() {
        places.push(end + piece.place.shift().unwrap_or(0.0));
        let shown = if piece.element { piece.text.trim() } else { &piece.text };
        end += LETTER * shown.chars().count() as f64;
    }
    let mut order: Vec<usize> = (0..line.len()).collect();
    order.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
    let mut sorted: Vec<Piece> = order.into_iter().map(|at| std::mem::take(&mut line[at])).collect();
    line.swap_with_slice(&mut sorted);
}

/// The cells of a row: one word, if each has one letter.
fn cells(mut line: Vec<Piece>, rightward: bool, text: &mut String, joins: &mut bool) {
    line.retain(|piece| !piece.is_blank());
    if rightward {
        line.reverse();
    }
    let one = |piece: &Piece| piece.text.trim().chars().count() == 1;
    if line.len() >= CELLS && line.iter().all(one) {
        return join(line, text, joins);
    }
    for piece in line {
        text.push_str(&piece.text);
        text.push('\n');
    }
}

/// Puts pieces side by side; white space at the edges of elements is not shown.
fn join(pieces: Vec<Piece>, text: &mut String, joins: &mut bool) {
    let mut last: Option<bool> = None;
    for piece in pieces {
        let shown = if piece.element { piece.text.trim() } else { &piece.text };
        let small = piece.element && !shown.is_empty() && shown.chars().count() <= PIECE;
        let touches = text.ends_with(char::is_alphanumeric) && shown.starts_with(char::is_alphanumeric);
        *joins |= small && last == Some(true) && touches;
        last = Some(small);
        text.push_str(shown);
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn placed(page: &str) -> Option<String> {
        read(page).placed.map(|text| text.trim().to_owned())
    }

    fn letters(style: &str, text: &str) -> String {
        text.chars().map(|c| format!("<span style='{style}'>{c}</span>")).collect()
    }

    #[test]
    fn elements_in_another_order_are_read_as_they_are_shown() {
        let plain = letters("", "1114");
        for page in [
            format!("<div style='display:flex;flex-direction:row-reverse'>{plain}</div>"),
            format!("<div style='display:inline-flex; flex-flow: row-reverse nowrap'>{plain}</div>"),
            format!("<style>.r{{display:flex;flex-direction:row-reverse}}</style><p class=r>{plain}"),
            format!("<div dir=rtl style='display:flex'>{plain}</div>"),
            format!("<p>{}</p>", letters("float:right", "1114")),
            format!("<style>b{{float:right}}</style><p>{}", "<b>1</b>\n<b>1</b><b>1</b><b>4</b>"),
            format!("<p style='direction:rtl'>{}</p>", letters("display:inline-block", "1114")),
            format!("<p style='transform:scaleX(-1)'>{}</p>", letters("display:inline-block;transform:scaleX(-1)", "1114")),
            "<div style='display:flex'><i>1</i><i>1</i><i>1</i><i style='order:-1'>4</i></div>".to_owned(),
            "<div style='display:grid;grid-auto-flow:column'><i style='order:3'>1</i><i style='order:2'>1</i><i style='order:1'>1</i><i>4</i></div>".to_owned(),
            "<p><b style='position:absolute;left:3ch'>1</b><b style='position:absolute;left:2ch'>1</b><b style='position:absolute;left:1ch'>1</b><b style='position:absolute;left:0'>4</b>".to_owned(),
            "<table dir=rtl><tr><td>1<td>1<td>1<td>4</table>".to_owned(),
            "<p><b style='position:relative;left:2ch'>11</b><b style='position:relative;left:-2ch'>41</b>".to_owned(),
            "<style>b{position:relative;right:-1em}i{position:relative;left:-1em}</style><p><b>11</b><i>41</i>".to_owned(),
            "<p><b style='display:inline-block;transform:translateX(3ch)'>1</b><b style='display:inline-block'>1</b><b style='display:inline-block'>1</b><b style='display:inline-block;transform:translate(-3ch,0)'>4</b>".to_owned(),
            "<style>p{display:flex}i:nth-child(4){order:-1}</style><p><i>1</i><i>1</i><i>1</i><i>4</i>".to_owned(),
            "<style>p{display:flex}i{order:2} p > :nth-child(3n + 1){order:1} :first-child{order:3}</style><p><i>1</i><i>1</i><i>1</i><i>4</i>".to_owned(),
        ] {
            assert_eq!(placed(&page).as_deref(), Some("4111"), "{page}");
        }
    }

    #[test]
    fn pieces_of_a_word_in_blocks_side_by_side_are_one_word() {
        for page in [
            "<div style='float:left'>4</div><div style='float:left'>1</div><div style='float:left'>11</div>",
            "<div style='display:inline-block'>4</div><div style='display:inline'>1</div><div style='display:inline'>11</div>",
            "<div style='display:flex'><div>4</div><div>1</div> <div>11</div></div>",
            "<table><tr><td>4</td><td>1</td><td>1</td><td>1</td></tr></table>",
        ] {
            assert_eq!(placed(page).as_deref(), Some("4111"), "{page}");
        }
    }

    #[test]
    fn what_stands_around_them_stays_where_it_is() {
        let page = "a <b>c</b><p>one<div style='display:flex;flex-direction:row-reverse'><i>2</i><i>1</i></div>two<p>three";
        assert_eq!(placed(page).as_deref(), Some("a c\none\n12\ntwo\nthree"));
    }

    #[test]
    fn pages_that_only_use_such_styles_have_one_reading() {
        for page in [
            "<div style='float:right'>Sunday, 1 March 2020</div><p>Dear Ann,</p>",
            "<div style='display:flex;flex-direction:row-reverse'><nav>Contents of it</nav><main>A long text</main></div>",
            "<table><tr><td>1</td><td>22</td><td>3</td><td>4</td></tr></table>",
            "<p><b style='display:inline-block'>Buy</b> <b style='display:inline-block'>now</b></p>",
            "<div style='display:flex'><i>One</i></div>",
            "<div style='display:grid'><i>1</i><i>2</i></div>",
            "<p>4111</p>",
            "<p><b style='position:relative'>41</b><b style='position:relative;top:-1px;left:1px'>nd</b> words",
            "<div style='position:relative;left:9px'>One</div><div>Two</div>",
        ] {
            assert_eq!(placed(page), None, "{page}");
        }
    }

    #[test]
    fn any_nesting_costs_what_it_has_octets() {
        for line in ["<div style='display:flex'>1", "<tr><td><p style=float:right>1\n"] {
            crate::open::grows_with_lines(line, |text| {
                std::hint::black_box(read(text));
            });
        }
        let place = |top: usize| format!("<b style='position:absolute;left:1;top:{}'>1</b>", top * 5);
        let each_lower = |count: usize| (0..count).map(place).collect();
        crate::open::grows_with("places one below the other", each_lower, |text| {
            std::hint::black_box(read(text));
        });
    }
}
