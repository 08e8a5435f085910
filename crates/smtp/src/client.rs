//! The client to the next hop: one session, in lockstep or pipelined, that never takes a wrong answer for success.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crate::reply::{BadReply, Reply, own};
use crate::spool::Spooled;
use crate::tls;
use crate::xclient::Name;

mod auth;
mod connect;
mod hop;
mod outgoing;

pub use crate::spool::Edit;
pub use hop::Hop;
pub(crate) use outgoing::dot_stuffed;

/// How to speak to a next hop.
#[derive(Clone, Debug)]
pub struct HopConfig {
    /// Its name: for the log and, unless `tls_name` is set, for the verification of its certificate.
    pub host: String,
    /// Its port. Only for the log: [`Hop::connect`] takes an address.
    pub port: u16,
    /// Encryption.
    pub tls: HopTls,
    /// Credentials, used over TLS only.
    pub auth: Option<Auth>,
    /// Our name in EHLO.
    pub helo: String,
    /// Waits.
    pub timeouts: HopTimeouts,
}

impl HopConfig {
    /// Plain SMTP to a host.
    pub fn plain(host: &str, port: u16, helo: &str) -> Self {
        let (host, helo) = (host.to_owned(), helo.to_owned());
        Self { host, port, tls: HopTls::Off, auth: None, helo, timeouts: HopTimeouts::default() }
    }
}

/// Encryption towards a next hop. The connector says which certificates are good.
#[derive(Clone, Debug, Default)]
pub enum HopTls {
    /// None.
    #[default]
    Off,
    /// STARTTLS if it is offered; without it, or when the handshake fails, in clear.
    Opportunistic(tls::Connector),
    /// STARTTLS or nothing.
    Required(tls::Connector),
    /// TLS from the first octet (RFC 8314 3.3).
    Implicit(tls::Connector),
}

/// Credentials for AUTH PLAIN or LOGIN, whichever the hop offers.
#[derive(Clone)]
pub struct Auth {
    /// User name.
    pub user: String,
    pub(crate) secret: zeroize::Zeroizing<String>,
}

impl Auth {
    /// With the secret at hand.
    pub fn new(user: &str, secret: &str) -> Self {
        Self { user: user.to_owned(), secret: zeroize::Zeroizing::new(secret.to_owned()) }
    }

    /// With the secret in a file; line ends at its end do not count. Blocks.
    pub fn from_file(user: &str, file: &std::path::Path) -> io::Result<Self> {
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(file)?);
        Ok(Self::new(user, text.trim_end_matches(['\r', '\n'])))
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How long we wait for the next hop in each phase (RFC 5321 4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct HopTimeouts {
    /// TCP connection.
    pub connect: Duration,
    /// Greeting, and the replies to EHLO, STARTTLS with its handshake, AUTH.
    pub greeting: Duration,
    /// Replies to MAIL, RCPT, RSET, NOOP, XCLIENT, XFORWARD.
    pub command: Duration,
    /// 354.
    pub data_init: Duration,
    /// Each block of the message to be taken.
    pub data_block: Duration,
    /// The final reply. Under the sender's 10 minutes.
    pub data_final: Duration,
    /// The reply to QUIT.
    pub quit: Duration,
}

impl Default for HopTimeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            command: minutes(5),
            data_init: minutes(2),
            data_block: minutes(3),
            data_final: minutes(9),
            quit: Duration::from_secs(5),
        }
    }
}

/// What the next hop offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// SIZE: `Some(0)` has no limit.
    pub size: Option<u64>,
    /// 8BITMIME.
    pub eight_bit_mime: bool,
    /// SMTPUTF8.
    pub smtp_utf8: bool,
    /// DSN.
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES.
    pub enhanced: bool,
    /// PIPELINING.
    pub pipelining: bool,
    /// CHUNKING.
    pub chunking: bool,
    /// STARTTLS.
    pub starttls: bool,
    /// AUTH mechanisms, upper case.
    pub auth: BTreeSet<String>,
    /// XCLIENT attributes.
    pub xclient: BTreeSet<Name>,
    /// XFORWARD attributes.
    pub xforward: BTreeSet<Name>,
}

/// A message on its way to the next hop.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Header lines to put on top; each ends with CRLF.
    pub prefix: &'a [u8],
    /// The original.
    pub message: &'a Spooled,
    /// What goes on instead of parts of the original: sorted and disjoint.
    pub edits: &'a [Edit],
}

/// Where in a session something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// TCP connection.
    Connect,
    /// Greeting.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL and RCPT.
    Envelope,
    /// DATA to 354.
    DataInit,
    /// The message.
    DataBlock,
    /// The final reply.
    DataFinal,
    /// RSET, NOOP, XCLIENT, XFORWARD.
    Command,
    /// QUIT.
    Quit,
}

/// Why there is no reply of the next hop.
#[derive(Debug, thiserror::Error)]
pub enum HopError {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// No answer in time.
    #[error("no answer in time ({0:?})")]
    Timeout(Phase),
    /// The hop closed the connection.
    #[error("connection closed ({0:?})")]
    Closed(Phase),
    /// Octets that are not a reply.
    #[error("malformed reply: {0}")]
    Malformed(BadReply),
    /// A reply that was not asked for.
    #[error("reply without a command before {0:?}")]
    Surplus(Phase),
    /// A code that cannot be the answer, such as 250 to DATA.
    #[error("reply {1} is not an answer to {0:?}")]
    WrongCode(Phase, u16),
    /// TLS failed or is missing where it is required.
    #[error("TLS: {0}")]
    Tls(String),
    /// The hop did not take our credentials.
    #[error("authentication failed: {0}")]
    Auth(String),
    /// The greeting, or the answer to EHLO and HELO, is a refusal.
    #[error("refused: {0}")]
    Refused(Reply),
    /// The session broke earlier and must not be used.
    #[error("session is broken")]
    Broken,
    /// Reading or writing failed, at the hop or in the spool.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl HopError {
    /// What the sender is told. Always 4xx: that a hop will have nothing to do with us says nothing of the sender's
    /// mail, which must not bounce for it. A transient refusal goes through as it came.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Connect(_) | Self::Timeout(Phase::Connect | Phase::Greeting) => {
                own::forwarding_unavailable()
            }
            Self::Closed(_) | Self::Io(_) | Self::Broken => own::forwarding_lost(),
            Self::Timeout(_) => own::forwarding_timeout(),
            Self::Malformed(_) | Self::Surplus(_) | Self::WrongCode(..) => own::forwarding_protocol(),
            Self::Tls(_) => own::forwarding_tls(),
            Self::Auth(_) => own::forwarding_auth(),
            Self::Refused(reply) if reply.is_transient() => reply.clone(),
            Self::Refused(_) => own::forwarding_unavailable(),
        }
    }
}
