//! `[prevent]`: the detection server.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Notices, Span, Syslog};

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
