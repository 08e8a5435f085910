//! The schema accepts what the reader accepts: a small validator for the words that the schema uses.

use std::path::Path;

use serde_json::{Value, json};

use super::{FILES, name, schema};
use crate::compile::files::{Role, read_dir, role};
use crate::diagnostic::Diagnostics;

/// What is wrong with a value; empty if nothing.
fn wrong(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (word, asked) in schema.as_object().expect("a schema is an object") {
        match word.as_str() {
            "$ref" => {
                let part = asked
                    .as_str()
                    .and_then(|path| root.pointer(path.strip_prefix('#')?))
                    .expect("the part is there");
                all.extend(wrong(root, part, value));
            }
            "anyOf" if !list(asked).iter().any(|schema| wrong(root, schema, value).is_empty()) => {
                all.push(format!("{value} is none of {asked}"));
            }
            "allOf" => all.extend(list(asked).iter().flat_map(|schema| wrong(root, schema, value))),
            "type" => {
                let types = if asked.is_array() { list(asked) } else { std::slice::from_ref(asked) };
                if !types.iter().any(|name| is(value, name.as_str().unwrap())) {
                    all.push(format!("{value} is no {asked}"));
                }
            }
            "enum" if !list(asked).contains(value) => all.push(format!("{value} is not in {asked}")),
            "pattern" => {
                let regex = regex_automata::meta::Regex::new(asked.as_str().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| !regex.is_match(text)) {
                    all.push(format!("{value} is not like {asked}"));
                }
            }
            "minimum" if value.as_u64() < asked.as_u64() => all.push(format!("{value} is below {asked}")),
            "maximum" if value.as_u64() > asked.as_u64() => all.push(format!("{value} is above {asked}")),
            "minItems"
                if value.as_array().is_some_and(|items| (items.len() as u64) < asked.as_u64().unwrap()) =>
            {
                all.push("too few".to_owned());
            }
            "items" => {
                all.extend(value.as_array().into_iter().flatten().flat_map(|item| wrong(root, asked, item)))
            }
            "required" => {
                let missing = list(asked).iter().filter(|key| value.get(key.as_str().unwrap()).is_none());
                all.extend(missing.map(|key| format!("{key} is missing")));
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match asked.get(key) {
                        Some(schema) => all.extend(wrong(root, schema, inner)),
                        None => all.push(format!("no key {key}")),
                    }
                }
            }
            _ => {}
        }
    }
    all
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        other => panic!("the validator does not know the type {other}"),
    }
}

/// As editors see a file: dates are strings.
fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(items) => items.iter().map(as_json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), as_json(value))).collect(),
    }
}

fn parsed() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

fn verdict(kind: &str, text: &str) -> Vec<String> {
    let root = parsed();
    let table: toml::Table = text.parse().unwrap();
    wrong(&root, &json!({ "$ref": format!("#/$defs/{kind}") }), &as_json(&toml::Value::Table(table)))
}

#[test]
fn every_file_of_the_library_fits() {
    let mut out = Diagnostics::default();
    let files = read_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies"), &mut out);
    let mut seen = 0;
    for file in &files {
        let kind = match role(&file.name) {
            Role::Policy => "policy",
            Role::Identifier => "identifier",
            Role::Dictionary => "dictionary",
            Role::Response => "response_rule",
            Role::Settings => "settings",
            Role::Cases => "cases",
            Role::WordList | Role::Named | Role::Other => continue,
        };
        assert_eq!(verdict(kind, &file.text), Vec::<String>::new(), "{}", file.name);
        seen += 1;
    }
    assert!(seen > 500, "{seen} files");
}

#[test]
fn what_the_reader_refuses_does_not_fit() {
    let policy = "id = 1\nname = \"P\"\n[[rule]]\nname = \"R\"\n";
    assert_eq!(verdict("policy", &format!("{policy}keywords = [\"x\"]")), Vec::<String>::new());
    for line in [
        "keyword = \"x\"",
        "keywords = \"\"",
        "keywords = []",
        "at_least = 0",
        "case = \"none\"",
        "message_size = \"big\"",
        "all = [{ keyword = \"x\" }]",
        "encrypted = 1",
    ] {
        assert!(!verdict("policy", &format!("{policy}{line}")).is_empty(), "{line}");
    }
    assert!(!verdict("policy", "id = 1\nname = \"P\"").is_empty(), "a policy needs rules");
}

#[test]
fn every_kind_of_file_has_its_part() {
    let root = parsed();
    for (_, kind) in FILES {
        assert!(root["$defs"].get(name(kind)).is_some(), "{}", kind.name);
    }
    assert_eq!(root["anyOf"].as_array().unwrap().len(), FILES.len());
}
