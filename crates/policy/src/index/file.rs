//! The file of an index: sections, then a header that names and checks them, then where the header begins.
//!
//! ```text
//! magic  section ...  header (JSON)  BLAKE3 of the header  length of the header  magic
//! ```
//!
//! It is written under another name, synced and renamed: whoever opens it has the old or the new one, whole. Sections that
//! are read in one go are checked by their hash; sections that are looked up in place have a checksum for each page.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"WEIRIDX\n";
/// Version of the format; an index of another version must be built again.
pub(crate) const VERSION: u32 = 1;
/// Octets of a page: what one look reads and checks.
pub(crate) const PAGE: usize = 4096;
/// Octets of the longest header.
const LONGEST_HEADER: u64 = 16 << 20;

/// What an index says about itself; nothing of what is in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) kind: String,
    pub(crate) version: u32,
    /// Seconds since 1970.
    pub(crate) built: i64,
    /// Where it comes from, for people.
    pub(crate) source: String,
    /// Rows of the table, documents, documents learned from.
    pub(crate) count: u64,
    /// Days after which it counts as stale; 0 for never.
    pub(crate) max_age_days: u32,
    /// Id of the key.
    pub(crate) key: String,
    pub(crate) salt: String,
    /// What its kind adds.
    pub(crate) details: serde_json::Value,
    #[serde(default)]
    sections: BTreeMap<String, Section>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Section {
    at: u64,
    len: u64,
    hash: String,
}

impl Header {
    /// A header for a build that begins now.
    pub(crate) fn new(
        kind: &str,
        source: &str,
        max_age_days: u32,
        key: &super::IndexKey,
    ) -> io::Result<Self> {
        Ok(Self {
            kind: kind.to_owned(),
            version: VERSION,
            built: jiff::Timestamp::now().as_second(),
            source: source.to_owned(),
            count: 0,
            max_age_days,
            key: key.id(),
            salt: blake3::Hash::from_bytes(super::key::random()?).to_hex().to_string(),
            details: serde_json::Value::Null,
            sections: BTreeMap::new(),
        })
    }

    pub(crate) fn salt(&self) -> [u8; 32] {
        blake3::Hash::from_hex(&self.salt).map_or([0; 32], |hash| *hash.as_bytes())
    }
}

// ---- writing

/// Writes an index file.
pub(crate) struct Writer {
    out: BufWriter<File>,
    at: u64,
    hasher: blake3::Hasher,
    sections: BTreeMap<String, Section>,
    temp: PathBuf,
    path: PathBuf,
    done: bool,
}

impl Writer {
    /// Begins a file that will be `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temp = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let file = File::options().write(true).create(true).truncate(true).mode(0o640).open(&temp)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(MAGIC)?;
        let hasher = blake3::Hasher::new();
        Ok(Self {
            out,
            at: MAGIC.len() as u64,
            hasher,
            sections: BTreeMap::new(),
            temp,
            path: path.to_path_buf(),
            done: false,
        })
    }

    /// Writes a section that stands by itself in memory.
    pub(crate) fn section(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        let from = self.at;
        self.write_all(octets)?;
        self.end(name, from);
        Ok(())
    }

    /// Where the next octet goes.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// Ends a section that was written octet by octet since `from`.
    pub(crate) fn end(&mut self, name: &str, from: u64) {
        let hash = std::mem::take(&mut self.hasher).finalize().to_hex().to_string();
        self.sections.insert(name.to_owned(), Section { at: from, len: self.at - from, hash });
    }

    /// Writes the header, syncs, and puts the file in its place.
    pub(crate) fn finish(mut self, mut header: Header) -> io::Result<()> {
        header.sections = std::mem::take(&mut self.sections);
        let text = serde_json::to_vec(&header)?;
        self.out.write_all(&text)?;
        self.out.write_all(blake3::hash(&text).as_bytes())?;
        self.out.write_all(&(text.len() as u64).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.temp, &self.path)?;
        self.done = true;
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir)?.sync_all()
    }
}

impl Write for Writer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.out.write_all(octets)?;
        self.hasher.update(octets);
        self.at += octets.len() as u64;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.done {
            // What could not be finished is of no use to anybody.
            let _ = fs::remove_file(&self.temp);
        }
    }
}

// ---- reading

/// Why an index cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexError {
    /// It cannot be read.
    Unreadable(String),
    /// It is damaged, or no index at all.
    Corrupt(String),
    /// Another version of Weir wrote it.
    Version(u32),
    /// Its key, by id, is not where keys are looked for.
    NoKey {
        /// Id of the key.
        id: String,
        /// Where it was looked for.
        place: String,
    },
    /// A learned policy that did not reach the quality that is asked for.
    Poor(String),
}

impl std::fmt::Display for IndexError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "it cannot be read: {why}"),
            Self::Corrupt(why) => write!(f, "it is damaged: {why}"),
            Self::Version(version) => {
                write!(f, "it has format {version}, this program reads format {VERSION}")
            }
            Self::NoKey { id, place } => write!(f, "its key {id} is not there ({place})"),
            Self::Poor(why) => write!(f, "it was not good enough: {why}"),
        }
    }
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Corrupt(error.to_string()),
            _ => Self::Unreadable(error.to_string()),
        }
    }
}

/// An index file that is open.
#[derive(Debug)]
pub(crate) struct IndexFile {
    file: File,
    pub(crate) header: Header,
    /// A hash of everything in the file that was looked at: another build has another.
    pub(crate) id: blake3::Hash,
}

impl IndexFile {
    /// Opens a file and checks its header.
    pub(crate) fn open(path: &Path) -> Result<Self, IndexError> {
        let corrupt = |why: &str| IndexError::Corrupt(why.to_owned());
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let tail = 32 + 8 + MAGIC.len() as u64;
        if size < tail + MAGIC.len() as u64 {
            return Err(corrupt("it is too short"));
        }
        let mut magic = [0; 8];
        file.read_exact(&mut magic)?;
        let mut end = [0; 48];
        file.seek(SeekFrom::End(-(tail as i64)))?;
        file.read_exact(&mut end)?;
        if &magic != MAGIC || &end[40..] != MAGIC {
            return Err(corrupt("it is no index, or was cut off"));
        }
        let len = u64::from_le_bytes(std::array::from_fn(|at| end[32 + at]));
        if len > LONGEST_HEADER || len + tail > size {
            return Err(corrupt("its header has no possible length"));
        }
        let mut text = vec![0; len as usize];
        file.read_exact_at(&mut text, size - tail - len)?;
        let id = blake3::hash(&text);
        if id.as_bytes() != &end[..32] {
            return Err(corrupt("the checksum of its header is wrong"));
        }
        let version = serde_json::from_slice::<serde_json::Value>(&text).ok();
        let version = version.and_then(|header| header.get("version")?.as_u64()).unwrap_or(0);
        if version != u64::from(VERSION) {
            return Err(IndexError::Version(u32::try_from(version).unwrap_or(0)));
        }
        let header: Header = serde_json::from_slice(&text).map_err(|error| corrupt(&error.to_string()))?;
        let body = size - tail - len;
        if header
            .sections
            .values()
            .any(|section| section.at.checked_add(section.len).is_none_or(|end| end > body))
        {
            return Err(corrupt("a section is not in the file"));
        }
        Ok(Self { file, header, id })
    }

    /// Reads all of it; each section must have its checksum.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        let mut some = vec![0; 1 << 20];
        for (name, section) in &self.header.sections {
            let (mut hasher, mut at) = (blake3::Hasher::new(), section.at);
            let end = section.at + section.len;
            while at < end {
                let len = (end - at).min(some.len() as u64) as usize;
                self.file.read_exact_at(&mut some[..len], at)?;
                hasher.update(&some[..len]);
                at += len as u64;
            }
            if hasher.finalize().to_hex().as_str() != section.hash {
                return Err(IndexError::Corrupt(format!("the checksum of its section `{name}` is wrong")));
            }
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Result<&Section, IndexError> {
        self.header
            .sections
            .get(name)
            .ok_or_else(|| IndexError::Corrupt(format!("it has no section `{name}`")))
    }

    /// A whole section, checked.
    pub(crate) fn section(&self, name: &str) -> Result<Vec<u8>, IndexError> {
        let section = self.place(name)?;
        let mut octets = vec![0; section.len as usize];
        self.file.read_exact_at(&mut octets, section.at)?;
        if blake3::hash(&octets).to_hex().as_str() != section.hash {
            return Err(IndexError::Corrupt(format!("the checksum of its section `{name}` is wrong")));
        }
        Ok(octets)
    }

    /// A section that is looked up in place. Its checksums are the section `NAME.sums`.
    pub(crate) fn paged(&self, name: &str) -> Result<Paged, IndexError> {
        let section = self.place(name)?;
        let sums = numbers(&self.section(&format!("{name}.sums"))?);
        if sums.len() as u64 != section.len.div_ceil(PAGE as u64) {
            return Err(IndexError::Corrupt(format!(
                "its section `{name}` has another length than its checksums"
            )));
        }
        Ok(Paged { file: self.file.try_clone()?, at: section.at, len: section.len, sums })
    }
}

/// Little-endian numbers of a section.
pub(crate) fn numbers(octets: &[u8]) -> Vec<u32> {
    octets.as_chunks::<4>().0.iter().map(|octets| u32::from_le_bytes(*octets)).collect()
}

/// A section on disk of which pages are read as they are asked for; each is checked.
#[derive(Debug)]
pub(crate) struct Paged {
    file: File,
    at: u64,
    len: u64,
    sums: Vec<u32>,
}

impl Paged {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Octets held in memory.
    pub(crate) fn memory(&self) -> usize {
        self.sums.len() * 4
    }

    /// One page; the last may be shorter.
    pub(crate) fn page(&self, number: u64) -> io::Result<Vec<u8>> {
        let from = number * PAGE as u64;
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        if from >= self.len {
            return Err(bad("a place outside the index"));
        }
        let mut page = vec![0; PAGE.min((self.len - from) as usize)];
        self.file.read_exact_at(&mut page, self.at + from)?;
        if self.sums.get(number as usize) != Some(&sum(&page)) {
            return Err(bad("the checksum of a page is wrong"));
        }
        Ok(page)
    }

    /// Some octets, wherever they lie.
    pub(crate) fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::with_capacity(len);
        let mut at = at;
        while all.len() < len {
            let page = self.page(at / PAGE as u64)?;
            let from = (at % PAGE as u64) as usize;
            let some = page.get(from..page.len().min(from + len - all.len())).unwrap_or_default();
            if some.is_empty() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a place outside the index"));
            }
            all.extend_from_slice(some);
            at += some.len() as u64;
        }
        Ok(all)
    }
}

fn sum(page: &[u8]) -> u32 {
    let hash = blake3::hash(page);
    u32::from_le_bytes(std::array::from_fn(|at| hash.as_bytes()[at]))
}

/// Writes a paged section and keeps its checksums.
pub(crate) struct PagedWriter {
    name: &'static str,
    from: u64,
    page: Vec<u8>,
    sums: Vec<u8>,
}

impl PagedWriter {
    pub(crate) fn new(name: &'static str, writer: &Writer) -> Self {
        Self { name, from: writer.position(), page: Vec::with_capacity(PAGE), sums: Vec::new() }
    }

    pub(crate) fn push(&mut self, writer: &mut Writer, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            let some = octets.len().min(PAGE - self.page.len());
            self.page.extend_from_slice(&octets[..some]);
            octets = &octets[some..];
            if self.page.len() == PAGE {
                self.flush(writer)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, writer: &mut Writer) -> io::Result<()> {
        if !self.page.is_empty() {
            writer.write_all(&self.page)?;
            self.sums.extend_from_slice(&sum(&self.page).to_le_bytes());
            self.page.clear();
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, writer: &mut Writer) -> io::Result<()> {
        self.flush(writer)?;
        writer.end(self.name, self.from);
        writer.section(&format!("{}.sums", self.name), &self.sums)
    }
}
