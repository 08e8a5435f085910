//! Indexes of our own data: rows of tables, documents, learned policies. Files beside the policies, made by `weir index`,
//! from which nothing can be read without a key that is not in them.
//!
//! ```text
//! key        256 random bits in a file of its own; every hash depends on it and on the salt of the build
//! file       sections, checksums, a header with age and source; replaced whole
//! filter     binary fuse filters over short keyed hashes, in memory
//! table      sorted strong keyed hashes, on disk, a page a look
//! exact, documents, learned     what is looked for, built and found
//! ```

pub(crate) mod documents;
pub(crate) mod exact;
pub(crate) mod file;
mod filter;
pub(crate) mod key;
pub(crate) mod learned;
mod lines;
mod sip;
mod sort;
mod table;
pub(crate) mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use documents::build::{DocumentReader, DocumentsBuilder, DocumentsReport, Fingerprints};
pub use exact::build::{BuildError, ColumnOption, ExactOptions, ExactReport, build_exact};
pub use exact::cell::Skip;
pub use exact::date::Order;
pub use exact::value::Kind;
pub use file::IndexError;
pub use key::{IndexKey, IndexKeys};
pub use learned::train::Quality;
pub use learned::{LearnedBuilder, LearnedReport};

use documents::DocumentsIndex;
use exact::ExactIndex;
use file::{Header, IndexFile};
use learned::LearnedIndex;

/// Folder of a policy directory in which indexes stand.
pub const INDEX_FOLDER: &str = "indexes";

/// What kind of index it is; also the ending of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexKind {
    /// Rows of a table.
    Exact,
    /// Documents.
    Documents,
    /// A learned policy.
    Learned,
}

impl IndexKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Documents, Self::Learned];

    /// Stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => exact::KIND,
            Self::Documents => documents::KIND,
            Self::Learned => learned::KIND,
        }
    }

    /// The kind and the name of an index that has this file name, if it can be the name of one.
    pub fn of_file(file: &str) -> Option<(Self, &str)> {
        let (name, end) = file.rsplit_once('.')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == end)?;
        is_index_name(name).then_some((kind, name))
    }

    /// Where the index of that name stands in a policy directory.
    pub fn file_in(self, policies: &Path, name: &str) -> PathBuf {
        policies.join(INDEX_FOLDER).join(format!("{name}.{}", self.as_str()))
    }
}

/// Whether an index may have this name: letters, digits, `_` and `-`.
pub fn is_index_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=100).contains(&name.len()) && name.chars().all(plain)
}

/// What an index says about itself, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: IndexKind,
    /// Seconds since 1970.
    pub built: i64,
    /// Where it comes from.
    pub source: String,
    /// Rows, documents, texts.
    pub count: u64,
    /// Days after which it is stale; 0 for never.
    pub max_age_days: u32,
    /// Id of its key.
    pub key: String,
    /// Octets on disk.
    pub size: u64,
    /// Octets in memory.
    pub memory: usize,
    /// Its columns and their kinds; what else there is to say.
    pub details: Vec<(String, String)>,
}

impl IndexInfo {
    /// Days since it was made.
    pub fn age_days(&self) -> i64 {
        jiff::Timestamp::now().as_second().saturating_sub(self.built) / 86_400
    }

    /// Whether it is older than it should be.
    pub fn is_stale(&self) -> bool {
        is_stale(self.age_days(), self.max_age_days)
    }
}

pub(crate) fn is_stale(age_days: i64, max_age_days: u32) -> bool {
    max_age_days > 0 && age_days > i64::from(max_age_days)
}

/// An index that can be used.
#[derive(Debug, Clone)]
pub(crate) enum Index {
    Exact(Arc<ExactIndex>),
    Documents(Arc<DocumentsIndex>),
    Learned(Arc<LearnedIndex>),
}

impl Index {
    fn open(kind: IndexKind, path: &Path, name: &str, keys: &IndexKeys) -> Result<Self, IndexError> {
        Ok(match kind {
            IndexKind::Exact => Self::Exact(Arc::new(ExactIndex::open(path, name, keys)?)),
            IndexKind::Documents => Self::Documents(Arc::new(DocumentsIndex::open(path, name, keys)?)),
            IndexKind::Learned => Self::Learned(Arc::new(LearnedIndex::open(path, name, keys)?)),
        })
    }

    fn file(&self) -> &IndexFile {
        match self {
            Self::Exact(index) => &index.file,
            Self::Documents(index) => &index.file,
            Self::Learned(index) => &index.file,
        }
    }

    pub(crate) fn header(&self) -> &Header {
        &self.file().header
    }

    pub(crate) fn has_open_key(&self) -> bool {
        match self {
            Self::Exact(index) => index.open_key,
            Self::Documents(index) => index.open_key,
            Self::Learned(index) => index.open_key,
        }
    }

    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Exact(index) => index.memory(),
            Self::Documents(index) => index.memory(),
            Self::Learned(_) => learned::features::BUCKETS * 8,
        }
    }

    fn details(&self) -> Vec<(String, String)> {
        match self {
            Self::Exact(index) => index
                .columns
                .iter()
                .map(|column| (column.name.clone(), column.kind.as_str().to_owned()))
                .collect(),
            Self::Documents(_) => Vec::new(),
            Self::Learned(index) => {
                let quality = &index.quality;
                let said = [
                    ("threshold", quality.threshold),
                    ("precision", quality.precision),
                    ("recall", quality.recall),
                ];
                said.into_iter().map(|(name, number)| (name.to_owned(), format!("{number:.3}"))).collect()
            }
        }
    }
}

/// An index file of a policy directory, whether it can be used or not.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kind: IndexKind,
    pub(crate) name: String,
    pub(crate) opened: Result<Index, IndexError>,
    size: u64,
}

/// The indexes of a policy directory.
#[derive(Debug, Clone, Default)]
pub struct Indexes {
    all: Vec<Entry>,
}

impl Indexes {
    /// Opens all indexes of a policy directory; what cannot be opened is told where a condition wants it.
    pub fn open(policies: &Path, keys: &IndexKeys) -> Self {
        let entries = std::fs::read_dir(policies.join(INDEX_FOLDER)).into_iter().flatten().flatten();
        let mut all: Vec<Entry> = entries.filter_map(|entry| Self::entry(&entry.path(), keys)).collect();
        all.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        Self { all }
    }

    /// The same with the index of this file in the place of the one of that kind and name. All of the file is read and must be
    /// whole.
    pub fn with(
        mut self,
        kind: IndexKind,
        name: &str,
        path: &Path,
        keys: &IndexKeys,
    ) -> Result<Self, IndexError> {
        let index = Index::open(kind, path, name, keys)?;
        index.file().verify()?;
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        self = self.without(kind, name);
        self.all.push(Entry { kind, name: name.to_owned(), opened: Ok(index), size });
        self.all.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        Ok(self)
    }

    /// The same without the index of that kind and name.
    pub fn without(mut self, kind: IndexKind, name: &str) -> Self {
        self.all.retain(|entry| (entry.kind, entry.name.as_str()) != (kind, name));
        self
    }

    fn entry(path: &Path, keys: &IndexKeys) -> Option<Entry> {
        let name = path.file_stem()?.to_str()?.to_owned();
        let kind = IndexKind::ALL
            .into_iter()
            .find(|kind| path.extension().is_some_and(|end| end == kind.as_str()))?;
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        if name.starts_with('.') {
            return None;
        }
        Some(Entry { kind, opened: Index::open(kind, path, &name, keys), name, size })
    }

    pub(crate) fn get(&self, kind: IndexKind, name: &str) -> Option<&Entry> {
        self.all.iter().find(|entry| entry.kind == kind && entry.name == name)
    }

    pub(crate) fn names(&self, kind: IndexKind) -> impl Iterator<Item = &str> + Clone {
        self.all.iter().filter(move |entry| entry.kind == kind).map(|entry| entry.name.as_str())
    }

    /// Name within the policy directory, and a hash, of each that can be used.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (String, blake3::Hash)> {
        self.all.iter().filter_map(|entry| {
            let index = entry.opened.as_ref().ok()?;
            Some((file_name(entry.kind, &entry.name), index.file().id))
        })
    }

    /// What each says about itself, or why it cannot be used.
    pub fn infos(&self) -> Vec<Result<IndexInfo, (String, IndexError)>> {
        let info = |entry: &Entry| match &entry.opened {
            Err(error) => Err((file_name(entry.kind, &entry.name), error.clone())),
            Ok(index) => {
                let header = index.header();
                Ok(IndexInfo {
                    name: entry.name.clone(),
                    kind: entry.kind,
                    built: header.built,
                    source: header.source.clone(),
                    count: header.count,
                    max_age_days: header.max_age_days,
                    key: header.key.clone(),
                    size: entry.size,
                    memory: index.memory(),
                    details: index.details(),
                })
            }
        };
        self.all.iter().map(info).collect()
    }
}

/// Name of an index within the policy directory.
pub(crate) fn file_name(kind: IndexKind, name: &str) -> String {
    format!("{INDEX_FOLDER}/{name}.{}", kind.as_str())
}
