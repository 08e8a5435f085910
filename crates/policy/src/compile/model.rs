//! What a policy set is once compiled: patterns, lists of patterns, questions, rules. Immutable, without any file's text.

use std::collections::HashSet;
use std::sync::Arc;

use content::FileKind;
use jiff::civil;
use jiff::tz::TimeZone;

use crate::address::Addresses;
use crate::index::Index;
use crate::index::exact::scan::Wants;
use crate::matcher::Matcher;
use crate::respond::template::Template;
use crate::syntax::amount::Amount;
use crate::syntax::condition::Count;
use crate::verdict::{PolicyInfo, Severity};

/// A compiled set.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) id: String,
    pub(crate) infos: Vec<Arc<PolicyInfo>>,
    pub(crate) engine: Engine,
    pub(crate) responses: Vec<Response>,
    pub(crate) settings: Settings,
}

/// All that finds.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) matcher: Matcher,
    pub(crate) patterns: Patterns,
    pub(crate) lists: Vec<List>,
    /// Matches of one list that have a match of another near by.
    pub(crate) nears: Vec<Near>,
    /// What is looked for when all else has been.
    pub(crate) delayed: Vec<Delayed>,
    pub(crate) atoms: Vec<Atom>,
    /// Indexes that some question asks.
    pub(crate) probes: Vec<Probe>,
    /// In the order of policy numbers.
    pub(crate) policies: Vec<Policy>,
    /// All rules of all policies, policy by policy.
    pub(crate) rules: Vec<Rule>,
    pub(crate) triggers: Triggers,
    /// Which headers some question asks for, besides the subject.
    pub(crate) headers: Headers,
    /// Whether some question looks into sender and recipients as text.
    pub(crate) envelope: bool,
}

/// An index, and where and for what its questions look.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) index: Index,
    pub(crate) places: Places,
    /// Of exact data.
    pub(crate) wants: Wants,
}

impl Probe {
    /// Name of a column of exact data.
    pub(crate) fn column(&self, number: u8) -> &str {
        match &self.index {
            Index::Exact(index) => {
                index.columns.get(usize::from(number)).map_or("", |column| column.name.as_str())
            }
            _ => "",
        }
    }
}

/// Which lists a pattern belongs to, and which checks it passes.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    pub(crate) starts: Vec<u32>,
    pub(crate) lists: Vec<u32>,
    pub(crate) validators: Vec<Option<Arc<str>>>,
}

impl Patterns {
    pub(crate) fn lists_of(&self, pattern: u32) -> &[u32] {
        let pattern = pattern as usize;
        match (self.starts.get(pattern), self.starts.get(pattern + 1)) {
            (Some(start), Some(end)) => &self.lists[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

/// Patterns that are counted together.
#[derive(Debug)]
pub(crate) struct List {
    /// Where any of its questions looks.
    pub(crate) places: Places,
    /// Whether some question asks how many words lie between its matches and others.
    pub(crate) distances: bool,
    /// Questions which of its matches have another near by: places in the engine's `nears`.
    pub(crate) nears: Vec<u32>,
    /// Identifiers that are looked for only where it has a match, by pattern.
    pub(crate) awaited_by: Vec<u32>,
    /// Words that may lie between a match of it and one of these.
    pub(crate) awaited_within: usize,
    /// Whether its matches are looked for when all else has been: see [`Delayed`].
    pub(crate) delayed: bool,
}

/// Components in which to look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Places {
    pub(crate) subject: bool,
    pub(crate) body: bool,
    pub(crate) attachments: bool,
    pub(crate) envelope: bool,
    pub(crate) headers: Headers,
}

/// Headers besides the subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Headers {
    pub(crate) all: bool,
    /// Lower case, sorted.
    pub(crate) names: Vec<String>,
}

impl Headers {
    pub(crate) fn admit(&self, name: &str) -> bool {
        self.all || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.all |= other.all;
        self.names.extend(other.names.iter().cloned());
        self.names.sort_unstable();
        self.names.dedup();
    }
}

impl Places {
    /// Whether nothing is looked at.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.subject |= other.subject;
        self.body |= other.body;
        self.attachments |= other.attachments;
        self.envelope |= other.envelope;
        self.headers.merge(&other.headers);
    }

    /// Whether nothing is in both.
    pub(crate) fn disjoint(&self, other: &Self) -> bool {
        let headers = self.headers.all && (other.headers.all || !other.headers.names.is_empty())
            || other.headers.all && !self.headers.names.is_empty()
            || self.headers.names.iter().any(|name| other.headers.names.contains(name));
        !(self.subject && other.subject
            || self.body && other.body
            || self.attachments && other.attachments
            || self.envelope && other.envelope
            || headers)
    }
}

/// A question about a message; rules that ask the same share one.
#[derive(Debug)]
pub(crate) struct Atom {
    pub(crate) test: Test,
    /// In words: `identifier us_ssn (medium)`.
    pub(crate) label: String,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Test {
    Content(Content),
    Exact(ExactTest),
    Documents(DocumentsTest),
    Learned(LearnedTest),
    File(FileTest),
    AttachmentCount(Amount),
    MessageSize(Amount),
    Encrypted,
    Unscannable(Reasons),
    Ambiguous(Vec<String>),
    Sender(Addresses),
    Recipients {
        patterns: Addresses,
        need: Need,
    },
    HeaderPresent {
        name: String,
        present: bool,
    },
    HeaderEquals {
        name: String,
        values: Vec<String>,
    },
    Time(TimeTest),
    /// One bit for each direction.
    Direction(u8),
}

/// Rows of a table with so many values in the text. Columns are bits.
#[derive(Debug)]
pub(crate) struct ExactTest {
    /// A place in the engine's probes.
    pub(crate) probe: u32,
    pub(crate) columns: u32,
    pub(crate) of: u32,
    pub(crate) require: u32,
    pub(crate) except: Vec<u32>,
    pub(crate) within: u32,
    pub(crate) places: Places,
}

impl ExactTest {
    /// Whether these columns of a row suffice.
    pub(crate) fn suffice(&self, columns: u32) -> bool {
        let found = columns & self.of;
        found.count_ones() >= self.columns
            && self.require & !columns == 0
            && !self.except.iter().any(|except| found & !except == 0)
    }
}

/// Documents, or so much of them.
#[derive(Debug)]
pub(crate) struct DocumentsTest {
    pub(crate) probe: u32,
    pub(crate) whole: bool,
    pub(crate) parts: bool,
    pub(crate) percent: u8,
    pub(crate) places: Places,
}

/// Texts like those that were learned from.
#[derive(Debug)]
pub(crate) struct LearnedTest {
    pub(crate) probe: u32,
    pub(crate) score: f64,
    pub(crate) places: Places,
}

/// Matches of lists, counted together.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) sources: Vec<Source>,
    pub(crate) places: Places,
    pub(crate) exclude: Excluded,
}

/// Where a content question gets its matches from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    /// All matches of a list.
    List(u32),
    /// Those with another match near by: a place in the engine's `nears`.
    Near(u32),
}

/// Matches of `list` with a match of `near` at most `within` words away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Near {
    pub(crate) list: u32,
    pub(crate) near: u32,
    pub(crate) within: usize,
}

/// Identifiers of which only matches near a word count: patterns that are idle where `words` has no match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// A list.
    pub(crate) words: u32,
    pub(crate) patterns: Vec<u32>,
}

/// Identifiers of which no rule makes anything in a message in which none of the companions has a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delayed {
    pub(crate) companions: Vec<Source>,
    pub(crate) patterns: Vec<u32>,
}

/// Values that do not count: letters and digits, upper case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Excluded {
    pub(crate) values: HashSet<String>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
}

impl Excluded {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.prefixes.is_empty() && self.suffixes.is_empty()
    }

    pub(crate) fn contains(&self, value: &str) -> bool {
        self.values.contains(value)
            || self.prefixes.iter().any(|prefix| value.starts_with(prefix.as_str()))
            || self.suffixes.iter().any(|suffix| value.ends_with(suffix.as_str()))
    }
}

/// Files that are all of what is given.
#[derive(Debug)]
pub(crate) struct FileTest {
    pub(crate) kinds: Vec<FileKind>,
    /// Lower case.
    pub(crate) names: Vec<String>,
    pub(crate) size: Option<Amount>,
}

/// Reasons why something could not be inspected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reasons {
    pub(crate) any: bool,
    pub(crate) words: Vec<String>,
}

/// How many recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    AtLeast(u64),
    All,
}

/// A time of the day, days of the week.
#[derive(Debug, Clone)]
pub(crate) struct TimeTest {
    pub(crate) of_day: Option<(civil::Time, civil::Time)>,
    /// One bit for each day, Monday first.
    pub(crate) days: u8,
    pub(crate) zone: TimeZone,
}

/// A policy's rules and exceptions.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) info: Arc<PolicyInfo>,
    pub(crate) rules: std::ops::Range<u32>,
    pub(crate) exceptions: Vec<Exception>,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) policy: u32,
    pub(crate) tree: Node,
    pub(crate) per_component: bool,
    /// Whether the tree may hold where nothing of its content is found.
    pub(crate) holds_empty: bool,
    pub(crate) at_least: u64,
    pub(crate) severity: Severity,
    /// By descending count.
    pub(crate) tiers: Vec<(u64, Severity)>,
}

/// An exception.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) name: String,
    /// Places in the engine's rules; empty for all of the policy.
    pub(crate) rules: Vec<u32>,
    pub(crate) whole_message: bool,
    pub(crate) until: Option<civil::Date>,
    pub(crate) tree: Node,
    pub(crate) at_least: u64,
}

/// Conditions as they are combined.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    None(Vec<Node>),
    Leaf(Leaf),
}

/// A condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) atom: u32,
    pub(crate) at_least: u64,
    pub(crate) mode: Count,
    /// Whether its matches are added to the rule's count.
    pub(crate) counts: bool,
}

impl Exception {
    /// Whether it is an exception from this rule of its policy.
    pub(crate) fn concerns(&self, rule: u32) -> bool {
        self.rules.is_empty() || self.rules.contains(&rule)
    }
}

impl Engine {
    /// The place of a source among all lists and near questions.
    pub(crate) fn index(&self, source: Source) -> usize {
        match source {
            Source::List(list) => list as usize,
            Source::Near(near) => self.lists.len() + near as usize,
        }
    }

    /// The list whose matches a source has.
    pub(crate) fn list_of(&self, source: Source) -> u32 {
        match source {
            Source::List(list) => list,
            Source::Near(near) => self.nears[near as usize].list,
        }
    }

    /// The highest count that something asks for: higher ones decide nothing.
    pub(crate) fn highest_count(&self, responses: &[Response]) -> u64 {
        let rules = self.rules.iter().flat_map(|rule| {
            let tiers = rule.tiers.iter().map(|(at_least, _)| *at_least);
            tiers.chain([rule.at_least, rule.tree.highest_count()])
        });
        let exceptions = self.policies.iter().flat_map(|policy| &policy.exceptions);
        let exceptions = exceptions.map(|one| one.at_least.max(one.tree.highest_count()));
        let responses = responses.iter().filter_map(|response| response.when.match_count);
        let responses = responses.map(|amount| match amount.most {
            u64::MAX => amount.least,
            most => most + 1,
        });
        rules.chain(exceptions).chain(responses).max().unwrap_or(1)
    }
}

impl Node {
    /// Every condition in it.
    pub(crate) fn leaves(&self) -> Vec<&Leaf> {
        let mut all = Vec::new();
        self.collect(&mut all);
        all
    }

    /// The highest count that one of its conditions asks for.
    fn highest_count(&self) -> u64 {
        self.leaves().iter().map(|leaf| leaf.at_least).max().unwrap_or(1)
    }

    fn collect<'n>(&'n self, all: &mut Vec<&'n Leaf>) {
        match self {
            Self::Leaf(leaf) => all.push(leaf),
            Self::All(nodes) | Self::Any(nodes) | Self::None(nodes) => {
                nodes.iter().for_each(|node| node.collect(all))
            }
        }
    }
}

/// Which rules must be looked at.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    /// By list, then by near question: rules that one of its matches may make true.
    pub(crate) by_source: Vec<Vec<u32>>,
    /// By probe: rules that something found by the index may make true.
    pub(crate) by_probe: Vec<Vec<u32>>,
    /// When there is a file.
    pub(crate) files: Vec<u32>,
    /// When something could not be inspected or is ambiguous.
    pub(crate) findings: Vec<u32>,
    /// Whatever the message.
    pub(crate) always: Vec<u32>,
}

/// Settings of a set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) internal: Addresses,
    pub(crate) has_internal: bool,
    pub(crate) zone: TimeZone,
    pub(crate) kept_matches: usize,
    pub(crate) context: usize,
    /// Different values that are told apart in one component: never so few that more could change a verdict.
    pub(crate) count_limit: usize,
    /// Names of the headers for number, severity, score.
    pub(crate) violation_headers: [Option<String>; 3],
    pub(crate) quoted_replies: bool,
    pub(crate) ignored: crate::inspect::ignore::KnownTexts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            internal: Addresses::default(),
            has_internal: false,
            zone: TimeZone::UTC,
            kept_matches: 100,
            context: 60,
            count_limit: 100_000,
            violation_headers: [None, None, None],
            quoted_replies: false,
            ignored: Default::default(),
        }
    }
}

/// A response rule.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) name: String,
    pub(crate) when: When,
    pub(crate) quarantine_connect: bool,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) prefix: Option<Template>,
    pub(crate) suffix: Option<Template>,
    pub(crate) block: Option<(u16, String, Template)>,
    pub(crate) redirect: Vec<String>,
    pub(crate) copy: Vec<String>,
    pub(crate) effects: Vec<SideEffect>,
}

/// A side effect with its templates.
#[derive(Debug)]
pub(crate) enum SideEffect {
    Notify { to: Vec<Template>, subject: Template, text: Template },
    Syslog { host: Option<String>, port: Option<u16>, level: String, format: String, message: Template },
    Status(String),
    Attribute(String, Template),
    Retention { discard_original: bool, attachments: String },
}

/// When a response rule acts.
#[derive(Debug, Default)]
pub(crate) struct When {
    pub(crate) severity: AnyNone<Severity>,
    pub(crate) protocol: AnyNone<String>,
    pub(crate) direction: AnyNone<crate::Direction>,
    pub(crate) policy: AnyNone<u32>,
    pub(crate) recipient: Option<Addresses>,
    pub(crate) not_recipient: Option<Addresses>,
    pub(crate) match_count: Option<Amount>,
}

/// "Is any of", "is none of"; an empty list asks nothing.
#[derive(Debug)]
pub(crate) struct AnyNone<T> {
    pub(crate) any: Vec<T>,
    pub(crate) none: Vec<T>,
}

impl<T> Default for AnyNone<T> {
    fn default() -> Self {
        Self { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq> AnyNone<T> {
    pub(crate) fn admits(&self, value: &T) -> bool {
        (self.any.is_empty() || self.any.contains(value)) && !self.none.contains(value)
    }
}
