//! The audit log: who did what to what, from where. Lines are only ever added, and each line's hash covers the one before it.
//!
//! Who can change the database can still write the whole log anew. [`Audit::head`] is what an operator notes elsewhere (it is in
//! every export): a log that was written anew, or cut at its end, no longer has it at that number.

mod entry;
mod export;

use std::sync::Arc;

use store::database::{Database, Row, Session, Value};
use store::values;

pub use entry::Entry;
pub(crate) use export::HEAD;
pub use export::{to_csv, to_json_line};

use crate::Error;
use crate::clock::Clock;

/// One writer at a time: the chain has one end.
const LOCK: i64 = 0x7765_6261_7564_6974;
/// Characters kept of a subject and a detail.
const TEXT: usize = 2_000;
/// Lines read at a time when the chain is checked.
const STRIDE: i64 = 1_000;

/// The log.
#[derive(Debug, Clone)]
pub struct Audit {
    database: Arc<dyn Database>,
    clock: Clock,
}

/// Who did something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The user's name; for the program itself `weir`.
    pub who: String,
    /// In which role.
    pub role: String,
    /// From which address.
    pub peer: String,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number; without gaps.
    pub number: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: Actor,
    /// What, in a word: `SIGNED_IN`, `ORIGINAL_VIEWED`.
    pub action: String,
    /// What it was done to: `user jane`, `incident 17`.
    pub subject: String,
    /// More about it.
    pub detail: String,
    /// The hash of this line and, through it, of all before.
    pub hash: Vec<u8>,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// By this user.
    pub who: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// With this in subject or detail.
    pub text: Option<String>,
    /// Not before, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Before, in milliseconds since 1970.
    pub to: Option<i64>,
    /// Only lines with a lower number: the next page.
    pub below: Option<i64>,
    /// So many at most.
    pub limit: u32,
}

/// What the check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// So many lines, each as it was written; the last one's hash.
    Whole {
        /// How many.
        lines: i64,
        /// The last one's hash.
        head: Vec<u8>,
    },
    /// The first line that is not as it was written, or is missing.
    Broken {
        /// Its number.
        at: i64,
    },
}

impl Audit {
    /// Over a database with this crate's tables.
    pub fn new(database: Arc<dyn Database>, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Adds a line.
    pub async fn add(&self, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        self.write(&mut *transaction, actor, action, subject, detail).await?;
        Ok(transaction.commit().await?)
    }

    /// A line to be: what it tells of is committed with it, or not at all.
    pub fn entry(&self, actor: Actor, action: &str, subject: &str, detail: &str) -> Entry {
        Entry::new(self.clone(), actor, [action, subject, detail])
    }

    /// Adds a line in the transaction of what it tells: both are there, or neither. Last before the commit: others wait for it.
    pub async fn add_within(
        &self,
        db: &mut dyn Session,
        actor: &Actor,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), Error> {
        Ok(self.write(db, actor, action, subject, detail).await?)
    }

    async fn write(
        &self,
        db: &mut dyn Session,
        actor: &Actor,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), store::Error> {
        db.lock(LOCK).await?;
        let sql = "SELECT number, hash FROM web_audit ORDER BY number DESC LIMIT 1";
        let rows = db.fetch(sql, Vec::new()).await?;
        let (last, before) = match rows.first() {
            Some(row) => (row.get::<i64>("number")?, row.get::<Vec<u8>>("hash")?),
            None => (0, Vec::new()),
        };
        let mut line = Line {
            number: last + 1,
            at: self.clock.now().as_millisecond(),
            actor: Actor { who: kept(&actor.who), role: kept(&actor.role), peer: kept(&actor.peer) },
            action: kept(action),
            subject: kept(subject),
            detail: kept(detail),
            hash: Vec::new(),
        };
        line.hash = hash(&before, &line);
        let sql = "INSERT INTO web_audit (number, at, who, role, peer, action, subject, detail, hash) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = values![
            line.number,
            line.at,
            line.actor.who,
            line.actor.role,
            line.actor.peer,
            line.action,
            line.subject,
            line.detail,
            line.hash
        ];
        db.run(sql, values).await?;
        Ok(())
    }

    /// Lines, newest first.
    pub async fn search(&self, search: &Search) -> Result<Vec<Line>, Error> {
        let (condition, mut values) = condition(search);
        let limit = i64::from(search.limit.clamp(1, 10_000));
        values.push(limit.into());
        let sql = format!("SELECT * FROM web_audit {condition} ORDER BY number DESC LIMIT ?");
        self.database.fetch(&sql, values).await?.iter().map(line).collect()
    }

    /// Lines from `after` on, oldest first: an export reads them a page at a time.
    pub async fn after(&self, after: i64, limit: i64) -> Result<Vec<Line>, Error> {
        let sql = "SELECT * FROM web_audit WHERE number > ? ORDER BY number LIMIT ?";
        self.database.fetch(sql, values![after, limit]).await?.iter().map(line).collect()
    }

    /// Computes every hash again.
    pub async fn verify(&self) -> Result<Verdict, Error> {
        let (mut number, mut before) = (0, Vec::new());
        loop {
            let lines = self.after(number, STRIDE).await?;
            if lines.is_empty() {
                return Ok(Verdict::Whole { lines: number, head: before });
            }
            for line in lines {
                number += 1;
                if line.number != number || line.hash != hash(&before, &line) {
                    return Ok(Verdict::Broken { at: number });
                }
                before = line.hash;
            }
        }
    }
}

fn condition(search: &Search) -> (String, Vec<Value>) {
    let mut parts = Vec::new();
    let mut values = Vec::new();
    let mut add = |part: &'static str, value: Value| {
        parts.push(part);
        values.push(value);
    };
    if let Some(who) = &search.who {
        add("who = ?", who.as_str().into());
    }
    if let Some(action) = &search.action {
        add("action = ?", action.as_str().into());
    }
    if let Some(from) = search.from {
        add("at >= ?", from.into());
    }
    if let Some(to) = search.to {
        add("at < ?", to.into());
    }
    if let Some(below) = search.below {
        add("number < ?", below.into());
    }
    if let Some(text) = &search.text {
        let pattern = like(text);
        add("(lower(subject) LIKE ? ESCAPE '\\'", pattern.clone().into());
        parts.pop();
        parts.push("(lower(subject) LIKE ? ESCAPE '\\' OR lower(detail) LIKE ? ESCAPE '\\')");
        values.push(pattern.into());
    }
    let condition = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
    (condition, values)
}

/// A text that is somewhere in another, for LIKE.
pub(crate) fn like(text: &str) -> String {
    let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// Bounded, and as the database gives it back.
fn kept(text: &str) -> String {
    text.replace('\0', "\u{fffd}").chars().take(TEXT).collect()
}

fn hash(before: &[u8], line: &Line) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("weir 2026 audit log");
    let mut add = |octets: &[u8]| {
        hasher.update(&(octets.len() as u64).to_be_bytes()).update(octets);
    };
    add(before);
    add(&line.number.to_be_bytes());
    add(&line.at.to_be_bytes());
    let actor = &line.actor;
    for text in [&actor.who, &actor.role, &actor.peer, &line.action, &line.subject, &line.detail] {
        add(text.as_bytes());
    }
    hasher.finalize().as_bytes().to_vec()
}

fn line(row: &Row) -> Result<Line, Error> {
    Ok(Line {
        number: row.get("number")?,
        at: row.get("at")?,
        actor: Actor { who: row.get("who")?, role: row.get("role")?, peer: row.get("peer")? },
        action: row.get("action")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
        hash: row.get("hash")?,
    })
}
