//! Sorts the files of a policy directory by what they are.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// A file of a policy set: its name relative to the directory, with `/` between folders, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
}

impl SourceFile {
    /// A file. A byte order mark before its text is none of it: editors of Windows write one.
    pub fn new(name: impl Into<String>, text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        Self { name: name.into(), text: Arc::from(text.strip_prefix('\u{feff}').unwrap_or(text)) }
    }

    pub(crate) fn place(&self) -> Place {
        Place { file: Arc::from(self.name.as_str()), source: self.text.clone(), span: None }
    }

    /// The name without folders and ending: `us_ssn` of `identifiers/us/us_ssn.toml`.
    pub(crate) fn stem(&self) -> &str {
        let name = self.name.rsplit('/').next().unwrap_or(&self.name);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}

/// What a file is, by where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Policy,
    Identifier,
    Dictionary,
    WordList,
    Response,
    Settings,
    Cases,
    /// Address lists, exports, known texts: read when something names them.
    Named,
    /// Nothing of ours.
    Other,
}

/// Tells a file's role by its name.
pub(crate) fn role(name: &str) -> Role {
    if name.split('/').any(|step| step.starts_with(['.', '_'])) {
        return Role::Other;
    }
    let toml = name.ends_with(".toml");
    let top = name.split_once('/').map_or("", |(top, _)| top);
    match (top, toml) {
        _ if name.ends_with(".cases.toml") => Role::Cases,
        _ if name.contains(".cases/") => Role::Other,
        _ if name == "settings.toml" => Role::Settings,
        ("identifiers", true) => Role::Identifier,
        ("dictionaries", true) => Role::Dictionary,
        ("dictionaries", false) if name.ends_with(".txt") => Role::WordList,
        ("responses", true) => Role::Response,
        (_, true) => Role::Policy,
        _ if [".txt", ".ldif", ".csv"].iter().any(|end| name.ends_with(end)) => Role::Named,
        _ => Role::Other,
    }
}

/// Reads the directory's files, sorted by name. Other files than those of a policy set are not opened; links are followed.
pub(crate) fn read_dir(dir: &std::path::Path, out: &mut Diagnostics) -> Vec<SourceFile> {
    let mut names = Vec::new();
    let mut todo = vec![(dir.to_path_buf(), String::new(), 0)];
    while let Some((path, prefix, depth)) = todo.pop() {
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                unreadable(if prefix.is_empty() { "." } else { &prefix }, &error.to_string(), out);
                continue;
            }
        };
        for entry in entries.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match std::fs::metadata(entry.path()) {
                Ok(meta) if meta.is_dir() && depth < DEEPEST && !name.ends_with(".cases") => {
                    todo.push((entry.path(), format!("{name}/"), depth + 1));
                }
                Ok(meta) if meta.is_file() && role(&name) != Role::Other => {
                    names.push((name, entry.path(), meta.len()))
                }
                Ok(_) => {}
                Err(error) => unreadable(&name, &error.to_string(), out),
            }
        }
    }
    names.sort();
    names.into_iter().filter_map(|(name, path, size)| read_file(name, &path, size, out)).collect()
}

/// Folders in folders.
const DEEPEST: usize = 16;
/// Octets of one file.
const BIGGEST: u64 = 64 << 20;

fn read_file(name: String, path: &std::path::Path, size: u64, out: &mut Diagnostics) -> Option<SourceFile> {
    if size > BIGGEST {
        unreadable(&name, "it is bigger than 64 MB", out);
        return None;
    }
    match std::fs::read(path) {
        Ok(octets) => match String::from_utf8(octets) {
            Ok(text) => Some(SourceFile::new(name, text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let place = Place { file: Arc::from(name), source: Arc::from(text), span: None };
                // What is not UTF-8 shows as one replacement character.
                let place = place.at(at..at + char::REPLACEMENT_CHARACTER.len_utf8());
                unreadable_at(&place, &format!("it is not UTF-8 (octet {at})"), out).label("no character");
                None
            }
        },
        Err(error) => {
            unreadable(&name, &error.to_string(), out);
            None
        }
    }
}

fn unreadable(name: &str, why: &str, out: &mut Diagnostics) {
    let place = Place { file: Arc::from(name), source: Arc::from(""), span: None };
    unreadable_at(&place, why, out);
}

fn unreadable_at<'o>(place: &Place, why: &str, out: &'o mut Diagnostics) -> &'o mut Diagnostic {
    out.error("E0001", place, format!("the file cannot be read: {why}"))
        .remedy("give the file the right owner and encoding (UTF-8), or move it out of the policy directory")
}
