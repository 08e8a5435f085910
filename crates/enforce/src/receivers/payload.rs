//! What an event looks like: JSON, or a line of CEF. Bounded, and without anything of a mail's text unless that is wanted.

use effects::cef::{self, About};
use incident::events::Event;
use incident::{Incident, prevent_status_name};
use serde::Serialize;

use super::Shown;

/// Recipients and matches that an event names.
const NAMED: usize = 50;
/// Characters of a detail, and of each text of a match.
const DETAIL: usize = 1_000;
/// Lines whose words people wrote.
const WORDS_OF_PEOPLE: [&str; 5] =
    ["NOTE_ADDED", "ATTRIBUTES_SET", "SET_DATAOWNER_NAME", "SET_DATAOWNER_EMAIL", "SET_REMEDIATION_LOCATION"];

/// An event as programs read it.
#[derive(Debug, Serialize)]
struct Told<'e> {
    /// `incident.detected` for a new one, `incident.changed` for each further line of its history.
    r#type: &'static str,
    id: String,
    timestamp: String,
    data: Data<'e>,
}

#[derive(Debug, Serialize)]
struct Data<'e> {
    action: &'e str,
    detail: String,
    who: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'e str>,
    incident: IncidentNow<'e>,
}

/// The incident as it is by now.
#[derive(Debug, Serialize)]
struct IncidentNow<'e> {
    id: u64,
    url: String,
    unique_message_id: &'e str,
    message_id: Option<&'e str>,
    policy: &'e str,
    policy_id: u32,
    severity: String,
    status: &'e str,
    prevent_status: i64,
    prevent_status_name: &'static str,
    sender: &'e str,
    recipients: Vec<&'e str>,
    recipient_count: usize,
    direction: &'e str,
    server: &'e str,
    received_at: String,
    trial: bool,
    match_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'e str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Found<'e>>,
}

#[derive(Debug, Serialize)]
struct Found<'e> {
    rule: &'e str,
    condition: &'e str,
    path: &'e str,
    text: String,
}

/// JSON of at most so many octets: what is left out first are matches, then recipients, then the detail's end.
pub(super) fn json(event: &Event, shown: Shown, console: &str, most: usize) -> String {
    let (mut named, mut detail, mut shown) = (NAMED, DETAIL, shown);
    loop {
        let text = serde_json::to_string(&told(event, shown, console, named, detail)).unwrap_or_default();
        if text.len() <= most || detail == 0 {
            return text;
        }
        (named, detail, shown) = match (named, shown) {
            (_, Shown::Masked | Shown::Clear) => (named, detail, Shown::Count),
            (NAMED, _) => (3, detail, shown),
            _ => (0, if detail > 200 { 200 } else { 0 }, shown),
        };
    }
}

fn told<'e>(event: &'e Event, shown: Shown, console: &str, named: usize, detail: usize) -> Told<'e> {
    Told {
        r#type: if event.action == "DETECTED" { "incident.detected" } else { "incident.changed" },
        id: event.id.to_string(),
        timestamp: event.at.to_string(),
        data: Data {
            action: &event.action,
            detail: cut(&words(event, shown), detail),
            who: &event.who,
            origin: event.origin.as_deref(),
            incident: about(&event.incident, shown, console, named),
        },
    }
}

fn about<'e>(incident: &'e Incident, shown: Shown, console: &str, named: usize) -> IncidentNow<'e> {
    let summary = &incident.summary;
    IncidentNow {
        id: summary.id,
        url: format!("{console}/incidents/{}", summary.id),
        unique_message_id: &summary.unique_message_id,
        message_id: summary.message_id.as_deref(),
        policy: &summary.policy,
        policy_id: summary.policy_id,
        severity: summary.severity.to_string(),
        status: summary.status.as_str(),
        prevent_status: summary.prevent_status,
        prevent_status_name: prevent_status_name(summary.prevent_status),
        sender: &summary.sender,
        recipients: summary.recipients.iter().take(named).map(String::as_str).collect(),
        recipient_count: summary.recipients.len(),
        direction: &incident.direction,
        server: &summary.server,
        received_at: summary.received_at.to_string(),
        trial: summary.trial,
        match_count: summary.matches,
        subject: (shown == Shown::Clear).then_some(summary.subject.as_str()),
        matches: match shown {
            Shown::Count => Vec::new(),
            _ => incident.matches.iter().take(NAMED).map(|found| self::found(found, shown)).collect(),
        },
    }
}

fn found(found: &incident::Match, shown: Shown) -> Found<'_> {
    let text = if shown == Shown::Clear { found.text.clone() } else { found.masked() };
    Found { rule: &found.rule, condition: &found.condition, path: &found.path, text: cut(&text, DETAIL) }
}

/// What came of it. People's words may hold what was matched.
fn words(event: &Event, shown: Shown) -> String {
    match event.action.as_str() {
        action if shown != Shown::Clear && WORDS_OF_PEOPLE.contains(&action) => String::new(),
        _ => event.detail.clone(),
    }
}

/// A line of CEF.
pub(super) fn cef(event: &Event, shown: Shown) -> String {
    let incident = &event.incident;
    let (id, words) = (event.id.to_string(), words(event, shown));
    let mut matches: Vec<String> = Vec::new();
    if shown != Shown::Count {
        matches.extend(incident.matches.iter().take(NAMED).map(|one| found(one, shown).text));
    }
    let matches = cut(&matches.join("; "), DETAIL);
    let subject = if shown == Shown::Clear { cut(&incident.summary.subject, DETAIL) } else { String::new() };
    let mut more = vec![
        ("cs2", event.who.as_str()),
        ("cs2Label", "actor"),
        ("cs4", id.as_str()),
        ("cs4Label", "eventId"),
        ("cs5", incident.summary.status.as_str()),
        ("cs5Label", "status"),
    ];
    if !matches.is_empty() {
        more.extend([("cs6", matches.as_str()), ("cs6Label", "matches")]);
    }
    if !subject.is_empty() {
        more.push(("reason", subject.as_str()));
    }
    let message = cut(&words, DETAIL);
    let spoken = event.action.to_lowercase().replace('_', " ");
    let about = About { class: &event.action, name: &spoken, at: event.at, more: &more, message: &message };
    cef::line(&incident.summary, &incident.direction, &about)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// The severity of a log message.
pub(super) fn level(event: &Event) -> &'static str {
    match event.incident.summary.severity {
        incident::Severity::High => "error",
        incident::Severity::Medium => "warning",
        incident::Severity::Low => "notice",
        incident::Severity::Info => "info",
    }
}
