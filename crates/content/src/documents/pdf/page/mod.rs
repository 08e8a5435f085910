//! Runs content streams for their text: text operators, form XObjects and marked content; bounded, without recursion.

use std::rc::Rc;
use std::time::Instant;

use foldhash::{HashMap, HashMapExt};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::font::{Font, name, number};
use super::layers::Layers;
use super::layout::Run;
use super::lexer::{Lexer, Token};
use super::names::Names;
use super::paint::{Area, Looks, Paints, Path, unit};
use super::sight::{Matrix, Sight, Window};
use super::tally::Seen;
use super::unpack;
use crate::Reason;

mod marked;
mod painting;
mod showing;

use marked::Marked;

/// Forms inside forms.
const MAX_FORMS: usize = 32;
/// Operators run for one document: enough for books, not for loops.
const MAX_OPERATORS: u64 = 40_000_000;
/// Operands of one operator.
const MAX_OPERANDS: usize = 20_000;
/// Saved graphics states.
const MAX_STATES: usize = 512;

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
    /// Each glyph is a text of its own; whether that makes a difference, because a text is painted over in part.
    pub(super) apart: bool,
    pub(super) cut: bool,
    layers: Layers<'a>,
    looks: Looks,
    /// Pictures through whose mask nothing of what is under them is seen, or something.
    masks: HashMap<ObjectId, bool>,
    /// What the page shows of what is drawn.
    pub(super) window: Option<Window>,
    pub(super) seen: Seen,
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
    /// It lies on a layer that is off.
    hidden: bool,
}

struct Page<'r, 'a> {
    runner: &'r mut Runner<'a>,
    frames: Vec<Frame<'a>>,
    state: State,
    saved: Vec<State>,
    text: Matrix,
    line: Matrix,
    marked: Vec<Marked>,
    /// Layers that are off, one within the other.
    hidden: usize,
    path: Path,
    /// The path will be what is cut out.
    cuts: bool,
    paints: Paints,
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
            apart: false,
            cut: false,
            layers: Layers::of(doc),
            looks: Looks::default(),
            masks: HashMap::new(),
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
        let frame = Frame { content: content.into(), at: 0, resources, form: None, saved: 0, hidden: false };
        let mut page = Page {
            runner: self,
            frames: vec![frame],
            state,
            saved: Vec::new(),
            text: IDENTITY,
            line: IDENTITY,
            marked: Vec::new(),
            hidden: 0,
            path: Path::default(),
            cuts: false,
            paints: Paints::default(),
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
            let mut is_mask = false;
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
                    self.inline_picture(is_mask);
                    is_mask = false;
                } else if matches!(operator, b"true" | b"false") {
                    is_mask |= operator == b"true" && painting::is_mask(&operands);
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
                self.hidden -= usize::from(done.hidden);
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
            b"cs" | b"CS" => {
                let colours = self.colours(operands);
                self.state.sight.space(colours, operator == b"CS");
            }
            b"W" | b"W*" => self.cuts = true,
            b"n" | b"S" | b"s" => self.end_path(None),
            b"f" | b"F" | b"B" | b"b" => self.end_path(Some(false)),
            b"f*" | b"B*" | b"b*" => self.end_path(Some(true)),
            b"sh" => {
                if let Some(bounds) = self.state.sight.window {
                    self.paint(&Area::upright(bounds), None);
                }
            }
            _ => {}
        }
        self.path.operate(operator, operands, &self.state.matrix);
        self.state.sight.operate(operator, operands);
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

    fn form(&mut self, operands: &[Token<'_>]) {
        let doc = self.runner.doc;
        let Some((id, Object::Stream(form))) =
            self.resource(b"XObject", operands).and_then(|entry| doc.dereference(entry).ok())
        else {
            return;
        };
        let hidden = form.dict.get(b"OC").is_ok_and(|layer| self.runner.layers.hide(layer));
        let subtype = name(&form.dict, b"Subtype", doc);
        if subtype.as_deref() == Some(b"Image") {
            let [a, b, c, d, ..] = self.state.matrix;
            let seen = &mut self.runner.seen;
            seen.picture = seen.picture.max((a * d - b * c).abs());
            self.runner.pictures += 1;
            if !hidden && self.runner.is_opaque(form, id) {
                self.paint(&unit(&self.state.matrix), None);
            }
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
        self.enter(form, id, hidden);
    }

    fn enter(&mut self, form: &'a Stream, id: Option<ObjectId>, hidden: bool) {
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
        if form.dict.has(b"Group") {
            self.state.sight.enter_group();
        }
        if let Ok(Object::Array(matrix)) = form.dict.get_deref(b"Matrix", doc)
            && matrix.len() == 6
        {
            let matrix = std::array::from_fn(|index| number(&matrix[index]).unwrap_or(0.0));
            self.state.matrix = multiply(&matrix, &self.state.matrix);
        }
        let saved = self.saved.len();
        self.hidden += usize::from(hidden);
        self.frames.push(Frame { content, at: 0, resources, form: id, saved, hidden });
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
