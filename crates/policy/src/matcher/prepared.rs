//! A text made ready for matching: folded, divided into words, with the way back to the original; text of ASCII only is
//! never copied.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use super::bits::BLOCK;
use super::fold::{Folded, fold_char};
use super::folder::{Folder, first_non_ascii};
use super::words::Words;

/// A text made ready for matching.
///
/// Holds the folded text, where it differs from the original, and which octets are words. Texts are shorter than
/// 4 GiB.
pub struct Prepared<'t> {
    text: &'t str,
    folded: Form<'t>,
    words: Words,
    kept: OnceLock<Form<'t>>,
    cased: bool,
    expands: bool,
}

/// A folded text and the way back.
struct Form<'t> {
    /// Well-formed UTF-8.
    text: Cow<'t, [u8]>,
    map: Map,
}

impl<'t> Prepared<'t> {
    /// Folds a text: nothing to do for ASCII, one copy for anything else.
    pub fn new(text: &'t str) -> Self {
        let block = match Words::ascii(text.as_bytes()) {
            Ok(words) => {
                return Self {
                    text,
                    folded: Form { text: Cow::Borrowed(text.as_bytes()), map: Map::default() },
                    words,
                    kept: OnceLock::new(),
                    cased: false,
                    expands: false,
                };
            }
            Err(block) => block,
        };
        let rest = &text.as_bytes()[block * BLOCK..];
        let first = block * BLOCK + first_non_ascii(rest).unwrap_or(rest.len());
        let folder = Folder::of(text, first, false);
        let words = Words::mixed(&folder.out, &folder.marks);
        Self {
            text,
            folded: Form { text: Cow::Owned(folder.out), map: folder.map },
            words,
            kept: OnceLock::new(),
            cased: folder.cased,
            expands: folder.expands,
        }
    }

    /// The original text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The matched text as folded: ASCII digits, no invisible characters; case and separators kept.
    pub fn folded(&self, span: &Range<usize>) -> String {
        let mut kept = String::new();
        for c in self.text.get(span.clone()).unwrap_or_default().chars() {
            fold_char(c, &mut |f| kept.push(f.kept));
        }
        kept
    }

    /// The value of a hit for telling unique ones apart: letters and digits only, upper-cased.
    pub fn value(&self, span: &Range<usize>) -> String {
        let folded = self.folded(span);
        folded.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
    }

    /// How many words begin between two spans of the original text: 0 for neighbours or overlapping spans,
    /// 1 when one word stands between them. Costs one step for each 64 octets between the spans.
    pub fn words_between(&self, one: &Range<usize>, other: &Range<usize>) -> usize {
        let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
        if second.start <= first.end {
            return 0;
        }
        let end = self.folded.map.inward(first.end);
        let start = self.folded.map.inward(second.start);
        self.words.starts_in(end, start)
    }

    /// The folded text, well-formed UTF-8.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.folded.text
    }

    /// A stretch of the folded text.
    pub(super) fn str(&self, range: Range<usize>) -> &str {
        let octets = self.folded.text.get(range).unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// Whether one original character may stand for several folded ones.
    pub(super) fn expands(&self) -> bool {
        self.expands
    }

    /// Whether the folded text lost the case of letters outside ASCII.
    pub(super) fn cased(&self) -> bool {
        self.cased
    }

    /// The original octets of a stretch of the folded text.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.folded.map.outward(range)
    }

    /// The folded text with the case of all letters, as regular expressions see it.
    pub(super) fn kept(&self) -> &[u8] {
        if self.cased { &self.kept_form().text } else { &self.folded.text }
    }

    /// The folded characters of a stretch of folded text, with their case.
    pub(super) fn kept_chars(&self, range: Range<usize>) -> Vec<Folded> {
        let original = self.original(range.clone());
        let first = self.folded.map.inward(original.start);
        let before = self.str(first..range.start).chars().count();
        let mut all = Vec::new();
        for c in self.text.get(original).unwrap_or_default().chars() {
            fold_char(c, &mut |f| all.push(f));
        }
        all.split_off(before.min(all.len()))
    }

    /// The original octets of a stretch of [`Self::kept`].
    pub(super) fn original_of_kept(&self, range: Range<usize>) -> Range<usize> {
        if self.cased { self.kept_form().map.outward(range) } else { self.original(range) }
    }

    /// The place in [`Self::kept`] of an octet of the folded text.
    pub(super) fn kept_place(&self, folded: usize) -> usize {
        if !self.cased {
            return folded;
        }
        let original = self.original(folded..folded + 1).start;
        let mut place = self.kept_form().map.inward(original);
        let mut at = self.folded.map.inward(original);
        // One character may have given several.
        for c in self.text.get(original..).unwrap_or_default().chars().take(1) {
            fold_char(c, &mut |f| {
                if at < folded {
                    at += f.folded.len_utf8();
                    place += f.kept.len_utf8();
                }
            });
        }
        place
    }

    /// The place in [`Self::kept`] of an octet of the original text.
    pub(super) fn in_kept(&self, original: usize) -> usize {
        if self.cased { self.kept_form().map.inward(original) } else { self.folded.map.inward(original) }
    }

    fn kept_form(&self) -> &Form<'t> {
        self.kept.get_or_init(|| {
            let first = first_non_ascii(self.text.as_bytes()).unwrap_or(self.text.len());
            let folder = Folder::of(self.text, first, true);
            Form { text: Cow::Owned(folder.out), map: folder.map }
        })
    }
}

/// Where the folded text stands in the original: between listed characters both advance alike.
#[derive(Debug, Default)]
pub(super) struct Map {
    odd: Vec<Odd>,
}

/// A character whose folded form has another length.
#[derive(Debug, Clone, Copy)]
struct Odd {
    folded: u32,
    original: u32,
    folded_len: u8,
    original_len: u8,
}

impl Odd {
    fn folded(self) -> usize {
        self.folded as usize
    }

    fn original(self) -> usize {
        self.original as usize
    }

    fn folded_end(self) -> usize {
        self.folded() + usize::from(self.folded_len)
    }

    fn original_end(self) -> usize {
        self.original() + usize::from(self.original_len)
    }
}

impl Map {
    /// The original octets of a stretch of folded text: whole characters, none of the invisible ones at its
    /// ends.
    fn outward(&self, range: Range<usize>) -> Range<usize> {
        if self.odd.is_empty() {
            return range;
        }
        if range.is_empty() {
            let at = self.character(range.start).start;
            return at..at;
        }
        self.character(range.start).start..self.character(range.end - 1).end
    }

    /// The original character that gave a folded octet; for plain stretches, that octet alone.
    fn character(&self, folded: usize) -> Range<usize> {
        let next = self.odd.partition_point(|odd| odd.folded() <= folded);
        // Invisible characters give no octet: step over those that stand at the same place.
        match self.odd[..next].last() {
            None => folded..folded + 1,
            Some(odd) if folded < odd.folded_end() => odd.original()..odd.original_end(),
            Some(odd) => {
                let at = folded - odd.folded_end() + odd.original_end();
                at..at + 1
            }
        }
    }

    /// Notes a character of another length; they come in order.
    pub(super) fn note(&mut self, folded: Range<usize>, original: Range<usize>) {
        self.odd.push(Odd {
            folded: folded.start as u32,
            original: original.start as u32,
            folded_len: folded.len() as u8,
            original_len: original.len() as u8,
        });
    }

    /// The folded position of an original one.
    fn inward(&self, original: usize) -> usize {
        let next = self.odd.partition_point(|odd| odd.original() < original);
        match self.odd[..next].last() {
            None => original,
            Some(odd) => odd.folded_end() + original.saturating_sub(odd.original_end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        String::from_utf8(Prepared::new(text).bytes().to_vec()).unwrap()
    }

    #[test]
    fn ascii_is_not_copied() {
        let prepared = Prepared::new("plain text");
        assert!(matches!(prepared.folded.text, Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_reader_sees_as_a_number_becomes_one() {
        for text in [
            "4\u{AD}1\u{200B}11",
            "４１１１",
            "٤١١١",
            "4\u{301}111",
            "𝟜𝟙𝟙𝟙",
            "4\u{20E3}1\u{FE0F}\u{20E3}11",
            "④①①①",
        ] {
            assert_eq!(folded(text), "4111", "{text:?}");
        }
        assert_eq!(folded("41\u{A0}11\u{2011}3\u{2009}4"), "41 11-3 4");
    }

    #[test]
    fn accents_and_case_outside_ascii_fold_away() {
        assert_eq!(folded("Éclair ΣΊΣΥΦΟΣ"), "Eclair σισυφοσ");
        assert_eq!(Prepared::new("Éclair ΣΊΣΥΦΟΣ").kept(), "Eclair ΣΙΣΥΦΟΣ".as_bytes());
        assert_eq!(folded("STRAẞE Straße"), "STRASSE Strasse");
    }

    #[test]
    fn positions_lead_back_to_whole_characters() {
        let text = "aé\u{AD}\u{200B}ﬁ\u{AD}x\u{301}z";
        let prepared = Prepared::new(text);
        assert_eq!(prepared.bytes(), b"aefixz");
        let back = |range: Range<usize>| &text[prepared.original(range)];
        assert_eq!(back(0..1), "a");
        assert_eq!(back(1..2), "é");
        assert_eq!(back(2..3), "ﬁ");
        assert_eq!(back(3..4), "ﬁ");
        assert_eq!(back(1..4), "é\u{AD}\u{200B}ﬁ");
        assert_eq!(back(4..5), "x");
        assert_eq!(back(4..6), "x\u{301}z");
    }

    #[test]
    fn distance_is_counted_in_words() {
        let text = "one two\u{A0}three — four 机密 five";
        let prepared = Prepared::new(text);
        let span = |word: &str| {
            let at = text.find(word).unwrap();
            at..at + word.len()
        };
        assert_eq!(prepared.words_between(&span("one"), &span("two")), 0);
        assert_eq!(prepared.words_between(&span("four"), &span("one")), 2);
        assert_eq!(prepared.words_between(&span("four"), &span("five")), 2);
    }
}
