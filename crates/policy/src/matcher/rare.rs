//! Finds a few literal strings at any place of a text, letters of ASCII in any case: three octets of a string, those that text
//! has least often, are compared at 64 places a step, in loops that compilers turn into vector instructions.

use memchr::memchr_iter;

use super::table::LOWER;

/// So many strings are few: each is one more look at the text.
pub(super) const MOST: usize = 3;
/// The shortest string worth it.
pub(super) const SHORTEST: usize = 4;

/// Places that are looked at in one step.
const BLOCK: usize = 64;
/// Bit 5, which letters of ASCII differ in by case; both sides of a comparison are treated alike.
const CASE: u8 = LOWER as u8;

/// What text has often, most often first; anything else is rarer.
const OFTEN: &[u8] = b" etaoinsrhldcumpfg0123456789wybv.,-";

/// A string by three of its octets.
#[derive(Debug)]
pub(super) struct Rare {
    pub(super) id: u32,
    /// Where in the string, and the octet there with its case bit set.
    probes: [(usize, u8); 3],
    length: usize,
    /// The first of these octets, and where it stands, if it has no case and text seldom has it.
    seldom: Option<(usize, u8)>,
}

impl Rare {
    /// `string` is in lower case and has [`SHORTEST`] octets at least.
    pub(super) fn new(id: u32, string: &[u8]) -> Self {
        let often = |octet: &u8| OFTEN.iter().position(|other| other == octet).unwrap_or(OFTEN.len());
        let mut places: Vec<usize> = (0..string.len()).collect();
        places.sort_by_key(|place| usize::MAX - often(&string[*place]));
        let probe = |number: usize| {
            let place = places.get(number).copied().unwrap_or(0);
            (place, string.get(place).copied().unwrap_or(0) | CASE)
        };
        let seldom = places.first().map(|place| (*place, string[*place]));
        let seldom = seldom.filter(|(_, octet)| !octet.is_ascii_alphabetic() && !OFTEN.contains(octet));
        Self { id, probes: std::array::from_fn(probe), length: string.len(), seldom }
    }

    /// Tells of each place where the string may stand, in order, until told to stop; whether it was not.
    pub(super) fn find(&self, text: &[u8], may_stand: &mut impl FnMut(usize) -> bool) -> bool {
        let Some(last) = text.len().checked_sub(self.length) else { return true };
        if let Some((place, octet)) = self.seldom {
            return memchr_iter(octet, &text[place..=last + place])
                .all(|at| !self.fits(text, at) || may_stand(at));
        }
        let mut at = 0;
        while at + BLOCK <= last + 1 {
            if !self.block(text, at, 0, may_stand) {
                return false;
            }
            at += BLOCK;
        }
        match (last + 1).checked_sub(BLOCK) {
            // The last places in one step too, together with some that were looked at before.
            Some(from) => at > last || self.block(text, from, at - from, may_stand),
            None => (at..=last).all(|at| !self.fits(text, at) || may_stand(at)),
        }
    }

    /// Of a block of places that begins here, tells of all but the first few.
    #[inline(always)]
    fn block(&self, text: &[u8], at: usize, skip: usize, may_stand: &mut impl FnMut(usize) -> bool) -> bool {
        let [one, two, three] = self.probes;
        let octets = |place: usize| text[at + place..].first_chunk::<BLOCK>();
        let (Some(ones), Some(twos), Some(threes)) = (octets(one.0), octets(two.0), octets(three.0)) else {
            return true;
        };
        let fits = |place: usize| {
            (ones[place] | CASE == one.1) & (twos[place] | CASE == two.1) & (threes[place] | CASE == three.1)
        };
        let any = (0..BLOCK).fold(0, |any, place| any | u8::from(fits(place)));
        any == 0 || (skip..BLOCK).filter(|place| fits(*place)).all(|place| may_stand(at + place))
    }

    fn fits(&self, text: &[u8], at: usize) -> bool {
        self.probes.iter().all(|(place, octet)| text[at + place] | CASE == *octet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(string: &str, text: &str) -> Vec<usize> {
        let (string, text) = (string.as_bytes(), text.as_bytes());
        let mut all = Vec::new();
        Rare::new(0, string).find(text, &mut |at| {
            if text[at..at + string.len()].eq_ignore_ascii_case(string) {
                all.push(at);
            }
            true
        });
        all
    }

    #[test]
    fn a_string_is_found_wherever_it_stands_in_a_text_of_any_length() {
        for string in ["student ", "#include ", "aaaa", "=_=_", "no. 7"] {
            for length in (string.len()..2 * BLOCK + string.len() + 3).chain([5 * BLOCK]) {
                for at in (0..=length - string.len()).filter(|at| at % 7 == 0 || length - at < BLOCK) {
                    let mut text = "~".repeat(length);
                    text.replace_range(at..at + string.len(), &string.to_uppercase());
                    assert_eq!(places(string, &text), [at], "{string} in {length}");
                }
            }
        }
    }

    #[test]
    fn what_shares_the_rarest_octets_only_is_not_taken_for_it_and_overlapping_ones_are_all_found() {
        assert_eq!(places("student ", &"studens studemt stuDENT, s".repeat(9)), [0; 0]);
        assert_eq!(places("aaaa", &"A".repeat(130)), (0..127).collect::<Vec<_>>());
        assert_eq!(places("longer than the text", "longer"), [0; 0]);
    }

    #[test]
    fn a_search_ends_when_it_is_told_to() {
        let mut seen = 0;
        let ended = Rare::new(0, b"abcd").find("abcd".repeat(100).as_bytes(), &mut |_| {
            seen += 1;
            seen < 2
        });
        assert_eq!((ended, seen), (false, 2));
    }
}
