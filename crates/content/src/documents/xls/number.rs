//! Numbers of cells as they are shown and as they are stored: dates as dates, masks such as `000-00-0000` filled in.

use std::collections::HashMap;

/// Number formats and the cell styles that use them.
#[derive(Debug, Default)]
pub(in crate::documents) struct Formats {
    custom: HashMap<u16, String>,
    styles: Vec<u16>,
    /// Days are counted from 1904.
    pub(in crate::documents) from_1904: bool,
}

impl Formats {
    pub(in crate::documents) fn define(&mut self, index: u16, format: &str) {
        if self.custom.len() < 65_536 {
            self.custom.insert(index, format.chars().take(512).collect());
        }
    }

    pub(in crate::documents) fn style(&mut self, format: u16) {
        if self.styles.len() < 65_536 {
            self.styles.push(format);
        }
    }

    /// What a cell of a style shows, with what it holds where that differs.
    pub(in crate::documents) fn show(&self, style: u16, value: f64) -> String {
        let stored = plain(value);
        let format = self.styles.get(usize::from(style)).copied().unwrap_or(0);
        let shown = match self.custom.get(&format) {
            Some(format) if is_date(format) => date(value, self.from_1904),
            Some(format) => masked(format, value),
            None if matches!(format, 14..=22 | 27..=36 | 45..=47 | 50..=58) => date(value, self.from_1904),
            None => None,
        };
        match shown {
            Some(shown) if shown != stored => format!("{shown} {stored}"),
            _ => stored,
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

/// The shortest digits that stand for the number, without an exponent where people would not write one.
pub(in crate::documents) fn plain(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-7..1e18).contains(&size) { format!("{value:e}") } else { format!("{value}") }
}

/// Whether a format shows a date or a time.
fn is_date(format: &str) -> bool {
    let mut quoted = false;
    let mut bracket = false;
    let mut escaped = false;
    for c in format.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' | '_' | '*' => escaped = true,
            '"' => quoted = !quoted,
            '[' => bracket = true,
            ']' => bracket = false,
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' if !quoted && !bracket => return true,
            _ => {}
        }
    }
    false
}

fn date(value: f64, from_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&value) {
        return None;
    }
    let days = value.floor() as i64 + if from_1904 { 1462 } else { 0 };
    let seconds = ((value - value.floor()) * 86_400.0).round() as i64;
    // Day 60 is 29 February 1900, which never was; days before it are one later than they seem.
    let days = if days < 60 { days + 1 } else { days };
    let (year, month, day) = civil(days - 25_569);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(match (value < 1.0, seconds) {
        (true, _) => clock,
        (false, 0) => format!("{year:04}-{month:02}-{day:02}"),
        (false, _) => format!("{year:04}-{month:02}-{day:02} {clock}"),
    })
}

/// Year, month and day of a count of days from 1970 (Hinnant's algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Digits put into a mask such as `000\-00\-0000` or `0000 0000 0000 0000`.
fn masked(format: &str, value: f64) -> Option<String> {
    let section = format.split(';').max_by_key(|section| section.matches(['0', '#']).count())?;
    let mask = literals(section)?;
    let holders = mask.iter().filter(|slot| slot.is_none()).count();
    let between = mask
        .iter()
        .skip_while(|slot| slot.is_some())
        .any(|slot| matches!(slot, Some(c) if "- /.()".contains(*c)));
    if !between || value < 0.0 || value.fract() != 0.0 || value >= 1e15 {
        return None;
    }
    let digits = format!("{:0>holders$}", value as u64);
    let spare = digits.len().saturating_sub(holders);
    let (before, rest) = digits.split_at(spare);
    let mut rest = rest.chars();
    let mut shown = String::new();
    let mut first = true;
    for slot in mask {
        match slot {
            Some(c) => shown.push(c),
            None => {
                if std::mem::take(&mut first) {
                    shown.push_str(before);
                }
                shown.extend(rest.next());
            }
        }
    }
    Some(shown)
}

/// Slots of a mask: a literal, or a place for a digit. Formats with fractions, groups or exponents are no masks.
fn literals(section: &str) -> Option<Vec<Option<char>>> {
    let mut slots = Vec::new();
    let mut chars = section.chars();
    while let Some(c) = chars.next() {
        match c {
            '0' | '#' | '?' => slots.push(None),
            '\\' => slots.push(chars.next()),
            '"' => slots.extend(chars.by_ref().take_while(|c| *c != '"').map(Some)),
            '[' => {
                chars.by_ref().find(|c| *c == ']');
            }
            '_' | '*' => {
                chars.next();
            }
            '-' | ' ' | '(' | ')' | '/' => slots.push(Some(c)),
            _ => return None,
        }
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &str, value: f64) -> String {
        let mut formats = Formats::default();
        formats.define(164, format);
        formats.style(164);
        formats.show(0, value)
    }

    #[test]
    fn masks_are_filled_as_the_sheet_shows_them() {
        assert_eq!(shown("000\\-00\\-0000", 12_345_678.0), "012-34-5678 12345678");
        assert_eq!(shown("0000 0000 0000 000", 411_111_111_111_111.0), "4111 1111 1111 111 411111111111111");
        assert_eq!(shown("#,##0.00", 1234.5), "1234.5");
    }

    #[test]
    fn dates_are_dates_and_numbers_stay_whole() {
        assert_eq!(shown("dd/mm/yyyy", 45_356.0), "2024-03-05 45356");
        assert_eq!(shown("h:mm", 0.5), "12:00:00 0.5");
        assert_eq!(plain(4_111_111_111_111_111.0), "4111111111111111");
        assert_eq!(rk(0x0000_0006), 1.0);
    }
}
