//! Lists, filters and decides about 100,000 held mails: `cargo bench -p gateway --bench held [COUNT]`. Prints times; asserts nothing
//! about them.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use gateway::{CopyFilter, Gateway, Options, QueueFilter, ReviewAction, State, Who};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(100_000);
    let dir = tempfile::tempdir().unwrap();
    let options = Options { data: dir.path().to_owned(), ..Options::default() };
    drop(Gateway::open(options.clone()).await.unwrap());
    fill(dir.path(), count).await;
    let gateway = Gateway::open(options).await.unwrap();
    let filter = CopyFilter { state: Some(State::Held), ..CopyFilter::default() };
    let mut page = None;
    timed("first page of the list", async || page = Some(gateway.copies(&filter).await.unwrap())).await;
    let before = page.and_then(|page| page.next);
    timed("second page", async || {
        drop(gateway.copies(&CopyFilter { before, ..filter.clone() }).await.unwrap())
    })
    .await;
    let deep = CopyFilter { before: Some(count / 2), ..filter.clone() };
    timed("a page in the middle", async || drop(gateway.copies(&deep).await.unwrap())).await;
    let rare = CopyFilter { recipient: Some(format!("user{}@", count - 7)), ..filter.clone() };
    timed("a recipient among all", async || assert_eq!(gateway.copies(&rare).await.unwrap().copies.len(), 1))
        .await;
    let none = CopyFilter { subject: Some("no such subject".into()), ..filter.clone() };
    timed("a text that is nowhere", async || assert!(gateway.copies(&none).await.unwrap().copies.is_empty()))
        .await;
    timed("what is in the folders", async || drop(gateway.contents().await.unwrap())).await;
    timed("one snapshot", async || drop(gateway.snapshot(count / 2).await.unwrap().unwrap())).await;
    let who = Who::named("rita");
    timed("one decision", async || {
        drop(gateway.decide(&[1], ReviewAction::Approved, &who, None).await.unwrap())
    })
    .await;
    timed("approve all", async || {
        assert_eq!(gateway.decide_all(&filter, ReviewAction::Approved, &who, None).await.unwrap(), count - 1)
    })
    .await;
    timed("first page of the queue", async || {
        assert_eq!(gateway.queue(&QueueFilter::default()).await.unwrap().total, count)
    })
    .await;
}

async fn timed(what: &str, mut work: impl AsyncFnMut()) {
    let start = Instant::now();
    work().await;
    println!("{what:28} {:>10.1} ms", start.elapsed().as_secs_f64() * 1000.0);
}

/// Rows as holding them one by one would make them. Their mails are left out: nothing here reads one.
async fn fill(data: &std::path::Path, count: u64) {
    let url = format!("sqlite://{}", data.join("gateway.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
    let plan = r#"{"approve":["deliver"],"reject":["delete"],"custom":["deliver"],"changes":{}}"#;
    for sql in [
        format!(
            "{numbers} INSERT INTO message (identity, unique_id, policy_ids, message_id, sender, mail, recipients, subject, peer, size, received_at, eight_bit, outcome) \
             SELECT 'U' || i, 'U' || i, '[23]', '<' || i || '@c.example>', 'ann' || (i % 500) || '@company.example', CAST('<ann@company.example>' AS BLOB), \
             '[\"user' || i || '@partner.example\"]', 'Offer number ' || i, '192.0.2.1', 50000, 1700000000000 + i, 0, 'held' FROM n"
        ),
        format!(
            "{numbers} INSERT INTO copy (message_id, recipient, rcpt, folder_id, filter_name, filter_version, plan, state, entered_at, size) \
             SELECT i, 'user' || i || '@partner.example', CAST('<user' || i || '@partner.example>' AS BLOB), 1, 'f', 1, '{plan}', 'held', 1700000000000 + i, 50000 FROM n"
        ),
    ] {
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    connection.close().await.unwrap();
}
