//! The body of a fuzz target: any octets as a message, and what the header editor promises of them.

use smtp::spool::Edit;

use crate::header::{HeaderScan, SubjectTag, edits};

const PASS: &str = "X-Cfilter-Loop";

/// A message: edits are sorted, disjoint and within the header; the body stays; after cutting nothing forged is left.
pub fn header(octets: &[u8]) {
    let scan = HeaderScan::read(octets, PASS);
    assert!(scan.body_start <= octets.len());
    let tag = SubjectTag { prefix: "[\u{fc}]".into(), suffix: "(b)".into() };
    let tagged = edits(&scan, octets, Some(&tag));
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
    }
}
