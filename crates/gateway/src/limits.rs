//! What happens by itself: folders over their limits, reviewers' notices, and the end of what the audit keeps.

use std::time::Duration;

use store::values;
use tokio_util::sync::CancellationToken;

use crate::decide::Held;
use crate::filter::Action;
use crate::history::{now, tell};
use crate::vault::release_octets;
use crate::{Error, FolderKind, FolderRow, Gateway, Limit, State, updates};

const EVERY: Duration = Duration::from_secs(20);
/// Copies that leave a folder in one transaction.
const AT_ONCE: u64 = 100;
const DAY: i64 = 24 * 3600 * 1000;
/// A request is known for so long; Enforce has given up sending it again by then.
const REQUESTS: i64 = 30 * DAY;

/// Looks after folders until told to stop.
pub(crate) async fn run(gateway: Gateway, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = gateway.keep_house().await {
            tracing::error!(%error, "folders could not be looked after; it is tried again");
        }
        let _ = stop.run_until_cancelled(tokio::time::sleep(EVERY)).await;
    }
}

impl Gateway {
    /// One round of what happens by itself.
    pub async fn keep_house(&self) -> Result<(), Error> {
        if !self.definitions_are_in_file() {
            // A command beside this server may have changed a filter.
            self.load_filters().await?;
        }
        for row in self.folders().await? {
            self.keep_limits(&row).await?;
        }
        self.tell_reviewers().await?;
        self.forget().await
    }

    async fn keep_limits(&self, row: &FolderRow) -> Result<(), Error> {
        if row.folder.at_limit == Limit::Keep {
            return Ok(());
        }
        if let Some(days) = row.folder.max_days {
            let before = now() - i64::from(days) * DAY;
            loop {
                let sql = "SELECT id, size FROM copy WHERE folder_id = ? AND state IN ('held', 'informational') AND entered_at < ? ORDER BY id LIMIT ?";
                let rows = self.database().fetch(sql, values![row.id, before, AT_ONCE]).await?;
                let ids = rows
                    .iter()
                    .map(|row| Ok(row.get::<i64>("id")? as u64))
                    .collect::<Result<Vec<_>, Error>>()?;
                if ids.is_empty() {
                    break;
                }
                self.expire(row, &ids, &format!("older than {days} days")).await?;
            }
        }
        let Some(most) = row.folder.most_octets() else { return Ok(()) };
        loop {
            let octets = self.contents_of(row.id).await?.octets;
            if octets <= most {
                return Ok(());
            }
            let sql = "SELECT id, size FROM copy WHERE folder_id = ? AND state IN ('held', 'informational') ORDER BY entered_at, id LIMIT ?";
            let rows = self.database().fetch(sql, values![row.id, AT_ONCE]).await?;
            let (mut over, mut ids) = (octets - most, Vec::new());
            for one in &rows {
                if over == 0 {
                    break;
                }
                ids.push(one.get::<i64>("id")? as u64);
                over = over.saturating_sub(one.get::<i64>("size")? as u64);
            }
            if ids.is_empty() {
                return Ok(());
            }
            self.expire(
                row,
                &ids,
                &format!("the folder has more than {} MB, and this is among the oldest", most / 1_000_000),
            )
            .await?;
        }
    }

    async fn expire(&self, row: &FolderRow, ids: &[u64], why: &str) -> Result<(), Error> {
        let mut files = Vec::new();
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        for id in ids {
            let Some(copy) = Held::load(db, *id).await? else { continue };
            let deliver = row.folder.at_limit == Limit::DeliverUnreviewedMail && copy.state == State::Held;
            let state = if deliver { State::Approved } else { State::Expunged };
            let sql =
                "UPDATE copy SET state = ?, decided_at = ?, who = ?, note = ? WHERE id = ? AND state = ?";
            let note = format!("folder limit: {why}");
            let was = copy.state.as_str();
            if db.run(sql, values![state.as_str(), now(), self.name(), note.as_str(), *id, was]).await? == 0 {
                continue;
            }
            let actions = match row.folder.at_limit {
                _ if row.folder.kind == FolderKind::Informational => Vec::new(),
                Limit::DeliverUnreviewedMail => copy.plan.approve.clone(),
                // Whatever Reject means here: nothing goes to anybody unreviewed.
                Limit::Reject => {
                    let lets_out = |action: &Action| matches!(action, Action::Deliver | Action::Redirect(_));
                    copy.plan.reject.iter().filter(|action| !lets_out(action)).cloned().collect()
                }
                Limit::Delete | Limit::Keep => Vec::new(),
            };
            let fate = self.carry_out(db, &copy, &actions, Some(why), &mut files).await?;
            let fate = if fate.is_empty() { "deleted".to_owned() } else { fate };
            let detail =
                format!("the copy for {} in folder {:?}: {why}; {fate}", copy.recipient, row.folder.name);
            let action = if deliver { "DELIVERED_UNREVIEWED" } else { "EXPUNGED" };
            tell(db, copy.message, Some(*id), self.name(), action, &detail).await?;
            if was == State::Held.as_str() {
                let event =
                    updates::Event { copy: *id, state, who: self.name(), note: Some(&note), request: None };
                updates::put(db, self, &event).await?;
            }
            files.extend(release_octets(db, &[copy.message]).await?);
            tracing::warn!(incident = id, folder = row.folder.name, why, action, "a folder's limit");
        }
        transaction.commit().await?;
        self.after_decisions(files).await;
        Ok(())
    }

    /// Messages that are done with leave the audit after its time.
    async fn forget(&self) -> Result<(), Error> {
        let before = now() - i64::from(self.options().audit_days.max(1)) * DAY;
        loop {
            let mut transaction = self.database().begin().await?;
            let db = &mut *transaction;
            db.run("DELETE FROM request WHERE at < ?", values![now() - REQUESTS]).await?;
            db.run("DELETE FROM bulk WHERE done_at < ?", values![before]).await?;
            let sql = "SELECT id FROM message WHERE received_at < ? AND blob IS NULL \
                AND NOT EXISTS (SELECT 1 FROM queue WHERE message_id = message.id) \
                AND NOT EXISTS (SELECT 1 FROM copy WHERE message_id = message.id AND state IN ('held', 'informational')) \
                AND NOT EXISTS (SELECT 1 FROM status_update s JOIN copy c ON c.id = s.copy_id WHERE c.message_id = message.id) \
                ORDER BY received_at LIMIT 500";
            let rows = db.fetch(sql, values![before]).await?;
            for row in &rows {
                let id = row.get::<i64>("id")?;
                db.run(
                    "DELETE FROM release_request WHERE copy_id IN (SELECT id FROM copy WHERE message_id = ?)",
                    values![id],
                )
                .await?;
                db.run("DELETE FROM copy WHERE message_id = ?", values![id]).await?;
                db.run("DELETE FROM message WHERE id = ?", values![id]).await?;
            }
            transaction.commit().await?;
            if rows.len() < 500 {
                return Ok(());
            }
        }
    }
}
