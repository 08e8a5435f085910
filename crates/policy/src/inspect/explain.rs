//! Why each policy is or is not violated: which rules matched, and how near the others came.

use std::collections::HashSet;
use std::sync::Arc;

use super::answers::Answers;
use super::judge::Judge;
use crate::compile::model::Compiled;
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
    /// Whether its conditions held.
    pub held: bool,
    /// Its count, if they did.
    pub count: u64,
    /// The count that it takes.
    pub at_least: u64,
    /// The exceptions that took the rule, or some of its matches, away.
    pub excepted_by: Option<String>,
    /// Its conditions.
    pub conditions: Vec<ConditionOutcome>,
}

/// What became of a condition, looked at in the whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionOutcome {
    /// The condition in words.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
    /// What it counts; 0 for what is no number.
    pub count: u64,
    /// The count that it takes.
    pub at_least: u64,
}

impl RuleOutcome {
    /// How many of its conditions hold.
    pub fn nearness(&self) -> usize {
        self.conditions.iter().filter(|condition| condition.holds).count()
    }
}

pub(super) fn explain(
    set: &Compiled,
    answers: &mut Answers<'_>,
    mail: &Mail<'_>,
    inspection: Inspection,
) -> Explanation {
    let engine = &set.engine;
    let mut judge = Judge::new(set, answers, mail);
    let policies = engine
        .policies
        .iter()
        .map(|policy| PolicyOutcome {
            policy: policy.info.clone(),
            violated: inspection.violations.iter().any(|violation| violation.policy.id == policy.info.id),
            rules: policy
                .rules
                .clone()
                .map(|number| {
                    let rule = &engine.rules[number as usize];
                    let held = judge.rule(number, &HashSet::new());
                    RuleOutcome {
                        name: rule.name.clone(),
                        held: held.is_some(),
                        count: held.map_or(0, |held| held.count),
                        at_least: rule.at_least,
                        excepted_by: judge.excepted_by(policy, number),
                        conditions: judge
                            .conditions(number)
                            .into_iter()
                            .map(|(leaf, holds, count)| outcome(set, &leaf, holds, count))
                            .collect(),
                    }
                })
                .collect(),
        })
        .collect();
    Explanation { inspection, policies }
}

fn outcome(set: &Compiled, leaf: &crate::compile::model::Leaf, holds: bool, count: u64) -> ConditionOutcome {
    let condition = set.engine.atoms[leaf.atom as usize].label.clone();
    ConditionOutcome { condition, holds, count, at_least: leaf.at_least }
}
