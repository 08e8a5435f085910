//! One upstream session's next-hop session: forwards the envelope, remembers it, and builds the session again, once, when it dies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp::client::{Extensions, Hop, HopError, Outgoing, Phase};
use smtp::command::Mail;
use smtp::reply::{Reply, own};
use smtp::server::EnvelopeCommand;
use smtp::spool::Spooled;
use smtp::xclient::Attributes;
use tokio::time::timeout;

use crate::server::Shared;
use crate::settings::Settings;

/// How long a next hop may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// How long a next hop may take for a NOOP while a message waits for it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The next-hop half of a session.
pub(crate) struct Pair {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    peer: SocketAddr,
    hop: Option<Hop>,
    /// MAIL and RCPT that the next hop took, as they came. Empty outside a transaction. What it refused is not kept: it
    /// counts for nothing, and there is no end to what a sender may have refused.
    transaction: Vec<EnvelopeCommand>,
    /// This transaction's envelope was given to a second session already; there is no third.
    replayed: bool,
    xclient: Option<Attributes>,
    /// Of one message: forgotten with its transaction, as Postfix does.
    xforward: Option<Attributes>,
}

impl Pair {
    /// Connects to the next hop.
    pub(crate) async fn connect(
        shared: Arc<Shared>,
        settings: Arc<Settings>,
        peer: SocketAddr,
    ) -> Result<Self, Reply> {
        let mut pair = Self {
            shared,
            settings,
            peer,
            hop: None,
            transaction: Vec::new(),
            replayed: false,
            xclient: None,
            xforward: None,
        };
        pair.hop = Some(pair.open().await?);
        Ok(pair)
    }

    /// The sender said EHLO again: no transaction, and a session that lives.
    pub(crate) async fn again(&mut self) -> Result<(), Reply> {
        self.reset().await;
        if self.hop.as_ref().is_none_or(Hop::is_broken) {
            self.hop = Some(self.open().await?);
        }
        Ok(())
    }

    /// What the next hop offers now; nothing where there is no session.
    pub(crate) fn extensions(&self) -> Extensions {
        self.hop.as_ref().map(|hop| hop.extensions().clone()).unwrap_or_default()
    }

    /// The MAIL command that the next hop took.
    pub(crate) fn mail(&self) -> Option<&Mail> {
        self.transaction.iter().find_map(|command| match command {
            EnvelopeCommand::Mail(mail) => Some(mail),
            EnvelopeCommand::Rcpt(_) => None,
        })
    }

    /// Addresses of the recipients that the next hop took.
    pub(crate) fn recipients(&self) -> Vec<String> {
        let addresses = self.transaction.iter().filter_map(|command| match command {
            EnvelopeCommand::Rcpt(rcpt) => Some(rcpt.path.address().to_owned()),
            EnvelopeCommand::Mail(_) => None,
        });
        addresses.collect()
    }

    /// Forwards MAIL and RCPT; one answer each. A session that died idle is built again.
    pub(crate) async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        let answers = match self.try_envelope(&commands).await {
            Ok(answers) => Ok(answers),
            Err(error) => match self.rebuild(&error).await {
                Ok(()) => self.try_envelope(&commands).await.map_err(|error| error.reply()),
                Err(reply) => Err(reply),
            },
        };
        match answers {
            Ok(answers) => {
                self.remember_taken(commands, &answers);
                answers
            }
            // What was taken before stays: the next command builds the session again with it.
            Err(reply) => vec![reply; commands.len()],
        }
    }

    /// A recipient without a sender is none, whatever the next hop says of it.
    fn remember_taken(&mut self, commands: Vec<EnvelopeCommand>, answers: &[Reply]) {
        for (command, _) in commands.into_iter().zip(answers).filter(|(_, answer)| answer.is_positive()) {
            if matches!(command, EnvelopeCommand::Mail(_)) || !self.transaction.is_empty() {
                self.transaction.push(command);
            }
        }
    }

    async fn try_envelope(&mut self, commands: &[EnvelopeCommand]) -> Result<Vec<Reply>, HopError> {
        let hop = self.hop.as_mut().ok_or(HopError::Broken)?;
        if lacks(hop.extensions(), commands) {
            return Ok(vec![own::processing_error(); commands.len()]);
        }
        let answers = hop.envelope(commands).await;
        if answers.is_err() {
            self.lose_hop();
        }
        answers
    }

    /// A fresh session that knows who our peer is.
    async fn open(&self) -> Result<Hop, Reply> {
        let failed = |error: HopError| {
            self.shared.metrics.hop_failures.inc();
            error.reply()
        };
        let mut hop = self.shared.hops.connect(&self.settings, self.peer).await.map_err(failed)?;
        if let Some(attributes) = &self.xclient {
            hop.xclient(attributes).await.map_err(failed)?;
        }
        if let Some(attributes) = &self.xforward {
            hop.xforward(attributes).await.map_err(failed)?;
        }
        Ok(hop)
    }

    /// A new session with the same envelope, once; what was taken must be taken again, for the sender has heard it.
    async fn rebuild(&mut self, why: &HopError) -> Result<(), Reply> {
        if !self.transaction.is_empty() && std::mem::replace(&mut self.replayed, true) {
            return Err(why.reply());
        }
        tracing::info!(%why, "next-hop session is built again");
        self.shared.metrics.hop_reconnects.inc();
        let mut hop = self.open().await?;
        if !self.transaction.is_empty() {
            if lacks(hop.extensions(), &self.transaction) {
                return Err(own::processing_error());
            }
            let answers = hop.envelope(&self.transaction).await.map_err(|error| error.reply())?;
            if !answers.iter().all(Reply::is_positive) {
                tracing::warn!("the new session answers the envelope otherwise than the old one");
                return Err(own::processing_error());
            }
        }
        self.hop = Some(hop);
        Ok(())
    }

    /// The session with the transaction's envelope in place.
    async fn ready(&mut self, why: &HopError) -> Result<&mut Hop, Reply> {
        if self.hop.as_ref().is_none_or(Hop::is_broken) {
            self.lose_hop();
            self.rebuild(why).await?;
        }
        self.hop.as_mut().ok_or_else(own::processing_error)
    }

    /// Starts over with another envelope (redirect). Whatever is refused defers the message.
    pub(crate) async fn replace_envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Result<(), Reply> {
        let client = self.xforward.take();
        self.reset().await;
        if let Some(client) = client {
            self.xforward(&client).await;
        }
        let answers = self.envelope(commands).await;
        let refused = answers.into_iter().find(|answer| !answer.is_positive());
        refused.map_or(Ok(()), |answer| {
            tracing::warn!(%answer, "redirect refused by the next hop");
            Err(own::processing_error())
        })
    }

    /// Sends the message on; a session that died while the message was received or inspected is built again, once.
    pub(crate) async fn send(
        &mut self,
        prefix: &[u8],
        message: &Spooled,
        edits: &[smtp::spool::Edit],
    ) -> Result<Reply, SendError> {
        let outgoing = Outgoing { prefix, message, edits };
        let answer = self.send_twice_at_most(&outgoing).await;
        match &answer {
            Ok(reply) => self.after_the_answer(reply).await,
            Err(error) => {
                self.abandon();
                if matches!(error, SendError::Lost(_)) {
                    self.shared.metrics.hop_failures.inc();
                }
            }
        }
        answer
    }

    async fn send_twice_at_most(&mut self, outgoing: &Outgoing<'_>) -> Result<Reply, SendError> {
        let hop = self.ready(&HopError::Broken).await.map_err(SendError::NotReady)?;
        match hop.send(outgoing).await {
            Err(error) if nothing_was_sent(&error) => {
                let hop = self.ready(&error).await.map_err(SendError::NotReady)?;
                hop.send(outgoing).await.map_err(SendError::Lost)
            }
            answer => answer.map_err(SendError::Lost),
        }
    }

    /// A hop that refused at DATA may still hold the envelope: it is told to forget it.
    async fn after_the_answer(&mut self, reply: &Reply) {
        if reply.is_positive() {
            self.end_transaction();
        } else {
            self.reset().await;
        }
    }

    /// RSET towards the next hop; ours if there is nothing to reset.
    pub(crate) async fn reset(&mut self) -> Reply {
        let had_transaction = !self.transaction.is_empty() || self.xforward.is_some();
        self.end_transaction();
        if let Some(hop) = self.hop.as_mut().filter(|_| had_transaction) {
            if hop.rset().await.is_ok_and(|reply| reply.is_positive()) {
                return own::ok();
            }
            // A hop that cannot reset must not keep the old envelope: the next command builds a new session.
            self.lose_hop();
        }
        own::ok()
    }

    /// An exchange was given up in the middle: neither the session nor the envelope counts any more.
    pub(crate) fn abandon(&mut self) {
        self.end_transaction();
        self.lose_hop();
    }

    fn end_transaction(&mut self) {
        self.transaction.clear();
        self.xforward = None;
        self.replayed = false;
    }

    /// Keeps the next hop from hanging up while a message is received or inspected.
    pub(crate) async fn keep_alive(&mut self) {
        if let Some(hop) = self.hop.as_mut()
            && !matches!(timeout(SIGN_OF_LIFE, hop.noop()).await, Ok(Ok(_)))
        {
            self.lose_hop();
        }
    }

    /// What a trusted peer says of the client that this message comes from.
    pub(crate) fn forwarded(&self) -> Option<&Attributes> {
        self.xforward.as_ref()
    }

    /// XFORWARD goes on if the next hop offers it. What several commands say adds up.
    pub(crate) async fn xforward(&mut self, attributes: &Attributes) -> Reply {
        self.xforward.get_or_insert_default().merge(attributes);
        match self.hop.as_mut() {
            None => own::ok(),
            Some(hop) => match hop.xforward(attributes).await {
                Ok(reply) => reply.unwrap_or_else(own::ok),
                Err(error) => {
                    self.lose_hop();
                    error.reply()
                }
            },
        }
    }

    /// XCLIENT starts the session anew on both sides; the next hop hears of it if it offers that.
    pub(crate) async fn xclient(&mut self, attributes: &Attributes) -> Result<(), Reply> {
        self.reset().await;
        self.xclient = Some(attributes.clone());
        self.xforward = None;
        match self.hop.as_mut() {
            None => Ok(()),
            Some(hop) => hop.xclient(attributes).await.map(drop).map_err(|error| {
                self.lose_hop();
                error.reply()
            }),
        }
    }

    /// QUIT, politely but without waiting long.
    pub(crate) async fn quit(mut self) {
        if let Some(mut hop) = self.hop.take() {
            let _ = timeout(GOODBYE, hop.quit()).await;
        }
    }

    fn lose_hop(&mut self) {
        self.hop = None;
    }
}

/// Whether the commands use what the hop does not offer: it was another one that the sender was told of.
fn lacks(extensions: &Extensions, commands: &[EnvelopeCommand]) -> bool {
    commands.iter().any(|command| {
        let params = match command {
            EnvelopeCommand::Mail(mail) => &mail.params,
            EnvelopeCommand::Rcpt(rcpt) => &rcpt.params,
        };
        params.iter().any(|param| match param.keyword.as_str() {
            "SIZE" => extensions.size.is_none(),
            "BODY" => !extensions.eight_bit_mime,
            "SMTPUTF8" => !extensions.smtp_utf8,
            "RET" | "ENVID" | "NOTIFY" | "ORCPT" => !extensions.dsn,
            _ => false,
        })
    })
}

/// The session was found dead before DATA was answered: the message cannot have arrived.
fn nothing_was_sent(error: &HopError) -> bool {
    matches!(error, HopError::Broken | HopError::Closed(Phase::DataInit) | HopError::Surplus(Phase::DataInit))
}

/// Why a message did not go on.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No session with the envelope in place could be had; nothing was sent.
    NotReady(Reply),
    /// The session failed on the way: the message may or may not have arrived.
    Lost(HopError),
}

impl SendError {
    /// What the sender hears.
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::NotReady(reply) => reply.clone(),
            Self::Lost(error) => error.reply(),
        }
    }
}
