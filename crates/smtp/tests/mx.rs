//! Looking up next hops at a small name server of our own: MX, null MX, no MX, failures, floods.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smtp::mx::{ResolveError, Resolver, Target};
use tokio::net::UdpSocket;

#[derive(Clone)]
enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx(u16, String),
    /// The answer is this error code.
    Error(u8),
}

/// A name with its records; the time to live is the zone's.
struct Zone {
    ttl: u32,
    records: Vec<(String, Data)>,
}

struct NameServer {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

fn a(last: u8) -> Data {
    Data::A(Ipv4Addr::new(192, 0, 2, last))
}

fn mx(preference: u16, host: &str) -> Data {
    Data::Mx(preference, host.to_owned())
}

async fn serve(ttl: u32, records: &[(&str, Data)]) -> NameServer {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let zone =
        Zone { ttl, records: records.iter().map(|(name, data)| (name.to_string(), data.clone())).collect() };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut query = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut query).await {
            count.fetch_add(1, Ordering::Relaxed);
            socket.send_to(&zone.answer(&query[..length]), peer).await.unwrap();
        }
    });
    NameServer { addr, asked }
}

impl Zone {
    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let end = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 1;
        let (name, kind) = (name_of(&query[12..end]), u16::from_be_bytes([query[end], query[end + 1]]));
        let of_name: Vec<&Data> =
            self.records.iter().filter(|(n, _)| *n == name).map(|(_, data)| data).collect();
        let fitting: Vec<&Data> = of_name.iter().copied().filter(|data| data.kind() == kind).collect();
        let error =
            of_name.iter().find_map(|data| if let Data::Error(code) = data { Some(*code) } else { None });
        let code = error.unwrap_or(if of_name.is_empty() { 3 } else { 0 });
        let mut out = query[..2].to_vec();
        out.extend_from_slice(&[0x85, 0x80 | code, 0, 1, 0, fitting.len() as u8, 0, 0, 0, 0]);
        out.extend_from_slice(&query[12..end + 4]);
        for data in fitting {
            let octets = data.octets();
            out.extend_from_slice(&[0xc0, 12]);
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0, 1]);
            out.extend_from_slice(&self.ttl.to_be_bytes());
            out.extend_from_slice(&(octets.len() as u16).to_be_bytes());
            out.extend_from_slice(&octets);
        }
        out
    }
}

impl Data {
    fn kind(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Aaaa(_) => 28,
            Self::Mx(..) => 15,
            Self::Error(_) => 0,
        }
    }

    fn octets(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().to_vec(),
            Self::Aaaa(address) => address.octets().to_vec(),
            Self::Error(_) => Vec::new(),
            Self::Mx(preference, host) => {
                let mut out = preference.to_be_bytes().to_vec();
                for label in host.split('.').filter(|label| !label.is_empty()) {
                    out.push(label.len() as u8);
                    out.extend_from_slice(label.as_bytes());
                }
                out.push(0);
                out
            }
        }
    }
}

fn name_of(mut labels: &[u8]) -> String {
    let mut name = Vec::new();
    while let [length, rest @ ..] = labels
        && *length > 0
    {
        let (label, rest) = rest.split_at(usize::from(*length));
        name.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        labels = rest;
    }
    name.join(".")
}

async fn resolve(server: &NameServer, target: &str) -> Result<Vec<String>, ResolveError> {
    let resolver = Resolver::from_servers(&[server.addr]).unwrap();
    let target = Target::parse(target, 25).unwrap();
    let found = resolver.resolve(&target).await?;
    Ok(found.into_iter().map(|(host, address)| format!("{host} {address}")).collect())
}

#[tokio::test]
async fn a_literal_needs_no_name_server() {
    let resolver = Resolver::from_servers(&[]).unwrap();
    let target = Target::parse("[2001:db8::1]:2525", 25).unwrap();
    let found = resolver.resolve(&target).await.unwrap();
    assert_eq!(found, [("2001:db8::1".to_owned(), "[2001:db8::1]:2525".parse().unwrap())]);
}

#[tokio::test]
async fn a_host_name_has_its_addresses_ipv4_first() {
    let v6 = Data::Aaaa("2001:db8::7".parse().unwrap());
    let server = serve(60, &[("mail.example", v6), ("mail.example", a(1))]).await;
    let found = resolve(&server, "Mail.Example:10026").await.unwrap();
    assert_eq!(found, ["mail.example 192.0.2.1:10026", "mail.example [2001:db8::7]:10026"]);
}

#[tokio::test]
async fn exchangers_come_in_the_order_of_their_preference_under_their_own_names() {
    let server = serve(
        60,
        &[
            ("example.org", mx(20, "second.example")),
            ("example.org", mx(10, "first.example")),
            ("first.example", a(1)),
            ("second.example", a(2)),
        ],
    )
    .await;
    let found = resolve(&server, "mx:example.org").await.unwrap();
    assert_eq!(found, ["first.example 192.0.2.1:25", "second.example 192.0.2.2:25"]);
}

#[tokio::test]
async fn an_exchanger_without_address_is_passed_over() {
    let server = serve(
        60,
        &[
            ("example.org", mx(10, "gone.example")),
            ("example.org", mx(20, "here.example")),
            ("here.example", a(2)),
        ],
    )
    .await;
    assert_eq!(resolve(&server, "mx:example.org").await.unwrap(), ["here.example 192.0.2.2:25"]);
    let server = serve(60, &[("example.org", mx(10, "gone.example")), ("example.org", a(9))]).await;
    let error =
        resolve(&server, "mx:example.org").await.expect_err("the domain's own address does not count");
    assert!(matches!(error, ResolveError::NoAddress(host) if host == "gone.example."));
}

#[tokio::test]
async fn without_mx_the_domain_takes_its_own_mail() {
    let server = serve(60, &[("example.org", a(5))]).await;
    assert_eq!(resolve(&server, "mx:example.org").await.unwrap(), ["example.org 192.0.2.5:25"]);
}

#[tokio::test]
async fn a_null_mx_means_no_mail() {
    let server = serve(60, &[("example.org", mx(0, ".")), ("example.org", a(5))]).await;
    assert!(matches!(resolve(&server, "mx:example.org").await, Err(ResolveError::NoMail(_))));
}

#[tokio::test]
async fn a_name_server_in_trouble_is_not_taken_for_a_domain_without_mx() {
    let server = serve(60, &[("example.org", Data::Error(2)), ("example.org", a(5))]).await;
    assert!(matches!(resolve(&server, "mx:example.org").await, Err(ResolveError::Dns { .. })));
    assert!(matches!(resolve(&server, "mx:nowhere.example").await, Err(ResolveError::NoAddress(_))));
}

#[tokio::test]
async fn floods_and_impossible_addresses_are_cut() {
    let mut records: Vec<(String, Data)> = (0..40).map(|n| ("many.example".to_owned(), a(n))).collect();
    records.insert(0, ("many.example".to_owned(), Data::A(Ipv4Addr::UNSPECIFIED)));
    records.insert(0, ("many.example".to_owned(), Data::A(Ipv4Addr::new(224, 0, 0, 1))));
    let records: Vec<(&str, Data)> =
        records.iter().map(|(name, data)| (name.as_str(), data.clone())).collect();
    let found = resolve(&serve(60, &records).await, "many.example").await.unwrap();
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|line| line.starts_with("many.example 192.0.2.")), "{found:?}");
}

#[tokio::test]
async fn answers_are_kept_for_their_time_to_live_and_no_longer() {
    for (ttl, wanted) in [(60, 1), (0, 3)] {
        let server = serve(ttl, &[("example.org", mx(10, "h.example")), ("h.example", a(1))]).await;
        let resolver = Resolver::from_servers(&[server.addr]).unwrap();
        let target = Target::parse("mx:example.org", 25).unwrap();
        resolver.resolve(&target).await.unwrap();
        let once = server.asked.load(Ordering::Relaxed);
        resolver.resolve(&target).await.unwrap();
        resolver.resolve(&target).await.unwrap();
        let all = server.asked.load(Ordering::Relaxed);
        // AAAA has no records and no SOA, so its absence is not remembered: only what has a TTL counts here.
        assert!(if wanted == 1 { all < 3 * once } else { all == 3 * once }, "{ttl}: {once} {all}");
    }
}
