//! Decisions about held copies: once each, by whoever comes first, carried out in the transaction that records them.

use incident::wire::{CopyResult, ReviewAction};
use store::database::{Row, Session};
use store::values;
use uuid::Uuid;

use crate::accept::put_archive;
use crate::filter::{Action, Plan, Tag};
use crate::history::{now, tell};
use crate::notices;
use crate::queue::{self, NewEntry};
use crate::state::{State, done, verb};
use crate::updates;
use crate::vault::release_octets;
use crate::{Error, FolderKind, Gateway};

/// Copies decided in one transaction: others get their turn between two.
pub(crate) const AT_ONCE: usize = 200;

/// Who decides, for the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The person's name.
    pub name: String,
    /// From which address, if it is known.
    pub from: Option<String>,
}

impl Who {
    /// A name, and nothing known of the address.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), from: None }
    }

    pub(crate) fn words(&self) -> String {
        match &self.from {
            Some(from) => format!("{} from {from}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What became of a copy that was to be decided about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The incident.
    pub id: u64,
    /// Its recipient.
    pub recipient: String,
    /// The outcome.
    pub result: CopyResult,
    /// In words.
    pub detail: String,
}

/// A decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision<'a> {
    pub(crate) action: ReviewAction,
    /// For the history: who, and from where.
    pub(crate) who: &'a str,
    /// For Enforce.
    pub(crate) name: &'a str,
    pub(crate) note: Option<&'a str>,
    pub(crate) request: Option<&'a str>,
}

impl Gateway {
    /// Decides about these incidents. One that is decided already stays as it is and says so.
    pub async fn decide(
        &self,
        ids: &[u64],
        action: ReviewAction,
        who: &Who,
        note: Option<&str>,
    ) -> Result<Vec<Decided>, Error> {
        let words = who.words();
        let decision = Decision { action, who: &words, name: &who.name, note, request: None };
        let mut decided = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            decided.extend(self.decide_some(some, &decision).await?);
        }
        Ok(decided)
    }

    /// Holds a mail that is in an informational folder and still in the queue. The sender's reply was given; the mail waits from now on.
    pub async fn hold(&self, id: u64, folder: &str, who: &Who, note: Option<&str>) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        let copy = Held::load(db, id).await?.ok_or_else(|| Error::NotFound(format!("incident {id}")))?;
        let rows = db.fetch("SELECT id, definition FROM folder WHERE name = ?", values![folder]).await?;
        let row = rows.first().ok_or_else(|| Error::NotFound(format!("folder {folder:?}")))?;
        let kind: crate::Folder = serde_json::from_str(&row.get::<String>("definition")?)
            .map_err(|why| Error::damaged(format!("folder {folder:?}"), why))?;
        if kind.kind != FolderKind::Hold {
            return Err(Error::Invalid(format!(
                "{folder:?} is no quarantine folder; choose one that holds mail"
            )));
        }
        let sql = "DELETE FROM queue WHERE message_id = ? AND recipient = ? AND state = 'waiting' AND reason = 'not held'";
        let taken = db.run(sql, values![copy.message, copy.recipient.as_str()]).await?;
        if copy.state != State::Informational || taken == 0 {
            return Err(Error::Invalid(format!(
                "incident {id}: the mail is no longer in the queue; it cannot be held"
            )));
        }
        let standard = crate::filter::Filter::standard(folder);
        let plan = Plan {
            approve: standard.approve,
            reject: standard.reject,
            custom: standard.custom,
            changes: copy.plan.changes.clone(),
        };
        let sql = "UPDATE copy SET state = 'held', folder_id = ?, plan = ?, entered_at = ? WHERE id = ?";
        db.run(sql, values![row.get::<i64>("id")?, crate::definitions::json(&plan)?, now(), id]).await?;
        let detail = format!("taken out of the queue into folder {folder:?}; {}", note.unwrap_or("no note"));
        tell(db, copy.message, Some(id), &who.words(), "HELD_BY_REVIEWER", &detail).await?;
        let event = updates::Event { copy: id, state: State::Held, who: &who.name, note, request: None };
        updates::put(db, self, &event).await?;
        self.commit(transaction).await?;
        self.inner.update_bell.notify_one();
        Ok(())
    }

    async fn decide_some(&self, ids: &[u64], decision: &Decision<'_>) -> Result<Vec<Decided>, Error> {
        let mut files = Vec::new();
        let mut transaction = self.database().begin().await?;
        let mut decided = Vec::with_capacity(ids.len());
        for id in ids {
            decided.push(self.decide_one(&mut *transaction, *id, decision, &mut files).await?);
        }
        if decided.iter().any(|one| one.result == done(decision.action)) {
            self.commit(transaction).await?;
            self.after_decisions(files).await;
        }
        Ok(decided)
    }

    /// What follows a commit of decisions.
    pub(crate) async fn after_decisions(&self, files: Vec<Uuid>) {
        self.inner.queue_bell.notify_one();
        self.inner.update_bell.notify_one();
        self.remove_blobs(files).await;
    }

    /// Decides about one copy within a transaction. `files` gets what may be removed once it is committed.
    pub(crate) async fn decide_one(
        &self,
        db: &mut dyn Session,
        id: u64,
        decision: &Decision<'_>,
        files: &mut Vec<Uuid>,
    ) -> Result<Decided, Error> {
        let Some(copy) = Held::load(db, id).await? else {
            let (recipient, result) = (String::new(), CopyResult::NotFound);
            return Ok(Decided { id, recipient, result, detail: format!("there is no incident {id}") });
        };
        // The row itself is the gate: of two decisions at once one changes it, the other sees that.
        let state = State::after(decision.action);
        let sql = "UPDATE copy SET state = ?, decided_at = ?, who = ?, note = ?, request_id = ?, outcome = NULL WHERE id = ? AND state = 'held'";
        let values = values![state.as_str(), now(), decision.name, decision.note, decision.request, id];
        if db.run(sql, values).await? == 0 {
            let copy = Held::load(db, id).await?.unwrap_or(copy);
            return Ok(copy.already(decision.action));
        }
        let actions = copy.plan.of(decision.action);
        let fate = self.carry_out(db, &copy, actions, decision.note, files).await?;
        let note = decision.note.map(|note| format!("; note: {note}")).unwrap_or_default();
        let asked = decision.request.map(|request| format!("; request {request}")).unwrap_or_default();
        let detail =
            format!("{} of the copy for {}: {fate}{asked}{note}", verb(decision.action), copy.recipient);
        let action = state.as_str().to_uppercase();
        tell(db, copy.message, Some(id), decision.who, &action, &detail).await?;
        let event = updates::Event {
            copy: id,
            state,
            who: decision.name,
            note: decision.note,
            request: decision.request,
        };
        updates::put(db, self, &event).await?;
        files.extend(release_octets(db, &[copy.message]).await?);
        tracing::info!(incident = id, recipient = %copy.recipient, action = verb(decision.action), who = decision.who, request = decision.request, "decided");
        Ok(Decided { id, recipient: copy.recipient, result: done(decision.action), detail: fate })
    }

    /// Does what a decision means. In words, what becomes of the mail.
    pub(crate) async fn carry_out(
        &self,
        db: &mut dyn Session,
        copy: &Held,
        actions: &[Action],
        note: Option<&str>,
        files: &mut Vec<Uuid>,
    ) -> Result<String, Error> {
        let mut changes = copy.plan.changes.clone();
        let (mut route, mut fate) = (None, Vec::new());
        for action in actions {
            match action {
                Action::AddHeader(line) => changes.add.push(line.clone()),
                Action::RemoveHeader(name) => changes.remove.push(name.clone()),
                Action::TagSubject(Tag { prefix, suffix }) => {
                    changes.tags.push(Tag { prefix: prefix.clone(), suffix: suffix.clone() });
                }
                Action::Route(to) => route = Some(to.clone()),
                _ => {}
            }
        }
        for action in actions {
            let recipients = match action {
                Action::Deliver => vec![(copy.recipient.clone(), copy.rcpt.clone())],
                Action::Redirect(to) => {
                    to.iter().map(|to| (to.clone(), format!("<{to}>").into_bytes())).collect()
                }
                Action::Delete => {
                    fate.push("deleted".to_owned());
                    continue;
                }
                Action::Archive(archive) => {
                    put_archive(db, self, copy.message, archive).await?;
                    fate.push(format!("a copy archived at {}", archive.to));
                    continue;
                }
                Action::Notify(notice) => {
                    let about = copy.about(note.unwrap_or("no reason was given"));
                    fate.push(notices::put(db, self, notice, &about, files).await?);
                    continue;
                }
                _ => continue,
            };
            for (recipient, rcpt) in &recipients {
                let entry = NewEntry {
                    message: copy.message,
                    copy: Some(copy.id),
                    recipient,
                    rcpt,
                    mail: &copy.mail,
                    changes: &changes,
                    destination: route.as_ref(),
                    reason: "decided",
                };
                queue::put(db, self, &entry).await?;
                let by = route.as_ref().map(|route| format!(" by {route}")).unwrap_or_default();
                fate.push(format!("queued for delivery to {recipient}{by}"));
            }
        }
        Ok(fate.join("; "))
    }
}

/// A copy with what a decision needs.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) id: u64,
    pub(crate) message: u64,
    pub(crate) recipient: String,
    pub(crate) rcpt: Vec<u8>,
    pub(crate) mail: Vec<u8>,
    pub(crate) plan: Plan,
    pub(crate) state: State,
    sender: String,
    subject: String,
    policy_ids: Vec<u32>,
    decided_by: Option<String>,
    decided_at: Option<i64>,
}

impl Held {
    pub(crate) async fn load(db: &mut dyn Session, id: u64) -> Result<Option<Self>, Error> {
        let sql = "SELECT c.id, c.message_id, c.recipient, c.rcpt, c.plan, c.state, c.who, c.decided_at, \
            m.mail, m.sender, m.subject, m.policy_ids FROM copy c JOIN message m ON m.id = c.message_id WHERE c.id = ?";
        db.fetch(sql, values![id]).await?.first().map(Self::read).transpose()
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let id = row.get::<i64>("id")? as u64;
        let damaged = |why: &dyn ToString| Error::damaged(format!("incident {id}"), why.to_string());
        let state: String = row.get("state")?;
        Ok(Self {
            id,
            message: row.get::<i64>("message_id")? as u64,
            recipient: row.get("recipient")?,
            rcpt: row.get("rcpt")?,
            mail: row.get("mail")?,
            plan: serde_json::from_str(&row.get::<String>("plan")?).map_err(|why| damaged(&why))?,
            state: State::parse(&state).ok_or_else(|| damaged(&format!("state {state:?}")))?,
            sender: row.get("sender")?,
            subject: row.get("subject")?,
            policy_ids: serde_json::from_str(&row.get::<String>("policy_ids")?)
                .map_err(|why| damaged(&why))?,
            decided_by: row.get("who")?,
            decided_at: row.get("decided_at")?,
        })
    }

    pub(crate) fn about<'a>(&'a self, reason: &'a str) -> notices::About<'a> {
        notices::About {
            copy: Some(self.id),
            sender: &self.sender,
            recipient: &self.recipient,
            subject: &self.subject,
            policy_ids: &self.policy_ids,
            reason,
        }
    }

    /// The answer for a copy that is not held any more.
    pub(crate) fn already(&self, asked: ReviewAction) -> Decided {
        let by = self.decided_by.as_deref().unwrap_or("the gateway");
        let when = self.decided_at.map(|at| format!(" at {}", crate::history::time(at))).unwrap_or_default();
        let what = match self.state {
            State::Approved => "the email has already been released",
            State::Rejected => "the email has already been rejected",
            State::Custom => "the custom action has already been taken",
            State::Expunged => "the email has expired: its folder's limits removed it",
            State::Informational => "the email was never held",
            State::Held => "the email is still held",
        };
        let detail = format!("{} not done: {what} by {by}{when}", verb(asked));
        Decided { id: self.id, recipient: self.recipient.clone(), result: self.state.already(), detail }
    }
}

impl Plan {
    /// What this decision means.
    pub(crate) fn of(&self, action: ReviewAction) -> &[Action] {
        match action {
            ReviewAction::Approved => &self.approve,
            ReviewAction::Rejected => &self.reject,
            ReviewAction::Custom => &self.custom,
        }
    }
}
