//! Checks of shape that identifiers combine with others: against runs, placeholders and reserved addresses.

use super::calendar::date;
use super::checksum::{all_same, number};
use super::{Validator, compacted, verbatim};

pub(super) const TABLE: &[Validator] = &[
    compacted(
        "not_one_symbol",
        |c| !c.is_empty() && !one_symbol(c),
        "refuses a candidate that repeats one symbol",
    ),
    compacted(
        "not_sequence",
        |c| !c.is_empty() && !sequence(c),
        "refuses 123456789 and the like, up or down",
    ),
    compacted(
        "not_day",
        |c| !c.is_empty() && !begins_with_day(c),
        "refuses what begins with a day from 1990 to 2049 as eight digits, as versions do: 20210910-1",
    ),
    compacted("three_symbols", three_symbols, "at least three different symbols"),
    compacted("letters_and_digits", letters_and_digits, "at least one letter and one digit"),
    verbatim("public_ipv4", public_ipv4, "an IPv4 address outside the reserved blocks (RFC 6890)"),
    verbatim("private_ipv4", private_ipv4, "an IPv4 address for private networks (RFC 1918)"),
    verbatim("ipv6", ipv6, "an IPv6 address of a block that is in use, with more than two groups set"),
    verbatim("mac_address", mac_address, "a unicast MAC address, not all the same octet"),
    verbatim("email_address", email_address, "an addr-spec with a plausible domain"),
];

fn one_symbol(c: &str) -> bool {
    let octets = c.as_bytes();
    octets.windows(2).all(|w| w.first() == w.last())
}

fn sequence(c: &str) -> bool {
    let Some(d) = number(c).filter(|d| d.len() > 2 && !all_same(d)) else { return false };
    let step = |by: i32| d.windows(2).all(|w| matches!(w, [a, b] if (a + by).rem_euclid(10) == *b));
    step(1) || step(-1)
}

fn begins_with_day(c: &str) -> bool {
    let Some(d) = c.get(..8).and_then(number) else { return false };
    let part = |from, count| d.iter().skip(from).take(count).fold(0, |all, digit| all * 10 + digit);
    (1990..2050).contains(&part(0, 4)) && date(part(0, 4), part(4, 2), part(6, 2))
}

fn three_symbols(c: &str) -> bool {
    let seen = c.bytes().fold(0u64, |seen, o| seen | 1u64.wrapping_shl(u32::from(o % 64)));
    seen.count_ones() >= 3
}

fn letters_and_digits(c: &str) -> bool {
    c.bytes().any(|o| o.is_ascii_alphabetic()) && c.bytes().any(|o| o.is_ascii_digit())
}

fn public_ipv4(text: &str) -> bool {
    let Ok(address) = text.parse::<std::net::Ipv4Addr>() else { return false };
    let [a, b, c, _] = address.octets();
    let reserved = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !reserved
}

fn private_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok_and(|a| a.is_private())
}

/// Global unicast, unique local and link-local addresses (RFC 4291, RFC 4193) but those for documentation (RFC 3849, RFC 9637).
fn ipv6(text: &str) -> bool {
    let Ok(address) = text.parse::<std::net::Ipv6Addr>() else { return false };
    let groups = address.segments();
    let documentation = groups[..2] == [0x2001, 0xdb8] || (groups[0] == 0x3fff && groups[1] < 0x1000);
    let given_out = matches!(groups[0], 0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf);
    given_out && !documentation && groups.iter().filter(|group| **group != 0).count() > 2
}

fn mac_address(text: &str) -> bool {
    let mut octets = [0u8; 6];
    let mut count = 0;
    let parted = text.split([':', '-']);
    for group in parted {
        let (Some(to), 2, Ok(octet)) = (octets.get_mut(count), group.len(), u8::from_str_radix(group, 16))
        else {
            return false;
        };
        *to = octet;
        count += 1;
    }
    count == 6 && octets[0] & 1 == 0 && octets.iter().any(|o| *o != octets[0])
}

fn email_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let labels = domain.split('.').count();
    let label = |l: &str| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-');
    (1..=64).contains(&local.len())
        && domain.len() <= 253
        && labels >= 2
        && domain.split('.').all(label)
        && !domain
            .rsplit('.')
            .next()
            .is_some_and(|tld| tld.bytes().any(|o| o.is_ascii_digit()) || tld.len() < 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_sequences_are_told_from_real_numbers() {
        assert!(one_symbol("1111") && !one_symbol("1112"));
        assert!(sequence("123456789") && sequence("987654321") && sequence("8901") && !sequence("123456780"));
        assert!(three_symbols("123") && !three_symbols("1212"));
    }

    #[test]
    fn reserved_addresses_are_not_public() {
        for reserved in
            ["10.0.0.1", "127.0.0.1", "192.0.2.1", "198.51.100.7", "100.64.0.1", "224.0.0.1", "0.0.0.0"]
        {
            assert!(!public_ipv4(reserved), "{reserved}");
        }
        assert!(public_ipv4("8.8.8.8") && private_ipv4("10.1.2.3") && !private_ipv4("8.8.8.8"));
        assert!(ipv6("fd12:3456:789a:1::1") && !ipv6("fe80::1") && !ipv6("12:30:45"));
        assert!(!ipv6("2001:db8:85a3::8a2e:370:7334") && !ipv6("3fff:fff:1::1"));
        assert!(
            mac_address("00:1b:63:84:45:e6")
                && !mac_address("00:00:00:00:00:00")
                && !mac_address("ff:ff:ff:ff:ff:ff")
        );
        assert!(
            email_address("jane.doe@example.com")
                && !email_address("jane@localhost")
                && !email_address("a@b.1")
        );
    }
}
