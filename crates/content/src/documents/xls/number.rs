//! Numbers of cells in binary workbooks: as their formats show them and as they are stored, in one text.

use std::borrow::Cow;

use crate::documents::ooxml::{self, at_most_15_digits};

/// Formats and styles of one workbook, and styles beyond them.
const MAX_FORMATS: u32 = 65_536;

/// Number formats and the cell styles that use them.
pub(in crate::documents) struct Formats {
    known: ooxml::Formats,
    left: u32,
}

impl Default for Formats {
    fn default() -> Self {
        Self { known: ooxml::Formats::new(false), left: 2 * MAX_FORMATS }
    }
}

impl Formats {
    pub(in crate::documents) fn define(&mut self, index: u16, code: &str) {
        self.known.define(index.into(), code);
    }

    /// The next style is one of this format, and of cells that are read from right to left or not.
    pub(in crate::documents) fn style(&mut self, format: u16, rightward: bool) {
        if self.left > 0 {
            self.left -= 1;
            self.known.style(format.into());
            if rightward {
                self.known.runs_rightward();
            }
        }
    }

    /// Text of a cell of a style, in the direction in which it is read.
    pub(in crate::documents) fn directed<'t>(&self, style: u16, text: &'t str) -> Cow<'t, str> {
        self.known.directed(style.into(), text)
    }

    /// A text between the words that its format puts beside it, and as it is; or as it is.
    pub(in crate::documents) fn text<'t>(&self, style: u16, text: &'t str) -> Cow<'t, str> {
        match self.known.show_text(style.into(), text).filter(|_| !text.is_empty()) {
            Some(shown) => Cow::Owned(format!("{shown} {text}")),
            None => text.into(),
        }
    }

    /// Days are counted from 1904.
    pub(in crate::documents) fn counts_from_1904(&mut self) {
        self.known.counts_from_1904();
    }

    /// What a cell of a style shows, with what it holds where that differs.
    pub(in crate::documents) fn show(&self, style: u16, value: f64) -> String {
        match self.shown_and_stored(style, value) {
            (mut shown, Some(stored)) => {
                if let Cow::Owned(turned) = self.directed(style, &shown) {
                    shown = turned;
                }
                shown.push(' ');
                shown.push_str(&stored);
                shown
            }
            (shown, None) => shown,
        }
    }

    /// What a cell of a style shows, and apart what it holds where that differs.
    pub(in crate::documents) fn shown_and_stored(&self, style: u16, value: f64) -> (String, Option<String>) {
        let stored = plain(value);
        match self.known.show(style.into(), &stored) {
            Some(shown) if shown != stored => (shown, Some(stored)),
            _ => (stored, None),
        }
    }
}

/// An RK number: 30 bits of an integer or of a float, perhaps in hundredths.
pub(in crate::documents) fn rk(value: u32) -> f64 {
    let number = match value & 2 {
        0 => f64::from_bits(u64::from(value & !3) << 32),
        _ => f64::from(value.cast_signed() >> 2),
    };
    if value & 1 != 0 { number / 100.0 } else { number }
}

pub(in crate::documents) fn float(octets: &[u8]) -> f64 {
    octets.try_into().map_or(0.0, f64::from_le_bytes)
}

/// The digits that stand for the number, of a fraction no more than programs show, without an exponent where people would
/// not write one.
pub(in crate::documents) fn plain(value: f64) -> String {
    let size = value.abs();
    // Most numbers are whole; the digits of integers take no search. A zero may have a sign.
    if size != 0.0 && size < 1e15 && value.trunc() == value {
        return (value as i64).to_string();
    }
    if size != 0.0 && !(1e-7..1e18).contains(&size) {
        return format!("{value:e}");
    }
    let digits = format!("{value}");
    // 15 digits, the point and a sign.
    if digits.len() <= 16 { digits } else { at_most_15_digits(&digits).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &str, value: f64) -> String {
        let mut formats = Formats::default();
        formats.define(164, format);
        formats.style(164, false);
        formats.show(0, value)
    }

    #[test]
    fn masks_are_filled_as_the_sheet_shows_them() {
        assert_eq!(shown("000\\-00\\-0000", 12_345_678.0), "012-34-5678 12345678");
        assert_eq!(shown("0000 0000 0000 000", 411_111_111_111_111.0), "4111 1111 1111 111 411111111111111");
        assert_eq!(shown("#,##0.00", 1234.5), "1,234.50 1234.5");
    }

    #[test]
    fn dates_are_dates_and_numbers_stay_whole() {
        assert_eq!(shown("dd/mm/yyyy", 45_356.0), "05/03/2024 45356");
        assert_eq!(shown("d-mmm", 45_356.0), "5-Mar 45356");
        assert_eq!(shown("h:mm", 0.5), "12:00 0.5");
        assert_eq!(plain(4_111_111_111_111_111.0), "4111111111111111");
        assert_eq!((plain(-7.0), plain(-0.0), plain(0.0)), ("-7".into(), "-0".into(), "0".into()));
        assert_eq!(
            (plain(999_999_999_999_999.0), plain(-1e17)),
            ("999999999999999".into(), "-100000000000000000".into())
        );
        assert_eq!(plain(96.549_285_770_068_92), "96.5492857700689");
        assert_eq!(rk(0x0000_0006), 1.0);
    }
}
