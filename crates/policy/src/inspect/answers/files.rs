//! What questions about files and findings count.

use std::collections::HashSet;

use content::Reason;

use super::{Answers, At, Item, is_file, item};
use crate::compile::model::{FileTest, Reasons};
use crate::glob::{glob_matches, plain_name};
use crate::inspect::pieces::file_scope;

impl Answers<'_> {
    pub(super) fn files(&self, test: &FileTest) -> Vec<Item> {
        let parts = self.mail.opened.parts.iter().filter(|part| is_file(part.role));
        let matching = parts.filter(|part| {
            let kind = test.kinds.is_empty() || test.kinds.contains(&part.kind);
            let size = test.size.is_none_or(|size| size.holds(part.size));
            kind && size && (test.names.is_empty() || name_matches(part.name.as_deref(), &test.names))
        });
        matching
            .enumerate()
            .map(|(value, part)| item(file_scope(part.id), At::File(part.id), value))
            .collect()
    }

    pub(super) fn encrypted(&self) -> Vec<Item> {
        let encrypted = Reasons { any: false, words: vec![Reason::Encrypted.to_string()] };
        let mut items = self.unscannable(&encrypted);
        let named: HashSet<u32> = self
            .unscannable
            .iter()
            .filter(|found| found.reason == Reason::Encrypted)
            .map(|found| found.part)
            .collect();
        let parts = self.mail.opened.parts.iter().filter(|part| part.encrypted && !named.contains(&part.id));
        let from = items.len();
        items.extend(
            parts.enumerate().map(|(value, part)| item(file_scope(part.id), At::File(part.id), from + value)),
        );
        items.sort_by_key(|item| item.scope);
        items
    }

    pub(super) fn unscannable(&self, reasons: &Reasons) -> Vec<Item> {
        let matching = self.unscannable.iter().enumerate().filter(|(_, found)| {
            reasons.any || {
                let said = found.reason.to_string();
                let unsupported = matches!(found.reason, Reason::Unsupported(_));
                reasons.words.iter().any(|word| *word == said || unsupported && word == "unsupported")
            }
        });
        let mut items: Vec<Item> = matching
            .map(|(at, found)| item(self.scope_of_part(found.part), At::Unscannable(at as u32), at))
            .collect();
        items.sort_by_key(|item| item.scope);
        items
    }

    pub(super) fn ambiguous(&self, names: &[String]) -> Vec<Item> {
        let any = names.iter().any(|name| name == "any");
        let matching = self.mail.opened.ambiguous.iter().enumerate();
        let matching =
            matching.filter(|(_, found)| any || names.iter().any(|name| name == found.reason.as_str()));
        let mut items: Vec<Item> = matching
            .map(|(at, found)| item(self.scope_of_part(found.part), At::Ambiguous(at as u32), at))
            .collect();
        items.sort_by_key(|item| item.scope);
        items
    }
}

fn name_matches(name: Option<&str>, globs: &[String]) -> bool {
    let Some(name) = name else { return false };
    let name = plain_name(name);
    globs.iter().any(|glob| glob_matches(glob, &name))
}
