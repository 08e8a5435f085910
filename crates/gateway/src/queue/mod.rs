//! The delivery queue, the only one in Weir: rows in the database, one for each recipient, from the moment the gateway is
//! responsible until the next host is.
//!
//! An entry is `waiting`; `claimed` by a session that is about to deliver it; `handing` from just before the message goes over
//! until its answer is written down; then it is gone, or waiting again. A crash leaves a claimed entry as good as waiting. One that
//! was being handed over may have arrived: that window, from the next host's 250 to our own commit, is the only one in which a mail
//! can arrive twice, and SMTP has nothing to close it (RFC 5321 4.5.3.2.6). A Maildir has: the file's name is made from the entry, so
//! it is found again.

mod attempt;
mod dsn;
mod maildir;
mod run;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::database::{Row, Session};
use store::values;

use crate::definitions::json;
use crate::filter::Changes;
use crate::history::{now, tell, time};
use crate::vault::release_octets;
use crate::{Bounds, Destination, Error, Gateway, Who, updates};

pub(crate) use attempt::{Speech, connect_to};
pub(crate) use maildir::deliver_at_once;
pub(crate) use run::Runner;

/// An entry to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewEntry<'a> {
    pub(crate) message: u64,
    /// The incident that is done with once this is delivered.
    pub(crate) copy: Option<u64>,
    pub(crate) recipient: &'a str,
    /// What follows `RCPT TO:`.
    pub(crate) rcpt: &'a [u8],
    /// What follows `MAIL FROM:`.
    pub(crate) mail: &'a [u8],
    pub(crate) changes: &'a Changes,
    /// None: where mail usually goes.
    pub(crate) destination: Option<&'a Destination>,
    pub(crate) reason: &'a str,
}

/// Adds an entry; due at once.
pub(crate) async fn put(db: &mut dyn Session, gateway: &Gateway, entry: &NewEntry<'_>) -> Result<(), Error> {
    let sql = "INSERT INTO queue (message_id, copy_id, recipient, rcpt, mail, changes, destination, reason, state, due_at, queued_at, expires_at) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?)";
    let (now, patience) = (now(), gateway.options().queue.give_up.saturating_mul(1000));
    let destination = entry.destination.map(ToString::to_string).unwrap_or_default();
    let values = values![
        entry.message,
        entry.copy.map(|copy| copy as i64),
        entry.recipient,
        entry.rcpt,
        entry.mail,
        json(entry.changes)?,
        destination,
        entry.reason,
        now,
        now,
        now.saturating_add(i64::try_from(patience).unwrap_or(i64::MAX)),
    ];
    db.run(sql, values).await?;
    Ok(())
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// Due now or later.
    Waiting,
    /// A session is about to deliver it.
    Claimed,
    /// The message is going over.
    Handing,
    /// The server died, or the connection broke, while it went over: an administrator says what happens (`retry`, `drop`).
    Unknown,
}

impl QueueState {
    /// As in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Handing => "handing",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Self {
        [Self::Waiting, Self::Claimed, Self::Handing]
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or(Self::Unknown)
    }
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// Only these, by number; none: whichever.
    pub ids: Option<Vec<u64>>,
    /// What is out of these is left out, and not counted either.
    pub bounds: Option<Bounds>,
    /// For this incident.
    pub copy: Option<u64>,
    /// The recipient has this in it.
    pub recipient: Option<String>,
    /// The destination, as written; empty for the usual one.
    pub destination: Option<String>,
    /// Only those whose numbers are higher: the next page.
    pub after: Option<u64>,
    /// At most so many; 0 is 50.
    pub limit: usize,
}

/// An entry in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueLine {
    /// Its number.
    pub id: u64,
    /// The message.
    pub message: u64,
    /// The incident.
    pub copy: Option<u64>,
    /// Envelope sender; empty for bounces and notices.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// Where it goes; empty for the usual place.
    pub destination: String,
    /// Why it is there: `decided`, `not held`, `archive`, `notice`, `bounce`.
    pub reason: String,
    /// Where it is.
    pub state: QueueState,
    /// The next attempt.
    pub due_at: Timestamp,
    /// Attempts made.
    pub attempts: u64,
    /// Since when.
    pub queued_at: Timestamp,
    /// When delivery will have failed for good.
    pub expires_at: Timestamp,
    /// What the last attempt heard.
    pub last_error: Option<String>,
}

/// A page of the queue, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueuePage {
    /// The entries.
    pub entries: Vec<QueueLine>,
    /// All that wait, on whatever page.
    pub total: u64,
    /// `after` of the next page, if there is one.
    pub next: Option<u64>,
}

impl Gateway {
    /// A page of the queue, oldest first.
    pub async fn queue(&self, filter: &QueueFilter) -> Result<QueuePage, Error> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit.min(1_000) };
        let bounds = filter.bounds.as_ref().map_or_else(|| "1 = 1".to_owned(), Bounds::of_queue);
        let (mut terms, mut values) = (vec![bounds.clone()], Vec::new());
        if let Some(ids) = &filter.ids {
            terms.push(crate::copies::any_of("q.id", ids, &mut values));
        }
        if let Some(copy) = filter.copy {
            terms.push("q.copy_id = ?".to_owned());
            values.push(copy.into());
        }
        if let Some(recipient) = filter.recipient.as_deref().filter(|text| !text.is_empty()) {
            terms.push("lower(q.recipient) LIKE ? ESCAPE '!'".to_owned());
            values.push(crate::copies::anywhere(recipient).into());
        }
        if let Some(destination) = &filter.destination {
            terms.push("q.destination = ?".to_owned());
            values.push(destination.as_str().into());
        }
        if let Some(after) = filter.after {
            terms.push("q.id > ?".to_owned());
            values.push(after.into());
        }
        values.push((limit as u64 + 1).into());
        let sql = format!(
            "SELECT q.*, m.sender AS from_whom FROM queue q JOIN message m ON m.id = q.message_id WHERE {} ORDER BY q.id LIMIT ?",
            terms.join(" AND ")
        );
        let rows = self.database().fetch(&sql, values).await?;
        let entries = rows.iter().take(limit).map(line).collect::<Result<Vec<_>, _>>()?;
        let next = (rows.len() > limit).then(|| entries.last().map(|entry| entry.id)).flatten();
        let sql = match filter.bounds {
            None => "SELECT count(*) AS n FROM queue".to_owned(),
            Some(_) => format!(
                "SELECT count(*) AS n FROM queue q JOIN message m ON m.id = q.message_id WHERE {bounds}"
            ),
        };
        let total = self.database().fetch(&sql, Vec::new()).await?;
        let total = total.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0) as u64;
        Ok(QueuePage { entries, total, next })
    }

    /// Makes entries due now; those of unknown outcome are sent again. How many there were.
    pub async fn retry(&self, ids: &[u64], who: &Who) -> Result<u64, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let mut count = 0;
        for id in ids {
            let Some((message, copy, recipient)) = place(db, *id).await? else { continue };
            let sql = "UPDATE queue SET state = 'waiting', due_at = ? WHERE id = ? AND state IN ('waiting', 'unknown')";
            if db.run(sql, values![now(), *id]).await? > 0 {
                tell(
                    db,
                    message,
                    copy,
                    &who.words(),
                    "RETRY",
                    &format!("delivery to {recipient} is tried now"),
                )
                .await?;
                count += 1;
            }
        }
        if count > 0 {
            self.commit(transaction).await?;
            self.inner.queue_bell.notify_one();
        }
        Ok(count)
    }

    /// Takes entries out for good; their mail is not delivered and its sender is not told. How many there were.
    pub async fn drop_entries(&self, ids: &[u64], who: &Who) -> Result<u64, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let (mut count, mut messages) = (0, Vec::new());
        for id in ids {
            let Some((message, copy, recipient)) = place(db, *id).await? else { continue };
            if db
                .run("DELETE FROM queue WHERE id = ? AND state IN ('waiting', 'unknown')", values![*id])
                .await?
                == 0
            {
                continue;
            }
            let detail = format!("taken out of the queue; {recipient} will not get it");
            tell(db, message, copy, &who.words(), "DROPPED", &detail).await?;
            if let Some(copy) = copy {
                db.run("UPDATE copy SET outcome = 'dropped' WHERE id = ?", values![copy]).await?;
                updates::outcome(db, self, copy, false, &format!("dropped from the queue by {}", who.name))
                    .await?;
            }
            messages.push(message);
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        let files = release_octets(db, &messages).await?;
        self.commit(transaction).await?;
        self.remove_blobs(files).await;
        self.inner.update_bell.notify_one();
        Ok(count)
    }
}

async fn place(db: &mut dyn Session, id: u64) -> Result<Option<(u64, Option<u64>, String)>, Error> {
    let rows = db.fetch("SELECT message_id, copy_id, recipient FROM queue WHERE id = ?", values![id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let copy = row.get::<Option<i64>>("copy_id")?.map(|copy| copy as u64);
    Ok(Some((row.get::<i64>("message_id")? as u64, copy, row.get("recipient")?)))
}

fn line(row: &Row) -> Result<QueueLine, Error> {
    let notice = matches!(row.get::<String>("reason")?.as_str(), "archive" | "notice" | "bounce");
    Ok(QueueLine {
        id: row.get::<i64>("id")? as u64,
        message: row.get::<i64>("message_id")? as u64,
        copy: row.get::<Option<i64>>("copy_id")?.map(|copy| copy as u64),
        sender: if notice { String::new() } else { row.get("from_whom")? },
        recipient: row.get("recipient")?,
        destination: row.get("destination")?,
        reason: row.get("reason")?,
        state: QueueState::parse(&row.get::<String>("state")?),
        due_at: time(row.get("due_at")?),
        attempts: row.get::<i64>("attempts")? as u64,
        queued_at: time(row.get("queued_at")?),
        expires_at: time(row.get("expires_at")?),
        last_error: row.get("last_error")?,
    })
}
