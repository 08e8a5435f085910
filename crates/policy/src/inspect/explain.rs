//! Why each policy is or is not violated: which rules matched, how near the others came, and what stopped them.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::answers::{Answers, Within};
use super::judge::{Covered, Held, Judge};
use super::losses::{Loss, Seen};
use super::pieces::Scope;
use crate::compile::NOT_FULLY_INSPECTED;
use crate::compile::model::{Compiled, Exception, Leaf, Node, Policy, Rule};
use crate::mail::Mail;
use crate::verdict::{Inspection, PolicyInfo};

/// What inspection did with a message, policy by policy.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What it found.
    pub inspection: Inspection,
    /// Every policy that looks at mail, by number.
    pub policies: Vec<PolicyOutcome>,
}

/// What became of a policy.
#[derive(Debug, Clone)]
pub struct PolicyOutcome {
    /// The policy.
    pub policy: Arc<PolicyInfo>,
    /// Whether it is violated.
    pub violated: bool,
    /// Its rules in the order of the file.
    pub rules: Vec<RuleOutcome>,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOutcome {
    /// Its name.
    pub name: String,
    /// Whether it matched; if not, what stopped it.
    pub end: RuleEnd,
    /// What its conditions count, if they hold; of a rule for each component, where they come nearest or hold.
    pub count: u64,
    /// What exceptions leave of the count, be it too little.
    pub left: u64,
    /// The count that it takes.
    pub at_least: u64,
    /// Of a rule for each component: the one that came nearest, if there is any.
    pub component: Option<String>,
    /// The exceptions from a rule that would match without them.
    pub exceptions: Vec<ExceptionOutcome>,
    /// Its conditions, in `component` or the whole message.
    pub conditions: ConditionOutcome,
}

/// Whether a rule matched, or what stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleEnd {
    /// It matched.
    Matched,
    /// Its conditions do not hold.
    Conditions,
    /// They hold and count too little.
    Count,
    /// Exceptions take so much away that the rest does not hold.
    Excepted,
    /// It matched, and the policies that answer for what was found are violated in its stead.
    Answered,
}

/// What an exception did to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionOutcome {
    /// Its name.
    pub name: String,
    /// What it took away.
    pub effect: Effect,
    /// What its conditions count, if they hold.
    pub count: u64,
    /// The count that it takes.
    pub at_least: u64,
    /// Its conditions, in the component that comes nearest or in the whole message.
    pub conditions: ConditionOutcome,
}

/// What an exception took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it does not hold.
    Nothing,
    /// Nothing: this was its last day.
    Over(Date),
    /// The whole rule.
    Message,
    /// So much of the count, in these components.
    Components(Vec<String>, u64),
}

/// What became of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionOutcome {
    /// The condition in words; of a list: `all of`, `any of`, `none of`.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
    /// What it counts; 0 for what is no number.
    pub count: u64,
    /// The count that it takes.
    pub at_least: u64,
    /// What the mail has where the condition asks for a fact.
    pub fact: Option<String>,
    /// What was found and does not count.
    pub losses: Vec<Loss>,
    /// The conditions of a list.
    pub inner: Vec<ConditionOutcome>,
}

impl RuleOutcome {
    /// Whether anything of it was found, or it held by facts alone.
    pub fn found(&self) -> bool {
        !matches!(self.end, RuleEnd::Conditions) || self.conditions.found()
    }
}

impl ConditionOutcome {
    /// Whether anything was found, be it that it does not count.
    pub fn found(&self) -> bool {
        self.count > 0 || !self.losses.is_empty() || self.inner.iter().any(Self::found)
    }

    /// How many of the conditions stand as they must; then what they count.
    fn nearness(&self, wanted: bool) -> (usize, u64) {
        if self.inner.is_empty() {
            return (usize::from(self.holds == wanted), self.count);
        }
        let wanted = wanted != (self.condition == NONE);
        let inner = self.inner.iter().map(|inner| inner.nearness(wanted));
        inner.fold((0, 0), |(hold, count), (one, counts)| (hold + one, count.saturating_add(counts)))
    }
}

const ALL: &str = "all of";
const ANY: &str = "any of";
const NONE: &str = "none of";

pub(super) fn explain(
    set: &Compiled,
    answers: &mut Answers<'_>,
    mail: &Mail<'_>,
    inspection: Inspection,
) -> Explanation {
    let seen = Seen::new(set, answers.pieces, mail.deadline);
    let mut explainer = Explainer { set, judge: Judge::new(set, answers, mail), seen };
    let policies = set.engine.policies.iter();
    let policies = policies
        .map(|policy| {
            let violated = inspection.violations.iter().any(|one| one.policy.id == policy.info.id);
            let mut rules: Vec<RuleOutcome> =
                policy.rules.clone().map(|rule| explainer.rule(policy, rule)).collect();
            if policy.info.id == NOT_FULLY_INSPECTED {
                answered(&mut rules, &inspection);
            }
            PolicyOutcome { policy: policy.info.clone(), violated, rules }
        })
        .collect();
    Explanation { inspection, policies }
}

/// What is left of the built-in policy's rules once others have answered for what they found.
fn answered(rules: &mut [RuleOutcome], inspection: &Inspection) {
    let own = inspection.violations.iter().find(|one| one.policy.id == NOT_FULLY_INSPECTED);
    for rule in rules.iter_mut().filter(|rule| rule.end == RuleEnd::Matched) {
        let hit = own.and_then(|own| own.rules.iter().find(|hit| hit.name == rule.name));
        match hit {
            Some(hit) => rule.left = hit.count,
            None => rule.end = RuleEnd::Answered,
        }
    }
}

struct Explainer<'e, 'a> {
    set: &'e Compiled,
    judge: Judge<'e, 'a>,
    seen: Option<Seen>,
}

impl Explainer<'_, '_> {
    fn rule(&mut self, policy: &Policy, number: u32) -> RuleOutcome {
        let rule = &self.set.engine.rules[number as usize];
        let held = self.judge.rule(number, &HashSet::new());
        let after = held.as_ref().and_then(|_| self.judge.after_exceptions(policy, number));
        let (component, conditions, count) = match rule.per_component {
            true => self.nearest(rule),
            false => {
                let (outcome, count) = self.tree(&rule.tree, Within::All(&HashSet::new()));
                (None, outcome, count)
            }
        };
        let end = match (&after, &held) {
            (Some(_), _) => RuleEnd::Matched,
            (None, Some(_)) => RuleEnd::Excepted,
            (None, None) if conditions.holds => RuleEnd::Count,
            (None, None) => RuleEnd::Conditions,
        };
        let (exceptions, left) = match &held {
            Some(held) => self.exceptions(policy, held),
            None => (Vec::new(), count),
        };
        RuleOutcome {
            name: rule.name.clone(),
            end,
            count: held.map_or(count, |held| held.count),
            left: after.map_or(left, |after| after.count),
            at_least: rule.at_least,
            component,
            exceptions,
            conditions,
        }
    }

    /// The component in which a rule holds with the highest count, or comes nearest to it.
    fn nearest(&mut self, rule: &Rule) -> (Option<String>, ConditionOutcome, u64) {
        let scopes = self.judge.components(rule);
        let (scope, outcome, count) = self.nearest_of(&scopes, &rule.tree);
        (scope.map(|scope| self.judge.answers.component(scope)), outcome, count)
    }

    fn nearest_of(&mut self, scopes: &[Scope], tree: &Node) -> (Option<Scope>, ConditionOutcome, u64) {
        // What was lost is told of one of them only.
        let seen = self.seen.take();
        let each = scopes.iter().map(|scope| {
            let (outcome, count) = self.tree(tree, Within::One(*scope));
            ((outcome.holds, count, outcome.nearness(true)), Reverse(*scope))
        });
        let best = each.max().map(|(_, Reverse(scope))| scope);
        self.seen = seen;
        let (outcome, count) = match best {
            Some(scope) => self.tree(tree, Within::One(scope)),
            None => self.tree(tree, Within::All(&HashSet::new())),
        };
        (best, outcome, count)
    }

    // ---- exceptions

    /// What the exceptions from a rule did, and what they leave of its count.
    fn exceptions(&mut self, policy: &Policy, held: &Held) -> (Vec<ExceptionOutcome>, u64) {
        let (mut all, mut without, mut message) = (Vec::new(), HashSet::new(), false);
        for exception in policy.exceptions.iter().filter(|exception| exception.concerns(held.rule)) {
            let covered = self.judge.covered(exception, held.rule);
            all.push(self.exception(exception, held, &covered));
            match covered {
                Covered::Nothing => {}
                Covered::Components(scopes) => without.extend(scopes),
                Covered::Message => message = true,
            }
        }
        (all, if message { 0 } else { self.judge.left(held, &without) })
    }

    fn exception(&mut self, exception: &Exception, held: &Held, covered: &Covered) -> ExceptionOutcome {
        let effect = match covered {
            Covered::Nothing => match exception.until.filter(|_| self.judge.is_over(exception)) {
                Some(until) => Effect::Over(until),
                None => Effect::Nothing,
            },
            Covered::Message => Effect::Message,
            Covered::Components(scopes) => self.taken(held, scopes),
        };
        let mut scopes = Vec::new();
        if !exception.whole_message {
            scopes.extend(self.judge.open_to(exception, held.rule));
            scopes.sort_unstable();
        }
        let (_, conditions, count) = self.nearest_of(&scopes, &exception.tree);
        ExceptionOutcome {
            name: exception.name.clone(),
            effect,
            count,
            at_least: exception.at_least,
            conditions,
        }
    }

    /// What a rule loses with these components.
    fn taken(&mut self, held: &Held, scopes: &HashSet<Scope>) -> Effect {
        let mut in_order: Vec<Scope> = scopes.iter().copied().collect();
        in_order.sort_unstable();
        let names = in_order.into_iter().map(|scope| self.judge.answers.component(scope)).collect();
        Effect::Components(names, held.count.saturating_sub(self.judge.left(held, scopes)))
    }

    // ---- conditions

    /// What became of a tree, and what it counts if it holds.
    fn tree(&mut self, tree: &Node, within: Within<'_>) -> (ConditionOutcome, u64) {
        let outcome = self.node(tree, within);
        let count = self.judge.counted(tree, within).map_or(0, |(count, _)| count);
        (outcome, count)
    }

    fn node(&mut self, node: &Node, within: Within<'_>) -> ConditionOutcome {
        let (condition, nodes) = match node {
            Node::Leaf(leaf) => return self.leaf(leaf, within),
            Node::All(nodes) => (ALL, nodes),
            Node::Any(nodes) => (ANY, nodes),
            Node::None(nodes) => (NONE, nodes),
        };
        let mut inner = Vec::new();
        for one in nodes {
            match (node, one) {
                // `all` beside `none` in a rule is a list in a list.
                (Node::All(_), Node::All(nodes)) => {
                    inner.extend(nodes.iter().map(|node| self.node(node, within)))
                }
                _ => inner.push(self.node(one, within)),
            }
        }
        ConditionOutcome {
            condition: condition.to_owned(),
            holds: self.judge.counted(node, within).is_some(),
            count: 0,
            at_least: 1,
            fact: None,
            losses: Vec::new(),
            inner,
        }
    }

    fn leaf(&mut self, leaf: &Leaf, within: Within<'_>) -> ConditionOutcome {
        let atom = &self.set.engine.atoms[leaf.atom as usize];
        let (holds, count) = self.judge.answers.count(leaf, within);
        let losses = match &self.seen {
            Some(seen) => seen.losses(self.judge.answers, self.set, leaf, within),
            None => Vec::new(),
        };
        ConditionOutcome {
            condition: atom.label.clone(),
            holds,
            count,
            at_least: leaf.at_least,
            fact: self.judge.answers.fact(&atom.test),
            losses,
            inner: Vec::new(),
        }
    }
}
