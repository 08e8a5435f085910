//! The settings of a set: our domains, the zone, what is kept, what is left out.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::conditions::time_zone;
use super::files::SourceFile;
use super::model::Settings;
use super::names::Names;
use crate::diagnostic::Diagnostics;
use crate::directory::Directory;
use crate::inspect::ignore::KnownTexts;
use crate::syntax::settings::SettingsFile;

/// The directory exports that the settings name, read.
pub(crate) fn directory(
    file: Option<&SettingsFile>,
    files: &HashMap<&str, &SourceFile>,
    out: &mut Diagnostics,
) -> Directory {
    let mut directory = Directory::default();
    let Some(settings) = file else { return directory };
    for name in &settings.directory {
        let place = settings.place.at(name.span.clone());
        let Some(export) = files.get(name.value.as_str()) else {
            out.error("E0309", &place, format!("there is no file `{}`", name.value))
                .label("not in the policy directory")
                .remedy(
                    "put the export (.ldif or .csv) into the policy directory; write its name relative to it",
                );
            continue;
        };
        let read = if name.value.ends_with(".csv") {
            directory.add_csv(&export.text)
        } else {
            directory.add_ldif(&export.text)
        };
        if let Err(bad) = read {
            let place = export.place().line(bad.line);
            out.error("E0319", &place, format!("the directory export cannot be read: {}", bad.why))
                .label("here")
                .remedy("export it again as LDIF (RFC 2849), or as CSV with the columns group and address");
        }
    }
    directory
}

/// Compiles the settings.
pub(crate) fn compile(file: Option<&SettingsFile>, names: &Names<'_>, out: &mut Diagnostics) -> Settings {
    let mut settings = Settings::default();
    let Some(file) = file else { return settings };
    settings.internal = names.addresses(&file.internal_domains, &file.place, out);
    settings.has_internal = !file.internal_domains.is_empty();
    settings.zone =
        file.zone.as_ref().and_then(|zone| time_zone(zone, &file.place, out)).unwrap_or(TimeZone::UTC);
    let number = |value: Option<u64>, otherwise: usize| {
        value.map_or(otherwise, |value| usize::try_from(value).unwrap_or(otherwise))
    };
    settings.kept_matches = number(file.kept_matches, settings.kept_matches);
    settings.context = number(file.context, settings.context);
    settings.count_limit = number(file.count_limit, settings.count_limit);
    for (header, to) in file.violation_headers.iter().zip(&mut settings.violation_headers) {
        let Some(header) = header else { continue };
        if header.value.is_empty()
            || !header.value.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':')
        {
            out.error(
                "E0318",
                &file.place.at(header.span.clone()),
                format!("`{}` is no header name", header.value),
            )
            .label("not a name (RFC 5322 2.2)")
            .remedy("write the name without colon, such as \"X-DLP-Severity\"");
            continue;
        }
        *to = Some(header.value.clone());
    }
    settings.quoted_replies = file.quoted_replies;
    settings.ignored = ignored(file, names, out);
    settings
}

fn ignored(file: &SettingsFile, names: &Names<'_>, out: &mut Diagnostics) -> KnownTexts {
    let mut known = KnownTexts::default();
    for ignored in &file.ignored {
        let text = match (&ignored.text, &ignored.file) {
            (Some(text), None) => Some(text.value.clone()),
            (None, Some(name)) => match names.files.get(name.value.as_str()) {
                Some(found) => Some(found.text.to_string()),
                None => {
                    out.error(
                        "E0309",
                        &file.place.at(name.span.clone()),
                        format!("there is no file `{}`", name.value),
                    )
                    .label("not in the policy directory")
                    .remedy("put the text file into the policy directory; write its name relative to it");
                    None
                }
            },
            _ => {
                out.error(
                    "E0320",
                    &file.place.at(ignored.span.clone()),
                    "a known text needs either `text` or `file`",
                )
                .label("one of the two")
                .remedy("write text = \"\"\"...\"\"\" or file = \"disclaimer.txt\"");
                None
            }
        };
        if let Some(text) = text
            && let Err(words) = known.add(&text)
        {
            out.warn(
                "W0213",
                &file.place.at(ignored.span.clone()),
                format!("a known text of {words} words is too short to be known by"),
            )
            .label("is not left out")
            .remedy(format!("give at least {} words", KnownTexts::LEAST_WORDS));
        }
    }
    known
}
