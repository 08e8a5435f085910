//! Takes effects out of the outbox and does them: one lane for each kind of place, so that none waits for another's trouble.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use incident::{Claimed, Error, Journal, Later, Line, Outbox};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::limit::Limiter;
use super::metrics::Attempt;
use super::notice::{NotSent, Notice};
use super::syslog::{self, Event};
use super::{EffectMetrics, EffectSettings, NoticeOrder, NoticeSettings, one_line, wire};

/// The store, or a lane that broke, is tried again after this.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of a lane whose host is down.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// One turn sends notices for so long; those left over wait for the next, well within a claim.
const TURN: Duration = Duration::from_secs(120);

/// What an order comes to; the inner error, in words, where it makes no sense.
pub type Order<'a> = Pin<Box<dyn Future<Output = Result<Result<String, String>, Error>> + Send + 'a>>;

/// The server whose outbox it is.
pub trait Host: Send + Sync + 'static {
    /// Where the outbox is.
    fn journal(&self) -> Arc<Journal>;
    /// The server's name in histories and log lines.
    fn name(&self) -> String;
    /// How effects are done now.
    fn settings(&self) -> EffectSettings;
    /// What is counted.
    fn metrics(&self) -> &EffectMetrics;
    /// The left part of a notice's Message-ID: the same at each attempt, and of no other notice.
    fn notice_id(&self, tag: &str, recipient: &str) -> String;
    /// The order with all that is not known before it is carried out. As the outbox has it, unless said otherwise.
    fn order<'a>(&'a self, effect: &'a Claimed) -> Order<'a> {
        let payload = effect.payload.clone();
        Box::pin(async move { Ok(Ok(payload)) })
    }
}

/// Does the effects of these places until `stop`; what was begun is finished.
pub async fn run(host: Arc<dyn Host>, places: &[Place], stop: CancellationToken) {
    let outbox = outbox(&*host);
    if let Err(error) = outbox.begin_again().await {
        tracing::error!(%error, "the outbox cannot be read");
    }
    let lanes: Vec<_> =
        places.iter().map(|place| tokio::spawn(guarded(host.clone(), *place, stop.clone()))).collect();
    while !stop.is_cancelled() {
        if let Ok(waiting) = outbox.pending().await {
            host.metrics().pending(waiting);
        }
        rest(PAUSE, &stop).await;
    }
    for lane in lanes {
        let _ = lane.await;
    }
}

fn outbox(host: &dyn Host) -> Outbox {
    Outbox::new(host.journal(), &host.name(), host.settings().outbox)
}

/// A lane that breaks by a fault of ours is begun again.
async fn guarded(host: Arc<dyn Host>, place: Place, stop: CancellationToken) {
    loop {
        let lane = Lane {
            host: host.clone(),
            outbox: outbox(&*host),
            place,
            limiter: Limiter::default(),
            failures: 0,
        };
        match tokio::spawn(lane.run(stop.clone())).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, ?place, "doing side effects broke by a fault of ours; please report it")
            }
        }
        rest(PAUSE, &stop).await;
    }
}

async fn rest(time: Duration, stop: &CancellationToken) {
    let _ = tokio::time::timeout(time, stop.cancelled()).await;
}

/// Where effects happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The incident itself: status, attributes, what is kept.
    Incident,
    /// Notices.
    Mail,
    /// Log messages.
    Syslog,
}

impl Place {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Incident => &["set_status", "set_attribute", "limit_retention"],
            Self::Mail => &["notify"],
            Self::Syslog => &["syslog"],
        }
    }
}

/// What a turn says of the place.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Fine,
    /// Nothing goes there now.
    Down,
}

struct Lane {
    host: Arc<dyn Host>,
    outbox: Outbox,
    place: Place,
    limiter: Limiter,
    /// Turns in a row that found the place down.
    failures: u32,
}

impl Lane {
    async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let settings = self.host.settings();
            let turn = match self.outbox.claim(self.place.kinds()).await {
                Ok(Some(effect)) => self.turn(&effect, &settings).await,
                Ok(None) => {
                    rest(settings.look_every, &stop).await;
                    continue;
                }
                Err(error) => Err(error),
            };
            match turn {
                Ok(Turn::Fine) => self.failures = 0,
                Ok(Turn::Down) => {
                    let pause = settings.look_every.saturating_mul(1 << self.failures.min(16));
                    self.failures = self.failures.saturating_add(1);
                    rest(pause.min(LONGEST_PAUSE), &stop).await;
                }
                Err(error) => {
                    tracing::error!(%error, "side effects wait: the store fails");
                    rest(PAUSE, &stop).await;
                }
            }
        }
    }

    async fn turn(&mut self, effect: &Claimed, settings: &EffectSettings) -> Result<Turn, Error> {
        match self.place {
            Place::Incident => self.act(effect, settings).await,
            Place::Mail => self.notify(effect, settings).await,
            Place::Syslog => self.log(effect, settings).await,
        }
    }

    async fn act(&self, effect: &Claimed, settings: &EffectSettings) -> Result<Turn, Error> {
        let kind = self.kind(effect);
        match self.outbox.act(effect, &settings.snapshot(effect.incident)).await? {
            Ok(line) => {
                self.host.metrics().count(kind, Attempt::Done);
                tracing::info!(
                    incident = effect.incident,
                    rule = effect.rule,
                    action = line.action,
                    "side effect done"
                );
            }
            Err(why) => {
                self.host.metrics().count(kind, Attempt::Failed);
                tracing::error!(
                    incident = effect.incident,
                    rule = effect.rule,
                    why,
                    "side effect failed for good"
                );
            }
        }
        Ok(Turn::Fine)
    }

    // ---- what became of it

    /// A word of ours for the metrics, whatever stands in the outbox.
    fn kind(&self, effect: &Claimed) -> &'static str {
        self.place.kinds().iter().find(|kind| **kind == effect.kind).copied().unwrap_or("other")
    }

    async fn done(&self, effect: &Claimed, lines: &[Line]) -> Result<Turn, Error> {
        self.outbox.done(effect, lines).await?;
        self.host.metrics().count(self.kind(effect), Attempt::Done);
        tracing::info!(
            incident = effect.incident,
            rule = effect.rule,
            kind = effect.kind,
            "side effect done"
        );
        Ok(Turn::Fine)
    }

    async fn failed(&self, effect: &Claimed, lines: &[Line]) -> Result<Turn, Error> {
        self.outbox.failed(effect, lines).await?;
        self.given_up(effect, lines.last().map_or("", |line| line.detail.as_str()));
        Ok(Turn::Fine)
    }

    fn given_up(&self, effect: &Claimed, why: &str) {
        self.host.metrics().count(self.kind(effect), Attempt::Failed);
        tracing::error!(
            incident = effect.incident,
            rule = effect.rule,
            kind = effect.kind,
            why,
            "side effect failed for good"
        );
    }

    /// The order as it is to be done now; why it makes no sense.
    async fn order<T: serde::de::DeserializeOwned>(
        &self,
        effect: &Claimed,
    ) -> Result<Result<T, String>, Error> {
        let text = self.host.order(effect).await?;
        let read = |text: String| {
            serde_json::from_str(&text).map_err(|why| format!("its order cannot be read: {why}"))
        };
        Ok(text.and_then(read))
    }

    async fn fails_because(&self, effect: &Claimed, why: &str) -> Result<Turn, Error> {
        self.failed(effect, &[Line::new("RESPONSE_RULE_FAILED", format!("{}: {why}", effect.rule))]).await
    }

    async fn later(
        &self,
        effect: &Claimed,
        why: &str,
        rest: Option<&str>,
        lines: Vec<Line>,
    ) -> Result<(), Error> {
        let later = self.outbox.later(effect, why, rest, lines).await?;
        if later == Later::Never {
            self.given_up(effect, why);
            return Ok(());
        }
        self.host.metrics().count(self.kind(effect), Attempt::Delayed);
        tracing::warn!(
            incident = effect.incident,
            rule = effect.rule,
            kind = effect.kind,
            why,
            "side effect is tried again later"
        );
        Ok(())
    }
}

// ---- notices

/// How far a turn came.
#[derive(Default)]
struct Sending {
    lines: Vec<Line>,
    /// Some went out, or were not to.
    went: bool,
    rest: Vec<String>,
    why: String,
}

impl Lane {
    async fn notify(&mut self, effect: &Claimed, settings: &EffectSettings) -> Result<Turn, Error> {
        let Some(notices) = &settings.notices else {
            return self
                .fails_because(
                    effect,
                    "no submission host is configured (submission in [prevent.notices] or [enforce.notices])",
                )
                .await;
        };
        let mut order: NoticeOrder = match self.order(effect).await? {
            Ok(order) => order,
            Err(why) => return self.fails_because(effect, &why).await,
        };
        if !order.to.is_empty()
            && let Err(why) = notices.mailer.ready().await
        {
            self.later(effect, &why, None, Vec::new()).await?;
            return Ok(Turn::Down);
        }
        let mut sending = self.send_all(effect, &order, settings, notices).await?;
        let withheld = std::mem::take(&mut order.withheld);
        sending.went |= !withheld.is_empty();
        let withheld = withheld.iter().map(|(to, why)| format!("to {}: {why}", one_line(to)));
        sending.lines.extend(withheld.map(|detail| Line::new("NOTICE_WITHHELD", detail)));
        if !sending.rest.is_empty() {
            order.to = sending.rest;
            let rest = serde_json::to_string(&order).unwrap_or_else(|_| effect.payload.clone());
            self.later(effect, &sending.why, Some(&rest), sending.lines).await?;
            return Ok(Turn::Fine);
        }
        if sending.went {
            self.done(effect, &sending.lines).await
        } else {
            self.failed(effect, &sending.lines).await
        }
    }

    async fn send_all(
        &mut self,
        effect: &Claimed,
        order: &NoticeOrder,
        settings: &EffectSettings,
        notices: &NoticeSettings,
    ) -> Result<Sending, Error> {
        let began = Instant::now();
        let snapshot = settings.snapshot(effect.incident);
        let (subject, text) = (effect.fill(&order.subject, &snapshot), effect.fill(&order.text, &snapshot));
        let tag = self.tag(effect).await?;
        let limits = [notices.per_recipient_per_hour, notices.per_hour];
        let mut sending = Sending::default();
        for to in &order.to {
            if began.elapsed() > TURN {
                sending.why = "there are more to tell than one turn can".to_owned();
                sending.rest.push(to.clone());
                continue;
            }
            let id = self.host.notice_id(&tag, to);
            let dropped = match self.limiter.admit(to, limits, Instant::now()) {
                Ok(dropped) => dropped,
                Err(over) => {
                    self.host.metrics().dropped();
                    tracing::warn!(incident = effect.incident, rule = effect.rule, %over, "a notice was dropped");
                    sending.went = true;
                    sending
                        .lines
                        .push(Line::new("NOTICE_DROPPED", format!("to {to}: {over}; it is not sent")));
                    continue;
                }
            };
            let text = with_dropped(&text, dropped);
            let notice = Notice { to, subject: &subject, text: &text, id: &id, automatic: "auto-replied" };
            match notices.mailer.send(&notice).await {
                Ok(answer) => {
                    self.limiter.sent(to, Instant::now());
                    sending.went = true;
                    let detail = format!(
                        "{} to {to}: the submission host answered {answer}; Message-ID {id}",
                        effect.rule
                    );
                    sending.lines.push(Line::new("NOTICE_SENT", detail));
                }
                // Once more is better than not at all: its Message-ID tells the repeat.
                Err(NotSent::Now(why) | NotSent::Unknown(why)) => {
                    sending.why = format!("to {to}: {why}");
                    sending.rest.push(to.clone());
                }
                Err(NotSent::Ever(why)) => {
                    sending.lines.push(Line::new(
                        "NOTICE_FAILED",
                        format!("{} to {}: {why}", effect.rule, one_line(to)),
                    ));
                }
            }
        }
        Ok(sending)
    }

    /// The same at each attempt, on every server, and of no other effect.
    async fn tag(&self, effect: &Claimed) -> Result<String, Error> {
        let incident = self.outbox.journal().show(effect.incident).await?;
        let unique = incident.map(|incident| incident.summary.unique_message_id).unwrap_or_default();
        let hash = blake3::hash(format!("{unique} {} {}", effect.name(), effect.rule).as_bytes());
        Ok(format!("weir.{}", &hash.to_hex()[..24]))
    }
}

fn with_dropped(text: &str, dropped: u64) -> String {
    match dropped {
        0 => text.to_owned(),
        some => format!("{text}\n\n(Notices to you were limited: {some} earlier ones were not sent.)\n"),
    }
}

// ---- syslog

/// The order of a log message, as the outbox keeps it.
#[derive(Debug, Deserialize)]
struct LogOrder {
    host: Option<String>,
    port: Option<u16>,
    level: String,
    format: String,
    message: String,
}

impl Lane {
    async fn log(&self, effect: &Claimed, settings: &EffectSettings) -> Result<Turn, Error> {
        let order: LogOrder = match self.order(effect).await? {
            Ok(order) => order,
            Err(why) => return self.fails_because(effect, &why).await,
        };
        let syslog = &settings.syslog;
        // The port of our own server is not that of another.
        let (host, port) = match (&order.host, &syslog.host) {
            (Some(host), _) => (host, order.port),
            (None, Some(host)) => (host, order.port.or(syslog.port)),
            (None, None) => {
                let why = "the rule names no syslog server, and none is configured (host in [prevent.syslog] or [enforce.syslog])";
                return self.fails_because(effect, why).await;
            }
        };
        let port = port.unwrap_or_else(|| syslog.protocol.port());
        let Some(incident) = self.outbox.journal().show(effect.incident).await? else {
            return self.fails_because(effect, "its incident is gone").await;
        };
        let message = effect.fill(&order.message, &settings.snapshot(effect.incident));
        let event = Event {
            incident: &incident.summary,
            direction: &incident.direction,
            rule: &effect.rule,
            level: &order.level,
            format: &order.format,
            message: &message,
        };
        let line = syslog::line(&event, &self.host.name(), jiff::Timestamp::now(), &syslog.protocol);
        let at = format!("{host}:{port}");
        match wire::deliver(std::slice::from_ref(&line), host, port, &syslog.protocol).await {
            Ok(()) => {
                let detail = format!("{} to {at}: {} octets as {}", effect.rule, line.len(), order.format);
                self.done(effect, &[Line::new("SYSLOG_SENT", detail)]).await
            }
            Err(why) => {
                self.later(effect, &format!("syslog server {at}: {why}"), None, Vec::new()).await?;
                // Another rule's server may well be up.
                Ok(Turn::Fine)
            }
        }
    }
}
