//! What the server counts, in Prometheus' form. No label ever holds anything from a mail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use effects::EffectMetrics;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What became of a message, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Result {
    Passed,
    Modified,
    Redirected,
    Blocked,
    Deferred,
    Refused,
}

/// Why a session was turned away at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum TurnedAway {
    NotAllowed,
    TooManySessions,
    TooManyFromAddress,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ResultLabel {
    pub(crate) result: Result,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TurnedAwayLabel {
    pub(crate) reason: TurnedAway,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PolicyLabel {
    pub(crate) policy: u32,
}

/// Where time goes: receive tells of the sender, inspect of us, relay of the next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Station {
    Receive,
    Inspect,
    Record,
    Relay,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StationLabel {
    pub(crate) station: Station,
}

/// Counters of one detection server.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) sessions: Gauge,
    pub(crate) sessions_total: Counter,
    pub(crate) turned_away: Family<TurnedAwayLabel, Counter>,
    pub(crate) messages: Family<ResultLabel, Counter>,
    pub(crate) octets: Counter,
    pub(crate) not_received: Counter,
    pub(crate) violations: Family<PolicyLabel, Counter>,
    pub(crate) unscannable: Counter,
    pub(crate) seconds: Family<StationLabel, Histogram, fn() -> Histogram>,
    pub(crate) hop_failures: Counter,
    pub(crate) hop_reconnects: Counter,
    pub(crate) engine_faults: Counter,
    pub(crate) no_inspector: Counter,
    pub(crate) store_failures: Counter,
    pub(crate) reloads: Counter,
    pub(crate) reload_failures: Counter,
    pub(crate) certificate_expires: Gauge<f64, AtomicU64>,
    pub(crate) effects: EffectMetrics,
    inspections: AtomicU64,
    inspection_micros: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            sessions: Gauge::default(),
            sessions_total: Counter::default(),
            turned_away: Family::default(),
            messages: Family::default(),
            octets: Counter::default(),
            not_received: Counter::default(),
            violations: Family::default(),
            unscannable: Counter::default(),
            seconds: Family::new_with_constructor(time_histogram as fn() -> Histogram),
            hop_failures: Counter::default(),
            hop_reconnects: Counter::default(),
            engine_faults: Counter::default(),
            no_inspector: Counter::default(),
            store_failures: Counter::default(),
            reloads: Counter::default(),
            reload_failures: Counter::default(),
            certificate_expires: Gauge::default(),
            effects: EffectMetrics::default(),
            inspections: AtomicU64::new(0),
            inspection_micros: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Names every counter in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let r = registry.sub_registry_with_prefix("weir_prevent");
        r.register("sessions", "Upstream sessions now open", self.sessions.clone());
        r.register("sessions_opened", "Upstream sessions accepted", self.sessions_total.clone());
        r.register("sessions_turned_away", "Connections answered 421 or 554", self.turned_away.clone());
        r.register("messages", "Messages by what became of them", self.messages.clone());
        r.register("message_octets", "Octets of messages received", self.octets.clone());
        r.register(
            "messages_not_received",
            "Messages refused or lost while they came in",
            self.not_received.clone(),
        );
        r.register("violations", "Violations by policy", self.violations.clone());
        r.register("unscannable_findings", "Parts that could not be inspected", self.unscannable.clone());
        r.register("station_seconds", "Time of a message at each station", self.seconds.clone());
        r.register(
            "next_hop_failures",
            "Failed attempts to reach or use a next hop",
            self.hop_failures.clone(),
        );
        r.register("next_hop_reconnects", "Sessions that had to be built again", self.hop_reconnects.clone());
        r.register("engine_faults", "Inspections that ended in a fault of ours", self.engine_faults.clone());
        r.register(
            "no_free_inspector",
            "Messages deferred for want of an inspector",
            self.no_inspector.clone(),
        );
        r.register(
            "store_failures",
            "Messages deferred because recording failed",
            self.store_failures.clone(),
        );
        r.register("reloads", "Configurations and policy sets taken", self.reloads.clone());
        r.register("reload_failures", "Configurations and policy sets refused", self.reload_failures.clone());
        r.register(
            "certificate_expires_seconds",
            "When the first of our certificates expires (Unix time, 0: none)",
            self.certificate_expires.clone(),
        );
        self.effects.register(r);
    }

    /// Inspections since the start, and the microseconds that they took together.
    pub fn inspections(&self) -> (u64, u64) {
        (self.inspections.load(Ordering::Relaxed), self.inspection_micros.load(Ordering::Relaxed))
    }

    pub(crate) fn time(&self, station: Station, spent: Duration) {
        if station == Station::Inspect {
            self.inspections.fetch_add(1, Ordering::Relaxed);
            self.inspection_micros.fetch_add(spent.as_micros() as u64, Ordering::Relaxed);
        }
        self.seconds.get_or_create(&StationLabel { station }).observe(spent.as_secs_f64());
    }

    pub(crate) fn message(&self, result: Result) {
        self.messages.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn turned_away(&self, reason: TurnedAway) {
        self.turned_away.get_or_create(&TurnedAwayLabel { reason }).inc();
    }

    /// For the reloader: a new configuration or policy set was taken, or refused.
    pub fn reloaded(&self, taken: bool) {
        if taken {
            self.reloads.inc()
        } else {
            self.reload_failures.inc()
        };
    }

    /// For the watcher of certificates: Unix time at which the first of ours expires.
    pub fn certificate_expires(&self, at: f64) {
        self.certificate_expires.set(at);
    }
}

/// 100 microseconds to 100 seconds.
fn time_histogram() -> Histogram {
    Histogram::new([0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
}
