//! Common values in a text: names, words and dates, which stand in many rows of a table.

use std::ops::Range;

use super::ExactIndex;
use super::date::{self, Word};
use super::value::{Value, words as words_of};
use crate::index::words::Tokens;

/// A common value in a text.
pub(super) struct Common {
    /// The words that make it, by number.
    pub(super) words: Range<usize>,
    pub(super) word: u32,
    pub(super) short: u64,
    pub(super) date: Option<date::Date>,
    /// The word with which it begins, if another stands before it: `Lee, Ann`.
    turned: Option<usize>,
}

impl Common {
    /// Its words as the table has them.
    pub(super) fn text(&self, tokens: &Tokens) -> Vec<u8> {
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
pub(super) fn common(index: &ExactIndex, tokens: &Tokens, each: &mut impl FnMut(Common)) {
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
