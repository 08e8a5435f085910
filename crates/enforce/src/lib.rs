//! Incidents, policies and people over HTTP: ingest, API, console, remediation.
//!
//! [`start`] opens what is kept, and listens on two ports: one for people (console and API), one for servers (mutual TLS).
//! [`Enforce`] is what all handlers share.

use std::net::SocketAddr;
use std::sync::Arc;

use incident::{Journal, JournalOptions};
use store::database::{Database, Location};
use tokio_util::sync::CancellationToken;
use web::Site;
use web::listen::{Clients, Listening, Tls, TlsFiles, Transport};
use web::oidc::{Settings, SingleSignOn};

pub mod api;
pub mod archives;
pub mod certificates;
pub mod console;
mod fleet;
mod inspection;
mod keeper;
pub mod lookup;
mod options;
mod originals;
pub mod plugins;
pub mod receivers;
mod reports;
pub mod respond;
mod servers;
mod stream;

use certificates::{Directory, Ours};
use fleet::Fleet;
pub use keeper::InUse;
pub use options::{ConsoleTls, Options};
pub use originals::OriginalStore;
pub use servers::{NewToken, Presence, ServerState, Standing, Token};
use servers::{Published, UNIQUE_ID_KEYS, keep_published};

/// Connections of people and programs at one time.
const PEOPLE: usize = 1_000;
/// Connections of servers at one time.
const SERVERS: usize = 500;
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_servers.sql"),
    include_str!("../migrations/0002_token_use.sql"),
    include_str!("../migrations/0003_fleet.sql"),
    include_str!("../migrations/0004_order.sql"),
    include_str!("../migrations/0005_backtest.sql"),
    include_str!("../migrations/0006_number.sql"),
];

/// Why Enforce does not start, or cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The incidents cannot be read or written.
    #[error(transparent)]
    Incident(#[from] incident::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// People, sessions or the audit log.
    #[error(transparent)]
    Web(#[from] web::Error),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] web::listen::Error),
    /// A certificate is missing or wrong.
    #[error(transparent)]
    Certificate(#[from] certificates::Error),
    /// What was asked for makes no sense; the text says what to do.
    #[error("{0}")]
    Refused(String),
}

/// What all handlers share.
#[derive(Debug)]
pub struct Enforce {
    /// What it was started with.
    pub options: Options,
    /// The incidents: [`Journal::database`] and [`Journal::keys`] are those of everything else too.
    pub journal: Arc<Journal>,
    /// People, sessions, the audit log, the layout of pages.
    pub site: Site,
    /// The authority and our own certificates.
    pub certificates: Ours,
    /// Where they lie.
    pub directory: Directory,
    /// Told when plug-ins were asked for something.
    asked: Arc<tokio::sync::Notify>,
    /// Where custom attributes are looked up.
    pub(crate) lookups: lookup::Lookups,
    /// Told when somebody asks for a lookup.
    pub(crate) look_up: tokio::sync::Notify,
    /// The address at which people reach the console, without a slash at its end.
    pub console_url: String,
    /// What is counted of notices and log messages.
    pub effect_metrics: effects::EffectMetrics,
    pub(crate) published: Published,
    /// This server among those over its database.
    pub(crate) fleet: Fleet,
    /// Objects of deleted originals, as of the last look.
    pub(crate) unneeded: std::sync::Mutex<incident::Unneeded>,
    /// Opens what hangs on mails that people try policies on.
    pub(crate) opener: inspection::Opener,
}

impl Enforce {
    /// The database that everything is kept in.
    pub fn database(&self) -> &dyn Database {
        &**self.journal.database()
    }

    /// Where people look at incidents and decide.
    pub fn desk(&self) -> incident::desk::Desk {
        incident::desk::Desk::new(self.journal.clone())
    }

    /// What is told to receivers.
    pub fn events(&self) -> incident::events::Events {
        incident::events::Events::new(self.journal.clone())
    }

    /// What runs smart response rules.
    pub fn responses(&self) -> respond::Responses {
        respond::Responses::new(self.desk(), self.asked.clone())
    }

    /// Makes the guide's three plug-ins and their rules for a gateway that our own authority vouches for: it is asked with our
    /// own certificate, kept as the credential of this name. What is there already stays as it is.
    pub async fn connect_gateway(&self, host: &str, port: u16, credential: &str) -> Result<(), Error> {
        let read = |path: std::path::PathBuf| {
            let why = |why| Error::Refused(format!("{}: {why}", path.display()));
            std::fs::read_to_string(&path).map_err(why)
        };
        let client = &self.certificates.client;
        let certificates = plugins::Certificates {
            certificate: read(client.with_extension("pem"))?,
            key: read(client.with_extension("key"))?,
            authority: self.certificates.roots.clone(),
        };
        let actor = incident::desk::Actor { who: "set-up".to_owned(), origin: None };
        let value = serde_json::to_vec(&certificates).map_err(|why| Error::Refused(why.to_string()))?;
        let new = incident::desk::NewSecret {
            name: credential,
            kind: incident::desk::SecretKind::Certificates,
            shown: "Enforce's own certificate",
            value: &value,
        };
        self.desk().keep_secret(&actor, new).await?;
        self.responses().install_quarantine_connect(&actor, host, port, credential, "enforce").await?;
        Ok(())
    }

    /// The keys that seal secrets.
    pub fn keys(&self) -> &store::keys::Keys {
        self.journal.keys()
    }

    /// Opens what is kept, for the server that owns it.
    pub async fn open(options: Options) -> Result<Arc<Self>, Error> {
        let at = place(&options);
        let journal = Journal::open_at(&options.data, &at, JournalOptions::default()).await?;
        Self::over(options, journal).await
    }

    /// Opens what is kept beside a server that may be running: for the command line.
    pub async fn open_beside(options: Options) -> Result<Arc<Self>, Error> {
        let at = place(&options);
        let journal = Journal::open_beside(&options.data, &at).await?;
        Self::over(options, journal).await
    }

    async fn over(options: Options, journal: Journal) -> Result<Arc<Self>, Error> {
        let objects = options.originals.clone().map(OriginalStore::open).transpose();
        let objects =
            objects.map_err(|why| Error::Refused(format!("the object store of originals: {why}")))?;
        let journal = Arc::new(journal.with_objects(objects.map(Arc::new)));
        store::steps::prepare(&**journal.database(), "enforce", STEPS).await?;
        let (database, keys) = (journal.database().clone(), journal.keys().clone());
        let console_url = console_url(&options);
        let mut site = console::site_options();
        if let Some(settings) = &options.single_sign_on {
            let settings = Settings { console_url: console_url.clone(), ..settings.clone() };
            site.single_sign_on = Some(Arc::new(SingleSignOn::new(settings)?));
        }
        let site = Site::open(database.clone(), keys, site).await?;
        let directory = Directory::new(&options.data.join("certificates"));
        let certificates = directory.ready(&options.names)?;
        let authority = certificates::describe(certificates.roots.as_bytes())?;
        let authority = authority.first().map_or("", |authority| authority.fingerprint.as_str());
        let fleet = Fleet::new(database.clone(), &options.data, &console_url, authority, &options.version)?;
        let lookups = lookup::Lookups::new(&options.lookups)?;
        let published = Published::new(&options.policies, &options.index_keys, &options.data);
        let opener = inspection::Opener::new(options.documents.clone());
        let asked = Arc::default();
        let effect_metrics = effects::EffectMetrics::default();
        Ok(Arc::new(Self {
            options,
            journal,
            site,
            certificates,
            directory,
            asked,
            lookups,
            look_up: tokio::sync::Notify::new(),
            console_url,
            effect_metrics,
            published,
            fleet,
            unneeded: Default::default(),
            opener,
        }))
    }
}

/// Makes a new master key, wraps all that is sealed by it, and forgets the old ones unless something does not open. For the
/// embedded database, while no server runs.
pub async fn rotate_keys(options: &Options) -> Result<store::sealed::Rotated, Error> {
    if options.database.is_some() {
        return Err(Error::Refused("keys are renewed with the embedded database only".to_owned()));
    }
    let others = [web::people::SEALED, UNIQUE_ID_KEYS];
    Ok(incident::rotate_keys(&options.data, &others).await?)
}

/// An Enforce server that listens.
#[derive(Debug)]
pub struct Running {
    /// Where people come in.
    pub address: SocketAddr,
    /// Where servers come in.
    pub servers_address: SocketAddr,
    /// What its handlers share.
    pub enforce: Arc<Enforce>,
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Where people reach the console, with its real port.
    pub fn console_address(&self) -> String {
        if !self.enforce.options.console_url.is_empty() {
            return self.enforce.console_url.clone();
        }
        let scheme = if self.enforce.options.console == ConsoleTls::Plain { "http" } else { "https" };
        format!("{scheme}://{}", self.address)
    }

    /// Takes no more requests, lets running ones end, and returns when everything is written.
    pub async fn stop(self) {
        self.stop.cancel();
        self.finished().await;
    }

    /// Waits until it was stopped and everything is written.
    pub async fn finished(self) {
        self.stop.cancelled().await;
        for task in self.tasks {
            let _ = task.await;
        }
        self.enforce.journal.flush().await;
    }
}

/// Opens everything and listens until `stop`; nothing is accepted unless all of it works.
pub async fn start(mut options: Options, stop: CancellationToken) -> Result<Running, Error> {
    options.listen = with_a_port(&options.listen);
    let enforce = Enforce::open(options).await?;
    enforce.fleet.tell().await?;
    let options = &enforce.options;
    let paths = api::document(&options.version).paths.paths.into_keys();
    let people = console::router(&enforce).merge(web::Routes::described(api::router(&enforce), paths));
    let transport = people_transport(&enforce)?;
    let people = enforce.site.mount(people);
    let people = web::listen::listen(&options.listen, transport, PEOPLE, people, stop.clone()).await?;
    let transport = servers_transport(&enforce.certificates)?;
    let listening = servers::router(&enforce);
    let servers =
        web::listen::listen(&options.servers_listen, transport, SERVERS, listening, stop.clone()).await?;
    let keeper = tokio::spawn(keeper::keep(enforce.clone(), stop.clone()));
    let worker = respond::worker::Worker {
        desk: enforce.desk(),
        enforce: enforce.clone(),
        plugins: options.data.join("plugins"),
        asked: enforce.asked.clone(),
    };
    let worker = tokio::spawn(worker.run(stop.clone()));
    let publisher = tokio::spawn(keep_published(enforce.clone(), stop.clone()));
    let teller = tokio::spawn(receivers::tell(enforce.clone(), stop.clone()));
    let told = tokio::spawn(respond::tell(enforce.clone(), stop.clone()));
    let reports = tokio::spawn(reports::send(enforce.clone(), stop.clone()));
    let lookups = tokio::spawn(lookup::worker::run(enforce.clone(), stop.clone()));
    let originals = tokio::spawn(originals::keep(enforce.clone(), stop.clone()));
    let numbers = tokio::spawn(keeper::number_senders(enforce.clone(), stop.clone()));
    let columns = tokio::spawn(keeper::keep_columns(enforce.clone(), stop.clone()));
    let own = [keeper, numbers, columns, originals, worker, publisher, teller, told, reports, lookups];
    let (address, servers_address) = (people.address, servers.address);
    let tasks = vec![people, servers].into_iter().map(|one: Listening| one.task).chain(own).collect();
    Ok(Running { address, servers_address, enforce, stop, tasks })
}

/// Port 0 becomes a free one at once: links to the console name it.
fn with_a_port(address: &str) -> String {
    let free = address.ends_with(":0").then(|| std::net::TcpListener::bind(address).ok()?.local_addr().ok());
    free.flatten().map_or_else(|| address.to_owned(), |address| address.to_string())
}

fn place(options: &Options) -> Location {
    options.database.clone().unwrap_or_else(|| Location::File(options.data.join("incidents.db")))
}

fn console_url(options: &Options) -> String {
    if !options.console_url.is_empty() {
        return options.console_url.trim_end_matches('/').to_owned();
    }
    let scheme = if options.console == ConsoleTls::Plain { "http" } else { "https" };
    format!("{scheme}://{}", options.listen)
}

fn people_transport(enforce: &Enforce) -> Result<Transport, Error> {
    let brought = enforce.directory.certificate("console");
    if let Some(transport) = enforce.options.console.transport()? {
        return Ok(transport);
    }
    let (chain, key) = match brought.exists() {
        true => (brought, enforce.directory.key("console")),
        false => (enforce.directory.certificate("server"), enforce.directory.key("server")),
    };
    Ok(Transport::Tls(Tls::load(TlsFiles { chain, key, clients: Clients::Anybody })?))
}

impl ConsoleTls {
    /// What it names, read; None where the certificate is one of our own authority.
    pub fn transport(&self) -> Result<Option<Transport>, Error> {
        Ok(match self {
            Self::Plain => Some(Transport::Plain),
            Self::Own => None,
            Self::Files { chain, key } => {
                let (chain, key) = (chain.clone(), key.clone());
                Some(Transport::Tls(Tls::load(TlsFiles { chain, key, clients: Clients::Anybody })?))
            }
        })
    }
}

/// Certificates are asked for and checked, but who has none gets in as far as enrolment.
fn servers_transport(ours: &Ours) -> Result<Transport, Error> {
    let files = TlsFiles {
        chain: ours.server.with_extension("pem"),
        key: ours.server.with_extension("key"),
        clients: Clients::Asked(ours.authorities.clone()),
    };
    Ok(Transport::Tls(Tls::load(files)?))
}
