//! Reads the end of a certificate's validity (RFC 5280 4.1.2.5). Nothing else of it is of interest here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `notAfter` of a DER certificate; `None` if it cannot be found.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, outer) = expect(certificate, SEQUENCE)?;
    let (_, fields) = expect(outer, SEQUENCE)?;
    let rest = expect(fields, VERSION).map_or(fields, |(rest, _)| rest);
    let (rest, _serial) = expect(rest, INTEGER)?;
    let (rest, _algorithm) = expect(rest, SEQUENCE)?;
    let (rest, _issuer) = expect(rest, SEQUENCE)?;
    let (_, validity) = expect(rest, SEQUENCE)?;
    let (rest, _, _not_before) = element(validity)?;
    let (_, tag, text) = element(rest)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The next element, which must have that tag: what follows it, and its contents.
fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (rest, found, contents) = element(input)?;
    (found == tag).then_some((rest, contents))
}

fn element(input: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let (&[tag, first], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((rest, tag, contents))
}

/// `YYMMDDHHMMSSZ` (50 and over is 19YY) or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = match tag {
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? >= 50 => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}
