//! The set's identifiers and dictionaries, and how conditions turn them into lists of patterns.

use std::collections::HashMap;

use super::patterns::{Candidate, Collector, find_validator};
use crate::diagnostic::{Diagnostics, Place};
use crate::matcher::{Boundary, IdentifierPattern};
use crate::syntax::condition::{Near, Words};
use crate::syntax::identifier::{BREADTHS, Breadth, Dictionary, Group, Identifier};
use crate::syntax::read::{At, nearest};

/// Words between two matches that are near, where nothing else is said.
pub(crate) const NEAR_BY: u64 = 10;

/// Identifiers and dictionaries by name.
#[derive(Debug, Default)]
pub(crate) struct Library<'s> {
    identifiers: HashMap<&'s str, &'s Identifier>,
    dictionaries: HashMap<&'s str, &'s Dictionary>,
}

/// An identifier at one breadth.
pub(crate) struct AtBreadth<'s> {
    pub(crate) identifier: &'s Identifier,
    pub(crate) breadth: &'static str,
    groups: &'s [Group],
    /// What its breadth wants near by.
    pub(crate) near: Option<&'s Near>,
}

impl<'s> Library<'s> {
    /// Reports names that two files bear.
    pub(crate) fn new(
        identifiers: &'s [Identifier],
        dictionaries: &'s [Dictionary],
        out: &mut Diagnostics,
    ) -> Self {
        let mut library = Self::default();
        for identifier in identifiers {
            if let Some(other) = library.identifiers.insert(&identifier.stem, identifier) {
                twice("identifier", &identifier.stem, &identifier.place, &other.place, out);
            }
        }
        for dictionary in dictionaries {
            if let Some(other) = library.dictionaries.insert(&dictionary.stem, dictionary) {
                twice("dictionary", &dictionary.stem, &dictionary.place, &other.place, out);
            }
        }
        library
    }

    pub(crate) fn identifier(&self, name: &str) -> Option<&'s Identifier> {
        self.identifiers.get(name).copied()
    }

    pub(crate) fn dictionary(&self, name: &str) -> Option<&'s Dictionary> {
        self.dictionaries.get(name).copied()
    }

    /// The identifier of a condition; reports unknown names and breadths.
    pub(crate) fn at_breadth(
        &self,
        name: &At<String>,
        breadth: Option<&At<String>>,
        place: &Place,
        out: &mut Diagnostics,
    ) -> Option<AtBreadth<'s>> {
        let Some(identifier) = self.identifier(&name.value) else {
            let names = self.identifiers.keys().copied();
            unknown("E0306", "identifier", &name.value, names, &place.at(name.span.clone()), out);
            return None;
        };
        let wanted = match breadth {
            Some(breadth) => breadth.value.as_str(),
            None => identifier.usual_breadth(),
        };
        let found = identifier.breadths.iter().find(|(name, _)| *name == wanted);
        let Some((breadth_name, found)) = found else {
            let has: Vec<&str> = identifier.breadths.iter().map(|(name, _)| *name).collect();
            let span = breadth.map_or(name.span.clone(), |breadth| breadth.span.clone());
            out.error(
                "E0307",
                &place.at(span),
                format!("the identifier `{}` has no breadth `{wanted}`", name.value),
            )
            .label("not one of its breadths")
            .remedy(format!("it has {}", has.join(", ")));
            return None;
        };
        let (groups, near) = resolve(identifier, found, out)?;
        Some(AtBreadth { identifier, breadth: breadth_name, groups, near })
    }

    /// The patterns of words and dictionaries; reports unknown dictionaries.
    pub(crate) fn words(
        &self,
        words: &Words,
        place: &Place,
        to: &mut Collector,
        out: &mut Diagnostics,
    ) -> Vec<u32> {
        let mut patterns = Vec::new();
        for word in &words.list {
            patterns.push(to.keyword(
                &word.value,
                words.exact_case,
                words.parts_of_words,
                place.at(word.span.clone()),
            ));
        }
        for name in &words.dictionaries {
            let Some(dictionary) = self.dictionary(&name.value) else {
                let names = self.dictionaries.keys().copied();
                unknown("E0305", "dictionary", &name.value, names, &place.at(name.span.clone()), out);
                continue;
            };
            patterns.extend(self.dictionary_words(dictionary, to));
        }
        patterns
    }

    /// The patterns of a whole dictionary.
    pub(crate) fn dictionary_words(&self, dictionary: &Dictionary, to: &mut Collector) -> Vec<u32> {
        let words = dictionary.words.iter();
        words
            .map(|word| {
                let origin = dictionary.place.at(word.span.clone());
                to.keyword(&word.value, dictionary.exact_case, dictionary.parts_of_words, origin)
            })
            .collect()
    }

    /// How many different words a condition has to offer, if all of them are plain.
    pub(crate) fn plain_words(&self, words: &Words) -> Option<usize> {
        let mut all: Vec<String> = words.list.iter().map(|word| word.value.to_lowercase()).collect();
        for name in &words.dictionaries {
            all.extend(self.dictionary(&name.value)?.words.iter().map(|word| word.value.to_lowercase()));
        }
        if all.iter().any(|word| word.contains('*')) {
            return None;
        }
        all.sort_unstable();
        all.dedup();
        Some(all.len())
    }
}

impl AtBreadth<'_> {
    /// The patterns of its groups.
    pub(crate) fn patterns(&self, to: &mut Collector, out: &mut Diagnostics) -> Vec<u32> {
        let place = &self.identifier.place;
        self.groups.iter().filter_map(|group| Some(to.identifier(candidate(group, place, out)?))).collect()
    }
}

impl Identifier {
    /// The breadth used where a condition names none.
    pub(crate) fn usual_breadth(&self) -> &str {
        let has = |name: &str| self.breadths.iter().any(|(breadth, _)| *breadth == name);
        match &self.default {
            Some(default) => &default.value,
            None if has("medium") => "medium",
            None => BREADTHS.into_iter().find(|name| has(name)).unwrap_or("medium"),
        }
    }
}

/// Follows `like`: keys written in the breadth itself replace those taken over.
fn resolve<'s>(
    identifier: &'s Identifier,
    breadth: &'s Breadth,
    out: &mut Diagnostics,
) -> Option<(&'s [Group], Option<&'s Near>)> {
    let (mut groups, mut near) = (breadth.groups.as_slice(), breadth.near.as_ref());
    let mut next = breadth.like.as_ref();
    for _ in 0..BREADTHS.len() {
        let Some(like) = next else { return Some((groups, near)) };
        let Some((_, other)) = identifier.breadths.iter().find(|(name, _)| *name == like.value) else {
            out.error(
                "E0502",
                &identifier.place.at(like.span.clone()),
                format!("there is no breadth `{}` here", like.value),
            )
            .label("like what?")
            .remedy("name a breadth that this file has");
            return None;
        };
        if groups.is_empty() {
            groups = &other.groups;
        }
        near = near.or(other.near.as_ref());
        next = other.like.as_ref();
    }
    out.error(
        "E0503",
        &identifier.place.at(breadth.span.clone()),
        "the breadths are like each other in a circle",
    )
    .label("like itself in the end")
    .remedy("give one of them patterns");
    None
}

fn candidate(group: &Group, place: &Place, out: &mut Diagnostics) -> Option<Candidate> {
    let shapes: Vec<IdentifierPattern> = group
        .patterns
        .iter()
        .map(|shape| IdentifierPattern {
            shape: shape.text.value.clone(),
            boundary: shape.boundary.as_deref().and_then(Boundary::from_name).unwrap_or_default(),
        })
        .collect();
    let first = group.patterns.first()?;
    let last = group.patterns.last()?;
    let validators = group
        .validators
        .iter()
        .filter_map(|name| find_validator(&name.value, &place.at(name.span.clone()), out))
        .collect();
    let place = place.at(first.text.span.start..last.text.span.end.max(first.text.span.end));
    Some(Candidate { shapes, validators, exclude: group.exclude.clone(), place })
}

fn twice(what: &str, stem: &str, place: &Place, other: &Place, out: &mut Diagnostics) {
    out.error("E0403", &place.top(), format!("two files are called `{stem}`: {what} names must be unique"))
        .label("the second")
        .remedy(format!("rename this file or {}", other.file));
}

fn unknown<'n>(
    code: &'static str,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'n str>,
    place: &Place,
    out: &mut Diagnostics,
) {
    let remedy = match nearest(name, known) {
        Some(close) => format!("write \"{close}\""),
        None if what == "dictionary" => {
            "put dictionaries/NAME.toml or dictionaries/NAME.txt into the policy directory; `weir policy init DIR` writes out the built-in ones".to_owned()
        }
        None => "put identifiers/NAME.toml into the policy directory; `weir policy init DIR` writes out the built-in ones".to_owned(),
    };
    out.error(code, place, format!("there is no {what} `{name}`")).label("unknown").remedy(remedy);
}
