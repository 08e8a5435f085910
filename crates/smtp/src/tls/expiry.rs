//! Reads the end of a certificate's validity (RFC 5280 4.1.2.5). Nothing else of it is of interest here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `notAfter` of a DER certificate, or of the first one in a PEM file; `None` if it cannot be found.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    match CertificateDer::from_pem_slice(certificate) {
        Ok(decoded) => of_der(&decoded),
        Err(_) => of_der(certificate),
    }
}

fn of_der(certificate: &[u8]) -> Option<Timestamp> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_validity_is_found_in_der_and_in_pem() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, shown) in [(2031, "2031-05-06T00:00:00Z"), (2055, "2055-05-06T00:00:00Z")] {
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            // Until 2049 it is a UTCTime, then a GeneralizedTime.
            params.not_after = rcgen::date_time_ymd(year, 5, 6);
            let certificate = params.self_signed(&key).unwrap();
            for form in [certificate.der().to_vec(), certificate.pem().into_bytes()] {
                assert_eq!(not_after(&form).map(|end| end.to_string()).as_deref(), Some(shown));
            }
        }
        assert_eq!(not_after(b"-----BEGIN CERTIFICATE-----"), None);
    }
}
