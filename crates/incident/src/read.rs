//! Lists and single incidents, read beside the writer.

use jiff::Timestamp;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};
use store::cipher;
use store::keys::Keys;

use crate::Error;
use crate::record::{Entry, Filter, Incident, Severity, Status, Summary};
use crate::write::{matches_context, original_context};

const MOST: u32 = 100;
const COLUMNS: &str = "SELECT id, unique_id, message_id, sender, recipients, subject, policy, policy_id, severity, status, \
    prevent_status, match_count, received_at, server, trial, policy_version, policy_set, count_is_complete, size, peer, direction, \
    response_rules, unscannable, matches, linked_to FROM incident WHERE 1 = 1";

pub(crate) async fn list(db: &SqlitePool, filter: &Filter) -> Result<Vec<Summary>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    if let Some(policy) = &filter.policy {
        match policy.parse::<u32>() {
            Ok(id) => query.push(" AND policy_id = ").push_bind(id),
            Err(_) => query.push(" AND policy = ").push_bind(policy.clone()),
        };
    }
    if let Some(sender) = &filter.sender {
        query.push(" AND instr(lower(sender), lower(").push_bind(sender.clone()).push("))");
    }
    if let Some(recipient) = &filter.recipient {
        query.push(" AND instr(lower(recipients), lower(").push_bind(recipient.clone()).push("))");
    }
    if let Some(unique_id) = &filter.unique_id {
        query.push(" AND unique_id = ").push_bind(unique_id.clone());
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before as i64);
    }
    let limit = if filter.limit == 0 { MOST } else { filter.limit };
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(db).await?;
    rows.iter().map(summary).collect()
}

pub(crate) async fn show(db: &SqlitePool, keys: &Keys, id: u64) -> Result<Option<Incident>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(" AND id = ").push_bind(id as i64);
    let Some(row) = query.build().fetch_optional(db).await? else { return Ok(None) };
    let damaged = |why: &dyn std::fmt::Display| Error::Damaged { id, why: why.to_string() };
    let sealed: Vec<u8> = row.try_get("matches")?;
    let summary = summary(&row)?;
    let context = matches_context(&summary.unique_message_id, summary.policy_id);
    let details = cipher::open(keys, &context, &sealed).map_err(|why| damaged(&why))?;
    let siblings = sqlx::query("SELECT id FROM incident WHERE unique_id = ? AND id <> ? ORDER BY id")
        .bind(&summary.unique_message_id)
        .bind(id as i64)
        .fetch_all(db)
        .await?;
    let siblings =
        siblings.iter().map(|row| Ok(row.try_get::<i64, _>(0)? as u64)).collect::<Result<_, Error>>()?;
    Ok(Some(Incident {
        summary,
        policy_version: row.try_get("policy_version")?,
        policy_set: row.try_get("policy_set")?,
        count_is_complete: row.try_get("count_is_complete")?,
        size: row.try_get::<i64, _>("size")? as u64,
        peer: row.try_get("peer")?,
        direction: row.try_get("direction")?,
        response_rules: serde_json::from_str(row.try_get("response_rules")?).map_err(|why| damaged(&why))?,
        unscannable: serde_json::from_str(row.try_get("unscannable")?).map_err(|why| damaged(&why))?,
        matches: serde_json::from_slice(&details).map_err(|why| damaged(&why))?,
        linked_to: row.try_get::<Option<i64>, _>("linked_to")?.map(|id| id as u64),
        siblings,
        history: history(db, id).await?,
    }))
}

pub(crate) async fn original(db: &SqlitePool, keys: &Keys, id: u64) -> Result<Option<Vec<u8>>, Error> {
    let query =
        "SELECT unique_id, sealed FROM original WHERE id = (SELECT original_id FROM incident WHERE id = ?)";
    let Some(row) = sqlx::query(query).bind(id as i64).fetch_optional(db).await? else { return Ok(None) };
    let sealed: Option<Vec<u8>> = row.try_get(1)?;
    let context = original_context(row.try_get(0)?);
    sealed.map(|sealed| cipher::open(keys, &context, &sealed).map_err(Error::from)).transpose()
}

async fn history(db: &SqlitePool, id: u64) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query("SELECT at, who, action, detail FROM history WHERE incident_id = ? ORDER BY id")
        .bind(id as i64)
        .fetch_all(db)
        .await?;
    let entry = |row: &SqliteRow| {
        Ok(Entry {
            at: time(row.try_get(0)?),
            who: row.try_get(1)?,
            action: row.try_get(2)?,
            detail: row.try_get(3)?,
        })
    };
    rows.iter().map(entry).collect()
}

fn summary(row: &SqliteRow) -> Result<Summary, Error> {
    Ok(Summary {
        id: row.try_get::<i64, _>("id")? as u64,
        unique_message_id: row.try_get("unique_id")?,
        message_id: row.try_get("message_id")?,
        sender: row.try_get("sender")?,
        recipients: serde_json::from_str(row.try_get("recipients")?).unwrap_or_default(),
        subject: row.try_get("subject")?,
        policy: row.try_get("policy")?,
        policy_id: row.try_get::<i64, _>("policy_id")? as u32,
        severity: Severity::from_number(row.try_get("severity")?),
        status: Status::parse(row.try_get("status")?),
        prevent_status: row.try_get("prevent_status")?,
        matches: row.try_get::<i64, _>("match_count")? as u64,
        received_at: time(row.try_get("received_at")?),
        server: row.try_get("server")?,
        trial: row.try_get("trial")?,
    })
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
