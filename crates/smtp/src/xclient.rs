//! XCLIENT and XFORWARD attributes: who the client of our peer was, as a trusted peer says. For logs and policies only.
//!
//! The forms are Postfix' (XCLIENT_README, XFORWARD_README): `NAME=value` with xtext (RFC 3461 4) or UTF-8 values,
//! `[UNAVAILABLE]` and `[TEMPUNAVAIL]`, IPv6 addresses with or without the `IPV6:` tag.

use std::fmt;
use std::net::IpAddr;

/// Most attributes of one command, and longest value in octets.
const MAX_ATTRIBUTES: usize = 16;
const MAX_VALUE: usize = 255;

/// Attributes in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(Name, Value)>);

/// Attribute names of both commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Name {
    Name,
    Addr,
    Port,
    Proto,
    Helo,
    Login,
    DestAddr,
    DestPort,
    Ident,
    Source,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The decoded text; never empty, no control characters.
    Text(String),
    /// `[UNAVAILABLE]`: not there, and will not be.
    Unavailable,
    /// `[TEMPUNAVAIL]`: not there just now.
    TempUnavailable,
}

/// The attributes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad XCLIENT or XFORWARD attributes")]
pub struct BadAttributes;

/// The names that we offer for XCLIENT and for XFORWARD.
pub const XCLIENT_NAMES: &[Name] = &[
    Name::Name,
    Name::Addr,
    Name::Port,
    Name::Proto,
    Name::Helo,
    Name::Login,
    Name::DestAddr,
    Name::DestPort,
];
/// The names that we offer for XFORWARD.
pub const XFORWARD_NAMES: &[Name] =
    &[Name::Name, Name::Addr, Name::Port, Name::Proto, Name::Helo, Name::Ident, Name::Source];

impl Name {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Name, "NAME"),
        (Self::Addr, "ADDR"),
        (Self::Port, "PORT"),
        (Self::Proto, "PROTO"),
        (Self::Helo, "HELO"),
        (Self::Login, "LOGIN"),
        (Self::DestAddr, "DESTADDR"),
        (Self::DestPort, "DESTPORT"),
        (Self::Ident, "IDENT"),
        (Self::Source, "SOURCE"),
    ];

    /// By its word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, text)| text.eq_ignore_ascii_case(word)).map(|(name, _)| *name)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(name, _)| *name == self).map_or("", |(_, text)| text)
    }
}

impl Attributes {
    /// From name and value pairs, as for a command of our own.
    pub fn new(pairs: Vec<(Name, Value)>) -> Self {
        Self(pairs)
    }

    /// Reads `NAME=value NAME=value`.
    pub fn parse(text: &[u8]) -> Result<Self, BadAttributes> {
        let text = std::str::from_utf8(text).map_err(|_| BadAttributes)?;
        let mut pairs = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').ok_or(BadAttributes)?;
            let name = Name::parse(name).ok_or(BadAttributes)?;
            if pairs.len() >= MAX_ATTRIBUTES {
                return Err(BadAttributes);
            }
            pairs.push((name, value_of(name, value)?));
        }
        if pairs.is_empty() { Err(BadAttributes) } else { Ok(Self(pairs)) }
    }

    /// The attribute's text, if the peer knew it. The last one of a name counts.
    pub fn text(&self, name: Name) -> Option<&str> {
        match self.0.iter().rfind(|(other, _)| *other == name)? {
            (_, Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The address of ADDR.
    pub fn address(&self) -> Option<IpAddr> {
        parse_address(self.text(Name::Addr)?)
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Name, Value)> {
        self.0.iter()
    }

    /// Takes over what `newer` says (XFORWARD adds up over several commands).
    pub fn merge(&mut self, newer: &Self) {
        for (name, value) in &newer.0 {
            self.0.retain(|(other, _)| other != name);
            self.0.push((*name, value.clone()));
        }
    }

    /// Only those whose names `offered` has.
    pub fn only(&self, offered: &[Name]) -> Self {
        Self(self.0.iter().filter(|(name, _)| offered.contains(name)).cloned().collect())
    }

    /// No attribute at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Attributes {
    /// As in a command: values as xtext.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{}=", name.as_str())?;
            match value {
                Value::Text(text) => f.write_str(&encode_xtext(text))?,
                Value::Unavailable => f.write_str("[UNAVAILABLE]")?,
                Value::TempUnavailable => f.write_str("[TEMPUNAVAIL]")?,
            }
        }
        Ok(())
    }
}

fn value_of(name: Name, value: &str) -> Result<Value, BadAttributes> {
    if value.eq_ignore_ascii_case("[UNAVAILABLE]") {
        return Ok(Value::Unavailable);
    }
    if value.eq_ignore_ascii_case("[TEMPUNAVAIL]") {
        return Ok(Value::TempUnavailable);
    }
    let text = decode_xtext(value).ok_or(BadAttributes)?;
    let clean = !text.is_empty() && text.len() <= MAX_VALUE && !text.chars().any(char::is_control);
    let fits = match name {
        Name::Addr | Name::DestAddr => parse_address(&text).is_some(),
        Name::Port | Name::DestPort => text.parse::<u16>().is_ok(),
        Name::Proto => ["SMTP", "ESMTP"].iter().any(|proto| text.eq_ignore_ascii_case(proto)),
        Name::Source => ["LOCAL", "REMOTE"].iter().any(|source| text.eq_ignore_ascii_case(source)),
        _ => true,
    };
    if clean && fits { Ok(Value::Text(text)) } else { Err(BadAttributes) }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPV6:") => address.parse().ok().map(IpAddr::V6),
        _ => text.parse().ok(),
    }
}

/// xtext (RFC 3461 4): `!` to `~` without `+` and `=`, and `+HH` in upper case hexadecimal.
pub(crate) fn is_xtext(text: &str) -> bool {
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        let good = match octet {
            b'+' => octets.next().and_then(hex).is_some() && octets.next().and_then(hex).is_some(),
            b'=' => false,
            other => other.is_ascii_graphic(),
        };
        if !good {
            return false;
        }
    }
    true
}

/// Decodes xtext; UTF-8 outside of `+HH` is taken as it is. A `+` without two digits is an error.
pub fn decode_xtext(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'+' => out.push(hex(octets.next()?)? << 4 | hex(octets.next()?)?),
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

/// Encodes as xtext.
pub fn encode_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_graphic() && octet != b'+' && octet != b'=' {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("+{octet:02X}"));
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_of_a_postfix_are_read() {
        let attributes =
            Attributes::parse(b"NAME=spike.example ADDR=IPV6:2001:db8::1 PROTO=ESMTP HELO=[TEMPUNAVAIL]");
        let attributes = attributes.expect("valid");
        assert_eq!(attributes.text(Name::Name), Some("spike.example"));
        assert_eq!(attributes.address(), "2001:db8::1".parse().ok());
        assert_eq!(attributes.text(Name::Helo), None);
        assert_eq!(
            attributes.to_string(),
            "NAME=spike.example ADDR=IPV6:2001:db8::1 PROTO=ESMTP HELO=[TEMPUNAVAIL]"
        );
    }

    #[test]
    fn bad_attributes_are_refused() {
        for text in [
            &b""[..],
            b"NAME",
            b"COLOUR=red",
            b"ADDR=here",
            b"PORT=65536",
            b"PROTO=HTTP",
            b"NAME=",
            b"NAME=a+0Ab",
            b"NAME=a+zz",
            b"NAME=\xff",
            b"SOURCE=MARS",
        ] {
            assert_eq!(Attributes::parse(text), Err(BadAttributes), "{}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn xtext_decodes_to_what_was_encoded(text in ".{0,40}") {
            let encoded = encode_xtext(&text);
            prop_assert!(is_xtext(&encoded));
            prop_assert_eq!(decode_xtext(&encoded), Some(text));
        }
    }
}
