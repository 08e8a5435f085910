//! Enforce asks a gateway to act on held copies, and hears what became of each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The decision of a reviewer; names as the product's plug-ins have them (`dlp-remediator-action`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReviewAction {
    /// Deliver, or what the filter that held it maps Approve to.
    #[serde(rename = "REVIEW_STATE_APPROVED")]
    Approved,
    /// Delete, or what the filter that held it maps Reject to.
    #[serde(rename = "REVIEW_STATE_REJECTED")]
    Rejected,
    /// What the filter that held it maps Custom to.
    #[serde(rename = "REVIEW_STATE_CUSTOM")]
    Custom,
}

/// One request. Sending it again with the same `id` changes nothing and returns the first answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemediationRequest {
    /// Of this request: a UUID.
    pub id: String,
    /// `X-dlp-uniquemsgid` of the message.
    pub unique_message_id: String,
    /// What to do.
    pub action: ReviewAction,
    /// Only these recipients' copies; all that are held when it arrives if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// `dlp-remediator-user`: who the gateway's log and history name. Need not exist there.
    pub remediator: String,
    /// The person at Enforce who asked.
    pub requested_by: String,
    /// Enforce's incident.
    pub incident_id: u64,
    /// The reviewer's words, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemediationAnswer {
    /// That of the request.
    pub id: String,
    /// The gateway's name.
    pub gateway: String,
    /// This answer was given before.
    pub repeated: bool,
    /// One for each copy of the message that the gateway knows; empty if it knows none: not found.
    pub copies: Vec<CopyAnswer>,
}

/// What became of one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyAnswer {
    /// Whose.
    pub recipient: String,
    /// What.
    pub result: CopyResult,
    /// In words, for the history.
    pub detail: String,
}

/// The outcome for one recipient's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyResult {
    /// It was held, and is now on its way (queued durably).
    Released,
    /// It was held, and is now deleted.
    Rejected,
    /// It was held, and the custom actions were taken.
    Custom,
    /// It had been released before this request came.
    AlreadyReleased,
    /// It had been rejected before this request came.
    AlreadyRejected,
    /// The custom action had been taken before this request came.
    AlreadyCustom,
    /// Its folder's limits removed it.
    Expired,
    /// No such copy was ever held here.
    NotFound,
    /// It is still held: the gateway could not do it.
    Failed,
}
