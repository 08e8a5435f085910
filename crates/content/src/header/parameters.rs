//! Media types and dispositions with their parameters (RFC 2045 5.1, RFC 2231), and every value that a parser may take for the boundary.

use std::borrow::Cow;

use super::{unfold, words};
use crate::charset;

/// Parameters of one field.
const MOST_PIECES: usize = 256;
/// Values that may be the boundary.
const MOST_BOUNDARIES: usize = 24;
/// RFC 2046 says 70; some readers do not count.
const LONGEST_BOUNDARY: usize = 998;

/// A media type, or a disposition, with its parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    /// `text/plain`, lower case.
    pub(crate) value: String,
    /// Names in lower case; RFC 2231 pieces joined and decoded.
    pub(crate) list: Vec<(String, String)>,
}

impl Parameters {
    /// Every value of the parameter: two differing ones are two readings.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.list.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// A parameter in pieces (RFC 2231 3): number, whether percent-encoded, and value of each.
type Pieces = Vec<(u32, bool, String)>;

/// Reads `type/subtype; name=value; name*0*=charset'lang'value` with comments, odd quoting and missing semicolons.
pub(crate) fn parameters(value: &[u8]) -> Parameters {
    let text = text(value);
    let mut pieces = split(&text).into_iter();
    let value = pieces.next().unwrap_or_default();
    let (value, first) = media_type(&value);
    let mut plain: Vec<(String, String)> = Vec::new();
    let mut continued: Vec<(String, Pieces)> = Vec::new();
    for piece in first.map(Cow::Borrowed).into_iter().chain(pieces.take(MOST_PIECES)) {
        let Some((name, value)) = piece.split_once('=') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), unquote(value.trim()));
        let Some((base, star)) = name.split_once('*') else {
            let value = if value.contains("=?") { words::decode(&value) } else { value };
            plain.push((name, value));
            continue;
        };
        let piece = match star.strip_suffix('*').unwrap_or(star) {
            "" => (0, true, value),
            number => (number.parse().unwrap_or(0), star.ends_with('*'), value),
        };
        match continued.iter_mut().find(|(known, _)| known == base) {
            Some((_, pieces)) => pieces.push(piece),
            None => continued.push((base.to_owned(), vec![piece])),
        }
    }
    let joined = continued.into_iter().map(|(name, pieces)| (name, join(pieces)));
    Parameters { value, list: joined.chain(plain).collect() }
}

/// The type without blanks around its slash; what follows it without a semicolon is a parameter.
fn media_type(piece: &str) -> (String, Option<&str>) {
    let piece = piece.trim();
    let (head, tail) = match piece.split_once('/') {
        Some((main, sub)) => {
            let sub = sub.trim_start();
            let end = sub.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(sub.len());
            (format!("{}/{}", main.trim_end(), &sub[..end]), &sub[end..])
        }
        None => {
            let end = piece.find(char::is_whitespace).unwrap_or(piece.len());
            (piece[..end].to_owned(), &piece[end..])
        }
    };
    let value = head.trim_matches(|c| matches!(c, '"' | '\'' | '<' | '>')).to_ascii_lowercase();
    (value, (!tail.trim().is_empty()).then(|| tail.trim()))
}

fn text(value: &[u8]) -> Cow<'_, str> {
    match memchr::memchr2(b'\r', b'\n', value) {
        None => charset::utf8_or_guess(value),
        Some(_) => Cow::Owned(charset::utf8_or_guess(&unfold(value)).into_owned()),
    }
}

fn join(mut pieces: Pieces) -> String {
    pieces.sort_by_key(|piece| piece.0);
    let mut charset = None;
    let mut octets = Vec::new();
    for (index, (_, extended, value)) in pieces.into_iter().enumerate() {
        let mut value = value.as_str();
        if extended
            && index == 0
            && let Some((label, rest)) = value.split_once('\'')
        {
            charset = Some(label.to_owned());
            value = rest.split_once('\'').map_or(rest, |(_, text)| text);
        }
        if extended { octets.extend(percent(value)) } else { octets.extend(value.bytes()) }
    }
    charset::decode(&octets, charset.as_deref()).text.into_owned()
}

/// Percent decoding; a bare percent sign stays.
pub(crate) fn percent(text: &str) -> Vec<u8> {
    let octets = text.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let hex = |octet: u8| (octet as char).to_digit(16);
        match octets.get(at + 1).and_then(|a| hex(*a)).zip(octets.get(at + 2).and_then(|b| hex(*b))) {
            Some((high, low)) if octets[at] == b'%' => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(octets[at]);
                at += 1;
            }
        }
    }
    out
}

/// Pieces between semicolons that are neither quoted nor in a comment; comments are dropped.
fn split(text: &str) -> Vec<Cow<'_, str>> {
    let octets = text.as_bytes();
    let mut pieces = Vec::with_capacity(4);
    // The piece up to now, if it is not simply `text[start..]`.
    let mut kept: Option<String> = None;
    let (mut start, mut at, mut quoted, mut comments) = (0, 0, false, 0_u32);
    let take = |kept: &mut Option<String>, start: usize, at: usize| match kept.take() {
        Some(before) => Cow::Owned(before + &text[start..at]),
        None => Cow::Borrowed(&text[start..at]),
    };
    while at < octets.len() && pieces.len() <= MOST_PIECES {
        match octets[at] {
            b'\\' if (quoted || comments > 0) && octets.get(at + 1).is_some_and(u8::is_ascii) => at += 1,
            b'"' if comments == 0 => quoted = !quoted,
            b'(' if !quoted => {
                if comments == 0 {
                    kept = Some(take(&mut kept, start, at).into_owned());
                }
                comments += 1;
            }
            b')' if comments > 0 => {
                comments -= 1;
                start = at + 1;
            }
            b';' if !quoted && comments == 0 => {
                pieces.push(take(&mut kept, start, at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let rest = if comments > 0 { text.len() } else { start.min(text.len()) };
    pieces.push(take(&mut kept, rest, text.len()));
    pieces
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"') {
        Some(inner) => unescape(inner).0,
        None => value.to_owned(),
    }
}

/// A quoted string behind its first quote: what it says, and where it ends.
fn unescape(inner: &str) -> (String, usize) {
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                out.push(c);
            }
            '\\' => escaped = true,
            '"' => return (out, at),
            _ => out.push(c),
        }
    }
    (out, inner.len())
}

// ---- boundaries

/// Every value that some parser may take for the boundary, the standard's own first. Only those that occur in the body matter.
pub(crate) fn boundaries(value: &[u8], parsed: &Parameters) -> Vec<Vec<u8>> {
    let mut found = Candidates::default();
    let plain = is_plain(value);
    for value in parsed.all("boundary") {
        if value.is_empty() {
            // Some take it by its word: delimiters are two hyphens.
            found.list.push(Vec::new());
        }
        found.add(value.trim_end().as_bytes());
        if !plain {
            found.add(value.as_bytes());
        }
    }
    if plain && !found.list.is_empty() {
        return found.list;
    }
    let unfolded = unfold(value);
    found.sweep(&unfolded);
    if unfolded.len() < value.len() {
        let joined = value.split(|octet| matches!(octet, b'\r' | b'\n')).map(<[u8]>::trim_ascii);
        found.sweep(&joined.collect::<Vec<_>>().concat());
    }
    found.list
}

/// One parameter of that name, quoted or not, with nothing in the field that parsers differ about.
fn is_plain(value: &[u8]) -> bool {
    let odd = value.iter().any(|octet| matches!(octet, b'\\' | b'(' | b'*' | b'\'' | 0 | 0x80..));
    let words = memchr::memmem::find(value, b"=?").is_some();
    if odd || words || count_of_name(value) != 1 {
        return false;
    }
    let at = find_name(value, 0).map_or(0, |at| at + NAME.len());
    let rest = value[at..].trim_ascii_start();
    let rest = rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii_start();
    let quoted = rest.strip_prefix(b"\"");
    let whole = quoted.unwrap_or(rest);
    let is_end = |octet: &u8| match quoted {
        Some(_) => *octet == b'"',
        None => *octet == b';',
    };
    let end = whole.iter().position(is_end).unwrap_or(whole.len());
    let token = if quoted.is_some() { &whole[..end] } else { whole[..end].trim_ascii_end() };
    let after = whole[end..].strip_prefix(b"\"").unwrap_or(&whole[end..]).trim_ascii();
    let closed = quoted.is_none() || whole.len() > end;
    closed
        && matches!(after, [] | [b';', ..])
        && !token.iter().any(|octet| octet.is_ascii_whitespace() || matches!(octet, b'"' | b',' | b';'))
}

const NAME: &[u8] = b"boundary";

fn find_name(value: &[u8], from: usize) -> Option<usize> {
    let rest = value.get(from..)?;
    rest.windows(NAME.len()).position(|name| name.eq_ignore_ascii_case(NAME)).map(|at| from + at)
}

fn count_of_name(value: &[u8]) -> usize {
    value.windows(NAME.len()).filter(|name| name.eq_ignore_ascii_case(NAME)).count()
}

#[derive(Default)]
struct Candidates {
    list: Vec<Vec<u8>>,
}

impl Candidates {
    fn add(&mut self, value: &[u8]) {
        let fits = !value.is_empty() && value.len() <= LONGEST_BOUNDARY && self.list.len() < MOST_BOUNDARIES;
        if fits && !self.list.iter().any(|known| known == value) {
            self.list.push(value.to_vec());
        }
    }

    /// Wherever the name stands, in comments and quotes too, whatever may be its value.
    fn sweep(&mut self, value: &[u8]) {
        let mut at = 0;
        while let Some(found) = find_name(value, at) {
            at = found + NAME.len();
            if self.list.len() >= MOST_BOUNDARIES {
                return;
            }
            let rest = &value[at..value.len().min(at + 2 * LONGEST_BOUNDARY)];
            let rest = skip_blanks(rest);
            let Some(equals) = rest.iter().take(8).position(|octet| matches!(octet, b'=' | b':')) else {
                continue;
            };
            if rest[..equals].iter().all(|octet| matches!(octet, b'*' | b'0'..=b'9' | b' ')) {
                self.values(skip_blanks(&rest[equals + 1..]));
            }
        }
    }

    fn values(&mut self, rest: &[u8]) {
        let until = |ends: &[u8]| {
            let end = rest.iter().position(|octet| ends.contains(octet)).unwrap_or(rest.len());
            &rest[..end]
        };
        if let Some(inner) = rest.strip_prefix(b"\"") {
            let text = String::from_utf8_lossy(inner);
            let (unescaped, _) = unescape(&text);
            self.add(unescaped.as_bytes());
            self.add(unescaped.trim_end().as_bytes());
            let raw = inner.split(|octet| *octet == b'"').next().unwrap_or_default();
            self.add(raw);
            self.add(raw.trim_ascii());
            self.add(raw.split(|octet| *octet == b';').next().unwrap_or_default());
            // Quotes that follow one another are one value, or two.
            let all: Vec<u8> = until(b";").iter().copied().filter(|octet| *octet != b'"').collect();
            self.add(all.trim_ascii());
        }
        if let Some(inner) = rest.strip_prefix(b"'") {
            self.add(inner.split(|octet| *octet == b'\'').next().unwrap_or_default());
        }
        for ends in [&b";"[..], b"; \t", b"; \t()", b"; \t,", b"; \t\"("] {
            self.add(until(ends).trim_ascii());
        }
        let whole = until(b";").trim_ascii();
        self.add(&whole.iter().copied().filter(|octet| *octet != b'"').collect::<Vec<_>>());
        self.add(&percent(&String::from_utf8_lossy(
            whole.rsplit(|octet| *octet == b'\'').next().unwrap_or(whole),
        )));
    }
}

/// Behind white space and comments.
fn skip_blanks(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = rest.trim_ascii_start();
        match rest.strip_prefix(b"(").and_then(|inner| memchr::memchr(b')', inner).map(|at| &inner[at + 1..]))
        {
            Some(after) => rest = after,
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_parameters_are_read_in_odd_forms() {
        for (value, expected) in [
            ("text/plain; charset=utf-8", "utf-8"),
            ("TEXT / Plain ; CHARSET = \"utf-8\"", "utf-8"),
            ("(c) text/plain (d); (e) charset (f) = (g) utf-8 (h)", "utf-8"),
            ("text/plain charset=utf-8", "utf-8"),
            ("text/plain;; charset=\"ut\\f-8\";", "utf-8"),
            ("text/plain;\r\n\tcharset=utf-8", "utf-8"),
            ("text/plain; charset*=us-ascii'en'utf-8", "utf-8"),
            ("text/plain; charset*1=-8; charset*0=utf", "utf-8"),
            ("\"text/plain\"; x=\"a;b\"; charset=utf-8", "utf-8"),
        ] {
            let read = parameters(value.as_bytes());
            assert_eq!((read.value.as_str(), read.get("charset")), ("text/plain", Some(expected)), "{value}");
        }
    }

    #[test]
    fn file_names_keep_their_blanks_and_are_decoded() {
        for (value, expected) in [
            ("attachment; filename=my list 4111.txt", "my list 4111.txt"),
            ("attachment; filename=\"=?utf-8?q?4111=2Etxt?=\"", "4111.txt"),
            ("attachment; filename*=utf-8''%344%31.txt", "441.txt"),
            ("attachment; filename*0*=utf-8''a%20; filename*1=b.; filename*2*=t%78t", "a b.txt"),
            ("attachment; filename=\"a\\\"b\"", "a\"b"),
        ] {
            assert_eq!(parameters(value.as_bytes()).get("filename"), Some(expected), "{value}");
        }
    }

    #[test]
    fn every_value_that_may_be_the_boundary_is_a_candidate() {
        for (value, expected) in [
            ("multipart/mixed; boundary=abc", &["abc"][..]),
            ("multipart/mixed;\r\n boundary=\"abc\"", &["abc"]),
            ("multipart/mixed; boundary=\"abc\"; boundary=def", &["abc", "def"]),
            ("multipart/mixed; boundary=abc def", &["abc def", "abc"]),
            ("multipart/mixed; boundary=\"a\\bc\"", &["abc", "a\\bc"]),
            ("multipart/mixed; boundary=abc(d)", &["abc", "abc(d)"]),
            ("multipart/mixed; boundary='abc'", &["'abc'", "abc"]),
            ("multipart/mixed; boundary=\"abc", &["abc"]),
            ("multipart/mixed; boundary=\"abc \"", &["abc", "abc "]),
            ("multipart/mixed boundary=abc", &["abc"]),
            ("multipart/mixed; x=\"boundary=abc\"; boundary=def", &["def", "abc"]),
            ("multipart/mixed; (boundary=abc) boundary=def", &["def", "abc"]),
            ("multipart/mixed; boundary*0=ab; boundary*1=c", &["abc", "ab"]),
            ("multipart/mixed; boundary*=''a%62c", &["abc"]),
            ("multipart/mixed; boundary==?us-ascii?q?abc?=", &["abc", "=?us-ascii?q?abc?="]),
            ("multipart/mixed; boundary=\"ab\r\n c\"", &["ab c", "abc"]),
            ("multipart/mixed; boundary=\"ab\"\"c\"", &["ab", "abc"]),
        ] {
            let all = boundaries(value.as_bytes(), &parameters(value.as_bytes()));
            let all: Vec<String> = all.iter().map(|one| String::from_utf8_lossy(one).into_owned()).collect();
            for one in expected {
                assert!(all.iter().any(|known| known == one), "{value}: {one} is not in {all:?}");
            }
            assert_eq!(all[0], expected[0], "{value}");
        }
    }

    #[test]
    fn a_flood_of_boundaries_is_cut() {
        let flood: String = (0..100_000).map(|n| format!("; boundary=b{n}")).collect();
        let value = format!("multipart/mixed{flood}");
        assert!(boundaries(value.as_bytes(), &parameters(value.as_bytes())).len() <= MOST_BOUNDARIES);
    }
}
