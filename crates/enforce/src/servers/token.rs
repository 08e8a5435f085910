//! The token by which a server is enrolled: who it will be, a secret that counts once, and the authority to expect.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What stands in a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The server's name at Enforce.
    pub name: String,
    /// What proves it.
    pub secret: String,
    /// Blake3 of the authority's certificate: the server trusts nobody else with its secret.
    pub authority: String,
}

impl Token {
    /// As people carry it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From what people carried.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let octets = URL_SAFE_NO_PAD.decode(text.trim()).ok();
        octets.and_then(|octets| serde_json::from_slice(&octets).ok()).ok_or_else(|| {
            Error::Refused("this is no token of `weir enforce enroll`; copy the whole line".to_owned())
        })
    }

    /// What Enforce keeps of it.
    pub(crate) fn hash(secret: &str) -> String {
        blake3::derive_key("weir 2026 enrolment token", secret.as_bytes())
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect()
    }
}

/// A name that a server may have: a host name's label or several, in small letters.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let good = (1..=63).contains(&name.len())
        && name.chars().all(fits)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..");
    if !good {
        return Err(Error::Refused(format!(
            "{:?} cannot be a server's name: up to 63 small letters, digits, hyphens and dots, as in a host name",
            name.escape_debug().to_string()
        )));
    }
    if name == crate::certificates::NAME {
        return Err(Error::Refused(format!("{name:?} is the name of the Enforce server itself")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was_and_a_torn_one_is_refused() {
        let token = Token { name: "mx1".into(), secret: "s".into(), authority: "a".into() };
        assert_eq!(Token::parse(&format!(" {}\n", token.text())).unwrap(), token);
        assert!(Token::parse(&token.text()[3..]).is_err());
        assert!(Token::parse("").is_err());
    }

    #[test]
    fn names_are_host_names_and_none_is_enforce_itself() {
        for good in ["mx1", "mx-1.company.example", "1"] {
            check_name(good).unwrap();
        }
        for bad in ["", "MX1", "mx_1", "-a", "a.", "a..b", "enforce", "a b", "ä", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
