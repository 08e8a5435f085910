//! Counts matches by value, each component and each rendering of it by itself: equal values to the end, different ones up to a
//! bound above which no verdict can change.

use std::collections::{HashMap, HashSet};

use content::View;

use super::answers::{At, Item};
use super::gather::Found;
use super::pieces::{Piece, Scope};

/// Different values of one question; more of them are a finding.
const MOST: usize = 1 << 20;

/// A component, and which of its renderings.
type Key = (Scope, Option<(u32, u16)>);

/// What was counted so far.
pub(super) struct Tally {
    /// Different values that are told apart in one place.
    different: usize,
    /// Matches with places of their own, likewise.
    kept: usize,
    items: Vec<Item>,
    values: HashMap<String, u32>,
    numbers: HashMap<Key, usize>,
    places: Vec<Place>,
    /// The last place, with its number.
    last: Option<(Key, usize)>,
    /// Anything may be missing.
    pub(super) stopped: bool,
    /// Components in which further values were left out, above what changes a verdict.
    pub(super) full: HashSet<Scope>,
    /// The text in which there were more than can be told apart.
    pub(super) over: Option<u32>,
}

/// A component as one of its renderings shows it.
#[derive(Default)]
struct Place {
    /// By value: the item that it was first found as.
    first: HashMap<u32, usize>,
    kept: usize,
}

impl Tally {
    pub(super) fn new(different: usize, kept: usize) -> Self {
        Self {
            different,
            kept,
            items: Vec::new(),
            values: HashMap::new(),
            numbers: HashMap::new(),
            places: Vec::new(),
            last: None,
            stopped: false,
            full: HashSet::new(),
            over: None,
        }
    }

    /// Counts a match; they come in the order of the message.
    pub(super) fn add(&mut self, found: Found, piece: &Piece<'_>, value: &str) {
        let scope = piece.scope();
        let number = self.place(scope, piece.view);
        let place = &mut self.places[number];
        let known = self.values.get(value).copied();
        if let Some(first) = known.and_then(|value| place.first.get(&value)) {
            if place.kept >= self.kept {
                self.items[*first].weight += 1;
                return;
            }
        } else if place.first.len() >= self.different {
            self.full.insert(scope);
            return;
        }
        let Some(value) = known.or_else(|| self.new_value(value, &found)) else { return };
        let place = &mut self.places[number];
        place.first.entry(value).or_insert(self.items.len());
        place.kept += 1;
        self.items.push(Item { scope, at: At::Text(found), value, weight: 1 });
    }

    fn new_value(&mut self, value: &str, found: &Found) -> Option<u32> {
        if self.values.len() >= MOST {
            self.stopped = true;
            self.over.get_or_insert(found.piece);
            return None;
        }
        let number = self.values.len() as u32;
        self.values.insert(value.to_owned(), number);
        Some(number)
    }

    fn place(&mut self, scope: Scope, view: Option<View>) -> usize {
        let key = (scope, view.map(|view| (view.group, view.index)));
        if let Some((last, number)) = self.last
            && last == key
        {
            return number;
        }
        let next = self.places.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.places.push(Place::default());
        }
        self.last = Some((key, number));
        number
    }

    /// What counts, in the order of the message; equal values beyond those that are kept add to the weight of the first.
    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }
}
