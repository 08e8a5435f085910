//! Pages of incidents by key: page a thousand costs what page one costs. Counts are exact up to a bound and say when they are not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::database::{Dialect, Row};
use store::values;

use super::lists::{Source, tests};
use super::sort::{BY_TIME, Sort};
use super::sql::Writer;
use super::{Access, Condition, Desk};
use crate::read::{SUMMARY, summary, time};
use crate::{Error, Summary};

/// Counts are exact up to here.
pub(super) const COUNTED: u64 = 10_000;

/// Where a page ends and the next begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The value sorted by, where it is neither time nor number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Milliseconds.
    pub at: i64,
    /// The incident.
    pub id: u64,
}

/// A list that is wanted.
#[derive(Debug, Clone)]
pub struct Search {
    /// Which incidents.
    pub condition: Condition,
    /// Their order.
    pub sort: Sort,
    /// Smallest, oldest first.
    pub ascending: bool,
    /// Only those behind this one.
    pub after: Option<Key>,
    /// From `after` towards the beginning.
    pub backwards: bool,
    /// At most so many.
    pub limit: u32,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            condition: Condition::everything(),
            sort: Sort::default(),
            ascending: false,
            after: None,
            backwards: false,
            limit: 50,
        }
    }
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What every list shows.
    #[serde(flatten)]
    pub summary: Summary,
    /// When Enforce, or a detection server alone, wrote it down.
    pub recorded_at: Timestamp,
    /// Whose it is.
    pub owner: Option<String>,
    /// Who owns the data.
    pub data_owner_name: Option<String>,
    /// Version of the policy.
    pub policy_version: String,
    /// `outbound`, …
    pub direction: String,
    /// Out of the usual lists.
    pub hidden: bool,
    /// Milliseconds and the like: what pages are cut by.
    #[serde(skip)]
    pub key: Key,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In order.
    pub rows: Vec<Listed>,
    /// There are more behind the last.
    pub more_after: bool,
    /// There are more before the first.
    pub more_before: bool,
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub enum Count {
    Exactly(u64),
    MoreThan(u64),
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(number) => f.write_str(&grouped(*number)),
            Self::MoreThan(number) => write!(f, "{}+", grouped(*number)),
        }
    }
}

/// `12345` as `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Desk {
    /// The lines of a page and one more, no further than to this key: found by what lists carry, and only then read whole.
    pub(super) fn lines(
        &self,
        from: &Source<'_>,
        tests: &[&Condition],
        search: &Search,
        end: Option<&Key>,
    ) -> Writer<'_> {
        let mut writer =
            self.writer(&format!("SELECT {} FROM (SELECT incident.id AS page_id FROM ", columns()));
        let joined = writer.incidents(tests, from, !search.sort.is_carried());
        writer.between(search, &search.sort.columns_of(joined), end);
        writer.order(search, &search.sort.columns_of(joined), from);
        writer.values.push((search.lines() as u64 + 1).into());
        let join = writer.join();
        let order = by(&search.sort.columns(), search.is_down());
        writer.sql.push_str(&format!(
            " LIMIT ?) AS page {join} incident ON incident.id = page_id ORDER BY {order}"
        ));
        writer
    }

    /// The key of the line at this place of a list, counted from 1: for those who ask for pages by number.
    pub async fn key_at(&self, access: &Access, search: &Search, place: u64) -> Result<Option<Key>, Error> {
        let tests = tests(access, &search.condition);
        let way = self.way(tests.clone(), search.sort).await?;
        let from = way.from.unwrap_or_else(|| way.source());
        let mut writer = self.writer(&format!(
            "SELECT {} FROM incident WHERE incident.id = (SELECT incident.id FROM ",
            columns()
        ));
        let joined = writer.incidents(&tests, &from, !search.sort.is_carried());
        writer.between(search, &search.sort.columns_of(joined), None);
        writer.order(search, &search.sort.columns_of(joined), &from);
        writer.sql.push_str(" LIMIT 1 OFFSET ?)");
        writer.values.push(place.saturating_sub(1).into());
        let patient = reads_all(&tests) || search.sort.reads_all();
        let rows = self.fetched(patient, writer).await?;
        rows.first().map(|row| Ok(listed(row, search.sort)?.key)).transpose()
    }

    /// Numbers of incidents above this one, smallest first, at most `limit`.
    pub async fn ids_after(
        &self,
        access: &Access,
        condition: &Condition,
        after: u64,
        limit: u32,
    ) -> Result<Vec<u64>, Error> {
        let tests = tests(access, condition);
        let few = self.rarest(&tests).await?.filter(|list| list.is_few);
        let numbers = Sort::Id.index().unwrap_or_default();
        let from = few.map_or_else(|| Self::unlisted(&tests, numbers), |few| Source::List(few.list));
        let mut writer = self.writer("SELECT incident.id AS id FROM ");
        writer.incidents(&tests, &from, false);
        writer.sql.push_str(" AND incident.id > ? ORDER BY incident.id LIMIT ?");
        writer.values.extend(values![after, limit]);
        numbers_of(&self.fetched(reads_all(&tests), writer).await?)
    }

    /// Numbers of incidents, newest first, at most `limit`.
    pub async fn ids(&self, access: &Access, condition: &Condition, limit: u32) -> Result<Vec<u64>, Error> {
        let tests = tests(access, condition);
        let rarest = self.rarest(&tests).await?;
        let from = rarest.map_or_else(|| Self::unlisted(&tests, BY_TIME), |rarest| Source::List(rarest.list));
        let mut writer = self.writer("SELECT incident.id AS id FROM ");
        let joined = writer.incidents(&tests, &from, false);
        let order = by(&Sort::Received.columns_of(joined), true);
        writer.sql.push_str(&format!(" ORDER BY {order} LIMIT ?"));
        writer.values.push(limit.into());
        numbers_of(&self.fetched(reads_all(&tests), writer).await?)
    }

    /// The rows of a question: beside everything else and not for ever, where it may have to read all there is.
    pub(super) async fn fetched(&self, patient: bool, writer: Writer<'_>) -> Result<Vec<Row>, Error> {
        let db = self.database();
        Ok(match patient {
            true => db.search(&writer.sql, writer.values, self.patience).await?,
            false => db.fetch(&writer.sql, writer.values).await?,
        })
    }
}

impl Search {
    pub(super) fn lines(&self) -> usize {
        self.limit.clamp(1, 10_001) as usize
    }

    /// Towards the beginning the list is read the other way round, and turned.
    pub(super) fn is_down(&self) -> bool {
        self.ascending == self.backwards
    }
}

impl Writer<'_> {
    /// The part of a list behind its key and no further than `end`.
    pub(super) fn between(&mut self, search: &Search, order: &[&str], end: Option<&Key>) {
        let (next, until) = if search.is_down() { ("<", ">=") } else { (">", "<=") };
        for (key, sign) in search.after.iter().map(|key| (key, next)).chain(end.map(|key| (key, until))) {
            let value = key.value.clone().unwrap_or_default();
            // SQLite finds the place in an index of a term by the term alone.
            if search.sort == Sort::Sender {
                self.sql.push_str(&format!(" AND {} {}= ?", order[0], &sign[..1]));
                self.values.push(value.as_str().into());
            }
            let marks = vec!["?"; order.len()].join(", ");
            self.sql.push_str(&format!(" AND ({}) {sign} ({marks})", order.join(", ")));
            if order.len() == 3 {
                self.values.push(match search.sort.is_text() {
                    true => value.into(),
                    false => value.parse::<i64>().unwrap_or(0).into(),
                });
            }
            if order.len() > 1 {
                self.values.push(key.at.into());
            }
            self.values.push(key.id.into());
        }
    }

    pub(super) fn order(&mut self, search: &Search, order: &[&str], from: &Source<'_>) {
        let mut order: Vec<String> = order.iter().map(|column| (*column).to_owned()).collect();
        let sorted =
            matches!(from, Source::List(list) if search.sort != Sort::Received || !list.is_in_order());
        // Few are read and sorted. PostgreSQL would rather walk the index of the order, which might be all there is.
        if sorted && self.dialect == Dialect::Postgres {
            order[0].push_str(if search.sort.is_text() { " || ''" } else { " + 0" });
        }
        self.sql.push_str(&format!(" ORDER BY {}", by(&order, search.is_down())));
    }
}

pub(super) fn by(order: &[impl std::fmt::Display], down: bool) -> String {
    order
        .iter()
        .map(|column| format!("{column}{}", if down { " DESC" } else { "" }))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn reads_all(tests: &[&Condition]) -> bool {
    tests.iter().any(|test| test.reads_all())
}

pub(super) fn page_of(found: &[Row], search: &Search) -> Result<Page, Error> {
    let more = found.len() > search.lines();
    let lines = found.iter().take(search.lines()).map(|row| listed(row, search.sort));
    let mut rows = lines.collect::<Result<Vec<_>, _>>()?;
    if search.backwards {
        rows.reverse();
    }
    let began = search.after.is_some();
    let (more_before, more_after) = if search.backwards { (more, began) } else { (began, more) };
    Ok(Page { rows, more_after, more_before })
}

fn numbers_of(rows: &[Row]) -> Result<Vec<u64>, Error> {
    rows.iter().map(|row| Ok(row.get::<i64>("id")? as u64)).collect()
}

pub(super) fn columns() -> String {
    format!(
        "{SUMMARY}, recorded_at, owner, data_owner_name, policy_version, direction, hidden, lower(sender) AS sender_key"
    )
}

pub(super) fn listed(row: &Row, sort: Sort) -> Result<Listed, Error> {
    let summary = summary(row)?;
    let recorded: i64 = row.get("recorded_at")?;
    let value = match sort {
        Sort::Received | Sort::Id | Sort::Recorded => None,
        Sort::Severity => Some((summary.severity as i64).to_string()),
        Sort::Status => Some(summary.status.as_str().to_owned()),
        Sort::PreventStatus => Some(summary.prevent_status.to_string()),
        Sort::Policy => Some(summary.policy_id.to_string()),
        Sort::Sender => Some(row.get::<String>("sender_key")?),
        Sort::Server => Some(summary.server.clone()),
        Sort::Matches => Some(summary.matches.to_string()),
        Sort::Subject => Some(summary.subject.clone()),
        Sort::MessageId => Some(summary.message_id.clone().unwrap_or_default()),
        Sort::PolicyVersion => Some(row.get("policy_version")?),
        Sort::Owner => Some(row.get::<Option<String>>("owner")?.unwrap_or_default()),
        Sort::DataOwnerName => Some(row.get::<Option<String>>("data_owner_name")?.unwrap_or_default()),
        Sort::Hidden => Some(i64::from(row.get::<bool>("hidden")?).to_string()),
    };
    let at = if sort == Sort::Recorded { recorded } else { summary.received_at.as_millisecond() };
    let key = Key { value, at, id: summary.id };
    Ok(Listed {
        recorded_at: time(recorded),
        owner: row.get("owner")?,
        data_owner_name: row.get("data_owner_name")?,
        policy_version: row.get("policy_version")?,
        direction: row.get("direction")?,
        hidden: row.get("hidden")?,
        key,
        summary,
    })
}
