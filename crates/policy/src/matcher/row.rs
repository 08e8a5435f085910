//! Tells a number that is written in groups from groups of a row of a table, as tables of numbers and dumps have them.

/// As many groups are looked at on either side: a bound on the work that a candidate makes.
pub(super) const FARTHEST: usize = 60;
/// So many groups more make a row. Two may be the months in which a card begins and ends.
pub(super) const ROW: usize = 3;

/// Whether the candidate is groups of one size, and the groups of that size beside it, parted in the same way, make a row in which
/// numbers of its count of groups do not follow each other from first to last.
pub(super) fn within_row(text: &[u8], at: usize, end: usize) -> bool {
    let Some((count, size, parted)) = text.get(at..end).and_then(groups) else { return false };
    let group = |from: usize, to: usize| {
        text.get(from..to).is_some_and(|group| group.iter().all(u8::is_ascii_hexdigit))
            && !from.checked_sub(1).is_some_and(|before| text[before].is_ascii_alphanumeric())
            && !text.get(to).is_some_and(u8::is_ascii_alphanumeric)
    };
    let (mut before, mut first) = (0, at);
    while before < FARTHEST {
        let Some(to) = first.checked_sub(parted.len()).filter(|to| text.get(*to..first) == Some(parted))
        else {
            break;
        };
        let Some(from) = to.checked_sub(size).filter(|from| group(*from, to)) else { break };
        (before, first) = (before + 1, from);
    }
    let (mut after, mut last) = (0, end);
    while after < FARTHEST {
        let from = last + parted.len();
        if text.get(last..from) != Some(parted) || !group(from, from + size) {
            break;
        }
        (after, last) = (after + 1, from + size);
    }
    before + after >= ROW && !(before.is_multiple_of(count) && after.is_multiple_of(count))
}

/// How many groups of letters and digits a candidate is, their one size, and the one or two blanks that part them.
fn groups(candidate: &[u8]) -> Option<(usize, usize, &[u8])> {
    let size = candidate.iter().take_while(|octet| octet.is_ascii_alphanumeric()).count();
    let blanks = candidate.iter().skip(size).take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    let parted = candidate.get(size..size + blanks).filter(|parted| size > 0 && !parted.is_empty())?;
    let mut rest = candidate.get(size + blanks..)?;
    let mut count = 1;
    loop {
        let (group, more) = rest.split_at_checked(size)?;
        count += 1;
        if !group.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        if more.is_empty() {
            return Some((count, size, parted));
        }
        rest = more.strip_prefix(parted)?;
    }
}
