//! Splits content streams and CMaps into tokens; anything that is no token is skipped, nothing is refused.

/// A token of a content stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    ArrayStart,
    ArrayEnd,
    DictStart,
    DictEnd,
    Operator(Vec<u8>),
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

    pub(super) fn next(&mut self) -> Option<Token> {
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
                b'<' => Token::Text(self.hex()),
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
                    Token::Operator(self.regular().to_vec())
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
        let digits = std::str::from_utf8(&rest[signs..length]).unwrap_or_default();
        let value: f64 = digits.parse().unwrap_or(0.0);
        if rest.first() == Some(&b'-') { -value } else { value }
    }

    fn name(&mut self) -> Vec<u8> {
        let rest = &self.octets[self.at..];
        let length = rest.iter().position(|octet| is_space(*octet) || is_delimiter(*octet));
        let raw = &rest[..length.unwrap_or(rest.len())];
        self.at += raw.len();
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
        name
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

    fn literal(&mut self) -> Vec<u8> {
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

    fn tokens(octets: &[u8]) -> Vec<Token> {
        let mut lexer = Lexer::new(octets, 0);
        std::iter::from_fn(|| lexer.next()).collect()
    }

    #[test]
    fn strings_keep_escapes_line_joins_and_inner_brackets() {
        let found = tokens(b"(a\\(b\\053(c)\\\n d) <4 1 4>");
        assert_eq!(found, [Token::Text(b"a(b+(c) d".to_vec()), Token::Text(b"A@".to_vec())]);
    }

    #[test]
    fn numbers_stand_without_space_between_them() {
        assert_eq!(tokens(b"1-.5+3"), [Token::Number(1.0), Token::Number(-0.5), Token::Number(3.0)]);
    }

    #[test]
    fn inline_image_with_ei_inside_is_skipped_whole() {
        let mut lexer = Lexer::new(b"ID x EI \x01\xff\x02 y\nEI Q (t) Tj", 0);
        assert_eq!(lexer.next(), Some(Token::Operator(b"ID".to_vec())));
        lexer.skip_image();
        assert_eq!(lexer.next(), Some(Token::Operator(b"Q".to_vec())));
    }
}
