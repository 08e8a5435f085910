//! Whether a next hop is this very server: mail sent there would come back for ever. What counts is the address that the
//! socket is bound to, whatever name or spelling leads to it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use smtp::mx::Resolver;

use crate::settings::Mode;

/// Names are looked up for this long, all together. One that is not found by then is looked at again at each session.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says by which setting mail would come back to `own`, the address that we are bound to (or are about to be).
pub async fn leads_back(mode: &Mode, own: SocketAddr, resolver: &Resolver) -> Option<String> {
    match mode {
        Mode::Reflect { resubmit_port } => (*resubmit_port == own.port()).then(|| {
            format!(
                "resubmit_port is {resubmit_port}, the port we listen on: reflected mail would come back to us for ever; \
                 use the port where your mail server takes inspected mail (usually 10026)"
            )
        }),
        Mode::Forward { hops } => {
            let ours = async {
                for hop in hops {
                    let found = resolver.resolve(hop).await.unwrap_or_default();
                    if found.iter().any(|(_, address)| is_ours(own, *address)) {
                        return Some(format!(
                            "next_hop {hop} is where we listen ({own}): mail would come back to us for ever"
                        ));
                    }
                }
                None
            };
            tokio::time::timeout(PATIENCE, ours).await.ok().flatten()
        }
    }
}

/// True if a connection to `address` reaches the socket that is bound to `own`.
pub(crate) fn is_ours(own: SocketAddr, address: SocketAddr) -> bool {
    if address.port() != own.port() || address.port() == 0 {
        return false;
    }
    let (own, address) = (own.ip().to_canonical(), destination(address.ip()));
    match own {
        // An IPv6 socket bound to nothing in particular takes IPv4 as well.
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => is_of_this_machine(address),
        IpAddr::V4(any) if any.is_unspecified() => address.is_ipv4() && is_of_this_machine(address),
        own => own == address,
    }
}

/// A connection to no address in particular goes to the loopback one.
fn destination(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(any) if any.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// The kernel lets a socket be bound only to an address that the machine has.
fn is_of_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(own: &str, address: &str) -> bool {
        is_ours(own.parse().unwrap(), address.parse().unwrap())
    }

    #[test]
    fn a_hop_is_ourselves_by_whatever_spelling_leads_to_our_socket() {
        for (own, address) in [
            ("127.0.0.1:25", "127.0.0.1:25"),
            ("127.0.0.1:25", "[::ffff:127.0.0.1]:25"),
            ("127.0.0.1:25", "0.0.0.0:25"),
            ("0.0.0.0:25", "127.0.0.1:25"),
            ("0.0.0.0:25", "127.9.9.9:25"),
            ("0.0.0.0:25", "0.0.0.0:25"),
            ("[::]:25", "[::1]:25"),
            ("[::]:25", "127.0.0.1:25"),
            ("[::1]:25", "[::]:25"),
        ] {
            assert!(ours(own, address), "{address} reaches {own}");
        }
    }

    #[test]
    fn another_port_or_another_host_is_not_ourselves() {
        for (own, address) in [
            ("127.0.0.1:25", "127.0.0.1:26"),
            ("127.0.0.1:25", "127.0.0.2:25"),
            ("127.0.0.1:25", "[::1]:25"),
            ("0.0.0.0:25", "[::1]:25"),
            // Documentation's addresses (RFC 5737, RFC 3849): no machine has them.
            ("0.0.0.0:25", "192.0.2.1:25"),
            ("[::]:25", "[2001:db8::1]:25"),
        ] {
            assert!(!ours(own, address), "{address} does not reach {own}");
        }
    }
}
