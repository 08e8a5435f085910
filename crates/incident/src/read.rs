//! Lists and single incidents, read beside the writer.

use jiff::Timestamp;
use store::cipher;
use store::database::{Database, Row, Value};
use store::keys::Keys;
use store::values;

use crate::Error;
use crate::record::{Entry, Filter, Incident, Severity, Status, Summary};
use crate::seal::{json, matches_context, value_hash};

const MOST: u32 = 100;
/// The columns of [`summary`].
pub(crate) const SUMMARY: &str = "id, unique_id, message_id, sender, recipients, subject, policy, policy_id, severity, status, \
    prevent_status, match_count, received_at, last_seen, server, trial, outcome";

pub(crate) async fn list(db: &dyn Database, keys: &Keys, filter: &Filter) -> Result<Vec<Summary>, Error> {
    let mut query = Query { sql: format!("SELECT {SUMMARY} FROM incident WHERE 1 = 1"), values: Vec::new() };
    if let Some(policy) = &filter.policy {
        match policy.parse::<u32>() {
            Ok(id) => query.and("policy_id = ?", id),
            Err(_) => query.and("policy = ?", policy.as_str()),
        }
    }
    query.and_maybe(r"lower(sender) LIKE lower(?) ESCAPE '\'", filter.sender.as_deref().map(containing));
    // Recipients lie there as JSON: what is looked for is written the same way, and never meets the quotes around an address.
    let quoted = filter.recipient.as_ref().map(json);
    let recipient = quoted.as_deref().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    query.and_maybe(r"lower(recipients) LIKE lower(?) ESCAPE '\'", recipient.map(containing));
    query.and_maybe("unique_id = ?", filter.unique_id.clone());
    query.and_maybe("severity = ?", filter.severity.map(|severity| severity as i64));
    query.and_maybe("status = ?", filter.status.as_ref().map(|status| status.as_str().to_owned()));
    query.and_maybe("received_at >= ?", filter.since.map(|since| since.as_millisecond()));
    query.and_maybe("received_at < ?", filter.until.map(|until| until.as_millisecond()));
    let hash = filter.value.as_ref().map(|value| value_hash(keys, value).to_vec());
    query.and_maybe("id IN (SELECT incident_id FROM match_hash WHERE hash = ?)", hash);
    query.and_maybe("id < ?", filter.before);
    query.sql.push_str(" ORDER BY id DESC LIMIT ?");
    query.values.push(if filter.limit == 0 { MOST } else { filter.limit }.into());
    db.fetch(&query.sql, query.values).await?.iter().map(summary).collect()
}

pub(crate) async fn show(db: &dyn Database, keys: &Keys, id: u64) -> Result<Option<Incident>, Error> {
    let Some(mut incident) = alone(db, keys, id).await? else { return Ok(None) };
    let sql = "SELECT id FROM incident WHERE unique_id = ? AND id <> ? ORDER BY id LIMIT 1000";
    let siblings = db.fetch(sql, values![incident.summary.unique_message_id.as_str(), id]).await?;
    let siblings = siblings.iter().map(|row| Ok(row.get::<i64>("id")? as u64));
    incident.siblings = siblings.collect::<Result<_, Error>>()?;
    incident.history = history(db, id).await?;
    Ok(Some(incident))
}

/// The incident without its siblings and its history.
pub(crate) async fn alone(db: &dyn Database, keys: &Keys, id: u64) -> Result<Option<Incident>, Error> {
    let rows = db.fetch("SELECT * FROM incident WHERE id = ?", values![id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let summary = summary(row)?;
    let damaged = |why: &dyn std::fmt::Display| Error::Damaged { id, why: why.to_string() };
    let context = matches_context(&summary.unique_message_id, summary.policy_id);
    let details =
        cipher::open(keys, &context, &row.get::<Vec<u8>>("matches")?).map_err(|why| damaged(&why))?;
    Ok(Some(Incident {
        policy_version: row.get("policy_version")?,
        policy_set: row.get("policy_set")?,
        count_is_complete: row.get("count_is_complete")?,
        size: row.get::<i64>("size")? as u64,
        peer: row.get("peer")?,
        direction: row.get("direction")?,
        response_rules: serde_json::from_str(&row.get::<String>("response_rules")?)
            .map_err(|why| damaged(&why))?,
        unscannable: serde_json::from_str(&row.get::<String>("unscannable")?).map_err(|why| damaged(&why))?,
        matches: serde_json::from_slice(&details).map_err(|why| damaged(&why))?,
        original_kept: row.get::<Option<i64>>("original_id")?.is_some(),
        linked_to: row.get::<Option<i64>>("linked_to")?.map(|id| id as u64),
        siblings: Vec::new(),
        history: Vec::new(),
        summary,
    }))
}

async fn history(db: &dyn Database, id: u64) -> Result<Vec<Entry>, Error> {
    let sql = "SELECT at, who, action, detail FROM history WHERE incident_id = ? ORDER BY id";
    let entry = |row: &Row| {
        Ok(Entry {
            at: time(row.get("at")?),
            who: row.get("who")?,
            action: row.get("action")?,
            detail: row.get("detail")?,
        })
    };
    db.fetch(sql, values![id]).await?.iter().map(entry).collect()
}

pub(crate) fn summary(row: &Row) -> Result<Summary, Error> {
    let id = row.get::<i64>("id")? as u64;
    let damaged = |why: String| Error::Damaged { id, why };
    Ok(Summary {
        id,
        unique_message_id: row.get("unique_id")?,
        message_id: row.get("message_id")?,
        sender: row.get("sender")?,
        recipients: serde_json::from_str(&row.get::<String>("recipients")?)
            .map_err(|why| damaged(why.to_string()))?,
        subject: row.get("subject")?,
        policy: row.get("policy")?,
        policy_id: row.get::<i64>("policy_id")? as u32,
        severity: Severity::from_number(row.get("severity")?).map_err(damaged)?,
        status: Status::named(&row.get::<String>("status")?),
        prevent_status: row.get("prevent_status")?,
        matches: row.get::<i64>("match_count")? as u64,
        received_at: time(row.get("received_at")?),
        last_seen: time(row.get("last_seen")?),
        server: row.get("server")?,
        trial: row.get("trial")?,
        outcome: row.get("outcome")?,
    })
}

pub(crate) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(value.into());
    }

    fn and_maybe(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }
}

/// A pattern of LIKE for any text that contains this one.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
