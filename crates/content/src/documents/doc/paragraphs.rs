//! Which list a paragraph of a Word document is in, and in which direction it runs ([MS-DOC] 2.4.6.1): by itself, by its style, or by a change of the piece that it stands in.

use std::collections::HashMap;

use super::header::Header;
use crate::documents::ole::{u16_at, u32_at};

/// Octets of a page of properties.
const PAGE: usize = 512;
/// Styles that rest upon one another.
const DEEPEST: usize = 32;

/// What is told of a paragraph: its list, by number from one, its level, and whether it runs from right to left; nothing where nobody said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) style: u16,
    /// No list if zero.
    pub(super) list: Option<u16>,
    pub(super) level: Option<u8>,
    pub(super) rightward: Option<bool>,
}

impl Membership {
    fn apply(&mut self, modifiers: &[u8]) {
        each(modifiers, |code, operand| match code {
            STYLE => self.style = u16_at(operand, 0).unwrap_or(self.style),
            LEVEL => self.level = operand.first().copied(),
            RIGHTWARD => self.rightward = operand.first().map(|octet| *octet != 0),
            LIST => self.list = u16_at(operand, 0).map(list),
            _ => {}
        });
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
    main: &'a [u8],
    /// Where pages of properties begin to count, and which pages they are.
    pages: &'a [u8],
    styles: HashMap<u16, Membership>,
    style_sheet: Vec<Option<&'a [u8]>>,
    base: usize,
    /// Modifiers that pieces refer to.
    shared: Vec<&'a [u8]>,
}

impl<'a> Paragraphs<'a> {
    pub(super) fn read(header: &Header, main: &'a [u8], table: &'a [u8], shared: Vec<&'a [u8]>) -> Self {
        let pages = header.part(table, header.paragraphs);
        let sheet = header.part(table, header.styles);
        let front = usize::from(u16_at(sheet, 0).unwrap_or(0));
        let mut rest = sheet.get(2 + front..).unwrap_or_default();
        let mut style_sheet = Vec::new();
        while let Some(length) = u16_at(rest, 0).filter(|_| style_sheet.len() < 0xfff) {
            let length = usize::from(length);
            let style = rest.get(2..2 + length);
            style_sheet.push(style.filter(|style| !style.is_empty()));
            rest = rest.get(2 + length..).unwrap_or_default();
        }
        let base = usize::from(u16_at(sheet, 4).unwrap_or(0));
        Self { main, pages, styles: HashMap::new(), style_sheet, base, shared }
    }

    /// Whether one may run from right to left: cheap, and wrong at most where there is nothing of the kind.
    pub(super) fn may_turn(&self) -> bool {
        let sheet = self.style_sheet.iter().flatten();
        let all = sheet.chain(&self.shared).copied().chain([self.main]);
        all.into_iter().any(|octets| memchr::memmem::find(octets, &RIGHTWARD.to_le_bytes()).is_some())
    }

    /// Of the paragraph that ends with the octet at `at`, in a piece with the modifiers `changed`.
    pub(super) fn at(&mut self, at: usize, changed: u16) -> Membership {
        let mut told = Membership::default();
        if let Some((_, style, modifiers)) = self.stored(at) {
            told.style = style;
            told.apply(modifiers);
        }
        self.change(&mut told, changed);
        let by_style = self.of_style(told.style, DEEPEST);
        Membership {
            style: told.style,
            list: told.list.or(by_style.list),
            level: told.level.or(by_style.level),
            rightward: told.rightward.or(by_style.rightward),
        }
    }

    /// Whether a paragraph ends before the octet at `at`: what breaks a page ends one only sometimes.
    pub(super) fn one_ends_before(&self, at: usize) -> bool {
        at.checked_sub(1).and_then(|last| self.stored(last)).is_some_and(|(end, ..)| end == at)
    }

    /// The end, the style and the modifiers that the page for the place has.
    fn stored(&self, at: usize) -> Option<(usize, u16, &'a [u8])> {
        let count = self.pages.len().checked_sub(4)? / 8;
        let index = holding(self.pages, count, at)?;
        let number = u32_at(self.pages, 4 * (count + 1) + 4 * index)? & 0x3f_ffff;
        let start = (number as usize).checked_mul(PAGE)?;
        let page = self.main.get(start..start.checked_add(PAGE)?)?;
        let runs = usize::from(page[PAGE - 1]);
        let run = holding(page, runs, at)?;
        let place = 2 * usize::from(*page.get(4 * (runs + 1) + 13 * run)?);
        if place == 0 {
            return None;
        }
        let (from, length) = match *page.get(place)? {
            0 => (place + 2, 2 * usize::from(*page.get(place + 1)?)),
            words => (place + 1, 2 * usize::from(words) - 1),
        };
        let properties = page.get(from..PAGE.min(from + length))?;
        let end = u32_at(page, 4 * (run + 1))? as usize;
        Some((end, u16_at(properties, 0)?, &properties[2..]))
    }

    /// What a piece changes: one modifier that is written short, or some that stand in front of the pieces.
    fn change(&self, told: &mut Membership, changed: u16) {
        if changed & 1 == 1 {
            let modifiers = self.shared.get(usize::from(changed >> 1));
            return told.apply(modifiers.copied().unwrap_or_default());
        }
        // Of the modifiers that have a short form only one is of lists: that of the level.
        if changed >> 1 & 0x7f == 0x0d {
            told.level = Some((changed >> 8) as u8);
        }
    }

    fn of_style(&mut self, style: u16, deep: usize) -> Membership {
        if let Some(known) = self.styles.get(&style) {
            return *known;
        }
        let mut told = Membership { style, ..Membership::default() };
        if let Some(octets) = self.style_sheet.get(usize::from(style)).copied().flatten() {
            let upon = u16_at(octets, 2).map_or(0xfff, |word| word >> 4);
            if upon != 0xfff && deep > 0 {
                let below = self.of_style(upon, deep - 1);
                told = Membership { style, ..below };
            }
            if let Some(modifiers) = self.modifiers_of(octets) {
                told.apply(modifiers);
            }
        }
        self.styles.insert(style, told);
        told
    }

    /// The modifiers of a paragraph style, which stand behind its name.
    fn modifiers_of(&self, style: &'a [u8]) -> Option<&'a [u8]> {
        if u16_at(style, 2)? & 15 != 1 {
            return None;
        }
        let letters = usize::from(u16_at(style, self.base)?);
        let at = self.base + 2 + 2 * letters + 2;
        let length = usize::from(u16_at(style, at)?);
        style.get(at + 4..(at + 2 + length).min(style.len()))
    }
}

/// Which of `count` ranges, whose borders stand in front of `octets` in order, holds a place.
fn holding(octets: &[u8], count: usize, at: usize) -> Option<usize> {
    let border = |index: usize| u32_at(octets, 4 * index).map(|place| place as usize);
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = usize::midpoint(low, high);
        match border(middle + 1)? <= at {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    (low < count && border(low)? <= at).then_some(low)
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

    #[test]
    fn the_range_that_holds_a_place_is_found_and_no_other() {
        let borders: Vec<u8> = [10_u32, 20, 30].iter().flat_map(|border| border.to_le_bytes()).collect();
        let found = [9, 10, 19, 20, 29, 30].map(|at| holding(&borders, 2, at));
        assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(1), None]);
    }
}
