//! Asks a question of columns: which incidents meet it, how many, and which of them come first in an order. Computes only.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::column::Places;
use super::{Cell, Column};

/// A question; columns and sets are named by their places.
#[derive(Debug)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// What an incident has of a column.
    Has(usize, Wanted),
    /// The incident is one of a set.
    Among(usize),
}

/// What a cell has to be.
#[derive(Debug)]
pub(crate) enum Wanted {
    OneOf(Vec<Cell>),
    Within(RangeInclusive<i64>),
    Absent,
}

/// Incidents whose columns are at hand.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) numbers: Numbers,
    pub(crate) columns: Vec<Arc<Column>>,
    /// Slots that do not count: there is no incident, or another part has it.
    pub(crate) absent: Bits,
}

/// Which incidents, in ascending order.
#[derive(Debug)]
pub(crate) enum Numbers {
    From(i64),
    These(Vec<i64>),
}

/// A page that is wanted: by columns, then by number.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) columns: Vec<usize>,
    pub(crate) is_down: bool,
    pub(crate) limit: usize,
    /// Only those behind this one: what it has of the columns, and its number.
    pub(crate) after: Option<(Vec<Cell>, i64)>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) count: u64,
    first: Vec<(Vec<Cell>, i64)>,
}

impl Wanted {
    /// Which values of a column are as wanted.
    fn met(&self, column: &Column) -> Vec<bool> {
        let mut met = vec![false; column.values()];
        match self {
            Self::OneOf(cells) => {
                cells.iter().filter_map(|cell| column.place_of(cell).ok()).for_each(|at| met[at] = true);
            }
            Self::Within(range) => met[column.places_of(range)].fill(true),
            Self::Absent => column.place_of(&Cell::Absent).into_iter().for_each(|at| met[at] = true),
        }
        met
    }
}

impl Found {
    /// Looks through a part. `sets` are ascending.
    pub(crate) fn add(&mut self, part: &Part, test: &Test, sets: &[Vec<i64>], order: Option<&Order>) {
        let mut met = part.bits(test, sets);
        met.without(&part.absent);
        self.count += met.count();
        if let Some(order) = order.filter(|_| !met.is_empty()) {
            self.first.extend(part.first(&met, order));
        }
    }

    /// The numbers of the first in this order.
    pub(crate) fn numbers(mut self, order: &Order) -> Vec<i64> {
        self.first.sort_unstable();
        if order.is_down {
            self.first.reverse();
        }
        self.first.truncate(order.limit);
        self.first.into_iter().map(|(_, id)| id).collect()
    }
}

impl Part {
    fn len(&self) -> usize {
        self.absent.slots
    }

    fn number(&self, slot: usize) -> i64 {
        match &self.numbers {
            Numbers::From(first) => first + slot as i64,
            Numbers::These(numbers) => numbers.get(slot).copied().unwrap_or_default(),
        }
    }

    fn bits(&self, test: &Test, sets: &[Vec<i64>]) -> Bits {
        match test {
            Test::All(tests) => {
                let mut bits = Bits::all(self.len());
                for test in tests {
                    if bits.is_empty() {
                        break;
                    }
                    bits.zip(&self.bits(test, sets), |one, other| one & other);
                }
                bits
            }
            Test::Any(tests) => {
                let mut bits = Bits::none(self.len());
                tests.iter().for_each(|test| bits.zip(&self.bits(test, sets), |one, other| one | other));
                bits
            }
            Test::Not(test) => {
                let mut bits = Bits::all(self.len());
                bits.without(&self.bits(test, sets));
                bits
            }
            Test::Has(column, wanted) => Bits::of(&self.columns[*column], wanted),
            Test::Among(set) => self.among(&sets[*set]),
        }
    }

    fn among(&self, set: &[i64]) -> Bits {
        let mut bits = Bits::none(self.len());
        match &self.numbers {
            Numbers::From(first) => {
                let from = set.partition_point(|id| id < first);
                let slots = set[from..].iter().map(|id| (id - first) as usize);
                slots.take_while(|slot| *slot < self.len()).for_each(|slot| bits.set(slot));
            }
            Numbers::These(numbers) => {
                let known = numbers.iter().enumerate().filter(|(_, id)| set.binary_search(id).is_ok());
                known.for_each(|(slot, _)| bits.set(slot));
            }
        }
        bits
    }

    /// The first of these slots, in no order.
    fn first(&self, met: &Bits, order: &Order) -> Vec<(Vec<Cell>, i64)> {
        let columns: Vec<&Column> = order.columns.iter().map(|column| &*self.columns[*column]).collect();
        let behind = order.after.as_ref().map(|after| Behind::of(&columns, after, order.is_down));
        let mut keys: Vec<u64> = Vec::new();
        for slot in met.slots() {
            let mut key = 0_u64;
            columns.iter().for_each(|column| key = key << 16 | column.place(slot) as u64);
            if behind.as_ref().is_none_or(|behind| behind.has(&columns, slot, self.number(slot))) {
                let key = key << 16 | slot as u64;
                keys.push(if order.is_down { !key } else { key });
            }
        }
        if keys.len() > order.limit {
            keys.select_nth_unstable(order.limit);
            keys.truncate(order.limit);
        }
        let slot = |key: u64| usize::from((if order.is_down { !key } else { key }) as u16);
        let cells = |slot: usize| columns.iter().map(|column| column.value(column.place(slot))).collect();
        keys.into_iter().map(slot).map(|slot| (cells(slot), self.number(slot))).collect()
    }
}

/// Where a key stands among the values of a part: odd on one, even between two.
struct Behind {
    places: Vec<usize>,
    number: i64,
    is_down: bool,
}

impl Behind {
    fn of(columns: &[&Column], (cells, number): &(Vec<Cell>, i64), is_down: bool) -> Self {
        let place = |(column, cell): (&&Column, &Cell)| match column.place_of(cell) {
            Ok(at) => 2 * at + 1,
            Err(at) => 2 * at,
        };
        Self { places: columns.iter().zip(cells).map(place).collect(), number: *number, is_down }
    }

    fn has(&self, columns: &[&Column], slot: usize, number: i64) -> bool {
        let places = columns.iter().map(|column| 2 * column.place(slot) + 1);
        let compared = places.cmp(self.places.iter().copied()).then_with(|| number.cmp(&self.number));
        if self.is_down { compared.is_lt() } else { compared.is_gt() }
    }
}

/// A bit for each slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    slots: usize,
}

impl Bits {
    pub(crate) fn none(slots: usize) -> Self {
        Self { words: vec![0; slots.div_ceil(64)], slots }
    }

    fn all(slots: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; slots.div_ceil(64)], slots };
        if let (Some(last), rest @ 1..) = (bits.words.last_mut(), slots % 64) {
            *last = (1 << rest) - 1;
        }
        bits
    }

    /// Slots whose cell is as wanted: each value is asked about once.
    pub(crate) fn of(column: &Column, wanted: &Wanted) -> Self {
        let slots = column.slots();
        let met = wanted.met(column);
        if !met.contains(&true) {
            return Self::none(slots);
        }
        if !met.contains(&false) {
            return Self::all(slots);
        }
        let words = match column.places() {
            Places::Same(_) => Vec::new(),
            Places::Narrow(places) => words(places, &met),
            Places::Wide(places) => words(places, &met),
        };
        Self { words, slots }
    }

    pub(crate) fn set(&mut self, slot: usize) {
        if slot < self.slots {
            self.words[slot / 64] |= 1 << (slot % 64);
        }
    }

    fn zip(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        self.words.iter_mut().zip(&other.words).for_each(|(one, other)| *one = with(*one, *other));
    }

    fn without(&mut self, other: &Self) {
        self.zip(other, |one, other| one & !other);
    }

    fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn slots(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

fn words<P: Copy + Into<usize>>(places: &[P], met: &[bool]) -> Vec<u64> {
    let bit = |(at, place): (usize, &P)| u64::from(met[(*place).into()]) << at;
    let word = |places: &[P]| places.iter().enumerate().map(bit).fold(0, |word, bit| word | bit);
    places.chunks(64).map(word).collect()
}
