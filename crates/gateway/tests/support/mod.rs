//! A gateway on free ports, a next host that remembers what it got, and a sender.

#![allow(dead_code)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway::{CopyFilter, CopyLine, Destination, Gateway, Options, Running, State, Who};
use smtp::client::{Hop, HopConfig, Outgoing};
use smtp::command::{Mail, Rcpt};
use smtp::reply::{Reply, own};
use smtp::server::{EnvelopeCommand, Hello, Offer, Peer, ReceiveTimes, ServerConfig, Service};
use smtp::spool::{SpoolRules, Spooled};
use smtp::xclient::Attributes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A mail that a next host took.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) text: String,
}

/// A next host. It refuses for good who begins with `perm`, for now who begins with `temp` (until told to be kind), and messages
/// with `REFUSE-ME` in them.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    mails: Arc<Mutex<Vec<Got>>>,
    pub(crate) kind: Arc<AtomicBool>,
    /// Milliseconds before each final answer.
    pub(crate) slow: Arc<AtomicU64>,
    /// Mails that come in at this moment, and the most of them that there ever were.
    at_once: Arc<Mutex<(usize, usize)>>,
    stop: CancellationToken,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(listen: &str) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let sink = Self {
            address: listener.local_addr().unwrap(),
            mails: Arc::default(),
            kind: Arc::default(),
            slow: Arc::default(),
            at_once: Arc::default(),
            stop: CancellationToken::new(),
        };
        let (sink2, config) = (sink.clone(), Arc::new(ServerConfig::default()));
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = sink2.stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (config, stop) = (config.clone(), sink2.stop.clone());
                let session = Session { sink: sink2.clone(), sender: String::new(), recipients: Vec::new() };
                tokio::spawn(async move { smtp::server::serve(stream, &config, session, stop).await });
            }
        });
        sink
    }

    pub(crate) fn mails(&self) -> Vec<Got> {
        self.mails.lock().unwrap().clone()
    }

    /// The most mails that came in at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap().1
    }

    pub(crate) fn destination(&self) -> Destination {
        Destination::parse(&format!("smtp://{}", self.address)).unwrap()
    }

    /// Waits until so many mails are there.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Got> {
        until(&format!("{count} mails at the next host"), async || self.mails().len() >= count).await;
        self.mails()
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

struct Session {
    sink: Sink,
    sender: String,
    recipients: Vec<String>,
}

impl Service for Session {
    async fn hello(&mut self, _: &Hello, _: &Peer) -> Result<Offer, Reply> {
        Ok(Offer {
            size: Some(0),
            eight_bit_mime: true,
            smtp_utf8: true,
            dsn: true,
            enhanced_status_codes: true,
            ..Offer::default()
        })
    }

    async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        let answer = |command| match command {
            EnvelopeCommand::Mail(mail) => {
                self.sender = mail.path.address().to_owned();
                self.recipients.clear();
                own::sender_ok()
            }
            EnvelopeCommand::Rcpt(rcpt) => {
                let address = rcpt.path.address().to_owned();
                if address.starts_with("perm") {
                    return Reply::new(550, (5, 1, 1), "No such user here.");
                }
                if address.starts_with("temp") && !self.sink.kind.load(Ordering::Relaxed) {
                    return Reply::new(451, (4, 2, 1), "Mailbox busy.");
                }
                self.recipients.push(address);
                own::recipient_ok()
            }
        };
        commands.into_iter().map(answer).collect()
    }

    async fn ready(&mut self) -> Result<SpoolRules, Reply> {
        Ok(SpoolRules { memory: 8 << 20, dir: std::env::temp_dir(), max: 64 << 20 })
    }

    async fn message(&mut self, message: Spooled, _: ReceiveTimes) -> Reply {
        let text = String::from_utf8_lossy(&message.read().unwrap()).into_owned();
        if text.contains("REFUSE-ME") {
            return Reply::new(554, (5, 7, 1), "Not this one.");
        }
        {
            let mut at_once = self.sink.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        tokio::time::sleep(Duration::from_millis(self.sink.slow.load(Ordering::Relaxed))).await;
        self.sink.at_once.lock().unwrap().0 -= 1;
        let recipients = std::mem::take(&mut self.recipients);
        self.sink.mails.lock().unwrap().push(Got { sender: self.sender.clone(), recipients, text });
        Reply::new(250, (2, 0, 0), "Ok: the sink has it.")
    }

    async fn reset(&mut self) -> Reply {
        own::ok()
    }

    async fn xforward(&mut self, _: &Attributes) -> Reply {
        own::ok()
    }

    async fn quit(&mut self) -> Reply {
        own::closing()
    }
}

/// Settings for free ports and short waits.
pub(crate) fn options(data: &Path, deliver: Destination) -> Options {
    let mut options =
        Options { data: data.to_owned(), deliver, name: "gw.test".to_owned(), ..Options::default() };
    options.mail.listen = "127.0.0.1:0".to_owned();
    options.queue.first_wait = 1;
    options.queue.longest_wait = 1;
    options
}

pub(crate) async fn started(options: Options) -> Running {
    gateway::start(options).await.unwrap()
}

/// A marked mail.
pub(crate) fn marked(id: &str, subject: &str) -> String {
    format!(
        "X-dlp-policyid: 23\r\nX-dlp-policyid: 24\r\nX-dlp-uniquemsgid: {id}\r\nX-Cfilter-Loop: Reflected\r\nFrom: ann@company.example\r\nMessage-ID: <{id}@company.example>\r\nSubject: {subject}\r\n\r\nThe numbers.\r\n.\r\nEnd\r\n"
    )
}

/// The same as it must leave.
pub(crate) fn unmarked(id: &str, subject: &str) -> String {
    format!(
        "From: ann@company.example\r\nMessage-ID: <{id}@company.example>\r\nSubject: {subject}\r\n\r\nThe numbers.\r\n.\r\nEnd\r\n"
    )
}

/// Sends one mail; the last reply, or the first refusal of MAIL or of all recipients.
pub(crate) async fn send(to: SocketAddr, from: &str, recipients: &[&str], text: &str) -> Reply {
    match try_send(to, from, recipients, text).await {
        Ok(reply) => reply,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn try_send(
    to: SocketAddr,
    from: &str,
    recipients: &[&str],
    text: &str,
) -> Result<Reply, smtp::client::HopError> {
    let mut hop = Hop::connect(to, &HopConfig::plain("127.0.0.1", to.port(), "sender.test")).await?;
    let mut commands = vec![EnvelopeCommand::Mail(Mail::new(from).unwrap())];
    commands.extend(recipients.iter().map(|to| EnvelopeCommand::Rcpt(Rcpt::new(to).unwrap())));
    let replies = hop.envelope(&commands).await?;
    if !replies[0].is_positive() {
        return Ok(replies[0].clone());
    }
    if !replies[1..].iter().any(Reply::is_positive) {
        return Ok(replies[1].clone());
    }
    let message = Spooled::from_vec(text.as_bytes().to_vec());
    let reply = hop.send(&Outgoing { prefix: b"", message: &message, edits: &[] }).await?;
    let _ = hop.quit().await;
    Ok(reply)
}

pub(crate) async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is().await {
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn held(gateway: &Gateway) -> Vec<CopyLine> {
    in_state(gateway, State::Held).await
}

pub(crate) async fn in_state(gateway: &Gateway, state: State) -> Vec<CopyLine> {
    let filter = CopyFilter { state: Some(state), limit: 1000, ..CopyFilter::default() };
    gateway.copies(&filter).await.unwrap().copies
}

pub(crate) fn rita() -> Who {
    Who { name: "rita".to_owned(), from: Some("192.0.2.7".to_owned()) }
}

/// The actions of a message's history, in order.
pub(crate) async fn actions(gateway: &Gateway, message: u64) -> Vec<String> {
    gateway.history(message).await.unwrap().into_iter().map(|entry| entry.action).collect()
}

/// How many files of messages there are.
pub(crate) fn kept_files(data: &Path) -> usize {
    let dirs = std::fs::read_dir(data.join("messages")).unwrap();
    dirs.map(|dir| std::fs::read_dir(dir.unwrap().path()).unwrap().count()).sum()
}
