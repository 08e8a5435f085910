//! Word documents of the binary format ([MS-DOC]): the piece table says where text is, fast-saved files included; Word 6 and 95 as well.
//!
//! A fast save leaves deleted text in the file, between the pieces: it is read as an earlier version. Where damage takes pieces away, what they
//! held is read in the same way.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};

use super::Output;
use super::cfb::Cfb;
use super::ole::{Fields, u16_at, u32_at};
use crate::{Kind, Reason};

/// Pieces of one document.
const MAX_PIECES: usize = 1_000_000;
/// Fields inside fields.
const MAX_FIELDS: usize = 256;
/// Characters in a row that are taken for text where nothing says that there is any.
const LEAST_RUN: usize = 12;

/// The stories of a document, in the order of their text.
const STORIES: [(&str, Kind); 8] = [
    ("", Kind::Text),
    ("footnote", Kind::Note),
    ("header", Kind::Text),
    ("macro", Kind::Script),
    ("comment", Kind::Comment),
    ("endnote", Kind::Note),
    ("text box", Kind::Text),
    ("header text box", Kind::Text),
];

/// The document whose main stream is in `storage`.
pub(super) fn read(file: &Cfb<'_>, storage: usize, place: &str, out: &mut Output<'_>) -> Result<(), Reason> {
    let main = file.stream(storage, "WordDocument").ok_or(Reason::Corrupt)?;
    let header = Header::parse(&main).ok_or(Reason::Corrupt)?;
    if header.encrypted {
        return Err(Reason::Encrypted);
    }
    let table = match header.old {
        true => main.clone(),
        false => {
            let (first, second) =
                if header.second_table { ("1Table", "0Table") } else { ("0Table", "1Table") };
            file.stream(storage, first).or_else(|| file.stream(storage, second)).unwrap_or_default()
        }
    };
    let pieces = header.pieces(&main, &table);
    let broken = pieces.is_empty();
    let pieces = if broken { header.plain(&main) } else { pieces };
    let mut text = Characters {
        main: &main,
        encoding: header.encoding(&main, &pieces),
        far_east: header.far_east,
        pieces,
        index: 0,
        at: 0,
        taken: 0,
    };
    for (length, (story, kind)) in header.lengths.iter().zip(STORIES) {
        let spot = match (place.is_empty(), story.is_empty()) {
            (true, _) => story.to_owned(),
            (false, true) => place.to_owned(),
            (false, false) => format!("{place} {story}"),
        };
        let length = if broken { u64::MAX } else { u64::from(*length) };
        emit(&text.take(length), &spot, kind, out)?;
    }
    // Text that no story claims is text all the same.
    emit(&text.take(u64::MAX), place, Kind::Hidden, out)?;
    // A document says how much text it has: less is damage.
    let told: u64 = header.lengths.iter().map(|length| u64::from(*length)).sum();
    let damaged = broken || text.taken < told;
    if (header.complex || damaged) && !broken {
        let gaps = text.between_pieces(header.first as usize, header.end as usize);
        earlier(gaps, text.encoding, place, out)?;
    }
    authors(&header, &table, out)?;
    shapes(&header, &table, out)?;
    if damaged { Err(Reason::Corrupt) } else { Ok(()) }
}

/// What the file information block says.
struct Header {
    old: bool,
    encrypted: bool,
    second_table: bool,
    complex: bool,
    /// Made on a Macintosh, before Unicode.
    macintosh: bool,
    /// Made by a Korean, Chinese or Japanese version, before Unicode: each character has two octets.
    far_east: bool,
    language: u16,
    first: u32,
    end: u32,
    lengths: [u32; 8],
    piece_table: (u32, u32),
    authors: (u32, u32),
    drawings: (u32, u32),
}

impl Header {
    fn parse(main: &[u8]) -> Option<Self> {
        let (ident, version) = (u16_at(main, 0)?, u16_at(main, 2)?);
        let flags = u16_at(main, 10)?;
        let old = version < 106 || ident == 0xa5dc;
        let mut header = Self {
            old,
            encrypted: flags & 0x100 != 0,
            second_table: flags & 0x200 != 0,
            complex: flags & 4 != 0,
            macintosh: old && main.get(18) == Some(&1),
            far_east: old && flags & 0x1000 != 0,
            language: u16_at(main, 6)?,
            first: u32_at(main, 24)?,
            end: u32_at(main, 28)?,
            lengths: [0; 8],
            piece_table: (0, 0),
            authors: (0, 0),
            drawings: (0, 0),
        };
        if old {
            header.lengths = std::array::from_fn(|index| u32_at(main, 0x34 + 4 * index).unwrap_or(0));
            header.piece_table = (u32_at(main, 0x160)?, u32_at(main, 0x164)?);
            return Some(header);
        }
        let longs = 34 + 2 * usize::from(u16_at(main, 32)?) + 2;
        let pairs = longs + 4 * usize::from(u16_at(main, longs - 2)?) + 2;
        header.lengths = std::array::from_fn(|index| u32_at(main, longs + 12 + 4 * index).unwrap_or(0));
        let pair =
            |index: usize| Some((u32_at(main, pairs + 8 * index)?, u32_at(main, pairs + 8 * index + 4)?));
        header.piece_table = pair(33)?;
        header.authors = pair(36).unwrap_or((0, 0));
        header.drawings = pair(50).unwrap_or((0, 0));
        Some(header)
    }

    /// Text with one octet a character: Windows-1252 since Word 97, before that the writer's code page, which only
    /// the language tells, or the text itself.
    fn encoding(&self, main: &[u8], pieces: &[Piece]) -> &'static Encoding {
        if !self.old {
            return WINDOWS_1252;
        }
        if self.macintosh {
            return MACINTOSH;
        }
        let told = super::rtf::code_page(code_page_of(self.language)).unwrap_or(WINDOWS_1252);
        if told != WINDOWS_1252 {
            return told;
        }
        let mut guess = EncodingDetector::new(Iso2022JpDetection::Deny);
        for piece in pieces.iter().filter(|piece| piece.wide == self.far_east).take(64) {
            let rest = main.get(piece.at..).unwrap_or_default();
            let octets = &rest[..rest.len().min(piece.octets()).min(64 << 10)];
            match self.far_east {
                true => guess.feed(&in_order(octets), false),
                false => guess.feed(octets, false),
            };
        }
        guess.guess(None, Utf8Detection::Deny)
    }

    fn pieces(&self, main: &[u8], table: &[u8]) -> Vec<Piece> {
        if self.old && !self.complex {
            return self.plain_old();
        }
        let (at, length) = (self.piece_table.0 as usize, self.piece_table.1 as usize);
        let Some(rest) = table.get(at..) else { return Vec::new() };
        let mut fields = Fields(&rest[..length.min(rest.len())]);
        while let Some(kind) = fields.u8() {
            match kind {
                1 => {
                    let skipped = fields.u16().unwrap_or(0);
                    if fields.take(skipped.into()).is_none() {
                        return Vec::new();
                    }
                }
                2 => {
                    let size = fields.u32().unwrap_or(0) as usize;
                    return self.piece_list(main, &fields.0[..size.min(fields.0.len())]);
                }
                _ => return Vec::new(),
            }
        }
        Vec::new()
    }

    fn piece_list(&self, main: &[u8], list: &[u8]) -> Vec<Piece> {
        let count = (list.len().saturating_sub(4) / 12).min(MAX_PIECES);
        let each = (0..count).filter_map(|index| {
            let (from, to) = (u32_at(list, 4 * index)?, u32_at(list, 4 * index + 4)?);
            let place = u32_at(list, 4 * (count + 1) + 8 * index + 2)?;
            let narrow = place & 0x4000_0000 != 0;
            let at = place & 0x3fff_ffff;
            let length = u64::from(to.checked_sub(from)?);
            Some(match (self.old, narrow) {
                (true, false) if self.far_east => Piece { at: at as usize, length, wide: true },
                (true, false) => {
                    // Before Unicode a piece says nothing about it; some writers of Word 95 had it all the same.
                    let octets = main.get(at as usize..).unwrap_or_default();
                    let pairs = octets.chunks_exact(2).take((length as usize).min(256));
                    let (count, high) = pairs
                        .fold((0, 0), |(count, zero), pair| (count + 1, zero + usize::from(pair[1] == 0)));
                    Piece { at: at as usize, length, wide: count > 4 && high * 10 > count * 6 }
                }
                (_, true) => Piece { at: at as usize / 2, length, wide: false },
                (false, false) => Piece { at: at as usize, length, wide: true },
            })
        });
        each.collect()
    }

    fn plain_old(&self) -> Vec<Piece> {
        let length = u64::from(self.end.saturating_sub(self.first)) / if self.far_east { 2 } else { 1 };
        vec![Piece { at: self.first as usize, length, wide: self.far_east }]
    }

    /// Without a piece table: all of the text's place, as what it looks like.
    fn plain(&self, main: &[u8]) -> Vec<Piece> {
        let length = self.end.saturating_sub(self.first) as usize;
        let start = (self.first as usize).min(main.len());
        let octets = &main[start..main.len().min(start.saturating_add(length.max(1)))];
        let wide = octets.iter().skip(1).step_by(2).take(512).filter(|octet| **octet == 0).count() * 4
            > octets.len().min(1024);
        let length = (octets.len() / if wide { 2 } else { 1 }) as u64;
        vec![Piece { at: start, length, wide }]
    }
}

struct Piece {
    at: usize,
    /// In characters.
    length: u64,
    wide: bool,
}

impl Piece {
    /// Of a character, in octets.
    fn size(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    fn octets(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX).saturating_mul(self.size())
    }
}

/// Takes text off the front of the pieces.
struct Characters<'a> {
    main: &'a [u8],
    pieces: Vec<Piece>,
    /// Of text with one octet a character.
    encoding: &'static Encoding,
    far_east: bool,
    index: usize,
    at: u64,
    /// Characters that were there.
    taken: u64,
}

impl Characters<'_> {
    fn take(&mut self, mut wanted: u64) -> String {
        let mut text = String::new();
        // Pieces may overlap; together they cannot sensibly hold more than the stream.
        while let (true, Some(piece)) =
            (wanted > 0 && text.len() < 4 * self.main.len(), self.pieces.get(self.index))
        {
            let left = piece.length - self.at;
            let count = left.min(wanted);
            let size = piece.size();
            let start = piece.at.saturating_add((self.at as usize).saturating_mul(size)).min(self.main.len());
            let octets = &self.main[start..];
            let octets = &octets[..octets.len().min((count as usize).saturating_mul(size))];
            self.decode(octets, piece.wide, &mut text);
            self.taken += (octets.len() / size) as u64;
            wanted -= count;
            self.at += count;
            if self.at >= piece.length {
                self.index += 1;
                self.at = 0;
            }
        }
        text
    }

    /// What lies between the pieces, from the place where text begins to the one where it ends.
    fn between_pieces(&self, first: usize, end: usize) -> Vec<&[u8]> {
        let pieces = self.pieces.iter().filter(|piece| piece.length > 0);
        let mut ranges: Vec<_> =
            pieces.map(|piece| piece.at..piece.at.saturating_add(piece.octets())).collect();
        ranges.push(end..end);
        ranges.sort_by_key(|range| range.start);
        let mut at = first;
        let mut gaps = Vec::new();
        for range in ranges {
            gaps.extend(self.main.get(at..range.start).filter(|gap| gap.len() >= LEAST_RUN));
            at = at.max(range.end);
        }
        gaps
    }

    fn decode(&self, octets: &[u8], wide: bool, text: &mut String) {
        if wide && self.far_east {
            text.push_str(&self.encoding.decode_without_bom_handling(&in_order(octets)).0);
            return;
        }
        if wide {
            let units = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
            return;
        }
        text.push_str(&self.encoding.decode_without_bom_handling(octets).0);
    }
}

/// The octets of a code page, of characters that are stored as numbers of two octets.
fn in_order(octets: &[u8]) -> Vec<u8> {
    octets.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).filter(|octet| *octet != 0).collect()
}

/// Runs of text in octets that also hold how text once looked.
fn earlier(
    gaps: Vec<&[u8]>,
    encoding: &'static Encoding,
    place: &str,
    out: &mut Output<'_>,
) -> Result<(), Reason> {
    let spot =
        if place.is_empty() { "earlier version".to_owned() } else { format!("{place} earlier version") };
    for gap in gaps {
        out.spend(0)?;
        let units = gap.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let wide: String = char::decode_utf16(units).map(|c| c.unwrap_or('\0')).collect();
        let mut text = runs(&encoding.decode_without_bom_handling(gap).0, is_prose);
        // Octets of Latin text come out as Chinese when they are taken in pairs.
        let narrow = !text.is_empty();
        text.push_str(&runs(&wide, |run| is_of_one_script(run) && !(narrow && run.chars().any(is_wide))));
        out.text(&spot, Kind::Hidden, text)?;
    }
    Ok(())
}

/// Stretches without controls that are long enough and text by the look of it, one a line.
fn runs(text: &str, is_text: impl Fn(&str) -> bool) -> String {
    let is_control = |c: char| {
        c.is_control() && !matches!(c, '\r' | '\t' | '\u{7}' | '\u{b}' | '\u{c}' | '\u{13}'..='\u{15}')
    };
    let mut all = String::new();
    for run in text.split(is_control).filter(|run| run.chars().nth(LEAST_RUN - 1).is_some() && is_text(run)) {
        all.extend(run.chars().filter_map(plain));
        all.push('\n');
    }
    all
}

/// Octets that are no text come out as letters of every script when they are taken in pairs.
fn is_of_one_script(run: &str) -> bool {
    let blocks = || run.chars().map(|c| c as u32 >> 8).filter(|block| !matches!(block, 0 | 0x20));
    let Some(first) = blocks().next() else { return true };
    blocks().all(|block| block == first) || run.chars().all(|c| is_wide(c) || c.is_ascii())
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Octets that are no text come out as signs more than as letters.
fn is_prose(run: &str) -> bool {
    let letters = run.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).count();
    letters * 4 >= run.chars().count() * 3
}

/// The code page that Word used for a language.
fn code_page_of(language: u16) -> i32 {
    match language & 0x3ff {
        0x19 | 0x22 | 0x02 | 0x23 | 0x2f => 1251,
        0x05 | 0x0e | 0x15 | 0x18 | 0x1a | 0x1b | 0x1c | 0x24 => 1250,
        0x08 => 1253,
        0x1f => 1254,
        0x0d => 1255,
        0x01 | 0x20 | 0x29 => 1256,
        0x25..=0x27 => 1257,
        0x11 => 932,
        0x12 => 949,
        0x04 if language == 0x0804 || language == 0x1004 => 936,
        0x04 => 950,
        0x1e => 874,
        _ => 1252,
    }
}

/// Plain text of a story; what fields do stands apart from what they show.
fn emit(raw: &str, place: &str, kind: Kind, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut text = String::with_capacity(raw.len());
    let mut fields: Vec<(bool, String)> = Vec::new();
    let mut instructions = Vec::new();
    for c in raw.chars() {
        match c {
            '\u{13}' if fields.len() < MAX_FIELDS => fields.push((true, String::new())),
            '\u{14}' => {
                if let Some(field) = fields.last_mut() {
                    field.0 = false;
                }
            }
            '\u{15}' => instructions.extend(fields.pop().map(|(_, instruction)| instruction)),
            _ => {
                let inside = fields.iter_mut().rev().find(|(instruction, _)| *instruction);
                let target = inside.map_or(&mut text, |(_, instruction)| instruction);
                target.extend(plain(c));
            }
        }
    }
    instructions.extend(fields.into_iter().map(|(_, instruction)| instruction));
    out.text(place, kind, text)?;
    for instruction in instructions {
        let trimmed = instruction.trim();
        match trimmed.strip_prefix("HYPERLINK") {
            Some(target) => out.text(place, Kind::Link, target.replace('"', " ").trim().to_owned())?,
            None => out.text(place, Kind::Hidden, trimmed.to_owned())?,
        }
    }
    Ok(())
}

fn plain(c: char) -> Option<char> {
    match c {
        '\r' | '\u{b}' | '\u{c}' | '\u{e}' => Some('\n'),
        '\u{7}' => Some('\t'),
        '\u{1e}' => Some('-'),
        '\t' | '\n' => Some(c),
        '\u{1f}' => None,
        // References to notes and pictures part words that they stand between.
        '\0'..='\u{8}' => Some(' '),
        c if c.is_control() => None,
        // Symbol fonts live in a private area, on the octets they once had.
        '\u{f020}'..='\u{f07e}' => char::from_u32(c as u32 - 0xf000),
        c => Some(c),
    }
}

/// Words that shapes draw, and what is read out for them.
fn shapes(header: &Header, table: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let (at, length) = (header.drawings.0 as usize, header.drawings.1 as usize);
    let drawings = table.get(at..at.saturating_add(length).min(table.len())).unwrap_or_default();
    super::shape::in_drawings(drawings).into_iter().try_for_each(|(kind, text)| out.text("shape", kind, text))
}

/// Who wrote comments.
fn authors(header: &Header, table: &[u8], out: &mut Output<'_>) -> Result<(), Reason> {
    let (at, length) = (header.authors.0 as usize, header.authors.1 as usize);
    let Some(rest) = table.get(at..).filter(|_| length > 0) else { return Ok(()) };
    let mut fields = Fields(&rest[..length.min(rest.len())]);
    while let Some(octets) = fields.u16().and_then(|count| fields.take(usize::from(count) * 2)) {
        out.text("comment author", Kind::Attribute, super::ole::wide(octets))?;
    }
    Ok(())
}
