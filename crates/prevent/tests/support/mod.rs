//! A detection server on loopback between a client and next hops that follow scripts.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../../../smtp/tests/support/dialogue.rs"]
mod dialogue;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use dialogue::{play, play_hop};

use content::{DocumentAnswer, DocumentRequest, Documents};
use incident::{Filter, Journal, JournalOptions};
use policy::{Set, SourceFile};
use prevent::{IdKey, Metrics, Mode, RefusedCopy, Server, Settings};
use smtp::client::{HopConfig, HopTimeouts};
use smtp::mx::{Resolver, Target};
use smtp::server::ServerConfig;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a client hears after EHLO when the hop offers nothing.
pub const HELLO: &str = "
S: 220 weir.example ESMTP
C: EHLO client.example
S: 250-weir.example
S: 250-PIPELINING
S: 250 CHUNKING
";
pub const ENVELOPE: &str = "
C: MAIL FROM:<a@a.example>
C: RCPT TO:<b@b.example>
S~ 250
S~ 250
";
/// The hop's part of a session, up to an accepted envelope.
pub const HOP: &str = "
S: 220 hop.example
C: EHLO weir.example
S: 250 hop.example
";
pub const HOP_ENVELOPE: &str = "
C: MAIL FROM:<a@a.example>
S: 250 2.1.0 sender fine
C: RCPT TO:<b@b.example>
S: 250 2.1.5 recipient fine
";

/// Opens every document by calling this.
struct OpenedBy(fn());

impl Documents for OpenedBy {
    fn open(&self, _: &DocumentRequest<'_>) -> DocumentAnswer {
        (self.0)();
        DocumentAnswer::default()
    }
}

/// Next hops: each connection to the port gets the next script.
pub struct Hops {
    pub addr: SocketAddr,
    pub task: JoinHandle<Vec<JoinHandle<Vec<u8>>>>,
}

pub async fn hops(scripts: &[&str]) -> Hops {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let scripts: Vec<String> = scripts.iter().map(|script| script.to_string()).collect();
    let task = tokio::spawn(async move {
        let mut sessions = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().await.unwrap();
            sessions.push(tokio::spawn(async move { play_hop(&mut stream, &script).await }));
        }
        sessions
    });
    Hops { addr, task }
}

impl Hops {
    /// Every connection came and every script was played to its end; what was sent beyond them.
    pub async fn played(self) -> Vec<Vec<u8>> {
        let sessions =
            tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("all sessions").unwrap();
        let mut beyond = Vec::new();
        for session in sessions {
            let mut octets = session.await.expect("the hop's dialogue");
            // The goodbye comes whenever the client is done.
            if octets.ends_with(b"QUIT\r\n") {
                octets.truncate(octets.len() - 6);
            }
            beyond.push(octets);
        }
        beyond
    }
}

pub fn target(addr: SocketAddr) -> Target {
    Target::parse(&addr.to_string(), 25).unwrap()
}

pub fn settings(dir: &std::path::Path, hops: &[SocketAddr]) -> Settings {
    let short = Duration::from_secs(2);
    let timeouts = HopTimeouts {
        connect: short,
        greeting: short,
        command: short,
        data_init: short,
        data_block: short,
        data_final: short,
        quit: Duration::from_millis(50),
    };
    Settings {
        server_name: "weir.example".into(),
        smtp: Arc::new(ServerConfig {
            hostname: "weir.example".into(),
            max_size: 1 << 20,
            ..ServerConfig::default()
        }),
        mode: Mode::Forward { hops: hops.iter().copied().map(target).collect() },
        hop: HopConfig { timeouts, ..HopConfig::plain("", 0, "weir.example") },
        allowed_hosts: vec!["127.0.0.0/8".parse().unwrap()],
        max_sessions: 100,
        max_sessions_per_address: 50,
        max_received: 30,
        memory_per_message: 1 << 20,
        memory_for_inspection: 64 << 20,
        sender_patience: Duration::from_secs(60),
        spool_dir: dir.to_owned(),
        inspection_deadline: Duration::from_secs(20),
        inspection_wait: Duration::from_secs(2),
        inspectors: 2,
        content: content::Limits::default(),
        passwords: Vec::new(),
        trial: false,
        break_glass: false,
        milter_holds: false,
        pass_header: Some(("X-Cfilter-Loop".into(), "Reflected".into())),
        refused_copy: RefusedCopy::Defer,
        id_key: IdKey::new([7; 32]),
        old_id_keys: Vec::new(),
        effects: prevent::EffectSettings {
            look_every: Duration::from_millis(20),
            ..prevent::EffectSettings::default()
        },
        shutdown_grace: Duration::from_secs(2),
    }
}

pub struct Weir {
    pub addr: SocketAddr,
    pub server: Server,
    pub journal: Arc<Journal>,
    pub stop: CancellationToken,
    pub run: JoinHandle<bool>,
    pub dir: TempDir,
}

pub async fn weir(hops: &[SocketAddr]) -> Weir {
    weir_with(hops, &[], |_| {}).await
}

pub async fn weir_with(
    hops: &[SocketAddr],
    policies: &[(&str, &str)],
    change: impl FnOnce(&mut Settings),
) -> Weir {
    weir_with_journal(hops, policies, change, JournalOptions::default()).await
}

pub async fn weir_with_journal(
    hops: &[SocketAddr],
    policies: &[(&str, &str)],
    change: impl FnOnce(&mut Settings),
    options: JournalOptions,
) -> Weir {
    start(hops, policies, change, options, || ()).await
}

/// A server that calls a function for each document that it opens.
pub async fn weir_that_opens(hops: &[SocketAddr], change: impl FnOnce(&mut Settings), open: fn()) -> Weir {
    start(hops, &[], change, JournalOptions::default(), open).await
}

async fn start(
    hops: &[SocketAddr],
    policies: &[(&str, &str)],
    change: impl FnOnce(&mut Settings),
    options: JournalOptions,
    open: fn(),
) -> Weir {
    start_in(tempfile::tempdir().unwrap(), hops, policies, change, options, open, &[]).await
}

/// A server that looks its next hops up at these name servers.
pub async fn weir_with_names(names: &[SocketAddr], change: impl FnOnce(&mut Settings)) -> Weir {
    let (dir, options) = (tempfile::tempdir().unwrap(), JournalOptions::default());
    start_in(dir, &[], &[], change, options, || (), names).await
}

/// A server over the data directory that another one left.
pub async fn weir_in(
    dir: TempDir,
    hops: &[SocketAddr],
    policies: &[(&str, &str)],
    change: impl FnOnce(&mut Settings),
) -> Weir {
    start_in(dir, hops, policies, change, JournalOptions::default(), || (), &[]).await
}

async fn start_in(
    dir: TempDir,
    hops: &[SocketAddr],
    policies: &[(&str, &str)],
    change: impl FnOnce(&mut Settings),
    options: JournalOptions,
    open: fn(),
    names: &[SocketAddr],
) -> Weir {
    let mut settings = settings(dir.path(), hops);
    change(&mut settings);
    let sources: Vec<SourceFile> = policies.iter().map(|(name, text)| SourceFile::new(*name, text)).collect();
    let set = Set::load_files(&sources).unwrap_or_else(|wrong| panic!("{wrong:#?}")).set;
    let journal = Arc::new(Journal::open(dir.path(), options).await.unwrap());
    let resolver = Resolver::from_servers(names).unwrap();
    let documents = Arc::new(OpenedBy(open));
    let server = Server::new(
        settings,
        Arc::new(set),
        documents,
        journal.clone(),
        Arc::new(Metrics::default()),
        resolver,
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (running, token) = (server.clone(), stop.clone());
    let run = tokio::spawn(async move { running.run(listener, token).await });
    Weir { addr, server, journal, stop, run, dir }
}

impl Weir {
    pub async fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.addr).await.unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    /// Plays the client's part of a dialogue on a connection of its own.
    pub async fn talk(&self, script: &str) {
        play(&mut self.client().await, script).await;
    }

    /// `policy: status` of each incident with its history.
    pub async fn incidents(&self) -> Vec<incident::Incident> {
        let list = self.journal.list(&Filter::default()).await.unwrap();
        let mut incidents = Vec::new();
        for summary in list {
            incidents.push(self.journal.show(summary.id).await.unwrap().unwrap());
        }
        incidents
    }
}
