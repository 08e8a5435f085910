//! The header lines that we read and cut out. Octets in, edits out; no I/O, nothing is re-serialised.
//!
//! Where the header and its fields end: see [`smtp::header`].

use std::ops::Range;

use smtp::header::{SubjectTag, cut, field_end, is_ours};
use smtp::spool::Edit;

/// More separate places with forged lines than this are an attack, not a mail.
pub(crate) const MAX_FORGED_RANGES: usize = 1_000;

/// What the stations need to know of a header, read in one pass.
#[derive(Debug, Default)]
pub(crate) struct HeaderScan {
    /// Octet just after the empty line (or the whole length where there is none).
    pub(crate) body_start: usize,
    /// How many Received lines the message carries (RFC 5321 6.3).
    pub(crate) received: usize,
    /// The first line is a continuation of nothing.
    pub(crate) begins_folded: bool,
    /// Ranges of `X-dlp-*` lines and pass headers from outside, adjacent ones joined.
    pub(crate) forged: Vec<Range<usize>>,
    pub(crate) message_id: Option<Range<usize>>,
    pub(crate) from: Option<Range<usize>>,
    pub(crate) date: Option<Range<usize>>,
    /// Whole Subject fields, in order.
    pub(crate) subjects: Vec<Range<usize>>,
}

impl HeaderScan {
    /// Reads the header of `message`; `pass_header` is the name of our own pass header, cut like `X-dlp-*`.
    pub(crate) fn read(message: &[u8], pass_header: &str) -> Self {
        let begins_folded = matches!(message.first(), Some(b' ' | b'\t'));
        let mut scan = Self { body_start: smtp::header::end(message), begins_folded, ..Self::default() };
        let header = &message[..scan.body_start];
        let mut at = 0;
        while at < header.len() {
            let end = field_end(header, at);
            scan.note(header, at..end, pass_header);
            at = end;
        }
        scan
    }

    fn note(&mut self, header: &[u8], field: Range<usize>, pass_header: &str) {
        let Some(name) = field_name(&header[field.clone()]) else { return };
        if is_ours(name, pass_header) {
            return self.cut(field);
        }
        let value = || value_range(header, field.clone());
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"from") && self.from.is_none() => self.from = Some(value()),
            4 if name.eq_ignore_ascii_case(b"date") && self.date.is_none() => self.date = Some(value()),
            7 if name.eq_ignore_ascii_case(b"subject") && self.subjects.len() < SubjectTag::FIELDS => {
                self.subjects.push(field);
            }
            8 if name.eq_ignore_ascii_case(b"received") => self.received += 1,
            10 if name.eq_ignore_ascii_case(b"message-id") && self.message_id.is_none() => {
                self.message_id = Some(value());
            }
            _ => {}
        }
    }

    fn cut(&mut self, field: Range<usize>) {
        let room = self.forged.len() <= MAX_FORGED_RANGES;
        match self.forged.last_mut() {
            Some(last) if last.end == field.start => last.end = field.end,
            _ if room => self.forged.push(field),
            _ => {}
        }
    }
}

/// The edits that cut the forged lines and change the subject; sorted and disjoint.
pub(crate) fn edits(scan: &HeaderScan, message: &[u8], tag: Option<SubjectTag<'_>>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = scan.forged.iter().map(|range| cut(message, range.clone())).collect();
    if let Some(tag) = tag {
        let values = scan.subjects.iter().map(|field| value_range(message, field.clone()));
        edits.extend(values.flat_map(|value| {
            let shown = content::header_text(&message[value.clone()]);
            tag.edits(message, value, &shown)
        }));
        // A tag goes in before what is cut at the same place.
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    }
    edits
}

/// Trimmed value octets as text, for logs and records.
pub(crate) fn value_text(message: &[u8], range: &Option<Range<usize>>) -> Option<String> {
    let range = range.clone()?;
    let text = String::from_utf8_lossy(message[range].trim_ascii()).into_owned();
    (!text.is_empty()).then_some(text)
}

/// The name before the colon, white space around it removed (the obsolete form of RFC 5322 4.5 is still read by mail programs).
fn field_name(field: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', field)?;
    let name = field[..colon].trim_ascii();
    (!name.is_empty() && name.len() <= 128 && !name.contains(&b'\n')).then_some(name)
}

/// The value: after the colon, without the final line end.
fn value_range(header: &[u8], field: Range<usize>) -> Range<usize> {
    let octets = &header[field.clone()];
    let start = octets.iter().position(|&b| b == b':').map_or(0, |colon| colon + 1);
    let mut end = octets.len();
    while end > start && matches!(octets[end - 1], b'\r' | b'\n') {
        end -= 1;
    }
    field.start + start..field.start + end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASS: &str = "X-Cfilter-Loop";

    fn applied(message: &[u8], edits: &[Edit]) -> String {
        let mut out = Vec::new();
        let mut at = 0;
        for edit in edits {
            out.extend_from_slice(&message[at..edit.range.start as usize]);
            out.extend_from_slice(&edit.replacement);
            at = edit.range.end as usize;
        }
        out.extend_from_slice(&message[at..]);
        String::from_utf8(out).unwrap()
    }

    fn without_forged(message: &[u8]) -> String {
        applied(message, &edits(&HeaderScan::read(message, PASS), message, None))
    }

    #[test]
    fn forged_lines_are_cut_with_their_continuations_in_any_case_and_spacing() {
        let message = b"A: 1\r\nX-DLP-policyid: 23\r\n 24\r\nx-dlp-UNIQUEMSGID : Z\r\nx-cfilter-loop: no\r\nB: 2\r\n\r\nX-dlp-policyid: 5\r\n";
        assert_eq!(without_forged(message), "A: 1\r\nB: 2\r\n\r\nX-dlp-policyid: 5\r\n");
    }

    #[test]
    fn adjacent_forged_lines_are_one_cut() {
        let message = b"X-dlp-a: 1\r\nX-dlp-b: 2\r\n\r\n";
        assert_eq!(HeaderScan::read(message, PASS).forged, vec![0..24]);
    }

    #[test]
    fn a_forged_line_behind_a_bare_line_end_is_cut_too() {
        assert_eq!(without_forged(b"A: 1\nX-dlp-policyid: 23\nB: 2\r\n\r\n"), "A: 1\r\nB: 2\r\n\r\n");
        assert_eq!(without_forged(b"A: 1\r\rX-dlp-policyid: 23\rB: 2\r\n\r\n"), "A: 1\r\r\nB: 2\r\n\r\n");
    }

    #[test]
    fn names_that_only_look_alike_stay() {
        let message = b"X-dlp: 1\r\nX-dlp-: 1\r\nXX-dlp-policyid: 2\r\n\r\n";
        assert_eq!(without_forged(message).as_bytes(), message);
    }

    #[test]
    fn received_lines_are_counted_in_the_header_only() {
        let message = b"Received: a\r\nRECEIVED: b\r\n\tby c\r\nX: y\r\n\r\nReceived: no\r\n";
        assert_eq!(HeaderScan::read(message, PASS).received, 2);
    }

    #[test]
    fn a_message_that_starts_with_an_empty_line_has_no_header() {
        let scan = HeaderScan::read(b"\r\nX-dlp-policyid: 1\r\n\r\n", PASS);
        assert_eq!((scan.body_start, scan.forged.len()), (2, 0));
    }

    fn tagged(message: &[u8], prefix: &str, suffix: &str) -> String {
        applied(
            message,
            &edits(&HeaderScan::read(message, PASS), message, Some(SubjectTag { prefix, suffix })),
        )
    }

    #[test]
    fn a_subject_keeps_its_own_octets_after_the_tag() {
        let message = b"Subject: =?utf-8?q?caf=C3=A9?=\r\n and more\r\n\r\n";
        assert_eq!(tagged(message, "[DLP]", ""), "Subject: [DLP] =?utf-8?q?caf=C3=A9?=\r\n and more\r\n\r\n");
        assert_eq!(tagged(b"Subject:x\r\n\r\n", "[DLP]", ""), "Subject: [DLP] x\r\n\r\n");
        assert_eq!(tagged(b"Subject: x\r\n\r\n", "", "(held)"), "Subject: x (held)\r\n\r\n");
    }

    #[test]
    fn a_subject_is_tagged_once() {
        assert_eq!(tagged(b"Subject: [DLP] x\r\n\r\n", "[DLP]", ""), "Subject: [DLP] x\r\n\r\n");
    }

    #[test]
    fn both_ends_of_a_subject_can_be_tagged() {
        assert_eq!(tagged(b"Subject: x\r\n y\r\n\r\n", "[A]", "(b)"), "Subject: [A] x\r\n y (b)\r\n\r\n");
        assert_eq!(tagged(b"Subject:\r\n\r\n", "[A]", "(b)"), "Subject: [A] (b)\r\n\r\n");
        assert_eq!(tagged(b"Subject: [A] x (b)\r\n\r\n", "[A]", "(b)"), "Subject: [A] x (b)\r\n\r\n");
    }

    #[test]
    fn a_tag_and_a_cut_at_one_place_come_in_their_order() {
        assert_eq!(
            tagged(b"Subject:\rX-dlp-a: 1\r\nB: 1\r\n\r\n", "[A]", ""),
            "Subject: [A]\r\nB: 1\r\n\r\n"
        );
    }

    #[test]
    fn a_folded_subject_stays_folded() {
        assert_eq!(tagged(b"Subject:\r\n x\r\n\r\n", "[A]", ""), "Subject: [A]\r\n x\r\n\r\n");
        assert_eq!(tagged(b"SUBJECT :\tx\r\n\ty\r\n\r\n", "[A]", ""), "SUBJECT : [A]\tx\r\n\ty\r\n\r\n");
    }

    #[test]
    fn a_tag_beside_an_encoded_word_keeps_its_distance() {
        // Readers drop the space between two encoded words; one within a word stays.
        let message = "Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\n";
        assert_eq!(
            tagged(message.as_bytes(), "[gepr\u{fc}ft]", ""),
            "Subject: =?UTF-8?Q?=5Bgepr=C3=BCft=5D_?= =?utf-8?q?caf=C3=A9?=\r\n\r\n"
        );
        assert_eq!(
            tagged(message.as_bytes(), "", "\u{fc}"),
            "Subject: =?utf-8?q?caf=C3=A9?= =?UTF-8?Q?_=C3=BC?=\r\n\r\n"
        );
        let once = tagged(message.as_bytes(), "[gepr\u{fc}ft]", "");
        assert_eq!(tagged(once.as_bytes(), "[gepr\u{fc}ft]", ""), once);
    }

    #[test]
    fn a_subject_that_appears_twice_is_tagged_twice() {
        assert_eq!(
            tagged(b"Subject: a\r\nsubject: b\r\n\r\nSubject: c\r\n", "[A]", ""),
            "Subject: [A] a\r\nsubject: [A] b\r\n\r\nSubject: c\r\n"
        );
    }

    #[test]
    fn forged_lines_hide_behind_no_line_end_that_only_others_honour() {
        assert_eq!(without_forged(b"A: 1\nX-dlp-policyid: 2\nB: 3\r\n\r\nx"), "A: 1\r\nB: 3\r\n\r\nx");
        assert_eq!(without_forged(b"A: 1\rX-dlp-policyid: 2\r\n\r\nx"), "A: 1\r\n\r\nx");
        assert_eq!(without_forged(b"X-dlp-a: 1\r\n\tx\r\n y\r\nB: 1\r\n\r\n"), "B: 1\r\n\r\n");
        assert_eq!(without_forged(b"X-dlp-: 1\r\nX-dlpa: 2\r\n\r\n"), "X-dlp-: 1\r\nX-dlpa: 2\r\n\r\n");
    }

    #[test]
    fn the_header_is_all_there_is_where_no_empty_line_ends_it() {
        assert_eq!(without_forged(b"X-dlp-policyid: 2\r\nbody"), "body");
        assert!(HeaderScan::read(b" folded\r\nA: 1\r\n\r\n", PASS).begins_folded);
        assert!(!HeaderScan::read(b"A: 1\r\n\r\n", PASS).begins_folded);
        assert_eq!(HeaderScan::read(b"", PASS).body_start, 0);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_and_the_body_is_never_touched(message in proptest::collection::vec(any::<u8>(), 0..400)) {
            let scan = HeaderScan::read(&message, PASS);
            prop_assert!(scan.body_start <= message.len());
            let mut last = 0;
            for range in &scan.forged {
                prop_assert!(range.start >= last && range.start < range.end && range.end <= scan.body_start);
                last = range.end;
            }
        }

        #[test]
        fn tagging_adds_the_tag_and_changes_nothing_else(
            message in proptest::collection::vec(prop_oneof![
                Just("Subject"), Just(":"), Just(" "), Just("\r\n"), Just("=?utf-8?q?a?="), Just("x"), Just("\t"), Just("\n"),
            ], 0..30),
        ) {
            let message = message.concat();
            let tag = SubjectTag { prefix: "[\u{fc}]", suffix: "(b)" };
            let scan = HeaderScan::read(message.as_bytes(), PASS);
            let edits = edits(&scan, message.as_bytes(), Some(tag));
            let mut at = 0;
            for edit in edits.iter().filter(|edit| edit.range.is_empty()) {
                prop_assert!(edit.range.start >= at && edit.range.start <= scan.body_start as u64);
                prop_assert!(!edit.replacement.contains(&b'\n'));
                at = edit.range.start;
            }
            prop_assert!(edits.iter().all(|edit| edit.range.is_empty()));
        }

        #[test]
        fn after_cutting_nothing_forged_is_left(lines in proptest::collection::vec("(X-dlp-[a-c]{1,3}|x-cfilter-loop|To|Subject) ?: [a-z ]{0,8}(\r\n [a-z]{1,4})?", 0..12)) {
            let message = format!("{}\r\n\r\nbody\r\n", lines.join("\r\n"));
            let cut = without_forged(message.as_bytes());
            prop_assert!(HeaderScan::read(cut.as_bytes(), PASS).forged.is_empty());
        }
    }
}
