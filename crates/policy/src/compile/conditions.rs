//! Turns conditions into questions. Rules that ask the same thing share one question, however many policies ask it.

use std::collections::{BTreeMap, HashMap};

use jiff::civil;
use jiff::tz::TimeZone;

use super::library::{Library, NEAR_BY};
use super::model::{
    Atom, Content, Excluded, FileTest, Headers, Leaf, Near, Need, Node, Places, Probe, Source, Test, TimeTest,
};
use super::names::{Names, ambiguities, file_kinds, header_places, places, reasons, usual_places};
use super::patterns::{Collector, compact};
use crate::diagnostic::{Diagnostics, Place};
use crate::glob::plain_name;
use crate::mail::Direction;
use crate::syntax::condition::{self as syntax, Condition, Count, Exclude, HeaderTest, Words};
use crate::syntax::read::{At, nearest};

/// Questions of a set while it is compiled.
#[derive(Default)]
pub(crate) struct Questions {
    pub(crate) collector: Collector,
    pub(crate) atoms: Vec<Atom>,
    known: HashMap<String, u32>,
    pub(crate) nears: Vec<Near>,
    known_nears: HashMap<Near, u32>,
    pub(crate) headers: Headers,
    pub(crate) envelope: bool,
    pub(crate) probes: Vec<Probe>,
}

/// What conditions of one rule or exception lean on.
pub(crate) struct Context<'c> {
    pub(crate) library: &'c Library<'c>,
    pub(crate) names: &'c Names<'c>,
    pub(crate) place: &'c Place,
    /// Time zone of the settings.
    pub(crate) zone: &'c TimeZone,
    /// Where conditions look that do not say.
    pub(crate) places: Places,
    pub(crate) count: Count,
    /// Which recipients must match unless a condition says so.
    pub(crate) usual_need: UsualNeed,
}

/// Which recipients must match unless a condition says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsualNeed {
    /// One: of rules.
    One,
    /// All of them: of exceptions.
    All,
    /// One: under `none` of exceptions, for what must not be there is there with a single one.
    NotOne,
}

impl<'c> Context<'c> {
    /// The context of what must not hold.
    fn turned(&self) -> Self {
        let usual_need = match self.usual_need {
            UsualNeed::One => UsualNeed::One,
            UsualNeed::All => UsualNeed::NotOne,
            UsualNeed::NotOne => UsualNeed::All,
        };
        Self { usual_need, places: self.places.clone(), ..*self }
    }

    /// The context of a rule whose conditions look in `names` unless they say otherwise.
    pub(crate) fn looking_in(mut self, names: &[At<String>], out: &mut Diagnostics) -> Self {
        self.places = if names.is_empty() { usual_places() } else { places(names, self.place, out) };
        self
    }
}

impl Questions {
    /// The tree of a condition; `None` where it was reported as broken.
    pub(crate) fn node(
        &mut self,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<Node> {
        match &condition.test {
            syntax::Test::All(conditions) => Some(Node::All(self.nodes(conditions, cx, out)?)),
            syntax::Test::Any(conditions) => Some(Node::Any(self.nodes(conditions, cx, out)?)),
            syntax::Test::None(conditions) => Some(Node::None(self.nodes(conditions, &cx.turned(), out)?)),
            _ => self.leaf(condition, cx, out).map(Node::Leaf),
        }
    }

    fn nodes(
        &mut self,
        conditions: &[Condition],
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<Vec<Node>> {
        let nodes: Vec<Option<Node>> = conditions.iter().map(|inner| self.node(inner, cx, out)).collect();
        nodes.into_iter().collect()
    }

    fn leaf(&mut self, condition: &Condition, cx: &Context<'_>, out: &mut Diagnostics) -> Option<Leaf> {
        let at_least = condition.at_least.as_ref().map_or(1, |least| least.value);
        let atom = self.atom(condition, cx, out)?;
        let own = matches!(condition.test, syntax::Test::Recipient { .. });
        let leaf = Leaf {
            atom,
            at_least: if own { 1 } else { at_least },
            mode: condition.count.as_ref().map_or(cx.count, |count| count.value),
            counts: condition.counts,
        };
        Some(leaf)
    }

    fn atom(&mut self, condition: &Condition, cx: &Context<'_>, out: &mut Diagnostics) -> Option<u32> {
        let here = cx.place.at(condition.span.clone());
        match &condition.test {
            syntax::Test::Words { words, near } => {
                let patterns = cx.library.words(words, cx.place, &mut self.collector, out);
                let near = near.as_ref().map(|near| self.near_list(&[near], cx, out));
                self.content(BTreeMap::from([(near, patterns)]), None, condition, words_label(words), cx, out)
            }
            syntax::Test::Regex { patterns: texts, any_case, near } => {
                let patterns = texts
                    .iter()
                    .map(|text| self.collector.regex(&text.value, *any_case, cx.place.at(text.span.clone())));
                let patterns = patterns.collect();
                let near = near.as_ref().map(|near| self.near_list(&[near], cx, out));
                let label = format!("regex {}", joined(texts.iter().map(|text| text.value.as_str()), "'"));
                self.content(BTreeMap::from([(near, patterns)]), None, condition, label, cx, out)
            }
            syntax::Test::Identifier { .. } => self.identifiers(condition, cx, out),
            syntax::Test::Exact(exact) => self.exact(exact, condition, cx, out),
            syntax::Test::Documents { name, part, percent } => {
                self.documents(name, part.as_ref(), percent.as_ref(), condition, cx, out)
            }
            syntax::Test::Learned { name, score } => self.learned(name, score.as_ref(), condition, cx, out),
            syntax::Test::File { types, names, size } => {
                let kinds = file_kinds(types, cx.place, out);
                let names: Vec<String> = names.iter().map(|name| plain_name(&name.value)).collect();
                let size = size.as_ref().map(|size| size.value);
                let mut said = Vec::new();
                said.extend(
                    (!types.is_empty())
                        .then(|| format!("type {}", joined(types.iter().map(|one| one.value.as_str()), ""))),
                );
                said.extend(
                    (!names.is_empty())
                        .then(|| format!("name {}", joined(names.iter().map(String::as_str), ""))),
                );
                said.extend(size.map(|size| format!("size {size}")));
                let key = format!("file {kinds:?} {names:?} {size:?}");
                Some(self.ask(
                    key,
                    format!("file {}", said.join(", ")),
                    Test::File(FileTest { kinds, names, size }),
                ))
            }
            syntax::Test::AttachmentCount(amount) => {
                Some(self.ask_plainly(
                    format!("attachments {}", amount.value),
                    Test::AttachmentCount(amount.value),
                ))
            }
            syntax::Test::MessageSize(amount) => Some(
                self.ask_plainly(format!("message size {}", amount.value), Test::MessageSize(amount.value)),
            ),
            syntax::Test::Encrypted => Some(self.ask_plainly("encrypted".to_owned(), Test::Encrypted)),
            syntax::Test::Unscannable(names) => {
                let reasons = reasons(names, cx.place, out);
                let label =
                    format!("unscannable {}", joined(names.iter().map(|name| name.value.as_str()), ""));
                Some(self.ask_plainly(label, Test::Unscannable(reasons)))
            }
            syntax::Test::Ambiguous(names) => {
                let reasons = ambiguities(names, cx.place, out);
                Some(self.ask_plainly(format!("ambiguous {}", reasons.join(", ")), Test::Ambiguous(reasons)))
            }
            syntax::Test::Sender(patterns) => {
                let addresses = cx.names.addresses(patterns, cx.place, out);
                let label =
                    format!("sender {}", joined(patterns.iter().map(|pattern| pattern.value.as_str()), ""));
                Some(self.ask(format!("sender {}", addresses.key()), label, Test::Sender(addresses)))
            }
            syntax::Test::Recipient { patterns, all } => {
                Some(self.recipients(patterns, all.as_ref(), condition, cx, out))
            }
            syntax::Test::Header { name, test } => self.header(name, test, condition, cx, out),
            syntax::Test::Time { of_day, weekdays, zone } => {
                let test = time_test(of_day.as_ref(), weekdays, zone.as_ref(), cx, out)?;
                let said = of_day
                    .iter()
                    .map(|time| time.value.as_str())
                    .chain(weekdays.iter().map(|day| day.value.as_str()));
                let label = format!("time {}", joined(said, ""));
                // The label names a few days only.
                let zone = test.zone.iana_name().unwrap_or("UTC");
                let key = format!("time {:?} {} {zone}", test.of_day, test.days);
                Some(self.ask(key, label, Test::Time(test)))
            }
            syntax::Test::Direction(names) => {
                let bits = names
                    .iter()
                    .filter_map(|name| Direction::parse(&name.value))
                    .fold(0, |bits, one| bits | 1 << one as u8);
                let label = format!("direction {}", joined(names.iter().map(|name| name.value.as_str()), ""));
                Some(self.ask_plainly(label, Test::Direction(bits)))
            }
            syntax::Test::All(_) | syntax::Test::Any(_) | syntax::Test::None(_) => {
                out.error("E0204", &here, "conditions are nested too deeply").label("here");
                None
            }
        }
    }

    // ---- content

    fn identifiers(&mut self, condition: &Condition, cx: &Context<'_>, out: &mut Diagnostics) -> Option<u32> {
        let syntax::Test::Identifier { names, breadth, exclude, near } = &condition.test else { return None };
        let mut groups: BTreeMap<Option<(u32, usize)>, Vec<u32>> = BTreeMap::new();
        let mut labels = Vec::new();
        let mut whole = true;
        for name in names {
            let Some(found) = cx.library.at_breadth(name, breadth.as_ref(), cx.place, out) else {
                whole = false;
                continue;
            };
            labels.push(format!("{} ({})", name.value, found.breadth));
            // The identifier's own words stand in its file, those of the condition in the policy's.
            let own = found.near.filter(|_| near.as_ref().is_none_or(|near| !near.only));
            let nears: Vec<(&syntax::Near, &Place)> = near
                .iter()
                .map(|near| (near, cx.place))
                .chain(own.map(|own| (own, &found.identifier.place)))
                .collect();
            let near = (!nears.is_empty()).then(|| self.near_words(&nears, cx, out));
            let patterns = found.patterns(&mut self.collector, out);
            groups.entry(near).or_default().extend(patterns);
        }
        let kind = if labels.len() == 1 { "identifier" } else { "identifiers" };
        let label = format!("{kind} {}", joined(labels.iter().map(String::as_str), ""));
        whole.then(|| self.content(groups, Some(exclude), condition, label, cx, out)).flatten()
    }

    /// One question for lists of patterns by what must be near them.
    fn content(
        &mut self,
        groups: BTreeMap<Option<(u32, usize)>, Vec<u32>>,
        exclude: Option<&Exclude>,
        condition: &Condition,
        label: String,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<u32> {
        let places = self.places_of(condition, cx, out);
        self.content_in(groups, exclude, places, label)
    }

    /// Where the condition looks.
    pub(super) fn places_of(
        &mut self,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Places {
        match condition.places.as_slice() {
            [] => cx.places.clone(),
            names => places(names, cx.place, out),
        }
    }

    fn content_in(
        &mut self,
        groups: BTreeMap<Option<(u32, usize)>, Vec<u32>>,
        exclude: Option<&Exclude>,
        places: Places,
        label: String,
    ) -> Option<u32> {
        let mut sources = Vec::new();
        for (near, patterns) in groups {
            let list = self.collector.list(patterns);
            self.collector.look(list, &places);
            sources.push(match near {
                None => Source::List(list),
                Some((words, within)) => {
                    self.collector.look(words, &places);
                    self.near(Near { list, near: words, within })
                }
            });
        }
        self.headers.merge(&places.headers);
        self.envelope |= places.envelope;
        let exclude = exclude.map(excluded).unwrap_or_default();
        let mut values: Vec<&String> = exclude.values.iter().collect();
        values.sort_unstable();
        let key = format!(
            "content {sources:?} {places:?} {values:?} {:?} {:?}",
            exclude.prefixes, exclude.suffixes
        );
        Some(self.ask(key, label, Test::Content(Content { sources, places, exclude })))
    }

    fn near(&mut self, near: Near) -> Source {
        if let Some(known) = self.known_nears.get(&near) {
            return Source::Near(*known);
        }
        let number = u32::try_from(self.nears.len()).unwrap_or(u32::MAX);
        self.collector.measure(near.list);
        self.collector.measure(near.near);
        self.nears.push(near);
        self.known_nears.insert(near, number);
        Source::Near(number)
    }

    fn near_list(
        &mut self,
        nears: &[&syntax::Near],
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> (u32, usize) {
        let placed: Vec<(&syntax::Near, &Place)> = nears.iter().map(|near| (*near, cx.place)).collect();
        self.near_words(&placed, cx, out)
    }

    /// The words of several `near` tables together; the first that names a distance decides it.
    fn near_words(
        &mut self,
        nears: &[(&syntax::Near, &Place)],
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> (u32, usize) {
        let mut patterns = Vec::new();
        for (near, place) in nears {
            let mut own = cx.library.words(&near.words, place, &mut self.collector, out);
            if let Some(regex) = &near.regex {
                own.push(self.collector.regex(
                    &regex.value,
                    !near.words.exact_case,
                    place.at(regex.span.clone()),
                ));
            }
            let alone = nears.len() == 1;
            if own.is_empty() && alone && near.words.dictionaries.is_empty() {
                out.error("E0205", &place.at(near.span.clone()), "`near` names no words")
                    .label("near what?")
                    .remedy("add keywords, dictionary or regex");
            }
            patterns.extend(own);
        }
        let within =
            nears.iter().find_map(|(near, _)| near.within.as_ref()).map_or(NEAR_BY, |within| within.value);
        (self.collector.list(patterns), usize::try_from(within).unwrap_or(usize::MAX))
    }

    // ---- envelope and header

    fn recipients(
        &mut self,
        patterns: &[At<String>],
        all: Option<&At<bool>>,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> u32 {
        let addresses = cx.names.addresses(patterns, cx.place, out);
        let every =
            all.map_or(cx.usual_need == UsualNeed::All && condition.at_least.is_none(), |all| all.value);
        let need = if every {
            Need::All
        } else {
            Need::AtLeast(condition.at_least.as_ref().map_or(1, |least| least.value))
        };
        let said = joined(patterns.iter().map(|pattern| pattern.value.as_str()), "");
        let label = match need {
            Need::All => format!("all recipients {said}"),
            Need::AtLeast(1) => format!("recipient {said}"),
            Need::AtLeast(least) => format!("at least {least} recipients {said}"),
        };
        self.ask(
            format!("recipient {need:?} {}", addresses.key()),
            label,
            Test::Recipients { patterns: addresses, need },
        )
    }

    fn header(
        &mut self,
        name: &At<String>,
        test: &HeaderTest,
        condition: &Condition,
        cx: &Context<'_>,
        out: &mut Diagnostics,
    ) -> Option<u32> {
        let places = header_places(&name.value, &cx.place.at(name.span.clone()), out)?;
        let lower = name.value.to_ascii_lowercase();
        match test {
            HeaderTest::Present(present) => {
                let label = format!("header {} {}", name.value, if *present { "present" } else { "absent" });
                Some(self.ask_plainly(label, Test::HeaderPresent { name: lower, present: *present }))
            }
            HeaderTest::Equals(values) => {
                let values: Vec<String> =
                    values.iter().map(|value| value.value.trim().to_lowercase()).collect();
                let label =
                    format!("header {} is {}", name.value, joined(values.iter().map(String::as_str), "\""));
                Some(self.ask_plainly(label, Test::HeaderEquals { name: lower, values }))
            }
            HeaderTest::Contains(words) => {
                let patterns = words.iter().map(|word| {
                    self.collector.keyword(&word.value, false, false, cx.place.at(word.span.clone()))
                });
                let patterns = patterns.collect();
                let label = format!(
                    "header {} contains {}",
                    name.value,
                    joined(words.iter().map(|word| word.value.as_str()), "\"")
                );
                self.content_in(BTreeMap::from([(None, patterns)]), None, places, label)
            }
            HeaderTest::Matches(regex) => {
                let pattern = self.collector.regex(&regex.value, true, cx.place.at(regex.span.clone()));
                let label = format!("header {} matches '{}'", name.value, regex.value);
                self.content_in(BTreeMap::from([(None, vec![pattern])]), None, places, label)
            }
        }
        .inspect(|_| {
            if !condition.places.is_empty() {
                out.error("E0203", &cx.place.at(condition.span.clone()), "`where` does not go with header")
                    .label("looks in that header only")
                    .remedy("take `where` away");
            }
        })
    }

    // ---- questions

    fn ask_plainly(&mut self, label: String, test: Test) -> u32 {
        self.ask(format!("{label} {test:?}"), label, test)
    }

    pub(super) fn ask(&mut self, key: String, label: String, test: Test) -> u32 {
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let number = u32::try_from(self.atoms.len()).unwrap_or(u32::MAX);
        self.known.insert(key, number);
        self.atoms.push(Atom { test, label });
        number
    }
}

fn excluded(exclude: &Exclude) -> Excluded {
    let compacted =
        |values: &[At<String>]| values.iter().map(|value| compact(&value.value)).collect::<Vec<String>>();
    Excluded {
        values: compacted(&exclude.values).into_iter().collect(),
        prefixes: compacted(&exclude.prefixes),
        suffixes: compacted(&exclude.suffixes),
    }
}

/// A few of the names, for people.
pub(super) fn joined<'n>(names: impl Iterator<Item = &'n str>, quote: &str) -> String {
    const SHOWN: usize = 3;
    let names: Vec<&str> = names.collect();
    let mut shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("{quote}{name}{quote}")).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}

fn words_label(words: &Words) -> String {
    let mut said = Vec::new();
    if !words.list.is_empty() {
        said.push(format!("keywords {}", joined(words.list.iter().map(|word| word.value.as_str()), "\"")));
    }
    if !words.dictionaries.is_empty() {
        said.push(format!(
            "dictionary {}",
            joined(words.dictionaries.iter().map(|name| name.value.as_str()), "")
        ));
    }
    said.join(", ")
}

// ---- time

fn time_test(
    of_day: Option<&At<String>>,
    weekdays: &[At<String>],
    zone: Option<&At<String>>,
    cx: &Context<'_>,
    out: &mut Diagnostics,
) -> Option<TimeTest> {
    let zone = match zone {
        Some(name) => time_zone(name, cx.place, out)?,
        None => cx.zone.clone(),
    };
    let of_day = match of_day {
        Some(text) => Some(hours(text, cx.place, out)?),
        None => None,
    };
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let bits = weekdays.iter().filter_map(|day| DAYS.iter().position(|known| *known == day.value));
    let days = bits.fold(0, |days, day| days | 1 << day);
    Some(TimeTest { of_day, days: if weekdays.is_empty() { 0b111_1111 } else { days }, zone })
}

/// A time zone by its name in the system's or the built-in data.
pub(crate) fn time_zone(name: &At<String>, place: &Place, out: &mut Diagnostics) -> Option<TimeZone> {
    match TimeZone::get(&name.value) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let remedy = match nearest(&name.value, names.iter().map(String::as_str)) {
                Some(close) => format!("write \"{close}\""),
                None => {
                    "write a name of the time zone database, such as \"Europe/Berlin\" or \"UTC\"".to_owned()
                }
            };
            out.error(
                "E0317",
                &place.at(name.span.clone()),
                format!("there is no time zone `{}`", name.value),
            )
            .label("unknown")
            .remedy(remedy);
            None
        }
    }
}

/// `"22:00-06:00"`: from the first to before the second, over midnight if the first is later.
fn hours(text: &At<String>, place: &Place, out: &mut Diagnostics) -> Option<(civil::Time, civil::Time)> {
    let time = |text: &str| -> Option<civil::Time> {
        let (hour, minute) = text.trim().split_once(':')?;
        match (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?) {
            (24, 0) => Some(civil::Time::midnight()),
            (hour, minute) => civil::Time::new(hour, minute, 0, 0).ok(),
        }
    };
    let read = text.value.split_once(['-', '–']).and_then(|(from, to)| Some((time(from)?, time(to)?)));
    match read {
        Some((from, to)) if from != to => Some((from, to)),
        Some(_) => {
            out.error("E0316", &place.at(text.span.clone()), "the time ends where it begins")
                .label("no time at all")
                .remedy("leave `time_of_day` out for the whole day");
            None
        }
        None => {
            out.error("E0316", &place.at(text.span.clone()), format!("`{}` is no time of day", text.value))
                .label("cannot be read")
                .remedy("write \"22:00-06:00\": from, to");
            None
        }
    }
}
