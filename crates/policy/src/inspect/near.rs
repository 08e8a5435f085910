//! Which matches of one list have a match of another at most so many words away.

use super::gather::Found;

/// The matches of `list` with one of `others` near by. Both are in order of place, none inside another of its list.
pub(super) fn near_by(list: &[Found], others: &[Found], within: usize) -> Vec<Found> {
    let mut next = 0;
    let mut all = Vec::new();
    for found in list {
        while next < others.len() && place(&others[next]) < place(found) {
            next += 1;
        }
        // Ends are in order as starts are: the last before and the first behind are the nearest.
        let before = next.checked_sub(1).map(|before| &others[before]);
        let behind = others.get(next);
        if before.into_iter().chain(behind).any(|other| distance(found, other) <= within) {
            all.push(*found);
        }
    }
    all
}

fn place(found: &Found) -> (u32, u32) {
    (found.piece, found.start)
}

/// Words between two matches; 0 for neighbours and overlapping ones.
fn distance(one: &Found, other: &Found) -> usize {
    let (first, second) = if place(one) <= place(other) { (one, other) } else { (other, one) };
    second.words.0.saturating_sub(first.words.1) as usize
}
