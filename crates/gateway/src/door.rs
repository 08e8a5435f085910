//! Who may connect to a listener, and how many at a time. Each listener has a door of its own, so that one never starves the other.
//! The door is never shut: a mail server that hears 4xx keeps its mail.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use smtp::cidr::{self, Cidr};
use smtp::reply::{Reply, own};

use crate::Error;
use crate::options::networks;

/// Counts who is inside.
#[derive(Debug)]
pub(crate) struct Door {
    allowed: Vec<Cidr>,
    most: usize,
    most_from_one: usize,
    inside: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// A place inside, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    address: IpAddr,
}

impl Door {
    pub(crate) fn new(
        setting: &str,
        allowed: &[String],
        most: usize,
        most_from_one: usize,
    ) -> Result<Arc<Self>, Error> {
        let allowed = networks(setting, allowed)?;
        Ok(Arc::new(Self { allowed, most, most_from_one, inside: Mutex::default() }))
    }

    /// A place, or what the peer hears instead.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Reply> {
        let address = address.to_canonical();
        if !cidr::any_contains(&self.allowed, address) {
            return Err(own::host_not_allowed());
        }
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, by_address) = &mut *inside;
        if *total >= self.most {
            return Err(own::too_many_sessions());
        }
        let count = by_address.entry(address).or_default();
        if *count >= self.most_from_one {
            return Err(own::too_many_from_address());
        }
        *count += 1;
        *total += 1;
        Ok(Place { door: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, by_address) = &mut *inside;
        *total = total.saturating_sub(1);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_hear_no_and_a_full_house_says_later() {
        let door = Door::new("x", &["10.0.0.0/8".to_owned()], 2, 1).unwrap();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(door.enter(at("192.0.2.1")).unwrap_err().code, 554);
        let first = door.enter(at("10.0.0.1")).unwrap();
        assert_eq!(door.enter(at("::ffff:10.0.0.1")).unwrap_err().code, 421);
        let _second = door.enter(at("10.0.0.2")).unwrap();
        assert_eq!(door.enter(at("10.0.0.3")).unwrap_err().code, 421);
        drop(first);
        door.enter(at("10.0.0.3")).unwrap();
    }
}
