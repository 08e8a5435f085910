//! Which of a page's text is seen: not what is drawn without ink, in white, too small to read, or outside of what is cut out of the page.

use super::layout::Run;
use super::lexer::Token;

/// A size that nobody reads, in points.
const SPECK: f64 = 1.0;

/// Left, low, right, high.
pub(super) type Window = [f64; 4];
type Matrix = [f64; 6];

/// How text is drawn just now.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// The rendering mode draws nothing.
    without_ink: bool,
    white: bool,
    /// The graphics state lets everything through.
    pub(super) clear: bool,
    pub(super) window: Option<Window>,
    /// The path that is being made, if it is one rectangle; it will be what is cut out.
    path: Path,
    cuts: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum Path {
    #[default]
    None,
    Rectangle(Window),
    Other,
}

impl Sight {
    /// Of a page that shows no more than this.
    pub(super) fn through(window: Option<Window>) -> Self {
        Self { window, ..Self::default() }
    }

    /// Hears an operator, whatever it does.
    pub(super) fn operate(&mut self, operator: &[u8], operands: &[Token<'_>], matrix: &Matrix) {
        let value = |index: usize| match operands.get(index) {
            Some(Token::Number(value)) => *value,
            _ => 0.0,
        };
        let all = |wanted: f64, count: usize| {
            operands.len() == count && (0..count).all(|index| value(index) == wanted)
        };
        match operator {
            b"Tr" => self.without_ink = matches!(value(0) as i64, 3 | 7),
            b"g" => self.white = all(1.0, 1),
            b"rg" => self.white = all(1.0, 3),
            b"k" => self.white = all(0.0, 4),
            b"sc" | b"scn" => self.white = all(1.0, 1) || all(1.0, 3) || all(0.0, 4),
            b"cs" => self.white = false,
            b"re" => {
                self.path = match self.path {
                    Path::None => Path::Rectangle(rectangle(value(0), value(1), value(2), value(3), matrix)),
                    _ => Path::Other,
                }
            }
            b"m" | b"l" | b"c" | b"v" | b"y" => self.path = Path::Other,
            b"W" | b"W*" => self.cuts = true,
            b"n" | b"f" | b"F" | b"f*" | b"S" | b"s" | b"B" | b"B*" | b"b" | b"b*" => self.end_path(),
            _ => {}
        }
    }

    fn end_path(&mut self) {
        if let (true, Path::Rectangle(new)) = (self.cuts, self.path) {
            self.window = Some(self.window.map_or(new, |old| {
                [old[0].max(new[0]), old[1].max(new[1]), old[2].min(new[2]), old[3].min(new[3])]
            }));
        }
        (self.path, self.cuts) = (Path::None, false);
    }

    /// Whether what was drawn here is seen.
    pub(super) fn sees(&self, run: &Run) -> bool {
        let size = run.size.abs();
        let inside = self.window.is_none_or(|[left, low, right, high]| {
            let (from, to) = (run.start, run.end);
            let apart =
                |a: f64, b: f64, least: f64, most: f64| a.max(b) < least - size || a.min(b) > most + size;
            !apart(from.0, to.0, left, right) && !apart(from.1, to.1, low, high)
        });
        !self.without_ink && !self.white && !self.clear && size >= SPECK && inside
    }
}

/// The box round a rectangle, however it is turned.
fn rectangle(x: f64, y: f64, width: f64, height: f64, matrix: &Matrix) -> Window {
    let corner = |x: f64, y: f64| {
        (matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5])
    };
    let corners = [corner(x, y), corner(x + width, y), corner(x, y + height), corner(x + width, y + height)];
    corners
        .iter()
        .fold([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], |all, (x, y)| {
            [all[0].min(*x), all[1].min(*y), all[2].max(*x), all[3].max(*y)]
        })
}
