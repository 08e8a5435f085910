//! What Enforce does by itself from time to time: retention, sums of each day, rules for ageing incidents, and
//! an eye on certificates. Of several servers one does what changes incidents; each looks at certificates.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::Enforce;
use crate::certificates::Seen;
use crate::fleet::{CLOCK, RENEW_EVERY};

const EVERY: Duration = Duration::from_secs(3_600);
/// Summaries read what was not summed up yet line by line; ages are looked at as often.
const SUM_EVERY: Duration = Duration::from_secs(300);
/// What changed is read from rows so long; what was deleted is in no column after that.
const COLUMNS_EVERY: Duration = Duration::from_secs(3);

/// A certificate that is in use here, or by a server.
#[derive(Debug, Clone, serde::Serialize)]
pub struct InUse {
    /// Where: a file's name, or `server NAME`.
    pub place: String,
    /// When it ends.
    pub until: Timestamp,
}

impl Enforce {
    /// Each certificate of our own directory.
    pub(crate) fn own_certificates(&self) -> Vec<InUse> {
        let all = self.directory.all().into_iter();
        all.filter_map(|(file, seen)| seen.ok().map(|seen: Seen| InUse { place: file, until: seen.until }))
            .collect()
    }

    /// Each certificate that is in use, those of servers too; the first to end comes first.
    pub async fn certificates_in_use(&self) -> Result<Vec<InUse>, crate::Error> {
        let mut all = self.own_certificates();
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
    let (mut looks, mut sums) = (tokio::time::interval(EVERY), tokio::time::interval(SUM_EVERY));
    let mut tells = tokio::time::interval(RENEW_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tells.tick() => tell(&enforce).await,
            _ = looks.tick() => {
                look(&enforce).await;
                if is_mine(&enforce).await {
                    expire(&enforce).await;
                }
            }
            _ = sums.tick() => if is_mine(&enforce).await {
                sum_up(&enforce).await;
                act_on_age(&enforce).await;
            },
        }
    }
}

/// Incidents from before senders were found by the names that stand for them get theirs; an older server over the same database
/// may go on to write some without.
pub(crate) async fn number_senders(enforce: Arc<Enforce>, stop: CancellationToken) {
    loop {
        let wait = match enforce.journal.number_senders().await {
            Ok(0) => SUM_EVERY,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::error!(%error, "the names that stand for senders could not be indexed");
                SUM_EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Columns of incidents are made once and follow what changes, so that lists of millions need not read every row.
pub(crate) async fn keep_columns(enforce: Arc<Enforce>, stop: CancellationToken) {
    loop {
        let wait = match is_mine(&enforce).await {
            true => match enforce.journal.keep_columns().await {
                Ok(true) => Duration::ZERO,
                Ok(false) => COLUMNS_EVERY,
                Err(error) => {
                    tracing::error!(%error, "the columns of incidents could not be written; large lists are slower");
                    SUM_EVERY
                }
            },
            false => COLUMNS_EVERY,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// That it is there, and that it goes on doing what the clock starts; and what other servers ordered.
async fn tell(enforce: &Enforce) {
    if let Err(error) = enforce.fleet.tell().await {
        tracing::error!(%error, "other Enforce servers cannot be told that this one is there");
    }
    is_mine(enforce).await;
    if let Err(error) = enforce.sound_alarm().await {
        tracing::error!(%error, "whether break-glass is on cannot be looked up");
    }
}

/// Whether this server does what the clock starts; what cannot be looked up is left to the next time.
async fn is_mine(enforce: &Enforce) -> bool {
    let held = enforce.fleet.holds(CLOCK).await;
    held.inspect_err(|error| tracing::error!(%error, "who does the timed work cannot be looked up"))
        .unwrap_or(false)
}

async fn act_on_age(enforce: &Enforce) {
    match enforce.responses().act_on_age().await {
        Ok(0) => {}
        Ok(incidents) => tracing::info!(incidents, "acted on by age"),
        Err(error) => tracing::error!(%error, "rules for ageing incidents could not act"),
    }
}

async fn sum_up(enforce: &Enforce) {
    if let Err(error) = enforce.desk().fold_counts().await {
        tracing::error!(%error, "the counts of days could not be summed up");
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
}

async fn expire(enforce: &Enforce) {
    match enforce.journal.expire(&enforce.options.retention).await {
        Ok(deleted) if deleted.incidents + deleted.originals > 0 => {
            tracing::info!(incidents = deleted.incidents, originals = deleted.originals, "deleted by age");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "what is too old could not be deleted"),
    }
}
