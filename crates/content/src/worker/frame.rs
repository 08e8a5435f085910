//! The octets between pool and worker: bounded, and read as if from a stranger.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::documents::Wanted;
use crate::{
    AmbiguityReason, DocumentAnswer, DocumentItem, DocumentRequest, FileKind, Kind, Limits, Reason, Text,
};

/// The longest frame (octets).
const MAX_FRAME: u32 = 1 << 30;
/// Memory taken for a frame before any of it came (octets).
const FIRST_BLOCK: usize = 256 << 10;

/// What a worker is asked: as a document request, with the time that is left instead of an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) wanted: Wanted,
    pub(super) kind: FileKind,
    pub(super) name: Option<String>,
    pub(super) octets: &'a [u8],
    pub(super) limits: Limits,
    pub(super) time: Duration,
    pub(super) passwords: Vec<String>,
}

/// Writes one frame of two pieces: its length, then its octets. The second piece is not copied.
pub(super) fn write(to: &mut impl Write, head: &[u8], tail: &[u8]) -> io::Result<()> {
    let length = u32::try_from(head.len() + tail.len()).ok().filter(|length| *length <= MAX_FRAME);
    let length = length.ok_or(io::ErrorKind::InvalidInput)?;
    let mut first = Vec::with_capacity(4 + head.len());
    first.extend_from_slice(&length.to_le_bytes());
    first.extend_from_slice(head);
    to.write_all(&first)?;
    to.write_all(tail)?;
    to.flush()
}

/// Reads one frame; none at the end of the stream. Memory grows with what comes, not with what is announced.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut octets = Vec::with_capacity((length as usize).min(FIRST_BLOCK));
    from.take(length.into()).read_to_end(&mut octets)?;
    if octets.len() < length as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some(octets)) }
}

/// Puts values together.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn octets(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.0.extend_from_slice(octets);
    }

    fn rows(&mut self, rows: &[Range<usize>]) {
        self.number(rows.len() as u64);
        for row in rows {
            self.number(row.start as u64);
            self.number(row.end as u64);
        }
    }
}

/// Takes values apart; `None` where the octets are not what they should be.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn octets(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (octets, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(octets)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.octets()?.to_vec()).ok()
    }

    /// Rows of a text, which lie in it, in order and apart.
    fn rows(&mut self, text: &str) -> Option<Vec<Range<usize>>> {
        let count = self.count(16)?;
        let mut rows = Vec::with_capacity(count);
        let mut from = 0;
        for _ in 0..count {
            let row = usize::try_from(self.number()?).ok()?..usize::try_from(self.number()?).ok()?;
            if row.start < from || text.get(row.clone())?.is_empty() {
                return None;
            }
            from = row.end;
            rows.push(row);
        }
        Some(rows)
    }

    /// A count of things that take at least `least` octets each.
    fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len() / least + 1).then_some(count)
    }
}

/// A request without the file's octets, which follow.
pub(super) fn encode_request(wanted: Wanted, request: &DocumentRequest<'_>, time: Duration) -> Vec<u8> {
    let DocumentRequest { kind, name, limits, passwords, .. } = *request;
    let mut out = Writer(Vec::with_capacity(256));
    out.number((wanted == Wanted::Pixels).into());
    out.octets(kind.as_str().as_bytes());
    out.number(name.is_some().into());
    out.octets(name.unwrap_or_default().as_bytes());
    for number in [
        limits.octets_out,
        limits.parts.into(),
        limits.depth.into(),
        limits.headers.into(),
        limits.ratio.into(),
        limits.views.into(),
    ] {
        out.number(number);
    }
    out.number(time.as_millis() as u64);
    out.number(passwords.len() as u64);
    passwords.iter().for_each(|password| out.octets(password.as_bytes()));
    out.0
}

pub(super) fn decode_request(octets: &[u8]) -> Option<Request<'_>> {
    let mut from = Reader(octets);
    let wanted = if from.number()? == 1 { Wanted::Pixels } else { Wanted::Texts };
    let kind = FileKind::parse(&from.text()?)?;
    let named = from.number()? == 1;
    let name = from.text()?;
    let limits = Limits {
        octets_out: from.number()?,
        parts: from.number()?.try_into().ok()?,
        depth: from.number()?.try_into().ok()?,
        headers: from.number()?.try_into().ok()?,
        ratio: from.number()?.try_into().ok()?,
        views: from.number()?.try_into().ok()?,
    };
    let time = Duration::from_millis(from.number()?);
    let passwords = (0..from.count(8)?).map(|_| from.text()).collect::<Option<_>>()?;
    Some(Request { wanted, kind, name: named.then_some(name), octets: from.0, limits, time, passwords })
}

/// An answer, or a part of one: `last` says that no more of it comes.
pub(super) fn encode_answer(answer: &DocumentAnswer, last: bool) -> Vec<u8> {
    let size = |item: &DocumentItem| strings(item).map(str::len).sum::<usize>() + 24;
    let mut out = Writer(Vec::with_capacity(64 + answer.items.iter().map(size).sum::<usize>()));
    out.number(last.into());
    // All texts in one piece, so that they are checked and kept as one; then what is what.
    let all = answer.items.iter().flat_map(strings);
    out.number(all.clone().map(|text| text.len() as u64).sum());
    all.for_each(|text| out.0.extend_from_slice(text.as_bytes()));
    out.number(answer.items.len() as u64);
    for item in &answer.items {
        strings(item).for_each(|text| out.number(text.len() as u64));
        match item {
            DocumentItem::Text { kind, rows, .. } => {
                let kind = Kind::ALL.iter().position(|known| known == kind).unwrap_or(0) as u64;
                out.number(if rows.is_empty() { kind } else { kind + WITH_ROWS });
                if !rows.is_empty() {
                    out.rows(rows);
                }
            }
            DocumentItem::File { octets, encrypted, .. } => {
                out.number(if *encrypted { LOCKED_FILE } else { FILE });
                out.octets(octets);
            }
        }
    }
    out.number(answer.unscannable.len() as u64);
    for (path, reason) in &answer.unscannable {
        out.octets(path.as_bytes());
        let (number, kind) = number_of(reason);
        out.number(number);
        out.octets(kind.as_bytes());
    }
    out.number(answer.ambiguous.len() as u64);
    for (path, reason) in &answer.ambiguous {
        out.octets(path.as_bytes());
        out.number(AmbiguityReason::ALL.iter().position(|known| known == reason).unwrap_or(0) as u64);
    }
    out.0
}

/// A part of an answer, and whether it is the last one.
pub(super) fn decode_answer(octets: &[u8]) -> Option<(DocumentAnswer, bool)> {
    let mut from = Reader(octets);
    let last = from.number()? == 1;
    let texts: Arc<str> = std::str::from_utf8(from.octets()?).ok()?.into();
    let mut at = 0;
    let items = (0..from.count(24)?).map(|_| item(&mut from, &texts, &mut at)).collect::<Option<_>>()?;
    let unscannable = (0..from.count(24)?)
        .map(|_| {
            let path = from.text()?;
            let number = from.number()?;
            let kind = from.text()?;
            Some((path, reason_of(number, &kind)?))
        })
        .collect::<Option<_>>()?;
    let ambiguous = (0..from.count(16)?)
        .map(|_| {
            let path = from.text()?;
            Some((path, *AmbiguityReason::ALL.get(usize::try_from(from.number()?).ok()?)?))
        })
        .collect::<Option<_>>()?;
    Some((DocumentAnswer { items, unscannable, ambiguous }, last))
}

/// The two strings of an item.
fn strings(item: &DocumentItem) -> impl Iterator<Item = &str> + Clone {
    match item {
        DocumentItem::Text { place, text, .. } => [&**place, &**text].into_iter(),
        DocumentItem::File { name, place, .. } => [name.as_str(), place.as_str()].into_iter(),
    }
}

/// An item whose strings stand in `texts`, from `at` on.
fn item(from: &mut Reader<'_>, texts: &Arc<str>, at: &mut u32) -> Option<DocumentItem> {
    let first = stretch(from.number()?, texts, at)?;
    let second = stretch(from.number()?, texts, at)?;
    let what = from.number()?;
    if let FILE | LOCKED_FILE = what {
        let string = |stretch: Range<u32>| texts.get(stretch.start as usize..stretch.end as usize);
        return Some(DocumentItem::File {
            name: string(first)?.to_owned(),
            place: string(second)?.to_owned(),
            octets: from.octets()?.to_vec(),
            encrypted: what == LOCKED_FILE,
        });
    }
    let with_rows = what >= WITH_ROWS;
    let kind = *Kind::ALL.get(usize::try_from(if with_rows { what - WITH_ROWS } else { what }).ok()?)?;
    let text = Text::shared(texts, second);
    let rows = if with_rows { from.rows(&text)? } else { Vec::new() };
    Some(DocumentItem::Text { place: Text::shared(texts, first), kind, text, rows })
}

/// The next so many octets, if a string can end there.
fn stretch(length: u64, texts: &str, at: &mut u32) -> Option<Range<u32>> {
    let from = *at;
    *at = from.checked_add(u32::try_from(length).ok()?)?;
    texts.is_char_boundary(*at as usize).then_some(from..*at)
}

/// What an item is: a file, one that is encrypted, or a kind of text.
const FILE: u64 = 1 << 32;
const LOCKED_FILE: u64 = 1 + FILE;
/// Added to a kind of text: which octets of it are rows of tables follows.
const WITH_ROWS: u64 = 1 << 33;

const REASONS: &[Reason] = &[
    Reason::Encrypted,
    Reason::Corrupt,
    Reason::TooDeep,
    Reason::TooBig,
    Reason::TooManyParts,
    Reason::TooManyHeaders,
    Reason::Timeout,
    Reason::Ratio,
    Reason::ParserFailed,
    Reason::EngineFault,
    Reason::TooManyViews,
    Reason::Fragment,
];

fn number_of(reason: &Reason) -> (u64, &'static str) {
    match reason {
        Reason::Unsupported(kind) => (u64::MAX, kind.as_str()),
        other => (REASONS.iter().position(|known| known == other).unwrap_or(1) as u64, ""),
    }
}

fn reason_of(number: u64, kind: &str) -> Option<Reason> {
    match number {
        u64::MAX => FileKind::parse(kind).map(Reason::Unsupported),
        number => REASONS.get(usize::try_from(number).ok()?).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(start: usize, end: usize) -> Range<usize> {
        start..end
    }

    #[test]
    fn an_answer_comes_back_as_it_went() {
        let answer = DocumentAnswer {
            items: vec![
                DocumentItem::Text {
                    place: "Sheet1!A1".into(),
                    kind: Kind::Hidden,
                    text: "é".into(),
                    rows: vec![],
                },
                DocumentItem::Text {
                    place: "".into(),
                    kind: Kind::Note,
                    text: "a é\nb c\nd e".into(),
                    rows: vec![0..4, 5..8, 9..12],
                },
                DocumentItem::File {
                    name: "a".into(),
                    place: "b".into(),
                    octets: vec![0, 255],
                    encrypted: true,
                },
            ],
            unscannable: vec![("x".into(), Reason::Unsupported(FileKind::Rar)), ("y".into(), Reason::Ratio)],
            ambiguous: vec![("z".into(), AmbiguityReason::ContainerDisagreement)],
        };
        assert_eq!(decode_answer(&encode_answer(&answer, false)), Some((answer, false)));
    }

    #[test]
    fn every_kind_of_text_reason_and_ambiguity_comes_back_as_it_went() {
        let text = |kind: &Kind| DocumentItem::Text {
            place: "p".into(),
            kind: *kind,
            text: "a b".into(),
            rows: vec![row(0, 3)],
        };
        let unsupported = FileKind::ALL.iter().copied().map(Reason::Unsupported);
        let reasons = REASONS.iter().cloned().chain(unsupported);
        let answer = DocumentAnswer {
            items: Kind::ALL.iter().map(text).collect(),
            unscannable: reasons.map(|reason| ("x".into(), reason)).collect(),
            ambiguous: AmbiguityReason::ALL.iter().map(|reason| ("z".into(), *reason)).collect(),
        };
        assert_eq!(decode_answer(&encode_answer(&answer, true)), Some((answer, true)));
    }

    #[test]
    fn rows_that_do_not_lie_in_their_text_in_order_and_apart_are_refused() {
        let sent = |rows: Vec<Range<usize>>| {
            let text =
                DocumentItem::Text { place: "".into(), kind: Kind::Text, text: "a é\nb c".into(), rows };
            let answer = DocumentAnswer { items: vec![text], ..DocumentAnswer::default() };
            decode_answer(&encode_answer(&answer, true)).is_some()
        };
        assert!(sent(vec![0..4, 5..8]));
        for rows in [
            vec![row(0, 9)],
            vec![row(0, 3)],
            vec![5..8, 0..4],
            vec![0..5, 4..8],
            vec![row(4, 4)],
            vec![row(4, 0)],
            vec![row(usize::MAX - 1, usize::MAX)],
        ] {
            assert!(!sent(rows.clone()), "{rows:?}");
        }
    }

    #[test]
    fn a_number_of_rows_that_cannot_be_there_asks_for_no_memory() {
        let text = DocumentItem::Text {
            place: "".into(),
            kind: Kind::ALL[0],
            text: "a b".into(),
            rows: vec![row(0, 3)],
        };
        let answer = DocumentAnswer { items: vec![text], ..DocumentAnswer::default() };
        let mut octets = encode_answer(&answer, true);
        let count = octets.windows(8).rposition(|number| number == (WITH_ROWS).to_le_bytes()).unwrap() + 8;
        octets[count..count + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(decode_answer(&octets), None);
        octets[count..count + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        assert_eq!(decode_answer(&octets), None);
    }

    proptest! {
        #[test]
        fn no_octets_of_a_worker_panic_or_ask_for_memory(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_answer(&octets);
            let _ = decode_request(&octets);
        }

        #[test]
        fn a_request_comes_back_as_it_went(octets in prop::collection::vec(any::<u8>(), 0..50), name in prop::option::of("[a-zé]{0,9}"), passwords in prop::collection::vec("[a-z]{0,5}", 0..3)) {
            let limits = Limits { parts: 7, ..Limits::default() };
            let asked = DocumentRequest {
                kind: FileKind::Zip,
                name: name.as_deref(),
                octets: &octets,
                limits: &limits,
                deadline: std::time::Instant::now(),
                passwords: &passwords,
            };
            let mut sent = Vec::new();
            write(&mut sent, &encode_request(Wanted::Pixels, &asked, Duration::from_millis(5)), &octets).unwrap();
            let frame = read(&mut sent.as_slice()).unwrap().unwrap();
            let read = decode_request(&frame).unwrap();
            prop_assert_eq!(read.wanted, Wanted::Pixels);
            prop_assert_eq!((read.octets, &read.name, &read.passwords, &read.limits), (octets.as_slice(), &name, &passwords, &limits));
        }
    }
}
