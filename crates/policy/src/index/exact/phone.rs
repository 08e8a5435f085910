//! Telephone numbers: with and without country code, trunk zero and separators, the same number.

use super::value::{Value, length};

/// Country codes of one and two digits; all others have three (ITU-T E.164).
const SHORT: &[u8] = &[
    1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57,
    58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// Digits of a whole number, country code included (E.164), and of the shortest that is worth a look.
const MOST: u32 = 15;
pub(crate) const LEAST: u32 = 6;

/// The number without the country code that it begins with; trunk zeros are dropped.
fn national(number: u128) -> u128 {
    let digits = length(number);
    let head = |count: u32| number / 10u128.pow(digits.saturating_sub(count));
    let code = (1..=2).find(|count| {
        SHORT.iter().any(|code| u128::from(*code) == head(*count) && *count == length(head(*count)))
    });
    number % 10u128.pow(digits.saturating_sub(code.unwrap_or(3)))
}

/// Whether it begins with that country code.
fn begins_with(number: u128, code: u128) -> bool {
    let rest = length(number).saturating_sub(length(code));
    number / 10u128.pow(rest) == code
}

/// A number as written: its digits, and whether a `+` or `00` stands before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Without leading zeros.
    pub(crate) number: u128,
    /// A country code is there.
    pub(crate) country: bool,
    /// It begins with a trunk zero.
    pub(crate) trunk: bool,
}

/// The forms of a cell: the first is the national one, that rows are tagged with.
pub(crate) fn cell(written: Written, home: Option<u16>) -> Option<Vec<Value>> {
    let Written { number, country, trunk } = written;
    let home = home.map(u128::from);
    let (full, rest) = match home {
        _ if country => (Some(number), national(number)),
        // 1-555-123-4567 or 49 30 1234567: the home country's code without a plus.
        Some(code) if !trunk && begins_with(number, code) && length(number) > 10 => {
            (Some(number), national(number))
        }
        Some(code) => (Some(code * 10u128.pow(length(number)) + number), number),
        None => (None, number),
    };
    if length(rest) < LEAST || full.is_some_and(|full| length(full) > MOST) || length(rest) > MOST {
        return None;
    }
    let full = full.map(|full| joined(full, rest));
    Some(match full {
        Some(full) => vec![Value::National(rest), Value::International(full)],
        None => vec![Value::National(rest), Value::AnyCountry(rest)],
    })
}

/// The whole number without a trunk zero between country code and the rest: +49 (0)30 … is +49 30 ….
fn joined(full: u128, rest: u128) -> u128 {
    let code = full / 10u128.pow(length(full) - code_length(full));
    code * 10u128.pow(length(rest)) + rest
}

fn code_length(full: u128) -> u32 {
    let digits = length(full);
    let head = |count: u32| full / 10u128.pow(digits.saturating_sub(count));
    (1..=2)
        .find(|count| {
            SHORT.iter().any(|code| u128::from(*code) == head(*count) && *count == length(head(*count)))
        })
        .unwrap_or(3)
        .min(digits)
}

/// What a number in a text may be in the index: the form to look up, and the national form of the same number.
pub(crate) fn forms(written: Written) -> impl Iterator<Item = (Value, Value)> {
    let Written { number, country, trunk } = written;
    let enough = (LEAST..=MOST).contains(&length(number));
    let rest = national(number);
    let international = (enough && !trunk && length(rest) >= LEAST)
        .then(|| (Value::International(joined(number, rest)), Value::National(rest)));
    let other = match country {
        true => (length(rest) >= LEAST).then_some((Value::AnyCountry(rest), Value::National(rest))),
        false => Some((Value::National(number), Value::National(number))),
    };
    international.into_iter().chain(other.filter(|_| enough))
}

#[cfg(test)]
// Digits are grouped as telephone numbers are.
#[allow(clippy::inconsistent_digit_grouping)]
mod tests {
    use super::*;

    fn plus(number: u128) -> Written {
        Written { number, country: true, trunk: false }
    }

    fn plain(number: u128) -> Written {
        Written { number, country: false, trunk: false }
    }

    fn met(cell_forms: &[Value], text: Written) -> bool {
        forms(text).any(|(form, _)| cell_forms.contains(&form))
    }

    #[test]
    fn a_number_with_country_code_is_met_in_every_usual_way() {
        let stored = cell(plus(49_30_1234567), None).unwrap();
        assert!(met(&stored, plus(49_30_1234567)));
        assert!(met(&stored, plus(49_030_1234567)), "the trunk zero in brackets");
        assert!(met(&stored, Written { number: 30_1234567, country: false, trunk: true }));
        assert!(met(&stored, plain(49_30_1234567)));
        assert!(!met(&stored, plus(44_30_1234567)), "another country");
        assert!(!met(&stored, plain(30_1234568)));
    }

    #[test]
    fn a_national_number_is_met_with_any_country_unless_the_home_country_is_known() {
        let open = cell(plain(555_123_4567), None).unwrap();
        assert!(met(&open, plus(1_555_123_4567)));
        assert!(met(&open, plain(555_123_4567)));
        let home = cell(plain(555_123_4567), Some(1)).unwrap();
        assert!(met(&home, plain(1_555_123_4567)));
        assert!(met(&home, plus(1_555_123_4567)));
        assert!(!met(&home, plus(7_555_123_4567)));
    }

    #[test]
    fn too_few_digits_are_no_telephone_number() {
        assert_eq!(cell(plain(110), None), None);
        assert_eq!(forms(plain(110)).count(), 0);
    }
}
