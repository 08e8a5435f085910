//! Tells receivers what happened: each in order and in a task of its own, so that none waits for another, and nobody for any.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use incident::desk::SecretKind;
use incident::events::{Batch, Event, Events, MOST_WAITING, Turn};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::webhook::{self, NotTaken};
use super::{Definition, Format, payload};
use crate::Enforce;

/// How often new lines are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what was told is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// Events that are read at once.
const AT_ONCE: u32 = 100;
/// A turn is this long, well within its claim.
const TURN: Duration = Duration::from_secs(30);
/// The first wait after a failure; doubled with each further one.
const FIRST_WAIT: i64 = 1;
/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 300;
/// An event that was refused so often is not sent any more.
const REFUSALS: u64 = 10;
/// Octets of a webhook's body.
const BODY: usize = 64 << 10;
/// The store failed: a pause.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs until `stop`; what was begun is finished.
pub(crate) async fn tell(enforce: Arc<Enforce>, stop: CancellationToken) {
    let events = enforce.events();
    if let Err(error) = events.begin_again().await {
        tracing::error!(%error, "the receivers cannot be read");
    }
    let (mut busy, mut turns) = (Vec::new(), JoinSet::new());
    let mut tidied = Instant::now();
    while !stop.is_cancelled() {
        let begun = begin(&enforce, &events, &mut busy, &mut turns, &stop).await;
        if let Err(error) = &begun {
            tracing::error!(%error, "receivers wait: the store fails");
        }
        if tidied.elapsed() >= TIDY_EVERY {
            tidied = Instant::now();
            tidy(&events).await;
        }
        let pause = if begun.is_err() { PAUSE } else { LOOK_EVERY };
        tokio::select! {
            Some(ended) = turns.join_next_with_id() => {
                let task = ended.map_or_else(|error| error.id(), |(id, ())| id);
                busy.retain(|(_, id)| *id != task);
            }
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    while turns.join_next().await.is_some() {}
}

/// Begins the turns of all receivers that something waits for.
async fn begin(
    enforce: &Arc<Enforce>,
    events: &Events,
    busy: &mut Vec<(u64, tokio::task::Id)>,
    turns: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<(), incident::Error> {
    events.place().await?;
    loop {
        let under_way: Vec<u64> = busy.iter().map(|(receiver, _)| *receiver).collect();
        let Some(turn) = events.claim(&under_way).await? else { return Ok(()) };
        let receiver = turn.receiver;
        let task = turns.spawn(guarded(enforce.clone(), events.clone(), turn, stop.clone()));
        busy.push((receiver, task.id()));
    }
}

async fn tidy(events: &Events) {
    match events.tidy(MOST_WAITING).await {
        Ok(lost) => {
            for (receiver, events) in lost {
                tracing::error!(
                    receiver,
                    events,
                    "more waited for a receiver than may wait; the oldest events are not sent to it"
                );
            }
        }
        Err(error) => tracing::error!(%error, "what receivers were told cannot be forgotten"),
    }
}

/// A store that fails ends the turn: its claim runs out, and what was under way is told again.
async fn guarded(enforce: Arc<Enforce>, events: Events, turn: Turn, stop: CancellationToken) {
    let name = turn.name.clone();
    if let Err(error) = take(&enforce, &events, turn, &stop).await {
        tracing::error!(%error, receiver = name, "a receiver waits: the store fails");
    }
}

async fn take(
    enforce: &Enforce,
    events: &Events,
    mut turn: Turn,
    stop: &CancellationToken,
) -> Result<(), incident::Error> {
    let began = Instant::now();
    let way = match Way::of(enforce, &turn).await? {
        Ok(way) => way,
        Err(why) => return failed(events, &turn, &why).await,
    };
    while began.elapsed() < TURN && !stop.is_cancelled() {
        let batch = events.batch(&turn, AT_ONCE).await?;
        if batch.is_empty() {
            break;
        }
        let went = match &way {
            Way::Syslog { .. } => way.log(enforce, &batch).await,
            Way::Webhook { .. } => match way.post_all(enforce, events, &mut turn, &batch, began, stop).await?
            {
                Sent::All => Ok(()),
                Sent::Failed(why) => Err(why),
                Sent::Part => break,
            },
        };
        match went {
            Ok(()) if events.told_all(&mut turn, &batch).await? => {}
            // Somebody else took the turn.
            Ok(()) => return Ok(()),
            Err(why) => return failed(events, &turn, &why).await,
        }
    }
    events.done(&turn).await
}

/// How far the events of a batch went.
enum Sent {
    All,
    /// The turn is over, or another server's.
    Part,
    Failed(String),
}

/// A receiver, ready to be told.
enum Way {
    Syslog { definition: Definition, host: String, port: u16, protocol: effects::Protocol, format: Format },
    Webhook { definition: Definition, client: reqwest::Client, url: reqwest::Url, key: Vec<u8> },
}

impl Way {
    /// The inner error, in words, is for the page of receivers.
    async fn of(enforce: &Enforce, turn: &Turn) -> Result<Result<Self, String>, incident::Error> {
        let definition: Definition = match serde_json::from_str(&turn.definition) {
            Ok(definition) => definition,
            Err(why) => return Ok(Err(format!("its definition cannot be read: {why}"))),
        };
        let secret = match definition.credential() {
            Some(name) => secret(enforce, name).await?,
            None => None,
        };
        Ok(Self::ready(definition, secret.as_ref().map(|secret| secret.as_str())))
    }

    fn ready(definition: Definition, secret: Option<&str>) -> Result<Self, String> {
        match &definition {
            Definition::Syslog { host, port, format, .. } => {
                let protocol = definition.syslog()?;
                let port = port.unwrap_or_else(|| protocol.port());
                Ok(Self::Syslog { host: host.clone(), port, protocol, format: *format, definition })
            }
            Definition::Webhook { authority, credential, .. } => {
                let secret =
                    secret.ok_or_else(|| format!("there is no password credential {credential:?}"))?;
                let (client, url) = (webhook::client(authority)?, definition.url()?);
                Ok(Self::Webhook { client, url, key: webhook::key(secret)?, definition })
            }
        }
    }

    /// All of a batch over one connection.
    async fn log(&self, enforce: &Enforce, batch: &Batch) -> Result<(), String> {
        let Self::Syslog { definition, host, port, protocol, format } = self else { return Ok(()) };
        let now = Timestamp::now();
        let shown = definition.shown();
        let line = |event: &Event| {
            let (words, kind) = match format {
                Format::Cef => (payload::cef(event, shown), "cef"),
                // Room for the header that comes before it.
                Format::Json => {
                    (payload::json(event, shown, &enforce.console_url, protocol.longest() - 200), "json")
                }
            };
            effects::syslog::framed(&words, payload::level(event), kind, "enforce", now, protocol)
        };
        let lines: Vec<String> = batch.events.iter().map(line).collect();
        if lines.is_empty() {
            return Ok(());
        }
        effects::deliver(&lines, host, *port, protocol).await
    }

    /// One after another; what arrived does not go out again because a later one failed.
    async fn post_all(
        &self,
        enforce: &Enforce,
        events: &Events,
        turn: &mut Turn,
        batch: &Batch,
        began: Instant,
        stop: &CancellationToken,
    ) -> Result<Sent, incident::Error> {
        let Self::Webhook { definition, client, url, key } = self else { return Ok(Sent::All) };
        for event in &batch.events {
            if began.elapsed() >= TURN || stop.is_cancelled() {
                return Ok(Sent::Part);
            }
            let body = payload::json(event, definition.shown(), &enforce.console_url, BODY);
            let ours = match webhook::post(client, url, key, &event.id.to_string(), body).await {
                Ok(()) => events.told(turn, event).await?,
                Err(NotTaken::Refused(why)) if turn.failures + 1 >= REFUSALS => {
                    tracing::error!(receiver = turn.name, event = %event.id, why, "a receiver refuses an event; it is not sent to it");
                    events.skip(turn, event, &why).await?
                }
                Err(NotTaken::Refused(why) | NotTaken::Now(why)) => return Ok(Sent::Failed(why)),
            };
            if !ours {
                return Ok(Sent::Part);
            }
        }
        Ok(Sent::All)
    }
}

async fn failed(events: &Events, turn: &Turn, why: &str) -> Result<(), incident::Error> {
    let why = effects::one_line(why);
    let doubled = FIRST_WAIT.saturating_mul(1 << turn.failures.min(10)).min(LONGEST_WAIT) * 1_000;
    // Less up to a fifth: servers that failed together do not come back together.
    let less = doubled * (RandomState::new().hash_one(&turn.name) % 1_000) as i64 / 5_000;
    let at = Timestamp::now()
        .saturating_add(SignedDuration::from_millis(doubled - less))
        .unwrap_or(Timestamp::MAX);
    if turn.failures == 0 {
        tracing::warn!(receiver = turn.name, why, "a receiver takes nothing; events wait for it");
    }
    events.failed(turn, &why, at).await
}

/// The password of a credential.
pub(crate) async fn secret(
    enforce: &Enforce,
    name: &str,
) -> Result<Option<zeroize::Zeroizing<String>>, incident::Error> {
    #[derive(serde::Deserialize)]
    struct Password {
        password: zeroize::Zeroizing<String>,
    }
    match enforce.desk().open_secret(name).await? {
        Some((SecretKind::Password, value)) => {
            Ok(serde_json::from_slice(&value).ok().map(|kept: Password| kept.password))
        }
        _ => Ok(None),
    }
}
