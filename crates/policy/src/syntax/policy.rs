//! Policies, their rules and exceptions.

use std::ops::Range;

use jiff::civil;

use super::condition::{Body, Condition, Count, Reader, count_of};
use super::keys;
use super::read::{self, At, View};
use crate::diagnostic::{Diagnostics, Place};
use crate::verdict::{Mode, Severity};

/// A policy file.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) place: Place,
    pub(crate) id: At<u32>,
    pub(crate) name: At<String>,
    pub(crate) description: String,
    pub(crate) source: Vec<String>,
    pub(crate) family: String,
    pub(crate) mode: Mode,
    pub(crate) severity: Severity,
    pub(crate) respond: Vec<At<String>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) exceptions: Vec<Exception>,
}

/// A rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: At<String>,
    pub(crate) condition: Condition,
    /// Of the rule, where its conditions stand in lists.
    pub(crate) at_least: Option<At<u64>>,
    pub(crate) count: Count,
    pub(crate) per_component: bool,
    pub(crate) places: Vec<At<String>>,
    pub(crate) severity: Option<Severity>,
    pub(crate) tiers: Vec<Tier>,
}

/// A severity from a count on.
#[derive(Debug, Clone)]
pub(crate) struct Tier {
    pub(crate) at_least: At<u64>,
    pub(crate) severity: Severity,
}

/// An exception.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) name: Option<String>,
    pub(crate) span: Range<usize>,
    pub(crate) rules: Vec<At<String>>,
    pub(crate) whole_message: bool,
    pub(crate) until: Option<At<civil::Date>>,
    pub(crate) condition: Condition,
    pub(crate) at_least: Option<At<u64>>,
    pub(crate) count: Count,
    pub(crate) places: Vec<At<String>>,
}

/// Reads a policy file; `None` if what identifies it is missing.
pub(crate) fn read(place: &Place, out: &mut Diagnostics) -> Option<Policy> {
    let table = read::parse(&place.source, &keys::POLICY, place, out)?;
    let view = View::new(table.get_ref(), table.span());
    let id = view.integer("id");
    let rules: Vec<View<'_, '_>> = view.tables("rule");
    let exceptions: Vec<View<'_, '_>> = view.tables("exception");
    let mut reader = Reader { place, out };
    let rules = rules.iter().filter_map(|view| rule(&mut reader, view)).collect();
    let exceptions = exceptions.iter().filter_map(|view| exception(&mut reader, view)).collect();
    let id = id.and_then(|id| Some(At::new(u32::try_from(id.value).ok()?, id.span)))?;
    Some(Policy {
        place: place.clone(),
        id,
        name: view.text("name")?,
        description: view.text("description").map(|text| text.value).unwrap_or_default(),
        source: view.texts("source").into_iter().map(|source| source.value).collect(),
        family: view.text("family").map(|text| text.value).unwrap_or_default(),
        mode: mode(&view),
        severity: severity(&view).unwrap_or(Severity::Medium),
        respond: view.texts("respond"),
        rules,
        exceptions,
    })
}

fn mode(view: &View<'_, '_>) -> Mode {
    match view.text("mode").map(|mode| mode.value).as_deref() {
        Some("on") => Mode::On,
        Some("off") => Mode::Off,
        _ => Mode::Trial,
    }
}

fn severity(view: &View<'_, '_>) -> Option<Severity> {
    Severity::parse(&view.text("severity")?.value)
}

fn rule(reader: &mut Reader<'_>, view: &View<'_, '_>) -> Option<Rule> {
    let body = reader.body(view, "the rule")?;
    let lists = matches!(body, Body::Lists(_));
    if lists {
        reader.only_of_rules(view);
    }
    let (Body::Direct(condition) | Body::Lists(condition)) = body;
    Some(Rule {
        name: view.text("name")?,
        condition: *condition,
        at_least: view.integer("at_least").filter(|_| lists),
        count: count_of(view).map_or(Count::All, |count| count.value),
        per_component: view.text("per").is_some_and(|per| per.value == "component"),
        places: view.texts("where"),
        severity: severity(view),
        tiers: view.tables("tiers").iter().filter_map(tier).collect(),
    })
}

fn tier(view: &View<'_, '_>) -> Option<Tier> {
    Some(Tier { at_least: view.integer("at_least")?, severity: severity(view)? })
}

fn exception(reader: &mut Reader<'_>, view: &View<'_, '_>) -> Option<Exception> {
    let body = reader.body(view, "the exception")?;
    let lists = matches!(body, Body::Lists(_));
    if lists {
        reader.only_of_rules(view);
    }
    let (Body::Direct(condition) | Body::Lists(condition)) = body;
    Some(Exception {
        name: view.text("name").map(|name| name.value),
        span: view.span.clone(),
        rules: view.texts("rules"),
        whole_message: view.text("covers").is_some_and(|covers| covers.value == "message"),
        until: view.datetime("until").and_then(|until| Some(At::new(date(until.value)?, until.span))),
        condition: *condition,
        at_least: view.integer("at_least").filter(|_| lists),
        count: count_of(view).map_or(Count::All, |count| count.value),
        places: view.texts("where"),
    })
}

/// The day of a TOML date; TOML has no days that the calendar has not.
pub(crate) fn date(value: toml::value::Datetime) -> Option<civil::Date> {
    let date = value.date?;
    civil::Date::new(
        i16::try_from(date.year).ok()?,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
    )
    .ok()
}

impl Reader<'_> {
    /// Options that stand beside lists of conditions.
    fn only_of_rules(&mut self, view: &View<'_, '_>) {
        let of_conditions = [
            "counts",
            "case",
            "whole_words",
            "near",
            "breadth",
            "exclude",
            "exclude_prefix",
            "exclude_suffix",
            "all_recipients",
            "present",
            "equals",
            "contains",
            "matches",
            "zone",
        ];
        for option in of_conditions.into_iter().filter(|option| view.has(option)) {
            self.out
                .error(
                    "E0203",
                    &self.place.at(view.key_span(option)),
                    format!("`{option}` belongs to a condition, not beside lists of conditions"),
                )
                .label("whose option is this?")
                .remedy(format!("move it into the condition it is for: all = [{{ …, {option} = … }}]"));
        }
    }
}
