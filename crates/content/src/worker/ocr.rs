//! Reads the text that pictures show, by an engine of the system (tesseract): a process for each picture, which locks itself
//! in before it becomes the engine, is given grey pixels and nothing else, and is ended at its time limit.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// What became of pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OcrCounts {
    /// Engines started for a picture.
    pub runs: u64,
    /// The time that they took together.
    pub time: Duration,
    /// Pictures that were not read in time, those that no engine was free for included.
    pub timeouts: u64,
    /// Engines that died.
    pub failures: u64,
    /// Pictures, or files full of them, that were not read because a bound was met.
    pub left_out: u64,
}

/// The engine, how many of it run, and what it has done.
#[derive(Debug)]
pub(super) struct Ocr {
    options: OcrOptions,
    running: Mutex<usize>,
    freed: Condvar,
    runs: AtomicU64,
    micros: AtomicU64,
    timeouts: AtomicU64,
    failures: AtomicU64,
    left_out: AtomicU64,
}

impl Ocr {
    /// Reads an empty page, to see that the engine is there and can be locked in as asked.
    pub(super) fn start(options: OcrOptions) -> io::Result<Self> {
        let ocr = Self {
            options,
            running: Mutex::new(0),
            freed: Condvar::new(),
            runs: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        };
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
        let Some(_place) = self.place(deadline) else {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
            return Err(Reason::Timeout);
        };
        let began = Instant::now();
        let read = self.run(picture, deadline.min(began + self.options.time));
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(began.elapsed().as_micros() as u64, Ordering::Relaxed);
        read.map_err(|error| {
            let (counter, reason) = match is_late(&error) {
                true => (&self.timeouts, Reason::Timeout),
                false => (&self.failures, Reason::ParserFailed),
            };
            counter.fetch_add(1, Ordering::Relaxed);
            reason
        })
    }

    /// Counts what no engine was asked for because a bound was met.
    pub(super) fn left_out(&self, pictures: u64) {
        self.left_out.fetch_add(pictures, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> OcrCounts {
        OcrCounts {
            runs: self.runs.load(Ordering::Relaxed),
            time: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            left_out: self.left_out.load(Ordering::Relaxed),
        }
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
