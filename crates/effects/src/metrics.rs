//! What is counted about side effects.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Attempt {
    Done,
    Failed,
    Delayed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct EffectLabel {
    /// One of our own words.
    kind: &'static str,
    result: Attempt,
}

/// Counters of one server's effects.
#[derive(Debug, Default)]
pub struct EffectMetrics {
    attempts: Family<EffectLabel, Counter>,
    pending: Gauge,
    dropped: Counter,
}

impl EffectMetrics {
    /// Shows them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "effects",
            "Attempts at side effects by what became of them",
            self.attempts.clone(),
        );
        registry.register("effects_pending", "Side effects that wait in the outbox", self.pending.clone());
        registry.register(
            "notices_dropped",
            "Notices not sent because of the rate limit",
            self.dropped.clone(),
        );
    }

    pub(crate) fn count(&self, kind: &'static str, result: Attempt) {
        self.attempts.get_or_create(&EffectLabel { kind, result }).inc();
    }

    pub(crate) fn pending(&self, effects: u64) {
        self.pending.set(i64::try_from(effects).unwrap_or(i64::MAX));
    }

    pub(crate) fn dropped(&self) {
        self.dropped.inc();
    }
}
