//! What of a message is kept with its incidents: all, less than all of its attachments, or nothing (guide: limit incident
//! data retention).

use std::ops::Range;

use content::Written;
use policy::{Inspection, Response, SideAction};

/// What stands where an attachment was.
const NOTE: &str = "[attachment not kept: a response rule limits what is kept]\r\n";

/// What is kept of the original.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    All,
    /// All but these octets, ascending and apart from each other.
    Without(Vec<Range<usize>>),
    Nothing,
}

impl Kept {
    /// The strictest that response rules ask for; rules on trial ask for nothing.
    pub(crate) fn new(inspection: &Inspection, response: &Response, written: &[Written]) -> Self {
        let mut kept = Self::All;
        for effect in response.effects.iter().filter(|effect| !effect.trial) {
            let SideAction::LimitRetention { discard_original, attachments } = &effect.action else {
                continue;
            };
            if *discard_original {
                return Self::Nothing;
            }
            let drops = |one: &&Written| match attachments.as_str() {
                "none" => true,
                "violating" => !violates(inspection, &one.path),
                _ => false,
            };
            let dropped = written.iter().filter(drops).map(|one| one.range.clone());
            kept = kept.without(dropped.collect());
        }
        kept
    }

    fn without(self, mut more: Vec<Range<usize>>) -> Self {
        if let Self::Without(ranges) = self {
            more.extend(ranges);
        }
        more.sort_unstable_by_key(|range| (range.start, usize::MAX - range.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for range in more.into_iter().filter(|range| !range.is_empty()) {
            match apart.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        if apart.is_empty() { Self::All } else { Self::Without(apart) }
    }

    /// What is kept of these octets.
    pub(crate) fn of(&self, original: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::All => Some(original),
            Self::Nothing => None,
            Self::Without(ranges) => {
                let mut kept = Vec::new();
                let mut from = 0;
                for range in ranges {
                    kept.extend_from_slice(original.get(from..range.start).unwrap_or_default());
                    kept.extend_from_slice(NOTE.as_bytes());
                    from = range.end;
                }
                kept.extend_from_slice(original.get(from..).unwrap_or_default());
                Some(kept)
            }
        }
    }
}

/// Whether anything was found in the attachment or in a file in it. Where not all matches are listed, it may have been.
fn violates(inspection: &Inspection, path: &str) -> bool {
    let in_it =
        |found: &str| found.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(" > "));
    inspection.violations.iter().any(|violation| {
        violation.match_count > violation.matches.len() as u64
            || !violation.count_is_complete
            || violation.matches.iter().any(|found| in_it(&found.path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_inside_others_go_with_them_and_the_rest_stays_as_it_is() {
        let octets = b"0123456789".to_vec();
        let kept = Kept::All.without(vec![6..8, 1..4, 2..3, 5..5]);
        assert_eq!(kept, Kept::Without(vec![1..4, 6..8]));
        assert_eq!(kept.of(octets.clone()).unwrap(), format!("0{NOTE}45{NOTE}89").into_bytes());
        assert_eq!(Kept::All.without(vec![]), Kept::All);
        assert_eq!(Kept::All.of(octets.clone()), Some(octets.clone()));
        assert_eq!(Kept::Nothing.of(octets), None);
    }
}
