//! Lengths of time as they are written.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Value;

/// A length of time: whole seconds with a unit, `"90s"`, `"5m"`, `"1h"`, or a bare number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Value")]
pub(crate) struct Span(pub(crate) std::time::Duration);

impl Span {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        match span.0.as_millis() {
            ms if ms % 60_000 == 0 && ms > 0 => format!("{}m", ms / 60_000),
            ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
            ms => format!("{ms}ms"),
        }
    }
}

impl TryFrom<Value> for Span {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Integer(seconds) => {
                u64::try_from(seconds).map(Self::seconds).map_err(|_| wrong_span(seconds))
            }
            Value::String(text) => parse_span(&text).ok_or_else(|| wrong_span(&text)),
            other => Err(wrong_span(other)),
        }
    }
}

fn parse_span(text: &str) -> Option<Span> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match text[digits..].trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(|ms| Span(std::time::Duration::from_millis(ms)))
}

fn wrong_span(what: impl fmt::Display) -> String {
    format!("{what} is not a length of time; write for example \"20s\", \"5m\" or \"1h\"")
}
