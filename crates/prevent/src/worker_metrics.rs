//! What the processes that open documents have done, for `/metrics`: read from the pool when somebody asks.

use std::fmt;
use std::sync::Arc;

use content::worker::{Counts, OcrCounts, Pool};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Names the pool's counters in `registry`.
pub fn register_workers(pool: Arc<Pool>, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("weir_prevent");
    registry.register_collector(Box::new(Workers(pool)));
}

#[derive(Debug)]
struct Workers(Arc<Pool>);

impl Collector for Workers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Counts { requests, deaths, timeouts, starts, ocr } = self.0.counts();
        for (name, help, count) in [
            ("documents", "Documents handed to worker processes", requests),
            ("worker_starts", "Worker processes started", starts),
            ("worker_deaths", "Worker processes that died or were ended", deaths),
            ("worker_timeouts", "Worker processes ended because they were late", timeouts),
        ] {
            put(&mut encoder, name, help, &ConstCounter::new(count))?;
        }
        let healthy = ConstGauge::new(i64::from(self.0.healthy()));
        put(&mut encoder, "workers_healthy", "0 while workers die in a row", &healthy)?;
        let Some(OcrCounts { runs, time, timeouts, failures, left_out }) = ocr else { return Ok(()) };
        for (name, help, count) in [
            ("ocr_runs", "Pictures that the engine was started for", runs),
            ("ocr_timeouts", "Pictures that were not read in time", timeouts),
            ("ocr_failures", "Pictures that the engine died of", failures),
            ("ocr_left_out", "Pictures not read because a bound was met", left_out),
        ] {
            put(&mut encoder, name, help, &ConstCounter::new(count))?;
        }
        put(&mut encoder, "ocr_seconds", "Time that the engine took", &ConstCounter::new(time.as_secs_f64()))
    }
}

fn put(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
