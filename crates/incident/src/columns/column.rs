//! What incidents of a block have of one field: the distinct values in order, and for each incident the place of its value among
//! them. So a test is asked of each value once, and places are compared where values would be.

use std::collections::HashMap;

/// Octets of a block's column. One that takes more is not kept, and says so by having none.
const LARGEST: usize = 4 << 20;

/// What an incident has of a field. What is not there comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cell {
    Absent,
    Number(i64),
    Text(String),
}

/// A column of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Distinct and in order.
    cells: Vec<Cell>,
    /// One for each incident.
    places: Vec<u16>,
}

/// A column that is being made or changed.
#[derive(Debug)]
pub(crate) struct Draft {
    cells: Vec<Cell>,
    known: HashMap<Cell, u32>,
    places: Vec<u32>,
}

impl Column {
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub(crate) fn places(&self) -> &[u16] {
        &self.places
    }

    pub(crate) fn cell(&self, slot: usize) -> &Cell {
        self.places.get(slot).and_then(|place| self.cells.get(usize::from(*place))).unwrap_or(&Cell::Absent)
    }

    /// Of so many incidents that have nothing of it.
    pub(crate) fn absent(slots: usize) -> Self {
        Self { cells: vec![Cell::Absent], places: vec![0; slots] }
    }

    /// As it is kept; nothing if that were too much.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let absent = self.cells.first() == Some(&Cell::Absent);
        let numbers = self.cells.iter().filter_map(|cell| match cell {
            Cell::Number(number) => Some(*number),
            _ => None,
        });
        let texts = self.cells.iter().filter_map(|cell| match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        });
        let mut out = vec![u8::from(absent)];
        put(&mut out, numbers.clone().count() as u64);
        let mut last = 0_i64;
        for number in numbers {
            put(&mut out, number.wrapping_sub(last) as u64);
            last = number;
        }
        put(&mut out, texts.clone().count() as u64);
        for text in texts {
            put(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
            if out.len() > LARGEST {
                return Vec::new();
            }
        }
        match self.cells.len() {
            0..=1 => {}
            2..=256 => out.extend(self.places.iter().map(|place| *place as u8)),
            _ => out.extend(self.places.iter().flat_map(|place| place.to_le_bytes())),
        }
        out
    }

    /// What [`Self::encode`] made of a column of so many; None of anything else.
    pub(crate) fn decode(mut octets: &[u8], slots: usize) -> Option<Self> {
        let mut cells = Vec::new();
        let (absent, rest) = octets.split_first()?;
        octets = rest;
        cells.extend((*absent == 1).then_some(Cell::Absent));
        let mut last = 0_i64;
        for _ in 0..take(&mut octets)? {
            last = last.wrapping_add(take(&mut octets)? as i64);
            cells.push(Cell::Number(last));
        }
        for _ in 0..take(&mut octets)? {
            let length = usize::try_from(take(&mut octets)?).ok()?;
            let (text, rest) = octets.split_at_checked(length)?;
            octets = rest;
            cells.push(Cell::Text(str::from_utf8(text).ok()?.to_owned()));
        }
        let places: Vec<u16> = match cells.len() {
            0 => return None,
            1 => vec![0; slots],
            2..=256 => octets.iter().map(|place| u16::from(*place)).collect(),
            _ => octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
        };
        let fits = places.len() == slots && places.iter().all(|place| usize::from(*place) < cells.len());
        fits.then_some(Self { cells, places })
    }
}

impl Draft {
    pub(crate) fn of(column: Column) -> Self {
        let known = column.cells.iter().cloned().zip(0..).collect();
        Self { known, cells: column.cells, places: column.places.into_iter().map(u32::from).collect() }
    }

    pub(crate) fn set(&mut self, slot: usize, cell: Cell) {
        let next = self.cells.len() as u32;
        let place = *self.known.entry(cell).or_insert_with_key(|cell| {
            self.cells.push(cell.clone());
            next
        });
        if let Some(at) = self.places.get_mut(slot) {
            *at = place;
        }
    }

    /// What nobody has any more is gone from it.
    pub(crate) fn finish(self) -> Column {
        let mut used = vec![false; self.cells.len()];
        self.places.iter().for_each(|place| used[*place as usize] = true);
        let mut cells: Vec<(Cell, usize)> =
            self.cells.into_iter().zip(0..).filter(|(_, place)| used[*place]).collect();
        cells.sort_unstable();
        let mut moved = vec![0_u16; used.len()];
        for (to, (_, from)) in cells.iter().enumerate() {
            moved[*from] = to as u16;
        }
        Column {
            cells: cells.into_iter().map(|(cell, _)| cell).collect(),
            places: self.places.into_iter().map(|place| moved[place as usize]).collect(),
        }
    }
}

/// Seven bits an octet, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafted(cells: &[Cell]) -> Column {
        let mut draft = Draft::of(Column::absent(cells.len()));
        cells.iter().enumerate().for_each(|(slot, cell)| draft.set(slot, cell.clone()));
        draft.finish()
    }

    #[test]
    fn a_column_is_read_as_it_was_written() {
        let number = |number: i64| Cell::Number(number);
        let text = |text: &str| Cell::Text(text.to_owned());
        let many: Vec<Cell> = (0..700).map(|at| number(i64::from(at % 300) * 1_000 - 7)).collect();
        for cells in [
            vec![Cell::Absent; 5],
            vec![number(i64::MIN), number(i64::MAX), Cell::Absent, number(0), number(-1)],
            vec![text("b"), text(""), text("ä"), Cell::Absent, text("b")],
            many,
        ] {
            let column = drafted(&cells);
            let read = Column::decode(&column.encode(), cells.len()).unwrap();
            assert_eq!(read, column);
            assert!(cells.iter().enumerate().all(|(slot, cell)| read.cell(slot) == cell));
            assert!(read.cells().is_sorted());
        }
    }

    #[test]
    fn what_nobody_has_any_more_leaves_the_column() {
        let column = drafted(&[Cell::Text("gone@company.example".into()), Cell::Text("b".into())]);
        let mut draft = Draft::of(column);
        draft.set(0, Cell::Absent);
        let octets = draft.finish().encode();
        assert!(!String::from_utf8_lossy(&octets).contains("gone"));
    }

    #[test]
    fn a_column_that_is_too_large_is_not_kept() {
        let long = |at: usize| Cell::Text(format!("{at}{}", "x".repeat(100_000)));
        let cells: Vec<Cell> = (0..50).map(long).collect();
        assert!(drafted(&cells).encode().is_empty());
    }

    #[test]
    fn damaged_octets_are_no_column() {
        let octets = drafted(&(0..300).map(Cell::Number).collect::<Vec<_>>()).encode();
        assert_eq!(Column::decode(&octets, 299), None);
        for end in 0..octets.len() {
            assert_eq!(Column::decode(&octets[..end], 300), None);
        }
        let mut wrong = octets;
        *wrong.last_mut().unwrap() = 0xff;
        assert_eq!(Column::decode(&wrong, 300), None);
    }
}
