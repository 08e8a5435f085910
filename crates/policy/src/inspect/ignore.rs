//! Text that is left out of matching: known texts such as disclaimers, and quoted replies. Only matches are dropped; the
//! mail is inspected like any other.
//!
//! A known text is found by its words, however it is wrapped, quoted or spaced, in time linear in the text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::pieces::{Pieces, Spot};
use crate::compile::model::Settings;

/// Known texts of a set.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownTexts {
    keys: RandomState,
    texts: Vec<Known>,
    /// By the hash of the first words: which texts begin so, longest first.
    starts: HashMap<u64, Vec<u32>>,
}

/// The hashes of a text's words, and their sum.
#[derive(Debug, Clone)]
struct Known {
    words: Vec<u64>,
    sum: u64,
}

/// A word and its octets.
type Word = (u64, Range<usize>);

/// An odd number: words of a stretch are summed up with its powers.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

impl KnownTexts {
    /// Shorter texts would leave out what was never meant.
    pub(crate) const LEAST_WORDS: usize = 4;

    /// Adds a text; the number of its words if it is too short.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), usize> {
        let words: Vec<u64> = self.words(text).into_iter().map(|(hash, _)| hash).collect();
        if words.len() < Self::LEAST_WORDS {
            return Err(words.len());
        }
        let start = sum(&words[..Self::LEAST_WORDS]);
        let number = self.texts.len() as u32;
        self.texts.push(Known { sum: sum(&words), words });
        let same = self.starts.entry(start).or_default();
        same.push(number);
        let texts = &self.texts;
        same.sort_by_key(|number| std::cmp::Reverse(texts[*number as usize].words.len()));
        Ok(())
    }

    /// Where known texts stand, in order.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let words = self.words(text);
        let mut found = Vec::new();
        if words.len() < Self::LEAST_WORDS {
            return found;
        }
        let sums = Sums::new(&words);
        let mut at = 0;
        while at + Self::LEAST_WORDS <= words.len() {
            let length = self.starts.get(&sums.of(at, Self::LEAST_WORDS)).and_then(|numbers| {
                let texts = numbers.iter().map(|number| &self.texts[*number as usize]);
                texts.filter(|known| sums.stands(known, at, &words)).map(|known| known.words.len()).next()
            });
            match length {
                Some(length) => {
                    found.push(words[at].1.start..words[at + length - 1].1.end);
                    at += length;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Runs of letters and digits, without regard to case.
    fn words(&self, text: &str) -> Vec<Word> {
        let mut all = Vec::new();
        let mut word = String::new();
        let (mut start, mut end) = (0, 0);
        for (at, c) in text.char_indices() {
            if matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}') {
                continue;
            }
            if c.is_alphanumeric() {
                if word.is_empty() {
                    start = at;
                }
                word.extend(c.to_lowercase());
                end = at + c.len_utf8();
            } else if !word.is_empty() {
                all.push((self.keys.hash_one(&word), start..end));
                word.clear();
            }
        }
        if !word.is_empty() {
            all.push((self.keys.hash_one(&word), start..end));
        }
        all
    }
}

fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum: u64, word| sum.wrapping_mul(BASE).wrapping_add(*word))
}

/// Sums of all beginnings, from which the sum of any stretch is told in one step.
struct Sums {
    sums: Vec<u64>,
    powers: Vec<u64>,
}

impl Sums {
    fn new(words: &[Word]) -> Self {
        let (mut sums, mut powers) =
            (Vec::with_capacity(words.len() + 1), Vec::with_capacity(words.len() + 1));
        let (mut sum, mut power) = (0u64, 1u64);
        sums.push(sum);
        powers.push(power);
        for (word, _) in words {
            sum = sum.wrapping_mul(BASE).wrapping_add(*word);
            power = power.wrapping_mul(BASE);
            sums.push(sum);
            powers.push(power);
        }
        Self { sums, powers }
    }

    fn of(&self, at: usize, length: usize) -> u64 {
        self.sums[at + length].wrapping_sub(self.sums[at].wrapping_mul(self.powers[length]))
    }

    /// The sum tells quickly, the words themselves for certain.
    fn stands(&self, known: &Known, at: usize, words: &[Word]) -> bool {
        let length = known.words.len();
        at + length <= words.len()
            && self.of(at, length) == known.sum
            && known.words.iter().zip(&words[at..]).all(|(known, (word, _))| known == word)
    }
}

/// The stretches of a text that are left out, in order and apart from each other; `marked` are those that its format says
/// are quoted.
pub(crate) fn ranges(
    settings: &Settings,
    text: &str,
    marked: &[Range<usize>],
    body: bool,
) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    if !settings.ignored.texts.is_empty() {
        all.extend(settings.ignored.find(text));
    }
    if settings.quoted_replies && body {
        all.extend(quoted(text));
        all.extend(marked.iter().cloned());
    }
    all.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in all {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// What is left out of the texts of a message, each worked out when it is first asked for.
pub(super) struct LeftOut<'p, 'm> {
    settings: &'p Settings,
    pieces: &'p Pieces<'m>,
    known: HashMap<u32, Vec<Range<usize>>>,
}

impl<'p, 'm> LeftOut<'p, 'm> {
    pub(super) fn new(settings: &'p Settings, pieces: &'p Pieces<'m>) -> Self {
        Self { settings, pieces, known: HashMap::new() }
    }

    /// A text without them, as indexes of whole texts look at it.
    pub(super) fn blanked(&mut self, number: u32) -> Cow<'m, str> {
        let text = self.pieces.get(number).text;
        blanked(text, self.of(number))
    }

    /// The stretches of a text, in order and apart from each other.
    pub(super) fn of(&mut self, number: u32) -> &[Range<usize>] {
        self.known.entry(number).or_insert_with(|| {
            let piece = self.pieces.get(number);
            ranges(self.settings, piece.text, piece.quoted, piece.spot == Spot::Body)
        })
    }
}

/// The text with blanks where it is left out: what stands behind keeps its place.
fn blanked<'t>(text: &'t str, ignored: &[Range<usize>]) -> Cow<'t, str> {
    if ignored.is_empty() {
        return text.into();
    }
    let mut all = String::with_capacity(text.len());
    let mut from = 0;
    for range in ignored {
        all.push_str(&text[from..range.start]);
        all.extend(std::iter::repeat_n(' ', range.len()));
        from = range.end;
    }
    all.push_str(&text[from..]);
    all.into()
}

/// Whether one of the stretches, in order and apart from each other, covers all of a span.
pub(crate) fn covers(ignored: &[Range<usize>], span: &Range<usize>) -> bool {
    let next = ignored.partition_point(|range| range.start <= span.start);
    next > 0 && ignored[next - 1].end >= span.end
}

/// Lines that begin a quoted mail; it goes on to the end of the text.
const QUOTE_STARTS: &[&str] = &[
    "-----original message-----",
    "-----ursprüngliche nachricht-----",
    "-----message d'origine-----",
    "-----mensaje original-----",
    "-----messaggio originale-----",
    "-----oorspronkelijk bericht-----",
    "-----mensagem original-----",
];

/// First lines of the header block that mail programs put above a reply.
const FROM: &[&str] = &["from:", "von:", "de:", "da:", "van:"];
/// One of these stands among the next lines of such a block.
const SUBJECT: &[&str] = &["subject:", "betreff:", "objet:", "asunto:", "oggetto:", "onderwerp:", "assunto:"];

/// Quoted replies: lines that begin with `>`, and everything below a line or block that says so.
fn quoted(text: &str) -> Vec<Range<usize>> {
    let lines: Vec<Range<usize>> = line_ranges(text);
    let mut all = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let trimmed = text[line.clone()].trim();
        if trimmed.starts_with('>') {
            all.push(line.clone());
            continue;
        }
        if begins_quote(trimmed, text, &lines[number + 1..]) {
            all.push(line.start..text.len());
            break;
        }
    }
    all
}

fn begins_quote(line: &str, text: &str, next: &[Range<usize>]) -> bool {
    let lower = line.to_lowercase();
    let plain: String = lower.chars().filter(|c| !c.is_whitespace()).collect();
    if QUOTE_STARTS.iter().any(|start| plain == start.replace(' ', "")) {
        return true;
    }
    FROM.iter().any(|from| lower.starts_with(from))
        && next.iter().take(6).any(|range| {
            let lower = text[range.clone()].trim().to_lowercase();
            SUBJECT.iter().any(|subject| lower.starts_with(subject))
        })
}

fn line_ranges(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let range = start..start + line.len();
            start = range.end;
            range
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(texts: &[&str]) -> KnownTexts {
        let mut known = KnownTexts::default();
        for text in texts {
            known.add(text).unwrap();
        }
        known
    }

    #[test]
    fn what_is_left_out_leaves_the_rest_in_its_place() {
        assert_eq!(blanked("one zwö three", &[0..3, 9..11]), "    zwö   ree");
        assert!(matches!(blanked("one", &[]), Cow::Borrowed("one")));
    }

    #[test]
    fn a_known_text_is_found_however_it_is_wrapped_or_quoted() {
        let known = known(&["This e-mail is confidential and for its recipient only."]);
        let text = "Hello\n\n> THIS  e-mail is\n> confi\u{AD}dential and for\r\n> its recipient only!\nBye";
        let found = known.find(text);
        assert_eq!(found.len(), 1);
        assert_eq!(
            &text[found[0].clone()],
            "THIS  e-mail is\n> confi\u{AD}dential and for\r\n> its recipient only"
        );
    }

    #[test]
    fn one_word_more_or_less_is_another_text() {
        let known = known(&["one two three four five"]);
        assert!(known.find("one two three four six").is_empty());
        assert!(known.find("one two three four").is_empty());
        assert_eq!(known.find("one one two three four five five").len(), 1);
    }

    #[test]
    fn the_longest_known_text_counts() {
        let known = known(&["a b c d", "a b c d e f"]);
        let text = "a b c d e f";
        assert_eq!(known.find(text), vec![0..text.len()]);
    }

    #[test]
    fn a_text_of_three_words_is_too_short_to_be_known_by() {
        assert_eq!(KnownTexts::default().add("just three words"), Err(3));
    }

    #[test]
    fn a_text_made_to_collide_takes_linear_time() {
        let known = known(&[&"spam ".repeat(1_000)]);
        let found = known.find(&"spam ".repeat(100_000));
        assert_eq!(found.len(), 100);
    }

    #[test]
    fn quoted_lines_and_all_below_a_reply_header_are_quoted() {
        let text = "new\n> old 1\nnew again\n>> old 2\n";
        let parts: Vec<&str> = quoted(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(parts, ["> old 1\n", ">> old 2\n"]);
        let text = "new\nFrom: Ann\nSent: today\nTo: Bob\nSubject: x\n\nold";
        assert_eq!(&text[quoted(text)[0].clone()], &text[4..]);
        let text = "new\n----- Original Message -----\nold";
        assert_eq!(&text[quoted(text)[0].clone()], &text[4..]);
        assert!(quoted("From: the board\nto all of you").is_empty());
    }
}
