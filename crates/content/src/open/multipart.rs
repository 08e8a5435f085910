//! Multiparts (RFC 2046 5.1), split by every boundary and every notion of a delimiter line that some parser has.

use std::collections::HashSet;
use std::ops::Range;

use super::Walk;
use super::entity::Meaning;
use super::task::{Octets, Place, Task};
use crate::header;
use crate::transfer::{Encoding, looks_like_base64};
use crate::{AmbiguityReason, Component, FileKind, Kind, Reason, Role};

/// Longer tokens behind a boundary that are looked up before they count as strange.
const MOST_TOKENS: usize = 16;

/// One way to split one form of the body.
struct Reading<'m> {
    body: Octets<'m>,
    split: Split,
    reason: Option<AmbiguityReason>,
}

impl<'m> Walk<'m, '_> {
    pub(super) fn multipart(
        &mut self,
        body: &Octets<'m>,
        mut place: Place,
        meaning: &Meaning,
        attached: bool,
    ) {
        let readings = self.readings(body, meaning, &place);
        let declared =
            meaning.types.iter().map(|(one, _)| one.value.as_str()).find(|one| one.starts_with("multipart"));
        let declared = declared.unwrap_or("multipart/mixed").to_owned();
        if readings.is_empty() {
            let id = self.next_part();
            // Text without anything like a delimiter is text to whoever shows it.
            if has_delimiter(body.get()) {
                self.ambiguous(id, &place.path, AmbiguityReason::MissingBoundary);
            }
            return self.leaf(body, place, meaning, attached);
        }
        let id = self.part(&place, Role::Multipart, &declared, FileKind::Unknown, body.get().len() as u64);
        if declared == "multipart/encrypted" {
            self.unscannable(id, &place.path, Reason::Encrypted);
        }
        place.name = None;
        self.split_into(id, &place, &declared, readings);
    }

    /// Parts between delimiters that stand in a text.
    pub(super) fn parts_in_text(&mut self, octets: &Octets<'m>, place: Place, boundary: Vec<u8>) {
        if place.depth > self.how.limits.depth {
            let id = place.parent.unwrap_or(0);
            return self.unscannable(id, &place.path, Reason::TooDeep);
        }
        let split = split(octets.get(), &boundary, Lines::Any, self.parts_left());
        let id = self.part(
            &place,
            Role::Multipart,
            "multipart/mixed",
            FileKind::Unknown,
            octets.get().len() as u64,
        );
        let reading = Reading { body: octets.clone(), split, reason: None };
        self.split_into(id, &place, "", vec![reading]);
    }

    fn parts_left(&self) -> usize {
        (self.how.limits.parts as usize).saturating_sub(self.opened.parts.len())
    }

    /// The splits that differ; none if no boundary occurs.
    fn readings(&mut self, body: &Octets<'m>, meaning: &Meaning, place: &Place) -> Vec<Reading<'m>> {
        let mut boundaries: Vec<Vec<u8>> = Vec::new();
        for (one, value) in &meaning.types {
            for boundary in header::boundaries(value, one) {
                if !boundaries.contains(&boundary) {
                    boundaries.push(boundary);
                }
            }
        }
        let mut readings = self.splits(body, &boundaries, place);
        // RFC 2045 6.4 forbids to encode a multipart. Some undo it all the same.
        for name in &meaning.encodings {
            let encoding = Encoding::by_name(name).or_else(|| Encoding::nearly(name));
            let Some(decoded) = encoding.and_then(|encoding| encoding.decode(body.get())) else { continue };
            if decoded.octets == body.get()
                || !self.spend(decoded.octets.len(), self.next_part(), &place.path)
            {
                continue;
            }
            let split = self.splits(&Octets::owned(decoded.octets), &boundaries, place);
            let same = split.len() == readings.len()
                && split.iter().zip(&readings).all(|(one, other)| same_parts(one, other));
            if !same {
                let reason = Some(AmbiguityReason::EncodedMultipart);
                readings.extend(split.into_iter().map(|one| Reading { reason, ..one }));
            }
        }
        let allowed = usize::from(self.how.limits.views).max(1);
        if readings.len() > allowed {
            readings.truncate(allowed);
            self.unscannable(self.next_part(), &place.path, Reason::TooManyViews);
        }
        readings
    }

    fn splits(&mut self, body: &Octets<'m>, boundaries: &[Vec<u8>], place: &Place) -> Vec<Reading<'m>> {
        let most = self.parts_left();
        let mut readings: Vec<Reading<'m>> = Vec::new();
        // To some the body has no parts at all.
        let mut no_parts = false;
        let mut note = |split: Split, reason: AmbiguityReason| {
            if !split.parts.is_empty() && readings.iter().all(|known| known.split.parts != split.parts) {
                let reason = (!readings.is_empty()).then_some(reason);
                readings.push(Reading { body: body.clone(), split, reason });
            }
        };
        for boundary in boundaries {
            if !self.works(body.get().len(), place) {
                break;
            }
            let any = split(body.get(), boundary, Lines::Any, most);
            let (bare_cr, loose) = (any.bare_cr, any.loose);
            note(any, AmbiguityReason::DuplicateBoundary);
            if bare_cr {
                let strict = split(body.get(), boundary, Lines::NoBareCr, most);
                no_parts |= strict.parts.is_empty();
                note(strict, AmbiguityReason::BareLineEnd);
            }
            if loose {
                note(split(body.get(), boundary, Lines::Loose, most), AmbiguityReason::LooseDelimiter);
            }
        }
        if let Some(first) = readings.first_mut().filter(|_| no_parts) {
            first.reason = Some(AmbiguityReason::BareLineEnd);
        }
        if readings.is_empty() && memchr::memchr(0, body.get()).is_some() {
            let clean: Vec<u8> = body.get().iter().copied().filter(|octet| *octet != 0).collect();
            let split = boundaries.iter().map(|boundary| split(&clean, boundary, Lines::Any, most));
            if let Some(split) = split.into_iter().find(|split| !split.parts.is_empty()) {
                let reason = Some(AmbiguityReason::Nul);
                readings.push(Reading { body: Octets::owned(clean), split, reason });
            }
        }
        readings
    }

    fn split_into(&mut self, id: u32, place: &Place, declared: &str, readings: Vec<Reading<'m>>) {
        let several = readings.len() > 1;
        let views = self.views(place.view, readings.len());
        let common = common_parts(&readings);
        let mut tasks = Vec::new();
        for (index, (reading, view)) in readings.into_iter().zip(views).enumerate() {
            let Reading { body, split, reason } = reading;
            for reason in reason.into_iter().chain(split.oddities(index, declared)) {
                // What comes back is cut where the reporter liked.
                if reason != AmbiguityReason::UnclosedMultipart || !self.is_returned(id) {
                    self.ambiguous(id, &place.path, reason);
                }
            }
            if split.cut {
                self.unscannable(id, &place.path, Reason::TooManyParts);
            }
            self.between(id, &body, &split, view, place, index > 0);
            let alternatives = declared == "multipart/alternative" && split.parts.len() > 1 && !several;
            let behind = split.after_end.filter(|_| !several);
            let marks = match (alternatives, behind) {
                (true, _) => self.views(view, split.parts.len()),
                (false, Some(at)) => self.marks_behind(id, place, &body, at, &split, view),
                (false, None) => vec![view; split.parts.len()],
            };
            for (number, (range, mark)) in split.parts.into_iter().zip(marks).enumerate() {
                let shared = several && common.contains(&range);
                if shared && index > 0 {
                    continue;
                }
                let view = if shared { place.view } else { mark };
                let below = Place { number: number + 1, view, ..place.below(id) };
                tasks.push(Task::part(body.slice(range), below, declared == "multipart/digest"));
            }
        }
        self.todo.extend(tasks.into_iter().rev());
    }

    /// Parts behind the end are parts to some and epilogue to others.
    fn marks_behind(
        &mut self,
        id: u32,
        place: &Place,
        body: &Octets<'m>,
        at: usize,
        split: &Split,
        view: Option<crate::View>,
    ) -> Vec<Option<crate::View>> {
        let views = self.views(view, 2);
        let text = String::from_utf8_lossy(&body.get()[at..]).into_owned();
        if self.spend(text.len(), id, &place.path) {
            let component = component(place);
            self.segment(id, "", component, Kind::Epilogue, views[1], text);
        }
        split.parts.iter().map(|range| if range.start >= at { views[0] } else { view }).collect()
    }

    /// Whether a part lies in a report of what became of a message.
    fn is_returned(&self, id: u32) -> bool {
        let parent = |id: u32| self.opened.parts.get(id as usize)?.parent;
        std::iter::successors(parent(id), |id| parent(*id)).any(|id| {
            self.opened.parts.get(id as usize).is_some_and(|part| part.declared == "multipart/report")
        })
    }

    /// Text before, after and outside the parts is text that some programs show.
    fn between(
        &mut self,
        id: u32,
        body: &Octets<'m>,
        split: &Split,
        view: Option<crate::View>,
        place: &Place,
        quiet: bool,
    ) {
        for (range, kind) in &split.outside {
            let octets = body.slice(range.clone());
            let trimmed = octets.get().trim_ascii();
            if trimmed.is_empty() || quiet && *kind == Kind::Preamble {
                continue;
            }
            let text = String::from_utf8_lossy(trimmed).into_owned();
            if !self.spend(text.len(), id, &place.path) {
                return;
            }
            let (mut mark, todo) = (view, self.todo.len());
            self.embedded(id, &octets, &Place { view, ..place.clone() }, &mut mark);
            // Lists write their footers behind the last part, where no program shows them. What needs decoding is another thing.
            let coded = self.todo.len() > todo || looks_like_base64(trimmed) || begins_like_a_part(trimmed);
            if coded && *kind == Kind::Epilogue && !quiet {
                self.ambiguous(id, &place.path, AmbiguityReason::TextOutsideParts);
            }
            self.segment(id, "", component(place), *kind, mark, text);
        }
    }
}

/// A line that a program may take for a delimiter; signatures begin with two dashes and a blank.
fn has_delimiter(body: &[u8]) -> bool {
    body.split(|octet| matches!(octet, b'\n' | b'\r')).any(|line| {
        line.strip_prefix(b"--").is_some_and(|rest| !rest.trim_ascii().is_empty() && rest[0] != b' ')
    })
}

fn begins_like_a_part(text: &[u8]) -> bool {
    [&b"content-"[..], b"mime-version:"]
        .iter()
        .any(|name| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)))
}

fn component(place: &Place) -> Component {
    if place.in_attachment { Component::Attachment } else { Component::Body }
}

fn same_parts(one: &Reading<'_>, other: &Reading<'_>) -> bool {
    let texts = |reading: &Reading<'_>| -> Vec<Vec<u8>> {
        reading.split.parts.iter().map(|range| reading.body.get()[range.clone()].to_vec()).collect()
    };
    one.split.parts.len() == other.split.parts.len() && texts(one) == texts(other)
}

/// Parts that every reading of the same octets has: they are no matter of view.
fn common_parts(readings: &[Reading<'_>]) -> HashSet<Range<usize>> {
    let Some((first, others)) = readings.split_first().filter(|(_, others)| !others.is_empty()) else {
        return HashSet::new();
    };
    let mut common: HashSet<_> = first.split.parts.iter().cloned().collect();
    for other in others {
        let same_octets = std::ptr::eq(other.body.get().as_ptr(), first.body.get().as_ptr());
        let parts: HashSet<_> = other.split.parts.iter().filter(|_| same_octets).cloned().collect();
        common.retain(|range| parts.contains(range));
    }
    common
}

/// Where the parts of a multipart are.
#[derive(Debug, Default)]
struct Split {
    parts: Vec<Range<usize>>,
    outside: Vec<(Range<usize>, Kind)>,
    closed: bool,
    /// Parts were met behind the first closing delimiter, which ends here.
    after_end: Option<usize>,
    /// A delimiter begins or ends with a CR alone.
    bare_cr: bool,
    /// Lines begin with the boundary and go on.
    loose: bool,
    /// There are more.
    cut: bool,
}

impl Split {
    fn oddities(&self, index: usize, declared: &str) -> Vec<AmbiguityReason> {
        let mut all = Vec::new();
        if !self.closed && index == 0 && !declared.is_empty() && !self.cut {
            all.push(AmbiguityReason::UnclosedMultipart);
        }
        if self.after_end.is_some() {
            all.push(AmbiguityReason::PartsAfterEnd);
        }
        all
    }
}

/// Which lines are delimiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Whole lines, whatever ends them.
    Any,
    /// A CR alone ends no line.
    NoBareCr,
    /// The beginning of a line is enough, as RFC 2046 has it.
    Loose,
}

/// A delimiter stands at the start of a line only, and nothing but white space may follow it.
fn split(body: &[u8], boundary: &[u8], lines: Lines, most: usize) -> Split {
    let mut split = Split::default();
    let delimiter = [b"--", boundary].concat();
    let (mut begun, mut outside, mut first_end): (Option<usize>, usize, Option<usize>) = (None, 0, None);
    let mut tokens = Tokens::new(body, boundary);
    for at in memchr::memmem::find_iter(body, &delimiter) {
        let Some(found) = delimiter_at(body, at, delimiter.len(), lines, &mut split, &mut tokens) else {
            continue;
        };
        if split.parts.len() >= most {
            split.cut = true;
            break;
        }
        let content_end = before_line_end(body, at);
        match begun.take() {
            Some(start) => split.parts.push(start..content_end.max(start)),
            None => {
                let kind = if split.parts.is_empty() { Kind::Preamble } else { Kind::Epilogue };
                split.outside.push((outside..content_end.max(outside), kind));
            }
        }
        split.closed = found.closing;
        if found.closing {
            outside = found.next;
            first_end = first_end.or(Some(found.next));
        } else {
            split.after_end = split.after_end.or(first_end);
            begun = Some(found.next);
        }
    }
    match begun {
        Some(start) => split.parts.push(start..body.len()),
        None if split.parts.is_empty() => {}
        None => split.outside.push((outside.min(body.len())..body.len(), Kind::Epilogue)),
    }
    split
}

struct Found {
    closing: bool,
    next: usize,
}

fn delimiter_at<'b>(
    body: &'b [u8],
    at: usize,
    length: usize,
    lines: Lines,
    split: &mut Split,
    tokens: &mut Tokens<'b>,
) -> Option<Found> {
    let bare_start = at > 0 && body[at - 1] == b'\r';
    if at > 0 && body[at - 1] != b'\n' && !(bare_start && lines != Lines::NoBareCr) {
        return None;
    }
    let rest = &body[at + length..];
    let closing = rest.starts_with(b"--");
    let tail = if closing { &rest[2..] } else { rest };
    let ends = |octet: &u8| *octet == b'\n' || *octet == b'\r' && lines != Lines::NoBareCr;
    let line = tail.iter().position(ends).unwrap_or(tail.len());
    let blank = tail[..line].iter().all(|octet| matches!(octet, b' ' | b'\t' | b'\r'));
    if !blank {
        let loose = !tokens.explain(&rest[..rest.iter().position(ends).unwrap_or(rest.len())]);
        split.loose |= loose;
        if !(loose && lines == Lines::Loose) {
            return None;
        }
    }
    let bare_end = tail.get(line) == Some(&b'\r') && tail.get(line + 1) != Some(&b'\n');
    split.bare_cr |= bare_start || bare_end;
    let end_of_line = body.len() - tail.len() + line;
    let next = match lines {
        Lines::NoBareCr => (end_of_line + 1).min(body.len()),
        _ => header::line_end(body, end_of_line),
    };
    Some(Found { closing, next })
}

/// What goes on behind a boundary may be another's boundary, announced somewhere in the body: `abc` and `abcdef`.
struct Tokens<'b> {
    body: &'b [u8],
    boundary: &'b [u8],
    known: Vec<(&'b [u8], bool)>,
}

impl<'b> Tokens<'b> {
    fn new(body: &'b [u8], boundary: &'b [u8]) -> Self {
        Self { body, boundary, known: Vec::new() }
    }

    fn explain(&mut self, rest: &'b [u8]) -> bool {
        let rest = rest.trim_ascii_end();
        let rest = rest.strip_suffix(b"--").unwrap_or(rest);
        if let Some((_, explained)) = self.known.iter().find(|(token, _)| *token == rest) {
            return *explained;
        }
        if self.known.len() >= MOST_TOKENS || rest.is_empty() {
            return false;
        }
        let token = [self.boundary, rest].concat();
        let explained = memchr::memmem::find_iter(self.body, &token)
            .take(64)
            .any(|at| at > 0 && matches!(self.body[at - 1], b'"' | b'='));
        self.known.push((rest, explained));
        explained
    }
}

/// The line end before a delimiter belongs to the delimiter.
fn before_line_end(body: &[u8], at: usize) -> usize {
    match &body[..at] {
        [.., b'\r', b'\n'] => at - 2,
        [.., b'\n' | b'\r'] => at - 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'b>(body: &'b [u8], boundary: &str, lines: Lines) -> Vec<&'b str> {
        let split = split(body, boundary.as_bytes(), lines, 100);
        split.parts.into_iter().map(|range| std::str::from_utf8(&body[range]).unwrap()).collect()
    }

    #[test]
    fn delimiters_are_whole_lines() {
        let body = b"pre\r\n--x\r\na\r\n--x \r\nb --x\r\n--xy\r\nc\r\n--x--\r\nend";
        assert_eq!(parts(body, "x", Lines::Any), ["a", "b --x\r\n--xy\r\nc"]);
        assert_eq!(parts(body, "x", Lines::Loose), ["a", "b --x", "c"]);
    }

    #[test]
    fn a_longer_boundary_that_is_announced_is_not_loose() {
        let body =
            b"--x\r\nContent-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\na\r\n--xy--\r\n--x--\r\n";
        assert!(!split(body, b"x", Lines::Any, 100).loose);
        assert!(split(b"--x\r\na\r\n--xy\r\nb\r\n--x--", b"x", Lines::Any, 100).loose);
    }

    #[test]
    fn parts_behind_the_end_are_noticed() {
        let split = split(b"--x\r\na\r\n--x--\r\nmid\r\n--x\r\nb\r\n--x--\r\n", b"x", Lines::Any, 100);
        assert_eq!(split.parts.len(), 2);
        assert_eq!(split.after_end, Some(15));
    }

    #[test]
    fn a_flood_of_delimiters_is_cut() {
        let split = split(&b"--x\r\n".repeat(10_000), b"x", Lines::Any, 100);
        assert!(split.cut && split.parts.len() <= 101);
    }
}
