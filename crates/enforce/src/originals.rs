//! Originals in an object store: how it is reached, deletions in it until they are done, and whether it can be worked with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use incident::Unneeded;
use store::objects::{ObjectSettings, Objects};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use web::outgoing;

use crate::Enforce;

const CONNECT: Duration = Duration::from_secs(5);
/// One object, there or back.
const WHOLE: Duration = Duration::from_secs(60);
/// What was deleted goes from the object store so soon, whoever deleted it.
const DELETE_EVERY: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(10);
/// It is tried out so often, so that trouble is known before the next incident, and while there is trouble at each look.
const PROBE_EVERY: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Where originals go.
#[derive(Debug, Clone)]
pub struct OriginalStore {
    /// Where, and by whose right.
    pub objects: ObjectSettings,
    /// Authorities that it is believed by (PEM); the system's where empty.
    pub authority: String,
}

impl OriginalStore {
    /// Opens it, asking nothing yet. What is wrong otherwise.
    pub fn open(self) -> Result<Objects, String> {
        let Self { objects, authority } = self;
        outgoing::reachable(&objects.endpoint, true).map_err(|why| format!("endpoint: {why}"))?;
        if !(Duration::from_secs(1)..=WHOLE).contains(&objects.silence) {
            return Err("it may be silent for 1 to 60 seconds".to_owned());
        }
        let plain = objects.endpoint.scheme() == "http";
        let client =
            outgoing::client(&authority, plain, CONNECT, WHOLE).map_err(|unusable| unusable.to_string())?;
        Objects::new(objects, client)
    }
}

impl Enforce {
    /// What is wrong with the object store of originals, and in how far, for people who look after servers.
    pub fn originals_trouble(&self) -> Vec<String> {
        let failure = self.journal.objects().and_then(|objects| objects.trouble());
        let Unneeded { stuck, out_of_reach, .. } =
            *self.unneeded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let away = failure.map(|why| {
            format!("The object store of originals cannot be worked with: {why}. Until it can, detection servers keep what they have to tell.")
        });
        let stuck = (stuck > 0).then(|| {
            format!("{stuck} objects that no original needs any more still lie in the object store: it does not delete them. That is tried again.")
        });
        let far = (out_of_reach > 0).then(|| {
            format!("{out_of_reach} deleted originals lie in an object store that [enforce.originals] does not name, and stay there.")
        });
        [away, stuck, far].into_iter().flatten().collect()
    }
}

pub(crate) async fn keep(enforce: Arc<Enforce>, stop: CancellationToken) {
    let (mut deletes, mut looks) = (tokio::time::interval(DELETE_EVERY), tokio::time::interval(LOOK_EVERY));
    for timer in [&mut deletes, &mut looks] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut probed = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = deletes.tick() => {
                if stop.run_until_cancelled(delete(&enforce)).await == Some(false) {
                    deletes.reset_after(PAUSE);
                }
            }
            _ = looks.tick() => {
                stop.run_until_cancelled(look(&enforce, &mut probed)).await;
            }
        }
    }
}

/// Whether all went well. What the object store says is told by itself.
async fn delete(enforce: &Enforce) -> bool {
    let mut worked = false;
    loop {
        match enforce.journal.delete_objects().await {
            Ok(0) if !worked => return true,
            Ok(0) => {
                count(enforce).await;
                return true;
            }
            Ok(_) => worked = true,
            Err(error) => {
                if !matches!(error, incident::Error::Store(store::Error::Objects(_))) {
                    tracing::error!(%error, "objects of deleted originals cannot be looked for");
                }
                count(enforce).await;
                return false;
            }
        }
    }
}

async fn look(enforce: &Enforce, probed: &mut Option<Instant>) {
    let objects = enforce.journal.objects();
    let is_due = |objects: &&Arc<Objects>| {
        objects.trouble().is_some() || probed.is_none_or(|at| at.elapsed() >= PROBE_EVERY)
    };
    if let Some(objects) = objects.filter(is_due) {
        objects.probe().await;
        *probed = Some(Instant::now());
    }
    count(enforce).await;
}

async fn count(enforce: &Enforce) {
    match enforce.journal.unneeded_objects().await {
        Ok(now) => {
            if let Some(objects) = enforce.journal.objects() {
                objects.set_waiting(now.waiting);
            }
            let before = std::mem::replace(
                &mut *enforce.unneeded.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
                now,
            );
            if now.stuck + now.out_of_reach > before.stuck + before.out_of_reach {
                tracing::warn!(
                    stuck = now.stuck,
                    out_of_reach = now.out_of_reach,
                    "objects that no original needs any more still lie in an object store"
                );
            }
        }
        Err(error) => tracing::error!(%error, "objects of deleted originals cannot be counted"),
    }
}
