//! SipHash-1-3 (Aumasson and Bernstein): the short keyed hash that is asked of the filters before anything else.
//!
//! A filter may be stolen with its index. The hash is a pseudo-random function of the key, so that its fingerprints say
//! nothing without it; std has the same function, but not with a key of one's own.

/// A key of the short hash.
#[derive(Clone, Copy)]
pub(crate) struct Sip {
    first: u64,
    second: u64,
}

impl Sip {
    /// From 16 octets of a derived key.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|octet| key[at + octet]));
        Self { first: half(0), second: half(8) }
    }

    /// The hash of some octets.
    #[inline]
    pub(crate) fn hash(self, octets: &[u8]) -> u64 {
        self.rounds::<1, 3>(octets)
    }

    #[inline]
    fn rounds<const EACH: usize, const LAST: usize>(self, octets: &[u8]) -> u64 {
        let mut state = State([
            self.first ^ 0x736f_6d65_7073_6575,
            self.second ^ 0x646f_7261_6e64_6f6d,
            self.first ^ 0x6c79_6765_6e65_7261,
            self.second ^ 0x7465_6462_7974_6573,
        ]);
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            state.take::<EACH>(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = octets.len() as u8;
        state.take::<EACH>(u64::from_le_bytes(last));
        state.0[2] ^= 0xff;
        for _ in 0..LAST {
            state.round();
        }
        state.0[0] ^ state.0[1] ^ state.0[2] ^ state.0[3]
    }
}

struct State([u64; 4]);

impl State {
    #[inline]
    fn take<const ROUNDS: usize>(&mut self, word: u64) {
        self.0[3] ^= word;
        for _ in 0..ROUNDS {
            self.round();
        }
        self.0[0] ^= word;
    }

    #[inline]
    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.0 = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authors' test vector for SipHash-2-4: key 00..0f, message 00..0e.
    #[test]
    fn the_rounds_are_those_of_the_authors() {
        let mut key = [0; 32];
        (0..16).for_each(|at| key[at] = at as u8);
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(Sip::new(&key).rounds::<2, 4>(&message), 0xa129_ca61_49be_45e5);
    }

    /// std's default hasher is SipHash-1-3 with a key of zeros.
    #[test]
    fn it_is_the_function_that_std_uses() {
        use std::hash::Hasher;
        for length in 0..40 {
            let message: Vec<u8> = (0..length).collect();
            let mut std = std::hash::DefaultHasher::new();
            std.write(&message);
            assert_eq!(Sip::new(&[0; 32]).hash(&message), std.finish(), "{length}");
        }
    }
}
