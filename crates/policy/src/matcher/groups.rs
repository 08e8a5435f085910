//! Puts the shapes of identifiers into groups of those that begin alike and are of like length: each has a bit in the gate and
//! an automaton of its own, which is small because its shapes are alike.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::automaton::{Automata, Shape, divide};
use super::needs::Before;
use super::{REACH, Refusal};

/// Groups, as bits.
pub(super) type Groups = u64;

/// Shapes that begin alike.
pub(super) struct Group {
    /// One, or several where one would be too large.
    pub(super) automata: Vec<Automata>,
    pub(super) way: Way,
}

/// How the places are found where shapes of a group may begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// The gate has a bit for it, and another for its kind, which groups share that begin alike.
    Gate { kind: u8 },
    /// All of them have an octet that text seldom has.
    Anchor(Anchor),
}

/// An octet that shapes hold, and what stands before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    pub(super) octet: u8,
    pub(super) before: Before,
}

impl Group {
    /// The bit of its kind.
    pub(super) fn kind(&self) -> u8 {
        match self.way {
            Way::Gate { kind } => kind,
            Way::Anchor(_) => 0,
        }
    }

    pub(super) fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.automata.iter().flat_map(|automata| &automata.shapes)
    }
}

/// Octets that text seldom has, so that looking for them is cheaper than asking at each word.
const SELDOM: &[u8] = br"@~$^`|{}\#%";

/// The kind of shapes that begin with digits only.
const DIGITS_KIND: u8 = 0;
/// The kind of shapes that begin with one of a few texts.
const FIXED_KIND: u8 = 4;
/// Its bit.
pub(super) const FIXED: u8 = 1 << FIXED_KIND;
/// How many groups these make.
const FIXED_GROUPS: usize = 10;
/// So many texts are few, and so many are not looked at.
const FEW: usize = 64;
const MANY: usize = 1024;
/// The least octets of such a text.
const LEAST: usize = 3;

/// What shapes of one group have in common; shapes whose keys are neighbours may share a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The first of the texts that they begin with, where these are few.
    first: Vec<u8>,
    /// With how many digits they begin.
    digits: usize,
    least: usize,
    most: usize,
}

impl Key {
    fn of(hir: &Hir) -> Self {
        let lengths = hir.properties();
        let (least, most) = (lengths.minimum_len().unwrap_or(0), lengths.maximum_len().unwrap_or(REACH));
        Self { first: Vec::new(), digits: leading_digits(hir).0, least, most }
    }
}

/// The first of the texts with one of which every text of the shape begins, in any case, where these are few.
fn prefixes(hir: &Hir) -> Option<Vec<u8>> {
    let mut extractor = Extractor::new();
    extractor.limit_class(10).limit_total(MANY).limit_literal_len(LEAST);
    let prefixes = extractor.extract(hir);
    let all: BTreeSet<Vec<u8>> =
        prefixes.literals()?.iter().map(|one| one.as_bytes().to_ascii_lowercase()).collect();
    (all.len() <= FEW && all.iter().all(|one| one.len() >= LEAST)).then(|| all.into_iter().next()).flatten()
}

/// All groups of the shapes of these identifiers.
#[derive(Default)]
pub(super) struct All {
    /// Shapes that may begin with a digit, and shapes that may begin with anything else; some are in both. Of each, those that the
    /// gate before them has a bit for.
    pub(super) digits: Vec<Group>,
    pub(super) others: Vec<Group>,
    /// Those that are found by an octet that they hold.
    pub(super) anchored: Vec<Group>,
}

impl All {
    /// Of shapes by identifier.
    pub(super) fn new(identifiers: Vec<Vec<(Hir, Shape)>>) -> Result<Self, (Shape, Refusal)> {
        let mut anchored: BTreeMap<u8, Vec<(Hir, Shape)>> = BTreeMap::new();
        let mut digits: BTreeMap<Key, Vec<(Hir, Shape)>> = BTreeMap::new();
        let mut others: BTreeMap<u8, BTreeMap<Key, Vec<(Hir, Shape)>>> = BTreeMap::new();
        for shapes in identifiers {
            // The hits of one identifier come in one order: its shapes are found in one way.
            if let Some(octet) = shared_anchor(&shapes) {
                anchored.entry(octet).or_default().extend(shapes);
                continue;
            }
            for (hir, shape) in shapes {
                let mut first = [false; 128];
                firsts(&hir, &mut first);
                if first[usize::from(b'0')..=usize::from(b'9')].contains(&true) {
                    digits.entry(Key::of(&hir)).or_default().push((hir.clone(), shape));
                }
                let kind = beginning(&first);
                if kind != DIGITS_KIND {
                    let (kind, key) = match prefixes(&hir) {
                        Some(first) => (FIXED_KIND, Key { first, ..Key::default() }),
                        None => (kind, Key::of(&hir)),
                    };
                    others.entry(kind).or_default().entry(key).or_default().push((hir, shape));
                }
            }
        }
        let mut all = Self { digits: alike(digits, Groups::BITS as usize, 0)?, ..Self::default() };
        // Few places are like the beginnings of these: they need few bits.
        let keys: usize =
            others.iter().filter(|(kind, _)| **kind != FIXED_KIND).map(|(_, by_key)| by_key.len()).sum();
        for (kind, by_key) in others {
            let room = match kind {
                FIXED_KIND => FIXED_GROUPS,
                // Each other kind has its share, and one at least.
                _ => {
                    1 + by_key.len() * (Groups::BITS as usize - FIXED_GROUPS - usize::from(FIXED_KIND)) / keys
                }
            };
            all.others.extend(alike(by_key, room, kind)?);
        }
        for (octet, shapes) in anchored {
            let befores = shapes.iter().filter_map(|(hir, _)| anchor(hir, octet));
            let before = befores.reduce(|one, other| one.or(&other)).unwrap_or_default();
            all.anchored.push(Group::new(&shapes, Way::Anchor(Anchor { octet, before }))?);
        }
        Ok(all)
    }
}

/// At most so many groups of neighbours.
fn alike(
    by_key: BTreeMap<Key, Vec<(Hir, Shape)>>,
    room: usize,
    kind: u8,
) -> Result<Vec<Group>, (Shape, Refusal)> {
    let alike: Vec<Vec<(Hir, Shape)>> = by_key.into_values().collect();
    let room = room.min(alike.len());
    let groups = (0..room).map(|number| {
        let some = &alike[number * alike.len() / room..(number + 1) * alike.len() / room];
        Group::new(&some.concat(), Way::Gate { kind: 1 << kind })
    });
    groups.collect()
}

impl Group {
    fn new(shapes: &[(Hir, Shape)], way: Way) -> Result<Self, (Shape, Refusal)> {
        let mut automata = Vec::new();
        divide(shapes, &mut automata)?;
        Ok(Self { automata, way })
    }
}

/// The octet that all shapes hold and text seldom has.
fn shared_anchor(shapes: &[(Hir, Shape)]) -> Option<u8> {
    let held = |octet: &&u8| shapes.iter().all(|(hir, _)| anchor(hir, **octet).is_some());
    SELDOM.iter().find(held).copied()
}

/// What stands before an octet that every text of the shape holds. Recursion is bounded by the parser's limit on nesting.
fn anchor(hir: &Hir, octet: u8) -> Option<Before> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let at = literal.0.iter().position(|other| *other == octet)?;
            let mut before = Before::default();
            before.add(&Hir::literal(&literal.0[..at]));
            Some(before)
        }
        HirKind::Capture(capture) => anchor(&capture.sub, octet),
        HirKind::Concat(all) => {
            let mut before = Before::default();
            for each in all {
                if let Some(inner) = anchor(each, octet) {
                    return Some(before.then(&inner));
                }
                before.add(each);
            }
            None
        }
        _ => None,
    }
}

/// With how many digits a shape begins at least, if it may begin with one.
pub(super) fn least_digits(shape: &Hir) -> Option<usize> {
    let mut first = [false; 128];
    firsts(shape, &mut first);
    first[usize::from(b'0')..=usize::from(b'9')].contains(&true).then(|| leading_digits(shape).0.max(1))
}

/// How many digits a shape surely begins with, and whether that is all of it. Recursion is bounded by the parser's limit on nesting.
fn leading_digits(hir: &Hir) -> (usize, bool) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let digits = literal.0.iter().take_while(|octet| octet.is_ascii_digit()).count();
            (digits, digits == literal.0.len())
        }
        HirKind::Class(Class::Bytes(class)) => {
            let digits = class.ranges().iter().all(|range| b'0' <= range.start() && range.end() <= b'9');
            (usize::from(digits), digits)
        }
        HirKind::Repetition(repetition) => {
            let (digits, whole) = leading_digits(&repetition.sub);
            let least = repetition.min as usize;
            if whole {
                (digits * least, repetition.max == Some(repetition.min))
            } else {
                (digits * least.min(1), false)
            }
        }
        HirKind::Capture(capture) => leading_digits(&capture.sub),
        HirKind::Concat(all) => {
            let mut sum = 0;
            for each in all {
                let (digits, whole) = leading_digits(each);
                sum += digits;
                if !whole {
                    return (sum, false);
                }
            }
            (sum, true)
        }
        HirKind::Alternation(all) => {
            let least = all.iter().map(|each| leading_digits(each).0).min();
            (least.unwrap_or(0), false)
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => (0, false),
    }
}

/// Shapes that begin alike, by the octets that they may begin with, have one number, 0 to 3: digits; few letters; many letters;
/// symbols.
fn beginning(first: &[bool; 128]) -> u8 {
    let count =
        |is: fn(&u8) -> bool| (0..0x80u8).filter(|octet| first[usize::from(*octet)] && is(octet)).count();
    let lower = count(u8::is_ascii_lowercase);
    let letters = lower + count(u8::is_ascii_uppercase);
    let symbols = count(|octet| !octet.is_ascii_alphanumeric());
    match (letters, lower) {
        (0, _) if symbols == 0 => DIGITS_KIND,
        (0, _) => 3,
        (_, 0..=8) => 1,
        _ => 2,
    }
}

/// Notes the octets that a shape may begin with; tells whether it may be empty. Recursion is bounded by the parser's
/// limit on nesting.
fn firsts(shape: &Hir, first: &mut [bool; 128]) -> bool {
    let mut note = |from: u8, to: u8| (from..=to.min(127)).for_each(|octet| first[usize::from(octet)] = true);
    match shape.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => literal.0.first().is_none_or(|octet| {
            note(*octet, *octet);
            false
        }),
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().for_each(|range| note(range.start(), range.end()));
            false
        }
        HirKind::Class(Class::Unicode(class)) => {
            let octet = |c: char| u8::try_from(c).unwrap_or(127);
            class.ranges().iter().for_each(|range| note(octet(range.start()), octet(range.end())));
            false
        }
        HirKind::Repetition(repetition) => firsts(&repetition.sub, first) || repetition.min == 0,
        HirKind::Capture(capture) => firsts(&capture.sub, first),
        HirKind::Concat(all) => all.iter().all(|each| firsts(each, first)),
        HirKind::Alternation(all) => {
            // All of them are looked at.
            all.iter().filter(|each| firsts(each, first)).count() > 0
        }
    }
}
