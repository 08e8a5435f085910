//! The slow and obvious twin of the engine: tries every pattern at every place, one after another. Property
//! tests hold the fast engine to it.

use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};

use super::fold::{Class, fold_char};
use super::keyword::{KeyChar, Keyword, edge, starts};
use super::row::{FARTHEST, ROW};
use super::{Boundary, Hit, Pattern, PatternError, PatternId, REACH, Refusal, ValidatorFn, regexes, shape};

/// A set of patterns for slow matching.
pub struct Reference {
    patterns: Vec<Slow>,
}

enum Slow {
    Keyword(Keyword),
    Regex(Regex),
    Identifier(Vec<(Regex, Boundary)>, Option<ValidatorFn>),
}

/// A text as a list of folded characters with the original octets of each.
struct Text {
    chars: Vec<KeyChar>,
    origin: Vec<Range<usize>>,
    /// The characters with their case, and where each begins in it.
    kept: String,
    places: Vec<usize>,
}

impl Reference {
    /// Reads the patterns, with the same errors as [`super::Matcher::compile`] has.
    pub fn compile(patterns: &[Pattern]) -> Result<Self, PatternError> {
        let each = patterns.iter().enumerate();
        let patterns = each.map(|(index, pattern)| slow(pattern).map_err(|refusal| refusal.of(index)));
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// All hits, sorted by pattern and place, without doubles.
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        let text = Text::new(text);
        let mut hits = Vec::new();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let spans = match pattern {
                Slow::Keyword(keyword) => keyword_spans(keyword, &text),
                Slow::Regex(regex) => regex_spans(regex, &text),
                Slow::Identifier(shapes, validate) => identifier_spans(shapes, validate.as_ref(), &text),
            };
            let pattern = PatternId(index as u32);
            hits.extend(spans.into_iter().map(|span| Hit { pattern, span: text.original(span) }));
        }
        hits.sort_by_key(|hit| (hit.pattern, hit.span.start, hit.span.end));
        hits.dedup();
        hits
    }
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").field("patterns", &self.patterns.len()).finish()
    }
}

fn slow(pattern: &Pattern) -> Result<Slow, Refusal> {
    Ok(match pattern {
        Pattern::Keyword { text, case_sensitive, whole_word } => {
            Slow::Keyword(Keyword::parse(text, *case_sensitive, *whole_word)?)
        }
        Pattern::Regex { pattern, case_insensitive } => {
            Slow::Regex(regexes::compile(&regexes::parse(pattern, *case_insensitive)?)?)
        }
        Pattern::Identifier { patterns, validate } => {
            if patterns.is_empty() {
                return Err(Refusal::new("an identifier has at least one shape"));
            }
            let mut shapes = Vec::new();
            for pattern in patterns {
                let whole = Hir::concat(vec![shape::parse(&pattern.shape)?, Hir::look(Look::End)]);
                shapes.push((regexes::compile(&whole)?, pattern.boundary));
            }
            Slow::Identifier(shapes, validate.clone())
        }
    })
}

impl Text {
    fn new(text: &str) -> Self {
        let mut all = Self { chars: Vec::new(), origin: Vec::new(), kept: String::new(), places: Vec::new() };
        for (at, c) in text.char_indices() {
            fold_char(c, &mut |f| {
                all.chars.push(KeyChar::new(f));
                all.origin.push(at..at + c.len_utf8());
                all.places.push(all.kept.len());
                all.kept.push(f.kept);
            });
        }
        all.places.push(all.kept.len());
        all
    }

    /// The original octets of a stretch of characters (never empty).
    fn original(&self, span: Range<usize>) -> Range<usize> {
        self.origin[span.start].start..self.origin[span.end - 1].end
    }

    fn kept(&self, span: Range<usize>) -> &str {
        &self.kept[self.places[span.start]..self.places[span.end]]
    }
}

fn keyword_spans(keyword: &Keyword, text: &Text) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for start in 0..text.chars.len() {
        if keyword.edge_before && !starts(&text.chars, start) {
            continue;
        }
        let ends = keyword.ends_at(&text.chars, start);
        let last = ends.into_iter().rev().find(|end| !keyword.edge_after || edge(&text.chars, *end));
        spans.extend(last.map(|end| start..end));
    }
    spans
}

fn regex_spans(regex: &Regex, text: &Text) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    while start < text.chars.len() {
        let from = text.places[start];
        let to = text.kept.len().min(from + REACH);
        let input = Input::new(text.kept.as_bytes()).range(from..to).anchored(Anchored::Yes);
        match regex.find(input) {
            Some(found) if !found.is_empty() => {
                let end = text.places.partition_point(|place| *place < found.end());
                spans.push(start..end);
                start = end;
            }
            _ => start += 1,
        }
    }
    spans
}

fn identifier_spans(
    shapes: &[(Regex, Boundary)],
    validate: Option<&ValidatorFn>,
    text: &Text,
) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    while start < text.chars.len() {
        match identifier_at(shapes, validate, text, start) {
            Some(end) => {
                spans.push(start..end);
                start = end;
            }
            None => start += 1,
        }
    }
    spans
}

fn identifier_at(
    shapes: &[(Regex, Boundary)],
    validate: Option<&ValidatorFn>,
    text: &Text,
    start: usize,
) -> Option<usize> {
    let ascii = text.chars[start..].iter().take(REACH).take_while(|c| c.kept.is_ascii()).count();
    (start + 1..=start + ascii).rev().find(|end| {
        let candidate = text.kept(start..*end);
        let fits = |(regex, boundary): &(Regex, Boundary)| {
            stands_apart(*boundary, &text.chars, start, *end)
                && !(*boundary == Boundary::Apart && within_row(&text.chars, start, *end))
                && regex.is_match(Input::new(candidate).anchored(Anchored::Yes))
        };
        shapes.iter().any(fits) && validate.is_none_or(|validate| validate(candidate))
    })
}

fn stands_apart(boundary: Boundary, text: &[KeyChar], start: usize, end: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|c| c.kept.is_ascii_digit());
    let mark =
        |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|c| matches!(c.kept, '-' | '.'));
    let word = |at: usize| text[at].class != Class::Other;
    let back = |by: usize| start.checked_sub(by);
    let first_is_digit = digit(Some(start));
    let possible = !word(start) || starts(text, start) || (first_is_digit && !digit(back(1)));
    let before = !word(start)
        || match boundary {
            Boundary::Open => true,
            Boundary::Digits => !digit(back(1)),
            Boundary::Word => starts(text, start),
            Boundary::Apart => starts(text, start) && !(mark(back(1)) && digit(back(2))),
        };
    let after = !word(end - 1)
        || match boundary {
            Boundary::Open => true,
            Boundary::Digits => !digit(Some(end)),
            Boundary::Word => edge(text, end),
            Boundary::Apart => edge(text, end) && !(mark(Some(end)) && digit(Some(end + 1))),
        };
    possible && before && after
}

fn within_row(text: &[KeyChar], start: usize, end: usize) -> bool {
    let blank = |c: char| matches!(c, ' ' | '\t');
    let kept: String = text[start..end].iter().map(|c| c.kept).collect();
    let groups: Vec<&str> = kept.split(blank).filter(|group| !group.is_empty()).collect();
    let parted: Vec<&str> = kept.split(|c| !blank(c)).filter(|blanks| !blanks.is_empty()).collect();
    let (Some(group), Some(blanks)) = (groups.first(), parted.first()) else { return false };
    let alike = groups.iter().all(|other| other.len() == group.len())
        && kept.chars().all(|c| blank(c) || c.is_ascii_alphanumeric())
        && kept == groups.join(blanks);
    let alphanumeric = |at: usize| text.get(at).is_some_and(|c| c.kept.is_ascii_alphanumeric());
    let one = |from: usize| {
        let group = text.get(from..from + group.len()).unwrap_or(&[]);
        let touched = from > 0 && alphanumeric(from - 1) || alphanumeric(from + group.len());
        !group.is_empty() && group.iter().all(|c| c.kept.is_ascii_hexdigit()) && !touched
    };
    let parts = |from: usize| {
        text.get(from..from + blanks.len()).is_some_and(|part| part.iter().map(|c| c.kept).eq(blanks.chars()))
    };
    let step = group.len() + blanks.len();
    let before = (1..=FARTHEST)
        .take_while(|by| {
            start.checked_sub(by * step).is_some_and(|from| one(from) && parts(from + group.len()))
        })
        .count();
    let after =
        (0..FARTHEST).take_while(|by| parts(end + by * step) && one(end + by * step + blanks.len())).count();
    let whole = before % groups.len() == 0 && after % groups.len() == 0;
    alike && groups.len() > 1 && before + after >= ROW && !whole
}
