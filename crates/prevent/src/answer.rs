//! Station 8, reply: what became of the message is told to the sender, to the incident's history, to the log and to the counters.

use std::sync::Arc;
use std::time::Duration;

use incident::{Journal, Outcome};
use smtp::reply::Reply;

use crate::metrics::{Metrics, Result as Counted, Station};
use crate::relay::{Fate, Relayed};
use crate::respond::Verdict;

/// As many recipients as Postfix gives a message, unless told otherwise (`default_destination_recipient_limit`).
const NAMED: usize = 50;

/// The sender's reply: the next hop's, a policy's, or one of ours that leaves the message with the sender.
pub(crate) async fn answer(relayed: Relayed, journal: &Arc<Journal>, metrics: &Metrics) -> Reply {
    tell_counters(&relayed, metrics);
    tell_log(&relayed);
    if let Some(recorded) = relayed.recorded().record() {
        let outcome = outcome(&relayed);
        // The incident is durable already; a line that fails to join its history must not change what the sender hears.
        if let Err(error) = journal.outcome(recorded, outcome).await {
            tracing::error!(%error, "the outcome could not be added to the incident's history");
        }
    }
    match relayed.fate() {
        Fate::Answered(reply)
        | Fate::Returned(reply)
        | Fate::Blocked(reply)
        | Fate::Deferred { reply, .. } => reply.clone(),
    }
}

fn tell_counters(relayed: &Relayed, metrics: &Metrics) {
    let responded = relayed.recorded().responded();
    let times = responded.received().times();
    metrics.time(Station::Receive, times.ended - times.began);
    metrics.time(Station::Inspect, responded.inspection_time());
    metrics.time(Station::Relay, relayed.spent());
    if responded.violates() {
        metrics.time(Station::Record, relayed.recorded().spent());
    }
    metrics.octets.inc_by(responded.received().spooled().len());
    metrics.unscannable.inc_by(responded.findings().inspection.unscannable.len() as u64);
    metrics.message(counted(relayed));
}

fn counted(relayed: &Relayed) -> Counted {
    match (relayed.fate(), relayed.recorded().responded().verdict()) {
        (Fate::Blocked(_), _) => Counted::Blocked,
        (Fate::Deferred { .. }, _) => Counted::Deferred,
        (Fate::Answered(reply), _) if reply.is_permanent() => Counted::Refused,
        (Fate::Answered(reply), _) if !reply.is_positive() => Counted::Deferred,
        (Fate::Answered(_) | Fate::Returned(_), Verdict::Redirect { .. }) => Counted::Redirected,
        (Fate::Answered(_) | Fate::Returned(_), _) if marks(relayed) => Counted::Modified,
        (Fate::Answered(_) | Fate::Returned(_), _) => Counted::Passed,
    }
}

/// The pass header and the cutting of forged lines happen to every mail: they are no modification by a rule.
fn marks(relayed: &Relayed) -> bool {
    relayed.recorded().responded().findings().response.disposition == policy::Disposition::Modify
}

fn outcome(relayed: &Relayed) -> Outcome {
    let redirected = matches!(relayed.recorded().responded().verdict(), Verdict::Redirect { .. });
    let code = |reply: &Reply| reply.code;
    let text = |reply: &Reply| {
        let mut text = reply.to_string();
        for note in relayed.notes() {
            text.push_str("; ");
            text.push_str(note);
        }
        text
    };
    match relayed.fate() {
        Fate::Blocked(reply) => Outcome::Blocked { code: code(reply), text: text(reply) },
        Fate::Returned(reply) => Outcome::Returned { code: code(reply), text: text(reply) },
        Fate::Deferred { reply, why } => Outcome::Deferred { code: code(reply), text: why.clone() },
        Fate::Answered(reply) if reply.is_permanent() => {
            Outcome::Refused { code: code(reply), text: text(reply) }
        }
        Fate::Answered(reply) if !reply.is_positive() => {
            Outcome::Deferred { code: code(reply), text: text(reply) }
        }
        Fate::Answered(reply) if redirected => Outcome::Redirected { code: code(reply), text: text(reply) },
        Fate::Answered(reply) => Outcome::Relayed { code: code(reply), text: text(reply) },
    }
}

/// One line for each message, with the three times that tell who is slow.
fn tell_log(relayed: &Relayed) {
    let recorded = relayed.recorded();
    let responded = recorded.responded();
    let (received, question) = (responded.received(), responded.question());
    let facts = &responded.findings().facts;
    let (reply, reason) = match relayed.fate() {
        Fate::Answered(reply) | Fate::Returned(reply) | Fate::Blocked(reply) => (reply, ""),
        Fate::Deferred { reply, why } => (reply, why.as_str()),
    };
    let incidents: Vec<u64> = recorded.incidents().iter().map(|incident| incident.id).collect();
    let policies: Vec<u32> = recorded.incidents().iter().map(|incident| incident.policy_id).collect();
    tracing::info!(
        dlp_id = %facts.unique_id,
        message_id = facts.message_id.as_deref().unwrap_or(""),
        peer = %question.peer,
        sender = question.sender.as_str(),
        recipients = question.recipients.len(),
        to = named(&question.recipients),
        size = received.spooled().len(),
        verdict = ?counted(relayed),
        break_glass = responded.break_glass().then_some(true),
        policies = ?policies,
        incidents = ?incidents,
        reply = %reply,
        reason,
        receive_ms = milliseconds(received.times().ended - received.times().began),
        inspect_ms = milliseconds(responded.inspection_time()),
        relay_ms = milliseconds(relayed.spent()),
        "message",
    );
}

/// The recipients that the log names: it is searched for them, and a line is not to have thousands.
pub(crate) fn named(recipients: &[String]) -> String {
    recipients[..recipients.len().min(NAMED)].join(", ")
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
