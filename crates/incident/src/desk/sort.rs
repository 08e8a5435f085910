//! The orders of lists, and the indexes that have them.

use serde::{Deserialize, Serialize};

/// How SQLite is told to read incidents in the order of time.
pub(super) const BY_TIME: &str = "INDEXED BY incident_by_time";

/// By what a list is ordered; equal ones by time, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Sort {
    #[default]
    Received,
    Id,
    Recorded,
    Severity,
    Status,
    PreventStatus,
    Policy,
    Sender,
    Server,
    Matches,
    Subject,
    MessageId,
    PolicyVersion,
    Owner,
    DataOwnerName,
    Hidden,
}

impl Sort {
    /// Those that an index has, for lists that people look at.
    pub const ALL: [Self; 10] = [
        Self::Received,
        Self::Id,
        Self::Recorded,
        Self::Severity,
        Self::Status,
        Self::PreventStatus,
        Self::Policy,
        Self::Sender,
        Self::Server,
        Self::Matches,
    ];

    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Received => "received_at",
            Self::Id => "incident.id",
            Self::Recorded => "recorded_at",
            Self::Severity => "severity",
            Self::Status => "status",
            Self::PreventStatus => "prevent_status",
            Self::Policy => "policy_id",
            Self::Sender => "lower(sender)",
            Self::Server => "server",
            Self::Matches => "match_count",
            Self::Subject => "subject",
            // What is not there comes before all that is.
            Self::MessageId => "coalesce(message_id, '')",
            Self::PolicyVersion => "policy_version",
            Self::Owner => "coalesce(owner, '')",
            Self::DataOwnerName => "coalesce(data_owner_name, '')",
            Self::Hidden => "CASE WHEN hidden THEN 1 ELSE 0 END",
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::Sender
                | Self::Server
                | Self::Subject
                | Self::MessageId
                | Self::PolicyVersion
                | Self::Owner
                | Self::DataOwnerName
        )
    }

    /// No index has them in this order: all that meet the condition are read.
    pub(super) fn reads_all(self) -> bool {
        !Self::ALL.contains(&self)
    }

    /// How SQLite is told to use the index that has incidents so ordered.
    pub(super) fn index(self) -> Option<&'static str> {
        match self {
            Self::Received => Some(BY_TIME),
            // By the number of a row.
            Self::Id => Some("NOT INDEXED"),
            Self::Recorded => Some("INDEXED BY incident_by_recording"),
            Self::Severity => Some("INDEXED BY incident_by_severity"),
            Self::Status => Some("INDEXED BY incident_by_status"),
            Self::PreventStatus => Some("INDEXED BY incident_by_prevent_status"),
            Self::Policy => Some("INDEXED BY incident_by_policy_time"),
            Self::Sender => Some("INDEXED BY incident_by_sender"),
            Self::Server => Some("INDEXED BY incident_by_server"),
            Self::Matches => Some("INDEXED BY incident_by_matches"),
            Self::Subject
            | Self::MessageId
            | Self::PolicyVersion
            | Self::Owner
            | Self::DataOwnerName
            | Self::Hidden => None,
        }
    }

    /// Whether lists of incidents by a value carry what it orders by.
    pub(super) fn is_carried(self) -> bool {
        matches!(
            self,
            Self::Received
                | Self::Id
                | Self::Severity
                | Self::Status
                | Self::PreventStatus
                | Self::Policy
                | Self::Hidden
        )
    }

    /// Its columns, most important first; each list has an index that begins so.
    pub(super) fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Id => vec!["incident.id"],
            Self::Received => vec!["received_at", "incident.id"],
            Self::Recorded => vec!["recorded_at", "incident.id"],
            other => vec![other.column(), "received_at", "incident.id"],
        }
    }

    /// The same where incidents are joined to a list, which is in the order of time.
    pub(super) fn columns_of(self, joined: bool) -> Vec<&'static str> {
        match self {
            Self::Id if joined => vec!["listed_id"],
            Self::Received if joined => vec!["listed_at", "listed_id"],
            other => other.columns(),
        }
    }
}
