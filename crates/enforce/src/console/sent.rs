//! A form that was sent, as the pairs that it came as: to be shown, and sent again.

use serde::Serialize;
use serde_json::Value;

/// The fields that the form had.
pub(super) fn sent(form: &impl Serialize) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::to_value(form) else { return Vec::new() };
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}
