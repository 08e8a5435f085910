//! The one configuration file, what overrides it, and where each effective value came from.
//!
//! Flags come first, then the environment (`WEIR_PREVENT_LIMITS_SESSIONS`), then the file, then the defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Everything that can be set.
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

/// The Enforce server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Enforce {
    /// Where people and programs come in.
    pub(crate) listen: String,
    /// Where detection servers and gateways come in, by mutual TLS.
    pub(crate) servers_listen: String,
    /// Directory of the policies; `policies` in the data directory when empty, begun with the built-in set.
    pub(crate) policies: PathBuf,
    /// Directory of keys, certificates and the embedded database.
    pub(crate) data: PathBuf,
    /// `postgres://USER@HOST/NAME`; the embedded database when empty. It may hold a password: better given by environment.
    pub(crate) database: String,
    /// Metrics and health; none when empty.
    pub(crate) ops_listen: String,
    /// Names and addresses by which servers and people reach it, for its own certificate.
    pub(crate) names: Vec<String>,
    /// Serve the console without TLS; on addresses of this machine alone.
    pub(crate) plain_http: bool,
    /// Certificate chain of the console (PEM); one of our own authority when empty.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// How people reach the console, for links; made from `listen` when empty.
    pub(crate) console_url: String,
    /// Days that original messages are kept; 0: for ever.
    pub(crate) keep_originals_days: u32,
    /// Days that incidents are kept; 0: for ever.
    pub(crate) keep_incidents_days: u32,
    /// How long what is kept of some policies.
    pub(crate) retention: Vec<PolicyRetention>,
    /// How notices of smart response rules, and scheduled reports, leave.
    pub(crate) notices: Notices,
    /// Where log messages of smart response rules go.
    pub(crate) syslog: Syslog,
    /// How people of a provider sign in.
    pub(crate) oidc: Oidc,
    /// Where custom attributes are looked up, in this order.
    pub(crate) lookups: Vec<Lookup>,
    /// An object store for original messages.
    pub(crate) originals: Originals,
}

/// An S3-compatible store that original messages go to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Originals {
    /// Its address; originals stay in the database when empty.
    pub(crate) endpoint: String,
    /// The bucket, which is there already.
    pub(crate) bucket: String,
    /// The region that requests are signed for.
    pub(crate) region: String,
    /// What stands before the names of objects.
    pub(crate) prefix: String,
    /// The bucket stands in the path of addresses, not in the host's name.
    pub(crate) path_style: bool,
    /// File with the access key in its first line and the secret key in its second.
    pub(crate) key_file: PathBuf,
    /// PEM file of the authorities to trust; the system's when empty.
    pub(crate) ca: PathBuf,
    /// How long the store may be silent.
    pub(crate) time: Span,
}

impl Default for Originals {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            bucket: String::new(),
            region: "us-east-1".into(),
            prefix: "weir/".into(),
            path_style: true,
            key_file: PathBuf::new(),
            ca: PathBuf::new(),
            time: Span::seconds(10),
        }
    }
}

/// How long what is kept of incidents of some policies; what is not said is as for the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRetention {
    /// Numbers of the policies.
    pub(crate) policies: Vec<u32>,
    /// Days that original messages are kept; 0: for ever.
    pub(crate) keep_originals_days: Option<u32>,
    /// Days that incidents are kept; 0: for ever.
    pub(crate) keep_incidents_days: Option<u32>,
}

/// Fills custom attributes from a file, by a program or from an LDAP server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    /// What histories call it.
    pub(crate) name: String,
    /// A directory export: LDIF if its name ends so, else CSV.
    #[serde(default)]
    pub(crate) file: PathBuf,
    /// Or a program that answers one JSON question with one JSON answer.
    #[serde(default)]
    pub(crate) program: PathBuf,
    /// Or an LDAP server: `ldaps://HOST`, or `ldap://HOST` with `starttls`.
    #[serde(default)]
    pub(crate) ldap: String,
    #[serde(default)]
    pub(crate) starttls: bool,
    /// As whom it is asked; anonymously when empty.
    #[serde(default)]
    pub(crate) bind: String,
    /// File with the password for it.
    #[serde(default)]
    pub(crate) bind_password_file: PathBuf,
    /// Below which entry it is searched.
    #[serde(default)]
    pub(crate) base: String,
    /// By which filter; `{address}` stands for the address.
    #[serde(default = "by_mail")]
    pub(crate) filter: String,
    /// PEM file of the authorities to trust; the system's when empty.
    #[serde(default)]
    pub(crate) ca: PathBuf,
    /// How long the program or the LDAP server may take.
    #[serde(default = "ten_seconds")]
    pub(crate) time: Span,
    /// Whose address is looked up.
    #[serde(default)]
    pub(crate) of: LookupOf,
    /// Which attribute is which column or field.
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LookupOf {
    #[default]
    Sender,
    Recipients,
}

fn by_mail() -> String {
    "(|(mail={address})(proxyAddresses=smtp:{address}))".into()
}

fn ten_seconds() -> Span {
    Span::seconds(10)
}

/// An OpenID Connect provider whose people may sign in at the console.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Oidc {
    /// Its address, as it writes it itself; nobody signs in by a provider when empty.
    pub(crate) issuer: String,
    /// What people call it: stands on the button.
    pub(crate) name: String,
    /// Who this console is there.
    pub(crate) client_id: String,
    /// File with the secret that proves it; none for a public client.
    pub(crate) client_secret_file: PathBuf,
    /// What is asked for beside `openid`.
    pub(crate) scopes: Vec<String>,
    /// The claim that users are named after.
    pub(crate) name_claim: String,
    /// The claim that gives roles; `a.b` is `b` within `a`.
    pub(crate) role_claim: String,
    /// PEM file of the authorities to trust; the system's when empty.
    pub(crate) ca: PathBuf,
    /// Which value of that claim is which role here.
    pub(crate) roles: BTreeMap<String, String>,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            name: "OpenID Connect".into(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            scopes: vec!["profile".into(), "email".into()],
            name_claim: "preferred_username".into(),
            role_claim: "groups".into(),
            ca: PathBuf::new(),
            roles: BTreeMap::new(),
        }
    }
}

impl Default for Enforce {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            servers_listen: "127.0.0.1:8100".into(),
            policies: PathBuf::new(),
            data: PathBuf::from("data"),
            database: String::new(),
            ops_listen: String::new(),
            names: Vec::new(),
            plain_http: false,
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            console_url: String::new(),
            keep_originals_days: 90,
            keep_incidents_days: 0,
            retention: Vec::new(),
            notices: Notices::default(),
            syslog: Syslog::default(),
            oidc: Oidc::default(),
            lookups: Vec::new(),
            originals: Originals::default(),
        }
    }
}

/// The detection server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Prevent {
    /// Where mail comes in.
    pub(crate) listen: String,
    /// Name in the greeting, in logs and in incidents; the host's name when empty.
    pub(crate) hostname: String,
    pub(crate) mode: Mode,
    /// `HOST:PORT`, `[v6]:PORT` or `mx:DOMAIN`, in order of preference.
    pub(crate) next_hop: Vec<String>,
    /// Port of the next hop in reflecting mode, and of `mx:` hops.
    pub(crate) resubmit_port: u16,
    /// Directory of the policies; the built-in set when empty.
    pub(crate) policies: PathBuf,
    /// Directory of incidents, keys and temporary files.
    pub(crate) data: PathBuf,
    /// Record, but never block, redirect or mark.
    pub(crate) trial: bool,
    /// Pass and record everything, for an emergency; shouts while it is on.
    pub(crate) break_glass: bool,
    /// Metrics and health; none when empty.
    pub(crate) ops_listen: String,
    /// Hosts that may connect (addresses or networks).
    pub(crate) allowed_hosts: Vec<String>,
    /// Where MTAs ask by milter; none when empty.
    pub(crate) milter_listen: String,
    /// An MTA that asks by milter holds what is marked for Email Quarantine Connect.
    pub(crate) milter_hold: bool,
    /// Header line added to every message; none when empty.
    pub(crate) pass_header: String,
    /// What to do when a copy that a rule orders is refused.
    pub(crate) refused_copy: RefusedCopy,
    /// Documents are opened in locked-in worker processes.
    pub(crate) sandbox: Sandbox,
    pub(crate) ocr: Ocr,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) line_ends: LineEnds,
    pub(crate) tls: Tls,
    pub(crate) next_hop_tls: NextHopTls,
    pub(crate) next_hop_auth: NextHopAuth,
    pub(crate) notices: Notices,
    pub(crate) syslog: Syslog,
    /// What stands before an incident's number in `$INCIDENT_SNAPSHOT$`; the command that shows it when empty.
    pub(crate) incident_url: String,
    /// Balancers whose PROXY protocol header names the peer (addresses or networks).
    pub(crate) proxy_protocol_hosts: Vec<String>,
    /// Peers whose XCLIENT is taken.
    pub(crate) xclient_hosts: Vec<String>,
    /// Peers whose XFORWARD is taken.
    pub(crate) xforward_hosts: Vec<String>,
    /// Passwords tried on encrypted archives and documents.
    pub(crate) passwords: Vec<String>,
    /// `https://HOST:8100` of the Enforce server: incidents go there, settings and policies come from there; none when empty.
    pub(crate) enforce: String,
    /// File with the token of `weir enforce enroll`, for the first connection.
    pub(crate) enroll_token_file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Send mail on to a list of next hops.
    Forward,
    /// Send mail back to the address it came from.
    Reflect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RefusedCopy {
    Defer,
    PassAndRecord,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sandbox {
    /// Refuse to start without seccomp.
    Required,
    /// Use what the kernel has, and say in the log what is missing.
    BestEffort,
}

/// Reading the text that pictures show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ocr {
    /// Languages as tesseract names them, such as `eng+deu`; pictures are not read when empty.
    pub(crate) languages: String,
    /// One picture.
    pub(crate) time: Span,
    /// Pictures read at one time; 0: half of the processors, at least one.
    pub(crate) processes: usize,
}

/// Bounds; sizes in octets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) sessions: usize,
    pub(crate) sessions_per_address: usize,
    pub(crate) recipients: usize,
    pub(crate) message_size: u64,
    pub(crate) errors: usize,
    pub(crate) received_lines: usize,
    pub(crate) memory_per_message: usize,
    pub(crate) memory_for_inspection: usize,
    /// Messages inspected at one time; 0: two for each processor, at least four.
    pub(crate) inspectors: usize,
    /// Worker processes for documents; 0: one for each processor, at least two.
    pub(crate) workers: usize,
    pub(crate) journal_size: u64,
}

/// Times, such as `"20s"` or `"5m"`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Timeouts {
    /// Waiting for a command (RFC 5321 4.5.3.2.7).
    pub(crate) command: Span,
    /// Waiting for the next octets of a message.
    pub(crate) data_block: Span,
    /// A whole message.
    pub(crate) data_total: Span,
    /// Inspecting one message.
    pub(crate) inspection: Span,
    /// Waiting for a free inspector.
    pub(crate) inspection_wait: Span,
    /// Next hop: until the connection stands.
    pub(crate) connect: Span,
    /// Next hop: any reply but the final one.
    pub(crate) hop_reply: Span,
    /// Next hop: after the final dot.
    pub(crate) hop_final: Span,
    /// Sessions in a transaction, after a stop was asked for.
    pub(crate) shutdown: Span,
}

/// A length of time: whole seconds with a unit, `"90s"`, `"5m"`, `"1h"`, or a bare number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Value")]
pub(crate) struct Span(pub(crate) std::time::Duration);

impl Span {
    const fn seconds(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        match span.0.as_millis() {
            ms if ms % 60_000 == 0 && ms > 0 => format!("{}m", ms / 60_000),
            ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
            ms => format!("{ms}ms"),
        }
    }
}

impl TryFrom<Value> for Span {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Integer(seconds) => {
                u64::try_from(seconds).map(Self::seconds).map_err(|_| wrong_span(seconds))
            }
            Value::String(text) => parse_span(&text).ok_or_else(|| wrong_span(&text)),
            other => Err(wrong_span(other)),
        }
    }
}

fn parse_span(text: &str) -> Option<Span> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match text[digits..].trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(|ms| Span(std::time::Duration::from_millis(ms)))
}

fn wrong_span(what: impl fmt::Display) -> String {
    format!("{what} is not a length of time; write for example \"20s\", \"5m\" or \"1h\"")
}

/// What becomes of a message with line ends that programs read differently.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LineEnds {
    pub(crate) bare_lf: LineEnd,
    pub(crate) bare_cr: LineEnd,
    pub(crate) nul: LineEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LineEnd {
    Refuse,
    Repair,
    Pass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    Off,
    Opportunistic,
    Required,
    /// TLS from the first octet; towards the next hop only.
    Implicit,
}

/// STARTTLS for senders.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// TLS towards the next hop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NextHopTls {
    pub(crate) mode: TlsMode,
    /// Name that the certificate must bear, when it is not the host's.
    pub(crate) name: String,
    /// Certificate authorities (PEM); those of the system when empty.
    pub(crate) ca: PathBuf,
    /// Check the next hop's certificate and name.
    pub(crate) verify: bool,
    /// Certificate and key that we show, where the next hop asks for them.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// AUTH towards hosted e-mail services; over TLS only.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NextHopAuth {
    pub(crate) user: String,
    /// File that holds the password, readable by Weir only.
    pub(crate) secret_file: PathBuf,
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

impl Default for Prevent {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:10025".into(),
            hostname: String::new(),
            mode: Mode::Forward,
            next_hop: Vec::new(),
            resubmit_port: 10026,
            policies: PathBuf::new(),
            data: PathBuf::from("data"),
            trial: false,
            break_glass: false,
            ops_listen: String::new(),
            allowed_hosts: vec!["127.0.0.0/8".into(), "::1".into()],
            milter_listen: String::new(),
            milter_hold: false,
            pass_header: "X-Cfilter-Loop: Reflected".into(),
            refused_copy: RefusedCopy::Defer,
            sandbox: Sandbox::Required,
            ocr: Ocr::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            line_ends: LineEnds::default(),
            tls: Tls::default(),
            next_hop_tls: NextHopTls::default(),
            next_hop_auth: NextHopAuth::default(),
            notices: Notices::default(),
            syslog: Syslog::default(),
            incident_url: String::new(),
            proxy_protocol_hosts: Vec::new(),
            xclient_hosts: Vec::new(),
            xforward_hosts: Vec::new(),
            passwords: Vec::new(),
            enforce: String::new(),
            enroll_token_file: PathBuf::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 500,
            sessions_per_address: 200,
            recipients: 1_000,
            message_size: 50 << 20,
            errors: 20,
            received_lines: 50,
            memory_per_message: 1 << 20,
            memory_for_inspection: 512 << 20,
            inspectors: 0,
            workers: 0,
            journal_size: 10 << 30,
        }
    }
}

impl Default for Ocr {
    fn default() -> Self {
        Self { languages: String::new(), time: Span::seconds(5), processes: 0 }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Span::seconds(300),
            data_block: Span::seconds(180),
            data_total: Span::seconds(3_600),
            inspection: Span::seconds(20),
            inspection_wait: Span::seconds(10),
            connect: Span::seconds(10),
            hop_reply: Span::seconds(300),
            hop_final: Span::seconds(480),
            shutdown: Span::seconds(30),
        }
    }
}

impl Default for LineEnds {
    fn default() -> Self {
        Self { bare_lf: LineEnd::Refuse, bare_cr: LineEnd::Refuse, nul: LineEnd::Refuse }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self { mode: TlsMode::Off, certificate: PathBuf::new(), key: PathBuf::new() }
    }
}

impl Default for NextHopTls {
    fn default() -> Self {
        Self {
            mode: TlsMode::Off,
            name: String::new(),
            ca: PathBuf::new(),
            verify: true,
            certificate: PathBuf::new(),
            key: PathBuf::new(),
        }
    }
}

/// Where an effective value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(String),
    Environment(String),
    File(PathBuf),
    Enforce,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Enforce => f.write_str("Enforce"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value given on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    /// `prevent.listen`
    pub(crate) key: &'static str,
    /// `--listen`
    pub(crate) flag: &'static str,
    pub(crate) value: Value,
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    pub(crate) config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Effective {
    /// Reads the file (if any), then the environment, then the flags.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[Override],
    ) -> Result<Self> {
        let defaults = table_of(&Config::default())?;
        let mut origins = BTreeMap::new();
        let mut table = defaults.clone();
        if let Some(path) = file {
            overlay(&mut table, read(path)?, String::new(), &mut |key| {
                origins.insert(key, Origin::File(path.to_path_buf()));
            });
        }
        overlay_environment(&mut table, &defaults, environment, &mut origins)?;
        for flag in flags {
            set(&mut table, flag.key, flag.value.clone())?;
            origins.insert(flag.key.to_owned(), Origin::Flag(flag.flag.to_owned()));
        }
        let config = table.try_into().map_err(|error| anyhow!("{error}"))?;
        Ok(Self { config, origins })
    }

    /// Sets what must be so, whatever anybody said.
    pub(crate) fn force(&mut self, by: &str, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut table = table_of(&self.config)?;
        set(&mut table, key, value.into())?;
        self.config = table.try_into().map_err(|why| anyhow!("{key}: {why}"))?;
        self.origins.insert(key.to_owned(), Origin::Flag(by.to_owned()));
        Ok(())
    }

    /// What Enforce gave for this detection server counts where nobody here said anything. All of it or nothing.
    pub(crate) fn take_from_enforce(&mut self, values: &BTreeMap<String, serde_json::Value>) -> Result<()> {
        let (mut table, mut origins) = (table_of(&self.config)?, self.origins.clone());
        for (key, value) in values {
            let key = format!("prevent.{key}");
            if origins.contains_key(&key) {
                continue;
            }
            let value = Value::try_from(value).map_err(|why| anyhow!("{key} of Enforce: {why}"))?;
            set(&mut table, &key, value).context("settings of Enforce")?;
            origins.insert(key, Origin::Enforce);
        }
        self.config = table.try_into().map_err(|why| anyhow!("settings of Enforce: {why}"))?;
        self.origins = origins;
        Ok(())
    }

    /// Each value with its key and origin, in the order of the keys.
    pub(crate) fn lines(&self) -> Result<Vec<(String, String, Origin)>> {
        let mut lines = Vec::new();
        leaves(&table_of(&self.config)?, String::new(), &mut |key, value| {
            let origin = self.origins.get(&key).cloned().unwrap_or(Origin::Default);
            let secret = key.ends_with("passwords") || key == "enforce.database";
            let shown = if secret { "[…]".to_owned() } else { value.to_string() };
            lines.push((key, shown, origin));
        });
        Ok(lines)
    }
}

/// Reads one file; errors say line, column and what is wrong.
fn read(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    // Read into the types first: their errors know the place in the text.
    toml::from_str::<Config>(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let other: OtherTypes = toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    other.gateway.check().map_err(|error| anyhow!("{}: [gateway] {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// What [`Config`] holds as tables, in the types that its servers read them into.
#[derive(Deserialize)]
struct OtherTypes {
    #[serde(default)]
    gateway: gateway::Options,
}

fn table_of(config: &Config) -> Result<Table> {
    Ok(Table::try_from(config)?)
}

fn overlay(base: &mut Table, over: Table, prefix: String, seen: &mut dyn FnMut(String)) {
    for (name, value) in over {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match (base.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(value)) => overlay(below, value, key, seen),
            (_, value) => {
                base.insert(name, value);
                seen(key);
            }
        }
    }
}

fn overlay_environment(
    table: &mut Table,
    defaults: &Table,
    environment: impl Iterator<Item = (String, String)>,
    origins: &mut BTreeMap<String, Origin>,
) -> Result<()> {
    let mut known = BTreeMap::new();
    leaves(defaults, String::new(), &mut |key, value| {
        known.insert(format!("WEIR_{}", key.to_uppercase().replace('.', "_")), (key, value.clone()));
    });
    for (name, text) in environment {
        let Some((key, like)) = known.get(&name) else { continue };
        let value = parse_as(&text, like).with_context(|| format!("environment variable {name}"))?;
        set(table, key, value)?;
        origins.insert(key.clone(), Origin::Environment(name));
    }
    Ok(())
}

/// Reads `text` as the kind of value that `like` is; lists are separated by commas.
fn parse_as(text: &str, like: &Value) -> Result<Value> {
    Ok(match like {
        Value::Integer(_) => {
            Value::Integer(text.parse().with_context(|| format!("{text:?} is not a whole number"))?)
        }
        Value::Boolean(_) => {
            Value::Boolean(text.parse().with_context(|| format!("{text:?} is neither true nor false"))?)
        }
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => Value::String(text.to_owned()),
    })
}

fn set(table: &mut Table, key: &str, value: Value) -> Result<()> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    if rest.is_empty() {
        table.insert(first.to_owned(), value);
        return Ok(());
    }
    match table.get_mut(first) {
        Some(Value::Table(below)) => set(below, rest, value),
        _ => bail!("there is no setting {key}"),
    }
}

fn leaves(table: &Table, prefix: String, see: &mut dyn FnMut(String, &Value)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(below) => leaves(below, key, see),
            value => see(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)], flags: &[Override]) -> Result<Effective> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Effective::load(Some(&path), environment, flags)
    }

    #[test]
    fn a_mistake_in_the_gateways_table_is_told_with_its_line_in_the_file() {
        let wrong = |table: &str| {
            load(&format!("[prevent]\ntrial = true\n\n{table}"), &[], &[]).unwrap_err().to_string()
        };
        let unknown = wrong("[gateway]\nname = \"gw1\"\n[gateway.mail]\nlisen = \"127.0.0.1:1\"\n");
        assert!(
            unknown.contains("weir.toml") && unknown.contains("line 7") && unknown.contains("lisen"),
            "{unknown}"
        );
        let action = wrong("[[gateway.filter]]\nname = \"f\"\nwhen = \"always\"\nactions = [\"shred\"]\n");
        assert!(action.contains("line 7") && action.contains("shred"), "{action}");
        let nowhere =
            wrong("[[gateway.filter]]\nname = \"f\"\nwhen = \"always\"\nactions = [{ hold = \"Cards\" }]\n");
        assert!(nowhere.contains("[gateway] filter \"f\"") && nowhere.contains("Cards"), "{nowhere}");
    }

    #[test]
    fn flags_come_before_the_environment_before_the_file_before_defaults() {
        let text = "[prevent]\nlisten = \"127.0.0.1:1\"\ntrial = true\n[prevent.limits]\nsessions = 7\n";
        let environment = [("WEIR_PREVENT_LISTEN", "127.0.0.1:2"), ("WEIR_PREVENT_LIMITS_SESSIONS", "9")];
        let flags = [Override {
            key: "prevent.listen",
            flag: "--listen",
            value: Value::String("127.0.0.1:3".into()),
        }];
        let effective = load(text, &environment, &flags).unwrap();
        assert_eq!(effective.config.prevent.listen, "127.0.0.1:3");
        assert_eq!(effective.config.prevent.limits.sessions, 9);
        assert!(effective.config.prevent.trial);
        let lines = effective.lines().unwrap();
        let origin = |key: &str| lines.iter().find(|line| line.0 == key).unwrap().2.to_string();
        assert_eq!(origin("prevent.listen"), "flag --listen");
        assert_eq!(origin("prevent.limits.sessions"), "environment WEIR_PREVENT_LIMITS_SESSIONS");
        assert!(origin("prevent.trial").ends_with("weir.toml"));
        assert_eq!(origin("prevent.resubmit_port"), "default");
    }

    #[test]
    fn an_unknown_setting_is_refused_with_its_line() {
        let error =
            load("[prevent]\nlisten = \"127.0.0.1:1\"\nlisten_on = 3\n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("listen_on"), "{error}");
    }

    #[test]
    fn a_bad_value_in_the_environment_names_the_variable() {
        let error = load("", &[("WEIR_PREVENT_LIMITS_SESSIONS", "many")], &[]).unwrap_err();
        assert!(format!("{error:#}").contains("WEIR_PREVENT_LIMITS_SESSIONS"), "{error:#}");
    }

    #[test]
    fn lists_in_the_environment_are_separated_by_commas() {
        let effective = load("", &[("WEIR_PREVENT_NEXT_HOP", "a:1, b:2")], &[]).unwrap();
        assert_eq!(effective.config.prevent.next_hop, ["a:1", "b:2"]);
    }

    #[test]
    fn times_are_written_with_their_unit() {
        let effective = load("[prevent.timeouts]\ninspection = \"2m\"\nshutdown = 5\n", &[], &[]).unwrap();
        assert_eq!(effective.config.prevent.timeouts.inspection.0.as_secs(), 120);
        assert_eq!(effective.config.prevent.timeouts.shutdown.0.as_secs(), 5);
        let error = load("[prevent.timeouts]\ninspection = \"2 weeks\"\n", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("length of time"), "{error}");
    }

    #[test]
    fn what_enforce_gives_counts_only_where_nobody_here_said_anything() {
        let mut effective = load("[prevent]\ntrial = false\n", &[], &[]).unwrap();
        let given: BTreeMap<String, serde_json::Value> = [
            ("trial".to_owned(), true.into()),
            ("resubmit_port".to_owned(), 25.into()),
            ("limits.sessions".to_owned(), 7.into()),
        ]
        .into();
        effective.take_from_enforce(&given).unwrap();
        let prevent = &effective.config.prevent;
        assert_eq!((prevent.trial, prevent.resubmit_port, prevent.limits.sessions), (false, 25, 7));
        let lines = effective.lines().unwrap();
        let origin = |key: &str| lines.iter().find(|line| line.0 == key).unwrap().2.to_string();
        assert_eq!(origin("prevent.resubmit_port"), "Enforce");
        assert!(origin("prevent.trial").ends_with("weir.toml"));
        for wrong in [("resubmit_port", serde_json::json!("x")), ("no.such", 1.into())] {
            let before = effective.lines().unwrap();
            let given = [(wrong.0.to_owned(), wrong.1.clone())].into();
            let mut fresh = load("", &[], &[]).unwrap();
            assert!(fresh.take_from_enforce(&given).is_err(), "{wrong:?}");
            assert_eq!(effective.lines().unwrap().len(), before.len());
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let effective = load("[prevent]\npasswords = [\"hunter2\"]\n", &[], &[]).unwrap();
        assert!(effective.lines().unwrap().iter().all(|line| !line.1.contains("hunter2")));
    }
}
