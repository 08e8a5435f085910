//! Conditions as they stand in rules and exceptions.

use std::ops::Range;

use super::amount::{self, Amount, Unit};
use super::read::{At, View};
use crate::diagnostic::{Diagnostics, Place};

/// A condition, with what limits it.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) test: Test,
    /// What it is about, to underline.
    pub(crate) span: Range<usize>,
    pub(crate) at_least: Option<At<u64>>,
    /// Whether its matches are added to the rule's count.
    pub(crate) counts: bool,
    pub(crate) count: Option<At<Count>>,
    pub(crate) places: Vec<At<String>>,
}

/// Which matches count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Count {
    All,
    Unique,
}

/// What a condition asks.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Words { words: Words, near: Option<Near> },
    Regex { patterns: Vec<At<String>>, any_case: bool, near: Option<Near> },
    Identifier { names: Vec<At<String>>, breadth: Option<At<String>>, exclude: Exclude, near: Option<Near> },
    Exact(Exact),
    Documents { name: At<String>, part: Option<At<String>>, percent: Option<At<u64>> },
    Learned { name: At<String>, score: Option<At<f64>> },
    File { types: Vec<At<String>>, names: Vec<At<String>>, size: Option<At<Amount>> },
    AttachmentCount(At<Amount>),
    MessageSize(At<Amount>),
    Encrypted,
    Unscannable(Vec<At<String>>),
    Ambiguous(Vec<At<String>>),
    Sender(Vec<At<String>>),
    Recipient { patterns: Vec<At<String>>, all: Option<At<bool>> },
    Header { name: At<String>, test: HeaderTest },
    Time { of_day: Option<At<String>>, weekdays: Vec<At<String>>, zone: Option<At<String>> },
    Direction(Vec<At<String>>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    None(Vec<Condition>),
}

/// Rows of a table.
#[derive(Debug, Clone)]
pub(crate) struct Exact {
    pub(crate) name: At<String>,
    pub(crate) columns: Option<At<u64>>,
    pub(crate) of: Vec<At<String>>,
    pub(crate) require: Vec<At<String>>,
    pub(crate) except: Vec<Vec<At<String>>>,
    pub(crate) within: Option<At<u64>>,
}

/// Words written in place, or named dictionaries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) list: Vec<At<String>>,
    pub(crate) dictionaries: Vec<At<String>>,
    pub(crate) exact_case: bool,
    pub(crate) parts_of_words: bool,
}

/// What must be near.
#[derive(Debug, Clone, Default)]
pub(crate) struct Near {
    pub(crate) words: Words,
    pub(crate) regex: Option<At<String>>,
    pub(crate) within: Option<At<u64>>,
    pub(crate) only: bool,
    pub(crate) span: Range<usize>,
}

/// Values that do not count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclude {
    pub(crate) values: Vec<At<String>>,
    pub(crate) prefixes: Vec<At<String>>,
    pub(crate) suffixes: Vec<At<String>>,
}

/// What is asked about a header.
#[derive(Debug, Clone)]
pub(crate) enum HeaderTest {
    Present(bool),
    Equals(Vec<At<String>>),
    Contains(Vec<At<String>>),
    Matches(At<String>),
}

/// Keys that make a condition, by kind: those of one row may stand together.
const KINDS: &[(&[&str], &[&str])] = &[
    (&["keywords"], &["case", "whole_words", "near", "where", "count", "at_least", "counts"]),
    (&["dictionary", "dictionaries"], &["near", "where", "count", "at_least", "counts"]),
    (&["regex", "regexes"], &["case", "near", "where", "count", "at_least", "counts"]),
    (
        &["identifier", "identifiers"],
        &[
            "breadth",
            "near",
            "where",
            "count",
            "at_least",
            "counts",
            "exclude",
            "exclude_prefix",
            "exclude_suffix",
        ],
    ),
    (&["exact"], &["columns", "of", "require", "except", "within", "where", "count", "at_least", "counts"]),
    (&["documents"], &["match", "percent", "where", "count", "at_least", "counts"]),
    (&["learned"], &["score", "where", "at_least", "counts"]),
    (&["file_type", "file_name", "file_size"], &["at_least", "counts"]),
    (&["attachment_count"], &[]),
    (&["message_size"], &[]),
    (&["encrypted"], &["at_least", "counts"]),
    (&["unscannable"], &["at_least", "counts"]),
    (&["ambiguous"], &["at_least", "counts"]),
    (&["sender"], &[]),
    (&["recipient"], &["at_least", "all_recipients"]),
    (&["header"], &["present", "equals", "contains", "matches", "at_least", "count", "counts"]),
    (&["time_of_day", "weekday"], &["zone"]),
    (&["direction"], &[]),
];

const LISTS: &[&str] = &["all", "any", "none"];

const OPTIONS: &[&str] = &[
    "at_least",
    "count",
    "where",
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
    "columns",
    "of",
    "require",
    "except",
    "within",
    "match",
    "percent",
    "score",
];

/// What a table with conditions amounts to.
pub(crate) enum Body {
    /// One condition, directly.
    Direct(Box<Condition>),
    /// Lists of conditions; the table's own options are for whom it belongs to.
    Lists(Box<Condition>),
}

/// Reads the conditions of a rule, an exception or a condition.
pub(crate) struct Reader<'r> {
    pub(crate) place: &'r Place,
    pub(crate) out: &'r mut Diagnostics,
}

impl Reader<'_> {
    /// The conditions of the table; reports when there are none or too many. `what` names the table.
    pub(crate) fn body(&mut self, view: &View<'_, '_>, what: &str) -> Option<Body> {
        let rows: Vec<usize> =
            (0..KINDS.len()).filter(|row| KINDS[*row].0.iter().any(|key| view.has(key))).collect();
        let lists: Vec<&str> = LISTS.iter().copied().filter(|key| view.has(key)).collect();
        match (rows.as_slice(), lists.is_empty()) {
            ([], true) => {
                self.out
                    .error("E0201", &self.place.at(view.span.clone()), format!("{what} has no condition"))
                    .label("says nothing about what to look for")
                    .remedy("add one of keywords, dictionary, regex, identifier, file_type, sender, recipient, …, or all, any, none");
                None
            }
            ([row], true) => {
                let (keys, options) = KINDS[*row];
                self.one_of_twins(view, keys);
                self.options(view, keys[0], options);
                Some(Body::Direct(Box::new(self.direct(view, keys)?)))
            }
            ([], false) => Some(Body::Lists(Box::new(self.lists(view, &lists)))),
            _ => {
                self.too_many(view, &rows, &lists);
                None
            }
        }
    }

    /// A condition in a list.
    fn condition(&mut self, view: &View<'_, '_>) -> Option<Condition> {
        match self.body(view, "a condition")? {
            Body::Direct(condition) => Some(*condition),
            Body::Lists(condition) => {
                self.options(view, "all, any and none", &[]);
                Some(*condition)
            }
        }
    }

    fn too_many(&mut self, view: &View<'_, '_>, rows: &[usize], lists: &[&str]) {
        let mut keys: Vec<&str> =
            rows.iter().filter_map(|row| KINDS[*row].0.iter().copied().find(|key| view.has(key))).collect();
        keys.extend(lists);
        keys.sort_by_key(|key| view.key_span(key).start);
        let (first, second) = (keys[0], keys[1]);
        self.out
            .error(
                "E0202",
                &self.place.at(view.key_span(second)),
                format!("`{first}` and `{second}` are two conditions in one table"),
            )
            .label("second condition")
            .context(view.key_span(first), "first condition")
            .remedy(format!("write all = [{{ {first} = … }}, {{ {second} = … }}], or any = […]"));
    }

    /// `identifier` beside `identifiers` and the like.
    fn one_of_twins(&mut self, view: &View<'_, '_>, keys: &[&str]) {
        let twins = [["dictionary", "dictionaries"], ["regex", "regexes"], ["identifier", "identifiers"]];
        for [one, many] in twins {
            if keys.contains(&one) && view.has(one) && view.has(many) {
                self.out
                    .error(
                        "E0202",
                        &self.place.at(view.key_span(one)),
                        format!("`{one}` and `{many}` stand together"),
                    )
                    .label("say it once")
                    .context(view.key_span(many), "here as well")
                    .remedy(format!("put all names into `{many}`"));
            }
        }
    }

    fn options(&mut self, view: &View<'_, '_>, kind: &str, allowed: &[&str]) {
        for option in OPTIONS.iter().filter(|option| view.has(option) && !allowed.contains(option)) {
            let remedy = if allowed.is_empty() {
                format!("take `{option}` away; {kind} takes no options here")
            } else {
                format!("take `{option}` away; with {kind} go {}", allowed.join(", "))
            };
            self.out
                .error(
                    "E0203",
                    &self.place.at(view.key_span(option)),
                    format!("`{option}` does not go with {kind}"),
                )
                .label("not an option of this condition")
                .remedy(remedy);
        }
    }

    fn lists(&mut self, view: &View<'_, '_>, keys: &[&str]) -> Condition {
        let mut lists: Vec<Condition> = keys.iter().map(|key| self.list(view, key)).collect();
        if lists.len() == 1 { lists.swap_remove(0) } else { plain(Test::All(lists), view.span.clone()) }
    }

    fn list(&mut self, view: &View<'_, '_>, key: &str) -> Condition {
        let conditions = view.tables(key).iter().filter_map(|inner| self.condition(inner)).collect();
        let test = match key {
            "any" => Test::Any(conditions),
            "none" => Test::None(conditions),
            _ => Test::All(conditions),
        };
        plain(test, view.key_span(key))
    }

    fn direct(&mut self, view: &View<'_, '_>, keys: &[&str]) -> Option<Condition> {
        let key = keys.iter().copied().find(|key| view.has(key))?;
        let test = self.test(view, key)?;
        Some(Condition {
            test,
            span: view.get(key).map_or(view.span.clone(), |value| value.span()),
            at_least: view.integer("at_least"),
            counts: view.flag("counts").is_none_or(|counts| counts.value),
            count: count_of(view),
            places: view.texts("where"),
        })
    }

    fn test(&mut self, view: &View<'_, '_>, key: &str) -> Option<Test> {
        Some(match key {
            "keywords" | "dictionary" | "dictionaries" => {
                Test::Words { words: words_of(view), near: near_of(view) }
            }
            "regex" | "regexes" => Test::Regex {
                patterns: either(view, "regex", "regexes"),
                any_case: view.text("case").is_some_and(|case| case.value == "any"),
                near: near_of(view),
            },
            "identifier" | "identifiers" => Test::Identifier {
                names: either(view, "identifier", "identifiers"),
                breadth: view.text("breadth"),
                exclude: exclude_of(view),
                near: near_of(view),
            },
            "exact" => Test::Exact(Exact {
                name: view.text(key)?,
                columns: view.integer("columns"),
                of: view.texts("of"),
                require: view.texts("require"),
                except: view.groups("except"),
                within: view.integer("within"),
            }),
            "documents" => Test::Documents {
                name: view.text(key)?,
                part: view.text("match"),
                percent: view.integer("percent"),
            },
            "learned" => Test::Learned { name: view.text(key)?, score: view.share("score") },
            "file_type" | "file_name" | "file_size" => Test::File {
                types: view.texts("file_type"),
                names: view.texts("file_name"),
                size: self.amount(view, "file_size", Unit::Octets),
            },
            "attachment_count" => Test::AttachmentCount(self.amount(view, key, Unit::Things)?),
            "message_size" => Test::MessageSize(self.amount(view, key, Unit::Octets)?),
            "encrypted" => self.encrypted(view)?,
            "unscannable" => Test::Unscannable(view.texts(key)),
            "ambiguous" => Test::Ambiguous(view.texts(key)),
            "sender" => Test::Sender(view.texts(key)),
            "recipient" => self.recipient(view),
            "header" => Test::Header { name: view.text(key)?, test: self.header(view) },
            "time_of_day" | "weekday" => Test::Time {
                of_day: view.text("time_of_day"),
                weekdays: view.texts("weekday"),
                zone: view.text("zone"),
            },
            _ => Test::Direction(view.texts("direction")),
        })
    }

    fn amount(&mut self, view: &View<'_, '_>, key: &str, unit: Unit) -> Option<At<Amount>> {
        amount::read(view, key, unit, self.place, self.out)
    }

    fn encrypted(&mut self, view: &View<'_, '_>) -> Option<Test> {
        let flag = view.flag("encrypted")?;
        if !flag.value {
            self.out
                .error("E0203", &self.place.at(flag.span), "`encrypted` can only be true")
                .label("not false")
                .remedy("write none = [{ encrypted = true }]");
        }
        Some(Test::Encrypted)
    }

    fn recipient(&mut self, view: &View<'_, '_>) -> Test {
        let all = view.flag("all_recipients");
        if let (Some(all), Some(least)) = (&all, view.integer("at_least"))
            && all.value
        {
            self.out
                .error(
                    "E0203",
                    &self.place.at(least.span),
                    "`at_least` and `all_recipients` contradict each other",
                )
                .label("at least so many")
                .context(all.span.clone(), "all of them")
                .remedy("keep one of the two");
        }
        Test::Recipient { patterns: view.texts("recipient"), all }
    }

    fn header(&mut self, view: &View<'_, '_>) -> HeaderTest {
        let tests = ["present", "equals", "contains", "matches"];
        let given: Vec<&str> = tests.into_iter().filter(|key| view.has(key)).collect();
        if let [first, second, ..] = given.as_slice() {
            self.out
                .error(
                    "E0202",
                    &self.place.at(view.key_span(second)),
                    format!("`{first}` and `{second}` ask two things about one header"),
                )
                .label("second question")
                .context(view.key_span(first), "first question")
                .remedy("write two conditions");
        }
        let matches = view.text("matches");
        match given.first().copied() {
            Some("equals") => HeaderTest::Equals(view.texts("equals")),
            Some("contains") => HeaderTest::Contains(view.texts("contains")),
            Some("matches") if matches.is_some() => {
                matches.map_or(HeaderTest::Present(true), HeaderTest::Matches)
            }
            _ => HeaderTest::Present(view.flag("present").is_none_or(|present| present.value)),
        }
    }
}

fn plain(test: Test, span: Range<usize>) -> Condition {
    Condition { test, span, at_least: None, counts: true, count: None, places: Vec::new() }
}

/// The names of the singular or the plural key.
fn either(view: &View<'_, '_>, one: &str, many: &str) -> Vec<At<String>> {
    let mut all = view.texts(one);
    all.extend(view.texts(many));
    all
}

pub(crate) fn count_of(view: &View<'_, '_>) -> Option<At<Count>> {
    let word = view.text("count")?;
    let count = if word.value == "unique" { Count::Unique } else { Count::All };
    Some(At::new(count, word.span))
}

fn words_of(view: &View<'_, '_>) -> Words {
    Words {
        list: view.texts("keywords"),
        dictionaries: either(view, "dictionary", "dictionaries"),
        exact_case: view.text("case").is_some_and(|case| case.value == "exact"),
        parts_of_words: view.flag("whole_words").is_some_and(|whole| !whole.value),
    }
}

pub(crate) fn near_of(view: &View<'_, '_>) -> Option<Near> {
    let near = view.table("near")?;
    Some(Near {
        words: words_of(&near),
        regex: near.text("regex"),
        within: near.integer("within"),
        only: near.flag("only").is_some_and(|only| only.value),
        span: view.key_span("near"),
    })
}

pub(crate) fn exclude_of(view: &View<'_, '_>) -> Exclude {
    Exclude {
        values: view.texts("exclude"),
        prefixes: view.texts("exclude_prefix"),
        suffixes: view.texts("exclude_suffix"),
    }
}
