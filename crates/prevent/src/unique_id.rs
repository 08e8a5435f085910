//! `X-dlp-uniquemsgid`: the same message gets the same id on every server and at every retry, without coordination.

use std::fmt;
use std::str::FromStr;

/// The key of the hash; shared by all servers of one company. Never shown.
#[derive(Clone)]
pub struct IdKey([u8; 32]);

impl IdKey {
    /// A key from 32 secret octets.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdKey(…)")
    }
}

/// What identifies a message whichever way it comes: no recipients, for an upstream may have split it by recipient.
pub(crate) struct Identity<'a> {
    pub(crate) sender: &'a str,
    pub(crate) message_id: Option<&'a [u8]>,
    /// From, Date and Subject stand in where Message-ID is missing.
    pub(crate) instead: [&'a [u8]; 3],
    pub(crate) body: &'a [u8],
}

/// An upper-case UUID (version 8 of RFC 9562: made of a hash).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueId(String);

impl UniqueId {
    pub(crate) fn of(key: &IdKey, identity: &Identity<'_>) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        // Each field is preceded by its length, so that no two splits of the same octets are equal.
        let mut field = |octets: &[u8]| {
            hasher.update(&(octets.len() as u64).to_le_bytes());
            hasher.update(octets);
        };
        field(identity.sender.as_bytes());
        match identity.message_id.map(<[u8]>::trim_ascii).filter(|id| !id.is_empty()) {
            Some(id) => field(id),
            None => identity.instead.iter().for_each(|part| field(part.trim_ascii())),
        }
        field(identity.body);
        let mut octets = [0; 16];
        octets.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        octets[6] = octets[6] & 0x0f | 0x80;
        octets[8] = octets[8] & 0x3f | 0x80;
        Self(format_uuid(&octets))
    }

    /// The id as it stands in the header line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdKey {
    type Err = &'static str;

    /// 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let mut octets = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err("the key must be 64 hexadecimal digits");
        }
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| "the key must be 64 hexadecimal digits")?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| "the key must be 64 hexadecimal digits")?;
        }
        Ok(Self(octets))
    }
}

fn format_uuid(octets: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(36);
    for (i, octet) in octets.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(octet >> 4)] as char);
        text.push(DIGITS[usize::from(octet & 15)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sender: &str, message_id: Option<&[u8]>, date: &[u8], body: &[u8]) -> UniqueId {
        let identity = Identity { sender, message_id, instead: [b"f", date, b"s"], body };
        UniqueId::of(&IdKey::new([7; 32]), &identity)
    }

    #[test]
    fn the_form_is_that_of_the_guide() {
        let text = id("a@b.example", Some(b"<1@x>"), b"", b"body").to_string();
        assert_eq!(text.len(), 36);
        assert!(
            text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'A'..=b'F').contains(&b)),
            "{text}"
        );
        assert_eq!(text.bytes().filter(|&b| b == b'-').count(), 4);
    }

    #[test]
    fn a_retry_has_the_same_id_and_another_mail_has_not() {
        let first = id("a@b.example", Some(b" <1@x>"), b"d", b"body");
        assert_eq!(first, id("a@b.example", Some(b"<1@x>\r\n"), b"other", b"body"));
        assert_ne!(first, id("a@b.example", Some(b"<2@x>"), b"d", b"body"));
        assert_ne!(first, id("c@b.example", Some(b"<1@x>"), b"d", b"body"));
        assert_ne!(first, id("a@b.example", Some(b"<1@x>"), b"d", b"body."));
    }

    #[test]
    fn without_message_id_the_date_tells_mails_apart() {
        assert_ne!(id("a", None, b"Mon", b"b"), id("a", None, b"Tue", b"b"));
        assert_eq!(id("a", None, b"Mon", b"b"), id("a", Some(b"  "), b"Mon", b"b"));
    }

    #[test]
    fn a_key_is_read_from_hexadecimal_and_never_shown() {
        let key: IdKey = "ab".repeat(32).parse().unwrap();
        assert_eq!(format!("{key:?}"), "IdKey(…)");
        assert!("xyz".parse::<IdKey>().is_err());
        assert!("é".repeat(32).parse::<IdKey>().is_err());
    }
}
