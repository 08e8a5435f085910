//! The desk: where people look for incidents, look at them and decide. Everything that it reads or changes is first cut down
//! to what the asker's role may see: the condition of the role is part of each statement, not of the pages.

mod ageing;
mod change;
mod condition;
mod counts;
mod delete;
pub(crate) mod kept;
mod lists;
mod look;
mod lookups;
mod mails;
mod reading;
mod remediation;
mod rules;
pub(crate) mod saved;
mod schedule;
mod search;
mod search_back;
mod second;
mod sift;
mod sort;
mod sql;
pub(crate) mod statuses;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use store::database::{Database, Session, Transaction, Witnessed};
use store::keys::Keys;
use store::values;

use crate::seal::shortened;
use crate::{Error, Journal};
use sql::Writer;

pub use ageing::AgeingRow;
pub use change::{Actor, Change, Changed, Decision, OrderedEffect};
pub use condition::{Condition, Field, Misfit, Order, Scalar};
pub use counts::{DayCount, Facet, Group};
pub use kept::{NewSecret, Report, Secret, SecretKind};
pub use look::{Correlations, HistoryLine, Look, Note};
pub use lookups::{LookedUp, LookupDue, LookupWaits};
pub use mails::RecordedMail;
pub use reading::Reading;
pub use remediation::{Asked, Order as RemediationOrder, Result as RemediationResult};
pub use rules::{PluginRow, PluginUse, RuleRow};
pub use saved::Saved;
pub use schedule::{Every, ReportMail, Schedule, Scheduled};
pub use search::{Count, Key, Listed, Page, Search};
pub use search_back::{Far, Found};
pub use second::{Ask, Declined, SecondAsked};
pub use sort::Sort;
pub use statuses::{AttributeDefinition, StatusRow};
pub use versions::PolicyVersion;

/// Characters of a history line's detail.
const DETAIL: usize = 2_000;

/// What a role may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access(Condition);

impl Access {
    /// All incidents.
    pub fn everything() -> Self {
        Self(Condition::everything())
    }

    /// Only those that meet it.
    pub fn only(condition: Condition) -> Self {
        Self(condition)
    }

    /// Whether nothing is kept back.
    pub fn is_everything(&self) -> bool {
        self.0 == Condition::everything()
    }
}

/// How long a search may read that no index answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many incidents are looked at one by one in a moment.
const STRETCH: u64 = 10_000;

/// Incidents for people, over the journal's database.
#[derive(Debug, Clone)]
pub struct Desk {
    journal: Arc<Journal>,
    patience: Duration,
    reading: Reading,
    stretch: u64,
    witnessed: Witnessed,
}

impl Desk {
    /// The desk of a journal.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self {
            journal,
            patience: PATIENCE,
            reading: Reading::default(),
            stretch: STRETCH,
            witnessed: Witnessed::default(),
        }
    }

    /// With another time that a search may take which no index answers.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// With lists that are read in this way only.
    pub fn with_reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// With another number of incidents that are looked at one by one, before columns are asked.
    pub fn with_stretch(self, stretch: u64) -> Self {
        Self { stretch, ..self }
    }

    /// The same, whose next change is committed together with what tells of it.
    pub fn noting(&self, witnessed: impl Into<Witnessed>) -> Self {
        Self { witnessed: witnessed.into(), ..self.clone() }
    }

    /// The journal.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    fn database(&self) -> &dyn Database {
        &**self.journal.database()
    }

    fn keys(&self) -> &Keys {
        self.journal.keys()
    }

    /// Ends a change, with what tells of it.
    async fn commit(&self, transaction: Box<dyn Transaction>) -> Result<(), Error> {
        Ok(self.witnessed.commit(transaction).await?)
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        Ok(self.database().begin().await?)
    }

    /// SQL of `SELECT … FROM incident WHERE` what is asked and allowed, for what is found by a number or a time.
    fn select(&self, columns: &str, access: &Access, condition: &Condition) -> Writer<'_> {
        let mut writer = self.writer(&format!("SELECT {columns} FROM "));
        writer.incidents(&lists::tests(access, condition), &lists::Source::Anywhere, true);
        writer
    }

    /// SQL that begins so.
    fn writer(&self, sql: &str) -> Writer<'_> {
        Writer {
            sql: sql.to_owned(),
            values: Vec::new(),
            keys: self.keys(),
            dialect: self.database().dialect(),
        }
    }
}

/// A line of the history, which is only ever added to.
pub(crate) async fn tell(
    db: &mut dyn Session,
    incident: u64,
    actor: &Actor,
    action: &str,
    detail: &str,
) -> Result<(), Error> {
    let sql = "INSERT INTO history (incident_id, at, who, action, detail, origin) VALUES (?, ?, ?, ?, ?, ?)";
    let at = jiff::Timestamp::now().as_millisecond();
    let detail = shortened(detail, DETAIL);
    db.run(sql, values![incident, at, actor.who.as_str(), action, detail, actor.origin.as_deref()]).await?;
    Ok(())
}
