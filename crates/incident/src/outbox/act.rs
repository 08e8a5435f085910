//! Effects on the incident itself: status, attributes, what is kept. Each is one transaction with its mark: it happens once.

use serde::Deserialize;
use store::database::Session;
use store::values;

use super::{Claimed, Line, Outbox, mark, tell};
use crate::{Error, Status};

/// Histories name rules so; what stands there otherwise was done by a person.
const RULE: &str = "response rule";

#[derive(Debug, Deserialize)]
struct SetStatus {
    status: String,
}

#[derive(Debug, Deserialize)]
struct SetAttribute {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Retention {
    discard_original: bool,
    attachments: String,
}

/// What an effect on the incident comes to.
enum Act {
    Status(Status),
    Attribute(SetAttribute),
    Retention(Retention),
}

impl Act {
    fn read(claimed: &Claimed) -> Result<Self, String> {
        let unreadable = |why: serde_json::Error| format!("its order cannot be read: {why}");
        match claimed.kind.as_str() {
            "set_status" => {
                let wanted: SetStatus = serde_json::from_str(&claimed.payload).map_err(unreadable)?;
                Status::parse(&wanted.status).map(Self::Status)
            }
            "set_attribute" => {
                serde_json::from_str(&claimed.payload).map(Self::Attribute).map_err(unreadable)
            }
            "limit_retention" => {
                serde_json::from_str(&claimed.payload).map(Self::Retention).map_err(unreadable)
            }
            other => Err(format!("nobody knows how to do {other:?}")),
        }
    }
}

impl Outbox {
    /// Does an effect that happens in the store itself: `set_status`, `set_attribute`, `limit_retention`. The line that the
    /// history then has; an error in words where the order makes no sense, which is in the history too.
    pub async fn act(&self, claimed: &Claimed, snapshot: &str) -> Result<Result<Line, String>, Error> {
        let act = match Act::read(claimed) {
            Ok(act) => act,
            Err(why) => {
                let why = format!("{}: {why}", claimed.rule);
                self.failed(claimed, &[Line::new("RESPONSE_RULE_FAILED", why.clone())]).await?;
                return Ok(Err(why));
            }
        };
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        if !mark(db, claimed, "done").await? {
            return Ok(Err("somebody else did it".to_owned()));
        }
        let line = match act {
            Act::Status(status) => set_status(db, claimed, status).await?,
            Act::Attribute(attribute) => {
                set_attribute(db, claimed, &attribute.name, &claimed.fill(&attribute.value, snapshot)).await?
            }
            Act::Retention(retention) => limit_retention(db, claimed, &retention).await?,
        };
        tell(db, claimed.incident, &format!("{RULE} {}", claimed.rule), &line).await?;
        transaction.commit().await?;
        Ok(Ok(line))
    }
}

/// What a person decided meanwhile stays.
async fn set_status(db: &mut dyn Session, claimed: &Claimed, status: Status) -> Result<Line, Error> {
    let sql =
        "SELECT who FROM history WHERE incident_id = ? AND action = 'SET_STATUS' ORDER BY id DESC LIMIT 1";
    let last = db.fetch(sql, values![claimed.incident]).await?;
    let who = last.first().map(|row| row.get::<String>("who")).transpose()?;
    if let Some(person) = who.filter(|who| !who.starts_with(RULE)) {
        let detail = format!("{status} is not set: {person} set the status before");
        return Ok(Line::new("SET_STATUS_SKIPPED", detail));
    }
    let known = db.fetch("SELECT status FROM incident WHERE id = ?", values![claimed.incident]).await?;
    let before = known.first().map(|row| row.get::<String>("status")).transpose()?.unwrap_or_default();
    db.run("UPDATE incident SET status = ? WHERE id = ?", values![status.as_str(), claimed.incident]).await?;
    Ok(Line::new("SET_STATUS", format!("{before} -> {status}; {RULE} {}", claimed.rule)))
}

async fn set_attribute(
    db: &mut dyn Session,
    claimed: &Claimed,
    name: &str,
    value: &str,
) -> Result<Line, Error> {
    let sql = "INSERT INTO attribute (incident_id, name, value) VALUES (?, ?, ?) \
        ON CONFLICT (incident_id, name) DO UPDATE SET value = excluded.value";
    db.run(sql, values![claimed.incident, name, value]).await?;
    Ok(Line::new("SET_ATTRIBUTE", format!("{name} = {value}")))
}

/// What is kept was settled when the incident was recorded; an original that an earlier attempt stored and that none should
/// be kept of goes now, unless another incident of the message keeps it.
async fn limit_retention(db: &mut dyn Session, claimed: &Claimed, limit: &Retention) -> Result<Line, Error> {
    if limit.discard_original {
        crate::retention::drop_original(db, claimed.incident as i64).await?;
        return Ok(Line::new("RETENTION_LIMITED", "neither the original nor its attachments are kept"));
    }
    Ok(match limit.attachments.as_str() {
        "none" => Line::new("RETENTION_LIMITED", "the original is kept without its attachments"),
        "violating" => Line::new(
            "RETENTION_LIMITED",
            "the original is kept without the attachments in which nothing was found",
        ),
        _ => Line::new("RETENTION_UNCHANGED", "all of the original is kept, as asked"),
    })
}
