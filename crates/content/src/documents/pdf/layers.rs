//! Layers (ISO 32000, 8.11): which of them are switched off when the file is opened, so that what lies on them is not seen.

use std::collections::{HashMap, HashSet};

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::font::name;

/// Layers of one file, and of one list of them.
const MOST: usize = 10_000;
/// Expressions inside expressions.
const DEEP: usize = 16;

/// The layers of a file.
#[derive(Debug)]
pub(super) struct Layers<'a> {
    doc: &'a Document,
    off: HashSet<ObjectId>,
    /// What was asked for already, by where it lies: lists of layers are long and asked for often.
    known: HashMap<*const Object, bool>,
}

impl<'a> Layers<'a> {
    pub(super) fn of(doc: &'a Document) -> Self {
        Self { doc, off: off(doc).unwrap_or_default(), known: HashMap::new() }
    }

    /// Whether what belongs to this layer, or to these layers, is not shown.
    pub(super) fn hide(&mut self, owner: &'a Object) -> bool {
        if self.off.is_empty() {
            return false;
        }
        let at = std::ptr::from_ref(owner);
        if let Some(known) = self.known.get(&at) {
            return *known;
        }
        let hidden = !self.shows(owner);
        if self.known.len() < 10 * MOST {
            self.known.insert(at, hidden);
        }
        hidden
    }

    fn shows(&self, owner: &Object) -> bool {
        let doc = self.doc;
        let Ok((id, Object::Dictionary(dict))) = doc.dereference(owner) else { return true };
        if name(dict, b"Type", doc).as_deref() != Some(b"OCMD") {
            return id.is_none_or(|id| !self.off.contains(&id));
        }
        if let Ok(Object::Array(expression)) = dict.get_deref(b"VE", doc) {
            let mut left = MOST;
            return self.holds(expression, DEEP, &mut left);
        }
        self.member(dict)
    }

    /// Membership by a list of layers and one of four rules.
    fn member(&self, dict: &Dictionary) -> bool {
        let doc = self.doc;
        let Ok(groups) = dict.get(b"OCGs") else { return true };
        let listed = match doc.dereference(groups) {
            Ok((_, Object::Array(each))) => each.as_slice(),
            _ => std::slice::from_ref(groups),
        };
        let is_on = |group: &Object| group.as_reference().ok().map(|id| !self.off.contains(&id));
        let mut states = listed.iter().take(MOST).filter_map(is_on).peekable();
        if states.peek().is_none() {
            return true;
        }
        match name(dict, b"P", doc).as_deref() {
            Some(b"AllOn") => states.all(|on| on),
            Some(b"AnyOff") => states.any(|on| !on),
            Some(b"AllOff") => states.all(|on| !on),
            _ => states.any(|on| on),
        }
    }

    /// `[/And …]`, `[/Or …]`, `[/Not …]` of layers and of more of these.
    fn holds(&self, expression: &[Object], depth: usize, left: &mut usize) -> bool {
        let Some((Object::Name(operator), operands)) = expression.split_first() else { return true };
        let mut each = operands.iter().map(|operand| {
            *left = left.saturating_sub(1);
            match self.doc.dereference(operand) {
                Ok((_, Object::Array(inner))) if depth > 0 && *left > 0 => self.holds(inner, depth - 1, left),
                Ok((Some(id), _)) => !self.off.contains(&id),
                _ => true,
            }
        });
        match operator.as_slice() {
            b"And" => each.all(|on| on),
            b"Or" => each.any(|on| on),
            b"Not" => !each.next().unwrap_or(false),
            _ => true,
        }
    }
}

/// Layers that are off by the catalogue, or that say themselves that a screen does not show them.
fn off(doc: &Document) -> Option<HashSet<ObjectId>> {
    let all = doc.catalog().ok()?.get_deref(b"OCProperties", doc).ok()?.as_dict().ok()?;
    let ids = |dict: &Dictionary, key: &[u8]| -> Vec<ObjectId> {
        let list = dict.get_deref(key, doc).ok().and_then(|list| list.as_array().ok());
        list.into_iter().flatten().take(MOST).filter_map(|entry| entry.as_reference().ok()).collect()
    };
    let groups = ids(all, b"OCGs");
    let mut off = HashSet::new();
    if let Some(first) = all.get_deref(b"D", doc).ok().and_then(|first| first.as_dict().ok()) {
        if name(first, b"BaseState", doc).as_deref() == Some(b"OFF") {
            off.extend(&groups);
        }
        let on: HashSet<_> = ids(first, b"ON").into_iter().collect();
        off.retain(|id| !on.contains(id));
        off.extend(ids(first, b"OFF"));
    }
    let says_off = |id: &&ObjectId| {
        let usage = doc.get_dictionary(**id).ok()?.get_deref(b"Usage", doc).ok()?.as_dict().ok()?;
        let view = usage.get_deref(b"View", doc).ok()?.as_dict().ok()?;
        Some(name(view, b"ViewState", doc)? == b"OFF")
    };
    off.extend(groups.iter().filter(|id| says_off(id) == Some(true)));
    Some(off)
}
