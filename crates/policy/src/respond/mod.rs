//! What the response rules make of violations: one disposition for the message, its modifications, and side effects.
//!
//! Order: block over redirect over modify; all modifications apply once. Policies on trial, and a server on trial,
//! change nothing: what they would have done is told apart.

mod order;
pub(crate) mod template;

pub use order::respond;
pub use template::{RecordedIncident, RecordedMatch, RecordedText};

use crate::verdict::Severity;

/// What becomes of the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// What to do.
    pub disposition: Disposition,
    /// What would be done if neither the server nor any policy were on trial.
    pub would: Disposition,
    /// Header lines and more; apply to passed, modified, redirected mail. Empty where the server is on trial.
    pub modifications: Modifications,
    /// Side effects, once for each incident and rule, by policy and rule.
    pub effects: Vec<Effect>,
    /// What happened to each violation, in the order of the inspection.
    pub violations: Vec<ViolationResponse>,
}

/// What becomes of a message as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Disposition {
    /// It goes on as it came.
    #[default]
    Pass,
    /// It goes on with modifications.
    Modify,
    /// It goes to others.
    Redirect {
        /// Sorted, each once.
        recipients: Vec<String>,
    },
    /// It is refused.
    Block {
        /// 500 to 599.
        code: u16,
        /// `5.7.1`
        enhanced: String,
        /// One line for the sender.
        text: String,
    },
}

impl Disposition {
    /// Stable lower-case name: `passed`, `modified`, `redirected`, `blocked`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Modify => "modified",
            Self::Redirect { .. } => "redirected",
            Self::Block { .. } => "blocked",
        }
    }
}

/// Changes to a message that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modifications {
    /// Header lines to add: name and value.
    pub headers: Vec<(String, String)>,
    /// What to add to the subject.
    pub subject: Option<SubjectChange>,
    /// Policies with Email Quarantine Connect, ascending: one `X-dlp-policyid` line each, and `X-dlp-uniquemsgid`.
    pub quarantine_connect: Vec<u32>,
    /// Further recipients.
    pub copies: Vec<String>,
}

impl Modifications {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
            && self.subject.is_none()
            && self.quarantine_connect.is_empty()
            && self.copies.is_empty()
    }
}

/// Text around the subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectChange {
    /// Before it.
    pub prefix: Option<String>,
    /// Behind it.
    pub suffix: Option<String>,
}

/// A side effect that a response rule orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The policy.
    pub policy: u32,
    /// The response rule.
    pub rule: String,
    /// What to do.
    pub action: SideAction,
    /// The policy or the server is on trial: record it, do not do it.
    pub trial: bool,
}

/// A side effect. Variables are filled in but for `$INCIDENT_ID$` and `$INCIDENT_SNAPSHOT$`, which are known later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideAction {
    /// Send a notice. Never to `<>`.
    Notify {
        /// Addresses.
        to: Vec<String>,
        /// Its subject.
        subject: String,
        /// Its text.
        text: String,
    },
    /// Log to a syslog server.
    Syslog {
        /// Host and port; the server's own where none is named.
        host: Option<String>,
        /// UDP or TCP port.
        port: Option<u16>,
        /// `warning`, `notice`, ...
        level: String,
        /// `cef` or `text`.
        format: String,
        /// The message; empty for the format's own.
        message: String,
    },
    /// Set the workflow status.
    SetStatus(String),
    /// Set an attribute of the incident.
    SetAttribute {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// What is kept of the message.
    LimitRetention {
        /// Whether the original is discarded.
        discard_original: bool,
        /// `all`, `violating` or `none`.
        attachments: String,
    },
}

impl SideAction {
    /// Stable lower-case name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Notify { .. } => "notify",
            Self::Syslog { .. } => "syslog",
            Self::SetStatus(_) => "set_status",
            Self::SetAttribute { .. } => "set_attribute",
            Self::LimitRetention { .. } => "limit_retention",
        }
    }

    /// What to do, as JSON, for the outbox.
    pub fn payload(&self) -> String {
        use serde_json::json;
        match self {
            Self::Notify { to, subject, text } => json!({ "to": to, "subject": subject, "text": text }),
            Self::Syslog { host, port, level, format, message } => {
                json!({ "host": host, "port": port, "level": level, "format": format, "message": message })
            }
            Self::SetStatus(status) => json!({ "status": status }),
            Self::SetAttribute { name, value } => json!({ "name": name, "value": value }),
            Self::LimitRetention { discard_original, attachments } => {
                json!({ "discard_original": discard_original, "attachments": attachments })
            }
        }
        .to_string()
    }
}

/// What the response rules of one violated policy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViolationResponse {
    /// The policy.
    pub policy_id: u32,
    /// How bad the violation is.
    pub severity: Severity,
    /// It only says what it would have done.
    pub trial: bool,
    /// Response rules whose conditions held.
    pub rules: Vec<String>,
    /// Their actions: `modify`, `block`, `redirect`, `copy`, and the side effects' names; once each.
    pub actions: Vec<String>,
}
