//! Looks for rows of a table in a text: first what may point at one, then the row's other values around that place.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::ops::Range;
use std::time::Instant;

use super::ExactIndex;

use super::date::{self, Word};
use super::hashes::{Hashes, Strong, TAG};
use super::points::{Point, points};
use super::value::{Value, words as words_of};
use crate::index::words::Tokens;
use crate::matcher::Prepared;

/// What conditions want of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Words around a row's first value in which its others may stand.
    pub(crate) within: u32,
    /// Some condition may hold by values alone that point at no row: two common ones together lead to it.
    pub(crate) pairs: bool,
    /// Some condition holds by one common value.
    pub(crate) singles: bool,
}

impl Wants {
    pub(crate) fn merge(&mut self, other: Self) {
        self.within = self.within.max(other.within);
        self.pairs |= other.pairs;
        self.singles |= other.singles;
    }
}

/// A value of a row in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) column: u8,
    /// In the original text.
    pub(crate) span: Range<usize>,
    /// Words between it and the value that led to the row; 0 within one line.
    pub(crate) distance: u32,
}

/// A row in a text: its values, each once, in the order of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowHit {
    pub(crate) row: u32,
    pub(crate) cells: Vec<Cell>,
}

/// What was found in a text.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    pub(crate) rows: Vec<RowHit>,
    /// Not everything was looked at: there were too many rows to look at.
    pub(crate) overflow: bool,
    /// Likewise, for want of time.
    pub(crate) late: bool,
}

/// Octets looked at in one go, and how much of the end is looked at again with what follows.
const SLICE: usize = 512 << 10;
const OVERLAP: usize = 8 << 10;
/// Rows of the index that are looked at for one slice, and rows that are kept.
const MOST_LOOKS: usize = 200_000;
const MOST_HITS: usize = 100_000;
/// A line that is no longer is one row of a table: its values are near each other.
const LINE: usize = 2_000;

/// Values that the filter is asked about together.
const BATCH: usize = 128;

/// Rows that a value points at: the column, the rows, and whether there are more than are kept.
type Pointed = Vec<(u8, Vec<u32>, bool)>;

/// How many octets so many words take, counted from either end; no more of the next word is taken.
fn reach<'o>(octets: impl Iterator<Item = &'o u8>, words: u32) -> usize {
    let (mut count, mut inside) = (0, false);
    for (at, octet) in octets.enumerate() {
        match octet {
            // In scripts of three octets and more a character may be a word; of others, letters make words.
            0xE0.. => (count, inside) = (count + 1, false),
            0x80..0xC0 => {}
            octet if octet.is_ascii_alphanumeric() || *octet >= 0xC0 => {
                count += u32::from(!inside);
                inside = true;
            }
            _ => inside = false,
        }
        if count > words {
            return at;
        }
    }
    usize::MAX
}

/// Something that may be a value of a row.
#[derive(Debug, Clone)]
struct Candidate {
    value: Held,
    /// In the folded text.
    span: Range<usize>,
    /// Words before it in the slice.
    word: u32,
    short: u64,
}

/// A value with what rows are tagged with.
#[derive(Debug, Clone)]
enum Held {
    Value(Value),
    /// A telephone number as met, and its national form.
    Phone(Value, Value),
}

impl Held {
    fn tagged(&self) -> &Value {
        match self {
            Self::Value(value) | Self::Phone(_, value) => value,
        }
    }
}

/// A place from which rows are looked for.
#[derive(Debug)]
struct Anchor {
    /// The candidates that led there.
    first: usize,
    second: Option<usize>,
    /// Columns of the candidates, and the rows.
    columns: (u8, Option<u8>),
    rows: Vec<u32>,
}

/// Looks through a text until the deadline.
pub(crate) fn scan(
    index: &ExactIndex,
    text: &Prepared<'_>,
    wants: Wants,
    deadline: Instant,
    hits: &mut Hits,
) -> io::Result<()> {
    let bytes = text.bytes();
    let mut from = 0;
    loop {
        let to = edge(bytes, from + SLICE);
        let slice = Slice { index, text, range: from..to, wants, deadline };
        slice.scan(hits)?;
        if to == bytes.len() || hits.rows.len() > MOST_HITS || hits.late {
            break;
        }
        from = edge(bytes, to.saturating_sub(OVERLAP)).max(from + 1).min(to);
    }
    if hits.rows.len() > MOST_HITS {
        hits.rows.truncate(MOST_HITS);
        hits.overflow = true;
    }
    Ok(())
}

/// A place at or soon behind `at` where no word goes on.
fn edge(bytes: &[u8], at: usize) -> usize {
    let Some(rest) = bytes.get(at..) else { return bytes.len() };
    let near = &rest[..rest.len().min(4_096)];
    let white = near
        .iter()
        .position(u8::is_ascii_whitespace)
        .or_else(|| near.iter().position(|octet| octet & 0xC0 != 0x80));
    at + white.unwrap_or(near.len())
}

struct Slice<'s, 't> {
    index: &'s ExactIndex,
    text: &'s Prepared<'t>,
    range: Range<usize>,
    wants: Wants,
    deadline: Instant,
}

impl Slice<'_, '_> {
    fn scan(&self, hits: &mut Hits) -> io::Result<()> {
        let (pointing, known) = self.pointing()?;
        let by_words = (self.wants.pairs || self.wants.singles) && self.may_pair();
        if pointing.is_empty() && !by_words {
            return Ok(());
        }
        let regions = if by_words { vec![self.range.clone()] } else { self.regions(&pointing) };
        let mut finder = Finder { pointed: known, ..Finder::new(self, pointing, &regions) };
        finder.rows(hits)
    }

    /// What may be near one of the points.
    fn regions(&self, pointing: &[Point]) -> Vec<Range<usize>> {
        let mut all: Vec<Range<usize>> = Vec::new();
        for point in pointing {
            let near = self.near(&point.span);
            match all.last_mut() {
                Some(last) if near.start <= last.end => last.end = last.end.max(near.end),
                _ => all.push(near),
            }
        }
        all
    }

    /// So many words before and behind as count as near, and the line if it may be a row of a table.
    fn near(&self, span: &Range<usize>) -> Range<usize> {
        let bytes = self.text.bytes();
        let words = self.wants.within + self.index.shape.words + 1;
        let before = &bytes[self.range.start..span.start];
        let behind = &bytes[span.end..self.range.end.max(span.end)];
        let from = span.start - reach(before.iter().rev(), words).min(before.len());
        let to = span.end + reach(behind.iter(), words).min(behind.len());
        // Of a longer line no more than a row of a table may take.
        let before = &before[before.len().saturating_sub(LINE)..];
        let behind = &behind[..behind.len().min(LINE)];
        let line_from = match memchr::memrchr(b'\n', before) {
            Some(at) => span.start - before.len() + at + 1,
            None if before.len() < LINE => self.range.start,
            None => edge(bytes, span.start - before.len()).min(span.start),
        };
        let line_to = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
        let line_to = edge(bytes, span.end + line_to);
        from.min(line_from).max(self.range.start)..to.max(line_to).min(self.range.end.max(span.end))
    }

    /// The values that point at rows: they pass the filter, and the table has them. With what it says of each.
    fn pointing(&self) -> io::Result<(Vec<Point>, HashMap<u64, Pointed>)> {
        let (index, mut buffer, mut all) = (self.index, Vec::with_capacity(64), Vec::new());
        // The filter is bigger than the caches: questions that do not wait for each other's answers are asked together.
        let mut batch: Vec<(u64, Point)> = Vec::with_capacity(BATCH);
        let mut ask = |batch: &mut Vec<(u64, Point)>| {
            all.extend(batch.drain(..).filter(|(short, _)| index.points.contains(*short)))
        };
        points(self.text.bytes(), self.range.clone(), &index.shape, &mut |point| {
            batch.push((index.hashes.short(point.value.octets(&mut buffer)), point));
            if batch.len() == BATCH {
                ask(&mut batch);
            }
        });
        ask(&mut batch);
        let mut known: HashMap<u64, Pointed> = HashMap::new();
        for (short, point) in &all {
            if let Entry::Vacant(vacant) = known.entry(*short) {
                vacant.insert(index.pointed(&index.hashes.strong_of(&point.value))?);
            }
        }
        let there = |short: &u64| known.get(short).is_some_and(|rows| !rows.is_empty());
        let mut kept: Vec<Point> =
            all.into_iter().filter(|(short, _)| there(short)).map(|(_, point)| point).collect();
        kept.sort_by_key(|point| point.span.start);
        Ok((kept, known))
    }

    /// Whether two common values that stand in one row, or one where one will do, may be near each other.
    fn may_pair(&self) -> bool {
        let mut tokens = Tokens::default();
        tokens.read(self.text, self.range.clone());
        if self.wants.singles {
            return true;
        }
        let mut recent: VecDeque<(u32, u64)> = VecDeque::new();
        let mut any = false;
        common(self.index, &tokens, &mut |value| {
            if any {
                return;
            }
            while recent.front().is_some_and(|(word, _)| word + self.wants.within < value.word) {
                recent.pop_front();
            }
            any = recent
                .iter()
                .any(|(_, other)| self.index.pairs.contains(Hashes::pair_short(*other, value.short)));
            recent.push_back((value.word, value.short));
        });
        any
    }
}

/// A common value in a text.
struct Common {
    /// The words that make it, by number.
    words: Range<usize>,
    word: u32,
    short: u64,
    date: Option<date::Date>,
    /// The word with which it begins, if another stands before it: `Lee, Ann`.
    turned: Option<usize>,
}

impl Common {
    /// Its words as the table has them.
    fn text(&self, tokens: &Tokens) -> Vec<u8> {
        match self.turned {
            Some(split) => turned(tokens, self.words.start, split, self.words.end),
            None => tokens.words(self.words.clone()).to_vec(),
        }
    }
}

/// What stands behind a comma, and what stands before it.
fn turned(tokens: &Tokens, from: usize, split: usize, to: usize) -> Vec<u8> {
    [tokens.words(split..to), b" ", tokens.words(from..split)].concat()
}

/// Hands on the words, groups of words and dates that pass the filter.
fn common(index: &ExactIndex, tokens: &Tokens, each: &mut impl FnMut(Common)) {
    let mut buffer: Vec<u8> = Vec::with_capacity(128);
    let count = tokens.all.len();
    let mut dates = Vec::new();
    for at in 0..count {
        if let Some(short) = known(index, tokens.word_at(at), &mut buffer) {
            each(Common { words: at..at + 1, word: at as u32, short, date: None, turned: None });
        }
        if index.shape.words > 1 && at + 1 < count {
            groups(index, tokens, at, &mut buffer, each);
        }
        if index.shape.dates && may_be_date(tokens.word_at(at)) {
            dates.clear();
            let words: Vec<Word<'_>> = (at..count.min(at + 5))
                .map(|at| Word { text: tokens.word_at(at), joined: tokens.all[at].joined })
                .collect();
            date::starting(&words, &mut dates);
            for (date, taken) in &dates {
                let short = index.hashes.short(Value::Date(*date).octets(&mut buffer));
                if index.words.contains(short) {
                    each(Common {
                        words: at..at + taken,
                        word: at as u32,
                        short,
                        date: Some(*date),
                        turned: None,
                    });
                }
            }
        }
    }
}

fn may_be_date(word: &[u8]) -> bool {
    word[0].is_ascii_digit() || (3..=10).contains(&word.len()) && word[0].is_ascii_lowercase()
}

/// Values of several words that begin here.
fn groups(
    index: &ExactIndex,
    tokens: &Tokens,
    at: usize,
    buffer: &mut Vec<u8>,
    each: &mut impl FnMut(Common),
) {
    let most = tokens.all.len().min(at + index.shape.words as usize);
    if opens(index, tokens.words(at..at + 2), buffer) {
        for end in at + 2..=most {
            if let Some(short) = known(index, tokens.words(at..end), buffer) {
                each(Common { words: at..end, word: at as u32, short, date: None, turned: None });
            }
        }
    }
    // "Lee, Ann" where the table has "Ann Lee". Of two words the comma may be missing, of more it says where to turn.
    let comma = (at + 1..most.min(at + MOST_BEFORE + 1)).find(|next| tokens.all[*next].comma);
    let further = comma.into_iter().flat_map(|split| {
        let same_list = move |end: &usize| *end == split + 1 || !tokens.all[end - 1].comma;
        (split + 1..=most).take_while(same_list).filter(move |end| end - at > 2).map(move |end| (split, end))
    });
    for (split, end) in [(at + 1, at + 2)].into_iter().chain(further) {
        let text = turned(tokens, at, split, end);
        if opens(index, first_two(&text), buffer)
            && let Some(short) = known(index, &text, buffer)
        {
            each(Common { words: at..end, word: at as u32, short, date: None, turned: Some(split) });
        }
    }
}

/// Words of a family name that may stand before the comma.
const MOST_BEFORE: usize = 4;

fn first_two(text: &[u8]) -> &[u8] {
    memchr::memchr_iter(b' ', text).nth(1).map_or(text, |end| &text[..end])
}

/// Whether some value of the index begins with these two words.
fn opens(index: &ExactIndex, two: &[u8], buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    words_of(two, buffer);
    buffer[0] = 2;
    index.words.contains(index.hashes.short(buffer))
}

/// The short hash of a value that the index may have.
fn known(index: &ExactIndex, text: &[u8], buffer: &mut Vec<u8>) -> Option<u64> {
    buffer.clear();
    words_of(text, buffer);
    let short = index.hashes.short(buffer);
    index.words.contains(short).then_some(short)
}

/// Finds the rows of a slice in which something was found.
struct Finder<'f, 's, 't> {
    slice: &'f Slice<'s, 't>,
    candidates: Vec<Candidate>,
    /// By number of the candidate: its strong hash.
    strong: HashMap<usize, Strong>,
    /// Line ends in the slice.
    lines: Vec<usize>,
    looks: usize,
    /// What the tables said before: a text that says one thing a thousand times is not looked up a thousand times.
    pointed: HashMap<u64, Pointed>,
    together: HashMap<u64, Vec<(u8, Vec<u32>)>>,
    /// By row: what it keeps of its cells, and how often it was looked at.
    rows: HashMap<u32, (Vec<u8>, u32)>,
}

/// Candidates before and behind a value among which its row's others are looked for.
const MOST_AROUND: usize = 512;
/// How often one row is looked at in a slice: once would do, were not another place nearer to more of its values.
const MOST_TIMES: u32 = 64;

impl<'f, 's, 't> Finder<'f, 's, 't> {
    fn new(slice: &'f Slice<'s, 't>, pointing: Vec<Point>, regions: &[Range<usize>]) -> Self {
        let mut candidates = Vec::new();
        let mut pointing = pointing.into_iter().peekable();
        let mut word = 0;
        for region in regions {
            let mut own = Vec::new();
            while let Some(point) = pointing.next_if(|point| point.span.start < region.end) {
                own.push(point);
            }
            // What is in another region is not near.
            word += Self::region(slice, own, region, word, &mut candidates) + slice.wants.within + 2;
        }
        candidates.sort_by_key(|candidate: &Candidate| {
            (candidate.span.start, std::cmp::Reverse(candidate.span.end))
        });
        let bytes = &slice.text.bytes()[slice.range.clone()];
        let lines = memchr::memchr_iter(b'\n', bytes).map(|at| at + slice.range.start).collect();
        Self {
            slice,
            candidates,
            strong: HashMap::new(),
            lines,
            looks: 0,
            pointed: HashMap::new(),
            together: HashMap::new(),
            rows: HashMap::new(),
        }
    }

    /// The candidates of a region; gives how many words it has.
    fn region(
        slice: &Slice<'s, 't>,
        pointing: Vec<Point>,
        region: &Range<usize>,
        before: u32,
        candidates: &mut Vec<Candidate>,
    ) -> u32 {
        let mut tokens = Tokens::default();
        tokens.read(slice.text, region.clone());
        let mut buffer = Vec::new();
        for point in pointing {
            let word =
                before + tokens.all.partition_point(|token| (token.start as usize) < point.span.start) as u32;
            let short = slice.index.hashes.short(point.value.octets(&mut buffer));
            let value = match point.tagged {
                Some(national) => Held::Phone(point.value, national),
                None => Held::Value(point.value),
            };
            candidates.push(Candidate { value, span: point.span, word, short });
        }
        common(slice.index, &tokens, &mut |value| {
            let span =
                tokens.all[value.words.start].start as usize..tokens.all[value.words.end - 1].end as usize;
            let held = match value.date {
                Some(date) => Value::Date(date),
                None => Value::Words(String::from_utf8_lossy(&value.text(&tokens)).into_owned()),
            };
            candidates.push(Candidate {
                value: Held::Value(held),
                span,
                word: before + value.word,
                short: value.short,
            });
        });
        tokens.all.len() as u32
    }

    fn rows(&mut self, hits: &mut Hits) -> io::Result<()> {
        let mut seen = HashSet::new();
        for at in 0..self.candidates.len() {
            if at.is_multiple_of(BATCH) && Instant::now() >= self.slice.deadline {
                hits.late = true;
                return Ok(());
            }
            for anchor in self.anchors(at)? {
                if self.looks > MOST_LOOKS || hits.rows.len() > MOST_HITS {
                    hits.overflow = true;
                    return Ok(());
                }
                self.resolve(&anchor, &mut seen, hits)?;
            }
        }
        Ok(())
    }

    fn strong(&mut self, at: usize) -> Strong {
        let hashes = &self.slice.index.hashes;
        let candidate = &self.candidates[at];
        *self.strong.entry(at).or_insert_with(|| hashes.strong_of(candidate.value.tagged()))
    }

    /// The rows that a candidate leads to, by itself or with one before it.
    fn anchors(&mut self, at: usize) -> io::Result<Vec<Anchor>> {
        let index = self.slice.index;
        let wants = self.slice.wants;
        let mut all = Vec::new();
        let met = match &self.candidates[at].value {
            Held::Phone(met, _) => met.clone(),
            Held::Value(value) => value.clone(),
        };
        let common = matches!(met, Value::Words(_) | Value::Date(_));
        if !common || wants.singles {
            let short = self.candidates[at].short;
            if let Entry::Vacant(vacant) = self.pointed.entry(short) {
                self.looks += 1;
                vacant.insert(index.pointed(&index.hashes.strong_of(&met))?);
            }
            for (column, rows, many) in self.pointed.get(&short).cloned().unwrap_or_default() {
                let points = index.columns[usize::from(column) % index.columns.len()].kind.points();
                if points || wants.singles {
                    let rows = if many { rows[..1].to_vec() } else { rows };
                    all.push(Anchor { first: at, second: None, columns: (column, None), rows });
                }
            }
        }
        if common && wants.pairs {
            self.pairs(at, &mut all)?;
        }
        Ok(all)
    }

    fn pairs(&mut self, at: usize, all: &mut Vec<Anchor>) -> io::Result<()> {
        let index = self.slice.index;
        let here = self.candidates[at].clone();
        // Of a value that is there many times the nearest is enough.
        let mut tried: Vec<u64> = Vec::new();
        for before in (0..at).rev().take(MOST_AROUND) {
            let other = &self.candidates[before];
            if other.word + self.slice.wants.within < here.word
                && !self.one_line(other.span.start, here.span.end)
            {
                break;
            }
            if tried.contains(&other.short) {
                continue;
            }
            tried.push(other.short);
            let common = matches!(other.value.tagged(), Value::Words(_) | Value::Date(_));
            if !common
                || other.span.end > here.span.start
                || !index.pairs.contains(Hashes::pair_short(other.short, here.short))
            {
                continue;
            }
            let short = Hashes::pair_short(other.short, here.short);
            if !self.together.contains_key(&short) {
                self.looks += 1;
                let (one, two) = (self.strong(before), self.strong(at));
                self.together.insert(short, index.together(&one, &two)?);
            }
            for (tag, rows) in self.together.get(&short).cloned().unwrap_or_default() {
                all.push(Anchor {
                    first: at,
                    second: Some(before),
                    columns: (tag >> 4, Some(tag & 15)),
                    rows,
                });
            }
        }
        Ok(())
    }

    /// Whether both stand on one line that is short enough to be a row of a table.
    fn one_line(&self, from: usize, to: usize) -> bool {
        to.saturating_sub(from) <= LINE && {
            let next = self.lines.partition_point(|line| *line < from);
            self.lines.get(next).is_none_or(|line| *line >= to)
        }
    }

    /// Looks for the other values of the rows around the anchor.
    fn resolve(
        &mut self,
        anchor: &Anchor,
        seen: &mut HashSet<(u32, usize, usize)>,
        hits: &mut Hits,
    ) -> io::Result<()> {
        let mut rows = Vec::with_capacity(anchor.rows.len());
        for row in &anchor.rows {
            rows.extend(self.tags(*row)?.map(|tags| (row, tags)));
            if self.looks > MOST_LOOKS {
                hits.overflow = true;
                break;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let around = self.around(anchor);
        let mut found: Vec<RowHit> = Vec::new();
        for (row, tags) in rows {
            let cells = self.cells(anchor, *row, &tags, &around)?;
            found.push(RowHit { row: *row, cells });
        }
        // Where a value stands in several rows and nothing tells them apart, it is one row.
        let own = if anchor.second.is_some() { 2 } else { 1 };
        let more = found.iter().any(|hit| hit.cells.len() > own);
        let kept = found
            .into_iter()
            .enumerate()
            .filter(|(at, hit)| if more { hit.cells.len() > own } else { *at == 0 });
        for (_, hit) in kept {
            let first = hit.cells.iter().map(|cell| cell.span.start).min().unwrap_or_default();
            if seen.insert((hit.row, first, hit.cells.len())) {
                hits.rows.push(hit);
            }
        }
        Ok(())
    }

    /// What a row keeps of its cells; `None` where it was looked at often enough.
    fn tags(&mut self, row: u32) -> io::Result<Option<Vec<u8>>> {
        if let Some((tags, times)) = self.rows.get_mut(&row) {
            *times += 1;
            return Ok((*times <= MOST_TIMES).then(|| tags.clone()));
        }
        self.looks += 1;
        let tags = self.slice.index.row(row)?;
        self.rows.insert(row, (tags.clone(), 1));
        Ok(Some(tags))
    }

    /// The candidates near an anchor, with their distances.
    fn around(&self, anchor: &Anchor) -> Vec<(usize, u32)> {
        let here = &self.candidates[anchor.first];
        let within = self.slice.wants.within;
        let distance = |other: &Candidate| {
            // Where a value begins counts: its end may be on the next line.
            let (one, two) = (other.span.start, here.span.start);
            if self.one_line(one.min(two), one.max(two)) {
                return 0;
            }
            other.word.abs_diff(here.word).saturating_sub(1)
        };
        let far = |other: &Candidate| {
            other.word.abs_diff(here.word) > within + 1 && other.span.start.abs_diff(here.span.start) > LINE
        };
        let before = (0..anchor.first).rev().take(MOST_AROUND).take_while(|at| !far(&self.candidates[*at]));
        let behind = (anchor.first + 1..self.candidates.len())
            .take(MOST_AROUND)
            .take_while(|at| !far(&self.candidates[*at]));
        let mut all: Vec<(usize, u32)> = before
            .chain(behind)
            .map(|at| (at, distance(&self.candidates[at])))
            .filter(|(_, distance)| *distance <= within)
            .collect();
        // Of several places of one value the nearest counts.
        all.sort_by_key(|(at, distance)| (*distance, self.candidates[*at].word.abs_diff(here.word)));
        all
    }

    /// The values of a row that stand around the anchor; each word is the value of one column only.
    fn cells(
        &mut self,
        anchor: &Anchor,
        row: u32,
        tags: &[u8],
        around: &[(usize, u32)],
    ) -> io::Result<Vec<Cell>> {
        let index = self.slice.index;
        let mut cells = vec![self.cell(anchor.columns.0, anchor.first, 0)];
        // A pair does not say which of the two stands in which column.
        if let (Some(second), Some(other)) = (anchor.second, anchor.columns.1) {
            let strong = self.strong(anchor.first);
            if index.hashes.tag(row, anchor.columns.0, &strong)[..]
                != tags[usize::from(anchor.columns.0) * TAG..][..TAG]
            {
                cells[0].column = other;
            }
            let column = if cells[0].column == other { anchor.columns.0 } else { other };
            let distance = around.iter().find(|(at, _)| *at == second).map_or(0, |(_, distance)| *distance);
            cells.push(self.cell(column, second, distance));
        }
        for (at, distance) in around {
            if cells.len() == index.columns.len() {
                break;
            }
            let span = self.candidates[*at].span.clone();
            let original = self.slice.text.original(span);
            if cells.iter().any(|cell| cell.span.start < original.end && original.start < cell.span.end) {
                continue;
            }
            if let Some(column) = self.column(*at, row, tags, &cells)? {
                cells.push(Cell { column, span: original, distance: *distance });
            }
        }
        cells.sort_by_key(|cell| cell.column);
        Ok(cells)
    }

    /// The column of the row that has the candidate's value.
    fn column(&mut self, at: usize, row: u32, tags: &[u8], cells: &[Cell]) -> io::Result<Option<u8>> {
        let index = self.slice.index;
        for (column, of) in index.columns.iter().enumerate() {
            let (column, kind) = (column as u8, of.kind);
            let tag = &tags[usize::from(column) * TAG..][..TAG];
            let free = !cells.iter().any(|cell| cell.column == column);
            if !free || tag == [0; TAG] || !self.candidates[at].value.tagged().fits(kind) {
                continue;
            }
            let strong = self.strong(at);
            if index.hashes.tag(row, column, &strong)[..] == *tag {
                return Ok(Some(column));
            }
        }
        Ok(None)
    }

    fn cell(&self, column: u8, at: usize, distance: u32) -> Cell {
        Cell { column, span: self.slice.text.original(self.candidates[at].span.clone()), distance }
    }
}

#[cfg(test)]
mod tests {
    use super::reach;

    #[test]
    fn so_many_words_reach_to_the_edge_of_the_next() {
        let text = "one, two  three";
        assert_eq!(&text[..reach(text.as_bytes().iter(), 2)], "one, two  ");
        let back = reach(text.as_bytes().iter().rev(), 2);
        assert_eq!(&text[text.len() - back..], ", two  three");
        assert_eq!(reach(text.as_bytes().iter(), 3), usize::MAX);
    }

    #[test]
    fn characters_that_are_words_end_between_octets_of_text() {
        let text = "山田 太郎 Иван";
        for words in 0..6 {
            let at = reach(text.as_bytes().iter(), words).min(text.len());
            assert!(text.is_char_boundary(at), "{words}");
        }
    }
}
