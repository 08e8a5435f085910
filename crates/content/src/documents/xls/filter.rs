//! What a filter of a sheet lets through ([MS-XLS] 2.4.6 AutoFilter, 2.4.7 AutoFilter12, 2.5.8 AF12Criteria).

use super::number;
use crate::documents::ole::{Fields, wide};

/// Octets of one comparison.
const COMPARISON: usize = 10;
/// Kinds of what is compared with: a number in four octets, one in eight, a string.
const SHORT: u8 = 2;
const NUMBER: u8 = 4;
const STRING: u8 = 6;

/// Values of a filter with one condition or two: one a line. `has_flags` as in formulas: strings say whether their letters have two octets.
pub(super) fn values(data: &[u8], has_flags: bool, page: &'static encoding_rs::Encoding) -> String {
    let mut fields = Fields(data.get(4..).unwrap_or_default());
    let (Some(first), Some(second)) = (fields.take(COMPARISON), fields.take(COMPARISON)) else {
        return String::new();
    };
    said(&[first, second], fields, has_flags, page)
}

/// A value that was chosen, of a filter of Excel 2007 and later: each in a record of its own, behind a header of twelve octets.
pub(super) fn chosen(data: &[u8], page: &'static encoding_rs::Encoding) -> String {
    let mut fields = Fields(data.get(12..).unwrap_or_default());
    let Some(one) = fields.take(COMPARISON) else { return String::new() };
    said(&[one], fields, true, page)
}

/// Numbers stand in the comparisons, strings behind all of them.
fn said(
    comparisons: &[&[u8]],
    mut strings: Fields<'_>,
    has_flags: bool,
    page: &'static encoding_rs::Encoding,
) -> String {
    let mut said = String::new();
    for comparison in comparisons {
        let value = match comparison[0] {
            SHORT => Fields(&comparison[2..]).u32().map(number::rk).map(number::plain),
            NUMBER => Some(number::plain(number::float(&comparison[2..]))),
            STRING => match string(usize::from(comparison[6]), &mut strings, has_flags, page) {
                None => break,
                said => said,
            },
            _ => None,
        };
        said.extend(value.into_iter().flat_map(|value| [value, "\n".to_owned()]));
    }
    said
}

fn string(
    count: usize,
    from: &mut Fields<'_>,
    has_flags: bool,
    page: &'static encoding_rs::Encoding,
) -> Option<String> {
    let is_wide = has_flags && from.u8()? & 1 == 1;
    let octets = from.take(if is_wide { 2 * count } else { count })?;
    Some(match (is_wide, has_flags) {
        (true, _) => wide(octets),
        (false, true) => encoding_rs::mem::decode_latin1(octets).into_owned(),
        (false, false) => page.decode_without_bom_handling(octets).0.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &encoding_rs::Encoding = encoding_rs::WINDOWS_1252;

    fn compared_with(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[kind, 2][..], value, &vec![0; 8 - value.len()]].concat()
    }

    #[test]
    fn numbers_and_strings_that_a_filter_lets_through_are_read() {
        let number = 4_111_111_111_111_111_f64.to_le_bytes();
        let (text, wide) = (compared_with(STRING, &[0, 0, 0, 0, 5]), compared_with(STRING, &[0, 0, 0, 0, 2]));
        let filter = |first: &[u8], second: &[u8], rest: &[u8]| [&[0; 4], first, second, rest].concat();
        let both = filter(&text, &wide, b"\0Amber\x01\xf6\0\xdf\0");
        assert_eq!(values(&both, true, PAGE), "Amber\nöß\n");
        let one = filter(&compared_with(NUMBER, &number), &text, b"\0Amber");
        assert_eq!(values(&one, true, PAGE), "4111111111111111\nAmber\n");
        let old = filter(&compared_with(0, &[]), &text, b"Amber");
        assert_eq!(values(&old, false, PAGE), "Amber\n");
        let newer = [&[0; 12][..], &text, b"\0Amber"].concat();
        assert_eq!(chosen(&newer, PAGE), "Amber\n");
        for length in 0..both.len() {
            assert!(["", "Amber\n"].contains(&&*values(&both[..length], true, PAGE)));
        }
    }
}
