//! What a worker does: locks itself in, says so, then opens one document after the other until its input ends.

use std::io::{Read, Write, stdin};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use super::{frame, sandbox};
use crate::documents::{self, Wanted};
use crate::{DocumentAnswer, DocumentRequest};

/// Opens a document: parts of the answer go to the sink, the rest is returned.
type Opener<'a> = &'a dyn Fn(&DocumentRequest<'_>, &mut dyn FnMut(DocumentAnswer)) -> DocumentAnswer;
/// The same, by what is wanted of it.
type OpenerOf<'a> =
    &'a dyn Fn(Wanted, &DocumentRequest<'_>, &mut dyn FnMut(DocumentAnswer)) -> DocumentAnswer;

/// Serves a pool. Called by the hidden `worker` command; never returns but at the end of input.
pub fn main() -> ExitCode {
    serve_locked_in(&documents::read_on)
}

/// As [`main`], with another opener: tests misbehave with it, behind the same lock.
#[doc(hidden)]
pub fn main_with(open: Opener<'_>) -> ExitCode {
    serve_locked_in(&|_, request, sink| open(request, sink))
}

fn serve_locked_in(open: OpenerOf<'_>) -> ExitCode {
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

fn serve(open: OpenerOf<'_>, input: &mut impl Read, output: &mut impl Write) -> Option<()> {
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
        let rest = open(asked.wanted, &request, &mut |part| {
            broken |= frame::write(output, &frame::encode_answer(&part, false), &[]).is_err();
        });
        if broken {
            return None;
        }
        frame::write(output, &frame::encode_answer(&rest, true), &[]).ok()?;
    }
    Some(())
}

/// Locks this process in and becomes the engine that reads the picture on standard input, called by the hidden `ocr`
/// command with the engine, its languages, seconds of CPU time, and `required` if it must be locked in.
pub fn reader_of_pictures(arguments: &[String]) -> ExitCode {
    let [engine, languages, seconds, sandbox] = arguments else { return ExitCode::FAILURE };
    let Ok(seconds) = seconds.parse() else { return ExitCode::FAILURE };
    let locked = sandbox::lock_in_engine(Path::new(engine), seconds);
    if sandbox == "required" && locked != sandbox::Locked::WHOLE {
        return ExitCode::FAILURE;
    }
    // One thread: no others can be started.
    let mut engine = Command::new(engine);
    engine.args(["stdin", "stdout", "-l", languages]).env_clear();
    let _not_run = engine.envs([("OMP_THREAD_LIMIT", "1"), ("LC_ALL", "C.UTF-8")]).exec();
    ExitCode::FAILURE
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
