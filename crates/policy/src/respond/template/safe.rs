//! Makes text safe for where it goes. Whatever comes in, no line can be ended, no terminal or mail program steered,
//! and the length is bounded.

use unicode_normalization::UnicodeNormalization as _;

/// Octets of a header value: with its name, under the 998 of RFC 5322.
pub(crate) const HEADER: usize = 800;
/// Octets of a reply's text: with code, enhanced code and line end under the 512 of RFC 5321.
pub(crate) const REPLY: usize = 480;
/// Octets of a line in a log or a notice's subject.
pub(crate) const LINE: usize = 2_000;
/// Octets of a notice.
pub(crate) const TEXT: usize = 64 << 10;

/// One line: everything that could end it or steer a reader is a blank, runs of blanks are one.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = if steers(c) || c.is_whitespace() { ' ' } else { c };
        if c != ' ' || !out.is_empty() && !out.ends_with(' ') {
            out.push(c);
        }
        if out.len() > most {
            break;
        }
    }
    cut(out.trim_end(), most)
}

/// One line of printable ASCII: letters lose their accents, everything else outside is a question mark.
pub(crate) fn ascii_line(text: &str, most: usize) -> String {
    let mut out = String::new();
    // No character stands for more than a few; what is far beyond the bound need not be looked at.
    for c in line(text, 4 * most).nfkd() {
        match c {
            ' '..='~' => out.push(c),
            _ if unicode_normalization::char::is_combining_mark(c) => {}
            _ => out.push_str(plain(c)),
        }
    }
    cut(&out, most)
}

/// Several lines: line feeds and tabs stay.
pub(crate) fn text(text: &str, most: usize) -> String {
    let cleaned: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter_map(|c| match c {
            '\n' | '\t' => Some(c),
            '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
            c if steers(c) => None,
            c => Some(c),
        })
        .collect();
    cut(&cleaned, most)
}

/// Whether mail can be sent to it. Never to `<>`.
pub(crate) fn is_address(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || steers(c) || matches!(c, '<' | '>' | ',' | ';' | '$');
    text.len() <= 320
        && !text.contains(bad)
        && text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && is_domain(domain))
}

fn is_domain(domain: &str) -> bool {
    let literal = domain.starts_with('[') && domain.ends_with(']');
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|c| c == '-' || c == '_' || c.is_alphanumeric())
    };
    literal || domain.split('.').all(label)
}

/// Controls, line separators, and characters that turn the direction of text or cannot be seen.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

fn plain(c: char) -> &'static str {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '‘' | '’' | '‚' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        'ß' => "ss",
        'æ' => "ae",
        'Æ' => "AE",
        'ø' => "o",
        'Ø' => "O",
        'ł' => "l",
        'Ł' => "L",
        'œ' => "oe",
        'ı' => "i",
        _ => "?",
    }
}

/// At most so many octets; what is cut off is marked.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most.saturating_sub(3)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_cannot_be_ended() {
        assert_eq!(line(" a\r\nBcc: x@y.example\u{2028}b\tc\0\u{202E}d ", 100), "a Bcc: x@y.example b c d");
        assert_eq!(ascii_line("Größe – “Zürich”\r\n250 Ok", 100), "Grosse - \"Zurich\" 250 Ok");
        assert_eq!(text("a\r\nb\rc\u{1b}[2J\u{202E}", 100), "a\nb\nc[2J");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_marked() {
        assert_eq!(line("ééééé", 8), "éé...");
        assert_eq!(ascii_line(&"x".repeat(1000), 10), "xxxxxxx...");
    }

    #[test]
    fn notices_go_to_addresses_only() {
        for good in ["ann@example.com", "o'neil+x@sub.example", "jörg@müller.example", "a@[192.0.2.1]"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "<>",
            "ann",
            "@example.com",
            "a@b@",
            "a b@c.example",
            "a@b.example\r\nDATA",
            "<a@b.example>",
            "a@b..c",
            "$X$@b.example",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_safe(input in any::<String>(), most in 3usize..200) {
            let (one, reply, several) = (line(&input, most), ascii_line(&input, most), text(&input, most));
            prop_assert!(one.len() <= most && reply.len() <= most && several.len() <= most);
            prop_assert!(!one.contains(|c: char| c.is_control()));
            prop_assert!(reply.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()));
            prop_assert!(!several.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
