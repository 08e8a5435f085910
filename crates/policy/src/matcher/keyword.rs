//! Reads keywords: folds them, finds their blanks and asterisks, and matches one at a given place, slowly and
//! plainly; the fast engine does so only where its tables say that a keyword may stand.

use super::fold::{Class, Folded, class_of, fold_char, lower_all};
use super::{Refusal, STAR};

/// The longest keyword, in characters.
const LONGEST: usize = 1000;

/// A keyword as the engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keyword {
    pub(super) parts: Vec<Part>,
    pub(super) case_sensitive: bool,
    /// An edge of a word is needed before and after (never at a symbol).
    pub(super) edge_before: bool,
    pub(super) edge_after: bool,
}

/// A part of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Char(KeyChar),
    /// One or more blanks or line ends.
    Blank,
    /// From `least` (0 or 1) to [`STAR`] characters of one word, which may be the word that goes before or
    /// comes after.
    Star {
        least: usize,
        after_word: bool,
        before_word: bool,
    },
}

/// A character of a keyword: with its case, and without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyChar {
    pub(super) kept: char,
    pub(super) lower: char,
    pub(super) class: Class,
}

impl KeyChar {
    pub(super) fn new(f: Folded) -> Self {
        Self { kept: f.kept, lower: lower_all(f.folded), class: f.class }
    }
}

impl KeyChar {
    /// Of a character of folded text.
    pub(super) fn plain(c: char) -> Self {
        Self::new(Folded { folded: c, kept: c, class: class_of(c) })
    }
}

/// Blanks of folded text.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

impl Keyword {
    pub(super) fn parse(text: &str, case_sensitive: bool, whole_word: bool) -> Result<Self, Refusal> {
        let mut parts = split(text);
        trim(&mut parts, whole_word);
        if parts.len() > LONGEST {
            return Err(Refusal::new(format!("a keyword has at most {LONGEST} characters")));
        }
        check(&mut parts, whole_word)?;
        let wordy = |part: Option<&Part>| match part {
            Some(Part::Char(c)) => c.class != Class::Other,
            Some(Part::Star { .. }) => true,
            _ => false,
        };
        let edge_before = whole_word && wordy(parts.first());
        let edge_after = whole_word && wordy(parts.last());
        Ok(Self { parts, case_sensitive, edge_before, edge_after })
    }

    /// Whether the keyword has the character in it.
    pub(super) fn takes(&self, c: char) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Char(one) if one.lower == c))
    }

    /// The ends (in characters) of all ways in which the parts fit from the start on; at most one when there
    /// is no asterisk. Says nothing of the edges before and after.
    pub(super) fn ends_at(&self, text: &[KeyChar], start: usize) -> Vec<usize> {
        let mut ends = vec![start];
        for part in &self.parts {
            let mut next = Vec::new();
            for at in ends {
                step(*part, self.case_sensitive, text, at, &mut next);
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
        }
        ends
    }
}

/// The places after one part that begins at `at`.
fn step(part: Part, case_sensitive: bool, text: &[KeyChar], at: usize, next: &mut Vec<usize>) {
    match part {
        Part::Char(c) => {
            let here = text.get(at);
            if here.is_some_and(|t| if case_sensitive { t.kept == c.kept } else { t.lower == c.lower }) {
                next.push(at + 1);
            }
        }
        Part::Blank => {
            let run = text[at..].iter().take_while(|t| is_blank(t.lower)).count();
            if run > 0 {
                next.push(at + run);
            }
        }
        Part::Star { least, after_word, before_word } => {
            let room = text[at..].iter().take(STAR).enumerate();
            let same = |i: usize| i == 0 && !after_word || !starts(text, at + i);
            let run = room.take_while(|(i, t)| t.class != Class::Other && same(*i)).count();
            let fits = |end: &usize| *end == at || !before_word || !edge(text, *end);
            next.extend((least..=run).map(|more| at + more).filter(fits));
        }
    }
}

/// Whether a word begins at the character.
pub(super) fn starts(text: &[KeyChar], at: usize) -> bool {
    let before = at.checked_sub(1).map_or(Class::Other, |before| text[before].class);
    match text[at].class {
        Class::Other => false,
        Class::Solo => true,
        Class::Letter => before != Class::Letter,
        Class::Trail => before == Class::Other,
    }
}

/// Whether no word goes on across the place before the character.
pub(super) fn edge(text: &[KeyChar], at: usize) -> bool {
    at >= text.len() || text[at].class == Class::Other || starts(text, at)
}

fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '*' {
            parts.push(Part::Star { least: 0, after_word: false, before_word: false });
            continue;
        }
        let literal = c == '\\' && chars.peek() == Some(&'*');
        let c = if literal { chars.next().unwrap_or(c) } else { c };
        fold_char(c, &mut |f| {
            let blank = is_blank(f.folded);
            match parts.last() {
                Some(Part::Blank) if blank => {}
                _ if blank => parts.push(Part::Blank),
                _ => parts.push(Part::Char(KeyChar::new(f))),
            }
        });
    }
    parts.dedup_by(|a, b| matches!((a, b), (Part::Star { .. }, Part::Star { .. })));
    parts
}

/// Takes outer blanks away, and outer asterisks where they mean nothing.
fn trim(parts: &mut Vec<Part>, whole_word: bool) {
    let idle = |part: Option<&Part>| match part {
        Some(Part::Blank) => true,
        Some(Part::Star { .. }) => !whole_word,
        _ => false,
    };
    while idle(parts.last()) {
        parts.pop();
    }
    let lead = parts.iter().take_while(|part| idle(Some(part))).count();
    parts.drain(..lead);
}

/// Refuses asterisks in places that have no meaning, and settles those between two words.
fn check(parts: &mut [Part], whole_word: bool) -> Result<(), Refusal> {
    if !parts.iter().any(|part| matches!(part, Part::Char(_))) {
        return Err(Refusal::new("the keyword has no characters to look for"));
    }
    for at in 0..parts.len() {
        if !matches!(parts[at], Part::Star { .. }) {
            continue;
        }
        if !whole_word {
            return Err(Refusal::new("`*` inside a keyword needs whole words; write `\\*` for an asterisk"));
        }
        let wordy = |at: Option<usize>| {
            at.and_then(|at| parts.get(at))
                .is_some_and(|part| matches!(part, Part::Char(c) if c.class != Class::Other))
        };
        match (wordy(at.checked_sub(1)), wordy(Some(at + 1))) {
            (true, true) => {
                let remedy = "`*` may stand at the beginning or the end of a word; use a regular expression";
                return Err(Refusal::new(remedy));
            }
            (false, false) if at == 0 || at + 1 == parts.len() => {
                return Err(Refusal::new("`*` alone at the edge of a keyword says nothing"));
            }
            (after_word, before_word) => {
                let least = usize::from(!after_word && !before_word);
                parts[at] = Part::Star { least, after_word, before_word };
            }
        }
    }
    Ok(())
}
