//! One pass over each text: every match of every pattern goes to the lists it belongs to. Identifiers of which only matches
//! beside a word count are looked for afterwards, where such a word stands at all.
//!
//! Within a list a match inside another one is none of its own ("card" in "credit card"), equal texts at one place count
//! once. Matches in ignored text are dropped.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::ignore::LeftOut;
use super::joined::Joined;
use super::matches::{Row, RowWords, SHARED, Source, Texts};
use super::near::near_by;
use super::pieces::Pieces;
use super::sparse::Sparse;
use super::{joined, lines, probes};
use crate::compile::model::{self, Compiled};
use crate::mail::Mail;
use crate::matcher::{Hit, Prepared};

/// Octets of small texts that are read as one.
const AT_ONCE: usize = 64 << 10;

/// Matches after which the time is looked at.
pub(super) const AT_A_TIME: usize = 1 << 16;

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

/// What one pass found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By list, then by near question.
    pub(super) sources: Sparse<Source>,
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

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What some rule may make something of.
    Needed,
    /// Every list, for explaining.
    Everything,
}

/// Looks through all texts until the deadline.
pub(super) fn gather(set: &Compiled, pieces: &Pieces<'_>, mail: &Mail<'_>, depth: Depth) -> Gathered {
    let deadline = mail.deadline;
    let mut gatherer = Gatherer::new(set, pieces, deadline);
    gatherer.pass();
    if gatherer.delayed(depth) {
        gatherer.late_lists = true;
        gatherer.pass();
    }
    let mut gathered = gatherer.out;
    probes::ask(set, pieces, &mail.opened.parts, deadline, &mut gathered);
    gathered
}

struct Gatherer<'g, 'm> {
    set: &'g Compiled,
    pieces: &'g Pieces<'m>,
    deadline: Instant,
    /// By list: matches in texts that go on in each other.
    row: Sparse<Row>,
    texts: Texts<'g, 'm>,
    /// Octets that are left for matches of all lists.
    room: usize,
    hits: usize,
    /// By pattern: identifiers that are looked for because a word that they need is there.
    wanted: Vec<bool>,
    /// The text that was looked at last, made ready, and its number: it may have to be looked at again.
    ready: Option<(u32, Prepared<'m>)>,
    /// Whether this is the pass for the lists that were delayed; [`Self::wanted`] stays as it is.
    late_lists: bool,
    out: Gathered,
}

impl<'g, 'm> Gatherer<'g, 'm> {
    fn new(set: &'g Compiled, pieces: &'g Pieces<'m>, deadline: Instant) -> Self {
        Self {
            set,
            pieces,
            deadline,
            row: Sparse::default(),
            texts: Texts::new(pieces, 0..0),
            room: SHARED,
            hits: 0,
            wanted: Vec::new(),
            ready: None,
            late_lists: false,
            out: Gathered::default(),
        }
    }

    /// Looks through all texts once, several small ones at a time.
    fn pass(&mut self) {
        let mut rows: Vec<Range<u32>> = Vec::new();
        let mut size = 0;
        for row in self.pieces.rows() {
            let length = joined::length(self.pieces, &row);
            if !rows.is_empty() && size + length > AT_ONCE {
                self.look_through(&rows);
                (size, rows) = (0, Vec::new());
            }
            size += length;
            rows.push(row);
            if self.out.late.is_some() {
                break;
            }
        }
        self.look_through(&rows);
    }

    /// Notes which of the identifiers that were delayed are wanted; tells whether there are any.
    fn delayed(&mut self, depth: Depth) -> bool {
        let engine = &self.set.engine;
        let has_match = |source: &model::Source| {
            let source = self.out.sources.get(engine.index(*source));
            source.is_some_and(|source| !source.is_empty())
        };
        let wanted = engine
            .delayed
            .iter()
            .filter(|one| depth == Depth::Everything || self.out.any && one.companions.iter().any(has_match));
        let wanted: Vec<u32> = wanted.flat_map(|one| one.patterns.iter().copied()).collect();
        self.wanted.clear();
        if wanted.is_empty() || self.out.late.is_some() {
            return false;
        }
        self.wanted.resize(engine.patterns.validators.len(), false);
        wanted.iter().for_each(|pattern| self.wanted[*pattern as usize] = true);
        true
    }

    /// Most mails have no match at all: room for matches is made at the first one.
    fn make_room(&mut self) {
        let engine = &self.set.engine;
        self.row = Sparse::new(engine.lists.len());
        self.out.sources = Sparse::new(engine.lists.len() + engine.nears.len());
        self.out.any = true;
    }

    /// Looks through rows of texts that go on in each other; several of them are small, and are read as one.
    fn look_through(&mut self, rows: &[Range<u32>]) {
        if let [row] = rows {
            self.texts = Texts::new(self.pieces, row.clone());
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
                self.texts = Texts::new(self.pieces, row.clone());
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

    /// Looks at the time now and then.
    fn hurries(&mut self, number: u32) -> ControlFlow<()> {
        self.hits += 1;
        match self.hits.is_multiple_of(AT_A_TIME) && self.is_late(number) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Tells of each match in texts that are read as one.
    fn look(&mut self, joined: &Joined<'m>, tell: &mut dyn FnMut(&mut Self, Found)) {
        self.ready = None;
        match joined.alone() {
            Some(text) => {
                let text = Prepared::new(text);
                self.look_at(&text, joined, tell);
                self.ready = Some((joined.first(), text));
            }
            None => self.look_at(&Prepared::new(joined.text()), joined, tell),
        }
    }

    fn look_at(&mut self, text: &Prepared<'_>, joined: &Joined<'_>, tell: &mut dyn FnMut(&mut Self, Found)) {
        let matcher = &self.set.engine.matcher;
        let wanted = std::mem::take(&mut self.wanted);
        let late_lists = self.late_lists;
        let mut tell_placed = |hit: Hit| {
            let Some(found) = Found::in_joined(joined, &hit) else { return ControlFlow::Continue(()) };
            tell(self, found);
            self.hurries(joined.first())
        };
        match joined.is_alone() {
            _ if late_lists => matcher.scan_later(text, &wanted, &mut tell_placed),
            true => matcher.scan_now(text, &mut tell_placed),
            false => matcher.scan_joined(text, joined.begins(), &mut tell_placed),
        }
        self.wanted = wanted;
    }

    /// Notes which identifiers the words found in this row ask for; tells whether there are any.
    fn want(&mut self) -> bool {
        if self.row.is_empty() || self.late_lists {
            return false;
        }
        self.wanted.clear();
        let engine = &self.set.engine;
        for (list, _) in self.row.iter() {
            let awaited_by = &engine.lists[list].awaited_by;
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
        let known = self.ready.take();
        for joined in self.joined(row) {
            if self.is_late(joined.first()) {
                break;
            }
            let ready = known.as_ref().filter(|(number, _)| joined.is_alone() && *number == joined.first());
            for lines in self.lines_to_look_at(&joined) {
                match ready.filter(|(_, text)| lines.len() == text.text().len()) {
                    Some((_, text)) => self.look_later_at(text, 0, &joined, &wanted),
                    None => {
                        let text = joined.text().get(lines.clone()).unwrap_or_default();
                        self.look_later_at(&Prepared::new(text), lines.start, &joined, &wanted);
                    }
                }
            }
        }
        (self.wanted, self.ready) = (wanted, known);
    }

    /// Looks for the identifiers that are wanted in a stretch that begins at a place of a text.
    fn look_later_at(&mut self, text: &Prepared<'_>, begin: usize, joined: &Joined<'_>, wanted: &[bool]) {
        self.set.engine.matcher.scan_later(text, wanted, &mut |hit| {
            let hit = Hit { span: begin + hit.span.start..begin + hit.span.end, ..hit };
            let Some(found) = Found::in_joined(joined, &hit) else { return ControlFlow::Continue(()) };
            self.note(found);
            self.hurries(joined.first())
        });
    }

    /// The lines in which matches near the row's words can be; all where the words are many or stand in other texts.
    fn lines_to_look_at(&self, joined: &Joined<'_>) -> Vec<Range<usize>> {
        let engine = &self.set.engine;
        let whole = || std::iter::once(0..joined.text().len()).collect();
        if !joined.is_alone() || !engine.matcher.by_line() {
            return whole();
        }
        let mut places: Vec<(Range<usize>, usize)> = Vec::new();
        for (list, row) in self.row.iter().filter(|(list, _)| !engine.lists[*list].awaited_by.is_empty()) {
            let within = engine.lists[list].awaited_within;
            let Some(few) = row.few().filter(|few| few.iter().all(|one| one.piece == joined.first())) else {
                return whole();
            };
            places.extend(few.iter().map(|one| (one.span(), within)));
        }
        let lines = lines::around(joined.text(), places.into_iter());
        let octets: usize = lines.iter().map(Range::len).sum();
        if octets > joined.text().len() / 2 { whole() } else { lines }
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
            let list = &engine.lists[index];
            if list.delayed != self.late_lists || !piece.admitted_by(&list.places) {
                continue;
            }
            overflow |= !self.row.of(index).push(found, &mut self.texts, &mut self.room);
        }
        if overflow && self.out.overflowing.last() != Some(&found.piece) {
            self.out.overflowing.push(found.piece);
        }
    }

    /// Puts the row's matches in order, drops those inside others or in ignored text, and counts words.
    fn tidy(&mut self, row: Range<u32>, ready: Option<(u32, Prepared<'m>)>) -> RowWords<'m> {
        let lists = &self.set.engine.lists;
        let words = match self.row.iter().any(|(list, _)| lists[list].distances) {
            true => RowWords::new(self.pieces, row, ready),
            false => RowWords::default(),
        };
        let mut left_out = LeftOut::new(&self.set.settings, self.pieces);
        for (list, row) in self.row.iter_mut() {
            row.tidy(&mut left_out);
            if lists[list].distances {
                row.count_words(&words);
            }
        }
        words
    }

    /// Looks for what the row's matches ask for, and hands them all on.
    fn end_row(&mut self, row: Range<u32>) {
        if self.want() {
            self.look_later(row.clone());
        }
        let ready = self.ready.take();
        if self.row.is_empty() {
            return;
        }
        let last = row.end.saturating_sub(1);
        let words = self.tidy(row, ready);
        let engine = &self.set.engine;
        // Only of lists that have a match here: one that is met in every mail must not cost what all policies ask.
        let asked = self.row.iter().flat_map(|(list, _)| &engine.lists[list].nears);
        for number in asked {
            let near = &engine.nears[*number as usize];
            let both = self.row.get(near.list as usize).zip(self.row.get(near.near as usize));
            let Some((list, others)) = both.filter(|(list, others)| !list.is_empty() && !others.is_empty())
            else {
                continue;
            };
            let (mut beside, mut room) = (Row::default(), true);
            for found in near_by(list, others, &words, near.within) {
                room &= beside.push(found, &mut self.texts, &mut self.room);
            }
            if !room {
                self.out.overflowing.push(last);
            }
            self.out.sources.of(engine.lists.len() + *number as usize).take(beside);
        }
        self.row.drain().for_each(|(list, row)| self.out.sources.of(list).take(row));
    }
}

/// The value of a match: letters and digits, upper case.
pub(super) fn value_of(text: &str, span: &Range<usize>) -> String {
    let mut value = String::new();
    write_value(text, span, &mut value);
    value
}

/// Writes the value of a match in place of another.
pub(super) fn write_value(text: &str, span: &Range<usize>, value: &mut String) {
    let text = text.get(span.clone()).unwrap_or_default();
    value.clear();
    if text.is_ascii() {
        let octets = text.bytes().filter(u8::is_ascii_alphanumeric);
        value.extend(octets.map(|octet| octet.to_ascii_uppercase() as char));
    } else {
        value.push_str(&Prepared::new(text).value(&(0..text.len())));
    }
}
