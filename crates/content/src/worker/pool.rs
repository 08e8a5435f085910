//! The pool: long-lived workers, one document at a time each, replaced when they die or are late.

use std::io;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Sandbox, frame};
use crate::{DocumentAnswer, DocumentRequest, Documents, Reason};

/// A worker that does not say hello by then will not.
const HELLO: Duration = Duration::from_secs(10);
/// What a worker may be late beyond the deadline that it knows itself.
const LATE: Duration = Duration::from_millis(500);
/// Deaths in a row after which starting another waits, and how long at most.
const PATIENCE: u64 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { program: PathBuf::new(), args: vec!["worker".into()], size: 2, sandbox: Sandbox::Required }
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
}

/// Worker processes behind the [`Documents`] seam.
#[derive(Debug)]
pub struct Pool {
    options: PoolOptions,
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
    input: ChildStdin,
    answers: Receiver<io::Result<Option<Vec<u8>>>>,
}

/// Why a worker gave no answer.
enum Failure {
    Died,
    Late,
}

impl Pool {
    /// Starts the first worker, to see that it can be locked in as asked.
    pub fn start(options: PoolOptions) -> io::Result<Self> {
        let (worker, locked) = Worker::start(&options)?;
        if options.sandbox == Sandbox::Required && !locked.contains("seccomp") {
            return Err(io::Error::other(format!(
                "the kernel cannot lock workers in as required (it has: {locked}); \
                 use a kernel with seccomp, or set sandbox = \"best-effort\""
            )));
        }
        Ok(Self {
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
                return self.another();
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn another(&self) -> Option<Worker> {
        let deaths = self.deaths_in_a_row.load(Ordering::Relaxed);
        if deaths >= PATIENCE {
            std::thread::sleep(LONGEST_PAUSE.min(Duration::from_millis(50 << (deaths - PATIENCE).min(6))));
        }
        self.starts.fetch_add(1, Ordering::Relaxed);
        match Worker::start(&self.options) {
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents for Pool {
    fn open(&self, request: &DocumentRequest<'_>) -> DocumentAnswer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let failed = |reason| DocumentAnswer {
            unscannable: vec![(String::new(), reason)],
            ..DocumentAnswer::default()
        };
        let Some(mut worker) = self.take(request.deadline) else { return failed(Reason::Timeout) };
        match worker.ask(request) {
            Ok(answer) => {
                self.deaths_in_a_row.store(0, Ordering::Relaxed);
                self.give_back(worker);
                answer
            }
            Err(failure) => {
                drop(worker);
                self.deaths.fetch_add(1, Ordering::Relaxed);
                self.gone();
                match failure {
                    Failure::Late => {
                        self.timeouts.fetch_add(1, Ordering::Relaxed);
                        failed(Reason::Timeout)
                    }
                    Failure::Died => {
                        self.deaths_in_a_row.fetch_add(1, Ordering::Relaxed);
                        failed(Reason::ParserFailed)
                    }
                }
            }
        }
    }
}

impl Worker {
    fn start(options: &PoolOptions) -> io::Result<(Self, String)> {
        let mut child = Command::new(&options.program)
            .args(&options.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let worker = Self { child, input, answers: listen(output) };
        match worker.answers.recv_timeout(HELLO) {
            Ok(Ok(Some(hello))) => Ok((worker, String::from_utf8_lossy(&hello).into_owned())),
            _ => Err(io::Error::other("a document worker did not start")),
        }
    }

    fn ask(&mut self, request: &DocumentRequest<'_>) -> Result<DocumentAnswer, Failure> {
        let time = request.deadline.saturating_duration_since(Instant::now());
        let octets = frame::encode_request(
            request.kind,
            request.name,
            request.octets,
            request.limits,
            time,
            request.passwords,
        );
        // The worker reads a whole request before it computes: writing cannot block for long, and its death ends it.
        frame::write(&mut self.input, &octets).map_err(|_| Failure::Died)?;
        match self.answers.recv_timeout(time + LATE) {
            Ok(Ok(Some(answer))) => frame::decode_answer(&answer).ok_or(Failure::Died),
            Err(RecvTimeoutError::Timeout) => Err(Failure::Late),
            _ => Err(Failure::Died),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads answers on a thread of its own, so that waiting can end at the deadline.
fn listen(mut output: ChildStdout) -> Receiver<io::Result<Option<Vec<u8>>>> {
    let (send, answers) = sync_channel(1);
    std::thread::spawn(move || {
        loop {
            let answer = frame::read(&mut output);
            let over = !matches!(answer, Ok(Some(_)));
            if send.send(answer).is_err() || over {
                return;
            }
        }
    });
    answers
}
