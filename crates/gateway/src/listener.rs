//! Where mail comes in: the SMTP service of both listeners. The mail listener filters, and keeps or passes on; the submission
//! listener of reflecting mode passes everything to the detection server and keeps nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use smtp::cidr::{self, Cidr};
use smtp::client::Extensions;
use smtp::command::Mail;
use smtp::reply::{Reply, own};
use smtp::server::{EnvelopeCommand, Hello, Offer, Peer, ReceiveTimes, ServerConfig, Service};
use smtp::spool::{SpoolRules, Spooled};
use smtp::xclient::Attributes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::{Incoming, Recipient};
use crate::door::{Door, Place};
use crate::filter::{Changes, Facts, Verdict};
use crate::header::Header;
use crate::history::now;
use crate::hop::{Passage, Way, deferred};
use crate::recorder::{Passed, Recorder};
use crate::{Error, Gateway, queue};

/// Octets of a message kept in memory while it comes in.
const IN_MEMORY: usize = 1 << 20;
/// RFC 5321 6.3: more Received lines than this are a loop.
const MOST_RECEIVED: usize = 100;
/// Kilobytes of messages that are looked at at one time: the bound on memory.
const LOOKED_AT: usize = 256 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const GRACE: Duration = Duration::from_secs(10);
const REFUSALS: usize = 256;
/// Recipients of a message that the log names.
const NAMED: usize = 50;

/// What all sessions of a listener share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gateway: Gateway,
    pub(crate) kind: Kind,
    pub(crate) smtp: Arc<ServerConfig>,
    pub(crate) door: Arc<Door>,
    pub(crate) trusted: Vec<Cidr>,
    pub(crate) recorder: Recorder,
    pub(crate) spool: PathBuf,
    pub(crate) memory: Arc<Semaphore>,
}

/// What a listener does with mail that nobody holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Filters, then passes on by this way.
    Deliver(Way),
    /// Filters, then delivers into this Maildir.
    Maildir(PathBuf),
    /// Passes everything to the detection server.
    Inspect(Way),
}

impl Shared {
    pub(crate) fn memory() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(LOOKED_AT))
    }

    fn way(&self) -> Option<&Way> {
        match &self.kind {
            Kind::Deliver(way) | Kind::Inspect(way) => Some(way),
            Kind::Maildir(_) => None,
        }
    }
}

/// Serves until `stop`, then lets sessions finish their transaction.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, stop: CancellationToken) {
    let (sessions, cut, refusals) =
        (TaskTracker::new(), CancellationToken::new(), Arc::new(Semaphore::new(REFUSALS)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match shared.door.enter(peer.ip()) {
                Ok(place) => {
                    let session = serve(shared.clone(), stream, peer, place, stop.clone());
                    let cut = cut.clone();
                    sessions.spawn(async move { cut.run_until_cancelled(Box::pin(session)).await });
                }
                Err(reply) => {
                    tracing::warn!(%peer, %reply, "connection turned away");
                    if let Ok(permit) = refusals.clone().try_acquire_owned() {
                        tokio::spawn(async move {
                            smtp::server::refuse(stream, &reply).await;
                            drop(permit);
                        });
                    }
                }
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    sessions.close();
    if tokio::time::timeout(GRACE, sessions.wait()).await.is_err() {
        tracing::warn!(open = sessions.len(), "sessions were cut off; their senders keep the mail");
        cut.cancel();
        sessions.wait().await;
    }
}

async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    stop: CancellationToken,
) {
    let config = shared.smtp.clone();
    let passage = shared.way().map(|way| Passage::new(way.clone()));
    let session = Session { shared, _place: place, peer, passage, envelope: Envelope::default() };
    let end = smtp::server::serve(stream, &config, session, stop).await;
    tracing::debug!(%peer, ?end, "session ended");
}

/// One connection.
struct Session {
    shared: Arc<Shared>,
    _place: Place,
    peer: SocketAddr,
    passage: Option<Passage>,
    envelope: Envelope,
}

/// The transaction at hand.
#[derive(Default)]
struct Envelope {
    mail: Option<Mail>,
    recipients: Vec<Recipient>,
    /// The next host has the envelope too, and has taken these recipients.
    in_step: bool,
}

impl Service for Session {
    async fn hello(&mut self, _: &Hello, peer: &Peer) -> Result<Offer, Reply> {
        self.peer = peer.addr;
        self.envelope = Envelope::default();
        let known = match &mut self.passage {
            None => Extensions {
                size: Some(0),
                eight_bit_mime: true,
                smtp_utf8: true,
                dsn: true,
                enhanced: true,
                ..Extensions::default()
            },
            Some(passage) => match (passage.open().await, &self.shared.kind) {
                (Ok(extensions), _) => extensions,
                (Err(error), Kind::Inspect(_)) => {
                    tracing::warn!(%error, "the detection server does not answer; the sender keeps its mail");
                    return Err(error.reply());
                }
                // Mail to be held needs no next host.
                (Err(error), _) => {
                    tracing::warn!(%error, "the delivery hop does not answer; only mail to be held is taken");
                    Extensions {
                        size: Some(0),
                        eight_bit_mime: true,
                        enhanced: true,
                        ..Extensions::default()
                    }
                }
            },
        };
        Ok(Offer {
            domain: None,
            size: known.size.or(Some(0)),
            eight_bit_mime: known.eight_bit_mime,
            smtp_utf8: known.smtp_utf8,
            dsn: known.dsn,
            enhanced_status_codes: true,
            xforward: false,
        })
    }

    async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        let begins = matches!(commands.first(), Some(EnvelopeCommand::Mail(_)));
        if begins {
            self.envelope = Envelope::default();
        }
        let replies = match &mut self.passage {
            Some(passage) if begins || self.envelope.in_step => match passage.envelope(&commands).await {
                Ok(replies) => {
                    self.envelope.in_step = true;
                    replies
                }
                // Whoever is to be held can still be: the filters decide once the message is here.
                Err(error) if begins && matches!(self.shared.kind, Kind::Deliver(_)) => {
                    tracing::warn!(%error, "the delivery hop does not answer; only mail to be held is taken");
                    own_replies(&commands)
                }
                Err(error) => vec![deferred(&error); commands.len()],
            },
            _ => own_replies(&commands),
        };
        self.note(commands, &replies);
        replies
    }

    async fn ready(&mut self) -> Result<SpoolRules, Reply> {
        Ok(SpoolRules { memory: IN_MEMORY, dir: self.shared.spool.clone(), max: self.shared.smtp.max_size })
    }

    async fn message(&mut self, message: Spooled, _: ReceiveTimes) -> Reply {
        let envelope = std::mem::take(&mut self.envelope);
        let reply = self.way(envelope, message).await;
        if let Some(passage) = &mut self.passage {
            // Where the message was kept or refused, the next host forgets the envelope.
            passage.reset().await;
        }
        reply
    }

    async fn reset(&mut self) -> Reply {
        self.envelope = Envelope::default();
        if let Some(passage) = &mut self.passage {
            passage.reset().await;
        }
        own::ok()
    }

    async fn xforward(&mut self, _: &Attributes) -> Reply {
        own::not_trusted()
    }

    async fn quit(&mut self) -> Reply {
        if let Some(passage) = &mut self.passage {
            passage.quit().await;
        }
        own::closing()
    }

    async fn tick(&mut self) {
        if let Some(passage) = &mut self.passage {
            passage.keep_alive().await;
        }
    }
}

impl Session {
    fn note(&mut self, commands: Vec<EnvelopeCommand>, replies: &[Reply]) {
        for (command, reply) in commands.into_iter().zip(replies) {
            match command {
                _ if !reply.is_positive() => {}
                EnvelopeCommand::Mail(mail) => self.envelope.mail = Some(mail),
                EnvelopeCommand::Rcpt(rcpt) => self
                    .envelope
                    .recipients
                    .push(Recipient { address: rcpt.path.address().to_owned(), rcpt: rcpt.verbatim }),
            }
        }
    }

    /// The way of a message: read, judged, then kept or passed on.
    async fn way(&mut self, envelope: Envelope, message: Spooled) -> Reply {
        let Some(mail) = envelope.mail else { return own::processing_error() };
        let kilobytes = u32::try_from(message.len() / 1024 + 1).unwrap_or(u32::MAX).min(LOOKED_AT as u32);
        let Ok(_permit) = self.shared.memory.clone().acquire_many_owned(kilobytes).await else {
            return own::processing_error();
        };
        let octets = match read(&message).await {
            Ok(octets) => octets,
            Err(error) => {
                tracing::error!(%error, "a received message cannot be read");
                return own::processing_error();
            }
        };
        let header = Header::read(octets.as_ref());
        if header.received() > MOST_RECEIVED {
            return own::mail_loop();
        }
        let incoming = self.incoming(&mail, envelope.recipients, &header, &octets, &message);
        if matches!(self.shared.kind, Kind::Inspect(_)) {
            return self
                .pass(incoming, envelope.in_step, &header, &Changes::default(), &message, &octets)
                .await;
        }
        let judge = self.shared.gateway.judge();
        let facts = Facts {
            header: &header,
            sender: &incoming.sender,
            size: incoming.size,
            unique_id: incoming.unique_id.as_deref(),
            policy_ids: &incoming.policy_ids,
        };
        let verdicts: Vec<Verdict> =
            incoming.recipients.iter().map(|to| judge.verdict(&facts, &to.address)).collect();
        match in_step(&verdicts) {
            Some(changes) => self.pass(incoming, envelope.in_step, &header, changes, &message, &octets).await,
            None => self.keep(&incoming, &verdicts, message.clone()).await,
        }
    }

    async fn keep(&self, incoming: &Incoming, verdicts: &[Verdict], message: Spooled) -> Reply {
        match self.shared.gateway.accept(incoming, verdicts, message).await {
            Ok(accepted) => {
                tracing::info!(
                    peer = %self.peer, message_number = accepted.message, unique_message_id = incoming.unique_id, message_id = incoming.message_id,
                    sender = incoming.sender, recipients = incoming.recipients.len(), to = named(&incoming.recipients), size = incoming.size, held = accepted.held, queued = accepted.queued, repeated = accepted.repeated,
                    deleted = accepted.deleted, "kept"
                );
                Reply::new(250, (2, 0, 0), format!("Ok: kept as message {}.", accepted.message))
            }
            Err(error) => {
                tracing::error!(%error, peer = %self.peer, unique_message_id = incoming.unique_id, "a message was not kept; the sender keeps it");
                refusal(&error)
            }
        }
    }

    /// In step with the next host, whose reply is the sender's.
    async fn pass(
        &mut self,
        incoming: Incoming,
        in_step: bool,
        header: &Header<'_>,
        changes: &Changes,
        message: &Spooled,
        octets: &[u8],
    ) -> Reply {
        let pass_header = self.shared.gateway.options().pass_header.clone();
        let reply = match (&mut self.passage, &self.shared.kind) {
            (Some(passage), _) if in_step => {
                let (prefix, edits) = header.leaving(&pass_header, changes);
                let sent = passage.send(&prefix, message, &edits).await;
                sent.unwrap_or_else(|error| deferred(&error))
            }
            (Some(_), _) => Reply::new(451, (4, 4, 1), "Error: Forwarding agent unavailable."),
            (None, Kind::Maildir(dir)) => {
                let recipients: Vec<&str> =
                    incoming.recipients.iter().map(|to| to.address.as_str()).collect();
                let envelope = (incoming.sender.as_str(), &recipients[..]);
                let delivered = tokio::task::block_in_place(|| {
                    queue::deliver_at_once(&self.shared.gateway, dir, envelope, octets, changes)
                });
                match delivered {
                    Ok(()) => Reply::new(250, (2, 0, 0), "Ok: delivered to the Maildir."),
                    Err(error) => {
                        tracing::error!(%error, dir = %dir.display(), "delivery into the Maildir failed");
                        own::no_room()
                    }
                }
            }
            (None, _) => own::processing_error(),
        };
        self.record(incoming, &reply).await;
        reply
    }

    async fn record(&self, incoming: Incoming, reply: &Reply) {
        let outcome = match reply {
            reply if reply.is_positive() => "passed",
            reply if reply.is_permanent() => "refused",
            _ => "deferred",
        };
        let hop = match &self.shared.kind {
            Kind::Deliver(way) => format!("smtp://{}", way.target),
            Kind::Maildir(dir) => format!("maildir:{}", dir.display()),
            Kind::Inspect(way) => format!("the detection server {}", way.target),
        };
        tracing::info!(
            peer = %self.peer, unique_message_id = incoming.unique_id, message_id = incoming.message_id, sender = incoming.sender,
            recipients = incoming.recipients.len(), to = named(&incoming.recipients), size = incoming.size, outcome, hop, %reply,
            "not kept"
        );
        let detail = format!("{hop} answered {reply}");
        let passed = Passed { incoming, outcome, detail };
        // Only a database that stands still makes this wait; the log has the line already.
        let sent = self.shared.recorder.send_timeout(passed, Duration::from_secs(2)).await;
        if sent.is_err() {
            tracing::error!("the message audit lacks a message: its database is too slow");
        }
    }

    fn incoming(
        &self,
        mail: &Mail,
        recipients: Vec<Recipient>,
        header: &Header<'_>,
        octets: &[u8],
        message: &Spooled,
    ) -> Incoming {
        let trusted = cidr::any_contains(&self.shared.trusted, self.peer.ip())
            && !matches!(self.shared.kind, Kind::Inspect(_));
        let unique_id = trusted.then(|| header.unique_id()).flatten();
        let sender = mail.path.address().to_owned();
        let message_id = header.text("Message-ID");
        let identity = unique_id.clone().unwrap_or_else(|| {
            let body = &octets[header.octets().len()..];
            let what =
                [sender.as_bytes(), b"\0", message_id.as_deref().unwrap_or("").as_bytes(), b"\0", body]
                    .concat();
            let hash = self.shared.gateway.inner.keys.hash("gateway identity", what);
            hash.iter().fold("h:".to_owned(), |text, octet| format!("{text}{octet:02x}"))
        });
        Incoming {
            identity,
            unique_id,
            policy_ids: if trusted { header.policy_ids() } else { Vec::new() },
            message_id,
            sender,
            mail: mail.verbatim.clone(),
            recipients,
            subject: header.text("Subject").unwrap_or_default(),
            peer: self.peer.ip().to_string(),
            size: message.len(),
            eight_bit: message.body_8bit,
            received_at: now(),
        }
    }
}

/// The header changes with which all copies just pass, if they do and are alike.
fn in_step(verdicts: &[Verdict]) -> Option<&Changes> {
    let first = verdicts.first()?;
    verdicts.iter().all(|one| one.just_passes() && one.changes == first.changes).then_some(&first.changes)
}

fn own_replies(commands: &[EnvelopeCommand]) -> Vec<Reply> {
    let reply = |command: &EnvelopeCommand| match command {
        EnvelopeCommand::Mail(_) => own::sender_ok(),
        EnvelopeCommand::Rcpt(_) => own::recipient_ok(),
    };
    commands.iter().map(reply).collect()
}

/// The recipients that the log names, as the detection server's does: it is searched for them, and a line is not to have thousands.
fn named(recipients: &[Recipient]) -> String {
    let first: Vec<&str> = recipients.iter().take(NAMED).map(|one| one.address.as_str()).collect();
    first.join(", ")
}

/// Whatever failed here is ours: the sender keeps the message and tries again.
fn refusal(error: &Error) -> Reply {
    match error {
        Error::Store(error) if error.is_outage() => own::no_room(),
        _ => own::processing_error(),
    }
}

async fn read(message: &Spooled) -> std::io::Result<std::borrow::Cow<'_, [u8]>> {
    if message.memory().is_some() {
        return message.read();
    }
    let message = message.clone();
    let read = move || message.read().map(std::borrow::Cow::into_owned);
    let octets = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)??;
    Ok(std::borrow::Cow::Owned(octets))
}
