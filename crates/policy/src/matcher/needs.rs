//! Looks for literal strings that every match of a regular expression holds, and how far from its start.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};

use super::REACH;

/// A string that matches hold, letters of ASCII in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) literal: Vec<u8>,
    /// The fewest and the most octets of a match before it.
    pub(super) least_before: usize,
    pub(super) most_before: usize,
}

/// The most strings for one expression.
const MOST: usize = 64;
/// Strings are compared to this length when the better ones are chosen.
const ENOUGH: usize = 8;

/// The strings of which every match holds at least one; `None` if there are none worth looking for.
pub(super) fn needs(hir: &Hir) -> Option<Vec<Need>> {
    let needs = needs_of(hir)?;
    let worth = |need: &Need| match need.literal.as_slice() {
        [] => false,
        [one] => one.is_ascii_punctuation(),
        _ => true,
    };
    needs.iter().all(worth).then_some(needs)
}

/// Recursion is bounded by the parser's limit on nesting.
fn needs_of(hir: &Hir) -> Option<Vec<Need>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => Some(vec![Need::at(exact(hir)?, 0, 0)]),
        HirKind::Capture(capture) => needs_of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => needs_of(&repetition.sub),
        HirKind::Alternation(all) => {
            let mut needs = Vec::new();
            for each in all {
                needs.extend(needs_of(each)?);
            }
            needs.dedup();
            (needs.len() <= MOST).then_some(needs)
        }
        HirKind::Concat(all) => best_of_concat(all),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

impl Need {
    fn at(literal: Vec<u8>, least_before: usize, most_before: usize) -> Self {
        Self { literal, least_before, most_before }
    }
}

/// The best strings of a sequence: neighbours that are literal are one string.
fn best_of_concat(all: &[Hir]) -> Option<Vec<Need>> {
    let mut best: Option<Vec<Need>> = None;
    let mut run = Need::at(Vec::new(), 0, 0);
    let (mut least, mut most) = (0usize, 0usize);
    for each in all {
        if let Some(literal) = exact(each) {
            if run.literal.is_empty() {
                run = Need::at(Vec::new(), least, most);
            }
            run.literal.extend(literal);
        } else {
            better(&mut best, vec![std::mem::replace(&mut run, Need::at(Vec::new(), 0, 0))]);
            if let Some(mut needs) = needs_of(each) {
                for need in &mut needs {
                    need.least_before += least;
                    need.most_before = need.most_before.saturating_add(most).min(REACH);
                }
                better(&mut best, needs);
            }
        }
        least += each.properties().minimum_len().unwrap_or(0);
        most = most.saturating_add(each.properties().maximum_len().unwrap_or(REACH)).min(REACH);
    }
    better(&mut best, vec![run]);
    best
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
