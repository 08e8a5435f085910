//! What names in policy files stand for: address patterns with their files and groups, file types, reasons, places.

use std::collections::HashMap;

use content::{AmbiguityReason, FileKind};

use super::files::SourceFile;
use super::model::{Places, Reasons};
use crate::address::{Addresses, BadPattern, Odd};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::directory::Directory;
use crate::index::Indexes;
use crate::syntax::identifier::lines;
use crate::syntax::read::{At, nearest};

/// Address lists and directory groups of the set.
#[derive(Debug)]
pub(crate) struct Names<'s> {
    pub(crate) files: HashMap<&'s str, &'s SourceFile>,
    pub(crate) directory: Directory,
    pub(crate) has_directory: bool,
    pub(crate) indexes: &'s Indexes,
}

impl Names<'_> {
    /// The addresses that patterns mean: addresses, domains, `file:NAME`, `group:NAME`.
    pub(crate) fn addresses(
        &self,
        patterns: &[At<String>],
        place: &Place,
        out: &mut Diagnostics,
    ) -> Addresses {
        let mut all = Addresses::default();
        for pattern in patterns {
            let here = place.at(pattern.span.clone());
            if let Some(name) = pattern.value.strip_prefix("file:") {
                self.list(name.trim(), &here, &mut all, out);
            } else if let Some(name) = pattern.value.strip_prefix("group:") {
                self.group(name.trim(), &here, &mut all, out);
            } else {
                add(&pattern.value, &here, &mut all, out);
            }
        }
        all
    }

    fn list(&self, name: &str, place: &Place, all: &mut Addresses, out: &mut Diagnostics) {
        let Some(file) = self.files.get(name) else {
            let diagnostic = out
                .error("E0309", place, format!("there is no file `{name}`"))
                .label("not in the policy directory");
            match nearest(name, self.files.keys().copied()) {
                Some(close) => diagnostic.remedy(format!("write \"file:{close}\"")),
                None => diagnostic.remedy("put a text file with one address pattern a line into the policy directory; write its name relative to it"),
            };
            return;
        };
        let lines = lines(&file.text);
        if lines.is_empty() {
            nobody(&format!("the file `{name}` holds no address pattern"), place, out)
                .remedy("write one pattern a line, without # before it, or take the file away");
        }
        for line in lines {
            add(&line.value, &file.place().at(line.span), all, out);
        }
    }

    fn group(&self, name: &str, place: &Place, all: &mut Addresses, out: &mut Diagnostics) {
        let Some(members) = self.directory.group(name) else {
            let diagnostic = out
                .error("E0310", place, format!("there is no group `{name}`"))
                .label("not in the directory exports");
            match nearest(name, self.directory.names()) {
                Some(close) => diagnostic.remedy(format!("write \"group:{close}\"")),
                None if !self.has_directory => {
                    diagnostic.remedy("name the exports in settings.toml: directory = [\"people.ldif\"]")
                }
                None => diagnostic.remedy("export the directory again, or take the group away"),
            };
            return;
        };
        if members.is_empty() {
            nobody(&format!("the group `{name}` has no member with an address"), place, out)
                .remedy("export the directory with mail addresses, or take the group away");
        }
        for member in members {
            // Addresses of an export are data, not patterns: one that is no pattern matches nobody.
            let _ = all.add(member);
        }
    }
}

fn nobody<'o>(what: &str, place: &Place, out: &'o mut Diagnostics) -> &'o mut Diagnostic {
    out.warn("W0211", place, what).label("means nobody")
}

fn add(pattern: &str, place: &Place, all: &mut Addresses, out: &mut Diagnostics) {
    match all.add(pattern) {
        Ok(None) => {}
        Ok(Some(odd)) => warn(odd, pattern, place, out),
        Err(bad) => {
            let (what, remedy) = match bad {
                BadPattern::Slash => (
                    "a regular expression is no address pattern",
                    "write an address, @domain, or a local part with * such as \"sales*@example.com\"",
                ),
                BadPattern::Several => (
                    "several addresses stand in one string",
                    "write a list: [\"a@example.com\", \"b@example.com\"]",
                ),
                BadPattern::Malformed => (
                    "this is no address pattern",
                    "write ann@example.com, @example.com (that domain), @.example.com (with subdomains) or <> (the empty sender)",
                ),
                BadPattern::Wildcard => (
                    "* cannot stand inside a domain",
                    "write @.example.com for a domain with its subdomains, @*.example.com for the subdomains only",
                ),
            };
            out.error("E0315", place, what).label("cannot be used").remedy(remedy);
        }
    }
}

fn warn(odd: Odd, pattern: &str, place: &Place, out: &mut Diagnostics) {
    let (code, what, remedy) = match odd {
        Odd::Comma => (
            "W0201",
            "a comma where a dot is usual".to_owned(),
            format!("write \"{}\"", pattern.replace(',', ".")),
        ),
        Odd::Everyone => (
            "W0202",
            "this pattern means everyone".to_owned(),
            "take the condition away if everyone is meant".to_owned(),
        ),
        Odd::NoDot => (
            "W0203",
            "a domain without a dot".to_owned(),
            format!("write the whole domain, such as \"{pattern}.com\""),
        ),
    };
    out.warn(code, place, what).label("surely not meant").remedy(remedy);
}

/// Classes of file types.
const CLASSES: &[(&str, &[FileKind])] = {
    use FileKind::*;
    &[
        (
            "archive",
            &[
                Zip, Tar, Gzip, Bzip2, Xz, Lzma, Zstd, SevenZip, Rar, Cab, Iso, Ar, Deb, Rpm, Arj, Lha, Ace,
                Jar,
            ],
        ),
        ("document", &[Docx, Docm, Dotx, Odt, Doc, Rtf, Pdf, Epub]),
        ("spreadsheet", &[Xlsx, Xlsm, Xlsb, Xltx, Ods, Xls, Csv]),
        ("presentation", &[Pptx, Pptm, Ppsx, Potx, Odp, Ppt]),
        ("image", &[Png, Jpeg, Gif, Tiff, Bmp, Webp, Heic, Svg, Ico, Psd, Odg]),
        ("audio", &[Mp3, Ogg, Wav, Flac]),
        ("video", &[Mp4, Avi, Matroska]),
        ("executable", &[ExecutablePe, ExecutableElf, ExecutableMacho, Script, Wasm, JavaClass, Jar]),
        ("mail", &[Eml, Mbox, Msg, Tnef]),
        ("macro-enabled", &[Docm, Xlsm, Pptm]),
    ]
};

/// The file types of a list of names; reports unknown ones.
pub(crate) fn file_kinds(names: &[At<String>], place: &Place, out: &mut Diagnostics) -> Vec<FileKind> {
    let mut all = Vec::new();
    for name in names {
        let class = CLASSES.iter().find(|(class, _)| *class == name.value);
        match (class, FileKind::parse(&name.value)) {
            (Some((_, kinds)), _) => all.extend_from_slice(kinds),
            (None, Some(kind)) => all.push(kind),
            (None, None) => {
                let known = || {
                    CLASSES
                        .iter()
                        .map(|(class, _)| *class)
                        .chain(FileKind::ALL.iter().map(|kind| kind.as_str()))
                };
                let remedy = match nearest(&name.value, known()) {
                    Some(close) => format!("write \"{close}\""),
                    None => format!("file types are {}", known().collect::<Vec<_>>().join(", ")),
                };
                out.error(
                    "E0311",
                    &place.at(name.span.clone()),
                    format!("there is no file type `{}`", name.value),
                )
                .label("unknown")
                .remedy(remedy);
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Reasons why something could not be inspected, as policies name them.
const REASONS: &[&str] = &[
    "any",
    "encrypted",
    "corrupt",
    "too deep",
    "too big",
    "too many parts",
    "too many headers",
    "timeout",
    "compression ratio",
    "parser failed",
    "unsupported",
    "engine fault",
];

/// The reasons of a list of names; `unsupported` means every kind of file that nothing here opens.
pub(crate) fn reasons(names: &[At<String>], place: &Place, out: &mut Diagnostics) -> Reasons {
    let mut all = Reasons::default();
    for name in names {
        let known = REASONS.contains(&name.value.as_str())
            || name
                .value
                .strip_prefix("unsupported type ")
                .is_some_and(|kind| FileKind::parse(kind).is_some());
        match name.value.as_str() {
            "any" => all.any = true,
            value if known => all.words.push(value.to_owned()),
            value => unknown_word("E0312", "reason", value, REASONS, &place.at(name.span.clone()), out),
        }
    }
    all
}

/// The ambiguities of a list of names.
pub(crate) fn ambiguities(names: &[At<String>], place: &Place, out: &mut Diagnostics) -> Vec<String> {
    let mut known = vec!["any"];
    known.extend(AmbiguityReason::ALL.iter().map(|reason| reason.as_str()));
    for name in names.iter().filter(|name| !known.contains(&name.value.as_str())) {
        unknown_word("E0313", "ambiguity", &name.value, &known, &place.at(name.span.clone()), out);
    }
    names.iter().map(|name| name.value.clone()).collect()
}

fn unknown_word(
    code: &'static str,
    what: &str,
    word: &str,
    known: &[&str],
    place: &Place,
    out: &mut Diagnostics,
) {
    let remedy = match nearest(word, known.iter().copied()) {
        Some(close) => format!("write \"{close}\""),
        None => format!("possible are {}", known.join(", ")),
    };
    out.error(code, place, format!("there is no {what} `{word}`")).label("unknown").remedy(remedy);
}

/// Where conditions look if they do not say.
pub(crate) fn usual_places() -> Places {
    Places { subject: true, body: true, attachments: true, ..Places::default() }
}

/// The components of a list of names.
pub(crate) fn places(names: &[At<String>], place: &Place, out: &mut Diagnostics) -> Places {
    let mut all = Places::default();
    for name in names {
        match name.value.as_str() {
            "subject" => all.subject = true,
            "body" => all.body = true,
            "attachments" => all.attachments = true,
            "envelope" => all.envelope = true,
            "headers" => all.headers.all = true,
            other => match other.strip_prefix("header:").map(str::trim) {
                Some(header) => match header_places(header, &place.at(name.span.clone()), out) {
                    Some(header) => all.merge(&header),
                    None => continue,
                },
                None => {
                    let known = ["subject", "body", "attachments", "headers", "header:NAME", "envelope"];
                    unknown_word("E0314", "component", other, &known, &place.at(name.span.clone()), out);
                }
            },
        }
    }
    all
}

/// One header as a place to look; `Subject` is a component of its own.
pub(crate) fn header_places(name: &str, place: &Place, out: &mut Diagnostics) -> Option<Places> {
    let printable = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':');
    if !printable {
        out.error("E0318", place, format!("`{name}` is no header name"))
            .label("not a name (RFC 5322 2.2)")
            .remedy("write the name without colon, such as \"X-Project\"");
        return None;
    }
    let name = name.to_ascii_lowercase();
    let mut places = Places::default();
    match name.as_str() {
        "subject" => places.subject = true,
        _ => places.headers.names.push(name),
    }
    Some(places)
}
