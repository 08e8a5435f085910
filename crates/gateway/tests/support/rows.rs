//! Held mails by the thousand, as rows.

#![allow(clippy::unwrap_used)]

use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

/// Rows as holding them one by one would make them. Their mails are left out: nothing here reads one.
pub(crate) async fn fill(data: &std::path::Path, count: u64) {
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
