//! Which matches of one list have a match of another at most so many words away.

use super::gather::Found;
use super::matches::{Row, RowWords};

/// The matches of `list` with one of `others` near by, beside it and not inside it, in order.
pub(super) fn near_by<'r>(
    list: &'r Row,
    others: &'r Row,
    words: &'r RowWords<'_>,
    within: usize,
) -> impl Iterator<Item = Found> + 'r {
    let each = distances(list.in_order(words), others.in_order(words), others.in_order(words));
    each.filter(move |(_, words)| words.is_some_and(|words| words as usize <= within)).map(|(found, _)| found)
}

/// How many words lie between each match of a list and the nearest of another list, which is given twice; nothing where there
/// is none beside it. All are in order of place, none inside another of its list.
pub(super) fn distances(
    list: impl Iterator<Item = Found>,
    others: impl Iterator<Item = Found>,
    others_again: impl Iterator<Item = Found>,
) -> impl Iterator<Item = (Found, Option<u32>)> {
    let (mut before, mut behind) = (others.peekable(), others_again.peekable());
    let mut last: Option<Found> = None;
    list.map(move |found| {
        // Ends are in order as starts are: the last that ends before and the first that starts behind are the nearest.
        while let Some(other) = before.next_if(|other| end(other) <= start(&found)) {
            last = Some(other);
        }
        while behind.next_if(|other| start(other) < end(&found)).is_some() {}
        let last = last.map(|last| found.words.0.saturating_sub(last.words.1));
        let next = behind.peek().map(|next| next.words.0.saturating_sub(found.words.1));
        (found, last.into_iter().chain(next).min())
    })
}

fn start(found: &Found) -> (u32, u32) {
    (found.piece, found.start)
}

fn end(found: &Found) -> (u32, u32) {
    (found.piece, found.end)
}
