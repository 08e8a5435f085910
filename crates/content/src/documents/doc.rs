//! Word documents of the binary format ([MS-DOC]): the piece table says where text is, fast-saved files included; Word 6 and 95 as well.
//!
//! A fast save leaves deleted text in the file, between the pieces: it is read as an earlier version. Where damage takes pieces away, what they
//! held is read in the same way.

mod fields;
mod header;
mod numbering;
mod pages;
mod paragraphs;
mod runs;
mod story;
mod styles;

use encoding_rs::Encoding;

use super::Output;
use super::cfb::Cfb;
use super::ole::Fields;
use crate::{Kind, Reason};
use header::{Header, Piece};
use numbering::Numbering;
use paragraphs::{Membership, Paragraphs};
use runs::Runs;
use story::Story;
use styles::StyleSheet;

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
    let (pieces, shared) = header.pieces(&main, &table);
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
        lists: Lists::read(&header, &main, &table, &shared).filter(|_| !broken),
    };
    for (length, (story, kind)) in header.lengths.iter().zip(STORIES) {
        let spot = match (place.is_empty(), story.is_empty()) {
            (true, _) => story.to_owned(),
            (false, true) => place.to_owned(),
            (false, false) => format!("{place} {story}"),
        };
        let length = if broken { u64::MAX } else { u64::from(*length) };
        text.take(length).hand_on(&spot, kind, out)?;
    }
    // Text that no story claims is text all the same.
    text.lists = None;
    text.take(u64::MAX).hand_on(place, Kind::Hidden, out)?;
    // A document says how much text it has: less is damage.
    let told: u64 = header.lengths.iter().map(|length| u64::from(*length)).sum();
    let damaged = broken || text.taken < told;
    if (header.complex || damaged) && !broken {
        let gaps = text.between_pieces(header.first as usize, header.end as usize);
        earlier(gaps, text.encoding, place, out)?;
    }
    authors(&header, &table, out)?;
    shapes(&header, &table, out)?;
    if !header.old
        && let Some(data) = file.stream(storage, "Data")
    {
        fields::read(&main, &data, place, out)?;
    }
    if damaged { Err(Reason::Corrupt) } else { Ok(()) }
}

/// Text that lies in one stretch of the main stream.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    start: usize,
    octets: &'a [u8],
    wide: bool,
    /// What its piece changes.
    changed: u16,
}

impl Stretch<'_> {
    /// Of a character, in octets.
    fn size(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    fn between(self, from: usize, to: usize) -> Self {
        Self { start: self.start + from, octets: &self.octets[from..to], ..self }
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
    lists: Option<Lists<'a>>,
}

impl Characters<'_> {
    fn take(&mut self, mut wanted: u64) -> Story {
        let mut story = Story::default();
        // Pieces may overlap; together they cannot sensibly hold more than the stream.
        while let (true, Some(piece)) =
            (wanted > 0 && story.own() < 4 * self.main.len(), self.pieces.get(self.index))
        {
            let left = piece.length - self.at;
            let count = left.min(wanted);
            let size = piece.size();
            let start = piece.at.saturating_add((self.at as usize).saturating_mul(size)).min(self.main.len());
            let octets = &self.main[start..];
            let octets = &octets[..octets.len().min((count as usize).saturating_mul(size))];
            let stretch = Stretch { start, octets, wide: piece.wide, changed: piece.changed };
            self.taken += (octets.len() / size) as u64;
            wanted -= count;
            self.at += count;
            if self.at >= piece.length {
                self.index += 1;
                self.at = 0;
            }
            match self.lists.take() {
                None => self.decode(octets, stretch.wide, &mut story.text),
                Some(mut lists) => {
                    self.paragraphs(stretch, &mut lists, &mut story);
                    self.lists = Some(lists);
                }
            }
        }
        story
    }

    /// Text of one piece, with what lists put before paragraphs.
    fn paragraphs(&self, piece: Stretch<'_>, lists: &mut Lists<'_>, story: &mut Story) {
        let mut from = 0;
        for (at, character) in piece.octets.chunks_exact(piece.size()).enumerate() {
            let (mark, end) = (character[0], (at + 1) * piece.size());
            let ends = match (mark, character.get(1)) {
                (_, Some(1..)) => false,
                (b'\r' | 7, _) => true,
                (0xc, _) => lists.paragraphs.one_ends_before(piece.start + end),
                _ => false,
            };
            if ends {
                let of = lists.paragraphs.at(piece.start + end - 1, piece.changed);
                self.runs(piece.between(from, end), of, lists, story);
                from = end;
                let before = lists.numbering.next(of, &mut story.counters);
                story.end_paragraph(before, of);
            }
        }
        if from < piece.octets.len() {
            let of = lists.paragraphs.at(piece.start + from, piece.changed);
            self.runs(piece.between(from, piece.octets.len()), of, lists, story);
        }
    }

    /// Text of one paragraph, or of a piece of it, with marks where its runs turn round.
    fn runs(&self, text: Stretch<'_>, of: Membership, lists: &mut Lists<'_>, story: &mut Story) {
        let Some(runs) = &mut lists.runs else {
            return self.decode(text.octets, text.wide, &mut story.text);
        };
        let in_rightward = of.rightward == Some(true);
        let mut from = 0;
        while from < text.octets.len() {
            let at = text.start + from;
            let (end, rightward) = runs.at(at, of.style.unwrap_or(0), text.changed);
            // Whole characters, and at least one.
            let characters = end.saturating_sub(at).div_ceil(text.size()).max(1);
            let to = from.saturating_add(characters.saturating_mul(text.size())).min(text.octets.len());
            let mut run = String::new();
            self.decode(&text.octets[from..to], text.wide, &mut run);
            story.run(&run, rightward, in_rightward);
            from = to;
        }
        story.end_runs(in_rightward);
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

/// What is needed to number and to turn paragraphs, of a document that has lists or text from right to left.
struct Lists<'a> {
    paragraphs: Paragraphs<'a>,
    numbering: Numbering,
    runs: Option<Runs<'a>>,
}

impl<'a> Lists<'a> {
    fn read(header: &Header, main: &'a [u8], table: &'a [u8], shared: &[&[u8]]) -> Option<Self> {
        let numbering = Numbering::read(header, table);
        let sheet = StyleSheet::read(header, table);
        let runs = Runs::read(header, main, table, &sheet, shared);
        if numbering.is_empty() && runs.is_none() && !Paragraphs::may_turn(main, &sheet, shared) {
            return None;
        }
        Some(Self { paragraphs: Paragraphs::read(header, main, table, sheet, shared), numbering, runs })
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

/// Plain text of a story; what fields do stands apart from what they show.
fn emit(raw: &str, place: &str, kind: Kind, out: &mut Output<'_>) -> Result<(), Reason> {
    let mut text = String::with_capacity(raw.len());
    let mut fields: Vec<(bool, String)> = Vec::new();
    let mut instructions = Vec::new();
    let mut rest = raw;
    loop {
        // Most characters stand for themselves, and stand together.
        let (themselves, behind) = rest.split_at(rest.bytes().position(may_be_special).unwrap_or(rest.len()));
        target(&mut text, &mut fields).push_str(themselves);
        let mut behind = behind.chars();
        let Some(c) = behind.next() else { break };
        rest = behind.as_str();
        match c {
            '\u{13}' if fields.len() < MAX_FIELDS => fields.push((true, String::new())),
            '\u{14}' => {
                if let Some(field) = fields.last_mut() {
                    field.0 = false;
                }
            }
            '\u{15}' => instructions.extend(fields.pop().map(|(_, instruction)| instruction)),
            _ => target(&mut text, &mut fields).extend(plain(c)),
        }
    }
    instructions.extend(fields.into_iter().map(|(_, instruction)| instruction));
    out.text(place, kind, text)?;
    for mut instruction in instructions {
        instruction.retain(|c| !is_mark(c));
        let trimmed = instruction.trim();
        match trimmed.strip_prefix("HYPERLINK") {
            Some(target) => out.text(place, Kind::Link, target.replace('"', " ").trim().to_owned())?,
            None => out.text(place, Kind::Hidden, trimmed.to_owned())?,
        }
    }
    Ok(())
}

/// Where text goes: to the innermost field that still says what it does, or to what is shown.
fn target<'a>(text: &'a mut String, fields: &'a mut [(bool, String)]) -> &'a mut String {
    let inside = fields.iter_mut().rev().find(|(instruction, _)| *instruction);
    inside.map_or(text, |(_, instruction)| instruction)
}

/// Whether an octet of UTF-8 may begin a character that `plain` changes: controls of ASCII, U+0080 to U+00BF, U+F000 to U+FFFF.
fn may_be_special(octet: u8) -> bool {
    matches!(octet, ..b' ' | 0x7f | 0xc2 | 0xef)
}

/// Whether a character marks a direction: people set such marks, too, but not into what a field does.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{200f}' | '\u{202a}'..='\u{202c}')
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
