//! A block of a text and what follows it: what stands at a place of it and how long the word there is, without asking at each
//! place where the text ends.

use super::bits::BLOCK;
use super::words::Words;

/// The octets of a block, of the next one, and eight more.
pub(super) const AHEAD: usize = 2 * BLOCK + 8;

/// Where the last octets of a text are copied to, before zeros.
pub(super) const ROOM: [u8; AHEAD] = [0; AHEAD];

/// A block and what follows it.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a> {
    /// Zeros past the end of the text.
    octets: &'a [u8; AHEAD],
    /// Before which octets of the block, and of the next one, no word goes on.
    edges: [u64; 2],
}

/// Which octets of a block, and of the next one, are digits, and which letters.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    digits: [u64; 2],
    /// Without the first of each word: a run of letters ends where the next word begins, even without a gap.
    letters: [u64; 2],
    /// The letters of the block that begin words.
    firsts: u64,
}

impl<'a> Ahead<'a> {
    /// Of the block with this number.
    #[inline]
    pub(super) fn new(text: &'a [u8], words: &Words, block: usize, room: &'a mut [u8; AHEAD]) -> Self {
        let rest = text.get(block * BLOCK..).unwrap_or_default();
        let octets = match rest.first_chunk() {
            Some(whole) => whole,
            None => {
                room[..rest.len()].copy_from_slice(rest);
                room
            }
        };
        Self { octets, edges: [words.edges(block), words.edges(block + 1)] }
    }

    /// Eight octets from a place on, low octet first; the place is counted from where the block begins, and below twice its size.
    #[inline]
    pub(super) fn eight(&self, offset: usize) -> u64 {
        let here = &self.octets[offset % (2 * BLOCK)..];
        here.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
    }

    /// The octet at such a place.
    #[inline]
    pub(super) fn octet(&self, offset: usize) -> u8 {
        self.octets[offset % (2 * BLOCK)]
    }

    /// How many octets the word has that begins at this place of the block: 64 if it has more than 63.
    #[inline]
    pub(super) fn word_length(&self, offset: u32) -> usize {
        let [here, next] = self.edges;
        // One octet from the place on.
        let edges = here >> offset >> 1 | next << (63 - offset) | 1 << 63;
        1 + edges.trailing_zeros() as usize
    }

    /// Before which of the 64 octets from a place on no word goes on.
    #[inline]
    pub(super) fn edges(&self, offset: u32) -> u64 {
        from(self.edges, offset)
    }
}

impl Runs {
    /// Of the block with this number, and the next one; which of their octets are digits is known.
    #[inline]
    pub(super) fn new(digits: [u64; 2], words: &Words, block: usize) -> Self {
        let letters = |block: usize, digits: u64| words.insides(block) & !digits;
        let (here, next) = (letters(block, digits[0]), letters(block + 1, digits[1]));
        let firsts = here & words.beginnings(block);
        Self { digits, letters: [here & !firsts, next & !words.beginnings(block + 1)], firsts }
    }

    /// How many digits stand from a place on, at most 32; and which of the 64 octets from there on are digits.
    #[inline]
    pub(super) fn digits(&self, offset: u32) -> (usize, u64) {
        let digits = from(self.digits, offset);
        ((digits as u32).trailing_ones() as usize, digits)
    }

    /// How many letters stand from a place on, at most 32.
    #[inline]
    pub(super) fn letters(&self, offset: u32) -> usize {
        let letters = from(self.letters, offset) | self.firsts >> offset & 1;
        (letters as u32).trailing_ones() as usize
    }
}

/// The 64 bits from a place on.
#[inline]
fn from([low, high]: [u64; 2], offset: u32) -> u64 {
    low >> offset | (high << 1) << (63 - offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_looks_as_it_does_without_blocks(text in "[ -~]{0,40}[a-z]{0,150}[0-9]{0,50}[ -~]{0,99}") {
            let octets = text.as_bytes();
            let words = Words::ascii(octets).unwrap();
            for (at, _) in octets.iter().enumerate() {
                let (block, offset) = (at / BLOCK, (at % BLOCK) as u32);
                let mut room = ROOM;
                let ahead = Ahead::new(octets, &words, block, &mut room);
                let octet = |at: usize| octets.get(at).copied().unwrap_or(0);
                prop_assert_eq!(ahead.eight(offset as usize).to_le_bytes(), std::array::from_fn(|more| octet(at + more)));
                prop_assert_eq!(ahead.octet(offset as usize + 63), octet(at + 63));
                if words.starts(at) {
                    prop_assert_eq!(ahead.word_length(offset), (words.end(at) - at).min(64));
                }
                let runs = Runs::new([words.digits(block), words.digits(block + 1)], &words, block);
                let run = |is: fn(&u8) -> bool| octets[at..].iter().take_while(|octet| is(octet)).count().min(32);
                prop_assert_eq!(runs.digits(offset).0, run(u8::is_ascii_digit));
                prop_assert_eq!(runs.letters(offset), run(u8::is_ascii_alphabetic));
            }
        }
    }
}
