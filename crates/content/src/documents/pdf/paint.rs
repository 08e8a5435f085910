//! What is painted on a page beside its text: upright rectangles and pictures hide what was drawn before them, and are the paper of what comes
//! after.

use super::layout::Run;
use super::lexer::Token;
use super::sight::{Colour, Matrix, Window};

/// Sides of what hides anything, in points: rules are thinner.
const THIN: f64 = 1.0;
/// Looks from a text at what is painted, and back, in one file.
const MAX_LOOKS: u64 = 200_000_000;
/// How far a text may stand out from under what covers it, in ems.
const SLACK: f64 = 0.2;

/// The path that is being made.
#[derive(Debug, Default)]
pub(super) struct Path {
    corners: Vec<(f64, f64)>,
    boxes: Vec<Area>,
    /// It has something that is no rectangle.
    other: bool,
}

/// A rectangle of a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    /// The box round it, however it is turned.
    pub(super) bounds: Window,
    /// It is that box.
    pub(super) upright: bool,
    clockwise: bool,
}

impl Area {
    pub(super) fn upright(bounds: Window) -> Self {
        Self { bounds, upright: true, clockwise: false }
    }
}

impl Path {
    /// Hears an operator, whatever it does.
    pub(super) fn operate(&mut self, operator: &[u8], operands: &[Token<'_>], matrix: &Matrix) {
        let value = |index: usize| match operands.get(index) {
            Some(Token::Number(value)) => *value,
            _ => 0.0,
        };
        match operator {
            b"re" => {
                self.close();
                let (x, y, width, height) = (value(0), value(1), value(2), value(3));
                let corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)];
                self.boxes.push(area(corners.map(|corner| placed(corner, matrix))));
            }
            b"m" => {
                self.close();
                self.corners.push(placed((value(0), value(1)), matrix));
            }
            b"l" if self.corners.len() < 6 => self.corners.push(placed((value(0), value(1)), matrix)),
            b"h" => self.close(),
            b"l" | b"c" | b"v" | b"y" => self.other = true,
            _ => {}
        }
        // One that has so many of them is no longer looked at one by one.
        if self.boxes.len() > 1000 {
            self.other = true;
            self.boxes.clear();
        }
    }

    /// Ends a part of the path: four corners may be a rectangle.
    fn close(&mut self) {
        let mut corners = std::mem::take(&mut self.corners);
        if corners.len() == 5 && corners.first() == corners.last() {
            corners.pop();
        }
        match <[(f64, f64); 4]>::try_from(corners) {
            Ok(four) => {
                let area = area(four);
                self.other |= !area.upright;
                self.boxes.push(area);
            }
            Err(corners) => self.other |= corners.len() > 1,
        }
    }

    /// The path is at its end: its one rectangle.
    pub(super) fn only(&mut self) -> Option<Area> {
        self.close();
        match self.boxes.as_slice() {
            [one] if !self.other => Some(*one),
            _ => None,
        }
    }

    /// The rectangles that are filled: all, unless one may cut a hole into another one.
    pub(super) fn filled(&mut self, even_odd: bool) -> &[Area] {
        self.close();
        let same = self.boxes.windows(2).all(|pair| pair[0].clockwise == pair[1].clockwise);
        let whole = !self.other && same && (!even_odd || self.boxes.len() == 1);
        if whole { &self.boxes } else { &[] }
    }

    pub(super) fn clear(&mut self) {
        self.boxes.clear();
        self.corners.clear();
        self.other = false;
    }
}

fn placed((x, y): (f64, f64), matrix: &Matrix) -> (f64, f64) {
    (matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5])
}

/// What a picture is drawn on.
pub(super) fn unit(matrix: &Matrix) -> Area {
    area([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|corner| placed(corner, matrix)))
}

fn area(corners: [(f64, f64); 4]) -> Area {
    let [a, b, c, d] = corners;
    let near = |a: f64, b: f64| (a - b).abs() < 0.01;
    let lying = near(a.1, b.1) && near(b.0, c.0) && near(c.1, d.1) && near(d.0, a.0);
    let standing = near(a.0, b.0) && near(b.1, c.1) && near(c.0, d.0) && near(d.1, a.1);
    let bounds = corners.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |all, (x, y)| {
        [all[0].min(*x), all[1].min(*y), all[2].max(*x), all[3].max(*y)]
    });
    let turn = (b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1);
    Area { bounds, upright: lying || standing, clockwise: turn < 0.0 }
}

pub(super) fn common(a: &Window, b: &Window) -> Window {
    [a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]
}

/// What was painted on a page so that nothing under it is seen.
#[derive(Debug, Default)]
pub(super) struct Paints {
    all: Vec<(Window, Colour)>,
}

/// Looks that are left in one file.
#[derive(Debug)]
pub(super) struct Looks(u64);

impl Default for Looks {
    fn default() -> Self {
        Self(MAX_LOOKS)
    }
}

impl Looks {
    fn take(&mut self, count: usize) -> bool {
        let left = self.0.checked_sub(count as u64);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// What painting did to the texts before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Painted {
    /// It covers a text in part.
    pub(super) cut: bool,
    /// There was too much to look at.
    pub(super) lost: bool,
}

impl Paints {
    /// Paints over what was drawn so far.
    pub(super) fn paint(
        &mut self,
        window: Window,
        colour: Colour,
        runs: &mut [Run],
        looks: &mut Looks,
    ) -> Painted {
        let mut painted = Painted::default();
        if window[2] - window[0] < THIN || window[3] - window[1] < THIN {
            return painted;
        }
        if !looks.take(runs.len() + self.all.len()) {
            painted.lost = true;
            return painted;
        }
        for run in runs.iter_mut().filter(|run| run.seen) {
            match covered(run, &window) {
                Covered::Whole => run.seen = false,
                Covered::Part => painted.cut = true,
                Covered::Not => {}
            }
        }
        self.all.retain(|(old, _)| common(old, &window) != *old);
        self.all.push((window, colour));
        painted
    }

    /// What a text stands on: white, if nothing is there.
    pub(super) fn paper(&self, run: &Run, looks: &mut Looks) -> Colour {
        let white = Some([1.0; 3]);
        if self.all.is_empty() || !looks.take(self.all.len()) {
            return white;
        }
        let under = self.all.iter().rev().find(|(window, _)| matches!(covered(run, window), Covered::Whole));
        under.map_or(white, |(_, colour)| *colour)
    }
}

enum Covered {
    Whole,
    Part,
    Not,
}

/// Whether the middle of a text's letters lies in a window.
fn covered(run: &Run, [left, low, right, high]: &Window) -> Covered {
    let size = run.size.abs();
    // The middle of small letters, across the direction of writing.
    let (up_x, up_y) = (-run.direction.1 * size * 0.25, run.direction.0 * size * 0.25);
    let (from, to) = ((run.start.0 + up_x, run.start.1 + up_y), (run.end.0 + up_x, run.end.1 + up_y));
    let slack = size * SLACK;
    let within =
        |x: f64, y: f64, by: f64| x >= left - by && x <= right + by && y >= low - by && y <= high + by;
    let thin = within((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0, 0.0);
    if within(from.0, from.1, slack) && within(to.0, to.1, slack) && thin {
        return Covered::Whole;
    }
    let apart = |a: f64, b: f64, least: f64, most: f64| {
        a.max(b) < least + slack.min((a - b).abs()) || a.min(b) > most - slack.min((a - b).abs())
    };
    match apart(from.0, to.0, *left, *right) || apart(from.1, to.1, *low, *high) {
        true => Covered::Not,
        false => Covered::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(operators: &[(&[u8], &[f64])], matrix: &Matrix) -> Path {
        let mut path = Path::default();
        for (operator, values) in operators {
            let operands: Vec<_> = values.iter().map(|value| Token::Number(*value)).collect();
            path.operate(operator, &operands, matrix);
        }
        path
    }

    const PLAIN: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

    #[test]
    fn rectangles_are_told_however_they_are_made() {
        let made = path(&[(b"re", &[1.0, 2.0, 3.0, 4.0])], &PLAIN).only().expect("one");
        assert_eq!((made.bounds, made.upright), ([1.0, 2.0, 4.0, 6.0], true));
        let lines: [(&[u8], &[f64]); 5] =
            [(b"m", &[4.0, 6.0]), (b"l", &[1.0, 6.0]), (b"l", &[1.0, 2.0]), (b"l", &[4.0, 2.0]), (b"h", &[])];
        let made = path(&lines, &PLAIN).only().expect("one");
        assert_eq!((made.bounds, made.upright), ([1.0, 2.0, 4.0, 6.0], true));
        let turned = [0.8, 0.6, -0.6, 0.8, 0.0, 0.0];
        assert!(path(&[(b"re", &[0.0, 0.0, 9.0, 9.0])], &turned).only().is_some_and(|made| !made.upright));
    }

    #[test]
    fn frames_and_curves_fill_no_rectangle() {
        let (outer, inner): (&[f64], &[f64]) = (&[0.0, 0.0, 9.0, 9.0], &[1.0, 1.0, 7.0, 7.0]);
        assert_eq!(path(&[(b"re", outer), (b"re", inner)], &PLAIN).filled(false).len(), 2);
        assert_eq!(path(&[(b"re", outer), (b"re", inner)], &PLAIN).filled(true).len(), 0);
        let hole: &[f64] = &[8.0, 1.0, -7.0, 7.0];
        assert_eq!(path(&[(b"re", outer), (b"re", hole)], &PLAIN).filled(false).len(), 0);
        assert_eq!(path(&[(b"re", outer), (b"m", &[1.0, 1.0]), (b"c", &[])], &PLAIN).filled(false).len(), 0);
    }

    fn run(x: f64, length: f64) -> Run {
        let (start, end) = ((x, 0.0), (x + length, 0.0));
        Run { text: "x".into(), start, end, direction: (1.0, 0.0), size: 10.0, seen: true }
    }

    #[test]
    fn what_lies_under_a_rectangle_is_not_seen_and_what_comes_later_is() {
        let (mut paints, mut looks) = (Paints::default(), Looks::default());
        let mut runs = [run(0.0, 5.0), run(10.0, 5.0), run(20.0, 30.0)];
        let window = [9.0, -2.0, 30.0, 10.0];
        let painted = paints.paint(window, Some([0.0; 3]), &mut runs, &mut looks);
        assert_eq!(runs.each_ref().map(|run| run.seen), [true, false, true]);
        assert!(painted.cut);
        assert_eq!(paints.paper(&run(10.0, 5.0), &mut looks), Some([0.0; 3]));
        assert_eq!(paints.paper(&run(0.0, 5.0), &mut looks), Some([1.0; 3]));
    }

    #[test]
    fn rules_and_neighbours_cover_nothing() {
        let (mut paints, mut looks) = (Paints::default(), Looks::default());
        let mut runs = [run(0.0, 50.0)];
        for window in [
            [0.0, 2.0, 50.0, 2.5],
            [0.0, -9.0, 50.0, 0.0],
            [50.0, -2.0, 90.0, 10.0],
            [49.0, -2.0, 90.0, 10.0],
        ] {
            assert_eq!(paints.paint(window, None, &mut runs, &mut looks), Painted::default(), "{window:?}");
        }
        assert!(runs[0].seen);
    }
}
