//! Learned policies: each component of a message is judged by its words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ignore::LeftOut;
use super::pieces::{Pieces, Scope};
use crate::compile::model::{LearnedTest, Settings};
use crate::index::learned::LearnedIndex;

/// A component that is like what was learned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likeness {
    pub(super) scope: Scope,
    /// Its first piece.
    pub(super) piece: u32,
    pub(super) score: f64,
    pub(super) deciding: Vec<String>,
}

/// The components that reach the score.
pub(super) fn judge(
    test: &LearnedTest,
    index: &LearnedIndex,
    settings: &Settings,
    pieces: &Pieces<'_>,
) -> Vec<Likeness> {
    let mut left_out = LeftOut::new(settings, pieces);
    let mut components: BTreeMap<(Scope, Option<u16>), Vec<u32>> = BTreeMap::new();
    for (number, piece) in pieces.iter().enumerate() {
        if piece.kind == "text" && piece.admitted_by(&test.places) {
            // Renderings of one body are judged one by one: together they would say everything twice.
            components
                .entry((piece.scope(), piece.view.map(|view| view.index)))
                .or_default()
                .push(number as u32);
        }
    }
    let mut all: Vec<Likeness> = Vec::new();
    for ((scope, _), numbers) in components {
        let texts: Vec<Cow<'_, str>> = numbers.iter().map(|number| left_out.blanked(*number)).collect();
        let Some(judged) =
            index.judge(texts.iter().map(|text| &**text)).filter(|judged| judged.score >= test.score)
        else {
            continue;
        };
        if all.last().is_some_and(|last| last.scope == scope) {
            continue;
        }
        all.push(Likeness { scope, piece: numbers[0], score: judged.score, deciding: judged.deciding });
    }
    all
}
