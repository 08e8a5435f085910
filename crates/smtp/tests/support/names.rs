//! A small name server on loopback: what it is told is all it knows.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;

#[derive(Clone)]
pub enum Data {
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

pub struct NameServer {
    pub addr: SocketAddr,
    pub asked: Arc<AtomicUsize>,
}

pub fn mx(preference: u16, host: &str) -> Data {
    Data::Mx(preference, host.to_owned())
}

pub async fn serve(ttl: u32, records: &[(&str, Data)]) -> NameServer {
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
