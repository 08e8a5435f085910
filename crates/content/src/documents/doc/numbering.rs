//! The lists of a Word document ([MS-DOC] 2.4.6.3): which numbers and words stand before its paragraphs.

use std::collections::{HashMap, HashSet};

use super::header::Header;
use super::paragraphs::Membership;
use super::plain;
use crate::documents::lists::{Before, Counter, Format, Level, Room};
use crate::documents::ole::Fields;

/// Lists that a paragraph can name ([MS-DOC] 2.6.2, sprmPIlfo).
const MOST: usize = 0x7fe;
/// Characters of a level's text that are shown.
const LONGEST: usize = 255;
/// Levels of a definition in this format.
const OWN_LEVELS: usize = 9;
/// The style of a level that has none.
const NO_STYLE: u16 = 0xfff;

/// Definitions, and the lists that go by them.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    definitions: HashMap<u32, Definition>,
    lists: Vec<List>,
}

#[derive(Debug, Default)]
struct Definition {
    levels: Vec<Level>,
    /// Of each level: who has the style is of that level.
    styles: [u16; OWN_LEVELS],
}

#[derive(Debug, Default)]
struct List {
    definition: u32,
    /// Levels that begin anew in it.
    starts: Vec<(usize, u32)>,
    /// All levels, where one looks otherwise in it.
    levels: Vec<Level>,
}

/// What one story has counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counters: HashMap<u32, Counter>,
    /// Lists that have a paragraph already.
    begun: HashSet<u16>,
    pub(super) room: Room,
}

impl Numbering {
    /// Reads definitions and lists. What was read before damage counts.
    pub(super) fn read(header: &Header, table: &[u8]) -> Self {
        let mut all = Self::default();
        // The levels stand behind the end of what is told to be the definitions.
        let (at, length) = (header.definitions.0 as usize, header.definitions.1 as usize);
        let heads = header.part(table, header.definitions);
        let levels = table.get(at.saturating_add(length)..).unwrap_or_default();
        if length > 0 && all.read_definitions(heads, levels).is_some() {
            let _ = all.read_lists(header.part(table, header.lists));
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    fn read_definitions(&mut self, heads: &[u8], levels: &[u8]) -> Option<()> {
        let (mut heads, mut levels) = (Fields(heads), Fields(levels));
        for _ in 0..heads.u16()? {
            let mut head = Fields(heads.take(28)?);
            let name = head.u32()?;
            head.u32()?;
            let mut definition = Definition::default();
            for style in &mut definition.styles {
                *style = head.u16()?;
            }
            let count = if head.u8()? & 1 == 1 { 1 } else { OWN_LEVELS };
            for _ in 0..count {
                // Where levels are cut off, those of earlier definitions are there.
                let Some(level) = level(&mut levels) else { return Some(()) };
                definition.levels.push(level);
            }
            self.definitions.insert(name, definition);
        }
        Some(())
    }

    fn read_lists(&mut self, octets: &[u8]) -> Option<()> {
        let mut fields = Fields(octets);
        let count = (fields.u32()? as usize).min(MOST);
        let mut overrides = Vec::new();
        for _ in 0..count {
            let mut head = Fields(fields.take(16)?);
            self.lists.push(List { definition: head.u32()?, ..List::default() });
            head.take(8)?;
            overrides.push(head.u8()?);
        }
        for (list, count) in self.lists.iter_mut().zip(overrides) {
            fields.u32()?;
            for _ in 0..count {
                let (start, flags) = (fields.u32()?, fields.u32()?);
                let number = (flags & 15) as usize;
                if flags & 0x20 != 0 {
                    let level = level(&mut fields)?;
                    if flags & 0x10 != 0 {
                        list.starts.push((number, level.start.unwrap_or(1)));
                    }
                    if list.levels.is_empty() {
                        let definition = self.definitions.get(&list.definition);
                        list.levels =
                            definition.map(|definition| definition.levels.clone()).unwrap_or_default();
                    }
                    if let Some(known) = list.levels.get_mut(number) {
                        *known = level;
                    }
                } else if flags & 0x10 != 0 {
                    list.starts.push((number, start));
                }
            }
        }
        Some(())
    }

    /// Counts a paragraph; what stands before it.
    pub(super) fn next(&self, of: Membership, counters: &mut Counters) -> Option<Before> {
        let number = of.list?;
        let list = self.lists.get(usize::from(number.checked_sub(1)?))?;
        let definition = self.definitions.get(&list.definition)?;
        let by_style =
            || definition.styles.iter().position(|style| Some(*style) == of.style && *style != NO_STYLE);
        let level = of.level.map(usize::from).or_else(by_style).unwrap_or(0);
        let counter = counters.counters.entry(list.definition).or_default();
        if !list.starts.is_empty() && counters.begun.insert(number) {
            list.starts.iter().for_each(|(level, start)| counter.set(*level, *start));
        }
        let levels = if list.levels.is_empty() { &definition.levels } else { &list.levels };
        counter.next(levels, level, &mut counters.room)
    }
}

/// One level: a head of 28 octets, how its paragraphs and its number look, and its text.
fn level(fields: &mut Fields<'_>) -> Option<Level> {
    let mut head = Fields(fields.take(28)?);
    let start = head.u32()?;
    let form = head.u8()?;
    let digits = head.u8()? & 4 != 0;
    head.take(9)?;
    let glued = head.u8()? == 2;
    head.take(8)?;
    let (of_number, of_paragraph) = (head.u8()?, head.u8()?);
    fields.take(of_paragraph.into())?;
    let unseen = is_hidden(fields.take(of_number.into())?);
    let length = usize::from(fields.u16()?);
    let units = fields.take(2 * length)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let mut text = String::new();
    let units = units.take(LONGEST);
    for c in char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)) {
        match c {
            '\0'..='\u{8}' => text.extend(['%', char::from(b'1' + c as u8)]),
            c => text.extend(plain(c)),
        }
    }
    Some(Level { start: Some(start), format: format(form), text, glued, unseen, digits })
}

/// The forms of numbers that [MS-OSHARED] 2.2.1.3 lists; those in words and other scripts are shown as digits.
fn format(form: u8) -> Format {
    match form {
        1 => Format::Roman { upper: true },
        2 => Format::Roman { upper: false },
        3 => Format::Letters { upper: true, doubled: true },
        4 => Format::Letters { upper: false, doubled: true },
        22 => Format::Padded,
        23 | 255 => Format::None,
        _ => Format::Digits,
    }
}

/// Whether modifiers of characters end with them hidden.
fn is_hidden(modifiers: &[u8]) -> bool {
    let mut hidden = false;
    super::paragraphs::each(modifiers, |code, operand| {
        if code == 0x083c {
            hidden = operand.first() == Some(&1);
        }
    });
    hidden
}
