//! History lines: who did what to a message or a copy, when, and what came of it. Only ever added.

use jiff::Timestamp;
use store::database::{Row, Session};
use store::values;

use crate::{Error, Gateway};

/// Characters of a line's detail.
const DETAIL: usize = 2_000;

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// A person, a remediator, or the gateway.
    pub who: String,
    /// `HELD`, `APPROVED`, `DELIVERED`, …
    pub action: String,
    /// In words.
    pub detail: String,
    /// The incident, where it concerns one.
    pub copy: Option<u64>,
}

/// Adds a line.
pub(crate) async fn tell(
    db: &mut dyn Session,
    message: u64,
    copy: Option<u64>,
    who: &str,
    action: &str,
    detail: &str,
) -> Result<(), Error> {
    let sql = "INSERT INTO history (message_id, copy_id, at, who, action, detail) VALUES (?, ?, ?, ?, ?, ?)";
    let copy = copy.map(|copy| copy as i64);
    let detail: String = detail.chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL).collect();
    db.run(sql, values![message, copy, now(), who, action, detail]).await?;
    Ok(())
}

impl Gateway {
    /// The history of a message, with that of all its copies.
    pub async fn history(&self, message: u64) -> Result<Vec<Entry>, Error> {
        let sql = "SELECT at, who, action, detail, copy_id FROM history WHERE message_id = ? ORDER BY id";
        self.database().fetch(sql, values![message]).await?.iter().map(entry).collect()
    }
}

fn entry(row: &Row) -> Result<Entry, Error> {
    Ok(Entry {
        at: time(row.get("at")?),
        who: row.get("who")?,
        action: row.get("action")?,
        detail: row.get("detail")?,
        copy: row.get::<Option<i64>>("copy_id")?.map(|copy| copy as u64),
    })
}

pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Times of rows are ours, so they are in range; one that is not is shown as the first of all times.
pub(crate) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// As RFC 5322 3.3 writes it.
pub(crate) fn date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&at).unwrap_or_default()
}
