//! `weir up`: everything in one process on loopback, for a first look; and `weir try`, which sends sample mails through it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use incident::wire::ServerKind;
use incident::{Filter, Journal, Summary};
use policy::Mode;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::config::{Effective, Enforce};
use crate::terminal::safe;
use crate::{enforce_server, gateway_server, link, ops, prevent_server};

/// Metrics and health of `weir up`.
const OPERATIONS: &str = "127.0.0.1:9025";
/// The file that tells `weir try` where things are.
const WHERE: &str = "up.json";
/// Name and directory of the detection server.
const PREVENT: &str = "prevent";
/// Name and directory of the gateway.
const GATEWAY: &str = "gateway";
/// Incidents arrive at Enforce within this time, or something is wrong.
const HAND_OVER: Duration = Duration::from_secs(20);

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
    /// Data directory of the detection server.
    prevent: PathBuf,
    console: String,
    /// The gateway's Control Center.
    center: String,
}

/// Runs until a signal, or until the samples are through.
pub(crate) async fn up(command: &cli::Up, effective: &Effective) -> Result<()> {
    let stop = CancellationToken::new();
    prevent_server::stop_on_signals(stop.clone())?;
    all_free(effective).await?;
    let (delivered, prevent_data) = (command.data.join("delivered"), command.data.join(PREVENT));
    let enforce = enforce_server::start(&enforce_config(command, effective), stop.clone()).await?;
    let password = enforce_server::first_administrator(&enforce).await?;
    let url = format!("https://{}", enforce.servers_address);
    enroll(&enforce, &url, &prevent_data).await?;
    let quarantine = start_gateway(&enforce, &url, command, effective, &delivered, stop.clone()).await?;
    let delivery = quarantine.running.mail;
    let effective = prevent_config(effective, &prevent_data, &delivery, &url)?;
    let configure = Box::new(move || prevent_server::Configured::new(effective.clone()));
    let running = prevent_server::start(configure, stop.clone()).await?;
    let console = enforce.console_address();
    let center =
        quarantine.console.as_ref().map(|center| format!("http://{}", center.address)).unwrap_or_default();
    let reviewer = quarantine.site.people().first_administrator().await?;
    let whereabouts =
        Where { listen: running.address, delivery, delivered, prevent: prevent_data, console, center };
    std::fs::write(command.data.join(WHERE), serde_json::to_string_pretty(&whereabouts)?)?;
    let passwords = [password.as_deref(), reviewer.as_deref().map(String::as_str)];
    print_welcome(&whereabouts, &running, &enforce, passwords, &command.data)?;
    let outcome = if command.try_it { try_all(&command.data).await } else { Ok(()) };
    if command.try_it {
        stop.cancel();
    }
    running.finished().await;
    quarantine.finished(stop).await;
    enforce.finished().await;
    let _ = std::fs::remove_file(command.data.join(WHERE));
    outcome
}

/// Whether every socket can be had, before anything is made: the ports are usual ones, and another program may have one of them.
async fn all_free(effective: &Effective) -> Result<()> {
    let config = &effective.config;
    for (address, purpose, variable) in [
        (config.prevent.listen.as_str(), "mail", "WEIR_PREVENT_LISTEN"),
        (operations(effective), "metrics and health", "WEIR_PREVENT_OPS_LISTEN"),
        (&config.enforce.listen, "the console", "WEIR_ENFORCE_LISTEN"),
        (&config.enforce.servers_listen, "servers", "WEIR_ENFORCE_SERVERS_LISTEN"),
        (&config.up.delivery_listen, "mail at the gateway", "WEIR_UP_DELIVERY_LISTEN"),
        (&config.up.remediation_listen, "remediation", "WEIR_UP_REMEDIATION_LISTEN"),
        (&config.up.center_listen, "the quarantine", "WEIR_UP_CENTER_LISTEN"),
    ] {
        ops::is_free(address, purpose, &format!("{variable}=127.0.0.1:PORT gives another")).await?;
    }
    Ok(())
}

fn operations(effective: &Effective) -> &str {
    match effective.config.prevent.ops_listen.as_str() {
        "" => OPERATIONS,
        given => given,
    }
}

/// Enforce owns the data directory: its incidents are those that people look at.
fn enforce_config(command: &cli::Up, effective: &Effective) -> Enforce {
    let base = &effective.config;
    let policies = [&base.enforce.policies, &base.prevent.policies];
    let policies =
        policies.into_iter().find(|path| !path.as_os_str().is_empty()).cloned().unwrap_or_default();
    Enforce {
        data: command.data.clone(),
        plain_http: true,
        policies,
        ops_listen: String::new(),
        ..base.enforce.clone()
    }
}

/// The detection server belongs to Enforce, as it does elsewhere: policies and settings come from there.
fn prevent_config(effective: &Effective, data: &Path, delivery: &SocketAddr, url: &str) -> Result<Effective> {
    let mut effective = effective.clone();
    let ops = operations(&effective).to_owned();
    for (key, value) in [
        ("prevent.next_hop", toml::Value::from(vec![delivery.to_string()])),
        ("prevent.mode", "forward".into()),
        ("prevent.data", data.to_string_lossy().into_owned().into()),
        ("prevent.policies", "".into()),
        ("prevent.enforce", url.into()),
        ("prevent.ops_listen", ops.into()),
    ] {
        effective.force("weir up", key, value)?;
    }
    Ok(effective)
}

/// The gateway belongs to Enforce, as it would elsewhere: enrolled, with a user of its own for status updates, and asked by
/// the guide's plug-ins.
async fn start_gateway(
    enforce: &enforce::Running,
    url: &str,
    command: &cli::Up,
    effective: &Effective,
    delivered: &Path,
    stop: CancellationToken,
) -> Result<gateway_server::Running> {
    let data = command.data.join(GATEWAY);
    std::fs::create_dir_all(&data)
        .with_context(|| format!("cannot make the directory {}", data.display()))?;
    let password_file = data.join("enforce.password");
    if !password_file.exists() {
        update_user(enforce, &password_file).await?;
    }
    let token = enforce_server::token_for(enforce, GATEWAY, &["127.0.0.1", "localhost"], &data).await?;
    let flags = cli::GatewayServer {
        listen: Some(effective.config.up.delivery_listen.clone()),
        deliver: Some(format!("maildir:{}", delivered.display())),
        remediation_listen: Some(effective.config.up.remediation_listen.clone()),
        console_listen: Some(effective.config.up.center_listen.clone()),
        data: Some(data),
        enforce: Some(url.to_owned()),
        enforce_user: Some(GATEWAY.to_owned()),
        enforce_password_file: Some(password_file),
        names: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        ..cli::GatewayServer::default()
    };
    let mut settings = gateway_server::settings(&effective.config.gateway, &flags)?;
    settings.token = token;
    let running = gateway_server::start(settings, stop).await?;
    if let Some(address) = running.running.remediation {
        enforce.enforce.connect_gateway("127.0.0.1", address.port(), GATEWAY).await?;
    }
    Ok(running)
}

/// A user of Enforce who may do nothing but tell what became of held mail; its password goes to a file that only we can read.
async fn update_user(enforce: &enforce::Running, file: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let people = enforce.enforce.site.people();
    let role = people.role_named("API client").await?.context("the role \"API client\" is gone")?;
    let password = web::people::random_password()?;
    let new = web::people::NewUser {
        name: GATEWAY.to_owned(),
        full_name: "The quarantine gateway".to_owned(),
        mail: String::new(),
        roles: vec![role.id],
        password: Some(password.clone()),
        must_change: false,
    };
    people.add_user(new).await.context("a user called gateway for its status updates")?;
    let mut written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    written.write_all(password.as_bytes())?;
    Ok(())
}

/// By token and certificate, as anywhere; only that nobody has to carry the token.
async fn enroll(enforce: &enforce::Running, url: &str, data: &Path) -> Result<()> {
    if let Some(token) = enforce_server::token_for(enforce, PREVENT, &[], data).await? {
        link::enroll(&link::Place::of(data), url, &token, ServerKind::Detection, &[]).await?;
    }
    Ok(())
}

fn print_welcome(
    at: &Where,
    running: &prevent_server::Running,
    enforce: &enforce::Running,
    [password, reviewer]: [Option<&str>; 2],
    data: &Path,
) -> Result<()> {
    let operations = running.ops_address.map(|address| address.to_string()).unwrap_or_default();
    let (mut out, weir) = (io::stdout().lock(), program());
    writeln!(out, "Weir is up. Everything listens on this machine only.\n")?;
    writeln!(
        out,
        "  mail in    {:<22} SMTP: send mail here, as your mail server would",
        at.listen.to_string()
    )?;
    writeln!(
        out,
        "  gateway    {:<22} holds marked mail; what passes or is released is delivered to {}",
        at.delivery.to_string(),
        at.delivered.display()
    )?;
    writeln!(out, "  console    {}", at.console)?;
    match password {
        Some(password) => {
            writeln!(out, "             sign in as admin with the one-time password {password}")?;
        }
        None => {
            writeln!(out, "             lost password: `{weir} user passwd admin --data {}`", data.display())?
        }
    }
    writeln!(out, "  quarantine {}", at.center)?;
    match reviewer {
        Some(password) => {
            writeln!(out, "             sign in as admin with the one-time password {password}")?
        }
        None => writeln!(
            out,
            "             users of its own; lost password: `{weir} user passwd admin --data {}`",
            data.join(GATEWAY).display()
        )?,
    }
    writeln!(
        out,
        "  servers    {:<22} where further detection servers and gateways enrol",
        enforce.servers_address.to_string()
    )?;
    writeln!(out, "  metrics    http://{operations}/metrics and /healthz")?;
    let set = running.server.policy_set();
    let in_mode = |mode| set.policies().iter().filter(|policy| policy.mode == mode).count();
    let (on, trial, off) = (in_mode(Mode::On), in_mode(Mode::Trial), in_mode(Mode::Off));
    writeln!(
        out,
        "  policies   {on} on, {trial} in trial (recorded only), {off} off; in {}: a change there counts at once",
        enforce.enforce.options.policies.display()
    )?;
    writeln!(out, "  incidents  in {0}: `{weir} incidents list --data {0}`", data.display())?;
    writeln!(
        out,
        "             originals are kept for {}, incidents {}\n",
        enforce_server::kept_for(enforce.enforce.options.retention.others.originals),
        enforce_server::kept_for(enforce.enforce.options.retention.others.incidents)
    )?;
    writeln!(out, "What to try, from a second terminal:\n")?;
    writeln!(
        out,
        "  {weir} try --data {}\n      sends five sample mails and tells what became of each",
        data.display()
    )?;
    writeln!(
        out,
        "  swaks --server {} --from a@company.example --to b@partner.example --body 'Visa 4111 1111 1111 1111'\n      \
         sends a mail of your own (Debian's package swaks)\n",
        at.listen
    )?;
    writeln!(out, "Ctrl-C stops it.")?;
    Ok(())
}

/// How this program was called: what is printed must work where it is typed, and `cargo run` puts nothing on the path.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.is_empty() { "weir".to_owned() } else { called }
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
    let detected = Journal::open_read_only(&at.prevent).await.context("the incidents cannot be read")?;
    for (number, sample) in SAMPLES.iter().enumerate() {
        let message = fresh(sample.message, number);
        let before = highest(&detected).await?;
        println!("{}. {}", number + 1, sample.title);
        let reply = tokio::task::spawn_blocking({
            let (listen, message) = (at.listen, message.text.clone());
            move || send(listen, &message)
        })
        .await?
        .with_context(|| format!("a sample mail could not be sent to {}", at.listen))?;
        println!("   the sender was told:  {reply}");
        let incidents = handed_over(&journal, &new_incidents(&detected, before).await?).await?;
        if reply.starts_with('2') {
            if !tell_delivered(&at.delivered, &message.id)? {
                tell_held(&at, data, &incidents).await?;
            }
        } else {
            println!("   not delivered: the mail stays with the sender");
        }
        tell_incidents(&journal, &incidents).await?;
        println!();
    }
    println!("Look at them in the console: {}", at.console);
    println!(
        "Read more: {0} incidents list --data {1}, {0} incidents show ID --data {1}",
        program(),
        data.display()
    );
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

/// The same incidents as people see them, once Enforce has them all.
async fn handed_over(journal: &Journal, detected: &[Summary]) -> Result<Vec<Summary>> {
    let Some(first) = detected.first() else { return Ok(Vec::new()) };
    let filter = Filter { unique_id: Some(first.unique_message_id.clone()), ..Filter::default() };
    let until = std::time::Instant::now() + HAND_OVER;
    loop {
        let mut found = journal.list(&filter).await?;
        if found.len() >= detected.len() {
            found.reverse();
            return Ok(found);
        }
        ensure!(
            std::time::Instant::now() < until,
            "the incidents did not arrive at Enforce; its log says why"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether it is in the Maildir.
fn tell_delivered(maildir: &Path, id: &str) -> Result<bool> {
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
        return Ok(true);
    }
    Ok(false)
}

/// What is not delivered is held by the gateway, or went to somebody else.
async fn tell_held(at: &Where, data: &Path, incidents: &[Summary]) -> Result<()> {
    let Some(first) = incidents.first() else { return Ok(()) };
    let options = gateway::Options { data: data.join(GATEWAY), ..gateway::Options::default() };
    let gateway = gateway::Gateway::beside(options).await.context("what the gateway holds cannot be read")?;
    let unique_id = Some(first.unique_message_id.clone());
    let filter = gateway::CopyFilter { unique_id, ..gateway::CopyFilter::default() };
    match gateway.copies(&filter).await?.copies.first() {
        Some(copy) => {
            println!(
                "   held for review:      in the folder \"{}\", until somebody decides:",
                safe(&copy.folder)
            );
            println!("      in the console     {}/incidents/{}", at.console, first.id);
            println!("      or the quarantine  {}/incidents/{}", at.center, copy.id);
        }
        None => println!("   delivered elsewhere (a rule redirected it)"),
    }
    Ok(())
}

async fn tell_incidents(journal: &Journal, incidents: &[Summary]) -> Result<()> {
    if incidents.is_empty() {
        println!("   no policy was violated");
    }
    for summary in incidents {
        println!(
            "   incident {}:  {} ({}), {}",
            summary.id,
            summary.policy,
            summary.severity,
            if summary.matches == 1 { "1 match".to_owned() } else { format!("{} matches", summary.matches) }
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
