//! Tells in one look whether a shape of an identifier may begin with a word of letters that has no digit near it, as nearly all
//! words of prose are: by how long the word is and by the octet after it. It may say yes in vain, never no in error.

use super::gate::PLAIN;
use super::paths::Paths;
use super::steps::Steps;

/// Words of this length and longer ones pass; their bit is the first one, as no word has no octets.
const LONGEST: usize = u64::BITS as usize;
/// How many octets a beginning has.
const BEGINNING: usize = 3;

/// The table, and what words begin with that are not in it.
pub(super) struct Letters {
    /// By the octet after a word, a bit for each length.
    after: Box<[u64; 256]>,
    /// Beginnings in lower case, of shapes that begin with one of a few texts.
    beginnings: Vec<[u8; BEGINNING]>,
}

impl Letters {
    pub(super) fn new() -> Self {
        let after = std::array::from_fn(|octet| match octet as u8 {
            // No word ends before a letter or digit: nothing is known of such a place.
            octet if octet.is_ascii_alphanumeric() => u64::MAX,
            _ => 1,
        });
        Self { after: Box::new(after), beginnings: Vec::new() }
    }

    /// Whether a shape that has no beginning of its own may begin with a word of this length, at most 64, before this octet.
    #[inline]
    pub(super) fn may_begin(&self, length: usize, after: u8) -> bool {
        self.after[usize::from(after)] >> (length % LONGEST) & 1 == 1
    }

    /// What the words begin with that other shapes begin with, in lower case.
    pub(super) fn beginnings(&self) -> &[[u8; BEGINNING]] {
        &self.beginnings
    }

    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.after) + BEGINNING * self.beginnings.len()
    }

    /// Adds shapes that all begin with one of a few texts of at least three octets.
    pub(super) fn add_beginnings(&mut self, paths: &Paths<'_>) {
        let mut found = vec![([0; BEGINNING], paths.start())];
        for place in 0..BEGINNING {
            let mut longer = Vec::new();
            for (text, states) in found {
                for octet in (0..0x80u8).filter(|octet| place > 0 || octet.is_ascii_alphabetic()) {
                    let after = paths.after(&states, &[paths.class(octet)]);
                    if !after.is_empty() {
                        let mut text = text;
                        text[place] = octet.to_ascii_lowercase();
                        longer.push((text, after));
                    }
                }
            }
            found = longer;
        }
        self.beginnings.extend(found.into_iter().map(|(text, _)| text));
        self.beginnings.sort_unstable();
        self.beginnings.dedup();
    }

    /// Adds any other shapes.
    pub(super) fn add(&mut self, paths: &Paths<'_>, steps: &Steps<'_>) {
        let far = steps.without_digits_from(PLAIN);
        let mut word = steps.only(steps.automata.start);
        // A shape may have ended within the word.
        let mut loose = false;
        for length in 1..LONGEST {
            word = steps.after(&word, &steps.letters);
            if word.all.is_empty() && !loose {
                break;
            }
            let ended = loose || steps.any_fits(&word);
            for octet in (0..=u8::MAX).filter(|octet| !octet.is_ascii_alphanumeric()) {
                let class = paths.class(octet);
                let goes_on = |state: &u16| {
                    let next = steps.automata.after(*state, class);
                    next != 0 && far[usize::from(next)] >= PLAIN - length - 1
                };
                if ended || word.all.iter().any(goes_on) {
                    self.after[usize::from(octet)] |= 1 << length;
                }
            }
            loose |= word.all.iter().any(|state| steps.loose[usize::from(*state)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::automaton::{Automata, Shape, divide};
    use super::super::{Boundary, shape};
    use super::*;

    fn automaton(pattern: &str, boundary: Boundary) -> Automata {
        let mut automata = Vec::new();
        let of = Shape { identifier: 0, boundary };
        divide(&[(shape::parse(pattern).unwrap(), of)], &mut automata)
            .map_err(|(_, refusal)| refusal)
            .unwrap();
        automata.remove(0)
    }

    fn table(pattern: &str, boundary: Boundary) -> Letters {
        let automata = automaton(pattern, boundary);
        let paths = Paths::new(&automata, 1);
        let mut letters = Letters::new();
        letters.add(&paths, &Steps::new(&paths));
        letters
    }

    #[test]
    fn words_pass_if_a_shape_can_go_on_or_end_after_them_without_a_digit() {
        for (pattern, may, not) in [
            (r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", &[(2, b':')][..], &[(2, b' '), (3, b':'), (1, b':')][..]),
            (r"[A-HJ-NPR-Z0-9]{17}", &[(17, b' '), (17, b'\n'), (17, b'.')], &[(16, b' '), (18, b' ')]),
            // A digit is needed soon.
            (r"[A-Z]{5} \d{6}", &[], &[(5, b' ')]),
            // A digit is needed, but not within the octets that have none.
            (r"[a-z]{5} [a-z -]{70}\d", &[(5, b' ')], &[(5, b'-'), (4, b' ')]),
        ] {
            let letters = table(pattern, Boundary::Word);
            for (length, after) in may {
                assert!(letters.may_begin(*length, *after), "{pattern}: {length} {after}");
            }
            for (length, after) in not {
                assert!(!letters.may_begin(*length, *after), "{pattern}: {length} {after}");
            }
        }
    }

    #[test]
    fn longer_words_pass_where_a_shape_may_end_within_one() {
        assert!(table("[a-z]{4}", Boundary::Open).may_begin(9, b' '));
        assert!(!table("[a-z]{4}", Boundary::Word).may_begin(9, b' '));
        assert!(table("[a-z]{4}", Boundary::Word).may_begin(64, b' '), "nothing is known of the longest");
    }

    #[test]
    fn beginnings_are_the_first_three_octets_in_lower_case() {
        let automata = automaton("(?:AK[IJ]A|sk-)[a-z]{9}", Boundary::Word);
        let mut letters = Letters::new();
        letters.add_beginnings(&Paths::new(&automata, 1));
        assert_eq!(letters.beginnings(), [*b"aki", *b"akj", *b"sk-"]);
        assert!(!letters.may_begin(4, b'-'));
    }
}
