//! Splits RTF into groups, control words, symbols, text and binary runs.

/// A token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// Text as it stands, without line ends.
    Text(&'a [u8]),
    /// `\'hh`
    Octet(u8),
    /// `\word` with its number.
    Word(&'a str, Option<i32>),
    /// `\~` and its like.
    Symbol(u8),
    /// What follows `\binN`.
    Binary(&'a [u8]),
}

/// Reads tokens from the front.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let octet = *self.octets.get(self.at)?;
            self.at += 1;
            return Some(match octet {
                b'{' => Token::Open,
                b'}' => Token::Close,
                b'\\' => self.control()?,
                b'\r' | b'\n' | 0 => continue,
                _ => {
                    let start = self.at - 1;
                    let rest = &self.octets[start..];
                    let end = rest
                        .iter()
                        .position(|octet| matches!(octet, b'{' | b'}' | b'\\' | b'\r' | b'\n' | 0));
                    let text = &rest[..end.unwrap_or(rest.len())];
                    self.at = start + text.len();
                    Token::Text(text)
                }
            });
        }
    }

    fn control(&mut self) -> Option<Token<'a>> {
        let rest = &self.octets[self.at..];
        let first = *rest.first()?;
        if first == b'\'' {
            let digit = |at: usize| rest.get(at).and_then(|octet| char::from(*octet).to_digit(16));
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                self.at += 1;
                return Some(Token::Symbol(b'\''));
            };
            self.at += 3;
            return Some(Token::Octet((high << 4 | low) as u8));
        }
        let length = rest.iter().take_while(|octet| octet.is_ascii_alphabetic()).count().min(64);
        if length == 0 {
            self.at += 1;
            if first == b'\r' && rest.get(1) == Some(&b'\n') {
                self.at += 1;
            }
            return Some(Token::Symbol(first));
        }
        let word = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        self.at += length;
        let value = self.value();
        if self.octets.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        if word == "bin" {
            let rest = &self.octets[self.at..];
            let data = &rest[..usize::try_from(value.unwrap_or(0)).unwrap_or(0).min(rest.len())];
            self.at += data.len();
            return Some(Token::Binary(data));
        }
        Some(Token::Word(word, value))
    }

    fn value(&mut self) -> Option<i32> {
        let rest = &self.octets[self.at..];
        let negative = rest.first() == Some(&b'-');
        let digits = &rest[usize::from(negative)..];
        let length = digits.iter().take_while(|octet| octet.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        self.at += usize::from(negative) + length;
        let value =
            digits[..length.min(12)].iter().fold(0_i64, |value, octet| value * 10 + i64::from(octet - b'0'));
        let value = if negative { -value } else { value };
        Some(value.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_one_space_and_a_signed_number() {
        let mut tokens = Tokens::new(b"{\\b0  x\\u-4\\'e9\\~}");
        let found: Vec<_> = std::iter::from_fn(|| tokens.next()).collect();
        let word = |word, value| Token::Word(word, value);
        assert_eq!(
            found,
            [
                Token::Open,
                word("b", Some(0)),
                Token::Text(b" x"),
                word("u", Some(-4)),
                Token::Octet(0xe9),
                Token::Symbol(b'~'),
                Token::Close
            ]
        );
    }

    #[test]
    fn binary_runs_hide_braces_and_end_with_the_file() {
        let mut tokens = Tokens::new(b"\\bin3 }}}a\\bin99999999999 zz");
        let found: Vec<_> = std::iter::from_fn(|| tokens.next()).collect();
        assert_eq!(found, [Token::Binary(b"}}}"), Token::Text(b"a"), Token::Binary(b"zz")]);
    }
}
