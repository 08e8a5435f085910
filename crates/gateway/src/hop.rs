//! The next host of a session that passes mail on in step: MAIL and RCPT as they come, its replies are the sender's.

use std::sync::Arc;
use std::time::Duration;

use smtp::client::{Extensions, Hop, HopError, Outgoing};
use smtp::mx::{Resolver, Target};
use smtp::reply::{Reply, own};
use smtp::server::EnvelopeCommand;
use smtp::spool::{Edit, Spooled};
use tokio::time::timeout;

use crate::queue::{Speech, connect_to};

/// How long the next host may take for a sign of life, or for goodbye.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where sessions pass mail on to.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) target: Target,
    pub(crate) speech: Speech,
}

/// The next host's half of a session.
#[derive(Debug)]
pub(crate) struct Passage {
    way: Way,
    hop: Option<Hop>,
    in_transaction: bool,
}

impl Passage {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, hop: None, in_transaction: false }
    }

    /// A session that lives; what it offers.
    pub(crate) async fn open(&mut self) -> Result<Extensions, HopError> {
        self.reset().await;
        if self.hop.as_ref().is_none_or(Hop::is_broken) {
            self.hop = None;
            self.hop = Some(connect_to(&self.way.resolver, &self.way.target, &self.way.speech).await?);
        }
        Ok(self.hop.as_ref().map(|hop| hop.extensions().clone()).unwrap_or_default())
    }

    /// MAIL and RCPT; one reply each. A session that died idle is opened again once, before anything of the transaction was said.
    pub(crate) async fn envelope(&mut self, commands: &[EnvelopeCommand]) -> Result<Vec<Reply>, HopError> {
        let first = !self.in_transaction;
        let answer = self.try_envelope(commands).await;
        match answer {
            Err(_) if first => {
                self.open().await?;
                self.try_envelope(commands).await
            }
            answer => answer,
        }
    }

    async fn try_envelope(&mut self, commands: &[EnvelopeCommand]) -> Result<Vec<Reply>, HopError> {
        let hop = self.hop.as_mut().ok_or(HopError::Broken)?;
        let answer = hop.envelope(commands).await;
        match &answer {
            Ok(_) => self.in_transaction = true,
            Err(_) => self.lose(),
        }
        answer
    }

    /// The message; the next host's reply is the sender's.
    pub(crate) async fn send(
        &mut self,
        prefix: &[u8],
        message: &Spooled,
        edits: &[Edit],
    ) -> Result<Reply, HopError> {
        let hop = self.hop.as_mut().ok_or(HopError::Broken)?;
        let answer = hop.send(&Outgoing { prefix, message, edits }).await;
        match &answer {
            Ok(reply) if reply.is_positive() => self.in_transaction = false,
            Ok(_) => self.reset().await,
            Err(_) => self.lose(),
        }
        answer
    }

    /// Nothing of the transaction counts.
    pub(crate) async fn reset(&mut self) {
        if !std::mem::take(&mut self.in_transaction) {
            return;
        }
        let reset = match self.hop.as_mut() {
            Some(hop) => hop.rset().await.is_ok_and(|reply| reply.is_positive()),
            None => return,
        };
        if !reset {
            self.lose();
        }
    }

    /// Keeps the next host from hanging up while a message comes in.
    pub(crate) async fn keep_alive(&mut self) {
        if let Some(hop) = self.hop.as_mut()
            && !matches!(timeout(PATIENCE, hop.noop()).await, Ok(Ok(_)))
        {
            self.hop = None;
        }
    }

    pub(crate) async fn quit(&mut self) {
        if let Some(mut hop) = self.hop.take() {
            let _ = timeout(PATIENCE, hop.quit()).await;
        }
    }

    fn lose(&mut self) {
        self.hop = None;
        self.in_transaction = false;
    }
}

/// What the sender hears where there is no reply of the next host; never a goodbye, for the next message may be one to be held.
pub(crate) fn deferred(error: &HopError) -> Reply {
    let reply = error.reply();
    if reply.code == 421 {
        return Reply::new(451, (4, 4, 1), "Error: Forwarding agent unavailable.");
    }
    if reply.is_transient() { reply } else { own::processing_error() }
}
