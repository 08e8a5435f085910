//! A detection server hands its incidents to Enforce: in batches, in the order of its history, again until taken.
//!
//! The cursor is the number of the newest history line that Enforce has: histories only grow, and nothing about an incident
//! changes without a line. A batch says behind which line it begins; if that is not where Enforce stands, Enforce says so
//! ([`IngestAnswer::cursor`]) and takes nothing. Originals follow one by one, when asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::{Match, Severity};

/// Incidents of one detection server that changed, oldest change first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentBatch {
    /// Which journal these numbers are of: a UUID made with it.
    pub journal: String,
    /// Behind this history line the batch begins.
    pub after: u64,
    /// Up to this history line, the batch holds everything.
    pub up_to: u64,
    /// How many lines wait behind these.
    pub waiting: u64,
    /// Each with its lines between.
    pub incidents: Vec<ShippedIncident>,
}

/// An incident as the detection server has it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippedIncident {
    /// The detection server's number.
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
    /// Who sent it.
    pub peer: Option<String>,
    /// `outbound`, `inbound`, `internal`.
    pub direction: String,
    /// Name of the detection server in its histories.
    pub server: String,
    /// When it came first.
    pub received_at: Timestamp,
    /// When it came last.
    pub last_seen: Timestamp,
    /// Octets.
    pub size: u64,
    /// The policy's number.
    pub policy_id: u32,
    /// Its name.
    pub policy: String,
    /// Its version.
    pub policy_version: String,
    /// Id of the policy set.
    pub policy_set: String,
    /// How bad.
    pub severity: Severity,
    /// Workflow status there: what automatic rules made of it.
    pub status: String,
    /// The product's prevent status.
    pub prevent_status: i64,
    /// All matches, kept or not.
    pub match_count: u64,
    /// False where counting stopped.
    pub count_is_complete: bool,
    /// Recorded without acting.
    pub trial: bool,
    /// Response rules that acted.
    pub response_rules: Vec<String>,
    /// What could not be inspected.
    pub unscannable: Vec<(String, String)>,
    /// Kept matches.
    pub matches: Vec<Match>,
    /// What became of the last attempt.
    pub outcome: Option<String>,
    /// Custom attributes that rules set.
    pub attributes: Vec<(String, String)>,
    /// The original is there and can be asked for by this name; equal names of a journal are equal octets.
    pub original: Option<String>,
    /// New lines of its history, oldest first.
    pub lines: Vec<ShippedLine>,
}

/// A line of an incident's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippedLine {
    /// Its number in the journal.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// The product's name of the action.
    pub action: String,
    /// What came of it.
    pub detail: String,
}

/// What Enforce made of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestAnswer {
    /// Where Enforce stands in this journal now; go on behind it.
    pub cursor: u64,
    /// The batch did not begin there, and nothing of it was taken.
    pub refused: bool,
    /// Originals that are wanted, of this batch or of earlier ones: each by `PUT` to [`super::paths::ORIGINALS`], or by `DELETE`
    /// if it is not kept any more.
    pub wanted: Vec<String>,
}
