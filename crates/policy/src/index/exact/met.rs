//! The values that a slice of text holds, each once, and where they stand in it.

use std::ops::Range;
use std::rc::Rc;

use super::ExactIndex;
use super::hashes::Strong;
use super::value::Value;

/// Rows that a value points at: the column, the rows, and whether there are more than are kept.
pub(super) type Pointed = Vec<(u8, Vec<u32>, bool)>;

/// A place that may hold a value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// In the folded text.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Words before it in the slice.
    pub(super) word: u32,
    /// Its value, by number.
    pub(super) value: u32,
    /// What begins no later stands on one line with it, and the line may be a row of a table.
    pub(super) line: u32,
}

impl Candidate {
    pub(super) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value that was met.
#[derive(Debug)]
pub(super) struct Met {
    /// As met; of a telephone number, with its country code if it has one.
    pub(super) value: Value,
    /// What rows are tagged with, if that is another form.
    national: Option<Value>,
    pub(super) short: u64,
    /// A name, a word or a date.
    pub(super) common: bool,
    /// It stands in so many rows that two like it are not kept as a pair.
    pub(super) frequent: bool,
    /// One bit for each column that may hold it.
    pub(super) columns: u32,
    strong: Option<Strong>,
    /// The rows that have it, once they were looked up.
    pub(super) pointed: Option<Rc<Pointed>>,
}

impl Met {
    pub(super) fn new(index: &ExactIndex, short: u64, value: Value, national: Option<Value>) -> Self {
        let tagged = national.as_ref().unwrap_or(&value);
        let columns = index.columns.iter().enumerate().filter(|(_, column)| tagged.fits(column.kind));
        Self {
            columns: columns.fold(0, |bits, (at, _)| bits | 1 << at),
            common: matches!(value, Value::Words(_) | Value::Date(_)),
            frequent: index.is_frequent(short),
            value,
            national,
            short,
            strong: None,
            pointed: None,
        }
    }

    /// The hash that rows are tagged with; dear, so it is taken once.
    pub(super) fn strong(&mut self, index: &ExactIndex) -> Strong {
        let tagged = self.national.as_ref().unwrap_or(&self.value);
        *self.strong.get_or_insert_with(|| index.hashes.strong_of(tagged))
    }
}
