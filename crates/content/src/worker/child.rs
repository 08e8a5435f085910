//! What a worker does: locks itself in, says so, then opens one document after the other until its input ends.

use std::io::{Read, Write, stdin};
use std::process::ExitCode;
use std::time::Instant;

use super::{frame, sandbox};
use crate::{DocumentAnswer, DocumentRequest, documents};

/// Opens a document: parts of the answer go to the sink, the rest is returned.
type Opener<'a> = &'a dyn Fn(&DocumentRequest<'_>, &mut dyn FnMut(DocumentAnswer)) -> DocumentAnswer;

/// Serves a pool. Called by the hidden `worker` command; never returns but at the end of input.
pub fn main() -> ExitCode {
    main_with(&|request, sink| documents::read_on(request, sink))
}

/// As [`main`], with another opener: tests misbehave with it, behind the same lock.
#[doc(hidden)]
pub fn main_with(open: Opener<'_>) -> ExitCode {
    // A reader's panic is a finding, and its message may hold octets of a document: nothing is printed.
    std::panic::set_hook(Box::new(|_| {}));
    let locked = sandbox::lock_in();
    let (mut input, mut output) = (stdin().lock(), Straight);
    if frame::write(&mut output, locked.to_string().as_bytes(), &[]).is_err() {
        return ExitCode::FAILURE;
    }
    match serve(open, &mut input, &mut output) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn serve(open: Opener<'_>, input: &mut impl Read, output: &mut impl Write) -> Option<()> {
    while let Some(octets) = frame::read(input).ok()? {
        let asked = frame::decode_request(&octets)?;
        sandbox::allow_time(asked.time);
        let request = DocumentRequest {
            kind: asked.kind,
            name: asked.name.as_deref(),
            octets: asked.octets,
            limits: &asked.limits,
            deadline: Instant::now() + asked.time,
            passwords: &asked.passwords,
        };
        let mut broken = false;
        let rest = open(&request, &mut |part| {
            broken |= frame::write(output, &frame::encode_answer(&part, false), &[]).is_err();
        });
        if broken {
            return None;
        }
        frame::write(output, &frame::encode_answer(&rest, true), &[]).ok()?;
    }
    Some(())
}

/// Standard output without the line buffer of the standard library, which copies and splits at line ends.
struct Straight;

impl Write for Straight {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        rustix::io::write(rustix::stdio::stdout(), octets).map_err(Into::into)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
