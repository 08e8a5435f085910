//! The one configuration file: everything that can be set, by server. What overrides what is in [`effective`].

mod effective;
mod enforce;
mod mistakes;
mod prevent;
mod span;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Table;

pub(crate) use effective::{Effective, Override};
pub(crate) use enforce::{Enforce, Lookup, LookupOf, Oidc, Originals};
pub(crate) use prevent::{LineEnd, Mode, Prevent, RefusedCopy, Sandbox, Timeouts, TlsMode};
pub(crate) use span::Span;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) log: Log,
    pub(crate) prevent: Prevent,
    pub(crate) enforce: Enforce,
    /// As `gateway::Options` has it, and where the Control Center is.
    pub(crate) gateway: Table,
    pub(crate) up: Up,
}

/// `weir up` only.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Up {
    /// Where the gateway takes mail.
    pub(crate) delivery_listen: String,
    /// Where the gateway is asked by Enforce.
    pub(crate) remediation_listen: String,
    /// The gateway's Control Center.
    pub(crate) center_listen: String,
}

/// Logs go to standard error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Lines for people, or one JSON object a line.
    pub(crate) format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,smtp=debug`.
    pub(crate) level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Notices that response rules order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notices {
    /// `HOST:PORT` whose mail is not inspected again; none when empty.
    pub(crate) submission: String,
    pub(crate) tls: TlsMode,
    /// Certificate authorities (PEM); those of the system when empty.
    pub(crate) ca: PathBuf,
    /// Name that the certificate must bear, when it is not the host's.
    pub(crate) tls_name: String,
    pub(crate) user: String,
    /// File that holds the password, readable by Weir only.
    pub(crate) secret_file: PathBuf,
    /// `weir@company.example` or `Weir <weir@company.example>`.
    pub(crate) from: String,
    /// Where bounces go; nowhere (`<>`) when empty.
    pub(crate) envelope_from: String,
    pub(crate) per_recipient_per_hour: u32,
    pub(crate) per_hour: u32,
}

/// The syslog server of rules that name none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Syslog {
    /// `HOST` or `HOST:PORT`.
    pub(crate) host: String,
    /// For all rules.
    pub(crate) protocol: SyslogProtocol,
    /// Certificate authorities (PEM); those of the system when empty.
    pub(crate) ca: PathBuf,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SyslogProtocol {
    #[default]
    Udp,
    Tcp,
    Tls,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            submission: String::new(),
            tls: TlsMode::Required,
            ca: PathBuf::new(),
            tls_name: String::new(),
            user: String::new(),
            secret_file: PathBuf::new(),
            from: String::new(),
            envelope_from: String::new(),
            per_recipient_per_hour: 20,
            per_hour: 500,
        }
    }
}

impl Default for Up {
    fn default() -> Self {
        Self {
            delivery_listen: "127.0.0.1:10026".into(),
            remediation_listen: "127.0.0.1:8443".into(),
            center_listen: "127.0.0.1:8081".into(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}
