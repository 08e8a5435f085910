//! Reads tables: comma, semicolon, tab or pipe, quotes, byte order mark, any line end; a bad row costs that row alone.

use std::io::{self, BufRead, Read};

/// Octets of a row; a quote that is never closed ends here.
const LONGEST_ROW: usize = 256 << 10;
const MOST_FIELDS: usize = 4_096;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// Line in the file, from 1.
    pub(crate) line: u64,
    /// Column, from 1, if it is one that is wrong.
    pub(crate) column: Option<usize>,
    pub(crate) why: String,
}

/// A row as it lies in the buffer of the reader.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Line on which it begins, from 1.
    pub(crate) line: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn field(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[from..self.ends[at]]
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// A table being read.
pub(crate) struct Table<R> {
    input: R,
    separator: u8,
    line: u64,
    /// Octets taken.
    pub(crate) octets: u64,
    buffer: Vec<u8>,
    /// Lines to read again: those behind a quote that was never closed.
    again: Vec<u8>,
}

impl<R: Read> Table<io::BufReader<R>> {
    /// Begins to read; tells the separator from the first lines unless it is given.
    pub(crate) fn new(input: R, separator: Option<u8>) -> io::Result<Self> {
        let mut input = io::BufReader::with_capacity(1 << 20, input);
        let start = input.fill_buf()?;
        if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the table is in UTF-16; export it as UTF-8",
            ));
        }
        if start.starts_with(b"PK\x03\x04") {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is a spreadsheet or archive; export the table as CSV",
            ));
        }
        let mark = if start.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
        let separator = separator.unwrap_or_else(|| separator_of(&start[mark..]));
        input.consume(mark);
        Ok(Self { input, separator, line: 1, octets: mark as u64, buffer: Vec::new(), again: Vec::new() })
    }
}

impl<R: BufRead> Table<R> {
    pub(crate) fn separator(&self) -> char {
        self.separator as char
    }

    /// The next row that is not blank; `None` at the end. A row that cannot be told from the next is reported once.
    pub(crate) fn next(&mut self, row: &mut Row) -> io::Result<Option<Result<(), BadRow>>> {
        loop {
            row.clear();
            row.line = self.line;
            if !self.take_line()? {
                return Ok(None);
            }
            if self.buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return self.parse(row).map(Some);
        }
    }

    /// Puts the next line behind what is in the buffer; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let before = self.buffer.len();
        if self.again.is_empty() {
            // Nobody's line is longer than this; the rest of one that is counts as the next.
            let mut limited = self.input.by_ref().take(LONGEST_ROW as u64);
            self.octets += limited.read_until(b'\n', &mut self.buffer)? as u64;
        } else {
            let end =
                self.again.iter().position(|octet| *octet == b'\n').map_or(self.again.len(), |end| end + 1);
            self.buffer.extend(self.again.drain(..end));
        }
        self.line += u64::from(self.buffer.ends_with(b"\n"));
        Ok(self.buffer.len() > before)
    }

    fn take_line(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.more()
    }

    fn parse(&mut self, row: &mut Row) -> io::Result<Result<(), BadRow>> {
        let mut at = 0;
        loop {
            if row.ends.len() >= MOST_FIELDS {
                return Ok(Err(BadRow {
                    line: row.line,
                    column: None,
                    why: format!("more than {MOST_FIELDS} columns"),
                }));
            }
            if self.buffer.get(at) == Some(&b'"') {
                match self.quoted(at + 1, row)? {
                    Some(end) => at = end,
                    None => {
                        let column = Some(row.ends.len() + 1);
                        self.resume_after_first_line(row);
                        return Ok(Err(BadRow {
                            line: row.line,
                            column,
                            why: "a quote is opened and never closed".to_owned(),
                        }));
                    }
                }
            }
            let rest = &self.buffer[at..];
            let end = rest
                .iter()
                .position(|octet| *octet == self.separator || *octet == b'\n')
                .unwrap_or(rest.len());
            let last = rest.get(end) != Some(&self.separator);
            let field =
                if last { rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]) } else { &rest[..end] };
            row.text.extend_from_slice(field);
            row.ends.push(row.text.len());
            if last {
                return Ok(Ok(()));
            }
            at += end + 1;
        }
    }

    /// The text between quotes goes to the row; gives where the quote closes.
    fn quoted(&mut self, from: usize, row: &mut Row) -> io::Result<Option<usize>> {
        let mut at = from;
        loop {
            match self.buffer[at..].iter().position(|octet| *octet == b'"') {
                Some(quote) => {
                    row.text.extend_from_slice(&self.buffer[at..at + quote]);
                    at += quote + 1;
                    if self.buffer.get(at) != Some(&b'"') {
                        return Ok(Some(at));
                    }
                    row.text.push(b'"');
                    at += 1;
                }
                None => {
                    row.text.extend_from_slice(&self.buffer[at..]);
                    at = self.buffer.len();
                    if self.buffer.len() > LONGEST_ROW || !self.more()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// What stands behind the first line of a row that never ended is read again as rows.
    fn resume_after_first_line(&mut self, row: &Row) {
        let end =
            self.buffer.iter().position(|octet| *octet == b'\n').map_or(self.buffer.len(), |end| end + 1);
        let mut rest = self.buffer.split_off(end);
        rest.append(&mut self.again);
        self.again = rest;
        self.line = row.line + 1;
    }
}

/// The separator that stands most evenly on the first lines.
fn separator_of(start: &[u8]) -> u8 {
    let lines: Vec<&[u8]> =
        start.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).take(20).collect();
    let count = |separator: u8, line: &[u8]| {
        let mut quoted = false;
        line.iter()
            .filter(|octet| {
                quoted ^= **octet == b'"';
                !quoted && **octet == separator
            })
            .count()
    };
    let even = |separator: u8| {
        let first = lines.first().map_or(0, |line| count(separator, line));
        let alike = lines.iter().filter(|line| count(separator, line) == first).count();
        if first == 0 { (0, 0) } else { (alike, first) }
    };
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|separator| even(*separator)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Result<Vec<String>, BadRow>> {
        let mut table = Table::new(text.as_bytes(), None).unwrap();
        let mut row = Row::default();
        let mut all = Vec::new();
        while let Some(read) = table.next(&mut row).unwrap() {
            all.push(read.map(|()| {
                (0..row.len()).map(|at| String::from_utf8_lossy(row.field(at)).into_owned()).collect()
            }));
        }
        all
    }

    #[test]
    fn every_dialect_gives_the_same_cells() {
        let expected = vec![
            Ok(vec!["a".to_owned(), "b, c".to_owned()]),
            Ok(vec!["1".to_owned(), "2 \"x\"\n3".to_owned()]),
        ];
        for text in [
            "a,\"b, c\"\n1,\"2 \"\"x\"\"\n3\"\n",
            "\u{FEFF}a;\"b, c\"\r\n1;\"2 \"\"x\"\"\n3\"",
            "a\tb, c\n\n1\t\"2 \"\"x\"\"\n3\"\n",
            "a|b, c\r\n1|\"2 \"\"x\"\"\n3\"\r\n",
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_row() {
        let read = rows("a,b\n1,\"2\n3,4\n5,6\n");
        assert_eq!(read.len(), 4);
        let bad = read[1].as_ref().unwrap_err();
        assert_eq!((bad.line, bad.column), (2, Some(2)));
        assert_eq!(read[3], Ok(vec!["5".to_owned(), "6".to_owned()]));
    }

    #[test]
    fn other_formats_are_named() {
        assert!(Table::new(&b"\xFF\xFEa\0"[..], None).err().unwrap().to_string().contains("UTF-16"));
        assert!(Table::new(&b"PK\x03\x04"[..], None).err().unwrap().to_string().contains("CSV"));
    }
}
