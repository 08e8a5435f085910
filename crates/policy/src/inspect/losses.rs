//! What was found and does not count, and why: for explaining. Looks at everything once more, whether any rule waits for it or
//! not; where there is too much to keep, it says nothing rather than something wrong.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::answers::{Answers, At, Within};
use super::gather::{Found, value_of};
use super::matches::{Source, keep_outermost};
use super::near::distances;
use super::pieces::{Pieces, Scope, Spot};
use super::{documents, exact, ignore};
use crate::compile::model::{self, Compiled, Content, DocumentsTest, ExactTest, Leaf, Test};
use crate::matcher::{Hit, Matcher, Prepared};
use crate::syntax::condition::Count;
use crate::validators::validator;

/// Matches that are kept; more of them and nothing is said.
const MOST: usize = 1 << 20;

/// Matches that do not count, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub count: u64,
    /// Why.
    pub why: Why,
}

/// Why a match does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It stands in text that the settings leave out.
    Ignored,
    /// It stands where the condition does not look: in these components.
    Elsewhere(Vec<&'static str>),
    /// The condition excludes its value.
    Excluded,
    /// None of the words that must be near it is so near.
    Apart {
        /// How near.
        within: usize,
        /// The words between the nearest of them and its match, if there is one in the same text.
        nearest: Option<u32>,
    },
    /// These checks of the identifier refuse it; where there are none, the identifier excludes its value.
    Refused(Vec<String>),
    /// Of a row or a document, too little was found.
    Partial,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("in ignored text"),
            Self::Elsewhere(places) => write!(f, "not where it looks (in {})", places.join(", ")),
            Self::Excluded => f.write_str("excluded by the condition"),
            Self::Apart { within, nearest: Some(nearest) } => {
                write!(f, "without its words within {within} (the nearest is {nearest} words away)")
            }
            Self::Apart { within, nearest: None } => {
                write!(f, "without its words within {within} (there are none)")
            }
            Self::Refused(checks) if checks.is_empty() => f.write_str("excluded by the identifier"),
            Self::Refused(checks) => write!(f, "refused by {}", checks.join(", ")),
            Self::Partial => f.write_str("found in part only"),
        }
    }
}

/// All that the patterns of a set find in a message, whether it counts or not.
pub(super) struct Seen {
    /// By list, in the order of the message, none inside another of its list.
    accepted: Vec<Vec<Found>>,
    /// What fits an identifier and is refused by its checks, likewise.
    refused: Vec<Vec<Found>>,
    /// By text: what is ignored of it.
    ignored: HashMap<u32, Vec<Range<usize>>>,
}

impl Seen {
    /// Looks through all texts; nothing if there is too much, or no time.
    pub(super) fn new(set: &Compiled, pieces: &Pieces<'_>, deadline: Instant) -> Option<Self> {
        let lists = || vec![Vec::new(); set.engine.lists.len()];
        let mut seen = Self { accepted: lists(), refused: lists(), ignored: HashMap::new() };
        let mut room = MOST;
        for (number, piece) in pieces.iter().enumerate() {
            if Instant::now() >= deadline || u32::try_from(piece.text.len()).is_err() {
                return None;
            }
            let (number, text) = (number as u32, Prepared::new(piece.text));
            let scan = |scan: Scan, all: &mut [Vec<Found>], room: &mut usize| {
                scan(&set.engine.matcher, &text, &mut |hit| note(set, number, &hit, all, room))
            };
            scan(Matcher::scan, &mut seen.accepted, &mut room);
            scan(Matcher::scan_refused, &mut seen.refused, &mut room);
            if room == 0 {
                return None;
            }
            let ignored = ignore::ranges(&set.settings, piece.text, piece.quoted, piece.spot == Spot::Body);
            seen.ignored.insert(number, ignored);
        }
        seen.accepted.iter_mut().chain(&mut seen.refused).for_each(tidy);
        for (refused, accepted) in seen.refused.iter_mut().zip(&seen.accepted) {
            drop_overlapping(refused, accepted);
        }
        Some(seen)
    }

    /// What of a condition was found there and does not count.
    pub(super) fn losses(
        &self,
        answers: &mut Answers<'_>,
        set: &Compiled,
        leaf: &Leaf,
        within: Within<'_>,
    ) -> Vec<Loss> {
        match &set.engine.atoms[leaf.atom as usize].test {
            Test::Content(content) => self.of_content(answers, set, leaf, content, within),
            Test::Exact(test) => partial(rows_in_part(answers, test, within)),
            Test::Documents(test) => partial(documents_in_part(answers, test, within)),
            _ => Vec::new(),
        }
    }

    fn of_content(
        &self,
        answers: &mut Answers<'_>,
        set: &Compiled,
        leaf: &Leaf,
        content: &Content,
        within: Within<'_>,
    ) -> Vec<Loss> {
        let items = answers.items(leaf.atom, within);
        let counted: HashSet<(u32, u32, u32)> = items
            .iter()
            .filter_map(|item| if let At::Text(found) = item.at { Some(key(&found)) } else { None })
            .collect();
        let mut lost: BTreeMap<Why, Lost> = BTreeMap::new();
        for source in &content.sources {
            let (list, words) = match source {
                model::Source::List(list) => (*list as usize, None),
                model::Source::Near(near) => {
                    let near = &set.engine.nears[*near as usize];
                    (near.list as usize, Some(Words::new(answers, near.list, near.near, near.within)))
                }
            };
            for found in self.accepted[list].iter().filter(|found| !counted.contains(&key(found))) {
                if let Some((why, distance)) = self.why(answers, content, words.as_ref(), found) {
                    lost.entry(why).or_default().add(answers, found, distance);
                }
            }
            for found in &self.refused[list] {
                let piece = answers.pieces.get(found.piece);
                if piece.admitted_by(&content.places) && !self.is_ignored(found) {
                    let why = Why::Refused(refusing(set, piece.text, found));
                    lost.entry(why).or_default().add(answers, found, None);
                }
            }
        }
        let losses = lost.into_iter().map(|(why, lost)| lost.told(answers, why, leaf.mode, within));
        losses.filter(|loss| loss.count > 0).collect()
    }

    /// Why a match does not count, if there is a reason, and how far its words are.
    fn why(
        &self,
        answers: &Answers<'_>,
        content: &Content,
        words: Option<&Words>,
        found: &Found,
    ) -> Option<(Why, Option<u32>)> {
        let piece = answers.pieces.get(found.piece);
        if self.is_ignored(found) {
            return Some((Why::Ignored, None));
        }
        if !piece.admitted_by(&content.places) {
            return Some((Why::Elsewhere(Vec::new()), None));
        }
        if content.exclude.contains(&value_of(piece.text, &found.span())) {
            return Some((Why::Excluded, None));
        }
        let words = words.filter(|words| words.whole)?;
        let distance = words.distances.get(&key(found)).copied().flatten();
        let near = distance.is_some_and(|words_between| words_between as usize <= words.within);
        (!near).then_some((Why::Apart { within: words.within, nearest: None }, distance))
    }

    fn is_ignored(&self, found: &Found) -> bool {
        self.ignored.get(&found.piece).is_some_and(|ignored| ignore::covers(ignored, &found.span()))
    }
}

type Scan = fn(&Matcher, &Prepared<'_>, &mut dyn FnMut(Hit) -> ControlFlow<()>);

/// Puts a hit into the lists of its pattern while there is room.
fn note(set: &Compiled, piece: u32, hit: &Hit, all: &mut [Vec<Found>], room: &mut usize) -> ControlFlow<()> {
    let (start, end) = (hit.span.start as u32, hit.span.end as u32);
    for list in set.engine.patterns.lists_of(hit.pattern.0) {
        if *room == 0 {
            return ControlFlow::Break(());
        }
        *room -= 1;
        all[*list as usize].push(Found { piece, start, end, pattern: hit.pattern.0, words: (0, 0) });
    }
    ControlFlow::Continue(())
}

fn tidy(list: &mut Vec<Found>) {
    list.sort_unstable_by_key(|one| (one.piece, one.start, std::cmp::Reverse(one.end), one.pattern));
    let mut kept = Vec::with_capacity(list.len());
    list.chunk_by(|one, other| one.piece == other.piece).for_each(|found| keep_outermost(found, &mut kept));
    *list = kept;
}

/// Both are in order; what is refused beside or inside what is accepted was only a second try.
fn drop_overlapping(refused: &mut Vec<Found>, accepted: &[Found]) {
    refused.retain(|found| {
        let next = accepted.partition_point(|one| (one.piece, one.end) <= (found.piece, found.start));
        accepted.get(next).is_none_or(|one| (one.piece, one.start) >= (found.piece, found.end))
    });
}

fn key(found: &Found) -> (u32, u32, u32) {
    (found.piece, found.start, found.end)
}

/// The validators that refuse a candidate.
fn refusing(set: &Compiled, text: &str, found: &Found) -> Vec<String> {
    let names = set.engine.patterns.validators.get(found.pattern as usize).cloned().flatten();
    let candidate = Prepared::new(text.get(found.span()).unwrap_or_default());
    let candidate = candidate.folded(&(0..candidate.text().len()));
    let names = names.iter().flat_map(|names| names.split(", "));
    names
        .filter(|name| validator(name).is_some_and(|validator| !validator.accepts(&candidate)))
        .map(str::to_owned)
        .collect()
}

/// How far the words that a list needs are from its matches.
struct Words {
    within: usize,
    /// Whether all matches were kept.
    whole: bool,
    distances: HashMap<(u32, u32, u32), Option<u32>>,
}

impl Words {
    fn new(answers: &Answers<'_>, list: u32, near: u32, within: usize) -> Self {
        let placed =
            |list: u32| answers.gathered.sources.get(list as usize).map_or(Some(&[][..]), Source::placed);
        let both = placed(list).zip(placed(near));
        let (list, near) = both.unwrap_or_default();
        let mut known = HashMap::new();
        for row in answers.pieces.rows() {
            let [list, others] = [list, near].map(|all: &[Found]| {
                let at = |piece: u32| all.partition_point(|found| found.piece < piece);
                all[at(row.start)..at(row.end)].iter().copied()
            });
            known.extend(distances(list, others.clone(), others).map(|(found, words)| (key(&found), words)));
        }
        let whole = both.is_some();
        Self { within, whole, distances: known }
    }
}

/// Matches that were lost for one reason.
#[derive(Default)]
struct Lost {
    found: Vec<(Found, String)>,
    /// For each of them: where it is, and how far its words are.
    places: Vec<(Scope, &'static str, Option<u32>)>,
}

impl Lost {
    fn add(&mut self, answers: &Answers<'_>, found: &Found, distance: Option<u32>) {
        let piece = answers.pieces.get(found.piece);
        self.found.push((*found, value_of(piece.text, &found.span())));
        self.places.push((piece.scope(), piece.component(), distance));
    }

    /// How many of them are there, and where or how far they are.
    fn told(mut self, answers: &Answers<'_>, why: Why, mode: Count, within: Within<'_>) -> Loss {
        self.places.retain(|(scope, ..)| within.has(*scope));
        let why = match why {
            Why::Elsewhere(_) => {
                let mut names: Vec<&'static str> = self.places.iter().map(|(_, name, _)| *name).collect();
                names.sort_unstable();
                names.dedup();
                Why::Elsewhere(names)
            }
            Why::Apart { within, .. } => {
                Why::Apart { within, nearest: self.places.iter().filter_map(|(.., words)| *words).min() }
            }
            why => why,
        };
        Loss { count: answers.how_many(&self.found, mode, within), why }
    }
}

/// Rows of which some values were found, and not enough.
fn rows_in_part(answers: &Answers<'_>, test: &ExactTest, within: Within<'_>) -> u64 {
    let (rows, pieces) = (answers.probed(test.probe).rows(), answers.pieces);
    let mut some: HashSet<(Scope, u32)> = HashSet::new();
    for row in rows {
        some.extend(exact::cells(test, row, pieces).map(|cell| (pieces.get(cell.piece).scope(), row.row)));
    }
    for (scope, _, row) in exact::sufficing(test, rows, pieces) {
        some.remove(&(scope, row));
    }
    some.iter().filter(|(scope, _)| within.has(*scope)).count() as u64
}

/// Documents of which too little was found.
fn documents_in_part(answers: &Answers<'_>, test: &DocumentsTest, within: Within<'_>) -> u64 {
    let (found, pieces) = (answers.probed(test.probe).documents(), answers.pieces);
    let admitted = found.iter().filter(|one| pieces.get(one.from.0).admitted_by(&test.places));
    let mut some: HashSet<(Scope, u32)> =
        admitted.map(|one| (pieces.get(one.from.0).scope(), one.hit.document)).collect();
    for (scope, _, document) in documents::sufficing(test, found, pieces) {
        some.remove(&(scope, document));
    }
    some.iter().filter(|(scope, _)| within.has(*scope)).count() as u64
}

fn partial(count: u64) -> Vec<Loss> {
    if count > 0 { vec![Loss { count, why: Why::Partial }] } else { Vec::new() }
}
