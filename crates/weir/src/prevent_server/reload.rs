//! Reloading while mail goes on: all or nothing, at SIGHUP, when a policy file changes, and when Enforce gives something new.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prevent::{Metrics, Server};
use smtp::mx::Resolver;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use super::watched::Watched;
use super::{
    Configure, Lines, Reloads, no_loop, policies_in_force, policies_of, takes_policies_from_enforce,
};
use crate::config::Prevent;
use crate::{effects, link};

/// A certificate that ends sooner than this is worth a warning.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often certificates and the policy directory are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reloads at SIGHUP and when a policy file changes; warns of certificates that end soon.
pub(super) struct Keeper {
    pub(super) configure: Configure,
    pub(super) server: Server,
    pub(super) metrics: Arc<Metrics>,
    /// Where the socket is.
    pub(super) address: SocketAddr,
    pub(super) resolver: Resolver,
    /// What the server was started with.
    pub(super) started: Prevent,
    pub(super) lines: Lines,
    /// Keeps the channel open where nobody asks by it.
    pub(super) _reload: link::Reload,
}

impl Keeper {
    pub(super) async fn keep(
        self,
        mut config: Prevent,
        mut hangups: Signal,
        mut asked: Reloads,
        stop: CancellationToken,
    ) {
        let mut policies = Watched::new(&policies_of(&config));
        let mut warned = None;
        loop {
            self.look_at_certificates(&config, &mut warned);
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangups.recv() => {
                    if let Ok(new) = self.reload().await {
                        config = new;
                    }
                    policies = Watched::new(&policies_of(&config));
                }
                Some(done) = asked.recv() => {
                    let reloaded = self.reload().await;
                    let _ = done.send(reloaded.as_ref().map(|_| ()).map_err(Clone::clone));
                    if let Ok(new) = reloaded {
                        config = new;
                    }
                    policies = Watched::new(&policies_of(&config));
                }
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if policies.changed() {
                        self.reload_policies(&config);
                    }
                }
            }
        }
    }

    /// All or nothing: configuration, certificates and policies are read first, and only then put in force.
    async fn reload(&self) -> Result<Prevent, String> {
        let read = async {
            let mut configured = (self.configure)()?;
            let waiting = keep_until_the_next_start(&mut configured.prevent, &self.started);
            self.keep_lines_of(&waiting, &mut configured.lines);
            let set = policies_in_force(&configured.prevent)?;
            effects::warn_of_orders_without_a_place(&configured.prevent, &set);
            let settings = configured.settings()?;
            let config = configured.prevent;
            no_loop(&settings.mode, self.address, &self.resolver).await?;
            anyhow::Ok((settings, set, config, configured.lines, waiting))
        };
        match read.await {
            Ok((settings, set, config, lines, waiting)) => {
                *self.lines.lock().unwrap_or_else(PoisonError::into_inner) = lines;
                if !waiting.is_empty() {
                    tracing::warn!(
                        settings = waiting.join(", "),
                        "changed in the configuration; takes effect at the next start, until then the old value counts"
                    );
                }
                self.server.replace_settings(settings);
                tracing::info!(policy_set = set.id(), "configuration, certificates and policies reloaded");
                self.server.replace_policy_set(set);
                self.metrics.reloaded(true);
                Ok(config)
            }
            Err(error) => {
                self.metrics.reloaded(false);
                tracing::error!("reload refused, nothing was changed: {error:#}");
                Err(format!("{error:#}"))
            }
        }
    }

    /// What is said to be effective is what is.
    fn keep_lines_of(&self, waiting: &[&str], lines: &mut [(String, String, String)]) {
        let before = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let of_setting = |key: &str| {
            let key = key.strip_prefix("prevent.").unwrap_or(key);
            waiting
                .iter()
                .any(|one| key.strip_prefix(one).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        };
        for line in lines.iter_mut().filter(|(key, ..)| of_setting(key)) {
            if let Some(old) = before.iter().find(|(key, ..)| *key == line.0) {
                line.clone_from(old);
            }
        }
    }

    fn reload_policies(&self, config: &Prevent) {
        match policies_in_force(config) {
            Ok(set) => {
                tracing::info!(policy_set = set.id(), "policies reloaded");
                self.server.replace_policy_set(set);
                self.metrics.reloaded(true);
            }
            Err(error) => {
                self.metrics.reloaded(false);
                tracing::error!("changed policies refused, the old ones stay in force: {error:#}");
            }
        }
    }

    fn look_at_certificates(&self, config: &Prevent, warned: &mut Option<Timestamp>) {
        let mut ends = self.server.settings().certificates();
        let place = link::Place::of(&config.data);
        ends.extend(
            place
                .certificate_ends()
                .filter(|_| !config.enforce.is_empty())
                .map(|end| (end, place.certificate())),
        );
        let Some((first, file)) = ends.into_iter().min_by_key(|(end, _)| *end) else { return };
        self.metrics.certificate_expires(first.as_second() as f64);
        let soon = first.as_second() - Timestamp::now().as_second() < EXPIRES_SOON.as_secs() as i64;
        if soon && *warned != Some(first) {
            *warned = Some(first);
            tracing::warn!(certificate = %file.display(), expires = %first, "certificate expires within 30 days; renew it and send SIGHUP");
        }
    }
}

/// Sockets, stores and processes are made once: what they were made with stays in force, and is named if it was changed.
/// docs/configuration.md lists the same settings.
fn keep_until_the_next_start(new: &mut Prevent, started: &Prevent) -> Vec<&'static str> {
    let mut waiting = Vec::new();
    macro_rules! keep {
        ($($($field:ident).+),+ $(,)?) => {
            $(if new.$($field).+ != started.$($field).+ {
                new.$($field).+.clone_from(&started.$($field).+);
                waiting.push(stringify!($($field).+));
            })+
        };
    }
    keep!(
        listen,
        ops_listen,
        milter_listen,
        data,
        sandbox,
        enforce,
        enroll_token_file,
        ocr,
        limits.inspectors,
        limits.workers,
        limits.memory_for_inspection,
        limits.journal_size,
    );
    // Whether policies are fetched from Enforce is agreed at the start; which directory is read is not.
    if takes_policies_from_enforce(new) != takes_policies_from_enforce(started) {
        new.policies.clone_from(&started.policies);
        waiting.push("policies");
    }
    waiting
}
