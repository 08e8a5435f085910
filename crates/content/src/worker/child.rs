//! What a worker does: locks itself in, says so, then opens one document after the other until its input ends.

use std::io::{Read, Write, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use super::{frame, sandbox};
use crate::documents::InProcess;
use crate::{DocumentAnswer, DocumentRequest, Documents, Reason};

/// Serves a pool. Called by the hidden `worker` command; never returns but at the end of input.
pub fn main() -> ExitCode {
    // A reader's panic is a finding, and its message may hold octets of a document: nothing is printed.
    std::panic::set_hook(Box::new(|_| {}));
    let locked = sandbox::lock_in();
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    if frame::write(&mut output, locked.to_string().as_bytes()).is_err() {
        return ExitCode::FAILURE;
    }
    match serve(&mut input, &mut output) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> Option<()> {
    while let Some(octets) = frame::read(input).ok()? {
        let request = frame::decode_request(&octets)?;
        drop(octets);
        let answer = catch_unwind(AssertUnwindSafe(|| open(&request))).unwrap_or_else(|_| DocumentAnswer {
            unscannable: vec![(String::new(), Reason::ParserFailed)],
            ..DocumentAnswer::default()
        });
        frame::write(output, &frame::encode_answer(&answer)).ok()?;
    }
    Some(())
}

fn open(request: &frame::Request) -> DocumentAnswer {
    InProcess.open(&DocumentRequest {
        kind: request.kind,
        name: request.name.as_deref(),
        octets: &request.octets,
        limits: &request.limits,
        deadline: Instant::now() + request.time,
        passwords: &request.passwords,
    })
}
