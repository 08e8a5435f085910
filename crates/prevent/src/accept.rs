//! Station 1, accept: may this peer connect, and is there room. The door is never shut: a gateway passes by a scanner whose port is
//! closed, but keeps its mail when it hears 4xx.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use smtp::reply::{Reply, own};

use crate::metrics::TurnedAway;
use crate::settings::Settings;

/// Counts who is inside.
#[derive(Debug, Default)]
pub(crate) struct Door {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place inside, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    address: Option<IpAddr>,
}

impl Door {
    /// A place for a session from `address`. A configured balancer's own address is not counted: it stands for many.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, settings: &Settings) -> Result<Place, TurnedAway> {
        let balancer = settings.smtp.proxy_protocol_hosts.iter().any(|hosts| hosts.contains(address));
        if !balancer && !settings.allows(address) {
            return Err(TurnedAway::NotAllowed);
        }
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.total >= settings.max_sessions {
            return Err(TurnedAway::TooManySessions);
        }
        if !balancer {
            inside.count(address, settings)?;
        }
        inside.total += 1;
        Ok(Place { door: self.clone(), address: (!balancer).then_some(address) })
    }

    fn leave(&self, address: Option<IpAddr>) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total = inside.total.saturating_sub(1);
        let Some(address) = address else { return };
        if let Some(count) = inside.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                inside.by_address.remove(&address);
            }
        }
    }
}

impl Inside {
    fn count(&mut self, address: IpAddr, settings: &Settings) -> Result<(), TurnedAway> {
        let count = self.by_address.entry(address).or_default();
        if *count >= settings.max_sessions_per_address {
            return Err(TurnedAway::TooManyFromAddress);
        }
        *count += 1;
        Ok(())
    }
}

impl Place {
    /// Behind a balancer the peer is known only now: its own rights and limits count from here on.
    pub(crate) fn belongs_to(&mut self, address: IpAddr, settings: &Settings) -> Result<(), TurnedAway> {
        if self.address.is_some() {
            return Ok(());
        }
        if !settings.allows(address) {
            return Err(TurnedAway::NotAllowed);
        }
        self.door.inside.lock().unwrap_or_else(PoisonError::into_inner).count(address, settings)?;
        self.address = Some(address);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.leave(self.address);
    }
}

impl TurnedAway {
    /// What the peer hears.
    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::NotAllowed => own::host_not_allowed(),
            Self::TooManySessions => own::too_many_sessions(),
            Self::TooManyFromAddress => own::too_many_from_address(),
        }
    }
}
