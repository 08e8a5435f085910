//! What questions about our own data count: rows, documents, components that are like what was learned.

use super::{Answers, At, Item, item};
use crate::compile::model::{DocumentsTest, ExactTest, LearnedTest, Probe};
use crate::index::Index;
use crate::inspect::pieces::Spot;
use crate::inspect::{documents, exact, learned, probes};

impl<'a> Answers<'a> {
    pub(in crate::inspect) fn probed(&self, probe: u32) -> &'a probes::Found {
        self.gathered.probed.get(probe as usize).unwrap_or(&probes::Found::Later)
    }

    /// What an index found about a question of exact data: the row and its values.
    pub(in crate::inspect) fn row(&self, probe: u32, at: u32) -> Option<&'a exact::RowFound> {
        self.probed(probe).rows().get(at as usize)
    }

    pub(in crate::inspect) fn document(&self, probe: u32, at: u32) -> Option<&'a documents::DocumentFound> {
        self.probed(probe).documents().get(at as usize)
    }

    /// The document that a file is, by its probe and its place among those found.
    pub(in crate::inspect) fn document_file(&self, probe: u32, at: u32) -> Option<documents::FileFound> {
        self.probed(probe).files().get(at as usize).copied()
    }

    pub(super) fn rows(&self, test: &ExactTest) -> Vec<Item> {
        let found = exact::sufficing(test, self.probed(test.probe).rows(), self.pieces);
        found
            .into_iter()
            .map(|(scope, at, row)| Item { scope, at: At::Row(test.probe, at), value: row, weight: 1 })
            .collect()
    }

    pub(super) fn documents(&self, test: &DocumentsTest) -> Vec<Item> {
        let found = documents::sufficing(test, self.probed(test.probe).documents(), self.pieces);
        let texts = found.into_iter().map(|(scope, at, document)| Item {
            scope,
            at: At::Document(test.probe, at),
            value: document,
            weight: 1,
        });
        let mut items: Vec<Item> = texts.collect();
        // A document that is known by its text is not counted again by its octets.
        for (at, file) in self.probed(test.probe).files().iter().enumerate() {
            let scope = self.scope_of_part(file.part);
            let admitted = if scope == Spot::BODY_SCOPE { test.places.body } else { test.places.attachments };
            let known = items.iter().any(|item| (item.scope, item.value) == (scope, file.document));
            if admitted && !known {
                let at = At::DocumentFile(test.probe, at as u32);
                items.push(Item { scope, at, value: file.document, weight: 1 });
            }
        }
        items.sort_by_key(|item| item.scope);
        items
    }

    pub(super) fn learned(&mut self, test: &LearnedTest) -> Vec<Item> {
        let Some(Probe { index: Index::Learned(index), name, .. }) =
            self.set.engine.probes.get(test.probe as usize)
        else {
            return Vec::new();
        };
        let mut items = Vec::new();
        for likeness in learned::judge(test, index, &self.set.settings, self.pieces) {
            items.push(item(likeness.scope, At::Like(self.likenesses.len() as u32), items.len()));
            self.likenesses.push((name.clone(), likeness));
        }
        items
    }
}
