//! Reads TOML into a tree with positions and holds it against the table of keys. All that is wrong in a file is reported
//! at once; what comes after need not ask again whether a value has the right type.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Kind, Shape};
use crate::diagnostic::{Diagnostics, Place};

/// A value and its octets in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

impl<T> At<T> {
    pub(crate) fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }
}

/// Parses a file and checks it; `None` if it is not TOML at all. What is reported is gone from the result's use: readers
/// take what has the right type and leave the rest.
pub(crate) fn parse<'s>(
    source: &'s str,
    kind: &Kind,
    place: &Place,
    out: &mut Diagnostics,
) -> Option<Spanned<DeTable<'s>>> {
    let (table, errors) = DeTable::parse_recoverable(source);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let message = sentence(error.message());
        out.error("E0002", &place.at(span), format!("this is not TOML: {message}"))
            .label("here")
            .remedy(syntax_remedy(source, error.span()));
    }
    if !errors.is_empty() {
        return None;
    }
    Checker { place, out }.table(table.get_ref(), kind, 0..0, 0);
    Some(table)
}

fn sentence(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}

fn syntax_remedy(source: &str, span: Option<Range<usize>>) -> &'static str {
    let at = span.map_or(0, |span| span.start).min(source.len());
    let line_start = source.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let line = source.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if line.contains('\\') && line.contains('"') {
        "write patterns between single quotes ('\\d{4}'): between double quotes a backslash must be doubled"
    } else {
        "strings stand between quotes, lists between [ ], tables between { }"
    }
}

struct Checker<'c> {
    place: &'c Place,
    out: &'c mut Diagnostics,
}

impl Checker<'_> {
    fn table(&mut self, table: &DeTable<'_>, kind: &Kind, span: Range<usize>, depth: usize) {
        for (name, value) in table.iter() {
            match kind.key(name.get_ref()) {
                Some(key) => self.value(key, value, depth),
                None => self.unknown(name.get_ref(), name.span(), kind),
            }
        }
        for key in kind.keys().filter(|key| key.required && !table.contains_key(key.name)) {
            let place = if span.is_empty() { self.place.top() } else { self.place.at(span.clone()) };
            let article = if key.name == "rule" { "[[rule]]" } else { key.name };
            self.out
                .error("E0005", &place, format!("{} needs `{article}`", kind.name))
                .label(format!("no `{}` here", key.name))
                .remedy(format!("add `{}`: {}", key.name, key.about));
        }
    }

    fn unknown(&mut self, name: &str, span: Range<usize>, kind: &Kind) {
        let diagnostic = self
            .out
            .error("E0003", &self.place.at(span), format!("{} has no key `{name}`", kind.name))
            .label("unknown key");
        match nearest(name, kind.keys().map(|key| key.name)) {
            Some(close) => diagnostic.remedy(format!("write `{close}`")),
            None => {
                let names: Vec<&str> = kind.keys().map(|key| key.name).collect();
                diagnostic.remedy(format!("keys of {}: {}", kind.name, names.join(", ")))
            }
        };
    }

    fn value(&mut self, key: &Key, value: &Spanned<DeValue<'_>>, depth: usize) {
        let span = value.span();
        match (key.shape, value.get_ref()) {
            (Shape::Text, DeValue::String(text)) => self.not_empty(key, text, span),
            (Shape::AnyText, DeValue::String(_)) | (Shape::Flag, DeValue::Boolean(_)) => {}
            (Shape::Texts, _) => self.texts(key, value),
            (Shape::Word(words), DeValue::String(text)) => self.word(key, text, &words(), span),
            (Shape::Words(words), _) => self.words(key, value, &words()),
            (Shape::Integer(least, most), DeValue::Integer(number)) => {
                self.integer(key, &number.to_string(), least, most, span)
            }
            (Shape::Amount, DeValue::Integer(_) | DeValue::String(_)) => {}
            (Shape::Date, DeValue::Datetime(date)) if date.date.is_some() && date.time.is_none() => {}
            (Shape::DateTime, DeValue::Datetime(date)) if date.date.is_some() => {}
            (Shape::Table(kind), DeValue::Table(table)) => self.table(table, kind, span, depth),
            (Shape::Tables(kind), _) => self.tables(key, kind, value, depth),
            (Shape::Names, DeValue::Table(table)) => self.names(key, table),
            (Shape::NumbersOrTexts, _) => {
                self.each(key, value, &|value| value.is_str() || value.is_integer())
            }
            (Shape::TextsOrTables(kind), _) => self.texts_or_tables(key, kind, value, depth),
            (Shape::Groups, DeValue::Array(groups)) => self.groups(key, value, groups),
            (Shape::Share, DeValue::Float(_) | DeValue::Integer(_)) => self.share(key, value),
            _ => self.wrong(key, value),
        }
    }

    fn not_empty(&mut self, key: &Key, text: &str, span: Range<usize>) {
        if text.trim().is_empty() {
            self.out
                .error("E0008", &self.place.at(span), format!("`{}` is empty", key.name))
                .label("nothing in it")
                .remedy(format!("{}, or leave the key out", lower_first(key.about)));
        }
    }

    fn texts(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) {
        self.each(key, value, &|value| value.is_str());
        for (text, span) in strings(value) {
            self.not_empty(key, text, span);
        }
    }

    /// One value or a list, each of which passes; the list is not empty.
    fn each(&mut self, key: &Key, value: &Spanned<DeValue<'_>>, passes: &dyn Fn(&DeValue<'_>) -> bool) {
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() && !key.name.starts_with("exclude") => {
                self.out
                    .error("E0008", &self.place.at(value.span()), format!("`{}` is an empty list", key.name))
                    .label("nothing in it")
                    .remedy(format!("{}, or leave the key out", lower_first(key.about)));
            }
            DeValue::Array(items) => {
                for item in items.iter().filter(|item| !passes(item.get_ref())) {
                    self.wrong(key, item);
                }
            }
            single if passes(single) => {}
            _ => self.wrong(key, value),
        }
    }

    fn words(&mut self, key: &Key, value: &Spanned<DeValue<'_>>, words: &[&'static str]) {
        self.each(key, value, &|value| value.is_str());
        for (text, span) in strings(value) {
            self.word(key, text, words, span);
        }
    }

    fn word(&mut self, key: &Key, text: &str, words: &[&'static str], span: Range<usize>) {
        if words.contains(&text) {
            return;
        }
        let diagnostic = self
            .out
            .error("E0006", &self.place.at(span), format!("`{}` cannot be \"{text}\"", key.name))
            .label("not one of the words it may be");
        match nearest(text, words.iter().copied()) {
            Some(close) => diagnostic.remedy(format!("write \"{close}\"; possible are {}", quoted(words))),
            None => diagnostic.remedy(format!("possible are {}", quoted(words))),
        };
    }

    fn integer(&mut self, key: &Key, number: &str, least: u64, most: u64, span: Range<usize>) {
        let inside = number.parse::<u64>().is_ok_and(|number| (least..=most).contains(&number));
        if !inside {
            let most = if most == u64::MAX { "up".to_owned() } else { format!("to {most}") };
            self.out
                .error("E0007", &self.place.at(span), format!("`{}` cannot be {number}", key.name))
                .label(format!("a whole number from {least} {most} is meant"))
                .remedy(key.about);
        }
    }

    fn tables(&mut self, key: &Key, kind: &'static Kind, value: &Spanned<DeValue<'_>>, depth: usize) {
        if depth > MOST_DEPTH {
            self.out
                .error("E0204", &self.place.at(value.span()), "conditions are nested too deeply")
                .label(format!("deeper than {MOST_DEPTH} levels"))
                .remedy("write the inner conditions as rules of their own");
            return;
        }
        self.each(key, value, &|value| value.is_table());
        for (table, span) in tables(value) {
            self.table(table, kind, span, depth + 1);
        }
    }

    fn texts_or_tables(&mut self, key: &Key, kind: &Kind, value: &Spanned<DeValue<'_>>, depth: usize) {
        self.each(key, value, &|value| value.is_str() || value.is_table());
        for (text, span) in strings(value) {
            self.not_empty(key, text, span);
        }
        for (table, span) in tables(value) {
            self.table(table, kind, span, depth);
        }
    }

    fn groups(&mut self, key: &Key, value: &Spanned<DeValue<'_>>, groups: &[Spanned<DeValue<'_>>]) {
        self.each(key, value, &|value| value.is_array());
        groups.iter().filter(|group| group.get_ref().is_array()).for_each(|group| self.texts(key, group));
    }

    fn share(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) {
        if share(value).is_none() {
            self.out
                .error("E0007", &self.place.at(value.span()), format!("`{}` is out of its range", key.name))
                .label("a number from 0 to 1 is meant")
                .remedy(key.about);
        }
    }

    fn names(&mut self, key: &Key, table: &DeTable<'_>) {
        for (_, value) in table.iter().filter(|(_, value)| !value.get_ref().is_str()) {
            self.wrong(key, value);
        }
    }

    fn wrong(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) {
        let found = match value.get_ref() {
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Integer(_) => "a number",
            DeValue::String(_) => "a string",
        };
        self.out
            .error("E0004", &self.place.at(value.span()), format!("`{}` is {} here", key.name, found))
            .label(format!("expected {}", expected(key.shape)))
            .remedy(format!("{}{}", key.about, example(key.shape)));
    }
}

/// Lists of conditions inside lists of conditions.
const MOST_DEPTH: usize = 16;

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::AnyText | Shape::Word(_) => "a string",
        Shape::Texts | Shape::Words(_) => "a string or a list of strings",
        Shape::Integer(..) => "a whole number",
        Shape::Flag => "true or false",
        Shape::Date => "a date",
        Shape::DateTime => "a date, with a time or without",
        Shape::Amount => "a number, or a comparison in quotes",
        Shape::Table(_) | Shape::Names => "a table",
        Shape::Tables(_) => "a list of tables",
        Shape::NumbersOrTexts => "numbers or strings",
        Shape::TextsOrTables(_) => "strings or tables",
        Shape::Groups => "a list of lists of strings",
        Shape::Share => "a number from 0 to 1",
    }
}

fn example(shape: Shape) -> &'static str {
    match shape {
        Shape::Date => " Write it without quotes: 2026-12-31.",
        Shape::DateTime => " Write it without quotes: 2026-12-31T22:30:00.",
        Shape::Texts => " Write \"one\" or [\"one\", \"two\"].",
        Shape::Tables(_) => " Write [{ … }, { … }].",
        Shape::Groups => " Write [[\"one\", \"two\"]].",
        Shape::Integer(..) | Shape::Flag | Shape::Share => " Write it without quotes.",
        _ => "",
    }
}

fn lower_first(text: &str) -> String {
    let text = text.trim_end_matches('.');
    format!("give it something ({text})")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// The string itself, or the strings of a list.
pub(crate) fn strings<'v>(value: &'v Spanned<DeValue<'_>>) -> Vec<(&'v str, Range<usize>)> {
    match value.get_ref() {
        DeValue::String(text) => vec![(text.as_ref(), value.span())],
        DeValue::Array(items) => {
            items.iter().filter_map(|item| Some((item.get_ref().as_str()?, item.span()))).collect()
        }
        _ => Vec::new(),
    }
}

/// A number from 0 to 1.
fn share(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    let number: f64 = match value.get_ref() {
        DeValue::Float(number) => number.as_str().replace('_', "").parse().ok()?,
        DeValue::Integer(number) => number.as_str().parse().ok()?,
        _ => return None,
    };
    (0.0..=1.0).contains(&number).then_some(number)
}

/// The table itself, or the tables of a list.
pub(crate) fn tables<'v, 's>(value: &'v Spanned<DeValue<'s>>) -> Vec<(&'v DeTable<'s>, Range<usize>)> {
    match value.get_ref() {
        DeValue::Table(table) => vec![(table, value.span())],
        DeValue::Array(items) => {
            items.iter().filter_map(|item| Some((item.get_ref().as_table()?, item.span()))).collect()
        }
        _ => Vec::new(),
    }
}

/// The name that was probably meant: at most a third of its letters differ. Names of more than 64 octets are not compared.
pub fn nearest<'n>(meant: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const LONGEST: usize = 64;
    let most = (meant.chars().count() / 3).max(1);
    let names = names.filter(|name| meant.len().max(name.len()) <= LONGEST);
    let scored = names.map(|name| (strsim::levenshtein(&meant.to_lowercase(), &name.to_lowercase()), name));
    scored.filter(|(distance, _)| *distance <= most).min().map(|(_, name)| name)
}

/// A table being read: typed values with their places. What has another type was reported before and counts as absent.
#[derive(Clone)]
pub(crate) struct View<'v, 's> {
    pub(crate) table: &'v DeTable<'s>,
    pub(crate) span: Range<usize>,
}

impl<'v, 's> View<'v, 's> {
    pub(crate) fn new(table: &'v DeTable<'s>, span: Range<usize>) -> Self {
        Self { table, span }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'v Spanned<DeValue<'s>>> {
        self.table.get(key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the key itself stands.
    pub(crate) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(self.span.clone(), |(name, _)| name.span())
    }

    pub(crate) fn text(&self, key: &str) -> Option<At<String>> {
        let value = self.get(key)?;
        Some(At::new(value.get_ref().as_str()?.to_owned(), value.span()))
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<At<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        strings(value).into_iter().map(|(text, span)| At::new(text.to_owned(), span)).collect()
    }

    pub(crate) fn integer(&self, key: &str) -> Option<At<u64>> {
        let value = self.get(key)?;
        let number = value.get_ref().as_integer()?;
        Some(At::new(u64::from_str_radix(number.as_str(), number.radix()).ok()?, value.span()))
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&self, key: &str) -> Option<At<f64>> {
        let value = self.get(key)?;
        Some(At::new(share(value)?, value.span()))
    }

    /// Lists of strings in a list.
    pub(crate) fn groups(&self, key: &str) -> Vec<Vec<At<String>>> {
        let Some(DeValue::Array(groups)) = self.get(key).map(Spanned::get_ref) else { return Vec::new() };
        let texts =
            |group| strings(group).into_iter().map(|(text, span)| At::new(text.to_owned(), span)).collect();
        groups.iter().map(texts).collect()
    }

    pub(crate) fn flag(&self, key: &str) -> Option<At<bool>> {
        let value = self.get(key)?;
        Some(At::new(value.get_ref().as_bool()?, value.span()))
    }

    pub(crate) fn datetime(&self, key: &str) -> Option<At<toml::value::Datetime>> {
        let value = self.get(key)?;
        Some(At::new(*value.get_ref().as_datetime()?, value.span()))
    }

    pub(crate) fn table(&self, key: &str) -> Option<View<'v, 's>> {
        let value = self.get(key)?;
        Some(View::new(value.get_ref().as_table()?, value.span()))
    }

    pub(crate) fn tables(&self, key: &str) -> Vec<View<'v, 's>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        tables(value).into_iter().map(|(table, span)| View::new(table, span)).collect()
    }
}
