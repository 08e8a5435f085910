//! SMTP commands (RFC 5321 4.1): a strict parser that keeps what was written beside what it means.
//!
//! A line in, a command or a typed reason out. What goes on to the next hop is the verbatim path and parameters; what
//! policies look at is the parsed view of the same octets. No I/O, no recursion; work is linear in the line's length.

use crate::reply::{Reply, own};
use crate::xclient::Attributes;

pub mod param;
pub mod path;

pub use param::Param;
pub use path::{Address, Domain, ForwardPath, ReversePath};

/// Longest lines and parts (RFC 5321 4.5.3.1), with the slack that real mail needs. In octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A command line with its CRLF. The standard's 512 grows with SIZE, DSN and SMTPUTF8 parameters.
    pub line: usize,
    /// A local part. The standard says 64; bounce addresses of mailing lists are longer.
    pub local_part: usize,
    /// A domain.
    pub domain: usize,
    /// A path with its punctuation. The standard says 256.
    pub path: usize,
    /// Parameters of one command.
    pub params: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 2048, local_part: 256, domain: 255, path: 512, params: 16 }
    }
}

/// A command of the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// EHLO with a domain or an address literal.
    Ehlo(Domain),
    /// HELO with a domain or an address literal.
    Helo(Domain),
    /// MAIL FROM.
    Mail(Mail),
    /// RCPT TO.
    Rcpt(Rcpt),
    /// DATA.
    Data,
    /// BDAT (RFC 3030).
    Bdat {
        /// Octets of the chunk that follow the line.
        size: u64,
        /// The last chunk of the message.
        last: bool,
    },
    /// RSET.
    Rset,
    /// NOOP; its argument means nothing.
    Noop,
    /// VRFY with its argument.
    Vrfy(String),
    /// EXPN with its argument.
    Expn(String),
    /// HELP with its argument.
    Help(String),
    /// QUIT.
    Quit,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH (RFC 4954), which is never offered.
    Auth,
    /// XCLIENT with its attributes.
    XClient(Attributes),
    /// XFORWARD with its attributes.
    XForward(Attributes),
}

/// `MAIL FROM:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Parsed view of the path.
    pub path: ReversePath,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Everything after `MAIL FROM:`, octet for octet, without spaces at the end.
    pub verbatim: Vec<u8>,
}

/// `RCPT TO:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rcpt {
    /// Parsed view of the path.
    pub path: ForwardPath,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Everything after `RCPT TO:`, octet for octet, without spaces at the end.
    pub verbatim: Vec<u8>,
}

impl Mail {
    /// A sender of our own making (redirects, tests): `address` is put between angle brackets; empty is `<>`.
    pub fn new(address: &str) -> Result<Self, Syntax> {
        mail(format!("<{address}>").as_bytes(), &Limits::default())
    }

    /// Value of the parameter, if it is there and has one.
    pub fn param(&self, keyword: &str) -> Option<&str> {
        param::value(&self.params, keyword)
    }

    /// Octets that SIZE announces (RFC 1870); a number too great for 64 bits is the greatest.
    pub fn size(&self) -> Option<u64> {
        self.param("SIZE").map(|digits| digits.parse().unwrap_or(u64::MAX))
    }

    /// BODY=8BITMIME (RFC 6152).
    pub fn is_8bit(&self) -> bool {
        self.param("BODY").is_some_and(|body| body.eq_ignore_ascii_case("8BITMIME"))
    }

    /// SMTPUTF8 (RFC 6531).
    pub fn is_utf8(&self) -> bool {
        self.params.iter().any(|param| param.keyword == "SMTPUTF8")
    }
}

impl Rcpt {
    /// A recipient of our own making (redirects, copies, tests), without parameters.
    pub fn new(address: &str) -> Result<Self, Syntax> {
        rcpt(format!("<{address}>").as_bytes(), &Limits::default())
    }

    /// Value of the parameter, if it is there and has one.
    pub fn param(&self, keyword: &str) -> Option<&str> {
        param::value(&self.params, keyword)
    }
}

/// Why a line is not a command. Each has its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Syntax {
    /// Not a verb of ours.
    #[error("unknown command")]
    UnknownCommand,
    /// The line is over [`Limits::line`].
    #[error("line too long")]
    LineTooLong,
    /// A control octet, a bare CR or a bare LF.
    #[error("control octet in a command")]
    ControlOctet,
    /// Octets that are not UTF-8.
    #[error("octets that are not UTF-8 in a command")]
    NotUtf8,
    /// An argument where none may be, or none where one must be, or one that cannot be read.
    #[error("bad argument")]
    BadArgument,
    /// The sender's path cannot be read.
    #[error("bad sender path: {0}")]
    Sender(path::BadPath),
    /// The recipient's path cannot be read.
    #[error("bad recipient path: {0}")]
    Recipient(path::BadPath),
    /// A parameter cannot be read.
    #[error("bad parameter: {0}")]
    Parameter(param::BadParam),
}

impl Syntax {
    /// What the sender is told.
    pub fn reply(&self) -> Reply {
        match self {
            Self::UnknownCommand => own::unknown_command(),
            Self::LineTooLong => own::line_too_long(),
            Self::ControlOctet | Self::NotUtf8 => own::forbidden_octet(),
            Self::BadArgument => own::bad_arguments(),
            Self::Sender(path::BadPath::TooLong) | Self::Recipient(path::BadPath::TooLong) => {
                own::path_too_long()
            }
            Self::Sender(_) => own::bad_sender(),
            Self::Recipient(_) => own::bad_recipient(),
            Self::Parameter(param::BadParam::TooMany) => own::unknown_parameter(),
            Self::Parameter(_) => own::bad_arguments(),
        }
    }
}

/// Reads one command line, without its CRLF, with the default limits.
pub fn parse(line: &[u8]) -> Result<Command, Syntax> {
    parse_within(line, &Limits::default())
}

/// Reads one command line, without its CRLF.
pub fn parse_within(line: &[u8], limits: &Limits) -> Result<Command, Syntax> {
    if line.len() + 2 > limits.line {
        return Err(Syntax::LineTooLong);
    }
    if line.iter().any(|octet| *octet < b' ' && *octet != b'\t' || *octet == 0x7f) {
        return Err(Syntax::ControlOctet);
    }
    if std::str::from_utf8(line).is_err() {
        return Err(Syntax::NotUtf8);
    }
    // RFC 5321 4.1.1: white space before the CRLF is tolerated.
    let line = line.trim_ascii_end();
    let (verb, argument) = match line.iter().position(|octet| *octet == b' ') {
        Some(space) => (&line[..space], Some(&line[space + 1..])),
        None => (line, None),
    };
    let mut upper = [0u8; 8];
    let Some(upper) = upper.get_mut(..verb.len()) else { return Err(Syntax::UnknownCommand) };
    upper.copy_from_slice(verb);
    upper.make_ascii_uppercase();
    command(upper, argument, limits)
}

fn command(verb: &[u8], argument: Option<&[u8]>, limits: &Limits) -> Result<Command, Syntax> {
    match verb {
        b"EHLO" => Ok(Command::Ehlo(greeting_domain(argument, limits)?)),
        b"HELO" => Ok(Command::Helo(greeting_domain(argument, limits)?)),
        b"MAIL" => Ok(Command::Mail(mail(after(argument, b"FROM:")?, limits)?)),
        b"RCPT" => Ok(Command::Rcpt(rcpt(after(argument, b"TO:")?, limits)?)),
        b"DATA" => alone(argument, Command::Data),
        b"BDAT" => bdat(argument),
        b"RSET" => alone(argument, Command::Rset),
        b"NOOP" => Ok(Command::Noop),
        b"VRFY" => required(argument).map(Command::Vrfy),
        b"EXPN" => required(argument).map(Command::Expn),
        b"HELP" => Ok(Command::Help(argument.map(text).unwrap_or_default())),
        b"QUIT" => alone(argument, Command::Quit),
        b"STARTTLS" => alone(argument, Command::StartTls),
        b"AUTH" => Ok(Command::Auth),
        b"XCLIENT" => attributes(argument).map(Command::XClient),
        b"XFORWARD" => attributes(argument).map(Command::XForward),
        _ => Err(Syntax::UnknownCommand),
    }
}

fn alone(argument: Option<&[u8]>, command: Command) -> Result<Command, Syntax> {
    if argument.is_none() { Ok(command) } else { Err(Syntax::BadArgument) }
}

fn required(argument: Option<&[u8]>) -> Result<String, Syntax> {
    argument.map(text).filter(|text| !text.trim().is_empty()).ok_or(Syntax::BadArgument)
}

fn attributes(argument: Option<&[u8]>) -> Result<Attributes, Syntax> {
    Attributes::parse(argument.unwrap_or_default()).map_err(|_| Syntax::BadArgument)
}

fn greeting_domain(argument: Option<&[u8]>, limits: &Limits) -> Result<Domain, Syntax> {
    let name = argument.ok_or(Syntax::BadArgument)?;
    if name.len() > limits.domain {
        return Err(Syntax::BadArgument);
    }
    Domain::parse_greeting(name).ok_or(Syntax::BadArgument)
}

/// What follows `FROM:` or `TO:`; no space may stand before or after the colon (RFC 5321 3.3).
fn after<'l>(argument: Option<&'l [u8]>, word: &[u8]) -> Result<&'l [u8], Syntax> {
    let argument = argument.ok_or(Syntax::BadArgument)?;
    match argument.split_at_checked(word.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(word) => Ok(rest),
        _ => Err(Syntax::BadArgument),
    }
}

fn mail(verbatim: &[u8], limits: &Limits) -> Result<Mail, Syntax> {
    let (path, rest) = path::reverse(verbatim, limits).map_err(Syntax::Sender)?;
    let params = param::parse(rest, limits.params).map_err(Syntax::Parameter)?;
    params.iter().try_for_each(param::check_mail).map_err(Syntax::Parameter)?;
    Ok(Mail { path, params, verbatim: verbatim.to_vec() })
}

fn rcpt(verbatim: &[u8], limits: &Limits) -> Result<Rcpt, Syntax> {
    let (path, rest) = path::forward(verbatim, limits).map_err(Syntax::Recipient)?;
    let params = param::parse(rest, limits.params).map_err(Syntax::Parameter)?;
    params.iter().try_for_each(param::check_rcpt).map_err(Syntax::Parameter)?;
    Ok(Rcpt { path, params, verbatim: verbatim.to_vec() })
}

/// `BDAT size [LAST]`: at most 19 digits, so that no size wraps or saturates and octets are never miscounted.
fn bdat(argument: Option<&[u8]>) -> Result<Command, Syntax> {
    let argument = argument.ok_or(Syntax::BadArgument)?;
    let (digits, word) = match argument.iter().position(|octet| *octet == b' ') {
        Some(space) => (&argument[..space], Some(&argument[space + 1..])),
        None => (argument, None),
    };
    if !matches!(digits.len(), 1..=19) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Syntax::BadArgument);
    }
    let size = digits.iter().fold(0, |size, digit| size * 10 + u64::from(digit - b'0'));
    match word {
        None => Ok(Command::Bdat { size, last: false }),
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => Ok(Command::Bdat { size, last: true }),
        Some(_) => Err(Syntax::BadArgument),
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(test)]
mod tests;
