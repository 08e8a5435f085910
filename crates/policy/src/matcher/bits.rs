//! Tells of 64 octets in one step which of them are letters, digits or one of a few others: a bit for each, the first lowest.

use wide::u8x16;

/// So many octets are looked at in one step.
pub(super) const BLOCK: usize = 64;

/// The octets of a block; zeros past the end of the text.
#[derive(Clone, Copy)]
pub(super) struct Block([u8x16; BLOCK / 16]);

impl Block {
    /// The block with this number.
    #[inline]
    pub(super) fn of(text: &[u8], number: usize) -> Self {
        let rest = text.get(number * BLOCK..).unwrap_or_default();
        match rest.first_chunk::<BLOCK>() {
            Some(whole) => Self::new(whole),
            None => {
                let mut padded = [0; BLOCK];
                padded[..rest.len()].copy_from_slice(rest);
                Self::new(&padded)
            }
        }
    }

    #[inline]
    fn new(octets: &[u8; BLOCK]) -> Self {
        let sixteens = octets.as_chunks::<16>().0;
        Self(std::array::from_fn(|at| u8x16::new(sixteens[at])))
    }

    /// Whether all of them are ASCII.
    #[inline]
    pub(super) fn is_ascii(&self) -> bool {
        let [a, b, c, d] = self.0;
        (a | b | c | d).to_bitmask() == 0
    }

    /// Which of them are letters of ASCII, and which digits.
    #[inline]
    pub(super) fn letters_and_digits(&self) -> (u64, u64) {
        let letters = self.bits(|some| within(some | splat(0x20), b'a', b'z'));
        (letters, self.bits(|some| within(some, b'0', b'9')))
    }

    /// Which of them are one of these.
    #[inline]
    pub(super) fn any_of(&self, octets: &Octets) -> u64 {
        let mut found = [splat(0); BLOCK / 16];
        for octet in &octets.0 {
            for (found, some) in found.iter_mut().zip(&self.0) {
                *found |= some.simd_eq(*octet);
            }
        }
        Self(found).bits(|some| some)
    }

    #[inline(always)]
    fn bits(&self, is: impl Fn(u8x16) -> u8x16) -> u64 {
        let bits = |at: usize| u64::from(is(self.0[at]).to_bitmask()) << (16 * at);
        bits(0) | bits(1) | bits(2) | bits(3)
    }
}

/// A few octets to look for.
pub(super) struct Octets(Vec<u8x16>);

impl FromIterator<u8> for Octets {
    fn from_iter<I: IntoIterator<Item = u8>>(octets: I) -> Self {
        Self(octets.into_iter().map(splat).collect())
    }
}

impl Octets {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[inline(always)]
fn splat(octet: u8) -> u8x16 {
    u8x16::splat(octet)
}

#[inline(always)]
fn within(some: u8x16, first: u8, last: u8) -> u8x16 {
    let above = some - splat(first);
    above.min(splat(last - first)).simd_eq(above)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_octet_has_the_bit_that_it_would_have_alone(
            text in proptest::collection::vec(any::<u8>(), 0..200),
            sought in proptest::collection::vec(any::<u8>(), 0..10),
        ) {
            let octets: Octets = sought.iter().copied().collect();
            for number in 0..=text.len() / BLOCK + 1 {
                let block = Block::of(&text, number);
                let (letters, digits) = block.letters_and_digits();
                let here = text.get(number * BLOCK..).unwrap_or_default();
                prop_assert_eq!(block.is_ascii(), here.iter().take(BLOCK).all(u8::is_ascii));
                for at in 0..BLOCK {
                    let octet = text.get(number * BLOCK + at).copied().unwrap_or(0);
                    let bit = |bits: u64| bits >> at & 1 == 1;
                    prop_assert_eq!(bit(letters), octet.is_ascii_alphabetic());
                    prop_assert_eq!(bit(digits), octet.is_ascii_digit());
                    prop_assert_eq!(bit(block.any_of(&octets)), sought.contains(&octet));
                }
            }
        }
    }
}
