//! A year of incidents, written straight into the tables, so that two million of them take minutes and not hours; and a
//! few hundred that were recorded as a detection server records them, with matches and originals, to look at closely.

use anyhow::{Context, Result};
use incident::{Disposition, Journal, Match, NewMessage, NewViolation, Severity};
use store::values;

pub(crate) const DAY: i64 = 86_400_000;
/// Rows of one transaction.
const STEP: i64 = 50_000;
/// Incidents that are recorded whole.
const WHOLE: u32 = 200;
/// The number that every tenth incident has in common.
const NUMBER: &str = "4111 1111 1111 1111";

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The number of an incident that was recorded whole, if it was filled before.
pub(crate) async fn filled(journal: &Journal) -> Result<Option<u64>> {
    let sql = "SELECT max(id) AS id FROM incident WHERE unique_id = ?";
    let rows = journal.database().fetch(sql, values![format!("whole-{}", WHOLE - 1)]).await?;
    let id: Option<i64> = rows.first().context("no row")?.get("id")?;
    Ok(id.map(|id| id as u64))
}

/// Fills an empty journal; gives the number of an incident that was recorded whole.
pub(crate) async fn fill(journal: &Journal, count: i64) -> Result<u64> {
    let mut last = None;
    for number in 0..WHOLE {
        last = journal.record(message(number)).await?.incidents.last().map(|one| one.id);
    }
    rows(journal, count).await?;
    shared(journal).await?;
    last.context("nothing was recorded")
}

/// Incidents by 2,000 senders against 40 policies. Those that are open have more matches than any other: by matches, the
/// others stand behind all of them.
async fn rows(journal: &Journal, count: i64) -> Result<()> {
    let step = (365 * DAY / count).max(1);
    let begin = now() - step * count;
    for from in (0..count).step_by(STEP as usize) {
        let to = (from + STEP).min(count);
        let mut transaction = journal.database().begin().await?;
        let sql = "WITH RECURSIVE n(i) AS (SELECT CAST(? AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) \
            INSERT INTO incident (unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, sender, \
            recipients, subject, direction, server, received_at, last_seen, size, match_count, count_is_complete, trial, \
            response_rules, unscannable, matches, recorded_at, sender_domain, pseudonym) \
            SELECT 'U' || i, i % 40, 'policy ' || (i % 40), 'v', 'set', 1 + (i * 7) % 4, \
            CASE WHEN i % 10 < 4 THEN 'New' WHEN i % 10 < 6 THEN 'In Process' WHEN i % 1000 = 7 THEN 'Escalated' ELSE 'Resolved' END, \
            CASE WHEN i % 50 = 0 THEN 21 ELSE 2 END, 'user' || (i % 2000) || '@company.example', \
            '[\"r' || (i % 5000) || '@partner.example\"]', 'subject ' || i, 'outbound', 'prevent-' || (i % 3), \
            ? + i * ?, ? + i * ?, 10000, CASE WHEN i % 10 < 6 THEN 41 + i % 50 ELSE 1 + i % 40 END, TRUE, FALSE, '[]', '[]', ?, ? + i * ?, \
            'company.example', i % 2000 FROM n";
        let values = values![from, to, begin, step, begin, step, vec![0_u8], begin, step];
        transaction.run(sql, values).await?;
        let window = || values![begin + from * step, begin + to * step];
        let sql = "INSERT INTO incident_term (kind, term, received_at, incident_id, status, severity, policy_id, prevent_status, hidden) \
            SELECT 'recipient', 'r' || (CAST(substr(unique_id, 2) AS BIGINT) % 5000) || '@partner.example', \
            received_at, id, status, severity, policy_id, prevent_status, hidden FROM incident WHERE unique_id LIKE 'U%' AND received_at >= ? AND received_at < ?";
        transaction.run(sql, window()).await?;
        let sql = "INSERT INTO attribute (incident_id, name, value) SELECT id, 'Department', 'Department ' || (id % 20) \
            FROM incident WHERE unique_id LIKE 'U%' AND received_at >= ? AND received_at < ?";
        transaction.run(sql, window()).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Every tenth incident has the number that those recorded whole have: the worst that correlation can meet.
async fn shared(journal: &Journal) -> Result<()> {
    let mut transaction = journal.database().begin().await?;
    let sql = "INSERT INTO match_hash (hash, received_at, incident_id, status, severity, policy_id, prevent_status, hidden) \
        SELECT (SELECT hash FROM match_hash ORDER BY incident_id LIMIT 1), received_at, id, status, severity, policy_id, prevent_status, \
        hidden FROM incident WHERE unique_id LIKE 'U%' AND id % 10 = 0";
    transaction.run(sql, values![]).await?;
    transaction.commit().await?;
    Ok(())
}

fn message(number: u32) -> NewMessage {
    let found = Match {
        rule: "Card numbers".into(),
        condition: "payment_card".into(),
        path: "body".into(),
        kind: "text".into(),
        offset: 5,
        text: NUMBER.into(),
        before: "card ".into(),
        after: " thanks".into(),
        validator: Some("luhn".into()),
    };
    let violation = |policy: u32| NewViolation {
        policy_id: policy,
        policy_name: format!("policy {policy}"),
        policy_version: "v".into(),
        severity: Severity::High,
        match_count: 20,
        count_is_complete: true,
        trial: false,
        matches: vec![found.clone(); 20],
        response_rules: vec!["Hold for review".into()],
    };
    let line = format!("card {NUMBER} thanks, and some words more than that stand here.\r\n");
    let original = format!("From: user17@company.example\r\nSubject: whole\r\n\r\n{}", line.repeat(60));
    NewMessage {
        unique_id: format!("whole-{number}"),
        message_id: Some(format!("<{number}@company.example>")),
        sender: "user17@company.example".into(),
        recipients: vec!["r1@partner.example".into(), "r99@partner.example".into()],
        subject: "whole".into(),
        peer: Some("127.0.0.1".into()),
        received_at: jiff::Timestamp::now(),
        size: original.len() as u64,
        direction: "outbound".into(),
        server: "prevent-1".into(),
        policy_set: "set".into(),
        original: Some(original.into_bytes()),
        violations: vec![violation(3), violation(4)],
        unscannable: vec![("a.zip".into(), "encrypted".into())],
        disposition: Disposition::Modified,
        effects: Vec::new(),
    }
}
