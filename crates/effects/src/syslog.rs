//! Syslog (RFC 5424): what a rule's message looks like, as text or in CEF, and its header.

use incident::Summary;
use jiff::Timestamp;

use super::{SyslogTls, cef, one_line};

/// Facility local0.
const FACILITY: u8 = 16;
/// Octets of a datagram: what receivers should be able to take (RFC 5424 6.1).
const DATAGRAM: usize = 2_048;
/// Octets of a message over a stream.
const STREAM: usize = 8_192;

/// How syslog messages travel.
#[derive(Debug, Clone, Default)]
pub enum Protocol {
    /// One datagram each (RFC 5426). Nobody learns of one that is lost.
    #[default]
    Udp,
    /// A stream with counted octets (RFC 6587 3.4.1).
    Tcp,
    /// The same inside TLS (RFC 5425).
    Tls(SyslogTls),
}

/// The server that rules mean which name none.
#[derive(Debug, Clone, Default)]
pub struct SyslogSettings {
    /// Name or address.
    pub host: Option<String>,
    /// Its port; the protocol's own (514, 601, 6514) where none is given.
    pub port: Option<u16>,
    /// For rules that name a host, too.
    pub protocol: Protocol,
}

impl Protocol {
    /// The port that is meant where none is given.
    pub fn port(&self) -> u16 {
        match self {
            Self::Udp => 514,
            Self::Tcp => 601,
            Self::Tls(_) => 6514,
        }
    }

    /// Octets of a whole message.
    pub fn longest(&self) -> usize {
        if matches!(self, Self::Udp) { DATAGRAM } else { STREAM }
    }
}

/// What a rule wants to be logged.
#[derive(Debug)]
pub(super) struct Event<'e> {
    pub(super) incident: &'e Summary,
    pub(super) direction: &'e str,
    pub(super) rule: &'e str,
    pub(super) level: &'e str,
    pub(super) format: &'e str,
    /// The rule's own words; none for the format's.
    pub(super) message: &'e str,
}

/// The whole message, cut to what the protocol carries.
pub(super) fn line(event: &Event<'_>, server: &str, now: Timestamp, protocol: &Protocol) -> String {
    let words = match event.format {
        "cef" => cef::event(event.incident, event.rule, event.direction, event.message),
        _ if event.message.is_empty() => sentence(event.incident),
        _ => one_line(event.message),
    };
    framed(&words, event.level, event.format, server, now, protocol)
}

/// Words of one line behind the header of RFC 5424, cut to what the protocol carries.
pub fn framed(
    words: &str,
    level: &str,
    kind: &str,
    server: &str,
    now: Timestamp,
    protocol: &Protocol,
) -> String {
    let priority = u32::from(FACILITY) * 8 + u32::from(severity(level));
    let (host, time) = (printable(server, 255), now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"));
    let process = std::process::id();
    let mut line = format!("<{priority}>1 {time} {host} weir {process} {kind} - \u{feff}{words}");
    line.truncate(line.floor_char_boundary(protocol.longest()));
    line
}

/// An incident in one line of words.
pub(super) fn sentence(incident: &Summary) -> String {
    one_line(&format!(
        "incident {}: policy {}, severity {}, {} matches, from {} to {}, {}",
        incident.id,
        incident.policy,
        incident.severity,
        incident.matches,
        if incident.sender.is_empty() { "<>" } else { &incident.sender },
        cef::recipients(incident),
        cef::disposition(incident),
    ))
}

/// RFC 5424 table 2; `warning` for words that are none of these.
fn severity(level: &str) -> u8 {
    match level.to_ascii_lowercase().as_str() {
        "emerg" | "emergency" => 0,
        "alert" => 1,
        "crit" | "critical" => 2,
        "err" | "error" => 3,
        "notice" => 5,
        "info" | "informational" => 6,
        "debug" => 7,
        _ => 4,
    }
}

/// Printable ASCII without blanks; a dash for nothing.
fn printable(text: &str, longest: usize) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cef::tests::hostile;

    fn event<'e>(incident: &'e Summary, format: &'e str, message: &'e str) -> Event<'e> {
        Event { incident, direction: "outbound", rule: "Tell", level: "alert", format, message }
    }

    #[test]
    fn a_message_has_the_header_of_rfc_5424() {
        let incident = hostile();
        let now = Timestamp::from_millisecond(1_500).unwrap();
        let line = line(&event(&incident, "text", "one\ntwo"), "mx 1\n", now, &Protocol::Udp);
        let process = std::process::id();
        assert_eq!(
            line,
            format!("<129>1 1970-01-01T00:00:01.500Z mx1 weir {process} text - \u{feff}one two")
        );
    }

    #[test]
    fn without_words_of_its_own_a_text_says_what_happened() {
        let text = sentence(&hostile());
        assert!(
            text.starts_with("incident 7: policy Cards | and \\ more CEF:0|x, severity high, 4 matches"),
            "{text}"
        );
        assert!(text.ends_with("r19@b.example and 5 more, blocked"), "{text}");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let incident = hostile();
        let long = "ü".repeat(9_000);
        for (protocol, longest) in [(Protocol::Udp, 2_048), (Protocol::Tcp, 8_192)] {
            let line = line(&event(&incident, "cef", &long), "mx1", Timestamp::UNIX_EPOCH, &protocol);
            assert!(line.len() <= longest && line.len() > longest - 3, "{}", line.len());
            assert!(line.contains("act=blocked") && line.contains("duser="));
        }
    }
}
