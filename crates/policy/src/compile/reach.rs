//! Warnings for counts that cannot be reached, and tiers that never decide.

use super::library::Library;
use super::model::{Atom, Leaf, Node, Rule, Test};
use crate::diagnostic::{Diagnostics, Place};
use crate::syntax::condition::{Condition, Count, Test as Written};
use crate::syntax::policy as syntax;
use crate::syntax::read::At;

/// How high counts can get.
pub(crate) struct Reach<'r> {
    pub(crate) atoms: &'r [Atom],
    pub(crate) library: &'r Library<'r>,
}

impl Reach<'_> {
    /// Looks at the thresholds of a rule, its conditions and its tiers.
    pub(crate) fn rule(&self, source: &syntax::Rule, rule: &Rule, place: &Place, out: &mut Diagnostics) {
        let most = self.condition(&source.condition, &rule.tree, place, out);
        self.threshold(source.at_least.as_ref(), most, place, out);
        // The count of a rule for each component is that of all of them.
        if !rule.per_component {
            source.tiers.iter().for_each(|tier| self.threshold(Some(&tier.at_least), most, place, out));
        }
    }

    /// Looks at the thresholds of an exception and its conditions.
    pub(crate) fn exception(
        &self,
        source: &syntax::Exception,
        tree: &Node,
        place: &Place,
        out: &mut Diagnostics,
    ) {
        let most = self.condition(&source.condition, tree, place, out);
        self.threshold(source.at_least.as_ref(), most, place, out);
    }

    fn threshold(&self, at_least: Option<&At<u64>>, most: Option<u64>, place: &Place, out: &mut Diagnostics) {
        if let Some(least) = at_least
            && let Some(most) = most.map(|most| most.max(1))
            && least.value > most
        {
            out.warn(
                "W0207",
                &place.at(least.span.clone()),
                format!(
                    "a count of {} is asked for, but the conditions can count {most} at most",
                    least.value
                ),
            )
            .label("out of reach")
            .remedy("lower the number, or count all matches (count = \"all\")");
        }
    }

    /// What a condition can count at most, if there is a bound. Reports numbers of different words that are more than there
    /// are.
    fn condition(
        &self,
        written: &Condition,
        node: &Node,
        place: &Place,
        out: &mut Diagnostics,
    ) -> Option<u64> {
        match (&written.test, node) {
            (Written::All(inner), Node::All(nodes)) | (Written::Any(inner), Node::Any(nodes)) => {
                let each = inner.iter().zip(nodes);
                let most: Vec<Option<u64>> =
                    each.map(|(inner, node)| self.condition(inner, node, place, out)).collect();
                most.into_iter().try_fold(0u64, |sum, most| Some(sum.saturating_add(most?)))
            }
            (Written::None(inner), Node::None(nodes)) => {
                for (inner, node) in inner.iter().zip(nodes) {
                    self.condition(inner, node, place, out);
                }
                Some(0)
            }
            (_, Node::Leaf(leaf)) => self.leaf(written, leaf, place, out),
            _ => None,
        }
    }

    fn leaf(&self, written: &Condition, leaf: &Leaf, place: &Place, out: &mut Diagnostics) -> Option<u64> {
        let words = match &written.test {
            Written::Words { words, .. } if leaf.mode == Count::Unique => self.library.plain_words(words),
            _ => None,
        };
        if let (Some(least), Some(known)) = (&written.at_least, words)
            && least.value > known as u64
        {
            out.warn(
                "W0207",
                &place.at(least.span.clone()),
                format!("{} different words are asked for, but only {known} are given", least.value),
            )
            .label("out of reach")
            .remedy("lower the number, add words, or count all matches (count = \"all\")");
        }
        if !leaf.counts || self.atoms.get(leaf.atom as usize).is_some_and(|atom| is_fact(&atom.test)) {
            return Some(0);
        }
        words.map(|known| known as u64)
    }
}

/// Whether there is nothing to count.
fn is_fact(test: &Test) -> bool {
    matches!(
        test,
        Test::AttachmentCount(_)
            | Test::MessageSize(_)
            | Test::Sender(_)
            | Test::Recipients { .. }
            | Test::HeaderPresent { .. }
            | Test::HeaderEquals { .. }
            | Test::Time(_)
            | Test::Direction(_)
    )
}

/// Reports tiers that begin where another does, or below the count that the rule takes.
pub(crate) fn tiers(source: &syntax::Rule, rule: &Rule, place: &Place, out: &mut Diagnostics) {
    let mut seen = Vec::new();
    let least = rule.at_least.max(least(&rule.tree));
    for tier in &source.tiers {
        let here = place.at(tier.at_least.span.clone());
        if seen.contains(&tier.at_least.value) {
            out.warn("W0209", &here, "two tiers begin at the same count")
                .label("the second is never used")
                .remedy("give each tier a count of its own");
        } else if tier.at_least.value < least {
            out.warn("W0209", &here, "a tier begins below the count that the rule takes")
                .label(format!("the rule matches from {least} on"))
                .remedy(format!("let the tier begin above {least}, or lower the number of the rule"));
        }
        seen.push(tier.at_least.value);
    }
}

/// What a tree counts at least where it holds.
fn least(node: &Node) -> u64 {
    match node {
        Node::Leaf(leaf) if leaf.counts => leaf.at_least,
        Node::Leaf(_) | Node::None(_) => 0,
        Node::All(nodes) => nodes.iter().map(least).max().unwrap_or(0),
        Node::Any(nodes) => nodes.iter().map(least).min().unwrap_or(0),
    }
}
