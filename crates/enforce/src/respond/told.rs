//! Notices and log messages that smart response rules order: filled in from the incident when they leave the outbox.

use std::sync::Arc;

use effects::{EffectMetrics, EffectSettings, Host, NoticeOrder, Order, Place};
use incident::{Claimed, Incident, Journal};
use policy::{RecordedIncident, RecordedMatch, RecordedText, Severity};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Action;
use crate::Enforce;

/// Does what waits in the outbox until `stop`.
pub(crate) async fn tell(enforce: Arc<Enforce>, stop: CancellationToken) {
    effects::run(Arc::new(Outside(enforce)), &[Place::Mail, Place::Syslog], stop).await;
}

struct Outside(Arc<Enforce>);

impl Host for Outside {
    fn journal(&self) -> Arc<Journal> {
        self.0.journal.clone()
    }

    fn name(&self) -> String {
        "Enforce".to_owned()
    }

    fn settings(&self) -> EffectSettings {
        let snapshot_url = Some(format!("{}/incidents/", self.0.console_url));
        EffectSettings { snapshot_url, ..self.0.options.effects.clone() }
    }

    fn metrics(&self) -> &EffectMetrics {
        &self.0.effect_metrics
    }

    fn notice_id(&self, tag: &str, recipient: &str) -> String {
        let hash = self.0.keys().hash("notice", format!("{tag} {}", recipient.to_lowercase()));
        let hash: String = hash[..16].iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{tag}.{hash}")
    }

    fn order<'a>(&'a self, effect: &'a Claimed) -> Order<'a> {
        Box::pin(async move {
            // What is left of an order of which a part went out was filled in before.
            let Ok(action) = serde_json::from_str::<Action>(&effect.payload) else {
                return Ok(Ok(effect.payload.clone()));
            };
            let Some(incident) = self.0.journal.show(effect.incident).await? else {
                return Ok(Err("its incident is gone".to_owned()));
            };
            let recorded = recorded(&incident);
            match action {
                Action::Notify { to, subject, text } => {
                    self.notice(effect, &recorded, [&to, &subject, &text]).await
                }
                Action::Syslog { level, format, message } => {
                    Ok(RecordedText::parse(&message).map(|message| {
                        json!({ "level": level, "format": format, "message": message.line(&recorded) })
                            .to_string()
                    }))
                }
                other => Ok(Err(format!("nobody is told by {other:?}"))),
            }
        })
    }
}

impl Outside {
    async fn notice(
        &self,
        effect: &Claimed,
        incident: &RecordedIncident,
        [to, subject, text]: [&str; 3],
    ) -> Result<Result<String, String>, incident::Error> {
        let read = || {
            Ok((
                RecordedText::parse_addresses(to)?,
                RecordedText::parse(subject)?,
                RecordedText::parse(text)?,
            ))
        };
        let (to, subject, text) = match read() {
            Ok(read) => read,
            Err(why) => return Ok(Err::<String, String>(why)),
        };
        let to = to.addresses(incident);
        if to.is_empty() {
            return Ok(Err("nobody is to be told: the mail has no such address".to_owned()));
        }
        // Only the sender of a mail that is itself automatic must not be told.
        let to_sender = to.iter().any(|address| address.eq_ignore_ascii_case(&incident.sender));
        let original = if to_sender { self.0.journal.original(effect.incident).await? } else { None };
        let automatic = original.is_some_and(|octets| effects::is_automatic(&octets));
        let (subject, text) = (subject.line(incident), text.text(incident));
        let order = NoticeOrder::new(&to, &subject, &text, &incident.sender, automatic);
        Ok(serde_json::to_string(&order).map_err(|why| why.to_string()))
    }
}

/// What texts may tell of an incident: matches are covered.
fn recorded(incident: &Incident) -> RecordedIncident {
    let summary = &incident.summary;
    let found = |found: &incident::Match| RecordedMatch {
        rule: found.rule.clone(),
        condition: found.condition.clone(),
        kind: found.kind.clone(),
        path: found.path.clone(),
        masked: found.masked(),
    };
    RecordedIncident {
        policy: summary.policy.clone(),
        policy_id: summary.policy_id,
        severity: match summary.severity {
            incident::Severity::High => Severity::High,
            incident::Severity::Medium => Severity::Medium,
            incident::Severity::Low => Severity::Low,
            incident::Severity::Info => Severity::Info,
        },
        sender: summary.sender.clone(),
        recipients: summary.recipients.clone(),
        subject: summary.subject.clone(),
        direction: incident.direction.clone(),
        date: summary.received_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        disposition: effects::cef::disposition(summary).to_owned(),
        match_count: summary.matches,
        count_is_complete: incident.count_is_complete,
        matches: incident.matches.iter().map(found).collect(),
        unscannable: incident.unscannable.clone(),
    }
}
