//! Header fields, their parameters and encoded words (RFC 5322 2.2, RFC 2045 5.1, RFC 2047, RFC 2231), read tolerantly.

use std::borrow::Cow;

use crate::charset;

/// One field of a header: octets of name and value, and where the field is in its entity.
#[derive(Debug, Clone)]
pub(crate) struct Field<'m> {
    pub(crate) name: &'m [u8],
    pub(crate) value: &'m [u8],
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Field<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// A header and where the body begins.
#[derive(Debug, Default)]
pub(crate) struct Head<'m> {
    pub(crate) fields: Vec<Field<'m>>,
    pub(crate) body: usize,
    /// More fields than the bound.
    pub(crate) cut: bool,
}

/// Reads fields up to the first empty line, or to a line that is no field: what follows is body then.
pub(crate) fn read(entity: &[u8], most: usize) -> Head<'_> {
    let mut head = Head::default();
    let mut at = 0;
    while at < entity.len() {
        let line = line_end(entity, at);
        if matches!(&entity[at..line], b"\r\n" | b"\n" | b"\r") {
            head.body = line;
            return head;
        }
        let mut end = line;
        while matches!(entity.get(end), Some(b' ' | b'\t')) {
            end = line_end(entity, end);
        }
        let field = &entity[at..end];
        let Some(colon) = memchr::memchr(b':', field).filter(|colon| is_name(&field[..*colon])) else {
            head.body = at;
            return head;
        };
        if head.fields.len() >= most {
            head.cut = true;
        } else {
            let value = trim_end(&field[colon + 1..]);
            head.fields.push(Field { name: field[..colon].trim_ascii(), value, start: at, end });
        }
        at = end;
    }
    head.body = entity.len();
    head
}

fn is_name(name: &[u8]) -> bool {
    let name = name.trim_ascii_end();
    !name.is_empty() && name.len() <= 256 && name.iter().all(|octet| *octet > b' ' && *octet != 0x7f)
}

fn trim_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &value[..end]
}

/// The start of the next line: CRLF, LF, or a CR alone.
pub(crate) fn line_end(octets: &[u8], at: usize) -> usize {
    match memchr::memchr2(b'\r', b'\n', &octets[at..]) {
        None => octets.len(),
        Some(offset) if octets[at + offset..].starts_with(b"\r\n") => at + offset + 2,
        Some(offset) => at + offset + 1,
    }
}

/// The value as people read it: unfolded, encoded words decoded. Plain ASCII on one line is borrowed.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    let value = value.trim_ascii();
    let folded = memchr::memchr2(b'\r', b'\n', value).is_some();
    let encoded = memchr::memmem::find(value, b"=?").is_some();
    if !folded && !encoded {
        return charset::utf8_or_guess(value);
    }
    let unfolded: Vec<u8> = value.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    let text = charset::utf8_or_guess(&unfolded).into_owned();
    Cow::Owned(if encoded { decode_words(&text) } else { text })
}

/// RFC 2047, also where the words are broken: spaces inside, no spaces between, split multibyte characters.
fn decode_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Octets of adjacent words in one charset are joined before they are decoded.
    let mut pending: Option<(String, Vec<u8>)> = None;
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = encoded_word(&rest[start..]) else {
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
            Some((charset, octets)) if charset.eq_ignore_ascii_case(&word.0) => octets.extend(word.1),
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

fn flush(pending: &mut Option<(String, Vec<u8>)>, out: &mut String) {
    if let Some((charset, octets)) = pending.take() {
        out.push_str(&charset::decode(&octets, Some(&charset)).text);
    }
}

/// `=?charset*lang?q?text?=`: charset and octets, and the length of the word.
fn encoded_word(text: &str) -> Option<((String, Vec<u8>), usize)> {
    let inner = text.strip_prefix("=?")?;
    let (charset, rest) = inner.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    if charset.len() > 64 || charset.contains(char::is_whitespace) || encoding.len() != 1 {
        return None;
    }
    let end = rest.find("?=")?;
    let data = &rest[..end];
    let octets = match encoding {
        "q" | "Q" => crate::transfer::q_word(data.as_bytes()),
        "b" | "B" => crate::transfer::base64(data.as_bytes()).octets,
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or_default().to_owned();
    let length = text.len() - rest.len() + end + 2;
    Some(((charset, octets), length))
}

/// A parameter in pieces (RFC 2231 3): its name, and number, whether percent-encoded, and value of each piece.
type Continued = (String, Vec<(u32, bool, String)>);

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

/// Reads `type/subtype; name=value; name*0*=charset'lang'value` with comments, odd quoting and missing semicolons.
pub(crate) fn parameters(value: &[u8]) -> Parameters {
    let text = charset::utf8_or_guess(value);
    let unfolded: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let mut pieces = split(&unfolded);
    let value = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut plain = Vec::new();
    let mut continued: Vec<Continued> = Vec::new();
    for piece in pieces.take(256) {
        let Some((name, value)) = piece.split_once('=') else { continue };
        let name = name.trim().to_ascii_lowercase();
        let value = unquote(value.trim());
        let mut stars = name.splitn(3, '*');
        let base = stars.next().unwrap_or_default().to_owned();
        match (stars.next(), stars.next()) {
            (None, _) => plain.push((base, decode_words(&value))),
            (Some(""), _) => continued_of(&mut continued, base).push((0, true, value)),
            (Some(number), last) => {
                let number = number.parse().unwrap_or(0);
                continued_of(&mut continued, base).push((number, last.is_some(), value));
            }
        }
    }
    let joined = continued.into_iter().map(|(name, pieces)| (name, join(pieces)));
    Parameters {
        value: value.split_whitespace().next().unwrap_or_default().to_owned(),
        list: joined.chain(plain).collect(),
    }
}

fn continued_of(all: &mut Vec<Continued>, name: String) -> &mut Vec<(u32, bool, String)> {
    let at = all.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        all.push((name, Vec::new()));
        all.len() - 1
    });
    &mut all[at].1
}

fn join(mut pieces: Vec<(u32, bool, String)>) -> String {
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
fn split(text: &str) -> impl Iterator<Item = String> {
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped, mut comments) = (false, false, 0_u32);
    for c in text.chars() {
        let piece = pieces.last_mut();
        match c {
            _ if escaped => {
                escaped = false;
                if comments == 0
                    && let Some(piece) = piece
                {
                    piece.push(c)
                }
            }
            '\\' if quoted || comments > 0 => {
                escaped = true;
                if comments == 0
                    && let Some(piece) = piece
                {
                    piece.push(c)
                }
            }
            '"' if comments == 0 => {
                quoted = !quoted;
                if let Some(piece) = piece {
                    piece.push(c)
                }
            }
            '(' if !quoted => comments += 1,
            ')' if !quoted && comments > 0 => comments -= 1,
            ';' if !quoted && comments == 0 => pieces.push(String::new()),
            _ if comments > 0 => {}
            _ => {
                if let Some(piece) = piece {
                    piece.push(c)
                }
            }
        }
    }
    pieces.into_iter()
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.split_whitespace().next().unwrap_or_default().to_owned();
    };
    let mut out = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                out.push(c);
            }
            '\\' => escaped = true,
            '"' => break,
            _ => out.push(c),
        }
    }
    out
}
