//! A program as a lookup: it gets one question, and answers with what it knows of the address.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Known;
use crate::plugins::talk;

#[derive(Serialize)]
struct Question<'a> {
    lookup: &'a str,
    address: &'a str,
    incident: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    values: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

pub(super) async fn ask(
    program: &Path,
    seconds: u32,
    lookup: &str,
    address: &str,
    incident: u64,
) -> Result<Known, String> {
    let question = serde_json::to_string(&Question { lookup, address, incident }).unwrap_or_default();
    let said = talk(program, seconds, &question).await?;
    let answer: Answer = serde_json::from_str(&said)
        .map_err(|why| format!("the program's answer is not {{\"values\":{{…}}}}: {why}"))?;
    let values = answer.values.into_iter().map(|(name, values)| match values {
        Values::One(value) => (name.to_lowercase(), vec![value]),
        Values::Many(values) => (name.to_lowercase(), values),
    });
    Ok(values.collect())
}
