//! The detection server: accepts connections, gives each a session, and can be told to reload and to stop.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use effects::{EffectMetrics, EffectSettings, Host, Place};
use incident::Journal;
use policy::Set;
use smtp::mx::Resolver;
use smtp::server::SessionEnd;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::Door;
use crate::hops::Hops;
use crate::inspect::{Inspector, SharedDocuments};
use crate::metrics::{Metrics, TurnedAway};
use crate::plan;
use crate::session::Session;
use crate::settings::Settings;

/// Peers being told to go away at one time; more than that are hung up on.
const REFUSALS: usize = 256;
/// Pause after a failed accept (no file descriptors left, for example), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all sessions of a server share.
pub(crate) struct Shared {
    settings: RwLock<Arc<Settings>>,
    pub(crate) hops: Hops,
    pub(crate) inspector: Arc<Inspector>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Shared {
    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Host for Shared {
    fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    fn name(&self) -> String {
        self.settings().server_name.clone()
    }

    fn settings(&self) -> EffectSettings {
        Self::settings(self).effects.clone()
    }

    fn metrics(&self) -> &EffectMetrics {
        &self.metrics.effects
    }

    fn notice_id(&self, tag: &str, recipient: &str) -> String {
        plan::notice_id(tag, recipient, &Self::settings(self).id_key)
    }
}

/// A detection server.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
    door: Arc<Door>,
    refusals: Arc<Semaphore>,
}

impl Server {
    /// A server that is not listening yet.
    pub fn new(
        settings: Settings,
        set: Arc<Set>,
        documents: SharedDocuments,
        journal: Arc<Journal>,
        metrics: Arc<Metrics>,
        resolver: Resolver,
    ) -> Self {
        audit_break_glass(false, settings.break_glass);
        let inspector = Arc::new(Inspector::new(set, documents, &settings, metrics.clone()));
        let settings = RwLock::new(Arc::new(settings));
        let shared = Shared { settings, hops: Hops::new(resolver), inspector, journal, metrics };
        Self { shared: Arc::new(shared), door: Arc::default(), refusals: Arc::new(Semaphore::new(REFUSALS)) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// The policy set in force.
    pub fn policy_set(&self) -> Arc<Set> {
        self.shared.inspector.set()
    }

    /// Puts another policy set in force, whole; a message under inspection ends with the set it began with.
    pub fn replace_policy_set(&self, set: Arc<Set>) {
        self.shared.inspector.replace_set(set);
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings()
    }

    /// Puts other settings in force: for new sessions, and for the next message of a running one.
    /// How many may be inspected at a time stays as it was at the start.
    pub fn replace_settings(&self, settings: Settings) {
        audit_break_glass(self.shared.settings().break_glass, settings.break_glass);
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Serves until `stop`, then lets sessions finish their transaction within the grace time. True if all did.
    pub async fn run(&self, listener: TcpListener, stop: CancellationToken) -> bool {
        if let Ok(own) = listener.local_addr() {
            self.shared.hops.listens_at(own);
        }
        let (shared, stopped) = (self.shared.clone(), stop.clone());
        let effects = tokio::spawn(async move {
            effects::run(shared, &[Place::Incident, Place::Mail, Place::Syslog], stopped).await;
        });
        let finished = self
            .serve(listener, stop, |stream, peer, sessions, ends| self.welcome(stream, peer, sessions, ends))
            .await;
        // An effect that is not finished by then is done again at the next start.
        let _ = tokio::time::timeout(self.shared.settings().shutdown_grace, effects).await;
        finished
    }

    /// Takes connections until `stop`, then lets what is under way end within the grace time, and cuts off the rest. True if
    /// nothing was cut off. `welcome` gets the tracker of sessions, and the tokens that end them: politely, and at once.
    pub(crate) async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
        welcome: impl Fn(TcpStream, SocketAddr, &TaskTracker, [&CancellationToken; 2]),
    ) -> bool {
        let (sessions, cut) = (TaskTracker::new(), CancellationToken::new());
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => welcome(stream, peer, &sessions, [&stop, &cut]),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        sessions.close();
        let grace = self.shared.settings().shutdown_grace;
        let finished = tokio::time::timeout(grace, sessions.wait()).await.is_ok();
        if !finished {
            tracing::warn!(open = sessions.len(), "sessions were cut off; their senders keep the mail");
            cut.cancel();
            sessions.wait().await;
        }
        finished
    }

    fn welcome(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        sessions: &TaskTracker,
        ends: [&CancellationToken; 2],
    ) {
        let settings = self.shared.settings();
        let place = match self.door.enter(peer.ip().to_canonical(), &settings) {
            Ok(place) => place,
            Err(why) => return self.turn_away(stream, peer, why),
        };
        let metrics = self.shared.metrics.clone();
        let session = Session::new(self.shared.clone(), settings.clone(), place);
        let [stop, cut] = ends.map(CancellationToken::clone);
        sessions.spawn(async move {
            metrics.sessions.inc();
            metrics.sessions_total.inc();
            // The biggest future of all lives on the heap by itself; a session that is cut off just ends.
            let served = Box::pin(smtp::server::serve(stream, &settings.smtp, session, stop));
            if let Some(end) = cut.run_until_cancelled(served).await {
                log_end(peer, &end);
            }
            metrics.sessions.dec();
        });
    }

    fn turn_away(&self, stream: TcpStream, peer: SocketAddr, why: TurnedAway) {
        self.shared.metrics.turned_away(why);
        tracing::warn!(%peer, ?why, "connection turned away");
        if let Ok(permit) = self.refusals.clone().try_acquire_owned() {
            tokio::spawn(async move {
                smtp::server::refuse(stream, &why.reply()).await;
                drop(permit);
            });
        }
    }
}

/// The switch leaves a trace whenever it is turned.
fn audit_break_glass(was: bool, is: bool) {
    match (was, is) {
        (false, true) => {
            tracing::warn!("break-glass is ON: violations are recorded and every message passes")
        }
        (true, false) => tracing::warn!("break-glass is off again: policies act"),
        _ => {}
    }
}

fn log_end(peer: SocketAddr, end: &SessionEnd) {
    tracing::debug!(%peer, ?end, "session ended");
}
