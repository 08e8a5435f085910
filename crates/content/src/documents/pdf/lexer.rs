//! Splits content streams and CMaps into tokens; anything that is no token is skipped, nothing is refused.

use std::borrow::Cow;

/// A token of a content stream; what needs no change is borrowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    Name(Cow<'a, [u8]>),
    Text(Cow<'a, [u8]>),
    ArrayStart,
    ArrayEnd,
    DictStart,
    DictEnd,
    Operator(&'a [u8]),
}

/// Reads tokens from `octets`, from `at` on.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(octets: &'a [u8], at: usize) -> Self {
        Self { octets, at }
    }

    /// Where the next token begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.skip_space();
            let octet = self.peek()?;
            self.at += 1;
            return Some(match octet {
                b'(' => Token::Text(self.literal()),
                b'<' if self.peek() == Some(b'<') => {
                    self.at += 1;
                    Token::DictStart
                }
                b'<' => Token::Text(self.hex().into()),
                b'>' if self.peek() == Some(b'>') => {
                    self.at += 1;
                    Token::DictEnd
                }
                b'[' => Token::ArrayStart,
                b']' => Token::ArrayEnd,
                b'/' => Token::Name(self.name()),
                b'0'..=b'9' | b'+' | b'-' | b'.' => {
                    self.at -= 1;
                    Token::Number(self.number())
                }
                b'>' | b')' | b'{' | b'}' => continue,
                _ => {
                    self.at -= 1;
                    Token::Operator(self.regular())
                }
            });
        }
    }

    fn skip_space(&mut self) {
        while let Some(octet) = self.peek() {
            if octet == b'%' {
                let rest = &self.octets[self.at..];
                self.at += memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            } else if is_space(octet) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn regular(&mut self) -> &'a [u8] {
        let rest = &self.octets[self.at..];
        let length = rest.iter().position(|octet| is_space(*octet) || is_delimiter(*octet));
        let length = length.unwrap_or(rest.len()).max(1).min(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn number(&mut self) -> f64 {
        let rest = &self.octets[self.at..];
        // `0.5-3` are two numbers to most readers; `--3` is one.
        let mut length = rest.iter().take_while(|octet| matches!(octet, b'+' | b'-')).count();
        let signs = length;
        length += rest[length..].iter().take_while(|octet| octet.is_ascii_digit() || **octet == b'.').count();
        self.at += length.max(1);
        let value = magnitude(&rest[signs..length]);
        if rest.first() == Some(&b'-') { -value } else { value }
    }

    fn name(&mut self) -> Cow<'a, [u8]> {
        let rest = &self.octets[self.at..];
        let length = rest.iter().position(|octet| is_space(*octet) || is_delimiter(*octet));
        let raw = &rest[..length.unwrap_or(rest.len())];
        self.at += raw.len();
        if !raw.contains(&b'#') {
            return raw.into();
        }
        let mut name = Vec::with_capacity(raw.len());
        let mut at = 0;
        while at < raw.len() {
            let escaped = raw.get(at + 1..at + 3).and_then(|pair| Some(hex(pair[0])? << 4 | hex(pair[1])?));
            match (raw[at], escaped) {
                (b'#', Some(octet)) => {
                    name.push(octet);
                    at += 3;
                }
                (octet, _) => {
                    name.push(octet);
                    at += 1;
                }
            }
        }
        name.into()
    }

    fn hex(&mut self) -> Vec<u8> {
        let rest = &self.octets[self.at..];
        let length = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        self.at += (length + 1).min(rest.len());
        let mut digits = rest[..length].iter().filter_map(|octet| hex(*octet));
        let mut octets = Vec::with_capacity(length / 2);
        while let Some(high) = digits.next() {
            octets.push(high << 4 | digits.next().unwrap_or(0));
        }
        octets
    }

    fn literal(&mut self) -> Cow<'a, [u8]> {
        let rest = &self.octets[self.at..];
        let special = |octet: &u8| matches!(octet, b'(' | b')' | b'\\' | b'\r');
        if let Some(end) = rest.iter().position(special).filter(|end| rest[*end] == b')') {
            self.at += end + 1;
            return rest[..end].into();
        }
        self.literal_with_escapes().into()
    }

    fn literal_with_escapes(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut open = 1_u32;
        while let Some(octet) = self.peek() {
            self.at += 1;
            match octet {
                b'(' => open += 1,
                b')' => {
                    open -= 1;
                    if open == 0 {
                        return octets;
                    }
                }
                b'\\' => {
                    self.escape(&mut octets);
                    continue;
                }
                b'\r' => {
                    self.at += usize::from(self.peek() == Some(b'\n'));
                    octets.push(b'\n');
                    continue;
                }
                _ => {}
            }
            octets.push(octet);
        }
        octets
    }

    fn escape(&mut self, octets: &mut Vec<u8>) {
        let Some(octet) = self.peek() else { return };
        self.at += 1;
        match octet {
            b'n' => octets.push(b'\n'),
            b'r' => octets.push(b'\r'),
            b't' => octets.push(b'\t'),
            b'b' => octets.push(8),
            b'f' => octets.push(12),
            b'\n' => {}
            b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
            b'0'..=b'7' => {
                let mut value = u32::from(octet - b'0');
                for _ in 0..2 {
                    match self.peek() {
                        Some(digit @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(digit - b'0');
                            self.at += 1;
                        }
                        _ => break,
                    }
                }
                octets.push(value as u8);
            }
            other => octets.push(other),
        }
    }

    /// After `ID`: skips the octets of an inline image and its `EI`.
    pub(super) fn skip_image(&mut self) {
        let start = (self.at + 1).min(self.octets.len());
        let data = &self.octets[start..];
        for found in memchr::memmem::find_iter(data, b"EI") {
            let before = found == 0 || is_space(data[found - 1]);
            let tail = &data[found + 2..];
            let after = tail.first().is_none_or(|octet| is_space(*octet));
            // Image octets may hold " EI " by chance; what follows a real one reads like operators.
            let plain =
                tail.iter().take(12).all(|octet| (32..127).contains(octet) || matches!(octet, 9 | 10 | 13));
            if before && after && plain {
                self.at = start + found + 2;
                return;
            }
        }
        // No end: what follows may be text all the same.
        self.at = start;
    }
}

/// The value of digits with at most one point; exact where a double holds it, and what cannot be read is 0.
fn magnitude(digits: &[u8]) -> f64 {
    const POWERS: [f64; 16] =
        [1., 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let point = digits.iter().position(|octet| *octet == b'.');
    let places = point.map_or(0, |point| digits.len() - point - 1);
    if digits.len() > 15 || digits.iter().filter(|octet| **octet == b'.').count() > 1 {
        return std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0.0);
    }
    let whole = digits
        .iter()
        .filter(|octet| **octet != b'.')
        .fold(0_u64, |whole, digit| whole * 10 + u64::from(digit - b'0'));
    whole as f64 / POWERS[places]
}

fn hex(octet: u8) -> Option<u8> {
    (octet as char).to_digit(16).map(|digit| digit as u8)
}

fn is_space(octet: u8) -> bool {
    matches!(octet, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(octet: u8) -> bool {
    matches!(octet, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(octets: &[u8]) -> Vec<Token<'_>> {
        let mut lexer = Lexer::new(octets, 0);
        std::iter::from_fn(|| lexer.next()).collect()
    }

    #[test]
    fn strings_keep_escapes_line_joins_and_inner_brackets() {
        let found = tokens(b"(a\\(b\\053(c)\\\n d) <4 1 4>");
        assert_eq!(found, [Token::Text(b"a(b+(c) d".into()), Token::Text(b"A@".into())]);
    }

    #[test]
    fn numbers_stand_without_space_between_them() {
        assert_eq!(tokens(b"1-.5+3"), [Token::Number(1.0), Token::Number(-0.5), Token::Number(3.0)]);
    }

    #[test]
    fn inline_image_with_ei_inside_is_skipped_whole() {
        let mut lexer = Lexer::new(b"ID x EI \x01\xff\x02 y\nEI Q (t) Tj", 0);
        assert_eq!(lexer.next(), Some(Token::Operator(b"ID")));
        lexer.skip_image();
        assert_eq!(lexer.next(), Some(Token::Operator(b"Q")));
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for digits in [
            "0",
            "1",
            "12.5",
            ".5",
            "5.",
            ".",
            "",
            "0.1",
            "123456789.12345",
            "1234567890123456789",
            "1.2.3",
            "0.000001",
        ] {
            let expected = digits.parse::<f64>().unwrap_or(0.0);
            assert_eq!(magnitude(digits.as_bytes()), expected, "{digits}");
        }
    }
}
