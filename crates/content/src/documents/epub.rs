//! EPUB books: their pages and pictures handed on, what they say of themselves, and what is encrypted in them.

use std::collections::BTreeSet;

use super::xml::{self, Node, walk};
use super::{Output, zip};
use crate::{DocumentRequest, Kind, Reason};

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
        // Fonts are garbled by habit, and show nothing.
        let looks = matches!(extension.as_str(), "css" | "ttf" | "otf" | "woff" | "woff2");
        if looks
            || matches!(
                entry.name.as_str(),
                "mimetype" | "META-INF/encryption.xml" | "META-INF/container.xml"
            )
        {
            continue;
        }
        if locked.contains(&entry.name) {
            out.locked(entry.name.clone());
            continue;
        }
        let Some(octets) = archive.octets_of(entry, out)? else { continue };
        match extension.as_str() {
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

fn encrypted(octets: &[u8], locked: &mut BTreeSet<String>) -> Result<(), Reason> {
    walk(octets, |node| {
        if let Node::Start("CipherReference", attributes) = node {
            locked.extend(attributes.get("URI").map(|uri| uri.into_owned()));
        }
        Ok(())
    })
}
