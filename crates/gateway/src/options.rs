//! Everything that can be set for a gateway, as plain data: from flags, or from the table `[gateway]` of the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smtp::cidr::Cidr;

use crate::filter::Filter;
use crate::{Destination, Error, Folder};

/// A gateway's settings. `Options::default()` listens on the usual ports of loopback and delivers to a Maildir below `data`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Name in the greeting, in histories and in answers to Enforce; `gateway` when empty, or the name under which it is enrolled.
    pub name: String,
    /// Directory of the database, keys and messages.
    pub data: PathBuf,
    /// A PostgreSQL URL, or the SQLite file `gateway.db` in `data` when empty. One gateway to a database.
    pub database: String,
    /// Where marked mail comes in.
    pub mail: ListenerOptions,
    /// Reflecting mode: mail from inside comes in here and goes to the detection server. Off when absent.
    pub inspect: Option<InspectOptions>,
    /// Where mail goes: `smtp://HOST:PORT` or `maildir:DIR`.
    pub deliver: Destination,
    /// Hosts whose `X-dlp-*` header lines are believed (addresses or networks).
    pub trusted_peers: Vec<String>,
    /// Name of the header line by which detection servers say that a message passed them; removed from mail that leaves.
    pub pass_header: String,
    /// The delivery queue.
    pub queue: QueueOptions,
    /// Remediation service for Enforce; off when absent.
    pub remediation: Option<RemediationOptions>,
    /// Status updates to Enforce; off when absent.
    pub enforce: Option<EnforceOptions>,
    /// Users of Enforce who may sign in at the Control Center; off when absent.
    pub sign_in: Option<SignInOptions>,
    /// Notices to reviewers and senders.
    pub notices: NoticeOptions,
    /// Where people reach the Control Center; nowhere when empty.
    pub console_listen: String,
    /// Its certificate chain (PEM), with `console_key`; plain http on loopback without.
    pub console_certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub console_key: Option<PathBuf>,
    /// Days for which the message audit is kept.
    pub audit_days: u32,
    /// Folders. If any folder or filter stands here, this file is the truth and the Control Center only shows them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folder: Vec<Folder>,
    /// Filters, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Filter>,
}

/// A listener for mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerOptions {
    /// Address and port.
    pub listen: String,
    /// Hosts that may connect (addresses or networks).
    pub allowed_hosts: Vec<String>,
    /// Sessions at a time; further ones hear 421.
    pub max_sessions: usize,
    /// Sessions at a time from one address.
    pub max_sessions_per_address: usize,
    /// Largest message in octets.
    pub max_size: u64,
    /// Recipients of one message.
    pub max_recipients: usize,
    /// STARTTLS is offered where given.
    pub tls: Option<TlsFiles>,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Certificate chain, our own first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// Authorities that the other side's certificate must come from.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// Reflecting mode's submission listener.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InspectOptions {
    /// Where mail from inside comes in.
    pub listen: String,
    /// Hosts that may connect.
    pub allowed_hosts: Vec<String>,
    /// Sessions at a time. Fewer than the mail listener's: each of them comes back there, and must never starve.
    pub max_sessions: usize,
    /// The detection server: `HOST:PORT`. It reflects to this gateway's mail listener.
    pub inspect: String,
}

/// How long delivery is tried, and how hard.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueOptions {
    /// Seconds before the second attempt; doubled after each further one.
    pub first_wait: u64,
    /// Seconds between attempts at most.
    pub longest_wait: u64,
    /// Seconds after which delivery has failed for good.
    pub give_up: u64,
    /// Sessions with one destination at a time.
    pub sessions_per_destination: usize,
    /// A message whose hand-over was under way when the server died: send it again (it may arrive twice), or let it wait
    /// for an administrator (`weir gateway queue retry|drop`)?
    pub send_again_after_a_crash: bool,
    /// STARTTLS to the delivery hop: `off`, `opportunistic` or `required`.
    pub tls: DeliveryTls,
    /// The certificate that is shown to a hop that asks for one; with `ca`, the authority of hops' certificates instead of the
    /// system's.
    pub identity: Option<TlsFiles>,
    /// AUTH towards the usual delivery hop, and no other; needs `tls = "required"`.
    pub auth: Option<DeliveryAuth>,
}

/// Who we are to a hosted e-mail service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryAuth {
    /// User name.
    pub user: String,
    /// File with the password.
    pub secret_file: PathBuf,
}

/// Encryption towards the delivery hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryTls {
    /// None.
    Off,
    /// If it is offered; the certificate is not verified.
    Opportunistic,
    /// Verified with the system's authorities, or nothing is delivered.
    Required,
}

/// The service by which Enforce remediates.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemediationOptions {
    /// Address and port.
    #[serde(default = "remediation_listen")]
    pub listen: String,
    /// Certificate, key, and the authority of clients' certificates (required: mutual TLS).
    pub tls: TlsFiles,
    /// `HOST:PORT` by which Enforce reaches it, where that is not a name of the certificate at the port of `listen` (behind a
    /// translated address, say).
    #[serde(default)]
    pub reached_at: String,
    /// Names of clients' certificates that may ask: the authority vouches for detection servers, too.
    #[serde(default = "enforce")]
    pub client_names: Vec<String>,
}

/// Where status updates go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnforceOptions {
    /// `https://HOST:8100`.
    pub url: String,
    /// A user with the privilege "Incident Update".
    pub user: String,
    /// File with the user's password.
    pub password_file: PathBuf,
    /// Our certificate and key, and Enforce's authority.
    pub tls: TlsFiles,
    /// Updates of one request.
    #[serde(default = "hundred")]
    pub batch: usize,
    /// Seconds that updates are gathered, up to an hour.
    #[serde(default = "five")]
    pub interval: u64,
}

/// Which users of Enforce may sign in at the Control Center, and as what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInOptions {
    /// Roles of Enforce, and which role of the Control Center each is; other roles count nothing.
    pub roles: BTreeMap<String, String>,
}

/// Notices.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticeOptions {
    /// From whom.
    pub from: String,
    /// Where people reach the Control Center: the start of links in notices. None without.
    pub console_url: String,
    /// Seconds between two notices to a folder's reviewers at least.
    pub interval: u64,
}

impl RemediationOptions {
    /// At this address, for Enforce alone.
    pub fn new(listen: impl Into<String>, tls: TlsFiles) -> Self {
        Self { listen: listen.into(), tls, reached_at: String::new(), client_names: enforce() }
    }
}

impl Default for Options {
    fn default() -> Self {
        let data = PathBuf::from("weir-data");
        Self {
            name: String::new(),
            deliver: Destination::Maildir(data.join("delivered")),
            data,
            database: String::new(),
            mail: ListenerOptions::default(),
            inspect: None,
            trusted_peers: loopback(),
            pass_header: "X-Cfilter-Loop".to_owned(),
            queue: QueueOptions::default(),
            remediation: None,
            enforce: None,
            sign_in: None,
            notices: NoticeOptions::default(),
            console_listen: "127.0.0.1:8081".to_owned(),
            console_certificate: None,
            console_key: None,
            audit_days: 90,
            folder: Vec::new(),
            filter: Vec::new(),
        }
    }
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:10026".to_owned(),
            allowed_hosts: loopback(),
            max_sessions: 500,
            max_sessions_per_address: 500,
            max_size: 50 << 20,
            max_recipients: 1000,
            tls: None,
        }
    }
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:10027".to_owned(),
            allowed_hosts: loopback(),
            max_sessions: 200,
            inspect: "127.0.0.1:10025".to_owned(),
        }
    }
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            first_wait: 60,
            longest_wait: 3600,
            give_up: 5 * 24 * 3600,
            sessions_per_destination: 10,
            send_again_after_a_crash: true,
            tls: DeliveryTls::Off,
            identity: None,
            auth: None,
        }
    }
}

impl Default for NoticeOptions {
    fn default() -> Self {
        Self { from: "postmaster@localhost".to_owned(), console_url: String::new(), interval: 300 }
    }
}

impl Options {
    /// Reads the text of a table `[gateway]` (without its heading); the error has line, column and what to write.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let options: Self = toml::from_str(text).map_err(|why| Error::Invalid(why.to_string()))?;
        options.check()?;
        Ok(options)
    }

    /// What is wrong among the settings, said with what to write instead.
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |why: String| Err(Error::Invalid(why));
        for (name, hosts) in
            [("trusted_peers", &self.trusted_peers), ("mail.allowed_hosts", &self.mail.allowed_hosts)]
        {
            networks(name, hosts)?;
        }
        if let Some(inspect) = &self.inspect {
            networks("inspect.allowed_hosts", &inspect.allowed_hosts)?;
            if let Err(why) = smtp::mx::Target::parse(&inspect.inspect, 10025) {
                return invalid(format!("inspect.inspect: {why}"));
            }
            if inspect.max_sessions >= self.mail.max_sessions {
                return invalid(format!(
                    "inspect.max_sessions = {}: each of them comes back on the mail listener; write less than mail.max_sessions ({})",
                    inspect.max_sessions, self.mail.max_sessions
                ));
            }
        }
        if self.remediation.as_ref().is_some_and(|remediation| remediation.tls.ca.is_none()) {
            return invalid(
                "remediation.tls.ca: write the file of the authority that signs Enforce's certificate"
                    .to_owned(),
            );
        }
        if let Some(enforce) = &self.enforce {
            if !enforce.url.starts_with("https://") {
                return invalid(format!("enforce.url = {:?}: write https://HOST:PORT", enforce.url));
            }
            if !(1..=10_000).contains(&enforce.batch) || !(1..=3600).contains(&enforce.interval) {
                return invalid("enforce: batch is 1 to 10000, interval 1 to 3600 seconds".to_owned());
            }
        }
        if self.sign_in.as_ref().is_some_and(|sign_in| sign_in.roles.is_empty()) {
            return invalid(
                "sign_in.roles: write which role of Enforce is which role here, for example { \"Remediator\" = \"Remediator\" }"
                    .to_owned(),
            );
        }
        if self.console_certificate.is_some() != self.console_key.is_some() {
            return invalid("console_certificate and console_key go together (PEM files)".to_owned());
        }
        if self.queue.sessions_per_destination == 0 || self.queue.first_wait == 0 {
            return invalid("queue: first_wait and sessions_per_destination are 1 or more".to_owned());
        }
        if self.queue.auth.is_some() && self.queue.tls != DeliveryTls::Required {
            return invalid(
                "queue.auth: a password goes over verified TLS only; write queue.tls = \"required\""
                    .to_owned(),
            );
        }
        if smtp::command::Mail::new(&self.notices.from).is_err() {
            return invalid(format!("notices.from = {:?} is no mail address", self.notices.from));
        }
        self.folder.iter().try_for_each(Folder::check).map_err(Error::Invalid)?;
        self.filter.iter().try_for_each(|filter| filter.check(&self.folder)).map_err(Error::Invalid)
    }

    /// Whether the configuration file is the truth about folders and filters.
    pub fn keeps_folders_in_file(&self) -> bool {
        !self.folder.is_empty() || !self.filter.is_empty()
    }
}

/// Addresses and networks.
pub(crate) fn networks(setting: &str, texts: &[String]) -> Result<Vec<Cidr>, Error> {
    let read = |text: &String| {
        text.parse()
            .map_err(|why| Error::Invalid(format!("{setting}: {why}; write for example \"192.0.2.0/24\"")))
    };
    texts.iter().map(read).collect()
}

fn loopback() -> Vec<String> {
    vec!["127.0.0.0/8".to_owned(), "::1".to_owned()]
}

fn remediation_listen() -> String {
    "127.0.0.1:8443".to_owned()
}

fn enforce() -> Vec<String> {
    vec!["enforce".to_owned()]
}

fn hundred() -> usize {
    100
}

fn five() -> u64 {
    5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_named_with_its_line_and_what_to_write() {
        let wrong = |text: &str| Options::parse(text).unwrap_err().to_string();
        assert!(wrong("name = \"a\"\nlisten = 1").contains("line 2"));
        assert!(wrong("deliver = \"relay\"").contains("write smtp://HOST:PORT"));
        assert!(wrong("trusted_peers = [\"gateway\"]").contains("192.0.2.0/24"));
        assert!(wrong("[inspect]\nmax_sessions = 500").contains("mail.max_sessions"));
        assert!(wrong("console_key = \"a.key\"").contains("go together"));
        assert!(
            wrong("[queue]\nauth = { user = \"a\", secret_file = \"b\" }").contains("tls = \"required\"")
        );
        assert!(
            wrong("[[filter]]\nname = \"f\"\nwhen = \"always\"\nactions = [\"shred\"]").contains("line 4")
        );
        assert!(
            wrong("[[filter]]\nname = \"f\"\nwhen = \"always\"\nactions = [{ hold = \"x\" }]")
                .contains("make it first")
        );
        assert!(
            wrong("[[folder]]\nname = \"f\"\nkind = \"hold\"\nmax-days = 0").contains("leave the limit out")
        );
    }

    #[test]
    fn updates_go_in_batches_of_100_each_five_seconds_unless_it_is_set_up_to_an_hour() {
        let enforce = |more: &str| {
            let tls = "tls = { certificate = \"a\", key = \"b\", ca = \"c\" }";
            let text = format!(
                "[enforce]\nurl = \"https://e.test:8100\"\nuser = \"gw\"\npassword_file = \"p\"\n{tls}\n{more}"
            );
            Options::parse(&text).map(|options| options.enforce.map(|one| (one.batch, one.interval)))
        };
        assert_eq!(enforce("").unwrap(), Some((100, 5)));
        assert_eq!(enforce("batch = 1\ninterval = 3600").unwrap(), Some((1, 3600)));
        for wrong in ["batch = 0", "batch = 10001", "interval = 0", "interval = 3601"] {
            assert!(
                enforce(wrong).unwrap_err().to_string().contains("interval 1 to 3600 seconds"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_written_out_reads_the_same() {
        let options = Options {
            folder: vec![Folder::standard()],
            filter: vec![Filter::standard("Data Loss Prevention")],
            ..Options::default()
        };
        let text = toml::to_string(&options).unwrap();
        let again = Options::parse(&text).unwrap();
        assert_eq!((again.folder, again.filter), (options.folder, options.filter));
    }
}
