//! Bodies of fuzz targets: any octets as a message, or as packets of an MTA that asks by milter.

use smtp::header::SubjectTag;
use smtp::spool::Edit;

use crate::header::{HeaderScan, edits};
use crate::milter::wire::{self, Packet};

const PASS: &str = "X-Cfilter-Loop";

/// A message: edits are sorted, disjoint and within the header; the body stays; after cutting nothing forged is left.
pub fn header(octets: &[u8]) {
    let scan = HeaderScan::read(octets, PASS);
    assert!(scan.body_start <= octets.len());
    let tag = SubjectTag { prefix: "[\u{fc}]", suffix: "(b)" };
    let tagged = edits(&scan, octets, Some(tag));
    let mut at = 0;
    for Edit { range, .. } in &tagged {
        assert!(at <= range.start && range.start <= range.end && range.end <= scan.body_start as u64);
        at = range.end;
    }
    if scan.forged.len() > crate::header::MAX_FORGED_RANGES {
        return;
    }
    let cut = applied(octets, &edits(&scan, octets, None));
    assert!(cut.ends_with(&octets[scan.body_start..]));
    assert!(HeaderScan::read(&cut, PASS).forged.is_empty(), "{:?}", String::from_utf8_lossy(octets));
}

/// Packets of an MTA, one behind the other, each behind its length in one octet: what is taken is clean.
pub fn milter(mut octets: &[u8]) {
    let mut agreed = wire::Agreed::default();
    while let Some((length, rest)) = octets.split_first() {
        let (packet, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        octets = rest;
        match wire::parse(packet) {
            Some(Packet::Negotiate { version, actions, steps }) => {
                let mut out = Vec::new();
                agreed = wire::negotiate(version, actions, steps, &mut out).unwrap_or(agreed);
            }
            Some(Packet::Mail(address) | Packet::Rcpt(address)) => {
                assert!(!address.contains(['\0', '\r', '\n']))
            }
            Some(Packet::Header { name, value }) => {
                let mut line = Vec::new();
                agreed.line(name, value, &mut line);
                assert!(
                    line.ends_with(b"\r\n") && !line.contains(&0) && memchr::memchr(b':', name).is_none()
                );
            }
            _ => {}
        }
    }
}

fn applied(message: &[u8], edits: &[Edit]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    for Edit { range, replacement } in edits {
        out.extend_from_slice(&message[at..range.start as usize]);
        out.extend_from_slice(replacement);
        at = range.end as usize;
    }
    out.extend_from_slice(&message[at..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(800))]

        #[test]
        fn any_message_keeps_the_promises(
            words in proptest::collection::vec(prop_oneof![
                Just(&b"X-dlp-a"[..]), Just(&b"x-DLP-b :"[..]), Just(&b"X-Cfilter-Loop:"[..]), Just(&b"Subject:"[..]), Just(&b": x"[..]),
                Just(&b" "[..]), Just(&b"\t"[..]), Just(&b"\r\n"[..]), Just(&b"\r\n"[..]), Just(&b"\r"[..]), Just(&b"\n"[..]), Just(&b"\r\n\r\n"[..]),
                Just(&b"=?u?q?a?="[..]), Just(&b"\0"[..]), Just(&b"A: 1\r\n"[..]), Just(&b"\xff"[..]),
            ], 0..24),
        ) {
            super::header(&words.concat());
        }

        #[test]
        fn any_packets_keep_the_promises(octets in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(b'L'), Just(b'M'), Just(b'O'), Just(0), Just(b'<'), Just(b':'), Just(13), Just(6),
        ], 0..60)) {
            super::milter(&octets);
        }
    }
}
