//! Which octets of a folded text belong to words and where words begin, as bits, 64 octets a step.

use std::ops::Range;

use super::bits::{BLOCK, Block};

/// Three bits for each octet: part of a word, first octet of a word, digit.
#[derive(Debug, Default)]
pub(super) struct Words {
    inside: Vec<u64>,
    starts: Vec<u64>,
    digits: Vec<u64>,
    len: usize,
}

impl Words {
    /// Of a text in ASCII; otherwise the number of the first block that is not.
    pub(super) fn ascii(text: &[u8]) -> Result<Self, usize> {
        let (inside, digits, plain) = letters_and_digits(text, true);
        if plain < text.len().div_ceil(BLOCK) {
            return Err(plain);
        }
        let starts = rising(&inside);
        Ok(Self { inside, starts, digits, len: text.len() })
    }

    /// Of a folded text with the marks of its characters outside ASCII.
    pub(super) fn mixed(text: &[u8], marks: &Marks) -> Self {
        let (mut inside, digits, _) = letters_and_digits(text, false);
        inside.iter_mut().zip(&marks.inside).for_each(|(inside, mark)| *inside |= mark);
        let mut starts = rising(&inside);
        starts.iter_mut().zip(&marks.begins).for_each(|(starts, mark)| *starts |= mark);
        Self { inside, starts, digits, len: text.len() }
    }

    /// Whether the octet is part of a word.
    pub(super) fn inside(&self, at: usize) -> bool {
        at < self.len && self.inside[at / 64] >> (at % 64) & 1 == 1
    }

    /// Whether a word begins at the octet.
    pub(super) fn starts(&self, at: usize) -> bool {
        at < self.len && self.starts[at / 64] >> (at % 64) & 1 == 1
    }

    /// Whether no word goes on across the place before this octet.
    pub(super) fn edge(&self, at: usize) -> bool {
        !self.inside(at) || self.starts(at)
    }

    /// Which of 64 octets are inside words; none past the end.
    #[inline]
    pub(super) fn insides(&self, block: usize) -> u64 {
        self.inside.get(block).copied().unwrap_or(0)
    }

    /// Which of 64 octets begin words; none past the end.
    #[inline]
    pub(super) fn beginnings(&self, block: usize) -> u64 {
        self.starts.get(block).copied().unwrap_or(0)
    }

    /// Which of 64 octets are digits; none past the end.
    #[inline]
    pub(super) fn digits(&self, block: usize) -> u64 {
        self.digits.get(block).copied().unwrap_or(0)
    }

    /// Which of 64 octets end words; none past the end.
    #[inline]
    pub(super) fn endings(&self, block: usize) -> u64 {
        self.insides(block) & (self.edges(block) >> 1 | self.edges(block + 1) << 63)
    }

    /// Before which of 64 octets no word goes on; before all past the end.
    #[inline]
    pub(super) fn edges(&self, block: usize) -> u64 {
        match self.inside.get(block) {
            Some(inside) => !inside | self.starts[block],
            None => u64::MAX,
        }
    }

    /// How many blocks of 64 octets there are.
    pub(super) fn blocks(&self) -> usize {
        self.starts.len()
    }

    /// Where the word that holds the octet ends.
    #[inline]
    pub(super) fn end(&self, at: usize) -> usize {
        let mut block = at / 64;
        let mut edges = (!self.inside[block] | self.starts[block]) & (u64::MAX << (at % 64) << 1);
        while edges == 0 {
            block += 1;
            if block == self.inside.len() {
                return self.len;
            }
            edges = !self.inside[block] | self.starts[block];
        }
        (block * 64 + edges.trailing_zeros() as usize).min(self.len)
    }

    /// Where the next word begins, at this octet or later.
    pub(super) fn next_start(&self, at: usize) -> Option<usize> {
        let mut block = at / 64;
        let mut starts = self.starts.get(block)? & (u64::MAX << (at % 64));
        while starts == 0 {
            block += 1;
            starts = *self.starts.get(block)?;
        }
        Some(block * 64 + starts.trailing_zeros() as usize)
    }

    /// Where the word that holds the octet begins, if that is at most `reach` octets back.
    pub(super) fn start_of(&self, at: usize, reach: usize) -> Option<usize> {
        let least = at.saturating_sub(reach);
        (least..=at).rev().find(|at| self.starts(*at))
    }

    /// How many words begin in a stretch.
    pub(super) fn starts_in(&self, from: usize, to: usize) -> usize {
        let to = to.min(self.len);
        if from >= to {
            return 0;
        }
        let (first, last) = (from / 64, (to - 1) / 64);
        let mut count = 0;
        for block in first..=last {
            let mut bits = self.starts[block];
            if block == first {
                bits &= u64::MAX << (from % 64);
            }
            if block == last {
                bits &= u64::MAX >> (63 - (to - 1) % 64);
            }
            count += bits.count_ones() as usize;
        }
        count
    }
}

/// What the characters outside ASCII of a folded text say of its words.
#[derive(Debug)]
pub(super) struct Marks {
    inside: Vec<u64>,
    begins: Vec<u64>,
}

impl Marks {
    /// For a text of about so many octets.
    pub(super) fn with_room(len: usize) -> Self {
        let blocks = vec![0; len / 64 + 1];
        Self { inside: blocks.clone(), begins: blocks }
    }

    /// These octets, at most 64, belong to words.
    #[inline]
    pub(super) fn inside(&mut self, octets: Range<usize>) {
        let (block, place) = (octets.start / 64, octets.start % 64);
        let ones = u64::MAX >> (64 - octets.len());
        self.reach(block + 1);
        self.inside[block] |= ones << place;
        if place + octets.len() > 64 {
            self.inside[block + 1] |= ones >> (64 - place);
        }
    }

    /// A word begins at the octet, though nothing says so but the class of its character.
    pub(super) fn begins(&mut self, at: usize) {
        self.reach(at / 64);
        self.begins[at / 64] |= 1 << (at % 64);
    }

    /// Makes room for a block.
    #[inline]
    fn reach(&mut self, block: usize) {
        if block >= self.inside.len() {
            let len = block + block / 8 + 1;
            self.inside.resize(len, 0);
            self.begins.resize(len, 0);
        }
    }
}

/// By block: which octets are letters of ASCII or digits, and which digits; and how many blocks there are, before the first one that
/// is not ASCII if it is to end there.
fn letters_and_digits(text: &[u8], ascii_only: bool) -> (Vec<u64>, Vec<u64>, usize) {
    let blocks = text.len().div_ceil(BLOCK);
    let (mut inside, mut digits) = (Vec::with_capacity(blocks), Vec::with_capacity(blocks));
    for number in 0..blocks {
        let block = Block::of(text, number);
        if ascii_only && !block.is_ascii() {
            return (inside, digits, number);
        }
        let (letters, numbers) = block.letters_and_digits();
        inside.push(letters | numbers);
        digits.push(numbers);
    }
    (inside, digits, blocks)
}

/// Where a run of ones begins.
fn rising(inside: &[u64]) -> Vec<u64> {
    let mut carry = 0;
    let starts = inside.iter().map(|bits| {
        let before = bits << 1 | carry;
        carry = bits >> 63;
        bits & !before
    });
    starts.collect()
}
