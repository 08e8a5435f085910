//! A message as policies are asked about it: who sends what to whom, when, and until when an answer is wanted.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use content::Opened;

/// The question to [`crate::Set::inspect`].
#[derive(Debug, Clone)]
pub struct Mail<'a> {
    /// Who sends it, to whom.
    pub envelope: &'a Envelope,
    /// What is in it.
    pub opened: &'a Opened<'a>,
    /// Octets as sent.
    pub size: u64,
    /// When it is sent, for time limits and conditions on the time of day.
    pub now: jiff::ZonedDateTime,
    /// When inspection must end; what is not inspected by then is a finding (`timeout`).
    pub deadline: Instant,
}

/// Who sends a message to whom. Addresses without angle brackets; the empty sender is `""`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The envelope sender.
    pub sender: String,
    /// The envelope recipients.
    pub recipients: Vec<String>,
    /// Where it came from, if known.
    pub peer: Option<IpAddr>,
}

impl Envelope {
    /// From, To, Cc and Bcc stand in for the envelope where a mail lies on disk.
    pub fn of_header(opened: &Opened<'_>) -> Self {
        let addresses = |name: &str| -> Vec<String> {
            let fields =
                opened.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name.as_bytes()));
            fields.flat_map(|header| addresses_in(&header.text)).collect()
        };
        let recipients = [addresses("to"), addresses("cc"), addresses("bcc")].concat();
        Self { sender: addresses("from").into_iter().next().unwrap_or_default(), recipients, peer: None }
    }
}

/// Every `local@domain` in a header value; names and comments are left out.
fn addresses_in(text: &str) -> Vec<String> {
    let separators =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '(' | ')' | '"' | '\'');
    let words = text.split(separators).filter(|word| word.contains('@'));
    words
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
        .filter(|word| word.contains('@'))
        .collect()
}

/// Where a message goes, seen from the `internal_domains` of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Direction {
    /// From us to at least one outsider.
    Outbound,
    /// From an outsider to at least one of us.
    Inbound,
    /// From us to nobody but us.
    Internal,
    /// Neither end is ours.
    Passing,
    /// No `internal_domains` are set.
    #[default]
    Unknown,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 5] = [Self::Outbound, Self::Inbound, Self::Internal, Self::Passing, Self::Unknown];

    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Passing => "passing",
            Self::Unknown => "unknown",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == name)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
