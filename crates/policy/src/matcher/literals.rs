//! Finds literal strings at any place of a text, letters of ASCII in any case: samples windows of a few octets
//! against a bitmap, every n-th octet where all strings are long enough, and compares only behind it. A few
//! strings are found by their rarest octets instead.

use memchr::{memchr_iter, memchr2_iter, memchr3_iter};

use super::rare::{self, Rare};
use super::table::{LOWER, MIX, Table, load};
use super::words::Words;

/// The longest step between two sampled windows.
const LONGEST_STRIDE: usize = 8;

/// The widest window, in octets.
const WIDEST: usize = 8;

/// Windows that are looked at in one step.
const AT_ONCE: usize = 4;

/// So many long strings are sampled by narrow windows.
const FEW: usize = 32;

/// A compiled set of strings.
#[derive(Debug, Default)]
pub(super) struct Literals {
    /// Lower case in ASCII.
    strings: Vec<Box<[u8]>>,
    single: Single,
    /// Strings that are few.
    rare: Vec<Rare>,
    windows: Vec<Windows>,
    /// Strings that count only where a word begins with them, by their first octets.
    heads: Option<Windows>,
    head_ids: Vec<u32>,
    /// Strings that count only where a word ends with them, by their last octets.
    tails: Option<Windows>,
}

/// Where a string counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    #[default]
    Anywhere,
    /// Only where a word begins with it.
    WordStart,
    /// Only where a word ends with it.
    WordEnd,
}

/// The strings of one octet.
#[derive(Debug, Default)]
struct Single {
    octets: Vec<u8>,
    by_octet: Vec<Vec<u32>>,
}

/// Strings sampled alike.
#[derive(Debug)]
struct Windows {
    width: usize,
    stride: usize,
    table: Table,
    /// String and where in it the window stands.
    entries: Vec<(u32, u32)>,
}

impl Literals {
    /// The strings are known by their place in the list; none is empty.
    pub(super) fn new(strings: Vec<Vec<u8>>) -> Self {
        Self::placed(strings, &[])
    }

    /// As [`Self::new`]; each string is to be found only in its place.
    pub(super) fn placed(strings: Vec<Vec<u8>>, places: &[Place]) -> Self {
        let place_of = |id: u32| places.get(id as usize).copied().unwrap_or_default();
        let strings: Vec<Box<[u8]>> =
            strings.into_iter().map(|s| s.to_ascii_lowercase().into_boxed_slice()).collect();
        let of = |lens: std::ops::RangeInclusive<usize>| -> Vec<u32> {
            let all = strings.iter().enumerate().map(|(id, string)| (id as u32, string));
            all.filter(|(id, s)| lens.contains(&s.len()) && place_of(*id) == Place::Anywhere)
                .map(|(id, _)| id)
                .collect()
        };
        let single = Single::new(&strings, &of(1..=1));
        let shortest = |ids: &[u32]| ids.iter().map(|id| strings[*id as usize].len()).min().unwrap_or(0);
        let mut few = of(rare::SHORTEST..=usize::MAX);
        few.truncate(if few.len() > rare::MOST { 0 } else { rare::MOST });
        let rare: Vec<Rare> = few.iter().map(|id| Rare::new(*id, &strings[*id as usize])).collect();
        let mut windows = Vec::new();
        for mut ids in [of(2..=2), of(3..=WIDEST - 1), of(WIDEST..=usize::MAX)] {
            ids.retain(|id| !few.contains(id));
            // Wide windows seldom stand anywhere by chance; of a few strings narrow ones do not either, and take longer steps.
            let width = match shortest(&ids) {
                0 => continue,
                least @ 1..=3 => least,
                least if least < WIDEST || ids.len() <= FEW => 4,
                _ => WIDEST,
            };
            let stride = (shortest(&ids) + 1 - width).min(LONGEST_STRIDE);
            windows.push(Windows::new(&strings, &ids, width, stride));
        }
        let at = |place: Place| -> Vec<u32> {
            (0..strings.len() as u32).filter(|id| place_of(*id) == place).collect()
        };
        let narrowest = |ids: &[u32]| shortest(ids).min(WIDEST);
        let (starts, ends) = (at(Place::WordStart), at(Place::WordEnd));
        let heads = (!starts.is_empty()).then(|| Windows::new(&strings, &starts, narrowest(&starts), 1));
        let tails = (!ends.is_empty()).then(|| Windows::of_ends(&strings, &ends, narrowest(&ends)));
        Self { strings, single, rare, windows, heads, head_ids: starts, tails }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// Whether there are strings that count only where a word begins.
    pub(super) fn at_words(&self) -> bool {
        self.heads.is_some()
    }

    /// These strings.
    pub(super) fn heads(&self) -> impl Iterator<Item = &[u8]> {
        self.head_ids.iter().map(|id| &*self.strings[*id as usize])
    }

    /// Whether one of these may stand where a word begins with these octets.
    #[inline]
    pub(super) fn may_begin_word(&self, eight: u64) -> bool {
        self.heads.as_ref().is_some_and(|heads| heads.may_begin(eight))
    }

    /// Tells of each occurrence: string and place; places of one string ascend. Returns the steps taken. `words` are those of the
    /// text, `begins` the words of which [`Self::may_begin_word`] says so.
    pub(super) fn find(
        &self,
        text: &[u8],
        words: &Words,
        begins: &[usize],
        found: &mut impl FnMut(u32, usize) -> bool,
    ) -> u64 {
        let mut steps = 0;
        if let Some(heads) = &self.heads {
            steps += heads.find_at(&self.strings, text, begins, found);
        }
        if let Some(tails) = &self.tails {
            let marks = (0..words.blocks()).map(|block| words.endings(block));
            steps += tails.find_marked(&self.strings, text, marks, tails.width - 1, found);
        }
        if !self.single.find(text, found) {
            return steps;
        }
        for rare in &self.rare {
            let string = &self.strings[rare.id as usize];
            let mut tell = |at: usize| {
                steps += string.len() as u64;
                !text[at..at + string.len()].eq_ignore_ascii_case(string) || found(rare.id, at)
            };
            if !rare.find(text, &mut tell) {
                return steps;
            }
        }
        for windows in &self.windows {
            steps += windows.find(&self.strings, text, found);
        }
        steps
    }

    pub(super) fn memory(&self) -> usize {
        let strings: usize = self.strings.iter().map(|s| s.len() + 16).sum();
        let windows = self.windows.iter().chain(&self.heads).chain(&self.tails);
        let windows = windows.map(|w| w.table.memory() + w.entries.len() * 8);
        strings + windows.sum::<usize>() + self.single.by_octet.len() * 24
    }
}

impl Single {
    fn new(strings: &[Box<[u8]>], ids: &[u32]) -> Self {
        if ids.is_empty() {
            return Self::default();
        }
        let mut single = Self { octets: Vec::new(), by_octet: vec![Vec::new(); 256] };
        for &id in ids {
            let octet = strings[id as usize][0];
            for octet in [octet, octet.to_ascii_uppercase()] {
                let ids = &mut single.by_octet[usize::from(octet)];
                if ids.last() != Some(&id) {
                    ids.push(id);
                }
                if !single.octets.contains(&octet) {
                    single.octets.push(octet);
                }
            }
        }
        single
    }

    fn find(&self, text: &[u8], found: &mut impl FnMut(u32, usize) -> bool) -> bool {
        let mut tell = |at: usize| {
            let ids = text.get(at).and_then(|octet| self.by_octet.get(usize::from(*octet)));
            ids.is_none_or(|ids| ids.iter().all(|id| found(*id, at)))
        };
        match *self.octets.as_slice() {
            [] => true,
            [a] => memchr_iter(a, text).all(tell),
            [a, b] => memchr2_iter(a, b, text).all(tell),
            [a, b, c] => memchr3_iter(a, b, c, text).all(tell),
            _ => (0..text.len()).all(|at| self.by_octet[usize::from(text[at])].is_empty() || tell(at)),
        }
    }
}

impl Windows {
    fn new(strings: &[Box<[u8]>], ids: &[u32], width: usize, stride: usize) -> Self {
        // Later windows first: then the places found from one sample ascend.
        let mut entries = Vec::new();
        for offset in (0..stride).rev() {
            entries.extend(ids.iter().map(|id| (*id, offset as u32)));
        }
        Self::of_entries(strings, entries, width, stride)
    }

    /// Of the last octets of each string.
    fn of_ends(strings: &[Box<[u8]>], ids: &[u32], width: usize) -> Self {
        let end = |id: &u32| (*id, (strings[*id as usize].len() - width) as u32);
        Self::of_entries(strings, ids.iter().map(end).collect(), width, 1)
    }

    fn of_entries(strings: &[Box<[u8]>], entries: Vec<(u32, u32)>, width: usize, stride: usize) -> Self {
        let hash =
            |&(id, offset): &(u32, u32)| window_hash(load(&strings[id as usize], offset as usize), width);
        let hashed: Vec<_> = entries.iter().enumerate().map(|(i, entry)| (hash(entry), i as u32)).collect();
        Self { width, stride, table: Table::new(&hashed), entries }
    }

    fn find(&self, strings: &[Box<[u8]>], text: &[u8], found: &mut impl FnMut(u32, usize) -> bool) -> u64 {
        let mut steps = 0;
        let mut at = 0;
        // Where every place is looked at, five narrow windows of eight octets in one step.
        while self.stride == 1
            && self.width <= 4
            && let Some(eight) = text.get(at..).and_then(|rest| rest.first_chunk::<8>())
        {
            let eight = u64::from_le_bytes(*eight);
            let hashes: [u64; 5] = std::array::from_fn(|place| window_hash(eight >> (8 * place), self.width));
            let may_be = hashes.iter().fold(false, |any, hash| any | self.table.may_have(*hash));
            for (place, hash) in hashes.into_iter().enumerate().filter(|_| may_be) {
                if self.table.may_have(hash)
                    && !self.verify(strings, text, at + place, hash, found, &mut steps)
                {
                    return steps;
                }
            }
            at += hashes.len();
        }
        // Otherwise several windows in one step; few of them may be a string's.
        let reach = (AT_ONCE - 1) * self.stride;
        while let Some(here) = text.get(at..at + reach + 8) {
            let mut hashes = [0; AT_ONCE];
            for (hash, eight) in hashes.iter_mut().zip(here.windows(8).step_by(self.stride)) {
                *hash = window_hash(load(eight, 0), self.width);
            }
            let may_be = hashes.iter().fold(false, |any, hash| any | self.table.may_have(*hash));
            for (place, hash) in hashes.into_iter().enumerate().filter(|_| may_be) {
                let at = at + place * self.stride;
                if self.table.may_have(hash) && !self.verify(strings, text, at, hash, found, &mut steps) {
                    return steps;
                }
            }
            at += hashes.len() * self.stride;
        }
        while at + self.width <= text.len() {
            let hash = window_hash(load(text, at), self.width);
            if self.table.may_have(hash) && !self.verify(strings, text, at, hash, found, &mut steps) {
                return steps;
            }
            at += self.stride;
        }
        steps
    }

    /// Whether a text that goes on with these octets may begin with a string; every window is one of a beginning.
    #[inline]
    fn may_begin(&self, eight: u64) -> bool {
        self.table.may_have(window_hash(eight, self.width))
    }

    /// As [`Self::find`], only windows that begin at these places.
    fn find_at(
        &self,
        strings: &[Box<[u8]>],
        text: &[u8],
        places: &[usize],
        found: &mut impl FnMut(u32, usize) -> bool,
    ) -> u64 {
        let mut steps = 0;
        for at in places {
            let hash = window_hash(load(text, *at), self.width);
            if !self.verify(strings, text, *at, hash, found, &mut steps) {
                break;
            }
        }
        steps
    }

    /// As [`Self::find`], only windows that begin so many octets before a marked one; the marks are bits, 64 octets a step.
    #[inline]
    fn find_marked(
        &self,
        strings: &[Box<[u8]>],
        text: &[u8],
        blocks: impl Iterator<Item = u64>,
        before: usize,
        found: &mut impl FnMut(u32, usize) -> bool,
    ) -> u64 {
        let mut steps = 0;
        for (block, mut marks) in blocks.enumerate() {
            while marks != 0 {
                let at = (block * 64 + marks.trailing_zeros() as usize).checked_sub(before);
                marks &= marks - 1;
                let Some(at) = at else { continue };
                let hash = window_hash(load(text, at), self.width);
                if self.table.may_have(hash) && !self.verify(strings, text, at, hash, found, &mut steps) {
                    return steps;
                }
            }
        }
        steps
    }

    #[inline(never)]
    fn verify(
        &self,
        strings: &[Box<[u8]>],
        text: &[u8],
        at: usize,
        hash: u64,
        found: &mut impl FnMut(u32, usize) -> bool,
        steps: &mut u64,
    ) -> bool {
        for entry in self.table.get(hash) {
            let (id, offset) = self.entries[entry as usize];
            let string = &strings[id as usize];
            *steps += string.len() as u64;
            let Some(start) = at.checked_sub(offset as usize) else { continue };
            let here = text.get(start..start + string.len());
            if here.is_some_and(|here| here.eq_ignore_ascii_case(string)) && !found(id, start) {
                return false;
            }
        }
        true
    }
}

/// A hash of the first `width` (1 to 8) of eight octets, letters in any case.
#[inline]
fn window_hash(eight: u64, width: usize) -> u64 {
    // The shift keeps the octets of the window.
    ((eight | LOWER) << (64 - 8 * width)).wrapping_mul(MIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where strings stand: the same whether they are few or not.
    fn places(strings: &[&str], text: &str) -> Vec<(u32, usize)> {
        let few = places_of(strings, text);
        let many: Vec<&str> =
            strings.iter().copied().chain(["<one more>", "<two more>", "<and more>"]).collect();
        assert_eq!(places_of(&[many.as_slice(), &["<yet more>"]].concat(), text), few);
        few
    }

    fn places_of(strings: &[&str], text: &str) -> Vec<(u32, usize)> {
        let literals = Literals::new(strings.iter().map(|s| s.as_bytes().to_vec()).collect());
        let mut all = Vec::new();
        literals.find(text.as_bytes(), &Words::ascii(text.as_bytes()).unwrap(), &[], &mut |id, at| {
            all.push((id, at));
            true
        });
        all.sort_unstable();
        all
    }

    #[test]
    fn strings_that_begin_words_are_found_there_only() {
        let literals = Literals::placed(vec![b"fn ".to_vec(), b"sub".to_vec()], &[Place::WordStart]);
        let text = b"Fn xfn fn_fn subsub fn";
        let mut all = Vec::new();
        let words = Words::ascii(text).unwrap();
        let begins: Vec<usize> = (0..text.len())
            .filter(|at| words.starts(*at) && literals.may_begin_word(load(text, *at)))
            .collect();
        literals.find(text, &words, &begins, &mut |id, at| {
            all.push((id, at));
            true
        });
        assert_eq!(all, [(0, 0), (0, 10), (1, 13), (1, 16)]);
    }

    #[test]
    fn strings_that_end_words_are_found_there_only() {
        let strings = vec![b"key".to_vec(), b"my secret key".to_vec(), b"abc".to_vec()];
        let literals = Literals::placed(strings, &[Place::WordEnd, Place::WordEnd, Place::WordEnd]);
        // The last of 64 octets, and the last of all, end words like any other.
        let text = format!("Key keys my secret KEY monkey; {}abc {}abc", "-".repeat(30), "-".repeat(57));
        assert_eq!(text.len(), 128 - 3);
        let mut all = Vec::new();
        literals.find(text.as_bytes(), &Words::ascii(text.as_bytes()).unwrap(), &[], &mut |id, at| {
            all.push((id, at));
            true
        });
        all.sort_unstable();
        assert_eq!(all, [(0, 0), (0, 19), (0, 26), (1, 9), (2, 61), (2, 122)]);
    }

    #[test]
    fn every_occurrence_is_found_once_whatever_the_lengths() {
        assert_eq!(
            places(&["aa", "a", "aaa"], "aaaA"),
            [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1)]
        );
        assert_eq!(places(&["password"], "PassWord password passwor password"), [(0, 0), (0, 9), (0, 26)]);
        assert_eq!(
            places(&["fn ", "function ", "functional programming", "e"], "a fn functional programming"),
            [(0, 2), (2, 5)]
        );
        assert_eq!(places(&["abcdefghijklm", "efghijkl"], "abcdefghijklmn"), [(0, 0), (1, 4)]);
    }
}
