//! Small texts read as one: a mail has dozens of header fields and a workbook a hundred thousand cells, and each scan has its
//! price whatever its length.

use std::borrow::Cow;
use std::ops::Range;

use super::pieces::Pieces;
use crate::matcher::DIVIDER;

/// Texts joined by dividers, or one alone.
pub(super) struct Joined<'m> {
    text: Cow<'m, str>,
    first: u32,
    /// Where each begins; nothing for one alone.
    begins: Vec<u32>,
}

/// Octets of these texts, once joined.
pub(super) fn length(pieces: &Pieces<'_>, numbers: &Range<u32>) -> usize {
    numbers.clone().map(|number| pieces.get(number).text.len() + 1).sum()
}

impl<'m> Joined<'m> {
    /// All these texts in order, in lots of at most so many octets; what is longer stands alone, and what is too long for places
    /// of 32 bits is left out.
    pub(super) fn all<'g>(
        pieces: &'g Pieces<'m>,
        numbers: Range<u32>,
        most: usize,
    ) -> impl Iterator<Item = Self> + use<'g, 'm> {
        let mut at = numbers.start;
        std::iter::from_fn(move || {
            while at < numbers.end {
                let first = at;
                let mut size = pieces.get(first).text.len();
                at += 1;
                while at < numbers.end && size + pieces.get(at).text.len() < most {
                    size += pieces.get(at).text.len() + 1;
                    at += 1;
                }
                if (1..=u32::MAX as usize).contains(&size) {
                    return Some(Self::new(pieces, first..at, size));
                }
            }
            None
        })
    }

    fn new(pieces: &Pieces<'m>, numbers: Range<u32>, size: usize) -> Self {
        let first = numbers.start;
        if numbers.len() == 1 {
            return Self { text: Cow::Borrowed(pieces.get(first).text), first, begins: Vec::new() };
        }
        let (mut text, mut begins) = (String::with_capacity(size), Vec::with_capacity(numbers.len()));
        for number in numbers {
            if number > first {
                text.push(DIVIDER);
            }
            begins.push(text.len() as u32);
            text.push_str(pieces.get(number).text);
        }
        Self { text: Cow::Owned(text), first, begins }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text of one that stands alone, which lasts as long as the mail does.
    pub(super) fn alone(&self) -> Option<&'m str> {
        match self.text {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// The number of the first text.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    pub(super) fn is_alone(&self) -> bool {
        self.begins.is_empty()
    }

    /// Where each of several begins.
    pub(super) fn begins(&self) -> &[u32] {
        &self.begins
    }

    /// The number of the text that a stretch stands in, and where in that; nothing for what goes beyond one text.
    pub(super) fn place(&self, span: &Range<usize>) -> Option<(u32, Range<usize>)> {
        if self.is_alone() {
            return Some((self.first, span.clone()));
        }
        let place = self.begins.partition_point(|begin| *begin as usize <= span.start).checked_sub(1)?;
        let begin = self.begins[place] as usize;
        let end = self.begins.get(place + 1).map_or(self.text.len(), |next| *next as usize - 1);
        (span.end <= end).then(|| (self.first + place as u32, span.start - begin..span.end - begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &'static str, begins: &[u32]) -> Joined<'static> {
        Joined { text: text.into(), first: 7, begins: begins.to_vec() }
    }

    #[test]
    fn a_stretch_belongs_to_the_text_that_it_stands_in() {
        // "ab", nothing, "c".
        let three = joined("ab\u{1F}\u{1F}c", &[0, 3, 4]);
        assert_eq!(three.place(&(0..2)), Some((7, 0..2)));
        assert_eq!(three.place(&(4..5)), Some((9, 0..1)));
        assert_eq!(three.place(&(1..5)), None, "no text has both");
        assert_eq!(three.place(&(2..3)), None, "what is between texts is in none");
        let alone = joined("ab", &[]);
        assert_eq!(alone.place(&(1..2)), Some((7, 1..2)));
    }
}
