//! Compound files: storages and streams of old Office documents. Tolerant of damage, bounded, and without recursion.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ole::{Fields, u16_at, u32_at, wide};
use super::{Output, blip, doc, encrypted, msg, ole, ooxml, ppt, vba, xls, xlsb};
use crate::{AmbiguityReason, DocumentRequest, FileKind, Kind, Reason};

const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Directory entries of one file.
const MAX_ENTRIES: usize = 200_000;
/// Properties of one set.
const MAX_PROPERTIES: usize = 4_096;
/// Sections of one property set.
const MOST_SECTIONS: usize = 64;
const NONE: u32 = 0xffff_fff0;

/// A storage or stream.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_stream: bool,
    pub(super) size: u64,
    start: u32,
}

/// A compound file.
#[derive(Debug)]
pub(super) struct Cfb<'a> {
    octets: &'a [u8],
    sector: usize,
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    mini: Vec<u8>,
    mini_limit: u64,
    pub(super) entries: Vec<Entry>,
    /// Storages name entries that the directory does not have.
    cut: bool,
    /// Of each storage, what is directly in it.
    below: Vec<Vec<usize>>,
    /// Streams that are encrypted, opened.
    clear: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Cfb<'a> {
    pub(super) fn parse(octets: &'a [u8]) -> Option<Self> {
        if !octets.starts_with(SIGNATURE) {
            return None;
        }
        let shift = u16_at(octets, 30)?;
        let sector = 1_usize << if (7..=16).contains(&shift) { shift } else { 9 };
        let mut file = Self {
            octets,
            sector,
            fat: Vec::new(),
            mini_fat: Vec::new(),
            mini: Vec::new(),
            mini_limit: u64::from(u32_at(octets, 56)?).min(1 << 20),
            entries: Vec::new(),
            below: Vec::new(),
            clear: BTreeMap::new(),
            cut: false,
        };
        file.fat = file.read_fat()?;
        let mini_fat = file.chain(u32_at(octets, 60)?, u64::MAX);
        file.mini_fat = numbers(&mini_fat).collect();
        let directory = file.chain(u32_at(octets, 48)?, u64::MAX);
        file.read_directory(&directory);
        let root = file.entries.first()?;
        let (start, size) = (root.start, root.size);
        file.mini = file.chain(start, size.max(1)).into_owned();
        Some(file)
    }

    /// What stands behind the last sector that is in use.
    fn behind(&self) -> &'a [u8] {
        let last = self.fat.iter().rposition(|next| *next != u32::MAX);
        let end = last.map_or(self.octets.len(), |last| (last + 2).saturating_mul(self.sector));
        self.octets.get(end..).unwrap_or_default()
    }

    fn sector_at(&self, index: u32) -> Option<&'a [u8]> {
        let at = (index as usize).checked_add(1)?.checked_mul(self.sector)?;
        let rest = self.octets.get(at..)?;
        (!rest.is_empty()).then(|| &rest[..rest.len().min(self.sector)])
    }

    fn read_fat(&self) -> Option<Vec<u32>> {
        let most = self.octets.len() / self.sector + 1;
        let mut sectors: Vec<u32> = numbers(self.octets.get(76..512)?).collect();
        let mut next = u32_at(self.octets, 68)?;
        for _ in 0..most {
            let Some(block) = (next < NONE).then(|| self.sector_at(next)).flatten() else { break };
            let mut each: Vec<u32> = numbers(block).collect();
            next = each.pop().unwrap_or(NONE);
            sectors.extend(each);
            if sectors.len() > most {
                break;
            }
        }
        let mut fat = Vec::new();
        for index in sectors.into_iter().filter(|index| *index < NONE).take(most) {
            match self.sector_at(index) {
                Some(block) => fat.extend(numbers(block)),
                None => fat.extend(std::iter::repeat_n(u32::MAX, self.sector / 4)),
            }
        }
        Some(fat)
    }

    /// Follows a chain; it ends where it breaks. Sectors that lie side by side are not copied.
    fn chain(&self, start: u32, size: u64) -> Cow<'a, [u8]> {
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(self.octets.len());
        let mut sectors = Vec::new();
        let mut index = start;
        while index < NONE && sectors.len() * self.sector < wanted && sectors.len() <= self.fat.len() {
            sectors.push(index);
            index = self.fat.get(index as usize).copied().unwrap_or(u32::MAX);
        }
        let contiguous = sectors.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1));
        if let (true, Some(first)) = (contiguous, sectors.first()) {
            let at = (*first as usize).saturating_add(1).saturating_mul(self.sector);
            let rest = self.octets.get(at..).unwrap_or_default();
            return Cow::Borrowed(&rest[..rest.len().min(wanted).min(sectors.len() * self.sector)]);
        }
        let mut octets = Vec::with_capacity(wanted.min(sectors.len() * self.sector));
        for sector in sectors {
            let Some(block) = self.sector_at(sector) else { break };
            octets.extend_from_slice(block);
        }
        octets.truncate(wanted);
        Cow::Owned(octets)
    }

    fn mini_chain(&self, start: u32, size: u64) -> Vec<u8> {
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(self.mini.len());
        let mut octets = Vec::with_capacity(wanted);
        let mut index = start;
        while index < NONE && octets.len() < wanted {
            let at = index as usize * 64;
            let Some(rest) = self.mini.get(at..) else { break };
            if rest.is_empty() {
                break;
            }
            octets.extend_from_slice(&rest[..rest.len().min(64)]);
            index = self.mini_fat.get(index as usize).copied().unwrap_or(u32::MAX);
        }
        octets.truncate(wanted);
        octets
    }

    /// Entries with their storages. Entries that no storage names hang on the root: they are there all the same.
    fn read_directory(&mut self, directory: &[u8]) {
        let raw: Vec<&[u8]> = directory.chunks_exact(128).take(MAX_ENTRIES).collect();
        let link =
            |index: usize, at: usize| raw.get(index).and_then(|entry| u32_at(entry, at)).unwrap_or(u32::MAX);
        let mut parents = vec![0; raw.len()];
        let mut seen = vec![false; raw.len()];
        let mut todo = vec![(link(0, 76), 0_usize)];
        while let Some((index, parent)) = todo.pop() {
            let at = index as usize;
            self.cut |= index < NONE && at >= raw.len();
            if at >= raw.len() || at == 0 || seen[at] {
                continue;
            }
            seen[at] = true;
            parents[at] = parent;
            todo.extend([(link(at, 68), parent), (link(at, 72), parent), (link(at, 76), at)]);
        }
        self.below = vec![Vec::new(); raw.len()];
        let wide_sizes = self.sector > 512;
        for (index, (entry, parent)) in raw.iter().zip(parents).enumerate() {
            if index > 0 && entry[66] != 0 {
                self.below[parent].push(index);
            }
            let length = u16_at(entry, 64).unwrap_or(0).min(64) as usize;
            let size = u64::from(u32_at(entry, 120).unwrap_or(0));
            let high = u64::from(u32_at(entry, 124).unwrap_or(0));
            self.entries.push(Entry {
                name: wide(&entry[..length]),
                // Programs open a stream also where its type is none; storages have nothing to read.
                is_stream: !matches!(entry[66], 0 | 1 | 5),
                size: if wide_sizes { size | high << 32 } else { size },
                start: u32_at(entry, 116).unwrap_or(u32::MAX),
            });
        }
    }

    /// What is directly in a storage.
    pub(super) fn children(&self, storage: usize) -> impl Iterator<Item = (usize, &Entry)> {
        let below = self.below.get(storage).map_or(&[][..], Vec::as_slice);
        below.iter().filter_map(|index| Some((*index, self.entries.get(*index)?)))
    }

    /// A child by name; case does not matter.
    pub(super) fn find(&self, storage: usize, name: &str) -> Option<usize> {
        self.children(storage)
            .find(|(_, entry)| entry.name.eq_ignore_ascii_case(name))
            .map(|(index, _)| index)
    }

    /// A stream's octets, as many as there are.
    pub(super) fn read(&self, index: usize) -> Cow<'a, [u8]> {
        if let Some(clear) = self.clear.get(&index) {
            return Cow::Owned(clear.clone());
        }
        match self.entries.get(index) {
            Some(entry) if entry.is_stream && entry.size < self.mini_limit => {
                Cow::Owned(self.mini_chain(entry.start, entry.size))
            }
            Some(entry) if entry.is_stream => self.chain(entry.start, entry.size),
            _ => Cow::Borrowed(&[]),
        }
    }

    /// A stream of a storage, by name.
    pub(super) fn stream(&self, storage: usize, name: &str) -> Option<Cow<'a, [u8]>> {
        self.find(storage, name).map(|index| self.read(index))
    }
}

fn numbers(octets: &[u8]) -> impl Iterator<Item = u32> + '_ {
    octets.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// Any compound file: each storage by what is in it, embedded documents included.
pub(super) fn open(request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut file = Cfb::parse(request.octets).ok_or(Reason::Corrupt)?;
    if file.cut {
        out.unscannable("", Reason::Corrupt);
    }
    let behind = file.behind();
    if crate::extent::is_foreign(behind) || behind.starts_with(b"PK\x03\x04") {
        out.ambiguous("", AmbiguityReason::ContainerDisagreement);
        out.copied("appended data".to_owned(), behind)?;
    }
    if file.find(0, "EncryptedPackage").is_some() {
        return package_inside(&file, request, out);
    }
    for storage in (0..file.entries.len()).filter(|storage| !file.entries[*storage].is_stream) {
        match encrypted::streams(&file, storage, out) {
            Ok(clear) => file.clear.extend(clear),
            // Who reads the document says so.
            Err(Reason::Encrypted) => {}
            Err(reason) => return Err(reason),
        }
    }
    if file.find(0, "__properties_version1.0").is_some() {
        return msg::read(&file, out);
    }
    let mut outcome = Ok(());
    let mut read = 0;
    for storage in 0..file.entries.len() {
        if file.entries[storage].is_stream || (storage > 0 && file.entries[storage].name.is_empty()) {
            continue;
        }
        let place =
            if storage == 0 { String::new() } else { format!("embedded {}", file.entries[storage].name) };
        match self::storage(&file, storage, &place, out) {
            Ok(known) => read += usize::from(known),
            Err(reason @ (Reason::Timeout | Reason::TooBig | Reason::Ratio | Reason::TooManyParts)) => {
                return Err(reason);
            }
            Err(reason) if storage == 0 => outcome = Err(reason),
            Err(reason) => out.unscannable(&place, reason),
        }
    }
    // One without any stream, as Word puts into RTF, has nothing to say.
    let says_something = file.entries.iter().any(|entry| entry.is_stream && entry.size > 0);
    if read == 0 && outcome.is_ok() && says_something {
        return Err(Reason::Unsupported(request.kind));
    }
    outcome
}

/// An encrypted package is read as the document that it is; what is none is a file inside.
fn package_inside(file: &Cfb<'_>, request: &DocumentRequest<'_>, out: &mut Output<'_>) -> Result<(), Reason> {
    use FileKind::*;
    let clear = encrypted::package(file, out)?;
    let request = DocumentRequest { kind: crate::detect(&clear, None), octets: &clear, ..*request };
    match request.kind {
        Docx | Docm | Dotx | Xlsx | Xlsm | Xltx | Pptx | Pptm | Ppsx | Potx => ooxml::open(&request, out),
        Xlsb => xlsb::open(&request, out),
        _ => out.file("package".to_owned(), clear),
    }
}

/// One storage. Says whether something in it was known; where streams of it have no reader, their words are read, and it is named.
pub(super) fn storage(
    file: &Cfb<'_>,
    storage: usize,
    place: &str,
    out: &mut Output<'_>,
) -> Result<bool, Reason> {
    let (mut known, mut whole) = (false, false);
    let mut unread = Vec::new();
    let mut outcome = Ok(());
    let names: Vec<(usize, String)> = file
        .children(storage)
        .filter(|(_, entry)| entry.is_stream)
        .map(|(index, entry)| (index, entry.name.clone()))
        .collect();
    let of_pivots =
        file.entries.get(storage).is_some_and(|entry| entry.name.eq_ignore_ascii_case("_SX_DB_CUR"));
    for (index, name) in names {
        out.spend(0)?;
        if of_pivots {
            xls::pivot::read(&file.read(index), out)?;
            known = true;
            continue;
        }
        let read = match name.to_ascii_lowercase().as_str() {
            "worddocument" => {
                let read = doc::read(file, storage, place, out);
                with_pictures(read, &file.read(index), place, out)
            }
            "workbook" | "book" => workbook(&file.read(index), place, out),
            // Where PowerPoint 97 and Word keep pictures.
            "pictures" | "data" => blip::read(&file.read(index), place, out),
            // All words of a presentation of PowerPoint 95, whose other records have no reader.
            "text_content" => words(&file.read(index), place, out),
            "powerpoint document" => ppt::read(file, storage, place, out),
            "\u{1}ole10native" => package(&file.read(index), out),
            "contents" if is_form(&file.read(index)) => form(&file.read(index), place, out),
            "package" | "contents" => hand_on(&name, &file.read(index), out),
            "\u{5}summaryinformation" | "\u{5}documentsummaryinformation" => {
                properties(&file.read(index), place, out)
            }
            "encryptedpackage" => Err(Reason::Encrypted),
            "dir" => vba::read(file, storage, place, out),
            // XML of one's own that Office keeps with a document, in its MsoDataStore.
            "item" | "properties" if file.read(index).trim_ascii_start().starts_with(b"<") => {
                hand_on(&name, &file.read(index), out)
            }
            _ => {
                unread.push((index, name));
                continue;
            }
        };
        match name.to_ascii_lowercase().as_str() {
            "pictures" | "data" => {}
            "package" | "contents" | "item" | "properties" | "\u{1}ole10native" => known = true,
            name if name.starts_with('\u{5}') => {}
            // What it is that stands beside them, they say, and the reader of each asks for it.
            _ => (known, whole) = (true, true),
        }
        let wanted = file.entries.get(index).map_or(0, |entry| entry.size);
        if outcome.is_ok() && (file.read(index).len() as u64) < wanted {
            outcome = Err(Reason::Corrupt);
        }
        match read {
            Err(reason @ (Reason::Timeout | Reason::TooBig | Reason::Ratio | Reason::TooManyParts)) => {
                return Err(reason);
            }
            Err(reason) => outcome = Err(reason),
            Ok(()) => {}
        }
    }
    // Those of COM itself ([MS-OLEDS] 2.3) tell nothing of the content.
    unread.retain(|(index, name)| {
        let empty = file.entries.get(*index).is_none_or(|entry| entry.size == 0);
        !whole && !empty && !name.starts_with(|c: char| c.is_control())
    });
    for (index, name) in &unread {
        let spot = if place.is_empty() { name.clone() } else { format!("{place} {name}") };
        out.text(&spot, Kind::Raw, crate::open::words(&file.read(*index)))?;
    }
    if outcome.is_ok() && unread.iter().any(|(_, name)| !is_of_macros(name)) {
        return Err(Reason::Unsupported(FileKind::Cfb));
    }
    outcome.map(|()| known)
}

/// What a project of macros keeps beside its modules ([MS-OVBA] 2.2): lists, and forms, of which the words are what matters.
fn is_of_macros(name: &str) -> bool {
    ["PROJECT", "PROJECTwm", "PROJECTlk", "f", "o", "x"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A control of a form ([MS-OFORMS] 2.2): version 2.0, then the size of what follows it.
fn is_form(octets: &[u8]) -> bool {
    let size = u16_at(octets, 2).map_or(0, usize::from);
    octets.starts_with(&[0, 2]) && size >= 4 && octets.len() >= 4 + size
}

/// The captions and values of a control are among its octets, one octet for a letter or two.
fn form(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let units = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let mut letters = String::new();
    for unit in units {
        match char::from_u32(unit.into()).filter(|c| *c >= '\u{80}' && c.is_alphanumeric()) {
            Some(c) => letters.push(c),
            None if letters.ends_with('\n') || letters.is_empty() => {}
            None => letters.push('\n'),
        }
    }
    let wide: Vec<_> = letters.lines().filter(|line| line.chars().count() >= 3).collect();
    out.text(place, Kind::Raw, crate::open::words(octets))?;
    out.text(place, Kind::Raw, wide.join("\n"))
}

fn workbook(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let read = xls::read(octets, place, out);
    with_pictures(read, &blip::of_workbook(octets), place, out)
}

/// Pictures come behind the texts, but not where a bound was met or the document is closed.
fn with_pictures(
    read: Result<(), Reason>,
    octets: &[u8],
    place: &str,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let pictures = match &read {
        Ok(()) | Err(Reason::Corrupt) => blip::read(octets, place, out),
        Err(_) => Ok(()),
    };
    read.and(pictures)
}

/// Words one paragraph behind the other.
fn words(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let octets = octets.trim_ascii_end();
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    let text = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&octets[..end]).0;
    out.text(place, Kind::Text, text.replace(['\r', '\u{b}', '\0'], "\n"))
}

fn package(octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    match ole::native(octets) {
        Some(package) => package.hand_on(out),
        None => hand_on("package", octets.get(4..).unwrap_or_default(), out),
    }
}

fn hand_on(name: &str, octets: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    out.spend(octets.len() as u64)?;
    match octets.is_empty() {
        true => Ok(()),
        false => out.file(name.to_owned(), octets.to_vec()),
    }
}

/// Document properties ([MS-OLEPS]): strings of every section, user-defined ones with their names.
pub(super) fn properties(octets: &[u8], place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let sections = u32_at(octets, 24).unwrap_or(0) as usize;
    let spot = if place.is_empty() { "properties".to_owned() } else { format!("{place} properties") };
    // Programs write two.
    if sections > MOST_SECTIONS {
        out.unscannable(&spot, Reason::TooManyParts);
    }
    for section in 0..sections.min(MOST_SECTIONS) {
        let start = u32_at(octets, 28 + section * 20 + 16);
        let Some(set) = start.and_then(|start| octets.get(start as usize..)) else {
            out.unscannable(&spot, Reason::Corrupt);
            break;
        };
        let count = u32_at(set, 4).unwrap_or(0) as usize;
        let mut page = 1252;
        let slots: Vec<(u32, usize)> = (0..count.min(MAX_PROPERTIES))
            .map_while(|index| Some((u32_at(set, 8 + index * 8)?, u32_at(set, 12 + index * 8)? as usize)))
            .collect();
        if slots.len() < count && slots.len() == MAX_PROPERTIES {
            out.unscannable(&spot, Reason::TooManyParts);
        }
        for (id, at) in &slots {
            if *id == 1 {
                page = u16_at(set, at + 4).unwrap_or(1252);
            }
        }
        // Properties that share their octets would make much of little.
        let mut left = set.len().saturating_mul(4).saturating_add(64 << 10);
        for (id, at) in slots {
            let Some(value) = set.get(at..).filter(|_| id != 1) else { continue };
            let mut fields = Fields(value);
            for text in strings(&mut fields, id, page) {
                out.text(&spot, Kind::Property, text)?;
            }
            let Some(rest) = left.checked_sub(value.len() - fields.0.len()) else {
                out.unscannable(&spot, Reason::TooBig);
                break;
            };
            left = rest;
        }
    }
    Ok(())
}

fn strings(fields: &mut Fields<'_>, id: u32, page: u16) -> Vec<String> {
    let decode = |octets: &[u8]| {
        let end = memchr::memchr(0, octets).unwrap_or(octets.len());
        match super::rtf::code_page(page.into()) {
            Some(encoding) if page == 1200 => {
                encoding.decode_without_bom_handling(octets).0.trim_end_matches('\0').to_owned()
            }
            Some(encoding) => encoding.decode_without_bom_handling(&octets[..end]).0.into_owned(),
            None => ole::ansi(octets),
        }
    };
    let read = |kind: u32, fields: &mut Fields<'_>| -> Option<String> {
        let length = fields.u32()? as usize;
        let octets = if kind == 31 { length.checked_mul(2)? } else { length };
        let taken = fields.take(octets.min(fields.0.len()))?;
        if kind == 31 {
            fields.take((4 - octets % 4) % 4);
            return Some(wide(taken));
        }
        Some(decode(taken))
    };
    // Names of user-defined properties have id 0 and no type.
    if id == 0 {
        let count = fields.u32().unwrap_or(0);
        return (0..count)
            .map_while(|_| {
                fields.u32()?;
                read(30, fields)
            })
            .collect();
    }
    match fields.u32() {
        Some(kind @ (30 | 31)) => read(kind, fields).into_iter().collect(),
        Some(kind @ (0x101e | 0x101f)) => {
            let count = fields.u32().unwrap_or(0);
            (0..count).map_while(|_| read(kind & 0xff, fields)).collect()
        }
        Some(0x100c) => {
            let count = fields.u32().unwrap_or(0);
            let each = (0..count).map_while(|_| {
                let kind = fields.u32()?;
                match kind {
                    30 | 31 => read(kind, fields),
                    _ => {
                        fields.take(4)?;
                        Some(String::new())
                    }
                }
            });
            each.collect()
        }
        _ => Vec::new(),
    }
}
