//! Runs content streams for their text: text operators, form XObjects and marked content; bounded, without recursion.

use std::rc::Rc;
use std::time::Instant;

use foldhash::{HashMap, HashMapExt};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::font::{Font, name, number};
use super::layout::{Run, is_word_gap};
use super::lexer::{Lexer, Token};
use super::names::Names;
use super::sight::{Sight, Window};
use super::{text_string, unpack};
use crate::Reason;

/// Forms inside forms.
const MAX_FORMS: usize = 32;
/// Operators run for one document: enough for books, not for loops.
const MAX_OPERATORS: u64 = 40_000_000;
/// Operands of one operator.
const MAX_OPERANDS: usize = 20_000;
/// Saved graphics states.
const MAX_STATES: usize = 512;

type Matrix = [f64; 6];
const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// What running a page brought.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) runs: Vec<Run>,
    /// Replacement texts that say something else than what is drawn.
    pub(super) replacements: Vec<String>,
}

/// What is kept from page to page.
pub(super) struct Runner<'a> {
    doc: &'a Document,
    names: Names,
    fonts: HashMap<ObjectId, Rc<Font>>,
    forms: HashMap<ObjectId, Rc<Vec<u8>>>,
    operators: u64,
    octets: u64,
    deadline: Instant,
    /// Glyphs whose text the file does not tell, and those it does.
    pub(super) unknown: u64,
    pub(super) known: u64,
    /// Pictures drawn.
    pub(super) pictures: u64,
    /// Glyphs are read by their names, whatever text the file tells for them; whether that makes a difference.
    pub(super) by_names: bool,
    pub(super) lies: bool,
    /// What the page shows of what is drawn.
    pub(super) window: Option<Window>,
    pub(super) seen: Seen,
}

/// What was seen on one page beside its text.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Why something of it was left out.
    pub(super) lost: Option<Reason>,
    /// Letters and digits.
    pub(super) letters: u64,
    /// Curves of painted outlines.
    pub(super) curves: u64,
    /// The largest picture, as an area of the page.
    pub(super) picture: f64,
    /// Glyphs one behind the other whose text the file does not tell, and which they are.
    streak: Vec<u32>,
    /// There were so many that they are words.
    pub(super) unread: bool,
}

/// Glyphs without text that are a word, not a row of boxes, dots or arrows: so many, and so many different ones.
const WORD: usize = 8;
const WORD_OF: usize = 5;

impl Seen {
    fn glyph(&mut self, text: Option<&str>, code: u32) {
        match text {
            Some(text) if text.chars().any(char::is_alphanumeric) => {
                self.letters += 1;
                self.streak.clear();
            }
            Some(_) => {}
            None => {
                if self.streak.len() == 4 * WORD {
                    self.streak.clear();
                }
                self.streak.push(code);
                if self.streak.len() >= WORD && !self.unread {
                    let different: std::collections::BTreeSet<_> = self.streak.iter().collect();
                    self.unread = different.len() >= WORD_OF;
                }
            }
        }
    }
}

#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    character_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
    sight: Sight,
}

struct Frame<'a> {
    content: Rc<Vec<u8>>,
    at: usize,
    resources: Option<&'a Dictionary>,
    form: Option<ObjectId>,
    /// Saved states that belong to callers.
    saved: usize,
}

struct Marked {
    actual: Option<String>,
    run: usize,
    unknown: u64,
}

struct Page<'r, 'a> {
    runner: &'r mut Runner<'a>,
    frames: Vec<Frame<'a>>,
    state: State,
    saved: Vec<State>,
    text: Matrix,
    line: Matrix,
    marked: Vec<Marked>,
    shown: Shown,
}

impl<'a> Runner<'a> {
    pub(super) fn new(doc: &'a Document, octets: u64, deadline: Instant) -> Self {
        Self {
            doc,
            names: Names::default(),
            fonts: HashMap::new(),
            forms: HashMap::new(),
            operators: MAX_OPERATORS,
            octets,
            deadline,
            unknown: 0,
            known: 0,
            pictures: 0,
            by_names: false,
            lies: false,
            window: None,
            seen: Seen::default(),
        }
    }

    /// Runs one content stream. What was shown before a bound was met comes with the reason.
    pub(super) fn run(
        &mut self,
        content: impl Into<Rc<Vec<u8>>>,
        resources: Option<&'a Dictionary>,
    ) -> (Shown, Result<(), Reason>) {
        let state = State {
            matrix: IDENTITY,
            font: None,
            size: 1.0,
            character_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            sight: Sight::through(self.window),
        };
        let frame = Frame { content: content.into(), at: 0, resources, form: None, saved: 0 };
        let mut page = Page {
            runner: self,
            frames: vec![frame],
            state,
            saved: Vec::new(),
            text: IDENTITY,
            line: IDENTITY,
            marked: Vec::new(),
            shown: Shown::default(),
        };
        let result = page.run();
        (page.shown, result)
    }

    fn font(&mut self, resources: Option<&'a Dictionary>, name: &[u8]) -> Option<Rc<Font>> {
        let fonts = resources?.get_deref(b"Font", self.doc).ok()?.as_dict().ok()?;
        let entry = fonts.get(name).ok()?;
        let (id, object) = self.doc.dereference(entry).ok()?;
        if let Some(font) = id.and_then(|id| self.fonts.get(&id)) {
            return Some(font.clone());
        }
        let font = Rc::new(Font::load(object.as_dict().ok()?, self.doc, &mut self.names));
        if let Some(id) = id {
            self.fonts.insert(id, font.clone());
        }
        Some(font)
    }
}

impl<'a> Page<'_, 'a> {
    fn run(&mut self) -> Result<(), Reason> {
        while let Some(frame) = self.frames.last() {
            let content = frame.content.clone();
            let mut operands = Vec::new();
            let mut lexer = Lexer::new(&content, frame.at);
            let depth = self.frames.len();
            while let Some(token) = lexer.next() {
                let Token::Operator(operator) = token else {
                    if operands.len() < MAX_OPERANDS {
                        operands.push(token);
                    } else {
                        self.runner.seen.lost = Some(Reason::TooBig);
                    }
                    continue;
                };
                self.spend()?;
                if operator == b"ID" {
                    lexer.skip_image();
                    self.runner.pictures += 1;
                } else {
                    self.operate(operator, &operands);
                }
                operands.clear();
                if self.frames.len() > depth {
                    break;
                }
            }
            let at = lexer.position();
            if self.frames.len() > depth {
                self.frames[depth - 1].at = at;
            } else if let Some(done) = self.frames.pop() {
                self.leave(done.saved);
            }
        }
        Ok(())
    }

    fn leave(&mut self, saved: usize) {
        if saved > 0 && self.saved.len() >= saved {
            self.saved.truncate(saved);
            if let Some(state) = self.saved.pop() {
                self.state = state;
            }
        }
    }

    fn spend(&mut self) -> Result<(), Reason> {
        let runner = &mut *self.runner;
        runner.operators = runner.operators.checked_sub(1).ok_or(Reason::TooBig)?;
        if runner.operators.is_multiple_of(4096) && Instant::now() >= runner.deadline {
            return Err(Reason::Timeout);
        }
        if runner.octets == 0 { Err(Reason::TooBig) } else { Ok(()) }
    }

    fn operate(&mut self, operator: &[u8], operands: &[Token<'_>]) {
        let value = |index: usize| match operands.get(index) {
            Some(Token::Number(value)) => *value,
            _ => 0.0,
        };
        match operator {
            b"Tj" => self.show(operands),
            b"TJ" => self.show(operands),
            b"'" => {
                self.next_line();
                self.show(operands);
            }
            b"\"" => {
                (self.state.word_space, self.state.character_space) = (value(0), value(1));
                self.next_line();
                self.show(operands.get(2..).unwrap_or_default());
            }
            b"BT" => (self.text, self.line) = (IDENTITY, IDENTITY),
            b"Td" => self.move_by(value(0), value(1)),
            b"TD" => {
                self.state.leading = -value(1);
                self.move_by(value(0), value(1));
            }
            b"Tm" => {
                self.line = std::array::from_fn(value);
                self.text = self.line;
            }
            b"T*" => self.next_line(),
            b"Tc" => self.state.character_space = value(0),
            b"Tw" => self.state.word_space = value(0),
            b"Tz" => self.state.stretch = value(0) / 100.0,
            b"TL" => self.state.leading = value(0),
            b"Ts" => self.state.rise = value(0),
            b"Tf" => {
                self.state.size = value(1);
                if let Some(Token::Name(name)) = operands.first() {
                    let resources = self.frames.last().and_then(|frame| frame.resources);
                    self.state.font = self.runner.font(resources, name);
                }
            }
            b"q" if self.saved.len() < MAX_STATES => self.saved.push(self.state.clone()),
            b"Q" => {
                let floor = self.frames.last().map_or(0, |frame| frame.saved);
                if self.saved.len() > floor
                    && let Some(state) = self.saved.pop()
                {
                    self.state = state;
                }
            }
            b"cm" => self.state.matrix = multiply(&std::array::from_fn(value), &self.state.matrix),
            b"Do" => self.form(operands),
            b"gs" => self.graphics_state(operands),
            b"c" | b"v" | b"y" => self.runner.seen.curves += 1,
            b"BDC" | b"BMC" => self.begin_marked(operands),
            b"EMC" => self.end_marked(),
            _ => {}
        }
        self.state.sight.operate(operator, operands, &self.state.matrix);
    }

    fn next_line(&mut self) {
        self.move_by(0.0, -self.state.leading);
    }

    fn move_by(&mut self, x: f64, y: f64) {
        self.line = multiply(&[1.0, 0.0, 0.0, 1.0, x, y], &self.line);
        self.text = self.line;
    }

    fn resource(&self, kind: &[u8], operands: &[Token<'_>]) -> Option<&'a Object> {
        let Some(Token::Name(name)) = operands.last() else { return None };
        let resources = self.frames.last()?.resources?;
        let group = resources.get_deref(kind, self.runner.doc).ok()?.as_dict().ok()?;
        group.get(name).ok()
    }

    fn graphics_state(&mut self, operands: &[Token<'_>]) {
        let doc = self.runner.doc;
        let entry = self.resource(b"ExtGState", operands).and_then(|entry| doc.dereference(entry).ok());
        let state = entry.and_then(|(_, state)| state.as_dict().ok());
        if let Some(alpha) = state.and_then(|state| number(state.get_deref(b"ca", doc).ok()?)) {
            self.state.sight.clear = alpha <= 0.0;
        }
        let font = state.and_then(|state| state.get_deref(b"Font", doc).ok());
        if let Some(Object::Array(pair)) = font
            && let [font, size] = pair.as_slice()
            && let Ok((_, Object::Dictionary(font))) = doc.dereference(font)
        {
            self.state.font = Some(Rc::new(Font::load(font, doc, &mut self.runner.names)));
            self.state.size = number(size).unwrap_or(1.0);
        }
    }

    // ---- forms

    fn form(&mut self, operands: &[Token<'_>]) {
        let doc = self.runner.doc;
        let Some((id, Object::Stream(form))) =
            self.resource(b"XObject", operands).and_then(|entry| doc.dereference(entry).ok())
        else {
            return;
        };
        let subtype = name(&form.dict, b"Subtype", doc);
        if subtype.as_deref() == Some(b"Image") {
            let [a, b, c, d, ..] = self.state.matrix;
            let seen = &mut self.runner.seen;
            seen.picture = seen.picture.max((a * d - b * c).abs());
            self.runner.pictures += 1;
        }
        let is_form = subtype.as_deref() == Some(b"Form");
        let running = id.is_some() && self.frames.iter().any(|frame| frame.form == id);
        if !is_form || running {
            return;
        }
        if self.frames.len() >= MAX_FORMS {
            self.runner.seen.lost = Some(Reason::TooDeep);
            return;
        }
        self.enter(form, id);
    }

    fn enter(&mut self, form: &'a Stream, id: Option<ObjectId>) {
        let doc = self.runner.doc;
        let content = match id.and_then(|id| self.runner.forms.get(&id)) {
            Some(content) => content.clone(),
            None => {
                let limit = usize::try_from(self.runner.octets).unwrap_or(usize::MAX);
                let (content, whole) = unpack(form, limit);
                if !whole {
                    self.runner.seen.lost = Some(Reason::Corrupt);
                }
                let content = Rc::new(content);
                self.runner.octets = self.runner.octets.saturating_sub(content.len() as u64);
                if let Some(id) = id {
                    self.runner.forms.insert(id, content.clone());
                }
                content
            }
        };
        let own = form.dict.get_deref(b"Resources", doc).ok().and_then(|object| object.as_dict().ok());
        let resources = own.or_else(|| self.frames.last().and_then(|frame| frame.resources));
        self.saved.push(self.state.clone());
        if let Ok(Object::Array(matrix)) = form.dict.get_deref(b"Matrix", doc)
            && matrix.len() == 6
        {
            let matrix = std::array::from_fn(|index| number(&matrix[index]).unwrap_or(0.0));
            self.state.matrix = multiply(&matrix, &self.state.matrix);
        }
        let saved = self.saved.len();
        self.frames.push(Frame { content, at: 0, resources, form: id, saved });
    }

    // ---- marked content

    fn begin_marked(&mut self, operands: &[Token<'_>]) {
        let actual = operands.windows(2).find_map(|pair| match pair {
            [Token::Name(key), Token::Text(text)] if **key == *b"ActualText" => Some(text_string(text)),
            _ => None,
        });
        let doc = self.runner.doc;
        let named = || {
            let (_, properties) = doc.dereference(self.resource(b"Properties", operands)?).ok()?;
            let text = properties.as_dict().ok()?.get_deref(b"ActualText", doc).ok()?;
            text.as_str().ok().map(text_string)
        };
        let actual = actual.or_else(named);
        if self.marked.len() < MAX_STATES {
            let (run, unknown) = (self.shown.runs.len(), self.runner.unknown);
            self.marked.push(Marked { actual, run, unknown });
        }
    }

    /// What is drawn counts; the replacement text stands in where glyphs say nothing, and is told apart where it differs.
    fn end_marked(&mut self) {
        let Some(Marked { actual: Some(actual), run, unknown }) = self.marked.pop() else { return };
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let drawn: String = self.shown.runs[run..].iter().map(|run| run.text.as_str()).collect();
        if letters(&actual) == letters(&drawn) {
            return;
        }
        let silent = letters(&drawn).is_empty() || self.runner.unknown > unknown;
        match self.shown.runs.get_mut(run) {
            Some(first) if silent => {
                first.text = actual;
                let end = self.shown.runs.last().map(|last| last.end);
                self.shown.runs.truncate(run + 1);
                if let (Some(last), Some(end)) = (self.shown.runs.last_mut(), end) {
                    last.end = end;
                }
            }
            _ => self.shown.replacements.push(actual),
        }
    }

    // ---- showing

    fn show(&mut self, operands: &[Token<'_>]) {
        let doc = self.runner.doc;
        let font = match &self.state.font {
            Some(font) => font.clone(),
            None => Rc::new(Font::fallback(doc, &mut self.runner.names)),
        };
        let font = match &font.by_names {
            Some(named) => {
                self.runner.lies = true;
                if self.runner.by_names { named.clone() } else { font }
            }
            None => font,
        };
        let mut run = self.begin_run(font.vertical);
        let mut gap = 0.0;
        for operand in operands {
            match operand {
                Token::Number(adjustment) => {
                    let ems = -adjustment / 1000.0;
                    self.advance(ems * self.state.size, font.vertical);
                    gap += ems;
                    if gap < -0.5 {
                        self.end_run(run);
                        run = self.begin_run(font.vertical);
                        gap = 0.0;
                    }
                }
                Token::Text(octets) => {
                    if is_word_gap(gap) && !run.text.is_empty() && !run.text.ends_with(' ') {
                        run.text.push(' ');
                    }
                    gap = 0.0;
                    self.glyphs(&font, octets, &mut run.text);
                    run.end = self.point();
                }
                _ => {}
            }
        }
        self.end_run(run);
    }

    fn glyphs(&mut self, font: &Font, octets: &[u8], text: &mut String) {
        let octets = &octets[..octets.len().min(usize::try_from(self.runner.octets).unwrap_or(usize::MAX))];
        let before = text.len();
        let plain = font.read_plain(octets, text);
        let mut total = plain.advance * self.state.size
            + plain.glyphs as f64 * self.state.character_space
            + plain.spaces as f64 * self.state.word_space;
        let (mut known, mut unknown) = (plain.glyphs as u64, 0);
        let seen = &mut self.runner.seen;
        if text[before..].bytes().any(|octet| octet.is_ascii_alphanumeric()) {
            seen.letters += plain.glyphs as u64;
            seen.streak.clear();
        }
        font.read(&octets[plain.glyphs..], |glyph| {
            total += glyph.advance * self.state.size + self.state.character_space;
            if glyph.is_space {
                total += self.state.word_space;
            }
            seen.glyph(glyph.text, glyph.code);
            match glyph.text {
                Some(shown) => {
                    known += 1;
                    match shown.as_bytes() {
                        [octet @ b' '..=b'~'] => text.push(char::from(*octet)),
                        _ => text.extend(shown.chars().filter(|c| !c.is_control())),
                    }
                }
                None => unknown += 1,
            }
        });
        self.runner.known += known;
        self.runner.unknown += unknown;
        self.runner.octets = self.runner.octets.saturating_sub((text.len() - before) as u64);
        self.advance(total, font.vertical);
    }

    fn advance(&mut self, by: f64, vertical: bool) {
        let (x, y) = if vertical { (0.0, -by) } else { (by * self.state.stretch, 0.0) };
        self.text = multiply(&[1.0, 0.0, 0.0, 1.0, x, y], &self.text);
    }

    fn whole(&self) -> Matrix {
        let rise = [1.0, 0.0, 0.0, 1.0, 0.0, self.state.rise];
        multiply(&multiply(&rise, &self.text), &self.state.matrix)
    }

    fn point(&self) -> (f64, f64) {
        let whole = self.whole();
        (whole[4], whole[5])
    }

    fn begin_run(&self, vertical: bool) -> Run {
        let whole = self.whole();
        let (x, y) = if vertical { (-whole[2], -whole[3]) } else { (whole[0], whole[1]) };
        let length = x.hypot(y);
        let stretch = if vertical { 1.0 } else { self.state.stretch };
        let turned = self.state.size * stretch < 0.0;
        let sign = if turned { -1.0 } else { 1.0 };
        let direction = if length > 0.0 { (sign * x / length, sign * y / length) } else { (1.0, 0.0) };
        let start = (whole[4], whole[5]);
        let size = length * self.state.size * stretch;
        Run { text: String::new(), start, end: start, direction, size, seen: true }
    }

    fn end_run(&mut self, mut run: Run) {
        run.seen = self.state.sight.sees(&run);
        if !run.text.is_empty() || self.marked.iter().any(|marked| marked.actual.is_some()) {
            self.shown.runs.push(run);
        }
    }
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}
