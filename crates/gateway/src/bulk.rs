//! Decisions about all that a filter shows: written down before anything is decided, carried out piece by piece by a task of its
//! own, and taken up again after a crash where they stood. A piece and how far it brings the decision are one transaction.

use std::time::Duration;

use incident::wire::ReviewAction;
use jiff::Timestamp;
use store::database::Row;
use store::values;
use tokio_util::sync::CancellationToken;

use crate::decide::Decision;
use crate::definitions::{json, only_id};
use crate::history::{now, time};
use crate::state::done;
use crate::{CopyFilter, Error, Gateway, State, Who};

/// Incidents decided in one transaction: others get their turn between two.
const PIECE: usize = 200;
/// After the database failed.
const PAUSE: Duration = Duration::from_secs(2);
/// Looked at this often without being asked.
const LOOK: Duration = Duration::from_secs(30);

/// A decision about many, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Its number.
    pub id: u64,
    /// What was decided.
    pub action: ReviewAction,
    /// Where people see what it means.
    pub view: String,
    /// Who decided.
    pub who: String,
    /// When.
    pub asked_at: Timestamp,
    /// Held incidents that it meant then.
    pub total: u64,
    /// How many were decided by it up to now; others may have decided about some before.
    pub decided: u64,
    /// When it was over.
    pub done_at: Option<Timestamp>,
    /// Why it ended before its end.
    pub broken: Option<String>,
}

/// A decision as it is carried out.
struct Work {
    bulk: Bulk,
    filter: CopyFilter,
    who: Who,
    note: Option<String>,
    below: u64,
}

/// Carries decisions out until told to stop.
pub(crate) async fn run(gateway: Gateway, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let wait = match gateway.carry_on().await {
            Ok(true) => continue,
            Ok(false) => LOOK,
            Err(error) => {
                tracing::error!(%error, "a decision about many cannot go on; it is tried again");
                PAUSE
            }
        };
        let bell = gateway.inner.bulk_bell.notified();
        let _ = stop.run_until_cancelled(tokio::time::timeout(wait, bell)).await;
    }
}

impl Gateway {
    /// Writes down a decision about every held incident that the filter shows now; it is carried out soon. Its number.
    pub async fn decide_all(
        &self,
        filter: &CopyFilter,
        action: ReviewAction,
        who: &Who,
        note: Option<&str>,
        view: &str,
    ) -> Result<u64, Error> {
        let filter = CopyFilter { state: Some(State::Held), before: None, limit: 0, ..filter.clone() };
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let newest = db.fetch("SELECT coalesce(max(id), 0) AS newest FROM copy", Vec::new()).await?;
        let newest = newest.first().map(|row| row.get::<i64>("newest")).transpose()?.unwrap_or(0);
        let (condition, values) = filter.condition();
        let sql = format!(
            "SELECT count(*) AS total FROM copy c JOIN message m ON m.id = c.message_id WHERE {condition}"
        );
        let total = db.fetch(&sql, values).await?;
        let total = total.first().map(|row| row.get::<i64>("total")).transpose()?.unwrap_or(0);
        let sql = "INSERT INTO bulk (action, filter, view, who, origin, note, asked_at, total, below) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let (name, origin) = (who.name.as_str(), who.from.as_deref());
        let (action, filter) = (State::after(action).as_str(), json(&filter)?);
        let values = values![action, filter, view, name, origin, note, now(), total, newest + 1];
        let id = only_id(&db.fetch(sql, values).await?)?;
        self.commit(transaction).await?;
        tracing::info!(bulk = id, action, total, who = who.words(), "a decision about many begins");
        self.inner.bulk_bell.notify_one();
        Ok(id)
    }

    /// A decision about many.
    pub async fn bulk(&self, id: u64) -> Result<Option<Bulk>, Error> {
        let rows = self.database().fetch("SELECT * FROM bulk WHERE id = ?", values![id]).await?;
        rows.first().map(bulk).transpose()
    }

    /// Decisions about many that go on, or were over after this time; the newest first.
    pub async fn bulks(&self, over_after: Timestamp) -> Result<Vec<Bulk>, Error> {
        let sql = "SELECT * FROM bulk WHERE done_at IS NULL OR done_at > ? ORDER BY id DESC LIMIT 100";
        self.database().fetch(sql, values![over_after.as_millisecond()]).await?.iter().map(bulk).collect()
    }

    /// Ends a decision about many where it stands. False if it was over.
    pub async fn stop_bulk(&self, id: u64, who: &Who) -> Result<bool, Error> {
        self.end_bulk(id, Some(&format!("stopped by {}", who.words()))).await
    }

    /// Carries out the next piece of the oldest decision that is not over. False if there is none.
    pub async fn carry_on(&self) -> Result<bool, Error> {
        let sql = "SELECT * FROM bulk WHERE done_at IS NULL ORDER BY id LIMIT 1";
        let rows = self.database().fetch(sql, Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let work = match work(row) {
            Ok(work) => work,
            Err(error) => return self.give_up(row.get::<i64>("id")? as u64, &error).await,
        };
        match self.piece(&work).await {
            Ok(()) => Ok(true),
            Err(error @ Error::Store(_)) => Err(error),
            // Asking again would not help: what is left stays held.
            Err(error) => self.give_up(work.bulk.id, &error).await,
        }
    }

    async fn piece(&self, work: &Work) -> Result<(), Error> {
        let filter = CopyFilter { before: Some(work.below), ..work.filter.clone() };
        let (condition, mut values) = filter.condition();
        values.push((PIECE as u64).into());
        let sql = format!(
            "SELECT c.id FROM copy c JOIN message m ON m.id = c.message_id WHERE {condition} ORDER BY c.id DESC LIMIT ?"
        );
        // Looked for before the transaction, which others wait for: a copy that was decided meanwhile says so itself.
        let rows = self.database().fetch(&sql, values).await?;
        let ids =
            rows.iter().map(|row| Ok(row.get::<i64>("id")? as u64)).collect::<Result<Vec<_>, Error>>()?;
        let (words, id) = (work.who.words(), work.bulk.id);
        let decision = Decision {
            action: work.bulk.action,
            who: &words,
            name: &work.who.name,
            note: work.note.as_deref(),
            request: None,
        };
        let mut files = Vec::new();
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        // Stopped meanwhile, or carried on by somebody else: the row is the gate.
        let next = ids.last().copied().unwrap_or(0);
        let sql = "UPDATE bulk SET below = ? WHERE id = ? AND below = ? AND done_at IS NULL";
        if db.run(sql, values![next, id, work.below]).await? == 0 {
            return Ok(());
        }
        let mut count = 0_u64;
        for one in &ids {
            let decided = self.decide_one(db, *one, &decision, &mut files).await?;
            count += u64::from(decided.result == done(work.bulk.action));
        }
        let over = (ids.len() < PIECE).then(now);
        let sql = "UPDATE bulk SET decided = decided + ?, done_at = ? WHERE id = ?";
        db.run(sql, values![count, over, id]).await?;
        transaction.commit().await?;
        if over.is_some() {
            tracing::info!(
                bulk = id,
                decided = work.bulk.decided + count,
                "a decision about many is carried out"
            );
        }
        self.after_decisions(files).await;
        Ok(())
    }

    async fn give_up(&self, id: u64, error: &Error) -> Result<bool, Error> {
        tracing::error!(bulk = id, %error, "a decision about many broke off; what it did not reach stays held");
        self.end_bulk(id, Some(&error.to_string())).await
    }

    async fn end_bulk(&self, id: u64, why: Option<&str>) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        let sql = "UPDATE bulk SET done_at = ?, broken = ? WHERE id = ? AND done_at IS NULL";
        let ended = transaction.run(sql, values![now(), why, id]).await? > 0;
        if ended {
            self.commit(transaction).await?;
        }
        Ok(ended)
    }
}

fn bulk(row: &Row) -> Result<Bulk, Error> {
    let id = row.get::<i64>("id")? as u64;
    let action: String = row.get("action")?;
    let action = match State::parse(&action) {
        Some(State::Approved) => ReviewAction::Approved,
        Some(State::Rejected) => ReviewAction::Rejected,
        Some(State::Custom) => ReviewAction::Custom,
        _ => return Err(Error::damaged(format!("decision about many {id}"), format!("action {action:?}"))),
    };
    Ok(Bulk {
        id,
        action,
        view: row.get("view")?,
        who: row.get("who")?,
        asked_at: time(row.get("asked_at")?),
        total: row.get::<i64>("total")? as u64,
        decided: row.get::<i64>("decided")? as u64,
        done_at: row.get::<Option<i64>>("done_at")?.map(time),
        broken: row.get("broken")?,
    })
}

fn work(row: &Row) -> Result<Work, Error> {
    let bulk = bulk(row)?;
    let filter = serde_json::from_str(&row.get::<String>("filter")?)
        .map_err(|why| Error::damaged(format!("decision about many {}", bulk.id), why))?;
    Ok(Work {
        who: Who { name: bulk.who.clone(), from: row.get("origin")? },
        note: row.get("note")?,
        below: row.get::<i64>("below")? as u64,
        filter,
        bulk,
    })
}
