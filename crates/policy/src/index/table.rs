//! A sorted table on disk: 16 octets an entry, found by the first 80 bits of a strong hash with one look at one page.
//!
//! Only the first key of each page is in memory. An entry stands for one row, for a list of rows in the section `lists`,
//! or for so many that they are not kept.

use std::io::{self, Write};

use super::file::{IndexError, IndexFile, PAGE, Paged, PagedWriter, Writer};

/// The first 80 bits of a strong hash.
pub(crate) type Key = [u8; 10];

const ENTRY: usize = 16;
const EACH: usize = PAGE / ENTRY;

/// What stands for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// The column, or whatever tells entries with one key apart.
    pub(crate) tag: u8,
    pub(crate) rows: Rows,
}

/// The rows of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    One(u32),
    /// A place in the lists.
    List(u32),
    /// Too many; the first.
    Many(u32),
}

impl Entry {
    fn octets(&self) -> [u8; ENTRY] {
        let (kind, number) = match self.rows {
            Rows::One(row) => (0, row),
            Rows::List(place) => (1, place),
            Rows::Many(first) => (2, first),
        };
        let mut octets = [0; ENTRY];
        octets[..10].copy_from_slice(&self.key);
        octets[10] = self.tag;
        octets[11] = kind;
        octets[12..].copy_from_slice(&number.to_le_bytes());
        octets
    }

    fn read(octets: &[u8; ENTRY]) -> Self {
        let number = u32::from_le_bytes(std::array::from_fn(|at| octets[12 + at]));
        let rows = match octets[11] {
            0 => Rows::One(number),
            1 => Rows::List(number),
            _ => Rows::Many(number),
        };
        Self { key: std::array::from_fn(|at| octets[at]), tag: octets[10], rows }
    }
}

/// Names of the sections of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) entries: &'static str,
    pub(crate) first: &'static str,
    pub(crate) lists: &'static str,
}

/// Writes a table; entries come in the order of their keys.
pub(crate) struct TableWriter {
    names: Names,
    pages: PagedWriter,
    first: Vec<u8>,
    count: usize,
    lists: Vec<u32>,
}

impl TableWriter {
    pub(crate) fn new(names: Names, writer: &Writer) -> Self {
        Self {
            names,
            pages: PagedWriter::new(names.entries, writer),
            first: Vec::new(),
            count: 0,
            lists: Vec::new(),
        }
    }

    /// Adds an entry for these rows, sorted and without repeats; beyond `most` only the first is kept.
    pub(crate) fn push(
        &mut self,
        writer: &mut Writer,
        key: Key,
        tag: u8,
        rows: &[u32],
        most: usize,
    ) -> io::Result<()> {
        let first = rows.first().copied().unwrap_or_default();
        let rows = match rows.len() {
            0 | 1 => Rows::One(first),
            many if many > most => Rows::Many(first),
            many => {
                let place = self.lists.len() as u32;
                self.lists.push(many as u32);
                self.lists.extend_from_slice(rows);
                Rows::List(place)
            }
        };
        if self.count.is_multiple_of(EACH) {
            self.first.extend_from_slice(&key[..8]);
        }
        self.count += 1;
        self.pages.push(writer, &Entry { key, tag, rows }.octets())
    }

    /// Ends the table; gives the count of entries.
    pub(crate) fn finish(self, writer: &mut Writer) -> io::Result<usize> {
        self.pages.finish(writer)?;
        writer.section(self.names.first, &self.first)?;
        let mut lists = PagedWriter::new(self.names.lists, writer);
        for number in &self.lists {
            lists.push(writer, &number.to_le_bytes())?;
        }
        lists.finish(writer)?;
        writer.flush()?;
        Ok(self.count)
    }
}

/// A table on disk.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Paged,
    /// The first 64 bits of the first key of each page.
    first: Vec<u64>,
    lists: Paged,
}

impl Table {
    pub(crate) fn open(file: &IndexFile, names: Names) -> Result<Self, IndexError> {
        let entries = file.paged(names.entries)?;
        let first: Vec<u64> = file
            .section(names.first)?
            .as_chunks::<8>()
            .0
            .iter()
            .map(|octets| u64::from_be_bytes(*octets))
            .collect();
        if first.len() as u64 != entries.len().div_ceil(PAGE as u64)
            || !entries.len().is_multiple_of(ENTRY as u64)
        {
            return Err(IndexError::Corrupt(format!(
                "its table `{}` and the keys of its pages do not go together",
                names.entries
            )));
        }
        Ok(Self { entries, first, lists: file.paged(names.lists)? })
    }

    pub(crate) fn memory(&self) -> usize {
        self.first.len() * 8 + self.entries.memory() + self.lists.memory()
    }

    /// All entries with this key.
    pub(crate) fn find(&self, key: &Key) -> io::Result<Vec<Entry>> {
        let wanted = u64::from_be_bytes(std::array::from_fn(|at| key[at]));
        // Entries with one key may begin at the end of a page.
        let from = self.first.partition_point(|first| *first < wanted).saturating_sub(1);
        let mut all = Vec::new();
        for number in from..self.first.len() {
            if self.first[number] > wanted {
                break;
            }
            let page = self.entries.page(number as u64)?;
            let entries = page.as_chunks::<ENTRY>().0;
            let start = entries.partition_point(|entry| entry[..10] < key[..]);
            all.extend(entries[start..].iter().take_while(|entry| entry[..10] == key[..]).map(Entry::read));
        }
        Ok(all)
    }

    /// The rows of an entry; the first alone where they are too many.
    pub(crate) fn rows(&self, rows: Rows) -> io::Result<Vec<u32>> {
        let place = match rows {
            Rows::One(row) | Rows::Many(row) => return Ok(vec![row]),
            Rows::List(place) => u64::from(place) * 4,
        };
        let count =
            super::file::numbers(&self.lists.read(place, 4)?).first().copied().unwrap_or_default() as usize;
        let most = (self.lists.len() / 4) as usize;
        Ok(super::file::numbers(&self.lists.read(place + 4, count.min(most) * 4)?))
    }
}
