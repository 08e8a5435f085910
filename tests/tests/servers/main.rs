//! Detection servers and their Enforce server, as processes with real certificates between them: enrolment, hand-over, and what
//! becomes of both when the other side, the connection or the certificate is not what it should be.

#![allow(clippy::unwrap_used)]

mod archive;
mod enrolment;
mod hand_over;
mod object_store;
mod pkcs12;
#[path = "../../../crates/store/tests/s3/mod.rs"]
mod s3;
mod settings;

use std::time::Duration;

use weir_tests::client::{eventually, send};
use weir_tests::enforce::Enforce;
use weir_tests::sink::Sink;
use weir_tests::weir::{Prevent, Weir};

/// A detection server that belongs to this Enforce server.
fn prevent(enforce: &Enforce, sink: &Sink, name: &str) -> Weir {
    let token = enforce.token(name, &[]);
    with_token(enforce, sink, &token.to_string_lossy()).start()
}

fn with_token(enforce: &Enforce, sink: &Sink, token: &str) -> Prevent {
    Prevent::forward(&[sink.addr()])
        .flag("--enforce")
        .flag(&enforce.url())
        .flag("--enroll-token-file")
        .flag(token)
}

/// A mail that violates the tests' card policy.
fn violating(number: usize) -> Vec<u8> {
    format!(
        "From: a@corp.example\r\nTo: b@other.example\r\nMessage-ID: <m{number}@corp.example>\r\nSubject: number {number}\r\n\r\nVisa 4111 1111 1111 1111\r\n"
    )
    .into_bytes()
}

fn send_violating(weir: &Weir, number: usize) {
    let answer = send(weir.addr(), "a@corp.example", &["b@other.example"], &violating(number)).unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
}

/// Waits for a condition that other processes bring about.
fn soon(what: &str, condition: impl FnMut() -> bool) {
    assert!(eventually(Duration::from_secs(60), condition), "{what} did not happen");
}

fn has_incidents(enforce: &Enforce, count: usize) {
    soon(&format!("{count} incidents at Enforce"), || enforce.incidents().len() >= count);
    assert_eq!(enforce.incidents().len(), count);
}
