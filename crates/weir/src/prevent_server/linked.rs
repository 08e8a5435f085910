//! What Enforce hears of a detection server that belongs to it: heartbeat and incidents.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use incident::Journal;
use incident::wire::{Heartbeat, ServerKind};
use jiff::Timestamp;
use prevent::{Metrics, Server};
use tokio_util::sync::CancellationToken;

use super::{Lines, enroll_token, takes_policies_from_enforce};
use crate::config::Prevent;
use crate::link;

/// What Enforce hears of this server.
pub(super) struct Linked {
    pub(super) journal: Arc<Journal>,
    pub(super) server: Server,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lines: Lines,
}

impl Linked {
    /// Heartbeat and hand-over, if this server belongs to an Enforce server.
    pub(super) fn begin(
        self,
        config: &Prevent,
        listen: SocketAddr,
        reload: link::Reload,
        stop: &CancellationToken,
    ) -> Result<()> {
        if config.enforce.is_empty() {
            return Ok(());
        }
        let token = enroll_token(&config.enroll_token_file)?;
        let waiting = Arc::new(AtomicU64::new(0));
        let shipper = link::Shipper {
            journal: self.journal.clone(),
            place: link::Place::of(&config.data),
            waiting: waiting.clone(),
        };
        tokio::spawn(shipper.run(stop.clone()));
        let heart = link::Heart {
            kind: ServerKind::Detection,
            url: config.enforce.clone(),
            data: config.data.clone(),
            token,
            pulse: self.pulse(config, listen, waiting),
            reload,
            wants_settings: true,
            wants_policies: takes_policies_from_enforce(config),
        };
        tokio::spawn(heart.run(stop.clone()));
        Ok(())
    }

    fn pulse(self, config: &Prevent, listen: SocketAddr, waiting: Arc<AtomicU64>) -> link::Pulse {
        let started = Timestamp::now();
        let last = Mutex::new((0_u64, 0_u64));
        let config = config.clone();
        Box::new(move || {
            let (count, micros) = self.metrics.inspections();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let mean = (micros - last.1).checked_div(count - last.0).unwrap_or(0);
            *last = (count, micros);
            let state = self.journal.state();
            let origin = match takes_policies_from_enforce(&config) {
                true if link::current_policies(&config.data).is_some() => "enforce".to_owned(),
                true => "built in".to_owned(),
                false => config.policies.display().to_string(),
            };
            let heartbeat = Heartbeat {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started_at: Some(started),
                listen: listen.to_string(),
                policy_set: self.server.policy_set().id().to_owned(),
                policy_origin: origin,
                waiting: waiting.load(Ordering::Relaxed),
                octets: state.octets,
                max_octets: state.max_octets,
                messages: count,
                inspection_micros: mean,
                other_certificates: self
                    .server
                    .settings()
                    .certificates()
                    .into_iter()
                    .map(|(end, file)| (file.display().to_string(), end))
                    .collect(),
                effective: self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                ..Heartbeat::default()
            };
            Box::pin(async move { heartbeat })
        })
    }
}
