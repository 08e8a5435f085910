//! Fingerprints of text by winnowing (Schleimer, Wilkerson, Aiken 2003): of every 64 runs of 48 letters and digits in a row
//! at least one is kept, the same one wherever the text stands.
//!
//! Case, accents, spaces, line ends and punctuation are gone before, so that reflowed and recased text has the same
//! fingerprints. Any 111 letters and digits in a row that two texts share give them one in common.

use crate::index::IndexKey;
use crate::index::sip::Sip;
use crate::index::table::Key;
use crate::index::words::letter;
use crate::matcher::Prepared;

/// Octets of a run, and runs of which one is kept.
pub(crate) const RUN: usize = 48;
pub(crate) const WINDOW: usize = 64;

/// Keys of one build.
pub(crate) struct Grams {
    table: [u64; 256],
    leaving: [u64; 256],
    short: Sip,
    strong: [u8; 32],
    texts: [u8; 32],
    files: [u8; 32],
}

impl std::fmt::Debug for Grams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grams")
    }
}

impl Grams {
    pub(crate) fn new(key: &IndexKey, salt: &[u8; 32]) -> Self {
        let rolling = Sip::new(&key.derive("rolling hash of documents", salt));
        let table: [u64; 256] = std::array::from_fn(|octet| rolling.hash(&[octet as u8]));
        Self {
            leaving: table.map(|hash| hash.rotate_left(RUN as u32)),
            table,
            short: Sip::new(&key.derive("filters of documents", salt)),
            strong: key.derive("runs of documents", salt),
            texts: key.derive("texts of documents", salt),
            files: key.derive("files of documents", salt),
        }
    }

    #[inline]
    pub(crate) fn short(&self, run: u64) -> u64 {
        self.short.hash(&run.to_le_bytes())
    }

    pub(crate) fn strong(&self, run: u64) -> Key {
        let hash = blake3::keyed_hash(&self.strong, &run.to_le_bytes());
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    /// The key of a file, from the hash of its octets.
    pub(crate) fn file(&self, digest: &[u8; 32]) -> Key {
        let hash = blake3::keyed_hash(&self.files, digest);
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    /// Hashes a whole text.
    pub(crate) fn whole(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.texts)
    }
}

/// A fingerprint, and where its run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) run: u64,
    /// Letters and digits before it.
    pub(crate) at: u64,
}

/// Finds the fingerprints of a text that comes in pieces.
pub(crate) struct Stream<'g> {
    grams: &'g Grams,
    /// The last letters and digits, as many as a run has.
    last: Vec<u8>,
    hash: u64,
    /// Letters and digits taken.
    count: u64,
    /// Hashes of the last runs, one fewer than a window has.
    recent: Vec<u64>,
    /// The number of the run with the least hash in the window, the latest of equal ones; and that hash.
    best: (u64, u64),
    kept: Option<u64>,
    buffer: Vec<u8>,
    whole: blake3::Hasher,
}

impl<'g> Stream<'g> {
    pub(crate) fn new(grams: &'g Grams) -> Self {
        Self {
            grams,
            last: Vec::with_capacity(RUN),
            hash: 0,
            count: 0,
            recent: Vec::new(),
            best: (0, u64::MAX),
            kept: None,
            buffer: Vec::new(),
            whole: grams.whole(),
        }
    }

    /// Letters and digits taken.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A hash of all letters and digits taken.
    pub(crate) fn whole(&self) -> Key {
        let hash = self.whole.finalize();
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    /// Takes a piece of text.
    pub(crate) fn push(&mut self, text: &Prepared<'_>, each: &mut impl FnMut(Kept)) {
        let bytes = text.bytes();
        let mut buffer = std::mem::take(&mut self.buffer);
        for from in (0..bytes.len()).step_by(SLICE) {
            // Behind the letters and digits of the run that is under way.
            buffer.clear();
            buffer.extend_from_slice(&self.last);
            normalise(bytes, from, (from + SLICE).min(bytes.len()), &mut buffer);
            self.whole.update(&buffer[self.last.len()..]);
            self.block(&buffer, each);
        }
        self.buffer = buffer;
    }

    /// Takes letters and digits that begin with [`Self::last`].
    fn block(&mut self, text: &[u8], each: &mut impl FnMut(Kept)) {
        let before = self.last.len();
        let mut hashes = std::mem::take(&mut self.recent);
        let first = self.runs() - hashes.len() as u64;
        let old = hashes.len();
        let mut hash = self.hash;
        // Until there is a whole run nothing leaves.
        let whole = text.len().min(RUN);
        for octet in &text[before..whole] {
            hash = hash.rotate_left(1) ^ self.grams.table[usize::from(*octet)];
        }
        if before < RUN && whole == RUN {
            hashes.push(hash);
        }
        for (entering, leaving) in text[whole..].iter().zip(text) {
            let entering = self.grams.table[usize::from(*entering)];
            hash = hash.rotate_left(1) ^ entering ^ self.grams.leaving[usize::from(*leaving)];
            hashes.push(hash);
        }
        self.hash = hash;
        self.count += (text.len() - before) as u64;
        self.windows(&hashes, old, first, each);
        self.last.clear();
        self.last.extend_from_slice(&text[text.len().saturating_sub(RUN)..]);
        hashes.drain(..hashes.len().saturating_sub(WINDOW - 1));
        self.recent = hashes;
    }

    /// Whole runs so far.
    fn runs(&self) -> u64 {
        (self.count + 1).saturating_sub(RUN as u64)
    }

    /// Keeps the least hash of each window that ends with one of the hashes from `old` on; the first has number `first`.
    fn windows(&mut self, hashes: &[u64], old: usize, first: u64, each: &mut impl FnMut(Kept)) {
        let (mut best, mut least) = self.best;
        for (at, hash) in hashes.iter().enumerate().skip(old) {
            let number = first + at as u64;
            if best + WINDOW as u64 <= number {
                // The least has left the window.
                let window = &hashes[at + 1 - WINDOW..=at];
                least = window.iter().copied().min().unwrap_or(*hash);
                let latest = window.iter().rposition(|one| *one == least).unwrap_or(0);
                best = first + (at + 1 - WINDOW + latest) as u64;
            } else if *hash <= least {
                (best, least) = (number, *hash);
            }
            if number + 1 >= WINDOW as u64 && self.kept != Some(best) {
                self.kept = Some(best);
                each(Kept { run: least, at: best });
            }
        }
        self.best = (best, least);
    }

    /// Ends the text: one that is shorter than a window has a fingerprint as well.
    pub(crate) fn end(&mut self, each: &mut impl FnMut(Kept)) {
        if self.kept.is_none() && self.runs() > 0 {
            self.kept = Some(self.best.0);
            each(Kept { run: self.best.1, at: self.best.0 });
        }
    }
}

/// Octets normalised in one go.
const SLICE: usize = 64 << 10;

/// Puts the letters and digits of the characters that begin in a stretch behind what is there.
fn normalise(bytes: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    let mut at = from;
    while at < to && bytes[at] & 0xC0 == 0x80 {
        at += 1;
    }
    while at < to {
        let ascii = bytes[at..to].iter().position(|octet| *octet >= 0x80).unwrap_or(to - at);
        plain(&bytes[at..at + ascii], out);
        at += ascii;
        if at < to {
            let (is_letter, len) = letter(bytes, at);
            if is_letter {
                out.extend_from_slice(&bytes[at..at + len]);
            }
            at += len;
        }
    }
}

/// The letters and digits of a text in ASCII, without a branch at each.
fn plain(ascii: &[u8], out: &mut Vec<u8>) {
    let mut len = out.len();
    out.resize(len + ascii.len(), 0);
    for octet in ascii {
        let plain = PLAIN[usize::from(*octet)];
        out[len] = plain;
        len += usize::from(plain != 0);
    }
    out.truncate(len);
}

/// Letters in lower case and digits; 0 for what is left out.
static PLAIN: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 128 {
        let c = octet as u8;
        if c.is_ascii_alphanumeric() {
            table[octet] = c.to_ascii_lowercase();
        }
        octet += 1;
    }
    table
};

/// Where in a text of pieces the letters and digits with these numbers stand: piece and octet in its folded text.
pub(crate) fn places(pieces: &[&Prepared<'_>], wanted: &[u64]) -> Vec<(usize, usize)> {
    let mut found = Vec::with_capacity(wanted.len());
    let mut count = 0u64;
    'pieces: for (number, piece) in pieces.iter().enumerate() {
        let bytes = piece.bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (is_letter, len) = letter(bytes, at);
            let octets = if is_letter { len as u64 } else { 0 };
            while wanted.get(found.len()).is_some_and(|wanted| *wanted < count + octets) {
                found.push((number, at));
                if found.len() == wanted.len() {
                    break 'pieces;
                }
            }
            count += octets;
            at += len;
        }
    }
    let end = pieces.last().map_or((0, 0), |piece| (pieces.len() - 1, piece.bytes().len()));
    found.resize(wanted.len(), end);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn grams() -> Grams {
        Grams::new(&IndexKey::from_octets([3; 32]), &[0; 32])
    }

    fn kept(grams: &Grams, text: &str) -> Vec<Kept> {
        let mut stream = Stream::new(grams);
        let mut all = Vec::new();
        stream.push(&Prepared::new(text), &mut |kept| all.push(kept));
        stream.end(&mut |kept| all.push(kept));
        all
    }

    fn prose(words: usize, seed: u32) -> String {
        let mut state = seed;
        let mut text = String::new();
        for _ in 0..words {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text += &format!("{:x} ", state >> 12);
        }
        text
    }

    #[test]
    fn any_long_enough_excerpt_shares_fingerprints_however_it_is_written() {
        let grams = grams();
        let text = prose(400, 1);
        let all: HashSet<u64> = kept(&grams, &text).into_iter().map(|kept| kept.run).collect();
        for from in (0..text.len() - 400).step_by(37) {
            let excerpt: String = text[from..from + 380].to_uppercase().replace(' ', "\r\n> ");
            let letters = excerpt.bytes().filter(u8::is_ascii_alphanumeric).count();
            assert!(letters >= 300);
            let common = kept(&grams, &excerpt).iter().filter(|kept| all.contains(&kept.run)).count();
            assert!(common >= 3, "{from}: {common}");
        }
    }

    /// A gap of more than a window between two fingerprints is text in which an excerpt would not be found.
    #[test]
    fn of_every_window_of_runs_one_is_kept() {
        for seed in 0..50 {
            let all = kept(&grams(), &prose(300, seed));
            let gaps = all.windows(2).map(|pair| pair[1].at - pair[0].at).max();
            assert!(all[0].at < WINDOW as u64 && gaps <= Some(WINDOW as u64), "{seed}: {gaps:?}");
        }
    }

    #[test]
    fn pieces_make_one_text() {
        let grams = grams();
        let text = prose(100, 2);
        let mut stream = Stream::new(&grams);
        let mut all = Vec::new();
        for piece in text.as_bytes().chunks(7) {
            stream.push(&Prepared::new(std::str::from_utf8(piece).unwrap()), &mut |kept| all.push(kept));
        }
        assert_eq!(all, kept(&grams, &text));
    }

    #[test]
    fn a_text_shorter_than_a_window_has_one() {
        let grams = grams();
        assert_eq!(kept(&grams, &prose(12, 3)).len(), 1);
        assert_eq!(kept(&grams, "too short to tell"), []);
    }

    #[test]
    fn a_run_of_equal_characters_has_few_fingerprints() {
        assert!(kept(&grams(), &"a".repeat(10_000)).len() < 10_000);
    }

    #[test]
    fn places_lead_back_to_the_text() {
        let (one, two) = (Prepared::new("a-b é"), Prepared::new(" c,d"));
        assert_eq!(
            places(&[&one, &two], &[0, 1, 2, 3, 4, 9]),
            [(0, 0), (0, 2), (0, 4), (1, 1), (1, 3), (1, 4)]
        );
    }
}
