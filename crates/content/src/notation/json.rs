//! JSON with the escapes of its strings undone: `\u0034` is a 4 for every program but a scanner.

/// The text with its escapes undone; none where no character is written by its number.
pub(super) fn shown(text: &str) -> Option<String> {
    memchr::memmem::find(text.as_bytes(), b"\\u")?;
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut undone) = (text, false);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else { break };
        match numbered(rest) {
            Some((c, length)) => {
                undone = true;
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push(match c {
                    'n' | 'r' => '\n',
                    't' => '\t',
                    'b' | 'f' => ' ',
                    other => other,
                });
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    undone.then_some(out)
}

/// A character by its number, or by two as UTF-16 has it, and the octets that say so.
fn numbered(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| {
        let digits = text.strip_prefix('u')?.get(..4)?;
        let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| all)
    };
    let first = unit(text)?;
    let second = text[5..].strip_prefix('\\').and_then(unit);
    let both = [first, second.unwrap_or_default()];
    let one = char::decode_utf16(both).next()?;
    match one {
        Ok(c) if c.len_utf16() == 2 => Some((c, 11)),
        Ok(c) => Some((c, 5)),
        Err(_) => Some((char::REPLACEMENT_CHARACTER, 5)),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn characters_by_their_numbers_are_characters() {
        let text = r#"{"a":"\u0034\u003111\n\/ \ud83d\ude00 \ud83d \u00"}"#;
        assert_eq!(shown(text).as_deref(), Some("{\"a\":\"4111\n/ \u{1f600} \u{fffd} u00\"}"));
    }

    #[test]
    fn text_without_numbered_characters_is_as_it_is() {
        for text in [r#"{"a":"b\n"}"#, r#"["\under"]"#, "{\"\\", "[]", r"{\u00é5"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
