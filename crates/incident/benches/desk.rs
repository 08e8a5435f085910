//! What a page of the console asks of the database, timed:
//! `cargo bench -p incident --bench desk [-- INCIDENTS [postgres://…]]`.
//!
//! Small by default, in SQLite; a database of PostgreSQL that is named must be empty. The rows are written straight into the tables, so that two million of them take minutes and not hours.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::Instant;

use incident::desk::{Access, Condition, Desk, Facet, Field, Scalar, Search, Sort};
use incident::{Journal, JournalOptions};
use store::database::Location;
use store::values;

const DAY: i64 = 86_400_000;

fn main() {
    let count = std::env::args().filter_map(|one| one.parse().ok()).next_back().unwrap_or(20_000);
    let url = std::env::args().find(|one| one.starts_with("postgres"));
    tokio::runtime::Runtime::new().unwrap().block_on(run(count, url));
}

async fn run(count: i64, url: Option<String>) {
    let dir = tempfile::tempdir().unwrap();
    let at = match url {
        Some(url) => Location::parse(&url).unwrap(),
        None => Location::File(dir.path().join("incidents.db")),
    };
    let journal = Arc::new(Journal::open_at(dir.path(), &at, JournalOptions::default()).await.unwrap());
    let began = Instant::now();
    fill(&journal, count).await;
    println!("{count} incidents written in {:.0?}", began.elapsed());
    let desk = Desk::new(journal);
    let all = Access::everything();
    let number = |field, value| Condition::Is(field, vec![Scalar::Number(value)]);
    let status = |name: &str| Condition::is(Field::Status, name);
    let cases = [
        ("everything", Condition::everything()),
        ("New", status("New")),
        (
            "New or In Process",
            Condition::Is(Field::Status, vec![Scalar::Text("New".into()), Scalar::Text("In Process".into())]),
        ),
        (
            "New, high, one policy",
            status("New").and(number(Field::Severity, 1)).and(number(Field::PolicyId, 3)),
        ),
        ("a rare pair", status("Escalated").and(number(Field::Severity, 4))),
        ("held", number(Field::PreventStatus, 21)),
        ("one sender", Condition::is(Field::Sender, "user17@company.example")),
        ("one recipient", Condition::is(Field::Recipient, "r99@partner.example")),
        (
            "a week",
            Condition::Compare(
                Field::ReceivedAt,
                incident::desk::Order::Less,
                Scalar::Number(now() - 300 * DAY),
            ),
        ),
    ];
    for (name, condition) in &cases {
        for sort in [Sort::Received, Sort::Severity, Sort::Status] {
            let search = Search { condition: condition.clone(), sort, ..Search::default() };
            let began = Instant::now();
            let page = desk.page(&all, &search).await.unwrap();
            let first = began.elapsed();
            let began = Instant::now();
            let after = page.rows.last().map(|line| line.key.clone());
            desk.page(&all, &Search { after, ..search }).await.unwrap();
            println!("{name:<24} by {sort:?}: page {first:>9.1?}, next {:>9.1?}", began.elapsed());
        }
        let began = Instant::now();
        let found = desk.count(&all, condition).await.unwrap();
        println!("{name:<24} count {found}: {:.1?}", began.elapsed());
    }
    let days = (now() / DAY - 29, now() / DAY);
    for facet in [Facet::Policy, Facet::Severity, Facet::Status, Facet::PreventStatus, Facet::Sender] {
        let began = Instant::now();
        desk.summary(&all, facet, days).await.unwrap();
        println!("summary by {facet:?}: {:.1?}", began.elapsed());
    }
    let began = Instant::now();
    desk.trend(&all, Facet::Severity, days).await.unwrap();
    println!("trend: {:.1?}", began.elapsed());
    let began = Instant::now();
    desk.median_to_decision(&all).await.unwrap();
    println!("median: {:.1?}", began.elapsed());
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A year of incidents by 2,000 senders against 40 policies.
async fn fill(journal: &Journal, count: i64) {
    let step = (365 * DAY / count).max(1);
    let begin = now() - step * count;
    for from in (0..count).step_by(50_000) {
        let to = (from + 50_000).min(count);
        let mut transaction = journal.database().begin().await.unwrap();
        let sql = "WITH RECURSIVE n(i) AS (SELECT CAST(? AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) \
            INSERT INTO incident (unique_id, policy_id, policy, policy_version, policy_set, severity, status, prevent_status, sender, \
            recipients, subject, direction, server, received_at, last_seen, size, match_count, count_is_complete, trial, \
            response_rules, unscannable, matches, recorded_at, sender_domain) \
            SELECT 'U' || i, i % 40, 'policy ' || (i % 40), 'v', 'set', 1 + (i * 7) % 4, \
            CASE WHEN i % 10 < 4 THEN 'New' WHEN i % 10 < 6 THEN 'In Process' WHEN i % 1000 = 7 THEN 'Escalated' ELSE 'Resolved' END, \
            CASE WHEN i % 50 = 0 THEN 21 ELSE 2 END, 'user' || (i % 2000) || '@company.example', \
            '[\"r' || (i % 5000) || '@partner.example\"]', 'subject ' || i, 'outbound', 'prevent-' || (i % 3), \
            ? + i * ?, ? + i * ?, 10000, 1 + i % 90, TRUE, FALSE, '[]', '[]', ?, ? + i * ?, 'company.example' FROM n";
        let values = values![from, to, begin, step, begin, step, vec![0_u8], begin, step];
        transaction.run(sql, values).await.unwrap();
        let sql = "INSERT INTO incident_term SELECT 'recipient', 'r' || (CAST(substr(unique_id, 2) AS BIGINT) % 5000) || '@partner.example', id \
            FROM incident WHERE received_at >= ? AND received_at < ?";
        transaction.run(sql, values![begin + from * step, begin + to * step]).await.unwrap();
        transaction.commit().await.unwrap();
    }
}
