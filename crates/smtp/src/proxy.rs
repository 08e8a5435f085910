//! Reads the PROXY protocol header, versions 1 and 2 (haproxy's proxy-protocol.txt). Strict, bounded, no I/O.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest header that we take: version 1 has 107 octets at most; version 2 is bounded to a page of extra fields.
pub const MAX_HEADER: usize = 4096;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of it.
    pub length: usize,
    /// The client's address; `None` when the balancer speaks for itself (LOCAL, UNKNOWN): then the TCP peer counts.
    pub source: Option<SocketAddr>,
}

/// The octets are not a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PROXY protocol header")]
pub struct BadHeader;

/// Reads a header from the start of `input`; `Ok(None)` when more octets are needed.
pub fn parse(input: &[u8]) -> Result<Option<Header>, BadHeader> {
    let common = input.len().min(SIGNATURE.len());
    if input[..common] == SIGNATURE[..common] {
        return if common < SIGNATURE.len() { Ok(None) } else { version_2(input) };
    }
    version_1(input)
}

fn version_1(input: &[u8]) -> Result<Option<Header>, BadHeader> {
    const START: &[u8] = b"PROXY ";
    let common = input.len().min(START.len());
    if input[..common] != START[..common] {
        return Err(BadHeader);
    }
    let window = &input[..input.len().min(107)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if input.len() < 107 { Ok(None) } else { Err(BadHeader) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(BadHeader)?;
    let line = std::str::from_utf8(line).map_err(|_| BadHeader)?;
    let source = source_1(line.strip_prefix("PROXY ").ok_or(BadHeader)?)?;
    Ok(Some(Header { length: end + 1, source }))
}

fn source_1(line: &str) -> Result<Option<SocketAddr>, BadHeader> {
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Ok(None);
    }
    let words: Vec<&str> = line.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = words[..] else {
        return Err(BadHeader);
    };
    let address = |text: &str| -> Result<IpAddr, BadHeader> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| BadHeader),
            "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| BadHeader),
            _ => Err(BadHeader),
        }
    };
    let (source, _) = (address(source)?, address(destination)?);
    let (port, _) = (port(source_port)?, port(destination_port)?);
    Ok(Some(SocketAddr::new(source, port)))
}

fn port(text: &str) -> Result<u16, BadHeader> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if digits { text.parse().map_err(|_| BadHeader) } else { Err(BadHeader) }
}

fn version_2(input: &[u8]) -> Result<Option<Header>, BadHeader> {
    let Some((&[command, family, high, low], rest)) = input[SIGNATURE.len()..].split_first_chunk::<4>()
    else {
        return Ok(None);
    };
    let body = usize::from(u16::from_be_bytes([high, low]));
    let length = SIGNATURE.len() + 4 + body;
    if length > MAX_HEADER {
        return Err(BadHeader);
    }
    let Some(body) = rest.get(..body) else { return Ok(None) };
    let source = match command {
        0x20 => None,
        0x21 => source_2(family, body)?,
        _ => return Err(BadHeader),
    };
    Ok(Some(Header { length, source }))
}

fn source_2(family: u8, body: &[u8]) -> Result<Option<SocketAddr>, BadHeader> {
    match family {
        0x00 => Ok(None),
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, ..] = *body else { return Err(BadHeader) };
            let address = Ipv4Addr::new(a, b, c, d);
            if body.len() < 12 {
                return Err(BadHeader);
            }
            Ok(Some(SocketAddr::new(address.into(), u16::from_be_bytes([high, low]))))
        }
        0x21 => {
            let (address, rest) = body.split_first_chunk::<16>().ok_or(BadHeader)?;
            let (_, ports) = rest.split_first_chunk::<16>().ok_or(BadHeader)?;
            let [high, low, _, _, ..] = *ports else { return Err(BadHeader) };
            Ok(Some(SocketAddr::new(Ipv6Addr::from(*address).into(), u16::from_be_bytes([high, low]))))
        }
        _ => Err(BadHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(input: &[u8]) -> Option<SocketAddr> {
        parse(input).expect("valid").expect("complete").source
    }

    fn version_2_of(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    #[test]
    fn the_clients_address_is_read_from_either_version() {
        let wanted = "192.0.2.7:4321".parse().ok();
        assert_eq!(source(b"PROXY TCP4 192.0.2.7 192.0.2.1 4321 25\r\nEHLO"), wanted);
        let body = [192, 0, 2, 7, 192, 0, 2, 1, 0x10, 0xe1, 0, 25, 3, 0, 1, 0];
        assert_eq!(source(&version_2_of(0x21, 0x11, &body)), wanted);
        assert_eq!(source(b"PROXY TCP6 2001:db8::7 ::1 4321 25\r\n"), "[2001:db8::7]:4321".parse().ok());
        assert_eq!(source(&version_2_of(0x21, 0x21, &[1; 36])).map(|a| a.port()), Some(257));
    }

    #[test]
    fn a_balancer_may_speak_for_itself() {
        assert_eq!(source(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(source(&version_2_of(0x20, 0x00, b"")), None);
    }

    #[test]
    fn other_octets_are_refused_at_once() {
        for bad in [
            &b"EHLO me\r\n"[..],
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4321\r\n",
            b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 +1 25\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 25\n",
            b"PROXY TCP5 192.0.2.7 192.0.2.1 1 25\r\n",
            &[b'P'; 200],
        ] {
            assert_eq!(parse(bad), Err(BadHeader), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(parse(&version_2_of(0x21, 0x11, &[0; 8])), Err(BadHeader));
        assert_eq!(parse(&version_2_of(0x21, 0x11, &vec![0; 5000])), Err(BadHeader));
        assert_eq!(parse(&version_2_of(0x31, 0x11, &[0; 12])), Err(BadHeader));
    }

    #[test]
    fn half_a_header_waits_for_the_rest() {
        let whole = b"PROXY TCP4 192.0.2.7 192.0.2.1 4321 25\r\n";
        let second = version_2_of(0x21, 0x11, &[1; 12]);
        for header in [&whole[..], &second] {
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Ok(None), "{cut}");
            }
        }
    }
}
