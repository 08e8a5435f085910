//! The style sheet of a Word document ([MS-DOC] 2.9.271): what each style says of paragraphs and of runs, and which one it is based on.

use super::header::Header;
use crate::documents::ole::u16_at;

/// Styles of a sheet (2.9.272, cstd).
const MOST: usize = 0xffe;
/// The style that is none.
const NONE: u16 = 0xfff;

/// Kinds of styles (2.9.260, stk).
const OF_PARAGRAPHS: u16 = 1;
const OF_CHARACTERS: u16 = 2;

/// Styles by their numbers, none of them looked into.
#[derive(Debug, Clone, Default)]
pub(super) struct StyleSheet<'a> {
    styles: Vec<Option<&'a [u8]>>,
    /// Octets of what stands before a style's name.
    base: usize,
}

impl<'a> StyleSheet<'a> {
    pub(super) fn read(header: &Header, table: &'a [u8]) -> Self {
        let sheet = header.part(table, header.styles);
        let front = usize::from(u16_at(sheet, 0).unwrap_or(0));
        let mut rest = sheet.get(2 + front..).unwrap_or_default();
        let mut styles = Vec::new();
        while let Some(length) = u16_at(rest, 0).filter(|_| styles.len() <= MOST) {
            let length = usize::from(length);
            let style = rest.get(2..2 + length);
            styles.push(style.filter(|style| !style.is_empty()));
            rest = rest.get(2 + length..).unwrap_or_default();
        }
        Self { styles, base: usize::from(u16_at(sheet, 4).unwrap_or(0)) }
    }

    /// Whether the octets stand in one of them.
    pub(super) fn holds(&self, octets: &[u8]) -> bool {
        self.styles.iter().flatten().any(|style| memchr::memmem::find(style, octets).is_some())
    }

    fn style(&self, number: u16) -> Option<&'a [u8]> {
        self.styles.get(usize::from(number)).copied().flatten()
    }

    /// The style that one is based on.
    pub(super) fn below(&self, number: u16) -> Option<u16> {
        let below = u16_at(self.style(number)?, 2)? >> 4;
        (below != NONE).then_some(below)
    }

    /// What a style of paragraphs says of them.
    pub(super) fn of_paragraphs(&self, number: u16) -> Option<&'a [u8]> {
        let (kind, first, _) = self.modifiers(number)?;
        // In front of them stands the style's own number.
        if kind == OF_PARAGRAPHS { first.get(2..) } else { None }
    }

    /// What a style of characters or of paragraphs says of runs.
    pub(super) fn of_runs(&self, number: u16) -> Option<&'a [u8]> {
        let (kind, first, rest) = self.modifiers(number)?;
        match kind {
            OF_CHARACTERS => Some(first),
            // The next one begins at an even octet of the style.
            OF_PARAGRAPHS => Some(counted(rest.get(first.len() % 2..)?)?.0),
            _ => None,
        }
    }

    /// The kind of a style, the modifiers that come first behind its name, and what stands behind them.
    fn modifiers(&self, number: u16) -> Option<(u16, &'a [u8], &'a [u8])> {
        let style = self.style(number)?;
        let letters = usize::from(u16_at(style, self.base)?);
        let (first, rest) = counted(style.get(self.base + 2 + 2 * letters + 2..)?)?;
        Some((u16_at(style, 2)? & 15, first, rest))
    }
}

/// Octets behind their number, as far as they are there, and the rest.
fn counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16_at(octets, 0)?);
    let rest = &octets[2..];
    Some(rest.split_at(length.min(rest.len())))
}
