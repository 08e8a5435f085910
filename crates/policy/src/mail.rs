//! A message as policies are asked about it: who sends what to whom, when, and until when an answer is wanted.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use content::Opened;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Octets of a date with its comments.
const LONGEST_DATE: usize = 200;

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

/// When a mail that lies on disk was sent, and the field that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// `Received` or `Date`.
    pub field: &'static str,
}

impl Sent {
    /// The topmost Received field says when the mail came to where it was kept; where there is none that can be read, the sender's
    /// Date stands in (RFC 5322 3.6.1, 3.6.7). None: neither can be read.
    pub fn of_header(opened: &Opened<'_>) -> Option<Self> {
        let first = |name: &str| {
            let field =
                opened.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))?;
            date_in(field.text.rsplit(';').next().unwrap_or_default())
        };
        let of = |field| first(field).map(|at| Self { at, field });
        of("Received").or_else(|| of("Date"))
    }
}

/// A date of mail; its day of the week is not believed.
fn date_in(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > LONGEST_DATE {
        return None;
    }
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(header: &str) -> Option<(String, &'static str)> {
        let mail = format!("{header}\r\n\r\nhello\r\n").replace('\n', "\r\n").replace("\r\r", "\r");
        let how = content::How {
            limits: &content::Limits::default(),
            deadline: Instant::now() + std::time::Duration::from_secs(60),
            documents: &content::Closed,
            passwords: &[],
            digests: false,
        };
        let opened = content::open(mail.as_bytes(), &how);
        Sent::of_header(&opened).map(|sent| (sent.at.to_string(), sent.field))
    }

    #[test]
    fn a_mail_on_disk_was_sent_when_it_came_there() {
        let received =
            "Received: from a (b; c) by d\n with ESMTP id 7;\n Tue, 24 Nov 2026 10:00:00 +0100 (CET)";
        let date = "Date: Mon, 23 Nov 2026 23:59:00 -0500";
        let came = |at: &str, field| Some((at.to_owned(), field));
        assert_eq!(sent(&format!("{received}\n{date}")), came("2026-11-24T09:00:00Z", "Received"));
        assert_eq!(
            sent(&format!("{received}\nReceived: by e; Tue, 24 Nov 2026 08:00:00 +0000")),
            came("2026-11-24T09:00:00Z", "Received")
        );
        assert_eq!(sent(date), came("2026-11-24T04:59:00Z", "Date"));
        assert_eq!(sent("Date: 23 Nov 2026 23:59:00 -0500"), came("2026-11-24T04:59:00Z", "Date"));
        assert_eq!(
            sent("Date: Sun, 23 Nov 2026 23:59:00 -0500"),
            came("2026-11-24T04:59:00Z", "Date"),
            "a wrong day of the week"
        );
        assert_eq!(sent(&format!("Received: by e\n{date}")), came("2026-11-24T04:59:00Z", "Date"));
    }

    #[test]
    fn a_date_that_cannot_be_read_is_none() {
        for header in ["Subject: x", "Date: yesterday", "Date: Tue, 31 Feb 2026 10:00:00 +0000", "Date:"] {
            assert_eq!(sent(header), None, "{header}");
        }
        assert_eq!(sent(&format!("Date: Tue, 24 Nov 2026 10:00:00 +0100 {}", "(".repeat(100_000))), None);
    }
}
