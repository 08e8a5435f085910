//! Opening for tests: bounds that are roomy, documents in this process, and words to ask with.

use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{How, Kind, Limits, Opened};

pub(crate) fn open(message: &[u8]) -> Opened<'_> {
    open_within(message, &Limits::default())
}

pub(crate) fn open_within<'m>(message: &'m [u8], limits: &Limits) -> Opened<'m> {
    content::open(message, &how(limits))
}

pub(crate) fn how(limits: &Limits) -> How<'_> {
    How {
        limits,
        deadline: Instant::now() + Duration::from_secs(600),
        documents: &InProcess,
        passwords: &[],
        digests: false,
    }
}

pub(crate) fn has(opened: &Opened<'_>, text: &str) -> bool {
    opened.segments.iter().any(|segment| segment.text.contains(text))
}

/// How often a text stands where people see text, each group of renderings once.
pub(crate) fn count_shown(opened: &Opened<'_>, text: &str) -> usize {
    let shown = opened.segments.iter().filter(|segment| segment.kind == Kind::Text);
    let mut groups = std::collections::BTreeMap::new();
    let mut count = 0;
    for segment in shown {
        let times = segment.text.matches(text).count();
        match segment.view {
            Some(view) => {
                let most: &mut usize = groups.entry(view.group).or_default();
                *most = times.max(*most);
            }
            None => count += times,
        }
    }
    count + groups.into_values().sum::<usize>()
}

pub(crate) fn ambiguities(opened: &Opened<'_>) -> Vec<&'static str> {
    let mut all: Vec<_> = opened.ambiguous.iter().map(|found| found.reason.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

pub(crate) fn reasons(opened: &Opened<'_>) -> Vec<String> {
    opened.unscannable.iter().map(|found| found.reason.to_string()).collect()
}

/// Ids, parents and ranges that must hold for any message.
pub(crate) fn check(opened: &Opened<'_>, message: &[u8]) {
    for (index, part) in opened.parts.iter().enumerate() {
        assert_eq!(part.id as usize, index);
        assert!(part.parent.is_none_or(|parent| parent < part.id), "{part:?}");
    }
    let known = |id: u32| (id as usize) < opened.parts.len();
    assert!(opened.segments.iter().all(|segment| known(segment.part)));
    assert!(opened.unscannable.iter().all(|found| known(found.part)), "{:?}", opened.unscannable);
    assert!(opened.ambiguous.iter().all(|found| known(found.part)), "{:?}", opened.ambiguous);
    for header in &opened.headers {
        assert!(header.range.end <= message.len() && header.range.start < header.range.end);
    }
}
