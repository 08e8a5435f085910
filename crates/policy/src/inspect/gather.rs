//! One pass over each text: every match of every pattern goes to the lists it belongs to. Identifiers of which only matches
//! beside a word count are looked for afterwards, where such a word stands at all.
//!
//! Within a list a match inside another one is none of its own ("card" in "credit card"), equal texts at one place count
//! once. Matches in ignored text are dropped. How many are kept is bounded; beyond the bound equal values are only counted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::joined::Joined;
use super::near::near_by;
use super::pieces::{Pieces, Scope, Spot};
use super::{ignore, joined, probes};
use crate::compile::model::Compiled;
use crate::mail::Mail;
use crate::matcher::{Hit, Prepared};

/// Octets of small texts that are read as one.
const AT_ONCE: usize = 64 << 10;

/// Matches of one list in texts that go on in each other; more of them are a finding.
const MOST_IN_A_ROW: usize = 1 << 20;
/// Equal values of a component that are kept where a list has no room for all.
const EQUALS_KEPT: u32 = 100;
/// Matches that are kept of one source whatever happens.
const MOST: usize = 1 << 22;

/// A match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Found {
    pub(super) piece: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) pattern: u32,
    /// Words before its start and before its end, counted over texts that go on in each other.
    pub(super) words: (u32, u32),
}

impl Found {
    fn in_joined(joined: &Joined<'_>, hit: &Hit) -> Option<Self> {
        let (piece, span) = joined.place(&hit.span)?;
        let (start, end) = (span.start as u32, span.end as u32);
        Some(Self { piece, start, end, pattern: hit.pattern.0, words: (0, 0) })
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// All matches of a list, or of a list near another.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) found: Vec<Found>,
    /// By component and value: matches that were only counted.
    pub(super) counted: HashMap<(Scope, String), u64>,
    room: usize,
}

/// What one pass found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By list, then by near question.
    pub(super) sources: Vec<Source>,
    /// The first text that was not looked at, for want of time.
    pub(super) late: Option<u32>,
    /// Texts with more matches than can be kept.
    pub(super) overflowing: Vec<u32>,
    /// Texts about which an index could not be asked.
    pub(super) faulty: Vec<u32>,
    /// Files likewise.
    pub(super) faulty_parts: Vec<u32>,
    /// By probe: what the index found.
    pub(super) probed: Vec<probes::Found>,
    /// Something was found.
    pub(super) any: bool,
}

/// Looks through all texts until the deadline.
pub(super) fn gather(set: &Compiled, pieces: &Pieces<'_>, mail: &Mail<'_>) -> Gathered {
    let deadline = mail.deadline;
    let mut gatherer = Gatherer::new(set, pieces, deadline);
    let mut rows: Vec<Range<u32>> = Vec::new();
    let mut size = 0;
    for row in pieces.rows() {
        let length = joined::length(pieces, &row);
        if !rows.is_empty() && size + length > AT_ONCE {
            gatherer.look_through(&rows);
            (size, rows) = (0, Vec::new());
        }
        size += length;
        rows.push(row);
        if gatherer.out.late.is_some() {
            break;
        }
    }
    gatherer.look_through(&rows);
    let mut gathered = gatherer.out;
    probes::ask(&set.engine, pieces, &mail.opened.parts, deadline, &mut gathered);
    gathered
}

struct Gatherer<'g, 'm> {
    set: &'g Compiled,
    pieces: &'g Pieces<'m>,
    deadline: Instant,
    /// By list: matches in texts that go on in each other.
    row: Vec<Vec<Found>>,
    /// Lists with matches in this row.
    touched: Vec<u32>,
    /// By pattern: identifiers that are looked for because a word that they need is there.
    wanted: Vec<bool>,
    out: Gathered,
}

impl<'g, 'm> Gatherer<'g, 'm> {
    fn new(set: &'g Compiled, pieces: &'g Pieces<'m>, deadline: Instant) -> Self {
        let (row, touched, wanted) = (Vec::new(), Vec::new(), Vec::new());
        Self { set, pieces, deadline, row, touched, wanted, out: Gathered::default() }
    }

    /// Most mails have no match at all: room for matches is made at the first one.
    fn make_room(&mut self) {
        let engine = &self.set.engine;
        self.row.resize_with(engine.lists.len(), Vec::new);
        let lists = engine.lists.iter().map(|list| list.room);
        let nears = engine.nears.iter().map(|near| engine.lists[near.list as usize].room);
        self.out.sources = lists.chain(nears).map(|room| Source { room, ..Source::default() }).collect();
        self.out.any = true;
    }

    /// Looks through rows of texts that go on in each other; several of them are small, and are read as one.
    fn look_through(&mut self, rows: &[Range<u32>]) {
        if let [row] = rows {
            for joined in self.joined(row.clone()) {
                if self.is_late(joined.first()) {
                    break;
                }
                self.look(&joined, &mut Self::note);
            }
            return self.end_row(row.clone());
        }
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        let mut found: Vec<Found> = Vec::new();
        for joined in self.joined(first.start..last.end) {
            if self.is_late(joined.first()) {
                break;
            }
            self.look(&joined, &mut |_, one| found.push(one));
        }
        found.sort_unstable_by_key(|one| one.piece);
        let mut rest = found.as_slice();
        for row in rows {
            let (here, after) = rest.split_at(rest.partition_point(|one| one.piece < row.end));
            if !here.is_empty() {
                here.iter().for_each(|one| self.note(*one));
                self.end_row(row.clone());
            }
            rest = after;
        }
    }

    fn joined(&self, numbers: Range<u32>) -> impl Iterator<Item = Joined<'m>> + use<'g, 'm> {
        Joined::all(self.pieces, numbers, if self.set.engine.matcher.divided() { AT_ONCE } else { 0 })
    }

    /// Notes the first text that there is no time for.
    fn is_late(&mut self, number: u32) -> bool {
        let late = Instant::now() >= self.deadline;
        if late {
            self.out.late = Some(self.out.late.map_or(number, |before| before.min(number)));
        }
        late
    }

    /// Tells of each match in texts that are read as one.
    fn look(&mut self, joined: &Joined<'_>, tell: &mut dyn FnMut(&mut Self, Found)) {
        let matcher = &self.set.engine.matcher;
        let text = Prepared::new(joined.text());
        let mut tell_placed = |hit: Hit| {
            if let Some(found) = Found::in_joined(joined, &hit) {
                tell(self, found);
            }
            ControlFlow::Continue(())
        };
        match joined.is_alone() {
            true => matcher.scan_now(&text, &mut tell_placed),
            false => matcher.scan_joined(&text, joined.begins(), &mut tell_placed),
        }
    }

    /// Notes which identifiers the words found in this row ask for; tells whether there are any.
    fn want(&mut self) -> bool {
        if self.touched.is_empty() {
            return false;
        }
        self.wanted.clear();
        let engine = &self.set.engine;
        for list in &self.touched {
            let awaited_by = &engine.lists[*list as usize].awaited_by;
            if !awaited_by.is_empty() {
                self.wanted.resize(engine.patterns.validators.len(), false);
                awaited_by.iter().for_each(|pattern| self.wanted[*pattern as usize] = true);
            }
        }
        !self.wanted.is_empty()
    }

    /// Looks for the identifiers that are wanted.
    fn look_later(&mut self, row: Range<u32>) {
        let wanted = std::mem::take(&mut self.wanted);
        for joined in self.joined(row) {
            if self.is_late(joined.first()) {
                break;
            }
            let text = Prepared::new(joined.text());
            self.set.engine.matcher.scan_later(&text, &wanted, &mut |hit| {
                if let Some(found) = Found::in_joined(&joined, &hit) {
                    self.note(found);
                }
                ControlFlow::Continue(())
            });
        }
        self.wanted = wanted;
    }

    /// Puts a match into the lists of its pattern.
    fn note(&mut self, found: Found) {
        if !self.out.any {
            self.make_room();
        }
        let piece = *self.pieces.get(found.piece);
        let engine = &self.set.engine;
        let mut overflow = false;
        for list in engine.patterns.lists_of(found.pattern) {
            let index = *list as usize;
            if !piece.admitted_by(&engine.lists[index].places) {
                continue;
            }
            let row = &mut self.row[index];
            if row.len() >= MOST_IN_A_ROW {
                overflow = true;
                continue;
            }
            if row.is_empty() {
                self.touched.push(*list);
            }
            row.push(found);
        }
        if overflow && self.out.overflowing.last() != Some(&found.piece) {
            self.out.overflowing.push(found.piece);
        }
    }

    /// Puts the row's matches in order, drops those inside others or in ignored text, and counts words.
    fn tidy(&mut self, row: Range<u32>) {
        let first = row.start;
        let distances = |list: &u32| self.set.engine.lists[*list as usize].distances;
        let texts: Vec<Prepared<'m>> = match self.touched.iter().any(distances) {
            true => row.map(|number| Prepared::new(self.pieces.get(number).text)).collect(),
            false => Vec::new(),
        };
        let before = words_before(&texts);
        let mut ignored: HashMap<u32, Vec<Range<usize>>> = HashMap::new();
        for list in &self.touched {
            let row = &mut self.row[*list as usize];
            row.sort_unstable_by_key(|one| (one.piece, one.start, Reverse(one.end), one.pattern));
            let mut kept = Vec::with_capacity(row.len());
            for found in row.chunk_by(|one, other| one.piece == other.piece) {
                let number = found[0].piece;
                let from = kept.len();
                keep_outermost(found, &mut kept);
                let ignored = ignored.entry(number).or_insert_with(|| {
                    let piece = self.pieces.get(number);
                    ignore::ranges(&self.set.settings, piece.text, piece.quoted, piece.spot == Spot::Body)
                });
                if !ignored.is_empty() {
                    drop_ignored(&mut kept, from, ignored);
                }
                if distances(list) {
                    let place = (number - first) as usize;
                    count_words(&mut kept[from..], &texts[place], before[place]);
                }
            }
            *row = kept;
        }
    }

    /// Looks for what the row's matches ask for, and hands them all on.
    fn end_row(&mut self, row: Range<u32>) {
        if self.want() {
            self.look_later(row.clone());
        }
        if self.touched.is_empty() {
            return;
        }
        self.tidy(row);
        let engine = &self.set.engine;
        // Only of lists that have a match here: one that is met in every mail must not cost what all policies ask.
        let asked = self.touched.iter().flat_map(|list| &engine.lists[*list as usize].nears);
        for number in asked {
            let near = &engine.nears[*number as usize];
            let (list, others) = (&self.row[near.list as usize], &self.row[near.near as usize]);
            if list.is_empty() || others.is_empty() {
                continue;
            }
            let source = &mut self.out.sources[engine.lists.len() + *number as usize];
            source.found.extend(near_by(list, others, near.within));
            source.keep_within_room(self.pieces, &mut self.out.overflowing);
        }
        for list in self.touched.drain(..) {
            let source = &mut self.out.sources[list as usize];
            source.found.append(&mut self.row[list as usize]);
            source.keep_within_room(self.pieces, &mut self.out.overflowing);
        }
    }
}

/// How many words of a row stand before each of its texts.
fn words_before(texts: &[Prepared<'_>]) -> Vec<u32> {
    let mut words = 0u32;
    let last = texts.len().saturating_sub(1);
    let before = texts.iter().enumerate().map(|(place, text)| {
        let before = words;
        if place < last {
            let end = text.text().len();
            words = words.saturating_add(text.words_between(&(0..0), &(end..end)) as u32);
        }
        before
    });
    before.collect()
}

/// Keeps the outermost of one text's matches that lie in each other; they are in order.
pub(super) fn keep_outermost(found: &[Found], kept: &mut Vec<Found>) {
    let mut furthest = 0;
    for one in found {
        if one.end > furthest {
            furthest = one.end;
            kept.push(*one);
        }
    }
}

/// Both are in order.
fn drop_ignored(row: &mut Vec<Found>, from: usize, ignored: &[Range<usize>]) {
    let mut kept = from;
    for at in from..row.len() {
        if !ignore::covers(ignored, &row[at].span()) {
            row[kept] = row[at];
            kept += 1;
        }
    }
    row.truncate(kept);
}

/// Counts the words before each match, going once through the text.
fn count_words(row: &mut [Found], text: &Prepared<'_>, before: u32) {
    let (mut at, mut words) = (0, before);
    for found in row {
        let (start, end) = (found.start as usize, found.end as usize);
        words = words.saturating_add(text.words_between(&(at..at), &(start..start)) as u32);
        at = at.max(start);
        let inner = text.words_between(&(start..start), &(end..end)) as u32;
        found.words = (words, words.saturating_add(inner));
    }
}

impl Source {
    /// Where there is no room for all matches, equal values of a component are only counted from the hundred and first on.
    fn keep_within_room(&mut self, pieces: &Pieces<'_>, overflowing: &mut Vec<u32>) {
        if self.found.len() <= self.room {
            return;
        }
        let mut seen: HashMap<(Scope, String), u32> = HashMap::new();
        let found = std::mem::take(&mut self.found);
        for one in found {
            let piece = pieces.get(one.piece);
            let key = (piece.scope(), value_of(piece.text, &one.span()));
            let count = seen.entry(key.clone()).or_default();
            *count += 1;
            if *count <= EQUALS_KEPT {
                self.found.push(one);
            } else {
                *self.counted.entry(key).or_default() += 1;
            }
        }
        if self.found.len() > MOST {
            overflowing.extend(self.found.last().map(|last| last.piece));
            self.found.truncate(MOST);
        }
        self.room = self.room.max(self.found.len().saturating_mul(2));
    }
}

/// The value of a match: letters and digits, upper case.
pub(super) fn value_of(text: &str, span: &Range<usize>) -> String {
    let text = text.get(span.clone()).unwrap_or_default();
    if text.is_ascii() {
        return text
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|octet| octet.to_ascii_uppercase() as char)
            .collect();
    }
    Prepared::new(text).value(&(0..text.len()))
}
