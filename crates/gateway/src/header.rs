//! The header of a message: its fields, what trusted peers say in them, and the edits with which a copy leaves.
//!
//! Octets in, edits out; no I/O, nothing is re-serialised. Where the header and its fields end: see [`smtp::header`].

use std::ops::Range;

use smtp::header::{BEFORE_A_FOLDED_LINE, SubjectTag, cut, field_end, is_ours, line};
use smtp::spool::Edit;

use crate::filter::Changes;

/// Fields read; what is behind them is not asked about, but still cut where it must be.
const FIELDS: usize = 2_000;
/// `X-dlp-policyid` lines believed.
const POLICY_IDS: usize = 200;
/// Longest `X-dlp-uniquemsgid` believed.
const UNIQUE_ID: usize = 100;

/// A header.
#[derive(Debug, Clone)]
pub struct Header<'m> {
    octets: &'m [u8],
    fields: Vec<Field<'m>>,
    begins_folded: bool,
}

#[derive(Debug, Clone)]
struct Field<'m> {
    name: &'m [u8],
    place: Range<usize>,
    value: Range<usize>,
}

impl<'m> Header<'m> {
    /// Reads the header of `message`.
    pub fn read(message: &'m [u8]) -> Self {
        let octets = &message[..smtp::header::end(message)];
        let begins_folded = matches!(octets.first(), Some(b' ' | b'\t'));
        let (mut fields, mut at) = (Vec::new(), 0);
        while at < octets.len() {
            let end = field_end(octets, at);
            if let Some(colon) = memchr::memchr(b':', &octets[at..end]) {
                let name = octets[at..at + colon].trim_ascii();
                let value = at + colon + 1..at + octets[at..end].trim_ascii_end().len().max(colon + 1);
                fields.push(Field { name, place: at..end, value });
            }
            at = end;
        }
        Self { octets, fields, begins_folded }
    }

    /// Octets of the header, with the empty line that ends it.
    pub fn octets(&self) -> &'m [u8] {
        self.octets
    }

    /// The values of the lines of that name, as they stand.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'m [u8]> + 'a {
        let fields = self.fields.iter().take(FIELDS);
        fields
            .filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| &self.octets[field.value.clone()])
    }

    /// The first value of that name as text for people: decoded, on one line.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = content::header_text(self.values(name).next()?);
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// How many Received lines there are (RFC 5321 6.3).
    pub(crate) fn received(&self) -> usize {
        self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(b"received")).count()
    }

    /// `X-dlp-uniquemsgid`: letters, digits and hyphens, nothing else. To be believed from trusted peers only.
    pub(crate) fn unique_id(&self) -> Option<String> {
        let value = std::str::from_utf8(self.values("X-dlp-uniquemsgid").next()?).ok()?.trim();
        let plain = value.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        (plain && (1..=UNIQUE_ID).contains(&value.len())).then(|| value.to_ascii_uppercase())
    }

    /// `X-dlp-policyid`: one number a line, or several with commas between. To be believed from trusted peers only.
    pub(crate) fn policy_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = Vec::new();
        let texts = self.values("X-dlp-policyid").filter_map(|value| std::str::from_utf8(value).ok());
        for id in
            texts.flat_map(|text| text.split([',', ' ', '\t', '\r', '\n'])).filter_map(|id| id.parse().ok())
        {
            if !ids.contains(&id) && ids.len() < POLICY_IDS {
                ids.push(id);
            }
        }
        ids
    }

    /// What a copy leaves with: lines on top, and edits that cut what must not leave, in order and disjoint.
    pub(crate) fn leaving(&self, pass_header: &str, changes: &Changes) -> (Vec<u8>, Vec<Edit>) {
        let removed =
            |name: &[u8]| changes.remove.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()));
        let mut cuts: Vec<Range<usize>> = Vec::new();
        for field in
            self.fields.iter().filter(|field| is_ours(field.name, pass_header) || removed(field.name))
        {
            match cuts.last_mut() {
                Some(last) if last.end == field.place.start => last.end = field.place.end,
                _ => cuts.push(field.place.clone()),
            }
        }
        let mut edits: Vec<Edit> = cuts.into_iter().map(|range| cut(self.octets, range)).collect();
        let mut prefix: String = changes.add.iter().map(|one| line(&one.name, &one.value)).collect();
        let subjects: Vec<&Field<'_>> = self
            .fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(b"subject") && !removed(field.name))
            .take(SubjectTag::FIELDS)
            .collect();
        for tag in &changes.tags {
            let tag = SubjectTag { prefix: &tag.prefix, suffix: &tag.suffix };
            if subjects.is_empty() {
                prefix.push_str(&tag.as_new_field());
            }
            let values = subjects.iter().map(|field| field.value.clone());
            edits.extend(values.flat_map(|value| {
                let shown = content::header_text(&self.octets[value.clone()]);
                tag.edits(self.octets, value, &shown)
            }));
        }
        if self.begins_folded && !prefix.is_empty() {
            prefix.push_str(BEFORE_A_FOLDED_LINE);
        }
        // What goes in at a place comes before what is cut there.
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        (prefix.into_bytes(), edits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Line, Tag};
    use proptest::prelude::*;

    const PASS: &str = "X-Cfilter-Loop";

    fn applied(message: &[u8], changes: &Changes) -> String {
        let (mut out, edits) = Header::read(message).leaving(PASS, changes);
        let mut at = 0;
        for edit in edits {
            out.extend_from_slice(&message[at..edit.range.start as usize]);
            out.extend_from_slice(&edit.replacement);
            at = edit.range.end as usize;
        }
        out.extend_from_slice(&message[at..]);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn tagged(message: &str, prefix: &str, suffix: &str) -> String {
        let tags = vec![Tag { prefix: prefix.into(), suffix: suffix.into() }];
        applied(message.as_bytes(), &Changes { tags, ..Changes::default() })
    }

    #[test]
    fn marks_and_the_pass_header_end_here_and_nothing_else_changes() {
        let message = b"A: 1\r\nX-DLP-policyid: 23\r\n 24\r\nx-dlp-UNIQUEMSGID : Z\r\nx-cfilter-loop: Reflected\r\nB: 2\r\n\r\nX-dlp-policyid: 5\r\n";
        assert_eq!(applied(message, &Changes::default()), "A: 1\r\nB: 2\r\n\r\nX-dlp-policyid: 5\r\n");
        let plain = b"A: 1\r\nX-dlp-: no\r\n\r\nbody";
        assert_eq!(applied(plain, &Changes::default()).as_bytes(), plain);
        assert_eq!(
            applied(b"A: 1\nX-dlp-policyid: 2\nB: 3\r\n\r\nx", &Changes::default()),
            "A: 1\r\nB: 3\r\n\r\nx"
        );
    }

    #[test]
    fn lines_are_added_on_top_and_named_ones_removed() {
        let changes = Changes {
            add: vec![Line { name: "X-Note".into(), value: "a\r\nBcc: eve@evil.example".into() }],
            remove: vec!["received-spf".into()],
            tags: Vec::new(),
        };
        let message = b"Received-SPF: pass\r\nA: 1\r\n\r\nbody";
        assert_eq!(applied(message, &changes), "X-Note: a  Bcc: eve@evil.example\r\nA: 1\r\n\r\nbody");
    }

    #[test]
    fn a_header_that_begins_with_a_folded_line_gets_ours_on_top_all_the_same() {
        let changes = Changes {
            add: vec![Line { name: "X-Encrypt".into(), value: "yes".into() }],
            ..Changes::default()
        };
        let left = applied(b" folded\r\nSubject: x\r\n\r\nbody", &changes);
        let note = "X-Weir-Note: the next line was the first\r\n";
        assert_eq!(left, format!("X-Encrypt: yes\r\n{note} folded\r\nSubject: x\r\n\r\nbody"));
        assert_eq!(Header::read(left.as_bytes()).text("X-Encrypt").unwrap(), "yes");
        let plain = b" folded\r\nSubject: x\r\n\r\nbody";
        assert_eq!(applied(plain, &Changes::default()).as_bytes(), plain);
    }

    #[test]
    fn a_subject_keeps_its_octets_and_is_tagged_once() {
        assert_eq!(tagged("Subject: x\r\n\r\n", "[A]", "(b)"), "Subject: [A] x (b)\r\n\r\n");
        assert_eq!(tagged("Subject: [A] x\r\n\r\n", "[A]", ""), "Subject: [A] x\r\n\r\n");
        assert_eq!(tagged("Subject:x\r\n\r\n", "[A]", ""), "Subject: [A] x\r\n\r\n");
        assert_eq!(tagged("From: a@b\r\n\r\n", "[A]", ""), "Subject: [A]\r\nFrom: a@b\r\n\r\n");
        let word = "Subject: =?utf-8?q?caf=C3=A9?=\r\n and more\r\n\r\n";
        assert_eq!(tagged(word, "[A]", ""), format!("Subject: [A]{}", &word[8..]));
        let once = tagged(word, "[gepr\u{fc}ft]", "");
        assert_eq!(tagged(&once, "[gepr\u{fc}ft]", ""), once);
        assert_eq!(
            Header::read(once.as_bytes()).text("subject").unwrap(),
            "[gepr\u{fc}ft] caf\u{e9} and more"
        );
    }

    #[test]
    fn what_a_trusted_peer_says_is_read_strictly() {
        let header = Header::read(
            b"X-dlp-uniquemsgid: 0a1b-C\r\nX-dlp-policyid: 23\r\nX-dlp-policyid: 24, 23, x\r\n\r\n",
        );
        assert_eq!(header.unique_id().unwrap(), "0A1B-C");
        assert_eq!(header.policy_ids(), [23, 24]);
        for bad in [
            "X-dlp-uniquemsgid: a b\r\n\r\n",
            "X-dlp-uniquemsgid:\r\n\r\n",
            "X-dlp-uniquemsgid: \u{e9}\r\n\r\n",
        ] {
            assert_eq!(Header::read(bad.as_bytes()).unique_id(), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_and_only_the_header_is_edited(
            pieces in proptest::collection::vec(prop_oneof![
                Just(&b"X-dlp-a"[..]), Just(&b"Subject"[..]), Just(&b":"[..]), Just(&b" "[..]), Just(&b"\r\n"[..]), Just(&b"\n"[..]), Just(&b"\r"[..]),
                Just(&b"=?utf-8?q?a?="[..]), Just(&b"x"[..]), Just(&b"\t"[..]), Just(&b"\xff"[..]),
            ], 0..40),
        ) {
            let message = pieces.concat();
            let changes = Changes {
                add: vec![Line { name: "X-N".into(), value: "1".into() }],
                remove: vec!["x".into()],
                tags: vec![Tag { prefix: "[\u{fc}]".into(), suffix: "(b)".into() }],
            };
            let header = Header::read(&message);
            let end = header.octets().len() as u64;
            let (_, edits) = header.leaving(PASS, &changes);
            let mut at = 0;
            for edit in &edits {
                prop_assert!(edit.range.start >= at && edit.range.start <= edit.range.end && edit.range.end <= end, "{:?} in {:?}", edits, message);
                at = edit.range.end;
            }
            let left = applied(&message, &changes);
            let left = Header::read(left.as_bytes());
            prop_assert!(left.unique_id().is_none());
            prop_assert_eq!(left.fields.iter().filter(|field| is_ours(field.name, PASS)).count(), 0);
        }
    }
}
