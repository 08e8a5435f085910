//! `weir policy explain`: which rules matched a mail where, how near the others came, and what stopped them.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use policy::{Envelope, Explanation, Mail, Match, PolicyOutcome, Response, RuleOutcome, Set};

use super::FOUND;
use crate::cli::Explain;
use crate::mailbox::{self, Item};
use crate::policies;
use crate::scan::Opener;
use crate::terminal::safe;

/// Rules that did not match are told if so many of their conditions hold.
const NEAR: usize = 1;

pub(super) fn run(command: &Explain) -> Result<ExitCode> {
    let set = policies::load(command.policies.as_deref().unwrap_or(Path::new("")), Path::new("data"))?.set;
    let opener = Opener::start()?;
    let mut seen = 0;
    let mut violated = false;
    mailbox::each(&command.mail, &mut |item| {
        seen += 1;
        if seen > 1 {
            println!();
        }
        violated |= explain(command, &set, &opener, &item);
        Ok(())
    })?;
    ensure!(seen > 0, "there is no mail in {}", command.mail.display());
    Ok(if violated { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn explain(command: &Explain, set: &Set, opener: &Opener, item: &Item) -> bool {
    opener.open(item, |opened, deadline| {
        let mut envelope = Envelope::of_header(opened);
        if let Some(sender) = &command.sender {
            envelope.sender = sender.trim_matches(['<', '>']).to_owned();
        }
        if !command.recipient.is_empty() {
            envelope.recipients.clone_from(&command.recipient);
        }
        let size = item.octets.len() as u64;
        let mail = Mail { envelope: &envelope, opened, size, now: jiff::ZonedDateTime::now(), deadline };
        let explanation = set.explain(&mail);
        let response = policy::respond(set, &explanation.inspection, &mail, false);
        println!(
            "{}: from {} to {}",
            safe(&item.name),
            shown(&envelope.sender),
            safe(&envelope.recipients.join(", "))
        );
        println!("direction: {}\n", explanation.inspection.direction);
        tell(&explanation, &response, command.unmask);
        !explanation.inspection.violations.is_empty()
    })
}

fn shown(sender: &str) -> String {
    if sender.is_empty() { "<>".to_owned() } else { safe(sender).into_owned() }
}

fn tell(explanation: &Explanation, response: &Response, unmask: bool) {
    for policy in explanation.policies.iter().filter(|policy| policy.violated) {
        println!("VIOLATED  {} {} ({})", policy.policy.id, policy.policy.name, policy.policy.mode);
        for rule in policy.rules.iter().filter(|rule| rule.held) {
            tell_rule(rule);
        }
        let violation = explanation
            .inspection
            .violations
            .iter()
            .find(|violation| violation.policy.id == policy.policy.id);
        for found in violation.iter().flat_map(|violation| &violation.matches) {
            tell_match(found, unmask);
        }
        let acted = response.violations.iter().find(|one| one.policy_id == policy.policy.id);
        if let Some(acted) = acted.filter(|acted| !acted.rules.is_empty()) {
            let would = if acted.trial { "would run" } else { "run" };
            println!("  response rules that {would}: {}", acted.rules.join(", "));
        }
        println!();
    }
    for found in &explanation.inspection.unscannable {
        println!("not inspected: {}: {}", place(&found.path), found.reason);
    }
    let near: Vec<&PolicyOutcome> =
        explanation.policies.iter().filter(|policy| !policy.violated && is_near(policy)).collect();
    if !near.is_empty() {
        println!("not violated, but something was found:");
    }
    for policy in near {
        println!("  {} {} ({})", policy.policy.id, policy.policy.name, policy.policy.mode);
        for rule in policy.rules.iter().filter(|rule| rule.nearness() >= NEAR || rule.held) {
            tell_rule(rule);
        }
    }
    println!("\nthe mail would be {}", response.disposition.as_str());
}

/// Something counted, or a rule held that an exception took away.
fn is_near(policy: &PolicyOutcome) -> bool {
    policy.rules.iter().any(|rule| rule.held || rule.conditions.iter().any(|condition| condition.count > 0))
}

fn tell_rule(rule: &RuleOutcome) {
    match (&rule.excepted_by, rule.held) {
        (Some(exception), _) => println!("    rule \"{}\": excepted by {exception}", rule.name),
        (None, true) => println!("    rule \"{}\": count {}", rule.name, rule.count),
        (None, false) => println!("    rule \"{}\": not matched", rule.name),
    }
    for condition in &rule.conditions {
        let mark = if condition.holds { "yes" } else { "no " };
        let count = match (condition.count, condition.at_least) {
            (0, 1) => String::new(),
            (count, 1) => format!(": {count}"),
            (count, least) => format!(": {count} of {least}"),
        };
        println!("      {mark} {}{count}", safe(&condition.condition));
    }
}

fn tell_match(found: &Match, unmask: bool) {
    let (before, text, after) = if unmask {
        (found.before.clone(), found.text.clone(), found.after.clone())
    } else {
        (found.masked_before(), found.masked(), found.masked_after())
    };
    println!(
        "    {} at {}: {}[{}]{}",
        place(&found.path),
        found.offset,
        safe(&before),
        safe(&text),
        safe(&after)
    );
    if let Some(validator) = &found.validator {
        println!("      checked by {validator}");
    }
}

fn place(path: &str) -> String {
    if path.is_empty() { "the message".to_owned() } else { safe(path).into_owned() }
}
