//! Data identifiers and dictionaries.

use std::ops::Range;

use super::condition::{Exclude, Near, exclude_of, near_of};
use super::keys;
use super::read::{self, At, View};
use crate::diagnostic::{Diagnostics, Place};

/// An identifier file.
#[derive(Debug, Clone)]
pub(crate) struct Identifier {
    pub(crate) place: Place,
    /// The file's stem, by which conditions call it.
    pub(crate) stem: String,
    pub(crate) default: Option<At<String>>,
    /// By name: wide, medium, narrow.
    pub(crate) breadths: Vec<(&'static str, Breadth)>,
}

/// One breadth.
#[derive(Debug, Clone)]
pub(crate) struct Breadth {
    pub(crate) span: Range<usize>,
    pub(crate) like: Option<At<String>>,
    pub(crate) groups: Vec<Group>,
    pub(crate) near: Option<Near>,
}

/// Patterns and the checks they share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) patterns: Vec<Shape>,
    pub(crate) validators: Vec<At<String>>,
    pub(crate) exclude: Exclude,
}

/// A candidate's shape.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) text: At<String>,
    pub(crate) boundary: Option<String>,
}

/// A dictionary file.
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    pub(crate) place: Place,
    pub(crate) stem: String,
    pub(crate) exact_case: bool,
    pub(crate) parts_of_words: bool,
    pub(crate) words: Vec<At<String>>,
}

pub(crate) const BREADTHS: [&str; 3] = ["wide", "medium", "narrow"];

/// Reads an identifier file.
pub(crate) fn read_identifier(place: &Place, stem: &str, out: &mut Diagnostics) -> Option<Identifier> {
    let table = read::parse(&place.source, &keys::IDENTIFIER, place, out)?;
    let view = View::new(table.get_ref(), table.span());
    let breadths: Vec<(&'static str, Breadth)> = BREADTHS
        .into_iter()
        .filter_map(|name| Some((name, breadth(&view.table(name)?, view.key_span(name)))))
        .collect();
    if breadths.is_empty() {
        out.error("E0501", &place.top(), "the identifier has no breadth")
            .label("finds nothing")
            .remedy("add [wide], [medium] or [narrow] with `patterns`");
    }
    for (_, breadth) in &breadths {
        if breadth.groups.is_empty() && breadth.like.is_none() {
            out.error("E0501", &place.at(breadth.span.clone()), "the breadth has no patterns")
                .label("finds nothing")
                .remedy("add `patterns`, `group`, or `like` with the name of another breadth");
        }
    }
    Some(Identifier { place: place.clone(), stem: stem.to_owned(), default: view.text("default"), breadths })
}

fn breadth(view: &View<'_, '_>, span: Range<usize>) -> Breadth {
    let mut groups: Vec<Group> = view.tables("group").iter().map(group).collect();
    let own = group(view);
    if !own.patterns.is_empty() {
        groups.insert(0, own);
    }
    Breadth { span, like: view.text("like"), groups, near: near_of(view) }
}

fn group(view: &View<'_, '_>) -> Group {
    let mut patterns: Vec<Shape> =
        view.texts("patterns").into_iter().map(|text| Shape { text, boundary: None }).collect();
    patterns.extend(view.tables("patterns").iter().filter_map(|pattern| {
        let boundary = pattern.text("boundary").map(|boundary| boundary.value);
        Some(Shape { text: pattern.text("shape")?, boundary })
    }));
    Group { patterns, validators: view.texts("validators"), exclude: exclude_of(view) }
}

/// Reads a dictionary in TOML.
pub(crate) fn read_dictionary(place: &Place, stem: &str, out: &mut Diagnostics) -> Option<Dictionary> {
    let table = read::parse(&place.source, &keys::DICTIONARY, place, out)?;
    let view = View::new(table.get_ref(), table.span());
    Some(Dictionary {
        place: place.clone(),
        stem: stem.to_owned(),
        exact_case: view.text("case").is_some_and(|case| case.value == "exact"),
        parts_of_words: view.flag("whole_words").is_some_and(|whole| !whole.value),
        words: view.texts("words"),
    })
}

/// Reads a dictionary that is a plain list.
pub(crate) fn read_word_list(place: &Place, stem: &str, out: &mut Diagnostics) -> Option<Dictionary> {
    let words = lines(&place.source);
    if words.is_empty() {
        out.error("E0008", place, "the dictionary has no words").remedy("write one word or phrase a line");
        return None;
    }
    Some(Dictionary {
        place: place.clone(),
        stem: stem.to_owned(),
        exact_case: false,
        parts_of_words: false,
        words,
    })
}

/// The lines of a plain list with their places; without comments, blank lines and white space around.
pub(crate) fn lines(source: &str) -> Vec<At<String>> {
    let mut start = 0;
    let mut all = Vec::new();
    for line in source.split_inclusive('\n') {
        let text = comment_cut(line);
        let trimmed = text.trim();
        if !trimmed.is_empty() {
            let at = start + text.len() - text.trim_start().len();
            all.push(At::new(trimmed.to_owned(), at..at + trimmed.len()));
        }
        start += line.len();
    }
    all
}

/// Without a comment: `#` at the start of the line or after a blank.
fn comment_cut(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = c;
    }
    line
}
