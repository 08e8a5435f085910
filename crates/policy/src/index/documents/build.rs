//! Builds an index of documents: fingerprints of each go to disk; what many documents have in common is left out at the end.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use content::{Kind, Opened, Part, Role};

use super::grams::{Grams, Stream};
use super::{Details, KIND, LEAST_WHOLE, RUNS, TEXTS, hide, name_key};
use crate::index::IndexKey;
use crate::index::file::{Header, Writer};
use crate::index::filter::FilterWriter;
use crate::index::sort::{Scratch, Sorter};
use crate::index::table::{Key, TableWriter};
use crate::matcher::Prepared;

/// Key, short hash, document.
type Record = [u8; 22];

/// Documents that may share a text, and rows of a fingerprint that are kept.
const MOST_ALIKE: usize = 1_000;
const LONGEST_NAME: usize = 1_000;
/// Octets of the smallest file that is known by them: smaller ones are alike by chance.
const LEAST_FILE: u64 = 64;

/// Reads fingerprints; shareable between threads.
#[derive(Debug)]
pub struct DocumentReader {
    grams: Grams,
}

/// Collects documents.
pub struct DocumentsBuilder {
    header: Header,
    reader: Arc<DocumentReader>,
    name_key: [u8; 32],
    scratch: Scratch,
    runs: Sorter<22>,
    texts: Vec<(Key, u32)>,
    names: Vec<u8>,
    places: Vec<(u32, u32)>,
    common: Option<usize>,
    path: std::path::PathBuf,
}

/// Fingerprints of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    /// Its name.
    pub name: String,
    /// Letters and digits.
    pub letters: u64,
    /// Of its text from beginning to end, and of its octets.
    whole: Vec<Key>,
    runs: Vec<(Key, u64)>,
}

/// What became of the documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentsReport {
    /// Documents in the index.
    pub documents: u64,
    /// Fingerprints, and those left out because more than `common` documents have them.
    pub runs: u64,
    /// See `runs`.
    pub boilerplate: u64,
    /// Documents in which a passage may stand without being boilerplate.
    pub common: usize,
    /// Documents no passage of which can be found: they have no text, or none of their own.
    pub nothing_own: u64,
    /// Octets of the index.
    pub size: u64,
}

impl DocumentReader {
    /// The documents in an opened file: the file itself and the files packed in it, with text or without, and what else is
    /// inside it and has text of its own. Octets are known where [`content::How::digests`] was asked for.
    pub fn read(&self, name: &str, opened: &Opened<'_>) -> Vec<Fingerprints> {
        let parts = opened.parts.iter().map(|part| part.id);
        parts
            .filter_map(|part| {
                let pieces = opened
                    .segments
                    .iter()
                    .filter(|segment| segment.part == part && segment.kind == Kind::Text);
                let path = opened.parts.get(part as usize).map_or("", |part| part.path.as_str());
                let inner = path.split_once(" > ").map_or("", |(_, inner)| inner);
                let name = if inner.is_empty() { name.to_owned() } else { format!("{name} > {inner}") };
                let text = self.read_texts(name.clone(), pieces.map(|segment| segment.text.as_ref()));
                let file = opened.parts.get(part as usize).and_then(|part| self.file(part));
                match (text, file) {
                    (Some(mut text), file) => {
                        text.whole.extend(file);
                        Some(text)
                    }
                    (None, Some(file)) => {
                        Some(Fingerprints { name, letters: 0, whole: vec![file], runs: Vec::new() })
                    }
                    (None, None) => None,
                }
            })
            .collect()
    }

    /// The key of a file by its octets. What documents hold is not one: a logo is in many of them.
    fn file(&self, part: &Part) -> Option<Key> {
        let own = part.role != Role::Embedded && part.size >= LEAST_FILE;
        part.digest.filter(|_| own).map(|digest| self.grams.file(&digest))
    }

    /// A document from its texts; `None` if it is too short.
    pub fn read_texts<'t>(&self, name: String, texts: impl Iterator<Item = &'t str>) -> Option<Fingerprints> {
        let mut stream = Stream::new(&self.grams);
        let mut kept = HashSet::new();
        texts.for_each(|text| {
            stream.push(&Prepared::new(text), &mut |one| {
                kept.insert(one.run);
            })
        });
        stream.end(&mut |one| {
            kept.insert(one.run);
        });
        if stream.count() < LEAST_WHOLE {
            return None;
        }
        let runs = kept.into_iter().map(|run| (self.grams.strong(run), self.grams.short(run))).collect();
        Some(Fingerprints { name, letters: stream.count(), whole: vec![stream.whole()], runs })
    }
}

impl DocumentsBuilder {
    /// Begins the index `path`. Passages in more than `common` documents are boilerplate; if not given, a tenth of the
    /// documents, at least 5 and at most 50.
    pub fn new(
        path: &Path,
        key: &IndexKey,
        source: &str,
        max_age_days: u32,
        common: Option<usize>,
    ) -> io::Result<Self> {
        let header = Header::new(KIND, source, max_age_days, key)?;
        let scratch = Scratch::beside(path)?;
        Ok(Self {
            reader: Arc::new(DocumentReader { grams: Grams::new(key, &header.salt()) }),
            name_key: name_key(key, &header.salt()),
            header,
            runs: Sorter::new(&scratch, "runs")?,
            scratch,
            texts: Vec::new(),
            names: Vec::new(),
            places: Vec::new(),
            common,
            path: path.to_path_buf(),
        })
    }

    /// What reads documents for this index.
    pub fn reader(&self) -> Arc<DocumentReader> {
        self.reader.clone()
    }

    /// Takes a document.
    pub fn add(&mut self, document: Fingerprints) -> io::Result<()> {
        let number = self.places.len() as u32;
        self.texts.extend(document.whole.into_iter().map(|key| (key, number)));
        for (key, short) in document.runs {
            let mut record: Record = [0; 22];
            record[..10].copy_from_slice(&key);
            record[10..18].copy_from_slice(&short.to_le_bytes());
            record[18..].copy_from_slice(&number.to_be_bytes());
            self.runs.push(&record)?;
        }
        let mut name: Vec<u8> = document.name.into_bytes();
        name.truncate(LONGEST_NAME);
        hide(&self.name_key, number, &mut name);
        self.places.push((self.names.len() as u32, name.len() as u32));
        self.names.extend(name);
        Ok(())
    }

    /// Writes the index.
    pub fn finish(self) -> io::Result<DocumentsReport> {
        let Self { mut header, scratch, runs, mut texts, names, places, path, common, .. } = self;
        if places.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no document in it"));
        }
        let common = common.unwrap_or((places.len() / 10).clamp(5, 50)).max(1);
        let mut report =
            DocumentsReport { documents: places.len() as u64, common, ..DocumentsReport::default() };
        let mut own = vec![0u32; places.len()];
        let mut writer = Writer::create(&path)?;
        let mut filter = FilterWriter::new(&scratch, "filter")?;
        let mut table = TableWriter::new(RUNS, &writer);
        runs.drain(|records| {
            for group in records.chunk_by(|one, other| one[..10] == other[..10]) {
                report.runs += 1;
                if group.len() > common {
                    report.boilerplate += 1;
                    continue;
                }
                let first = &group[0];
                let documents: Vec<u32> = group
                    .iter()
                    .map(|record| u32::from_be_bytes(std::array::from_fn(|at| record[18 + at])))
                    .collect();
                documents.iter().for_each(|document| own[*document as usize] += 1);
                filter.push(u64::from_le_bytes(std::array::from_fn(|at| first[10 + at])))?;
                table.push(&mut writer, std::array::from_fn(|at| first[at]), 0, &documents, MOST_ALIKE)?;
            }
            Ok(())
        })?;
        table.finish(&mut writer)?;
        filter.finish("filter of runs", &mut writer)?;
        texts.sort_unstable();
        let mut table = TableWriter::new(TEXTS, &writer);
        for group in texts.chunk_by(|one, other| one.0 == other.0) {
            let documents: Vec<u32> = group.iter().map(|(_, document)| *document).collect();
            table.push(&mut writer, group[0].0, 0, &documents, MOST_ALIKE)?;
        }
        table.finish(&mut writer)?;
        let numbers = own.iter().zip(&places).flat_map(|(runs, (at, len))| [*runs, *at, *len]);
        writer.section("documents", &numbers.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
        writer.section("names", &names)?;
        report.nothing_own = own.iter().filter(|runs| **runs == 0).count() as u64;
        header.count = report.documents;
        header.details = serde_json::to_value(Details { common }).map_err(io::Error::other)?;
        writer.finish(header)?;
        report.size = std::fs::metadata(&path)?.len();
        Ok(report)
    }
}
