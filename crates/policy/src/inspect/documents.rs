//! Documents in the texts of a message, whole or in part.

use std::borrow::Cow;

use content::Part;

use super::ignore::LeftOut;
use super::pieces::{Pieces, Scope};
use super::probes::Trouble;
use crate::compile::model::DocumentsTest;
use crate::index::documents::grams::places;
use crate::index::documents::{DocumentHit, DocumentsIndex, Hits};
use crate::matcher::Prepared;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DocumentFound {
    pub(super) hit: DocumentHit,
    /// Where its longest passage begins and ends: piece and octet.
    pub(super) from: (u32, u32),
    pub(super) to: (u32, u32),
}

/// A file that is a document, octet for octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileFound {
    pub(super) part: u32,
    pub(super) document: u32,
}

/// Looks for files that are documents; gives the first one that could not be looked up.
pub(super) fn look_at_files(
    index: &DocumentsIndex,
    parts: &[Part],
    found: &mut Vec<FileFound>,
) -> Option<u32> {
    for part in parts {
        let Some(digest) = &part.digest else { continue };
        match index.files(digest) {
            Ok(documents) => {
                found.extend(documents.into_iter().map(|document| FileFound { part: part.id, document }));
            }
            Err(_) => return Some(part.id),
        }
    }
    None
}

/// Looks through a row of texts: those that are shown make one text, each other is looked at by itself.
pub(super) fn look(
    index: &DocumentsIndex,
    pieces: &Pieces<'_>,
    left_out: &mut LeftOut<'_, '_>,
    row: &[u32],
    found: &mut Vec<DocumentFound>,
) -> Trouble {
    let mut trouble = Trouble::default();
    let (shown, others): (Vec<u32>, Vec<u32>) =
        row.iter().partition(|number| pieces.get(**number).kind == "text");
    let mut one = |numbers: &[u32]| {
        if numbers.is_empty() {
            return;
        }
        let texts: Vec<Cow<'_, str>> = numbers.iter().map(|number| left_out.blanked(*number)).collect();
        let texts: Vec<Prepared<'_>> = texts.iter().map(|text| Prepared::new(text)).collect();
        let texts: Vec<&Prepared<'_>> = texts.iter().collect();
        let mut hits = Hits::default();
        trouble.fault |= index.scan(&texts, &mut hits).is_err();
        trouble.overflow |= hits.overflow;
        found.extend(hits.documents.into_iter().map(|hit| placed(hit, &texts, numbers)));
    };
    one(&shown);
    others
        .iter()
        .filter(|number| pieces.get(**number).text.len() >= SHORTEST)
        .for_each(|number| one(&[*number]));
    trouble
}

/// Octets of a text that can hold a passage.
const SHORTEST: usize = 50;

fn placed(hit: DocumentHit, texts: &[&Prepared<'_>], numbers: &[u32]) -> DocumentFound {
    let wanted = [hit.passage.start, hit.passage.end.saturating_sub(1)];
    let ends = places(texts, &wanted);
    let original = |(text, at): (usize, usize)| {
        let text = texts[text];
        let at = at.min(text.bytes().len());
        let span = text.original(at..(at + 1).min(text.bytes().len()));
        (span.start as u32, span.end as u32)
    };
    let (from, to) = (ends[0], ends[1]);
    DocumentFound { hit, from: (numbers[from.0], original(from).0), to: (numbers[to.0], original(to).1) }
}

/// The documents that suffice, each once in a component: component, place in `found`, document.
pub(super) fn sufficing(
    test: &DocumentsTest,
    found: &[DocumentFound],
    pieces: &Pieces<'_>,
) -> Vec<(Scope, u32, u32)> {
    let mut all: Vec<(Scope, u32, u32)> = Vec::new();
    for (number, one) in found.iter().enumerate() {
        let piece = pieces.get(one.from.0);
        let enough = if one.hit.whole {
            test.whole || test.parts
        } else {
            test.parts && one.hit.of_document >= test.percent.max(1)
        };
        if !enough || !piece.admitted_by(&test.places) {
            continue;
        }
        let scope = piece.scope();
        match all.iter_mut().find(|(known, _, document)| (*known, *document) == (scope, one.hit.document)) {
            Some(known) if found[known.1 as usize].hit.of_document < one.hit.of_document => {
                known.1 = number as u32
            }
            Some(_) => {}
            None => all.push((scope, number as u32, one.hit.document)),
        }
    }
    all.sort_unstable();
    all
}
