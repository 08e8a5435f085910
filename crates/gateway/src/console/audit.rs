//! The message audit: every message, when, from whom, to whom, what happened, at which hop and why.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Pager, Size};
use web::people::Privilege;
use web::{Problem, Viewer, mail, pages};

use super::incident::{Line, history};
use super::list::number;
use super::reach::Reach;
use super::{Center, words};
use crate::{AuditFilter, AuditMessage};

const LINES: usize = 50;
const OUTCOMES: [(&str, &str); 10] = [
    ("", "Any"),
    ("held", "Held"),
    ("passed", "Passed on"),
    ("queued", "Queued"),
    ("refused", "Refused"),
    ("deferred", "Deferred"),
    ("deleted", "Deleted"),
    ("repeated", "Repeated"),
    ("notice", "Notice"),
    ("bounce", "Bounce"),
];

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    sender: String,
    recipient: String,
    subject: String,
    message_id: String,
    unique_id: String,
    outcome: String,
    from: String,
    until: String,
    before: String,
}

impl Wanted {
    fn filter(&self) -> Result<AuditFilter, Problem> {
        let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(AuditFilter {
            sender: text(&self.sender),
            recipient: text(&self.recipient),
            subject: text(&self.subject),
            message_id: text(&self.message_id),
            unique_id: text(&self.unique_id),
            outcome: text(&self.outcome),
            from: day(&self.from)?.and_then(start),
            until: day(&self.until)?.and_then(|day| day.tomorrow().ok()).and_then(start),
            before: number("place in the list", &self.before)?,
            limit: LINES,
        })
    }

    fn address(&self, before: Option<u64>) -> String {
        let pairs = [
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("subject", &self.subject),
            ("message_id", &self.message_id),
            ("unique_id", &self.unique_id),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("until", &self.until),
        ];
        let set = pairs.into_iter().filter(|(_, value)| !value.trim().is_empty());
        let mut pairs: Vec<String> =
            set.map(|(name, value)| format!("{name}={}", pages::encoded(value.trim()))).collect();
        pairs.extend(before.map(|before| format!("before={before}")));
        if pairs.is_empty() { "/messages".to_owned() } else { format!("/messages?{}", pairs.join("&")) }
    }
}

fn day(text: &str) -> Result<Option<Date>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |_| Problem::Bad("A date is written like 2026-11-24.".to_owned());
    text.trim().parse().map(Some).map_err(wrong)
}

fn start(day: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()
}

#[derive(Template)]
#[template(path = "messages.html")]
struct SearchPage {
    fields: Vec<Field>,
    filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: u64,
    at: Moment,
    outcome: Chip,
    subject: Html,
    sender: Html,
    recipients: Html,
    peer: String,
    size: Size,
}

fn row(message: &AuditMessage) -> Row {
    let subject = if message.subject.is_empty() { "(no subject)" } else { &message.subject };
    let sender = if message.sender.is_empty() { "<>" } else { &message.sender };
    Row {
        id: message.id,
        at: Moment(message.received_at.as_millisecond()),
        outcome: words::outcome(&message.outcome),
        subject: mail::line(subject, 120),
        sender: mail::line(sender, 80),
        recipients: mail::line(&named(&message.recipients), 160),
        peer: message.peer.clone(),
        size: Size(message.size),
    }
}

fn named(recipients: &[String]) -> String {
    const NAMED: usize = 3;
    let mut text = recipients.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if recipients.len() > NAMED {
        text.push_str(&format!(" and {} more", recipients.len() - NAMED));
    }
    text
}

/// `GET /messages`
pub(super) async fn search(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::SearchMail)?;
    let filter = wanted.filter()?;
    let page = center.gateway.audit(&filter).await?;
    let field = |kind, name, label, value: &str| Field::new(kind, name, label).value(value.trim());
    let content = SearchPage {
        fields: vec![
            field(Kind::Text, "sender", "Sender contains", &wanted.sender),
            field(Kind::Text, "recipient", "Recipient contains", &wanted.recipient),
            field(Kind::Search, "subject", "Subject contains", &wanted.subject),
            field(Kind::OneOf, "outcome", "What was done", &wanted.outcome).choices(OUTCOMES),
            field(Kind::Date, "from", "From (UTC)", &wanted.from),
            field(Kind::Date, "until", "To (UTC)", &wanted.until),
            field(Kind::Text, "message_id", "Message-ID contains", &wanted.message_id),
            field(Kind::Text, "unique_id", "Unique message ID", &wanted.unique_id),
        ],
        filtered: wanted.address(None) != "/messages",
        pager: Pager {
            shown: match (page.messages.first(), page.messages.last()) {
                (Some(first), Some(last)) => format!("Messages {} to {}, newest first", first.id, last.id),
                _ => String::new(),
            },
            first: filter.before.map(|_| wanted.address(None)),
            before: None,
            after: page.next.map(|next| wanted.address(Some(next))),
        },
        rows: page.messages.iter().map(row).collect(),
    };
    Page::new(&viewer, "Message audit").wide().show(&content)
}

#[derive(Template)]
#[template(path = "message.html")]
struct RecordPage {
    id: u64,
    row: Row,
    recipients: Vec<Html>,
    message_id: Option<Html>,
    unique_id: Option<String>,
    copies: Vec<super::list::Row>,
    history: Vec<Line>,
}

/// `GET /messages/{id}`
pub(super) async fn record(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::SearchMail)?;
    let record = center.gateway.audit_record(id).await?.ok_or(Problem::NotFound)?;
    let copies = if viewer.may(Privilege::ViewQuarantine) {
        let reach = Reach::of(&center, &viewer).await?;
        record.copies.iter().filter(|line| reach.has(line)).map(super::list::row).collect()
    } else {
        Vec::new()
    };
    let content = RecordPage {
        id,
        row: row(&record.message),
        recipients: record.message.recipients.iter().take(500).map(|one| mail::line(one, 320)).collect(),
        message_id: record.message.message_id.as_deref().map(|id| mail::line(id, 500)),
        unique_id: record.message.unique_id.clone(),
        copies,
        history: history(&record.history),
    };
    Page::new(&viewer, format!("Message {id}"))
        .within("/messages")
        .below("Message audit", "/messages")
        .show(&content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_searched_to_its_end() {
        let wanted = Wanted { from: "2026-11-24".into(), until: "2026-11-24".into(), ..Wanted::default() };
        let filter = wanted.filter().unwrap();
        let (from, until) = (filter.from.unwrap(), filter.until.unwrap());
        assert_eq!(until.as_second() - from.as_second(), 86_400);
        assert!(Wanted { from: "24.11.2026".into(), ..Wanted::default() }.filter().is_err());
    }
}
