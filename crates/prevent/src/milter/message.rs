//! A message as it comes through milter steps: envelope, header lines, body; bounded like one that comes by SMTP.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use smtp::reply::{Reply, own};
use smtp::server::ReceiveTimes;
use smtp::spool::{Spool, SpoolRules};

use super::wire::Agreed;
use crate::inspect::Question;
use crate::receive::Received;
use crate::settings::Settings;

/// A transaction from MAIL to the end of the message.
pub(super) struct Message {
    settings: Arc<Settings>,
    began: Instant,
    sender: String,
    recipients: Vec<String>,
    /// Names of the fields, in order: the MTA counts fields of a name.
    pub(super) fields: Vec<String>,
    spool: Spool,
    in_body: bool,
    /// Why it cannot be taken; what still comes is read and forgotten.
    refusal: Option<Reply>,
}

impl Message {
    pub(super) fn new(sender: String, settings: &Arc<Settings>) -> Self {
        let rules = SpoolRules {
            memory: settings.memory_per_message,
            dir: settings.spool_dir.clone(),
            max: settings.smtp.max_size,
        };
        Self {
            settings: settings.clone(),
            began: Instant::now(),
            sender,
            recipients: Vec::new(),
            fields: Vec::new(),
            spool: Spool::new(rules, 0),
            in_body: false,
            refusal: None,
        }
    }

    pub(super) fn recipient(&mut self, address: String) {
        if self.recipients.len() >= self.settings.smtp.max_recipients {
            // The MTA has told the sender yes: the whole message waits, it is not cut down in silence.
            return self.refuse(own::processing_error());
        }
        self.recipients.push(address);
    }

    pub(super) async fn field(&mut self, agreed: Agreed, name: &[u8], value: &[u8]) {
        // What is refused is read, but no longer kept: neither its octets nor its names.
        if self.refusal.is_some() {
            return;
        }
        if self.fields.len() >= self.settings.content.headers as usize * 16 {
            return self.refuse(own::processing_error());
        }
        let mut line = Vec::with_capacity(name.len() + value.len() + 4);
        agreed.line(name, value, &mut line);
        self.fields.push(String::from_utf8_lossy(name).into_owned());
        self.append(&line).await;
    }

    /// The empty line between header and body.
    pub(super) async fn end_of_header(&mut self) {
        if !std::mem::replace(&mut self.in_body, true) {
            self.append(b"\r\n").await;
        }
    }

    pub(super) async fn body(&mut self, octets: &[u8]) {
        self.end_of_header().await;
        self.append(octets).await;
    }

    async fn append(&mut self, octets: &[u8]) {
        if self.refusal.is_some() {
            return;
        }
        match self.spool.append(octets).await {
            Ok(true) => {}
            Ok(false) => self.refuse(own::message_too_big()),
            Err(error) => {
                tracing::error!(%error, "a message could not be spooled");
                self.refuse(own::processing_error());
            }
        }
    }

    fn refuse(&mut self, reply: Reply) {
        self.refusal.get_or_insert(reply);
        self.spool.discard();
    }

    /// The whole message with its question, or why it is not taken.
    pub(super) async fn finish(mut self, peer: IpAddr) -> Result<(Received, Question, Vec<String>), Reply> {
        self.end_of_header().await;
        if let Some(reply) = self.refusal {
            return Err(reply);
        }
        let spooled = self.spool.close().await.map_err(|error| {
            tracing::error!(%error, "a message could not be spooled");
            own::processing_error()
        })?;
        let times = ReceiveTimes { began: self.began, ended: Instant::now() };
        let question = Question { sender: self.sender, recipients: self.recipients, peer };
        Ok((Received::new(spooled, times), question, self.fields))
    }
}
