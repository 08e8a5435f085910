//! Which words may begin with something that is looked for where words begin only, by their first three octets: one look, and for
//! most words the last one.

/// A keyword may begin with the word and go on with an asterisk.
pub(super) const KEYWORD: u8 = 1;
/// A literal of a regular expression may, or an identifier that has no digit near.
pub(super) const OTHER: u8 = 2;

/// Octets that are looked at, and how many bits of each: those that letters of ASCII share in any case.
const OCTETS: usize = 3;
const BITS: usize = 5;
/// Two flags for each of so many beginnings.
const WORDS: usize = (1 << (OCTETS * BITS)) / 32;

/// Flags by beginning.
pub(super) struct Openings {
    flags: Box<[u64; WORDS]>,
    /// Whether one of the texts begins with a digit.
    of_numbers: bool,
}

impl Openings {
    pub(super) fn new() -> Self {
        Self { flags: Box::new([0; WORDS]), of_numbers: false }
    }

    /// Notes a text in lower case that a word may begin with; whatever follows a text shorter than what is looked at.
    pub(super) fn note(&mut self, text: &[u8], flag: u8) {
        self.of_numbers |= text.first().is_some_and(u8::is_ascii_digit);
        let known = text.len().min(OCTETS);
        let octets = text.iter().take(known).rev();
        let first = octets.fold(0, |all, octet| all << 8 | u64::from(octet & 31));
        // Each of the octets that are not known may be any.
        let mut all = vec![first];
        for place in known..OCTETS {
            all = all
                .into_iter()
                .flat_map(|first| (0..32).map(move |octet| first | octet << (8 * place)))
                .collect();
        }
        for eight in all {
            let beginning = beginning(eight);
            self.flags[beginning / 32] |= u64::from(flag) << (beginning % 32 * 2);
        }
    }

    /// Whether a text that was noted begins with a digit.
    pub(super) fn of_numbers(&self) -> bool {
        self.of_numbers
    }

    /// The flags of a word that begins with these octets.
    #[inline]
    pub(super) fn of(&self, eight: u64) -> u8 {
        let beginning = beginning(eight);
        (self.flags[beginning / 32 % WORDS] >> (beginning % 32 * 2)) as u8 & 3
    }
}

/// A number below `2^(OCTETS * BITS)` for the octets that are looked at: beginnings that are often met are neighbours.
#[inline]
fn beginning(eight: u64) -> usize {
    let octets = eight as usize;
    octets & 31 | octets >> 3 & 31 << BITS | octets >> 6 & 31 << (2 * BITS)
}

#[cfg(test)]
mod tests {
    use super::super::table::load;
    use super::*;

    #[test]
    fn a_word_has_the_flags_of_the_texts_that_it_begins_with_in_any_case() {
        let mut openings = Openings::new();
        openings.note(b"confiden", KEYWORD);
        openings.note(b"ab", OTHER);
        openings.note(b"\xd1\x81\xd0", KEYWORD);
        let of = |word: &[u8]| openings.of(load(word, 0));
        for word in [&b"confidential"[..], b"CONFIDEN", b"ConX", b"\xd1\x81\xd0\xb5"] {
            assert_eq!(of(word), KEYWORD, "{word:?}");
        }
        for word in [&b"ab"[..], b"AB ", b"abacus"] {
            assert_eq!(of(word), OTHER, "{word:?}");
        }
        for word in [&b"co"[..], b"a", b"", b"xconf", b"bac"] {
            assert_eq!(of(word), 0, "{word:?}");
        }
    }
}
