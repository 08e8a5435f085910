//! Collects patterns and lists of patterns, each once however many policies use it, and remembers who wrote them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::model::{List, Patterns, Places};
use crate::diagnostic::{Diagnostics, Place};
use crate::matcher::{Boundary, IdentifierPattern, Matcher, Pattern, ValidatorFn};
use crate::syntax::condition::Exclude;
use crate::validators::{Validator, validator};

/// Everything that tells patterns apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Keyword { text: String, exact_case: bool, parts_of_words: bool },
    Regex { text: String, any_case: bool },
    Identifier { shapes: Vec<(String, Boundary)>, validators: Vec<&'static str>, exclude: [Vec<String>; 3] },
}

/// The patterns of a set while it is compiled.
#[derive(Default)]
pub(crate) struct Collector {
    known: HashMap<Key, u32>,
    patterns: Vec<Pattern>,
    validators: Vec<Option<Arc<str>>>,
    origins: Vec<Place>,
    lists: HashMap<Arc<[u32]>, u32>,
    members: Vec<Arc<[u32]>>,
    places: Vec<Places>,
    distances: Vec<bool>,
}

/// A group of shapes ready to be a pattern.
pub(crate) struct Candidate {
    pub(crate) shapes: Vec<IdentifierPattern>,
    pub(crate) validators: Vec<Validator>,
    pub(crate) exclude: Exclude,
    pub(crate) place: Place,
}

impl Collector {
    pub(crate) fn keyword(
        &mut self,
        text: &str,
        exact_case: bool,
        parts_of_words: bool,
        origin: Place,
    ) -> u32 {
        let text_key = if exact_case { text.to_owned() } else { text.to_lowercase() };
        let key = Key::Keyword { text: text_key, exact_case, parts_of_words };
        let pattern = Pattern::Keyword {
            text: text.to_owned(),
            case_sensitive: exact_case,
            whole_word: !parts_of_words,
        };
        self.pattern(key, origin, None, || pattern)
    }

    pub(crate) fn regex(&mut self, text: &str, any_case: bool, origin: Place) -> u32 {
        let key = Key::Regex { text: text.to_owned(), any_case };
        self.pattern(key, origin, None, || Pattern::Regex {
            pattern: text.to_owned(),
            case_insensitive: any_case,
        })
    }

    pub(crate) fn identifier(&mut self, candidate: Candidate) -> u32 {
        let names: Vec<&'static str> = candidate.validators.iter().map(|validator| validator.name).collect();
        let excluded = [&candidate.exclude.values, &candidate.exclude.prefixes, &candidate.exclude.suffixes]
            .map(|values| values.iter().map(|value| compact(&value.value)).collect::<Vec<String>>());
        let key = Key::Identifier {
            shapes: candidate.shapes.iter().map(|shape| (shape.shape.clone(), shape.boundary)).collect(),
            validators: names.clone(),
            exclude: excluded.clone(),
        };
        let label = (!names.is_empty()).then(|| Arc::from(names.join(", ")));
        let validate = check(candidate.validators, excluded);
        self.pattern(key, candidate.place, label, || Pattern::Identifier {
            patterns: candidate.shapes,
            validate,
        })
    }

    fn pattern(
        &mut self,
        key: Key,
        origin: Place,
        validators: Option<Arc<str>>,
        make: impl FnOnce() -> Pattern,
    ) -> u32 {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let number = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
        self.known.insert(key, number);
        self.patterns.push(make());
        self.validators.push(validators);
        self.origins.push(origin);
        number
    }

    /// The number of a list of patterns.
    pub(crate) fn list(&mut self, mut patterns: Vec<u32>) -> u32 {
        patterns.sort_unstable();
        patterns.dedup();
        let members: Arc<[u32]> = patterns.into();
        if let Some(known) = self.lists.get(&members) {
            return *known;
        }
        let number = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.lists.insert(members.clone(), number);
        self.members.push(members);
        self.places.push(Places::default());
        self.distances.push(false);
        number
    }

    /// Notes where a list's hits are looked for.
    pub(crate) fn look(&mut self, list: u32, places: &Places) {
        if let Some(known) = self.places.get_mut(list as usize) {
            known.merge(places);
        }
    }

    /// Notes that words between this list's matches and others are counted.
    pub(crate) fn measure(&mut self, list: u32) {
        if let Some(known) = self.distances.get_mut(list as usize) {
            *known = true;
        }
    }

    /// The patterns of each list.
    pub(crate) fn members(&self) -> &[Arc<[u32]>] {
        &self.members
    }

    /// Whether the pattern is an identifier.
    pub(crate) fn is_identifier(&self, pattern: u32) -> bool {
        matches!(self.patterns.get(pattern as usize), Some(Pattern::Identifier { .. }))
    }

    /// How many lists there are.
    pub(crate) fn lists(&self) -> usize {
        self.members.len()
    }

    /// Compiles all; reports every pattern that cannot be. `None` if there was one.
    /// Those of `later` are not looked for with all others.
    pub(crate) fn compile(&self, later: impl Iterator<Item = u32>, out: &mut Diagnostics) -> Option<Matcher> {
        let mut is_later = vec![false; self.patterns.len()];
        later.for_each(|pattern| is_later[pattern as usize] = true);
        match Matcher::compile_with(&self.patterns, &is_later) {
            Ok(matcher) => {
                self.warn_of_slow_ones(&matcher, out);
                Some(matcher)
            }
            Err(first) => {
                self.report(first.pattern.0, &first.message, first.span, out);
                for (number, pattern) in self.patterns.iter().enumerate() {
                    if number != first.pattern.0 as usize
                        && let Err(error) = Matcher::compile(std::slice::from_ref(pattern))
                    {
                        self.report(
                            u32::try_from(number).unwrap_or(u32::MAX),
                            &error.message,
                            error.span,
                            out,
                        );
                    }
                }
                None
            }
        }
    }

    fn report(&self, pattern: u32, message: &str, span: Option<Range<usize>>, out: &mut Diagnostics) {
        let Some(origin) = self.origins.get(pattern as usize) else { return };
        let (code, what, remedy) = match self.patterns.get(pattern as usize) {
            Some(Pattern::Keyword { .. }) => ("E0302", "this keyword cannot be looked for", KEYWORD_REMEDY),
            Some(Pattern::Identifier { .. }) => ("E0303", "this shape cannot be looked for", SHAPE_REMEDY),
            _ => ("E0301", "this regular expression cannot be used", regex_remedy(message)),
        };
        let place = self.inside(origin, pattern, span);
        out.error(code, &place, format!("{what}: {}", first_line(message))).label("here").remedy(remedy);
    }

    /// The octets of the file for octets of the pattern, where the pattern stands in the file as it is.
    fn inside(&self, origin: &Place, pattern: u32, span: Option<Range<usize>>) -> Place {
        let text = match self.patterns.get(pattern as usize) {
            Some(Pattern::Keyword { text, .. }) => text.as_str(),
            Some(Pattern::Regex { pattern, .. }) => pattern.as_str(),
            _ => return origin.clone(),
        };
        let found = origin.span.clone().and_then(|whole| {
            let start = whole.start + origin.source.get(whole.clone())?.find(text)?;
            let span = span?;
            Some(start + span.start.min(text.len())..start + span.end.min(text.len()))
        });
        match found {
            Some(found) if !found.is_empty() => origin.at(found),
            _ => origin.clone(),
        }
    }

    fn warn_of_slow_ones(&self, matcher: &Matcher, out: &mut Diagnostics) {
        for slow in matcher.without_literal() {
            if let Some(origin) = self.origins.get(slow.0 as usize) {
                out.warn("W0206", origin, "this regular expression starts at every octet")
                    .label("no fixed text to look for first")
                    .remedy("begin it with a word or a few fixed characters, or use an identifier with a shape: it costs time on every mail");
            }
        }
    }

    /// What the engine keeps of it.
    pub(crate) fn finish(self) -> (Patterns, Vec<List>) {
        let mut by_pattern: Vec<Vec<u32>> = vec![Vec::new(); self.patterns.len()];
        for (list, members) in self.members.iter().enumerate() {
            for pattern in members.iter() {
                if let Some(lists) = by_pattern.get_mut(*pattern as usize) {
                    lists.push(list as u32);
                }
            }
        }
        let mut patterns = Patterns { validators: self.validators, ..Patterns::default() };
        for lists in by_pattern {
            patterns.starts.push(patterns.lists.len() as u32);
            patterns.lists.extend(lists);
        }
        patterns.starts.push(patterns.lists.len() as u32);
        let lists = self.places.into_iter().zip(self.distances);
        let lists = lists.map(|(places, distances)| List {
            places,
            distances,
            nears: Vec::new(),
            awaited_by: Vec::new(),
            awaited_within: 0,
            delayed: false,
        });
        (patterns, lists.collect())
    }
}

fn first_line(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next_back().unwrap_or(message).trim_start_matches("error: ")
}

const KEYWORD_REMEDY: &str = "write words with at least one letter or digit; * stands at the beginning or the end of a word, or for one whole word between two others";
const SHAPE_REMEDY: &str = "write digits, letters, classes of them, groups and counts over at least three characters; ~ is an optional separator";

fn regex_remedy(message: &str) -> &'static str {
    let lower = message.to_lowercase();
    if lower.contains("look-around") || lower.contains("backreference") {
        "patterns take linear time here, so there is no look-around and no back-reference: use a second condition, `near`, or `none`"
    } else if lower.contains("empty") {
        "make at least one character of it necessary"
    } else if lower.contains("escape") {
        "write a backslash before a special character that is meant as itself, and the pattern between single quotes"
    } else {
        "write what the Rust regex crate understands, between single quotes"
    }
}

/// Letters and digits, upper case: how values are compared.
pub(crate) fn compact(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn check(validators: Vec<Validator>, [values, prefixes, suffixes]: [Vec<String>; 3]) -> Option<ValidatorFn> {
    if values.is_empty() && prefixes.is_empty() && suffixes.is_empty() {
        return match validators.as_slice() {
            [] => None,
            [one] => {
                let one = *one;
                Some(Arc::new(move |text: &str| one.accepts(text)))
            }
            _ => Some(Arc::new(move |text: &str| validators.iter().all(|validator| validator.accepts(text)))),
        };
    }
    Some(Arc::new(move |text: &str| {
        let value = compact(text);
        let excluded = values.contains(&value)
            || prefixes.iter().any(|prefix| value.starts_with(prefix.as_str()))
            || suffixes.iter().any(|suffix| value.ends_with(suffix.as_str()));
        !excluded && validators.iter().all(|validator| validator.accepts(text))
    }))
}

/// The validator of a name; reports when there is none.
pub(crate) fn find_validator(name: &str, place: &Place, out: &mut Diagnostics) -> Option<Validator> {
    let found = validator(name);
    if found.is_none() {
        let diagnostic =
            out.error("E0304", place, format!("there is no validator `{name}`")).label("unknown");
        match crate::syntax::read::nearest(name, crate::validators::names().iter().copied()) {
            Some(close) => diagnostic.remedy(format!("write \"{close}\"")),
            None => diagnostic.remedy(format!("there are {}", crate::validators::names().join(", "))),
        };
    }
    found
}
