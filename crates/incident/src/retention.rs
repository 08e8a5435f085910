//! What is deleted is gone at once: from the tables, and by `secure_delete` from the file. An original that another incident
//! still needs stays until the last of them lets it go.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::database::{Row, Session, Value};
use store::values;

use crate::{Error, Journal};

/// Incidents of one transaction: others get their turn.
const ROWS: u32 = 200;

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Originals; None: for ever.
    pub originals: Option<SignedDuration>,
    /// Incidents, since they were last seen, or brought back from an archive; None: for ever.
    pub incidents: Option<SignedDuration>,
}

/// How long what is kept, by the policy that was violated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Of policies that are not named.
    pub others: Ages,
    /// Of policies by number. An original of several incidents stays as long as one of them wants it.
    pub policies: BTreeMap<u32, Ages>,
}

impl Default for Ages {
    fn default() -> Self {
        Self { originals: Some(SignedDuration::from_hours(90 * 24)), incidents: None }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Ages::default().into()
    }
}

impl From<Ages> for Retention {
    fn from(others: Ages) -> Self {
        Self { others, policies: BTreeMap::new() }
    }
}

/// Before which moment what goes, as a term of SQL that depends on the policy.
struct Ends {
    sql: String,
    values: Vec<Value>,
    /// The latest of them; None: nothing goes at all.
    latest: Option<i64>,
}

impl Ends {
    /// As it will be at this moment.
    fn at(now: Timestamp, retention: &Retention, age: impl Fn(&Ages) -> Option<SignedDuration>) -> Self {
        // Nothing is from before the beginning of time: such things stay.
        let before = |age| now.checked_sub(age).ok().map(Timestamp::as_millisecond);
        let end = |ages: &Ages| age(ages).and_then(before).unwrap_or(i64::MIN);
        let others = end(&retention.others);
        let sql = match retention.policies.len() {
            0 => "?".to_owned(),
            named => format!("CASE policy_id{} ELSE ? END", " WHEN ? THEN ?".repeat(named)),
        };
        let named = retention.policies.iter().flat_map(|(policy, ages)| values![*policy, end(ages)]);
        let values = named.chain(values![others]).collect();
        let latest = retention.policies.values().map(end).chain([others]).max();
        Self { sql, values, latest: latest.filter(|end| *end > i64::MIN) }
    }

    fn of_incidents(now: Timestamp, retention: &Retention) -> Self {
        Self::at(now, retention, |ages| ages.incidents)
    }

    fn of_originals(now: Timestamp, retention: &Retention) -> Self {
        Self::at(now, retention, |ages| ages.originals)
    }

    /// The incidents that are over: SQL behind SELECT … FROM, with the values that it takes. None: no incident ever is.
    fn incidents(&self) -> Option<(String, Vec<Value>)> {
        let sql = format!(
            "incident WHERE last_seen < ? AND coalesce(restored_at, last_seen) < {} AND pending = 0",
            self.sql
        );
        self.latest.map(|latest| (sql, [values![latest], self.values.clone()].concat()))
    }

    /// The originals that are over; one without an incident is, too.
    fn originals(&self) -> Option<(String, Vec<Value>)> {
        let sql = format!(
            "original WHERE stored_at < ? AND NOT EXISTS \
            (SELECT 1 FROM incident WHERE original_id = original.id AND original.stored_at >= {})",
            self.sql
        );
        self.latest.map(|latest| (sql, [values![latest], self.values.clone()].concat()))
    }
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Incidents.
    pub incidents: u64,
    /// Originals that no incident needs any more.
    pub originals: u64,
}

impl Journal {
    /// Deletes incidents, each with its history, matches and, unless another incident needs it, its original.
    pub async fn delete(&self, ids: &[u64]) -> Result<Deleted, Error> {
        let mut deleted = Deleted::default();
        for some in ids.chunks(ROWS as usize) {
            let mut transaction = self.database().begin().await?;
            for id in some {
                delete_one(&mut *transaction, *id as i64, &mut deleted).await?;
            }
            transaction.commit().await?;
        }
        Ok(deleted)
    }

    /// Deletes the original of an incident and keeps the incident; the history says who did. False if it had none.
    pub async fn delete_original(&self, id: u64, who: &str, why: &str) -> Result<bool, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let sql = "SELECT 1 AS one FROM incident WHERE id = ? AND original_id IS NOT NULL";
        if db.fetch(sql, values![id]).await?.is_empty() {
            return Ok(false);
        }
        drop_original(db, id as i64).await?;
        let sql = "INSERT INTO history (incident_id, at, who, action, detail) VALUES (?, ?, ?, 'MESSAGE_NOT_RETAINED', ?)";
        db.run(sql, values![id, Timestamp::now().as_millisecond(), who, why]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What will be deleted by [`Self::expire`] until then, if nothing changes, each up to this number and one more. An error
    /// where that cannot be counted in the time.
    pub async fn expiring(
        &self,
        retention: &Retention,
        until: Timestamp,
        most: u32,
        patience: Duration,
    ) -> Result<Deleted, Error> {
        let count = async |over: Option<(String, Vec<Value>)>| {
            let Some((sql, values)) = over else { return Ok::<u64, Error>(0) };
            let sql = format!("SELECT count(*) AS n FROM (SELECT 1 AS one FROM {sql} LIMIT ?) AS over_age");
            let values = [values, values![most.saturating_add(1)]].concat();
            let rows = self.database().search(&sql, values, patience).await?;
            Ok(rows.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0).max(0) as u64)
        };
        Ok(Deleted {
            incidents: count(Ends::of_incidents(until, retention).incidents()).await?,
            originals: count(Ends::of_originals(until, retention).originals()).await?,
        })
    }

    /// How many originals are kept, and of the oldest ones, at most so many, how many of which policy: one of several incidents
    /// counts for each of their policies.
    pub async fn originals_kept(&self, oldest: u32) -> Result<(u64, BTreeMap<u32, u64>), Error> {
        let rows = self.database().fetch("SELECT count(*) AS n FROM original", Vec::new()).await?;
        let all = rows.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0).max(0) as u64;
        let sql = "SELECT policy_id, count(DISTINCT original_id) AS n FROM incident WHERE original_id IN \
            (SELECT id FROM original ORDER BY stored_at LIMIT ?) GROUP BY policy_id";
        let rows = self.database().fetch(sql, values![oldest]).await?;
        let of = |row: &Row| Ok((row.get::<i64>("policy_id")? as u32, row.get::<i64>("n")?.max(0) as u64));
        Ok((all, rows.iter().map(of).collect::<Result<_, Error>>()?))
    }

    /// Deletes what is older than it may be.
    pub async fn expire(&self, retention: &Retention) -> Result<Deleted, Error> {
        let mut deleted = Deleted::default();
        let now = Timestamp::now();
        if let Some((sql, values)) = Ends::of_incidents(now, retention).incidents() {
            loop {
                let sql = format!("SELECT id FROM {sql} ORDER BY id LIMIT ?");
                let rows = self.database().fetch(&sql, [values.clone(), values![ROWS]].concat()).await?;
                if rows.is_empty() {
                    break;
                }
                let ids = rows
                    .iter()
                    .map(|row| Ok(row.get::<i64>("id")? as u64))
                    .collect::<Result<Vec<_>, Error>>()?;
                let some = self.delete(&ids).await?;
                deleted.incidents += some.incidents;
                deleted.originals += some.originals;
            }
        }
        if let Some((sql, values)) = Ends::of_originals(now, retention).originals() {
            deleted.originals += self.expire_originals(&sql, &values).await?;
        }
        Ok(deleted)
    }

    async fn expire_originals(&self, over: &str, values: &[Value]) -> Result<u64, Error> {
        let mut deleted = 0;
        let sql = format!("SELECT id FROM {over} ORDER BY stored_at LIMIT ?");
        loop {
            let rows = self.database().fetch(&sql, [values, &values![ROWS]].concat()).await?;
            if rows.is_empty() {
                return Ok(deleted);
            }
            let mut transaction = self.database().begin().await?;
            for row in &rows {
                let id: i64 = row.get("id")?;
                let sql = "INSERT INTO history (incident_id, at, who, action, detail) \
                    SELECT id, ?, 'weir', 'MESSAGE_NOT_RETAINED', 'the original reached the age to which originals are kept' \
                    FROM incident WHERE original_id = ?";
                transaction.run(sql, values![Timestamp::now().as_millisecond(), id]).await?;
                deleted += transaction.run("DELETE FROM original WHERE id = ?", values![id]).await?;
            }
            transaction.commit().await?;
        }
    }
}

pub(crate) async fn delete_one(db: &mut dyn Session, id: i64, deleted: &mut Deleted) -> Result<(), Error> {
    let rows = db.fetch("SELECT original_id FROM incident WHERE id = ?", values![id]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let original: Option<i64> = row.get("original_id")?;
    deleted.incidents += db.run("DELETE FROM incident WHERE id = ?", values![id]).await?;
    if let Some(original) = original {
        deleted.originals += drop_if_unneeded(db, original).await?;
    }
    Ok(())
}

/// The incident lets its original go.
pub(crate) async fn drop_original(db: &mut dyn Session, id: i64) -> Result<(), Error> {
    let rows = db.fetch("SELECT original_id FROM incident WHERE id = ?", values![id]).await?;
    let original = rows.first().map(|row| row.get::<Option<i64>>("original_id")).transpose()?.flatten();
    db.run("UPDATE incident SET original_id = NULL WHERE id = ?", values![id]).await?;
    // Not to be handed over any more, either.
    db.run("UPDATE shipped SET wanted = ? WHERE incident_id = ?", values![false, id]).await?;
    if let Some(original) = original {
        drop_if_unneeded(db, original).await?;
    }
    Ok(())
}

async fn drop_if_unneeded(db: &mut dyn Session, original: i64) -> Result<u64, Error> {
    let sql =
        "DELETE FROM original WHERE id = ? AND NOT EXISTS (SELECT 1 FROM incident WHERE original_id = ?)";
    Ok(db.run(sql, values![original, original]).await?)
}
