//! Finds the identifiers that need not be looked for in most texts: those of which only matches near some word count.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Questions;
use super::model::{Source, Test, Waiting};

impl Questions {
    /// Identifiers that only count near words, by the list of the words. An identifier that some question asks for by
    /// itself, or that is itself the word beside another match, is not among them.
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let members = self.collector.members();
        let mut busy: BTreeSet<u32> = self.lists_asked_alone();
        busy.extend(self.nears.iter().map(|near| near.near));
        // Words that are identifiers may themselves be waiting.
        let words = |list: u32| !members[list as usize].iter().any(|one| self.collector.is_identifier(*one));
        busy.extend(self.nears.iter().filter(|near| !words(near.near)).map(|near| near.list));
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

    /// Lists of which every match counts.
    fn lists_asked_alone(&self) -> BTreeSet<u32> {
        let contents = self.atoms.iter().filter_map(|atom| match &atom.test {
            Test::Content(content) => Some(content),
            _ => None,
        });
        let lists = contents.flat_map(|content| &content.sources).filter_map(|source| match source {
            Source::List(list) => Some(*list),
            Source::Near(_) => None,
        });
        lists.collect()
    }
}
