//! What overrides what, and where each effective value came from.
//!
//! Flags come first, then the environment (`WEIR_PREVENT_LIMITS_SESSIONS`), then the file, then the defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, mistakes};

/// Where an effective value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(String),
    Environment(String),
    File(PathBuf),
    Enforce,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Enforce => f.write_str("Enforce"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value given on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    /// `prevent.listen`
    pub(crate) key: &'static str,
    /// `--listen`
    pub(crate) flag: &'static str,
    pub(crate) value: Value,
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    pub(crate) config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Effective {
    /// Reads the file (if any), then the environment, then the flags.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[Override],
    ) -> Result<Self> {
        let defaults = table_of(&Config::default())?;
        let mut origins = BTreeMap::new();
        let mut table = defaults.clone();
        if let Some(path) = file {
            overlay(&mut table, read(path)?, String::new(), &mut |key| {
                origins.insert(key, Origin::File(path.to_path_buf()));
            });
        }
        overlay_environment(&mut table, &defaults, environment, &mut origins)?;
        for flag in flags {
            set(&mut table, flag.key, flag.value.clone())?;
            origins.insert(flag.key.to_owned(), Origin::Flag(flag.flag.to_owned()));
        }
        let config = table.try_into().map_err(|error| anyhow!("{error}"))?;
        Ok(Self { config, origins })
    }

    /// Sets what must be so, whatever anybody said.
    pub(crate) fn force(&mut self, by: &str, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut table = table_of(&self.config)?;
        set(&mut table, key, value.into())?;
        self.config = table.try_into().map_err(|why| anyhow!("{key}: {why}"))?;
        self.origins.insert(key.to_owned(), Origin::Flag(by.to_owned()));
        Ok(())
    }

    /// What Enforce gave for this detection server counts where nobody here said anything. All of it or nothing.
    pub(crate) fn take_from_enforce(&mut self, values: &BTreeMap<String, serde_json::Value>) -> Result<()> {
        let (mut table, mut origins) = (table_of(&self.config)?, self.origins.clone());
        for (key, value) in values {
            let key = format!("prevent.{key}");
            if origins.contains_key(&key) {
                continue;
            }
            let value = Value::try_from(value).map_err(|why| anyhow!("{key} of Enforce: {why}"))?;
            set(&mut table, &key, value).context("settings of Enforce")?;
            origins.insert(key, Origin::Enforce);
        }
        self.config = table.try_into().map_err(|why| anyhow!("settings of Enforce: {why}"))?;
        self.origins = origins;
        Ok(())
    }

    /// Whether anybody said anything of this server (`prevent`).
    pub(crate) fn speaks_of(&self, server: &str) -> bool {
        self.origins.keys().any(|key| key.split('.').next() == Some(server))
    }

    /// Each value with its key and origin, in the order of the keys.
    pub(crate) fn lines(&self) -> Result<Vec<(String, String, Origin)>> {
        let mut lines = Vec::new();
        leaves(&table_of(&self.config)?, String::new(), &mut |key, value| {
            let origin = self.origins.get(&key).cloned().unwrap_or(Origin::Default);
            let secret = key.ends_with("passwords") || key == "enforce.database";
            let shown = if secret { "[…]".to_owned() } else { value.to_string() };
            lines.push((key, shown, origin));
        });
        Ok(lines)
    }
}

/// Reads one file; errors say line, column and what is wrong.
fn read(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    // Read into the types first: their errors know the place in the text.
    toml::from_str::<Config>(&text).map_err(|why| mistakes::told(path, &why))?;
    let other: OtherTypes = toml::from_str(&text).map_err(|why| mistakes::told(path, &why))?;
    other.gateway.check().map_err(|error| anyhow!("{}: [gateway] {error}", path.display()))?;
    toml::from_str(&text).map_err(|why| mistakes::told(path, &why))
}

/// What [`Config`] holds as tables, in the types that its servers read them into.
#[derive(Deserialize)]
struct OtherTypes {
    #[serde(default)]
    gateway: gateway::Options,
}

fn table_of(config: &Config) -> Result<Table> {
    Ok(Table::try_from(config)?)
}

fn overlay(base: &mut Table, over: Table, prefix: String, seen: &mut dyn FnMut(String)) {
    for (name, value) in over {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match (base.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(value)) => overlay(below, value, key, seen),
            (_, value) => {
                base.insert(name, value);
                seen(key);
            }
        }
    }
}

fn overlay_environment(
    table: &mut Table,
    defaults: &Table,
    environment: impl Iterator<Item = (String, String)>,
    origins: &mut BTreeMap<String, Origin>,
) -> Result<()> {
    let mut known = BTreeMap::new();
    leaves(defaults, String::new(), &mut |key, value| {
        known.insert(format!("WEIR_{}", key.to_uppercase().replace('.', "_")), (key, value.clone()));
    });
    for (name, text) in environment {
        let Some((key, like)) = known.get(&name) else {
            match mistakes::misspelt(&name, known.keys().map(String::as_str)) {
                Some(why) => return Err(why),
                None => continue,
            }
        };
        let value = parse_as(&text, like).with_context(|| format!("environment variable {name}"))?;
        set(table, key, value)?;
        origins.insert(key.clone(), Origin::Environment(name));
    }
    Ok(())
}

/// Reads `text` as the kind of value that `like` is; lists are separated by commas.
fn parse_as(text: &str, like: &Value) -> Result<Value> {
    Ok(match like {
        Value::Integer(_) => {
            Value::Integer(text.parse().with_context(|| format!("{text:?} is not a whole number"))?)
        }
        Value::Boolean(_) => {
            Value::Boolean(text.parse().with_context(|| format!("{text:?} is neither true nor false"))?)
        }
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => Value::String(text.to_owned()),
    })
}

fn set(table: &mut Table, key: &str, value: Value) -> Result<()> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    if rest.is_empty() {
        table.insert(first.to_owned(), value);
        return Ok(());
    }
    match table.get_mut(first) {
        Some(Value::Table(below)) => set(below, rest, value),
        _ => bail!("there is no setting {key}"),
    }
}

fn leaves(table: &Table, prefix: String, see: &mut dyn FnMut(String, &Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(below) => leaves(below, key, see),
            value => see(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)], flags: &[Override]) -> Result<Effective> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Effective::load(Some(&path), environment, flags)
    }

    #[test]
    fn a_mistake_in_the_gateways_table_is_told_with_its_line_in_the_file() {
        let wrong = |table: &str| {
            load(&format!("[prevent]\ntrial = true\n\n{table}"), &[], &[]).unwrap_err().to_string()
        };
        let unknown = wrong("[gateway]\nname = \"gw1\"\n[gateway.mail]\nlisen = \"127.0.0.1:1\"\n");
        assert!(
            unknown.contains("weir.toml") && unknown.contains("line 7") && unknown.contains("lisen"),
            "{unknown}"
        );
        let action = wrong("[[gateway.filter]]\nname = \"f\"\nwhen = \"always\"\nactions = [\"shred\"]\n");
        assert!(action.contains("line 7") && action.contains("shred"), "{action}");
        let nowhere =
            wrong("[[gateway.filter]]\nname = \"f\"\nwhen = \"always\"\nactions = [{ hold = \"Cards\" }]\n");
        assert!(nowhere.contains("[gateway] filter \"f\"") && nowhere.contains("Cards"), "{nowhere}");
    }

    #[test]
    fn flags_come_before_the_environment_before_the_file_before_defaults() {
        let text = "[prevent]\nlisten = \"127.0.0.1:1\"\ntrial = true\n[prevent.limits]\nsessions = 7\n";
        let environment = [("WEIR_PREVENT_LISTEN", "127.0.0.1:2"), ("WEIR_PREVENT_LIMITS_SESSIONS", "9")];
        let flags = [Override {
            key: "prevent.listen",
            flag: "--listen",
            value: Value::String("127.0.0.1:3".into()),
        }];
        let effective = load(text, &environment, &flags).unwrap();
        assert_eq!(effective.config.prevent.listen, "127.0.0.1:3");
        assert_eq!(effective.config.prevent.limits.sessions, 9);
        assert!(effective.config.prevent.trial);
        let lines = effective.lines().unwrap();
        let origin = |key: &str| lines.iter().find(|line| line.0 == key).unwrap().2.to_string();
        assert_eq!(origin("prevent.listen"), "flag --listen");
        assert_eq!(origin("prevent.limits.sessions"), "environment WEIR_PREVENT_LIMITS_SESSIONS");
        assert!(origin("prevent.trial").ends_with("weir.toml"));
        assert_eq!(origin("prevent.resubmit_port"), "default");
    }

    #[test]
    fn an_unknown_setting_is_refused_with_its_line() {
        let error =
            load("[prevent]\nlisten = \"127.0.0.1:1\"\nlisten_on = 3\n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("listen_on"), "{error}");
    }

    #[test]
    fn what_is_written_wrong_is_told_with_what_to_write() {
        for (text, environment, told) in [
            ("[prevent]\nlissten = \"127.0.0.1:1\"\n", None, "did you mean `listen`?"),
            ("[up]\nquite_another = 1\n", None, "but: delivery_listen, remediation_listen, center_listen"),
            (
                "[prevent.limits]\nmessage_size = \"50 MB\"\n",
                None,
                "sizes are in octets) belongs here, not the text",
            ),
            ("[prevent.limits]\nsessions = -5\n", None, "a whole number from 0"),
            (
                "[prevent]\nresubmit_port = 70000\n",
                None,
                "from 0 to 65535 belongs here, not the number `70000`",
            ),
            ("[prevent]\ntrial = \"yes\"\n", None, "true or false belongs here, not the text \"yes\""),
            ("[prevent]\nnext_hop = \"127.0.0.1:25\"\n", None, "a list, [ … ], belongs here"),
            ("prevent = 5\n", None, "a table of settings belongs here"),
            ("", Some("WEIR_PREVENT_LISTN"), "WEIR_PREVENT_LISTN; did you mean WEIR_PREVENT_LISTEN?"),
        ] {
            let environment: Vec<_> = environment.into_iter().map(|name| (name, "x")).collect();
            let said = load(text, &environment, &[]).unwrap_err().to_string();
            assert!(said.contains(told), "{said}");
        }
        // What a cluster sets for a service of that name is nobody's mistake.
        load(
            "",
            &[("WEIR_PREVENT_SERVICE_HOST", "10.0.0.1"), ("WEIR_PREVENT_PORT", "tcp://10.0.0.1:25")],
            &[],
        )
        .unwrap();
    }

    #[test]
    fn a_bad_value_in_the_environment_names_the_variable() {
        let error = load("", &[("WEIR_PREVENT_LIMITS_SESSIONS", "many")], &[]).unwrap_err();
        assert!(format!("{error:#}").contains("WEIR_PREVENT_LIMITS_SESSIONS"), "{error:#}");
    }

    #[test]
    fn lists_in_the_environment_are_separated_by_commas() {
        let effective = load("", &[("WEIR_PREVENT_NEXT_HOP", "a:1, b:2")], &[]).unwrap();
        assert_eq!(effective.config.prevent.next_hop, ["a:1", "b:2"]);
    }

    #[test]
    fn times_are_written_with_their_unit() {
        let effective = load("[prevent.timeouts]\ninspection = \"2m\"\nshutdown = 5\n", &[], &[]).unwrap();
        assert_eq!(effective.config.prevent.timeouts.inspection.0.as_secs(), 120);
        assert_eq!(effective.config.prevent.timeouts.shutdown.0.as_secs(), 5);
        let error = load("[prevent.timeouts]\ninspection = \"2 weeks\"\n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("length of time"), "{error}");
    }

    #[test]
    fn what_enforce_gives_counts_only_where_nobody_here_said_anything() {
        let mut effective = load("[prevent]\ntrial = false\n", &[], &[]).unwrap();
        let given: BTreeMap<String, serde_json::Value> = [
            ("trial".to_owned(), true.into()),
            ("resubmit_port".to_owned(), 25.into()),
            ("limits.sessions".to_owned(), 7.into()),
        ]
        .into();
        effective.take_from_enforce(&given).unwrap();
        let prevent = &effective.config.prevent;
        assert_eq!((prevent.trial, prevent.resubmit_port, prevent.limits.sessions), (false, 25, 7));
        let lines = effective.lines().unwrap();
        let origin = |key: &str| lines.iter().find(|line| line.0 == key).unwrap().2.to_string();
        assert_eq!(origin("prevent.resubmit_port"), "Enforce");
        assert!(origin("prevent.trial").ends_with("weir.toml"));
        for wrong in [("resubmit_port", serde_json::json!("x")), ("no.such", 1.into())] {
            let before = effective.lines().unwrap();
            let given = [(wrong.0.to_owned(), wrong.1.clone())].into();
            let mut fresh = load("", &[], &[]).unwrap();
            assert!(fresh.take_from_enforce(&given).is_err(), "{wrong:?}");
            assert_eq!(effective.lines().unwrap().len(), before.len());
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let effective = load("[prevent]\npasswords = [\"hunter2\"]\n", &[], &[]).unwrap();
        assert!(effective.lines().unwrap().iter().all(|line| !line.1.contains("hunter2")));
    }
}
