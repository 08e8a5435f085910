//! Small hash tables over the first octets of words: a bitmap that says "surely not" in one step, and slots
//! behind it.

/// An odd multiplier with well mixed bits (2^64 divided by the golden ratio).
pub(super) const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// Every octet's bit 5: lower case for ASCII letters; both sides of a comparison are treated alike.
pub(super) const LOWER: u64 = 0x2020_2020_2020_2020;

/// Eight octets from a place on, low octet first; zeros past the end.
#[inline]
pub(super) fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => load_tail(text, at),
    }
}

#[cold]
fn load_tail(text: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(text.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u64::from_le_bytes(eight)
}

/// A hash of the first `len` (1 to 8) of eight loaded octets, letters in any case.
#[inline]
pub(super) fn prefix_hash(eight: u64, len: usize) -> u64 {
    ((eight | LOWER) & (u64::MAX >> (64 - 8 * len))).wrapping_mul(MIX)
}

/// A hash of a word by its length and first eight octets, letters in any case; `eight` are loaded from its start.
#[inline]
pub(super) fn word_hash(eight: u64, len: usize) -> u64 {
    let mask = u64::MAX >> (64 - 8 * len.clamp(1, 8));
    (((eight | LOWER) & mask) ^ (len as u64) << 56).wrapping_mul(MIX)
}

/// A hash of two words that follow one another.
#[inline]
pub(super) fn pair_hash(one: u64, other: u64) -> u64 {
    (one.rotate_left(32) ^ other).wrapping_mul(MIX)
}

/// Values by hash; several values may share one hash, and the caller compares what it hashed.
#[derive(Debug, Default)]
pub(super) struct Table {
    bits: Vec<u64>,
    shift: u32,
    slots: Vec<(u64, u32)>,
}

const EMPTY: u32 = u32::MAX;

impl Table {
    /// A table with a bitmap of about 16 bits for each entry (at most 64 KiB large).
    pub(super) fn new(entries: &[(u64, u32)]) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let bits = (entries.len() * 24).next_power_of_two().clamp(1 << 12, 1 << 19);
        let slots = (entries.len() * 2).next_power_of_two().max(4);
        let mut table = Self {
            bits: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
            slots: vec![(0, EMPTY); slots],
        };
        for &(hash, value) in entries {
            let bit = (hash >> table.shift) as usize;
            table.bits[bit / 64] |= 1 << (bit % 64);
            let mut at = table.home(hash);
            while table.slots[at].1 != EMPTY {
                at = (at + 1) & (slots - 1);
            }
            table.slots[at] = (hash, value);
        }
        table
    }

    /// Whether the hash may be in the table.
    #[inline]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let bit = (hash >> self.shift) as usize;
        self.bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// The values under a hash, in order of insertion.
    #[inline]
    pub(super) fn get(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let mut at = if self.slots.is_empty() { 0 } else { self.home(hash) };
        std::iter::from_fn(move || {
            loop {
                let &(key, value) = self.slots.get(at)?;
                if value == EMPTY {
                    return None;
                }
                at = (at + 1) & (self.slots.len() - 1);
                if key == hash {
                    return Some(value);
                }
            }
        })
    }

    pub(super) fn memory(&self) -> usize {
        self.bits.len() * 8 + self.slots.len() * size_of::<(u64, u32)>()
    }

    fn home(&self, hash: u64) -> usize {
        ((hash ^ hash >> 29).wrapping_mul(MIX) >> 20) as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_under_one_hash_are_all_found() {
        let table = Table::new(&[(7, 1), (9, 2), (7, 3)]);
        assert!(table.may_have(7) && table.may_have(9));
        assert_eq!(table.get(7).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(table.get(8).count(), 0);
        assert_eq!(Table::default().get(1).count(), 0);
        assert!(!Table::default().may_have(1));
    }

    #[test]
    fn a_word_has_one_hash_wherever_it_stands() {
        for word in ["a", "Weir", "exactly8", "something longer"] {
            let text = format!("x{}y", word.to_uppercase());
            let (one, other) = (word.as_bytes(), text.as_bytes());
            let hash = word_hash(load(one, 0), word.len());
            assert_eq!(hash, word_hash(load(other, 1), word.len()));
        }
    }
}
