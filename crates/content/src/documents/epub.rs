//! EPUB books: their pages and pictures handed on, what they say of themselves, and what is encrypted in them.

use std::collections::BTreeSet;

use super::xml::{self, Node, walk};
use super::{Output, zip};
use crate::{DocumentRequest, FileKind, Kind, Reason};

/// Every file of the book that has text.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = zip::Archive::read(request, out)?;
    let entries = std::mem::take(&mut archive.directory.entries);
    let mut locked = BTreeSet::new();
    if let Some(entry) = entries.iter().find(|entry| entry.name == "META-INF/encryption.xml") {
        let octets = archive.octets_of(entry, out)?.unwrap_or_default();
        let read = encrypted(&octets, &mut locked);
        super::ooxml::report(read, &entry.name, out)?;
    }
    for entry in entries.iter().filter(|entry| !entry.is_folder()) {
        let extension = entry.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if matches!(entry.name.as_str(), "mimetype" | "META-INF/encryption.xml" | "META-INF/container.xml") {
            continue;
        }
        let is_font = matches!(extension.as_str(), "ttf" | "otf" | "woff" | "woff2");
        // Fonts are garbled by habit, and show nothing.
        if locked.contains(&entry.name) && !is_font {
            out.locked(entry.name.clone());
            continue;
        }
        let Some(octets) = archive.octets_of(entry, out)? else { continue };
        match extension.as_str() {
            _ if is_font && shows_nothing(&octets, locked.contains(&entry.name)) => {}
            "opf" | "ncx" => {
                let (text, read) = xml::plain(&octets);
                out.text("properties", Kind::Property, text)?;
                super::ooxml::report(read, &entry.name, out)?;
            }
            _ => out.file(entry.name.clone(), octets)?,
        }
    }
    out.at("");
    Ok(())
}

/// A font, or what may be one that was garbled.
fn shows_nothing(octets: &[u8], garbled: bool) -> bool {
    match crate::detect(octets, None) {
        FileKind::Font => true,
        FileKind::Unknown => garbled || octets.starts_with(b"OTTO"),
        _ => false,
    }
}

fn encrypted(octets: &[u8], locked: &mut BTreeSet<String>) -> Result<(), Reason> {
    walk(octets, |node| {
        if let Node::Start("CipherReference", attributes) = node {
            locked.extend(attributes.get("URI").map(|uri| uri.into_owned()));
        }
        Ok(())
    })
}
