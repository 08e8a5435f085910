//! Telephone numbers: with and without country code, trunk zero and separators, the same number.

use super::value::Value;

/// Country codes of one and two digits; all others have three (ITU-T E.164).
const SHORT: &[u8] = &[
    1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57,
    58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// By the first two digits of a number: how many digits its country code has.
static CODE_LENGTH: [u8; 100] = {
    let mut table = [3; 100];
    let mut at = 0;
    while at < SHORT.len() {
        let code = SHORT[at] as usize;
        let mut head = if code < 10 { code * 10 } else { code };
        let end = if code < 10 { head + 10 } else { head + 1 };
        while head < end {
            table[head] = if code < 10 { 1 } else { 2 };
            head += 1;
        }
        at += 1;
    }
    table
};

/// Digits of a whole number, country code included (E.164), and of the shortest that is worth a look.
const MOST: u32 = 15;
pub(crate) const LEAST: u32 = 6;

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

/// How many digits it has.
fn digits(number: u64) -> u32 {
    if number == 0 { 0 } else { number.ilog10() + 1 }
}

/// Country code and the rest without a trunk zero, of a number of 4 to 15 digits: +49 (0)30 … is 49 and 30 ….
fn parted(number: u64) -> (u64, u64) {
    let length = digits(number);
    let head = number / 10u64.pow(length - 2);
    let rest = 10u64.pow(length - u32::from(CODE_LENGTH[head as usize]));
    (number / rest, number % rest)
}

fn joined(code: u64, rest: u64) -> u64 {
    code * 10u64.pow(digits(rest)) + rest
}

/// A number of a length that telephone numbers have.
fn plausible(number: u128) -> Option<u64> {
    let number = u64::try_from(number).ok()?;
    (LEAST..=MOST).contains(&digits(number)).then_some(number)
}

/// The forms of a cell: the first is the national one, that rows are tagged with.
pub(crate) fn cell(written: Written, home: Option<u16>) -> Option<Vec<Value>> {
    let number = plausible(written.number)?;
    let (code, rest) = parted(number);
    let (code, rest) = match home.map(u64::from) {
        _ if written.country => (Some(code), rest),
        // 1-555-123-4567 or 49 30 1234567: the home country's code without a plus.
        Some(home) if !written.trunk && code == home && digits(number) > 10 => (Some(code), rest),
        Some(home) => (Some(home), number),
        None => (None, number),
    };
    let enough = digits(rest) >= LEAST && code.is_none_or(|code| digits(code) + digits(rest) <= MOST);
    let form =
        code.map_or(Value::AnyCountry(rest.into()), |code| Value::International(joined(code, rest).into()));
    enough.then(|| vec![Value::National(rest.into()), form])
}

/// What a number in a text may be in the index: the form to look up, and the national form of the same number.
pub(crate) fn forms(written: Written) -> impl Iterator<Item = (Value, Value)> {
    let number = plausible(written.number);
    let parted = number.map(parted).filter(|(_, rest)| digits(*rest) >= LEAST);
    let national = |rest: u64| Value::National(rest.into());
    let international = parted
        .filter(|_| !written.trunk)
        .map(|(code, rest)| (Value::International(joined(code, rest).into()), national(rest)));
    let other = match written.country {
        true => parted.map(|(_, rest)| (Value::AnyCountry(rest.into()), national(rest))),
        false => number.map(|number| (national(number), national(number))),
    };
    international.into_iter().chain(other)
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
        assert_eq!(cell(plain(u128::MAX), Some(49)), None);
        assert_eq!(forms(plus(u128::MAX)).count(), 0);
        assert_eq!(forms(plain(110)).count(), 0);
    }
}
