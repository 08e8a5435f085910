//! A form that was sent, as the pairs that it came as: to be shown, and sent again.

use serde::Serialize;
use serde_json::Value;

/// The fields of a form; those that were left empty are not there.
pub(super) fn sent(form: &impl Serialize) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::to_value(form) else { return Vec::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let pairs = fields.into_iter().map(|(name, value)| (name, text(value)));
    pairs.filter(|(_, value)| !value.is_empty()).collect()
}
