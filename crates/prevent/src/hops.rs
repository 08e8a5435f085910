//! Which next hop a session is paired with: reflect to the peer, or forward to the first of a list that answers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use smtp::client::{Hop, HopConfig, HopError, Phase};
use smtp::mx::Resolver;

use crate::ourselves::is_ours;
use crate::settings::{Mode, Settings};

/// A hop that did not answer is tried last for this long, so that mail goes back to the first choice once it is up again.
const DOWN_FOR: Duration = Duration::from_secs(15);
/// At most this many addresses are tried for one session.
const MAX_CANDIDATES: usize = 16;
/// For all attempts together: the sender waits for the answer to its EHLO, five minutes at most (RFC 5321 4.5.3.2).
const PATIENCE: Duration = Duration::from_secs(240);
/// One attempt gets this much however many there are.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// The next hops as this server has found them.
#[derive(Debug)]
pub(crate) struct Hops {
    resolver: Resolver,
    down_until: Mutex<HashMap<SocketAddr, Instant>>,
    /// Where we listen, once we do.
    own: OnceLock<SocketAddr>,
}

/// One address to try, and the name its certificate must bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
}

impl Hops {
    pub(crate) fn new(resolver: Resolver) -> Self {
        Self { resolver, down_until: Mutex::default(), own: OnceLock::new() }
    }

    /// Mail never goes to this address of ours, whatever a name server says of a next hop later on.
    pub(crate) fn listens_at(&self, own: SocketAddr) {
        let _ = self.own.set(own);
    }

    /// A fresh session with the best hop that answers; the last failure if none does.
    ///
    /// `peer` is the address that the connection came from: the TCP peer's, or the one that a configured balancer names.
    pub(crate) async fn connect(&self, settings: &Settings, peer: SocketAddr) -> Result<Hop, HopError> {
        let mut failure = None;
        let (candidates, until) = (self.candidates(settings, peer).await, Instant::now() + PATIENCE);
        let mut left = candidates.len();
        for candidate in candidates {
            let wait = share_of(until.saturating_duration_since(Instant::now()), left);
            left -= 1;
            let config = HopConfig {
                host: candidate.host.clone(),
                port: candidate.address.port(),
                ..settings.hop.clone()
            };
            let connected = tokio::time::timeout(wait, Hop::connect(candidate.address, &config)).await;
            match connected.unwrap_or(Err(HopError::Timeout(Phase::Connect))) {
                Ok(hop) => {
                    self.mark(candidate.address, None);
                    return Ok(hop);
                }
                Err(error) => {
                    tracing::warn!(next_hop = %candidate.host, address = %candidate.address, %error, "next hop did not answer");
                    self.mark(candidate.address, Some(Instant::now() + DOWN_FOR));
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or_else(no_address))
    }

    async fn candidates(&self, settings: &Settings, peer: SocketAddr) -> Vec<Candidate> {
        let mut found = Vec::new();
        match &settings.mode {
            Mode::Reflect { resubmit_port } => {
                let address = SocketAddr::new(peer.ip(), *resubmit_port);
                found.push(Candidate { host: peer.ip().to_string(), address });
            }
            Mode::Forward { hops } => {
                for hop in hops {
                    match self.resolver.resolve(hop).await {
                        Ok(addresses) => {
                            found.extend(
                                addresses.into_iter().map(|(host, address)| Candidate { host, address }),
                            );
                        }
                        Err(error) => {
                            tracing::warn!(next_hop = %hop, %error, "next hop could not be resolved")
                        }
                    }
                }
            }
        }
        found.retain(|candidate| {
            let back = self.own.get().is_some_and(|own| is_ours(*own, candidate.address));
            if back {
                tracing::error!(next_hop = %candidate.host, address = %candidate.address, "next hop is this server itself: mail is not sent in a circle");
            }
            !back
        });
        let down = self.down_until.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ordered(found, &down, Instant::now())
    }

    fn mark(&self, address: SocketAddr, down_until: Option<Instant>) {
        let mut down = self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        match down_until {
            Some(until) => {
                let now = Instant::now();
                down.retain(|_, until| *until > now);
                down.insert(address, until);
            }
            None if down.is_empty() => {}
            None => {
                down.remove(&address);
            }
        }
    }
}

/// The order of preference, with those found down a moment ago behind the others; bounded.
fn ordered(mut found: Vec<Candidate>, down: &HashMap<SocketAddr, Instant>, now: Instant) -> Vec<Candidate> {
    // The sort is stable: within each half the configured order stays.
    found.sort_by_key(|candidate| down.get(&candidate.address).is_some_and(|until| *until > now));
    found.truncate(MAX_CANDIDATES);
    found
}

/// A hop that stalls must not use up the time of those behind it.
fn share_of(left: Duration, attempts: usize) -> Duration {
    (left / u32::try_from(attempts.max(1)).unwrap_or(u32::MAX)).max(LEAST_PATIENCE)
}

fn no_address() -> HopError {
    HopError::Connect(std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, "no next hop has an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(port: u16) -> Candidate {
        Candidate { host: "hop".into(), address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    #[test]
    fn a_hop_that_was_down_is_tried_last_and_comes_back_after_a_while() {
        let now = Instant::now();
        let down = HashMap::from([(candidate(1).address, now + DOWN_FOR)]);
        let all = vec![candidate(1), candidate(2), candidate(3)];
        assert_eq!(ordered(all.clone(), &down, now), vec![candidate(2), candidate(3), candidate(1)]);
        assert_eq!(ordered(all.clone(), &down, now + DOWN_FOR * 2), all);
    }

    #[test]
    fn each_attempt_has_its_share_of_the_time() {
        assert_eq!(share_of(PATIENCE, 1), PATIENCE);
        assert_eq!(share_of(PATIENCE, 4), PATIENCE / 4);
        assert_eq!(share_of(Duration::ZERO, 3), LEAST_PATIENCE);
    }

    #[test]
    fn a_long_list_is_cut() {
        let many = (1..100).map(candidate).collect();
        assert_eq!(ordered(many, &HashMap::new(), Instant::now()).len(), MAX_CANDIDATES);
    }
}
