//! Texts in a notation: what a program that knows it shows of them, where that is not what stands there octet by octet.
//!
//! Each is a further reading of the text, never in place of it; time and memory are linear in the text.

use crate::FileKind;

mod card;
mod json;
mod markup;

/// Files in one text; that there are more is a finding.
const MOST_FILES: usize = 256;

/// What a text shows and holds beside itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// The text as it is shown.
    pub(crate) shown: Option<String>,
    /// Files written in it, with their names.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// There are more files than are given, or the text makes more of itself than is followed.
    pub(crate) more: bool,
}

impl Read {
    fn file(&mut self, name: String, octets: Vec<u8>) {
        match self.files.len() < MOST_FILES {
            true => self.files.push((name, octets)),
            false => self.more = true,
        }
    }
}

/// Reads a text by its kind; JSON and markup also by how they begin.
pub(crate) fn read(kind: FileKind, text: &str) -> Read {
    let begins = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).bytes().next();
    match (kind, begins) {
        (FileKind::Ics | FileKind::Vcard, _) => card::read(text),
        (FileKind::Json, _) | (_, Some(b'{' | b'[')) => Read { shown: json::shown(text), ..Read::default() },
        (FileKind::Xml | FileKind::Svg, _) | (FileKind::Text, Some(b'<')) => markup::read(text),
        _ => Read::default(),
    }
}
