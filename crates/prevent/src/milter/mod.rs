//! The milter listener: an MTA that speaks milter (Postfix, Sendmail) asks us about each message and keeps it.
//!
//! The stations are the same up to recording; then, in place of relaying, the MTA is told what to do: header lines, recipients, a
//! hold, or the reply that refuses. The incident's outcome is "returned to the MTA". Whatever fails is a 4xx to the sender.

mod actions;
mod message;
pub(crate) mod wire;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use smtp::reply::{Reply, own};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::message::Message;
use self::wire::{Agreed, Answer, MAX_PACKET, Packet};
use crate::accept::Place;
use crate::answer::answer;
use crate::metrics::Result as Counted;
use crate::record::{Recorded, record};
use crate::relay::Relayed;
use crate::respond::Responded;
use crate::server::{Server, Shared};

impl Server {
    /// Serves MTAs by milter until `stop`; messages under inspection are answered within the grace time. True if all were.
    pub async fn run_milter(&self, listener: TcpListener, stop: CancellationToken) -> bool {
        self.serve(listener, stop, |stream, peer, tracker, ends| {
            self.welcome_mta(stream, peer, tracker, ends)
        })
        .await
    }

    fn welcome_mta(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tracker: &TaskTracker,
        ends: [&CancellationToken; 2],
    ) {
        let shared = self.shared().clone();
        let place = match self.door().enter(peer.ip().to_canonical(), &shared.settings()) {
            Ok(place) => place,
            Err(why) => {
                // The MTA takes a closed connection for a failure and, by its default, defers.
                shared.metrics.turned_away(why);
                return tracing::warn!(%peer, ?why, "milter connection turned away");
            }
        };
        let [stop, cut] = ends.map(CancellationToken::clone);
        tracker.spawn(async move {
            let served = Box::pin(Conversation::new(shared, stream, place).serve(stop));
            if let Some(Err(error)) = cut.run_until_cancelled(served).await {
                tracing::debug!(%peer, %error, "milter connection ended");
            }
        });
    }
}

/// One connection of an MTA.
struct Conversation {
    shared: Arc<Shared>,
    stream: BufReader<TcpStream>,
    _place: Place,
    agreed: Option<Agreed>,
    client: Option<IpAddr>,
    message: Option<Message>,
    packet: Vec<u8>,
}

/// What a step leads to.
enum Next {
    /// No answer: the step is silent.
    Silence,
    Answers(Vec<Answer>),
    /// The connection ends.
    End,
}

impl Conversation {
    fn new(shared: Arc<Shared>, stream: TcpStream, place: Place) -> Self {
        let stream = BufReader::with_capacity(1 << 16, stream);
        Self { shared, stream, _place: place, agreed: None, client: None, message: None, packet: Vec::new() }
    }

    async fn serve(mut self, stop: CancellationToken) -> io::Result<()> {
        let mut out = Vec::new();
        loop {
            // Between messages a stop ends the connection; within one the MTA gets its answer.
            let more = match self.message {
                Some(_) => self.read().await?,
                None => match stop.run_until_cancelled(self.read()).await {
                    Some(read) => read?,
                    None => return Ok(()),
                },
            };
            if !more {
                return Ok(());
            }
            let packet = std::mem::take(&mut self.packet);
            let next = self.step(&packet, &mut out).await?;
            self.packet = packet;
            match next {
                Next::Silence => {}
                Next::Answers(answers) => answers.iter().for_each(|answer| answer.write(&mut out)),
                Next::End => return Ok(()),
            }
            if !out.is_empty() {
                let write = self.shared.settings().smtp.timeouts.write;
                tokio::time::timeout(write, self.stream.get_mut().write_all(&out)).await??;
                out.clear();
            }
        }
    }

    /// The next packet; false at the end of the connection. Memory grows with what comes, not with what is announced.
    async fn read(&mut self) -> io::Result<bool> {
        let wait = self.shared.settings().smtp.timeouts.command;
        let mut length = [0; 4];
        match tokio::time::timeout(wait, self.stream.read_exact(&mut length)).await? {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 || length > MAX_PACKET {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.packet.clear();
        let mut limited = (&mut self.stream).take(length as u64);
        let read = tokio::time::timeout(wait, limited.read_to_end(&mut self.packet)).await??;
        if read < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(true) }
    }

    async fn step(&mut self, packet: &[u8], out: &mut Vec<u8>) -> io::Result<Next> {
        let packet = wire::parse(packet).ok_or(io::ErrorKind::InvalidData)?;
        if let Packet::Negotiate { version, actions, steps } = packet {
            let agreed = wire::negotiate(version, actions, steps, out);
            self.agreed = Some(agreed.ok_or_else(|| {
                tracing::error!(
                    version,
                    actions,
                    "the MTA's milter protocol is too old or too narrow; it defers by its default"
                );
                io::ErrorKind::Unsupported
            })?);
            return Ok(Next::Silence);
        }
        let agreed = self.agreed.ok_or(io::ErrorKind::InvalidData)?;
        match packet {
            Packet::Connect(client) => self.client = client,
            Packet::Mail(sender) => self.message = Some(Message::new(sender, &self.shared.settings())),
            Packet::Rcpt(recipient) => self.open()?.recipient(recipient),
            Packet::Header { name, value } => self.open()?.field(agreed, name, value).await,
            Packet::EndOfHeader => self.open()?.end_of_header().await,
            Packet::Body(octets) => self.open()?.body(octets).await,
            Packet::EndOfMessage => return self.end_of_message().await,
            Packet::Abort => {
                self.message = None;
                return Ok(Next::Silence);
            }
            Packet::QuitAndReuse => {
                (self.message, self.client) = (None, None);
                return Ok(Next::Silence);
            }
            Packet::Quit => return Ok(Next::End),
            // Macros are told before a step, and never answered.
            Packet::Other => return Ok(Next::Silence),
            Packet::Helo | Packet::Data | Packet::Negotiate { .. } => {}
        }
        Ok(if agreed.silent { Next::Silence } else { Next::Answers(vec![Answer::Continue]) })
    }

    /// The message that a step belongs to; an MTA that leaves MAIL out is none.
    fn open(&mut self) -> io::Result<&mut Message> {
        self.message.as_mut().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    async fn end_of_message(&mut self) -> io::Result<Next> {
        let message = self.message.take().ok_or(io::ErrorKind::InvalidData)?;
        // A local program submitted it.
        let client = self.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let answers = self.way(message, client).await.unwrap_or_else(|reply| {
            let counted = if reply.is_permanent() { Counted::Refused } else { Counted::Deferred };
            self.shared.metrics.message(counted);
            tracing::info!(peer = %client, %reply, "message not taken");
            let enhanced = reply.enhanced.map_or_else(String::new, |enhanced| enhanced.to_string());
            vec![Answer::Reply(actions::reply(reply.code, &enhanced, &reply.text()))]
        });
        Ok(Next::Answers(answers))
    }

    /// The way of a message: the stations of a proxied one, but what follows recording is the MTA's to do.
    async fn way(&self, message: Message, client: IpAddr) -> Result<Vec<Answer>, Reply> {
        let (shared, settings) = (&self.shared, self.shared.settings());
        let (received, question, fields) = message.finish(client).await?;
        let inspected = shared.inspector.inspect(received, question, &settings, &shared.journal).await?;
        let responded = Responded::new(inspected, &settings);
        let recorded = record(responded, &shared.journal, &settings, &shared.metrics).await?;
        let head = head(&recorded).await?;
        let answers = actions::of(recorded.responded(), &fields, &head, &settings);
        answer(Relayed::returned(recorded), &shared.journal, &shared.metrics).await;
        Ok(answers)
    }
}

/// The header as it was inspected.
async fn head(recorded: &Recorded) -> Result<Vec<u8>, Reply> {
    let responded = recorded.responded();
    let spooled = responded.received().spooled().clone();
    let length = responded.findings().facts.header.body_start;
    let read = move || {
        let mut head = vec![0; length];
        spooled.read_exact_at(&mut head, 0).map(|()| head)
    };
    let read = match responded.received().spooled().memory() {
        Some(_) => read(),
        None => tokio::task::spawn_blocking(read).await.map_err(|_| own::processing_error())?,
    };
    read.map_err(|error| {
        tracing::error!(%error, "a spooled message could not be read back");
        own::processing_error()
    })
}
