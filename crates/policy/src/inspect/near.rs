//! Which matches of one list have a match of another at most so many words away.

use super::gather::Found;

/// The matches of `list` with one of `others` near by, beside it and not inside it. Both are in order of place, none inside another
/// of its list.
pub(super) fn near_by(list: &[Found], others: &[Found], within: usize) -> Vec<Found> {
    let near =
        distances(list, others).filter(|(_, words)| words.is_some_and(|words| words as usize <= within));
    near.map(|(found, _)| *found).collect()
}

/// How many words lie between each match of `list` and the nearest of `others`; nothing where there is none beside it.
pub(super) fn distances<'f>(
    list: &'f [Found],
    others: &'f [Found],
) -> impl Iterator<Item = (&'f Found, Option<u32>)> {
    let (mut before, mut behind) = (0, 0);
    list.iter().map(move |found| {
        // Ends are in order as starts are: the last that ends before and the first that starts behind are the nearest.
        while before < others.len() && end(&others[before]) <= start(found) {
            before += 1;
        }
        while behind < others.len() && start(&others[behind]) < end(found) {
            behind += 1;
        }
        let last = before.checked_sub(1).map(|last| found.words.0.saturating_sub(others[last].words.1));
        let next = others.get(behind).map(|next| next.words.0.saturating_sub(found.words.1));
        (found, last.into_iter().chain(next).min())
    })
}

fn start(found: &Found) -> (u32, u32) {
    (found.piece, found.start)
}

fn end(found: &Found) -> (u32, u32) {
    (found.piece, found.end)
}
