//! Header lines as ranges of octets: where the header and each field end, the edits that cut lines out or put text in, and how a
//! line of our own is written.
//!
//! The header is everything up to the first `CRLF CRLF`. Inside it a line ends at CRLF, but also at a bare CR or LF where the
//! configuration lets those through: a line must not hide behind a line end that only others honour.

mod subject;
mod text;

use std::ops::Range;

pub use subject::SubjectTag;
pub use text::{encoded, line};

use crate::spool::Edit;

/// The last line on top of a header that begins with a folded line, which would become part of whatever stands before it.
pub const BEFORE_A_FOLDED_LINE: &str = "X-Weir-Note: the next line was the first\r\n";

/// Octets of the header with the empty line that ends it; all octets where there is none. Only a strict CRLF CRLF is agreed on
/// by everybody (RFC 5322 2.1).
pub fn end(message: &[u8]) -> usize {
    if message.starts_with(b"\r\n") {
        return 2;
    }
    memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 4)
}

/// The end of the field that starts at `at`: its line and the continuation lines after it.
pub fn field_end(header: &[u8], at: usize) -> usize {
    let mut end = line_end(header, at);
    while matches!(header.get(end), Some(b' ' | b'\t')) {
        end = line_end(header, end);
    }
    end
}

fn line_end(header: &[u8], at: usize) -> usize {
    match memchr::memchr2(b'\r', b'\n', &header[at..]) {
        None => header.len(),
        Some(offset) if header[at + offset..].starts_with(b"\r\n") => at + offset + 2,
        Some(offset) => at + offset + 1,
    }
}

/// Cuts lines out. Where a bare CR or LF came before them it goes too, for a CRLF: the line behind must begin a line for
/// everybody, and an empty one must still end the header.
pub fn cut(message: &[u8], range: Range<usize>) -> Edit {
    let behind_a_line = range.start == 0 || message[..range.start].ends_with(b"\r\n");
    let (start, replacement) =
        if behind_a_line { (range.start, &b""[..]) } else { (range.start - 1, &b"\r\n"[..]) };
    Edit { range: start as u64..range.end as u64, replacement: replacement.to_vec() }
}

/// Puts text in at a place.
pub fn insert(at: usize, text: String) -> Edit {
    Edit { range: at as u64..at as u64, replacement: text.into_bytes() }
}

/// Whether Weir's servers alone write fields of this name: `X-dlp-*`, and the pass header where there is one. From anybody else
/// they are forged.
pub fn is_ours(name: &[u8], pass_header: &str) -> bool {
    name.len() > 6 && name[..6].eq_ignore_ascii_case(b"x-dlp-")
        || !pass_header.is_empty() && name.eq_ignore_ascii_case(pass_header.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ends_with_its_last_continuation_at_any_line_end() {
        let header = b"A: 1\r\n 2\n\t3\rB: 4";
        assert_eq!((field_end(header, 0), field_end(header, 12)), (12, header.len()));
    }

    #[test]
    fn only_an_empty_line_between_strict_line_ends_ends_the_header() {
        for (message, octets) in [("\r\nbody", 2), ("A: 1\n\nB: 2\r\n\r\nbody", 14), ("A: 1\r\n", 6)] {
            assert_eq!(end(message.as_bytes()), octets, "{message:?}");
        }
    }
}
