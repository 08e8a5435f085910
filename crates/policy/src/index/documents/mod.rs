//! Indexed documents: whole texts and excerpts of them, found again in mails; the texts themselves are not kept.
//!
//! ```text
//! whole texts   keyed hash of all letters and digits            -> documents
//! excerpts      fingerprints -> filter in memory -> table on disk -> documents; those of many documents are left out
//! names         encrypted with the key of the index
//! ```

pub(crate) mod build;
pub(crate) mod grams;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::IndexKey;
use super::file::{IndexError, IndexFile};
use super::filter::Filter;
use super::key::IndexKeys;
use super::table::{Names, Table};
use crate::matcher::Prepared;
use grams::{Grams, Kept, RUN, Stream, WINDOW};

pub(crate) const KIND: &str = "documents";
pub(crate) const RUNS: Names = Names { entries: "runs", first: "runs.first", lists: "runs.lists" };
pub(crate) const TEXTS: Names = Names { entries: "texts", first: "texts.first", lists: "texts.lists" };

/// Letters and digits of the shortest text that is known as a whole, and of the shortest passage that counts.
pub(crate) const LEAST_WHOLE: u64 = 50;
pub(crate) const LEAST_PASSAGE: u64 = 150;
/// Letters and digits between two fingerprints of one passage: something was changed in between.
const GAP: u64 = (2 * WINDOW + RUN) as u64;

/// What the header says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Details {
    /// Fingerprints in more documents than this were left out as boilerplate.
    pub(crate) common: usize,
}

/// What is known of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Document {
    /// Fingerprints that are its own or of few others.
    pub(crate) runs: u32,
    name_at: u32,
    name_len: u32,
}

/// An index of documents that is open.
#[derive(Debug)]
pub(crate) struct DocumentsIndex {
    pub(crate) file: IndexFile,
    grams: Grams,
    filter: Filter,
    runs: Table,
    texts: Table,
    documents: Vec<Document>,
    names: Vec<u8>,
    key: [u8; 32],
    pub(crate) open_key: bool,
}

/// A document in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentHit {
    pub(crate) document: u32,
    /// The text is the document, all of it.
    pub(crate) whole: bool,
    /// How much of the document is in the text, and how much of the text is from the document.
    pub(crate) of_document: u8,
    pub(crate) of_text: u8,
    /// The longest passage, in letters and digits from the beginning.
    pub(crate) passage: std::ops::Range<u64>,
}

/// What was found in a text.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    pub(crate) documents: Vec<DocumentHit>,
    pub(crate) overflow: bool,
}

/// Fingerprints that the filter is asked about together.
const BATCH: usize = 256;
/// Fingerprints that are looked up on disk for one text.
const MOST_LOOKS: usize = 1 << 20;

impl DocumentsIndex {
    pub(crate) fn open(path: &Path, name: &str, keys: &IndexKeys) -> Result<Self, IndexError> {
        let file = IndexFile::open(path)?;
        if file.header.kind != KIND {
            return Err(IndexError::Corrupt(format!("it is an index of {}", file.header.kind)));
        }
        let no_key = || IndexError::NoKey { id: file.header.key.clone(), place: keys.place() };
        let (key, open_key) = keys.find(name, &file.header.key).ok_or_else(no_key)?;
        let documents: Vec<Document> = super::file::numbers(&file.section("documents")?)
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[runs, name_at, name_len]| Document { runs: *runs, name_at: *name_at, name_len: *name_len })
            .collect();
        Ok(Self {
            grams: Grams::new(&key, &file.header.salt()),
            filter: Filter::open(&file, "filter of runs")?,
            runs: Table::open(&file, RUNS)?,
            texts: Table::open(&file, TEXTS)?,
            documents,
            names: file.section("names")?,
            key: name_key(&key, &file.header.salt()),
            open_key,
            file,
        })
    }

    pub(crate) fn memory(&self) -> usize {
        self.filter.memory()
            + self.runs.memory()
            + self.texts.memory()
            + self.documents.len() * 12
            + self.names.len()
    }

    /// Name of a document.
    pub(crate) fn name(&self, document: u32) -> String {
        let Some(of) = self.documents.get(document as usize) else { return String::new() };
        let from = of.name_at as usize;
        let mut name = self.names.get(from..from + of.name_len as usize).unwrap_or_default().to_vec();
        hide(&self.key, document, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Looks for documents in a text of pieces.
    pub(crate) fn scan(&self, pieces: &[&Prepared<'_>], hits: &mut Hits) -> io::Result<()> {
        let mut stream = Stream::new(&self.grams);
        let mut kept: Vec<Kept> = Vec::new();
        // The filter is bigger than the caches: questions that do not wait for each other's answers are asked together.
        let mut batch: Vec<(u64, Kept)> = Vec::with_capacity(BATCH);
        let mut ask = |batch: &mut Vec<(u64, Kept)>| {
            let there = batch.drain(..).filter(|(short, _)| self.filter.contains(*short));
            kept.extend(there.map(|(_, one)| one));
        };
        let mut take = |one: Kept| {
            batch.push((self.grams.short(one.run), one));
            if batch.len() == BATCH {
                ask(&mut batch);
            }
        };
        pieces.iter().for_each(|piece| stream.push(piece, &mut take));
        stream.end(&mut take);
        ask(&mut batch);
        let count = stream.count();
        if kept.len() > MOST_LOOKS {
            kept.truncate(MOST_LOOKS);
            hits.overflow = true;
        }
        let whole = self.whole(&stream, count)?;
        if kept.is_empty() && whole.is_empty() {
            return Ok(());
        }
        let mut by_document = self.look_up(&kept)?;
        for document in &whole {
            by_document.entry(*document).or_default();
        }
        let mut found: Vec<DocumentHit> = by_document
            .into_iter()
            .filter_map(|(document, runs)| self.hit(document, runs, whole.contains(&document), count))
            .collect();
        found.sort_by_key(|hit| (!hit.whole, std::cmp::Reverse(hit.of_document), hit.document));
        hits.documents.append(&mut found);
        Ok(())
    }

    /// The documents whose octets have this hash.
    pub(crate) fn files(&self, digest: &[u8; 32]) -> io::Result<Vec<u32>> {
        let mut all = Vec::new();
        for entry in self.texts.find(&self.grams.file(digest))? {
            all.extend(self.texts.rows(entry.rows)?);
        }
        Ok(all)
    }

    /// The documents whose whole text this is.
    fn whole(&self, stream: &Stream<'_>, count: u64) -> io::Result<Vec<u32>> {
        if count < LEAST_WHOLE {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for entry in self.texts.find(&stream.whole())? {
            all.extend(self.texts.rows(entry.rows)?);
        }
        Ok(all)
    }

    /// By document: its fingerprints in the text, as (run, place).
    fn look_up(&self, kept: &[Kept]) -> io::Result<HashMap<u32, Vec<(u64, u64)>>> {
        let mut known: HashMap<u64, Vec<u32>> = HashMap::new();
        let mut by_document: HashMap<u32, Vec<(u64, u64)>> = HashMap::new();
        for one in kept {
            if let std::collections::hash_map::Entry::Vacant(vacant) = known.entry(one.run) {
                let mut documents = Vec::new();
                for entry in self.runs.find(&self.grams.strong(one.run))? {
                    documents.extend(self.runs.rows(entry.rows)?);
                }
                vacant.insert(documents);
            }
            for document in known.get(&one.run).into_iter().flatten() {
                by_document.entry(*document).or_default().push((one.run, one.at));
            }
        }
        Ok(by_document)
    }

    fn hit(&self, document: u32, runs: Vec<(u64, u64)>, whole: bool, count: u64) -> Option<DocumentHit> {
        if whole {
            return Some(DocumentHit { document, whole, of_document: 100, of_text: 100, passage: 0..count });
        }
        let all = self.documents.get(document as usize)?.runs.max(1);
        let (mut covered, mut longest) = (0, 0..0);
        let mut passage: Option<std::ops::Range<u64>> = None;
        let mut close = |passage: Option<std::ops::Range<u64>>| {
            let Some(passage) = passage.filter(|passage| passage.end - passage.start >= LEAST_PASSAGE) else {
                return;
            };
            covered += passage.end - passage.start;
            if passage.end - passage.start > longest.end - longest.start {
                longest = passage;
            }
        };
        for (_, at) in &runs {
            let end = at + RUN as u64;
            match &mut passage {
                Some(open) if *at <= open.end + GAP => open.end = open.end.max(end),
                _ => close(passage.replace(*at..end)),
            }
        }
        close(passage);
        if longest.is_empty() {
            return None;
        }
        let distinct = runs.iter().map(|(run, _)| run).collect::<std::collections::HashSet<_>>().len() as u64;
        let share = |part: u64, of: u64| (part * 100 / of.max(1)).clamp(1, 100) as u8;
        Some(DocumentHit {
            document,
            whole,
            of_document: share(distinct, u64::from(all)),
            of_text: share(covered, count),
            passage: longest,
        })
    }
}

fn name_key(key: &IndexKey, salt: &[u8; 32]) -> [u8; 32] {
    key.derive("names of documents", salt)
}

/// Covers or uncovers the name of a document: each has a stream of its own, and the salt makes the key new in each build.
fn hide(key: &[u8; 32], document: u32, name: &mut [u8]) {
    let mut stream = blake3::Hasher::new_keyed(key).update(&document.to_le_bytes()).finalize_xof();
    let mut mask = vec![0; name.len()];
    stream.fill(&mut mask);
    name.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
}
