//! Address ranges as operators write them: `192.0.2.0/24`, `2001:db8::/32`, or a single address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses. An IPv4-mapped IPv6 address counts as the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCidr {
    /// The part before the slash is not an address.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// The part after the slash is not a number that fits.
    #[error("{0:?} is not a prefix length (0 to 32 for IPv4, 0 to 128 for IPv6)")]
    Prefix(String),
    /// Bits are set behind the prefix: perhaps not what was meant.
    #[error("{0} has bits set outside its prefix: did you mean {1}?")]
    HostBits(Cidr, Cidr),
}

impl Cidr {
    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                masked_v4(address, self.prefix) == masked_v4(network, self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                masked_v6(address, self.prefix) == masked_v6(network, self.prefix)
            }
            _ => false,
        }
    }

    fn masked(&self) -> Self {
        let network = match self.network {
            IpAddr::V4(network) => Ipv4Addr::from(masked_v4(network, self.prefix)).into(),
            IpAddr::V6(network) => Ipv6Addr::from(masked_v6(network, self.prefix)).into(),
        };
        Self { network, prefix: self.prefix }
    }
}

/// Whether `address` is in any of `ranges`.
pub fn any_contains(ranges: &[Cidr], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let network: IpAddr = address.trim().parse().map_err(|_| BadCidr::Address(address.to_owned()))?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(digits) => match digits.trim().parse::<u8>() {
                Ok(prefix) if prefix <= most => prefix,
                _ => return Err(BadCidr::Prefix(digits.to_owned())),
            },
        };
        let cidr = Self { network, prefix };
        if cidr.masked() == cidr { Ok(cidr) } else { Err(BadCidr::HostBits(cidr, cidr.masked())) }
    }
}

impl From<IpAddr> for Cidr {
    fn from(network: IpAddr) -> Self {
        Self { network, prefix: if network.is_ipv4() { 32 } else { 128 } }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

fn masked_v4(address: Ipv4Addr, prefix: u8) -> u32 {
    u32::from(address) & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn masked_v6(address: Ipv6Addr, prefix: u8) -> u128 {
    u128::from(address) & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_range(range: &str, address: &str) -> bool {
        range.parse::<Cidr>().expect(range).contains(address.parse().expect(address))
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        assert!(in_range("192.0.2.0/24", "192.0.2.255"));
        assert!(!in_range("192.0.2.0/24", "192.0.3.0"));
        assert!(in_range("0.0.0.0/0", "203.0.113.9"));
        assert!(!in_range("0.0.0.0/0", "::1"));
        assert!(in_range("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(in_range("127.0.0.1", "127.0.0.1"));
        assert!(in_range("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(in_range("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!("x/8".parse::<Cidr>(), Err(BadCidr::Address("x".into())));
        assert_eq!("10.0.0.0/33".parse::<Cidr>(), Err(BadCidr::Prefix("33".into())));
        let error = "10.1.0.0/8".parse::<Cidr>().expect_err("host bits");
        assert!(error.to_string().contains("did you mean 10.0.0.0/8"));
    }
}
