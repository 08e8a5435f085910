//! Features of a text: its words and pairs of words, by keyed hash into a fixed number of buckets.

use std::collections::HashMap;

use crate::index::IndexKey;
use crate::index::sip::Sip;
use crate::index::words::Tokens;
use crate::matcher::Prepared;

/// Buckets: a power of two.
pub(crate) const BUCKETS: usize = 1 << 18;
/// Words of a text that are looked at; folded octets that are taken in one go.
const MOST_WORDS: usize = 200_000;
const SLICE: usize = 256 << 10;
/// Letters of the longest word.
const LONGEST: usize = 40;

/// A text as counts of its features, by bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Features {
    /// Sorted by bucket.
    pub(crate) counts: Vec<(u32, f32)>,
    pub(crate) words: usize,
}

/// Reads features.
#[derive(Clone)]
pub(crate) struct Reader {
    sip: Sip,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    pub(crate) fn new(key: &IndexKey, salt: &[u8; 32]) -> Self {
        Self { sip: Sip::new(&key.derive("features of learned policies", salt)) }
    }

    fn bucket(&self, feature: &[u8]) -> u32 {
        (self.sip.hash(feature) as usize % BUCKETS) as u32
    }

    /// Hands on every feature: its bucket and its words.
    pub(crate) fn each<'t>(
        &self,
        texts: impl Iterator<Item = &'t str>,
        take: &mut dyn FnMut(u32, &[u8]),
    ) -> usize {
        let mut tokens = Tokens::default();
        let mut feature = Vec::new();
        let mut words = 0;
        for text in texts {
            let text = Prepared::new(text);
            let len = text.bytes().len();
            let mut from = 0;
            while from < len && words < MOST_WORDS {
                let to = whole_character(text.bytes(), from + SLICE);
                tokens.read(&text, from..to);
                for at in 0..tokens.all.len() {
                    let word = plain(tokens.word_at(at));
                    if word.len() > LONGEST {
                        continue;
                    }
                    take(self.bucket(word), word);
                    if at + 1 < tokens.all.len() && tokens.word_at(at + 1).len() <= LONGEST {
                        feature.clear();
                        feature.extend_from_slice(word);
                        feature.push(b' ');
                        feature.extend_from_slice(plain(tokens.word_at(at + 1)));
                        take(self.bucket(&feature), &feature);
                    }
                }
                words += tokens.all.len();
                from = to;
            }
        }
        words
    }

    pub(crate) fn read<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Features {
        let mut counts: HashMap<u32, f32> = HashMap::new();
        let words = self.each(texts, &mut |bucket, _| *counts.entry(bucket).or_default() += 1.0);
        let mut counts: Vec<(u32, f32)> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|(bucket, _)| *bucket);
        Features { counts, words }
    }
}

fn whole_character(bytes: &[u8], at: usize) -> usize {
    (at..bytes.len()).find(|at| bytes[*at] & 0xC0 != 0x80).unwrap_or(bytes.len())
}

/// Numbers differ from text to text: all are one word.
fn plain(word: &[u8]) -> &[u8] {
    if word.iter().all(u8::is_ascii_digit) { b"#" } else { word }
}
