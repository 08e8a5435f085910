//! One transaction for a batch of messages: the rows, and who hears of it.

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use store::cipher;
use store::keys::Keys;
use tokio::sync::oneshot;

use crate::Error;
use crate::journal::Job;
use crate::record::{NewMessage, NewViolation, Outcome, Recorded, RecordedIncident, Status};

/// A repeat within this time joins its open incident.
const MERGE_WITHIN: SignedDuration = SignedDuration::from_hours(5 * 24);

type Answer = (oneshot::Sender<Result<Recorded, Error>>, Recorded);

/// Writes all jobs, or none of them; then tells everybody who waits.
pub(crate) async fn batch(connection: &mut SqliteConnection, keys: &Keys, jobs: Vec<Job>) {
    let mut waiting = Vec::new();
    let mut messages = Vec::new();
    let mut outcomes = Vec::new();
    let mut flushed: Vec<oneshot::Sender<()>> = Vec::new();
    for job in jobs {
        match job {
            Job::Record(new, done) => messages.push((new, done)),
            Job::Outcome(recorded, outcome, at) => outcomes.push((recorded, outcome, at)),
            Job::Flush(done) => flushed.push(done),
        }
    }
    let mut answers: Vec<Answer> = Vec::new();
    let written: Result<(), Error> = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        // Outcomes first: they belong to messages of earlier batches.
        for (recorded, outcome, at) in &outcomes {
            add_outcome(&mut transaction, recorded, outcome, *at).await?;
        }
        for (new, done) in messages {
            match record(&mut transaction, keys, &new).await {
                Ok(recorded) => answers.push((done, recorded)),
                Err(error) => {
                    waiting.push(done);
                    return Err(error);
                }
            }
        }
        transaction.commit().await?;
        Ok(())
    }
    .await;
    match written {
        Ok(()) => {
            for (done, recorded) in answers {
                let _ = done.send(Ok(recorded));
            }
        }
        Err(error) => {
            tracing::error!(%error, "a batch of incidents was not written");
            // Those whose turn did not come hear it by their closed channel.
            let all = answers.into_iter().map(|(done, _)| done).chain(waiting);
            for done in all {
                let _ = done.send(Err(Error::Batch(error.to_string())));
            }
        }
    }
    for done in flushed {
        let _ = done.send(());
    }
}

async fn record(db: &mut SqliteConnection, keys: &Keys, new: &NewMessage) -> Result<Recorded, Error> {
    let original = keep_original(db, keys, new).await?;
    let mut incidents = Vec::with_capacity(new.violations.len());
    for violation in &new.violations {
        incidents.push(one(db, keys, new, violation, original).await?);
    }
    for effect in &new.effects {
        let Some(incident) = incidents.iter().find(|incident| incident.policy_id == effect.policy_id) else {
            continue;
        };
        sqlx::query("INSERT INTO effect (incident_id, rule, kind, payload, due_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(incident.id as i64)
            .bind(&effect.rule)
            .bind(&effect.kind)
            .bind(&effect.payload)
            .bind(Timestamp::now().as_millisecond())
            .execute(&mut *db)
            .await?;
    }
    Ok(Recorded { incidents })
}

/// The message is kept once, however many policies it violates and however often it is tried.
async fn keep_original(
    db: &mut SqliteConnection,
    keys: &Keys,
    new: &NewMessage,
) -> Result<Option<i64>, Error> {
    let Some(octets) = &new.original else { return Ok(None) };
    let known = sqlx::query("SELECT id FROM original WHERE unique_id = ?")
        .bind(&new.unique_id)
        .fetch_optional(&mut *db)
        .await?;
    if let Some(row) = known {
        return Ok(Some(row.try_get(0)?));
    }
    let sealed = cipher::seal(keys, &original_context(&new.unique_id), octets)?;
    let row = sqlx::query(
        "INSERT INTO original (unique_id, size, stored_at, sealed) VALUES (?, ?, ?, ?) RETURNING id",
    )
    .bind(&new.unique_id)
    .bind(octets.len() as i64)
    .bind(Timestamp::now().as_millisecond())
    .bind(sealed)
    .fetch_one(&mut *db)
    .await?;
    Ok(Some(row.try_get(0)?))
}

async fn one(
    db: &mut SqliteConnection,
    keys: &Keys,
    new: &NewMessage,
    violation: &NewViolation,
    original: Option<i64>,
) -> Result<RecordedIncident, Error> {
    let known = sqlx::query(
        "SELECT id, status, recipients, received_at FROM incident WHERE unique_id = ? AND policy_id = ? ORDER BY id DESC LIMIT 1",
    )
    .bind(&new.unique_id)
    .bind(violation.policy_id)
    .fetch_optional(&mut *db)
    .await?;
    let mut follows = None;
    if let Some(row) = known {
        let id: i64 = row.try_get(0)?;
        let status = Status::parse(row.try_get(1)?);
        let recipients: Vec<String> = serde_json::from_str(row.try_get(2)?).unwrap_or_default();
        let recent =
            new.received_at.as_millisecond() - row.try_get::<i64, _>(3)? <= MERGE_WITHIN.as_millis() as i64;
        let fresh: Vec<&String> =
            new.recipients.iter().filter(|recipient| !recipients.contains(recipient)).collect();
        // New recipients never hide under an old decision.
        if recent && (!status.is_closed() || fresh.is_empty()) {
            join(db, id, new, recipients.iter().chain(fresh).collect()).await?;
            return Ok(RecordedIncident { id: id as u64, policy_id: violation.policy_id, merged: true });
        }
        follows = Some(id);
    }
    let id = insert(db, keys, new, violation, original, follows).await?;
    let detail = format!("{} matches; {}", violation.match_count, sent_to(new));
    history(db, id, new.received_at, &new.server, "DETECTED", &detail).await?;
    for rule in &violation.response_rules {
        let action = if violation.trial { "RESPONSE_RULE_TRIAL" } else { "RESPONSE_RULE_EXECUTED" };
        history(db, id, new.received_at, &new.server, action, rule).await?;
    }
    Ok(RecordedIncident { id: id as u64, policy_id: violation.policy_id, merged: false })
}

async fn join(
    db: &mut SqliteConnection,
    id: i64,
    new: &NewMessage,
    recipients: Vec<&String>,
) -> Result<(), Error> {
    sqlx::query("UPDATE incident SET recipients = ?, last_seen = ? WHERE id = ?")
        .bind(json(&recipients))
        .bind(new.received_at.as_millisecond())
        .bind(id)
        .execute(&mut *db)
        .await?;
    history(db, id, new.received_at, &new.server, "DETECTED_AGAIN", &sent_to(new)).await
}

async fn insert(
    db: &mut SqliteConnection,
    keys: &Keys,
    new: &NewMessage,
    violation: &NewViolation,
    original: Option<i64>,
    follows: Option<i64>,
) -> Result<i64, Error> {
    let context = matches_context(&new.unique_id, violation.policy_id);
    let matches = cipher::seal(keys, &context, json(&violation.matches).as_bytes())?;
    let row = sqlx::query(
        "INSERT INTO incident (unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, message_id, \
         sender, recipients, subject, peer, direction, server, received_at, size, match_count, count_is_complete, trial, \
         response_rules, unscannable, original_id, linked_to, last_seen, matches) \
         VALUES (?, ?, ?, ?, ?, ?, 'New', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(&new.unique_id)
    .bind(violation.policy_id)
    .bind(&violation.policy_name)
    .bind(&violation.policy_version)
    .bind(&new.policy_set)
    .bind(violation.severity as i64)
    .bind(new.disposition.prevent_status())
    .bind(&new.message_id)
    .bind(&new.sender)
    .bind(json(&new.recipients))
    .bind(&new.subject)
    .bind(&new.peer)
    .bind(&new.direction)
    .bind(&new.server)
    .bind(new.received_at.as_millisecond())
    .bind(new.size as i64)
    .bind(violation.match_count as i64)
    .bind(violation.count_is_complete)
    .bind(violation.trial)
    .bind(json(&violation.response_rules))
    .bind(json(&new.unscannable))
    .bind(original)
    .bind(follows)
    .bind(new.received_at.as_millisecond())
    .bind(matches)
    .fetch_one(&mut *db)
    .await?;
    Ok(row.try_get(0)?)
}

async fn add_outcome(
    db: &mut SqliteConnection,
    recorded: &Recorded,
    outcome: &Outcome,
    at: Timestamp,
) -> Result<(), Error> {
    let (action, detail) = match outcome {
        Outcome::Relayed { text, .. } => ("RELAYED", format!("next hop answered {text}")),
        Outcome::Redirected { text, .. } => ("REDIRECTED", format!("next hop answered {text}")),
        Outcome::Refused { text, .. } => ("REFUSED", format!("next hop answered {text}")),
        Outcome::Deferred { text, .. } => ("DEFERRED", format!("left with the sender: {text}")),
        Outcome::Blocked { text, .. } => ("BLOCKED", format!("the sender was told {text}")),
    };
    for incident in &recorded.incidents {
        history(db, incident.id as i64, at, "", action, &detail).await?;
    }
    Ok(())
}

async fn history(
    db: &mut SqliteConnection,
    incident: i64,
    at: Timestamp,
    who: &str,
    action: &str,
    detail: &str,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO history (incident_id, at, who, action, detail) VALUES (?, ?, ?, ?, ?)")
        .bind(incident)
        .bind(at.as_millisecond())
        .bind(who)
        .bind(action)
        .bind(detail)
        .execute(&mut *db)
        .await?;
    Ok(())
}

fn sent_to(new: &NewMessage) -> String {
    format!("to {}", new.recipients.join(", "))
}

/// What a sealed original is bound to: it does not open as another message's.
pub(crate) fn original_context(unique_id: &str) -> String {
    format!("original {unique_id}")
}

/// What sealed matches are bound to.
pub(crate) fn matches_context(unique_id: &str, policy_id: u32) -> String {
    format!("matches {unique_id} {policy_id}")
}

/// Plain records always serialise.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
