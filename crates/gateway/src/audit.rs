//! The message audit: every message, when, from whom, to whom, what happened, at which hop and why.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use store::database::Row;
use store::values;

use crate::bounds::OutOfReach;
use crate::copies::anywhere;
use crate::history::time;
use crate::{Bounds, CopyLine, Entry, Error, Gateway};

/// Which messages are wanted; texts are looked for anywhere in their column, upper and lower case alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The envelope sender.
    pub sender: Option<String>,
    /// Any recipient.
    pub recipient: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Message-ID.
    pub message_id: Option<String>,
    /// Exactly this `X-dlp-uniquemsgid`.
    pub unique_id: Option<String>,
    /// `held`, `queued`, `passed`, `repeated`, `deleted`, `refused`, `deferred`, `notice`, `bounce`.
    pub outcome: Option<String>,
    /// Received at this time or later.
    pub from: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Leaves out the gateway's own notices and bounces, which name senders and recipients of other mails.
    pub without_letters: bool,
    /// What is out of these is left out, also of what is shown of the others.
    pub bounds: Option<Bounds>,
    /// Only those whose numbers are lower: the next page.
    pub before: Option<u64>,
    /// At most so many; 0 is 50.
    pub limit: usize,
}

/// A message in the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditMessage {
    /// Its number here.
    pub id: u64,
    /// When it came.
    pub received_at: Timestamp,
    /// Who handed it over.
    pub peer: String,
    /// Envelope sender.
    pub sender: String,
    /// Recipients.
    pub recipients: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Message-ID.
    pub message_id: Option<String>,
    /// `X-dlp-uniquemsgid`.
    pub unique_id: Option<String>,
    /// Octets.
    pub size: u64,
    /// What was done with it when it came.
    pub outcome: String,
}

impl AuditMessage {
    /// Whether it is a notice or a bounce of the gateway's own.
    pub fn is_letter(&self) -> bool {
        matches!(self.outcome.as_str(), "notice" | "bounce")
    }
}

/// A page, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditPage {
    /// The messages.
    pub messages: Vec<AuditMessage>,
    /// `before` of the next page, if there is one.
    pub next: Option<u64>,
}

/// All about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// As in the list.
    pub message: AuditMessage,
    /// Its incidents.
    pub copies: Vec<CopyLine>,
    /// Its history.
    pub history: Vec<Entry>,
}

const MESSAGE: &str = "SELECT id, received_at, peer, sender, recipients, subject, message_id, unique_id, size, outcome FROM message";

impl Gateway {
    /// A page of the message audit, newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditPage, Error> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit.min(1_000) };
        let (mut terms, mut values) = (vec!["1 = 1".to_owned()], Vec::new());
        for (column, text) in [
            ("sender", &filter.sender),
            ("recipients", &filter.recipient),
            ("subject", &filter.subject),
            ("message_id", &filter.message_id),
        ] {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                terms.push(format!("lower({column}) LIKE ? ESCAPE '!'"));
                values.push(anywhere(text).into());
            }
        }
        if let Some(id) = &filter.unique_id {
            terms.push("unique_id = ?".to_owned());
            values.push(id.trim().to_ascii_uppercase().into());
        }
        if let Some(outcome) = &filter.outcome {
            terms.push("outcome = ?".to_owned());
            values.push(outcome.as_str().into());
        }
        if filter.without_letters || filter.bounds.is_some() {
            terms.push("outcome NOT IN ('notice', 'bounce')".to_owned());
        }
        if let Some(from) = filter.from {
            terms.push("received_at >= ?".to_owned());
            values.push(from.as_millisecond().into());
        }
        if let Some(until) = filter.until {
            terms.push("received_at < ?".to_owned());
            values.push(until.as_millisecond().into());
        }
        terms.extend(filter.bounds.iter().map(|bounds| bounds.of_message("message")));
        if let Some(before) = filter.before {
            terms.push("id < ?".to_owned());
            values.push(before.into());
        }
        values.push((limit as u64 + 1).into());
        let sql = format!("{MESSAGE} WHERE {} ORDER BY id DESC LIMIT ?", terms.join(" AND "));
        let rows = self.database().fetch(&sql, values).await?;
        let mut messages = rows.iter().take(limit).map(message).collect::<Result<Vec<_>, _>>()?;
        let next = (rows.len() > limit).then(|| messages.last().map(|message| message.id)).flatten();
        if let Some(bounds) = &filter.bounds {
            self.bind(bounds, &mut messages).await?;
            // Nobody learns by asking who else got a copy.
            if let Some(text) = filter.recipient.as_deref().map(str::to_lowercase) {
                messages.retain(|one| one.recipients.iter().any(|to| to.to_lowercase().contains(&text)));
            }
        }
        Ok(AuditPage { messages, next })
    }

    /// All about one message, as far as it is within these bounds.
    pub async fn audit_record(&self, id: u64, bounds: Option<&Bounds>) -> Result<Option<AuditRecord>, Error> {
        let within = bounds.map_or_else(|| "1 = 1".to_owned(), |bounds| bounds.of_message("message"));
        let rows =
            self.database().fetch(&format!("{MESSAGE} WHERE id = ? AND {within}"), values![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut messages = vec![message(row)?];
        let mut copies = self.lines("c.message_id = ? ORDER BY c.id", values![id]).await?;
        let mut history = self.history(id).await?;
        if let Some(bounds) = bounds {
            if messages[0].is_letter() {
                return Ok(None);
            }
            let out = self.bind(bounds, &mut messages).await?.remove(&id).unwrap_or_default();
            copies.retain(|copy| !out.copies.contains(&copy.id));
            history.retain(|line| line.copy.is_none_or(|copy| !out.copies.contains(&copy)));
        }
        Ok(messages.pop().map(|message| AuditRecord { message, copies, history }))
    }

    /// Takes out of messages the recipients who are not within bounds. What is not.
    async fn bind(
        &self,
        bounds: &Bounds,
        messages: &mut [AuditMessage],
    ) -> Result<BTreeMap<u64, OutOfReach>, Error> {
        let ids: Vec<u64> = messages.iter().map(|message| message.id).collect();
        let all = self.out_of_reach(bounds, &ids).await?;
        for message in messages {
            if let Some(out) = all.get(&message.id) {
                message.recipients.retain(|recipient| !out.recipients.contains(recipient));
            }
        }
        Ok(all)
    }
}

fn message(row: &Row) -> Result<AuditMessage, Error> {
    let id = row.get::<i64>("id")? as u64;
    Ok(AuditMessage {
        id,
        received_at: time(row.get("received_at")?),
        peer: row.get("peer")?,
        sender: row.get("sender")?,
        recipients: serde_json::from_str(&row.get::<String>("recipients")?)
            .map_err(|why| Error::damaged(format!("message {id}"), why))?,
        subject: row.get("subject")?,
        message_id: row.get("message_id")?,
        unique_id: row.get("unique_id")?,
        size: row.get::<i64>("size")? as u64,
        outcome: row.get("outcome")?,
    })
}
