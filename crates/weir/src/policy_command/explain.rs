//! `weir policy explain`: which rules matched a mail where, how near the others came, and what stopped them.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use policy::explanation::{
    ConditionOutcome, Effect, ExceptionOutcome, Explanation, PolicyOutcome, RuleEnd, RuleOutcome,
};
use policy::{Envelope, Mail, Match, PolicyInfo, Response, Sent, Set};

use super::FOUND;
use crate::cli::Explain;
use crate::mailbox::{self, Item};
use crate::policies;
use crate::scan::Opener;
use crate::terminal::safe;

pub(super) fn run(command: &Explain) -> Result<ExitCode> {
    let set = policies::load(command.policies.as_deref().unwrap_or(Path::new("")), Path::new("data"))?.set;
    if let Some(only) = &command.policy {
        ensure!(
            set.policies().iter().any(|policy| is_called(policy, only)),
            "there is no policy {only}: give its number or its name"
        );
    }
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
        let sent = Sent::of_header(opened);
        let mail = Mail { envelope: &envelope, opened, size, now: super::moment(sent), deadline };
        let explanation = set.explain(&mail);
        let response = policy::respond(set, &explanation.inspection, &mail, false);
        println!(
            "{}: from {} to {}",
            safe(&item.name),
            shown(&envelope.sender),
            safe(&envelope.recipients.join(", "))
        );
        println!("direction: {}", explanation.inspection.direction);
        match sent {
            Some(sent) => println!("judged as of {}, as its {} field says\n", sent.at, sent.field),
            None => println!("judged as of now: its header does not say when it was sent\n"),
        }
        tell(&explanation, &response, command);
        !explanation.inspection.violations.is_empty()
    })
}

fn shown(sender: &str) -> String {
    if sender.is_empty() { "<>".to_owned() } else { safe(sender).into_owned() }
}

/// Whether a policy has this number or name.
fn is_called(policy: &PolicyInfo, called: &str) -> bool {
    policy.name == called || called.parse() == Ok(policy.id)
}

fn tell(explanation: &Explanation, response: &Response, command: &Explain) {
    let asked =
        |policy: &&PolicyOutcome| command.policy.as_ref().is_none_or(|only| is_called(&policy.policy, only));
    let (violated, others): (Vec<&PolicyOutcome>, Vec<&PolicyOutcome>) =
        explanation.policies.iter().filter(asked).partition(|policy| policy.violated);
    for policy in violated {
        println!("VIOLATED  {}", title(&policy.policy));
        let violations = &explanation.inspection.violations;
        let violation = violations.iter().find(|violation| violation.policy.id == policy.policy.id);
        let matches = violation.map_or(&[][..], |violation| &violation.matches);
        policy.rules.iter().for_each(|rule| tell_rule(rule, matches, command));
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
    let told =
        |policy: &&PolicyOutcome| command.policy.is_some() || policy.rules.iter().any(RuleOutcome::found);
    let (near, rest): (Vec<&PolicyOutcome>, Vec<&PolicyOutcome>) = others.into_iter().partition(told);
    if !near.is_empty() {
        println!("not violated{}:", if command.policy.is_some() { "" } else { ", but something was found" });
    }
    for policy in near {
        println!("  {}", title(&policy.policy));
        policy.rules.iter().for_each(|rule| tell_rule(rule, &[], command));
    }
    if !rest.is_empty() {
        println!("policies of which nothing was found (--policy tells of one): {}", rest.len());
    }
    println!("\nthe mail would be {}", response.disposition.as_str());
}

fn title(policy: &PolicyInfo) -> String {
    format!("{} {} ({})", policy.id, policy.name, policy.mode)
}

fn tell_rule(rule: &RuleOutcome, matches: &[Match], command: &Explain) {
    if !rule.found() && command.policy.is_none() {
        println!("    rule \"{}\": nothing found", rule.name);
        return;
    }
    println!("    rule \"{}\": {}", rule.name, end(rule));
    tell_condition(&rule.conditions, 6);
    rule.exceptions.iter().for_each(tell_exception);
    for found in matches.iter().filter(|found| found.rule == rule.name) {
        tell_match(found, command.unmask);
    }
}

/// What became of a rule, in words.
fn end(rule: &RuleOutcome) -> String {
    let component = rule.component.as_deref().map(safe);
    let inside = |what: &str| component.as_ref().map_or(String::new(), |name| format!("{what} {name}"));
    match rule.end {
        RuleEnd::Matched if rule.left < rule.count => {
            format!("count {} ({} without exceptions)", of(rule.left, rule.at_least), rule.count)
        }
        RuleEnd::Matched => format!("count {}{}", of(rule.count, rule.at_least), inside(", most of it in")),
        RuleEnd::Answered => {
            format!("count {}, left to the policies that answer for it", of(rule.count, rule.at_least))
        }
        RuleEnd::Conditions => format!("not matched{}", inside(", nearest in")),
        RuleEnd::Count => {
            format!("not matched, count {}{}", of(rule.count, rule.at_least), inside(" in"))
        }
        RuleEnd::Excepted => format!("excepted, {} left of {}", rule.left, rule.count),
    }
}

fn of(count: u64, least: u64) -> String {
    if least > 1 { format!("{count} of {least}") } else { count.to_string() }
}

fn tell_exception(exception: &ExceptionOutcome) {
    let effect = match &exception.effect {
        Effect::Nothing if exception.conditions.holds => {
            format!("does not hold, count {}", of(exception.count, exception.at_least))
        }
        Effect::Nothing => "does not hold".to_owned(),
        Effect::Over(until) => format!("is over since {until}"),
        Effect::Message => "takes the whole rule".to_owned(),
        Effect::Components(names, taken) => {
            let names: Vec<_> = names.iter().map(|name| safe(name)).collect();
            match taken {
                0 => format!("holds in {}, where nothing of the rule counts", names.join(", ")),
                taken => format!("takes {taken} in {}", names.join(", ")),
            }
        }
    };
    println!("      exception \"{}\" {effect}", safe(&exception.name));
    if exception.effect == Effect::Nothing {
        tell_condition(&exception.conditions, 8);
    }
}

fn tell_condition(condition: &ConditionOutcome, indent: usize) {
    let mark = if condition.holds { "yes" } else { "no " };
    let mut said = match (condition.count, condition.at_least) {
        (0, 1) => Vec::new(),
        (count, least) => vec![of(count, least)],
    };
    said.extend(condition.fact.clone());
    said.extend(condition.losses.iter().map(|loss| format!("{} {}", loss.count, loss.why)));
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) };
    println!("{:indent$}{mark} {}{said}", "", safe(&condition.condition));
    condition.inner.iter().for_each(|inner| tell_condition(inner, indent + 4));
}

fn tell_match(found: &Match, unmask: bool) {
    let (before, text, after) = if unmask {
        (found.before.clone(), found.text.clone(), found.after.clone())
    } else {
        (found.masked_before(), found.masked(), found.masked_after())
    };
    println!(
        "      {} at {}: {}[{}]{}",
        if found.path.is_empty() { found.component.clone() } else { place(&found.path) },
        found.offset,
        safe(&before),
        safe(&text),
        safe(&after)
    );
    let checked = found.validator.as_ref().map_or(String::new(), |checks| format!(", checked by {checks}"));
    println!("        {}{}", safe(&found.condition), safe(&checked));
}

fn place(path: &str) -> String {
    if path.is_empty() { "the message".to_owned() } else { safe(path).into_owned() }
}
