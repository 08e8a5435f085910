//! Header lines of our own: plain text as it is, other text as encoded words (RFC 2047), and no injection by either.

/// Octets of text within an encoded word: a line keeps room for the name before it.
const WORD: usize = 40;

/// `name: value CRLF`. Control characters in the value become spaces and what no name may have is left out of it: no injection
/// through a setting or a policy's text.
pub fn line(name: &str, value: &str) -> String {
    let name: String = name.chars().filter(|c| c.is_ascii_graphic() && *c != ':').collect();
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{name}: {}\r\n", encoded(&value))
}

/// Text for a header value: as it is when printable ASCII that nobody takes for an encoded word, else encoded words.
pub fn encoded(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        let mut octets = [0; 4];
        let encoded: String = c.encode_utf8(&mut octets).bytes().map(q_octet).collect();
        if word.len() + encoded.len() > WORD {
            words.push(format!("=?UTF-8?Q?{}?=", std::mem::take(&mut word)));
        }
        word.push_str(&encoded);
    }
    words.push(format!("=?UTF-8?Q?{word}?="));
    words.join("\r\n ")
}

/// Whether [`encoded`] leaves it as it is.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && !text.contains("=?")
}

fn q_octet(octet: u8) -> String {
    match octet {
        b' ' => "_".to_owned(),
        b'!' | b'*' | b'+' | b'-' | b'/' => char::from(octet).to_string(),
        _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        _ => format!("={octet:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_ours_cannot_be_split_by_its_value_or_its_name() {
        assert_eq!(line("X-Note", "a\r\nBcc: b"), "X-Note: a  Bcc: b\r\n");
        assert_eq!(line("X\r\nBcc: a", "b"), "XBcca: b\r\n");
        assert_eq!(line("X-Note", "caf\u{e9}"), "X-Note: =?UTF-8?Q?caf=C3=A9?=\r\n");
        let long = line("X-Note", &"\u{e9}".repeat(200));
        assert!(long.lines().all(|line| line.len() <= 78), "{long}");
    }

    #[test]
    fn what_looks_like_an_encoded_word_is_shown_as_it_was_written() {
        assert_eq!(encoded("=?utf-8?q?paid?="), "=?UTF-8?Q?=3D=3Futf-8=3Fq=3Fpaid=3F=3D?=");
        assert_eq!(encoded("1 = 1?"), "1 = 1?");
    }

    proptest! {
        #[test]
        fn whatever_the_value_a_line_of_ours_is_one_field(value in any::<String>(), name in any::<String>()) {
            let line = line(&name, &value);
            let text = line.strip_suffix("\r\n").unwrap();
            prop_assert!(text.split("\r\n").skip(1).all(|folded| folded.starts_with(' ')));
            prop_assert!(!text.replace("\r\n ", "").contains(['\r', '\n', '\0']));
            prop_assert!(text.is_ascii());
        }
    }
}
