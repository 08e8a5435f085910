//! How a server is enrolled at Enforce, says how it is, and hears what to run with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// A detection server.
    Detection,
    /// A quarantine gateway.
    Gateway,
}

impl ServerKind {
    /// Its name in tables and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detection => "detection",
            Self::Gateway => "gateway",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Detection, Self::Gateway].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A server shows its token, and asks for a certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    /// The secret of the token.
    pub token: String,
    /// What it is.
    pub kind: ServerKind,
    /// Certificate signing request (PEM); its key never leaves the server. Names in it are not read.
    pub csr: String,
    /// Names and addresses by which others reach it; the token says which of them are granted.
    pub names: Vec<String>,
    /// Version of the program.
    pub version: String,
}

/// A server whose certificate ends soon asks for another, shown by the one it has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// Certificate signing request (PEM).
    pub csr: String,
}

/// What an enrolled server gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enrolled {
    /// The name that it has at Enforce.
    pub name: String,
    /// Its certificate (PEM).
    pub certificate: String,
    /// The authority that vouches for all servers (PEM).
    pub authority: String,
    /// Keys of `X-dlp-uniquemsgid`, newest first (64 hexadecimal digits each): the first makes ids.
    pub unique_id_keys: Vec<String>,
    /// An administrator has to approve it first.
    pub waits_for_approval: bool,
}

/// How a server is; sent every few seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Where it listens.
    pub listen: String,
    /// A gateway's remediation service: `HOST:PORT`, under a name that its certificate has.
    pub remediation: Option<String>,
    /// Id of the policy set in force.
    pub policy_set: String,
    /// Where that comes from: `enforce`, or the directory.
    pub policy_origin: String,
    /// What is wrong with what Enforce offered, if it was refused.
    pub policy_error: Option<String>,
    /// ETag of the settings in force.
    pub settings: String,
    /// What is wrong with what Enforce offered, if it was refused.
    pub settings_error: Option<String>,
    /// History lines, or updates, that wait to be handed over.
    pub waiting: u64,
    /// A gateway's status updates: when Enforce last took some.
    pub updates_sent: Option<Timestamp>,
    /// What the last attempt to send them heard, until one succeeds.
    pub updates_error: Option<String>,
    /// Octets of its journal or store.
    pub octets: u64,
    /// Octets at which that is full.
    pub max_octets: u64,
    /// Messages since it started.
    pub messages: u64,
    /// Mean time of an inspection since the last heartbeat, in microseconds.
    pub inspection_micros: u64,
    /// When its certificate for Enforce ends.
    pub certificate_expires: Option<Timestamp>,
    /// When another certificate that it uses ends first: its name and the time.
    pub other_certificates: Vec<(String, Timestamp)>,
    /// Every effective setting: key, value, origin.
    pub effective: Vec<(String, String, String)>,
}

/// What Enforce answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// ETag of the settings for this server.
    pub settings: String,
    /// ETag of the policies.
    pub policies: String,
    /// Keys of `X-dlp-uniquemsgid`, newest first.
    pub unique_id_keys: Vec<String>,
}

/// Settings for one server: dotted keys, as in the configuration file below its own table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerSettings {
    /// Only what somebody set; everything else is the server's own.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// The policy directory, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyManifest {
    /// Of everything below.
    pub etag: String,
    /// Each with a path below the directory.
    pub files: Vec<PolicyFile>,
    /// Keys of indexes: file name and text; secret.
    pub index_keys: Vec<(String, String)>,
}

/// A file of the policy directory; its octets at [`super::paths::POLICY_FILES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFile {
    /// Below the directory, with `/`.
    pub path: String,
    /// Octets.
    pub size: u64,
    /// Blake3, in hexadecimal digits.
    pub digest: String,
}
