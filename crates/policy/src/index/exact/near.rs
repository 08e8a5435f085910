//! What stands near each other in a text: so many words apart, on one line, or in one row of a table.

use std::ops::Range;

use super::met::Candidate;
use crate::matcher::Prepared;

/// A line that is no longer (octets) is taken for one row of a table: its values are near each other.
pub(super) const LINE: usize = 2_000;
/// What is known to be one row of a table is one up to so many octets: more would not be looked at in one go.
const ROW: usize = 4_000;

/// Lines and rows of a stretch of a text. Places are those of the folded text.
pub(super) struct Lay<'s, 't> {
    text: &'s Prepared<'t>,
    range: Range<usize>,
    /// Line ends.
    lines: Vec<usize>,
    /// Of the original text.
    rows: &'s [Range<usize>],
}

impl<'s, 't> Lay<'s, 't> {
    pub(super) fn new(text: &'s Prepared<'t>, range: Range<usize>, rows: &'s [Range<usize>]) -> Self {
        let lines = memchr::memchr_iter(b'\n', &text.bytes()[range.clone()]).map(|at| at + range.start);
        Self { text, lines: lines.collect(), range, rows }
    }

    /// Whether what begins at one place and at a later one stands on one line or in one row of a table.
    pub(super) fn one_row(&self, from: usize, to: usize) -> bool {
        self.one_line(from, to) || self.one_table_row(from, to)
    }

    /// Whether both are known to stand in one row of a table.
    pub(super) fn one_table_row(&self, from: usize, to: usize) -> bool {
        self.row_of(from).is_some_and(|row| self.original(to) < row.end)
    }

    /// Says of each candidate, in the order of the text, how far its line goes as one row.
    pub(super) fn set_lines(&self, candidates: &mut [Candidate]) {
        let mut next = 0;
        for candidate in candidates {
            let start = candidate.start as usize;
            while self.lines.get(next).is_some_and(|line| *line < start) {
                next += 1;
            }
            let end = self.lines.get(next).copied().unwrap_or(usize::MAX);
            candidate.line = end.min(start + LINE) as u32;
        }
    }

    /// Whether the line is short enough to be a row of a table.
    fn one_line(&self, from: usize, to: usize) -> bool {
        to.saturating_sub(from) <= LINE && {
            let next = self.lines.partition_point(|line| *line < from);
            self.lines.get(next).is_none_or(|line| *line >= to)
        }
    }

    /// The row of a table in which a place stands, in the original text.
    fn row_of(&self, at: usize) -> Option<&'s Range<usize>> {
        if self.rows.is_empty() {
            return None;
        }
        let at = self.original(at);
        let next = self.rows.partition_point(|row| row.end <= at);
        self.rows.get(next).filter(|row| row.contains(&at) && row.len() <= ROW)
    }

    fn original(&self, at: usize) -> usize {
        self.text.original(at..at + 1).start
    }

    /// So many words before and behind as count as near, the line if it may be a row of a table, and the row.
    pub(super) fn around(&self, span: &Range<usize>, words: u32) -> Range<usize> {
        let bytes = self.text.bytes();
        let before = &bytes[self.range.start..span.start];
        let behind = &bytes[span.end..self.range.end.max(span.end)];
        let from = span.start - reach(before.iter().rev(), words).min(before.len());
        let to = span.end + reach(behind.iter(), words).min(behind.len());
        let line = self.line(before, behind, span);
        let row = self.row_of(span.start).map_or(span.clone(), |row| self.folded(row, span.start));
        from.min(line.start).min(row.start).max(self.range.start)
            ..to.max(line.end).max(row.end).min(self.range.end.max(span.end))
    }

    /// The line; of a longer one no more than a row of a table may take.
    fn line(&self, before: &[u8], behind: &[u8], span: &Range<usize>) -> Range<usize> {
        let bytes = self.text.bytes();
        let before = &before[before.len().saturating_sub(LINE)..];
        let behind = &behind[..behind.len().min(LINE)];
        let from = match memchr::memrchr(b'\n', before) {
            Some(at) => span.start - before.len() + at + 1,
            None if before.len() < LINE => self.range.start,
            None => edge(bytes, span.start - before.len()).min(span.start),
        };
        let to = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
        from..edge(bytes, span.end + to)
    }

    /// Where a row stands that holds the place `at`.
    fn folded(&self, row: &Range<usize>, at: usize) -> Range<usize> {
        self.first(self.range.start..at, row.start)..self.first(at..self.range.end, row.end)
    }

    /// The first place of a range that is not before an octet of the original text.
    fn first(&self, range: Range<usize>, original: usize) -> usize {
        let Range { mut start, mut end } = range;
        while start < end {
            let middle = start + (end - start) / 2;
            if self.original(middle) < original { start = middle + 1 } else { end = middle }
        }
        start
    }
}

/// A place at or soon behind `at` where no word goes on.
pub(super) fn edge(bytes: &[u8], at: usize) -> usize {
    let Some(rest) = bytes.get(at..) else { return bytes.len() };
    let near = &rest[..rest.len().min(4_096)];
    let white = near
        .iter()
        .position(u8::is_ascii_whitespace)
        .or_else(|| near.iter().position(|octet| octet & 0xC0 != 0x80));
    at + white.unwrap_or(near.len())
}

/// How many octets so many words take, counted from either end; no more of the next word is taken.
pub(super) fn reach<'o>(octets: impl Iterator<Item = &'o u8>, words: u32) -> usize {
    let (mut count, mut inside) = (0, false);
    for (at, octet) in octets.enumerate() {
        match octet {
            // In scripts of three octets and more a character may be a word; of others, letters make words.
            0xE0.. => (count, inside) = (count + 1, false),
            0x80..0xC0 => {}
            octet if octet.is_ascii_alphanumeric() || *octet >= 0xC0 => {
                count += u32::from(!inside);
                inside = true;
            }
            _ => inside = false,
        }
        if count > words {
            return at;
        }
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::reach;

    #[test]
    fn so_many_words_reach_to_the_edge_of_the_next() {
        let text = "one, two  three";
        assert_eq!(&text[..reach(text.as_bytes().iter(), 2)], "one, two  ");
        let back = reach(text.as_bytes().iter().rev(), 2);
        assert_eq!(&text[text.len() - back..], ", two  three");
        assert_eq!(reach(text.as_bytes().iter(), 3), usize::MAX);
    }

    #[test]
    fn characters_that_are_words_end_between_octets_of_text() {
        let text = "山田 太郎 Иван";
        for words in 0..6 {
            let at = reach(text.as_bytes().iter(), words).min(text.len());
            assert!(text.is_char_boundary(at), "{words}");
        }
    }
}
