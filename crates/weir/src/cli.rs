//! What can be said on the command line. Names and forms are contracts: scripts rely on them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use toml::Value;

use crate::config::{LogFormat, Mode, Override};

/// Open, self-hosted e-mail data-loss prevention.
#[derive(Debug, Parser)]
#[command(name = "weir", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file (TOML); flags and environment come before it.
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "FILE",
        env = "WEIR_CONFIG"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Logs as lines for people or as one JSON object a line.
    #[arg(long, global = true, help_heading = "Options of every command", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// Directory of the keys of indexes (keys/indexes of the data directory if not given).
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "DIR",
        env = "WEIR_INDEX_KEYS"
    )]
    pub(crate) index_keys: Option<PathBuf>,
    /// error, warn, info, debug, or a filter such as "info,smtp=debug".
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on loopback with built-in defaults: the newcomer's first command.
    Up(Up),
    /// Send sample mails through a running `weir up` and tell what became of each.
    Try(Try),
    /// Run the detection server: an inspecting SMTP proxy.
    Prevent(Prevent),
    /// Run the Enforce server: incidents, policies and people; and enrol, approve and revoke servers.
    Enforce(EnforceCommand),
    /// Run the quarantine gateway, which holds marked mail until somebody decides; and look at its queue.
    Gateway(GatewayCommand),
    /// Make, import and show certificates.
    #[command(subcommand)]
    Cert(Cert),
    /// Say which policies mails, mbox files, Maildirs or documents would violate.
    Scan(Scan),
    /// Print what inspection sees of mails and documents.
    Extract(Extract),
    /// Check, test and explain policies.
    #[command(subcommand)]
    Policy(Policy),
    /// Make indexes of tables, documents and learned policies, for policies to ask.
    #[command(subcommand)]
    Index(Index),
    /// List and show recorded incidents.
    #[command(subcommand)]
    Incidents(Incidents),
    /// Add, list and disable users of the console, and set their passwords.
    #[command(subcommand)]
    User(UserCommand),
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Opens documents for a server (started by Weir itself).
    #[command(hide = true)]
    Worker,
    /// Reads one picture for a server (started by Weir itself).
    #[command(hide = true)]
    Ocr {
        /// Engine, languages, seconds, sandbox.
        arguments: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Where incidents, keys and delivered mail are kept.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Send the sample mails once everything runs, say what became of them, and stop.
    #[arg(long = "try")]
    pub(crate) try_it: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// Data directory of the running `weir up`.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Prevent {
    /// Where mail comes in (127.0.0.1:10025 if not given).
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Forward to next hops (if not given), or reflect to the sending host.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// HOST:PORT or mx:DOMAIN; several in order of preference. Without a port, that of --resubmit-port.
    #[arg(long, value_name = "HOST:PORT")]
    next_hop: Vec<String>,
    /// Port that mail goes back to in reflecting mode (10026 if not given).
    #[arg(long, value_name = "PORT")]
    resubmit_port: Option<u16>,
    /// Directory of the policies (the built-in set if not given).
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Directory of incidents and keys (`data` if not given).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Record, but never block, redirect or mark.
    #[arg(long)]
    trial: bool,
    /// Where MTAs ask by milter (nowhere if not given).
    #[arg(long, value_name = "ADDR:PORT")]
    milter: Option<String>,
    /// https://HOST:8100 of the Enforce server.
    #[arg(long, value_name = "URL")]
    enforce: Option<String>,
    /// File with the token of `weir enforce enroll`, for the first connection (or the variable WEIR_ENROLL_TOKEN).
    #[arg(long, value_name = "FILE")]
    enroll_token_file: Option<PathBuf>,
    /// Where metrics and health are served (nowhere if not given).
    #[arg(long, value_name = "ADDR:PORT")]
    ops_listen: Option<String>,
}

impl Prevent {
    /// The flags that were given, as settings.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let text = |key, flag, value: &Option<String>| {
            value.clone().map(|value| Override { key, flag, value: Value::String(value) })
        };
        let path = |value: &Option<PathBuf>| value.as_ref().map(|path| path.to_string_lossy().into_owned());
        let mode =
            self.mode.and_then(|mode| mode.to_possible_value()).map(|value| value.get_name().to_owned());
        let hops = self.next_hop.iter().cloned().map(Value::String).collect::<Vec<_>>();
        [
            text("prevent.listen", "--listen", &self.listen),
            text("prevent.mode", "--mode", &mode),
            (!hops.is_empty()).then(|| Override {
                key: "prevent.next_hop",
                flag: "--next-hop",
                value: hops.into(),
            }),
            self.resubmit_port.map(|port| Override {
                key: "prevent.resubmit_port",
                flag: "--resubmit-port",
                value: Value::Integer(port.into()),
            }),
            text("prevent.policies", "--policies", &path(&self.policies)),
            text("prevent.data", "--data", &path(&self.data)),
            text("prevent.enforce", "--enforce", &self.enforce),
            text("prevent.enroll_token_file", "--enroll-token-file", &path(&self.enroll_token_file)),
            self.trial.then_some(Override {
                key: "prevent.trial",
                flag: "--trial",
                value: Value::Boolean(true),
            }),
            text("prevent.milter_listen", "--milter", &self.milter),
            text("prevent.ops_listen", "--ops-listen", &self.ops_listen),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// `weir enforce` runs the server; with a command, it does something beside it.
#[derive(Debug, Clone, Args)]
pub(crate) struct EnforceCommand {
    #[command(flatten)]
    pub(crate) server: EnforceServer,
    #[command(subcommand)]
    pub(crate) command: Option<EnforceTask>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EnforceServer {
    /// Where people and programs come in: console and API.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where detection servers and gateways come in, by mutual TLS.
    #[arg(long, value_name = "ADDR:PORT")]
    servers_listen: Option<String>,
    /// Directory of the policies (`policies` in the data directory if not given, begun with the built-in set).
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Directory of keys, certificates and the embedded database.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// The database, where it is not the embedded one: postgres://USER@HOST/NAME (or the variable WEIR_ENFORCE_DATABASE).
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// A name or address by which servers and people reach it, for its certificate; repeatable.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Serve the console without TLS, on an address of this machine alone.
    #[arg(long)]
    plain_http: bool,
    /// Where metrics and health are served.
    #[arg(long, value_name = "ADDR:PORT")]
    ops_listen: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EnforceTask {
    /// Print a token, good once, by which a server called NAME is enrolled.
    Enroll {
        /// Small letters, digits, hyphens and dots.
        #[arg(value_name = "NAME")]
        name: String,
        /// A further name or address for its certificate: where Enforce reaches a gateway; repeatable.
        #[arg(long, value_name = "HOST")]
        host: Vec<String>,
        /// Hours for which the token counts.
        #[arg(long, default_value_t = 24, value_name = "HOURS")]
        hours: u32,
        /// The server is not let in before somebody approves it.
        #[arg(long)]
        needs_approval: bool,
    },
    /// List the servers that are enrolled.
    Servers {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Let a server in that waits.
    Approve {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Shut a server out, at once.
    Revoke {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Set what a detection server runs with: KEY=VALUE, as below [prevent] in its configuration; KEY= takes it back.
    Set {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Give all servers a new key of unique message ids; the old one is known for seven days more.
    RenewIds,
    /// Make a new master key, and wrap what is sealed by it, while the server is stopped. The old key is then forgotten.
    RotateKeys,
    /// Write a consistent copy of the embedded database while the server runs. The keys are not in it.
    Backup {
        /// A file that does not exist.
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Incidents in archive files: write them there, take them out of the database, look into a file, bring them back.
    #[command(subcommand)]
    Archive(ArchiveTask),
    /// Put a backup in the place of the embedded database, while no server runs; what was there is moved aside. The keys in the
    /// data directory must be those of the backup.
    Restore {
        /// What `backup` wrote.
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
}

/// `weir enforce archive …`, beside a server that may be running.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ArchiveTask {
    /// Write incidents, with originals and histories, to an archive sealed by a key of its own.
    Write {
        /// A file that does not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: ArchiveKey,
        #[command(flatten)]
        choice: ArchiveChoice,
        /// Once the archive is whole on disk, take what is in it out of the database.
        #[arg(long)]
        remove: bool,
    },
    /// Show what an archive holds.
    List {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: ArchiveKey,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Take those incidents out of the database that an archive has exactly as they are; goes on where it was stopped.
    Remove {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: ArchiveKey,
    },
    /// Bring the incidents of an archive back under their numbers; what is in the database stays as it is.
    Restore {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: ArchiveKey,
        /// Only this incident; repeatable.
        #[arg(long = "incident", value_name = "NUMBER")]
        incidents: Vec<u64>,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ArchiveKey {
    /// The key of the archive: a file with 64 hexadecimal digits. `write` makes it if it is not there: without it, nobody reads
    /// the archive.
    #[arg(id = "key", long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// All that is given must be met.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ArchiveChoice {
    /// Incidents that were not seen for so long: 365d, 36h.
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// Of this policy, by number; repeatable.
    #[arg(long = "policy", value_name = "NUMBER")]
    pub(crate) policies: Vec<u32>,
    /// In this status; repeatable.
    #[arg(long = "status", value_name = "STATUS")]
    pub(crate) statuses: Vec<String>,
    /// Those of a saved report.
    #[arg(long, value_name = "NAME", requires = "of")]
    pub(crate) report: Option<String>,
    /// A user who sees that report.
    #[arg(long, value_name = "USER", requires = "report")]
    pub(crate) of: Option<String>,
}

impl EnforceServer {
    /// The flags that were given, as settings.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let text = |key, flag, value: &Option<String>| {
            value.clone().map(|value| Override { key, flag, value: Value::String(value) })
        };
        let path = |value: &Option<PathBuf>| value.as_ref().map(|path| path.to_string_lossy().into_owned());
        let names = self.names.iter().cloned().map(Value::String).collect::<Vec<_>>();
        [
            text("enforce.listen", "--listen", &self.listen),
            text("enforce.servers_listen", "--servers-listen", &self.servers_listen),
            text("enforce.policies", "--policies", &path(&self.policies)),
            text("enforce.data", "--data", &path(&self.data)),
            text("enforce.database", "--database", &self.database),
            text("enforce.ops_listen", "--ops-listen", &self.ops_listen),
            (!names.is_empty()).then(|| Override {
                key: "enforce.names",
                flag: "--name",
                value: names.into(),
            }),
            self.plain_http.then_some(Override {
                key: "enforce.plain_http",
                flag: "--plain-http",
                value: Value::Boolean(true),
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// `weir gateway` runs the server; with a command, it does something beside it.
#[derive(Debug, Clone, Args)]
pub(crate) struct GatewayCommand {
    #[command(flatten)]
    pub(crate) server: GatewayServer,
    #[command(subcommand)]
    pub(crate) command: Option<GatewayTask>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GatewayServer {
    /// Where marked mail comes in.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// Reflecting mode: where mail from inside comes in.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) submission_listen: Option<String>,
    /// Reflecting mode: the detection server.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) inspect: Option<String>,
    /// smtp://HOST:PORT or maildir:DIR (`delivered` in the data directory if not given).
    #[arg(long, value_name = "WHERE")]
    pub(crate) deliver: Option<String>,
    /// Where Enforce remediates, by mutual TLS.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) remediation_listen: Option<String>,
    /// The Control Center.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) console_listen: Option<String>,
    /// Directory of the database, keys and messages.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// https://HOST:8100 of the Enforce server.
    #[arg(long, value_name = "URL")]
    pub(crate) enforce: Option<String>,
    /// File with the token of `weir enforce enroll`, for the first connection (or the variable WEIR_ENROLL_TOKEN).
    #[arg(long, value_name = "FILE")]
    pub(crate) enroll_token_file: Option<PathBuf>,
    /// A user of Enforce with the privilege "Incident Update", for status updates.
    #[arg(long, value_name = "NAME")]
    pub(crate) enforce_user: Option<String>,
    /// File with that user's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) enforce_password_file: Option<PathBuf>,
    /// A name or address by which Enforce reaches it, for its certificate; repeatable.
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum GatewayTask {
    /// The delivery queue.
    Queue {
        #[command(subcommand)]
        command: GatewayQueue,
    },
    /// Make a new master key, and wrap what is sealed by it, while the gateway is stopped. The old key is then forgotten.
    RotateKeys,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum GatewayQueue {
    /// What waits, and why.
    List {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Try these now.
    Retry {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u64>,
    },
    /// Give these up: they are not delivered, and their incidents say so.
    Drop {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u64>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// Make a private authority.
    Authority {
        #[command(flatten)]
        dir: CertDir,
        /// Its name, for people.
        #[arg(long, default_value = "Weir private authority", value_name = "TEXT")]
        name: String,
        #[arg(long, default_value_t = 3_652)]
        days: u32,
    },
    /// Make a certificate for a server.
    Server(CertIssue),
    /// Make a certificate for a client.
    Client(CertIssue),
    /// Take a certificate and its key that somebody else made, from two PEM files or one of PKCS#12; `console` is what the
    /// Enforce console shows.
    Import {
        #[command(flatten)]
        dir: CertDir,
        /// Name of the files.
        #[arg(long = "as", default_value = "console", value_name = "NAME")]
        file: String,
        #[command(flatten)]
        from: CertSource,
    },
    /// Show what is in use where and until when; or what stands in these files.
    Show {
        #[command(flatten)]
        dir: CertDir,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// PEM files; those of the directory and of the configuration if none is given.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// What somebody else made.
#[derive(Debug, Args)]
pub(crate) struct CertSource {
    /// The chain in PEM, its own certificate first.
    #[arg(long, value_name = "FILE", requires = "key", required_unless_present = "pkcs12")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Certificates and key in one file of PKCS#12 (.p12, .pfx).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "key"])]
    pub(crate) pkcs12: Option<PathBuf>,
    /// Its password is the first line of this file; - is standard input. Without it, the terminal is asked.
    #[arg(long, value_name = "FILE", requires = "pkcs12")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Where certificates lie.
#[derive(Debug, Args)]
pub(crate) struct CertDir {
    /// Data directory of the Enforce server: certificates are in its folder `certificates`.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Directory of the certificates, where it is another one.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CertIssue {
    #[command(flatten)]
    pub(crate) dir: CertDir,
    /// Host names and addresses; the first is the name of the files too.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[arg(long, default_value_t = 397)]
    pub(crate) days: u32,
    /// Write over files that are there.
    #[arg(long)]
    pub(crate) replace: bool,
}

impl Global {
    /// The flags that were given, as settings.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let format = self.log_format.and_then(|format| format.to_possible_value());
        let format = format.map(|value| Override {
            key: "log.format",
            flag: "--log-format",
            value: Value::String(value.get_name().to_owned()),
        });
        let level = self.log_level.clone().map(|level| Override {
            key: "log.level",
            flag: "--log-level",
            value: Value::String(level),
        });
        format.into_iter().chain(level).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Directory of the policies (the built-in set if not given).
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Show matches unmasked.
    #[arg(long)]
    pub(crate) unmask: bool,
    /// Read the text in pictures, too, in these languages (tesseract's names).
    #[arg(long, value_name = "LANGUAGES", num_args = 0..=1, require_equals = true, default_missing_value = "eng")]
    pub(crate) ocr: Option<String>,
    /// Mails, mbox files, Maildirs, documents; - for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Extract {
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// One heading with its whole path for each text, for scripts, in place of a tree.
    #[arg(long, conflicts_with = "format")]
    pub(crate) flat: bool,
    /// Read the text in pictures, too, in these languages (tesseract's names).
    #[arg(long, value_name = "LANGUAGES", num_args = 0..=1, require_equals = true, default_missing_value = "eng")]
    pub(crate) ocr: Option<String>,
    /// Mails, mbox files, Maildirs, documents; - for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Find errors and what is surely wrong in a policy directory.
    Check(PolicyDir),
    /// Check, then run the cases that lie beside the policies.
    Test(PolicyDir),
    /// Say which rules matched a mail where, and how near the others came.
    Explain(Explain),
    /// What a set, or the difference between two, would have done with yesterday's mail.
    Backtest(Backtest),
    /// Print the JSON Schema of policy files for editors.
    Schema,
    /// Write the built-in policies to a directory, to begin with.
    Init(PolicyDir),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyDir {
    #[arg(value_name = "DIR", default_value = "policies")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Directory of the policies (the built-in set if not given).
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,
    /// Envelope sender; the From header's when not given.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) sender: Option<String>,
    /// Envelope recipients; those of To and Cc when not given.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) recipient: Vec<String>,
    /// Tell of this policy only (its number or name), and everything of it.
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    /// Show matches unmasked.
    #[arg(long)]
    pub(crate) unmask: bool,
    /// A mail; - for standard input.
    #[arg(value_name = "MAIL")]
    pub(crate) mail: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// Directory of the policies (the built-in set if not given).
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: Option<PathBuf>,
    /// Compare with this set.
    #[arg(long, value_name = "DIR")]
    pub(crate) against: Option<PathBuf>,
    /// Examples shown for each policy.
    #[arg(long, default_value_t = 3)]
    pub(crate) examples: usize,
    /// mbox files, Maildirs, directories of mails.
    #[arg(required = true, value_name = "MAILBOX")]
    pub(crate) mailboxes: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// Index the rows of a table: any so many values of one row, near each other, are found.
    Exact(IndexExact),
    /// Index documents: the whole text, or excerpts of it, are found.
    Documents(IndexDocuments),
    /// Learn from texts of two kinds to tell one from the other.
    Learned(IndexLearned),
    /// Say which indexes there are, how old they are and where they come from.
    List(IndexList),
}

/// Where an index and its key go.
#[derive(Debug, Args)]
pub(crate) struct IndexPlace {
    /// Name by which policies ask it.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Policy directory: the index goes to its folder `indexes`.
    #[arg(long, default_value = "policies", value_name = "DIR")]
    pub(crate) policies: PathBuf,
    /// Data directory: the key goes to its folder `keys/indexes`.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Warn when the index is older than so many days; 0 for never.
    #[arg(long, value_name = "DAYS")]
    pub(crate) max_age: Option<u32>,
    /// Where the data comes from, for people (the paths if not given).
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct IndexExact {
    #[command(flatten)]
    pub(crate) place: IndexPlace,
    /// Columns and what they hold: "last_name:name,ssn:number,dob:date/dmy,mobile:phone+49".
    /// Types are name, text, date (with /dmy, /mdy or /ymd), number, card, id, phone (with a home country), email.
    #[arg(long, value_name = "NAME:TYPE,...", value_delimiter = ',', required = true)]
    pub(crate) columns: Vec<String>,
    /// Separator of the table: , ; | or tab (told from the first lines if not given).
    #[arg(long, value_name = "CHAR")]
    pub(crate) separator: Option<String>,
    /// The table has no header: columns are taken in order.
    #[arg(long)]
    pub(crate) no_header: bool,
    /// A file with further values that stand for nothing, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) stop_values: Option<PathBuf>,
    /// The table (CSV, UTF-8); - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) table: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct IndexDocuments {
    #[command(flatten)]
    pub(crate) place: IndexPlace,
    /// Passages in more documents than this are boilerplate (a tenth of all, 5 to 50, if not given).
    #[arg(long, value_name = "COUNT")]
    pub(crate) common: Option<usize>,
    /// Directories with documents.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct IndexLearned {
    #[command(flatten)]
    pub(crate) place: IndexPlace,
    /// Directory with texts of the kind that is to be found.
    #[arg(long, value_name = "DIR")]
    pub(crate) positive: PathBuf,
    /// Directory with texts that are not: best those that are mistaken most easily.
    #[arg(long, value_name = "DIR")]
    pub(crate) negative: PathBuf,
    /// Write it even if it is not good enough.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct IndexList {
    #[arg(long, default_value = "policies", value_name = "DIR")]
    pub(crate) policies: PathBuf,
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Incidents {
    /// List incidents, newest first.
    List(IncidentsList),
    /// Show one incident with its matches and history.
    Show(IncidentsShow),
    /// Run a smart response rule on incidents, as the console does: what plug-ins do is done by the running Enforce server.
    Respond(IncidentsRespond),
}

#[derive(Debug, Args)]
pub(crate) struct IncidentsList {
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Only those of this policy (number or name).
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    /// Only those whose sender contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) sender: Option<String>,
    /// Only those with a recipient that contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) recipient: Option<String>,
    /// Only those of this severity: high, medium, low, info.
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<String>,
    /// Only those in this status.
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only those received since: a day (2026-11-24), a time (2026-11-24T08:00:00Z), or an age (36h, 7d).
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only those with this matched value, however it was written there.
    #[arg(long, value_name = "VALUE")]
    pub(crate) value: Option<String>,
    /// The database, where it is not in the data directory.
    #[arg(long, value_name = "URL", env = "WEIR_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentsShow {
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Show matches unmasked.
    #[arg(long)]
    pub(crate) unmask: bool,
    /// The database, where it is not in the data directory.
    #[arg(long, value_name = "URL", env = "WEIR_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentsRespond {
    /// The smart response rule, for example Approve.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: String,
    /// A note for the history, and for whoever carries the response out.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The database, where it is not in the data directory.
    #[arg(long, value_name = "URL", env = "WEIR_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the configuration and everything it names, and say what is wrong.
    Check,
    /// Print each effective value and where it came from.
    Show,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; without --password-stdin a one-time password is made and printed.
    Add {
        #[arg(value_name = "NAME")]
        name: String,
        /// Administrator, Policy author, Remediator, Reviewer, API client, or a role of your own.
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        place: UserPlace,
    },
    /// List users.
    List {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        place: UserPlace,
    },
    /// Set a password; without --password-stdin a one-time password is made and printed.
    Passwd {
        #[arg(value_name = "NAME")]
        name: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        place: UserPlace,
    },
    /// Keep a user out: sessions and API tokens end at once.
    Disable {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: UserPlace,
    },
    /// Let a disabled user in again.
    Enable {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: UserPlace,
    },
}

/// Where users are kept.
#[derive(Debug, Args)]
pub(crate) struct UserPlace {
    /// Data directory of the Enforce server (or gateway).
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The database, where it is not in the data directory: postgres://USER@HOST/NAME or a file.
    #[arg(long, value_name = "URL", env = "WEIR_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
}
