//! Dialogues over real sockets: a scripted service behind the driver, and a small language to talk to it.
//!
//! A script has one step a line:
//! `C: text` the client sends the text and CRLF (neighbouring lines go in one write); `C= text` the same without CRLF,
//! with the escapes `\r \n \0 \t \\`; `S: text` the server's next line is exactly that; `S~ text` it begins with that;
//! `S.` the server closes; `S- n` nothing comes for n milliseconds; `W n` waits n milliseconds; `#` is a remark.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

pub mod certs;
pub mod hop;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtp::reply::{Reply, own};
use smtp::server::{
    EnvelopeCommand, Hello, Offer, Peer, ReceiveTimes, ServerConfig, Service, SessionEnd, serve,
};
use smtp::spool::{SpoolRules, Spooled};
use smtp::xclient::Attributes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
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
        Ok(SpoolRules { memory, dir: std::env::temp_dir(), max: 1 << 30 })
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

/// Plays the client's part of a script.
pub async fn play<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T, script: &str) {
    let mut player = Player { stream, input: Vec::new() };
    let mut out = Vec::new();
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty() && !step.starts_with('#'))
    {
        if let Some(text) = step.strip_prefix("C:") {
            out.extend_from_slice(text.strip_prefix(' ').unwrap_or(text).as_bytes());
            out.extend_from_slice(b"\r\n");
            continue;
        }
        if let Some(text) = step.strip_prefix("C= ") {
            out.extend_from_slice(&unescape(text));
            continue;
        }
        player.stream.write_all(&std::mem::take(&mut out)).await.expect("write");
        player.stream.flush().await.expect("flush");
        player.step(step).await;
    }
    let _ = player.stream.write_all(&out).await;
}

struct Player<'t, T> {
    stream: &'t mut T,
    input: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Player<'_, T> {
    async fn step(&mut self, step: &str) {
        if let Some(text) = step.strip_prefix("S: ") {
            assert_eq!(self.line(step).await, text);
        } else if let Some(text) = step.strip_prefix("S~ ") {
            let line = self.line(step).await;
            assert!(line.starts_with(text), "wanted {text:?}..., got {line:?}");
        } else if step == "S." {
            let rest = self.more(step).await;
            assert!(!rest, "wanted the end, got {:?}", String::from_utf8_lossy(&self.input));
        } else if let Some(time) = step.strip_prefix("S- ") {
            let time = Duration::from_millis(time.parse().unwrap());
            let quiet = tokio::time::timeout(time, self.more(step)).await;
            assert!(quiet.is_err(), "wanted silence, got {:?}", String::from_utf8_lossy(&self.input));
        } else if let Some(time) = step.strip_prefix("W ") {
            tokio::time::sleep(Duration::from_millis(time.parse().unwrap())).await;
        } else {
            panic!("not a step: {step:?}");
        }
    }

    async fn line(&mut self, wanted: &str) -> String {
        loop {
            if let Some(end) = self.input.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                return line.strip_suffix("\r\n").expect("CRLF").to_owned();
            }
            assert!(self.more(wanted).await, "the server closed, wanted {wanted:?}");
        }
    }

    async fn more(&mut self, wanted: &str) -> bool {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut buffer)).await;
        let count = read.unwrap_or_else(|_| panic!("nothing came, wanted {wanted:?}")).unwrap_or(0);
        self.input.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'\\' => match octets.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    out
}
