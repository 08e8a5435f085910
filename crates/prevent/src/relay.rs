//! Station 7, relay: the recorded message goes to the next hop with our header lines on top, or nowhere when it is blocked.

use std::time::{Duration, Instant};

use smtp::command::{self, Command, Rcpt};
use smtp::reply::{Reply, own};
use smtp::server::EnvelopeCommand;

use crate::pair::{Pair, SendError};
use crate::record::Recorded;
use crate::respond::{Changes, Verdict};
use crate::settings::{RefusedCopy, Settings};

/// A message with what became of it. Only relaying makes one, and only it makes a reply.
#[derive(Debug)]
pub(crate) struct Relayed {
    recorded: Recorded,
    fate: Fate,
    notes: Vec<String>,
    spent: Duration,
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The next hop's final answer, whichever it is.
    Answered(Reply),
    /// A policy refused it; nothing was sent.
    Blocked(Reply),
    /// The MTA that asked by milter keeps it, with what it was told to do.
    Returned(Reply),
    /// It could not be handed on; the sender keeps it.
    Deferred { reply: Reply, why: String },
}

impl Relayed {
    /// A message that an MTA asked about by milter: it does what the verdict says, or refuses it.
    pub(crate) fn returned(recorded: Recorded) -> Self {
        let notes = notes(&recorded);
        let fate = match recorded.responded().verdict() {
            Verdict::Block { code, enhanced, text } => {
                Fate::Blocked(Reply::new(*code, enhanced_of(enhanced), text))
            }
            Verdict::Send { .. } | Verdict::Redirect { .. } => Fate::Returned(own::returned_to_mta()),
        };
        Self { recorded, fate, notes, spent: Duration::ZERO }
    }

    pub(crate) fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    pub(crate) fn fate(&self) -> &Fate {
        &self.fate
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }
}

/// Does what the verdict says, in time.
pub(crate) async fn relay(recorded: Recorded, pair: &mut Pair, settings: &Settings) -> Relayed {
    let began = Instant::now();
    let mut notes = notes(&recorded);
    let until = recorded.responded().received().started() + settings.sender_patience;
    let acted = tokio::time::timeout_at(until.into(), act(&recorded, pair, settings, &mut notes)).await;
    let fate = acted.unwrap_or_else(|_| {
        pair.abandon();
        Fate::Deferred { reply: own::forwarding_timeout(), why: "the next hop took too long".to_owned() }
    });
    Relayed { recorded, fate, notes, spent: began.elapsed() }
}

/// For the history: that policies were overruled.
fn notes(recorded: &Recorded) -> Vec<String> {
    let overruled = recorded.responded().overruled();
    let note = |would: &str| format!("break-glass is on: not {would}, as policies say, but passed");
    overruled.map(|would| note(would.as_str())).into_iter().collect()
}

async fn act(recorded: &Recorded, pair: &mut Pair, settings: &Settings, notes: &mut Vec<String>) -> Fate {
    match recorded.responded().verdict() {
        Verdict::Block { code, enhanced, text } => block(pair, *code, enhanced, text).await,
        Verdict::Redirect { changes, recipients } => redirect(recorded, pair, changes, recipients).await,
        Verdict::Send { changes, copies } => match add_copies(pair, copies, settings, notes).await {
            Ok(()) => send(recorded, pair, changes).await,
            Err(reply) => defer(pair, reply, "a copy that a rule orders was refused").await,
        },
    }
}

async fn block(pair: &mut Pair, code: u16, enhanced: &str, text: &str) -> Fate {
    pair.reset().await;
    Fate::Blocked(Reply::new(code, enhanced_of(enhanced), text))
}

/// RSET and a new envelope, without the original's DSN parameters: the sender asked for reports on other recipients.
async fn redirect(recorded: &Recorded, pair: &mut Pair, changes: &Changes, recipients: &[String]) -> Fate {
    let Some(envelope) = redirected(pair, recipients) else {
        return defer(pair, own::processing_error(), "the redirect envelope could not be built").await;
    };
    match pair.replace_envelope(envelope).await {
        Ok(()) => send(recorded, pair, changes).await,
        Err(reply) => defer(pair, reply, "the next hop refused the redirect").await,
    }
}

async fn send(recorded: &Recorded, pair: &mut Pair, changes: &Changes) -> Fate {
    let message = recorded.responded().received().spooled();
    match pair.send(&changes.prefix, message, &changes.edits).await {
        Ok(reply) => Fate::Answered(reply),
        Err(error) => {
            let why = match &error {
                SendError::NotReady(reply) => format!("no session with the next hop: {reply}"),
                SendError::Lost(error) => error.to_string(),
            };
            Fate::Deferred { reply: error.reply(), why }
        }
    }
}

async fn defer(pair: &mut Pair, reply: Reply, why: &str) -> Fate {
    pair.reset().await;
    Fate::Deferred { reply, why: why.to_owned() }
}

/// Copies are recipients of the same transaction. The sender must not get reports on them (RFC 3461 4.1).
async fn add_copies(
    pair: &mut Pair,
    copies: &[String],
    settings: &Settings,
    notes: &mut Vec<String>,
) -> Result<(), Reply> {
    if copies.is_empty() {
        return Ok(());
    }
    let never = if pair.extensions().dsn { " NOTIFY=NEVER" } else { "" };
    let commands = copies.iter().filter_map(|address| copy_to(address, never)).collect::<Vec<_>>();
    if commands.len() < copies.len() {
        return Err(own::processing_error());
    }
    for (address, answer) in copies.iter().zip(pair.envelope(commands).await) {
        if answer.is_positive() {
            continue;
        }
        tracing::warn!(copy = %address, %answer, "a copy that a rule orders was refused by the next hop");
        match settings.refused_copy {
            RefusedCopy::Defer => return Err(own::processing_error()),
            RefusedCopy::PassAndRecord => notes.push(format!("copy to {address} refused: {answer}")),
        }
    }
    Ok(())
}

/// The sender's own MAIL, without the parameters by which it asked for reports (RFC 3461 4.3, 4.4).
fn redirected(pair: &Pair, recipients: &[String]) -> Option<Vec<EnvelopeCommand>> {
    let mail = pair.mail()?;
    let mut line = b"MAIL FROM:".to_vec();
    line.extend_from_slice(&mail.verbatim[..path_length(&mail.verbatim)]);
    for param in mail.params.iter().filter(|param| param.keyword != "RET" && param.keyword != "ENVID") {
        line.push(b' ');
        line.extend_from_slice(param.keyword.as_bytes());
        if let Some(value) = &param.value {
            line.push(b'=');
            line.extend_from_slice(value.as_bytes());
        }
    }
    let mut envelope = match command::parse(&line).ok()? {
        Command::Mail(mail) => vec![EnvelopeCommand::Mail(mail)],
        _ => return None,
    };
    for address in recipients {
        envelope.push(EnvelopeCommand::Rcpt(Rcpt::new(address).ok()?));
    }
    Some(envelope)
}

/// Octets up to and with the angle bracket that closes the path; one inside a quoted local part does not.
fn path_length(verbatim: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in verbatim.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    verbatim.len()
}

fn copy_to(address: &str, params: &str) -> Option<EnvelopeCommand> {
    match command::parse(format!("RCPT TO:<{address}>{params}").as_bytes()).ok()? {
        Command::Rcpt(rcpt) => Some(EnvelopeCommand::Rcpt(rcpt)),
        _ => None,
    }
}

/// `5.7.1` as numbers; 5.7.1 where the text is none (policies are checked, so that does not happen).
fn enhanced_of(text: &str) -> (u8, u16, u16) {
    let parsed = smtp::reply::Enhanced::parse(text.as_bytes());
    parsed.map_or((5, 7, 1), |enhanced| (enhanced.class, enhanced.subject, enhanced.detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_ends_at_its_own_bracket() {
        for (verbatim, path) in [
            ("<a@b.example> AUTH=<>", "<a@b.example>"),
            ("<> RET=HDRS", "<>"),
            (r#"<"a>\"b"@c.example> SIZE=1"#, r#"<"a>\"b"@c.example>"#),
        ] {
            assert_eq!(&verbatim[..path_length(verbatim.as_bytes())], path);
        }
    }

    #[test]
    fn a_copy_can_forbid_reports() {
        assert!(copy_to("archive@company.example", " NOTIFY=NEVER").is_some());
        assert!(copy_to("archive@company.example> NOTIFY=<", "").is_none());
    }
}
