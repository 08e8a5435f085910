//! Station 2, session: one upstream session paired with one next-hop session, and the way of each message through the stations.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smtp::command::Mail;
use smtp::reply::{Reply, own};
use smtp::server::{EnvelopeCommand, Hello, NotReceived, Offer, Peer, ReceiveTimes, Service};
use smtp::spool::{SpoolRules, Spooled};
use smtp::xclient::Attributes;

use crate::accept::Place;
use crate::answer::{answer, milliseconds, named};
use crate::inspect::Question;
use crate::metrics::Result as Counted;
use crate::pair::Pair;
use crate::receive::{self, Received};
use crate::record::record;
use crate::relay::relay;
use crate::respond::Responded;
use crate::server::Shared;
use crate::settings::Settings;
use crate::unique_id::UniqueId;

/// What the server does for one upstream connection.
pub(crate) struct Session {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    place: Place,
    pair: Option<Pair>,
    peer: Option<Peer>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, settings: Arc<Settings>, place: Place) -> Self {
        Self { shared, settings, place, pair: None, peer: None }
    }

    /// The way of a message. Each station takes what the one before it made; none can be left out.
    async fn way(&mut self, received: Received) -> Result<Reply, Reply> {
        let question = self.question()?;
        let (shared, settings) = (&self.shared, &self.settings);
        let pair = self.pair.as_mut().ok_or_else(own::processing_error)?;
        let inspecting = shared.inspector.inspect(received, question, settings, &shared.journal);
        let inspected = keeping_alive(pair, settings.smtp.timeouts.tick, inspecting).await?;
        let responded = Responded::new(inspected, settings);
        let recorded = record(responded, &shared.journal, settings, &shared.metrics).await?;
        let relayed = relay(recorded, pair, settings).await;
        Ok(answer(relayed, &shared.journal, &shared.metrics).await)
    }

    fn question(&self) -> Result<Question, Reply> {
        let pair = self.pair.as_ref().ok_or_else(own::processing_error)?;
        let sender = pair.mail().ok_or_else(own::processing_error)?;
        Ok(Question {
            sender: sender.path.address().to_owned(),
            recipients: pair.recipients(),
            peer: self.client_address().ok_or_else(own::processing_error)?,
        })
    }

    /// The client as policies, incidents and logs see it: what a trusted peer says of this message (XFORWARD), else of its
    /// session (XCLIENT), else the connection's. Never for reflecting, limits or allowed hosts.
    fn client_address(&self) -> Option<IpAddr> {
        let peer = self.peer.as_ref()?;
        let forwarded = self.pair.as_ref().and_then(Pair::forwarded).and_then(Attributes::address);
        let client = forwarded.or_else(|| peer.client.as_ref().and_then(Attributes::address));
        Some(client.unwrap_or(peer.addr.ip()))
    }

    async fn connect(&mut self, peer: &Peer) -> Result<(), Reply> {
        self.pair = Some(Pair::connect(self.shared.clone(), self.settings.clone(), peer.addr).await?);
        Ok(())
    }
}

impl Service for Session {
    async fn hello(&mut self, _: &Hello, peer: &Peer) -> Result<Offer, Reply> {
        if let Err(why) = self.place.belongs_to(peer.addr.ip().to_canonical(), &self.settings) {
            self.shared.metrics.turned_away(why);
            return Err(why.reply());
        }
        let restarted = self.peer.as_ref().and_then(|before| before.client.as_ref()) != peer.client.as_ref();
        self.peer = Some(peer.clone());
        if self.pair.is_none() {
            self.connect(peer).await?;
        }
        let pair = self.pair.as_mut().ok_or_else(own::processing_error)?;
        if let Some(client) = peer.client.as_ref().filter(|_| restarted) {
            pair.xclient(client).await?;
        }
        pair.again().await?;
        Ok(offer(&pair.extensions(), &self.settings))
    }

    async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        match self.pair.as_mut() {
            Some(pair) => pair.envelope(commands).await,
            None => vec![own::processing_error(); commands.len()],
        }
    }

    async fn ready(&mut self) -> Result<SpoolRules, Reply> {
        let settings = &self.settings;
        Ok(SpoolRules {
            memory: settings.memory_per_message,
            dir: settings.spool_dir.clone(),
            max: settings.smtp.max_size,
        })
    }

    async fn message(&mut self, message: Spooled, times: ReceiveTimes) -> Reply {
        // A configuration reloaded meanwhile counts from the next message on.
        self.settings = self.shared.settings();
        let began = Instant::now();
        let received = Received::new(message.clone(), times);
        match self.way(received).await {
            Ok(reply) => reply,
            Err(reply) => {
                let known =
                    message.memory().map(|octets| receive::ids(octets, self.sender(), &self.settings));
                let lost = NotReceived { reply: Some(reply.clone()), size: message.len(), times };
                self.tell_not_taken(&lost, known, began.elapsed());
                if let Some(pair) = self.pair.as_mut() {
                    pair.reset().await;
                }
                reply
            }
        }
    }

    async fn not_received(&mut self, lost: &NotReceived) {
        self.shared.metrics.not_received.inc();
        self.tell_not_taken(lost, None, Duration::ZERO);
    }

    async fn reset(&mut self) -> Reply {
        match self.pair.as_mut() {
            Some(pair) => pair.reset().await,
            None => own::ok(),
        }
    }

    async fn xforward(&mut self, attributes: &Attributes) -> Reply {
        match self.pair.as_mut() {
            Some(pair) => pair.xforward(attributes).await,
            None => own::ok(),
        }
    }

    async fn quit(&mut self) -> Reply {
        if let Some(pair) = self.pair.take() {
            // The sender need not wait for the next hop's goodbye.
            tokio::spawn(pair.quit());
        }
        own::closing()
    }

    async fn tick(&mut self) {
        if let Some(pair) = self.pair.as_mut() {
            pair.keep_alive().await;
        }
    }
}

impl Session {
    /// The log line and the count of a message that has no way through the stations; the line has the fields of one that has.
    fn tell_not_taken(&self, lost: &NotReceived, ids: Option<(UniqueId, Option<String>)>, worked: Duration) {
        let verdict = match &lost.reply {
            Some(reply) if reply.is_permanent() => Counted::Refused,
            _ => Counted::Deferred,
        };
        self.shared.metrics.message(verdict);
        let (dlp_id, message_id) = ids.map_or((None, None), |(id, message_id)| (Some(id), message_id));
        let recipients = self.pair.as_ref().map(Pair::recipients).unwrap_or_default();
        tracing::info!(
            dlp_id = dlp_id.map(tracing::field::display),
            message_id = message_id.as_deref().unwrap_or(""),
            peer = self.client_address().map(tracing::field::display),
            sender = self.sender(),
            recipients = recipients.len(),
            to = named(&recipients),
            size = lost.size,
            ?verdict,
            reply = lost.reply.as_ref().map(tracing::field::display),
            reason = if lost.reply.is_some() { "" } else { "the sender hung up within the message" },
            receive_ms = milliseconds(lost.times.ended - lost.times.began),
            inspect_ms = milliseconds(worked),
            "message not taken",
        );
    }

    fn sender(&self) -> &str {
        self.pair.as_ref().and_then(Pair::mail).map_or("", |mail: &Mail| mail.path.address())
    }
}

/// Does the work, and keeps the next hop from hanging up meanwhile.
async fn keeping_alive<T>(pair: &mut Pair, every: Duration, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(every, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => pair.keep_alive().await,
        }
    }
}

/// The end-to-end extensions that the next hop has; SIZE less the room that our header lines take.
fn offer(hop: &smtp::client::Extensions, settings: &Settings) -> Offer {
    let ours = settings.smtp.max_size;
    let size = hop.size.map(|limit| match limit {
        0 => ours,
        limit => ours.min(limit.saturating_sub(Settings::HEADER_ROOM)),
    });
    Offer {
        size,
        eight_bit_mime: hop.eight_bit_mime,
        smtp_utf8: hop.smtp_utf8,
        dsn: hop.dsn,
        enhanced_status_codes: hop.enhanced,
        // Of use here whether the next hop has it or not; the driver offers it to trusted peers only.
        xforward: true,
        ..Offer::default()
    }
}
