//! Station 3, receive: the whole message is here; what kind of thing it is, and whether it may come in at all.

use std::time::Instant;

use smtp::reply::{Reply, own};
use smtp::server::ReceiveTimes;
use smtp::spool::Spooled;

use crate::header::{HeaderScan, MAX_FORGED_RANGES, value_text};
use crate::settings::Settings;
use crate::unique_id::{Identity, UniqueId};

/// A message that came in whole and is no loop. Not one octet of it has gone on.
#[derive(Debug)]
pub(crate) struct Received {
    spooled: Spooled,
    times: ReceiveTimes,
    /// Start of our work on it: the inspection deadline and the waiting time count from here.
    started: Instant,
}

/// What the header told, read together with the octets.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) unique_id: UniqueId,
    /// What it would be by keys that were in use before.
    pub(crate) older_ids: Vec<UniqueId>,
    pub(crate) message_id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) header: HeaderScan,
}

impl Received {
    pub(crate) fn new(spooled: Spooled, times: ReceiveTimes) -> Self {
        Self { spooled, times, started: Instant::now() }
    }

    pub(crate) fn spooled(&self) -> &Spooled {
        &self.spooled
    }

    pub(crate) fn times(&self) -> &ReceiveTimes {
        &self.times
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }
}

/// Reads the header and refuses loops (RFC 5321 6.3) and floods of forged lines.
pub(crate) fn admit(octets: &[u8], sender: &str, settings: &Settings) -> Result<Facts, Reply> {
    let header = HeaderScan::read(octets, settings.pass_header_name());
    if header.received > settings.max_received {
        return Err(own::mail_loop());
    }
    if header.forged.len() > MAX_FORGED_RANGES {
        return Err(own::too_many_forged());
    }
    let part = |range: &Option<std::ops::Range<usize>>| range.clone().map_or(&[][..], |range| &octets[range]);
    let subject = header.subjects.first().cloned();
    let identity = Identity {
        sender,
        message_id: header.message_id.clone().map(|range| &octets[range]),
        instead: [part(&header.from), part(&header.date), part(&subject)],
        body: &octets[header.body_start..],
    };
    Ok(Facts {
        unique_id: UniqueId::of(&settings.id_key, &identity),
        older_ids: settings.old_id_keys.iter().map(|key| UniqueId::of(key, &identity)).collect(),
        message_id: value_text(octets, &header.message_id),
        subject: None,
        header,
    })
}
