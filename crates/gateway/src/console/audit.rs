//! The message audit: every message, when, from whom, to whom, what happened, at which hop and why.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Pager, Size};
use web::people::{Hidden, Privilege};
use web::{Problem, Viewer, mail, pages};

use super::incident::{Line, history};
use super::list::number;
use super::reach::Reach;
use super::seen::{OfMail, Seen, sees_words};
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
    /// Whose days these are; UTC where it is empty.
    zone: String,
    before: String,
}

impl Wanted {
    /// As a question to the store that this role may ask.
    fn filter(&self, viewer: &Viewer, reach: &Reach<'_>) -> Result<AuditFilter, Problem> {
        let filter = self.parsed()?;
        viewer.may_ask_by(&[
            (Hidden::Sender, filter.sender.is_some() || filter.message_id.is_some()),
            (Hidden::Recipients, filter.recipient.is_some()),
            (Hidden::Subject, filter.subject.is_some()),
        ])?;
        Ok(AuditFilter { without_letters: !sees_words(viewer), bounds: reach.bounds(), ..filter })
    }

    fn parsed(&self) -> Result<AuditFilter, Problem> {
        let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(AuditFilter {
            sender: text(&self.sender),
            recipient: text(&self.recipient),
            subject: text(&self.subject),
            message_id: text(&self.message_id),
            unique_id: text(&self.unique_id),
            outcome: text(&self.outcome),
            from: pages::day_of(&self.from, &self.zone)?.map(|(begin, _)| begin),
            until: pages::day_of(&self.until, &self.zone)?.map(|(_, next)| next),
            without_letters: false,
            bounds: None,
            before: number("place in the list", &self.before)?,
            limit: LINES,
        })
    }

    fn address(&self, before: Option<u64>) -> String {
        let before = before.map(|before| before.to_string()).unwrap_or_default();
        let pairs = [
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("subject", &self.subject),
            ("message_id", &self.message_id),
            ("unique_id", &self.unique_id),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("until", &self.until),
            ("before", &before),
        ];
        let zone = if self.from.is_empty() && self.until.is_empty() { "" } else { &self.zone };
        let pairs = pairs.map(|(name, value)| (name, value.as_str()));
        pages::address("/messages", &[&pairs[..], &[("zone", zone)]].concat())
    }
}

#[derive(Template)]
#[template(path = "messages.html")]
struct SearchPage {
    fields: Vec<Field>,
    /// Of its days; the reader's own where scripts run.
    zone: String,
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

fn row(message: &Seen<AuditMessage>) -> Row {
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
    let reach = Reach::whatever(&center, &viewer).await?;
    let filter = wanted.filter(&viewer, &reach)?;
    let page = center.gateway.audit(&filter).await?;
    let content = SearchPage {
        fields: fields(&viewer, &wanted),
        zone: wanted.zone.clone(),
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
        rows: page.messages.into_iter().map(|message| row(&message.seen_by(&viewer))).collect(),
    };
    Page::new(&viewer, "Message audit").wide().show(&content)
}

fn fields(viewer: &Viewer, wanted: &Wanted) -> Vec<Field> {
    let field = |kind, name, label, value: &str| Field::new(kind, name, label).value(value.trim());
    let zone = if wanted.zone.is_empty() { "UTC" } else { &wanted.zone };
    let asked = !wanted.from.is_empty() || !wanted.until.is_empty();
    let days = if asked { format!("Days of {zone}.") } else { String::new() };
    let all = [
        (Some(Hidden::Sender), field(Kind::Text, "sender", "Sender contains", &wanted.sender)),
        (Some(Hidden::Recipients), field(Kind::Text, "recipient", "Recipient contains", &wanted.recipient)),
        (Some(Hidden::Subject), field(Kind::Search, "subject", "Subject contains", &wanted.subject)),
        (None, field(Kind::OneOf, "outcome", "What was done", &wanted.outcome).choices(OUTCOMES)),
        (None, field(Kind::Date, "from", "From", &wanted.from).hint(&days)),
        (None, field(Kind::Date, "until", "To", &wanted.until).hint(&days)),
        (Some(Hidden::Sender), field(Kind::Text, "message_id", "Message-ID contains", &wanted.message_id)),
        (None, field(Kind::Text, "unique_id", "Unique message ID", &wanted.unique_id)),
    ];
    let open = |part: &Option<Hidden>| part.is_none_or(|part| !viewer.hides(part));
    all.into_iter().filter(|(part, _)| open(part)).map(|(_, field)| field).collect()
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
    history: Option<Vec<Line>>,
}

/// `GET /messages/{id}`
pub(super) async fn record(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::SearchMail)?;
    let reach = Reach::whatever(&center, &viewer).await?;
    let record = center.gateway.audit_record(id, reach.bounds().as_ref()).await?.ok_or(Problem::NotFound)?;
    if record.message.is_letter() && !sees_words(&viewer) {
        return Err(Problem::NotFound);
    }
    let copies = if viewer.may(Privilege::ViewQuarantine) {
        reach.seen(record.copies).iter().map(super::list::row).collect()
    } else {
        Vec::new()
    };
    let message = record.message.seen_by(&viewer);
    let content = RecordPage {
        id,
        row: row(&message),
        recipients: message.recipients.iter().take(500).map(|one| mail::line(one, 320)).collect(),
        message_id: message.message_id.as_deref().map(|id| mail::line(id, 500)),
        unique_id: message.unique_id.clone(),
        copies,
        history: history(&viewer, &record.history),
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
        let filter = wanted.parsed().unwrap();
        let (from, until) = (filter.from.unwrap(), filter.until.unwrap());
        assert_eq!(until.as_second() - from.as_second(), 86_400);
        assert!(Wanted { from: "24.11.2026".into(), ..Wanted::default() }.parsed().is_err());
    }
}
