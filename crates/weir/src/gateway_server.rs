//! `weir gateway`: settings from the table `[gateway]` and from flags, enrolment at Enforce, the Control Center's port, and the queue
//! and keys from the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use enforce::certificates::describe;
use gateway::{
    Destination, EnforceOptions, Gateway, InspectOptions, Options, QueueFilter, RemediationOptions, TlsFiles,
    Who,
};
use incident::wire::{Heartbeat, ServerKind};
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use web::listen::{Clients, Listening, Tls, Transport};

use crate::cli::{Format, GatewayQueue, GatewayServer, GatewayTask};
use crate::terminal::safe;
use crate::{link, ops, prevent_server};

/// Connections to the Control Center at one time.
const PEOPLE: usize = 500;

/// What a gateway is started with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    /// `https://HOST:8100` of Enforce; none when empty.
    pub(crate) enforce: String,
    /// The token for the first connection.
    pub(crate) token: Option<String>,
    /// Names by which Enforce reaches the remediation service, for its certificate.
    pub(crate) names: Vec<String>,
}

/// A gateway and its Control Center.
pub(crate) struct Running {
    pub(crate) running: gateway::Running,
    pub(crate) site: web::Site,
    pub(crate) console: Option<Listening>,
}

/// Flags count before the file.
pub(crate) fn settings(table: &toml::Table, flags: &GatewayServer) -> Result<Settings> {
    let mut options = Options::parse(&toml::to_string(table)?).context("[gateway]")?;
    let usual = options.deliver == Options::default().deliver;
    if let Some(data) = &flags.data {
        options.data = data.clone();
    }
    if let Some(deliver) = &flags.deliver {
        options.deliver = Destination::parse(deliver).map_err(|why| anyhow::anyhow!("--deliver: {why}"))?;
    } else if usual {
        options.deliver = Destination::Maildir(options.data.join("delivered"));
    }
    if let Some(listen) = &flags.listen {
        options.mail.listen.clone_from(listen);
    }
    if flags.submission_listen.is_some() || flags.inspect.is_some() {
        let mut inspect = options.inspect.take().unwrap_or_default();
        let InspectOptions { listen, inspect: server, .. } = &mut inspect;
        flags.submission_listen.iter().for_each(|given| listen.clone_from(given));
        flags.inspect.iter().for_each(|given| server.clone_from(given));
        options.inspect = Some(inspect);
    }
    if let Some(listen) = &flags.console_listen {
        options.console_listen.clone_from(listen);
    }
    let enforce = flags.enforce.clone().unwrap_or_default();
    let token = match &flags.enroll_token_file {
        _ if enforce.is_empty() => None,
        Some(file) => prevent_server::enroll_token(file)?,
        None => prevent_server::enroll_token(Path::new(""))?,
    };
    let mut settings = Settings { options, enforce, token, names: flags.names.clone() };
    settings.belong(flags)?;
    settings.options.check()?;
    Ok(settings)
}

/// Reads what the configuration names, without starting or making anything. For `weir config check`.
pub(crate) async fn check(table: &toml::Table) -> Result<()> {
    let options = settings(table, &GatewayServer::default())?.options;
    console(&options)?;
    no_loop(&options).await?;
    if let Some(RemediationOptions { tls, .. }) = options.remediation {
        transport(Some((tls.certificate, tls.key))).context("[gateway.remediation.tls]")?;
    }
    Ok(())
}

/// How the Control Center is protected; an error where its address needs more.
fn console(options: &Options) -> Result<Transport> {
    let files = options.console_certificate.clone().zip(options.console_key.clone());
    let transport = transport(files).context("[gateway] console_certificate and console_key")?;
    if let Ok(address) = options.console_listen.parse() {
        transport.fits(address).context("[gateway] console_listen")?;
    }
    Ok(transport)
}

/// Mail that is delivered to the gateway's own door comes back to it for ever.
async fn no_loop(options: &Options) -> Result<()> {
    let Destination::Smtp(hop) = &options.deliver else { return Ok(()) };
    let way = prevent::Mode::Forward { hops: vec![hop.clone()] };
    let resolver = prevent_server::system_resolver()?;
    for own in tokio::net::lookup_host(&options.mail.listen).await.into_iter().flatten() {
        ensure!(
            prevent::leads_back(&way, own, &resolver).await.is_none(),
            "[gateway] deliver = {:?} is where the gateway itself takes mail ({own}): it would come back for ever; write where mail goes on",
            options.deliver.to_string()
        );
    }
    Ok(())
}

impl Settings {
    /// Certificates of enrolment serve the remediation service and the updates, where the file does not say otherwise.
    fn belong(&mut self, flags: &GatewayServer) -> Result<()> {
        if self.enforce.is_empty() {
            ensure!(
                flags.remediation_listen.is_none() || self.options.remediation.is_some(),
                "--remediation-listen needs certificates: give --enforce URL with a token, or [gateway.remediation.tls]"
            );
        }
        let tls = self.tls();
        if let Some(listen) = &flags.remediation_listen
            && let Some(remediation) = &mut self.options.remediation
        {
            remediation.listen.clone_from(listen);
        }
        if self.enforce.is_empty() {
            return Ok(());
        }
        let listen = flags.remediation_listen.clone().unwrap_or_else(|| "127.0.0.1:8443".to_owned());
        self.options.remediation.get_or_insert(RemediationOptions::new(listen, tls.clone()));
        if self.options.enforce.is_none() {
            let user = flags.enforce_user.clone();
            let password_file = flags.enforce_password_file.clone();
            let (Some(user), Some(password_file)) = (user, password_file) else {
                bail!(
                    "status updates need a user of Enforce with the privilege \"Incident Update\" (role API client): give \
                     --enforce-user NAME and --enforce-password-file FILE"
                );
            };
            self.options.enforce = Some(EnforceOptions {
                url: self.enforce.clone(),
                user,
                password_file,
                tls,
                batch: 100,
                interval: 5,
            });
        }
        Ok(())
    }

    /// Where enrolment puts certificate, key and authority.
    fn tls(&self) -> TlsFiles {
        let place = link::Place::of(&self.options.data);
        TlsFiles { certificate: place.certificate(), key: place.key(), ca: Some(place.authority()) }
    }
}

/// Runs until a signal.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let stop = CancellationToken::new();
    prevent_server::stop_on_signals(stop.clone())?;
    let running = start(settings, stop.clone()).await?;
    if let Some(password) = running.site.people().first_administrator().await? {
        eprintln!(
            "the first administrator of the Control Center is admin, with the one-time password {}",
            *password
        );
    }
    running.finished(stop).await;
    Ok(())
}

/// Enrols where that is due, then starts everything; nothing is accepted unless all of it works.
pub(crate) async fn start(settings: Settings, stop: CancellationToken) -> Result<Running> {
    // Before anything listens: a SIGHUP that comes early is heard late, and ends nothing.
    let hangups = signal(SignalKind::hangup())?;
    let Settings { mut options, enforce, token, names } = settings;
    // Before anything is made.
    let console_transport = console(&options)?;
    no_loop(&options).await?;
    ops::is_free(&options.mail.listen, "mail", "listen in [gateway.mail]").await?;
    if !options.console_listen.is_empty() {
        ops::is_free(&options.console_listen, "the Control Center", "console_listen in [gateway]").await?;
    }
    std::fs::create_dir_all(&options.data)
        .with_context(|| format!("cannot make the directory {}", options.data.display()))?;
    let place = link::Place::of(&options.data);
    if !enforce.is_empty() && place.identity_here().is_none() {
        let token = token.clone().with_context(|| {
            "this gateway is not enrolled: give the token of `weir enforce enroll NAME` in --enroll-token-file or WEIR_ENROLL_TOKEN"
        })?;
        link::enroll(&place, &enforce, &token, ServerKind::Gateway, &names).await?;
    }
    if options.name.is_empty()
        && let Some(identity) = place.identity_here()
    {
        // One name for people at either console.
        options.name = identity.name;
    }
    let data = options.data.clone();
    let offered = options.remediation.clone();
    let console_listen = options.console_listen.clone();
    let running = gateway::start(options).await?;
    let site = gateway::console::site(&running.gateway, Vec::new()).await?;
    let console = match console_listen.as_str() {
        "" => None,
        address => {
            let app = gateway::console::router(&running.gateway, &site);
            Some(web::listen::listen(address, console_transport, PEOPLE, app, stop.clone()).await?)
        }
    };
    let (reload, asked) = mpsc::channel(1);
    tokio::spawn(reload_certificates(running.certificates(), hangups, asked, stop.clone()));
    if !enforce.is_empty() {
        let reached = offered.zip(running.remediation);
        let reached = reached.and_then(|(offered, address)| reached_at(&offered, &names, address));
        tokio::spawn(heart(&running, enforce, data, token, reload, reached).run(stop));
    }
    tracing::info!(
        listen = %running.mail,
        submission = running.submission.map(display),
        remediation = running.remediation.map(display),
        console = console.as_ref().map(|console| display(console.address)),
        "quarantine gateway listens"
    );
    Ok(Running { running, site, console })
}

impl Running {
    /// Waits for `stop`, then until everything is at rest.
    pub(crate) async fn finished(self, stop: CancellationToken) {
        stop.cancelled().await;
        self.running.stop().await;
        if let Some(console) = self.console {
            let _ = console.task.await;
        }
    }
}

fn transport(files: Option<(PathBuf, PathBuf)>) -> Result<Transport> {
    let Some((chain, key)) = files else { return Ok(Transport::Plain) };
    Ok(Transport::Tls(Tls::load(web::listen::TlsFiles { chain, key, clients: Clients::Anybody })?))
}

/// Where Enforce reaches the remediation service: under a name that its certificate has, the one that was asked for if it can be.
/// None if there is no such name: Enforce then goes by its plug-in's properties.
fn reached_at(offered: &RemediationOptions, names: &[String], address: SocketAddr) -> Option<String> {
    if !offered.reached_at.is_empty() {
        return Some(offered.reached_at.clone());
    }
    let granted = describe(&std::fs::read(&offered.tls.certificate).ok()?).ok()?.into_iter().next()?.names;
    let own = (!address.ip().is_unspecified()).then(|| address.ip().to_string());
    let host = names.iter().chain(&own).chain(&granted).find(|name| granted.contains(name))?;
    let port = address.port();
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// Reads certificates again at SIGHUP, and once the one for Enforce was renewed.
async fn reload_certificates(
    certificates: gateway::Certificates,
    mut hangups: Signal,
    mut asked: mpsc::Receiver<oneshot::Sender<Result<(), String>>>,
    stop: CancellationToken,
) {
    let mut asking = true;
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => return,
            _ = hangups.recv() => None,
            done = asked.recv(), if asking => match done {
                None => {
                    asking = false;
                    continue;
                }
                done => done,
            },
        };
        let reloaded = certificates.reload().map_err(|why| why.to_string());
        match &reloaded {
            Ok(()) => tracing::info!("certificates reloaded; other settings count at the next start"),
            Err(why) => tracing::error!(why, "reload refused; the certificates in use stay"),
        }
        if let Some(done) = done {
            let _ = done.send(reloaded);
        }
    }
}

/// The gateway is seen at Enforce's page of servers, and its certificate is renewed in time.
fn heart(
    running: &gateway::Running,
    url: String,
    data: PathBuf,
    token: Option<String>,
    reload: link::Reload,
    reached: Option<String>,
) -> link::Heart {
    let (started, listen, gateway) = (Timestamp::now(), running.mail.to_string(), running.gateway.clone());
    let pulse: link::Pulse = Box::new(move || {
        let (listen, gateway) = (listen.clone(), gateway.clone());
        let remediation = reached.clone();
        Box::pin(async move {
            let updates = gateway.update_state().await.unwrap_or_default();
            let version = env!("CARGO_PKG_VERSION").to_owned();
            Heartbeat {
                version,
                started_at: Some(started),
                listen,
                remediation,
                waiting: updates.waiting,
                updates_sent: updates.last_sent,
                updates_error: updates.last_error,
                ..Heartbeat::default()
            }
        })
    });
    link::Heart {
        kind: ServerKind::Gateway,
        url,
        data,
        token,
        pulse,
        reload,
        wants_settings: false,
        wants_policies: false,
    }
}

// ---- beside a running server

/// Looks at the queue, or acts on it, beside a running gateway.
pub(crate) async fn task(task: &GatewayTask, settings: Settings) -> Result<ExitCode> {
    let data = settings.options.data.clone();
    let name = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let who = Who { name, from: Some("command line".to_owned()) };
    let command = match task {
        GatewayTask::Queue { command } => command,
        GatewayTask::RotateKeys => return rotate_keys(&settings.options, &who).await,
    };
    let gateway = Gateway::beside(settings.options)
        .await
        .with_context(|| format!("no gateway is kept in {}; name its --data directory", data.display()))?;
    match command {
        GatewayQueue::List { format, limit } => print_queue(&gateway, *format, *limit).await?,
        GatewayQueue::Retry { ids } => println!("{} are tried now", gateway.retry(ids, &who).await?),
        GatewayQueue::Drop { ids } => println!("{} are dropped", gateway.drop_entries(ids, &who).await?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate_keys(options: &Options, who: &Who) -> Result<ExitCode> {
    let rotated = gateway::rotate_keys(options, who).await?;
    println!("key {} seals from now on; {} objects are wrapped by it", rotated.key, rotated.wrapped);
    ensure!(
        rotated.failed == 0,
        "{} objects do not open with any key at hand (the log names them), so the old keys are kept",
        rotated.failed
    );
    Ok(ExitCode::SUCCESS)
}

async fn print_queue(gateway: &Gateway, format: Format, limit: usize) -> Result<()> {
    let page = gateway.queue(&QueueFilter { limit, ..QueueFilter::default() }).await?;
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&page.entries)?);
        return Ok(());
    }
    for line in &page.entries {
        println!(
            "{:>6}  {:<8} {} to {}, {} attempts, next {}{}",
            line.id,
            line.state.as_str(),
            safe(&line.sender),
            safe(&line.recipient),
            line.attempts,
            line.due_at.strftime("%Y-%m-%d %H:%M:%S"),
            line.last_error.as_deref().map(|why| format!("  ({})", safe(why))).unwrap_or_default()
        );
    }
    println!("{} in the queue", page.total);
    Ok(())
}
