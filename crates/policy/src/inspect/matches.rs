//! The matches of one list, all of them, in room that the text bounds: few by their places, many by one length for each octet
//! of the text. So no flood of matches pushes out others, and counts go to the end however many there are.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::gather::Found;
use super::ignore::{self, LeftOut};
use super::pieces::Pieces;
use crate::matcher::Prepared;

/// The pattern of a match that is one of many.
pub(super) const ONE_OF_MANY: u32 = u32::MAX;
/// So few are always kept by their places.
const FEW: usize = 64;
/// Matches of a list in a row of texts that no other list can take the room of.
const OWN: usize = 4096;
/// Octets that all lists share beyond that.
pub(super) const SHARED: usize = 128 << 20;

/// The texts of a row, and where each begins in it once that is asked for.
pub(super) struct Texts<'p, 'm> {
    pieces: &'p Pieces<'m>,
    numbers: Range<u32>,
    begins: Option<Arc<[usize]>>,
}

impl<'p, 'm> Texts<'p, 'm> {
    pub(super) fn new(pieces: &'p Pieces<'m>, numbers: Range<u32>) -> Self {
        Self { pieces, numbers, begins: None }
    }

    /// Where each begins, and where the last one ends.
    fn begins(&mut self) -> Arc<[usize]> {
        let make = || {
            let mut end = 0;
            let lengths = self.numbers.clone().map(|number| self.pieces.get(number).text.len());
            let ends = lengths.map(|length| {
                end += length;
                end
            });
            std::iter::once(0).chain(ends).collect()
        };
        self.begins.get_or_insert_with(make).clone()
    }
}

/// Matches of a list in one row of texts.
#[derive(Debug, Default)]
pub(super) struct Row {
    few: Vec<Found>,
    many: Option<Many>,
}

/// For each octet the length of the longest match that begins there.
#[derive(Debug)]
pub(super) struct Many {
    /// The first text.
    first: u32,
    begins: Arc<[usize]>,
    lengths: Vec<u16>,
    /// By place: those that are as long as a length can tell, or longer.
    longer: HashMap<usize, u32>,
}

impl Row {
    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_none()
    }

    /// Adds a match; tells whether there was room.
    pub(super) fn push(&mut self, found: Found, texts: &mut Texts<'_, '_>, room: &mut usize) -> bool {
        if let Some(many) = &mut self.many {
            many.put(&found);
            return true;
        }
        let count = self.few.len();
        if count >= FEW && count.is_power_of_two() && Many::octets(&texts.begins()) < octets(count) {
            let mut many = Many::new(texts);
            self.few.drain(..).for_each(|found| many.put(&found));
            many.put(&found);
            let taken = many.lengths.len() * size_of::<u16>();
            *room += octets(count).saturating_sub(octets(OWN)) - taken.saturating_sub(octets(OWN));
            self.few = Vec::new();
            self.many = Some(many);
            return true;
        }
        if count >= OWN {
            let Some(left) = room.checked_sub(octets(1)) else { return false };
            *room = left;
        }
        self.few.push(found);
        true
    }

    /// The matches by their places, where they are few.
    pub(super) fn few(&self) -> Option<&[Found]> {
        (self.many.is_none() && self.few.len() <= FEW).then_some(&self.few)
    }

    /// Puts the matches in order and drops those inside others or in ignored text.
    pub(super) fn tidy(&mut self, left_out: &mut LeftOut<'_, '_>) {
        if let Some(many) = &mut self.many {
            return many.tidy(left_out);
        }
        self.few.sort_unstable_by_key(|one| (one.piece, one.start, std::cmp::Reverse(one.end), one.pattern));
        let mut kept = Vec::with_capacity(self.few.len());
        for found in self.few.chunk_by(|one, other| one.piece == other.piece) {
            let from = kept.len();
            keep_outermost(found, &mut kept);
            let ignored = left_out.of(found[0].piece);
            if !ignored.is_empty() {
                let outermost = kept.split_off(from);
                kept.extend(outermost.into_iter().filter(|one| !ignore::covers(ignored, &one.span())));
            }
        }
        self.few = kept;
    }

    /// The matches in order, with the words before them once those are counted.
    pub(super) fn in_order<'r>(&'r self, words: &'r RowWords<'_>) -> Box<dyn Iterator<Item = Found> + 'r> {
        let mut counter = Counter::default();
        match &self.many {
            None => Box::new(self.few.iter().copied()),
            Some(many) => Box::new(many.iter().map(move |found| counter.count(found, words))),
        }
    }

    /// Counts the words before each match; before one of many, whenever they are asked for.
    pub(super) fn count_words(&mut self, words: &RowWords<'_>) {
        let mut counter = Counter::default();
        self.few.iter_mut().for_each(|found| *found = counter.count(*found, words));
    }
}

/// Octets of so many matches by their places.
fn octets(count: usize) -> usize {
    count * size_of::<Found>()
}

impl Many {
    fn new(texts: &mut Texts<'_, '_>) -> Self {
        let begins = texts.begins();
        let lengths = vec![0; begins.last().copied().unwrap_or(0)];
        Self { first: texts.numbers.start, begins, lengths, longer: HashMap::new() }
    }

    /// Octets that the matches in such texts take.
    fn octets(begins: &[usize]) -> usize {
        begins.last().map_or(0, |end| end * size_of::<u16>())
    }

    fn put(&mut self, found: &Found) {
        let at = self.begins[(found.piece - self.first) as usize] + found.start as usize;
        let length = found.end - found.start;
        if length > self.length(at) {
            self.lengths[at] = u16::try_from(length).unwrap_or(u16::MAX);
            if length >= u32::from(u16::MAX) {
                self.longer.insert(at, length);
            }
        }
    }

    /// The length of the match that begins there; 0 where there is none.
    fn length(&self, at: usize) -> u32 {
        match self.lengths[at] {
            u16::MAX => self.longer.get(&at).copied().unwrap_or(0),
            length => u32::from(length),
        }
    }

    fn tidy(&mut self, left_out: &mut LeftOut<'_, '_>) {
        for place in 0..self.begins.len() - 1 {
            let (begin, end) = (self.begins[place], self.begins[place + 1]);
            if self.lengths[begin..end].iter().all(|length| *length == 0) {
                continue;
            }
            let ignored = left_out.of(self.first + place as u32);
            let mut furthest = 0;
            for at in begin..end {
                let length = self.length(at) as usize;
                if length == 0 {
                    continue;
                }
                let span = at - begin..at - begin + length;
                let inner = span.end <= furthest;
                furthest = furthest.max(span.end);
                if inner || ignore::covers(ignored, &span) {
                    self.lengths[at] = 0;
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.lengths.iter().all(|length| *length == 0)
    }

    fn iter(&self) -> impl Iterator<Item = Found> + '_ {
        self.begins.windows(2).zip(self.first..).flat_map(move |(pair, piece)| {
            let starts = (pair[0]..pair[1]).filter(|at| self.lengths[*at] != 0);
            starts.map(move |at| {
                let start = (at - pair[0]) as u32;
                Found { piece, start, end: start + self.length(at), pattern: ONE_OF_MANY, words: (0, 0) }
            })
        })
    }
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

/// The words of a row's texts.
#[derive(Default)]
pub(super) struct RowWords<'m> {
    first: u32,
    texts: Vec<Prepared<'m>>,
    /// How many stand before each of the texts.
    before: Vec<u32>,
}

impl<'m> RowWords<'m> {
    /// One of the texts may be ready, which is not made ready again.
    pub(super) fn new(pieces: &Pieces<'m>, row: Range<u32>, mut ready: Option<(u32, Prepared<'m>)>) -> Self {
        let first = row.start;
        let text = |number| match ready.take_if(|(known, _)| *known == number) {
            Some((_, text)) => text,
            None => Prepared::new(pieces.get(number).text),
        };
        let texts: Vec<Prepared<'m>> = row.map(text).collect();
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
        let before = before.collect();
        Self { first, texts, before }
    }
}

/// Counts the words before matches in order, going once through each text.
#[derive(Default)]
struct Counter {
    piece: Option<u32>,
    at: usize,
    words: u32,
}

impl Counter {
    fn count(&mut self, found: Found, words: &RowWords<'_>) -> Found {
        let place = (found.piece - words.first) as usize;
        let (Some(text), Some(before)) = (words.texts.get(place), words.before.get(place)) else {
            return found;
        };
        if self.piece != Some(found.piece) {
            *self = Self { piece: Some(found.piece), at: 0, words: *before };
        }
        let (start, end) = (found.start as usize, found.end as usize);
        self.words =
            self.words.saturating_add(text.words_between(&(self.at..self.at), &(start..start)) as u32);
        self.at = self.at.max(start);
        let inner = text.words_between(&(start..start), &(end..end)) as u32;
        Found { words: (self.words, self.words.saturating_add(inner)), ..found }
    }
}

/// All matches of a list, or of a list near another.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// In order.
    few: Vec<Found>,
    /// In rows of texts with many; there are no few in these.
    many: Vec<Many>,
}

impl Source {
    /// Takes a row's matches; rows come in order.
    pub(super) fn take(&mut self, mut row: Row) {
        match self.few.is_empty() {
            true => self.few = row.few,
            false => self.few.append(&mut row.few),
        }
        self.many.extend(row.many.filter(|many| !many.is_empty()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    /// The matches by their places with the words before them; nothing where there are too many for that.
    pub(super) fn placed(&self) -> Option<&[Found]> {
        self.many.is_empty().then_some(&self.few)
    }

    /// In the order of the message.
    pub(super) fn iter(&self) -> impl Iterator<Item = Found> + '_ {
        let mut from = 0;
        self.many.iter().map(Some).chain([None]).flat_map(move |many| {
            let rest = &self.few[from..];
            let before = many.map_or(rest.len(), |many| rest.partition_point(|one| one.piece < many.first));
            from += before;
            rest[..before].iter().copied().chain(many.into_iter().flat_map(Many::iter))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::model::Settings;

    fn found(start: u32, end: u32) -> Found {
        Found { piece: 0, start, end, pattern: 7, words: (0, 0) }
    }

    fn places(source: &Source) -> Vec<(u32, u32)> {
        source.iter().map(|one| (one.start, one.end)).collect()
    }

    /// What is kept of these matches in a text of so many octets, with so much room.
    fn kept(all: &[Found], octets: usize, room: &mut usize) -> (Source, usize) {
        let text = "x".repeat(octets);
        let pieces = Pieces::of_text(&text);
        let (mut row, mut texts, mut lost) = (Row::default(), Texts::new(&pieces, 0..1), 0);
        for one in all {
            lost += usize::from(!row.push(*one, &mut texts, room));
        }
        row.tidy(&mut LeftOut::new(&Settings::default(), &pieces));
        let mut source = Source::default();
        source.take(row);
        (source, lost)
    }

    #[test]
    fn many_matches_are_the_same_as_few() {
        // Every third octet begins one of three, another of five octets every seventh; last a long one around some of them.
        let short = (0..300u32).map(|number| found(number * 3, number * 3 + 3));
        let longer = (0..120u32).map(|number| found(number * 7, number * 7 + 5));
        let all: Vec<Found> = short.chain(longer).chain([found(400, 700)]).collect();
        let mut outermost = all.clone();
        outermost.sort_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
        let mut expected = Vec::new();
        keep_outermost(&outermost, &mut expected);
        let expected: Vec<(u32, u32)> = expected.iter().map(|one| (one.start, one.end)).collect();
        let (many, _) = kept(&all, 1_000, &mut 0);
        assert!(many.placed().is_none() && places(&many) == expected);
        let (few, _) = kept(&all, 1_000_000, &mut 0);
        assert!(few.placed().is_some() && places(&few) == expected);
    }

    #[test]
    fn a_match_may_be_longer_than_a_length_can_tell() {
        let all: Vec<Found> = (0..70_000u32).map(|at| found(at, at + 1)).chain([found(9, 69_000)]).collect();
        let (many, _) = kept(&all, 70_000, &mut octets(all.len()));
        let expected = (0..9).map(|at| (at, at + 1)).chain([(9, 69_000)]);
        assert_eq!(
            places(&many),
            expected.chain((69_000..70_000).map(|at| (at, at + 1))).collect::<Vec<_>>()
        );
    }

    /// So many matches in so much text are few each; beyond its own room a list takes from the room of all.
    #[test]
    fn what_there_is_no_room_for_is_said() {
        let all: Vec<Found> = (0..OWN as u32 + 3).map(|at| found(at * 100, at * 100 + 1)).collect();
        let mut room = octets(2) + 1;
        let (some, lost) = kept(&all, 1_000_000, &mut room);
        assert_eq!((lost, room, some.iter().count()), (1, 1, OWN + 2));
        let dense: Vec<Found> = (0..100_000).map(|at| found(at, at + 1)).collect();
        let mut room = octets(4 * OWN);
        let (all, lost) = kept(&dense, 100_000, &mut room);
        assert_eq!((lost, all.iter().count()), (0, 100_000));
        assert_eq!(
            room,
            octets(4 * OWN) - (200_000 - octets(OWN)),
            "many take two octets for each of the text"
        );
    }
}
