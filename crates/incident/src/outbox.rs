//! The outbox: side effects that wait beside their incidents until they are done, or have failed for good.
//!
//! An effect is claimed, done, and marked as done with a line in its incident's history. A claim ends by itself, so what a
//! server that died was doing is done again: outside effects happen at least once, and [`Claimed::name`] lets whoever gets a
//! repeat know it. What happens in the store itself ([`Outbox::act`]) is one transaction with its mark, and happens once.
//!
//! Each action of a rule is kept once for an incident, however often its message is retried (the key of table `effect`).
//! Effects are taken in the order in which they came due; one that has to wait holds up no other.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use store::database::{Database, Dialect, Row, Session};
use store::values;

use crate::seal::shortened;
use crate::{Error, Journal};

mod act;

/// Characters of a history line's detail.
const DETAIL: usize = 2_000;

/// How long effects are tried.
#[derive(Debug, Clone, Copy)]
pub struct OutboxOptions {
    /// A claim that is this old is void.
    pub lease: SignedDuration,
    /// Wait after the first failure; doubled after each further one, and never the same on two servers.
    pub first_wait: SignedDuration,
    /// The longest wait.
    pub longest_wait: SignedDuration,
    /// What has not worked for so long, from the first attempt on, has failed for good.
    pub give_up: SignedDuration,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self {
            lease: SignedDuration::from_mins(15),
            first_wait: SignedDuration::from_secs(30),
            longest_wait: SignedDuration::from_hours(1),
            give_up: SignedDuration::from_hours(72),
        }
    }
}

/// Takes effects out of a journal, and says there what became of them.
#[derive(Debug, Clone)]
pub struct Outbox {
    journal: Arc<Journal>,
    server: String,
    options: OutboxOptions,
}

/// An effect that nobody else does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its number.
    pub id: u64,
    /// Its incident.
    pub incident: u64,
    /// The response rule.
    pub rule: String,
    /// `notify`, `syslog`, …
    pub kind: String,
    /// What to do, as JSON.
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u64,
    first_tried: Timestamp,
}

impl Claimed {
    /// The same at each attempt, and of no other effect of this database.
    pub fn name(&self) -> String {
        format!("{}.{}", self.incident, self.id)
    }

    /// Puts in what is known only now: the incident's number, and where it can be seen.
    pub fn fill(&self, text: &str, snapshot: &str) -> String {
        text.replace("$INCIDENT_SNAPSHOT$", snapshot).replace("$INCIDENT_ID$", &self.incident.to_string())
    }
}

/// A line for the incident's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The name of the action: `NOTICE_SENT`, …
    pub action: &'static str,
    /// What, to whom, and what came of it.
    pub detail: String,
}

impl Line {
    /// A line.
    pub fn new(action: &'static str, detail: impl Into<String>) -> Self {
        Self { action, detail: detail.into() }
    }
}

/// What became of an effect that did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// It is tried again at this time.
    At(Timestamp),
    /// It was tried for so long that it has failed for good.
    Never,
    /// The claim had run out; somebody else has it.
    NotOurs,
}

impl Outbox {
    /// The outbox of a journal; histories say that `server` did it.
    pub fn new(journal: Arc<Journal>, server: &str, options: OutboxOptions) -> Self {
        Self { journal, server: server.to_owned(), options }
    }

    /// Makes void what this data directory's server had claimed before it ended. Only where no other server may be at work.
    pub async fn begin_again(&self) -> Result<(), Error> {
        let database = self.database();
        if database.dialect() != Dialect::Sqlite {
            return Ok(());
        }
        let mut transaction = database.begin().await?;
        let sql =
            "UPDATE effect SET claimed_until = NULL WHERE done_at IS NULL AND claimed_until IS NOT NULL";
        transaction.run(sql, Vec::new()).await?;
        Ok(transaction.commit().await?)
    }

    /// The next effect of these kinds that is due.
    pub async fn claim(&self, kinds: &[&str]) -> Result<Option<Claimed>, Error> {
        let now = Timestamp::now();
        let due = due(kinds);
        let wanted =
            |more: &str| format!("SELECT * FROM effect WHERE {due} ORDER BY due_at, id LIMIT 1{more}");
        let values = || {
            let mut values = values![now.as_millisecond(), now.as_millisecond()];
            values.extend(kinds.iter().flat_map(|kind| values![*kind, format!("{kind}/%")]));
            values
        };
        // Nothing to do is the rule: that is seen without the right to write.
        let database = self.database();
        if database.fetch(&wanted(""), values()).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = database.begin().await?;
        let skip = if database.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
        let rows = transaction.fetch(&wanted(skip), values()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let claimed = claimed(row, now)?;
        let sql = "UPDATE effect SET claimed_until = ?, attempts = ?, first_tried_at = ? WHERE id = ?";
        let until = now.saturating_add(self.options.lease).map_or(i64::MAX, Timestamp::as_millisecond);
        let first = claimed.first_tried.as_millisecond();
        transaction.run(sql, values![until, claimed.attempt, first, claimed.id]).await?;
        transaction.commit().await?;
        Ok(Some(claimed))
    }

    /// It is done. False if the claim had run out, and somebody else does it again.
    pub async fn done(&self, claimed: &Claimed, lines: &[Line]) -> Result<bool, Error> {
        self.over(claimed, "done", lines).await
    }

    /// It has failed, and trying again would not help. False if the claim had run out.
    pub async fn failed(&self, claimed: &Claimed, lines: &[Line]) -> Result<bool, Error> {
        self.over(claimed, "failed", lines).await
    }

    /// It did not work now. `rest`: what is still to be done, if some of it was. `lines` tell of that part; the first failure
    /// and the last are told in the history too, those between are not.
    pub async fn later(
        &self,
        claimed: &Claimed,
        why: &str,
        rest: Option<&str>,
        mut lines: Vec<Line>,
    ) -> Result<Later, Error> {
        let now = Timestamp::now();
        let spent = now.duration_since(claimed.first_tried);
        if spent >= self.options.give_up {
            let tried = format!("{}: {why}; given up after {} attempts", claimed.rule, claimed.attempt);
            lines.push(Line::new("RESPONSE_RULE_FAILED", tried));
            let ours = self.failed(claimed, &lines).await?;
            return Ok(if ours { Later::Never } else { Later::NotOurs });
        }
        if claimed.attempt == 1 {
            lines.push(Line::new(
                "RESPONSE_RULE_DELAYED",
                format!("{}: {why}; it is tried again", claimed.rule),
            ));
        }
        let at = now.saturating_add(self.wait(claimed.attempt)).unwrap_or(Timestamp::MAX);
        let mut transaction = self.database().begin().await?;
        let sql = "UPDATE effect SET claimed_until = NULL, due_at = ?, payload = ? WHERE id = ? AND attempts = ? AND claimed_until IS NOT NULL AND done_at IS NULL";
        let payload = rest.unwrap_or(&claimed.payload);
        let values = values![at.as_millisecond(), payload, claimed.id, claimed.attempt];
        if transaction.run(sql, values).await? == 0 {
            return Ok(Later::NotOurs);
        }
        self.tell(&mut *transaction, claimed.incident, &lines).await?;
        transaction.commit().await?;
        Ok(Later::At(at))
    }

    /// How many effects wait.
    pub async fn pending(&self) -> Result<u64, Error> {
        let rows =
            self.database().fetch("SELECT count(*) AS waiting FROM effect WHERE done_at IS NULL", Vec::new());
        let rows = rows.await?;
        Ok(rows.first().map(|row| row.get::<i64>("waiting")).transpose()?.unwrap_or(0) as u64)
    }

    /// The attributes that rules gave to an incident, by name.
    pub async fn attributes(&self, incident: u64) -> Result<Vec<(String, String)>, Error> {
        let sql = "SELECT name, value FROM attribute WHERE incident_id = ? ORDER BY name";
        let rows = self.database().fetch(sql, values![incident]).await?;
        rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    fn database(&self) -> &dyn Database {
        &**self.journal.database()
    }

    async fn over(&self, claimed: &Claimed, outcome: &str, lines: &[Line]) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        if !mark(&mut *transaction, claimed, outcome).await? {
            return Ok(false);
        }
        self.tell(&mut *transaction, claimed.incident, lines).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn tell(&self, db: &mut dyn Session, incident: u64, lines: &[Line]) -> Result<(), Error> {
        for line in lines {
            tell(db, incident, &self.server, line).await?;
        }
        Ok(())
    }

    /// Doubled each time, up to the longest, less up to a fifth.
    fn wait(&self, attempt: u64) -> SignedDuration {
        let (first, longest) = (self.options.first_wait.as_millis(), self.options.longest_wait.as_millis());
        let doubled = 1_i128 << attempt.saturating_sub(1).min(40);
        let wait = first.saturating_mul(doubled).min(longest).max(1);
        let chance = i128::from(RandomState::new().hash_one(attempt) % 1_000);
        let less = wait * chance / 5_000;
        SignedDuration::from_millis(i64::try_from(wait - less).unwrap_or(i64::MAX))
    }
}

/// A rule's further actions of a kind have numbers: `notify`, `notify/2`.
fn due(kinds: &[&str]) -> String {
    let kinds: Vec<&str> = kinds.iter().map(|_| "kind = ? OR kind LIKE ?").collect();
    let of_kinds = if kinds.is_empty() { "1 = 1".to_owned() } else { kinds.join(" OR ") };
    format!(
        "done_at IS NULL AND due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?) AND ({of_kinds})"
    )
}

fn claimed(row: &Row, now: Timestamp) -> Result<Claimed, Error> {
    let kind: String = row.get("kind")?;
    let first: Option<i64> = row.get("first_tried_at")?;
    Ok(Claimed {
        id: row.get::<i64>("id")? as u64,
        incident: row.get::<i64>("incident_id")? as u64,
        rule: row.get("rule")?,
        kind: kind.split('/').next().unwrap_or_default().to_owned(),
        payload: row.get("payload")?,
        attempt: row.get::<i64>("attempts")? as u64 + 1,
        first_tried: first.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(now),
    })
}

/// What is over needs its words no longer. False if the claim had run out.
async fn mark(db: &mut dyn Session, claimed: &Claimed, outcome: &str) -> Result<bool, Error> {
    let sql = "UPDATE effect SET done_at = ?, claimed_until = NULL, outcome = ?, payload = '' \
        WHERE id = ? AND attempts = ? AND claimed_until IS NOT NULL AND done_at IS NULL";
    let now = Timestamp::now().as_millisecond();
    Ok(db.run(sql, values![now, outcome, claimed.id, claimed.attempt]).await? > 0)
}

async fn tell(db: &mut dyn Session, incident: u64, who: &str, line: &Line) -> Result<(), Error> {
    let sql = "INSERT INTO history (incident_id, at, who, action, detail) VALUES (?, ?, ?, ?, ?)";
    let (now, detail) = (Timestamp::now().as_millisecond(), shortened(&line.detail, DETAIL));
    db.run(sql, values![incident, now, who, line.action, detail]).await?;
    Ok(())
}
