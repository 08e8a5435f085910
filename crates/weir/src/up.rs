//! `weir up`: everything in one process on loopback, for a first look; and `weir try`, which sends sample mails through it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use incident::{Filter, Journal, Summary};
use policy::Mode;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::config::{Config, Prevent};
use crate::maildir::{self, Maildir};
use crate::prevent_server;
use crate::terminal::safe;

/// Metrics and health of `weir up`.
const OPERATIONS: &str = "127.0.0.1:9025";
/// The file that tells `weir try` where things are.
const WHERE: &str = "up.json";

/// A mail that shows something.
struct Sample {
    title: &'static str,
    message: &'static str,
}

const SAMPLES: &[Sample] = &[
    Sample { title: "a harmless mail", message: include_str!("../samples/1-clean.eml") },
    Sample { title: "a card number in the body", message: include_str!("../samples/2-card-in-body.eml") },
    Sample {
        title: "identity numbers in an attached spreadsheet",
        message: include_str!("../samples/3-identity-numbers-in-spreadsheet.eml"),
    },
    Sample {
        title: "the same spreadsheet inside a zip archive",
        message: include_str!("../samples/4-spreadsheet-in-zip.eml"),
    },
    Sample { title: "a private key", message: include_str!("../samples/5-private-key.eml") },
];

const SENDER: &str = "alice@company.example";
const RECIPIENT: &str = "bob@partner.example";

/// What a running `weir up` tells others on this machine.
#[derive(Debug, Serialize, Deserialize)]
struct Where {
    listen: SocketAddr,
    delivery: SocketAddr,
    delivered: PathBuf,
}

/// Runs until a signal, or until the samples are through.
pub(crate) async fn up(command: &cli::Up, config: &Config) -> Result<()> {
    let stop = CancellationToken::new();
    prevent_server::stop_on_signals(stop.clone())?;
    let delivered = command.data.join("delivered");
    let delivery =
        maildir::listen(&config.up.delivery_listen, Maildir::open(&delivered)?, stop.clone()).await?;
    let base = &config.prevent;
    let config = Prevent {
        next_hop: vec![delivery.to_string()],
        mode: crate::config::Mode::Forward,
        data: command.data.clone(),
        ops_listen: if base.ops_listen.is_empty() { OPERATIONS.to_owned() } else { base.ops_listen.clone() },
        ..base.clone()
    };
    let running = prevent_server::start(
        Box::new(move || Ok(prevent_server::Configured { prevent: config.clone(), lines: Vec::new() })),
        stop.clone(),
    )
    .await?;
    let whereabouts = Where { listen: running.address, delivery, delivered };
    std::fs::write(command.data.join(WHERE), serde_json::to_string_pretty(&whereabouts)?)?;
    print_welcome(&whereabouts, &running, &command.data)?;
    if command.try_it {
        let outcome = try_all(&command.data).await;
        stop.cancel();
        running.finished().await;
        return outcome;
    }
    running.finished().await;
    let _ = std::fs::remove_file(command.data.join(WHERE));
    Ok(())
}

fn print_welcome(at: &Where, running: &prevent_server::Running, data: &Path) -> Result<()> {
    let set = running.server.policy_set();
    let operations = running.ops_address.map(|address| address.to_string()).unwrap_or_default();
    let mut out = io::stdout().lock();
    writeln!(out, "Weir is up. Everything listens on this machine only.\n")?;
    writeln!(
        out,
        "  mail in    {:<22} SMTP: send mail here, as your mail server would",
        at.listen.to_string()
    )?;
    writeln!(
        out,
        "  mail out   {:<22} every mail that passes is delivered to {}",
        at.delivery.to_string(),
        at.delivered.display()
    )?;
    writeln!(out, "  metrics    http://{operations}/metrics and /healthz")?;
    let in_mode = |mode| set.policies().iter().filter(|policy| policy.mode == mode).count();
    let (on, trial, off) = (in_mode(Mode::On), in_mode(Mode::Trial), in_mode(Mode::Off));
    writeln!(
        out,
        "  policies   {on} on, {trial} in trial (recorded only), {off} off; built in: `weir policy init DIR` writes them out"
    )?;
    writeln!(out, "  incidents  in {}: `weir incidents list --data {}`\n", data.display(), data.display())?;
    writeln!(out, "What to try, from a second terminal:\n")?;
    writeln!(
        out,
        "  weir try --data {}                 sends five sample mails and tells what became of each",
        data.display()
    )?;
    writeln!(
        out,
        "  swaks --server {} --from a@company.example --to b@partner.example --body 'Visa 4111 1111 1111 1111'\n",
        at.listen
    )?;
    writeln!(out, "Ctrl-C stops it.")?;
    Ok(())
}

/// Sends each sample and tells what became of it.
pub(crate) async fn try_all(data: &Path) -> Result<()> {
    let text = std::fs::read_to_string(data.join(WHERE)).with_context(|| {
        format!(
            "no running `weir up` found: {} is missing. Start `weir up` first, or name its --data directory",
            data.join(WHERE).display()
        )
    })?;
    let at: Where = serde_json::from_str(&text)?;
    ensure!(
        at.listen.ip().is_loopback() && at.delivery.ip().is_loopback(),
        "sample mails are only sent where both the server and its next hop are on this machine"
    );
    let journal = Journal::open_read_only(data).await.context("the incidents cannot be read")?;
    for (number, sample) in SAMPLES.iter().enumerate() {
        let message = fresh(sample.message, number);
        let before = highest(&journal).await?;
        println!("{}. {}", number + 1, sample.title);
        let reply = tokio::task::spawn_blocking({
            let (listen, message) = (at.listen, message.text.clone());
            move || send(listen, &message)
        })
        .await??;
        println!("   the sender was told:  {reply}");
        let incidents = new_incidents(&journal, before).await?;
        if reply.starts_with('2') {
            tell_delivered(&at.delivered, &message.id)?;
        } else {
            println!("   not delivered: the mail stays with the sender");
        }
        tell_incidents(&journal, &incidents).await?;
        println!();
    }
    println!("Read more: weir incidents list --data {0}, weir incidents show ID --data {0}", data.display());
    Ok(())
}

struct Fresh {
    text: String,
    id: String,
}

/// The sample with a Message-ID of its own, so that it is a new mail and not a retry of the last one.
fn fresh(sample: &str, number: usize) -> Fresh {
    let id = format!("try-{}-{number}@company.example", jiff::Timestamp::now().as_nanosecond());
    let text = sample.lines().map(|line| {
        if line.starts_with("Message-ID:") {
            format!("Message-ID: <{id}>\r\n")
        } else {
            format!("{line}\r\n")
        }
    });
    Fresh { text: text.collect(), id }
}

async fn highest(journal: &Journal) -> Result<u64> {
    let newest = journal.list(&Filter { limit: 1, ..Filter::default() }).await?;
    Ok(newest.first().map_or(0, |incident| incident.id))
}

async fn new_incidents(journal: &Journal, before: u64) -> Result<Vec<Summary>> {
    let mut found = journal.list(&Filter { limit: 20, ..Filter::default() }).await?;
    found.retain(|incident| incident.id > before);
    found.reverse();
    Ok(found)
}

fn tell_delivered(maildir: &Path, id: &str) -> Result<()> {
    for entry in std::fs::read_dir(maildir.join("new"))? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        if !text.contains(id) {
            continue;
        }
        println!("   delivered:            {}", path.display());
        let header = text.split("\r\n\r\n").next().unwrap_or_default();
        for line in header.lines().filter(|line| line.to_ascii_lowercase().starts_with("x-")) {
            println!("   with the header line  {line}");
        }
        return Ok(());
    }
    println!("   delivered elsewhere (a rule redirected it)");
    Ok(())
}

async fn tell_incidents(journal: &Journal, incidents: &[Summary]) -> Result<()> {
    if incidents.is_empty() {
        println!("   no policy was violated");
    }
    for summary in incidents {
        println!(
            "   incident {}:  {} ({}), {} matches",
            summary.id, summary.policy, summary.severity, summary.matches
        );
        let Some(incident) = journal.show(summary.id).await? else { continue };
        for found in incident.matches.iter().take(3) {
            let place = if found.path.is_empty() { "body" } else { &found.path };
            println!("      {} in {}: {}", found.rule, safe(place), safe(&found.masked()));
        }
    }
    Ok(())
}

/// One mail in plain SMTP; the final reply.
fn send(to: SocketAddr, message: &str) -> Result<String> {
    let stream =
        TcpStream::connect(to).with_context(|| format!("nothing answers on {to}; is `weir up` running?"))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut read = BufReader::new(stream.try_clone()?);
    let mut write = stream;
    expect(&mut read, "220")?;
    for (line, code) in [
        ("EHLO try.company.example".to_owned(), "250"),
        (format!("MAIL FROM:<{SENDER}>"), "250"),
        (format!("RCPT TO:<{RECIPIENT}>"), "250"),
        ("DATA".to_owned(), "354"),
    ] {
        write.write_all(format!("{line}\r\n").as_bytes())?;
        expect(&mut read, code)?;
    }
    let stuffed = message.replace("\r\n.", "\r\n..");
    write.write_all(format!("{stuffed}.\r\n").as_bytes())?;
    let reply = reply(&mut read)?;
    let _ = write.write_all(b"QUIT\r\n");
    Ok(reply)
}

fn expect(read: &mut impl BufRead, code: &str) -> Result<()> {
    let reply = reply(read)?;
    if !reply.starts_with(code) {
        bail!("expected {code}, the server said: {reply}");
    }
    Ok(())
}

/// The last line of one reply.
fn reply(read: &mut impl BufRead) -> Result<String> {
    loop {
        let mut line = String::new();
        ensure!(read.read_line(&mut line)? > 0, "the server closed the connection");
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().to_owned());
        }
    }
}
