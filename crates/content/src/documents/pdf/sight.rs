//! Which of a page's text is seen: not what is drawn without ink, in the colour of the paper, too small to read, or outside of what is cut out
//! of the page. What is painted over it later is the business of `paint`.

use super::layout::Run;
use super::lexer::Token;
use super::paint::{Area, common};

/// A size that nobody reads, in points.
const SPECK: f64 = 1.0;
/// Less than this lets everything through, and this and more nothing.
const CLEAR: f64 = 0.02;
const OPAQUE: f64 = 0.99;
/// A difference in red, green or blue that nobody sees.
const SHADE: f64 = 0.02;

/// Left, low, right, high.
pub(super) type Window = [f64; 4];
pub(super) type Matrix = [f64; 6];
/// Red, green and blue; nothing where that is not simply told, as of patterns and mixed inks.
pub(super) type Colour = Option<[f64; 3]>;

const BLACK: Colour = Some([0.0; 3]);
const WHITE: Colour = Some([1.0; 3]);

/// What the numbers of a colour mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Colours {
    /// Grey, red, green and blue, or the four inks of print, as many as there are.
    #[default]
    Plain,
    /// Parts of inks that have names: without any of them, paper.
    Inks,
    /// Numbers in a table, patterns.
    Other,
}

/// With which colour lines or areas are drawn.
#[derive(Debug, Clone, Copy)]
struct Ink {
    colour: Colour,
    colours: Colours,
    alpha: f64,
}

impl Default for Ink {
    fn default() -> Self {
        Self { colour: BLACK, colours: Colours::Plain, alpha: 1.0 }
    }
}

impl Ink {
    fn set(&mut self, operands: &[Token<'_>]) {
        let mut values = [0.0; 4];
        let mut count = 0;
        for operand in operands {
            let (Token::Number(value), true) = (operand, count < 4) else {
                self.colour = None;
                return;
            };
            values[count] = value.clamp(0.0, 1.0);
            count += 1;
        }
        self.colour = match self.colours {
            Colours::Plain => plain(&values[..count]),
            Colours::Inks => WHITE.filter(|_| values == [0.0; 4]),
            Colours::Other => None,
        };
    }

    fn space(&mut self, colours: Colours) {
        self.colours = colours;
        self.colour = BLACK.filter(|_| colours == Colours::Plain);
    }

    fn differs(&self, paper: Colour) -> bool {
        let (Some(ink), Some(paper)) = (self.colour, paper) else { return self.alpha > CLEAR };
        self.alpha > CLEAR && ink.iter().zip(paper).any(|(ink, paper)| (ink - paper).abs() > SHADE)
    }
}

fn plain(values: &[f64]) -> Colour {
    match *values {
        [grey] => Some([grey; 3]),
        [red, green, blue] => Some([red, green, blue]),
        [cyan, magenta, yellow, key] => Some([cyan, magenta, yellow].map(|ink| (1.0 - ink) * (1.0 - key))),
        _ => None,
    }
}

/// How text is drawn just now.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    mode: u8,
    fill: Ink,
    stroke: Ink,
    /// What is drawn mixes with what is under it.
    mixes: bool,
    /// It is drawn within something that does, and within something that lets everything through.
    within_mixed: bool,
    within_clear: bool,
    pub(super) window: Option<Window>,
    /// More may be cut off than what is outside of the window.
    loose: bool,
}

impl Sight {
    /// Of a page that shows no more than this.
    pub(super) fn through(window: Option<Window>) -> Self {
        Self { window, ..Self::default() }
    }

    /// Hears an operator, whatever it does.
    pub(super) fn operate(&mut self, operator: &[u8], operands: &[Token<'_>]) {
        let ink = if operator.first().is_some_and(u8::is_ascii_uppercase) {
            &mut self.stroke
        } else {
            &mut self.fill
        };
        match operator {
            b"Tr" => {
                self.mode = match operands.first() {
                    Some(Token::Number(mode)) => *mode as u8,
                    _ => 0,
                };
                // Letters that cut out what comes next.
                self.loose |= self.mode >= 4;
            }
            b"g" | b"rg" | b"k" | b"G" | b"RG" | b"K" => {
                ink.colours = Colours::Plain;
                ink.set(operands);
            }
            b"sc" | b"scn" | b"SC" | b"SCN" => ink.set(operands),
            _ => {}
        }
    }

    /// A colour space was chosen, for lines or for areas.
    pub(super) fn space(&mut self, colours: Colours, lines: bool) {
        if lines { self.stroke.space(colours) } else { self.fill.space(colours) }
    }

    /// A graphics state says how much shines through.
    pub(super) fn transparency(&mut self, fill: Option<f64>, stroke: Option<f64>, mixes: Option<bool>) {
        self.fill.alpha = fill.unwrap_or(self.fill.alpha);
        self.stroke.alpha = stroke.unwrap_or(self.stroke.alpha);
        self.mixes = mixes.unwrap_or(self.mixes);
    }

    /// What follows is drawn by itself first, and the whole of it then as just now.
    pub(super) fn enter_group(&mut self) {
        self.within_mixed |= self.mixes || self.fill.alpha < OPAQUE;
        self.within_clear |= self.fill.alpha <= CLEAR;
        (self.fill.alpha, self.stroke.alpha, self.mixes) = (1.0, 1.0, false);
    }

    /// What comes next is cut out by a path, which is one rectangle or is not.
    pub(super) fn cut(&mut self, path: Option<Area>) {
        self.loose |= path.is_none_or(|area| !area.upright);
        if let Some(area) = path {
            self.window = Some(self.window.map_or(area.bounds, |old| common(&old, &area.bounds)));
        }
    }

    /// What of an area is painted so that nothing shines through, and how.
    pub(super) fn hides(&self, area: &Area) -> Option<Window> {
        let opaque = self.fill.alpha >= OPAQUE && !self.mixes && !self.within_mixed;
        let window = self.window.map_or(area.bounds, |window| common(&window, &area.bounds));
        (opaque && area.upright && !self.loose).then_some(window)
    }

    /// The colour of areas.
    pub(super) fn colour(&self) -> Colour {
        self.fill.colour
    }

    /// Whether areas are filled with something that is known to leave no gap.
    pub(super) fn is_even(&self) -> bool {
        self.fill.colour.is_some() || self.fill.colours != Colours::Other
    }

    /// Whether what is drawn here on such a paper is seen.
    pub(super) fn sees(&self, run: &Run, paper: Colour) -> bool {
        let size = run.size.abs();
        let inside = self.window.is_none_or(|[left, low, right, high]| {
            let (from, to) = (run.start, run.end);
            let apart =
                |a: f64, b: f64, least: f64, most: f64| a.max(b) < least - size || a.min(b) > most + size;
            !apart(from.0, to.0, left, right) && !apart(from.1, to.1, low, high)
        });
        let filled = matches!(self.mode, 0 | 2 | 4 | 6) && self.fill.differs(paper);
        let lined = matches!(self.mode, 1 | 2 | 5 | 6) && self.stroke.differs(paper);
        (filled || lined) && !self.within_clear && size >= SPECK && inside
    }
}
