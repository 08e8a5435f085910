//! What Enforce is to hear about copies: written in the transaction in which it happens, sent in batches, in order for each copy,
//! again until taken.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use incident::wire::{CopyState, MessageUpdate, UpdateAnswer, UpdateBatch, paths};
use jiff::Timestamp;
use store::database::Session;
use store::values;
use tokio_util::sync::CancellationToken;

use crate::definitions::json;
use crate::history::now;
use crate::options::EnforceOptions;
use crate::to_enforce::{ToEnforce, words};
use crate::{Error, Gateway, State};

/// Waits after failures: from two seconds, doubled, to this: people see that Enforce is back within a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Enforce has so long for a batch.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that happened to a copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) copy: u64,
    pub(crate) state: State,
    pub(crate) who: &'a str,
    pub(crate) note: Option<&'a str>,
    pub(crate) request: Option<&'a str>,
}

/// How the updates stand, for both consoles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateState {
    /// Updates are configured.
    pub configured: bool,
    /// When Enforce last took a batch.
    pub last_sent: Option<Timestamp>,
    /// How many wait.
    pub waiting: u64,
    /// What the last failed attempt heard, until one succeeds.
    pub last_error: Option<String>,
}

/// The last attempt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Last {
    sent: Option<Timestamp>,
    error: Option<String>,
}

/// Writes down what Enforce is to hear of an event; nothing where it has nothing to hear.
pub(crate) async fn put(db: &mut dyn Session, gateway: &Gateway, event: &Event<'_>) -> Result<(), Error> {
    let Some(state) = event.state.on_the_wire() else { return Ok(()) };
    write(db, gateway, event, state).await
}

/// Writes down what became of the delivery of a copy that was decided about.
pub(crate) async fn outcome(
    db: &mut dyn Session,
    gateway: &Gateway,
    copy: u64,
    delivered: bool,
    words: &str,
) -> Result<(), Error> {
    let rows = db.fetch("SELECT state FROM copy WHERE id = ?", values![copy]).await?;
    let state = rows.first().map(|row| row.get::<String>("state")).transpose()?;
    let Some(state @ (State::Approved | State::Custom)) = state.as_deref().and_then(State::parse) else {
        return Ok(());
    };
    let event = Event { copy, state, who: gateway.name(), note: Some(words), request: None };
    let wire = if delivered { CopyState::Delivered } else { CopyState::DeliveryFailed };
    write(db, gateway, &event, wire).await
}

async fn write(
    db: &mut dyn Session,
    gateway: &Gateway,
    event: &Event<'_>,
    state: CopyState,
) -> Result<(), Error> {
    if gateway.options().enforce.is_none() {
        return Ok(());
    }
    let sql = "SELECT m.unique_id, m.policy_ids, c.recipient FROM copy c JOIN message m ON m.id = c.message_id WHERE c.id = ?";
    let rows = db.fetch(sql, values![event.copy]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    // Without the id that a detection server gave there is nothing at Enforce to update.
    let Some(unique_message_id) = row.get::<Option<String>>("unique_id")? else { return Ok(()) };
    let update = MessageUpdate {
        seq: 0,
        unique_message_id,
        policy_ids: serde_json::from_str(&row.get::<String>("policy_ids")?)
            .map_err(|why| Error::damaged(format!("incident {}", event.copy), why))?,
        recipient: row.get("recipient")?,
        state,
        at: Timestamp::now(),
        who: event.who.to_owned(),
        note: event.note.map(str::to_owned),
        gateway_incident: event.copy,
        request_id: event.request.map(str::to_owned),
    };
    let sql = "INSERT INTO status_update (copy_id, payload, due_at) VALUES (?, ?, ?)";
    db.run(sql, values![event.copy, json(&update)?, now()]).await?;
    Ok(())
}

impl Gateway {
    /// How the updates to Enforce stand.
    pub async fn update_state(&self) -> Result<UpdateState, Error> {
        let waiting = self.waiting_updates().await?;
        let last = self.inner.last_update.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let configured = self.options().enforce.is_some();
        Ok(UpdateState { configured, last_sent: last.sent, waiting, last_error: last.error })
    }

    /// The oldest updates that are due: of each copy only its first, so that a later one never overtakes. What waits because Enforce
    /// did not take it holds up nothing of other copies, however much of it there is.
    async fn due_updates(&self, most: usize) -> Result<(Vec<MessageUpdate>, u64), Error> {
        let sql = "SELECT seq, payload FROM status_update u WHERE due_at <= ? \
            AND NOT EXISTS (SELECT 1 FROM status_update earlier WHERE earlier.copy_id = u.copy_id AND earlier.seq < u.seq) \
            ORDER BY seq LIMIT ?";
        let rows = self.database().fetch(sql, values![now(), most as u64]).await?;
        let mut updates = Vec::with_capacity(rows.len());
        for row in &rows {
            let seq = row.get::<i64>("seq")? as u64;
            let update: MessageUpdate = serde_json::from_str(&row.get::<String>("payload")?)
                .map_err(|why| Error::damaged(format!("status update {seq}"), why))?;
            updates.push(MessageUpdate { seq, ..update });
        }
        let waiting = self.waiting_updates().await?.saturating_sub(updates.len() as u64);
        Ok((updates, waiting))
    }

    async fn waiting_updates(&self) -> Result<u64, Error> {
        let rows = self.database().fetch("SELECT count(*) AS n FROM status_update", Vec::new()).await?;
        Ok(rows.first().map(|row| row.get::<i64>("n")).transpose()?.unwrap_or(0) as u64)
    }

    /// Takes out what Enforce took; what it did not take waits, longer each time.
    async fn note_answer(&self, sent: &[MessageUpdate], answer: &UpdateAnswer) -> Result<(), Error> {
        let mut transaction = self.database().begin().await?;
        for result in &answer.results {
            // Only what was sent: an answer is not to be trusted to take out anything else.
            if !sent.iter().any(|update| update.seq == result.seq) {
                continue;
            }
            if result.taken {
                transaction.run("DELETE FROM status_update WHERE seq = ?", values![result.seq]).await?;
            } else {
                let why = result.why.as_deref().unwrap_or("not taken");
                tracing::warn!(
                    seq = result.seq,
                    why,
                    "Enforce did not take a status update; it is sent again"
                );
                let sql = "UPDATE status_update SET attempts = attempts + 1, last_error = ?, \
                    due_at = ? + CASE WHEN attempts > 8 THEN 300000 ELSE 1000 * (attempts + 1) * (attempts + 1) END WHERE seq = ?";
                transaction.run(sql, values![why, now(), result.seq]).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}

/// Sends updates.
#[derive(Debug)]
pub(crate) struct Sender {
    gateway: Gateway,
    to: ToEnforce,
    options: EnforceOptions,
}

impl Sender {
    /// Reads the password.
    pub(crate) fn new(gateway: Gateway, to: ToEnforce, options: EnforceOptions) -> Result<Self, Error> {
        let sender = Self { gateway, to, options };
        sender.password().map_err(|why| Error::Setup(format!("enforce: {why}")))?;
        Ok(sender)
    }

    /// Read for each batch, so that a new password counts at once.
    fn password(&self) -> Result<zeroize::Zeroizing<String>, String> {
        let file = &self.options.password_file;
        let text = std::fs::read_to_string(file).map(zeroize::Zeroizing::new);
        let text = text.map_err(|why| format!("cannot read {}: {why}", file.display()))?;
        Ok(zeroize::Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Gathers for the interval, or until a batch is full; then sends.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let interval = Duration::from_secs(self.options.interval);
        let mut wait = interval;
        let mut failures = 0_u32;
        loop {
            self.gather(wait, &stop).await;
            if stop.is_cancelled() {
                return;
            }
            wait = match self.send_all().await {
                Ok(()) => {
                    failures = 0;
                    interval
                }
                Err(why) => {
                    tracing::warn!(why, "status updates were not sent; they are sent again");
                    self.last().error = Some(why);
                    failures += 1;
                    Duration::from_secs(1 << failures.min(8)).min(LONGEST_WAIT)
                }
            };
        }
    }

    async fn gather(&self, wait: Duration, stop: &CancellationToken) {
        let until = tokio::time::Instant::now() + wait;
        let full = async {
            loop {
                self.gateway.inner.update_bell.notified().await;
                let waiting = self.gateway.update_state().await.map_or(0, |state| state.waiting);
                if waiting >= self.options.batch as u64 {
                    return;
                }
            }
        };
        // After a failure a full batch is no reason to hurry.
        let early = wait <= Duration::from_secs(self.options.interval);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(until) => {}
            () = full, if early => {}
        }
    }

    /// Sends until nothing is due.
    async fn send_all(&self) -> Result<(), String> {
        loop {
            let (updates, waiting) =
                self.gateway.due_updates(self.options.batch).await.map_err(|why| why.to_string())?;
            if updates.is_empty() {
                return Ok(());
            }
            let batch = UpdateBatch { gateway: self.gateway.name().to_owned(), waiting, updates };
            let answer = self.post(&batch).await?;
            self.gateway.note_answer(&batch.updates, &answer).await.map_err(|why| why.to_string())?;
            *self.last() = Last { sent: Some(Timestamp::now()), error: refusals(&answer) };
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.gateway.inner.last_update.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn post(&self, batch: &UpdateBatch) -> Result<UpdateAnswer, String> {
        let url = self.to.url(paths::MESSAGE_UPDATES);
        let password = self.password()?;
        let request = self
            .to
            .post(paths::MESSAGE_UPDATES)?
            .timeout(PATIENCE)
            .basic_auth(&self.options.user, Some(password.as_str()));
        let response = request.json(batch).send().await.map_err(|why| words(&why))?;
        match response.status().as_u16() {
            200 => {
                response.json().await.map_err(|why| format!("{url}: an answer that cannot be read: {why}"))
            }
            401 => Err(format!(
                "{url}: Enforce does not know the user {:?}, or the password is wrong",
                self.options.user
            )),
            403 => Err(format!(
                "{url}: the user {:?} lacks the privilege \"Incident Update\"",
                self.options.user
            )),
            code => Err(format!("{url}: Enforce answered {code}")),
        }
    }
}

fn refusals(answer: &UpdateAnswer) -> Option<String> {
    let first = answer.results.iter().find(|result| !result.taken)?;
    Some(format!("update {} was not taken: {}", first.seq, first.why.as_deref().unwrap_or("no reason given")))
}
