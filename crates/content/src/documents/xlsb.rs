//! Excel's binary workbooks in a zip ([MS-XLSB]): cells with their places, comments, names; record by record.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;

use zip::ZipArchive;

use super::ole::{Fields, u32_at, wide};
use super::shared_strings::SharedStrings;
use super::xls::column_name;
use super::xls::number::{Formats, float, rk};
use super::{Output, xmp};
use crate::{DocumentRequest, Kind, Reason};

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Every text of the workbook, and the files in it.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut archive = ZipArchive::new(Cursor::new(request.octets)).map_err(|_| Reason::Corrupt)?;
    let names: Vec<String> = archive.file_names().flatten().map(|name| name.into_owned()).collect();
    let mut book = Book::default();
    let links = targets(&part(&mut archive, "xl/_rels/workbook.bin.rels", out)?);
    book.workbook(&part(&mut archive, "xl/workbook.bin", out)?, &links);
    let mut titles: Vec<&String> = book.sheets.values().map(|(title, _)| title).collect();
    titles.sort();
    for title in titles {
        out.text("sheet title", Kind::Attribute, title.clone())?;
    }
    book.styles(&part(&mut archive, "xl/styles.bin", out)?);
    book.shared(&part(&mut archive, "xl/sharedStrings.bin", out)?)?;
    for name in &names {
        out.at(name);
        let lower = name.to_ascii_lowercase();
        if lower.contains("/embeddings/") || lower.contains("/media/") || lower.ends_with("vbaproject.bin") {
            let octets = part(&mut archive, name, out)?;
            out.file(name.rsplit('/').next().unwrap_or_default().to_owned(), octets)?;
        } else if lower.ends_with(".bin") && lower.contains("sheets/") {
            let octets = part(&mut archive, name, out)?;
            book.sheet(&octets, name, out)?;
        } else if lower.ends_with(".bin") && lower.contains("comments") {
            comments(&part(&mut archive, name, out)?, out)?;
        } else if lower.starts_with("docprops/") && lower.ends_with(".xml") {
            let text = xmp::text(&part(&mut archive, name, out)?);
            out.text("properties", Kind::Property, text)?;
        } else if lower.contains("drawings/") && lower.ends_with(".xml")
            || lower.contains("threadedcomments/")
        {
            let text = xmp::text(&part(&mut archive, name, out)?);
            out.text("drawing", Kind::Text, text)?;
        } else if lower.ends_with(".rels") {
            let octets = part(&mut archive, name, out)?;
            external(&octets, out)?;
        }
    }
    out.at("");
    book.strings.left_over("strings of no cell", out)
}

fn part(archive: &mut Archive<'_>, name: &str, out: &mut Output<'_>) -> Result<Vec<u8>, Reason> {
    let Ok(file) = archive.by_name(name) else { return Ok(Vec::new()) };
    match out.read(file) {
        (octets, Ok(())) => Ok(octets),
        (octets, Err(Reason::Corrupt)) => {
            out.unscannable(name, Reason::Corrupt);
            Ok(octets)
        }
        (_, Err(reason)) => Err(reason),
    }
}

/// Attribute of each relationship, by its id.
fn relations(octets: &[u8]) -> Vec<(String, String, bool)> {
    let text = String::from_utf8_lossy(octets);
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next().unwrap_or_default().replace("&amp;", "&"))
    };
    let each = text.split("<Relationship ").skip(1).take(100_000).filter_map(|tag| {
        let tag = format!(" {}", tag.split("/>").next().unwrap_or_default());
        Some((attribute(&tag, "Id")?, attribute(&tag, "Target")?, tag.contains("External")))
    });
    each.collect()
}

fn targets(octets: &[u8]) -> HashMap<String, String> {
    let each = relations(octets).into_iter();
    each.map(|(id, target, _)| (id, format!("xl/{}", target.trim_start_matches("/xl/")))).collect()
}

fn external(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    for (_, target, external) in relations(octets) {
        if external {
            out.text("link", Kind::Link, target)?;
        }
    }
    Ok(())
}

/// Records from the front.
struct Records<'a>(Fields<'a>);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let low = self.0.u8()?;
        let id = match low & 0x80 {
            0 => u16::from(low),
            _ => u16::from(low & 0x7f) | u16::from(self.0.u8()? & 0x7f) << 7,
        };
        let mut length = 0_usize;
        for index in 0..4 {
            let octet = self.0.u8()?;
            length |= usize::from(octet & 0x7f) << (7 * index);
            if octet & 0x80 == 0 {
                break;
            }
        }
        // A last record that is cut off is given as far as it goes.
        self.0.take(length.min(self.0.0.len())).map(|data| (id, data))
    }
}

/// A string with its length in characters before it.
fn string(octets: &[u8]) -> String {
    let count = u32_at(octets, 0).filter(|count| *count != u32::MAX).unwrap_or(0) as usize;
    let rest = octets.get(4..).unwrap_or_default();
    wide(&rest[..count.saturating_mul(2).min(rest.len())])
}

#[derive(Default)]
struct Book {
    strings: SharedStrings,
    formats: Formats,
    /// Title and whether hidden, by part.
    sheets: HashMap<String, (String, bool)>,
}

impl Book {
    fn workbook(&mut self, octets: &[u8], links: &HashMap<String, String>) {
        for (id, data) in Records(Fields(octets)) {
            if id == 153 && u32_at(data, 0).unwrap_or(0) & 1 != 0 {
                self.formats.counts_from_1904();
            }
            if id == 156 && self.sheets.len() < 65_536 {
                let rest = data.get(8..).unwrap_or_default();
                let link = string(rest);
                let name = string(rest.get(4 + 2 * link.encode_utf16().count()..).unwrap_or_default());
                if let Some(target) = links.get(&link) {
                    self.sheets.insert(target.clone(), (name, u32_at(data, 0).unwrap_or(0) & 3 != 0));
                }
            }
        }
    }

    fn styles(&mut self, octets: &[u8]) {
        let mut in_cells = false;
        for (id, data) in Records(Fields(octets)) {
            let mut fields = Fields(data);
            match id {
                44 => {
                    if let Some(index) = fields.u16() {
                        self.formats.define(index, &string(fields.0));
                    }
                }
                617 => in_cells = true,
                618 => in_cells = false,
                47 if in_cells => {
                    fields.u16();
                    self.formats.style(fields.u16().unwrap_or(0));
                }
                _ => {}
            }
        }
    }

    fn shared(&mut self, octets: &[u8]) -> Result<(), Reason> {
        for (id, data) in Records(Fields(octets)) {
            if id == 19 {
                self.strings.push(&string(data.get(1..).unwrap_or_default()));
                self.strings.end()?;
            }
        }
        Ok(())
    }

    fn sheet(&self, octets: &[u8], part: &str, out: &mut Output<'_>) -> Result<(), Reason> {
        let (title, hidden) = self.sheets.get(part).cloned().unwrap_or_else(|| (part.to_owned(), false));
        let (mut row, mut row_hidden) = (0, false);
        let mut columns: HashSet<u32> = HashSet::new();
        for (id, data) in Records(Fields(octets)) {
            match id {
                0 => {
                    row = u32_at(data, 0).unwrap_or(0);
                    row_hidden = data.get(11).is_some_and(|flags| flags & 0x10 != 0);
                }
                60 if data.get(16).is_some_and(|flags| flags & 1 != 0) => {
                    let last = u32_at(data, 4).unwrap_or(0).min(16_383);
                    columns.extend(u32_at(data, 0).unwrap_or(0)..=last);
                }
                2..=11 => {
                    let column = u32_at(data, 0).unwrap_or(0);
                    let kind = if hidden || row_hidden || columns.contains(&column) {
                        Kind::Hidden
                    } else {
                        Kind::Text
                    };
                    let name = column_name(u16::try_from(column).unwrap_or(u16::MAX));
                    let text = self.cell(id, data);
                    out.text(format!("{title}!{name}{}", u64::from(row) + 1), kind, text)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn cell(&self, id: u16, data: &[u8]) -> String {
        let style = (u32_at(data, 4).unwrap_or(0) & 0x00ff_ffff) as u16;
        let value = data.get(8..).unwrap_or_default();
        match id {
            2 => u32_at(value, 0).map_or_else(String::new, |value| self.formats.show(style, rk(value))),
            5 | 9 if value.len() >= 8 => self.formats.show(style, float(&value[..8])),
            6 | 8 => string(value),
            7 => {
                let index = u32_at(value, 0).map_or(usize::MAX, |index| index as usize);
                self.strings.get(index).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        }
    }
}

fn comments(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    for (id, data) in Records(Fields(octets)) {
        match id {
            637 => out.text("comments", Kind::Comment, string(data.get(1..).unwrap_or_default()))?,
            632 => out.text("comment author", Kind::Attribute, string(data))?,
            _ => {}
        }
    }
    Ok(())
}
