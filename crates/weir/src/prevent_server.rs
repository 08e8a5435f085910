//! `weir prevent`: the parts wired together and started; nothing is accepted unless all of them work.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, ensure};
use content::worker::{OcrOptions, Pool, PoolOptions, Sandbox as WorkerSandbox};
use incident::{Journal, JournalOptions};
use policy::Set;
use prevent::{IdKey, Metrics, Mode as Way, Server, Settings};
use prometheus_client::registry::Registry;
use smtp::mx::Resolver;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::{Effective, Prevent, Sandbox};
use crate::prevent_settings::{checked_settings, given, or_processors, settings};
use crate::{effects, link, ocr, ops, policies};
use linked::Linked;
use reload::Keeper;

mod linked;
mod reload;
mod watched;

/// Where the effective configuration comes from; asked again at each reload.
pub(crate) type Configure = Box<dyn Fn() -> Result<Configured> + Send + Sync>;

/// Where each effective value came from.
type Lines = Arc<Mutex<Vec<(String, String, String)>>>;
/// Asks for a reload.
type Reloads = mpsc::Receiver<oneshot::Sender<Result<(), String>>>;

/// The configuration, and where each value came from.
pub(crate) struct Configured {
    pub(crate) prevent: Prevent,
    pub(crate) lines: Vec<(String, String, String)>,
}

impl Configured {
    /// Of what is effective here, with what Enforce gave, if this server belongs to one.
    pub(crate) fn new(mut effective: Effective) -> Result<Self> {
        let prevent = &effective.config.prevent;
        if !prevent.enforce.is_empty() {
            effective.take_from_enforce(&link::cached_settings(&prevent.data.clone()))?;
        }
        let lines = effective.lines()?.into_iter();
        let lines = lines.filter(|(key, ..)| key.starts_with("prevent."));
        let lines = lines.map(|(key, value, origin)| (key, value, origin.to_string())).collect();
        Ok(Self { prevent: effective.config.prevent, lines })
    }

    /// The settings, as [`settings`] makes them.
    fn settings(&self) -> Result<Settings> {
        settings(&self.prevent).map_err(|why| self.placed(why))
    }

    /// A mistake that begins with its setting, with where that was said: the file, the variable, the flag or Enforce.
    fn placed(&self, why: anyhow::Error) -> anyhow::Error {
        let said = format!("{why:#}");
        let of = |key: &str| said.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', ':']));
        let setting = |key: &str| key.strip_prefix("prevent.").is_some_and(of);
        match self.lines.iter().find(|(key, ..)| setting(key)) {
            Some((_, _, origin)) => anyhow!("[prevent] {said} ({origin})"),
            None => why,
        }
    }
}

/// Policies come from Enforce where this server belongs to one and no directory is named here.
fn takes_policies_from_enforce(config: &Prevent) -> bool {
    !config.enforce.is_empty() && config.policies.as_os_str().is_empty()
}

/// The directory of the policies in force; empty for the built-in set.
fn policies_of(config: &Prevent) -> PathBuf {
    match takes_policies_from_enforce(config) {
        true => link::current_policies(&config.data).unwrap_or_default(),
        false => config.policies.clone(),
    }
}

/// The policies that the configuration names, ready to be put in force.
fn policies_in_force(config: &Prevent) -> Result<Arc<Set>> {
    let set = policies::load_and_warn(&policies_of(config), &config.data)?;
    any_policy(config, &set)?;
    Ok(set)
}

/// What Enforce gives was looked at when it came.
fn any_policy(config: &Prevent, set: &Set) -> Result<()> {
    ensure!(
        policies::holds_any(set) || takes_policies_from_enforce(config),
        "the directory {} holds no policy: mail would go on uninspected. Name the directory of the policies, leave the setting out for \
         the built-in set, or write that set to a new directory with `weir policy init DIR`",
        config.policies.display()
    );
    Ok(())
}

/// A detection server that listens.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) ops_address: Option<SocketAddr>,
    pub(crate) server: Server,
    finished: tokio::task::JoinHandle<bool>,
}

impl Running {
    /// Waits until the server has stopped. True if every session could finish.
    pub(crate) async fn finished(self) -> bool {
        self.finished.await.unwrap_or(false)
    }
}

/// Starts everything; nothing is accepted unless all of it works.
pub(crate) async fn start(configure: Configure, stop: CancellationToken) -> Result<Running> {
    // Before anything listens: a SIGHUP that comes early is heard late, and ends nothing.
    let hangups = signal(SignalKind::hangup())?;
    let configured = configure()?;
    let settings = configured.settings()?;
    let config = configured.prevent;
    let loaded = policies_in_force(&config)?;
    effects::warn_of_orders_without_a_place(&config, &loaded);
    let pool = Arc::new(Pool::start(pool_options(&config)?).context("document workers cannot be started")?);
    // Before the journal is opened: bringing it forward may take a while.
    let port = match config.ops_listen.as_str() {
        "" => None,
        address => Some(ops::open(address, stop.clone()).await?),
    };
    let journal = Arc::new(open_journal(&config).await?);
    let metrics = Arc::new(Metrics::default());
    let resolver = system_resolver()?;
    let listener = ops::listen(&config.listen, "mail", "listen").await?;
    let address = listener.local_addr()?;
    no_loop(&settings.mode, address, &resolver).await?;
    let milter = milter_listener(&config).await?;
    let server =
        Server::new(settings, loaded, pool.clone(), journal.clone(), metrics.clone(), resolver.clone());
    let ops_address = port.as_ref().map(|port| port.address);
    if let Some(port) = port {
        port.begins(operations(&metrics, &pool, &journal));
    }
    tracing::info!(
        listen = %address,
        mode = ?config.mode,
        next_hop = ?config.next_hop,
        policy_set = server.policy_set().id(),
        policies = server.policy_set().policies().len(),
        sandbox = %pool.sandbox(),
        ocr = %config.ocr.languages,
        trial = config.trial,
        "detection server listens"
    );
    let (reload, reloads) = mpsc::channel(1);
    let lines = Arc::new(Mutex::new(configured.lines));
    let linked = Linked {
        journal: journal.clone(),
        server: server.clone(),
        metrics: metrics.clone(),
        lines: lines.clone(),
    };
    linked.begin(&config, address, reload.clone(), &stop)?;
    let keeper = Keeper {
        configure,
        server: server.clone(),
        metrics,
        address,
        resolver,
        started: config.clone(),
        lines,
        _reload: reload,
    };
    tokio::spawn(keeper.keep(config, hangups, reloads, stop.clone()));
    let milter = milter.map(|listener| {
        let (server, stop) = (server.clone(), stop.clone());
        tokio::spawn(async move { server.run_milter(listener, stop).await })
    });
    let (running, last) = (server.clone(), journal);
    let finished = tokio::spawn(async move {
        let mut all_finished = running.run(listener, stop).await;
        if let Some(milter) = milter {
            all_finished &= milter.await.unwrap_or(false);
        }
        // The last outcomes are still on their way to the disk.
        last.flush().await;
        all_finished
    });
    Ok(Running { address, ops_address, server, finished })
}

/// Bound before anything is accepted; none if no MTA asks by milter.
async fn milter_listener(config: &Prevent) -> Result<Option<TcpListener>> {
    let address = &config.milter_listen;
    if address.is_empty() {
        return Ok(None);
    }
    let listener = ops::listen(address, "milter", "milter_listen").await?;
    tracing::info!(listen = %listener.local_addr()?, hold = config.milter_hold, "milter listens");
    Ok(Some(listener))
}

/// Ends `stop` at SIGTERM or SIGINT.
pub(crate) fn stop_on_signals(stop: CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Each server says it, not the detection server alone.
        tracing::info!(target: "weir", "stopping: nothing new is taken, what runs may finish");
        stop.cancel();
    });
    Ok(())
}

/// Reads everything that the configuration names, without starting anything. For `weir config check`.
/// Makes nothing: run by another user than the server's, it would leave files that the server cannot read.
pub(crate) async fn check(configured: &Configured) -> Result<()> {
    let config = &configured.prevent;
    let settings = checked_settings(config, IdKey::new([0; 32])).map_err(|why| configured.placed(why))?;
    let resolver = system_resolver()?;
    for address in tokio::net::lookup_host(&config.listen).await.into_iter().flatten() {
        no_loop(&settings.mode, address, &resolver).await?;
    }
    pool_options(config)?;
    any_policy(config, &policies::load(&policies_of(config), &config.data)?.set)
}

/// What the configuration says is compared with where the socket is, not with what else the configuration says.
async fn no_loop(mode: &Way, address: SocketAddr, resolver: &Resolver) -> Result<()> {
    match prevent::leads_back(mode, address, resolver).await {
        Some(why) => Err(anyhow!(why)),
        None => Ok(()),
    }
}

pub(crate) fn system_resolver() -> Result<Resolver> {
    Resolver::from_system().context("the system's DNS settings cannot be read")
}

// ---- parts

fn pool_options(config: &Prevent) -> Result<PoolOptions> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let sandbox = match config.sandbox {
        Sandbox::Required => WorkerSandbox::Required,
        Sandbox::BestEffort => WorkerSandbox::BestEffort,
    };
    let ocr = match config.ocr.processes {
        0 => ocr::options(&program, &config.ocr.languages, or_processors(0) / 2, sandbox)?,
        processes => ocr::options(&program, &config.ocr.languages, processes, sandbox)?,
    };
    let ocr = ocr.map(|ocr| OcrOptions { time: config.ocr.time.0, ..ocr });
    Ok(PoolOptions {
        program,
        args: vec!["worker".into()],
        size: or_processors(config.limits.workers),
        sandbox,
        ocr,
    })
}

async fn open_journal(config: &Prevent) -> Result<Journal> {
    let options = JournalOptions { max_octets: config.limits.journal_size, ..JournalOptions::default() };
    Journal::open(&config.data, options)
        .await
        .with_context(|| format!("the incidents in {} cannot be opened", config.data.display()))
}

fn operations(metrics: &Metrics, pool: &Arc<Pool>, journal: &Arc<Journal>) -> ops::Ops {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    prevent::register_workers(pool.clone(), &mut registry);
    let (pool, journal) = (pool.clone(), journal.clone());
    let complaints = move || {
        let mut complaints = Vec::new();
        if journal.state().full {
            complaints.push("the journal is full: violating mail is deferred".to_owned());
        }
        if !pool.healthy() {
            complaints.push("document workers die in a row".to_owned());
        }
        complaints
    };
    ops::Ops { registry, complaints: Box::new(complaints) }
}

/// The token, from its file or the environment; it is needed once.
pub(crate) fn enroll_token(file: &Path) -> Result<Option<String>> {
    if let Ok(token) = std::env::var("WEIR_ENROLL_TOKEN") {
        return Ok(Some(token));
    }
    match given(file) {
        // Once enrolled, the file may be gone.
        Some(file) if !file.exists() => Ok(None),
        Some(file) => std::fs::read_to_string(&file)
            .map(Some)
            .with_context(|| format!("cannot read the enrolment token {}", file.display())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    fn config(dir: &Path) -> Prevent {
        Prevent { data: dir.to_path_buf(), next_hop: vec!["127.0.0.1:10026".into()], ..Prevent::default() }
    }

    async fn check(prevent: &Prevent) -> Result<()> {
        super::check(&Configured { prevent: prevent.clone(), lines: Vec::new() }).await
    }

    #[tokio::test]
    async fn a_configuration_whose_mail_would_come_back_is_refused_before_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let reflecting = Prevent { mode: Mode::Reflect, resubmit_port: 10025, ..config(dir.path()) };
        assert!(check(&reflecting).await.unwrap_err().to_string().contains("for ever"));
        for (listen, own) in [
            ("127.0.0.1:10025", "127.0.0.1:10025"),
            ("127.0.0.1:10025", "localhost:10025"),
            ("0.0.0.0:10025", "127.0.0.1:10025"),
            ("[::]:10025", "[::1]:10025"),
        ] {
            let config = Prevent { listen: listen.into(), next_hop: vec![own.into()], ..config(dir.path()) };
            let why = check(&config).await.unwrap_err().to_string();
            assert!(why.contains("come back"), "{own} with {listen}: {why}");
        }
    }

    #[tokio::test]
    async fn a_directory_without_any_policy_is_refused_for_mail_would_go_on_uninspected() {
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        let config = Prevent { policies: policies.clone(), ..config(dir.path()) };
        let why = check(&config).await.unwrap_err().to_string();
        assert!(why.contains("holds no policy") && why.contains("weir policy init"), "{why}");
        std::fs::write(
            policies.join("words.toml"),
            "id = 1\nname = \"Words\"\n[[rule]]\nname = \"r\"\nkeywords = [\"x\"]\n",
        )
        .unwrap();
        check(&config).await.unwrap();
    }
}
