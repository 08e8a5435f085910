//! Header fields (RFC 5322 2.2) and where the body begins, in the reading of forgiving clients and, where they differ, in the others'.

use std::borrow::Cow;

use crate::AmbiguityReason;
use crate::charset;

mod parameters;
mod words;

pub(crate) use parameters::{Parameters, boundaries, parameters, percent};

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

    /// It says how the body is to be read.
    fn rules_the_body(&self) -> bool {
        self.is("content-type") || self.is("content-transfer-encoding") || self.is("content-disposition")
    }
}

/// A header and where the body begins.
#[derive(Debug, Default)]
pub(crate) struct Head<'m> {
    pub(crate) fields: Vec<Field<'m>>,
    pub(crate) body: usize,
    /// More fields than the bound.
    pub(crate) cut: bool,
    /// It ended with an empty line.
    ended: bool,
    odd: Odd,
}

impl<'m> Head<'m> {
    pub(crate) fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'m [u8]> + 'a {
        self.fields.iter().filter(move |field| field.is(name)).map(|field| field.value)
    }

    /// Two headers with the same fields about the same body are one reading.
    fn same_reading(&self, other: &Head<'_>) -> bool {
        let ruling = |head: &Head<'m>| {
            let fields = head.fields.iter().filter(|field| field.rules_the_body());
            fields.map(|field| field.value).collect::<Vec<_>>()
        };
        let others = other.fields.iter().filter(|field| field.rules_the_body()).map(|field| field.value);
        self.body == other.body && ruling(self).into_iter().eq(others)
    }

    fn rules_the_body(&self) -> bool {
        self.fields.iter().any(Field::rules_the_body)
    }
}

/// What a header has that parsers take in different ways.
#[derive(Debug, Default, Clone, Copy)]
struct Odd {
    /// CR without LF.
    bare_cr: bool,
    /// LF without CR.
    bare_lf: bool,
    crlf: bool,
    /// A continuation of nothing but white space.
    blank_fold: bool,
    /// White space before the colon, or octets in a name that are not ASCII.
    name: bool,
    /// A line that is no field.
    junk: bool,
}

/// How to take them.
#[derive(Debug, Clone, Copy)]
struct Rules {
    cr_ends: bool,
    lf_ends: bool,
    blank_ends: bool,
    odd_names: bool,
    skip_junk: bool,
}

/// The forgiving reading: any line end, odd names; a line that is no field ends the header.
const FORGIVING: Rules =
    Rules { cr_ends: true, lf_ends: true, blank_ends: false, odd_names: true, skip_junk: false };

/// Reads fields up to the first empty line, or to a line that is no field: what follows is body then.
pub(crate) fn read(entity: &[u8], most: usize) -> Head<'_> {
    read_by(entity, most, FORGIVING)
}

/// The readings that differ from the forgiving one in what they say about the body, and what makes them differ.
pub(crate) fn other_readings<'m>(
    entity: &'m [u8],
    most: usize,
    first: &Head<'m>,
) -> Vec<(Head<'m>, AmbiguityReason)> {
    let odd = first.odd;
    let mut others: Vec<(Head<'m>, AmbiguityReason)> = Vec::new();
    let mut note = |rules: Rules, reason: AmbiguityReason| {
        let head = read_by(entity, most, rules);
        let found_body = head.ended || !rules.skip_junk && head.body < entity.len();
        let says_more = found_body && (head.rules_the_body() || first.rules_the_body());
        let new = !head.same_reading(first) && others.iter().all(|(other, _)| !head.same_reading(other));
        if says_more && new {
            others.push((head, reason));
        }
    };
    if odd.junk {
        note(Rules { skip_junk: true, ..FORGIVING }, AmbiguityReason::JunkInHeader);
    }
    if odd.name {
        note(Rules { odd_names: false, ..FORGIVING }, AmbiguityReason::OddFieldName);
        note(Rules { odd_names: false, skip_junk: true, ..FORGIVING }, AmbiguityReason::OddFieldName);
    }
    if odd.blank_fold {
        note(Rules { blank_ends: true, ..FORGIVING }, AmbiguityReason::OddFolding);
    }
    if odd.bare_cr {
        note(Rules { cr_ends: false, ..FORGIVING }, AmbiguityReason::BareLineEnd);
        note(Rules { cr_ends: false, skip_junk: true, ..FORGIVING }, AmbiguityReason::BareLineEnd);
    }
    if odd.crlf && odd.bare_lf {
        note(Rules { lf_ends: false, cr_ends: false, ..FORGIVING }, AmbiguityReason::BareLineEnd);
    }
    others
}

fn read_by(entity: &[u8], most: usize, rules: Rules) -> Head<'_> {
    let mut head = Head::default();
    let mut at = envelope_line(entity, rules);
    while at < entity.len() {
        let line = next_line(entity, at, rules, &mut head.odd);
        let content = &entity[at..line];
        if matches!(content, b"\r\n" | b"\n" | b"\r") || rules.blank_ends && is_blank(content) {
            (head.body, head.ended) = (line, true);
            return head;
        }
        let end = field_end(entity, line, rules, &mut head.odd);
        match field(entity, at..end, rules, &mut head.odd) {
            Some(_) if head.fields.len() >= most => head.cut = true,
            Some(field) => head.fields.push(field),
            None => {
                head.odd.junk = true;
                if !rules.skip_junk {
                    head.body = at;
                    return head;
                }
            }
        }
        at = end;
    }
    head.body = entity.len();
    head
}

/// The end of the `From ` line of an mbox, which is no field.
fn envelope_line(entity: &[u8], rules: Rules) -> usize {
    match entity.starts_with(b"From ") || entity.starts_with(b">From ") {
        true => next_line(entity, 0, rules, &mut Odd::default()),
        false => 0,
    }
}

fn field_end(entity: &[u8], line: usize, rules: Rules, odd: &mut Odd) -> usize {
    let mut end = line;
    while matches!(entity.get(end), Some(b' ' | b'\t')) {
        let next = next_line(entity, end, rules, odd);
        if is_blank(&entity[end..next]) {
            odd.blank_fold = true;
            if rules.blank_ends {
                break;
            }
        }
        end = next;
    }
    end
}

fn field<'m>(
    entity: &'m [u8],
    range: std::ops::Range<usize>,
    rules: Rules,
    odd: &mut Odd,
) -> Option<Field<'m>> {
    let octets = &entity[range.clone()];
    let colon = memchr::memchr(b':', octets)?;
    let name = &octets[..colon];
    let strict = !name.is_empty() && name.iter().all(|octet| (33..=126).contains(octet));
    if !strict {
        let trimmed = name.trim_ascii_end();
        let known = if rules.skip_junk { trimmed.trim_ascii_start() } else { trimmed };
        let nearly = !known.is_empty()
            && known.len() <= 256
            && known.iter().all(|octet| *octet > b' ' && *octet != 0x7f);
        if !nearly {
            return None;
        }
        odd.name = true;
        if !rules.odd_names {
            return None;
        }
    }
    let value = trim_end(&octets[colon + 1..]);
    Some(Field { name: name.trim_ascii(), value, start: range.start, end: range.end })
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn trim_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &value[..end]
}

/// The start of the next line, by the rules.
fn next_line(octets: &[u8], at: usize, rules: Rules, odd: &mut Odd) -> usize {
    let mut from = at;
    while let Some(offset) = memchr::memchr2(b'\r', b'\n', &octets[from..]) {
        let here = from + offset;
        if octets[here..].starts_with(b"\r\n") {
            odd.crlf = true;
            return here + 2;
        }
        let ends = match octets[here] {
            b'\r' => {
                odd.bare_cr = true;
                rules.cr_ends
            }
            _ => {
                odd.bare_lf = true;
                rules.lf_ends
            }
        };
        if ends {
            return here + 1;
        }
        from = here + 1;
    }
    octets.len()
}

/// The start of the next line: CRLF, LF, or a CR alone.
pub(crate) fn line_end(octets: &[u8], at: usize) -> usize {
    next_line(octets, at, FORGIVING, &mut Odd::default())
}

/// The value as people read it: unfolded, encoded words decoded. Plain ASCII on one line is borrowed.
pub fn text(value: &[u8]) -> Cow<'_, str> {
    let value = value.trim_ascii();
    let folded = memchr::memchr2(b'\r', b'\n', value).is_some();
    let encoded = memchr::memmem::find(value, b"=?").is_some();
    if !folded && !encoded {
        return charset::decode(value, None).text;
    }
    let text = match folded {
        true => Cow::Owned(charset::decode(&unfold(value), None).text.into_owned()),
        false => charset::decode(value, None).text,
    };
    if encoded { Cow::Owned(words::decode(&text)) } else { text }
}

/// The whole value in lower case, without white space around it.
pub(crate) fn word(value: &[u8]) -> String {
    String::from_utf8_lossy(&unfold(value)).trim().to_ascii_lowercase()
}

/// Line ends go, the white space that begins a continuation stays.
fn unfold(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(head: &Head<'_>) -> Vec<String> {
        head.fields.iter().map(|field| String::from_utf8_lossy(field.name).into_owned()).collect()
    }

    fn others(entity: &[u8]) -> Vec<(usize, AmbiguityReason)> {
        let first = read(entity, 100);
        other_readings(entity, 100, &first).into_iter().map(|(head, reason)| (head.body, reason)).collect()
    }

    #[test]
    fn a_clean_header_has_one_reading() {
        let mail = b"From: a\r\nSubject: b\r\n c\r\nContent-Type: text/plain\r\n\r\nbody";
        let head = read(mail, 100);
        assert_eq!(names(&head), ["From", "Subject", "Content-Type"]);
        assert_eq!(&mail[head.body..], b"body");
        assert_eq!(head.fields[1].value, b" b\r\n c");
        assert!(others(mail).is_empty());
        assert!(others(&mail.iter().copied().filter(|octet| *octet != b'\r').collect::<Vec<_>>()).is_empty());
    }

    #[test]
    fn a_line_that_is_no_field_ends_the_header_or_is_skipped() {
        let mail = b"Subject: a\r\nhello\r\nContent-Type: text/html\r\n\r\nbody";
        assert_eq!(read(mail, 100).body, 12);
        assert_eq!(others(mail), [(mail.len() - 4, AmbiguityReason::JunkInHeader)]);
        assert!(others(b"Subject: a\r\nhello\r\n\r\nbody").is_empty());
    }

    #[test]
    fn a_name_with_a_space_is_a_field_or_not() {
        let mail = b"Content-Type : text/html\r\nContent-Type: text/plain\r\n\r\nb";
        assert_eq!(names(&read(mail, 100)), ["Content-Type", "Content-Type"]);
        let reasons: Vec<_> = others(mail).into_iter().map(|(_, reason)| reason).collect();
        assert_eq!(reasons, [AmbiguityReason::OddFieldName; 2]);
    }

    #[test]
    fn bare_line_ends_end_a_line_or_do_not() {
        let mail = b"Subject: a\rContent-Type: text/html\r\n\r\nb";
        assert_eq!(names(&read(mail, 100)), ["Subject", "Content-Type"]);
        assert_eq!(others(mail).len(), 1);
        let mail = b"Subject: a\nContent-Type: text/html\r\n\r\nb";
        assert_eq!(others(mail), [(mail.len() - 1, AmbiguityReason::BareLineEnd)]);
    }

    #[test]
    fn a_blank_continuation_may_end_the_header() {
        let mail = b"Subject: a\r\n \r\nContent-Type: text/html\r\n\r\nb";
        assert_eq!(names(&read(mail, 100)), ["Subject", "Content-Type"]);
        assert_eq!(others(mail), [(15, AmbiguityReason::OddFolding)]);
    }

    #[test]
    fn more_fields_than_the_bound_are_cut() {
        let head = read(b"a: 1\nb: 2\nc: 3\n\nbody", 2);
        assert!(head.cut);
        assert_eq!(head.fields.len(), 2);
    }
}
