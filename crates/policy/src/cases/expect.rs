//! Holds what was found against what a case says, and tells the difference in words.

use crate::set::Set;
use crate::syntax::cases::Case;
use crate::verdict::{Inspection, Match, Violation};

/// What a case is about.
pub(super) enum Subject {
    /// The number of a policy.
    Policy(u32),
    /// Breadths, and the numbers of the policies that stand for them.
    Identifier(Vec<(&'static str, u32)>),
}

/// What is not as the case says.
pub(super) fn failures(case: &Case, subject: &Subject, inspection: &Inspection, set: &Set) -> Vec<String> {
    let violation = |id: u32| inspection.violations.iter().find(|violation| violation.policy.id == id);
    match subject {
        Subject::Policy(id) => {
            let rules =
                set.policies().iter().find(|policy| policy.id == *id).map(|policy| policy.rules.as_slice());
            of_policy(case, violation(*id), rules.unwrap_or_default())
        }
        Subject::Identifier(breadths) => {
            let meant = |breadth: &str| {
                case.breadths.is_empty() || case.breadths.iter().any(|meant| meant == breadth)
            };
            let unknown =
                case.breadths.iter().filter(|meant| !breadths.iter().any(|(known, _)| known == meant));
            let mut all: Vec<String> =
                unknown.map(|breadth| format!("the identifier has no breadth {breadth}")).collect();
            let tried = breadths.iter().filter(|(breadth, _)| meant(breadth));
            all.extend(tried.flat_map(|(breadth, id)| at_breadth(case, breadth, violation(*id))));
            all
        }
    }
}

fn of_policy(case: &Case, violation: Option<&Violation>, known: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for rule in &case.rules {
        let hit = violation.is_some_and(|violation| violation.rules.iter().any(|hit| hit.name == *rule));
        if !known.contains(rule) {
            all.push(format!("the policy has no rule `{rule}`"));
        } else if case.find && !hit && violation.is_some() {
            all.push(format!("rule `{rule}` must match, but does not"));
        } else if !case.find && hit {
            all.push(format!("rule `{rule}` must not match, but does"));
        }
    }
    match violation {
        None if case.find => all.push("must be found, but is not".to_owned()),
        Some(violation) if !case.find && case.rules.is_empty() => {
            all.push(format!("must not be found, but {}", found(violation)))
        }
        Some(violation) if case.find => all.extend(numbers(case, violation)),
        _ => {}
    }
    all
}

fn at_breadth(case: &Case, breadth: &str, violation: Option<&Violation>) -> Vec<String> {
    match violation {
        None if case.find => vec![format!("must be found at breadth {breadth}, but is not")],
        Some(violation) if !case.find => {
            let what = violation.matches.first().map_or_else(
                || "it is".to_owned(),
                |found| format!("\"{}\" is {}", found.text, place(found)),
            );
            vec![format!("must not be found at breadth {breadth}, but {what}")]
        }
        Some(violation) => numbers(case, violation)
            .into_iter()
            .map(|failure| format!("at breadth {breadth} {failure}"))
            .collect(),
        None => Vec::new(),
    }
}

fn numbers(case: &Case, violation: &Violation) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(count) = case.count.filter(|count| *count != violation.match_count) {
        all.push(format!("the match count is {}, not {count}", violation.match_count));
    }
    if let Some(severity) = case.severity.filter(|severity| *severity != violation.severity) {
        all.push(format!("the severity is {}, not {severity}", violation.severity));
    }
    all
}

fn found(violation: &Violation) -> String {
    match violation.matches.first() {
        Some(found) => format!("rule `{}` found \"{}\" {}", found.rule, found.text, place(found)),
        None => format!("rule `{}` matched", violation.rules.first().map_or("", |rule| &rule.name)),
    }
}

fn place(found: &Match) -> String {
    if found.path.is_empty() { format!("in the {}", found.component) } else { format!("in {}", found.path) }
}
