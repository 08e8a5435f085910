//! Which runs of a Word document go from right to left ([MS-DOC] 2.4.6.2): by themselves, by their styles, or by a change of their piece.

use std::collections::HashMap;

use super::header::Header;
use super::pages::{Pages, may_say};
use super::paragraphs::each;
use super::styles::StyleSheet;
use crate::documents::ole::u16_at;

/// sprmCFBiDi
const RIGHTWARD: u16 = 0x085a;
/// sprmCIstd
const STYLE: u16 = 0x4a30;
/// Styles that rest upon one another.
const DEEPEST: usize = 32;

/// What is told of a run; nothing where nobody said.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    style: Option<u16>,
    rightward: Option<bool>,
}

impl Told {
    fn apply(&mut self, modifiers: &[u8]) {
        each(modifiers, |code, operand| match code {
            STYLE => self.style = u16_at(operand, 0),
            // 128 is what the style says, 129 the opposite: that is of use where the style says nothing.
            RIGHTWARD => {
                self.rightward = operand.first().filter(|octet| **octet != 0x80).map(|octet| *octet != 0);
            }
            _ => {}
        });
    }
}

/// Finds the direction of the runs of the text.
pub(super) struct Runs<'a> {
    pages: Pages<'a>,
    sheet: StyleSheet<'a>,
    styles: HashMap<u16, Option<bool>>,
    /// What pieces change.
    changes: Vec<Told>,
}

impl<'a> Runs<'a> {
    /// None where no run goes from right to left.
    pub(super) fn read(
        header: &Header,
        main: &'a [u8],
        table: &'a [u8],
        sheet: &StyleSheet<'a>,
        shared: &[&[u8]],
    ) -> Option<Self> {
        if !may_say(RIGHTWARD, main, sheet, shared) {
            return None;
        }
        let changes = shared.iter().map(|modifiers| {
            let mut told = Told::default();
            told.apply(modifiers);
            told
        });
        Some(Self {
            pages: Pages::new(main, header.part(table, header.runs), 1),
            sheet: sheet.clone(),
            styles: HashMap::new(),
            changes: changes.collect(),
        })
    }

    /// Whether the run at `at`, of a paragraph with a style and in a piece with the modifiers `changed`, goes from right to left; and where it ends.
    pub(super) fn at(&mut self, at: usize, style: u16, changed: u16) -> (usize, bool) {
        let (end, modifiers) = self.stored(at).unwrap_or((usize::MAX, &[]));
        let mut told = Told::default();
        told.apply(modifiers);
        if changed & 1 == 1
            && let Some(change) = self.changes.get(usize::from(changed >> 1))
        {
            told.style = change.style.or(told.style);
            told.rightward = change.rightward.or(told.rightward);
        }
        let mut rightward = told.rightward;
        for style in told.style.into_iter().chain([style]) {
            rightward = rightward.or_else(|| self.of_style(style, DEEPEST));
        }
        (end, rightward == Some(true))
    }

    /// The end of a run, and the modifiers that the page for the place has.
    fn stored(&self, at: usize) -> Option<(usize, &'a [u8])> {
        let (end, place, page) = self.pages.entry(at)?;
        let length = if place == 0 { 0 } else { usize::from(*page.get(place)?) };
        Some((end, page.get(place + 1..page.len().min(place + 1 + length)).unwrap_or_default()))
    }

    fn of_style(&mut self, style: u16, deep: usize) -> Option<bool> {
        if let Some(known) = self.styles.get(&style) {
            return *known;
        }
        let mut told = Told::default();
        if let Some(modifiers) = self.sheet.of_runs(style) {
            told.apply(modifiers);
        }
        if told.rightward.is_none() && deep > 0 {
            told.rightward = self.sheet.below(style).and_then(|below| self.of_style(below, deep - 1));
        }
        self.styles.insert(style, told.rightward);
        told.rightward
    }
}
