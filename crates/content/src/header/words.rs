//! Encoded words (RFC 2047), also where they are broken: spaces inside, none between, no end, split characters.

use crate::charset;
use crate::transfer::{self, Encoding};

/// The text with its encoded words decoded. Linear: every search that fails ends the work.
pub(super) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Octets of adjacent words in one charset are joined before they are decoded.
    let mut pending: Option<Word<'_>> = None;
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = word(&rest[start..]) else {
            flush(&mut pending, &mut out);
            out.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            continue;
        };
        let between = &rest[..start];
        if pending.is_none() || !between.trim().is_empty() {
            flush(&mut pending, &mut out);
            out.push_str(between);
        }
        match &mut pending {
            Some(before) if before.charset.eq_ignore_ascii_case(word.charset) => {
                before.octets.extend(word.octets)
            }
            _ => {
                flush(&mut pending, &mut out);
                pending = Some(word);
            }
        }
        rest = &rest[start + length..];
    }
    flush(&mut pending, &mut out);
    out.push_str(rest);
    out
}

struct Word<'t> {
    charset: &'t str,
    octets: Vec<u8>,
}

fn flush(pending: &mut Option<Word<'_>>, out: &mut String) {
    if let Some(word) = pending.take() {
        out.push_str(&charset::decode(&word.octets, Some(word.charset)).text);
    }
}

/// `=?charset*lang?q?text?=` and its length. A word without an end goes to the next white space, or all the way.
fn word(text: &str) -> Option<(Word<'_>, usize)> {
    let inner = text.strip_prefix("=?")?;
    let question = inner.find(|c: char| c == '?' || c.is_whitespace()).filter(|at| *at <= 64)?;
    let (charset, rest) = (&inner[..question], inner[question..].strip_prefix('?')?);
    let encoding = match rest.as_bytes() {
        [b'q' | b'Q', b'?', ..] => Encoding::QuotedPrintable,
        [b'b' | b'B', b'?', ..] => Encoding::Base64,
        _ => return None,
    };
    let rest = &rest[2..];
    // Where the next word begins before this one ends, this one has no end; looking no further keeps the work linear.
    let begin = rest.find("=?").unwrap_or(rest.len());
    let (end, closing) =
        match rest.as_bytes()[..rest.len().min(begin + 3)].windows(2).position(|two| two == b"?=") {
            Some(end) => (end, 2),
            None => (rest[..begin].find(char::is_whitespace).unwrap_or(begin), 0),
        };
    let data = &rest.as_bytes()[..end];
    let octets = match encoding {
        Encoding::Base64 => transfer::base64(data).octets,
        _ => transfer::q_word(data),
    };
    let charset = charset.split('*').next().unwrap_or_default();
    Some((Word { charset, octets }, text.len() - rest.len() + end + closing))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn words_are_decoded_in_all_their_forms() {
        for (text, expected) in [
            ("=?utf-8?q?4111=201111?=", "4111 1111"),
            ("=?UTF-8*en?B?NDExMQ==?=", "4111"),
            ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
            ("=?utf-8?q?a?=\t=?utf-8?b?Yg==?= c", "ab c"),
            ("=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
            ("x=?utf-8?q?a?=y", "xay"),
            ("=?utf-8?q?two words=21?=", "two words!"),
            ("=?utf-8?b?ww==?= =?utf-8?b?pA==?=", "ä"),
            ("=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
            ("=?utf-8?q?a=3Fb?=", "a?b"),
            ("=?utf-8?q?a?b?=", "a?b"),
            ("=?iso-8859-1?q?sch=F6n", "schön"),
            ("=?utf-8?q?=34111 and more", "4111 and more"),
            ("=?utf-8?q?=34 =?utf-8?q?=35?=", "45"),
            ("=??q?a?=", "a"),
            ("=?utf-8?x?a?= =? =?=", "=?utf-8?x?a?= =? =?="),
            ("=?utf-7?q?+ADQ-1?=", "41"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    #[test]
    fn a_flood_of_beginnings_is_read_in_one_pass() {
        for begin in ["=?a?q?", "=?a?q?x ", "=?a?b?=", "=?a"] {
            let flood = begin.repeat(100_000);
            assert!(decode(&flood).len() <= flood.len());
        }
        assert_eq!(decode(&"=?".repeat(200_000)).len(), 400_000);
    }
}
