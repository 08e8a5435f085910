//! Learned policies: a linear classifier over words, trained on texts of two kinds, that says by which words it decided.
//!
//! The model keeps a weight for each of 262,144 buckets of keyed hashes: no word of the texts it learned from is in it.

pub(crate) mod features;
pub(crate) mod train;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::IndexKey;
use super::file::{Header, IndexError, IndexFile, Writer};
use super::key::IndexKeys;
use features::{BUCKETS, Features, Reader};
use train::{Model, Quality};

pub(crate) const KIND: &str = "learned";
/// Texts of either side that it takes to learn anything; words that it takes to judge a text.
const LEAST_TEXTS: usize = 20;
pub(crate) const LEAST_WORDS: usize = 30;
/// Words that are told for a match.
const DECIDING: usize = 8;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Details {
    quality: Quality,
    bias: f32,
}

// ---- training

/// Collects texts to learn from.
pub struct LearnedBuilder {
    header: Header,
    reader: Reader,
    texts: Vec<(Features, bool)>,
    too_short: u64,
}

/// What came of learning.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedReport {
    /// How well it does on texts that it was not trained on.
    pub quality: Quality,
    /// Texts that were too short to learn from.
    pub too_short: u64,
    /// Whether the model was written.
    pub written: bool,
}

impl LearnedBuilder {
    /// Begins.
    pub fn new(key: &IndexKey, source: &str, max_age_days: u32) -> io::Result<Self> {
        let header = Header::new(KIND, source, max_age_days, key)?;
        Ok(Self { reader: Reader::new(key, &header.salt()), header, texts: Vec::new(), too_short: 0 })
    }

    /// Takes a text of one side.
    pub fn add<'t>(&mut self, texts: impl Iterator<Item = &'t str>, positive: bool) {
        let features = self.reader.read(texts);
        if features.words < LEAST_WORDS {
            self.too_short += 1;
        } else {
            self.texts.push((features, positive));
        }
    }

    /// Judges, trains and writes; a model that is not good enough is written only if forced.
    pub fn finish(self, path: &Path, force: bool) -> io::Result<LearnedReport> {
        let Self { mut header, texts, too_short, .. } = self;
        for (side, name) in [(true, "positive"), (false, "negative")] {
            let count = texts.iter().filter(|(_, positive)| *positive == side).count();
            if count < LEAST_TEXTS {
                let why = format!(
                    "{count} {name} texts with at least {LEAST_WORDS} words; it takes {LEAST_TEXTS} of each side"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        }
        let quality = Model::judge(&texts);
        let written = quality.good || force;
        if written {
            let all: Vec<(&Features, bool)> =
                texts.iter().map(|(text, positive)| (text, *positive)).collect();
            let model = Model::train(&all);
            let octets =
                |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
            let mut writer = Writer::create(path)?;
            writer.section("rarity", &octets(&model.rarity))?;
            writer.section("weights", &octets(&model.weights))?;
            header.count = texts.len() as u64;
            header.details =
                serde_json::to_value(Details { quality, bias: model.bias }).map_err(io::Error::other)?;
            writer.finish(header)?;
        }
        Ok(LearnedReport { quality, too_short, written })
    }
}

// ---- using

/// A learned policy that is open.
#[derive(Debug)]
pub(crate) struct LearnedIndex {
    pub(crate) file: IndexFile,
    model: Model,
    reader: Reader,
    pub(crate) quality: Quality,
    pub(crate) open_key: bool,
}

/// What it says of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) score: f64,
    /// The words that spoke most for it, the strongest first.
    pub(crate) deciding: Vec<String>,
}

impl LearnedIndex {
    pub(crate) fn open(path: &Path, name: &str, keys: &IndexKeys) -> Result<Self, IndexError> {
        let file = IndexFile::open(path)?;
        let corrupt = |why: String| IndexError::Corrupt(why);
        if file.header.kind != KIND {
            return Err(corrupt(format!("it is an index of {}", file.header.kind)));
        }
        let details: Details = serde_json::from_value(file.header.details.clone())
            .map_err(|error| corrupt(error.to_string()))?;
        let no_key = || IndexError::NoKey { id: file.header.key.clone(), place: keys.place() };
        let (key, open_key) = keys.find(name, &file.header.key).ok_or_else(no_key)?;
        let numbers = |name: &str| -> Result<Vec<f32>, IndexError> {
            let all: Vec<f32> =
                file.section(name)?.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
            if all.len() == BUCKETS && all.iter().all(|number| number.is_finite()) {
                Ok(all)
            } else {
                Err(corrupt(format!("its {name} are no numbers")))
            }
        };
        let model = Model { rarity: numbers("rarity")?, weights: numbers("weights")?, bias: details.bias };
        Ok(Self {
            reader: Reader::new(&key, &file.header.salt()),
            model,
            quality: details.quality,
            open_key,
            file,
        })
    }

    /// Judges a text; `None` if it is too short.
    pub(crate) fn judge<'t>(&self, texts: impl Iterator<Item = &'t str> + Clone) -> Option<Judgement> {
        let features = self.reader.read(texts.clone());
        if features.words < LEAST_WORDS {
            return None;
        }
        let score = self.model.score(&features);
        Some(Judgement {
            score,
            deciding: if score >= 0.5 { self.deciding(&features, texts) } else { Vec::new() },
        })
    }

    /// The words that added most, from the text itself.
    fn deciding<'t>(&self, features: &Features, texts: impl Iterator<Item = &'t str>) -> Vec<String> {
        let mut all: Vec<(u32, f32)> = self
            .model
            .weighed(features)
            .into_iter()
            .map(|(bucket, weight)| (bucket, weight * self.model.weights[bucket as usize]))
            .collect();
        all.sort_by(|one, other| other.1.total_cmp(&one.1));
        all.truncate(DECIDING);
        all.retain(|(_, added)| *added > 0.0);
        let mut words: HashMap<u32, String> = HashMap::new();
        self.reader.each(texts, &mut |bucket, word| {
            if all.iter().any(|(wanted, _)| *wanted == bucket) {
                words.entry(bucket).or_insert_with(|| String::from_utf8_lossy(word).into_owned());
            }
        });
        all.iter().filter_map(|(bucket, _)| words.remove(bucket)).collect()
    }
}
