//! Bodies of the fuzz targets: plain functions over any octets, which must not panic and whose results must hold together.

use std::time::{Duration, Instant};

use crate::{
    DocumentAnswer, DocumentRequest, Documents, FileKind, How, Limits, charset as charsets, detect,
    header as headers, html as pages, notation as notations, smime as cms, tnef as winmail,
    transfer as encodings,
};

/// Documents are fuzzed on their own.
struct Closed;

impl Documents for Closed {
    fn open(&self, _: &DocumentRequest<'_>) -> DocumentAnswer {
        DocumentAnswer::default()
    }
}

const LIMITS: Limits =
    Limits { octets_out: 4 << 20, parts: 300, depth: 12, headers: 200, ratio: 100, views: 6 };

/// A whole message: ids are indices, parents come first, ranges lie in the message.
pub fn mail(octets: &[u8]) {
    let how = How {
        limits: &LIMITS,
        deadline: Instant::now() + Duration::from_secs(60),
        documents: &Closed,
        passwords: &[],
        digests: false,
    };
    for opened in [crate::open(octets, &how), crate::open_file("a.bin", octets, &how)] {
        let count = opened.parts.len();
        assert!(count <= LIMITS.parts as usize + usize::from(LIMITS.views) * 8);
        let known = |part: u32| (part as usize) < count || count == 0;
        for (index, part) in opened.parts.iter().enumerate() {
            assert_eq!(part.id as usize, index);
            assert!(part.parent.is_none_or(|parent| parent < part.id));
        }
        for segment in &opened.segments {
            assert!(known(segment.part));
            assert!(opened.path_of(segment).ends_with(&*segment.place));
            rows_lie_in(&segment.text, &segment.rows);
        }
        assert!(opened.unscannable.iter().all(|found| known(found.part)));
        assert!(opened.ambiguous.iter().all(|found| known(found.part)));
        let mut end = 0;
        for header in &opened.headers {
            assert!(header.range.start >= end && header.range.end > header.range.start);
            end = header.range.end;
        }
        assert!(end <= octets.len());
    }
}

/// A header in every reading, its values as text, types and boundaries.
pub fn header(octets: &[u8]) {
    let head = headers::read(octets, 100);
    for (other, _) in headers::other_readings(octets, 100, &head) {
        assert!(other.body <= octets.len());
    }
    assert!(head.body <= octets.len());
    for field in &head.fields {
        value(field.value);
    }
    value(octets);
}

/// Rows of tables lie in their text, in order and apart.
pub(crate) fn rows_lie_in(text: &str, rows: &[std::ops::Range<usize>]) {
    assert!(rows.iter().all(|row| text.get(row.clone()).is_some_and(|row| !row.is_empty())));
    assert!(rows.windows(2).all(|two| two[0].end <= two[1].start));
}

fn value(octets: &[u8]) {
    headers::text(octets);
    let parameters = headers::parameters(octets);
    assert!(headers::boundaries(octets, &parameters).len() <= 64);
}

/// A page.
pub fn html(octets: &[u8]) {
    pages::declared_charset(octets);
    let page = pages::read(&String::from_utf8_lossy(octets));
    rows_lie_in(&page.shown, &page.rows);
    assert!(page.into_texts().all(|(_, text)| !text.trim().is_empty()));
}

/// A text in each notation: what it shows and what is encoded in it is bounded by what it is.
pub fn notation(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let found = crate::open::encoded::search(&text, &std::collections::HashSet::new());
    let decoded = found.files.iter().map(Vec::len).sum::<usize>() + found.texts.len();
    assert!(decoded <= text.len());
    for kind in [FileKind::Ics, FileKind::Json, FileKind::Xml] {
        let read = notations::read(kind, &text);
        let files = read.files.iter().map(|(_, octets)| octets.len()).sum::<usize>();
        assert!(
            files <= text.len() && read.shown.is_none_or(|shown| shown.len() <= text.len() * 5 + (65 << 10))
        );
    }
}

/// A text under a label: the first line is the label.
pub fn charset(octets: &[u8]) {
    let end = memchr::memchr(b'\n', octets).unwrap_or(0);
    let label = String::from_utf8_lossy(&octets[..end]).into_owned();
    let all = charsets::readings(&octets[end..], &[&label]);
    assert!(all.others.len() <= 4);
    assert!(all.first.len() <= octets.len() * 4 + 4);
}

/// Every transfer encoding in every reading, and the type of what comes out.
pub fn transfer(octets: &[u8]) {
    use encodings::Encoding::{Base64, QuotedPrintable, Uuencode, Yenc};
    for encoding in [Base64, QuotedPrintable, Uuencode, Yenc] {
        let Some(decoded) = encoding.decode(octets) else { continue };
        assert!(decoded.octets.len() <= octets.len() * 2 + 3);
        encoding.other_readings(octets, &decoded);
        detect::detect(&decoded.octets, None);
    }
    encodings::looks_like_base64(octets);
}

/// A winmail.dat; also without its signature, and as compressed RTF.
pub fn tnef(octets: &[u8]) {
    winmail::read(octets, &LIMITS);
    winmail::read(&[b"\x78\x9f\x3e\x22\0\0", octets].concat(), &LIMITS);
    if let Some(rtf) = winmail::unpack_rtf(octets, &LIMITS) {
        assert!(rtf.len() <= octets.len().saturating_mul(18) + 32);
    }
}

/// A cryptographic message, also as the content of signed data.
pub fn smime(octets: &[u8]) {
    cms::read(octets, &LIMITS);
    const SIGNED: &[u8] =
        &[0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2, 0xa0, 0x80, 0x30, 0x80];
    cms::read(&[SIGNED, octets].concat(), &LIMITS);
}
