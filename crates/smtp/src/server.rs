//! Drives one upstream connection: SMTP order, syntax, limits, timeouts, PIPELINING, CHUNKING, STARTTLS, XCLIENT,
//! XFORWARD and the PROXY protocol live here. What the answers are is up to a [`Service`].

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::cidr::Cidr;
use crate::command::{Limits, Mail, Rcpt};
use crate::reply::Reply;
use crate::spool::{SpoolRules, Spooled};
use crate::tls::{self, TlsInfo};
use crate::xclient::Attributes;

mod accept;
mod fence;
mod receive;
mod session;
mod wire;

pub use accept::{refuse, serve};

/// The seam: what a proxy, a gateway or a test answers. Each method is called only in an order that RFC 5321 allows.
/// A panic in one becomes 451 for its command, and the session ends with 421.
pub trait Service: Send {
    /// EHLO or HELO arrived (again after STARTTLS or XCLIENT): say what to offer, or refuse. A 421 ends the session.
    fn hello(&mut self, hello: &Hello, peer: &Peer) -> impl Future<Output = Result<Offer, Reply>> + Send;

    /// A pipelined group: at most one MAIL, first, then RCPTs; judged for syntax and order already. One reply each, in
    /// the same order. When MAIL is refused, the RCPTs of the group want their replies too.
    fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> impl Future<Output = Vec<Reply>> + Send;

    /// Before 354 or the first chunk, with at least one recipient accepted: is there room, and where?
    fn ready(&mut self) -> impl Future<Output = Result<SpoolRules, Reply>> + Send;

    /// The whole message. The reply is the sender's; the transaction is over whatever it says.
    fn message(&mut self, message: Spooled, received: ReceiveTimes) -> impl Future<Output = Reply> + Send;

    /// A message whose octets had begun to come did not come whole, or not as it must; for the log. What is said of it is
    /// settled. [`Service::reset`] follows where the session goes on.
    fn not_received(&mut self, _: &NotReceived) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// RSET, or EHLO within a transaction, or a message that we refused ourselves: nothing of the transaction counts.
    fn reset(&mut self) -> impl Future<Output = Reply> + Send;

    /// XFORWARD from a trusted host.
    fn xforward(&mut self, attributes: &Attributes) -> impl Future<Output = Reply> + Send;

    /// QUIT, or the end of the session for another reason: called once at most.
    fn quit(&mut self) -> impl Future<Output = Reply> + Send;

    /// A message is being received and takes long: called about every [`Timeouts::tick`].
    fn tick(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A command of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeCommand {
    /// MAIL FROM.
    Mail(Mail),
    /// RCPT TO.
    Rcpt(Rcpt),
}

/// EHLO or HELO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// EHLO.
    pub esmtp: bool,
    /// Its argument, lower-cased.
    pub domain: String,
    /// The connection is encrypted.
    pub tls: bool,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The TCP peer, or what a configured balancer says by the PROXY protocol. Never XCLIENT's.
    pub addr: SocketAddr,
    /// The TCP peer.
    pub tcp: SocketAddr,
    /// What a trusted host said by XCLIENT: for logs and policies only.
    pub client: Option<Attributes>,
    /// The encryption, if there is one.
    pub tls: Option<TlsInfo>,
}

/// What EHLO offers besides PIPELINING, CHUNKING and STARTTLS, which are the driver's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Name in the EHLO and HELO replies; `ServerConfig::hostname` if none.
    pub domain: Option<String>,
    /// SIZE: most octets, 0 for "no limit known". `None` does not offer it. Also a bound on messages when over 0.
    pub size: Option<u64>,
    /// 8BITMIME.
    pub eight_bit_mime: bool,
    /// SMTPUTF8.
    pub smtp_utf8: bool,
    /// DSN.
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES.
    pub enhanced_status_codes: bool,
    /// XFORWARD, to hosts of `ServerConfig::xforward_hosts` only.
    pub xforward: bool,
}

/// When a message came in.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveTimes {
    /// DATA or the first BDAT was read.
    pub began: Instant,
    /// Its last octet was read.
    pub ended: Instant,
}

/// A message that never became one.
#[derive(Clone, Debug)]
pub struct NotReceived {
    /// What the sender hears; none if it is gone.
    pub reply: Option<Reply>,
    /// Octets of it that came, those included that were thrown away.
    pub size: u64,
    /// From its beginning to the refusal's end.
    pub times: ReceiveTimes,
}

/// What is done about a bare LF, a bare CR or a NUL in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEndRule {
    /// The message is read to its end and answered 554.
    #[default]
    Refuse,
    /// A bare LF or CR becomes CRLF, a NUL is dropped; counted in [`Spooled::line_end_repairs`].
    Repair,
    /// It stays; counted.
    Pass,
}

/// One rule for each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineEnds {
    /// LF without CR.
    pub bare_lf: LineEndRule,
    /// CR without LF.
    pub bare_cr: LineEndRule,
    /// NUL.
    pub nul: LineEndRule,
}

/// Whether TLS is offered or demanded.
#[derive(Clone, Debug, Default)]
pub enum ServerTls {
    /// No STARTTLS.
    #[default]
    Off,
    /// STARTTLS is offered.
    Opportunistic(tls::Acceptor),
    /// STARTTLS is offered, and nothing of worth works before it (RFC 3207 4).
    Required(tls::Acceptor),
}

/// How long we wait (RFC 5321 4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the next command, to its last octet.
    pub command: Duration,
    /// For the first octets after 354.
    pub data_init: Duration,
    /// For the next octets of a message.
    pub data_block: Duration,
    /// For the whole message.
    pub data_total: Duration,
    /// For one write of replies to be taken.
    pub write: Duration,
    /// For the PROXY header and for a TLS handshake.
    pub handshake: Duration,
    /// Between two calls of [`Service::tick`].
    pub tick: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            command: minutes(5),
            data_init: minutes(2),
            data_block: minutes(3),
            data_total: minutes(60),
            write: minutes(5),
            handshake: Duration::from_secs(30),
            tick: Duration::from_secs(30),
        }
    }
}

/// Everything that holds for all sessions of a listener.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Our name in the greeting and the EHLO reply.
    pub hostname: String,
    /// Text of the greeting behind the name.
    pub banner: String,
    /// STARTTLS.
    pub tls: ServerTls,
    /// What may be in a message.
    pub line_ends: LineEnds,
    /// Most octets of a message, whatever the [`Offer`] and [`SpoolRules`] say.
    pub max_size: u64,
    /// Octets of a message that are still read and thrown away after it was refused; then the connection is closed.
    pub max_drain: u64,
    /// Recipients accepted in one transaction.
    pub max_recipients: usize,
    /// Errors before the session is ended, since it began or a message was accepted: commands answered with an error of our own,
    /// and what the service refuses for good.
    pub max_errors: usize,
    /// Lengths of lines and paths.
    pub limits: Limits,
    /// Waits.
    pub timeouts: Timeouts,
    /// Octets out of step (before the greeting, behind EHLO or DATA) end the session. Behind STARTTLS they always do.
    pub forbid_early_talkers: bool,
    /// Who may use XCLIENT. Looked up by the TCP peer or the PROXY protocol's address.
    pub xclient_hosts: Vec<Cidr>,
    /// Who may use XFORWARD.
    pub xforward_hosts: Vec<Cidr>,
    /// Balancers: connections from here must begin with a PROXY header, others must not.
    pub proxy_protocol_hosts: Vec<Cidr>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            banner: "ESMTP".to_owned(),
            tls: ServerTls::Off,
            line_ends: LineEnds::default(),
            max_size: 50 << 20,
            max_drain: 256 << 20,
            max_recipients: 1000,
            max_errors: 20,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            forbid_early_talkers: true,
            xclient_hosts: Vec::new(),
            xforward_hosts: Vec::new(),
            proxy_protocol_hosts: Vec::new(),
        }
    }
}

/// How a session ended, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// Why.
    pub why: EndReason,
    /// Messages that were answered 2xx.
    pub accepted: u64,
    /// Messages that were answered otherwise, our own refusals included.
    pub refused: u64,
    /// All errors that [`ServerConfig::max_errors`] counts.
    pub errors: usize,
    /// The session was encrypted at its end.
    pub tls: bool,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// QUIT.
    Quit,
    /// The peer closed without QUIT.
    PeerClosed,
    /// Reading or writing failed.
    Io,
    /// The peer was silent or slow for too long.
    Timeout,
    /// [`ServerConfig::max_errors`].
    TooManyErrors,
    /// We are shutting down.
    Shutdown,
    /// A reply of the service was 421.
    Service,
    /// The service panicked.
    Panic,
    /// Octets out of step.
    OutOfStep,
    /// The TLS handshake failed.
    Tls,
    /// The PROXY header is missing or wrong.
    ProxyProtocol,
    /// A refused message was longer than we care to read.
    Flood,
    /// A command was ended by a bare LF.
    BareLf,
}
