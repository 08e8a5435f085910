//! A package of parts: its XML parts by name, with their relations; every other part is handed on as a file.

use std::collections::{BTreeMap, BTreeSet};

use crate::documents::xml::{self, Node};
use crate::documents::{Output, picture, zip};
use crate::{DocumentRequest, FileKind, Kind, Reason};

/// An XML part.
pub(in crate::documents) struct Part {
    pub(in crate::documents) name: String,
    /// The local name of its first element: what it is, whatever it is called.
    pub(in crate::documents) root: String,
    pub(in crate::documents) octets: Vec<u8>,
}

/// Relations of one part: targets by id.
pub(in crate::documents) type Relations = BTreeMap<String, String>;

/// All XML parts, in natural order of their names: `slide2` before `slide10`.
#[derive(Default)]
pub(in crate::documents) struct Package {
    pub(in crate::documents) parts: Vec<Part>,
    relations: BTreeMap<String, Relations>,
    /// The same the other way: who is related to a part.
    owners: BTreeMap<String, Vec<String>>,
    /// What parts are by their relations: the last word of the type.
    types: BTreeMap<String, String>,
    /// Parts in a form of the program's own, which wait for what the relations say of them.
    binaries: Vec<(String, Vec<u8>)>,
}

/// What parts are in a program's own form that show nothing, or only what other parts show.
const FURNITURE: &[&str] =
    &["printerSettings", "font", "hdphoto", "customProperty", "calcChain", "xlBinaryIndex", "table"];

impl Package {
    /// Reads all parts. Files go out at once; links to the outside are text.
    pub(in crate::documents) fn read(
        request: &DocumentRequest<'_>,
        out: &mut Output<'_>,
    ) -> Result<Self, Reason> {
        let mut archive = zip::Archive::read(request, out)?;
        let mut package = Self::default();
        for entry in std::mem::take(&mut archive.directory.entries) {
            if entry.is_folder() {
                continue;
            }
            let Some(octets) = archive.octets_of(&entry, out)? else { continue };
            let name = entry.name.replace('\\', "/").trim_start_matches('/').to_owned();
            package.add(name, octets, request.kind, out)?;
        }
        out.at("");
        package.parts.sort_by_cached_key(|part| natural(&part.name));
        package.links(out)?;
        Ok(package)
    }

    fn add(
        &mut self,
        name: String,
        octets: Vec<u8>,
        kind: FileKind,
        out: &mut Output<'_>,
    ) -> Result<(), Reason> {
        if looks_like_xml(&octets) && !lower_end(&name, &[".htm", ".html", ".mht", ".svg"]) {
            let root = xml::root(&octets);
            if root != "html" && root != "svg" {
                self.parts.push(Part { name, root, octets });
                return Ok(());
            }
        }
        if let Some(text) = picture::text(&octets) {
            return out.text(base_name(&name), Kind::Text, text);
        }
        // Office leaves room that it freed as parts of filler: `[trash]/0000.dat`.
        if octets.iter().all(|octet| matches!(octet, 0 | 0xff)) {
            return Ok(());
        }
        let unknown = crate::detect(&octets, None) == FileKind::Unknown;
        if unknown || kind == FileKind::Xlsb && lower_end(&name, &[".bin"]) {
            self.binaries.push((name, octets));
            return Ok(());
        }
        out.file(base_name(&name).to_owned(), octets)
    }

    /// What is related to outside is read from all parts of relations.
    fn links(&mut self, out: &mut Output<'_>) -> Result<(), Reason> {
        let mut outside = BTreeSet::new();
        let is_relations = |part: &Part| part.root == "Relationships";
        let (relations, parts): (Vec<Part>, Vec<Part>) =
            std::mem::take(&mut self.parts).into_iter().partition(is_relations);
        self.parts = parts;
        for part in relations {
            let of = owner(&part.name);
            let folder = of.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let relations = self.relations.entry(of.clone()).or_default();
            let read = xml::walk(&part.octets, |node| {
                if let Node::Start("Relationship", attributes) = node
                    && let (Some(id), Some(target)) = (attributes.get("Id"), attributes.get("Target"))
                {
                    match attributes.get("TargetMode").as_deref() {
                        Some("External") => {
                            outside.insert(target.into_owned());
                        }
                        _ => {
                            let target = resolve(&folder, &target);
                            if let Some(kind) = attributes.get("Type") {
                                let last = kind.rsplit('/').next().unwrap_or_default().to_owned();
                                self.types.insert(target.clone(), last);
                            }
                            self.owners.entry(target.clone()).or_default().push(of.clone());
                            relations.insert(id.into_owned(), target);
                        }
                    }
                }
                Ok(())
            });
            report(read, &part.name, out)?;
        }
        let outside: Vec<_> = outside.into_iter().collect();
        out.text("links", Kind::Link, outside.join("\n"))
    }

    /// What a part is by the relation that leads to it.
    pub(in crate::documents) fn type_of(&self, part: &str) -> Option<&str> {
        self.types.get(part).map(String::as_str)
    }

    /// Parts in a program's own form.
    pub(in crate::documents) fn take_binaries(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.binaries)
    }

    /// A part that no reader took: a file, unless it is one that shows nothing by its relation.
    pub(in crate::documents) fn unread(
        &self,
        name: &str,
        octets: Vec<u8>,
        out: &mut Output<'_>,
    ) -> Result<(), Reason> {
        out.at(name);
        match self.type_of(name) {
            Some(kind) if FURNITURE.contains(&kind) && crate::detect(&octets, None) == FileKind::Unknown => {
                Ok(())
            }
            _ => out.file(base_name(name).to_owned(), octets),
        }
    }

    /// Relations of a part.
    pub(in crate::documents) fn relations(&self, part: &str) -> Option<&Relations> {
        self.relations.get(part)
    }

    /// Parts that are related to this one: a sheet to its comments, a slide to its notes.
    pub(in crate::documents) fn owners<'a>(&'a self, part: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        // A package that relates everything to everything gains nothing by it.
        self.owners.get(part).into_iter().flatten().take(64).map(String::as_str)
    }

    /// Parts of that root element.
    pub(in crate::documents) fn of_root<'a>(&'a self, root: &'a str) -> impl Iterator<Item = &'a Part> {
        self.parts.iter().filter(move |part| part.root == root)
    }
}

/// A fault in one part is a finding with the part's name; the others are read. A bound ends all.
pub(in crate::documents) fn report(
    read: Result<(), Reason>,
    name: &str,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    match read {
        Err(reason @ (Reason::Corrupt | Reason::TooDeep)) => {
            out.unscannable(name, reason);
            Ok(())
        }
        other => {
            if other.is_err() {
                out.at(name);
            }
            other
        }
    }
}

/// `word/_rels/document.xml.rels` belongs to `word/document.xml`.
fn owner(relations: &str) -> String {
    let (folder, file) = relations.rsplit_once('/').unwrap_or(("", relations));
    let folder = folder.strip_suffix("_rels").unwrap_or(folder);
    format!("{folder}{}", file.strip_suffix(".rels").unwrap_or(file))
}

/// A target is relative to the folder of the part, or absolute in the package.
fn resolve(folder: &str, target: &str) -> String {
    let mut path: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').collect(),
    };
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.retain(|step| !step.is_empty());
    path.join("/")
}

fn looks_like_xml(octets: &[u8]) -> bool {
    let start = &octets[..octets.len().min(64)];
    let first = start
        .iter()
        .find(|octet| !matches!(octet, 0 | b' ' | b'\r' | b'\n' | b'\t' | 0xef | 0xbb | 0xbf | 0xfe | 0xff));
    first == Some(&b'<')
}

fn lower_end(name: &str, ends: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    ends.iter().any(|end| name.ends_with(end))
}

pub(in crate::documents) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The name of a part without folder and extension: `header1`.
pub(in crate::documents) fn stem(name: &str) -> &str {
    base_name(name).split('.').next().unwrap_or_default()
}

/// Sorts by letters, then by number.
fn natural(name: &str) -> (String, u64, String) {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let letters = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = stem[letters.len()..].parse().unwrap_or(0);
    (letters.to_owned(), number, name.to_owned())
}
