//! Reverse and forward paths (RFC 5321 4.1.2, 4.1.3; RFC 6531 3.3): mailboxes, quoted local parts, literals, routes.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Limits;

/// A domain or an address literal. As text: letters lower-cased, a literal with its brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(String);

/// Where a MAIL came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: a bounce.
    Null,
    /// A mailbox.
    Mailbox(Address),
}

/// Where a RCPT goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain (RFC 5321 4.5.1).
    Postmaster,
    /// A mailbox.
    Mailbox(Address),
}

/// A mailbox as the sender meant it: the local part without quoting, the domain in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

/// Why a path cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// No `<` at the start or no `>` at the end.
    #[error("no angle brackets")]
    Brackets,
    /// The local part has what it may not have, or nothing.
    #[error("bad local part")]
    LocalPart,
    /// No `@`, or the domain has what it may not have.
    #[error("bad domain")]
    Domain,
    /// The bracketed literal is not an address.
    #[error("bad address literal")]
    Literal,
    /// The source route before the mailbox cannot be read.
    #[error("bad source route")]
    Route,
    /// Longer than the limits.
    #[error("too long")]
    TooLong,
    /// Something other than a space follows.
    #[error("octets after the path")]
    Trailing,
}

impl Domain {
    /// A domain of LDH labels (underscores too, as real names have them), UTF-8 labels, or an address literal.
    pub fn parse(text: &[u8]) -> Option<Self> {
        domain(text).ok()
    }

    /// What may stand after EHLO and HELO. The same as in a path, ASCII only.
    pub(crate) fn parse_greeting(text: &[u8]) -> Option<Self> {
        if text.is_ascii() { Self::parse(text) } else { None }
    }

    /// The text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ReversePath {
    /// The address for policies; empty for `<>`.
    pub fn address(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(address) => &address.text,
        }
    }

    /// The local part without quoting; empty for `<>`.
    pub fn local(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(address) => address.local(),
        }
    }

    /// The domain in lower case; empty for `<>`.
    pub fn domain(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(address) => address.domain(),
        }
    }
}

impl ForwardPath {
    /// The address for policies; `postmaster` for `<Postmaster>`.
    pub fn address(&self) -> &str {
        match self {
            Self::Postmaster => "postmaster",
            Self::Mailbox(address) => &address.text,
        }
    }

    /// The local part without quoting.
    pub fn local(&self) -> &str {
        match self {
            Self::Postmaster => "postmaster",
            Self::Mailbox(address) => address.local(),
        }
    }

    /// The domain in lower case; empty for `<Postmaster>`.
    pub fn domain(&self) -> &str {
        match self {
            Self::Postmaster => "",
            Self::Mailbox(address) => address.domain(),
        }
    }
}

impl Address {
    /// Local part and domain with an `@` between.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The local part without quoting.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// The domain in lower case.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }
}

/// Reads a reverse path; gives what follows it.
pub(super) fn reverse<'l>(text: &'l [u8], limits: &Limits) -> Result<(ReversePath, &'l [u8]), BadPath> {
    if let Some(rest) = text.strip_prefix(b"<>") {
        return Ok((ReversePath::Null, followed_by_space(rest)?));
    }
    let (address, rest) = bracketed(text, limits)?;
    Ok((ReversePath::Mailbox(address), rest))
}

/// Reads a forward path; gives what follows it.
pub(super) fn forward<'l>(text: &'l [u8], limits: &Limits) -> Result<(ForwardPath, &'l [u8]), BadPath> {
    const POSTMASTER: &[u8] = b"<postmaster>";
    if let Some((start, rest)) = text.split_at_checked(POSTMASTER.len())
        && start.eq_ignore_ascii_case(POSTMASTER)
    {
        return Ok((ForwardPath::Postmaster, followed_by_space(rest)?));
    }
    let (address, rest) = bracketed(text, limits)?;
    Ok((ForwardPath::Mailbox(address), rest))
}

fn followed_by_space(rest: &[u8]) -> Result<&[u8], BadPath> {
    if rest.is_empty() || rest[0] == b' ' { Ok(rest) } else { Err(BadPath::Trailing) }
}

fn bracketed<'l>(text: &'l [u8], limits: &Limits) -> Result<(Address, &'l [u8]), BadPath> {
    let inner = text.strip_prefix(b"<").ok_or(BadPath::Brackets)?;
    let inner = source_route(inner)?;
    let (local, rest) = local_part(inner)?;
    let rest = rest.strip_prefix(b"@").ok_or(BadPath::Domain)?;
    let end = memchr::memchr(b'>', rest).ok_or(BadPath::Brackets)?;
    let after = followed_by_space(&rest[end + 1..])?;
    let name = &rest[..end];
    if local.len() > limits.local_part || name.len() > limits.domain || text.len() - after.len() > limits.path
    {
        return Err(BadPath::TooLong);
    }
    let domain = domain(name)?;
    let at = local.len();
    let mut text = local;
    text.push('@');
    text.push_str(domain.as_str());
    Ok((Address { text, at }, after))
}

/// Skips `@a,@b:` (RFC 5321 appendix C: accept, ignore). It stays in the verbatim path.
fn source_route(inner: &[u8]) -> Result<&[u8], BadPath> {
    if inner.first() != Some(&b'@') {
        return Ok(inner);
    }
    let colon = route_end(inner).ok_or(BadPath::Route)?;
    let hops_are_domains = inner[..colon]
        .split(|octet| *octet == b',')
        .all(|hop| hop.strip_prefix(b"@").is_some_and(|name| domain(name).is_ok()));
    if hops_are_domains { Ok(&inner[colon + 1..]) } else { Err(BadPath::Route) }
}

/// The colon that ends the route: colons within brackets belong to an IPv6 literal.
fn route_end(inner: &[u8]) -> Option<usize> {
    let mut literal = false;
    inner.iter().position(|octet| {
        match octet {
            b'[' => literal = true,
            b']' => literal = false,
            _ => {}
        }
        *octet == b':' && !literal
    })
}

/// Reads a dot-string or a quoted string; gives it without quoting, and what follows.
fn local_part(text: &[u8]) -> Result<(String, &[u8]), BadPath> {
    let (local, rest) = match text.strip_prefix(b"\"") {
        Some(quoted) => unquoted(quoted)?,
        None => {
            let end = text.iter().position(|octet| !is_atext(*octet) && *octet != b'.').unwrap_or(text.len());
            let dots = text[..end].split(|octet| *octet == b'.').all(|atom| !atom.is_empty());
            if !dots {
                return Err(BadPath::LocalPart);
            }
            (text[..end].to_vec(), &text[end..])
        }
    };
    Ok((String::from_utf8(local).map_err(|_| BadPath::LocalPart)?, rest))
}

fn unquoted(quoted: &[u8]) -> Result<(Vec<u8>, &[u8]), BadPath> {
    let mut local = Vec::new();
    let mut octets = quoted.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'"' if local.is_empty() => return Err(BadPath::LocalPart),
            b'"' => return Ok((local, &quoted[at + 1..])),
            b'\\' => match octets.next() {
                Some((_, octet @ b' '..=b'~')) => local.push(*octet),
                _ => return Err(BadPath::LocalPart),
            },
            b' '..=b'~' | 0x80.. => local.push(*octet),
            _ => return Err(BadPath::LocalPart),
        }
    }
    Err(BadPath::LocalPart)
}

fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn domain(text: &[u8]) -> Result<Domain, BadPath> {
    if let Some(literal) = text.strip_prefix(b"[") {
        return address_literal(literal.strip_suffix(b"]").ok_or(BadPath::Literal)?);
    }
    let labels_are_good = text.split(|octet| *octet == b'.').all(is_label);
    let text = std::str::from_utf8(text).map_err(|_| BadPath::Domain)?;
    if labels_are_good && text.len() <= 255 {
        Ok(Domain(text.to_ascii_lowercase()))
    } else {
        Err(BadPath::Domain)
    }
}

fn is_label(label: &[u8]) -> bool {
    let inner = |octet: &u8| octet.is_ascii_alphanumeric() || *octet >= 0x80 || matches!(octet, b'-' | b'_');
    let edge = |octet: Option<&u8>| octet.is_some_and(|octet| *octet != b'-');
    label.len() <= 63 && edge(label.first()) && edge(label.last()) && label.iter().all(inner)
}

/// `[192.0.2.1]`, `[IPv6:2001:db8::1]`. Other tags are not in use and are refused.
fn address_literal(inner: &[u8]) -> Result<Domain, BadPath> {
    let text = std::str::from_utf8(inner).map_err(|_| BadPath::Literal)?;
    let is_address = match text.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => address.parse::<Ipv6Addr>().is_ok(),
        _ => text.parse::<Ipv4Addr>().is_ok(),
    };
    if is_address { Ok(Domain(format!("[{}]", text.to_ascii_lowercase()))) } else { Err(BadPath::Literal) }
}
