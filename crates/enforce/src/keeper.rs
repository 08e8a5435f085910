//! What Enforce does by itself from time to time: retention, and an eye on certificates.

use std::sync::Arc;
use std::time::Duration;

use incident::Retention;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::Enforce;
use crate::certificates::Seen;

const EVERY: Duration = Duration::from_secs(3_600);

/// A certificate that is in use here, or by a server.
#[derive(Debug, Clone, serde::Serialize)]
pub struct InUse {
    /// Where: a file's name, or `server NAME`.
    pub place: String,
    /// When it ends.
    pub until: Timestamp,
}

impl Enforce {
    /// Each certificate that is in use, those of servers too; the first to end comes first.
    pub async fn certificates_in_use(&self) -> Result<Vec<InUse>, crate::Error> {
        let mut all: Vec<InUse> = self
            .directory
            .all()
            .into_iter()
            .filter_map(|(file, seen)| seen.ok().map(|seen: Seen| InUse { place: file, until: seen.until }))
            .collect();
        for server in self.servers().await? {
            let others = server.heartbeat.map(|heartbeat| heartbeat.other_certificates).unwrap_or_default();
            all.push(InUse { place: format!("server {}", server.name), until: server.certificate_ends });
            let other = |(name, until)| InUse { place: format!("server {}: {name}", server.name), until };
            all.extend(others.into_iter().map(other));
        }
        all.sort_by_key(|one| one.until);
        Ok(all)
    }

    /// Those that end within 30 days.
    pub async fn certificates_that_end_soon(&self) -> Result<Vec<InUse>, crate::Error> {
        let soon = Timestamp::now() + crate::certificates::SOON;
        let mut all = self.certificates_in_use().await?;
        all.retain(|one| one.until <= soon);
        Ok(all)
    }
}

pub(crate) async fn keep(enforce: Arc<Enforce>, stop: CancellationToken) {
    loop {
        look(&enforce).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn look(enforce: &Enforce) {
    match enforce.certificates_that_end_soon().await {
        Ok(soon) => {
            for one in soon {
                tracing::warn!(place = one.place, until = %one.until, "a certificate ends within 30 days, or has ended");
            }
        }
        Err(error) => tracing::error!(%error, "the certificates cannot be looked at"),
    }
    let retention: Retention = enforce.options.retention;
    match enforce.journal.expire(retention).await {
        Ok(deleted) if deleted.incidents + deleted.originals > 0 => {
            tracing::info!(incidents = deleted.incidents, originals = deleted.originals, "deleted by age");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "what is too old could not be deleted"),
    }
}
