//! The pool: long-lived workers, one document at a time each, replaced when they die or are late.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ocr::{Ocr, OcrCounts, OcrOptions};
use super::sandbox::Locked;
use super::until::{Until, is_late};
use super::{Sandbox, frame};
use crate::documents::Wanted;
use crate::{DocumentAnswer, DocumentItem, DocumentRequest, Documents, Kind, Limits, Reason};

/// A worker that does not say hello by then will not.
const HELLO: Duration = Duration::from_secs(10);
/// What a worker may be late beyond the deadline that it knows itself.
const LATE: Duration = Duration::from_millis(500);
/// Deaths in a row after which starting another waits, and how long at most.
const PATIENCE: u64 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What an answer may be longer than the octets that it may hold: findings and their paths.
const ANSWER_ROOM: u64 = 128 << 20;

/// What the pictures of one file may come to, as pixels.
const PICTURES: Limits =
    Limits { octets_out: 192 << 20, parts: 50, depth: 1, headers: 0, ratio: 1_000_000, views: 1 };

/// How to start workers.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// The program, usually this one.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// How many at most; started when they are needed.
    pub size: usize,
    /// How they must be locked in.
    pub sandbox: Sandbox,
    /// Whether and how the text in pictures is read.
    pub ocr: Option<OcrOptions>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            program: PathBuf::new(),
            args: vec!["worker".into()],
            size: 2,
            sandbox: Sandbox::Required,
            ocr: None,
        }
    }
}

/// What the pool has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents handed over.
    pub requests: u64,
    /// Workers that died.
    pub deaths: u64,
    /// Workers ended because they were late.
    pub timeouts: u64,
    /// Workers started.
    pub starts: u64,
    /// What became of pictures, if they are read.
    pub ocr: Option<OcrCounts>,
}

/// Worker processes behind the [`Documents`] seam.
#[derive(Debug)]
pub struct Pool {
    options: PoolOptions,
    ocr: Option<Ocr>,
    locked: String,
    state: Mutex<State>,
    freed: Condvar,
    requests: AtomicU64,
    deaths: AtomicU64,
    timeouts: AtomicU64,
    starts: AtomicU64,
    deaths_in_a_row: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    /// Workers that exist, idle or at work.
    alive: usize,
}

/// A worker process; ended when it is dropped.
#[derive(Debug)]
struct Worker {
    child: Child,
    socket: UnixStream,
}

/// Why a worker gave no answer.
enum Failure {
    Died,
    Late,
}

impl Pool {
    /// Starts the first worker, to see that it can be locked in as asked.
    pub fn start(options: PoolOptions) -> io::Result<Self> {
        let (worker, locked) = Worker::locked_in(&options)?;
        Ok(Self {
            ocr: options.ocr.clone().map(Ocr::start).transpose()?,
            options,
            locked,
            state: Mutex::new(State { idle: vec![worker], alive: 1 }),
            freed: Condvar::new(),
            requests: AtomicU64::new(0),
            deaths: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            starts: AtomicU64::new(1),
            deaths_in_a_row: AtomicU64::new(0),
        })
    }

    /// What locks the workers in: `rlimits+landlock+seccomp`.
    pub fn sandbox(&self) -> &str {
        &self.locked
    }

    /// False while workers die in a row.
    pub fn healthy(&self) -> bool {
        self.deaths_in_a_row.load(Ordering::Relaxed) < PATIENCE
    }

    /// What the pool has seen.
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            deaths: self.deaths.load(Ordering::Relaxed),
            timeouts: self.timeouts.load(Ordering::Relaxed),
            starts: self.starts.load(Ordering::Relaxed),
            ocr: self.ocr.as_ref().map(Ocr::counts),
        }
    }

    /// An idle worker, or a new one; none if all are at work until the deadline.
    fn take(&self, deadline: Instant) -> Option<Worker> {
        let mut state = self.lock();
        loop {
            if let Some(worker) = state.idle.pop() {
                return Some(worker);
            }
            if state.alive < self.options.size.max(1) {
                state.alive += 1;
                drop(state);
                return self.another(deadline);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Starts a worker; after deaths in a row it waits first, longer each time, but not beyond the deadline.
    fn another(&self, deadline: Instant) -> Option<Worker> {
        let deaths = self.deaths_in_a_row.load(Ordering::Relaxed);
        if deaths >= PATIENCE {
            let pause = LONGEST_PAUSE.min(Duration::from_millis(50 << (deaths - PATIENCE).min(7)));
            let left = deadline.saturating_duration_since(Instant::now());
            std::thread::sleep(pause.min(left));
            if pause >= left {
                self.gone();
                return None;
            }
        }
        self.starts.fetch_add(1, Ordering::Relaxed);
        match Worker::locked_in(&self.options) {
            Ok((worker, _)) => Some(worker),
            Err(error) => {
                self.deaths_in_a_row.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "a document worker could not be started");
                self.gone();
                None
            }
        }
    }

    fn give_back(&self, worker: Worker) {
        self.lock().idle.push(worker);
        self.freed.notify_one();
    }

    /// A worker exists no more: another may be started.
    fn gone(&self) {
        self.lock().alive -= 1;
        self.freed.notify_one();
    }

    /// Counts a failure; what it is to the document.
    fn failed(&self, failure: Failure) -> Reason {
        match failure {
            Failure::Late => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                Reason::Timeout
            }
            Failure::Died => {
                self.deaths_in_a_row.fetch_add(1, Ordering::Relaxed);
                Reason::ParserFailed
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents for Pool {
    fn open(&self, request: &DocumentRequest<'_>) -> DocumentAnswer {
        self.ask(Wanted::Texts, request)
    }

    fn text_in_pictures(&self, request: &DocumentRequest<'_>) -> Option<DocumentAnswer> {
        let ocr = self.ocr.as_ref()?;
        let pictures = self.ask(Wanted::Pixels, &DocumentRequest { limits: &PICTURES, ..*request });
        let is_bound =
            |reason: &Reason| matches!(reason, Reason::TooBig | Reason::TooManyParts | Reason::Ratio);
        ocr.left_out(pictures.unscannable.iter().filter(|(_, reason)| is_bound(reason)).count() as u64);
        let mut answer = DocumentAnswer { unscannable: pictures.unscannable, ..DocumentAnswer::default() };
        for picture in pictures.items {
            let DocumentItem::File { name, octets, .. } = picture else { continue };
            match ocr.read(&octets, request.deadline) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    let place =
                        if name.is_empty() { "picture".to_owned() } else { format!("{name} picture") };
                    let (place, text) = (place.into(), text.into());
                    let rows = Vec::new();
                    answer.items.push(DocumentItem::Text { place, kind: Kind::Text, text, rows });
                }
                Err(reason) => answer.unscannable.push((name, reason)),
            }
        }
        Some(answer)
    }

    fn leaves_out_pictures(&self, files: u64) -> bool {
        self.ocr.as_ref().map(|ocr| ocr.left_out(files)).is_some()
    }
}

impl Pool {
    /// Has a worker read a document.
    fn ask(&self, wanted: Wanted, request: &DocumentRequest<'_>) -> DocumentAnswer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut answer = DocumentAnswer::default();
        let Some(mut worker) = self.take(request.deadline) else {
            answer.unscannable.push((String::new(), Reason::Timeout));
            return answer;
        };
        let Err(failure) = worker.ask(wanted, request, &mut answer) else {
            self.deaths_in_a_row.store(0, Ordering::Relaxed);
            self.give_back(worker);
            return answer;
        };
        drop(worker);
        self.deaths.fetch_add(1, Ordering::Relaxed);
        self.gone();
        // What the worker sent until then counts.
        answer.unscannable.push((String::new(), self.failed(failure)));
        answer
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if is_late(&error) { Self::Late } else { Self::Died }
    }
}

/// Whether what locks a worker in is enough.
fn suffices(sandbox: Sandbox, locked: &str) -> io::Result<()> {
    if sandbox == Sandbox::BestEffort || locked == Locked::WHOLE.to_string() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the kernel cannot lock workers in as required (it has: {locked}; needed: {}); \
         use a kernel with seccomp and Landlock, or set sandbox = \"best-effort\"",
        Locked::WHOLE
    )))
}

impl Worker {
    /// Starts a worker; one that is not locked in as asked is ended.
    fn locked_in(options: &PoolOptions) -> io::Result<(Self, String)> {
        let (worker, locked) = Self::start(options)?;
        suffices(options.sandbox, &locked)?;
        Ok((worker, locked))
    }

    fn start(options: &PoolOptions) -> io::Result<(Self, String)> {
        let (socket, theirs) = UnixStream::pair()?;
        let child = Command::new(&options.program)
            .args(&options.args)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .spawn()?;
        let worker = Self { child, socket };
        match frame::read(&mut worker.until(Instant::now() + HELLO)) {
            Ok(Some(hello)) => Ok((worker, String::from_utf8_lossy(&hello).into_owned())),
            _ => Err(io::Error::other("a document worker did not start")),
        }
    }

    fn until(&self, deadline: Instant) -> Until<'_> {
        Until { socket: &self.socket, deadline }
    }

    /// Asks, and takes the parts of the answer as they come.
    fn ask(
        &mut self,
        wanted: Wanted,
        request: &DocumentRequest<'_>,
        answer: &mut DocumentAnswer,
    ) -> Result<(), Failure> {
        let time = request.deadline.saturating_duration_since(Instant::now());
        let head = frame::encode_request(wanted, request, time);
        let mut worker = self.until(request.deadline + LATE);
        frame::write(&mut worker, &head, request.octets)?;
        let mut allowed = request.limits.octets_out.saturating_add(ANSWER_ROOM);
        loop {
            let octets = frame::read(&mut worker)?.ok_or(Failure::Died)?;
            allowed = allowed.checked_sub(octets.len() as u64).ok_or(Failure::Died)?;
            let (part, last) = frame::decode_answer(&octets).ok_or(Failure::Died)?;
            answer.items.extend(part.items);
            answer.unscannable.extend(part.unscannable);
            answer.ambiguous.extend(part.ambiguous);
            if last {
                return Ok(());
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that says so, once, and something else to whoever starts it again.
    fn says(first: &str, later: &str, name: &str, sandbox: Sandbox) -> PoolOptions {
        let hello = |locked: &str| {
            let mut octets = Vec::new();
            frame::write(&mut octets, locked.as_bytes(), &[]).expect("memory takes all");
            octets.iter().map(|octet| format!("\\{octet:03o}")).collect::<String>()
        };
        let started = std::env::temp_dir().join(format!("weir-{name}-{}", std::process::id()));
        // Left over from a process of the same number.
        let _none = std::fs::remove_dir(&started);
        let script = format!(
            "if /bin/mkdir {0} 2>/dev/null; then printf '{1}'; else printf '{2}'; /bin/rmdir {0}; fi; read wait",
            started.display(),
            hello(first),
            hello(later)
        );
        let (program, args) = (PathBuf::from("/bin/sh"), vec!["-c".into(), script]);
        PoolOptions { program, args, size: 2, sandbox, ..PoolOptions::default() }
    }

    #[test]
    fn workers_that_are_not_locked_in_as_required_are_not_used_first_or_later() {
        let (whole, less) = ("rlimits+landlock+seccomp", "rlimits+seccomp");
        assert_eq!(Locked::WHOLE.to_string(), whole);
        let error = Pool::start(says(less, less, "less", Sandbox::Required)).map(drop).expect_err("refused");
        assert!(error.to_string().contains("it has: rlimits+seccomp;"), "{error}");
        let deadline = Instant::now() + Duration::from_secs(60);
        let pool = Pool::start(says(whole, less, "later", Sandbox::Required)).expect("locked in");
        assert!(pool.another(deadline).is_none());
        let pool = Pool::start(says(less, less, "best", Sandbox::BestEffort)).expect("what there is");
        assert!(pool.another(deadline).is_some());
    }
}
