//! Inspecting mails that people try policies on: opened as detection servers open them, documents in locked-in processes.
//! Where those cannot be had, documents stay closed, and whoever asks can tell.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use content::worker::{Pool, PoolOptions};
use content::{Closed, Documents, How, Limits};
use policy::{Envelope, Mail};

/// Opens mails. The processes start when the first mail comes.
#[derive(Debug)]
pub(crate) struct Opener {
    options: Option<PoolOptions>,
    pool: Mutex<Option<Arc<Pool>>>,
}

impl Opener {
    pub(crate) fn new(options: Option<PoolOptions>) -> Self {
        Self { options, pool: Mutex::default() }
    }

    /// Opens a mail, and hands it over as policies are asked about it. The envelope is taken from its header where none is given.
    /// Takes a while: not for threads that others wait for.
    pub(crate) fn open<T>(
        &self,
        octets: &[u8],
        envelope: Option<Envelope>,
        at: jiff::Timestamp,
        patience: Duration,
        then: impl FnOnce(&Mail<'_>) -> T,
    ) -> T {
        let pool = self.pool();
        let documents: &dyn Documents = match &pool {
            Some(pool) => &**pool,
            None => &Closed,
        };
        let deadline = Instant::now() + patience;
        let how = How { limits: &Limits::default(), deadline, documents, passwords: &[], digests: true };
        let opened = content::open(octets, &how);
        let envelope = envelope.unwrap_or_else(|| Envelope::of_header(&opened));
        then(&Mail {
            envelope: &envelope,
            opened: &opened,
            size: octets.len() as u64,
            now: at.to_zoned_datetime(jiff::tz::TimeZone::system()),
            deadline,
        })
    }

    /// Whether documents are opened.
    pub(crate) fn opens_documents(&self) -> bool {
        self.pool().is_some()
    }

    fn pool(&self) -> Option<Arc<Pool>> {
        let options = self.options.as_ref()?;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.is_none() {
            match Pool::start(options.clone()) {
                Ok(started) => *pool = Some(Arc::new(started)),
                Err(why) => tracing::error!(%why, "documents of tried mails stay closed"),
            }
        }
        pool.clone()
    }
}
