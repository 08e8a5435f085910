//! Finds the identifiers that need not be looked for in most texts: those of which only matches near some word count, and
//! those of which no rule makes anything where other words are missing.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Questions;
use super::model::{Delayed, Node, Rule, Source, Test, Waiting};
use super::policies::needed_matches;

impl Questions {
    /// Identifiers that only count near words, by the list of the words. An identifier that some question asks for by
    /// itself, or that is itself the word beside another match, is not among them; those of lists that are delayed are.
    pub(super) fn waiting(&self, delayed: &BTreeSet<u32>) -> Vec<Waiting> {
        let members = self.collector.members();
        let mut busy = self.lists_asked_alone();
        busy.retain(|list| !delayed.contains(list));
        busy.extend(self.nears.iter().map(|near| near.near));
        // Words that are identifiers may themselves be waiting.
        busy.extend(self.nears.iter().filter(|near| self.has_identifier(near.near)).map(|near| near.list));
        let at_work: BTreeSet<u32> =
            busy.iter().flat_map(|list| members[*list as usize].iter().copied()).collect();
        let mut by_words: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for near in &self.nears {
            let waits =
                |pattern: &&u32| self.collector.is_identifier(**pattern) && !at_work.contains(pattern);
            let patterns = members[near.list as usize].iter().filter(waits);
            by_words.entry(near.near).or_default().extend(patterns);
        }
        let some = by_words.into_iter().filter(|(_, patterns)| !patterns.is_empty());
        some.map(|(words, patterns)| Waiting { words, patterns: patterns.into_iter().collect() }).collect()
    }

    /// Lists of identifiers that are looked for when all else has been: every rule that asks for one has other words or
    /// expressions without which it cannot hold. `elsewhere` are the trees of exceptions.
    pub(super) fn delayed<'n>(
        &self,
        rules: &[Rule],
        elsewhere: impl Iterator<Item = &'n Node>,
    ) -> (BTreeSet<u32>, Vec<Delayed>) {
        let quick = |source: &Source| match source {
            Source::List(list) => !self.has_identifier(*list),
            Source::Near(near) => self
                .nears
                .get(*near as usize)
                .is_some_and(|near| !self.has_identifier(near.list) && !self.has_identifier(near.near)),
        };
        let mut at_once: BTreeSet<u32> = elsewhere.flat_map(|tree| self.lists_of(tree)).collect();
        at_once.extend(self.nears.iter().flat_map(|near| [near.list, near.near]));
        let mut companions: BTreeMap<u32, BTreeSet<Source>> = BTreeMap::new();
        for rule in rules {
            let needed = needed_matches(&rule.tree, self, &quick);
            for list in self.lists_of(&rule.tree) {
                match &needed {
                    Some(needed) => companions.entry(list).or_default().extend(needed),
                    None => _ = at_once.insert(list),
                }
            }
        }
        let members = self.collector.members();
        let only_identifiers =
            |list: &u32| members[*list as usize].iter().all(|one| self.collector.is_identifier(*one));
        let mut lists: BTreeSet<u32> = companions.keys().copied().filter(only_identifiers).collect();
        lists.retain(|list| !at_once.contains(list));
        // A pattern is looked for once: a list with one that another list needs at once does not wait either. Lists whose
        // matches count only near words are another matter: these words decide.
        let mut near_only: BTreeSet<u32> = self.nears.iter().map(|near| near.list).collect();
        for near in self.nears.iter().filter(|near| self.has_identifier(near.near)) {
            near_only.remove(&near.list);
        }
        let asked_alone = self.lists_asked_alone();
        loop {
            let others = (0..members.len() as u32).filter(|list| {
                !lists.contains(list) && (asked_alone.contains(list) || !near_only.contains(list))
            });
            let busy: BTreeSet<u32> =
                others.flat_map(|list| members[list as usize].iter().copied()).collect();
            let before = lists.len();
            lists.retain(|list| !members[*list as usize].iter().any(|pattern| busy.contains(pattern)));
            if lists.len() == before {
                break;
            }
        }
        let delayed = lists.iter().map(|list| Delayed {
            companions: companions[list].iter().copied().collect(),
            patterns: members[*list as usize].to_vec(),
        });
        let delayed = delayed.collect();
        (lists, delayed)
    }

    fn has_identifier(&self, list: u32) -> bool {
        self.collector.members()[list as usize].iter().any(|one| self.collector.is_identifier(*one))
    }

    /// Lists of which every match counts.
    fn lists_asked_alone(&self) -> BTreeSet<u32> {
        self.atoms.iter().flat_map(|atom| lists_of(&atom.test)).collect()
    }

    /// Those that a tree asks for.
    fn lists_of(&self, tree: &Node) -> Vec<u32> {
        let atoms = tree.leaves().into_iter().filter_map(|leaf| self.atoms.get(leaf.atom as usize));
        atoms.flat_map(|atom| lists_of(&atom.test)).collect()
    }
}

fn lists_of(test: &Test) -> Vec<u32> {
    let Test::Content(content) = test else { return Vec::new() };
    let lists = content.sources.iter().filter_map(|source| match source {
        Source::List(list) => Some(*list),
        Source::Near(_) => None,
    });
    lists.collect()
}

#[cfg(test)]
mod tests {
    use crate::{Set, SourceFile};

    /// How many identifiers a policy with these rules leaves for last.
    fn delayed(rules: &str) -> usize {
        let files = [
            SourceFile::new("p.toml", format!("id = 1\nname = \"P\"\nmode = \"on\"\n{rules}")),
            SourceFile::new("identifiers/n.toml", "name = \"n\"\n[wide]\npatterns = ['\\d{4}']\n"),
        ];
        let set =
            Set::load_files(&files).map_err(|told| told.iter().map(ToString::to_string).collect::<String>());
        set.unwrap().set.compiled().engine.delayed.iter().map(|one| one.patterns.len()).sum()
    }

    #[test]
    fn identifiers_wait_where_no_rule_can_hold_without_other_words() {
        let with_word =
            "[[rule]]\nname = \"w\"\nall = [{ any = [{ identifier = \"n\" }] }, { keywords = \"plan\" }]\n";
        assert_eq!(delayed(with_word), 1);
        let alone = "[[rule]]\nname = \"a\"\nidentifier = \"n\"\nat_least = 2\n";
        assert_eq!(delayed(alone), 0);
        assert_eq!(delayed(&format!("{with_word}{alone}")), 0);
        let exception = "[[exception]]\nname = \"e\"\nidentifier = \"n\"\n";
        assert_eq!(delayed(&format!("{with_word}{exception}")), 0);
        let under_none =
            "[[rule]]\nname = \"n\"\nall = [{ identifier = \"n\" }]\nnone = [{ keywords = \"plan\" }]\n";
        assert_eq!(delayed(under_none), 0);
    }
}
