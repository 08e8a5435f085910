//! Text of mails on a terminal: a subject or file name is an attacker's letter, and must not move the cursor, change
//! colours or turn the line around.

use std::borrow::Cow;

/// The text on one line, with everything that a terminal obeys written out as `\u{1b}`.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !obeyed(c)) {
        return Cow::Borrowed(text);
    }
    let written = |c: char| -> String {
        match c {
            '\r' | '\n' | '\t' => " ".to_owned(),
            c if obeyed(c) => c.escape_unicode().to_string(),
            c => c.to_string(),
        }
    };
    Cow::Owned(text.chars().map(written).collect())
}

/// Control characters, line separators, and those that change the direction of text.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{061C}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_clear_the_screen_or_turn_the_line_around() {
        assert_eq!(safe("a\u{1b}[2Jb\r\nc\u{202e}d"), "a\\u{1b}[2Jb  c\\u{202e}d");
        assert_eq!(safe("Grüße, 世界"), "Grüße, 世界");
    }
}
