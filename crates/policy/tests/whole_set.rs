//! Whole sets against a judge that is slow and obvious: small random policies over small random mails. And what may not matter
//! does not: the order of policies, the order of files, where a text is cut into pieces.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use content::{Component, Kind, Opened, Segment};
use policy::explanation::RuleEnd;
use policy::{Inspection, Set, Severity};
use proptest::prelude::*;
use proptest::sample::select;
use support::{Message, raw, set};

// ---- policies

#[derive(Debug, Clone)]
struct Policy {
    id: u32,
    severity: Severity,
    rules: Vec<Rule>,
    exceptions: Vec<Exception>,
}

#[derive(Debug, Clone)]
struct Rule {
    tree: Vec<Tree>,
    at_least: u64,
    per_component: bool,
    severity: Option<Severity>,
    tiers: BTreeMap<u64, Severity>,
}

#[derive(Debug, Clone)]
struct Exception {
    tree: Vec<Tree>,
    at_least: u64,
    whole_message: bool,
    /// Of the first rule only.
    first: bool,
}

#[derive(Debug, Clone)]
enum Tree {
    Leaf(Leaf),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    None(Vec<Tree>),
}

#[derive(Debug, Clone)]
struct Leaf {
    what: What,
    places: BTreeSet<&'static str>,
    near: Option<(BTreeSet<&'static str>, usize)>,
    at_least: u64,
    unique: bool,
    counts: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Words(BTreeSet<&'static str>),
    /// Four digits that check.
    Number,
}

const PHRASES: &[&str] = &["red", "blue", "green", "red sky", "sky blue", "blue red", "deep red sky"];
const PLACES: [&str; 3] = ["subject", "body", "attachments"];
const NUMBER: &str = "name = \"n\"\n[wide]\npatterns = ['\\d{4}']\nvalidators = [\"luhn\"]\n";

fn phrases() -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop::collection::btree_set(select(PHRASES), 1..6)
}

fn leaf() -> impl Strategy<Value = Tree> {
    let what = prop_oneof![4 => phrases().prop_map(What::Words), 1 => Just(What::Number)];
    let places = prop_oneof![
        3 => Just(PLACES.into_iter().collect()),
        2 => prop::collection::btree_set(select(&PLACES[..]), 1..3)
    ];
    let near = prop::option::weighted(0.4, (phrases(), 0..5usize));
    let counted = (1..4u64, any::<bool>(), prop::bool::weighted(0.8));
    (what, places, near, counted).prop_map(|(what, places, near, (at_least, unique, counts))| {
        Tree::Leaf(Leaf { what, places, near, at_least, unique, counts })
    })
}

fn tree() -> impl Strategy<Value = Vec<Tree>> {
    let list = leaf().prop_recursive(2, 6, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![some().prop_map(Tree::All), some().prop_map(Tree::Any), some().prop_map(Tree::None)]
    });
    prop::collection::vec(list, 1..3)
}

fn rule() -> impl Strategy<Value = Rule> {
    let severity = || select(&Severity::ALL[..]);
    let tiers = prop::collection::btree_map(1..6u64, severity(), 0..3);
    (tree(), 1..5u64, any::<bool>(), prop::option::of(severity()), tiers).prop_map(
        |(tree, at_least, per_component, severity, tiers)| Rule {
            tree,
            at_least,
            per_component,
            severity,
            tiers,
        },
    )
}

fn exception() -> impl Strategy<Value = Exception> {
    (tree(), 1..3u64, any::<bool>(), any::<bool>())
        .prop_map(|(tree, at_least, whole_message, first)| Exception { tree, at_least, whole_message, first })
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let parts = (
        select(&Severity::ALL[..]),
        prop::collection::vec(rule(), 1..3),
        prop::collection::vec(exception(), 0..3),
    );
    prop::collection::vec(parts, 1..4).prop_map(|all| {
        let numbered = all.into_iter().zip(1..);
        numbered
            .map(|((severity, rules, exceptions), id)| Policy { id, severity, rules, exceptions })
            .collect()
    })
}

// ---- as files

fn written(policy: &Policy) -> String {
    let id = policy.id;
    let mut text =
        format!("id = {id}\nname = \"P{id}\"\nmode = \"on\"\nseverity = \"{}\"\n", policy.severity);
    for (number, rule) in policy.rules.iter().enumerate() {
        text += &format!("[[rule]]\nname = \"r{number}\"\nat_least = {}\n", rule.at_least);
        text += &format!("all = [{}]\n", trees(&rule.tree));
        if rule.per_component {
            text += "per = \"component\"\n";
        }
        if let Some(severity) = rule.severity {
            text += &format!("severity = \"{severity}\"\n");
        }
        let tiers = rule.tiers.iter();
        let tiers: Vec<String> = tiers
            .map(|(at_least, severity)| format!("{{ at_least = {at_least}, severity = \"{severity}\" }}"))
            .collect();
        if !tiers.is_empty() {
            text += &format!("tiers = [{}]\n", tiers.join(", "));
        }
    }
    for exception in &policy.exceptions {
        let covers = if exception.whole_message { "message" } else { "component" };
        text += &format!("[[exception]]\ncovers = \"{covers}\"\nat_least = {}\n", exception.at_least);
        text += &format!("all = [{}]\n", trees(&exception.tree));
        if exception.first {
            text += "rules = \"r0\"\n";
        }
    }
    text
}

fn trees(all: &[Tree]) -> String {
    let of = |tree: &Tree| match tree {
        Tree::Leaf(leaf) => leaf_text(leaf),
        Tree::All(inner) => format!("{{ all = [{}] }}", trees(inner)),
        Tree::Any(inner) => format!("{{ any = [{}] }}", trees(inner)),
        Tree::None(inner) => format!("{{ none = [{}] }}", trees(inner)),
    };
    all.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn leaf_text(leaf: &Leaf) -> String {
    let list = |words: &BTreeSet<&str>| format!("{:?}", words.iter().collect::<Vec<_>>());
    let mut keys = vec![match &leaf.what {
        What::Words(words) => format!("keywords = {}", list(words)),
        What::Number => "identifier = \"num\"".to_owned(),
    }];
    keys.push(format!("where = {}", list(&leaf.places)));
    if let Some((words, within)) = &leaf.near {
        keys.push(format!("near = {{ keywords = {}, within = {within} }}", list(words)));
    }
    keys.push(format!("at_least = {}", leaf.at_least));
    keys.push(format!("count = \"{}\"", if leaf.unique { "unique" } else { "all" }));
    keys.push(format!("counts = {}", leaf.counts));
    format!("{{ {} }}", keys.join(", "))
}

fn compiled<'p>(policies: impl Iterator<Item = &'p Policy>) -> Set {
    compiled_with(policies, "")
}

fn compiled_with<'p>(policies: impl Iterator<Item = &'p Policy>, settings: &str) -> Set {
    let texts: Vec<(String, String)> =
        policies.map(|policy| (format!("p{}.toml", policy.id), written(policy))).collect();
    let mut files: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("identifiers/num.toml", NUMBER));
    files.push(("settings.toml", settings));
    set(&files)
}

// ---- mails

/// Words, each with what stands behind it.
type Text = Vec<(&'static str, &'static str)>;

#[derive(Debug, Clone)]
struct Parts {
    subject: Text,
    body: Text,
    /// The body as a page beside the plain one.
    page: Option<Text>,
    files: Vec<Text>,
}

const WORDS: &[&str] =
    &["red", "blue", "green", "sky", "deep", "Red", "BLUE", "Sky", "a", "of", "then", "1230", "1235", "5678"];
const BETWEEN: &[&str] = &[" ", " ", " ", "  ", "\r\n", ", ", "; "];

fn text(most: usize) -> impl Strategy<Value = Text> {
    prop::collection::vec((select(WORDS), select(BETWEEN)), 1..most)
}

/// Some words again and again, so that there are many matches for so much text, before others.
fn crowded() -> impl Strategy<Value = Text> {
    let again = prop::collection::vec((select(&["red", "blue", "sky", "1230"][..]), select(BETWEEN)), 1..6);
    (again, 30..60usize, text(10)).prop_map(|(again, times, rest)| [again.repeat(times), rest].concat())
}

fn parts() -> impl Strategy<Value = Parts> {
    let long = || prop_oneof![4 => text(20), 1 => crowded()];
    let files = prop::collection::vec(text(15), 0..4);
    let all = (text(5), long(), prop::option::weighted(0.3, long()), files);
    all.prop_map(|(subject, body, page, files)| {
        let subject = subject.into_iter().map(|(word, between)| (word, between.trim_matches(['\r', '\n'])));
        let subject = subject.map(|(word, between)| (word, if between.is_empty() { " " } else { between }));
        Parts { subject: subject.collect(), body, page, files }
    })
}

fn plain(text: &Text) -> String {
    text.iter().map(|(word, between)| [*word, between].concat()).collect()
}

fn mail<'p>(parts: &'p Parts, files: impl Iterator<Item = &'p Text>) -> Message {
    let body = match &parts.page {
        None => format!("\r\n{}", plain(&parts.body)),
        Some(page) => format!(
            "Content-Type: multipart/alternative; boundary=yy\r\n\r\n--yy\r\n\r\n{}\r\n--yy\r\nContent-Type: text/html\r\n\r\n<p>{}</p>\r\n--yy--",
            plain(&parts.body),
            plain(page)
        ),
    };
    let mut text = format!(
        "Subject: {}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\n{body}\r\n",
        plain(&parts.subject).trim_end(),
    );
    for file in files {
        text +=
            "--xx\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"f.txt\"\r\n\r\n";
        text += &format!("{}\r\n", plain(file));
    }
    raw(&(text + "--xx--\r\n"))
}

// ---- the slow judge

/// Where a text stands, and its words; of a body, as each of its renderings has it.
type Place<'m> = (&'static str, Vec<&'m Text>);

fn components(parts: &Parts) -> Vec<Place<'_>> {
    let body = [&parts.body].into_iter().chain(&parts.page).collect();
    let files = parts.files.iter().map(|file| ("attachments", vec![file]));
    [("subject", vec![&parts.subject]), ("body", body)].into_iter().chain(files).collect()
}

/// Words from, to, and the value.
type Found = (usize, usize, String);

/// Every place of every phrase but those inside a longer one.
fn phrases_in(phrases: &BTreeSet<&str>, text: &Text) -> Vec<Found> {
    let mut all = Vec::new();
    for phrase in phrases {
        let words: Vec<&str> = phrase.split(' ').collect();
        for at in 0..text.len() {
            let here = text.iter().skip(at).take(words.len());
            let same = here.clone().map(|(word, _)| word.to_lowercase()).eq(words.iter().copied());
            let blank = here.take(words.len() - 1).all(|(_, between)| between.trim().is_empty());
            if same && blank {
                all.push((at, at + words.len(), words.concat()));
            }
        }
    }
    let inside = |one: &Found, other: &Found| {
        other.0 <= one.0 && one.1 <= other.1 && (one.0, one.1) != (other.0, other.1)
    };
    all.iter().filter(|one| !all.iter().any(|other| inside(one, other))).cloned().collect()
}

fn numbers_in(text: &Text) -> Vec<Found> {
    let words = text.iter().enumerate().filter(|(_, (word, _))| ["1230", "5678"].contains(word));
    words.map(|(at, (word, _))| (at, at + 1, (*word).to_owned())).collect()
}

impl Leaf {
    fn found(&self, text: &Text) -> Vec<Found> {
        let mut found = match &self.what {
            What::Words(words) => phrases_in(words, text),
            What::Number => numbers_in(text),
        };
        if let Some((words, within)) = &self.near {
            let words = phrases_in(words, text);
            found.retain(|one| {
                words.iter().any(|word| {
                    (word.1 <= one.0 && one.0 - word.1 <= *within)
                        || (one.1 <= word.0 && word.0 - one.1 <= *within)
                })
            });
        }
        found
    }

    /// How often each value stands in a component: as often as in the rendering that has it most often.
    fn values(&self, (place, texts): &Place<'_>) -> BTreeMap<String, u64> {
        let mut most: BTreeMap<String, u64> = BTreeMap::new();
        for text in texts.iter().filter(|_| self.places.contains(place)) {
            let mut here: BTreeMap<String, u64> = BTreeMap::new();
            self.found(text).into_iter().for_each(|found| *here.entry(found.2).or_default() += 1);
            for (value, count) in here {
                let known = most.entry(value).or_default();
                *known = count.max(*known);
            }
        }
        most
    }

    fn count(&self, components: &[Place<'_>]) -> u64 {
        let each: Vec<(String, u64)> =
            components.iter().flat_map(|component| self.values(component)).collect();
        if self.unique {
            each.iter().map(|(value, _)| value).collect::<BTreeSet<_>>().len() as u64
        } else {
            each.iter().map(|(_, count)| count).sum()
        }
    }

    /// Whether one text of a component has more than one value, so that counting may stop before its end.
    fn may_be_cut_short(&self, (place, texts): &Place<'_>) -> bool {
        self.counts
            && self.places.contains(place)
            && texts.iter().any(|text| {
                self.found(text).into_iter().map(|(.., value)| value).collect::<BTreeSet<_>>().len() > 1
            })
    }

    /// Whether both ask the same.
    fn is_like(&self, other: &Self) -> bool {
        (&self.what, &self.places, &self.near, self.unique, self.counts)
            == (&other.what, &other.places, &other.near, other.unique, other.counts)
    }
}

/// The conditions that hold and count, if all of the trees hold.
fn holding<'t>(trees: &'t [Tree], components: &[Place<'_>]) -> Option<Vec<&'t Leaf>> {
    let each = trees.iter().map(|tree| match tree {
        Tree::Leaf(leaf) => (leaf.count(components) >= leaf.at_least).then(|| vec![leaf]),
        Tree::All(inner) => holding(inner, components),
        Tree::Any(inner) => {
            let some: Vec<Vec<&Leaf>> =
                inner.iter().filter_map(|one| holding(std::slice::from_ref(one), components)).collect();
            (!some.is_empty()).then(|| some.concat())
        }
        Tree::None(inner) => {
            let any = inner.iter().any(|one| holding(std::slice::from_ref(one), components).is_some());
            (!any).then(Vec::new)
        }
    });
    each.collect::<Option<Vec<_>>>().map(|all| all.concat())
}

/// What trees count, if they hold and count enough: a question that is asked twice counts once.
fn counted(trees: &[Tree], at_least: u64, components: &[Place<'_>]) -> Option<u64> {
    let mut different: Vec<&Leaf> = Vec::new();
    for leaf in holding(trees, components)?.into_iter().filter(|leaf| leaf.counts) {
        if !different.iter().any(|known| known.is_like(leaf)) {
            different.push(leaf);
        }
    }
    let sum: u64 = different.iter().map(|leaf| leaf.count(components)).sum();
    (sum.max(1) >= at_least).then_some(sum.max(1))
}

impl Tree {
    fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::Leaf(leaf) => vec![leaf],
            Self::All(inner) | Self::Any(inner) | Self::None(inner) => {
                inner.iter().flat_map(Self::leaves).collect()
            }
        }
    }
}

impl Rule {
    fn count(&self, components: &[Place<'_>]) -> Option<u64> {
        if !self.per_component {
            return counted(&self.tree, self.at_least, components);
        }
        let each = components.iter();
        let counts: Vec<u64> = each
            .filter_map(|component| counted(&self.tree, self.at_least, std::slice::from_ref(component)))
            .collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }

    /// Whether counting may stop before the end of what the rule counts in these components.
    fn may_be_cut_short(&self, components: &[Place<'_>]) -> bool {
        let counting = components.iter().filter(|component| {
            !self.per_component || self.count(std::slice::from_ref(*component)).is_some()
        });
        let leaves: Vec<&Leaf> = self.tree.iter().flat_map(Tree::leaves).collect();
        counting.into_iter().any(|component| leaves.iter().any(|leaf| leaf.may_be_cut_short(component)))
    }

    fn severity_of(&self, count: u64, policy: Severity) -> Severity {
        let tier = self.tiers.iter().rev().find(|(at_least, _)| count >= **at_least);
        tier.map_or(self.severity.unwrap_or(policy), |(_, severity)| *severity)
    }
}

/// Name, severity and count of a rule that matches.
type Hit = (String, Severity, u64);

/// Each rule that matches.
type Hits = Vec<Hit>;

fn slowly(policy: &Policy, parts: &Parts) -> Hits {
    slowly_told(policy, parts).into_iter().map(|(hit, _)| hit).collect()
}

/// Likewise, each with whether counting may stop before its end.
fn slowly_told(policy: &Policy, parts: &Parts) -> Vec<(Hit, bool)> {
    let all = components(parts);
    let mut hits = Vec::new();
    for (number, rule) in policy.rules.iter().enumerate() {
        let concerned: Vec<&Exception> =
            policy.exceptions.iter().filter(|exception| number == 0 || !exception.first).collect();
        let covers = |exception: &Exception, components: &[Place<'_>]| {
            counted(&exception.tree, exception.at_least, components).is_some()
        };
        let whole = concerned.iter().any(|exception| exception.whole_message && covers(exception, &all));
        let kept: Vec<Place<'_>> = all
            .iter()
            .filter(|component| {
                let one = std::slice::from_ref(*component);
                !concerned.iter().any(|exception| !exception.whole_message && covers(exception, one))
            })
            .cloned()
            .collect();
        let before = rule.count(&all);
        if let Some(count) = before.and_then(|_| rule.count(&kept)).filter(|_| !whole) {
            let hit = (format!("r{number}"), rule.severity_of(count, policy.severity), count);
            hits.push((hit, rule.may_be_cut_short(&kept)));
        }
    }
    hits
}

fn hits(inspection: &Inspection) -> BTreeMap<u32, Hits> {
    let violations = inspection.violations.iter();
    violations
        .map(|violation| {
            let rules = violation.rules.iter();
            let hits: Hits = rules.map(|hit| (hit.name.clone(), hit.severity, hit.count)).collect();
            let worst = hits.iter().map(|(_, severity, _)| severity.score()).max();
            assert_eq!(Some(violation.severity.score()), worst);
            assert_eq!(violation.match_count, hits.iter().map(|(.., count)| count).sum::<u64>());
            (violation.policy.id, hits)
        })
        .collect()
}

// ---- cutting

/// Cuts the texts of body and files behind those marks of punctuation that `cuts` names: no phrase goes over one.
fn cut<'m>(opened: &Opened<'m>, cuts: u64) -> Opened<'m> {
    let mut pieces = Vec::new();
    for segment in &opened.segments {
        let mut ends: Vec<usize> = Vec::new();
        if matches!(segment.component, Component::Body | Component::Attachment) && segment.kind == Kind::Text
        {
            let marks = segment.text.match_indices([',', ';']).enumerate();
            ends.extend(
                marks.filter(|(number, _)| cuts >> (number % 64) & 1 == 1).map(|(_, (at, _))| at + 1),
            );
        }
        let mut from = 0;
        for end in ends.into_iter().chain([segment.text.len()]) {
            let text = segment.text[from..end].to_owned();
            pieces.push(Segment { text: text.into(), ..segment.clone() });
            from = end;
        }
    }
    Opened { segments: pieces, ..opened.clone() }
}

/// How many cases each property is tried with; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_finds_what_the_slow_judge_finds(policies in policies(), parts in parts()) {
        let slow: BTreeMap<u32, Hits> = policies
            .iter()
            .map(|policy| (policy.id, slowly(policy, &parts)))
            .filter(|(_, hits)| !hits.is_empty())
            .collect();
        let inspection = mail(&parts, parts.files.iter()).inspect(&compiled(policies.iter()));
        prop_assert_eq!(hits(&inspection), slow);
    }

    /// Neither where counting stops nor how much is kept decides anything.
    #[test]
    fn where_counting_stops_no_verdict_changes(policies in policies(), parts in parts()) {
        let set = compiled_with(policies.iter(), "count_limit = 1\nkept_matches = 1\n");
        let inspection = mail(&parts, parts.files.iter()).inspect(&set);
        let complete = inspection.violations.iter().flat_map(|one| &one.rules).map(|rule| rule.count_is_complete);
        let found = hits(&inspection);
        let found: Vec<(u32, Hit)> =
            found.into_iter().flat_map(|(id, hits)| hits.into_iter().map(move |hit| (id, hit))).collect();
        let slow: Vec<(u32, (Hit, bool))> = policies
            .iter()
            .flat_map(|policy| slowly_told(policy, &parts).into_iter().map(|hit| (policy.id, hit)))
            .collect();
        let verdict = |id: u32, (name, severity, _): &Hit| (id, name.clone(), severity.score());
        prop_assert_eq!(
            found.iter().map(|(id, hit)| verdict(*id, hit)).collect::<Vec<_>>(),
            slow.iter().map(|(id, (hit, _))| verdict(*id, hit)).collect::<Vec<_>>()
        );
        for (((_, (.., count)), (_, ((.., whole), may_stop))), complete) in found.iter().zip(&slow).zip(complete) {
            prop_assert!(if complete { count == whole } else { count <= whole }, "{count} of {whole}");
            prop_assert!(complete || *may_stop, "{count} or more, where all is counted");
        }
    }

    #[test]
    fn what_is_explained_is_what_was_found(policies in policies(), parts in parts()) {
        let set = compiled(policies.iter());
        let explanation = mail(&parts, parts.files.iter()).asked(|mail| set.explain(mail));
        let found = hits(&explanation.inspection);
        for policy in explanation.policies.iter().filter(|policy| policy.policy.id < 9999) {
            let matched = policy.rules.iter().filter(|rule| rule.end == RuleEnd::Matched);
            let told: Vec<(String, u64)> = matched.map(|rule| (rule.name.clone(), rule.left)).collect();
            let hits = found.get(&policy.policy.id).cloned().unwrap_or_default();
            prop_assert_eq!(told, hits.into_iter().map(|(name, _, count)| (name, count)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn neither_the_order_of_policies_nor_of_files_matters(policies in policies(), parts in parts()) {
        let forth = mail(&parts, parts.files.iter()).inspect(&compiled(policies.iter()));
        let back = mail(&parts, parts.files.iter().rev()).inspect(&compiled(policies.iter().rev()));
        prop_assert_eq!(hits(&forth), hits(&back));
    }

    #[test]
    fn where_a_text_is_cut_does_not_matter(policies in policies(), parts in parts(), cuts in any::<u64>()) {
        let set = compiled(policies.iter());
        let (whole, in_pieces) = mail(&parts, parts.files.iter()).asked(|mail| {
            let opened = cut(mail.opened, cuts);
            let pieces = policy::Mail { opened: &opened, ..mail.clone() };
            (set.inspect(mail), set.inspect(&pieces))
        });
        prop_assert_eq!(hits(&whole), hits(&in_pieces));
    }
}
