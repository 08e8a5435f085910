//! Exact data: rows of a table, found by their values; nothing of the table can be read from the index.
//!
//! ```text
//! filter of points      numbers, addresses, identifiers that point at few rows   -> values -> rows
//! filter of words       names, dates, words; two of one row together             -> pairs  -> rows
//! rows                  40 bits a cell under a key of the row: says whether a value of the text is the row's
//! ```
//!
//! A row is looked for from one value that points at it, or from two common ones that stand in it together; its other
//! values are then looked for around that place. A clean text costs the search for digits and `@`, and no disk.

pub(crate) mod build;
pub(crate) mod cell;
mod common;
pub(crate) mod csv;
pub(crate) mod date;
mod finder;
mod frequent;
pub(crate) mod hashes;
mod lookups;
mod met;
mod near;
pub(crate) mod phone;
pub(crate) mod points;
pub(crate) mod scan;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod twin;
pub(crate) mod value;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::{IndexError, IndexFile, Paged};
use super::filter::Filter;
use super::key::IndexKeys;
use super::table::{Entry, Names, Table};
use hashes::{Hashes, Strong, TAG};
use points::Shape;
use value::Kind;

pub(crate) const KIND: &str = "exact";
/// Columns of one index: two of them must fit into an octet.
pub(crate) const MOST_COLUMNS: usize = 16;

pub(crate) const VALUES: Names = Names { entries: "values", first: "values.first", lists: "values.lists" };
pub(crate) const PAIRS: Names = Names { entries: "pairs", first: "pairs.first", lists: "pairs.lists" };
pub(crate) const OPENINGS: &str = "filter of words";

/// An indexed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What the header says of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Details {
    pub(crate) columns: Vec<Column>,
    pub(crate) rounds: u32,
    pub(crate) rows: u64,
    pub(crate) shape: Shape,
    /// Short hashes of values that stand in so many rows that two of them are not kept as a pair. An index made before
    /// this was written down does not say.
    #[serde(default)]
    pub(crate) frequent: Option<Vec<u64>>,
}

/// An index of exact data that is open: filters in memory, everything else on disk.
#[derive(Debug)]
pub(crate) struct ExactIndex {
    pub(crate) file: IndexFile,
    pub(crate) columns: Vec<Column>,
    pub(crate) shape: Shape,
    hashes: Hashes,
    points: Filter,
    words: Filter,
    pairs: Filter,
    values: Table,
    pair_table: Table,
    rows: Paged,
    frequent: Option<HashSet<u64>>,
    /// The key file can be read by others than its owner.
    pub(crate) open_key: bool,
}

impl ExactIndex {
    pub(crate) fn open(path: &Path, name: &str, keys: &IndexKeys) -> Result<Self, IndexError> {
        let file = IndexFile::open(path)?;
        if file.header.kind != KIND {
            return Err(IndexError::Corrupt(format!("it is an index of {}", file.header.kind)));
        }
        let details: Details = serde_json::from_value(file.header.details.clone())
            .map_err(|error| IndexError::Corrupt(error.to_string()))?;
        if details.columns.is_empty() || details.columns.len() > MOST_COLUMNS {
            return Err(IndexError::Corrupt("it has no possible number of columns".to_owned()));
        }
        let no_key = || IndexError::NoKey { id: file.header.key.clone(), place: keys.place() };
        let (key, open_key) = keys.find(name, &file.header.key).ok_or_else(no_key)?;
        let rows = file.paged("rows")?;
        if rows.len() != details.rows * (details.columns.len() * TAG) as u64 {
            return Err(IndexError::Corrupt("its rows are not all there".to_owned()));
        }
        Ok(Self {
            hashes: Hashes::new(&key, &file.header.salt(), details.rounds),
            points: Filter::open(&file, "filter of points")?,
            words: Filter::open(&file, OPENINGS)?,
            pairs: Filter::open(&file, "filter of pairs")?,
            values: Table::open(&file, VALUES)?,
            pair_table: Table::open(&file, PAIRS)?,
            rows,
            columns: details.columns,
            shape: details.shape,
            frequent: details.frequent.map(|all| all.into_iter().collect()),
            open_key,
            file,
        })
    }

    /// The bit of a column, by its name.
    pub(crate) fn column(&self, name: &str) -> Option<u32> {
        let plain = |name: &str| name.trim().to_lowercase().replace([' ', '-'], "_");
        self.columns.iter().position(|column| plain(&column.name) == plain(name)).map(|at| 1 << at)
    }

    /// The bits of columns whose values point at few rows.
    pub(crate) fn pointing(&self) -> u32 {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.kind.points())
            .fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// Whether two values of one row are always kept as a pair, unless both are frequent.
    fn keeps_all_pairs(&self) -> bool {
        self.frequent.is_some()
    }

    /// Whether a value stands in so many rows that two like it are not kept as a pair.
    fn is_frequent(&self, short: u64) -> bool {
        self.frequent.as_ref().is_some_and(|all| all.contains(&short))
    }

    /// Octets in memory.
    pub(crate) fn memory(&self) -> usize {
        let filters = self.points.memory() + self.words.memory() + self.pairs.memory();
        filters + self.values.memory() + self.pair_table.memory() + self.rows.memory()
    }

    /// The rows that have this value, with its column: `None` for the rows where they are too many to be kept.
    fn pointed(&self, strong: &Strong) -> io::Result<Vec<(u8, Vec<u32>, bool)>> {
        let entries = self.values.find(&hashes::key(strong))?;
        let each = entries.into_iter().map(|entry| {
            let many = matches!(entry.rows, super::table::Rows::Many(_));
            Ok((entry.tag, self.values.rows(entry.rows)?, many))
        });
        each.collect()
    }

    /// Where two values stand together in one row: the columns, and the rows.
    fn together(&self, one: &Strong, other: &Strong) -> io::Result<Vec<Entry>> {
        self.pair_table.find(&self.hashes.pair(one, other))
    }

    /// What the row keeps of its cells.
    fn row(&self, row: u32) -> io::Result<Vec<u8>> {
        let width = self.columns.len() * TAG;
        self.rows.read(u64::from(row) * width as u64, width)
    }
}
