//! What incidents of a block have of one field: the distinct values in order, and for each incident the place of its value among
//! them. So a test is asked of each value once, and places are compared where values would be.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

/// Octets of a block's column. One that takes more is not kept, and says so by having none.
const LARGEST: usize = 4 << 20;
/// Values whose places are an octet each.
const NARROW: usize = 256;

/// What an incident has of a field. What is not there comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cell {
    Absent,
    Number(i64),
    Text(String),
}

/// A column of a block: first what is not there, then numbers, then texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    has_absent: bool,
    numbers: Vec<i64>,
    texts: Vec<String>,
    places: Places,
}

/// For each incident the place of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Places {
    /// So many, and all have the same.
    Same(usize),
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
}

/// A column that is being made or changed.
#[derive(Debug)]
pub(crate) struct Draft {
    cells: Vec<Cell>,
    known: HashMap<Cell, u32>,
    places: Vec<u32>,
}

impl Column {
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// How many incidents.
    pub(crate) fn slots(&self) -> usize {
        match &self.places {
            Places::Same(slots) => *slots,
            Places::Narrow(places) => places.len(),
            Places::Wide(places) => places.len(),
        }
    }

    /// How many values.
    pub(crate) fn values(&self) -> usize {
        usize::from(self.has_absent) + self.numbers.len() + self.texts.len()
    }

    /// The place of an incident's value.
    pub(crate) fn place(&self, slot: usize) -> usize {
        match &self.places {
            Places::Same(_) => 0,
            Places::Narrow(places) => places.get(slot).copied().unwrap_or_default().into(),
            Places::Wide(places) => places.get(slot).copied().unwrap_or_default().into(),
        }
    }

    /// The value at a place.
    pub(crate) fn value(&self, place: usize) -> Cell {
        let Some(place) = place.checked_sub(self.has_absent.into()) else { return Cell::Absent };
        match (self.numbers.get(place), place.checked_sub(self.numbers.len())) {
            (Some(number), _) => Cell::Number(*number),
            (None, Some(place)) => {
                self.texts.get(place).map_or(Cell::Absent, |text| Cell::Text(text.clone()))
            }
            (None, None) => Cell::Absent,
        }
    }

    /// The place of a value, or where it would be.
    pub(crate) fn place_of(&self, cell: &Cell) -> Result<usize, usize> {
        let behind = |before: usize, found: Result<usize, usize>| match found {
            Ok(at) => Ok(before + at),
            Err(at) => Err(before + at),
        };
        let absent = usize::from(self.has_absent);
        match cell {
            Cell::Absent => {
                if self.has_absent {
                    Ok(0)
                } else {
                    Err(0)
                }
            }
            Cell::Number(number) => behind(absent, self.numbers.binary_search(number)),
            Cell::Text(text) => behind(absent + self.numbers.len(), self.texts.binary_search(text)),
        }
    }

    /// The places of numbers between these, both included.
    pub(crate) fn places_of(&self, range: &RangeInclusive<i64>) -> Range<usize> {
        let absent = usize::from(self.has_absent);
        let from = self.numbers.partition_point(|number| number < range.start());
        let to = self.numbers.partition_point(|number| number <= range.end());
        absent + from..absent + to.max(from)
    }

    /// Of so many incidents that have nothing of it.
    pub(crate) fn absent(slots: usize) -> Self {
        Self { has_absent: true, numbers: Vec::new(), texts: Vec::new(), places: Places::Same(slots) }
    }

    /// Octets that it takes in memory, about.
    pub(crate) fn size(&self) -> usize {
        let places = match &self.places {
            Places::Same(_) => 0,
            Places::Narrow(places) => places.len(),
            Places::Wide(places) => 2 * places.len(),
        };
        let texts: usize = self.texts.iter().map(|text| size_of::<String>() + text.len()).sum();
        size_of::<Self>() + places + 8 * self.numbers.len() + texts
    }

    /// As it is kept; nothing if that were too much.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.has_absent)];
        put(&mut out, self.numbers.len() as u64);
        let mut last = 0_i64;
        for number in &self.numbers {
            put(&mut out, number.wrapping_sub(last) as u64);
            last = *number;
        }
        put(&mut out, self.texts.len() as u64);
        for text in &self.texts {
            put(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
            if out.len() > LARGEST {
                return Vec::new();
            }
        }
        match &self.places {
            Places::Same(_) => {}
            Places::Narrow(places) => out.extend_from_slice(places),
            Places::Wide(places) => out.extend(places.iter().flat_map(|place| place.to_le_bytes())),
        }
        out
    }

    /// What [`Self::encode`] made of a column of so many; None of anything else.
    pub(crate) fn decode(mut octets: &[u8], slots: usize) -> Option<Self> {
        let (absent, rest) = octets.split_first()?;
        octets = rest;
        let mut column = Self { has_absent: *absent == 1, ..Self::absent(slots) };
        let mut last = 0_i64;
        for _ in 0..take(&mut octets)? {
            last = last.wrapping_add(take(&mut octets)? as i64);
            column.numbers.push(last);
        }
        for _ in 0..take(&mut octets)? {
            let length = usize::try_from(take(&mut octets)?).ok()?;
            let (text, rest) = octets.split_at_checked(length)?;
            octets = rest;
            column.texts.push(str::from_utf8(text).ok()?.to_owned());
        }
        let wide = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
        column.places = match column.values() {
            0 => return None,
            1 => Places::Same(slots),
            2..=NARROW => Places::Narrow(octets.to_vec()),
            _ => Places::Wide(octets.chunks_exact(2).map(wide).collect()),
        };
        let fits = column.slots() == slots && (0..slots).all(|slot| column.place(slot) < column.values());
        fits.then_some(column)
    }
}

impl Draft {
    pub(crate) fn of(column: &Column) -> Self {
        let cells: Vec<Cell> = (0..column.values()).map(|place| column.value(place)).collect();
        let known = cells.iter().cloned().zip(0..).collect();
        let places = (0..column.slots()).map(|slot| column.place(slot) as u32).collect();
        Self { known, cells, places }
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
        let places = self.places.iter().map(|place| moved[*place as usize]);
        let places = match cells.len() {
            0..=1 => Places::Same(self.places.len()),
            2..=NARROW => Places::Narrow(places.map(|place| place as u8).collect()),
            _ => Places::Wide(places.collect()),
        };
        let mut column = Column { has_absent: false, numbers: Vec::new(), texts: Vec::new(), places };
        for (cell, _) in cells {
            match cell {
                Cell::Absent => column.has_absent = true,
                Cell::Number(number) => column.numbers.push(number),
                Cell::Text(text) => column.texts.push(text),
            }
        }
        column
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
        let mut draft = Draft::of(&Column::absent(cells.len()));
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
            assert!(cells.iter().enumerate().all(|(slot, cell)| read.value(read.place(slot)) == *cell));
            assert!((1..read.values()).all(|place| read.value(place - 1) < read.value(place)));
            assert!(cells.iter().all(|cell| read.place_of(cell).is_ok_and(|at| read.value(at) == *cell)));
        }
    }

    #[test]
    fn what_nobody_has_any_more_leaves_the_column() {
        let column = drafted(&[Cell::Text("gone@company.example".into()), Cell::Text("b".into())]);
        let mut draft = Draft::of(&column);
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
