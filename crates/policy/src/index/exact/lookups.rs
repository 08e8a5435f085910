//! What the tables say of the values of a slice, looked up once: which rows two of them lead to, and which of those rows
//! have a third.
//!
//! Names stand in so many rows that holding each row against each word around would take minutes. What two values have in
//! common is a sorted list of rows, and so is what either has in common with a third: a row with all three is in both
//! lists. Rows themselves are read only where the index keeps no list.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::ops::Range;
use std::rc::Rc;

use super::ExactIndex;
use super::hashes::{Hashes, TAG};
use super::met::{Met, Pointed};
use super::points::Point;
use super::value::Value;
use crate::index::table::Rows;

/// Pages that are read for one slice: some seconds of work, more than a telephone directory takes.
const MOST_LOOKS: usize = 1_000_000;
/// Leads, thirds and rows that are held at a time; beyond that they are looked up again.
const MOST_LEADS: usize = 200_000;
const MOST_THIRDS: usize = 500_000;
const MOST_HELD: usize = 2_000_000;
const MOST_TAGS: usize = 200_000;
/// So few rows are read rather than lists of rows.
const FEW: usize = 4;

/// Hashes of values are as good as random already.
#[derive(Default)]
pub(super) struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_u64(self.0.rotate_left(8) ^ u64::from(*octet)));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<Uniform>>;

/// One value, or two together in two columns, and the rows that have them.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) values: (u32, Option<u32>),
    pub(super) columns: (u8, Option<u8>),
    rows: Rows,
    /// The rows, once they were read.
    list: Option<Rc<Vec<u32>>>,
    /// How near the two were, by which of them stands behind, where the first row was handed on and counts: farther apart
    /// they say nothing new.
    pub(super) told: [u32; 2],
}

impl Lead {
    fn bits(&self) -> u32 {
        1 << self.columns.0 | self.columns.1.map_or(0, |column| 1 << column)
    }
}

/// Rows of a lead that have a further value, with the columns that hold it.
pub(super) type Third = (u32, u32);

pub(super) struct Lookups<'i> {
    pub(super) index: &'i ExactIndex,
    singles: bool,
    pointing: u32,
    pub(super) met: Vec<Met>,
    by_short: Map<u32>,
    /// Columns that some value of the slice may stand in.
    columns: u32,
    pub(super) leads: Vec<Lead>,
    of_values: Map<(u32, u32)>,
    of_pairs: Map<(u32, u32)>,
    /// By lead and value: places in `held`.
    thirds: Map<(u32, u32)>,
    held: Vec<Third>,
    /// By row: what it keeps of its cells.
    tags: Map<Box<[u8]>>,
    listed: usize,
    looks: usize,
}

impl<'i> Lookups<'i> {
    /// `singles`: a common value leads to rows by itself.
    pub(super) fn new(index: &'i ExactIndex, singles: bool) -> Self {
        Self {
            index,
            singles,
            pointing: index.pointing(),
            met: Vec::new(),
            by_short: Map::default(),
            columns: 0,
            leads: Vec::new(),
            of_values: Map::default(),
            of_pairs: Map::default(),
            thirds: Map::default(),
            held: Vec::new(),
            tags: Map::default(),
            listed: 0,
            looks: 0,
        }
    }

    /// So many pages were read that the rest is not looked at.
    pub(super) fn enough(&self) -> bool {
        self.looks > MOST_LOOKS
    }

    /// Lets go what was looked up if it is too much to be held; leads have other numbers then.
    pub(super) fn make_room(&mut self) {
        if self.tags.len() > MOST_TAGS {
            self.tags.clear();
        }
        let full = self.leads.len() > MOST_LEADS
            || self.thirds.len() > MOST_THIRDS
            || self.held.len() + self.listed > MOST_HELD;
        if full {
            self.leads.clear();
            self.of_values.clear();
            self.of_pairs.clear();
            self.thirds.clear();
            self.held.clear();
            self.listed = 0;
        }
    }

    // ---- values

    /// The number of a value; `value` and its national form are made where it is new.
    pub(super) fn meet(&mut self, short: u64, value: impl FnOnce() -> (Value, Option<Value>)) -> u32 {
        if let Some(known) = self.by_short.get(&short) {
            return *known;
        }
        let (value, national) = value();
        let met = Met::new(self.index, short, value, national);
        let number = self.met.len() as u32;
        self.columns |= met.columns;
        self.met.push(met);
        self.by_short.insert(short, number);
        number
    }

    /// The number of a value that passed the filter of points, if the table has it.
    pub(super) fn point(&mut self, short: u64, point: &Point) -> io::Result<Option<u32>> {
        let columns = self.columns;
        let number = self.meet(short, || (point.value.clone(), point.tagged.clone()));
        let there = !self.pointed(number)?.is_empty();
        if !there {
            self.columns = columns;
        }
        Ok(there.then_some(number))
    }

    /// The rows that have a value.
    fn pointed(&mut self, value: u32) -> io::Result<Rc<Pointed>> {
        let index = self.index;
        let met = &mut self.met[value as usize];
        if let Some(known) = &met.pointed {
            return Ok(known.clone());
        }
        self.looks += 1;
        let rows = Rc::new(index.pointed(&index.hashes.strong_of(&met.value))?);
        met.pointed = Some(rows.clone());
        Ok(rows)
    }

    fn frequent(&self, one: u32, other: u32) -> bool {
        self.met[one as usize].frequent && self.met[other as usize].frequent
    }

    fn pair_short(&self, one: u32, other: u32) -> u64 {
        Hashes::pair_short(self.met[one as usize].short, self.met[other as usize].short)
    }

    // ---- leads

    /// What a value leads to by itself.
    pub(super) fn leads_of_value(&mut self, value: u32) -> io::Result<Range<usize>> {
        if self.met[value as usize].common && !self.singles {
            return Ok(0..0);
        }
        if let Some((from, to)) = self.of_values.get(&u64::from(value)) {
            return Ok(*from as usize..*to as usize);
        }
        let from = self.leads.len();
        for (column, rows, many) in self.pointed(value)?.iter() {
            let column = *column % self.index.columns.len() as u8;
            if self.pointing >> column & 1 == 1 || self.singles {
                let first = rows.first().copied().unwrap_or_default();
                let list = if *many { vec![first] } else { rows.clone() };
                self.listed += list.len();
                let rows = if *many { Rows::Many(first) } else { Rows::One(first) };
                self.push((value, None), (column, None), rows, Some(list));
            }
        }
        self.of_values.insert(u64::from(value), (from as u32, self.leads.len() as u32));
        Ok(from..self.leads.len())
    }

    /// What two common values lead to that stand in one row.
    pub(super) fn leads_of_pair(&mut self, one: u32, other: u32) -> io::Result<Range<usize>> {
        let short = self.pair_short(one, other);
        if !self.index.pairs.contains(short) {
            return Ok(0..0);
        }
        if let Some((from, to)) = self.of_pairs.get(&short) {
            return Ok(*from as usize..*to as usize);
        }
        let index = self.index;
        let (first, second) = (self.met[one as usize].strong(index), self.met[other as usize].strong(index));
        self.looks += 1;
        let from = self.leads.len();
        let count = self.index.columns.len() as u8;
        for entry in self.index.together(&first, &second)? {
            let columns = ((entry.tag >> 4) % count, Some((entry.tag & 15) % count));
            self.push((one, Some(other)), columns, entry.rows, None);
        }
        self.of_pairs.insert(short, (from as u32, self.leads.len() as u32));
        Ok(from..self.leads.len())
    }

    fn push(
        &mut self,
        values: (u32, Option<u32>),
        columns: (u8, Option<u8>),
        rows: Rows,
        list: Option<Vec<u32>>,
    ) {
        let list = list.map(Rc::new);
        self.leads.push(Lead { values, columns, rows, list, told: [u32::MAX; 2] });
    }

    /// The rows of a lead, in order.
    fn rows(&mut self, lead: usize) -> io::Result<Rc<Vec<u32>>> {
        if let Some(list) = &self.leads[lead].list {
            return Ok(list.clone());
        }
        let rows = self.leads[lead].rows;
        self.looks += usize::from(matches!(rows, Rows::List(_)));
        let list = Rc::new(self.index.pair_table.rows(rows)?);
        self.listed += list.len();
        self.leads[lead].list = Some(list.clone());
        Ok(list)
    }

    /// Its first row, which stands for all where nothing tells them apart.
    pub(super) fn first(&mut self, lead: usize) -> io::Result<Option<u32>> {
        Ok(match self.leads[lead].rows {
            Rows::One(row) | Rows::Many(row) => Some(row),
            Rows::List(_) => self.rows(lead)?.first().copied(),
        })
    }

    // ---- thirds

    /// Whether some value of the slice may stand in a column that the lead leaves free.
    pub(super) fn may_have_more(&self, lead: usize) -> bool {
        self.columns & !self.leads[lead].bits() != 0
    }

    /// The rows of a lead that have a further value, in order, each with the columns that hold it.
    pub(super) fn thirds(&mut self, lead: usize, value: u32) -> io::Result<Range<usize>> {
        let free = self.met[value as usize].columns & !self.leads[lead].bits();
        if free == 0 {
            return Ok(0..0);
        }
        let key = (lead as u64) << 32 | u64::from(value);
        if let Some((from, to)) = self.thirds.get(&key) {
            return Ok(*from as usize..*to as usize);
        }
        let mut found = self.that_point(lead, value, free & self.pointing)?;
        found.extend(self.that_are_common(lead, value, free & !self.pointing)?);
        found.sort_unstable();
        found.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 |= if same { next.1 } else { 0 };
            same
        });
        let from = self.held.len();
        self.held.extend(found);
        self.thirds.insert(key, (from as u32, self.held.len() as u32));
        Ok(from..self.held.len())
    }

    pub(super) fn held(&self, range: &Range<usize>) -> &[Third] {
        &self.held[range.clone()]
    }

    /// In columns whose values point at rows: they say which.
    fn that_point(&mut self, lead: usize, value: u32, columns: u32) -> io::Result<Vec<Third>> {
        let met = &self.met[value as usize];
        if columns == 0 || met.common && !self.index.points.contains(met.short) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (column, rows, many) in self.pointed(value)?.iter() {
            let bit = 1 << column & columns;
            if bit == 0 {
            } else if *many {
                found.extend(self.by_tags(lead, value, bit)?);
            } else {
                meet(&self.rows(lead)?, rows, &mut |row| found.push((row, bit)));
            }
        }
        Ok(found)
    }

    /// In columns of names, words and dates: what the value has in common with those of the lead.
    fn that_are_common(&mut self, lead: usize, value: u32, columns: u32) -> io::Result<Vec<Third>> {
        if columns == 0 {
            return Ok(Vec::new());
        }
        let (one, other) = self.leads[lead].values;
        let partners = [Some(one), other];
        let partners = || partners.into_iter().flatten();
        // All rows that have both are kept with the pair.
        let kept = |lookups: &Self, partner: u32| {
            partner != value
                && lookups.met[partner as usize].common
                && lookups.index.keeps_all_pairs()
                && !lookups.frequent(partner, value)
        };
        for partner in partners() {
            if kept(self, partner) && !self.index.pairs.contains(self.pair_short(partner, value)) {
                return Ok(Vec::new());
            }
        }
        // An index that does not say so keeps at least one of the two pairs.
        let by_neither = !self.index.keeps_all_pairs()
            && other.is_some()
            && partners().all(|partner| {
                partner != value && !self.index.pairs.contains(self.pair_short(partner, value))
            });
        if by_neither {
            return Ok(Vec::new());
        }
        if self.rows(lead)?.len() > FEW {
            for partner in partners() {
                if kept(self, partner)
                    && let Some(found) = self.by_lists(lead, partner, value, columns)?
                {
                    return Ok(found);
                }
            }
        }
        self.by_tags(lead, value, columns)
    }

    /// By the lists of rows that one value of the lead and the further one have in common; `None` where they were too
    /// many to be kept.
    fn by_lists(
        &mut self,
        lead: usize,
        partner: u32,
        value: u32,
        columns: u32,
    ) -> io::Result<Option<Vec<Third>>> {
        let own = self.leads[lead].bits();
        let mut found = Vec::new();
        for pair in self.leads_of_pair(partner, value)? {
            let bits = self.leads[pair].bits();
            let bit = bits & columns;
            if bit.count_ones() != 1 || bits & own == 0 {
                continue;
            }
            if matches!(self.leads[pair].rows, Rows::Many(_)) {
                return Ok(None);
            }
            let (rows, list) = (self.rows(lead)?, self.rows(pair)?);
            meet(&rows, &list, &mut |row| found.push((row, bit)));
        }
        let (one, other) = self.leads[lead].values;
        if value == one || Some(value) == other {
            // The two may stand in the row the other way round.
            let all = std::mem::take(&mut found);
            for (row, bit) in all {
                if self.holds(row, value, bit)? != 0 {
                    found.push((row, bit));
                }
            }
        }
        Ok(Some(found))
    }

    /// By what each row of the lead keeps of its cells.
    fn by_tags(&mut self, lead: usize, value: u32, columns: u32) -> io::Result<Vec<Third>> {
        let mut found = Vec::new();
        for row in self.rows(lead)?.iter() {
            if self.enough() {
                break;
            }
            let bits = self.holds(*row, value, columns)?;
            if bits != 0 {
                found.push((*row, bits));
            }
        }
        Ok(found)
    }

    // ---- rows

    /// Which of these columns of a row hold a value.
    pub(super) fn holds(&mut self, row: u32, value: u32, columns: u32) -> io::Result<u32> {
        let index = self.index;
        let key = u64::from(row);
        if !self.tags.contains_key(&key) {
            self.looks += 1;
            self.tags.insert(key, index.row(row)?.into_boxed_slice());
        }
        let strong = self.met[value as usize].strong(index);
        let tags = self.tags.get(&key).map_or(&[][..], |tags| tags);
        let holds = tags.as_chunks::<TAG>().0.iter().enumerate().filter(|(column, tag)| {
            columns >> column & 1 == 1
                && **tag != [0; TAG]
                && index.hashes.tag(row, *column as u8, &strong) == **tag
        });
        Ok(holds.fold(0, |bits, (column, _)| bits | 1 << column))
    }
}

/// What two sorted lists have in common; of the longer one no more is looked at than is needed.
fn meet(one: &[u32], other: &[u32], each: &mut impl FnMut(u32)) {
    let (short, mut long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    for row in short {
        let mut step = 1;
        while step < long.len() && long[step] < *row {
            step *= 2;
        }
        let within = &long[..long.len().min(step + 1)];
        long = &long[within.partition_point(|other| other < row)..];
        match long.first() {
            None => return,
            Some(first) if first == row => each(*row),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::meet;

    #[test]
    fn two_lists_have_in_common_what_is_in_both() {
        let thirds: Vec<u32> = (0..1_000).map(|at| at * 3).collect();
        for (one, other) in [
            (vec![], vec![1]),
            (vec![1, 2, 3], vec![2]),
            (vec![0, 6, 7, 2_997, 2_998], thirds.clone()),
            (thirds.clone(), (0..500).map(|at| at * 7).collect()),
            (thirds.clone(), thirds),
        ] {
            let expected: Vec<u32> = one.iter().copied().filter(|row| other.contains(row)).collect();
            let mut both = (Vec::new(), Vec::new());
            meet(&one, &other, &mut |row| both.0.push(row));
            meet(&other, &one, &mut |row| both.1.push(row));
            assert_eq!(both, (expected.clone(), expected));
        }
    }
}
