//! A gateway tells Enforce what became of held copies: in batches, in order for each message, again until taken.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// State of one recipient's copy of a message; with the product's prevent status of the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// Waits for a decision (21 `EMAIL_QUARANTINED`).
    Held,
    /// Approved (22 `EMAIL_APPROVED`).
    Approved,
    /// Rejected (23 `EMAIL_BLOCKED`).
    Rejected,
    /// Custom action taken (24 `CUSTOM_ACTION_ON_EMAIL`).
    Custom,
    /// Removed by its folder's limits (25 `EMAIL_MESSAGE_EXPUNGED`).
    Expunged,
    /// Approved and taken by the next hop; the status stays that of the decision.
    Delivered,
    /// Approved, but delivery failed for good; the status stays that of the decision.
    DeliveryFailed,
}

impl CopyState {
    /// The product's prevent status, where the state sets one.
    pub fn prevent_status(self) -> Option<i64> {
        match self {
            Self::Held => Some(21),
            Self::Approved => Some(22),
            Self::Rejected => Some(23),
            Self::Custom => Some(24),
            Self::Expunged => Some(25),
            Self::Delivered | Self::DeliveryFailed => None,
        }
    }
}

/// Updates of one gateway, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateBatch {
    /// The gateway's name.
    pub gateway: String,
    /// How many wait behind these.
    pub waiting: u64,
    /// Oldest first.
    pub updates: Vec<MessageUpdate>,
}

/// One thing that happened to one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageUpdate {
    /// Grows with each update of this gateway; one that was taken before is taken again without effect.
    pub seq: u64,
    /// `X-dlp-uniquemsgid`.
    pub unique_message_id: String,
    /// `X-dlp-policyid` lines that the message had.
    pub policy_ids: Vec<u32>,
    /// Whose copy.
    pub recipient: String,
    /// Its state now.
    pub state: CopyState,
    /// When.
    pub at: Timestamp,
    /// Who decided: a reviewer's name, the remediator, or `gateway` for its own rules.
    pub who: String,
    /// The reviewer's note, or why; for the history.
    pub note: Option<String>,
    /// The gateway's own incident number.
    pub gateway_incident: u64,
    /// The remediation request that caused it.
    pub request_id: Option<String>,
}

/// Enforce's answer: one for each update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateAnswer {
    /// In the order of the batch.
    pub results: Vec<UpdateResult>,
}

/// Whether an update was taken. One for a message that has no incident yet is taken too, and shown once it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateResult {
    /// That of the update.
    pub seq: u64,
    /// Done; need not be sent again.
    pub taken: bool,
    /// Why not, for people.
    pub why: Option<String>,
}
