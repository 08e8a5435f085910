//! What a Word document says of itself in front ([MS-DOC] 2.5, the file information block): its version, where its text is, and in which code page.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};

use super::in_order;
use crate::documents::ole::{Fields, u16_at, u32_at};

/// Pieces of one document.
const MAX_PIECES: usize = 1_000_000;
/// Modifiers that pieces can refer to, with the fifteen bits that they have for it.
const MAX_SHARED: usize = 1 << 15;

/// What the file information block says.
pub(super) struct Header {
    pub(super) old: bool,
    pub(super) encrypted: bool,
    pub(super) second_table: bool,
    pub(super) complex: bool,
    /// Made on a Macintosh, before Unicode.
    pub(super) macintosh: bool,
    /// Made by a Korean, Chinese or Japanese version, before Unicode: each character has two octets.
    pub(super) far_east: bool,
    pub(super) language: u16,
    pub(super) first: u32,
    pub(super) end: u32,
    pub(super) lengths: [u32; 8],
    pub(super) piece_table: (u32, u32),
    pub(super) authors: (u32, u32),
    pub(super) drawings: (u32, u32),
    pub(super) styles: (u32, u32),
    /// Where properties of paragraphs are, and of runs.
    pub(super) paragraphs: (u32, u32),
    pub(super) runs: (u32, u32),
    /// Of lists.
    pub(super) definitions: (u32, u32),
    pub(super) lists: (u32, u32),
}

/// Octets beyond ASCII, with those around them, from which a code page is guessed.
const SAMPLE: usize = 32 << 10;

impl Header {
    pub(super) fn parse(main: &[u8]) -> Option<Self> {
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
            styles: (0, 0),
            paragraphs: (0, 0),
            runs: (0, 0),
            definitions: (0, 0),
            lists: (0, 0),
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
        header.styles = pair(1).unwrap_or((0, 0));
        header.paragraphs = pair(13).unwrap_or((0, 0));
        header.runs = pair(12).unwrap_or((0, 0));
        header.definitions = pair(73).unwrap_or((0, 0));
        header.lists = pair(74).unwrap_or((0, 0));
        Some(header)
    }

    /// A part of the table stream, as far as it is there.
    pub(super) fn part<'a>(&self, table: &'a [u8], (at, length): (u32, u32)) -> &'a [u8] {
        let rest = table.get(at as usize..).unwrap_or_default();
        &rest[..rest.len().min(length as usize)]
    }

    /// Text with one octet a character: Windows-1252 since Word 97, before that the writer's code page, which only
    /// the language tells, or the text itself.
    pub(super) fn encoding(&self, main: &[u8], pieces: &[Piece]) -> &'static Encoding {
        if !self.old {
            return WINDOWS_1252;
        }
        if self.macintosh {
            return MACINTOSH;
        }
        let told = crate::documents::rtf::code_page(code_page_of(self.language)).unwrap_or(WINDOWS_1252);
        if told != WINDOWS_1252 {
            return told;
        }
        let mut guess = EncodingDetector::new(Iso2022JpDetection::Deny);
        let mut left = SAMPLE;
        for piece in pieces.iter().filter(|piece| piece.wide == self.far_east).take(64) {
            let rest = main.get(piece.at..).unwrap_or_default();
            let octets = &rest[..rest.len().min(piece.octets())];
            // ASCII tells nothing.
            let Some(first) = octets.iter().position(|octet| *octet >= 0x80) else { continue };
            // Characters of two octets stay whole.
            let from = first.saturating_sub(SAMPLE / 64) & !1;
            let octets = &octets[from..octets.len().min(from + left)];
            left -= octets.len();
            match self.far_east {
                true => guess.feed(&in_order(octets), false),
                false => guess.feed(octets, false),
            };
        }
        guess.guess(None, Utf8Detection::Deny)
    }

    /// Where the text is, and modifiers that pieces refer to.
    pub(super) fn pieces<'a>(&self, main: &[u8], table: &'a [u8]) -> (Vec<Piece>, Vec<&'a [u8]>) {
        let mut shared = Vec::new();
        if self.old && !self.complex {
            return (self.plain_old(), shared);
        }
        let mut fields = Fields(self.part(table, self.piece_table));
        while let Some(kind) = fields.u8() {
            match kind {
                1 => match fields.u16().and_then(|length| fields.take(length.into())) {
                    Some(modifiers) if shared.len() < MAX_SHARED => shared.push(modifiers),
                    Some(_) => {}
                    None => break,
                },
                2 => {
                    let size = fields.u32().unwrap_or(0) as usize;
                    return (self.piece_list(main, &fields.0[..size.min(fields.0.len())]), shared);
                }
                _ => break,
            }
        }
        (Vec::new(), Vec::new())
    }

    fn piece_list(&self, main: &[u8], list: &[u8]) -> Vec<Piece> {
        let count = (list.len().saturating_sub(4) / 12).min(MAX_PIECES);
        let each = (0..count).filter_map(|index| {
            let (from, to) = (u32_at(list, 4 * index)?, u32_at(list, 4 * index + 4)?);
            let place = u32_at(list, 4 * (count + 1) + 8 * index + 2)?;
            let changed = u16_at(list, 4 * (count + 1) + 8 * index + 6)?;
            let narrow = place & 0x4000_0000 != 0;
            let at = place & 0x3fff_ffff;
            let length = u64::from(to.checked_sub(from)?);
            Some(match (self.old, narrow) {
                (true, false) if self.far_east => Piece { at: at as usize, length, wide: true, changed },
                (true, false) => {
                    // Before Unicode a piece says nothing about it; some writers of Word 95 had it all the same.
                    let octets = main.get(at as usize..).unwrap_or_default();
                    let pairs = octets.chunks_exact(2).take((length as usize).min(256));
                    let (count, high) = pairs
                        .fold((0, 0), |(count, zero), pair| (count + 1, zero + usize::from(pair[1] == 0)));
                    Piece { at: at as usize, length, wide: count > 4 && high * 10 > count * 6, changed }
                }
                (_, true) => Piece { at: at as usize / 2, length, wide: false, changed },
                (false, false) => Piece { at: at as usize, length, wide: true, changed },
            })
        });
        each.collect()
    }

    fn plain_old(&self) -> Vec<Piece> {
        let length = u64::from(self.end.saturating_sub(self.first)) / if self.far_east { 2 } else { 1 };
        vec![Piece { at: self.first as usize, length, wide: self.far_east, changed: 0 }]
    }

    /// Without a piece table: all of the text's place, as what it looks like.
    pub(super) fn plain(&self, main: &[u8]) -> Vec<Piece> {
        let length = self.end.saturating_sub(self.first) as usize;
        let start = (self.first as usize).min(main.len());
        let octets = &main[start..main.len().min(start.saturating_add(length.max(1)))];
        let wide = octets.iter().skip(1).step_by(2).take(512).filter(|octet| **octet == 0).count() * 4
            > octets.len().min(1024);
        let length = (octets.len() / if wide { 2 } else { 1 }) as u64;
        vec![Piece { at: start, length, wide, changed: 0 }]
    }
}

pub(super) struct Piece {
    pub(super) at: usize,
    /// In characters.
    pub(super) length: u64,
    pub(super) wide: bool,
    /// What the piece changes of the properties of its paragraphs (Prm).
    pub(super) changed: u16,
}

impl Piece {
    /// Of a character, in octets.
    pub(super) fn size(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    pub(super) fn octets(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX).saturating_mul(self.size())
    }
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
