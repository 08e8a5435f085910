//! Judges the rules that may hold: trees of conditions, thresholds, exceptions, severities.

use std::collections::HashSet;

use super::answers::{Answers, At, Within, is_file};
use super::gather::Gathered;
use super::pieces::Scope;
use super::report;
use crate::compile::NOT_FULLY_INSPECTED;
use crate::compile::model::{Compiled, Engine, Exception, Leaf, Node, Policy, Rule};
use crate::mail::Mail;
use crate::verdict::{Mode, RuleHit, Severity, Violation};

/// A rule that matched, before exceptions or after.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) rule: u32,
    pub(super) count: u64,
    /// Its conditions that held.
    pub(super) leaves: Vec<Leaf>,
    /// The components that do not count; or, for a rule that holds in single components, those that do.
    pub(super) except: HashSet<Scope>,
    pub(super) only: Option<Vec<Scope>>,
}

/// What an exception takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Covered {
    Nothing,
    /// What is found in these.
    Components(HashSet<Scope>),
    Message,
}

/// The rules that something in the message may make true, in order; none for most mails.
pub(super) fn candidates(
    engine: &Engine,
    mail: &Mail<'_>,
    gathered: &Gathered,
    findings: bool,
) -> Option<Vec<u32>> {
    let triggers = &engine.triggers;
    let mut rules: Vec<u32> = triggers.always.clone();
    if gathered.any {
        for (number, _) in gathered.sources.iter().filter(|(_, source)| !source.is_empty()) {
            rules.extend(&triggers.by_source[number]);
        }
    }
    for (found, rules_of) in gathered.probed.iter().zip(&triggers.by_probe) {
        if !found.is_empty() {
            rules.extend(rules_of);
        }
    }
    if !triggers.files.is_empty() && mail.opened.parts.iter().any(|part| is_file(part.role)) {
        rules.extend(&triggers.files);
    }
    if findings || !mail.opened.ambiguous.is_empty() || mail.opened.parts.iter().any(|part| part.encrypted) {
        rules.extend(&triggers.findings);
    }
    rules.sort_unstable();
    rules.dedup();
    (!rules.is_empty()).then_some(rules)
}

/// Judges rules by the answers about one message.
pub(super) struct Judge<'j, 'a> {
    set: &'j Compiled,
    pub(super) answers: &'j mut Answers<'a>,
    mail: &'j Mail<'j>,
    /// Findings that acting policies answer for.
    answered: HashSet<At>,
}

impl<'j, 'a> Judge<'j, 'a> {
    pub(super) fn new(set: &'j Compiled, answers: &'j mut Answers<'a>, mail: &'j Mail<'j>) -> Self {
        Self { set, answers, mail, answered: HashSet::new() }
    }

    /// The violations that these rules make, by policy number. The built-in policy decides what no other policy decided:
    /// it is judged last, without the findings that an acting policy answers for.
    pub(super) fn violations(&mut self, rules: &[u32]) -> Vec<Violation> {
        let (mut all, mut last) = (Vec::new(), None);
        let mut rest = rules;
        while let Some(first) = rest.first() {
            let policy = &self.set.engine.policies[self.set.engine.rules[*first as usize].policy as usize];
            let (own, others) = rest.split_at(rest.partition_point(|rule| *rule < policy.rules.end));
            rest = others;
            match policy.info.id {
                NOT_FULLY_INSPECTED => last = Some((policy, own, all.len())),
                _ => all.extend(self.policy(policy, own)),
            }
        }
        if let Some((policy, own, place)) = last {
            let answered = std::mem::take(&mut self.answered);
            self.answers.leave_out(answered);
            all.splice(place..place, self.policy(policy, own));
        }
        all
    }

    fn policy(&mut self, policy: &Policy, rules: &[u32]) -> Option<Violation> {
        let held: Vec<Held> = rules.iter().filter_map(|rule| self.after_exceptions(policy, *rule)).collect();
        if held.is_empty() {
            return None;
        }
        if policy.info.mode == Mode::On {
            self.answer_for(&held);
        }
        let hits: Vec<RuleHit> = held.iter().map(|held| self.hit(held)).collect();
        Some(Violation {
            policy: policy.info.clone(),
            severity: hits.iter().fold(Severity::Info, |worst, hit| worst.worse(hit.severity)),
            match_count: hits.iter().fold(0, |sum, hit| sum.saturating_add(hit.count)),
            count_is_complete: hits.iter().all(|hit| hit.count_is_complete),
            rules: hits,
            matches: report::matches(self.set, self.answers, self.mail, &held),
        })
    }

    /// Notes the findings that decide rules.
    fn answer_for(&mut self, held: &[Held]) {
        for held in held {
            for leaf in &held.leaves {
                if self.answers.asks_for_findings(leaf.atom) {
                    let items = report::items(self.answers, held, leaf);
                    self.answered.extend(items.iter().map(|item| item.at));
                }
            }
        }
    }

    fn hit(&self, held: &Held) -> RuleHit {
        let rule = &self.set.engine.rules[held.rule as usize];
        RuleHit {
            name: rule.name.clone(),
            severity: severity(rule, held.count),
            count: held.count,
            count_is_complete: rule.tree.leaves().iter().all(|leaf| self.answers.went_to_the_end(leaf.atom))
                && !held.leaves.iter().any(|leaf| self.is_cut_short(leaf, held)),
        }
    }

    /// Whether a condition left values out in a component whose matches the rule counts.
    fn is_cut_short(&self, leaf: &Leaf, held: &Held) -> bool {
        let counts = |scope: Scope| match &held.only {
            Some(only) => only.contains(&scope),
            None => !held.except.contains(&scope),
        };
        leaf.counts && self.answers.full(leaf.atom).any(counts)
    }

    /// The rule, if it holds and no exception takes it away.
    pub(super) fn after_exceptions(&mut self, policy: &Policy, number: u32) -> Option<Held> {
        let held = self.rule(number, &HashSet::new())?;
        let mut except = HashSet::new();
        for exception in policy.exceptions.iter().filter(|exception| exception.concerns(number)) {
            match self.covered(exception, number) {
                Covered::Nothing => {}
                Covered::Components(scopes) => except.extend(scopes),
                Covered::Message => return None,
            }
        }
        if except.is_empty() { Some(held) } else { self.rule(number, &except) }
    }

    /// What an exception covers of a message in which a rule holds.
    pub(super) fn covered(&mut self, exception: &Exception, rule: u32) -> Covered {
        if self.is_over(exception) {
            return Covered::Nothing;
        }
        if exception.whole_message {
            let holds = self.exception_holds(exception, Within::All(&HashSet::new()));
            return if holds { Covered::Message } else { Covered::Nothing };
        }
        let mut scopes = self.open_to(exception, rule);
        scopes.retain(|scope| self.exception_holds(exception, Within::One(*scope)));
        if scopes.is_empty() { Covered::Nothing } else { Covered::Components(scopes) }
    }

    /// The components in which an exception from a rule may hold.
    pub(super) fn open_to(&mut self, exception: &Exception, rule: u32) -> HashSet<Scope> {
        let rule = &self.set.engine.rules[rule as usize];
        let mut scopes = self.scopes(&exception.tree);
        match rule.per_component {
            true => scopes.extend(self.components(rule)),
            false => scopes.extend(self.scopes(&rule.tree)),
        }
        scopes
    }

    /// What a rule that holds still counts without these components, be it too little.
    pub(super) fn left(&mut self, held: &Held, without: &HashSet<Scope>) -> u64 {
        let rule = &self.set.engine.rules[held.rule as usize];
        match rule.per_component {
            true => self.rule(held.rule, without).map_or(0, |left| left.count),
            false => self.sum(&held.leaves, Within::All(without)),
        }
    }

    pub(super) fn is_over(&self, exception: &Exception) -> bool {
        let today = || self.mail.now.with_time_zone(self.set.settings.zone.clone()).date();
        exception.until.is_some_and(|until| today() > until)
    }

    /// The components in which a condition of the tree counts something.
    fn scopes(&mut self, tree: &Node) -> HashSet<Scope> {
        let mut scopes = HashSet::new();
        tree.leaves().iter().for_each(|leaf| self.answers.scopes(leaf.atom, &mut scopes));
        scopes
    }

    fn exception_holds(&mut self, exception: &Exception, within: Within<'_>) -> bool {
        self.counted(&exception.tree, within).is_some_and(|(count, _)| count >= exception.at_least)
    }

    /// Whether the rule holds in the components that are left.
    pub(super) fn rule(&mut self, number: u32, except: &HashSet<Scope>) -> Option<Held> {
        let rule = &self.set.engine.rules[number as usize];
        if rule.per_component {
            return self.in_components(number, rule, except);
        }
        let (count, leaves) = self.counted(&rule.tree, Within::All(except))?;
        (count >= rule.at_least).then(|| Held {
            rule: number,
            count,
            leaves,
            except: except.clone(),
            only: None,
        })
    }

    /// All of the rule must hold within one component; its count is that of all components in which it does.
    fn in_components(&mut self, number: u32, rule: &Rule, except: &HashSet<Scope>) -> Option<Held> {
        let (mut count, mut all, mut only) = (0u64, Vec::new(), Vec::new());
        for scope in self.components(rule).into_iter().filter(|scope| !except.contains(scope)) {
            let Some((here, leaves)) = self.counted(&rule.tree, Within::One(scope)) else { continue };
            if here < rule.at_least {
                continue;
            }
            count = count.saturating_add(here);
            only.push(scope);
            all.extend(leaves.into_iter().filter(|leaf| !all.contains(leaf)).collect::<Vec<Leaf>>());
        }
        (!only.is_empty()).then(|| Held {
            rule: number,
            count,
            leaves: all,
            except: HashSet::new(),
            only: Some(only),
        })
    }

    /// The components in which a rule may hold, in order.
    pub(super) fn components(&mut self, rule: &Rule) -> Vec<Scope> {
        let mut scopes = self.scopes(&rule.tree);
        if rule.holds_empty {
            scopes.extend(self.answers.pieces.iter().map(super::pieces::Piece::scope));
        }
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes
    }

    /// What a tree counts, and by which conditions, if it holds.
    pub(super) fn counted(&mut self, tree: &Node, within: Within<'_>) -> Option<(u64, Vec<Leaf>)> {
        let mut leaves = Vec::new();
        self.holds(tree, within, &mut leaves).then(|| (self.total(&leaves, within), leaves))
    }

    /// Whether a tree holds; collects the conditions that held, those under `none` left out.
    fn holds(&mut self, node: &Node, within: Within<'_>, leaves: &mut Vec<Leaf>) -> bool {
        let before = leaves.len();
        let holds = match node {
            Node::Leaf(leaf) => {
                let (holds, _) = self.answers.count(leaf, within);
                if holds {
                    leaves.push(*leaf);
                }
                holds
            }
            Node::All(nodes) => nodes.iter().all(|node| self.holds(node, within, leaves)),
            Node::Any(nodes) => {
                // All are asked: each that holds adds to the count.
                let held = nodes.iter().filter(|node| self.holds(node, within, leaves)).count();
                held > 0
            }
            Node::None(nodes) => {
                let any = nodes.iter().any(|node| self.holds(node, within, leaves));
                leaves.truncate(before);
                !any
            }
        };
        if !holds {
            leaves.truncate(before);
        }
        holds
    }

    /// What a rule counts; one that holds without anything to count counts as one.
    fn total(&mut self, leaves: &[Leaf], within: Within<'_>) -> u64 {
        self.sum(leaves, within).max(1)
    }

    /// What the conditions count together.
    fn sum(&mut self, leaves: &[Leaf], within: Within<'_>) -> u64 {
        let mut sum = 0u64;
        for (at, leaf) in leaves.iter().enumerate() {
            let same = |other: &Leaf| other.atom == leaf.atom && other.mode == leaf.mode && other.counts;
            if leaf.counts && !leaves[..at].iter().any(same) {
                sum = sum.saturating_add(self.answers.count(leaf, within).1);
            }
        }
        sum
    }
}

/// The severity of a rule by its count.
pub(super) fn severity(rule: &Rule, count: u64) -> Severity {
    rule.tiers
        .iter()
        .find(|(at_least, _)| count >= *at_least)
        .map_or(rule.severity, |(_, severity)| *severity)
}
