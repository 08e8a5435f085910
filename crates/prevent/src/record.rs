//! Station 6, record: incidents are durable before the message goes on. No store, no mail: a failure defers it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use incident::{Journal, NewMessage, NewViolation, RecordedIncident};
use policy::{Disposition, Mode, Violation, ViolationResponse};
use smtp::reply::{Reply, own};

use crate::metrics::{Metrics, PolicyLabel};
use crate::plan::{self, Cause};
use crate::respond::{Responded, Verdict};
use crate::settings::Settings;

/// A message whose incidents, if any, are on disk. Only recording makes one, and only such a message can be relayed.
#[derive(Debug)]
pub(crate) struct Recorded {
    responded: Responded,
    incidents: Option<incident::Recorded>,
    spent: Duration,
}

impl Recorded {
    pub(crate) fn responded(&self) -> &Responded {
        &self.responded
    }

    pub(crate) fn incidents(&self) -> &[RecordedIncident] {
        self.incidents.as_ref().map_or(&[], |recorded| &recorded.incidents)
    }

    pub(crate) fn record(&self) -> Option<&incident::Recorded> {
        self.incidents.as_ref()
    }

    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }
}

/// Writes one incident for each violated policy, durably. A clean message costs nothing here.
pub(crate) async fn record(
    responded: Responded,
    journal: &Journal,
    settings: &Settings,
    metrics: &Arc<Metrics>,
) -> Result<Recorded, Reply> {
    let began = Instant::now();
    if !responded.violates() {
        return Ok(Recorded { responded, incidents: None, spent: Duration::ZERO });
    }
    let refuse = |why: &dyn std::fmt::Display| {
        metrics.store_failures.inc();
        tracing::error!(%why, dlp_id = %responded.findings().facts.unique_id, "incident could not be recorded; the message is deferred");
        own::processing_error()
    };
    if journal.state().full {
        return Err(refuse(&"the journal has reached its bound; free space or raise limits.journal_size"));
    }
    let octets = octets(&responded).await.map_err(|error| refuse(&error))?;
    let new = new_message(&responded, octets, settings);
    let recorded = journal.record(new).await.map_err(|error| refuse(&error))?;
    for violation in &responded.findings().inspection.violations {
        metrics.violations.get_or_create(&PolicyLabel { policy: violation.policy.id }).inc();
    }
    Ok(Recorded { responded, incidents: Some(recorded), spent: began.elapsed() })
}

/// The message as it came. One that lies in a file is not read on the reactor.
async fn octets(responded: &Responded) -> std::io::Result<Vec<u8>> {
    let spooled = responded.received().spooled();
    if let Some(octets) = spooled.memory() {
        return Ok(octets.to_vec());
    }
    let spooled = spooled.clone();
    let read = tokio::task::spawn_blocking(move || spooled.read().map(|octets| octets.into_owned()));
    read.await.map_err(std::io::Error::other)?
}

/// The plain record of what was found and of what becomes of the message.
fn new_message(responded: &Responded, octets: Vec<u8>, settings: &Settings) -> NewMessage {
    let (findings, question, received) = (responded.findings(), responded.question(), responded.received());
    let (inspection, response) = (&findings.inspection, &findings.response);
    let unscannable = inspection.unscannable.iter();
    let cause = Cause {
        sender: &question.sender,
        recipients: &question.recipients,
        message_id: findings.facts.message_id.as_deref(),
        automatic: effects::is_automatic(&octets),
    };
    let effects = plan::planned(&response.effects, &cause, settings);
    NewMessage {
        unique_id: findings.facts.unique_id.to_string(),
        message_id: findings.facts.message_id.clone(),
        sender: question.sender.clone(),
        recipients: question.recipients.clone(),
        subject: findings.facts.subject.clone().unwrap_or_default(),
        peer: Some(question.peer.to_string()),
        received_at: jiff::Timestamp::now(),
        size: received.spooled().len(),
        direction: inspection.direction.as_str().to_owned(),
        server: settings.server_name.clone(),
        policy_set: findings.set.id().to_owned(),
        original: findings.kept.of(octets),
        violations: inspection
            .violations
            .iter()
            .map(|violation| new_violation(violation, response, settings.only_records()))
            .collect(),
        unscannable: unscannable.map(|found| (found.path.clone(), found.reason.to_string())).collect(),
        disposition: match responded.verdict() {
            Verdict::Block { .. } => incident::Disposition::Blocked,
            Verdict::Redirect { .. } => incident::Disposition::Redirected,
            Verdict::Send { .. } if response.disposition == Disposition::Modify => {
                incident::Disposition::Modified
            }
            Verdict::Send { .. } => incident::Disposition::Passed,
        },
        effects,
    }
}

fn new_violation(violation: &Violation, response: &policy::Response, trial: bool) -> NewViolation {
    let policy = &violation.policy;
    let acted = response.violations.iter().find(|one| one.policy_id == policy.id);
    NewViolation {
        policy_id: policy.id,
        policy_name: policy.name.clone(),
        policy_version: policy.version.clone(),
        severity: match violation.severity {
            policy::Severity::High => incident::Severity::High,
            policy::Severity::Medium => incident::Severity::Medium,
            policy::Severity::Low => incident::Severity::Low,
            policy::Severity::Info => incident::Severity::Info,
        },
        match_count: violation.match_count,
        count_is_complete: violation.count_is_complete,
        trial: trial || policy.mode == Mode::Trial,
        matches: violation.matches.iter().map(kept_match).collect(),
        response_rules: acted.map(rules_and_actions).unwrap_or_default(),
    }
}

fn rules_and_actions(acted: &ViolationResponse) -> Vec<String> {
    let actions = acted.actions.join(", ");
    acted.rules.iter().map(|rule| format!("{rule} ({actions})")).collect()
}

fn kept_match(found: &policy::Match) -> incident::Match {
    incident::Match {
        rule: found.rule.clone(),
        condition: found.condition.clone(),
        path: found.path.clone(),
        kind: found.kind.clone(),
        offset: found.offset,
        text: found.text.clone(),
        before: found.before.clone(),
        after: found.after.clone(),
        validator: found.validator.clone(),
    }
}
