//! A tag beside what a Subject says: insertions into the field, whose own octets, folding and encoded words stay as they came.

use std::ops::Range;

use super::insert;
use super::text::{encoded, is_plain, line};
use crate::spool::Edit;

/// A text put before or after what a Subject says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectTag<'t> {
    /// Before; empty for nothing.
    pub prefix: &'t str,
    /// After; empty for nothing.
    pub suffix: &'t str,
}

impl SubjectTag<'_> {
    /// A tag is added to at most this many Subject fields of one message.
    pub const FIELDS: usize = 8;

    /// The line to add when the message has no Subject at all.
    pub fn as_new_field(&self) -> String {
        line("Subject", format!("{} {}", self.prefix, self.suffix).trim())
    }

    /// Insertions into the value of one Subject field, which people see as `shown`. What it bears already (a message that passes
    /// twice) is not added again.
    pub fn edits(
        &self,
        message: &[u8],
        value: Range<usize>,
        shown: &str,
    ) -> impl Iterator<Item = Edit> + use<> {
        let octets = &message[value.clone()];
        let (prefix, suffix) = (self.prefix.trim(), self.suffix.trim());
        // White space between two encoded words is not shown (RFC 2047 6.2): the space must be within one.
        let before = (!prefix.is_empty() && !shown.trim_start().starts_with(prefix)).then(|| {
            let beside_a_word = octets.trim_ascii_start().starts_with(b"=?") && !is_plain(prefix);
            let word = encoded(&if beside_a_word { format!("{prefix} ") } else { prefix.to_owned() });
            let spaced = octets.first().is_none_or(u8::is_ascii_whitespace);
            insert(value.start, if spaced { format!(" {word}") } else { format!(" {word} ") })
        });
        let after = (!suffix.is_empty() && !shown.trim_end().ends_with(suffix)).then(|| {
            let beside_a_word = octets.trim_ascii_end().ends_with(b"?=") && !is_plain(suffix);
            let word = encoded(&if beside_a_word { format!(" {suffix}") } else { suffix.to_owned() });
            insert(value.end, format!(" {word}"))
        });
        before.into_iter().chain(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value after the tag, where `shown` is how people see it.
    fn tagged(value: &str, shown: &str, prefix: &str, suffix: &str) -> String {
        let (tag, mut out, mut at) = (SubjectTag { prefix, suffix }, Vec::new(), 0);
        for edit in tag.edits(value.as_bytes(), 0..value.len(), shown) {
            out.extend_from_slice(&value.as_bytes()[at..edit.range.start as usize]);
            out.extend_from_slice(&edit.replacement);
            at = edit.range.end as usize;
        }
        out.extend_from_slice(&value.as_bytes()[at..]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_keeps_its_octets_between_prefix_and_suffix() {
        assert_eq!(tagged(" x", "x", "[A]", "(b)"), " [A] x (b)");
        assert_eq!(tagged("x", "x", "[A]", ""), " [A] x");
        assert_eq!(tagged("", "", "[A]", "(b)"), " [A] (b)");
        assert_eq!(tagged("\r\n x", "x", "[A]", ""), " [A]\r\n x");
    }

    #[test]
    fn what_people_see_already_is_not_added_again_however_it_is_encoded() {
        assert_eq!(tagged(" =?utf-8?b?W0FdIHg=?=", "[A] x", "[A]", ""), " =?utf-8?b?W0FdIHg=?=");
        assert_eq!(tagged(" x (b)", "x (b)", "[A]", "(b)"), " [A] x (b)");
    }

    #[test]
    fn a_tag_beside_an_encoded_word_keeps_its_distance() {
        let word = " =?utf-8?q?caf=C3=A9?=";
        assert_eq!(tagged(word, "caf\u{e9}", "\u{fc}", ""), format!(" =?UTF-8?Q?=C3=BC_?={word}"));
        assert_eq!(tagged(word, "caf\u{e9}", "", "\u{fc}"), format!("{word} =?UTF-8?Q?_=C3=BC?="));
        assert_eq!(tagged(word, "caf\u{e9}", "[A]", ""), format!(" [A]{word}"));
    }

    #[test]
    fn a_message_without_a_subject_gets_one_that_no_text_can_split() {
        let line = |prefix, suffix| SubjectTag { prefix, suffix }.as_new_field();
        assert_eq!(line("[A]", ""), "Subject: [A]\r\n");
        assert_eq!(line("[A]\r\nBcc: b", "(c)"), "Subject: [A]  Bcc: b (c)\r\n");
    }
}
