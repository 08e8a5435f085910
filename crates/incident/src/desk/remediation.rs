//! Requests to plug-ins: durable before they are sent, sent again under the same id after a crash, answered once.
//!
//! A request is asked (history: requested; prevent status 13), claimed, and finished (11 or 12). A status that arrived meanwhile
//! from where the mail is held says more than that a plug-in ran: it stays.

use jiff::{SignedDuration, Timestamp};
use store::database::{Dialect, Row, Session};
use store::values;

use super::{Actor, Desk, tell};
use crate::Error;
use crate::read::time;

/// A claim that is this old is void.
const LEASE: SignedDuration = SignedDuration::from_mins(5);

const EXECUTED: i64 = 11;
const FAILED: i64 = 12;
const REQUESTED: i64 = 13;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A UUID.
    pub id: String,
    /// The incident.
    pub incident: u64,
    /// The smart response rule.
    pub rule: String,
    /// The plug-in, as histories name it.
    pub plugin: String,
    /// What the plug-in gets besides, as JSON.
    pub request: String,
}

/// A request as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is wanted.
    pub order: Order,
    /// Who wants it.
    pub actor: Actor,
    /// Since when.
    pub requested_at: Timestamp,
    /// How often it was sent, this time included.
    pub attempts: u64,
    /// `executed` or `failed`, once it is over.
    pub outcome: Option<String>,
    /// What came back.
    pub answer: Option<String>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Result {
    /// The plug-in did it.
    pub executed: bool,
    /// What it said, for people.
    pub message: String,
    /// What it sent, as JSON.
    pub answer: String,
}

impl Desk {
    /// The next request that is due, for this server alone.
    pub async fn claim_request(&self) -> std::result::Result<Option<Asked>, Error> {
        let now = Timestamp::now();
        let wanted = |more: &str| {
            format!(
                "SELECT * FROM remediation WHERE done_at IS NULL AND due_at <= ? AND (claimed_until IS NULL OR claimed_until < ?) \
                ORDER BY due_at, id LIMIT 1{more}"
            )
        };
        let at = now.as_millisecond();
        if self.database().fetch(&wanted(""), values![at, at]).await?.is_empty() {
            return Ok(None);
        }
        let mut transaction = self.begin().await?;
        let skip = match self.database().dialect() {
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
            Dialect::Sqlite => "",
        };
        let rows = transaction.fetch(&wanted(skip), values![at, at]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut asked = asked(row)?;
        asked.attempts += 1;
        let until = now.saturating_add(LEASE).map_or(i64::MAX, Timestamp::as_millisecond);
        let sql = "UPDATE remediation SET claimed_until = ?, attempts = ? WHERE id = ?";
        transaction.run(sql, values![until, asked.attempts, asked.order.id.as_str()]).await?;
        transaction.commit().await?;
        Ok(Some(asked))
    }

    /// Makes claims void that an earlier process of this data directory left. Only where no other server may be at work.
    pub async fn resume_requests(&self) -> std::result::Result<(), Error> {
        if self.database().dialect() == Dialect::Postgres {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let sql = "UPDATE remediation SET claimed_until = NULL WHERE done_at IS NULL";
        transaction.run(sql, Vec::new()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// It is over. False if somebody else had finished it.
    pub async fn finish_request(&self, asked: &Asked, result: &Result) -> std::result::Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let sql = "UPDATE remediation SET done_at = ?, outcome = ?, answer = ?, claimed_until = NULL WHERE id = ? AND done_at IS NULL";
        let outcome = if result.executed { "executed" } else { "failed" };
        let now = Timestamp::now().as_millisecond();
        let id = asked.order.id.as_str();
        if transaction.run(sql, values![now, outcome, result.answer.as_str(), id]).await? == 0 {
            return Ok(false);
        }
        let incident = asked.order.incident;
        let status = if result.executed { EXECUTED } else { FAILED };
        let sql = "UPDATE incident SET prevent_status = ? WHERE id = ? AND prevent_status = ?";
        transaction.run(sql, values![status, incident, REQUESTED]).await?;
        let (plugin, message) = (&asked.order.plugin, &result.message);
        let (action, detail) = match result.executed {
            true => ("FLEX_RESPONSE_EXECUTED", format!("FlexResponse Action Executed [{plugin}]: {message}")),
            false => (
                "FLEX_RESPONSE_ERROR",
                format!("FlexResponse Action Failed [{plugin}] failed with message: {message}"),
            ),
        };
        tell(&mut *transaction, incident, &asked.actor, action, &detail).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// It could not be sent now; it is sent again at `at`. The first time the history says so.
    pub async fn delay_request(
        &self,
        asked: &Asked,
        why: &str,
        at: Timestamp,
    ) -> std::result::Result<(), Error> {
        let mut transaction = self.begin().await?;
        let sql = "UPDATE remediation SET due_at = ?, claimed_until = NULL WHERE id = ? AND done_at IS NULL";
        let touched = transaction.run(sql, values![at.as_millisecond(), asked.order.id.as_str()]).await?;
        if touched > 0 && asked.attempts == 1 {
            let detail = format!(
                "FlexResponse Action [{}] could not be sent: {why}; it is sent again",
                asked.order.plugin
            );
            tell(&mut *transaction, asked.order.incident, &asked.actor, "FLEX_RESPONSE_DELAYED", &detail)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The requests of an incident, newest first.
    pub async fn requests(&self, incident: u64) -> std::result::Result<Vec<Asked>, Error> {
        let sql =
            "SELECT * FROM remediation WHERE incident_id = ? ORDER BY requested_at DESC, id DESC LIMIT 100";
        self.database().fetch(sql, values![incident]).await?.iter().map(asked).collect()
    }
}

/// Writes a request down, for an incident that is there.
pub(super) async fn request(
    db: &mut dyn Session,
    actor: &Actor,
    order: &Order,
) -> std::result::Result<(), Error> {
    let now = Timestamp::now().as_millisecond();
    let sql = "INSERT INTO remediation (id, incident_id, rule, plugin, request, requested_by, origin, requested_at, due_at) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (id, rule, plugin) = (order.id.as_str(), order.rule.as_str(), order.plugin.as_str());
    let (request, who, origin) = (order.request.as_str(), actor.who.as_str(), actor.origin.as_deref());
    db.run(sql, values![id, order.incident, rule, plugin, request, who, origin, now, now]).await?;
    let sql = "UPDATE incident SET prevent_status = ? WHERE id = ?";
    db.run(sql, values![REQUESTED, order.incident]).await?;
    let detail = format!("FlexResponse Action Requested [{}]", order.plugin);
    tell(db, order.incident, actor, "FLEX_RESPONSE_REQUESTED", &detail).await
}

fn asked(row: &Row) -> std::result::Result<Asked, Error> {
    Ok(Asked {
        order: Order {
            id: row.get("id")?,
            incident: row.get::<i64>("incident_id")? as u64,
            rule: row.get("rule")?,
            plugin: row.get("plugin")?,
            request: row.get("request")?,
        },
        actor: Actor { who: row.get("requested_by")?, origin: row.get("origin")? },
        requested_at: time(row.get("requested_at")?),
        attempts: row.get::<i64>("attempts")? as u64,
        outcome: row.get("outcome")?,
        answer: row.get("answer")?,
    })
}
