//! Marked content on a page: replacement texts, and layers.

use super::{MAX_STATES, Page, Token};
use crate::documents::pdf::text_string;

/// Content between two marks.
pub(super) struct Marked {
    pub(super) actual: Option<String>,
    run: usize,
    unknown: u64,
    /// It lies on a layer that is off.
    hidden: bool,
}

impl Page<'_, '_> {
    pub(super) fn begin_marked(&mut self, operands: &[Token<'_>]) {
        let actual = operands.windows(2).find_map(|pair| match pair {
            [Token::Name(key), Token::Text(text)] if **key == *b"ActualText" => Some(text_string(text)),
            _ => None,
        });
        let doc = self.runner.doc;
        let named = || {
            let (_, properties) = doc.dereference(self.resource(b"Properties", operands)?).ok()?;
            let text = properties.as_dict().ok()?.get_deref(b"ActualText", doc).ok()?;
            text.as_str().ok().map(text_string)
        };
        let actual = actual.or_else(named);
        if self.marked.len() < MAX_STATES {
            let (run, unknown) = (self.shown.runs.len(), self.runner.unknown);
            let hidden = self.is_on_hidden_layer(operands);
            self.hidden += usize::from(hidden);
            self.marked.push(Marked { actual, run, unknown, hidden });
        }
    }

    /// `/OC /Name BDC` begins what belongs to a layer.
    fn is_on_hidden_layer(&mut self, operands: &[Token<'_>]) -> bool {
        let marked = matches!(operands.first(), Some(Token::Name(tag)) if **tag == *b"OC");
        let layer = marked.then(|| self.resource(b"Properties", operands)).flatten();
        layer.is_some_and(|layer| self.runner.layers.hide(layer))
    }

    /// What is drawn counts; the replacement text stands in where glyphs say nothing, and is told apart where it differs.
    pub(super) fn end_marked(&mut self) {
        let Some(Marked { actual, run, unknown, hidden }) = self.marked.pop() else { return };
        self.hidden -= usize::from(hidden);
        let Some(actual) = actual else { return };
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let drawn: String = self.shown.runs[run..].iter().map(|run| run.text.as_str()).collect();
        if letters(&actual) == letters(&drawn) {
            return;
        }
        let silent = letters(&drawn).is_empty() || self.runner.unknown > unknown;
        match self.shown.runs.get_mut(run) {
            Some(first) if silent => {
                first.text = actual;
                let end = self.shown.runs.last().map(|last| last.end);
                self.shown.runs.truncate(run + 1);
                if let (Some(last), Some(end)) = (self.shown.runs.last_mut(), end) {
                    last.end = end;
                }
            }
            _ => self.shown.replacements.push(actual),
        }
    }
}
