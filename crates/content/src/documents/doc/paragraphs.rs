//! Which list a paragraph of a Word document is in, in which direction it runs, and whether it ends a row of a table ([MS-DOC] 2.4.6.1): by itself, by its style, or by a change of the piece that it stands in.

use std::collections::HashMap;

use super::header::Header;
use super::pages::{Pages, may_say};
use super::styles::StyleSheet;
use crate::documents::ole::u16_at;

/// Styles that rest upon one another.
const DEEPEST: usize = 32;

/// What is told of a paragraph; nothing where nobody said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) style: Option<u16>,
    /// The list, by number from one; no list if zero.
    pub(super) list: Option<u16>,
    pub(super) level: Option<u8>,
    /// It runs from right to left.
    pub(super) rightward: Option<bool>,
    /// It stands in a table; it ends a row of it, whose cells stand from right to left.
    pub(super) in_table: Option<bool>,
    pub(super) ends_row: Option<bool>,
    pub(super) row_rightward: Option<bool>,
}

impl Membership {
    fn apply(&mut self, modifiers: &[u8]) {
        each(modifiers, |code, operand| {
            let is = || operand.first().map(|octet| *octet != 0);
            match code {
                STYLE => self.style = u16_at(operand, 0).or(self.style),
                LEVEL => self.level = operand.first().copied(),
                RIGHTWARD => self.rightward = is(),
                LIST => self.list = u16_at(operand, 0).map(list),
                IN_TABLE => self.in_table = is(),
                ENDS_ROW => self.ends_row = is(),
                ROW_RIGHTWARD | ROW_RIGHTWARD_ALSO => self.row_rightward = is(),
                _ => {}
            }
        });
    }

    /// What this leaves open, the other says.
    fn or(self, other: Self) -> Self {
        Self {
            style: self.style.or(other.style),
            list: self.list.or(other.list),
            level: self.level.or(other.level),
            rightward: self.rightward.or(other.rightward),
            in_table: self.in_table.or(other.in_table),
            ends_row: self.ends_row.or(other.ends_row),
            row_rightward: self.row_rightward.or(other.row_rightward),
        }
    }
}

/// Goes through modifiers that stand one behind another: the code of each, and the octets from its operand on.
pub(super) fn each(mut modifiers: &[u8], mut one: impl FnMut(u16, &[u8])) {
    while let (Some(code), Some(operand)) = (u16_at(modifiers, 0), modifiers.get(2..)) {
        one(code, operand);
        let Some(rest) = size(code, operand).and_then(|size| operand.get(size..)) else { return };
        modifiers = rest;
    }
}

const STYLE: u16 = 0x4600;
const LEVEL: u16 = 0x260a;
const LIST: u16 = 0x460b;
/// sprmPFBiDi
const RIGHTWARD: u16 = 0x2441;
/// sprmPFInTable, sprmPFTtp, sprmTFBiDi, sprmTFBiDi90
const IN_TABLE: u16 = 0x2416;
const ENDS_ROW: u16 = 0x2417;
const ROW_RIGHTWARD: u16 = 0x560b;
const ROW_RIGHTWARD_ALSO: u16 = 0x5664;

/// A number below zero is that of a list, too: it only keeps the paragraph's own margins. 2047 is none.
fn list(number: u16) -> u16 {
    match number.cast_signed().unsigned_abs() {
        0x7ff => 0,
        number => number,
    }
}

/// Octets of a modifier's operand.
fn size(code: u16, operand: &[u8]) -> Option<usize> {
    Some(match code >> 13 {
        0 | 1 => 1,
        2 | 4 | 5 => 2,
        3 => 4,
        7 => 3,
        // A table's definition, whose length has two octets and is one too high.
        _ if code == 0xd608 => 1 + usize::from(u16_at(operand, 0)?),
        // Tabulators, of which there may be too many for an octet.
        _ if code == 0xc615 && operand.first() == Some(&255) => {
            let deleted = usize::from(*operand.get(1)?);
            let added = usize::from(*operand.get(2 + 4 * deleted)?);
            3 + 4 * deleted + 3 * added
        }
        _ => 1 + usize::from(*operand.first()?),
    })
}

/// Finds what is told of the paragraph that ends at an octet of the text.
pub(super) struct Paragraphs<'a> {
    pages: Pages<'a>,
    styles: HashMap<u16, Membership>,
    sheet: StyleSheet<'a>,
    /// What pieces change.
    changes: Vec<Membership>,
}

impl<'a> Paragraphs<'a> {
    pub(super) fn read(
        header: &Header,
        main: &'a [u8],
        table: &'a [u8],
        sheet: StyleSheet<'a>,
        shared: &[&[u8]],
    ) -> Self {
        let changes = shared.iter().map(|modifiers| {
            let mut told = Membership::default();
            told.apply(modifiers);
            told
        });
        // With what an entry says of the height of the paragraph.
        let pages = Pages::new(main, header.part(table, header.paragraphs), 13);
        Self { pages, styles: HashMap::new(), sheet, changes: changes.collect() }
    }

    /// Whether one, or a row of a table, may run from right to left: cheap, and wrong at most where there is nothing of the kind.
    pub(super) fn may_turn(main: &[u8], sheet: &StyleSheet<'_>, shared: &[&[u8]]) -> bool {
        [RIGHTWARD, ROW_RIGHTWARD, ROW_RIGHTWARD_ALSO].iter().any(|code| may_say(*code, main, sheet, shared))
    }

    /// Of the paragraph that ends with the octet at `at`, in a piece with the modifiers `changed`.
    pub(super) fn at(&mut self, at: usize, changed: u16) -> Membership {
        let mut told = Membership::default();
        if let Some((_, style, modifiers)) = self.stored(at) {
            told.style = Some(style);
            told.apply(modifiers);
        }
        let told = self.change(changed).or(told);
        told.or(self.of_style(told.style.unwrap_or(0), DEEPEST))
    }

    /// Whether a paragraph ends before the octet at `at`: what breaks a page ends one only sometimes.
    pub(super) fn one_ends_before(&self, at: usize) -> bool {
        at.checked_sub(1).and_then(|last| self.stored(last)).is_some_and(|(end, ..)| end == at)
    }

    /// The end, the style and the modifiers that the page for the place has.
    fn stored(&self, at: usize) -> Option<(usize, u16, &'a [u8])> {
        let (end, place, page) = self.pages.entry(at)?;
        if place == 0 {
            return None;
        }
        let (from, length) = match *page.get(place)? {
            0 => (place + 2, 2 * usize::from(*page.get(place + 1)?)),
            words => (place + 1, 2 * usize::from(words) - 1),
        };
        let properties = page.get(from..page.len().min(from + length))?;
        Some((end, u16_at(properties, 0)?, &properties[2..]))
    }

    /// What a piece changes: one modifier that is written short, or some that stand in front of the pieces.
    fn change(&self, changed: u16) -> Membership {
        if changed & 1 == 1 {
            return self.changes.get(usize::from(changed >> 1)).copied().unwrap_or_default();
        }
        // Of the modifiers that have a short form only one is of lists, and none of directions: that of the level.
        let level = (changed >> 1 & 0x7f == 0x0d).then_some((changed >> 8) as u8);
        Membership { level, ..Membership::default() }
    }

    fn of_style(&mut self, style: u16, deep: usize) -> Membership {
        if let Some(known) = self.styles.get(&style) {
            return *known;
        }
        let mut told = Membership::default();
        if let Some(modifiers) = self.sheet.of_paragraphs(style) {
            told.apply(modifiers);
        }
        if let Some(below) = self.sheet.below(style).filter(|_| deep > 0) {
            told = told.or(self.of_style(below, deep - 1));
        }
        told.style = Some(style);
        self.styles.insert(style, told);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_of_every_size_are_stepped_over() {
        let tabs = [&[0x15, 0xc6, 255, 1, 0, 0, 0, 0, 1, 0, 0, 0][..]].concat();
        let table = [0x08, 0xd6, 4, 0, 9, 9, 9];
        let rest = [0x03, 0x24, 1, 0x0e, 0x84, 1, 1, 0x12, 0x64, 1, 1, 1, 1, 0x0a, 0x26, 3, 0x0b, 0x46, 7, 0];
        let mut told = Membership::default();
        told.apply(&[&tabs, &table[..], &rest].concat());
        assert_eq!((told.list, told.level), (Some(7), Some(3)));
    }

    #[test]
    fn a_list_below_zero_is_a_list_and_2047_is_none() {
        assert_eq!([5, 0xfffb, 0x7ff, 0xf801, 0].map(list), [5, 5, 0, 0, 0]);
    }
}
