//! Where mail is delivered: `smtp://HOST:PORT` or `maildir:DIR`, in text and back without change.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smtp::mx::Target;

/// A place that takes mail from the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    /// A host that speaks SMTP (`smtp://HOST:PORT`, `smtp://mx:DOMAIN`).
    Smtp(Target),
    /// A directory with `tmp`, `new` and `cur` (`maildir:DIR`).
    Maildir(PathBuf),
}

impl Destination {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "write smtp://HOST:PORT, smtp://mx:DOMAIN or maildir:DIRECTORY";
        if let Some(target) = text.strip_prefix("smtp://") {
            let target = Target::parse(target.trim_end_matches('/'), 25);
            return target.map(Self::Smtp).map_err(|why| format!("{text:?}: {why}; {expected}"));
        }
        match text.strip_prefix("maildir:") {
            Some("") | None => Err(format!("{text:?} is no destination; {expected}")),
            Some(dir) => Ok(Self::Maildir(dir.trim_start_matches("//").into())),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(target) => write!(f, "smtp://{target}"),
            Self::Maildir(dir) => write!(f, "maildir:{}", dir.display()),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_written_as_it_is_read_and_nonsense_is_explained() {
        for text in
            ["smtp://127.0.0.1:25", "smtp://relay.example:2525", "smtp://[::1]:25", "maildir:/var/mail/out"]
        {
            assert_eq!(Destination::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Destination::parse("smtp://relay.example").unwrap().to_string(),
            "smtp://relay.example:25"
        );
        for text in ["", "relay.example:25", "maildir:", "smtp://", "lmtp://x"] {
            assert!(Destination::parse(text).unwrap_err().contains("maildir:DIRECTORY"), "{text}");
        }
    }
}
