//! Dialogues over real sockets: a scripted service behind the driver, and a small language to talk to it.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

pub mod certs;
pub mod dialogue;
pub mod hop;

pub use dialogue::play;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtp::reply::{Reply, own};
use smtp::server::{
    EnvelopeCommand, Hello, Offer, Peer, ReceiveTimes, ServerConfig, Service, SessionEnd, serve,
};
use smtp::spool::{SpoolRules, Spooled};
use smtp::xclient::Attributes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What happened behind the driver.
#[derive(Default)]
pub struct Seen {
    pub calls: Vec<String>,
    pub messages: Vec<Spooled>,
    pub peers: Vec<Peer>,
}

/// A service whose answers are chosen by the addresses in the commands.
#[derive(Clone, Default)]
pub struct Fake {
    pub seen: Arc<Mutex<Seen>>,
    pub offer: Option<Offer>,
    pub memory: Option<usize>,
    /// Where messages over that bound go.
    pub dir: Option<PathBuf>,
    pub message_delay: Duration,
    pub last_recipients: Vec<String>,
}

impl Fake {
    pub fn calls(&self) -> Vec<String> {
        self.seen.lock().unwrap().calls.clone()
    }

    pub fn message(&self) -> Vec<u8> {
        let seen = self.seen.lock().unwrap();
        seen.messages.last().expect("a message").read().unwrap().into_owned()
    }

    pub fn messages(&self) -> usize {
        self.seen.lock().unwrap().messages.len()
    }

    fn call(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().calls.push(what.into());
    }
}

pub fn everything() -> Offer {
    Offer {
        domain: None,
        size: Some(1_000_000),
        eight_bit_mime: true,
        smtp_utf8: true,
        dsn: true,
        enhanced_status_codes: true,
        xforward: true,
    }
}

impl Service for Fake {
    async fn hello(&mut self, hello: &Hello, peer: &Peer) -> Result<Offer, Reply> {
        self.call(format!("{} {}", if hello.esmtp { "ehlo" } else { "helo" }, hello.domain));
        self.seen.lock().unwrap().peers.push(peer.clone());
        match hello.domain.as_str() {
            "down.example" => Err(own::forwarding_unavailable()),
            "unwelcome.example" => Err(Reply::new(550, (5, 7, 1), "You are not welcome.")),
            _ => Ok(self.offer.clone().unwrap_or_else(everything)),
        }
    }

    async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        let text = |command: &EnvelopeCommand| match command {
            EnvelopeCommand::Mail(mail) => format!("mail {}", String::from_utf8_lossy(&mail.verbatim)),
            EnvelopeCommand::Rcpt(rcpt) => format!("rcpt {}", String::from_utf8_lossy(&rcpt.verbatim)),
        };
        let texts: Vec<String> = commands.iter().map(text).collect();
        self.call(texts.join(" | "));
        let reply = |text: &String| match text {
            text if text.contains("panic@") => panic!("as asked"),
            text if text.contains("refused@") => Reply::new(550, (5, 1, 1), "No such user."),
            text if text.contains("later@") => Reply::new(450, (4, 2, 1), "Later."),
            text if text.contains("gone@") => own::forwarding_lost(),
            text if text.starts_with("mail") => own::sender_ok(),
            _ => own::recipient_ok(),
        };
        self.last_recipients = texts.clone();
        texts.iter().map(reply).collect()
    }

    async fn ready(&mut self) -> Result<SpoolRules, Reply> {
        if self.last_recipients.iter().any(|text| text.contains("full@")) {
            return Err(own::no_room());
        }
        let memory = self.memory.unwrap_or(1 << 20);
        Ok(SpoolRules { memory, dir: self.dir.clone().unwrap_or_else(std::env::temp_dir), max: 1 << 30 })
    }

    async fn message(&mut self, message: Spooled, _: ReceiveTimes) -> Reply {
        self.call(format!("message {}", message.len()));
        self.seen.lock().unwrap().messages.push(message);
        tokio::time::sleep(self.message_delay).await;
        if self.last_recipients.iter().any(|text| text.contains("crash@")) {
            panic!("as asked");
        }
        if self.last_recipients.iter().any(|text| text.contains("blocked@")) {
            return Reply::new(550, (5, 7, 1), "Blocked by policy.");
        }
        Reply::new(250, (2, 0, 0), "Queued downstream.")
    }

    async fn reset(&mut self) -> Reply {
        self.call("reset");
        own::ok()
    }

    async fn xforward(&mut self, attributes: &Attributes) -> Reply {
        self.call(format!("xforward {attributes}"));
        own::ok()
    }

    async fn quit(&mut self) -> Reply {
        self.call("quit");
        own::closing()
    }

    async fn tick(&mut self) {
        self.call("tick");
    }
}

pub fn config() -> ServerConfig {
    ServerConfig { hostname: "weir.example".into(), max_size: 1_000_000, ..ServerConfig::default() }
}

/// A server for one connection.
pub struct Server {
    pub fake: Fake,
    pub shutdown: CancellationToken,
    pub client: TcpStream,
    pub end: JoinHandle<SessionEnd>,
}

pub async fn server(config: ServerConfig, fake: Fake) -> Server {
    server_saying(config, fake, b"").await
}

/// The client talks at once.
pub async fn server_saying(config: ServerConfig, fake: Fake, first: &[u8]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    client.write_all(first).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (config, shutdown) = (Arc::new(config), CancellationToken::new());
    let (service, token) = (fake.clone(), shutdown.clone());
    let end = tokio::spawn(async move { serve(stream, &config, service, token).await });
    Server { fake, shutdown, client, end }
}

/// Runs a script against a fresh server with the usual configuration.
pub async fn talk(script: &str) -> Fake {
    talk_with(config(), Fake::default(), script).await
}

pub async fn talk_with(config: ServerConfig, fake: Fake, script: &str) -> Fake {
    let mut server = server(config, fake).await;
    play(&mut server.client, script).await;
    drop(server.client);
    let end = tokio::time::timeout(Duration::from_secs(10), server.end).await;
    end.expect("the session ends").expect("the session does not panic");
    server.fake
}

/// What comes before most dialogues.
pub const HELLO: &str = "
S: 220 weir.example ESMTP
C: EHLO client.example
S: 250-weir.example
S: 250-PIPELINING
S: 250-CHUNKING
S: 250-SIZE 1000000
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-DSN
S: 250 ENHANCEDSTATUSCODES
";

pub async fn talk_after_hello(script: &str) -> Fake {
    talk(&format!("{HELLO}{script}")).await
}
