//! The conversation: which command may come now, and what follows from it.
//!
//! Commands that were pipelined are taken as they lie in the buffer; runs of MAIL and RCPT become one call of the
//! service. Replies are collected and written in one go before the session waits for anything of the peer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::fence::{Panicked, fenced};
use super::receive::Body;
use super::wire::{Line, Stop, Wire};
use super::{EndReason, EnvelopeCommand, Hello, Offer, Peer, ServerConfig, ServerTls, Service, SessionEnd};
use crate::cidr;
use crate::command::{self, Command, Domain, Mail, Param, Rcpt};
use crate::reply::{Reply, own};
use crate::xclient::{Attributes, XCLIENT_NAMES, XFORWARD_NAMES};

mod data;
mod tls;

/// Most commands of the envelope in one call of the service.
const MAX_GROUP: usize = 200;
/// Recipients over the limit of one transaction that are no errors: a sender hears 452 for each of them, sends the message to the
/// others, and comes again for these (RFC 5321 4.5.3.1.10).
const MAX_OVERSHOOT: usize = 1_000;

/// A session that is over: why, and whether the peer may still be talking.
pub(super) struct Over(pub(super) EndReason);

/// Everything went well, or the session is over.
type Flow = Result<(), Over>;

pub(super) struct Session<'s, S> {
    pub(super) wire: Wire,
    pub(super) config: &'s Arc<ServerConfig>,
    pub(super) service: S,
    pub(super) peer: Peer,
    pub(super) shutdown: Pin<&'s mut WaitForCancellationFutureOwned>,
    pub(super) hello: Greeted,
    pub(super) transaction: Transaction,
    pub(super) end: SessionEnd,
    /// Errors since the last message that was accepted.
    pub(super) errors: usize,
    /// When the line that is waited for must be whole: one that comes octet by octet must not hold a session for days.
    pub(super) line_due: Option<Instant>,
}

/// What was agreed on by EHLO or HELO.
pub(super) enum Greeted {
    Not,
    Helo(Offer),
    Ehlo(Offer),
}

/// How far the mail transaction is.
pub(super) enum Transaction {
    /// No MAIL yet.
    Idle,
    /// MAIL was accepted.
    Open(Envelope),
    /// At least one chunk was accepted.
    Chunked(Envelope, Box<Body>),
    /// A chunk was refused: the others are thrown away (RFC 3030 2).
    Spoiled,
}

#[derive(Clone, Copy)]
pub(super) struct Envelope {
    utf8: bool,
    /// Octets that SIZE announced.
    expected: u64,
    accepted: usize,
    refused: usize,
    /// Recipients over the limit.
    overshot: usize,
}

/// MAIL and RCPT that lie together in the buffer and wait for their answers.
#[derive(Default)]
struct Group {
    commands: Vec<EnvelopeCommand>,
    /// The MAIL among them, if there is one.
    mail: Option<Envelope>,
    recipients: usize,
}

impl<S: Service> Session<'_, S> {
    /// From the greeting to the end.
    pub(super) async fn run(&mut self) -> EndReason {
        let Err(Over(why)) = self.talk().await;
        why
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, Over> {
        self.greet();
        let mut group = Group::default();
        loop {
            let limits = &self.config.limits;
            let parsed = match self.wire.line(limits.line) {
                Ok(None) => None,
                Ok(Some(Line::Whole(line))) => Some(command::parse_within(line, limits)),
                Ok(Some(Line::TooLong)) => Some(Err(command::Syntax::LineTooLong)),
                Err(stop) => return Err(self.stopped(stop)),
            };
            if parsed.is_some() {
                self.line_due = None;
            }
            match parsed {
                Some(Ok(Command::Mail(mail))) => {
                    self.run_group(&mut group).await?;
                    self.mail(mail, &mut group)?;
                }
                Some(Ok(Command::Rcpt(rcpt))) => {
                    if self.group_is_full(&group) {
                        self.run_group(&mut group).await?;
                    }
                    self.rcpt(rcpt, &mut group).await?;
                }
                Some(Ok(command)) => {
                    self.run_group(&mut group).await?;
                    self.obey(command).await?;
                }
                Some(Err(syntax)) => {
                    self.run_group(&mut group).await?;
                    self.error(syntax.reply())?;
                }
                None if !group.commands.is_empty() => self.run_group(&mut group).await?,
                None => self.wait().await?,
            }
        }
    }

    fn greet(&mut self) {
        let text = format!("{} {}", self.config.hostname, self.config.banner);
        self.wire.reply(&Reply { enhanced: None, ..Reply::new(220, (2, 0, 0), text.trim_end()) });
    }

    /// Waits for the peer. A session between transactions ends when the server does.
    async fn wait(&mut self) -> Flow {
        let between = matches!(self.transaction, Transaction::Idle);
        let shutdown = between.then_some(self.shutdown.as_mut());
        let wait = self.config.timeouts.command;
        let until = *self.line_due.get_or_insert_with(|| Instant::now() + wait);
        let filled = self.wire.fill(until, shutdown).await;
        filled.map_err(|stop| self.stopped(stop))
    }

    /// Says why the session ends, where the peer may still be listening.
    fn stopped(&mut self, stop: Stop) -> Over {
        let why = match stop {
            Stop::Closed => EndReason::PeerClosed,
            Stop::Io => EndReason::Io,
            Stop::Timeout => EndReason::Timeout,
            Stop::Shutdown => EndReason::Shutdown,
            Stop::BareLf => EndReason::BareLf,
            Stop::Flood => EndReason::Flood,
        };
        if let Some(reply) = last_words(why) {
            self.wire.reply(&reply);
        }
        Over(why)
    }

    /// Queues a reply. One of 421 is the last.
    fn say(&mut self, reply: &Reply) -> Flow {
        self.wire.reply(reply);
        if reply.code == 421 { Err(Over(EndReason::Service)) } else { Ok(()) }
    }

    /// Queues a refusal of our own and counts it.
    fn error(&mut self, reply: Reply) -> Flow {
        self.wire.reply(&reply);
        self.count_error()
    }

    /// Queues the service's answer; what it refuses for good counts. What it refuses for now does not: the sender comes again,
    /// and would be cut off each time before those recipients that are accepted have their message.
    fn pass_on(&mut self, reply: &Reply) -> Flow {
        self.say(reply)?;
        if reply.is_permanent() { self.count_error() } else { Ok(()) }
    }

    fn count_error(&mut self) -> Flow {
        self.end.errors += 1;
        self.errors += 1;
        if self.errors > self.config.max_errors {
            self.wire.reply(&own::too_many_errors());
            return Err(Over(EndReason::TooManyErrors));
        }
        Ok(())
    }

    /// Runs a future of the service within the fence.
    fn survive<T>(&mut self, result: Result<T, Panicked>) -> Result<T, Over> {
        result.map_err(|Panicked| {
            tracing::error!(peer = %self.peer.addr, "a panic in the service ended a session");
            self.wire.reply(&own::processing_error());
            self.wire.reply(&own::fatal_processing_error());
            Over(EndReason::Panic)
        })
    }

    async fn obey(&mut self, command: Command) -> Flow {
        if self.wants_tls_first(&command) {
            return match command {
                // The octets of the chunk come all the same, and are no commands.
                Command::Bdat { size, last } => self.refuse_chunk(size, last, own::tls_required()).await,
                _ => self.error(own::tls_required()),
            };
        }
        match command {
            Command::Ehlo(domain) => self.hello(true, domain).await,
            Command::Helo(domain) => self.hello(false, domain).await,
            // Those two are grouped before.
            Command::Mail(_) | Command::Rcpt(_) => Ok(()),
            Command::Data => self.data().await,
            Command::Bdat { size, last } => self.bdat(size, last).await,
            Command::Rset => self.rset().await,
            Command::Noop => self.say(&own::ok()),
            Command::Vrfy(_) => self.say(&own::cannot_verify()),
            Command::Expn(_) => self.error(own::not_implemented()),
            Command::Help(_) => self.say(&own::help()),
            Command::Quit => self.quit().await,
            Command::StartTls => self.start_tls().await,
            Command::Auth => self.error(own::auth_not_offered()),
            Command::XClient(attributes) => self.xclient(&attributes),
            Command::XForward(attributes) => self.xforward(&attributes).await,
        }
    }

    fn wants_tls_first(&self, command: &Command) -> bool {
        let harmless =
            matches!(command, Command::Ehlo(_) | Command::Noop | Command::Quit | Command::StartTls);
        matches!(self.config.tls, ServerTls::Required(_)) && self.peer.tls.is_none() && !harmless
    }

    /// Octets behind a command that must be the last of its group (RFC 2920 3.1) end the session.
    fn in_step(&mut self) -> Flow {
        if self.config.forbid_early_talkers { self.nothing_follows() } else { Ok(()) }
    }

    fn nothing_follows(&mut self) -> Flow {
        if self.wire.unread().is_empty() {
            return Ok(());
        }
        self.wire.reply(&own::out_of_step());
        Err(Over(EndReason::OutOfStep))
    }

    // ---- the session

    async fn hello(&mut self, esmtp: bool, domain: Domain) -> Flow {
        self.in_step()?;
        self.forget_transaction().await?;
        self.hello = Greeted::Not;
        let hello = Hello { esmtp, domain: domain.as_str().to_owned(), tls: self.peer.tls.is_some() };
        let answer = fenced(self.service.hello(&hello, &self.peer)).await;
        match self.survive(answer)? {
            Err(refusal) => self.say(&refusal),
            Ok(offer) => {
                self.offer(esmtp, &offer);
                self.hello = if esmtp { Greeted::Ehlo(offer) } else { Greeted::Helo(offer) };
                Ok(())
            }
        }
    }

    fn offer(&mut self, esmtp: bool, offer: &Offer) {
        let mut lines = vec![offer.domain.clone().unwrap_or_else(|| self.config.hostname.clone())];
        if esmtp {
            lines.extend(self.extensions(offer));
        }
        let lines = lines.into_iter().map(|line| line.into_bytes().into()).collect();
        self.wire.reply(&Reply { code: 250, enhanced: None, lines });
    }

    fn extensions(&self, offer: &Offer) -> Vec<String> {
        let mut lines = vec!["PIPELINING".to_owned(), "CHUNKING".to_owned()];
        let mut add = |condition: bool, line: &str| {
            if condition {
                lines.push(line.to_owned());
            }
        };
        if let Some(size) = offer.size {
            add(true, &format!("SIZE {}", if size == 0 { self.config.max_size } else { self.most(size) }));
        }
        add(offer.eight_bit_mime, "8BITMIME");
        add(offer.smtp_utf8, "SMTPUTF8");
        add(offer.dsn, "DSN");
        add(offer.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        add(!matches!(self.config.tls, ServerTls::Off) && self.peer.tls.is_none(), "STARTTLS");
        let names =
            |names: &[crate::xclient::Name]| names.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(" ");
        add(self.may_xclient(), &format!("XCLIENT {}", names(XCLIENT_NAMES)));
        add(offer.xforward && self.may_xforward(), &format!("XFORWARD {}", names(XFORWARD_NAMES)));
        lines
    }

    fn most(&self, offered: u64) -> u64 {
        if offered == 0 { self.config.max_size } else { offered.min(self.config.max_size) }
    }

    async fn rset(&mut self) -> Flow {
        if self.offered().is_none() {
            return self.say(&own::ok());
        }
        self.transaction = Transaction::Idle;
        let reply = fenced(self.service.reset()).await;
        let reply = self.survive(reply)?;
        self.say(&reply)
    }

    async fn quit(&mut self) -> Flow {
        let reply = fenced(self.service.quit()).await;
        let reply = self.survive(reply)?;
        self.wire.reply(&reply);
        Err(Over(EndReason::Quit))
    }

    /// The service is told when a transaction ends without a message.
    async fn forget_transaction(&mut self) -> Flow {
        if matches!(self.transaction, Transaction::Idle) {
            return Ok(());
        }
        self.transaction = Transaction::Idle;
        let reset = fenced(self.service.reset()).await;
        let reply = self.survive(reset)?;
        if reply.code == 421 { self.say(&reply) } else { Ok(()) }
    }

    fn may_xclient(&self) -> bool {
        cidr::any_contains(&self.config.xclient_hosts, self.peer.addr.ip())
    }

    fn may_xforward(&self) -> bool {
        cidr::any_contains(&self.config.xforward_hosts, self.peer.addr.ip())
    }

    fn xclient(&mut self, attributes: &Attributes) -> Flow {
        if !self.may_xclient() {
            return self.error(own::not_trusted());
        }
        if !matches!(self.transaction, Transaction::Idle) {
            return self.error(own::transaction_open());
        }
        self.in_step()?;
        self.peer.client.get_or_insert_default().merge(attributes);
        self.hello = Greeted::Not;
        self.greet();
        Ok(())
    }

    async fn xforward(&mut self, attributes: &Attributes) -> Flow {
        let offered = self.offered().is_some_and(|offer| offer.xforward);
        if !offered || !self.may_xforward() {
            return self.error(own::not_trusted());
        }
        if !matches!(self.transaction, Transaction::Idle) {
            return self.error(own::transaction_open());
        }
        let reply = fenced(self.service.xforward(attributes)).await;
        let reply = self.survive(reply)?;
        self.say(&reply)
    }

    fn offered(&self) -> Option<&Offer> {
        match &self.hello {
            Greeted::Ehlo(offer) | Greeted::Helo(offer) => Some(offer),
            Greeted::Not => None,
        }
    }

    // ---- the envelope

    fn mail(&mut self, mail: Mail, group: &mut Group) -> Flow {
        if let Some(refusal) = self.mail_refusal(&mail) {
            return self.error(refusal);
        }
        // Only a session between transactions ends by the shutdown, so none is begun after it.
        if self
            .shutdown
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
            .is_ready()
        {
            return Err(self.stopped(Stop::Shutdown));
        }
        let expected = mail.size().unwrap_or(0);
        group.mail = Some(Envelope { utf8: mail.is_utf8(), expected, accepted: 0, refused: 0, overshot: 0 });
        group.commands.push(EnvelopeCommand::Mail(mail));
        Ok(())
    }

    fn mail_refusal(&self, mail: &Mail) -> Option<Reply> {
        if matches!(self.config.tls, ServerTls::Required(_)) && self.peer.tls.is_none() {
            return Some(own::tls_required());
        }
        match &self.transaction {
            _ if self.offered().is_none() => return Some(own::hello_first()),
            Transaction::Idle => {}
            Transaction::Open(_) => return Some(own::nested_mail()),
            Transaction::Chunked(..) => return Some(own::in_chunks()),
            Transaction::Spoiled => return Some(own::chunk_discarded()),
        }
        if !mail.params.iter().all(|param| self.offers_for_mail(param)) {
            return Some(own::unknown_parameter());
        }
        if !mail.verbatim.is_ascii() && !mail.is_utf8() {
            return Some(own::utf8_not_allowed());
        }
        let most = self.offered().map_or(0, |offer| self.most(offer.size.unwrap_or(0)));
        mail.size().is_some_and(|size| size > most).then(own::message_too_big)
    }

    fn offers_for_mail(&self, param: &Param) -> bool {
        let Greeted::Ehlo(offer) = &self.hello else { return false };
        match param.keyword.as_str() {
            "SIZE" => offer.size.is_some(),
            "BODY" => offer.eight_bit_mime,
            "SMTPUTF8" => offer.smtp_utf8,
            "RET" | "ENVID" => offer.dsn,
            _ => false,
        }
    }

    fn offers_for_rcpt(&self, param: &Param) -> bool {
        let Greeted::Ehlo(offer) = &self.hello else { return false };
        matches!(param.keyword.as_str(), "NOTIFY" | "ORCPT") && offer.dsn
    }

    /// The recipients that wait may all be accepted: whether one more fits is known only after their replies.
    fn group_is_full(&self, group: &Group) -> bool {
        let accepted = match &self.transaction {
            Transaction::Open(envelope) => envelope.accepted,
            _ => 0,
        };
        group.commands.len() >= MAX_GROUP
            || (group.recipients > 0 && accepted + group.recipients >= self.config.max_recipients)
    }

    async fn rcpt(&mut self, rcpt: Rcpt, group: &mut Group) -> Flow {
        if let Some(refusal) = self.rcpt_refusal(&rcpt, group) {
            self.run_group(group).await?;
            return if refusal.is_transient() && self.may_overshoot() {
                self.say(&refusal)
            } else {
                self.error(refusal)
            };
        }
        group.recipients += 1;
        group.commands.push(EnvelopeCommand::Rcpt(rcpt));
        Ok(())
    }

    /// Takes note of a recipient over the limit.
    fn may_overshoot(&mut self) -> bool {
        let Transaction::Open(envelope) = &mut self.transaction else { return false };
        envelope.overshot += 1;
        envelope.overshot <= MAX_OVERSHOOT
    }

    fn rcpt_refusal(&self, rcpt: &Rcpt, group: &Group) -> Option<Reply> {
        if matches!(self.config.tls, ServerTls::Required(_)) && self.peer.tls.is_none() {
            return Some(own::tls_required());
        }
        let envelope = match (&self.transaction, &group.mail) {
            _ if self.offered().is_none() => return Some(own::hello_first()),
            (Transaction::Open(envelope), _) | (Transaction::Idle, Some(envelope)) => envelope,
            (Transaction::Idle, None) => return Some(own::mail_first()),
            (Transaction::Chunked(..), _) => return Some(own::in_chunks()),
            (Transaction::Spoiled, _) => return Some(own::chunk_discarded()),
        };
        if !rcpt.params.iter().all(|param| self.offers_for_rcpt(param)) {
            return Some(own::unknown_parameter());
        }
        if !rcpt.verbatim.is_ascii() && !envelope.utf8 {
            return Some(own::utf8_not_allowed());
        }
        (envelope.accepted >= self.config.max_recipients).then(own::too_many_recipients)
    }

    /// Has the service answer what waits.
    async fn run_group(&mut self, group: &mut Group) -> Flow {
        if group.commands.is_empty() {
            return Ok(());
        }
        let Group { commands, mail, .. } = std::mem::take(group);
        let count = commands.len();
        let replies = match fenced(self.service.envelope(commands)).await {
            Ok(replies) => replies,
            Err(panicked) => {
                (1..count).for_each(|_| self.wire.reply(&own::processing_error()));
                return self.survive(Err(panicked));
            }
        };
        self.note_replies(count, mail, replies)
    }

    fn note_replies(&mut self, count: usize, mail: Option<Envelope>, mut replies: Vec<Reply>) -> Flow {
        // A service that does not answer each command would set the sender out of step.
        replies.resize_with(count, own::processing_error);
        let mut replies = replies.into_iter();
        if let Some(envelope) = mail {
            let reply = replies.next().unwrap_or_else(own::processing_error);
            if reply.is_positive() {
                self.transaction = Transaction::Open(envelope);
            }
            self.pass_on(&reply)?;
        }
        for reply in replies {
            match &mut self.transaction {
                Transaction::Open(envelope) => {
                    envelope.accepted += usize::from(reply.is_positive());
                    envelope.refused += usize::from(!reply.is_positive());
                    self.pass_on(&reply)?;
                }
                // The MAIL before it was refused, and counted: whatever was said, nothing can be accepted.
                _ if reply.is_positive() => self.say(&own::mail_first())?,
                _ => self.say(&reply)?,
            }
        }
        Ok(())
    }
}

/// What a peer that may still be listening hears when its session ends for a reason of the wire's.
fn last_words(why: EndReason) -> Option<Reply> {
    match why {
        EndReason::Timeout => Some(own::timeout()),
        EndReason::Shutdown => Some(own::shutting_down()),
        EndReason::BareLf => Some(own::bare_lf_in_command()),
        EndReason::Flood => Some(own::too_many_errors()),
        _ => None,
    }
}
