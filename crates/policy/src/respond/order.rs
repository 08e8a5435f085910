//! Brings the response rules of all violated policies into one order. The result depends on the set and the message only,
//! never on the order of files or parts.

use super::template::Facts;
use super::{Disposition, Effect, Modifications, Response, SideAction, SubjectChange, ViolationResponse};
use crate::compile::model::{Compiled, Response as Rule, SideEffect, When};
use crate::mail::Mail;
use crate::set::Set;
use crate::verdict::{Inspection, Mode, Severity, Violation};

/// What follows from an inspection. `server_trial`: the server records, and changes nothing.
///
/// Block over redirect over modify. Of several that block, the policy of the highest severity speaks, then the one with
/// the lowest number. Redirects are united, and so are copies. All modifications apply once.
pub fn respond(set: &Set, inspection: &Inspection, mail: &Mail<'_>, server_trial: bool) -> Response {
    let fired = fired(set.compiled(), inspection, mail, server_trial);
    let message = Message { inspection, mail, headers: &set.compiled().settings.violation_headers };
    let all: Vec<&Fired<'_>> = fired.iter().collect();
    let live: Vec<&Fired<'_>> = fired.iter().filter(|fired| !fired.trial).collect();
    let violated = |trial_too: bool| {
        let counts = move |violation: &&Violation| trial_too || !on_trial(violation, server_trial);
        inspection.violations.iter().filter(counts).collect::<Vec<_>>()
    };
    let (disposition, modifications) = message.decide(&live, &violated(false));
    let (would, _) = message.decide(&all, &violated(true));
    Response {
        effects: message.effects(&fired, &disposition, &would),
        violations: inspection
            .violations
            .iter()
            .map(|violation| told(violation, &fired, server_trial))
            .collect(),
        disposition,
        would,
        modifications,
    }
}

/// A response rule whose conditions hold for a violation.
struct Fired<'f> {
    violation: &'f Violation,
    rule: &'f Rule,
    trial: bool,
}

fn on_trial(violation: &Violation, server_trial: bool) -> bool {
    server_trial || violation.policy.mode != Mode::On
}

/// By policy number, then in the order in which the policy names its rules; each once.
fn fired<'f>(
    set: &'f Compiled,
    inspection: &'f Inspection,
    mail: &Mail<'_>,
    server_trial: bool,
) -> Vec<Fired<'f>> {
    let mut all = Vec::new();
    for violation in &inspection.violations {
        let mut seen: Vec<&str> = Vec::new();
        for name in &violation.policy.respond {
            let Some(rule) = set.responses.iter().find(|rule| rule.name == *name) else { continue };
            if seen.contains(&name.as_str()) || !holds(&rule.when, violation, inspection, mail) {
                continue;
            }
            seen.push(name);
            all.push(Fired { violation, rule, trial: on_trial(violation, server_trial) });
        }
    }
    all.sort_by_key(|fired| fired.violation.policy.id);
    all
}

fn holds(when: &When, violation: &Violation, inspection: &Inspection, mail: &Mail<'_>) -> bool {
    let recipients = || mail.envelope.recipients.iter();
    when.severity.admits(&violation.severity)
        && when.protocol.admits(&"smtp".to_owned())
        && when.direction.admits(&inspection.direction)
        && when.policy.admits(&violation.policy.id)
        && when.match_count.is_none_or(|amount| amount.holds(violation.match_count))
        && when.recipient.as_ref().is_none_or(|wanted| recipients().any(|address| wanted.contains(address)))
        && when
            .not_recipient
            .as_ref()
            .is_none_or(|refused| !recipients().any(|address| refused.contains(address)))
}

/// The message and what is known of it.
struct Message<'m> {
    inspection: &'m Inspection,
    mail: &'m Mail<'m>,
    headers: &'m [Option<String>; 3],
}

impl<'m> Message<'m> {
    fn facts<'f>(&'f self, violations: Vec<&'f Violation>, disposition: &'f Disposition) -> Facts<'f> {
        Facts { mail: self.mail, inspection: self.inspection, violations, disposition }
    }

    /// What becomes of the message if these rules act, and what changes if it goes on.
    fn decide(&self, fired: &[&Fired<'_>], violated: &[&Violation]) -> (Disposition, Modifications) {
        if let Some(block) = self.block(fired) {
            return (block, Modifications::default());
        }
        let recipients = united(fired.iter().flat_map(|fired| &fired.rule.redirect));
        let redirect = (!recipients.is_empty()).then_some(Disposition::Redirect { recipients });
        let fate = redirect.clone().unwrap_or(Disposition::Modify);
        let modifications = self.modifications(fired, violated, &fate);
        let unchanged = if modifications.is_empty() { Disposition::Pass } else { Disposition::Modify };
        (redirect.unwrap_or(unchanged), modifications)
    }

    fn block(&self, fired: &[&Fired<'_>]) -> Option<Disposition> {
        let blocking = fired.iter().filter_map(|fired| Some((fired, fired.rule.block.as_ref()?)));
        let first =
            blocking.min_by_key(|(fired, _)| (fired.violation.severity as u8, fired.violation.policy.id));
        let (fired, (code, enhanced, text)) = first?;
        let fate = |text| Disposition::Block { code: *code, enhanced: enhanced.clone(), text };
        let text = text.reply(&self.facts(vec![fired.violation], &fate(String::new())));
        Some(fate(text))
    }

    fn modifications(
        &self,
        fired: &[&Fired<'_>],
        violated: &[&Violation],
        fate: &Disposition,
    ) -> Modifications {
        let mut all = Modifications { headers: self.summary(violated), ..Modifications::default() };
        for (rule, violations) in by_rule(fired) {
            let facts = self.facts(violations, fate);
            for (name, value) in &rule.headers {
                let line = (name.clone(), value.header(&facts));
                if !line.1.is_empty() && !all.headers.contains(&line) {
                    all.headers.push(line);
                }
            }
            let prefix = rule.prefix.as_ref().map(|text| text.subject(&facts));
            let suffix = rule.suffix.as_ref().map(|text| text.subject(&facts));
            if prefix.is_some() || suffix.is_some() {
                let subject = all.subject.get_or_insert_with(SubjectChange::default);
                join(&mut subject.prefix, prefix);
                join(&mut subject.suffix, suffix);
            }
            if rule.quarantine_connect {
                all.quarantine_connect.extend(facts.violations.iter().map(|violation| violation.policy.id));
            }
        }
        all.quarantine_connect.sort_unstable();
        all.quarantine_connect.dedup();
        all.copies = united(fired.iter().flat_map(|fired| &fired.rule.copy));
        all
    }

    /// The headers that sum up the violations: number of policies, highest severity, score.
    fn summary(&self, violated: &[&Violation]) -> Vec<(String, String)> {
        let Some(worst) = violated.iter().map(|violation| violation.severity).reduce(Severity::worse) else {
            return Vec::new();
        };
        let score: u32 = violated.iter().map(|violation| violation.severity.score()).sum();
        let values = [violated.len().to_string(), worst.title().to_owned(), score.to_string()];
        self.headers.iter().zip(values).filter_map(|(name, value)| Some((name.clone()?, value))).collect()
    }

    fn effects(&self, fired: &[Fired<'_>], disposition: &Disposition, would: &Disposition) -> Vec<Effect> {
        let mut all: Vec<Effect> = Vec::new();
        for fired in fired {
            let facts = self.facts(vec![fired.violation], if fired.trial { would } else { disposition });
            for action in fired.rule.effects.iter().filter_map(|effect| filled(effect, &facts)) {
                let (policy, rule) = (fired.violation.policy.id, fired.rule.name.clone());
                all.push(Effect { policy, rule, action, trial: fired.trial });
            }
        }
        all
    }
}

/// Rules in the order in which they first act, each with the violations that it acts for.
fn by_rule<'f>(fired: &[&Fired<'f>]) -> Vec<(&'f Rule, Vec<&'f Violation>)> {
    let mut all: Vec<(&'f Rule, Vec<&'f Violation>)> = Vec::new();
    for fired in fired {
        match all.iter_mut().find(|(rule, _)| std::ptr::eq(*rule, fired.rule)) {
            Some((_, violations)) => violations.push(fired.violation),
            None => all.push((fired.rule, vec![fired.violation])),
        }
    }
    all
}

/// Sorted, each once.
fn united<'a>(addresses: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut all: Vec<String> = addresses.cloned().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Adds a text to what other rules put there; the same text once.
fn join(to: &mut Option<String>, more: Option<String>) {
    match (to.as_mut(), more) {
        (_, None) => {}
        (None, more) => *to = more,
        (Some(known), Some(more)) if !known.contains(more.trim()) => {
            if !known.ends_with(' ') && !more.starts_with(' ') {
                known.push(' ');
            }
            known.push_str(&more);
        }
        _ => {}
    }
}

/// A side effect with its texts filled in; none where a notice would go to nobody.
fn filled(effect: &SideEffect, facts: &Facts<'_>) -> Option<SideAction> {
    Some(match effect {
        SideEffect::Notify { to, subject, text } => {
            let addresses: Vec<String> = to.iter().flat_map(|to| to.addresses(facts)).collect();
            let to = united(addresses.iter());
            if to.is_empty() {
                return None;
            }
            SideAction::Notify { to, subject: subject.line(facts), text: text.text(facts) }
        }
        SideEffect::Syslog { host, port, level, format, message } => SideAction::Syslog {
            host: host.clone(),
            port: *port,
            level: level.clone(),
            format: format.clone(),
            message: message.line(facts),
        },
        SideEffect::Status(status) => SideAction::SetStatus(status.clone()),
        SideEffect::Attribute(name, value) => {
            SideAction::SetAttribute { name: name.clone(), value: value.line(facts) }
        }
        SideEffect::Retention { discard_original, attachments } => SideAction::LimitRetention {
            discard_original: *discard_original,
            attachments: attachments.clone(),
        },
    })
}

/// What happened to one violation.
fn told(violation: &Violation, fired: &[Fired<'_>], server_trial: bool) -> ViolationResponse {
    let own = || fired.iter().filter(|fired| fired.violation.policy.id == violation.policy.id);
    let mut actions: Vec<String> = Vec::new();
    for action in own().flat_map(|fired| actions_of(fired.rule)) {
        if !actions.iter().any(|known| known == action) {
            actions.push(action.to_owned());
        }
    }
    ViolationResponse {
        policy_id: violation.policy.id,
        severity: violation.severity,
        trial: on_trial(violation, server_trial),
        rules: own().map(|fired| fired.rule.name.clone()).collect(),
        actions,
    }
}

fn actions_of(rule: &Rule) -> Vec<&'static str> {
    let modifies =
        rule.quarantine_connect || !rule.headers.is_empty() || rule.prefix.is_some() || rule.suffix.is_some();
    let on_mail = [
        ("block", rule.block.is_some()),
        ("redirect", !rule.redirect.is_empty()),
        ("modify", modifies),
        ("copy", !rule.copy.is_empty()),
    ];
    let effects = rule.effects.iter().map(|effect| match effect {
        SideEffect::Notify { .. } => "notify",
        SideEffect::Syslog { .. } => "syslog",
        SideEffect::Status(_) => "set_status",
        SideEffect::Attribute(..) => "set_attribute",
        SideEffect::Retention { .. } => "limit_retention",
    });
    on_mail.into_iter().filter(|(_, does)| *does).map(|(name, _)| name).chain(effects).collect()
}
