//! Station 4, inspect: the message is opened and the policy set runs over it, within a deadline and with a bounded number at a time.
//!
//! Small mail without documents is inspected where it is received; everything else goes to a bounded pool of blocking threads.
//! A fault of ours defers the message; the third one on the same message becomes a finding, so that one poisoned mail
//! neither loops for days nor slips by.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use content::{DocumentAnswer, DocumentRequest, Documents, How, Opened};
use incident::Journal;
use policy::{Envelope, Inspection, Mail, Response, Set};
use smtp::reply::{Reply, own};
use smtp::spool::Edit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::header;
use crate::keep::Kept;
use crate::metrics::Metrics;
use crate::receive::{Facts, Received, admit, older_ids};
use crate::respond::subject_tag;
use crate::settings::Settings;
use crate::unique_id::UniqueId;

/// Messages up to this size are inspected on the spot, if nothing in them needs a worker and it is quickly done.
const ON_THE_SPOT: u64 = 64 << 10;
/// What takes longer than this goes to the pool: the spot is a thread that serves other sessions too.
const SPOT_TIME: Duration = Duration::from_millis(50);
/// Faults of one message before it becomes a finding.
const FAULTS: u8 = 3;
/// Messages whose faults are remembered.
const REMEMBERED: usize = 10_000;
/// Inspection memory is counted in these.
const MEMORY_UNIT: usize = 64 << 10;

/// Opens documents; shared by all inspections.
pub type SharedDocuments = Arc<dyn Documents + Send + Sync>;

/// The engine: the policy set in force, the document openers, and how much may run at a time.
pub(crate) struct Inspector {
    set: RwLock<Arc<Set>>,
    documents: SharedDocuments,
    permits: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    memory_units: usize,
    faults: Mutex<HashMap<UniqueId, u8>>,
    metrics: Arc<Metrics>,
}

/// Who sends what to whom: the question, without the octets.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) peer: IpAddr,
}

/// A message with the verdict of the policy set. Only inspection makes one.
#[derive(Debug)]
pub(crate) struct Inspected {
    received: Received,
    findings: Findings,
    question: Question,
    spent: Duration,
}

/// What inspection found; owned, for the octets may be in a file by now.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) facts: Facts,
    /// Of a message that violates a policy: what its id would be by keys that were in use before.
    older_ids: Vec<UniqueId>,
    pub(crate) set: Arc<Set>,
    pub(crate) inspection: Inspection,
    pub(crate) response: Response,
    /// What the incidents keep of the message.
    pub(crate) kept: Kept,
    /// Cuts and insertions in the header.
    pub(crate) edits: Vec<Edit>,
}

impl Inspected {
    /// A retry of a message that came first under an older key goes on under the id that its incident has.
    async fn under_known_id(mut self, journal: &Journal) -> Self {
        for id in std::mem::take(&mut self.findings.older_ids) {
            match journal.knows_message(id.as_str()).await {
                Ok(true) => {
                    self.findings.facts.unique_id = id;
                    break;
                }
                Ok(false) => {}
                // A store that fails will say so when the incident is recorded.
                Err(error) => tracing::warn!(%error, "whether a message came before cannot be looked up"),
            }
        }
        self
    }

    pub(crate) fn into_parts(self) -> (Received, Findings, Question, Duration) {
        (self.received, self.findings, self.question, self.spent)
    }
}

impl Inspector {
    pub(crate) fn new(
        set: Arc<Set>,
        documents: SharedDocuments,
        settings: &Settings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let memory_units = (settings.memory_for_inspection / MEMORY_UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            set: RwLock::new(set),
            documents,
            permits: Arc::new(Semaphore::new(settings.inspectors.max(1))),
            memory: Arc::new(Semaphore::new(memory_units)),
            memory_units,
            faults: Mutex::default(),
            metrics,
        }
    }

    /// The set in force.
    pub(crate) fn set(&self) -> Arc<Set> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another set in force; messages under inspection keep the one they began with.
    pub(crate) fn replace_set(&self, set: Arc<Set>) {
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = set;
    }

    /// The verdict, under the id that the message has in the journal; or the reply that defers or refuses it.
    pub(crate) async fn inspect(
        self: &Arc<Self>,
        received: Received,
        question: Question,
        settings: &Arc<Settings>,
        journal: &Journal,
    ) -> Result<Inspected, Reply> {
        Ok(self.judge(received, question, settings).await?.under_known_id(journal).await)
    }

    async fn judge(
        self: &Arc<Self>,
        received: Received,
        question: Question,
        settings: &Arc<Settings>,
    ) -> Result<Inspected, Reply> {
        let job = Job { inspector: self.clone(), set: self.set(), settings: settings.clone(), question };
        if received.spooled().len() <= ON_THE_SPOT && received.spooled().memory().is_some() {
            let (spot, until) = (OnTheSpot::default(), Instant::now() + SPOT_TIME);
            match job.run(&received, &spot, until, || !spot.needed_a_worker()) {
                Err(Failure::Refused(reply)) => return Err(reply),
                Ok(findings) if Instant::now() < until => return Ok(job.finish(received, findings)),
                // Documents, slow text, or a fault: where it can take its time, and where a fault counts.
                Ok(_) | Err(Failure::NotHere | Failure::Fault(_)) => {}
            }
        }
        let permits = self.wait_for_room(received.spooled().len(), settings.inspection_wait).await?;
        let work = move || {
            let deadline = Instant::now() + job.settings.inspection_deadline;
            let findings = match job.run(&received, &*job.inspector.documents, deadline, || true) {
                Err(Failure::Fault(facts)) => job.after_a_fault(*facts, &received, deadline),
                Err(Failure::Refused(reply)) => Err(reply),
                Err(Failure::NotHere) => Err(own::processing_error()),
                Ok(findings) => Ok(findings),
            };
            drop(permits);
            Ok(job.finish(received, findings?))
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(own::processing_error()))
    }

    /// A free inspector and memory for the message, or 451 4.3.2: a flood never opens the door.
    async fn wait_for_room(&self, octets: u64, wait: Duration) -> Result<[OwnedSemaphorePermit; 2], Reply> {
        let units = (octets as usize / MEMORY_UNIT + 1).min(self.memory_units) as u32;
        let room = async {
            let permit = self.permits.clone().acquire_owned().await.ok()?;
            let memory = self.memory.clone().acquire_many_owned(units).await.ok()?;
            Some([permit, memory])
        };
        match tokio::time::timeout(wait, room).await {
            Ok(Some(permits)) => Ok(permits),
            _ => {
                self.metrics.no_inspector.inc();
                Err(own::busy())
            }
        }
    }

    /// Counts a fault of `id`; true from the third on.
    fn note_fault(&self, id: &UniqueId) -> bool {
        self.metrics.engine_faults.inc();
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() >= REMEMBERED {
            faults.clear();
        }
        let count = faults.entry(id.clone()).or_default();
        *count = count.saturating_add(1);
        *count >= FAULTS
    }
}

/// One inspection: all it needs, so that it can run on any thread.
struct Job {
    inspector: Arc<Inspector>,
    set: Arc<Set>,
    settings: Arc<Settings>,
    question: Question,
}

/// Why an inspection gave no findings.
enum Failure {
    /// The message may not come in, or cannot be read back.
    Refused(Reply),
    /// It needs a worker, and there is none here.
    NotHere,
    /// The engine panicked.
    Fault(Box<Facts>),
}

/// What opening and judging give.
type Judged = (Inspection, Response, Option<String>, Kept);

impl Job {
    fn run(
        &self,
        received: &Received,
        documents: &dyn Documents,
        deadline: Instant,
        worth_judging: impl FnOnce() -> bool,
    ) -> Result<Findings, Failure> {
        let octets = self.octets(received).map_err(Failure::Refused)?;
        let facts = admit(&octets, &self.question.sender, &self.settings).map_err(Failure::Refused)?;
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let how = How {
                limits: &self.settings.content,
                deadline,
                documents,
                passwords: &self.settings.passwords,
                digests: self.set.wants_digests(),
            };
            let opened = content::open(&octets, &how);
            if worth_judging() { Some(self.judge(&opened, octets.len() as u64, deadline)) } else { None }
        }));
        match judged {
            Ok(Some(judged)) => Ok(self.findings(facts, &octets, judged)),
            Ok(None) => Err(Failure::NotHere),
            Err(_) => Err(Failure::Fault(Box::new(facts))),
        }
    }

    fn octets<'r>(&self, received: &'r Received) -> Result<Cow<'r, [u8]>, Reply> {
        received.spooled().read().map_err(|error| {
            tracing::error!(%error, "a spooled message could not be read back");
            own::processing_error()
        })
    }

    fn findings(&self, facts: Facts, octets: &[u8], judged: Judged) -> Findings {
        let (inspection, response, subject, kept) = judged;
        let tag = subject_tag(&response.modifications);
        let edits = header::edits(&facts.header, octets, tag);
        let older_ids = match inspection.violations.is_empty() {
            true => Vec::new(),
            false => older_ids(octets, &self.question.sender, &facts.header, &self.settings),
        };
        Findings {
            facts: Facts { subject, ..facts },
            older_ids,
            set: self.set.clone(),
            inspection,
            response,
            kept,
            edits,
        }
    }

    fn judge(&self, opened: &Opened<'_>, size: u64, deadline: Instant) -> Judged {
        let envelope = Envelope {
            sender: self.question.sender.clone(),
            recipients: self.question.recipients.clone(),
            peer: Some(self.question.peer),
        };
        let mail = Mail { envelope: &envelope, opened, size, now: jiff::ZonedDateTime::now(), deadline };
        let inspection = self.set.inspect(&mail);
        let response = policy::respond(&self.set, &inspection, &mail, self.settings.only_records());
        let subject = opened.headers.iter().find(|header| header.name.eq_ignore_ascii_case(b"subject"));
        let kept = Kept::new(&inspection, &response, &opened.written);
        (inspection, response, subject.map(|header| header.text.clone().into_owned()), kept)
    }

    /// The first and second time the message is deferred; then it is a finding like any other that could not be inspected.
    fn after_a_fault(&self, facts: Facts, received: &Received, deadline: Instant) -> Result<Findings, Reply> {
        let final_fault = self.inspector.note_fault(&facts.unique_id) || self.settings.break_glass;
        tracing::error!(dlp_id = %facts.unique_id, final_fault, "inspection failed by a fault of the engine; please report it");
        if !final_fault {
            return Err(own::processing_error());
        }
        let octets = self.octets(received)?;
        let opened = content::not_opened(content::Reason::EngineFault);
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge(&opened, octets.len() as u64, deadline)));
        Ok(self.findings(facts, &octets, judged.map_err(|_| own::processing_error())?))
    }

    fn finish(self, received: Received, findings: Findings) -> Inspected {
        let spent = received.started().elapsed();
        Inspected { findings, received, question: self.question, spent }
    }
}

/// Notes that a document was met, and opens nothing: the message is then inspected again with workers.
#[derive(Debug, Default)]
struct OnTheSpot(AtomicBool);

impl OnTheSpot {
    fn needed_a_worker(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Documents for OnTheSpot {
    fn open(&self, _: &DocumentRequest<'_>) -> DocumentAnswer {
        self.0.store(true, Ordering::Relaxed);
        DocumentAnswer::default()
    }
}
