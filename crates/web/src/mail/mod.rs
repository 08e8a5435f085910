//! Shows what came in a mail: as escaped text only, never as the HTML or the pictures that it asks for.
//!
//! What would not be seen is made visible: control characters, characters of no width, and those that turn the reading
//! direction. What is too long is cut, and says so. Matches are marked where they stand.

mod headers;
mod passage;

use std::fmt::Write as _;

pub use headers::{Header, header_table};
pub use passage::passage;

use crate::layout::Html;
use crate::layout::escape;

/// A character that is not seen, or that makes others be seen elsewhere.
pub fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A value on one line: an address, a subject, a file's name; so many characters at most. Nothing where there is none: cells of a list
/// that are empty are left out on a phone.
pub fn line(text: &str, most: usize) -> Html {
    if text.is_empty() {
        return Html::new(String::new());
    }
    let mut out = String::from("<bdi class=\"mail\">");
    let rest = text.char_indices().nth(most).map(|(end, _)| end);
    write_visible(&text[..rest.unwrap_or(text.len())], false, &mut out);
    if let Some(end) = rest {
        let more = text[end..].chars().count();
        let _ = write!(out, "<span class=\"cut\" title=\"{more} more characters\">…</span>");
    }
    out.push_str("</bdi>");
    Html::new(out)
}

/// Text, escaped and with the unseen made visible; line ends and tabs stay where `lines` allows them.
fn write_visible(text: &str, lines: bool, out: &mut String) {
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            '\r' if lines && next == '\n' => {}
            '\n' | '\t' if lines => out.push(c),
            c if belongs(before, c, next) || !is_deceptive(c) => crate::layout::escape_char(c, out),
            c => write_code(c, out),
        }
        before = c;
    }
}

/// Joiners are part of the spelling of many languages and of emoji, but of no word in Latin letters.
fn belongs(before: char, c: char, next: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}') && !before.is_ascii() && !next.is_ascii() && !is_deceptive(before)
}

fn write_code(c: char, out: &mut String) {
    let code = u32::from(c);
    let shown = format!("U+{code:04X}");
    let title = match name(c) {
        Some(name) => format!("U+{code:04X} {name}"),
        None => format!("U+{code:04X}"),
    };
    let _ = write!(out, "<span class=\"code\" title=\"{}\">{}</span>", escape(&title), escape(&shown));
}

fn name(c: char) -> Option<&'static str> {
    Some(match c {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
        '\u{ad}' => "soft hyphen",
        '\u{61c}' | '\u{200e}' | '\u{200f}' => "direction mark",
        '\u{200b}' | '\u{2060}' | '\u{feff}' => "character of no width",
        '\u{200c}' | '\u{200d}' => "joiner",
        '\u{2028}' | '\u{2029}' => "line separator",
        '\u{202a}' | '\u{202b}' | '\u{202c}' | '\u{2066}'..='\u{2069}' => "change of reading direction",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{e0000}'..='\u{e0fff}' => "invisible tag",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_not_be_seen_is_shown() {
        let html = line("inv\u{202e}fdp.exe\u{200b}\0\n", 100).to_string();
        assert!(html.contains("title=\"U+202E right-to-left override\">U+202E</span>"));
        for code in ["U+200B", "U+0000", "U+000A"] {
            assert!(html.contains(&format!("\">{code}</span>")), "{html}");
        }
        assert!(!html.contains(['\u{202e}', '\u{200b}', '\0', '\n']));
    }

    #[test]
    fn joiners_stay_where_they_belong() {
        assert_eq!(line("👩\u{200d}💻", 9).as_str(), "<bdi class=\"mail\">👩\u{200d}💻</bdi>");
        assert!(line("pay\u{200d}pal", 9).as_str().contains("U+200D"));
    }

    #[test]
    fn a_long_value_is_cut_between_characters_and_says_so() {
        assert_eq!(line("", 2).as_str(), "");
        let html = line("äöüß", 2).to_string();
        assert_eq!(
            html,
            "<bdi class=\"mail\">äö<span class=\"cut\" title=\"2 more characters\">…</span></bdi>"
        );
    }

    proptest! {
        #[test]
        fn no_value_brings_a_tag_or_an_unseen_character(text in ".*|[\\x00-\\x7f\u{200b}-\u{202e}<>&\"']*", most in 0_usize..40) {
            prop_assume!(!text.is_empty());
            let html = line(&text, most).to_string();
            let inside = html.strip_prefix("<bdi class=\"mail\">").unwrap().strip_suffix("</bdi>").unwrap();
            let bare = ours_removed(inside);
            prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{}", html);
            let unseen = |c: char| is_deceptive(c) && !matches!(c, '\u{200c}' | '\u{200d}');
            prop_assert!(!inside.chars().any(unseen), "an unseen character");
        }
    }

    /// What remains when our own marks are taken away.
    fn ours_removed(html: &str) -> String {
        let mut rest = html;
        let mut out = String::new();
        while let Some(at) = rest.find("<span class=\"") {
            out.push_str(&rest[..at]);
            let end = rest[at..].find("</span>").unwrap();
            rest = &rest[at + end + 7..];
        }
        out.push_str(rest);
        out
    }
}
