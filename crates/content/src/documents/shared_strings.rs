//! The strings that cells of a workbook share, in one piece of memory; and those that no cell shows any more.

use std::cell::Cell;

use super::Output;
use crate::{Kind, Reason};

/// Distinct strings of one workbook.
const MAX_STRINGS: usize = 4_000_000;

/// Strings by number.
#[derive(Default)]
pub(super) struct SharedStrings {
    all: String,
    ends: Vec<usize>,
    shown: Vec<Cell<bool>>,
}

impl SharedStrings {
    /// More of the string that has not ended.
    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(text);
    }

    /// Ends a string.
    pub(super) fn end(&mut self) -> Result<(), Reason> {
        if self.ends.len() >= MAX_STRINGS {
            return Err(Reason::TooBig);
        }
        self.ends.push(self.all.len());
        self.shown.push(Cell::new(false));
        Ok(())
    }

    /// The string of a cell.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        self.shown.get(index)?.set(true);
        self.all.get(self.start(index)..self.ends[index])
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Hands on what was deleted from every cell and is in the file all the same.
    pub(super) fn left_over(&self, place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        let mut left = String::new();
        for (index, _) in self.shown.iter().enumerate().filter(|(_, shown)| !shown.get()) {
            left.push_str(self.all.get(self.start(index)..self.ends[index]).unwrap_or_default());
            left.push('\n');
        }
        out.text(place, Kind::Hidden, left)
    }
}
