//! Strings among the tokens of formulas ([MS-XLS] 2.5.198.89, PtgStr): what a formula says need not come out in what its cell shows.

/// The shortest string that is taken: of fewer letters, other tokens look like one.
const SHORTEST: usize = 2;

/// The strings of a formula, or of a record in which some stand, one a line. Choices of a list are one string with NULs between them.
/// Since BIFF8 a string says whether its letters have two octets, and those of one are Latin; before, they are of the file's code page.
pub(super) fn strings(tokens: &[u8], has_flags: bool, page: &'static encoding_rs::Encoding) -> String {
    let mut found = String::new();
    // Octets that may be looked at: what looks like a string and is none is looked at again.
    let (mut at, mut left) = (0, 8 * tokens.len());
    while let Some(start) = memchr::memchr(0x17, tokens.get(at..).unwrap_or_default()).map(|found| at + found)
    {
        at = start + 1;
        let Some((count, rest)) = tokens[at..].split_first() else { break };
        let count = usize::from(*count);
        let (is_wide, text) = match (has_flags, rest) {
            (true, [flags @ 0..=1, text @ ..]) => (*flags == 1, text),
            (true, _) => continue,
            (false, text) => (false, text),
        };
        let length = if is_wide { 2 * count } else { count };
        let Some(text) = text.get(..length).filter(|_| count >= SHORTEST) else { continue };
        if left < length {
            break;
        }
        left -= length;
        let text = match (is_wide, has_flags) {
            (true, _) => super::wide(text).into(),
            (false, true) => encoding_rs::mem::decode_latin1(text),
            (false, false) => page.decode_without_bom_handling(text).0,
        };
        if text.chars().any(|c| c.is_control() && c != '\0' || c == char::REPLACEMENT_CHARACTER) {
            continue;
        }
        at += 1 + usize::from(has_flags) + length;
        found.push_str(&text.replace('\0', "\n"));
        found.push('\n');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::strings;

    #[test]
    fn strings_of_formulas_are_found_among_other_tokens() {
        let page = encoding_rs::WINDOWS_1252;
        let tokens = [
            &b"\x24\x17\x01\x00\x17\x04\x004111\x17\x03\x01a\0b\0c\0\x08\x17\x05\x00a\x00bcd\x17\xff\x00"[..],
        ]
        .concat();
        assert_eq!(strings(&tokens, true, page), "4111\nabc\na\nbcd\n");
        assert_eq!(strings(b"\x17\x044111\x17\x02\x01\x02", false, page), "4111\n");
        assert_eq!(strings(&[0x17; 100], true, page), "");
    }
}
