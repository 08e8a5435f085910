//! What questions about content count: matches in the order of the message, renderings of one thing once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Instant;

use content::Reason;

use super::{Answers, At, Item, Within, counted};
use crate::compile::model::Content;
use crate::inspect::gather::{AT_A_TIME, Found, write_value};
use crate::inspect::matches::Source;
use crate::inspect::tally::Tally;
use crate::syntax::condition::Count;

impl Answers<'_> {
    pub(super) fn content(&mut self, atom: u32, content: &Content) -> Vec<Item> {
        let settings = &self.set.settings;
        let mut tally = Tally::new(settings.count_limit, settings.kept_matches);
        let sources = content
            .sources
            .iter()
            .filter_map(|source| self.gathered.sources.get(self.set.engine.index(*source)));
        let (mut value, mut furthest) = (String::new(), (0, 0));
        for (number, found) in in_order(sources.collect()).enumerate() {
            if number % AT_A_TIME == AT_A_TIME - 1 && Instant::now() >= self.mail.deadline {
                self.cut.push((found.piece, Reason::Timeout));
                tally.stopped = true;
                break;
            }
            let piece = self.pieces.get(found.piece);
            if !piece.admitted_by(&content.places) {
                continue;
            }
            write_value(piece.text, &found.span(), &mut value);
            if !content.exclude.is_empty() && content.exclude.contains(&value) {
                continue;
            }
            // Lists that are counted together may find the same text: the outermost counts.
            if content.sources.len() > 1 {
                if (found.piece, found.end) <= furthest {
                    continue;
                }
                furthest = (found.piece, found.end);
            }
            tally.add(found, piece, &value);
        }
        self.cut.extend(tally.over.map(|piece| (piece, Reason::TooBig)));
        if tally.stopped {
            self.stopped.insert(atom);
        }
        if !tally.full.is_empty() {
            self.full.insert(atom, std::mem::take(&mut tally.full));
        }
        self.told(tally)
    }

    /// What counts: renderings of one thing once, in the order of components.
    fn told(&self, tally: Tally) -> Vec<Item> {
        let mut items = tally.into_items();
        self.once_for_each_view(&mut items);
        items.sort_by_key(|item| item.scope);
        items
    }

    /// How many matches these are, with their values.
    pub(in crate::inspect) fn how_many(
        &self,
        found: &[(Found, String)],
        mode: Count,
        within: Within<'_>,
    ) -> u64 {
        let mut tally = Tally::new(usize::MAX, 0);
        found.iter().for_each(|(one, value)| tally.add(*one, self.pieces.get(one.piece), value));
        counted(&self.told(tally), mode, within)
    }

    /// Renderings of one thing count once: of each value, those of the rendering that has it most often.
    fn once_for_each_view(&self, items: &mut Vec<Item>) {
        let view = |item: &Item| match item.at {
            At::Text(found) => self.pieces.get(found.piece).view,
            _ => None,
        };
        let mut counts: BTreeMap<(u32, u32), BTreeMap<u16, u64>> = BTreeMap::new();
        for item in items.iter() {
            if let Some(view) = view(item) {
                *counts.entry((view.group, item.value)).or_default().entry(view.index).or_default() +=
                    item.weight;
            }
        }
        if counts.is_empty() {
            return;
        }
        let best = |group: u32, value: u32| {
            let by_index = counts.get(&(group, value))?;
            by_index.iter().max_by_key(|(index, count)| (**count, Reverse(**index))).map(|(index, _)| *index)
        };
        items.retain(|item| view(item).is_none_or(|view| best(view.group, item.value) == Some(view.index)));
    }
}

/// The matches of several sources in the order of the message, at one place the longest first.
fn in_order(sources: Vec<&Source>) -> Box<dyn Iterator<Item = Found> + '_> {
    if let [one] = sources.as_slice() {
        return Box::new(one.iter());
    }
    let mut rest: Vec<_> = sources.into_iter().map(|source| source.iter()).collect();
    let key = |found: &Found, source: usize| (found.piece, found.start, Reverse(found.end), source);
    let mut heads = BinaryHeap::new();
    for (source, rest) in rest.iter_mut().enumerate() {
        heads.extend(rest.next().map(|found| Reverse((key(&found, source), found.pattern))));
    }
    Box::new(std::iter::from_fn(move || {
        let Reverse(((piece, start, Reverse(end), source), pattern)) = heads.pop()?;
        heads.extend(rest[source].next().map(|found| Reverse((key(&found, source), found.pattern))));
        Some(Found { piece, start, end, pattern, words: (0, 0) })
    }))
}
