//! The gateway takes responsibility for a message: held copies, informational incidents, queue entries and notices in one
//! transaction, synced before the sender hears 250. If it fails, nothing of it is there and the sender keeps the message.

use smtp::spool::Spooled;
use store::blobs::Blob;
use store::database::Session;
use store::values;
use uuid::Uuid;

use crate::definitions::{json, only_id};
use crate::filter::{Archive, Changes, Line, Notice, Plan, Step, Verdict};
use crate::history::{now, tell};
use crate::notices;
use crate::queue::{self, NewEntry};
use crate::updates;
use crate::vault::lock_name;
use crate::{Error, Gateway, State};

/// A message that came in, without its octets.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// The same for repeats of the same message: the unique id, or a keyed hash where there is none.
    pub(crate) identity: String,
    pub(crate) unique_id: Option<String>,
    pub(crate) policy_ids: Vec<u32>,
    pub(crate) message_id: Option<String>,
    pub(crate) sender: String,
    /// What followed `MAIL FROM:`.
    pub(crate) mail: Vec<u8>,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) subject: String,
    pub(crate) peer: String,
    pub(crate) size: u64,
    pub(crate) eight_bit: bool,
    pub(crate) received_at: i64,
}

/// A recipient as accepted.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) address: String,
    /// What followed `RCPT TO:`.
    pub(crate) rcpt: Vec<u8>,
}

/// What was done with an accepted message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) message: u64,
    pub(crate) held: usize,
    pub(crate) queued: usize,
    pub(crate) repeated: usize,
    pub(crate) deleted: usize,
}

impl Gateway {
    /// Keeps the message as the verdicts say, one for each recipient. Durable when it returns.
    pub(crate) async fn accept(
        &self,
        incoming: &Incoming,
        verdicts: &[Verdict],
        message: Spooled,
    ) -> Result<Accepted, Error> {
        let blob = self.put(message).await?;
        let mut files = vec![blob.name];
        match self.accept_in_one(incoming, verdicts, &blob, &mut files).await {
            Ok(accepted) => {
                if accepted.held + accepted.queued == 0 {
                    self.remove_blobs(vec![blob.name]).await;
                }
                self.inner.queue_bell.notify_one();
                self.inner.update_bell.notify_one();
                Ok(accepted)
            }
            Err(error) => {
                // If the commit's fate is unknown the row may be there after all: then the file must stay.
                if !self.is_named(blob.name).await {
                    self.remove_blobs(files).await;
                }
                Err(error)
            }
        }
    }

    async fn accept_in_one(
        &self,
        incoming: &Incoming,
        verdicts: &[Verdict],
        blob: &Blob,
        files: &mut Vec<Uuid>,
    ) -> Result<Accepted, Error> {
        let mut transaction = self.database().begin().await?;
        let db = &mut *transaction;
        db.lock(lock_name(&incoming.identity)).await?;
        let message = insert(db, incoming, "accepted", Some(blob)).await?;
        let mut accepting = Accepting {
            gateway: self,
            incoming,
            files,
            accepted: Accepted { message, ..Accepted::default() },
        };
        for (recipient, verdict) in incoming.recipients.iter().zip(verdicts) {
            accepting.recipient(db, recipient, verdict).await?;
        }
        let accepted = accepting.accepted;
        let (kept, outcome) = (accepted.held + accepted.queued > 0, accepted.outcome());
        let sql = if kept {
            "UPDATE message SET outcome = ? WHERE id = ?"
        } else {
            "UPDATE message SET outcome = ?, blob = NULL, head = NULL WHERE id = ?"
        };
        db.run(sql, values![outcome, message]).await?;
        transaction.commit().await?;
        Ok(accepted)
    }

    /// Unknown counts as named: a file too many is swept later, one too few is a lost mail.
    async fn is_named(&self, file: Uuid) -> bool {
        let sql = "SELECT id FROM message WHERE blob = ?";
        let rows = self.database().fetch(sql, values![file.simple().to_string()]).await;
        rows.map_or(true, |rows| !rows.is_empty())
    }
}

impl Accepted {
    fn outcome(&self) -> &'static str {
        match self {
            Self { held: 1.., .. } => "held",
            Self { queued: 1.., .. } => "queued",
            Self { repeated: 1.., .. } => "repeated",
            _ => "deleted",
        }
    }
}

struct Accepting<'a> {
    gateway: &'a Gateway,
    incoming: &'a Incoming,
    files: &'a mut Vec<Uuid>,
    accepted: Accepted,
}

impl Accepting<'_> {
    async fn recipient(
        &mut self,
        db: &mut dyn Session,
        to: &Recipient,
        verdict: &Verdict,
    ) -> Result<(), Error> {
        if self.is_repeat(db, to, &verdict.step).await? {
            self.accepted.repeated += 1;
            return Ok(());
        }
        let mut copy = None;
        for (folder, filter, version) in &verdict.inform {
            let plan = Plan { changes: verdict.changes.clone(), ..Plan::default() };
            let id = self.incident(db, to, State::Informational, folder, filter, *version, &plan).await?;
            copy.get_or_insert(id);
        }
        match &verdict.step {
            Step::Hold { folder, filter, version, plan } => {
                let id = self.incident(db, to, State::Held, folder, filter, *version, plan).await?;
                copy = Some(id);
                self.accepted.held += 1;
            }
            Step::Deliver => {
                let destination = verdict.route.as_ref();
                let entry = self.entry(copy, to, &verdict.changes);
                queue::put(db, self.gateway, &NewEntry { destination, ..entry }).await?;
                self.accepted.queued += 1;
            }
            Step::Redirect { to: others, filter } => {
                let detail = format!("{} -> {}; filter {filter:?}", to.address, others.join(", "));
                self.tell(db, copy, "REDIRECTED", &detail).await?;
                for other in others {
                    let rcpt = format!("<{other}>").into_bytes();
                    let other = Recipient { address: other.clone(), rcpt };
                    let entry = self.entry(copy, &other, &verdict.changes);
                    queue::put(db, self.gateway, &NewEntry { destination: verdict.route.as_ref(), ..entry })
                        .await?;
                }
                self.accepted.queued += 1;
            }
            Step::Delete { filter } => {
                self.tell(db, copy, "DELETED", &format!("the copy for {}; filter {filter:?}", to.address))
                    .await?;
                self.accepted.deleted += 1;
            }
        }
        for archive in &verdict.archive {
            self.archive(db, copy, archive).await?;
        }
        for (filter, notice) in &verdict.notices {
            self.notice(db, copy, to, filter, notice).await?;
        }
        Ok(())
    }

    /// A copy of the same message for the same recipient that still waits here: the sender did not hear our 250.
    async fn is_repeat(&self, db: &mut dyn Session, to: &Recipient, step: &Step) -> Result<bool, Error> {
        let (table, state) = match step {
            Step::Hold { .. } => ("copy", "AND t.state = 'held'"),
            Step::Deliver | Step::Redirect { .. } => ("queue", "AND t.reason <> 'archive'"),
            Step::Delete { .. } => return Ok(false),
        };
        let sql = format!(
            "SELECT t.id, t.message_id FROM {table} t JOIN message m ON m.id = t.message_id \
             WHERE m.identity = ? AND t.recipient = ? {state} ORDER BY t.id LIMIT 1"
        );
        let rows = db.fetch(&sql, values![self.incoming.identity.as_str(), to.address.as_str()]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let copy = (table == "copy").then(|| row.get::<i64>("id")).transpose()?.map(|id| id as u64);
        let first = row.get::<i64>("message_id")? as u64;
        let detail = format!(
            "for {} again from {}; it waits here already and is not kept twice",
            to.address, self.incoming.peer
        );
        tell(db, first, copy, self.gateway.name(), "RECEIVED_AGAIN", &detail).await?;
        Ok(true)
    }

    #[allow(clippy::too_many_arguments)]
    async fn incident(
        &mut self,
        db: &mut dyn Session,
        to: &Recipient,
        state: State,
        folder: &str,
        filter: &str,
        version: u64,
        plan: &Plan,
    ) -> Result<u64, Error> {
        let sql = "SELECT id, definition FROM folder WHERE name = ?";
        let rows = db.fetch(sql, values![folder]).await?;
        let Some(row) = rows.first() else { return Err(Error::NotFound(format!("folder {folder:?}"))) };
        let folder_id = row.get::<i64>("id")?;
        let definition: crate::Folder = serde_json::from_str(&row.get::<String>("definition")?)
            .map_err(|why| Error::damaged(format!("folder {folder:?}"), why))?;
        let sql = "INSERT INTO copy (message_id, recipient, rcpt, folder_id, filter_name, filter_version, plan, state, entered_at, size) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
        let values = values![
            self.accepted.message,
            to.address.as_str(),
            &to.rcpt[..],
            folder_id,
            filter,
            version,
            json(plan)?,
            state.as_str(),
            now(),
            self.incoming.size,
        ];
        let id = only_id(&db.fetch(sql, values).await?)?;
        let action = if state == State::Held { "HELD" } else { "INFORMATIONAL_INCIDENT" };
        let detail =
            format!("for {} in folder {folder:?} by filter {filter:?} (version {version})", to.address);
        self.tell(db, Some(id), action, &detail).await?;
        let event =
            updates::Event { copy: id, state, who: self.gateway.name(), note: Some(&detail), request: None };
        updates::put(db, self.gateway, &event).await?;
        if let Some(archive) = &definition.archive {
            self.archive(db, Some(id), archive).await?;
        }
        Ok(id)
    }

    fn entry<'e>(&'e self, copy: Option<u64>, to: &'e Recipient, changes: &'e Changes) -> NewEntry<'e> {
        NewEntry {
            message: self.accepted.message,
            copy,
            recipient: &to.address,
            rcpt: &to.rcpt,
            mail: &self.incoming.mail,
            changes,
            destination: None,
            reason: "not held",
        }
    }

    async fn archive(&self, db: &mut dyn Session, copy: Option<u64>, archive: &Archive) -> Result<(), Error> {
        put_archive(db, self.gateway, self.accepted.message, archive).await?;
        self.tell(db, copy, "ARCHIVED", &format!("a copy goes to {}", archive.to)).await
    }

    async fn notice(
        &mut self,
        db: &mut dyn Session,
        copy: Option<u64>,
        to: &Recipient,
        filter: &str,
        notice: &Notice,
    ) -> Result<(), Error> {
        let about = notices::About {
            copy,
            sender: &self.incoming.sender,
            recipient: &to.address,
            subject: &self.incoming.subject,
            policy_ids: &self.incoming.policy_ids,
            reason: filter,
        };
        let sent = notices::put(db, self.gateway, notice, &about, self.files).await?;
        self.tell(db, copy, "NOTICE_QUEUED", &sent).await
    }

    async fn tell(
        &self,
        db: &mut dyn Session,
        copy: Option<u64>,
        action: &str,
        detail: &str,
    ) -> Result<(), Error> {
        tell(db, self.accepted.message, copy, self.gateway.name(), action, detail).await
    }
}

/// A journal copy, from nobody: what becomes of it is no matter of the sender's.
pub(crate) async fn put_archive(
    db: &mut dyn Session,
    gateway: &Gateway,
    message: u64,
    archive: &Archive,
) -> Result<(), Error> {
    let tag = archive.tag.iter().map(|tag| Line { name: "X-archive-tag".to_owned(), value: tag.clone() });
    let changes = Changes { add: tag.collect(), ..Changes::default() };
    let rcpt = format!("<{}>", archive.to).into_bytes();
    let entry = NewEntry {
        message,
        copy: None,
        recipient: &archive.to,
        rcpt: &rcpt,
        mail: b"<>",
        changes: &changes,
        destination: None,
        reason: "archive",
    };
    queue::put(db, gateway, &entry).await
}

/// The row of a message. Its number.
pub(crate) async fn insert(
    db: &mut dyn Session,
    incoming: &Incoming,
    outcome: &str,
    blob: Option<&Blob>,
) -> Result<u64, Error> {
    let recipients: Vec<&str> = incoming.recipients.iter().map(|to| to.address.as_str()).collect();
    let name = blob.map(|blob| blob.name.simple().to_string());
    let sql = "INSERT INTO message (identity, unique_id, policy_ids, message_id, sender, mail, recipients, subject, peer, size, \
         received_at, eight_bit, outcome, blob, head) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
    let head = store::database::Value::Blob(blob.map(|blob| blob.head.to_vec()));
    let mut values = values![
        incoming.identity.as_str(),
        incoming.unique_id.as_deref(),
        json(&incoming.policy_ids)?,
        incoming.message_id.as_deref(),
        incoming.sender.as_str(),
        &incoming.mail[..],
        json(&recipients)?,
        incoming.subject.as_str(),
        incoming.peer.as_str(),
        incoming.size,
        incoming.received_at,
        incoming.eight_bit,
        outcome,
        name.as_deref(),
    ];
    values.push(head);
    only_id(&db.fetch(sql, values).await?)
}
