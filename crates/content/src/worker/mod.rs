//! Documents are opened in worker processes that may die: the pool on the server's side, and what a worker does.
//!
//! A worker is the same binary, locked in before it reads its first document. Requests and answers are length-prefixed
//! frames on a socket that is its standard input and output; an answer comes in parts, so that a worker that dies half way
//! loses only the other half. The pool trusts no answer, waits for none beyond the deadline, ends a worker
//! that is late, and starts another in its place. A worker's death is a finding (`parser failed`), never an outage.

mod child;
mod frame;
mod ocr;
mod pool;
mod sandbox;
mod until;

pub use child::{main, main_with, reader_of_pictures};
pub use ocr::{OcrCounts, OcrOptions};
pub use pool::{Counts, Pool, PoolOptions};

/// How a worker must be locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// Without rlimits, Landlock and seccomp no worker is used.
    #[default]
    Required,
    /// What the kernel has.
    BestEffort,
}

/// Reads any octets as a request and as an answer: they may be refused, never more.
pub(crate) fn check_frames(octets: &[u8]) {
    let _ = frame::decode_request(octets);
    if let Some((answer, last)) = frame::decode_answer(octets) {
        assert_eq!(frame::decode_answer(&frame::encode_answer(&answer, last)), Some((answer, last)));
    }
    let _ = frame::read(&mut &*octets);
}

/// What a reader found arrives as it was sent.
pub(crate) fn check_answer(answer: &crate::DocumentAnswer) {
    assert_eq!(
        frame::decode_answer(&frame::encode_answer(answer, true)).as_ref(),
        Some(&(answer.clone(), true))
    );
}

/// A framed request for a file of that name without octets, as a pool would send it.
#[doc(hidden)]
pub fn request_for_tests(name: &str, time: std::time::Duration) -> Vec<u8> {
    let limits = crate::Limits::default();
    let request = crate::DocumentRequest {
        kind: crate::FileKind::Zip,
        name: Some(name),
        octets: &[],
        limits: &limits,
        deadline: std::time::Instant::now(),
        passwords: &[],
    };
    let mut out = Vec::new();
    let _ =
        frame::write(&mut out, &frame::encode_request(crate::documents::Wanted::Texts, &request, time), &[]);
    out
}
