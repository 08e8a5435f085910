//! The language as a JSON Schema for editors, made from the same table of keys that the reader goes by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::syntax::keys::{self, Key, Kind, Shape};

/// A JSON Schema (draft 2020-12). Each kind of file has its own part, such as `#/$defs/policy`; the whole accepts any.
///
/// It knows keys, types and words; what names mean, only `weir policy check` knows.
pub fn schema() -> String {
    let mut parts = BTreeMap::new();
    for (_, kind) in FILES {
        add(kind, &mut parts);
    }
    let any: Vec<Value> = FILES.iter().map(|(_, kind)| reference(kind)).collect();
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Weir policy files",
        "description": "Policies, data identifiers, dictionaries, response rules, settings and cases of Weir, an e-mail data loss prevention system.",
        "anyOf": any,
        "$defs": parts,
    });
    format!("{whole:#}\n")
}

/// The kinds of files and where they stand in a policy directory.
pub(crate) const FILES: [(&str, &Kind); 6] = [
    ("FAMILY/NAME.toml", &keys::POLICY),
    ("identifiers/NAME.toml", &keys::IDENTIFIER),
    ("dictionaries/NAME.toml", &keys::DICTIONARY),
    ("responses/NAME.toml", &keys::RESPONSE),
    ("settings.toml", &keys::SETTINGS),
    ("NAME.cases.toml", &keys::CASES),
];

/// `a group of patterns` is `group_of_patterns`.
fn name(kind: &Kind) -> String {
    let bare = ["a ", "an ", "the "].iter().find_map(|article| kind.name.strip_prefix(article));
    bare.unwrap_or(kind.name).replace(' ', "_")
}

fn reference(kind: &Kind) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name(kind)) })
}

/// Adds a kind and all kinds in it; each once.
fn add(kind: &Kind, parts: &mut BTreeMap<String, Value>) {
    if parts.contains_key(&name(kind)) {
        return;
    }
    parts.insert(name(kind), table(kind));
    for key in kind.keys() {
        if let Shape::Table(inner) | Shape::Tables(inner) | Shape::TextsOrTables(inner) = key.shape {
            add(inner, parts);
        }
    }
}

fn table(kind: &Kind) -> Value {
    let properties: Map<String, Value> =
        kind.keys().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = kind.keys().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn property(key: &Key) -> Value {
    let mut value = shape(key);
    if let Some(object) = value.as_object_mut() {
        object.insert("description".to_owned(), json!(key.about));
    }
    value
}

fn shape(key: &Key) -> Value {
    let text = json!({ "type": "string", "pattern": "\\S" });
    // An identifier may say that nothing is excluded.
    let least = u32::from(!key.name.starts_with("exclude"));
    match key.shape {
        Shape::Text => text,
        Shape::AnyText => json!({ "type": "string" }),
        Shape::Texts => one_or_more(&text, least),
        Shape::Word(words) => json!({ "enum": words() }),
        Shape::Words(words) => one_or_more(&json!({ "enum": words() }), least),
        Shape::Integer(least, u64::MAX) => json!({ "type": "integer", "minimum": least }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Date => json!({ "type": "string", "format": "date" }),
        Shape::DateTime => json!({ "type": "string" }),
        Shape::Amount => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^\\s*(>=|<=|>|<|=|≥|≤)?\\s*[0-9_]+\\s*[A-Za-z]*\\s*$" }] })
        }
        Shape::Table(kind) => json!({ "allOf": [reference(kind)] }),
        Shape::Tables(kind) => one_or_more(&reference(kind), least),
        Shape::Names => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::NumbersOrTexts => one_or_more(&json!({ "type": ["integer", "string"] }), least),
        Shape::TextsOrTables(kind) => one_or_more(&json!({ "anyOf": [text, reference(kind)] }), least),
        Shape::Groups => {
            json!({ "type": "array", "minItems": 1, "items": { "type": "array", "minItems": 1, "items": text } })
        }
        Shape::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
    }
}

fn one_or_more(item: &Value, least: u32) -> Value {
    json!({ "anyOf": [item, { "type": "array", "items": item, "minItems": least }] })
}

#[cfg(test)]
mod tests;
