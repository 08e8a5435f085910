//! CEF (common event format, version 0): one event in one line, every value escaped for the place where it stands.

use incident::{Severity, Summary};
use jiff::Timestamp;

/// What an event tells besides the incident that it is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The class of such events.
    pub class: &'a str,
    /// In words.
    pub name: &'a str,
    /// When it happened.
    pub at: Timestamp,
    /// Keys and values of its own.
    pub more: &'a [(&'static str, &'a str)],
    /// What happened; the incident in one sentence where there is nothing else to say.
    pub message: &'a str,
}

/// An incident that a rule logs. `message` is the rule's own text, or none.
pub(super) fn event(incident: &Summary, rule: &str, direction: &str, message: &str) -> String {
    let about = About {
        class: &incident.policy_id.to_string(),
        name: &incident.policy,
        at: incident.received_at,
        more: &[("cs2", rule), ("cs2Label", "responseRule")],
        message,
    };
    line(incident, direction, &about)
}

/// One event in one line.
pub fn line(incident: &Summary, direction: &str, about: &About<'_>) -> String {
    let head = [
        "CEF:0".to_owned(),
        "Weir".to_owned(),
        "Weir".to_owned(),
        head(env!("CARGO_PKG_VERSION")),
        head(about.class),
        head(about.name),
        level(incident.severity).to_string(),
    ];
    let at = about.at.as_millisecond().to_string();
    let recipients = recipients(incident);
    let (id, matches) = (incident.id.to_string(), incident.matches.to_string());
    let own = super::syslog::sentence(incident);
    let mut fields = vec![
        ("rt", at.as_str()),
        ("externalId", &id),
        ("act", disposition(incident)),
        ("dvchost", &incident.server),
        ("cn1", &matches),
        ("cn1Label", "matchCount"),
        ("cs1", &incident.policy),
        ("cs1Label", "policy"),
    ];
    fields.extend(about.more);
    // What a mail can make long comes last: should the line be cut, the rest is whole.
    fields.extend([
        ("cs3", incident.unique_message_id.as_str()),
        ("cs3Label", "uniqueMessageId"),
        ("deviceDirection", direction_number(direction)),
        ("suser", if incident.sender.is_empty() { "<>" } else { &incident.sender }),
        ("duser", &recipients),
        ("msg", if about.message.is_empty() { &own } else { about.message }),
    ]);
    let fields: Vec<String> = fields.iter().filter(|(_, value)| !value.is_empty()).map(field).collect();
    format!("{}|{}", head.join("|"), fields.join(" "))
}

/// What policies made of the message, as the incident has it.
pub fn disposition(incident: &Summary) -> &'static str {
    match (incident.prevent_status, incident.outcome.as_deref()) {
        (_, Some("redirected")) => "redirected",
        (1, _) => "blocked",
        (2, _) => "modified",
        (21, _) => "held",
        (22, _) => "released",
        (23, _) => "rejected",
        _ => "passed",
    }
}

pub(super) fn recipients(incident: &Summary) -> String {
    const NAMED: usize = 20;
    let named = incident.recipients.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(",");
    match incident.recipients.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// 0 to 10.
fn level(severity: Severity) -> u8 {
    match severity {
        Severity::High => 9,
        Severity::Medium => 6,
        Severity::Low => 3,
        Severity::Info => 1,
    }
}

/// 0 is inbound, 1 outbound; CEF has no word for the others.
fn direction_number(direction: &str) -> &'static str {
    match direction {
        "inbound" => "0",
        "outbound" => "1",
        _ => "",
    }
}

/// Between bars.
fn head(text: &str) -> String {
    super::one_line(text).replace('\\', "\\\\").replace('|', "\\|")
}

/// Behind an equals sign. Line ends have a form of their own; other control characters have none and become blanks.
fn field((key, value): &(&str, &str)) -> String {
    let lines = value.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = lines.split('\n').map(super::one_line).collect();
    let value = lines.join("\n").replace('\\', "\\\\").replace('=', "\\=").replace('\n', "\\n");
    format!("{key}={value}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn hostile() -> Summary {
        Summary {
            id: 7,
            unique_message_id: "ABCD".into(),
            message_id: None,
            sender: "a=b@a.example".into(),
            recipients: (0..25).map(|n| format!("r{n}@b.example")).collect(),
            subject: "s".into(),
            policy: "Cards | and \\ more\nCEF:0|x".into(),
            policy_id: 3,
            severity: Severity::High,
            status: incident::Status::New,
            prevent_status: 1,
            matches: 4,
            received_at: jiff::Timestamp::from_millisecond(1_000).unwrap_or_default(),
            last_seen: jiff::Timestamp::UNIX_EPOCH,
            server: "mx1".into(),
            trial: false,
            outcome: Some("blocked".into()),
        }
    }

    #[test]
    fn nothing_of_a_mail_ends_a_field_or_a_line() {
        let event = event(&hostile(), "Tell", "outbound", "two\r\nlines act=passed \u{7}\u{2028}x");
        assert!(event.starts_with("CEF:0|Weir|Weir|"), "{event}");
        assert!(
            event.contains("|3|Cards \\| and \\\\ more CEF:0\\|x|9|rt=1000 externalId=7 act=blocked "),
            "{event}"
        );
        assert!(event.contains("suser=a\\=b@a.example duser=r0@b.example,"), "{event}");
        assert!(event.contains("r19@b.example and 5 more msg=two\\nlines act\\=passed"), "{event}");
        assert!(!event.contains(|c: char| c.is_control() || c == '\u{2028}'), "{event}");
    }
}
