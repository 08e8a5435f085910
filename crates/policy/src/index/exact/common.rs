//! Common values in a text: names, words and dates, which stand in many rows of a table.

use std::ops::Range;

use super::ExactIndex;
use super::date::{self, Word};
use super::value::{Value, words as words_of};
use crate::index::words::Tokens;

/// A common value in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    pub(super) short: u64,
    /// The words that make it, by number.
    from: u32,
    to: u32,
    /// The word with which it begins, if another stands before it: `Lee, Ann`; 0 if none does.
    turned: u32,
    pub(super) date: Option<date::Date>,
}

impl Common {
    fn new(words: Range<usize>, short: u64) -> Self {
        Self { short, from: words.start as u32, to: words.end as u32, turned: 0, date: None }
    }

    pub(super) fn words(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }

    /// Words before it.
    pub(super) fn word(&self) -> u32 {
        self.from
    }

    /// Its words as the table has them.
    pub(super) fn text(&self, tokens: &Tokens) -> Vec<u8> {
        match self.turned {
            0 => tokens.words(self.words()).to_vec(),
            split => turned(tokens, self.from as usize, split as usize, self.to as usize),
        }
    }
}

/// What stands behind a comma, and what stands before it.
fn turned(tokens: &Tokens, from: usize, split: usize, to: usize) -> Vec<u8> {
    [tokens.words(split..to), b" ", tokens.words(from..split)].concat()
}

/// Hands on the words, groups of words and dates that pass the filter.
pub(super) fn common(index: &ExactIndex, tokens: &Tokens, each: &mut impl FnMut(Common)) {
    let mut buffer: Vec<u8> = Vec::with_capacity(128);
    let count = tokens.all.len();
    let mut dates = Vec::new();
    for at in 0..count {
        if let Some(short) = known(index, tokens.word_at(at), &mut buffer) {
            each(Common::new(at..at + 1, short));
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
                    each(Common { date: Some(*date), ..Common::new(at..at + taken, short) });
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
                each(Common::new(at..end, short));
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
            each(Common { turned: split as u32, ..Common::new(at..end, short) });
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
