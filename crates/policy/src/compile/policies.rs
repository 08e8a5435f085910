//! Policies with their rules and exceptions, and which of them a find may concern.

use std::sync::Arc;

use super::conditions::{Context, Questions, UsualNeed};
use super::model::{DocumentsTest, ExactTest, Exception, Leaf, Node, Policy, Rule, Source, Test, Triggers};
use crate::diagnostic::Diagnostics;
use crate::syntax::condition::Count;
use crate::syntax::policy as syntax;
use crate::syntax::read::nearest;
use crate::verdict::PolicyInfo;

/// Rules of all policies, in the order of policy numbers.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) policies: Vec<Policy>,
    pub(crate) rules: Vec<Rule>,
}

impl Rules {
    /// Adds a policy. `context` makes the context of a rule or an exception.
    pub(crate) fn add<'c>(
        &mut self,
        policy: &syntax::Policy,
        info: Arc<PolicyInfo>,
        questions: &mut Questions,
        context: &dyn Fn(UsualNeed) -> Context<'c>,
        out: &mut Diagnostics,
    ) {
        let first = self.rules.len() as u32;
        let number = self.policies.len() as u32;
        for rule in &policy.rules {
            let cx = Context { count: rule.count, ..context(UsualNeed::One) }.looking_in(&rule.places, out);
            if let Some(tree) = questions.node(&rule.condition, &cx, out) {
                self.rules.push(compiled(rule, policy, number, tree, questions));
            }
        }
        let rules = first..self.rules.len() as u32;
        let exceptions = policy
            .exceptions
            .iter()
            .filter_map(|exception| {
                let cx = Context { count: exception.count, ..context(UsualNeed::All) }
                    .looking_in(&exception.places, out);
                let tree = questions.node(&exception.condition, &cx, out)?;
                Some(self.exception(exception, policy, rules.clone(), tree, questions, out))
            })
            .collect();
        self.policies.push(Policy { info, rules, exceptions });
    }

    fn exception(
        &self,
        exception: &syntax::Exception,
        policy: &syntax::Policy,
        rules: std::ops::Range<u32>,
        tree: Node,
        questions: &Questions,
        out: &mut Diagnostics,
    ) -> Exception {
        let mut numbers = Vec::new();
        for name in &exception.rules {
            match rules.clone().find(|rule| self.rules[*rule as usize].name == name.value) {
                Some(rule) => numbers.push(rule),
                None => {
                    let known = policy.rules.iter().map(|rule| rule.name.value.as_str());
                    let remedy = match nearest(&name.value, known.clone()) {
                        Some(close) => format!("write \"{close}\""),
                        None => format!("its rules are {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    out.error(
                        "E0321",
                        &policy.place.at(name.span.clone()),
                        format!("the policy has no rule `{}`", name.value),
                    )
                    .label("unknown rule")
                    .remedy(remedy);
                }
            }
        }
        let bound = tree.leaves().iter().any(|leaf| is_bound(leaf, questions));
        Exception {
            name: exception.name.clone().unwrap_or_else(|| "exception".to_owned()),
            rules: numbers,
            // What is not found in a component holds for all of the message.
            whole_message: exception.whole_message || !bound,
            until: exception.until.as_ref().map(|until| until.value),
            tree,
            at_least: exception.at_least.as_ref().map_or(1, |least| least.value),
        }
    }
}

fn compiled(
    rule: &syntax::Rule,
    policy: &syntax::Policy,
    number: u32,
    tree: Node,
    questions: &Questions,
) -> Rule {
    let mut tiers: Vec<(u64, crate::Severity)> =
        rule.tiers.iter().map(|tier| (tier.at_least.value, tier.severity)).collect();
    tiers.sort_by_key(|(at_least, _)| std::cmp::Reverse(*at_least));
    Rule {
        name: rule.name.value.clone(),
        policy: number,
        per_component: rule.per_component,
        holds_empty: needed(&tree, questions, &|_| true).is_none(),
        at_least: rule.at_least.as_ref().map_or(1, |least| least.value),
        severity: rule.severity.unwrap_or(policy.severity),
        tiers,
        tree,
    }
}

/// Whether the answer stands in some component of the message, and not in its envelope, size or time.
pub(crate) fn is_bound(leaf: &Leaf, questions: &Questions) -> bool {
    let test = questions.atoms.get(leaf.atom as usize).map(|atom| &atom.test);
    matches!(
        test,
        Some(
            Test::Content(_)
                | Test::Exact(_)
                | Test::Documents(_)
                | Test::Learned(_)
                | Test::File(_)
                | Test::Encrypted
                | Test::Unscannable(_)
                | Test::Ambiguous(_)
        )
    )
}

/// What a tree cannot hold without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Needed {
    Matches(Vec<Source>),
    Probe(u32),
    Files,
    Findings,
}

/// One of these must be there for the tree to hold, of those that are `wanted`; `None` if it may hold without any.
fn needed(node: &Node, questions: &Questions, wanted: &dyn Fn(&Needed) -> bool) -> Option<Vec<Needed>> {
    match node {
        Node::Leaf(leaf) => {
            let needed = match &questions.atoms.get(leaf.atom as usize)?.test {
                Test::Content(content) => Needed::Matches(content.sources.clone()),
                Test::Exact(ExactTest { probe, .. }) | Test::Documents(DocumentsTest { probe, .. }) => {
                    Needed::Probe(*probe)
                }
                Test::File(_) => Needed::Files,
                Test::Encrypted | Test::Unscannable(_) | Test::Ambiguous(_) => Needed::Findings,
                _ => return None,
            };
            wanted(&needed).then(|| vec![needed])
        }
        // Any child will do: the one that is rarest to be there, by the number of its lists.
        Node::All(nodes) => {
            let each = nodes.iter().filter_map(|node| needed(node, questions, wanted));
            each.min_by_key(|needed| cost(needed))
        }
        Node::Any(nodes) => {
            let all: Option<Vec<Vec<Needed>>> =
                nodes.iter().map(|node| needed(node, questions, wanted)).collect();
            let mut all: Vec<Needed> = all?.concat();
            all.sort_unstable();
            all.dedup();
            Some(all)
        }
        Node::None(_) => None,
    }
}

/// Sources of which one must have a match for a tree to hold, if there are some of which all are `quick`.
pub(crate) fn needed_matches(
    node: &Node,
    questions: &Questions,
    quick: &dyn Fn(&Source) -> bool,
) -> Option<Vec<Source>> {
    let is_quick = |one: &Needed| matches!(one, Needed::Matches(sources) if sources.iter().all(quick));
    let sources = |one| if let Needed::Matches(sources) = one { sources } else { Vec::new() };
    Some(needed(node, questions, &is_quick)?.into_iter().flat_map(sources).collect())
}

/// Files are in every other mail; a match of a pattern is rare.
fn cost(needed: &[Needed]) -> usize {
    let each = needed.iter().map(|one| match one {
        Needed::Matches(sources) => {
            // A match that needs another near by is rarer than one alone.
            sources.iter().map(|source| if matches!(source, Source::Near(_)) { 1 } else { 2 }).sum()
        }
        Needed::Probe(_) => 1,
        Needed::Findings => 8,
        Needed::Files => 1_000,
    });
    each.sum()
}

/// Which rules what may concern; rules of policies that are off are not in it.
pub(crate) fn triggers(rules: &[Rule], lists: usize, nears: usize, questions: &Questions) -> Triggers {
    let by_probe = vec![Vec::new(); questions.probes.len()];
    let mut triggers =
        Triggers { by_source: vec![Vec::new(); lists + nears], by_probe, ..Triggers::default() };
    for (number, rule) in rules.iter().enumerate() {
        let number = number as u32;
        let Some(needed) = needed(&rule.tree, questions, &|_| true) else {
            triggers.always.push(number);
            continue;
        };
        for one in needed {
            match one {
                Needed::Files => triggers.files.push(number),
                Needed::Probe(probe) => triggers.by_probe[probe as usize].push(number),
                Needed::Findings => triggers.findings.push(number),
                Needed::Matches(sources) => {
                    for source in sources {
                        let index = match source {
                            Source::List(list) => list as usize,
                            Source::Near(near) => lists + near as usize,
                        };
                        triggers.by_source[index].push(number);
                    }
                }
            }
        }
    }
    triggers
}

/// The default of rules that do not say which matches count.
pub(crate) const USUAL_COUNT: Count = Count::All;
