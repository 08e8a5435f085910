//! The hashes of one build: a short keyed one for filters, a strong keyed one for tables, one for each cell of a row.

use super::value::Value;
use crate::index::IndexKey;
use crate::index::sip::Sip;
use crate::index::table::Key;

/// A strong hash of a value.
pub(crate) type Strong = [u8; 16];
/// What a row keeps of a cell; all zeros where it is empty.
pub(crate) type Tag = [u8; TAG];
pub(crate) const TAG: usize = 5;

/// Keys of one build.
#[derive(Clone)]
pub(crate) struct Hashes {
    short: Sip,
    strong: [u8; 32],
    pairs: [u8; 32],
    tags: [u8; 32],
    rounds: u32,
}

impl std::fmt::Debug for Hashes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashes")
    }
}

impl Hashes {
    pub(crate) fn new(key: &IndexKey, salt: &[u8; 32], rounds: u32) -> Self {
        Self {
            short: Sip::new(&key.derive("filters of exact data", salt)),
            strong: key.derive("values of exact data", salt),
            pairs: key.derive("pairs of exact data", salt),
            tags: key.derive("rows of exact data", salt),
            rounds,
        }
    }

    /// Of the octets of a value.
    #[inline]
    pub(crate) fn short(&self, octets: &[u8]) -> u64 {
        self.short.hash(octets)
    }

    /// Of the octets of a value; of one that can be guessed, as dear as the build could afford.
    pub(crate) fn strong(&self, octets: &[u8], guessable: bool) -> Strong {
        let mut hash = blake3::keyed_hash(&self.strong, octets);
        if guessable {
            for _ in 1..self.rounds {
                hash = blake3::keyed_hash(&self.strong, hash.as_bytes());
            }
        }
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    pub(crate) fn strong_of(&self, value: &Value) -> Strong {
        self.strong(value.octets(&mut Vec::with_capacity(32)), value.guessable())
    }

    /// Of two values of one row, in either order.
    #[inline]
    pub(crate) fn pair_short(one: u64, other: u64) -> u64 {
        // Both are uniform already; what is needed is that pairs do not meet.
        let mut mixed =
            one.wrapping_add(other).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (one ^ other).rotate_left(29);
        mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ mixed >> 32
    }

    pub(crate) fn pair(&self, one: &Strong, other: &Strong) -> Key {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let mut both = [0; 32];
        both[..16].copy_from_slice(first);
        both[16..].copy_from_slice(second);
        let hash = blake3::keyed_hash(&self.pairs, &both);
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    /// What the row keeps of the value: another for each row and column, so that equal cells do not look equal.
    pub(crate) fn tag(&self, row: u32, column: u8, value: &Strong) -> Tag {
        let mut octets = [0; 21];
        octets[..4].copy_from_slice(&row.to_le_bytes());
        octets[4] = column;
        octets[5..].copy_from_slice(value);
        let hash = blake3::keyed_hash(&self.tags, &octets);
        std::array::from_fn(|at| hash.as_bytes()[at])
    }
}

/// The key of a value in the table of values.
pub(crate) fn key(strong: &Strong) -> Key {
    std::array::from_fn(|at| strong[at])
}
