//! Station 3, receive: the whole message is here; what kind of thing it is, and whether it may come in at all.

use std::ops::Range;
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

/// The ids of a message that goes no further, for its log line.
pub(crate) fn ids(octets: &[u8], sender: &str, settings: &Settings) -> (UniqueId, Option<String>) {
    let header = HeaderScan::read(octets, settings.pass_header_name());
    let unique_id = UniqueId::of(&settings.id_key, &identity(octets, sender, &header));
    (unique_id, value_text(octets, &header.message_id))
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
    Ok(Facts {
        unique_id: UniqueId::of(&settings.id_key, &identity(octets, sender, &header)),
        message_id: value_text(octets, &header.message_id),
        subject: None,
        header,
    })
}

/// What its id would be by keys that were in use before. Reads the whole message again for each: not for clean mail.
pub(crate) fn older_ids(
    octets: &[u8],
    sender: &str,
    header: &HeaderScan,
    settings: &Settings,
) -> Vec<UniqueId> {
    let identity = identity(octets, sender, header);
    settings.old_id_keys.iter().map(|key| UniqueId::of(key, &identity)).collect()
}

fn identity<'m>(octets: &'m [u8], sender: &'m str, header: &HeaderScan) -> Identity<'m> {
    let part = |range: Option<&Range<usize>>| range.map_or(&[][..], |range| &octets[range.clone()]);
    Identity {
        sender,
        message_id: header.message_id.clone().map(|range| &octets[range]),
        instead: [part(header.from.as_ref()), part(header.date.as_ref()), part(header.subjects.first())],
        body: &octets[header.body_start..],
    }
}
