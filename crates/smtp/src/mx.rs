//! From a configured next hop to addresses: literals as they are, host names by A and AAAA, domains by MX
//! (RFC 5321 5.1, RFC 7505). Answers are untrusted: their number and the time for them are bounded.
//!
//! Records are cached for as long as their time to live says. With an `mx:` target the certificate must bear the name
//! of the mail exchanger; without DNSSEC that name is as trustworthy as the network between us and the name server.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, rdata::MX};
use tokio::time::{Instant, timeout_at};

use crate::command::Domain;

/// Mail exchangers that are asked for addresses, the preferred ones.
const MAX_EXCHANGERS: usize = 10;
/// Addresses taken of one host.
const MAX_ADDRESSES: usize = 8;
/// For everything that one target needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A next hop as operators write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    place: Place,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Address(IpAddr),
    Host(String),
    Mx(String),
}

/// Why a text is not a next hop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Neither an address nor a host name.
    #[error("{0:?} is neither a host name nor an address")]
    Host(String),
    /// Not 1 to 65535.
    #[error("{0:?} is not a port (1 to 65535)")]
    Port(String),
    /// An IPv6 address whose end cannot be told from a port.
    #[error("an IPv6 address stands in brackets: [{0}]")]
    Brackets(String),
}

impl Target {
    /// Reads `HOST`, `HOST:PORT`, `ADDRESS`, `[IPV6]:PORT`, `mx:DOMAIN` or `mx:DOMAIN:PORT`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, BadTarget> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('[') {
            let (inner, port) = rest.split_once(']').ok_or_else(|| BadTarget::Host(text.to_owned()))?;
            let address = inner.parse().map_err(|_| BadTarget::Host(inner.to_owned()))?;
            let port = match port.strip_prefix(':') {
                Some(port) => port_of(port)?,
                None if port.is_empty() => default_port,
                None => return Err(BadTarget::Port(port.to_owned())),
            };
            return Ok(Self { place: Place::Address(address), port });
        }
        if text.parse::<std::net::Ipv6Addr>().is_ok() {
            return Err(BadTarget::Brackets(text.to_owned()));
        }
        let (is_mx, rest) = match text.split_at_checked(3) {
            Some((mx, rest)) if mx.eq_ignore_ascii_case("mx:") => (true, rest),
            _ => (false, text),
        };
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) => (name, port_of(port)?),
            None => (rest, default_port),
        };
        Ok(Self { place: Place::named(name, is_mx)?, port })
    }

    /// The port at the next hop.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, where no name has to be looked up.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.place {
            Place::Address(address) => Some(SocketAddr::new(address, self.port)),
            _ => None,
        }
    }
}

impl Place {
    fn named(name: &str, is_mx: bool) -> Result<Self, BadTarget> {
        let bad = || BadTarget::Host(name.to_owned());
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return if is_mx { Err(bad()) } else { Ok(Self::Address(address.into())) };
        }
        let domain = Domain::parse(name.trim_end_matches('.').as_bytes()).ok_or_else(bad)?;
        // All digits and dots: a mistyped address, not a name.
        let is_name = name.bytes().any(|octet| octet.is_ascii_alphabetic() || octet >= 0x80);
        match (domain.as_str().starts_with('['), is_name, is_mx) {
            (true, ..) | (_, false, _) => Err(bad()),
            (_, _, true) => Ok(Self::Mx(domain.as_str().to_owned())),
            (_, _, false) => Ok(Self::Host(domain.as_str().to_owned())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Address(address) => write!(f, "{}", SocketAddr::new(*address, self.port)),
            Place::Host(host) => write!(f, "{host}:{}", self.port),
            Place::Mx(domain) => write!(f, "mx:{domain}:{}", self.port),
        }
    }
}

fn port_of(text: &str) -> Result<u16, BadTarget> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| BadTarget::Port(text.to_owned()))
}

/// Why a next hop has no address now.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// The domain says that it takes no mail (null MX, RFC 7505).
    #[error("{0} takes no mail (null MX)")]
    NoMail(String),
    /// The name server did not answer, or with an error.
    #[error("looking up {name}: {why}")]
    Dns {
        /// What was asked for.
        name: String,
        /// What went wrong.
        why: String,
    },
}

/// Looks next hops up; clones share the cache.
#[derive(Clone)]
pub struct Resolver {
    dns: TokioResolver,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// As the system does: `/etc/resolv.conf` and `/etc/hosts`. Without a `resolv.conf` only literals and the hosts
    /// file can be looked up.
    pub fn from_system() -> io::Result<Self> {
        let (config, options) = match hickory_resolver::system_conf::read_system_conf() {
            Ok(read) => read,
            Err(error) if is_missing(&error) => {
                tracing::warn!("no resolv.conf: names of next hops are looked up in the hosts file only");
                (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default())
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        Self::new(config, options)
    }

    /// Asks these name servers instead of the system's.
    pub fn from_servers(servers: &[SocketAddr]) -> io::Result<Self> {
        let servers = servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        Self::new(ResolverConfig::from_parts(None, Vec::new(), servers.collect()), ResolverOpts::default())
    }

    fn new(config: ResolverConfig, options: ResolverOpts) -> io::Result<Self> {
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        // Next hops are near: without IPv6 to them, AAAA first would cost every session a failed attempt.
        *builder.options_mut() = options;
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self { dns: builder.build().map_err(io::Error::other)? })
    }

    /// The addresses to try, in order, each with the name that its certificate must bear.
    pub async fn resolve(&self, target: &Target) -> Result<Vec<(String, SocketAddr)>, ResolveError> {
        let until = Instant::now() + PATIENCE;
        match &target.place {
            Place::Address(address) => {
                Ok(vec![(address.to_string(), SocketAddr::new(*address, target.port))])
            }
            Place::Host(host) => Ok(named(host, self.addresses(host, until).await?, target.port)),
            Place::Mx(domain) => self.exchangers(domain, target.port, until).await,
        }
    }

    async fn addresses(&self, host: &str, until: Instant) -> Result<Vec<IpAddr>, ResolveError> {
        let failed = |why: String| ResolveError::Dns { name: host.to_owned(), why };
        let found = match timeout_at(until, self.dns.lookup_ip(host)).await {
            Ok(Ok(found)) => found.iter().filter(is_a_host).take(MAX_ADDRESSES).collect(),
            Ok(Err(error)) if error.is_no_records_found() => Vec::new(),
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed("no answer in time".to_owned())),
        };
        if found.is_empty() { Err(ResolveError::NoAddress(host.to_owned())) } else { Ok(found) }
    }

    async fn exchangers(
        &self,
        domain: &str,
        port: u16,
        until: Instant,
    ) -> Result<Vec<(String, SocketAddr)>, ResolveError> {
        // With the dot at the end: the domain is meant as it is, not within the system's search list.
        let asked = format!("{domain}.");
        let records = match timeout_at(until, self.dns.mx_lookup(asked.as_str())).await {
            Ok(Ok(found)) => found.answers().iter().filter_map(exchanger).collect(),
            Ok(Err(error)) if error.is_nx_domain() => return Err(ResolveError::NoAddress(domain.to_owned())),
            Ok(Err(error)) if error.is_no_records_found() => Vec::new(),
            // A failure is not the same as "no MX": mail must not go astray while a name server is ill.
            Ok(Err(error)) => {
                return Err(ResolveError::Dns { name: domain.to_owned(), why: error.to_string() });
            }
            Err(_) => {
                return Err(ResolveError::Dns {
                    name: domain.to_owned(),
                    why: "no answer in time".to_owned(),
                });
            }
        };
        let hosts = match ordered(records, &mut coin()) {
            Exchangers::Implicit => return Ok(named(domain, self.addresses(&asked, until).await?, port)),
            Exchangers::None => return Err(ResolveError::NoMail(domain.to_owned())),
            Exchangers::Hosts(hosts) => hosts,
        };
        self.of_each(hosts, port, until).await
    }

    /// What is found of the exchangers; an error only when that is nothing.
    async fn of_each(
        &self,
        hosts: Vec<String>,
        port: u16,
        until: Instant,
    ) -> Result<Vec<(String, SocketAddr)>, ResolveError> {
        let (mut found, mut failure) = (Vec::new(), None);
        for host in hosts {
            match self.addresses(&format!("{host}."), until).await {
                Ok(addresses) => found.extend(named(&host, addresses, port)),
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }
}

fn named(host: &str, addresses: Vec<IpAddr>, port: u16) -> Vec<(String, SocketAddr)> {
    addresses.into_iter().map(|address| (host.to_owned(), SocketAddr::new(address, port))).collect()
}

/// Nobody listens at these, whatever an answer says.
fn is_a_host(address: &IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

fn exchanger(record: &hickory_resolver::proto::rr::Record) -> Option<(u16, Name)> {
    match &record.data {
        RData::MX(MX { preference, exchange, .. }) => Some((*preference, exchange.clone())),
        _ => None,
    }
}

/// What the MX records of a domain come to.
#[derive(Debug, PartialEq, Eq)]
enum Exchangers {
    /// None at all: the domain itself takes its mail.
    Implicit,
    /// A null MX, or nothing but names that no host can have.
    None,
    /// In the order in which to try them; at least one.
    Hosts(Vec<String>),
}

/// By preference; equals in random order (RFC 5321 5.1), so that the load spreads.
fn ordered(records: Vec<(u16, Name)>, coin: &mut impl FnMut() -> u64) -> Exchangers {
    if records.is_empty() {
        return Exchangers::Implicit;
    }
    let mut tossed: Vec<(u16, u64, String)> = Vec::new();
    for (preference, name) in records {
        if let Some(host) = host_name(&name).filter(|host| tossed.iter().all(|(.., other)| other != host)) {
            tossed.push((preference, coin(), host));
        }
    }
    tossed.sort();
    tossed.truncate(MAX_EXCHANGERS);
    let hosts: Vec<String> = tossed.into_iter().map(|(.., host)| host).collect();
    if hosts.is_empty() { Exchangers::None } else { Exchangers::Hosts(hosts) }
}

/// The name in the form that certificates and logs have; none for the root (null MX) and for what no host is called.
fn host_name(name: &Name) -> Option<String> {
    let text = name.to_ascii();
    let domain = Domain::parse(text.trim_end_matches('.').as_bytes())?;
    Some(domain.as_str().to_owned()).filter(|host| !host.starts_with('['))
}

fn is_missing(error: &NetError) -> bool {
    matches!(error, NetError::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Random numbers good enough to spread load: the standard library's hash keys are random in each process.
fn coin() -> impl FnMut() -> u64 {
    let state = RandomState::new();
    let mut count = 0u64;
    move || {
        count += 1;
        state.hash_one(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Target::parse(text, 10026).map_or_else(|error| error.to_string(), |target| target.to_string())
    }

    #[test]
    fn targets_are_read_and_shown() {
        for (text, meant) in [
            ("mail.example:25", "mail.example:25"),
            (" Mail.Example. ", "mail.example:10026"),
            ("127.0.0.1", "127.0.0.1:10026"),
            ("127.0.0.1:2525", "127.0.0.1:2525"),
            ("[::1]", "[::1]:10026"),
            ("[2001:db8::1]:25", "[2001:db8::1]:25"),
            ("[192.0.2.1]:25", "192.0.2.1:25"),
            ("mx:example.org", "mx:example.org:10026"),
            ("MX:example.org:25", "mx:example.org:25"),
        ] {
            assert_eq!(shown(text), meant);
            assert_eq!(shown(meant), meant);
        }
    }

    #[test]
    fn what_is_no_target_is_named() {
        for (text, why) in [
            ("", "\"\" is neither a host name nor an address"),
            ("mail example:25", "\"mail example\" is neither"),
            ("127.0.0.300:25", "\"127.0.0.300\" is neither"),
            ("mail.example:0", "\"0\" is not a port"),
            ("mail.example:65536", "\"65536\" is not a port"),
            ("mail.example:+25", "\"+25\" is not a port"),
            ("mail.example:", "\"\" is not a port"),
            ("2001:db8::1", "an IPv6 address stands in brackets: [2001:db8::1]"),
            ("[::1", "\"[::1\" is neither"),
            ("[::1]25", "\"25\" is not a port"),
            ("mx:", "\"\" is neither"),
            ("mx:127.0.0.1", "\"127.0.0.1\" is neither"),
        ] {
            assert!(shown(text).starts_with(why), "{text}: {}", shown(text));
        }
    }

    fn records(list: &[(u16, &str)]) -> Vec<(u16, Name)> {
        list.iter().map(|(preference, name)| (*preference, Name::from_ascii(name).unwrap())).collect()
    }

    #[test]
    fn lower_preference_comes_first_and_equals_are_shuffled() {
        let list = records(&[(20, "c.example."), (10, "a.example."), (10, "b.example."), (20, "c.example.")]);
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let Exchangers::Hosts(hosts) = ordered(list.clone(), &mut coin()) else { panic!("hosts") };
            assert_eq!(hosts[2..], ["c.example"]);
            firsts.insert(hosts[0].clone());
        }
        assert_eq!(firsts.len(), 2, "each of the equals is first sometimes");
    }

    #[test]
    fn null_mx_and_no_mx_are_different_things() {
        assert_eq!(ordered(Vec::new(), &mut coin()), Exchangers::Implicit);
        assert_eq!(ordered(records(&[(0, ".")]), &mut coin()), Exchangers::None);
        let mixed = ordered(records(&[(0, "."), (5, "a.example.")]), &mut coin());
        assert_eq!(mixed, Exchangers::Hosts(vec!["a.example".into()]));
    }

    #[test]
    fn a_flood_of_exchangers_is_cut() {
        let many = (0..1000).map(|n| (n, Name::from_ascii(format!("h{n}.example.")).unwrap())).collect();
        let Exchangers::Hosts(hosts) = ordered(many, &mut coin()) else { panic!("hosts") };
        assert_eq!((hosts.len(), hosts[0].as_str()), (MAX_EXCHANGERS, "h0.example"));
    }
}
