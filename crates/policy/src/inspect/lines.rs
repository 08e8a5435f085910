//! Which lines of a text lie within so many words of some places: where matches that count only near these can be.

use std::ops::Range;

/// The lines around each of some places, in order and apart from each other, to the lines that so many words before and behind
/// stand in. At least these: words are counted low. `places` come with the words that count for them.
pub(super) fn around(text: &str, places: impl Iterator<Item = (Range<usize>, usize)>) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> =
        places.map(|(place, words)| lines(text.as_bytes(), &place, words)).collect();
    all.sort_unstable_by_key(|lines| lines.start);
    all.dedup_by(|next, kept| {
        let joins = next.start <= kept.end;
        if joins {
            kept.end = kept.end.max(next.end);
        }
        joins
    });
    all
}

fn lines(text: &[u8], place: &Range<usize>, words: usize) -> Range<usize> {
    let start = place.start.min(text.len());
    let end = place.end.clamp(start, text.len());
    let before = passed(text[..start].iter().rev(), words);
    let behind = passed(text[end..].iter(), words);
    let line_start = memchr::memrchr(b'\n', &text[..start - before]).map_or(0, |at| at + 1);
    let from = end + behind;
    let line_end = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |at| from + at + 1);
    line_start..line_end
}

/// The octets that hold at least so many words, and the beginning of one more.
fn passed<'o>(octets: impl Iterator<Item = &'o u8>, words: usize) -> usize {
    let (mut count, mut passed, mut inside) = (0, 0, false);
    for octet in octets {
        // What is not ASCII may be part of a word or part two: here it parts none, so that no word is counted twice.
        let goes_on = octet.is_ascii_alphanumeric() || !octet.is_ascii();
        count += usize::from(inside && !goes_on);
        if count > words {
            break;
        }
        inside = (inside || octet.is_ascii_alphanumeric()) && goes_on;
        passed += 1;
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "one\ntwo two\nthree four\nfive\nsix seven\n";

    fn around_word(word: &str, words: usize) -> Vec<&'static str> {
        let at = TEXT.find(word).unwrap();
        around(TEXT, std::iter::once((at..at + word.len(), words)))
            .into_iter()
            .map(|lines| &TEXT[lines])
            .collect()
    }

    #[test]
    fn whole_lines_are_taken_to_those_that_the_last_words_stand_in() {
        assert_eq!(around_word("five", 0), ["three four\nfive\nsix seven\n"]);
        assert_eq!(around_word("five", 1), ["three four\nfive\nsix seven\n"]);
        assert_eq!(around_word("five", 2), ["two two\nthree four\nfive\nsix seven\n"]);
        assert_eq!(around_word("five", 9), [TEXT]);
        assert_eq!(around_word("one", 0), ["one\ntwo two\n"]);
    }

    #[test]
    fn lines_that_meet_are_one_stretch_and_others_are_not_taken() {
        let far = "x\n".repeat(50);
        let text = format!("a b\n{far}c d\n{far}e f\n");
        let place = |word: &str| {
            let at = text.find(word).unwrap();
            (at..at + 1, 1)
        };
        let found = around(&text, ["e", "a", "b"].map(place).into_iter());
        let found: Vec<&str> = found.into_iter().map(|lines| &text[lines]).collect();
        assert_eq!(found, ["a b\nx\nx\n", "x\nx\ne f\n"]);
    }

    #[test]
    fn letters_outside_ascii_part_no_words() {
        let text = "a\nnaïve é—b\nkey\n";
        let at = text.find("key").unwrap();
        let found = around(text, std::iter::once((at..at + 3, 2)));
        assert_eq!(found.into_iter().map(|lines| &text[lines]).collect::<Vec<_>>(), [text]);
    }
}
