//! Looks for literal strings that every match of a regular expression holds, and how far from its start.

use std::ops::RangeInclusive;

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

use super::REACH;
use super::fold::{Class as Kind, class_of, lower_all};
use super::literals::Place;

/// A string that matches hold once they are folded, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) literal: Vec<u8>,
    /// What of a match stands before it.
    pub(super) before: Before,
    /// Where it stands in every match that it is needed for.
    pub(super) place: Place,
}

/// A set of octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Octets([u64; 4]);

impl Octets {
    pub(super) fn has(&self, octet: u8) -> bool {
        self.0[usize::from(octet / 64)] >> (octet % 64) & 1 == 1
    }

    fn add(&mut self, octets: RangeInclusive<u8>) {
        octets.for_each(|octet| self.0[usize::from(octet / 64)] |= 1 << (octet % 64));
    }

    /// Adds all that texts of an expression may have in them. Recursion is bounded by the parser's limit on nesting.
    fn add_all(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => literal.0.iter().for_each(|octet| self.add(*octet..=*octet)),
            HirKind::Class(Class::Bytes(class)) => {
                class.ranges().iter().for_each(|range| self.add(range.start()..=range.end()));
            }
            HirKind::Class(Class::Unicode(class)) => {
                for range in class.ranges() {
                    let octet = |c: char| u8::try_from(c).unwrap_or(u8::MAX).min(0x80);
                    self.add(octet(range.start())..=octet(range.end()));
                    if !range.end().is_ascii() {
                        self.add(0x80..=0xFF);
                    }
                }
            }
            HirKind::Repetition(repetition) => self.add_all(&repetition.sub),
            HirKind::Capture(capture) => self.add_all(&capture.sub),
            HirKind::Concat(all) | HirKind::Alternation(all) => {
                all.iter().for_each(|each| self.add_all(each))
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }
}

/// Whether surely no letter or digit stands before and after an expression.
#[derive(Debug, Clone, Copy, Default)]
struct Apart {
    before: bool,
    after: bool,
}

/// The most strings for one expression.
const MOST: usize = 64;
/// Strings are compared to this length when the better ones are chosen.
const ENOUGH: usize = 8;
/// A string that is looked for only where words begin is worth as much as one that is so much longer.
const FREE: usize = 3;

/// The strings of which every match holds at least one; `None` if there are none worth looking for.
pub(super) fn needs(hir: &Hir) -> Option<Vec<Need>> {
    let needs = needs_of(hir, Apart::default())?;
    let worth = |need: &Need| match need.literal.as_slice() {
        [] => false,
        [one] => one.is_ascii_punctuation(),
        _ => true,
    };
    needs.iter().all(worth).then_some(needs)
}

/// Recursion is bounded by the parser's limit on nesting.
fn needs_of(hir: &Hir, apart: Apart) -> Option<Vec<Need>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => {
            Some(vec![Need::new(exact(hir)?, Before::default(), apart)])
        }
        HirKind::Capture(capture) => needs_of(&capture.sub, apart),
        // What is needed of the first time is known to stand before others, not before what follows.
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            needs_of(&repetition.sub, Apart { before: apart.before, after: false })
        }
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

/// What stands before a part of a sequence: how many octets, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Before {
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) octets: Octets,
    /// Whether it begins where a line does.
    begins_line: bool,
}

impl Before {
    pub(super) fn add(&mut self, hir: &Hir) {
        self.begins_line |= self.most == 0 && begins_line(hir);
        self.least += hir.properties().minimum_len().unwrap_or(0);
        self.most = self.most.saturating_add(hir.properties().maximum_len().unwrap_or(REACH)).min(REACH);
        self.octets.add_all(hir);
    }

    /// This, and another after it.
    pub(super) fn then(mut self, other: &Self) -> Self {
        self.begins_line |= self.most == 0 && other.begins_line;
        self.least += other.least;
        self.most = self.most.saturating_add(other.most).min(REACH);
        self.octets.join(&other.octets);
        self
    }

    /// This or another.
    pub(super) fn or(mut self, other: &Self) -> Self {
        self.begins_line &= other.begins_line;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.octets.join(&other.octets);
        self
    }
}

/// Whether an expression matches only where a line begins. Recursion is bounded by the parser's limit on nesting.
fn begins_line(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(look) => matches!(look, Look::Start | Look::StartLF),
        HirKind::Capture(capture) => begins_line(&capture.sub),
        HirKind::Concat(all) => all.first().is_some_and(begins_line),
        HirKind::Alternation(all) => all.iter().all(begins_line),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Repetition(_) => false,
    }
}

impl Need {
    /// Whether a match can begin at the first of the octets that may stand before the literal only, and only where a line begins.
    pub(super) fn begins_line(&self) -> bool {
        self.before.begins_line && !self.before.octets.has(b'\n')
    }

    fn new(literal: Vec<u8>, before: Before, apart: Apart) -> Self {
        let in_word = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
        let place = if apart.before && in_word(literal.first()) {
            Place::WordStart
        } else if apart.after && in_word(literal.last()) {
            Place::WordEnd
        } else {
            Place::Anywhere
        };
        Self { literal, before, place }
    }
}

/// The best strings of a sequence: neighbours that are literal are one string.
fn best_of_concat(all: &[Hir], apart: Apart) -> Option<Vec<Need>> {
    let mut afters = vec![apart.after; all.len() + 1];
    for (index, each) in all.iter().enumerate().rev() {
        afters[index] = is_apart(each, afters[index + 1], Side::First);
    }
    let mut best: Option<Vec<Need>> = None;
    let mut run: Option<Run> = None;
    let (mut all_before, mut before) = (Before::default(), apart.before);
    for (each, after) in all.iter().zip(afters.into_iter().skip(1)) {
        if let Some(literal) = exact(each) {
            let run = run.get_or_insert_with(|| Run { all_before, before, ..Run::default() });
            run.literal.extend(literal);
            run.after = after;
        } else {
            better(&mut best, run.take().map(Run::need).into_iter().collect());
            if let Some(mut needs) = needs_of(each, Apart { before, after }) {
                for need in &mut needs {
                    need.before = all_before.then(&need.before);
                }
                better(&mut best, needs);
            }
        }
        before = is_apart(each, before, Side::Last);
        all_before.add(each);
    }
    better(&mut best, run.map(Run::need).into_iter().collect());
    best
}

/// Neighbours that are literal, as far as they are read.
#[derive(Default)]
struct Run {
    literal: Vec<u8>,
    all_before: Before,
    before: bool,
    after: bool,
}

impl Run {
    fn need(self) -> Need {
        Need::new(self.literal, self.all_before, Apart { before: self.before, after: self.after })
    }
}

/// The side of an expression that its neighbour sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Last,
}

/// Whether surely no letter or digit is what a neighbour on that side sees, if `apart` says so of what stands on the other
/// side of the expression.
fn is_apart(hir: &Hir, apart: bool, side: Side) -> bool {
    match hir.kind() {
        HirKind::Empty => apart,
        // Of a letter or digit that is the neighbour, these say that a word begins or ends with it. Those that know ASCII only say
        // less: they hold between a letter of ASCII and another.
        HirKind::Look(look) => match (look, side) {
            (Look::WordUnicode, _)
            | (Look::Start | Look::StartLF | Look::StartCRLF | Look::WordStartUnicode, Side::Last)
            | (Look::End | Look::EndLF | Look::EndCRLF | Look::WordEndUnicode, Side::First) => true,
            _ => apart,
        },
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).unwrap_or_default();
            let seen = if side == Side::First { text.chars().next() } else { text.chars().next_back() };
            seen.is_some_and(is_no_letter)
        }
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = || class.ranges().iter().map(|range| range.start()..=range.end());
            ranges().all(|range| (*range.end() as u32) - (*range.start() as u32) < WIDE)
                && ranges().flatten().all(is_no_letter)
        }
        HirKind::Class(Class::Bytes(class)) => class.ranges().iter().all(|range| {
            range.end().is_ascii() && (range.start()..=range.end()).all(|octet| is_no_letter(octet.into()))
        }),
        HirKind::Repetition(repetition) => {
            (repetition.min > 0 || apart) && is_apart(&repetition.sub, false, side)
        }
        HirKind::Capture(capture) => is_apart(&capture.sub, apart, side),
        HirKind::Concat(all) if side == Side::First => {
            all.iter().rev().fold(apart, |apart, each| is_apart(each, apart, side))
        }
        HirKind::Concat(all) => all.iter().fold(apart, |apart, each| is_apart(each, apart, side)),
        HirKind::Alternation(all) => all.iter().all(|each| is_apart(each, apart, side)),
    }
}

/// Ranges with so many members hold letters, or might.
const WIDE: u32 = 128;

fn is_no_letter(c: char) -> bool {
    class_of(c) == Kind::Other
}

fn better(best: &mut Option<Vec<Need>>, other: Vec<Need>) {
    let worth = |needs: &[Need]| {
        // Where words begin three octets are looked at anyway.
        let length = |need: &Need| match need.literal.len() {
            length @ 3.. if need.place == Place::WordStart => length + FREE,
            length => length,
        };
        let shortest = needs.iter().map(length).min().unwrap_or(0);
        let span = needs.iter().map(|need| need.before.most - need.before.least).max().unwrap_or(0);
        (shortest.min(ENOUGH), usize::MAX - needs.len(), usize::MAX - span)
    };
    let other_worth = worth(&other);
    if other_worth.0 > 0 && best.as_ref().is_none_or(|best| worth(best) < other_worth) {
        *best = Some(other);
    }
}

/// The one string that an expression stands for, if letters are taken in any case.
fn exact(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(match std::str::from_utf8(&literal.0) {
            Ok(text) => text.chars().map(lower_all).collect::<String>().into_bytes(),
            Err(_) => literal.0.to_ascii_lowercase(),
        }),
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
    let letter = lower_all(members.next()?);
    let same = members.all(|c| lower_all(c) == letter);
    (same && class.ranges().len() <= 4).then(|| letter.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::regexes::parse;
    use super::*;

    fn found(pattern: &str) -> Option<Vec<(String, usize, usize)>> {
        let needs = needs(&parse(pattern, false).unwrap())?;
        let text =
            |need: Need| (String::from_utf8(need.literal).unwrap(), need.before.least, need.before.most);
        Some(needs.into_iter().map(text).collect())
    }

    #[test]
    fn literals_that_begin_a_word_wherever_they_count_are_known() {
        let at_words = |pattern: &str| -> Vec<bool> {
            let needs = needs(&parse(pattern, false).unwrap()).unwrap();
            needs.iter().map(|need| need.place == Place::WordStart).collect()
        };
        for (pattern, expected) in [
            (r"(?m)^[ \t]*(?:import \d|(?:pub )?fn \d|impl(?:<x>)? \d)", &[true, true, true][..]),
            (r"(?m)^\s*import \d", &[true]),
            (r"\bimport \d", &[true]),
            (r"import \d", &[false]),
            (r"\w+ import \d", &[false]),
            (r"[.-]import \d", &[true]),
            (r"[.-]?import \d", &[false]),
            (r"^(?:x|-)?import \d", &[false]),
            (r"^(?:x=|-)?import \d", &[true]),
            (r"\b#include \d", &[false]),
            (r"[^a]import \d", &[false]),
            // Between a Cyrillic letter and one of ASCII no word begins for us.
            (r"(?-u:\b)import \d", &[false]),
        ] {
            assert_eq!(at_words(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn literals_that_end_a_word_wherever_they_count_are_known() {
        let at_ends = |pattern: &str| -> Vec<bool> {
            let needs = needs(&parse(pattern, false).unwrap()).unwrap();
            needs.iter().map(|need| need.place == Place::WordEnd).collect()
        };
        for (pattern, expected) in [
            (r"(?i)secret\s*[:=]\s*\w+", &[true][..]),
            (r"(?i)secret\s*", &[false]),
            (r"\d(?:key|token)s?\b", &[false, false]),
            (r"\d(?:key|token)\b", &[true, true]),
            (r"\d(?:key|token)(?-u:\b)", &[false, false]),
            (r"\dapi key$", &[true]),
            (r"\d(?:secret)+=", &[false]),
            (r"\dsecret(?:=|\w)", &[false]),
            (r"\dsecret(?:=\w)?-", &[true]),
            (r"\dsecret[^x]", &[false]),
        ] {
            assert_eq!(at_ends(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn literals_of_matches_that_begin_lines_are_known() {
        for (pattern, expected) in [
            (r"(?m)^[ \t]*(?:import \d|(?:pub )?fn \d)", true),
            (r"(?m)(?:^import|^ fn) \d", true),
            (r"^import \d", true),
            (r"(?m)^\s*import \d", false),
            (r"(?m)(?:^import|x?fn) \d", false),
            (r"(?m)[a-z]?^import \d", false),
            (r"(?m)(?:^x)?import \d", false),
            (r"import \d", false),
        ] {
            let needs = needs(&parse(pattern, false).unwrap()).unwrap();
            assert_eq!(needs.iter().all(Need::begins_line), expected, "{pattern}");
        }
    }

    #[test]
    fn what_may_stand_before_a_literal_is_known() {
        for (pattern, may, not) in [
            (r"(?m)^[ \t]*(?:import \d|x+fn \d)", " \tx", "\r\nam5"),
            (r"(?:a|[0-3]|-я)password", "a0123-я", "4b"),
            (r"\w*@x", "w_9é", " @\n"),
        ] {
            let needs = needs(&parse(pattern, false).unwrap()).unwrap();
            let any = |octet: u8| needs.iter().any(|need| need.before.octets.has(octet));
            assert!(may.bytes().all(any), "{pattern}");
            assert!(!not.bytes().any(any), "{pattern}");
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
        assert_eq!(
            found(r"(?i)\d(?:Слово|ΣΟΦΟΣ)"),
            Some(vec![("слово".into(), 1, 4), ("σοφοσ".into(), 1, 4)])
        );
        assert_eq!(found(r"\d+"), None);
        assert_eq!(found(r"abc|\d+"), None);
    }
}
