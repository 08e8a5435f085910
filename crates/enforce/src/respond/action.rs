//! A smart response rule and what it can do, as plain data.

use incident::desk::{Change, RuleRow};
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
}

impl Action {
    /// The change of the incident, if it is one.
    pub fn change(&self) -> Option<Change> {
        Some(match self {
            Self::FlexResponse { .. } => return None,
            Self::SetStatus { status } => Change::Status(status.clone()),
            Self::AddNote { text } => Change::Note(text.clone()),
            Self::SetAttribute { name, value } => Change::Attribute(name.clone(), value.clone()),
            Self::LimitRetention {} => Change::DropOriginal,
        })
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

    /// All that it does, in words.
    pub fn words(&self) -> String {
        self.actions.iter().map(Action::words).collect::<Vec<_>>().join(", then ")
    }
}
