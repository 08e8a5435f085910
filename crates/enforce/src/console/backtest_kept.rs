//! What a backtest came to, kept as a row: its address can be sent to a colleague, and is good after a restart. Nothing of a mail is
//! in it, only counts and numbers of incidents.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::database::Database;
use store::values;
use uuid::Uuid;
use web::Viewer;

use super::policies::Edit;

/// Results that are kept, the latest.
const MOST: i64 = 100;
/// As long as originals by default.
const AGE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A backtest that has ended.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) edit: Edit,
    pub(super) days: u32,
    /// Milliseconds.
    pub(super) began: i64,
    pub(super) told: Told,
}

/// How far it came, and what it found.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) how: String,
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) gone: usize,
    pub(super) unreadable: usize,
    pub(super) cut: bool,
    pub(super) judged: String,
    pub(super) different: String,
    pub(super) rows: Vec<Row>,
    /// From, to, how many.
    pub(super) dispositions: Vec<(String, String, String)>,
    pub(super) opens_documents: bool,
}

/// What it found of a policy.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) newly: String,
    pub(super) no_longer: String,
    pub(super) unchanged: String,
    pub(super) other_severity: String,
    pub(super) newly_examples: Vec<u64>,
    pub(super) no_longer_examples: Vec<u64>,
}

/// Which incidents a viewer reaches, as it stands beside a result.
pub(super) fn reached(viewer: &Viewer) -> String {
    serde_json::to_string(&viewer.role.rights.access).unwrap_or_default()
}

/// Keeps a result, and lets go those that are too old or too many.
pub(super) async fn keep(
    database: &dyn Database,
    id: Uuid,
    access: &str,
    kept: &Kept,
) -> Result<(), store::Error> {
    let text = serde_json::to_string(kept).unwrap_or_default();
    let oldest = Timestamp::now().checked_sub(AGE).map_or(0, Timestamp::as_millisecond);
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO backtest (id, began, access, kept) VALUES (?, ?, ?, ?)";
    transaction.run(sql, values![id.to_string(), kept.began, access, text]).await?;
    let sql = "DELETE FROM backtest WHERE began < ? OR id NOT IN (SELECT id FROM backtest ORDER BY began DESC, id LIMIT ?)";
    transaction.run(sql, values![oldest, MOST]).await?;
    transaction.commit().await
}

/// A result, for those who reach all incidents or the same as whoever began it.
pub(super) async fn find(
    database: &dyn Database,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<Kept>, store::Error> {
    let sql = "SELECT access, kept FROM backtest WHERE id = ?";
    let rows = database.fetch(sql, values![id.to_string()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    if !viewer.role.rights.access.is_empty() && row.get::<String>("access")? != reached(viewer) {
        return Ok(None);
    }
    // One that a later version wrote is none that can be shown.
    Ok(serde_json::from_str(&row.get::<String>("kept")?).ok())
}
