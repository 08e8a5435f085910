//! `weir index list`: which indexes a policy directory has, of what age, from where.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use policy::index::{IndexInfo, Indexes};
use serde_json::json;

use super::size;
use crate::cli::{Format, IndexList};
use crate::policies;
use crate::terminal::safe;

/// Some cannot be used.
const BROKEN: u8 = 2;

/// Runs the command.
pub(crate) fn run(command: &IndexList) -> Result<ExitCode> {
    ensure!(
        command.policies.is_dir(),
        "{} is no directory; name that of the policies (--policies), whose folder `indexes` holds them",
        command.policies.display()
    );
    let indexes = Indexes::open(&command.policies, &policies::index_keys(&command.data));
    let mut broken = false;
    for info in indexes.infos() {
        match (&info, command.format) {
            (Ok(info), Format::Text) => print(info),
            (Ok(info), Format::Json) => println!("{}", as_json(info)),
            (Err((file, error)), Format::Text) => println!("{}: {error}", safe(file)),
            (Err((file, error)), Format::Json) => {
                println!("{}", json!({ "file": file, "error": error.to_string() }))
            }
        }
        broken |= info.is_err();
    }
    if indexes.infos().is_empty() && command.format == Format::Text {
        println!("no indexes in {}", command.policies.join("indexes").display());
    }
    Ok(if broken { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

fn built(info: &IndexInfo) -> jiff::Timestamp {
    jiff::Timestamp::from_second(info.built).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn print(info: &IndexInfo) {
    let days = info.age_days();
    let stale = if info.is_stale() { ", STALE" } else { "" };
    println!("{} {}: {} from {}", info.kind.as_str(), info.name, info.count, safe(&info.source));
    println!(
        "    made {}, {days} days ago{stale}; {} on disk, {} in memory; key {}",
        built(info),
        size(info.size),
        size(info.memory as u64),
        info.key
    );
    let details: Vec<String> = info.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    if !details.is_empty() {
        println!("    {}", safe(&details.join(", ")));
    }
}

fn as_json(info: &IndexInfo) -> serde_json::Value {
    json!({
        "kind": info.kind.as_str(),
        "name": info.name,
        "count": info.count,
        "source": info.source,
        "built": built(info).to_string(),
        "age_days": info.age_days(),
        "max_age_days": info.max_age_days,
        "key": info.key,
        "octets": info.size,
        "memory": info.memory,
        "details": info.details.iter().cloned().collect::<std::collections::BTreeMap<String, String>>(),
    })
}
