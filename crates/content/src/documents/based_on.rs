//! Styles of any format that are based on other ones: each says what those say that it leaves it to.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Styles of one kind that are kept.
const MOST: usize = 100_000;
/// Times that styles are looked through: a document has one sheet of them, or two.
const MOST_SHEETS: u32 = 64;

/// What a style says.
pub(super) trait Look: Copy + Default {
    /// What this leaves open, the other says.
    fn or(self, other: Self) -> Self;
}

impl Look for Option<bool> {
    fn or(self, other: Self) -> Self {
        self.or(other)
    }
}

#[derive(Debug)]
pub(super) struct Style<K, L> {
    pub(super) base: Option<K>,
    pub(super) look: L,
}

/// Styles by their names.
#[derive(Debug)]
pub(super) struct Styles<K, L> {
    styles: HashMap<K, Style<K, L>>,
    sheets: u32,
    /// Some were left out.
    pub(super) too_many: bool,
}

impl<K, L> Default for Styles<K, L> {
    fn default() -> Self {
        Self { styles: HashMap::new(), sheets: 0, too_many: false }
    }
}

impl<K: Eq + Hash + Clone, L: Look> Styles<K, L> {
    /// The style of that name, which is there from now on; none beyond the bound.
    pub(super) fn named(&mut self, name: K) -> Option<&mut Style<K, L>> {
        if self.styles.len() >= MOST && !self.styles.contains_key(&name) {
            self.too_many = true;
            return None;
        }
        Some(self.styles.entry(name).or_insert_with(|| Style { base: None, look: L::default() }))
    }

    pub(super) fn look<Q: ?Sized + Eq + Hash>(&self, name: &Q) -> Option<L>
    where
        K: Borrow<Q>,
    {
        if self.styles.is_empty() { None } else { self.styles.get(name).map(|style| style.look) }
    }

    pub(super) fn looks(&self) -> impl Iterator<Item = L> {
        self.styles.values().map(|style| style.look)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.styles.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.styles.clear();
    }

    /// When all are read. Every chain is followed once, and a circle ends where it began.
    pub(super) fn resolve(&mut self) {
        self.sheets += 1;
        if self.sheets > MOST_SHEETS {
            return;
        }
        let from: Vec<K> = self
            .styles
            .iter()
            .filter(|(_, style)| style.base.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for name in from {
            let (mut chain, mut at) = (Vec::new(), Some(name));
            // What is resolved has no base any more, nor has what is in the chain already.
            while let Some(base) =
                at.as_ref().and_then(|name| self.styles.get_mut(name)).and_then(|style| style.base.take())
            {
                chain.extend(at.replace(base));
            }
            let mut above =
                at.and_then(|name| self.styles.get(&name)).map_or_else(L::default, |style| style.look);
            for name in chain.into_iter().rev() {
                if let Some(style) = self.styles.get_mut(&name) {
                    style.look = style.look.or(above);
                    above = style.look;
                }
            }
        }
    }
}
