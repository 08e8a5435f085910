//! Zip archives, in every reading: what the central directory lists, what local headers say, and what neither admits.

use super::Output;
use crate::{AmbiguityReason, DocumentRequest, FileKind, Kind, Reason};

mod content;
mod directory;
mod name;

pub(super) use directory::{Directory, Entry};

/// Passwords tried on an entry, and attempts on an archive.
const MOST_PASSWORDS: usize = 64;
const MOST_ATTEMPTS: usize = 2_000;

/// Every file of the archive.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = Archive::read(request, out)?;
    let comment = std::mem::take(&mut archive.directory.comment);
    out.text("comment", Kind::Comment, comment)?;
    for entry in std::mem::take(&mut archive.directory.entries) {
        archive.file(&entry, out)?;
    }
    archive.rest(out)
}

/// What else than an archive of files a zip may be, by the names in it: programs open packages by what is in them, whatever the folders
/// are called and whatever stands before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Natures {
    /// It says of its parts that they are Word's, Excel's or PowerPoint's.
    pub(super) office: bool,
    /// Its workbook is in Excel's binary form.
    pub(super) binary: bool,
    pub(super) open_document: bool,
}

pub(super) fn natures(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Natures {
    let directory = directory::read(request.octets, request.limits.parts as usize);
    let find = |name: &str| directory.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
    let mut unpacked = |name: &str| {
        let entry = find(name).filter(|entry| !entry.encrypted())?;
        Some(content::unpack(request.octets, entry, out).0)
    };
    let says = |octets: &[u8], word: &str| memchr::memmem::find(octets, word.as_bytes()).is_some();
    let types = unpacked("[Content_Types].xml").unwrap_or_default();
    let main = find("content.xml").or_else(|| find("encrypted-package"));
    let manifest = main.and_then(|_| unpacked("META-INF/manifest.xml")).unwrap_or_default();
    let office = OFFICE.iter().any(|word| says(&types, word));
    Natures {
        office,
        binary: office && says(&types, "sheet.binary"),
        open_document: says(&manifest, "vnd.oasis.opendocument"),
    }
}

/// Words of the types that parts of such a package have.
const OFFICE: &[&str] = &[
    "wordprocessingml",
    "spreadsheetml",
    "presentationml",
    "vnd.ms-word",
    "vnd.ms-excel",
    "vnd.ms-powerpoint",
];

/// An archive that is being read.
pub(super) struct Archive<'a> {
    pub(super) octets: &'a [u8],
    pub(super) directory: Directory,
    passwords: Vec<Vec<u8>>,
    /// The password that opened the last entry opens the next one, usually.
    last_good: usize,
    attempts: usize,
}

impl<'a> Archive<'a> {
    /// Reads what is in the archive, and reports what is wrong with it.
    pub(super) fn read(request: &DocumentRequest<'a>, out: &mut Output<'_>) -> Result<Self, Reason> {
        let directory = directory::read(request.octets, request.limits.parts as usize);
        if directory.entries.is_empty() && directory.damaged {
            return Err(Reason::Corrupt);
        }
        if directory.ambiguous {
            out.ambiguous("", AmbiguityReason::ContainerDisagreement);
        }
        if directory.damaged {
            out.unscannable("", Reason::Corrupt);
        }
        if directory.cut {
            out.unscannable("", Reason::TooManyParts);
        }
        Ok(Self {
            octets: request.octets,
            directory,
            passwords: spellings(request.passwords),
            last_good: 0,
            attempts: 0,
        })
    }

    /// One entry as a file, or as a finding with its name.
    fn file(&mut self, entry: &Entry, out: &mut Output<'_>) -> Result<(), Reason> {
        out.at(&entry.name);
        if let Some(other) = &entry.other_name {
            out.text("", Kind::FileName, other.clone())?;
        }
        out.text(entry.name.clone(), Kind::Comment, entry.comment.clone())?;
        if entry.is_folder() {
            return out.text("", Kind::FileName, entry.name.clone());
        }
        match self.octets_of(entry, out)? {
            Some(octets) => out.file(entry.name.clone(), octets),
            None => Ok(()),
        }
    }

    /// The octets of an entry; none if it stays closed, and then it is named.
    pub(super) fn octets_of(
        &mut self,
        entry: &Entry,
        out: &mut Output<'_>,
    ) -> Result<Option<Vec<u8>>, Reason> {
        out.at(&entry.name);
        if entry.encrypted() {
            let opened = self.unlock(entry, out)?;
            if opened.is_none() {
                out.locked(entry.name.clone());
            }
            return Ok(opened);
        }
        let (octets, read) = content::unpack(self.octets, entry, out);
        match read {
            Ok(()) => Ok(Some(octets)),
            // A reading that no program gets anything from is no loss.
            Err(Reason::Corrupt) if entry.hidden && octets.is_empty() => Ok(None),
            Err(reason @ (Reason::Corrupt | Reason::Unsupported(_))) if octets.is_empty() => {
                out.named(&entry.name, reason)?;
                Ok(None)
            }
            Err(Reason::Corrupt) => {
                out.unscannable(&entry.name, Reason::Corrupt);
                Ok(Some(octets))
            }
            Err(reason) => {
                // What came out until a bound was met counts.
                let _ = out.partial_file(entry.name.clone(), octets);
                Err(reason)
            }
        }
    }

    fn unlock(&mut self, entry: &Entry, out: &mut Output<'_>) -> Result<Option<Vec<u8>>, Reason> {
        let count = self.passwords.len();
        for number in 0..count {
            let index = (self.last_good + number) % count;
            self.attempts += 1;
            if self.attempts > MOST_ATTEMPTS {
                return Ok(None);
            }
            out.spend(0)?;
            if let Some(octets) = content::unlock(self.octets, entry, &self.passwords[index], out)? {
                self.last_good = index;
                self.attempts = 0;
                return Ok(Some(octets));
            }
        }
        Ok(None)
    }

    /// What stands before, between and behind the entries, where it is something.
    fn rest(&self, out: &mut Output<'_>) -> Result<(), Reason> {
        for (number, range) in self.directory.around.iter().enumerate().take(16) {
            let octets = &self.octets[range.clone()];
            if !matches!(crate::detect(octets, None), FileKind::Unknown | FileKind::Empty) {
                out.spend(octets.len() as u64)?;
                out.file(format!("outside the entries {}", number + 1), octets.to_vec())?;
            }
        }
        Ok(())
    }
}

/// Passwords as programs write them into a key: some in UTF-8, others in the code page of the system or of DOS.
pub(super) fn spellings(passwords: &[String]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for password in passwords.iter().take(MOST_PASSWORDS) {
        all.push(password.clone().into_bytes());
        if !password.is_ascii() {
            let (windows, _, unknown) = encoding_rs::WINDOWS_1252.encode(password);
            all.extend((!unknown).then(|| windows.into_owned()));
            all.extend(crate::charset::in_page(850, password));
        }
    }
    all
}
