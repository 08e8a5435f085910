//! What a change of the policy set would have done: the set on disk and the edited one judge the kept originals of the last days,
//! beside everything else, as far as whoever asks may see the incidents. Nothing of a mail is shown, only which incidents to look at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::State;
use incident::desk::{Access, Desk, RecordedMail};
use jiff::{SignedDuration, Timestamp};
use policy::backtest::Comparison;
use policy::{Envelope, Set};
use serde::Deserialize;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use web::people::{Hidden, Privilege, UserId};
use web::{Problem, Viewer};

use super::backtest_kept::{self, Kept, reached};
use super::backtest_shown::told;
use super::list::see_other;
use super::policies::{Edit, files, unfit};
use super::seen::access;
use super::{Answer, Console};
use crate::inspection::Opener;

/// Days that a backtest goes back at most.
const DAYS: u32 = 366;
/// Incidents that one backtest looks at, newest first.
const INCIDENTS: u32 = 20_000;
/// Time for one mail and for all of them.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(1_800);
/// Backtests at one time.
const RUNNING: usize = 2;
/// Backtests that are remembered.
const KEPT: usize = 20;
/// Incidents shown of each kind.
const EXAMPLES: usize = 5;

/// The backtests of this server; they end with it, what they came to is kept.
pub(super) struct Backtests {
    runs: Mutex<VecDeque<Arc<Run>>>,
    stop: CancellationToken,
    _ends: DropGuard,
}

/// One backtest. Only whoever began it sees it run, as long as the role reaches what it reached then.
pub(super) struct Run {
    pub(super) id: Uuid,
    user: UserId,
    access: Access,
    /// The same, as it is kept.
    reached: String,
    pub(super) edit: Edit,
    pub(super) days: u32,
    pub(super) began: Timestamp,
    pub(super) stop: CancellationToken,
    state: Mutex<Progress>,
}

pub(super) struct Progress {
    pub(super) phase: Phase,
    /// Messages of the time.
    pub(super) total: usize,
    pub(super) done: usize,
    /// Of these no original is kept any more.
    pub(super) gone: usize,
    /// Of these the original could not be read.
    pub(super) unreadable: usize,
    /// There are more incidents than one backtest looks at.
    pub(super) cut: bool,
    pub(super) comparison: Comparison<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    Done,
    Stopped,
    TooLong,
    Failed,
}

impl Backtests {
    pub(super) fn new() -> Self {
        let stop = CancellationToken::new();
        Self { runs: Mutex::default(), _ends: stop.clone().drop_guard(), stop }
    }

    fn runs(&self) -> MutexGuard<'_, VecDeque<Arc<Run>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a run in unless too many are at work already.
    fn admit(&self, run: Arc<Run>) -> Result<(), Problem> {
        let mut runs = self.runs();
        let at_work: Vec<_> = runs.iter().filter(|run| run.is_running()).collect();
        if at_work.iter().any(|other| other.user == run.user) {
            return Err(Problem::Conflict(
                "A backtest of yours is running. Stop it or wait for its end, then begin another.".to_owned(),
            ));
        }
        if at_work.len() >= RUNNING {
            return Err(Problem::Conflict(
                "Others' backtests are running on this server. Try again when they are through.".to_owned(),
            ));
        }
        if runs.len() >= KEPT
            && let Some(oldest) = runs.iter().position(|run| !run.is_running())
        {
            runs.remove(oldest);
        }
        runs.push_back(run);
        Ok(())
    }

    pub(super) fn find(&self, viewer: &Viewer, id: &str) -> Result<Arc<Run>, Problem> {
        let id = Uuid::try_parse(id).map_err(|_| Problem::NotFound)?;
        let access = access(viewer);
        let runs = self.runs();
        let run = runs.iter().find(|run| run.id == id && run.user == viewer.user && run.access == access);
        run.cloned().ok_or(Problem::NotFound)
    }
}

impl Run {
    pub(super) fn state(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_running(&self) -> bool {
        self.state().phase == Phase::Running
    }
}

/// Whether a role may: an author who finds words in mails learns what is in them, so nothing of a mail may be kept from the role.
pub(super) fn may(viewer: &Viewer) -> Result<(), Problem> {
    viewer.require(Privilege::AuthorPolicies)?;
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let parts = Hidden::ALL.iter().filter(|part| **part != Hidden::History);
    if parts.into_iter().any(|part| viewer.hides(*part)) {
        return Err(Problem::Forbidden(format!(
            "The role {} does not see all of a mail, and a backtest would tell what is in it.",
            viewer.role.name
        )));
    }
    Ok(())
}

// ---- begin

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(flatten)]
    edit: Edit,
    days: String,
}

pub(super) async fn begin(
    State(console): State<Console>,
    viewer: Viewer,
    Form(asked): Form<Asked>,
) -> Answer {
    may(&viewer)?;
    let days = asked.days.trim().parse().ok().filter(|days| (1..=DAYS).contains(days));
    let days: u32 = days.ok_or_else(|| Problem::Bad(format!("A backtest goes back 1 to {DAYS} days.")))?;
    let files = files(&console);
    let after = match files.load_with(&asked.edit.name, &asked.edit.text()).await? {
        Ok(loaded) => loaded.set,
        Err(diagnostics) => return unfit(&viewer, asked.edit, &diagnostics),
    };
    let before = files.load().await?.map_err(|_| {
        Problem::Conflict(
            "The set on disk is not good, so there is nothing to compare with. Mend it first.".to_owned(),
        )
    })?;
    let run = Arc::new(Run {
        id: Uuid::new_v4(),
        user: viewer.user,
        access: access(&viewer),
        reached: reached(&viewer),
        days,
        began: Timestamp::now(),
        stop: console.backtests.stop.child_token(),
        state: Mutex::new(Progress {
            phase: Phase::Running,
            total: 0,
            done: 0,
            gone: 0,
            unreadable: 0,
            cut: false,
            comparison: Comparison::new(EXAMPLES),
        }),
        edit: asked.edit,
    });
    console.backtests.admit(run.clone())?;
    if let Err(problem) = viewer.log("POLICY_BACKTEST", &run.edit.name, &format!("{days} days")).await {
        run.state().phase = Phase::Failed;
        return Err(problem.into());
    }
    let id = run.id;
    let work = Work {
        run,
        desk: console.desk.clone(),
        enforce: console.enforce.clone(),
        sets: Arc::new((before.set, after)),
    };
    tokio::spawn(work.run());
    Ok(see_other(&format!("/policies/backtest/{id}")))
}

// ---- work

struct Work {
    run: Arc<Run>,
    desk: Desk,
    enforce: Arc<crate::Enforce>,
    /// Before and after.
    sets: Arc<(Set, Set)>,
}

impl Work {
    async fn run(self) {
        let phase = match self.all().await {
            Ok(phase) => phase,
            Err(error) => {
                tracing::error!(%error, "a backtest ended early");
                Phase::Failed
            }
        };
        // Kept before it can be seen: an address that shows a result is good for good.
        let told = told(&self.enforce, &self.run, phase).await;
        let run = &self.run;
        let kept = Kept { edit: run.edit.clone(), days: run.days, began: run.began.as_millisecond(), told };
        let database = &**self.enforce.journal.database();
        if let Err(error) = backtest_kept::keep(database, run.id, &run.reached, &kept).await {
            tracing::error!(%error, "what a backtest came to cannot be kept");
        }
        self.run.state().phase = phase;
    }

    async fn all(&self) -> Result<Phase, incident::Error> {
        let began = Instant::now();
        let since = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(self.run.days));
        let (mails, cut) = self.desk.mails_since(&self.run.access, since, INCIDENTS).await?;
        {
            let mut state = self.run.state();
            (state.total, state.cut) = (mails.len(), cut);
        }
        for mail in mails {
            if self.run.stop.is_cancelled() {
                return Ok(Phase::Stopped);
            }
            if began.elapsed() > LONGEST {
                return Ok(Phase::TooLong);
            }
            self.one(mail).await?;
        }
        Ok(Phase::Done)
    }

    async fn one(&self, mail: RecordedMail) -> Result<(), incident::Error> {
        let original = match mail.original_kept {
            true => self.desk.original(&self.run.access, mail.incident).await,
            false => Ok(None),
        };
        let octets = match original {
            Ok(original) => original,
            Err(why @ (incident::Error::Damaged { .. } | incident::Error::OutOfReach(_))) => {
                tracing::warn!(incident = mail.incident, %why, "an original cannot be tried");
                let mut state = self.run.state();
                (state.done, state.unreadable) = (state.done + 1, state.unreadable + 1);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(octets) = octets else {
            let mut state = self.run.state();
            (state.done, state.gone) = (state.done + 1, state.gone + 1);
            return Ok(());
        };
        let (sets, enforce, run) = (self.sets.clone(), self.enforce.clone(), self.run.clone());
        let judged = tokio::task::spawn_blocking(move || count(&sets, &enforce.opener, &run, &mail, &octets));
        if judged.await.is_err() {
            let mut state = self.run.state();
            (state.done, state.unreadable) = (state.done + 1, state.unreadable + 1);
        }
        Ok(())
    }
}

fn count(sets: &(Set, Set), opener: &Opener, run: &Run, mail: &RecordedMail, octets: &[u8]) {
    let envelope = Envelope {
        sender: mail.sender.clone(),
        recipients: mail.recipients.clone(),
        peer: mail.peer.as_ref().and_then(|peer| peer.parse().ok()),
    };
    let judge = |mail: &policy::Mail<'_>| (sets.0.judge(mail), sets.1.judge(mail));
    let (before, after) = opener.open(octets, Some(envelope), mail.received_at, PATIENCE, judge);
    let mut state = run.state();
    state.comparison.add(&mail.incident, &before, &after);
    state.done += 1;
}
