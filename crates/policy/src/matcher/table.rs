//! Small hash tables over the first octets of words: a bitmap that says "surely not" in one step, and slots
//! behind it.

/// An odd multiplier with well mixed bits (2^64 divided by the golden ratio).
pub(super) const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// Every octet's bit 5: lower case for ASCII letters; both sides of a comparison are treated alike.
pub(super) const LOWER: u64 = 0x2020_2020_2020_2020;

/// Eight octets from a place on, low octet first; zeros past the end.
#[inline]
pub(super) fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..at.wrapping_add(8)).and_then(<[u8]>::as_array::<8>) {
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
    (((eight | LOWER) & FIRST[len.min(8)]) ^ (len as u64) << 56).wrapping_mul(MIX)
}

/// The bits of the first so many of eight octets.
const FIRST: [u64; 9] = {
    let mut first = [0; 9];
    let mut count = 1;
    while count < first.len() {
        first[count] = u64::MAX >> (64 - 8 * count);
        count += 1;
    }
    first
};

/// A hash of two words that follow one another.
#[inline]
pub(super) fn pair_hash(one: u64, other: u64) -> u64 {
    (one.rotate_left(32) ^ other).wrapping_mul(MIX)
}

/// The highest bits of a product are those that all of its factor has a part in: they say which word of a bitmap it is, the next
/// six which bit.
const HIGHEST: u32 = 50;

#[inline]
fn bit(hash: u64) -> u32 {
    (hash >> (HIGHEST - 6)) as u32 % 64
}

/// A set of hashes that may have too many, never too few.
#[derive(Debug)]
pub(super) struct Bitmap {
    /// As many as a power of two.
    words: Vec<u64>,
}

impl Bitmap {
    /// About 24 bits for each hash: 512 octets at least, 128 KiB at most.
    pub(super) fn new(hashes: impl Iterator<Item = u64> + Clone) -> Self {
        let count = hashes.clone().count();
        let bits = if count == 0 { 64 } else { (count * 24).next_power_of_two().clamp(1 << 12, 1 << 20) };
        let mut bitmap = Self { words: vec![0; bits / 64] };
        for hash in hashes {
            let at = bitmap.place(hash);
            bitmap.words[at] |= 1 << bit(hash);
        }
        bitmap
    }

    #[inline]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.words[self.place(hash)] >> bit(hash) & 1 == 1
    }

    /// Whether no hash is in it: only then it is one word.
    pub(super) fn is_empty(&self) -> bool {
        self.words.len() == 1
    }

    #[inline]
    fn place(&self, hash: u64) -> usize {
        (hash >> HIGHEST) as usize & (self.words.len() - 1)
    }

    pub(super) fn memory(&self) -> usize {
        self.words.len() * 8
    }
}

impl Default for Bitmap {
    fn default() -> Self {
        Self::new(std::iter::empty())
    }
}

/// Values by hash, with a bitmap before them.
#[derive(Debug, Default)]
pub(super) struct Table {
    bits: Bitmap,
    slots: Slots,
}

impl Table {
    pub(super) fn new(entries: &[(u64, u32)]) -> Self {
        Self { bits: Bitmap::new(entries.iter().map(|(hash, _)| *hash)), slots: Slots::new(entries) }
    }

    /// Whether the hash may be in the table.
    #[inline]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.bits.may_have(hash)
    }

    /// The values under a hash, in order of insertion.
    #[inline]
    pub(super) fn get(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        self.slots.get(hash)
    }

    pub(super) fn memory(&self) -> usize {
        self.bits.memory() + self.slots.memory()
    }
}

/// Values by hash; several values may share one hash, and the caller compares what it hashed.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<(u64, u32)>,
}

const EMPTY: u32 = u32::MAX;

impl Slots {
    pub(super) fn new(entries: &[(u64, u32)]) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let count = (entries.len() * 2).next_power_of_two().max(4);
        let mut slots = Self { slots: vec![(0, EMPTY); count] };
        for &(hash, value) in entries {
            let mut at = slots.home(hash);
            while slots.slots[at].1 != EMPTY {
                at = (at + 1) & (count - 1);
            }
            slots.slots[at] = (hash, value);
        }
        slots
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
        self.slots.len() * size_of::<(u64, u32)>()
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
