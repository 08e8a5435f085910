//! Looks for literal strings that every match of a regular expression holds, and how far from its start.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

use super::REACH;

/// A string that matches hold, letters of ASCII in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) literal: Vec<u8>,
    /// The fewest and the most octets of a match before it.
    pub(super) least_before: usize,
    pub(super) most_before: usize,
    /// It begins with a letter or digit, and where a match holds it, a word begins with it.
    pub(super) at_word: bool,
}

/// The most strings for one expression.
const MOST: usize = 64;
/// Strings are compared to this length when the better ones are chosen.
const ENOUGH: usize = 8;

/// The strings of which every match holds at least one; `None` if there are none worth looking for.
pub(super) fn needs(hir: &Hir) -> Option<Vec<Need>> {
    let needs = needs_of(hir, false)?;
    let worth = |need: &Need| match need.literal.as_slice() {
        [] => false,
        [one] => one.is_ascii_punctuation(),
        _ => true,
    };
    needs.iter().all(worth).then_some(needs)
}

/// `apart` says that surely no letter or digit stands before. Recursion is bounded by the parser's limit on nesting.
fn needs_of(hir: &Hir, apart: bool) -> Option<Vec<Need>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => Some(vec![Need::at(0, 0, apart).with(exact(hir)?)]),
        HirKind::Capture(capture) => needs_of(&capture.sub, apart),
        HirKind::Repetition(repetition) if repetition.min > 0 => needs_of(&repetition.sub, apart),
        HirKind::Alternation(all) => {
            let mut needs = Vec::new();
            for each in all {
                needs.extend(needs_of(each, apart)?);
            }
            needs.dedup();
            (needs.len() <= MOST).then_some(needs)
        }
        HirKind::Concat(all) => best_of_concat(all, apart),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

impl Need {
    fn at(least_before: usize, most_before: usize, at_word: bool) -> Self {
        Self { literal: Vec::new(), least_before, most_before, at_word }
    }

    /// Goes on with these octets.
    fn with(mut self, more: Vec<u8>) -> Self {
        if self.literal.is_empty() {
            self.at_word &= more.first().is_some_and(u8::is_ascii_alphanumeric);
        }
        self.literal.extend(more);
        self
    }
}

/// The best strings of a sequence: neighbours that are literal are one string.
fn best_of_concat(all: &[Hir], mut apart: bool) -> Option<Vec<Need>> {
    let mut best: Option<Vec<Need>> = None;
    let mut run: Option<Need> = None;
    let (mut least, mut most) = (0usize, 0usize);
    for each in all {
        if let Some(literal) = exact(each) {
            run = Some(run.unwrap_or_else(|| Need::at(least, most, apart)).with(literal));
        } else {
            better(&mut best, run.take().into_iter().collect());
            if let Some(mut needs) = needs_of(each, apart) {
                for need in &mut needs {
                    need.least_before += least;
                    need.most_before = need.most_before.saturating_add(most).min(REACH);
                }
                better(&mut best, needs);
            }
        }
        apart = ends_apart(each, apart);
        least += each.properties().minimum_len().unwrap_or(0);
        most = most.saturating_add(each.properties().maximum_len().unwrap_or(REACH)).min(REACH);
    }
    better(&mut best, run.into_iter().collect());
    best
}

/// Whether surely no letter or digit stands before what follows the expression, if `apart` says so of what it follows itself.
fn ends_apart(hir: &Hir, apart: bool) -> bool {
    match hir.kind() {
        HirKind::Empty => apart,
        // Of a letter or digit that follows, these say that it begins a word.
        HirKind::Look(
            Look::Start
            | Look::StartLF
            | Look::StartCRLF
            | Look::WordAscii
            | Look::WordUnicode
            | Look::WordStartAscii
            | Look::WordStartUnicode,
        ) => true,
        HirKind::Look(_) => apart,
        HirKind::Literal(literal) => literal.0.last().is_some_and(|octet| is_apart(*octet)),
        HirKind::Class(Class::Unicode(class)) => class
            .ranges()
            .iter()
            .all(|range| range.end().is_ascii() && (range.start() as u8..=range.end() as u8).all(is_apart)),
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().all(|range| (range.start()..=range.end()).all(is_apart))
        }
        HirKind::Repetition(repetition) => {
            (repetition.min > 0 || apart) && ends_apart(&repetition.sub, false)
        }
        HirKind::Capture(capture) => ends_apart(&capture.sub, apart),
        HirKind::Concat(all) => all.iter().fold(apart, |apart, each| ends_apart(each, apart)),
        HirKind::Alternation(all) => all.iter().all(|each| ends_apart(each, apart)),
    }
}

fn is_apart(octet: u8) -> bool {
    octet.is_ascii() && !octet.is_ascii_alphanumeric()
}

fn better(best: &mut Option<Vec<Need>>, other: Vec<Need>) {
    let worth = |needs: &[Need]| {
        let shortest = needs.iter().map(|need| need.literal.len()).min().unwrap_or(0);
        let span = needs.iter().map(|need| need.most_before - need.least_before).max().unwrap_or(0);
        (shortest.min(ENOUGH), usize::MAX - needs.len(), usize::MAX - span)
    };
    let other_worth = worth(&other);
    if other_worth.0 > 0 && best.as_ref().is_none_or(|best| worth(best) < other_worth) {
        *best = Some(other);
    }
}

/// The one string that an expression stands for, if letters of ASCII are taken in any case.
fn exact(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_ascii_lowercase()),
        HirKind::Class(Class::Unicode(class)) => one_letter(class),
        HirKind::Capture(capture) => exact(&capture.sub),
        _ => None,
    }
}

/// A class of one letter in both cases. Members outside ASCII that read as the same letter in folded text (the
/// long s, the Kelvin sign) do not occur in it.
fn one_letter(class: &ClassUnicode) -> Option<Vec<u8>> {
    let members = class.ranges().iter().flat_map(|range| range.start()..=range.end());
    let mut members = members.take(5).filter(|c| !matches!(c, 'ſ' | '\u{212A}'));
    let first = members.next()?;
    let letter = if first.is_ascii() { first.to_ascii_lowercase() } else { first };
    let same = members.all(|c| c.is_ascii() && c.to_ascii_lowercase() == letter);
    (same && class.ranges().len() <= 4).then(|| letter.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::regexes::parse;
    use super::*;

    fn found(pattern: &str) -> Option<Vec<(String, usize, usize)>> {
        let needs = needs(&parse(pattern, false).unwrap())?;
        let text =
            |need: Need| (String::from_utf8(need.literal).unwrap(), need.least_before, need.most_before);
        Some(needs.into_iter().map(text).collect())
    }

    #[test]
    fn literals_that_begin_a_word_wherever_they_count_are_known() {
        let at_words = |pattern: &str| -> Vec<bool> {
            needs(&parse(pattern, false).unwrap()).unwrap().iter().map(|need| need.at_word).collect()
        };
        for (pattern, expected) in [
            (r"(?m)^[ \t]*(?:import \d|(?:pub )?fn \d|impl(?:<x>)? \d)", &[true, true, true][..]),
            (r"(?m)^\s*import \d", &[false]),
            (r"\bimport \d", &[true]),
            (r"import \d", &[false]),
            (r"\w+ import \d", &[false]),
            (r"[.-]import \d", &[true]),
            (r"[.-]?import \d", &[false]),
            (r"^(?:x|-)?import \d", &[false]),
            (r"^(?:x=|-)?import \d", &[true]),
            (r"\b#include \d", &[false]),
        ] {
            assert_eq!(at_words(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn literals_that_every_match_holds_are_found() {
        let one = |literal: &str, least, most| Some(vec![(literal.to_owned(), least, most)]);
        assert_eq!(found(r"password\s*=\s*\w+"), one("password", 0, 0));
        assert_eq!(found(r"(?i)\bPass-?word"), one("pass", 0, 0));
        assert_eq!(found(r"\w{2,3}@corp\.example"), one("@corp.example", 2, 12));
        assert_eq!(found(r"\w+@"), one("@", 1, 1024));
        assert_eq!(found(r"(?:ab)+x"), one("ab", 0, 0));
        assert_eq!(found(r"x?(?:key|token)\d"), Some(vec![("key".into(), 0, 1), ("token".into(), 0, 1)]));
        assert_eq!(found(r"\d+"), None);
        assert_eq!(found(r"abc|\d+"), None);
    }
}
