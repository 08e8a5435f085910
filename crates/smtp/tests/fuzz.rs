//! The fuzz bodies on stable: every kept sample, and some seconds of generated octets.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use smtp::fuzz::TARGETS;

/// Inputs for each target in one run; more by `PROPTEST_CASES`.
const CASES: u32 = 1500;

#[test]
fn every_kept_sample_keeps_the_promises() {
    for (name, body) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|_| panic!("samples of {name}")) {
            body(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has samples");
    }
}

/// Words of the languages spoken here, so that random octets get past the first check.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"MAIL FROM:",
        b"RCPT TO:",
        b"BDAT ",
        b"EHLO ",
        b"<",
        b">",
        b"@",
        b"a",
        b"\"",
        b"\\",
        b".",
        b":",
        b"[",
        b"]",
        b"IPv6:",
        b"::1",
        b"127.0.0.1",
        b" SIZE=1",
        b" BODY=8BITMIME",
        b" RET=FULL",
        b" NOTIFY=NEVER",
        b"=",
        b"+2B",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\r\n.\r\n",
        b"\r\n..",
        b"250 ",
        b"250-",
        b"550-5.1.1 ",
        b"2.0.0",
        b"PROXY ",
        b"TCP4 ",
        b"192.0.2.1 ",
        b"25 ",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\x21\x11\x00\x0c",
        b"NAME=",
        b"ADDR=",
        b"\xc3\xa9",
        b"\xff",
        b" LAST",
        b"99",
        b"UNKNOWN",
        b"\x30\x82",
        b" ",
    ];
    let word = prop_oneof![4 => prop::sample::select(words).prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..6)];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

#[test]
fn generated_octets_keep_the_promises() {
    for (name, body) in TARGETS {
        let config =
            ProptestConfig { cases: ProptestConfig::default().cases.max(CASES), ..ProptestConfig::default() };
        let result = TestRunner::new(config).run(&pieces(), |octets| {
            body(&octets);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
