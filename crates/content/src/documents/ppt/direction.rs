//! In which direction paragraphs of a presentation run ([MS-PPT] 2.9): as they say, as the masters do for texts of their kind, or as the document does.

use super::{Record, id, record};
use crate::direction::lines_from_right;
use crate::documents::ole::{Fields, u16_at, u32_at};

/// Kinds of texts (2.13.33), of which four rest upon another.
const KINDS: usize = 9;
const UPON: [usize; KINDS] = [0, 1, 2, 3, 4, 1, 0, 1, 1];
/// Levels of indentation.
const LEVELS: usize = 5;
/// Records behind a text among which the one about its paragraphs is looked for.
const LOOK_AHEAD: usize = 16;

/// What masters and the document say; of several masters that say something one that turns the text is enough.
#[derive(Debug, Default)]
pub(super) struct Directions {
    levels: [[Option<bool>; LEVELS]; KINDS],
    default: Option<bool>,
    /// The kind of text that comes next.
    kind: usize,
}

impl Directions {
    /// Hears of any record, in front of all texts.
    pub(super) fn learn(&mut self, record: &Record, octets: &[u8]) {
        let data = || {
            let end = record.start.saturating_add(record.length).min(octets.len());
            Fields(octets.get(record.start..end).unwrap_or_default())
        };
        match record.kind {
            id::MASTER_STYLE => drop(self.master_style(record.instance.into(), data())),
            id::PARAGRAPH_DEFAULTS => {
                let mut fields = data();
                fields.u16();
                self.default = self.default.max(paragraph(&mut fields).flatten());
            }
            _ => {}
        }
    }

    fn master_style(&mut self, kind: usize, mut fields: Fields<'_>) -> Option<()> {
        let levels = self.levels.get_mut(kind)?;
        for number in 0..usize::from(fields.u16()?) {
            // Where a kind rests upon another, each level says which it is.
            let number = if kind < 5 { number } else { fields.u16()?.into() };
            let says = paragraph(&mut fields)?;
            if let Some(level) = levels.get_mut(number) {
                *level = (*level).max(says);
            }
            characters(&mut fields)?;
        }
        Some(())
    }

    /// Hears which kind of text comes.
    pub(super) fn header(&mut self, data: &[u8]) {
        self.kind = u32_at(data, 0).map_or(0, |kind| kind as usize).min(KINDS - 1);
    }

    fn at(&self, level: usize) -> Option<bool> {
        let of = |kind: usize| self.levels[kind][level.min(LEVELS - 1)];
        of(self.kind).or_else(|| of(UPON[self.kind])).or(self.default)
    }

    /// A text, with the marks that say so where paragraphs run from right to left; what is told of them stands from `behind` on.
    pub(super) fn directed(&self, text: String, octets: &[u8], behind: usize) -> String {
        let runs = self.runs(octets, behind);
        let by_default = self.at(0) == Some(true);
        if !by_default && runs.iter().all(|(_, rightward)| !rightward) {
            return text;
        }
        let mut runs = runs.into_iter().peekable();
        let (mut marked, mut at) = (String::with_capacity(text.len() + 8), 0_u64);
        for line in text.split_inclusive('\r') {
            // Of a paragraph what counts stands at its beginning.
            while runs.next_if(|(end, _)| *end <= at).is_some() {}
            match runs.peek().map_or(by_default, |(_, rightward)| *rightward) {
                true => marked.push_str(&lines_from_right(line)),
                false => marked.push_str(line),
            }
            at += line.chars().map(|c| c.len_utf16() as u64).sum::<u64>();
        }
        marked
    }

    /// Where runs of paragraphs end, in characters of two octets, and whether they go from right to left.
    fn runs(&self, octets: &[u8], behind: usize) -> Vec<(u64, bool)> {
        let mut at = behind;
        for _ in 0..LOOK_AHEAD {
            let Some(record) = record(octets, at) else { break };
            let end = record.start.saturating_add(record.length).min(octets.len());
            match record.kind {
                id::PARAGRAPHS => return self.paragraphs(octets.get(record.start..end).unwrap_or_default()),
                id::TEXT_HEADER | id::TEXT_CHARS | id::TEXT_BYTES => break,
                _ if record.container => break,
                _ => at = end,
            }
        }
        Vec::new()
    }

    /// Runs of paragraphs stand in front of those of characters, which no number parts from them: beyond the text they mean nothing.
    fn paragraphs(&self, data: &[u8]) -> Vec<(u64, bool)> {
        let (mut fields, mut runs, mut at) = (Fields(data), Vec::new(), 0_u64);
        while let (Some(count), Some(level)) = (fields.u32(), fields.u16()) {
            let Some(says) = paragraph(&mut fields) else { break };
            at += u64::from(count);
            runs.push((at, says.or_else(|| self.at(level.into())) == Some(true)));
        }
        runs
    }
}

/// Steps over what is said of a paragraph (2.9.20): whether it runs from right to left, if that is said.
fn paragraph(fields: &mut Fields<'_>) -> Option<Option<bool>> {
    let mask = fields.u32()?;
    let has = |bits: u32| mask & bits != 0;
    // Flags of bullets, its character, font, size and colour; alignment, spaces, margins and tabulators.
    for (bits, size) in [
        (0xf, 2),
        (1 << 7, 2),
        (1 << 4, 2),
        (1 << 6, 2),
        (1 << 5, 4),
        (1 << 11, 2),
        (1 << 12, 2),
        (1 << 13, 2),
        (1 << 14, 2),
        (1 << 8, 2),
        (1 << 10, 2),
        (1 << 15, 2),
    ] {
        if has(bits) {
            fields.take(size)?;
        }
    }
    if has(1 << 20) {
        let count = usize::from(fields.u16()?);
        fields.take(4 * count)?;
    }
    // How letters stand in a line, and where lines may break.
    for bits in [1 << 16, 7 << 17] {
        if has(bits) {
            fields.take(2)?;
        }
    }
    if !has(1 << 21) {
        return Some(None);
    }
    Some(Some(u16_at(fields.take(2)?, 0)? == 1))
}

/// Steps over what is said of characters (2.9.13).
fn characters(fields: &mut Fields<'_>) -> Option<()> {
    let mask = fields.u32()?;
    for (bits, size) in [
        (0x3eb7, 2),
        (1 << 16, 2),
        (1 << 21, 2),
        (1 << 22, 2),
        (1 << 23, 2),
        (1 << 17, 2),
        (1 << 18, 4),
        (1 << 19, 2),
    ] {
        if mask & bits != 0 {
            fields.take(size)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(kind: u16, instance: u16, data: &[u8]) -> Vec<u8> {
        let (head, length) = ((instance << 4).to_le_bytes(), (data.len() as u32).to_le_bytes());
        [&head[..], &kind.to_le_bytes(), &length, data].concat()
    }

    /// What is said of a paragraph: tabulators, and a direction.
    fn says(direction: u16) -> Vec<u8> {
        [&(1_u32 << 20 | 1 << 21).to_le_bytes()[..], &[1, 0, 9, 9, 9, 9], &direction.to_le_bytes()].concat()
    }

    /// Two paragraphs of a kind of text under what masters say, and what is told of each; which of them are turned.
    fn turned(masters: &[Vec<u8>], kind: u32, runs: &[(u32, u16, Vec<u8>)]) -> [bool; 2] {
        let mut directions = Directions::default();
        for octets in masters {
            directions.learn(&record(octets, 0).unwrap(), octets);
        }
        directions.header(&kind.to_le_bytes());
        let runs = runs
            .iter()
            .flat_map(|(count, level, says)| [&count.to_le_bytes()[..], &level.to_le_bytes(), says].concat());
        let behind = [atom(4010, 0, b"other"), atom(id::PARAGRAPHS, 0, &runs.collect::<Vec<u8>>())].concat();
        let text = directions.directed("one\rtwo".to_owned(), &behind, 0);
        let mut lines = text.split('\r').map(|line| line.starts_with('\u{202b}'));
        [lines.next().unwrap(), lines.next().unwrap()]
    }

    #[test]
    fn a_paragraph_runs_as_it_says_or_as_masters_do_of_its_kind_and_level() {
        let nothing = || vec![0; 4];
        let letters = [&(1_u32 << 18).to_le_bytes()[..], &[0; 4]].concat();
        let title = atom(id::MASTER_STYLE, 0, &[&[1, 0][..], &says(1), &letters].concat());
        // Of bodies, the second level; of those in the middle, which rest upon them, the first.
        let body =
            atom(id::MASTER_STYLE, 1, &[&[2, 0][..], &nothing(), &letters, &says(1), &letters].concat());
        let middle = atom(id::MASTER_STYLE, 5, &[&[1, 0, 0, 0][..], &says(1), &letters].concat());
        let all = atom(id::PARAGRAPH_DEFAULTS, 0, &[&[0, 0][..], &says(1)].concat());
        for (what, masters, kind, runs, both) in [
            ("nothing", vec![], 0, vec![(8, 0, nothing())], [false, false]),
            ("the first paragraph", vec![], 0, vec![(4, 0, says(1)), (4, 0, nothing())], [true, false]),
            ("the second one", vec![], 0, vec![(4, 0, says(0)), (4, 0, says(1))], [false, true]),
            ("a master, of titles", vec![title.clone()], 0, vec![], [true, true]),
            ("the same, of others", vec![title.clone()], 1, vec![], [false, false]),
            ("titles in the middle", vec![title.clone()], 6, vec![], [true, true]),
            (
                "a paragraph that takes it back",
                vec![title],
                0,
                vec![(4, 0, says(0)), (4, 0, nothing())],
                [false, true],
            ),
            ("a level", vec![body], 7, vec![(4, 1, nothing()), (4, 0, nothing())], [true, false]),
            ("a kind that rests upon another", vec![middle], 5, vec![], [true, true]),
            ("the document", vec![all], 4, vec![(8, 0, nothing())], [true, true]),
            ("a kind that there is not", vec![], u32::MAX, vec![], [false, false]),
        ] {
            assert_eq!(turned(&masters, kind, &runs), both, "{what}");
        }
    }
}
