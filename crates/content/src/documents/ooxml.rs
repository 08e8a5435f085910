//! Office Open XML and OpenDocument: every text of every part, each with its place; embedded files come out as files.

use std::collections::BTreeMap;
use std::io::Cursor;

use zip::ZipArchive;

use super::Output;
use super::xml::{Node, walk};
use crate::{DocumentRequest, Kind, Reason};

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

fn archive<'a>(request: &DocumentRequest<'a>) -> Result<Archive<'a>, Reason> {
    ZipArchive::new(Cursor::new(request.octets)).map_err(|_| Reason::Corrupt)
}

fn names(archive: &Archive<'_>) -> Vec<String> {
    let mut names: Vec<String> = archive.file_names().flatten().map(|name| name.into_owned()).collect();
    // slide2 before slide10
    names.sort_by_key(|name| {
        (
            name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c.is_ascii_lowercase())
                .to_owned(),
            number(name),
            name.clone(),
        )
    });
    names
}

fn number(name: &str) -> u32 {
    let stem = name.rsplit('/').next().unwrap_or_default();
    stem.chars().filter(char::is_ascii_digit).take(6).collect::<String>().parse().unwrap_or(0)
}

fn part(archive: &mut Archive<'_>, name: &str, out: &mut Output<'_>) -> Result<Vec<u8>, Reason> {
    let Ok(file) = archive.by_name(name) else { return Ok(Vec::new()) };
    let (octets, read) = out.read(file);
    read.map(|()| octets)
}

/// Files in the document, media left out: embedded documents, OLE objects, macros.
fn embedded(archive: &mut Archive<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    for name in names(archive) {
        let inside =
            name.contains("/embeddings/") || name.ends_with("vbaProject.bin") || name.contains("/media/");
        if inside && !name.ends_with('/') {
            let octets = part(archive, &name, out)?;
            out.file(name.rsplit('/').next().unwrap_or_default().to_owned(), octets)?;
        }
    }
    Ok(())
}

fn properties(archive: &mut Archive<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    for name in names(archive)
        .into_iter()
        .filter(|name| name.starts_with("docProps/") || name.starts_with("customXml/"))
    {
        if name.ends_with(".xml") {
            let octets = part(archive, &name, out)?;
            let text = plain(&octets)?;
            out.text("properties", Kind::Property, text)?;
        }
    }
    Ok(())
}

/// All texts, one a line.
fn plain(octets: &[u8]) -> Result<String, Reason> {
    let mut text = String::new();
    walk(octets, |node| {
        match node {
            Node::Text(piece) => text.push_str(piece),
            Node::End(_) if !text.ends_with('\n') => text.push('\n'),
            _ => {}
        }
        Ok(())
    })?;
    Ok(text)
}

/// Word: body, headers, footers, notes, comments.
pub(super) fn document(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = archive(request)?;
    for name in names(&archive) {
        let stem = name.strip_prefix("word/").and_then(|name| name.strip_suffix(".xml")).unwrap_or_default();
        let (place, kind) = match stem {
            "document" => (String::new(), Kind::Text),
            "comments" => ("comments".to_owned(), Kind::Comment),
            "footnotes" | "endnotes" => (stem.to_owned(), Kind::Note),
            _ if stem.starts_with("header") || stem.starts_with("footer") => (stem.to_owned(), Kind::Text),
            _ if stem.starts_with("document") => (stem.to_owned(), Kind::Text),
            _ => continue,
        };
        let octets = part(&mut archive, &name, out)?;
        let (text, hidden) = paragraphs(&octets)?;
        out.text(place.clone(), kind, text)?;
        out.text(place, Kind::Hidden, hidden)?;
    }
    properties(&mut archive, out)?;
    embedded(&mut archive, out)
}

/// Runs are joined: a number may be split over many. Deleted text and hidden runs come apart.
fn paragraphs(octets: &[u8]) -> Result<(String, String), Reason> {
    let (mut shown, mut hidden) = (String::new(), String::new());
    let (mut in_text, mut deleted, mut vanish) = (false, false, false);
    walk(octets, |node| {
        match node {
            Node::Start("t", _) => in_text = true,
            Node::Start("delText", _) => (in_text, deleted) = (true, true),
            Node::Start("instrText", _) => (in_text, deleted) = (true, true),
            Node::Start("vanish", _) => vanish = true,
            Node::Start("tab", _) => shown.push('\t'),
            Node::Start("br" | "cr", _) | Node::End("p" | "tc") => {
                shown.push('\n');
                if !hidden.is_empty() && !hidden.ends_with('\n') {
                    hidden.push('\n');
                }
            }
            Node::End("t") => in_text = false,
            Node::End("delText" | "instrText") => (in_text, deleted) = (false, false),
            Node::End("r") => vanish = false,
            Node::Text(text) if in_text => {
                if deleted || vanish {
                    hidden.push_str(text)
                } else {
                    shown.push_str(text)
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((shown, hidden))
}

/// PowerPoint: slides, notes, comments.
pub(super) fn presentation(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = archive(request)?;
    for name in names(&archive) {
        let kind = match name.split('/').nth(1) {
            Some("slides") => Kind::Text,
            Some("notesSlides") => Kind::Note,
            Some("comments") => Kind::Comment,
            _ => continue,
        };
        if !name.ends_with(".xml") || name.contains("_rels") {
            continue;
        }
        let octets = part(&mut archive, &name, out)?;
        let (text, _) = paragraphs(&octets)?;
        out.text(format!("slide {}", number(&name)), kind, text)?;
    }
    properties(&mut archive, out)?;
    embedded(&mut archive, out)
}

/// Excel: each cell with its place, as stored; shared and inline strings, comments, hidden sheets and rows.
pub(super) fn workbook(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = archive(request)?;
    let strings = shared_strings(&part(&mut archive, "xl/sharedStrings.xml", out)?)?;
    let sheets = sheet_names(&mut archive, out)?;
    for name in names(&archive) {
        if name.starts_with("xl/worksheets/") && name.ends_with(".xml") && !name.contains("_rels") {
            let octets = part(&mut archive, &name, out)?;
            let (title, hidden) =
                sheets.get(&name).cloned().unwrap_or_else(|| (format!("sheet {}", number(&name)), false));
            cells(&octets, &title, hidden, &strings, out)?;
        } else if name.starts_with("xl/comments")
            || name.contains("threadedComments/")
            || name.starts_with("xl/drawings/") && name.ends_with(".xml")
        {
            let octets = part(&mut archive, &name, out)?;
            let text = plain(&octets)?;
            out.text("comments", Kind::Comment, text)?;
        }
    }
    properties(&mut archive, out)?;
    embedded(&mut archive, out)
}

fn shared_strings(octets: &[u8]) -> Result<Vec<String>, Reason> {
    let mut strings = Vec::new();
    let mut current = String::new();
    let mut in_text = false;
    walk(octets, |node| {
        match node {
            Node::Start("si", _) => current.clear(),
            Node::Start("t", _) => in_text = true,
            Node::End("t") => in_text = false,
            Node::End("si") => strings.push(std::mem::take(&mut current)),
            Node::Text(text) if in_text => current.push_str(text),
            _ => {}
        }
        Ok(())
    })?;
    Ok(strings)
}

/// Part name to title and whether it is hidden.
fn sheet_names(
    archive: &mut Archive<'_>,
    out: &mut Output<'_>,
) -> Result<BTreeMap<String, (String, bool)>, Reason> {
    let mut targets = BTreeMap::new();
    let relations = part(archive, "xl/_rels/workbook.xml.rels", out)?;
    walk(&relations, |node| {
        if let Node::Start("Relationship", attributes) = node
            && let (Some(id), Some(target)) = (attributes.get("Id"), attributes.get("Target"))
        {
            let target = target.trim_start_matches('/').trim_start_matches("xl/");
            targets.insert(id.to_owned(), format!("xl/{target}"));
        }
        Ok(())
    })?;
    let mut sheets = BTreeMap::new();
    let workbook = part(archive, "xl/workbook.xml", out)?;
    walk(&workbook, |node| {
        if let Node::Start("sheet", attributes) = node
            && let (Some(name), Some(target)) =
                (attributes.get("name"), attributes.get("id").and_then(|id| targets.get(id)))
        {
            let hidden = attributes.get("state").is_some_and(|state| state.contains("idden"));
            sheets.insert(target.clone(), (name.to_owned(), hidden));
        }
        Ok(())
    })?;
    Ok(sheets)
}

fn cells(
    octets: &[u8],
    title: &str,
    hidden: bool,
    strings: &[String],
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let (mut place, mut kind, mut value, mut is_shared) = (String::new(), Kind::Text, String::new(), false);
    let (mut in_value, mut row_hidden) = (false, false);
    walk(octets, |node| {
        match node {
            Node::Start("row", attributes) => {
                row_hidden = attributes.get("hidden").is_some_and(|hidden| hidden == "1" || hidden == "true")
            }
            Node::Start("c", attributes) => {
                place = attributes.get("r").unwrap_or_default().to_owned();
                is_shared = attributes.get("t") == Some("s");
                kind = if hidden || row_hidden { Kind::Hidden } else { Kind::Text };
                value.clear();
            }
            Node::Start("v" | "t", _) => in_value = true,
            Node::End("v" | "t") => in_value = false,
            Node::Text(text) if in_value => value.push_str(text),
            Node::End("c") => {
                let text = match value.trim().parse::<usize>() {
                    Ok(index) if is_shared => strings.get(index).cloned().unwrap_or_default(),
                    _ => std::mem::take(&mut value),
                };
                if !text.is_empty() {
                    out.text(format!("{title}!{place}"), kind, text)?;
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// OpenDocument: text of content, styles and meta.
pub(super) fn open_document(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = archive(request)?;
    let manifest = part(&mut archive, "META-INF/manifest.xml", out)?;
    if memchr::memmem::find(&manifest, b"encryption-data").is_some() {
        return Err(Reason::Encrypted);
    }
    for (name, place, kind) in [
        ("content.xml", "", Kind::Text),
        ("styles.xml", "header", Kind::Text),
        ("meta.xml", "properties", Kind::Property),
    ] {
        let octets = part(&mut archive, name, out)?;
        let mut text = String::new();
        walk(&octets, |node| {
            match node {
                Node::Text(piece) => text.push_str(piece),
                Node::Start("tab", _) => text.push('\t'),
                Node::Start("s", _) => text.push(' '),
                Node::End("p" | "h" | "table-cell" | "creator" | "title" | "subject" | "keyword") => {
                    text.push('\n')
                }
                _ => {}
            }
            Ok(())
        })?;
        out.text(place, kind, text)?;
    }
    for name in names(&archive) {
        if name.starts_with("Object") && name.ends_with(".xml") {
            let octets = part(&mut archive, &name, out)?;
            let text = plain(&octets)?;
            out.text(name, Kind::Text, text)?;
        }
    }
    Ok(())
}
