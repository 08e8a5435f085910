//! Who hears of a mail, and who must not.
//!
//! A notice answers a mail. As RFC 3834 asks of automatic answers, none goes to the sender of a mail that is itself automatic,
//! nor to a mail system's own address.

use serde::{Deserialize, Serialize};

/// Local parts of senders that are programs (RFC 3834 2).
const PROGRAMS: &[&str] = &["mailer-daemon", "postmaster"];

/// The order of a notice, as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct NoticeOrder {
    /// Who is told.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// Any number of lines.
    pub text: String,
    /// Who is not told, and why.
    #[serde(default)]
    pub withheld: Vec<(String, String)>,
}

impl NoticeOrder {
    /// To those of the addresses that may hear of a mail by this sender.
    pub fn new(to: &[String], subject: &str, text: &str, sender: &str, automatic: bool) -> Self {
        let mut order =
            Self { to: Vec::new(), subject: subject.to_owned(), text: text.to_owned(), withheld: Vec::new() };
        for address in to {
            match reason_to_withhold(address, sender, automatic) {
                Some(why) => order.withheld.push((address.clone(), why.to_owned())),
                None => order.to.push(address.clone()),
            }
        }
        order
    }

    /// To none of the addresses.
    pub fn to_nobody(to: &[String], subject: &str, text: &str, why: &str) -> Self {
        let withheld = to.iter().map(|address| (address.clone(), why.to_owned())).collect();
        Self { to: Vec::new(), subject: subject.to_owned(), text: text.to_owned(), withheld }
    }
}

fn reason_to_withhold(address: &str, sender: &str, automatic: bool) -> Option<&'static str> {
    let is_sender = address.eq_ignore_ascii_case(sender);
    match local_part(address).as_str() {
        _ if address.is_empty() => Some("nobody is to be told"),
        "mailer-daemon" => Some("it is a mail system's own address"),
        _ if is_sender && automatic => Some("the mail is itself automatic (Auto-Submitted)"),
        local if is_sender && PROGRAMS.contains(&local) => Some("the sender is a mail system"),
        _ => None,
    }
}

fn local_part(address: &str) -> String {
    address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase()
}

/// Auto-Submitted in the header, with anything but `no` (RFC 3834 5).
pub fn is_automatic(message: &[u8]) -> bool {
    const NAME: &[u8] = b"auto-submitted";
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let lines = message[..end].split(|octet| matches!(octet, b'\r' | b'\n'));
    let value = lines.filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        line[..colon].trim_ascii_end().eq_ignore_ascii_case(NAME).then(|| line[colon + 1..].trim_ascii())
    });
    let said_no = |value: &[u8]| {
        let word =
            value.split(|octet| matches!(octet, b';' | b' ' | b'\t' | b'(')).next().unwrap_or_default();
        word.eq_ignore_ascii_case(b"no")
    };
    value.into_iter().any(|value| !said_no(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn withheld(address: &str, sender: &str, automatic: bool) -> bool {
        !NoticeOrder::new(&[address.to_owned()], "s", "t", sender, automatic).withheld.is_empty()
    }

    #[test]
    fn programs_and_automatic_mail_get_no_notice_but_others_do() {
        assert!(!withheld("ann@a.example", "ann@a.example", false));
        assert!(withheld("Ann@a.example", "ann@a.example", true));
        assert!(
            !withheld("security@a.example", "ann@a.example", true),
            "a header of the sender silences nobody else"
        );
        assert!(withheld("MAILER-DAEMON@a.example", "ann@a.example", false));
        assert!(withheld("postmaster@a.example", "Postmaster@a.example", false));
        assert!(!withheld("postmaster@a.example", "ann@a.example", false));
    }

    #[test]
    fn auto_submitted_is_read_as_rfc_3834_writes_it() {
        for (header, automatic) in [
            ("Auto-Submitted: auto-replied", true),
            ("auto-submitted : Auto-Generated; x=1", true),
            ("Auto-Submitted: no", false),
            ("Auto-Submitted: No (really)", false),
            ("Auto-Submitted: nothing", true),
            ("X-Auto-Submitted: auto-replied", false),
            ("Subject: x\r\n\r\nAuto-Submitted: auto-replied", false),
        ] {
            let message = format!("From: a@a.example\r\n{header}\r\n\r\nbody");
            assert_eq!(is_automatic(message.as_bytes()), automatic, "{header}");
        }
    }
}
