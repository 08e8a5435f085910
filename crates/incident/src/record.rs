//! The plain records: what a detection server hands over, and what is read back.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A message that violates at least one policy, to be recorded before it goes on.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// `X-dlp-uniquemsgid`.
    pub unique_id: String,
    /// Message-ID, if it has one.
    pub message_id: Option<String>,
    /// Envelope sender; empty for `<>`.
    pub sender: String,
    /// Envelope recipients that the next hop took.
    pub recipients: Vec<String>,
    /// Decoded.
    pub subject: String,
    /// Who sent it to us.
    pub peer: Option<String>,
    /// When.
    pub received_at: Timestamp,
    /// Octets.
    pub size: u64,
    /// `outbound`, `inbound`, `internal`.
    pub direction: String,
    /// The detection server's name.
    pub server: String,
    /// Id of the policy set.
    pub policy_set: String,
    /// The message as it came; kept sealed.
    pub original: Option<Vec<u8>>,
    /// One incident each.
    pub violations: Vec<NewViolation>,
    /// Path and reason of each part that could not be inspected.
    pub unscannable: Vec<(String, String)>,
    /// What becomes of the message.
    pub disposition: Disposition,
    /// Once for each incident and rule, however often the mail is retried.
    pub effects: Vec<Effect>,
}

/// One violated policy.
#[derive(Debug, Clone)]
pub struct NewViolation {
    /// The policy's number.
    pub policy_id: u32,
    /// Its name.
    pub policy_name: String,
    /// Its version.
    pub policy_version: String,
    /// How bad.
    pub severity: Severity,
    /// All matches, kept or not.
    pub match_count: u64,
    /// False where counting stopped once nothing could change any more.
    pub count_is_complete: bool,
    /// Recorded without acting.
    pub trial: bool,
    /// The matches that are kept.
    pub matches: Vec<Match>,
    /// Names of the response rules that acted.
    pub response_rules: Vec<String>,
}

/// A side effect that a response rule orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The policy.
    pub policy_id: u32,
    /// The response rule.
    pub rule: String,
    /// `notify`, `syslog`, …
    pub kind: String,
    /// What to do, as JSON.
    pub payload: String,
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Detection rule.
    pub rule: String,
    /// Its condition.
    pub condition: String,
    /// Where in the message.
    pub path: String,
    /// What kind of text.
    pub kind: String,
    /// Characters from the start of that text.
    pub offset: usize,
    /// What matched.
    pub text: String,
    /// Context before it.
    pub before: String,
    /// Context behind it.
    pub after: String,
    /// Which check it passed.
    pub validator: Option<String>,
}

impl Match {
    /// The text with all but its last four letters and digits covered; all of them where it is short.
    pub fn masked(&self) -> String {
        mask(&self.text)
    }
}

/// Covers letters and digits; separators and, of a text with eight or more, the last four stay.
pub fn mask(text: &str) -> String {
    let count = text.chars().filter(|c| c.is_alphanumeric()).count();
    let covered = if count >= 8 { count - 4 } else { count };
    let mut seen = 0;
    let cover = |c: char| {
        seen += usize::from(c.is_alphanumeric());
        if c.is_alphanumeric() && seen <= covered { '*' } else { c }
    };
    text.chars().map(cover).collect()
}

/// The product's severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Severity {
    High = 1,
    Medium = 2,
    Low = 3,
    Info = 4,
}

/// What became of the message, as far as policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Disposition {
    Passed,
    Modified,
    Redirected,
    Blocked,
}

impl Disposition {
    /// The product's prevent status.
    pub fn prevent_status(self) -> i64 {
        match self {
            Self::Passed => 0,
            Self::Blocked => 1,
            Self::Modified | Self::Redirected => 2,
        }
    }
}

/// Numbers and names of the product's prevent or protect statuses that mail can have.
pub const PREVENT_STATUSES: [(i64, &str, &str); 18] = [
    (0, "PASSED", "Passed"),
    (1, "BLOCKED", "Blocked"),
    (2, "MESSAGE_MODIFIED", "Message modified"),
    (8, "CONTENT_REMOVED", "Content removed"),
    (11, "FLEX_RESPONSE_EXECUTED", "Remediation executed"),
    (12, "FLEX_RESPONSE_ERROR", "Remediation failed"),
    (13, "FLEX_RESPONSE_REQUESTED", "Remediation attempted"),
    (20, "UNKNOWN", "Unknown"),
    (21, "EMAIL_QUARANTINED", "Held in quarantine"),
    (22, "EMAIL_APPROVED", "Approved"),
    (23, "EMAIL_BLOCKED", "Rejected"),
    (24, "CUSTOM_ACTION_ON_EMAIL", "Custom action taken"),
    (25, "EMAIL_MESSAGE_EXPUNGED", "Expunged from quarantine"),
    (26, "TRANSPORT_HEADERS_ADDED", "Headers added"),
    (29, "QUARANTINE_FAILED", "Quarantine failed"),
    (46, "MANUAL_ACTION_REQUESTED", "Manual action requested"),
    (61, "REMEDIATION_PENDING", "Remediation pending"),
    (62, "REMEDIATION_OVERRIDEN", "Remediation overridden"),
];

/// A prevent status in people's words.
pub fn prevent_status_name(number: i64) -> &'static str {
    PREVENT_STATUSES.iter().find(|(known, ..)| *known == number).map_or("Unknown", |(_, _, words)| words)
}

/// What the next hop, or a policy, made of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Outcome {
    Relayed { code: u16, text: String },
    Refused { code: u16, text: String },
    Deferred { code: u16, text: String },
    Blocked { code: u16, text: String },
    Redirected { code: u16, text: String },
}

/// Workflow status: one of the product's six, or one that an administrator made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Status {
    New,
    InProcess,
    Escalated,
    FalsePositive,
    ConfigurationError,
    Resolved,
    Own(Arc<str>),
}

impl Status {
    const ALL: [(Self, &'static str); 6] = [
        (Self::New, "New"),
        (Self::InProcess, "In Process"),
        (Self::Escalated, "Escalated"),
        (Self::FalsePositive, "False Positive"),
        (Self::ConfigurationError, "Configuration Error"),
        (Self::Resolved, "Resolved"),
    ];

    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Own(name) => name,
            known => Self::ALL.iter().find(|(status, _)| status == known).map_or("New", |(_, name)| name),
        }
    }

    /// The product's status of this name, in any case of letters.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map(|(status, _)| status).ok_or_else(|| {
            let names = Self::ALL.map(|(_, name)| name).join(", ");
            format!("no status {name:?}; there are {names}")
        })
    }

    /// The status of this name as it stands in the table of statuses.
    pub fn named(name: &str) -> Self {
        Self::parse(name).unwrap_or_else(|_| Self::Own(name.into()))
    }
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::named(&name))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        })
    }
}

impl Severity {
    /// The severity of the product's number.
    pub fn from_number(number: i64) -> Result<Self, String> {
        match number {
            1 => Ok(Self::High),
            2 => Ok(Self::Medium),
            3 => Ok(Self::Low),
            4 => Ok(Self::Info),
            other => Err(format!("no severity has the number {other}")),
        }
    }
}

/// What recording made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// One for each violated policy.
    pub incidents: Vec<RecordedIncident>,
    /// Who recorded it.
    pub(crate) server: String,
}

/// An incident that was made, or joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedIncident {
    /// Its number.
    pub id: u64,
    /// The policy.
    pub policy_id: u32,
    /// It existed: this was another attempt of the same message.
    pub merged: bool,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Number.
    pub id: u64,
    /// `X-dlp-uniquemsgid`.
    pub unique_message_id: String,
    /// Message-ID.
    pub message_id: Option<String>,
    /// Envelope sender.
    pub sender: String,
    /// Envelope recipients of all attempts.
    pub recipients: Vec<String>,
    /// Decoded.
    pub subject: String,
    /// The policy's name.
    pub policy: String,
    /// Its number.
    pub policy_id: u32,
    /// How bad.
    pub severity: Severity,
    /// Workflow status.
    pub status: Status,
    /// The product's prevent status (0 passed, 1 blocked, 2 modified).
    pub prevent_status: i64,
    /// Matches.
    pub matches: u64,
    /// When the message came first.
    pub received_at: Timestamp,
    /// When it came last.
    pub last_seen: Timestamp,
    /// The detection server.
    pub server: String,
    /// Recorded without acting.
    pub trial: bool,
    /// What became of the last attempt: relayed, redirected, refused, deferred, blocked; unknown after a crash; none yet.
    pub outcome: Option<String>,
}

/// A whole incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// As in the list.
    #[serde(flatten)]
    pub summary: Summary,
    /// Version of the policy.
    pub policy_version: String,
    /// Id of the policy set.
    pub policy_set: String,
    /// False where counting stopped once nothing could change any more.
    pub count_is_complete: bool,
    /// Octets of the message.
    pub size: u64,
    /// Who sent it to us.
    pub peer: Option<String>,
    /// `outbound`, `inbound`, `internal`.
    pub direction: String,
    /// Response rules that acted.
    pub response_rules: Vec<String>,
    /// What could not be inspected.
    pub unscannable: Vec<(String, String)>,
    /// Kept matches; `details` in JSON, where `matches` is their number.
    #[serde(rename = "details")]
    pub matches: Vec<Match>,
    /// The original can be had.
    pub original_kept: bool,
    /// The closed incident of the same message and policy that this one follows.
    pub linked_to: Option<u64>,
    /// Other incidents of the same message.
    pub siblings: Vec<u64>,
    /// What happened, oldest first.
    pub history: Vec<Entry>,
}

impl Incident {
    /// The same with matches and their context covered.
    pub fn into_masked(mut self) -> Self {
        for found in &mut self.matches {
            found.text = found.masked();
            found.before = mask(&found.before);
            found.after = mask(&found.after);
        }
        self
    }
}

/// A line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// The product's name of the action.
    pub action: String,
    /// What came of it.
    pub detail: String,
}

/// Which incidents to list; newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A policy's number or name.
    pub policy: Option<String>,
    /// Part of the sender.
    pub sender: Option<String>,
    /// Part of a recipient.
    pub recipient: Option<String>,
    /// Exactly this message.
    pub unique_id: Option<String>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Of this status.
    pub status: Option<Status>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
    /// With this matched value, however it was written there.
    pub value: Option<String>,
    /// Only those with a smaller number: the key for the next page.
    pub before: Option<u64>,
    /// At most so many; 0 is 100.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_leaves_the_last_four_of_a_long_number_and_nothing_of_a_short_one() {
        assert_eq!(mask("4111 1111 1111 1234"), "**** **** **** 1234");
        assert_eq!(mask("Pin: 12"), "***: **");
        assert_eq!(mask("naïveté-über"), "*******-über");
    }
}
