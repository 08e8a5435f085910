//! Logs on standard error: lines for people, or one JSON object a line.

use std::io::IsTerminal;

use anyhow::{Context, Result, ensure};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging for this process; once. A line that cannot be written is lost, and nothing else is: to tell of it on the same
/// standard error would be a panic within whatever was being done, after the next hop had a mail and before its sender knew.
pub(crate) fn start(log: &Log) -> Result<()> {
    let filter = filter(&log.level)?;
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let started = match log.format {
        LogFormat::Text => base.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => base.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}

/// What the level lets through. A word that is no level would be taken for the name of a part, and everything else be silent.
pub(crate) fn filter(level: &str) -> Result<EnvFilter> {
    let wrong = || {
        format!(
            "log level {level:?} is not understood; write error, warn, info, debug, or a filter such as \"info,smtp=debug\""
        )
    };
    let is_level =
        |word: &str| !word.is_empty() && word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let mut words = level.split(',').filter(|word| !word.contains(['=', '[']));
    ensure!(words.all(is_level), wrong());
    EnvFilter::try_new(level).with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused_and_silences_nothing() {
        for good in ["info", "WARN", "off", "info,smtp=debug", "smtp=debug", "debug,weir=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["loud", "inof", "info,smpt", "", "info=x=y"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
