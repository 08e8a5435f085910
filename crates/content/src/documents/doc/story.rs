//! The text of one story of a Word document while it grows: numbers before paragraphs, and marks where paragraphs, runs and rows turn round.

use super::emit;
use super::numbering::Counters;
use super::paragraphs::Membership;
use crate::direction::{BACK, FROM_LEFT, FROM_RIGHT, lines_from_right, needs_marks, run_mark};
use crate::documents::Output;
use crate::documents::lists::Before;
use crate::{Kind, Reason};

/// The text of a story, with the marks that it is stored with.
#[derive(Default)]
pub(super) struct Story {
    pub(super) text: String,
    /// Where its last paragraph begins, and its last row of a table.
    paragraph: usize,
    row: usize,
    /// The run that is open goes from right to left.
    turned: bool,
    pub(super) counters: Counters,
    /// Octets that lists put before paragraphs, and marks of direction.
    before: usize,
    /// Paragraphs to which a number is glued, with it.
    glued: String,
}

impl Story {
    /// Octets of its own text.
    pub(super) fn own(&self) -> usize {
        self.text.len() - self.before
    }

    /// Runs of one direction, one behind the other, are one stretch. What fields do stands apart from what they show: none reaches over the border.
    pub(super) fn run(&mut self, text: &str, rightward: bool, in_rightward: bool) {
        for piece in text.split_inclusive(is_border) {
            let inner = piece.trim_end_matches(is_border);
            self.turn(rightward && (self.turned || needs_marks(inner)), in_rightward);
            self.text.push_str(inner);
            if inner.len() < piece.len() {
                self.turn(false, in_rightward);
                self.text.push_str(&piece[inner.len()..]);
            }
        }
    }

    fn turn(&mut self, rightward: bool, in_rightward: bool) {
        if std::mem::replace(&mut self.turned, rightward) != rightward {
            let mark = run_mark(rightward, in_rightward);
            self.text.push_str(mark);
            self.before += mark.len();
        }
    }

    /// A stretch ends before the mark that ends its paragraph, or it would reach into the next line.
    pub(super) fn end_runs(&mut self, in_rightward: bool) {
        let ends = self.text.ends_with(['\r', '\u{7}', '\u{c}']);
        let mark = if ends { self.text.pop() } else { None };
        self.turn(false, in_rightward);
        self.text.extend(mark);
    }

    pub(super) fn end_paragraph(&mut self, before: Option<Before>, of: Membership) {
        let start = std::mem::replace(&mut self.paragraph, self.text.len());
        if let Some(before) = before {
            if before.glued {
                self.glued.push_str(&before.text);
                self.glued.push_str(&self.text[start..]);
            }
            let text = before.text + "\t";
            self.text.insert_str(start, &text);
            self.before += text.len();
        }
        if of.rightward == Some(true) {
            let paragraph = self.text.split_off(start);
            self.text.push_str(&lines_from_right(&paragraph));
            self.before += self.text.len() - start - paragraph.len();
        }
        match (of.ends_row, of.in_table) {
            (Some(true), _) => {
                if of.row_rightward == Some(true) {
                    self.turn_row();
                }
                self.row = self.text.len();
            }
            (_, Some(true)) => {}
            _ => self.row = self.text.len(),
        }
        self.paragraph = self.text.len();
    }

    /// The cells of a row stand from right to left, each as it is. Cells of several lines stand beside one another line by line, and are left.
    fn turn_row(&mut self) {
        let start = self.row.min(self.text.len());
        let row = self.text.split_off(start);
        // Behind the mark of the last cell stands that of the row.
        let cells = row.strip_suffix('\u{7}').map(|cells| cells.strip_suffix('\u{7}').unwrap_or(cells));
        let Some(cells) = cells.filter(|cells| !cells.contains(['\r', '\n', '\u{b}', '\u{c}'])) else {
            self.text.push_str(&row);
            return;
        };
        self.text.push_str(FROM_RIGHT);
        for cell in cells.split_inclusive('\u{7}') {
            let inner = cell.trim_end_matches('\u{7}');
            self.text.extend([FROM_LEFT, inner, BACK, &cell[inner.len()..]]);
        }
        self.text.push_str(BACK);
        // A line of its own, or it would be one stretch with the next row.
        self.text.extend([&row[cells.len()..row.len() - 1], "\r"]);
        self.before += self.text.len() - start - row.len();
    }

    pub(super) fn hand_on(self, place: &str, kind: Kind, out: &mut Output<'_>) -> Result<(), Reason> {
        emit(&self.text, place, kind, out)?;
        emit(&self.glued, place, Kind::Hidden, out)?;
        if self.counters.room.is_over() {
            out.unscannable(place, Reason::TooBig);
        }
        Ok(())
    }
}

/// Where a field begins and ends, and what it does.
fn is_border(c: char) -> bool {
    matches!(c, '\u{13}'..='\u{15}')
}
