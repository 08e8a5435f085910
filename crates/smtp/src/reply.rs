//! SMTP replies (RFC 5321 4.2, RFC 2034): one value for what the next hop said and for what we say ourselves.
//!
//! A reply that came from the next hop is written out again with the code, enhanced code and text that came in,
//! octet for octet. The parser is bounded in line length and number of lines; whoever reads bounds the time.

use std::borrow::Cow;
use std::fmt;

pub mod own;

/// Longest reply line that is taken from a next hop, CRLF included. RFC 5321 4.5.3.1.5 says 512; real servers say more.
pub const MAX_LINE: usize = 2048;
/// Most lines of one reply that are taken from a next hop.
pub const MAX_LINES: usize = 100;

/// A reply: a code, perhaps an enhanced code, and at least one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced status code (RFC 3463), when every line carries the same one and its class fits the code.
    pub enhanced: Option<Enhanced>,
    /// Text of each line without code and without `enhanced`; any octets but CR, LF and NUL.
    pub lines: Vec<Line>,
}

/// Text of one reply line: octets as they came.
pub type Line = Cow<'static, [u8]>;

/// An enhanced status code, `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl Reply {
    /// A reply of one line. Octets that cannot stand in a reply line become `?`; a line feed begins a new line.
    pub fn new(code: u16, enhanced: (u8, u16, u16), text: impl AsRef<str>) -> Self {
        let (class, subject, detail) = enhanced;
        let lines = text.as_ref().lines().map(|line| Cow::Owned(printable(line)));
        let mut lines: Vec<Line> = lines.collect();
        if lines.is_empty() {
            lines.push(Cow::Borrowed(b""));
        }
        Self { code, enhanced: Some(Enhanced { class, subject, detail }), lines }
    }

    /// A reply of one fixed line; no allocation for the text.
    pub(crate) fn fixed(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Self {
        let (class, subject, detail) = enhanced;
        let enhanced = Some(Enhanced { class, subject, detail });
        Self { code, enhanced, lines: vec![Cow::Borrowed(text.as_bytes())] }
    }

    /// 2xx or 3xx.
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// 4xx.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 5xx.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// The text of all lines for logs and records: joined with a space, not UTF-8 replaced.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            out.push_str(&String::from_utf8_lossy(line));
        }
        out
    }

    /// Appends the reply as it goes over the wire.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        if self.lines.is_empty() {
            self.write_line(b"", b' ', out);
        }
        for (index, line) in self.lines.iter().enumerate() {
            self.write_line(line, if index == last { b' ' } else { b'-' }, out);
        }
    }

    fn write_line(&self, text: &[u8], separator: u8, out: &mut Vec<u8>) {
        decimal(self.code, out);
        out.push(separator);
        if let Some(enhanced) = self.enhanced {
            enhanced.write_to(out);
            if !text.is_empty() {
                out.push(b' ');
            }
        }
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }

    /// The reply as it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.write_to(&mut out);
        out
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text())
    }
}

impl Enhanced {
    fn write_to(self, out: &mut Vec<u8>) {
        out.push(b'0' + self.class % 10);
        out.push(b'.');
        decimal(self.subject, out);
        out.push(b'.');
        decimal(self.detail, out);
    }

    /// Reads `class.subject.detail` without leading zeros (so that it is written back as it came).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut numbers = text.split(|octet| *octet == b'.');
        let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let class = match class {
            [digit @ (b'2' | b'4' | b'5')] => digit - b'0',
            _ => return None,
        };
        match numbers.next() {
            None => Some(Self { class, subject: up_to_999(subject)?, detail: up_to_999(detail)? }),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Why the octets of a next hop are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// A line over [`MAX_LINE`] octets.
    #[error("reply line longer than {MAX_LINE} octets")]
    LineTooLong,
    /// More than [`MAX_LINES`] lines.
    #[error("reply of more than {MAX_LINES} lines")]
    TooManyLines,
    /// The line does not begin with a code of 200 to 599 followed by a space, a hyphen or the end.
    #[error("reply line without a valid code")]
    NoCode,
    /// Lines of one reply have different codes.
    #[error("lines of one reply have different codes")]
    CodesDiffer,
    /// A CR or LF alone, or a NUL.
    #[error("bare CR, bare LF or NUL in a reply")]
    ForbiddenOctet,
}

/// Puts a reply together from octets as they come.
#[derive(Debug, Default)]
pub struct Parser {
    code: u16,
    lines: Vec<Vec<u8>>,
}

impl Parser {
    /// Takes as many lines from the front of `input` as are complete. Gives the octets used, and the reply once its
    /// last line was among them. Call again with what follows when there is no reply yet.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), BadReply> {
        let mut used = 0;
        while let Some(length) = memchr::memchr(b'\n', &input[used..]) {
            let line = &input[used..used + length + 1];
            used += line.len();
            if self.line(line)? {
                return Ok((used, Some(self.finish())));
            }
        }
        if input.len() - used >= MAX_LINE {
            return Err(BadReply::LineTooLong);
        }
        Ok((used, None))
    }

    /// Takes one line; true if it is the last of its reply.
    fn line(&mut self, line: &[u8]) -> Result<bool, BadReply> {
        if line.len() > MAX_LINE {
            return Err(BadReply::LineTooLong);
        }
        let text = line.strip_suffix(b"\r\n").ok_or(BadReply::ForbiddenOctet)?;
        if memchr::memchr2(b'\r', 0, text).is_some() {
            return Err(BadReply::ForbiddenOctet);
        }
        let (code, more, text) = split_line(text).ok_or(BadReply::NoCode)?;
        if self.lines.is_empty() {
            self.code = code;
        } else if self.code != code {
            return Err(BadReply::CodesDiffer);
        }
        if self.lines.len() >= MAX_LINES {
            return Err(BadReply::TooManyLines);
        }
        self.lines.push(text.to_vec());
        Ok(!more)
    }

    fn finish(&mut self) -> Reply {
        let mut lines = std::mem::take(&mut self.lines);
        let enhanced = common_enhanced(self.code, &lines);
        if enhanced.is_some() {
            for line in &mut lines {
                let code = line.iter().position(|octet| *octet == b' ').map_or(line.len(), |space| space + 1);
                line.drain(..code);
            }
        }
        Reply { code: self.code, enhanced, lines: lines.into_iter().map(Cow::Owned).collect() }
    }
}

/// Code, whether more lines follow, text.
fn split_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !(b'2'..=b'5').contains(&digits[0]) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Some((code, false, b"")),
        Some((b' ', text)) => Some((code, false, text)),
        Some((b'-', text)) => Some((code, true, text)),
        Some(_) => None,
    }
}

/// The enhanced code that all lines carry in the form in which we write it back.
fn common_enhanced(code: u16, lines: &[Vec<u8>]) -> Option<Enhanced> {
    let mut common = None;
    for line in lines {
        let enhanced = match line.iter().position(|octet| *octet == b' ') {
            None => Enhanced::parse(line)?,
            // `2.0.0 ` with nothing after the space could not be written back as it came.
            Some(space) if space + 1 == line.len() => return None,
            Some(space) => Enhanced::parse(&line[..space])?,
        };
        if u16::from(enhanced.class) != code / 100 || common.is_some_and(|first| first != enhanced) {
            return None;
        }
        common = Some(enhanced);
    }
    common
}

fn printable(line: &str) -> Vec<u8> {
    line.bytes()
        .map(|octet| if octet < b' ' && octet != b'\t' || octet == 0x7f { b'?' } else { octet })
        .collect()
}

fn up_to_999(digits: &[u8]) -> Option<u16> {
    let canonical = matches!(digits.len(), 1..=3) && (digits.len() == 1 || digits[0] != b'0');
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
}

fn decimal(number: u16, out: &mut Vec<u8>) {
    let mut divisor = match number {
        0..10 => 1,
        10..100 => 10,
        100..1000 => 100,
        _ => 10_000,
    };
    while divisor > 0 {
        // One digit: always below ten.
        out.push(b'0' + ((number / divisor) % 10) as u8);
        divisor /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(octets: &[u8]) -> Result<Reply, BadReply> {
        let (used, reply) = Parser::default().feed(octets)?;
        assert_eq!(used, octets.len());
        Ok(reply.expect("complete"))
    }

    #[test]
    fn a_reply_comes_out_as_it_came_in() {
        for text in [
            "250 2.1.0 Ok\r\n",
            "250\x20\r\n",
            "250 2.1.0\r\n",
            "250 2.1.0 \r\n",
            "550-5.1.1 no such user\r\n550 5.1.1 really\r\n",
            "550-5.1.1 no such user\r\n550 see http://example.org\r\n",
            "450 5.1.1 class does not fit\r\n",
            "250 2.01.0 leading zero\r\n",
            "250-mx.example\r\n250-SIZE 10\r\n250 é\r\n",
        ] {
            assert_eq!(read(text.as_bytes()).expect(text).to_bytes(), text.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn the_enhanced_code_is_seen_when_all_lines_agree() {
        let reply = read(b"550-5.1.1 no\r\n550 5.1.1 such user\r\n").expect("valid");
        assert_eq!(reply.enhanced, Some(Enhanced { class: 5, subject: 1, detail: 1 }));
        assert_eq!(reply.text(), "no such user");
    }

    #[test]
    fn malformed_replies_are_told_apart() {
        assert_eq!(read(b"250 a\n"), Err(BadReply::ForbiddenOctet));
        assert_eq!(read(b"250 a\rb\r\n"), Err(BadReply::ForbiddenOctet));
        assert_eq!(read(b"250 a\0b\r\n"), Err(BadReply::ForbiddenOctet));
        assert_eq!(read(b"hello\r\n"), Err(BadReply::NoCode));
        assert_eq!(read(b"199 no\r\n"), Err(BadReply::NoCode));
        assert_eq!(read(b"2500 no\r\n"), Err(BadReply::NoCode));
        assert_eq!(read(b"250-a\r\n251 b\r\n"), Err(BadReply::CodesDiffer));
        assert_eq!(read(&b"250-x\r\n".repeat(101)), Err(BadReply::TooManyLines));
        assert_eq!(Parser::default().feed(&[b'2'; 5000]), Err(BadReply::LineTooLong));
    }

    #[test]
    fn text_of_ours_cannot_break_out_of_its_line() {
        let reply = Reply::new(550, (5, 7, 1), "held\r\n250 2.0.0 not really\x00");
        assert_eq!(reply.to_bytes(), b"550-5.7.1 held\r\n550 5.7.1 250 2.0.0 not really?\r\n");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(code in 200u16..600, lines in prop::collection::vec("[ -~é]{0,40}", 1..5)) {
            let lines = lines.into_iter().map(|line| Cow::Owned(line.into_bytes())).collect();
            let reply = Reply { code, enhanced: None, lines };
            let wire = reply.to_bytes();
            prop_assert_eq!(read(&wire).expect("valid").to_bytes(), wire);
        }

        #[test]
        fn how_it_is_cut_does_not_matter(cut in 0usize..40) {
            let wire = b"550-5.1.1 no such user\r\n550 5.1.1 really\r\n";
            let mut parser = Parser::default();
            let (used, none) = parser.feed(&wire[..cut]).expect("valid");
            prop_assert!(none.is_none());
            let (_, reply) = parser.feed(&wire[used..]).expect("valid");
            prop_assert_eq!(reply.expect("complete").to_bytes(), wire);
        }
    }
}
