//! Summaries and trends from daily counts, so that millions of incidents are summed up at once. A role that sees only some
//! of them by what the counts do not know is counted from the incidents themselves.

use store::database::Dialect;
use store::values;

use super::condition::Order;
use super::lists::{Source, tests};
use super::{Access, Condition, Desk, Field, Scalar};
use crate::Error;

const DAY: i64 = 86_400_000;
/// Groups of a summary.
const GROUPS: i64 = 100;
/// Decisions that the median is taken from.
const DECISIONS: i64 = 1_001;
/// Servers sum up one after another.
const FOLDING: i64 = 0x6461_696c_7900;

/// By what a summary groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Facet {
    Policy,
    Severity,
    Status,
    PreventStatus,
    Server,
    Sender,
}

/// A line of a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they have in common; of a policy its number.
    pub key: String,
    /// In words.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// A point of a trend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCount {
    /// Days since 1970.
    pub day: i64,
    /// What they have in common.
    pub key: String,
    /// How many.
    pub count: u64,
}

impl Facet {
    fn columns(self, from_incidents: bool) -> (&'static str, &'static str) {
        match self {
            // Lists of incidents by a value do not carry it.
            Self::Policy if from_incidents => (
                "policy_id",
                "(SELECT policy FROM incident AS named WHERE named.policy_id = incident.policy_id ORDER BY named.received_at DESC LIMIT 1)",
            ),
            Self::Policy => ("policy_id", "max(policy)"),
            Self::Severity => ("severity", "''"),
            Self::Status => ("status", "''"),
            Self::PreventStatus => ("prevent_status", "''"),
            Self::Server => ("server", "''"),
            Self::Sender if from_incidents => ("lower(sender)", "''"),
            Self::Sender => ("sender", "''"),
        }
    }
}

/// Whether the daily counts know all that the condition asks.
pub(super) fn is_counted(condition: &Condition) -> bool {
    match condition {
        Condition::All(inner) | Condition::Any(inner) => inner.iter().all(is_counted),
        Condition::Not(inner) => is_counted(inner),
        Condition::Is(field, _)
        | Condition::IsAnyCase(field, _)
        | Condition::Compare(field, ..)
        | Condition::Like(field, _) => matches!(
            field,
            Field::Policy
                | Field::PolicyId
                | Field::Severity
                | Field::Status
                | Field::PreventStatus
                | Field::Server
        ),
        Condition::Missing(_) => false,
    }
}

impl Desk {
    /// The largest groups of incidents of these days (both included), largest first.
    pub async fn summary(
        &self,
        access: &Access,
        facet: Facet,
        days: (i64, i64),
    ) -> Result<Vec<Group>, Error> {
        let from_incidents = !is_counted(&access.0) || (facet == Facet::Sender && !access.is_everything());
        let (column, name) = facet.columns(from_incidents);
        let (head, count) = match from_incidents {
            true => (self.of_days(access, facet, days).await?, "count(*)"),
            false => (self.of_daily(access, facet, days), "sum(n)"),
        };
        let (from, mut values) = head;
        let sql = format!(
            "SELECT CAST({column} AS TEXT) AS key, {name} AS name, CAST({count} AS BIGINT) AS n FROM {from} \
            GROUP BY {column} HAVING {count} > 0 ORDER BY n DESC, 1 LIMIT ?"
        );
        values.push(GROUPS.into());
        let rows = self.database().fetch(&sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(Group {
                    key: row.get("key")?,
                    name: row.get("name")?,
                    count: row.get::<i64>("n")?.max(0) as u64,
                })
            })
            .collect()
    }

    /// Counts of each day, by severity or by what became of the mail.
    pub async fn trend(
        &self,
        access: &Access,
        facet: Facet,
        days: (i64, i64),
    ) -> Result<Vec<DayCount>, Error> {
        let from_incidents = !is_counted(&access.0) || (facet == Facet::Sender && !access.is_everything());
        let (column, _) = facet.columns(from_incidents);
        let day = if from_incidents { "received_at / 86400000" } else { "day" };
        let ((from, values), count) = match from_incidents {
            true => (self.of_days(access, facet, days).await?, "count(*)"),
            false => (self.of_daily(access, facet, days), "sum(n)"),
        };
        let sql = format!(
            "SELECT {day} AS day, CAST({column} AS TEXT) AS key, CAST({count} AS BIGINT) AS n FROM {from} \
            GROUP BY {day}, {column} HAVING {count} > 0 ORDER BY 1, 2"
        );
        let rows = self.database().fetch(&sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(DayCount {
                    day: row.get("day")?,
                    key: row.get("key")?,
                    count: row.get::<i64>("n")?.max(0) as u64,
                })
            })
            .collect()
    }

    /// The median of the time from a message to its decision, in milliseconds, of the latest thousand decisions of these days
    /// (since 1970, UTC, both included).
    pub async fn median_to_decision(
        &self,
        access: &Access,
        (from, to): (i64, i64),
    ) -> Result<Option<i64>, Error> {
        let mut writer = self.select("decided_at - received_at AS took", access, &Condition::everything());
        writer.sql.push_str(" AND decided_at >= ? AND decided_at < ? ORDER BY decided_at DESC LIMIT ?");
        let begin = |day: i64| day.saturating_mul(DAY);
        writer.values.extend(values![begin(from), begin(to.saturating_add(1)), DECISIONS]);
        let rows = self.database().fetch(&writer.sql, writer.values).await?;
        let mut took =
            rows.iter().map(|row| Ok(row.get::<i64>("took")?.max(0))).collect::<Result<Vec<_>, Error>>()?;
        took.sort_unstable();
        Ok(took.get(took.len() / 2).copied())
    }

    /// Sums up what PostgreSQL keeps as single lines, of the days that have some. SQLite keeps sums only.
    pub async fn fold_counts(&self) -> Result<(), Error> {
        if self.database().dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        transaction.lock(FOLDING).await?;
        for (table, columns) in [
            ("daily", "day, policy_id, policy, severity, status, prevent_status, server"),
            ("daily_sender", "day, sender"),
        ] {
            let sql = format!(
                "WITH gone AS (DELETE FROM {table} WHERE day IN (SELECT day FROM {table} WHERE loose) RETURNING *) \
                INSERT INTO {table} SELECT {columns}, sum(n), FALSE FROM gone GROUP BY {columns} HAVING sum(n) <> 0"
            );
            transaction.run(&sql, Vec::new()).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// From a list of those that the asker may see, where there is one.
    async fn of_days(
        &self,
        access: &Access,
        facet: Facet,
        days: (i64, i64),
    ) -> Result<(String, Vec<store::database::Value>), Error> {
        let bound = |order, day: i64| {
            Condition::Compare(Field::ReceivedAt, order, Scalar::Number(day.saturating_mul(DAY)))
        };
        let days = bound(Order::GreaterOrEqual, days.0).and(bound(Order::Less, days.1.saturating_add(1)));
        let tests = tests(access, &days);
        let rarest = self.rarest(&tests).await?;
        let from = rarest.map_or(Source::Anywhere, |rarest| Source::List(rarest.list));
        let mut writer = self.writer("");
        writer.incidents(&tests, &from, matches!(facet, Facet::Sender | Facet::Server));
        Ok((writer.sql, writer.values))
    }

    /// How many incidents of these days there are, on days after this one, and on it, where the daily counts know what the asker may see.
    pub(super) async fn counted_by_day(
        &self,
        access: &Access,
        days: (i64, i64),
        day: i64,
    ) -> Result<[u64; 3], Error> {
        let (from, values) = self.of_daily(access, Facet::Policy, days);
        let sum =
            |test: &str| format!("CAST(coalesce(sum(CASE WHEN {test} THEN n ELSE 0 END), 0) AS BIGINT)");
        let sql = format!(
            "SELECT {} AS whole, {} AS later, {} AS here FROM {from}",
            sum("1 = 1"),
            sum(&format!("day > {day}")),
            sum(&format!("day = {day}"))
        );
        let rows = self.database().fetch(&sql, values).await?;
        let Some(row) = rows.first() else { return Ok([0; 3]) };
        let mut counts = [0; 3];
        for (count, name) in counts.iter_mut().zip(["whole", "later", "here"]) {
            *count = row.get::<i64>(name)?.max(0) as u64;
        }
        Ok(counts)
    }

    fn of_daily(
        &self,
        access: &Access,
        facet: Facet,
        days: (i64, i64),
    ) -> (String, Vec<store::database::Value>) {
        let mut writer = self.select("1", access, &Condition::everything());
        writer.sql.push_str(" AND day >= ? AND day <= ?");
        writer.values.extend(values![days.0, days.1]);
        let table = if facet == Facet::Sender { "daily_sender" } else { "daily" };
        let tail = writer.sql.split_off("SELECT 1 FROM incident".len());
        (format!("{table}{}", tail.replace("incident.", "")), writer.values)
    }
}
