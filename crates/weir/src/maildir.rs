//! The next hop of `weir up`: an SMTP listener on loopback that delivers every message into one Maildir.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use smtp::reply::{Reply, own};
use smtp::server::{EnvelopeCommand, Hello, Offer, Peer, ReceiveTimes, ServerConfig, Service, serve};
use smtp::spool::{SpoolRules, Spooled};
use smtp::xclient::Attributes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Octets of one message kept in memory.
const IN_MEMORY: usize = 1 << 20;

/// A Maildir: `tmp`, `new`, `cur`.
#[derive(Debug)]
pub(crate) struct Maildir {
    dir: PathBuf,
    delivered: AtomicU64,
}

impl Maildir {
    /// Opens or makes the directory.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        for name in ["tmp", "new", "cur"] {
            let dir = dir.join(name);
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        Ok(Self { dir: dir.to_path_buf(), delivered: AtomicU64::new(0) })
    }

    /// Writes the message whole and durable under `tmp`, then lets it appear under `new`.
    /// Return-Path is added as at any final delivery (RFC 5321 4.4), and one Delivered-To a recipient.
    fn deliver(&self, sender: &str, recipients: &[String], message: &Spooled) -> io::Result<()> {
        let now = jiff::Timestamp::now();
        let number = self.delivered.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.P{}Q{number}.weir", now.as_microsecond(), std::process::id());
        let (tmp, new) = (self.dir.join("tmp").join(&name), self.dir.join("new").join(&name));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&tmp)?;
        write!(file, "Return-Path: <{sender}>\r\n")?;
        for recipient in recipients {
            write!(file, "Delivered-To: {recipient}\r\n")?;
        }
        io::copy(&mut message.reader(), &mut file)?;
        file.sync_all()?;
        fs::rename(&tmp, &new)?;
        File::open(self.dir.join("new"))?.sync_all()
    }
}

/// Listens and delivers until `stop`.
pub(crate) async fn listen(listen: &str, maildir: Maildir, stop: CancellationToken) -> Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; is another server running there?"))?;
    let address = listener.local_addr()?;
    let config =
        Arc::new(ServerConfig { banner: "ESMTP Weir delivery".to_owned(), ..ServerConfig::default() });
    let maildir = Arc::new(maildir);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let delivery =
                Delivery { maildir: maildir.clone(), sender: String::new(), recipients: Vec::new() };
            let (config, stop) = (config.clone(), stop.clone());
            tokio::spawn(async move { serve(stream, &config, delivery, stop).await });
        }
    });
    Ok(address)
}

struct Delivery {
    maildir: Arc<Maildir>,
    sender: String,
    recipients: Vec<String>,
}

impl Service for Delivery {
    async fn hello(&mut self, _: &Hello, _: &Peer) -> Result<Offer, Reply> {
        Ok(Offer {
            size: Some(0),
            eight_bit_mime: true,
            smtp_utf8: true,
            enhanced_status_codes: true,
            ..Offer::default()
        })
    }

    async fn envelope(&mut self, commands: Vec<EnvelopeCommand>) -> Vec<Reply> {
        let mut take = |command| match command {
            EnvelopeCommand::Mail(mail) => {
                mail.path.address().clone_into(&mut self.sender);
                self.recipients.clear();
                own::sender_ok()
            }
            EnvelopeCommand::Rcpt(rcpt) => {
                self.recipients.push(rcpt.path.address().to_owned());
                own::recipient_ok()
            }
        };
        commands.into_iter().map(&mut take).collect()
    }

    async fn ready(&mut self) -> Result<SpoolRules, Reply> {
        Ok(SpoolRules { memory: IN_MEMORY, dir: self.maildir.dir.join("tmp"), max: u64::MAX })
    }

    async fn message(&mut self, message: Spooled, _: ReceiveTimes) -> Reply {
        let (sender, recipients) = (std::mem::take(&mut self.sender), std::mem::take(&mut self.recipients));
        let maildir = self.maildir.clone();
        let delivered =
            tokio::task::spawn_blocking(move || maildir.deliver(&sender, &recipients, &message)).await;
        match delivered {
            Ok(Ok(())) => Reply::new(250, (2, 0, 0), "Ok: delivered to the Maildir."),
            Ok(Err(error)) => {
                tracing::error!(%error, "delivery into the Maildir failed");
                own::no_room()
            }
            Err(_) => own::processing_error(),
        }
    }

    async fn reset(&mut self) -> Reply {
        self.recipients.clear();
        own::ok()
    }

    async fn xforward(&mut self, _: &Attributes) -> Reply {
        own::ok()
    }

    async fn quit(&mut self) -> Reply {
        own::closing()
    }
}
