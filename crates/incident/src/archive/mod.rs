//! Incidents leave the database for an archive file and come back from it with their numbers.
//!
//! The file is one of `store::archive`; its records are
//!
//! ```text
//! 'O'  a length (4), JSON {"name"}, then the octets of an original: that of the incidents behind it
//! 'I'  JSON of an incident with all that belongs to it ([`rows`])
//! 'E'  JSON {"incidents", "originals"}: the last record
//! ```
//!
//! Writing changes nothing in the database. Removing goes by the file: what is in the database exactly as it is there goes, some
//! in each transaction, so that whoever is stopped in the middle begins again. What an incident has in the database is in the
//! file or still there, at each moment.

mod restore;
mod rows;
mod write;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::archive::Reader;
use store::keys::Keys;

use crate::Error;
use rows::Packed;

pub use restore::{Fate, Restored};
pub use write::{Removal, Written};

const ORIGINAL: u8 = b'O';
const INCIDENT: u8 = b'I';
const END: u8 = b'E';

/// What stands in an archive for everybody to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When it was begun.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: String,
    /// Which incidents were asked for, in words.
    pub chosen: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    incidents: u64,
    originals: u64,
}

/// An incident in an archive, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InArchive {
    /// Its number.
    pub id: u64,
    /// When its message came first.
    pub received_at: Timestamp,
    /// The policy.
    pub policy: String,
    /// Severity, by the product's number.
    pub severity: i64,
    /// Workflow status.
    pub status: String,
    /// Envelope sender.
    pub sender: String,
    /// Decoded.
    pub subject: String,
    /// Its original is in the archive.
    pub has_original: bool,
}

/// An archive that is read, known to be whole and of the key that was given.
#[derive(Debug)]
pub struct Archive {
    from: PathBuf,
    about: About,
    reader: Reader,
    /// That of the incidents that come next, if they name it.
    original: Option<Original>,
    seen: End,
    ended: bool,
}

#[derive(Debug)]
struct Original {
    name: i64,
    octets: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct OriginalHead {
    name: i64,
}

impl Archive {
    /// Opens an archive.
    pub fn open(from: &Path, key: &Keys) -> Result<Self, Error> {
        let reader = Reader::open(from, key)?;
        let about = serde_json::from_str(reader.about()).map_err(|why| spoilt(from, &why))?;
        let from = from.to_owned();
        Ok(Self { from, about, reader, original: None, seen: End::default(), ended: false })
    }

    /// Who made it, when, of what.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Its sum, by which a copy is known.
    pub fn sum(&self) -> &str {
        self.reader.sum()
    }

    /// The next incident, as lists show it; None behind the last.
    pub fn next_listed(&mut self) -> Result<Option<InArchive>, Error> {
        self.next()?.map(|packed| packed.listed().map_err(|why| spoilt(&self.from, &why))).transpose()
    }

    fn next(&mut self) -> Result<Option<Packed>, Error> {
        while let Some(record) = self.reader.record()? {
            match record.kind {
                _ if self.ended => return Err(spoilt(&self.from, &"there is more behind its end")),
                ORIGINAL => self.original = Some(self.read_original(&record.octets)?),
                INCIDENT => {
                    self.seen.incidents += 1;
                    let packed = serde_json::from_slice(&record.octets);
                    return packed.map(Some).map_err(|why| spoilt(&self.from, &why));
                }
                END => {
                    let end: End =
                        serde_json::from_slice(&record.octets).map_err(|why| spoilt(&self.from, &why))?;
                    if end != self.seen {
                        return Err(spoilt(&self.from, &"it has not what its end tells"));
                    }
                    self.ended = true;
                }
                kind => return Err(spoilt(&self.from, &format!("a record of the kind {kind} is unknown"))),
            }
        }
        if self.ended { Ok(None) } else { Err(spoilt(&self.from, &"its end is missing")) }
    }

    fn read_original(&mut self, octets: &[u8]) -> Result<Original, Error> {
        self.seen.originals += 1;
        let parts = octets
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_be_bytes(*length) as usize));
        let (head, octets) = parts.ok_or_else(|| spoilt(&self.from, &"an original has no head"))?;
        let head: OriginalHead = serde_json::from_slice(head).map_err(|why| spoilt(&self.from, &why))?;
        Ok(Original { name: head.name, octets: octets.to_vec() })
    }

    /// The original of an incident that was just read.
    fn original_of(&self, packed: &Packed) -> Result<Option<&[u8]>, Error> {
        let Some(name) = packed.original else { return Ok(None) };
        let here = self.original.as_ref().filter(|original| original.name == name);
        let here = here.ok_or_else(|| spoilt(&self.from, &"an original is missing"))?;
        Ok(Some(&here.octets))
    }
}

/// The archive is whole, but does not say what this program understands.
fn spoilt(archive: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Store(store::Error::Archive(format!("{} cannot be understood: {why}", archive.display())))
}
