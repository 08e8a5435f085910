//! Packages of OpenDocument: their parts, those that are encrypted opened where a password fits, and documents that are encrypted whole.

use std::collections::BTreeMap;

use super::super::xml::{Node, walk};
use super::super::{Output, ooxml, zip};
use super::locked::{self, Keys, Lock};
use super::{Known, part};
use crate::{DocumentRequest, FileKind, Reason};

/// Opens a text, spreadsheet, presentation or drawing.
pub(in crate::documents) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    package(request, true, out)
}

/// For the fuzzer: a part as a manifest says that it is encrypted. How often it opens.
pub(in crate::documents) fn unlock(
    manifest: &[u8],
    packed: &[u8],
    request: &DocumentRequest<'_>,
    out: &mut Output<'_>,
) -> usize {
    let mut keys = Keys::new(request);
    let mut opened = 0;
    for (path, locks) in locked::read(manifest) {
        match keys.open(&path, packed, &locks, out) {
            Ok(clear) => opened += usize::from(clear.is_some()),
            Err(_) => break,
        }
    }
    opened
}

/// A package; one that stands in it encrypted is read as the document that it is, if `whole`.
fn package(request: &DocumentRequest<'_>, whole: bool, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut package = Package::read(request, out)?;
    let entries = std::mem::take(&mut package.archive.directory.entries);
    package.manifests(&entries, out)?;
    // Lists and paragraphs have styles that may stand behind the text.
    let styles_at = entries.iter().position(|entry| entry.name == "styles.xml");
    let mut known = styles_at.map(|at| package.octets_of(&entries[at], out)).transpose()?.flatten();
    let mut styles = known.as_deref().map(styles_of).unwrap_or_default();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_folder()) {
        let octets = if Some(at) == styles_at { known.take() } else { package.octets_of(entry, out)? };
        let Some(octets) = octets else { continue };
        if whole && entry.name == WHOLE && package.locks.contains_key(WHOLE) {
            let read = inside(octets, request, out);
            ooxml::report(read, "", out)?;
            continue;
        }
        let of_text = entry.name == "content.xml";
        let styles = if of_text { std::mem::take(&mut styles) } else { Known::default() };
        let read = part(&entry.name, octets, styles, out);
        ooxml::report(read, &entry.name, out)?;
    }
    out.at("");
    if package.closed { Err(Reason::Encrypted) } else { Ok(()) }
}

/// The part that is all of a document, encrypted.
const WHOLE: &str = "encrypted-package";

/// What stood in a package encrypted; what is no document is a file.
fn inside(clear: Vec<u8>, request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    use FileKind::*;
    let request = DocumentRequest { kind: crate::detect(&clear, None), octets: &clear, ..*request };
    let natures = zip::natures(&request, out);
    match request.kind {
        Odt | Ods | Odp | Odg => package(&request, false, out),
        Zip if natures.open_document && !natures.office => package(&request, false, out),
        _ => out.file(WHOLE.to_owned(), clear),
    }
}

/// A package that is being read.
struct Package<'a> {
    archive: zip::Archive<'a>,
    /// What the manifest says to be encrypted, and how.
    locks: BTreeMap<String, Vec<Lock>>,
    keys: Keys,
    /// Something in it stayed encrypted.
    closed: bool,
}

impl<'a> Package<'a> {
    fn read(request: &DocumentRequest<'a>, out: &mut Output<'_>) -> Result<Self, Reason> {
        let archive = zip::Archive::read(request, out)?;
        Ok(Self { archive, locks: BTreeMap::new(), keys: Keys::new(request), closed: false })
    }

    /// What all manifests say: programs differ in which of several they read.
    fn manifests(&mut self, entries: &[zip::Entry], out: &mut Output<'_>) -> Result<(), Reason> {
        for entry in entries.iter().filter(|entry| entry.name == "META-INF/manifest.xml").take(4) {
            let manifest = self.archive.octets_of(entry, out)?.unwrap_or_default();
            for (path, locks) in locked::read(&manifest) {
                self.locks.entry(path).or_default().extend(locks);
            }
        }
        Ok(())
    }

    /// The octets of an entry in the clear; none if it stays closed, and then it is named.
    fn octets_of(&mut self, entry: &zip::Entry, out: &mut Output<'_>) -> Result<Option<Vec<u8>>, Reason> {
        let Some(octets) = self.archive.octets_of(entry, out)? else { return Ok(None) };
        // A manifest that lies closes nothing.
        let locks = self.locks.get(&entry.name).filter(|_| !octets.is_empty() && !is_xml(&octets));
        let Some(locks) = locks else { return Ok(Some(octets)) };
        let clear = self.keys.open(&entry.name, &octets, locks, out)?;
        if clear.is_none() {
            self.closed = true;
            out.locked(entry.name.clone());
        }
        Ok(clear)
    }
}

/// Whether octets begin as XML does, which ciphertext hardly ever does.
fn is_xml(octets: &[u8]) -> bool {
    let head = &octets[..octets.len().min(64)];
    let is_text = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_text && head.trim_ascii_start().starts_with(b"<")
}

/// What styles say of the text in another part; damage is told by who reads the rest of it.
fn styles_of(styles: &[u8]) -> Known {
    let mut known = Known::default();
    known.directions.common_only = true;
    let _ = walk(styles, |node| {
        match node {
            Node::Start(name, attributes) if !matches!(name, "p" | "h") => {
                known.directions.start(name, attributes);
                drop(known.numbering.start(name, attributes));
            }
            Node::End(name) => {
                known.directions.end(name);
                known.numbering.end(name);
            }
            _ => {}
        }
        Ok(())
    });
    known.directions.common_only = false;
    known
}
