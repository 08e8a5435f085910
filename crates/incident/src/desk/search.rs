//! Pages of incidents by key: page a thousand costs what page one costs. Counts are exact up to a bound and say when they are not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::database::{Dialect, Row};
use store::values;

use super::condition::Writer;
use super::{Access, Condition, Desk};
use crate::read::{SUMMARY, summary, time};
use crate::{Error, Summary};

/// Counts are exact up to here.
const COUNTED: u64 = 10_000;

/// By what a list is ordered; equal ones by time, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Sort {
    #[default]
    Received,
    Id,
    Recorded,
    Severity,
    Status,
    PreventStatus,
    Policy,
    Sender,
    Server,
    Matches,
    Subject,
    MessageId,
    PolicyVersion,
    Owner,
    DataOwnerName,
    Hidden,
}

impl Sort {
    /// Those that an index has, for lists that people look at.
    pub const ALL: [Self; 10] = [
        Self::Received,
        Self::Id,
        Self::Recorded,
        Self::Severity,
        Self::Status,
        Self::PreventStatus,
        Self::Policy,
        Self::Sender,
        Self::Server,
        Self::Matches,
    ];

    fn column(self) -> &'static str {
        match self {
            Self::Received => "received_at",
            Self::Id => "incident.id",
            Self::Recorded => "recorded_at",
            Self::Severity => "severity",
            Self::Status => "status",
            Self::PreventStatus => "prevent_status",
            Self::Policy => "policy_id",
            Self::Sender => "lower(sender)",
            Self::Server => "server",
            Self::Matches => "match_count",
            Self::Subject => "subject",
            // What is not there comes before all that is.
            Self::MessageId => "coalesce(message_id, '')",
            Self::PolicyVersion => "policy_version",
            Self::Owner => "coalesce(owner, '')",
            Self::DataOwnerName => "coalesce(data_owner_name, '')",
            Self::Hidden => "CASE WHEN hidden THEN 1 ELSE 0 END",
        }
    }

    fn is_text(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::Sender
                | Self::Server
                | Self::Subject
                | Self::MessageId
                | Self::PolicyVersion
                | Self::Owner
                | Self::DataOwnerName
        )
    }

    /// No index has them in this order: all that meet the condition are read.
    fn reads_all(self) -> bool {
        !Self::ALL.contains(&self)
    }

    /// The index that has incidents so ordered, where it is not by time or number alone.
    fn index(self) -> Option<&'static str> {
        match self {
            Self::Received | Self::Id | Self::Recorded => None,
            Self::Severity => Some("INDEXED BY incident_by_severity"),
            Self::Status => Some("INDEXED BY incident_by_status"),
            Self::PreventStatus => Some("INDEXED BY incident_by_prevent_status"),
            Self::Policy => Some("INDEXED BY incident_by_policy_time"),
            Self::Sender => Some("INDEXED BY incident_by_sender"),
            Self::Server => Some("INDEXED BY incident_by_server"),
            Self::Matches => Some("INDEXED BY incident_by_matches"),
            Self::Subject
            | Self::MessageId
            | Self::PolicyVersion
            | Self::Owner
            | Self::DataOwnerName
            | Self::Hidden => None,
        }
    }

    /// Its columns, most important first; each list has an index that begins so.
    fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Id => vec!["incident.id"],
            Self::Received => vec!["received_at", "incident.id"],
            Self::Recorded => vec!["recorded_at", "incident.id"],
            other => vec![other.column(), "received_at", "incident.id"],
        }
    }
}

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
    /// A page of a list.
    pub async fn page(&self, access: &Access, search: &Search) -> Result<Page, Error> {
        let index = match self.index_of(search.sort) {
            Some(index) => walked(index, self.count(access, &search.condition).await?),
            None => "",
        };
        self.page_by(index, access, search).await
    }

    /// A page of a list, and how many there are.
    pub async fn counted_page(&self, access: &Access, search: &Search) -> Result<(Page, Count), Error> {
        match self.index_of(search.sort) {
            Some(index) => {
                let count = self.count(access, &search.condition).await?;
                Ok((self.page_by(walked(index, count), access, search).await?, count))
            }
            // One after the other: the few connections for such searches are for others too. A page without its count is one.
            None if search.condition.reads_all() => {
                let page = self.page_by("", access, search).await?;
                let count = match self.count(access, &search.condition).await {
                    Err(Error::Store(store::Error::TookTooLong(_))) => {
                        Count::MoreThan(page.rows.len() as u64)
                    }
                    count => count?,
                };
                Ok((page, count))
            }
            None => {
                tokio::try_join!(self.page_by("", access, search), self.count(access, &search.condition))
            }
        }
    }

    /// By this index of SQLite, or as the database thinks best.
    async fn page_by(&self, index: &str, access: &Access, search: &Search) -> Result<Page, Error> {
        let mut writer = self.select_by(index, &columns(), access, &search.condition);
        let order = search.sort.columns();
        // Towards the beginning the list is read the other way round, and turned.
        let down = search.ascending == search.backwards;
        if let Some(key) = &search.after {
            let sign = if down { "<" } else { ">" };
            let marks = vec!["?"; order.len()].join(", ");
            writer.sql.push_str(&format!(" AND ({}) {sign} ({marks})", order.join(", ")));
            if order.len() == 3 {
                let value = key.value.clone().unwrap_or_default();
                writer.values.push(if search.sort.is_text() {
                    value.into()
                } else {
                    value.parse::<i64>().unwrap_or(0).into()
                });
            }
            if order.len() > 1 {
                writer.values.push(key.at.into());
            }
            writer.values.push(key.id.into());
        }
        let by: Vec<String> =
            order.iter().map(|column| format!("{column}{}", if down { " DESC" } else { "" })).collect();
        writer.sql.push_str(&format!(" ORDER BY {} LIMIT ?", by.join(", ")));
        let limit = search.limit.clamp(1, 10_001);
        writer.values.push((limit + 1).into());
        let found = self.found_in(search, writer).await?;
        let more = found.len() > limit as usize;
        let mut rows = found
            .iter()
            .take(limit as usize)
            .map(|row| listed(row, search.sort))
            .collect::<Result<Vec<_>, _>>()?;
        if search.backwards {
            rows.reverse();
        }
        let began = search.after.is_some();
        let (more_before, more_after) = if search.backwards { (more, began) } else { (began, more) };
        Ok(Page { rows, more_after, more_before })
    }

    /// The index that has incidents so ordered, where the database may have to be told to walk it.
    fn index_of(&self, sort: Sort) -> Option<&'static str> {
        sort.index().filter(|_| self.database().dialect() == Dialect::Sqlite)
    }

    /// The key of the line at this place of a list, counted from 1: for those who ask for pages by number.
    pub async fn key_at(&self, access: &Access, search: &Search, place: u64) -> Result<Option<Key>, Error> {
        let mut writer = self.select(&columns(), access, &search.condition);
        let down = if search.ascending { "" } else { " DESC" };
        let by: Vec<String> = search.sort.columns().iter().map(|column| format!("{column}{down}")).collect();
        writer.sql.push_str(&format!(" ORDER BY {} LIMIT 1 OFFSET ?", by.join(", ")));
        writer.values.push(place.saturating_sub(1).into());
        let rows = self.found_in(search, writer).await?;
        rows.first().map(|row| Ok(listed(row, search.sort)?.key)).transpose()
    }

    /// The rows of a list: not for ever, where its condition or its order takes reading all there is.
    async fn found_in(&self, search: &Search, writer: Writer<'_>) -> Result<Vec<Row>, Error> {
        if search.sort.reads_all() {
            return Ok(self.database().search(&writer.sql, writer.values, self.patience).await?);
        }
        self.found(&search.condition, writer).await
    }

    /// How many there are.
    pub async fn count(&self, access: &Access, condition: &Condition) -> Result<Count, Error> {
        let mut inner = self.select("1 AS one", access, condition);
        inner.values.push((COUNTED + 1).into());
        inner.sql = format!("SELECT count(*) AS n FROM ({} LIMIT ?) AS found", inner.sql);
        let rows = self.found(condition, inner).await?;
        let n = rows.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0) as u64;
        Ok(if n > COUNTED { Count::MoreThan(COUNTED) } else { Count::Exactly(n) })
    }

    /// Numbers of incidents above this one, smallest first, at most `limit`.
    pub async fn ids_after(
        &self,
        access: &Access,
        condition: &Condition,
        after: u64,
        limit: u32,
    ) -> Result<Vec<u64>, Error> {
        let mut writer = self.select("incident.id AS id", access, condition);
        writer.sql.push_str(" AND incident.id > ? ORDER BY incident.id LIMIT ?");
        writer.values.extend(values![after, limit]);
        let rows = self.found(condition, writer).await?;
        rows.iter().map(|row| Ok(row.get::<i64>("id")? as u64)).collect()
    }

    /// Numbers of incidents, newest first, at most `limit`.
    pub async fn ids(&self, access: &Access, condition: &Condition, limit: u32) -> Result<Vec<u64>, Error> {
        let mut writer = self.select("incident.id AS id", access, condition);
        writer.sql.push_str(" ORDER BY received_at DESC, incident.id DESC LIMIT ?");
        writer.values.push(limit.into());
        let rows = self.found(condition, writer).await?;
        rows.iter().map(|row| Ok(row.get::<i64>("id")? as u64)).collect()
    }
}

/// SQLite knows no counts of its values and would rather sort half of all incidents than walk an index that has them sorted
/// already. Where many are wanted the first ones are soon met by walking; few are quicker found and then sorted.
fn walked(index: &'static str, count: Count) -> &'static str {
    match count {
        Count::MoreThan(_) => index,
        Count::Exactly(_) => "",
    }
}

fn columns() -> String {
    format!(
        "{SUMMARY}, recorded_at, owner, data_owner_name, policy_version, direction, hidden, lower(sender) AS sender_key"
    )
}

fn listed(row: &Row, sort: Sort) -> Result<Listed, Error> {
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
