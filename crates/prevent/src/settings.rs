//! What a detection server is told: plain data, checked before anything starts.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use effects::EffectSettings;
use jiff::Timestamp;
use smtp::cidr::Cidr;
use smtp::client::{HopConfig, HopTls};
use smtp::server::{ServerConfig, ServerTls};

use crate::unique_id::IdKey;

/// Everything that can change while the server runs; replaced whole by a reload.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of this server in logs and incidents.
    pub server_name: String,
    /// The upstream side: greeting, TLS, limits and time limits of a session.
    pub smtp: Arc<ServerConfig>,
    /// Where mail goes on.
    pub mode: Mode,
    /// TLS, AUTH and time limits of the next-hop side; host and port are filled in by the mode.
    pub hop: HopConfig,
    /// Hosts that may connect.
    pub allowed_hosts: Vec<Cidr>,
    /// Sessions at one time, in all and from one address.
    pub max_sessions: usize,
    /// See `max_sessions`.
    pub max_sessions_per_address: usize,
    /// Received lines a message may carry before it is taken for a loop (RFC 5321 6.3).
    pub max_received: usize,
    /// Octets of one message kept in memory before it goes to an unlinked file.
    pub memory_per_message: usize,
    /// Octets of messages that may be inspected at one time; a message that finds no room waits, then gets 451.
    pub memory_for_inspection: usize,
    /// From the final dot to our reply, whatever the next hop takes its time for: under the ten minutes that a sender waits (RFC
    /// 5321 4.5.3.2.6).
    pub sender_patience: Duration,
    /// Directory of the unlinked files.
    pub spool_dir: PathBuf,
    /// Time for the inspection of one message, from the start of work.
    pub inspection_deadline: Duration,
    /// How long a message waits for a free inspector before the sender gets 451 4.3.2.
    pub inspection_wait: Duration,
    /// Messages inspected at one time.
    pub inspectors: usize,
    /// Limits of opening mail.
    pub content: content::Limits,
    /// Passwords tried on encrypted containers.
    pub passwords: Vec<String>,
    /// Record, but never block, redirect or mark.
    pub trial: bool,
    /// Break-glass, for an emergency: every violation is recorded and every message passes, as on trial, and a fault of the
    /// engine becomes a finding at once. Each log line and each incident it overruled says so. A store failure still defers.
    pub break_glass: bool,
    /// The pass header (name, value), added to every message; none switches it off.
    pub pass_header: Option<(String, String)>,
    /// Messages marked for Email Quarantine Connect are held by the MTA that asked by milter.
    pub milter_holds: bool,
    /// What becomes of a mail when a copy that a rule orders is refused by the next hop.
    pub refused_copy: RefusedCopy,
    /// Key of `X-dlp-uniquemsgid`.
    pub id_key: IdKey,
    /// Keys before it: a message that has an incident under an id of theirs keeps that id.
    pub old_id_keys: Vec<IdKey>,
    /// How side effects are done.
    pub effects: EffectSettings,
    /// How long sessions in a transaction may go on after a stop was asked for.
    pub shutdown_grace: Duration,
}

/// Which way inspected mail goes (guide, "Configuring Network Prevent for Email").
#[derive(Debug, Clone)]
pub enum Mode {
    /// Back to the address that the connection came from, at this port.
    Reflect {
        /// The resubmit port; never the listening port, or mail loops.
        resubmit_port: u16,
    },
    /// On to the first of these that answers.
    Forward {
        /// In order of preference.
        hops: Vec<smtp::mx::Target>,
    },
}

/// What becomes of a mail whose ordered copy is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedCopy {
    /// The sender gets 451 and tries again.
    Defer,
    /// The mail goes on without the copy; the incident says so.
    PassAndRecord,
}

impl Settings {
    /// True if `address` may connect.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allowed_hosts.iter().any(|hosts| hosts.contains(address))
    }

    /// The certificates that we show, as they are in use (their files may be newer): when each ends, and its file.
    pub fn certificates(&self) -> Vec<(Timestamp, PathBuf)> {
        let ours = match &self.smtp.tls {
            ServerTls::Off => None,
            ServerTls::Opportunistic(acceptor) | ServerTls::Required(acceptor) => {
                acceptor.expires().zip(Some(acceptor.file()))
            }
        };
        let shown_to_hop = match &self.hop.tls {
            HopTls::Off => None,
            HopTls::Opportunistic(connector) | HopTls::Required(connector) | HopTls::Implicit(connector) => {
                connector.expires().zip(connector.file())
            }
        };
        let ends = [ours, shown_to_hop].into_iter().flatten();
        ends.map(|(end, file): (Timestamp, &Path)| (end, file.to_path_buf())).collect()
    }

    /// Nothing is blocked, redirected or marked.
    pub(crate) fn only_records(&self) -> bool {
        self.trial || self.break_glass
    }

    /// The name of the pass header, or the product's where none is added: forged ones are cut all the same.
    pub(crate) fn pass_header_name(&self) -> &str {
        self.pass_header.as_ref().map_or("X-Cfilter-Loop", |(name, _)| name)
    }

    /// Room that our header lines may take: SIZE is offered less this (octets).
    pub(crate) const HEADER_ROOM: u64 = 4096;
}
