//! Reads the text that pictures show, by an engine of the system (tesseract): a process for each picture, which locks itself
//! in before it becomes the engine, is given grey pixels and nothing else, and is ended at its time limit.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Sandbox;
use super::until::{Until, is_late};
use crate::Reason;

/// Text of one picture that is taken (octets).
const MOST_TEXT: u64 = 1 << 20;
/// The first look at the engine may wait for the disk.
const FIRST: Duration = Duration::from_secs(20);

/// How the text in pictures is read.
#[derive(Debug, Clone)]
pub struct OcrOptions {
    /// The program that locks itself in and becomes the engine, usually this one, and its arguments before those of
    /// [`reader_of_pictures`](super::reader_of_pictures).
    pub starter: PathBuf,
    /// Its first arguments.
    pub args: Vec<String>,
    /// The engine.
    pub engine: PathBuf,
    /// Languages as the engine names them: `eng+deu`.
    pub languages: String,
    /// For one picture.
    pub time: Duration,
    /// Pictures read at one time.
    pub processes: usize,
    /// How the engine must be locked in.
    pub sandbox: Sandbox,
}

/// The engine, and how many of it run.
#[derive(Debug)]
pub(super) struct Ocr {
    options: OcrOptions,
    running: Mutex<usize>,
    freed: Condvar,
}

impl Ocr {
    /// Reads an empty page, to see that the engine is there and can be locked in as asked.
    pub(super) fn start(options: OcrOptions) -> io::Result<Self> {
        let ocr = Self { options, running: Mutex::new(0), freed: Condvar::new() };
        let mut page = b"P5\n64 64\n255\n".to_vec();
        page.resize(page.len() + 64 * 64, 255);
        match ocr.run(&page, Instant::now() + FIRST) {
            Ok(_) => Ok(ocr),
            Err(_) => Err(io::Error::other(format!(
                "text in pictures cannot be read: {} does not run with the languages {:?}, or cannot be locked in \
                 (Debian: tesseract-ocr and tesseract-ocr-LANGUAGE)",
                ocr.options.engine.display(),
                ocr.options.languages
            ))),
        }
    }

    /// The text that a PGM file shows.
    pub(super) fn read(&self, picture: &[u8], deadline: Instant) -> Result<String, Reason> {
        let _place = self.place(deadline).ok_or(Reason::Timeout)?;
        let deadline = deadline.min(Instant::now() + self.options.time);
        self.run(picture, deadline)
            .map_err(|error| if is_late(&error) { Reason::Timeout } else { Reason::ParserFailed })
    }

    /// Waits until an engine may be started.
    fn place(&self, deadline: Instant) -> Option<Place<'_>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while *running >= self.options.processes.max(1) {
            let left = deadline.checked_duration_since(Instant::now())?;
            running = self.freed.wait_timeout(running, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *running += 1;
        Some(Place(self))
    }

    fn run(&self, picture: &[u8], deadline: Instant) -> io::Result<String> {
        let OcrOptions { starter, args, engine, languages, sandbox, .. } = &self.options;
        let time = deadline.saturating_duration_since(Instant::now());
        let (socket, theirs) = UnixStream::pair()?;
        let child = Command::new(starter)
            .args(args)
            .arg(engine)
            .args([languages, &(time.as_secs() + 1).to_string()])
            .arg(if *sandbox == Sandbox::Required { "required" } else { "best-effort" })
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .spawn()?;
        let mut engine = Engine(child);
        let mut to = Until { socket: &socket, deadline };
        to.write_all(picture)?;
        socket.shutdown(Shutdown::Write)?;
        let mut text = Vec::new();
        to.take(MOST_TEXT).read_to_end(&mut text)?;
        match engine.wait(deadline)? {
            status if status.success() => Ok(String::from_utf8_lossy(&text).replace('\u{c}', "\n")),
            _ => Err(io::Error::other("the engine failed")),
        }
    }
}

/// A place among those that may run.
struct Place<'a>(&'a Ocr);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

/// A running engine; ended when it is dropped.
struct Engine(Child);

impl Engine {
    /// Its output has ended: it is about to end itself.
    fn wait(&mut self, deadline: Instant) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
