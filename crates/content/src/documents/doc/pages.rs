//! The pages of a Word document that tell of stretches of its text ([MS-DOC] 2.9.174, 2.9.34), of paragraphs and of runs alike.

use super::styles::StyleSheet;
use crate::documents::ole::u32_at;

const PAGE: usize = 512;

/// Pages of one kind, and which stretches they tell of.
pub(super) struct Pages<'a> {
    main: &'a [u8],
    /// Where pages begin to count, and which pages they are.
    list: &'a [u8],
    /// Octets of an entry, whose first one tells where its properties stand.
    entry: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(main: &'a [u8], list: &'a [u8], entry: usize) -> Self {
        Self { main, list, entry }
    }

    /// The end of the stretch that holds a place, where in its page its properties stand (0 if it has none), and that page.
    pub(super) fn entry(&self, at: usize) -> Option<(usize, usize, &'a [u8])> {
        let count = self.list.len().checked_sub(4)? / 8;
        let index = holding(self.list, count, at)?;
        let number = u32_at(self.list, 4 * (count + 1) + 4 * index)? & 0x3f_ffff;
        let start = (number as usize).checked_mul(PAGE)?;
        let page = self.main.get(start..start.checked_add(PAGE)?)?;
        let stretches = usize::from(page[PAGE - 1]);
        let stretch = holding(page, stretches, at)?;
        let end = u32_at(page, 4 * (stretch + 1))? as usize;
        let place = 2 * usize::from(*page.get(4 * (stretches + 1) + self.entry * stretch)?);
        Some((end, place, page))
    }
}

/// Whether a modifier may stand anywhere in a document: cheap, and wrong at most where there is none.
pub(super) fn may_say(code: u16, main: &[u8], sheet: &StyleSheet<'_>, shared: &[&[u8]]) -> bool {
    let code = code.to_le_bytes();
    let in_octets = |octets: &[u8]| memchr::memmem::find(octets, &code).is_some();
    in_octets(main) || sheet.holds(&code) || shared.iter().any(|octets| in_octets(octets))
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
    use super::holding;

    #[test]
    fn the_range_that_holds_a_place_is_found_and_no_other() {
        let borders: Vec<u8> = [10_u32, 20, 30].iter().flat_map(|border| border.to_le_bytes()).collect();
        let found = [9, 10, 19, 20, 29, 30].map(|at| holding(&borders, 2, at));
        assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(1), None]);
    }
}
