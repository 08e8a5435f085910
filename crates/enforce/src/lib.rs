//! Incidents, policies and people over HTTP: ingest, API, console, remediation.
//!
//! [`start`] opens what is kept, and listens on two ports: one for people (console and API), one for servers (mutual TLS).
//! [`Enforce`] is what all handlers share.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use incident::{Journal, JournalOptions};
use store::database::{Database, Location};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub mod api;
pub mod console;
mod options;
pub mod plugins;
pub mod respond;
mod servers;

pub use options::{ConsoleTls, Options};

/// Why Enforce does not start, or cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The incidents cannot be read or written.
    #[error(transparent)]
    Incident(#[from] incident::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A port cannot be had.
    #[error("cannot listen on {address}: {why}; is another server running there?")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        why: std::io::Error,
    },
    /// Users, sessions or the audit log cannot be had.
    #[error(transparent)]
    Web(#[from] web::Error),
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
    /// The people, their sessions and the audit log.
    pub site: web::Site,
    /// Told when plug-ins were asked for something.
    asked: Arc<tokio::sync::Notify>,
    /// The address at which people reach the console, without a slash at its end.
    pub console_url: String,
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

    /// What runs smart response rules.
    pub fn responses(&self) -> respond::Responses {
        respond::Responses::new(self.desk(), self.asked.clone())
    }

    /// The keys that seal secrets.
    pub fn keys(&self) -> &store::keys::Keys {
        self.journal.keys()
    }
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
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Takes no more requests, lets running ones end, and returns when everything is written.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        self.enforce.journal.flush().await;
    }
}

/// Opens everything and listens; nothing is accepted unless all of it works.
pub async fn start(options: Options) -> Result<Running, Error> {
    let at = options.database.clone().unwrap_or_else(|| Location::File(options.data.join("incidents.db")));
    let journal = Arc::new(Journal::open_at(&options.data, &at, JournalOptions::default()).await?);
    let listener = bind(&options.listen).await?;
    let servers = bind(&options.servers_listen).await?;
    let (address, servers_address) = (address(&listener)?, address(&servers)?);
    let console_url = console_url(&options, address);
    let site = web::Site::open(journal.database().clone(), journal.keys().clone(), console::options()).await?;
    let asked = Arc::default();
    let enforce = Arc::new(Enforce { options, journal, site, asked, console_url });
    let (stop, stopped) = watch::channel(false);
    let people = enforce.site.mount(console::router(&enforce).merge(api::router(&enforce)));
    let worker = respond::worker::Worker {
        desk: enforce.desk(),
        plugins: enforce.options.data.join("plugins"),
        asked: enforce.asked.clone(),
    };
    let tasks = vec![
        tokio::spawn(serve(listener, people, stopped.clone())),
        tokio::spawn(worker.run(stopped.clone())),
        tokio::spawn(serve(servers, servers::router(&enforce), stopped)),
    ];
    Ok(Running { address, servers_address, enforce, stop, tasks })
}

fn console_url(options: &Options, address: SocketAddr) -> String {
    if !options.console_url.is_empty() {
        return options.console_url.trim_end_matches('/').to_owned();
    }
    let scheme = if options.console == ConsoleTls::Plain { "http" } else { "https" };
    format!("{scheme}://{address}")
}

async fn bind(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|why| Error::Listen { address: address.to_owned(), why })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|why| Error::Listen { address: String::new(), why })
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "a port stopped");
    }
}
