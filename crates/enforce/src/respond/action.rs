//! A smart response rule and what it can do, as plain data.

use incident::desk::{Change, OrderedEffect, RuleRow};
use policy::RecordedText;
use serde::{Deserialize, Serialize};

/// A rule that people start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its number; 0 for a new one.
    pub id: u64,
    /// The name of its button.
    pub name: String,
    /// For whom and when.
    pub description: String,
    /// Its place among others.
    pub position: i64,
    /// What it does, in order.
    pub actions: Vec<Action>,
}

/// One thing that a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Has a plug-in do it.
    FlexResponse {
        /// The plug-in's name.
        plugin: String,
    },
    /// Sets the workflow status.
    SetStatus {
        /// Its name.
        status: String,
    },
    /// Adds a note.
    AddNote {
        /// Its text.
        text: String,
    },
    /// Sets a custom attribute.
    SetAttribute {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Limits retention: the original message is discarded.
    LimitRetention {},
    /// Tells people by mail; texts with the variables of response rules.
    Notify {
        /// Addresses, `$SENDER$` and `$RECIPIENTS$` among them, with commas between them.
        to: String,
        /// One line.
        subject: String,
        /// Any number of lines.
        text: String,
    },
    /// Logs to the syslog server of the configuration.
    Syslog {
        /// `alert`, `warning`, …
        level: String,
        /// `text` or `cef`.
        format: String,
        /// A text with variables; the format's own words where there is none.
        message: String,
    },
}

/// Those of automated rules.
const LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

impl Action {
    /// The change of the incident, if it is one.
    pub fn change(&self) -> Option<Change> {
        Some(match self {
            Self::FlexResponse { .. } | Self::Notify { .. } | Self::Syslog { .. } => return None,
            Self::SetStatus { status } => Change::Status(status.clone()),
            Self::AddNote { text } => Change::Note(text.clone()),
            Self::SetAttribute { name, value } => Change::Attribute(name.clone(), value.clone()),
            Self::LimitRetention {} => Change::DropOriginal,
        })
    }

    /// What is told outside by it, once for each incident: the same action of a rule is known by its kind.
    pub fn effect(&self, rule: &str) -> Option<OrderedEffect> {
        let (kind, words) = match self {
            Self::Notify { .. } => ("notify", "a notice is ordered"),
            Self::Syslog { .. } => ("syslog", "a log message is ordered"),
            _ => return None,
        };
        let payload = serde_json::to_string(self).ok()?;
        let hash = blake3::hash(payload.as_bytes()).to_hex();
        Some(OrderedEffect {
            rule: rule.to_owned(),
            kind: format!("{kind}/{}", &hash[..16]),
            payload,
            words: words.to_owned(),
        })
    }

    /// Whether its texts make sense; what is wrong is for whoever wrote them.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Notify { to, subject, text } => {
                RecordedText::parse_addresses(to)?;
                RecordedText::parse(subject)?;
                RecordedText::parse(text)?;
                let empty = subject.trim().is_empty() || text.trim().is_empty();
                if empty { Err("a notice has a subject and a text".to_owned()) } else { Ok(()) }
            }
            Self::Syslog { level, format, message } => {
                RecordedText::parse(message)?;
                if !LEVELS.contains(&level.as_str()) {
                    return Err(format!("the level {level:?} is none; there are {}", LEVELS.join(", ")));
                }
                if !["text", "cef"].contains(&format.as_str()) {
                    return Err(format!("the format {format:?} is none; there are text and cef"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether any of these, as a row has them, asks this plug-in.
    pub fn any_asks(actions: &str, plugin: &str) -> bool {
        let actions: Vec<Self> = serde_json::from_str(actions).unwrap_or_default();
        actions.iter().any(|action| action.plugin() == Some(plugin))
    }

    /// The plug-in that it asks.
    pub fn plugin(&self) -> Option<&str> {
        match self {
            Self::FlexResponse { plugin } => Some(plugin),
            _ => None,
        }
    }

    /// The status that it sets.
    pub fn status(&self) -> Option<&str> {
        match self {
            Self::SetStatus { status } => Some(status),
            _ => None,
        }
    }

    /// In words, for confirmations.
    pub fn words(&self) -> String {
        match self {
            Self::FlexResponse { plugin } => format!("run the plug-in {plugin}"),
            Self::SetStatus { status } => format!("set the status {status}"),
            Self::AddNote { text } => format!("add the note “{text}”"),
            Self::SetAttribute { name, value } => format!("set {name} to “{value}”"),
            Self::LimitRetention {} => "discard the original message".to_owned(),
            Self::Notify { to, subject, .. } => format!("notify {to}: “{subject}”"),
            Self::Syslog { format, .. } => format!("log to syslog as {format}"),
        }
    }
}

impl Rule {
    /// From its row.
    pub fn read(row: &RuleRow) -> Result<Self, String> {
        let actions: Vec<Action> = serde_json::from_str(&row.actions).map_err(|why| why.to_string())?;
        Ok(Self {
            id: row.id,
            name: row.name.clone(),
            description: row.description.clone(),
            position: row.position,
            actions,
        })
    }

    /// As a row.
    pub fn row(&self) -> RuleRow {
        RuleRow {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            actions: serde_json::to_string(&self.actions).unwrap_or_default(),
            position: self.position,
        }
    }

    /// The plug-ins that it asks.
    pub fn plugins(&self) -> Vec<&str> {
        self.actions.iter().filter_map(Action::plugin).collect()
    }

    /// All that it does, in words.
    pub fn words(&self) -> String {
        self.actions.iter().map(Action::words).collect::<Vec<_>>().join(", then ")
    }
}
