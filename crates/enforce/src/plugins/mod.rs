//! Remediation plug-ins: the guide's three for a quarantine gateway, and executables of one's own.

mod executable;
mod quarantine_connect;

use std::collections::BTreeMap;
use std::path::Path;

use incident::Incident;
use incident::desk::{Asked, PluginRow};
use incident::wire::ReviewAction;
use serde::{Deserialize, Serialize};

pub(crate) use executable::talk;
pub use quarantine_connect::Certificates;
pub(crate) use web::reasons;

/// The guide's plug-ins, the rules that run them, and what they ask for.
pub const QUARANTINE_CONNECT: [(&str, &str, ReviewAction); 3] = [
    ("SMG Approve Action", "Approve", ReviewAction::Approved),
    ("SMG Reject Action", "Reject", ReviewAction::Rejected),
    ("SMG Custom Action", "Custom", ReviewAction::Custom),
];

/// A plug-in and its properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Definition {
    /// Asks a quarantine gateway; properties as in the guide's Table 2-2.
    EmailQuarantineConnect {
        /// Where the gateway's remediation service is. A message that another gateway told of is asked for there.
        #[serde(rename = "email-gateway-server-host")]
        host: String,
        /// Its port.
        #[serde(rename = "email-gateway-server-port", default = "usual_port")]
        port: u16,
        /// The name of the credential with certificates for it.
        #[serde(rename = "certificates-store.credential")]
        credential: String,
        /// Who the gateway's log and history name.
        #[serde(rename = "dlp-remediator-user")]
        remediator: String,
        /// What it is to do.
        #[serde(rename = "dlp-remediator-action")]
        action: ReviewAction,
    },
    /// Runs a program: one request in JSON on its standard input, one answer in JSON on its standard output.
    Executable {
        /// Its file name in the directory of plug-ins.
        program: String,
        /// How long it may take.
        seconds: u32,
        /// Handed over with each request.
        #[serde(default)]
        properties: BTreeMap<String, String>,
        /// The name of a credential that it gets with each request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
    },
}

fn usual_port() -> u16 {
    8443
}

impl Definition {
    /// One of the guide's three.
    pub fn quarantine_connect(
        host: &str,
        port: u16,
        credential: &str,
        remediator: &str,
        action: ReviewAction,
    ) -> Self {
        Self::EmailQuarantineConnect {
            host: host.to_owned(),
            port,
            credential: credential.to_owned(),
            remediator: remediator.to_owned(),
            action,
        }
    }

    /// As a row under this name.
    pub fn row(&self, name: &str) -> PluginRow {
        let definition = serde_json::to_string(self).unwrap_or_default();
        PluginRow { name: name.to_owned(), definition, second_person: false }
    }

    /// The credential that it needs.
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::EmailQuarantineConnect { credential, .. } => Some(credential),
            Self::Executable { credential, .. } => credential.as_deref(),
        }
    }

    /// Whether its properties make sense; the text is for whoever wrote them.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::EmailQuarantineConnect { host, port, credential, remediator, .. } => {
                let fits = |text: &str| {
                    !text.is_empty()
                        && text.len() <= 255
                        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-:_[]".contains(c))
                };
                if !fits(host) {
                    return Err("email-gateway-server-host is a host name or an address".to_owned());
                }
                if *port == 0 {
                    return Err(
                        "email-gateway-server-port is a number from 1 to 65535; 8443 is usual".to_owned()
                    );
                }
                if credential.is_empty() || remediator.trim().is_empty() {
                    return Err(
                        "certificates-store.credential and dlp-remediator-user are required".to_owned()
                    );
                }
                Ok(())
            }
            Self::Executable { program, seconds, .. } => {
                let plain = !program.is_empty()
                    && !program.starts_with('.')
                    && program.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
                if !plain {
                    return Err(
                        "the program is the name of a file in the directory of plug-ins, without a path"
                            .to_owned(),
                    );
                }
                if !(1..=300).contains(seconds) {
                    return Err("a program may take 1 to 300 seconds".to_owned());
                }
                Ok(())
            }
        }
    }
}

/// What a plug-in gets.
#[derive(Debug)]
pub struct Request<'a> {
    /// The request as kept.
    pub asked: &'a Asked,
    /// The incident.
    pub incident: &'a Incident,
    /// The credential's value.
    pub secret: Option<&'a [u8]>,
    /// The gateways that told of copies of the message; none if none did.
    pub holders: &'a [Holder],
}

/// A gateway that holds, or held, a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name at Enforce.
    pub name: String,
    /// `HOST:PORT` of its remediation service, where it is known.
    pub place: Option<String>,
}

impl Request<'_> {
    /// The reviewer's words.
    fn note(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Words {
            note: String,
        }
        let words: Words = serde_json::from_str(&self.asked.order.request).ok()?;
        Some(words.note).filter(|note| !note.is_empty())
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Executed {
        /// For people.
        message: String,
        /// What came back, as JSON.
        answer: String,
    },
    /// It was not, and asking again would not help.
    Refused {
        /// For people.
        message: String,
        /// What came back, as JSON.
        answer: String,
    },
    /// It could not be asked now; why.
    Later(String),
}

/// Asks a plug-in.
pub async fn run(definition: &Definition, request: &Request<'_>, directory: &Path) -> Outcome {
    match definition {
        Definition::EmailQuarantineConnect { host, port, remediator, action, .. } => {
            quarantine_connect::run((host, *port), remediator, *action, request).await
        }
        Definition::Executable { program, seconds, properties, .. } => {
            executable::run(&directory.join(program), *seconds, properties, request).await
        }
    }
}
