//! Writes the folded form of a text with the way back and what it says of words: runs of ASCII eight octets a step, letters of
//! two octets four a step.

use super::fold::{Class, Folded, Short, fold_char};
use super::prepared::Map;
use super::words::Marks;

/// Writes the folded text.
pub(super) struct Folder {
    pub(super) out: Vec<u8>,
    pub(super) map: Map,
    pub(super) marks: Marks,
    /// Whether a letter outside ASCII lost or would lose its case.
    pub(super) cased: bool,
    /// Whether one character gave several.
    pub(super) expands: bool,
    keep_case: bool,
    /// A letter right after the last character begins a word.
    solo: bool,
}

/// The highest bits of eight octets: set in all that are not ASCII.
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Of four characters of two octets, the bits that say so, and their values.
const TWOS: (u64, u64) = (0xC0E0_C0E0_C0E0_C0E0, 0x80C0_80C0_80C0_80C0);
/// Longer runs of ASCII are copied as one.
const SHORT_RUN: usize = 32;

impl Folder {
    /// Folds a text, whose first octet outside ASCII is known.
    pub(super) fn of(text: &str, first: usize, keep_case: bool) -> Self {
        let room = text.len() + text.len() / 16 + 16;
        let mut folder = Self {
            out: Vec::with_capacity(room),
            map: Map::default(),
            marks: Marks::with_room(room),
            cased: false,
            expands: false,
            keep_case,
            solo: false,
        };
        folder.out.extend_from_slice(&text.as_bytes()[..first]);
        folder.run(text, first);
        folder
    }

    fn run(&mut self, text: &str, first: usize) {
        let bytes = text.as_bytes();
        let shorts = Short::all(self.keep_case);
        let mut at = first;
        while let Some(octet) = bytes.get(at) {
            at = match octet {
                ..0x80 => self.plain(bytes, at),
                ..0xE0 if !self.solo => self.twos(text, at, shorts),
                _ => self.character(text, at),
            };
        }
    }

    /// Takes ASCII; gives where it ends.
    #[inline]
    fn plain(&mut self, bytes: &[u8], from: usize) -> usize {
        if std::mem::take(&mut self.solo) && bytes[from].is_ascii_alphanumeric() {
            self.marks.begins(self.out.len());
        }
        let mut at = from;
        while at < from + SHORT_RUN
            && let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>())
        {
            let count = ((u64::from_le_bytes(*eight) & HIGH).trailing_zeros() / 8) as usize;
            self.out.extend_from_slice(eight);
            at += count;
            if count < 8 {
                self.out.truncate(self.out.len() - (8 - count));
                return at;
            }
        }
        let rest = &bytes[at..];
        let more = first_non_ascii(rest).unwrap_or(rest.len());
        self.out.extend_from_slice(&rest[..more]);
        at + more
    }

    /// Takes characters of two octets that fold to one or two, no words by themselves; gives where it stopped.
    #[inline]
    fn twos(&mut self, text: &str, from: usize, shorts: &[Short]) -> usize {
        let bytes = text.as_bytes();
        let mut at = from;
        while let Some([one @ 0xC2..0xE0, two]) = bytes.get(at..at + 2) {
            if let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>())
                && self.four(u64::from_le_bytes(*eight), shorts)
            {
                at += 8;
                continue;
            }
            let short = shorts[usize::from(one & 0x1F) << 6 | usize::from(two & 0x3F)];
            let folded = self.out.len();
            match short.len {
                0 => return self.character(text, at),
                1 => {
                    self.out.push(short.octets[0]);
                    self.map.note(folded..folded + 1, at..at + 2);
                }
                _ => {
                    self.out.extend_from_slice(&short.octets);
                    self.marks.inside(folded..folded + 2);
                }
            }
            self.cased |= short.cased;
            at += 2;
        }
        at
    }

    /// Takes four letters of two octets that stay two octets each, if that is what these are.
    #[inline]
    fn four(&mut self, eight: u64, shorts: &[Short]) -> bool {
        if eight & TWOS.0 != TWOS.1 {
            return false;
        }
        let four: [Short; 4] = std::array::from_fn(|place| {
            let two = eight >> (16 * place);
            shorts[(two as usize & 0x1F) << 6 | (two >> 8) as usize & 0x3F]
        });
        if !four.iter().fold(true, |all, short| all & (short.len == 2)) {
            return false;
        }
        let mut octets = [0; 8];
        for (to, short) in octets.as_chunks_mut::<2>().0.iter_mut().zip(four) {
            *to = short.octets;
        }
        let folded = self.out.len();
        self.out.extend_from_slice(&octets);
        self.marks.inside(folded..folded + 8);
        self.cased |= four.iter().fold(false, |any, short| any | short.cased);
        true
    }

    /// Takes any one character outside ASCII; gives where it ends.
    fn character(&mut self, text: &str, at: usize) -> usize {
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { return text.len() };
        let folded = self.out.len();
        let mut count = 0;
        fold_char(c, &mut |f| {
            self.push(f);
            count += 1;
        });
        self.expands |= count > 1;
        if count != 1 || self.out.len() - folded != c.len_utf8() {
            self.map.note(folded..self.out.len(), at..at + c.len_utf8());
        }
        at + c.len_utf8()
    }

    #[inline]
    fn push(&mut self, f: Folded) {
        self.cased |= f.kept != f.folded;
        let c = if self.keep_case { f.kept } else { f.folded };
        let from = self.out.len();
        let mut octets = [0; 4];
        self.out.extend_from_slice(c.encode_utf8(&mut octets).as_bytes());
        if f.class != Class::Other && !c.is_ascii() {
            self.marks.inside(from..self.out.len());
        }
        if f.class == Class::Solo || f.class == Class::Letter && self.solo {
            self.marks.begins(from);
        }
        self.solo = matches!(f.class, Class::Solo | Class::Trail);
    }
}

/// The place of the first octet outside ASCII.
pub(super) fn first_non_ascii(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = bytes.get(at..at + 64) {
        if block.iter().fold(0, |all, b| all | b) >= 0x80 {
            break;
        }
        at += 64;
    }
    bytes[at..].iter().position(|b| *b >= 0x80).map(|more| at + more)
}
