//! Answers to questions about one message, each worked out when it is first asked for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::time::Instant;

use content::{Reason, Role, Unscannable};
use jiff::civil::Weekday;

use super::gather::{AT_A_TIME, Found, Gathered, write_value};
use super::learned::Likeness;
use super::matches::Source;
use super::pieces::{Pieces, Scope, Spot, file_scope};
use super::tally::Tally;
use super::{documents, exact, learned, probes};
use crate::address::glob_matches;
use crate::compile::model::{
    Compiled, Content, DocumentsTest, ExactTest, FileTest, Leaf, LearnedTest, Need, Probe, Reasons, Test,
    TimeTest,
};
use crate::index::Index;
use crate::mail::{Direction, Mail};
use crate::syntax::condition::Count;

/// Where something is that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    Text(Found),
    /// A row, by its probe and its place among those found.
    Row(u32, u32),
    /// A document, likewise.
    Document(u32, u32),
    /// A file that is a document, likewise.
    DocumentFile(u32, u32),
    /// A component that is like what was learned, by its place in [`Answers::likenesses`].
    Like(u32),
    /// A part that is a file.
    File(u32),
    /// A place among what could not be inspected.
    Unscannable(u32),
    /// A place among what is ambiguous.
    Ambiguous(u32),
}

/// Something that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) scope: Scope,
    pub(super) at: At,
    /// Equal for equal values.
    pub(super) value: u32,
    /// How often it is there; more than once where equal ones were only counted.
    pub(super) weight: u64,
}

/// An answer.
#[derive(Debug)]
enum Answer {
    /// In the order of components, within one in the order of the message.
    Items(Vec<Item>),
    Fact(bool),
}

/// Where to count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Within<'w> {
    /// In all components but these.
    All(&'w HashSet<Scope>),
    /// In one component.
    One(Scope),
}

impl Within<'_> {
    pub(super) fn has(&self, scope: Scope) -> bool {
        match self {
            Self::All(except) => !except.contains(&scope),
            Self::One(one) => *one == scope,
        }
    }
}

/// The answers about one message.
pub(super) struct Answers<'a> {
    set: &'a Compiled,
    mail: &'a Mail<'a>,
    pub(super) pieces: &'a Pieces<'a>,
    pub(super) gathered: &'a Gathered,
    pub(super) unscannable: &'a [Unscannable],
    direction: Direction,
    known: HashMap<u32, Answer>,
    /// Questions about content of which not everything was counted.
    stopped: HashSet<u32>,
    /// The texts in which counting stopped where more might have changed the verdict, and why.
    cut: Vec<(u32, Reason)>,
    /// Findings that answer no question any more.
    left_out: HashSet<At>,
    /// Components that are like what was learned, with the name of the learned policy.
    pub(super) likenesses: Vec<(String, Likeness)>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(
        set: &'a Compiled,
        mail: &'a Mail<'a>,
        pieces: &'a Pieces<'a>,
        gathered: &'a Gathered,
        unscannable: &'a [Unscannable],
        direction: Direction,
    ) -> Self {
        Self {
            set,
            mail,
            pieces,
            gathered,
            unscannable,
            direction,
            known: HashMap::new(),
            stopped: HashSet::new(),
            cut: Vec::new(),
            left_out: HashSet::new(),
            likenesses: Vec::new(),
        }
    }

    /// Whether an answer counts all that there is.
    pub(super) fn is_complete(&self, atom: u32) -> bool {
        let cut = self.gathered.late.is_some() || !self.gathered.overflowing.is_empty();
        match &self.set.engine.atoms[atom as usize].test {
            Test::Content(_) => !cut && !self.stopped.contains(&atom),
            Test::Exact(_) | Test::Documents(_) | Test::Learned(_) => {
                !cut && self.gathered.faulty.is_empty() && self.gathered.faulty_parts.is_empty()
            }
            // Of the texts that there was no time for, only the first is a finding.
            Test::Encrypted | Test::Unscannable(_) | Test::Ambiguous(_) => self.gathered.late.is_none(),
            _ => true,
        }
    }

    /// The texts in which counting stopped before its end though more might have changed the verdict, and why.
    pub(super) fn cut(&self) -> &[(u32, Reason)] {
        &self.cut
    }

    /// The same answers, but for those about findings: there are more of them.
    pub(super) fn with_findings(self, unscannable: &'a [Unscannable]) -> Self {
        let mut again = Self { unscannable, cut: Vec::new(), left_out: HashSet::new(), ..self };
        let mut known = std::mem::take(&mut again.known);
        known.retain(|atom, _| !again.asks_for_findings(*atom));
        Self { known, ..again }
    }

    /// Whether the leaf holds, and how much it counts there: 0 for what is no number.
    pub(super) fn count(&mut self, leaf: &Leaf, within: Within<'_>) -> (bool, u64) {
        match self.answer(leaf.atom) {
            Answer::Fact(fact) => (*fact, 0),
            Answer::Items(items) => {
                let count = counted(items, leaf.mode, within);
                (count >= leaf.at_least, count)
            }
        }
    }

    /// What counts there, in order.
    pub(super) fn items(&mut self, atom: u32, within: Within<'_>) -> Vec<Item> {
        match self.answer(atom) {
            Answer::Fact(_) => Vec::new(),
            Answer::Items(items) => select(items, within).copied().collect(),
        }
    }

    /// The components in which it counts something.
    pub(super) fn scopes(&mut self, atom: u32, all: &mut HashSet<Scope>) {
        if let Answer::Items(items) = self.answer(atom) {
            all.extend(items.iter().map(|item| item.scope));
        }
    }

    /// Whether the question is about what could not be inspected or is ambiguous.
    pub(super) fn asks_for_findings(&self, atom: u32) -> bool {
        matches!(
            self.set.engine.atoms[atom as usize].test,
            Test::Encrypted | Test::Unscannable(_) | Test::Ambiguous(_)
        )
    }

    /// From now on these findings answer no question.
    pub(super) fn leave_out(&mut self, findings: HashSet<At>) {
        for answer in self.known.values_mut() {
            if let Answer::Items(items) = answer {
                items.retain(|item| !findings.contains(&item.at));
            }
        }
        self.left_out = findings;
    }

    fn answer(&mut self, atom: u32) -> &Answer {
        if !self.known.contains_key(&atom) {
            let mut answer = self.work_out(atom);
            if let Answer::Items(items) = &mut answer
                && !self.left_out.is_empty()
            {
                items.retain(|item| !self.left_out.contains(&item.at));
            }
            self.known.insert(atom, answer);
        }
        &self.known[&atom]
    }

    fn work_out(&mut self, atom: u32) -> Answer {
        let (envelope, set) = (self.mail.envelope, self.set);
        match &set.engine.atoms[atom as usize].test {
            Test::Content(content) => Answer::Items(self.content(atom, content)),
            Test::Exact(test) => Answer::Items(self.rows(test)),
            Test::Documents(test) => Answer::Items(self.documents(test)),
            Test::Learned(test) => Answer::Items(self.learned(test)),
            Test::File(test) => Answer::Items(self.files(test)),
            Test::Encrypted => Answer::Items(self.encrypted()),
            Test::Unscannable(reasons) => Answer::Items(self.unscannable(reasons)),
            Test::Ambiguous(names) => Answer::Items(self.ambiguous(names)),
            Test::AttachmentCount(amount) => Answer::Fact(amount.holds(self.attachments())),
            Test::MessageSize(amount) => Answer::Fact(amount.holds(self.mail.size)),
            Test::Sender(addresses) => Answer::Fact(addresses.contains(&envelope.sender)),
            Test::Recipients { patterns, need } => {
                let matching =
                    envelope.recipients.iter().filter(|recipient| patterns.contains(recipient)).count();
                Answer::Fact(match need {
                    Need::All => matching == envelope.recipients.len() && matching > 0,
                    Need::AtLeast(least) => matching as u64 >= *least,
                })
            }
            Test::HeaderPresent { name, present } => {
                Answer::Fact(self.headers(name).next().is_some() == *present)
            }
            Test::HeaderEquals { name, values } => {
                Answer::Fact(self.headers(name).any(|text| values.contains(&text.trim().to_lowercase())))
            }
            Test::Time(test) => Answer::Fact(is_time(test, &self.mail.now)),
            Test::Direction(bits) => Answer::Fact(bits >> self.direction as u8 & 1 == 1),
        }
    }

    fn headers<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let fields = self.mail.opened.headers.iter();
        fields
            .filter(|header| header.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|header| header.text.as_ref())
    }

    // ---- content

    fn content(&mut self, atom: u32, content: &Content) -> Vec<Item> {
        let settings = &self.set.settings;
        let mut tally = Tally::new(settings.count_limit, settings.kept_matches);
        let sources = content
            .sources
            .iter()
            .filter_map(|source| self.gathered.sources.get(self.set.engine.index(*source)));
        let (mut value, mut furthest) = (String::new(), (0, 0));
        for (number, found) in in_order(sources.collect()).enumerate() {
            if number % AT_A_TIME == AT_A_TIME - 1 && Instant::now() >= self.mail.deadline {
                self.cut.push((found.piece, Reason::Timeout));
                tally.stopped = true;
                break;
            }
            let piece = self.pieces.get(found.piece);
            if !piece.admitted_by(&content.places) {
                continue;
            }
            write_value(piece.text, &found.span(), &mut value);
            if !content.exclude.is_empty() && content.exclude.contains(&value) {
                continue;
            }
            // Lists that are counted together may find the same text: the outermost counts.
            if content.sources.len() > 1 {
                if (found.piece, found.end) <= furthest {
                    continue;
                }
                furthest = (found.piece, found.end);
            }
            tally.add(found, piece, &value);
        }
        self.cut.extend(tally.over.map(|piece| (piece, Reason::TooBig)));
        if tally.stopped {
            self.stopped.insert(atom);
        }
        self.told(tally)
    }

    /// What counts: renderings of one thing once, in the order of components.
    fn told(&self, tally: Tally) -> Vec<Item> {
        let mut items = tally.into_items();
        self.once_for_each_view(&mut items);
        items.sort_by_key(|item| item.scope);
        items
    }

    /// How many matches these are, with their values.
    pub(super) fn how_many(&self, found: &[(Found, String)], mode: Count, within: Within<'_>) -> u64 {
        let mut tally = Tally::new(usize::MAX, 0);
        found.iter().for_each(|(one, value)| tally.add(*one, self.pieces.get(one.piece), value));
        counted(&self.told(tally), mode, within)
    }

    /// What the mail has where a question asks for a fact, in words.
    pub(super) fn fact(&self, test: &Test) -> Option<String> {
        let envelope = self.mail.envelope;
        Some(match test {
            Test::AttachmentCount(_) => format!("it has {}", self.attachments()),
            Test::MessageSize(_) => format!("it has {} octets", self.mail.size),
            Test::Recipients { patterns, .. } => {
                let matching = envelope.recipients.iter().filter(|one| patterns.contains(one)).count();
                format!("{matching} of {} recipients", envelope.recipients.len())
            }
            Test::Direction(_) => format!("it is {}", self.direction),
            Test::Time(test) => {
                format!("it is {}", self.mail.now.with_time_zone(test.zone.clone()).strftime("%a %H:%M"))
            }
            _ => return None,
        })
    }

    /// A component as people know it.
    pub(super) fn component(&self, scope: Scope) -> String {
        match self.pieces.iter().find(|piece| piece.scope() == scope) {
            Some(piece) if piece.spot != Spot::File => piece.component().to_owned(),
            _ if scope == Spot::BODY_SCOPE => "body".to_owned(),
            _ => {
                let mut parts = self.mail.opened.parts.iter();
                parts
                    .find(|part| file_scope(part.id) == scope)
                    .map_or(String::new(), |part| part.path.clone())
            }
        }
    }

    /// Renderings of one thing count once: of each value, those of the rendering that has it most often.
    fn once_for_each_view(&self, items: &mut Vec<Item>) {
        let view = |item: &Item| match item.at {
            At::Text(found) => self.pieces.get(found.piece).view,
            _ => None,
        };
        let mut counts: BTreeMap<(u32, u32), BTreeMap<u16, u64>> = BTreeMap::new();
        for item in items.iter() {
            if let Some(view) = view(item) {
                *counts.entry((view.group, item.value)).or_default().entry(view.index).or_default() +=
                    item.weight;
            }
        }
        if counts.is_empty() {
            return;
        }
        let best = |group: u32, value: u32| {
            let by_index = counts.get(&(group, value))?;
            by_index.iter().max_by_key(|(index, count)| (**count, Reverse(**index))).map(|(index, _)| *index)
        };
        items.retain(|item| view(item).is_none_or(|view| best(view.group, item.value) == Some(view.index)));
    }

    // ---- indexes

    pub(super) fn probed(&self, probe: u32) -> &'a probes::Found {
        self.gathered.probed.get(probe as usize).unwrap_or(&probes::Found::Later)
    }

    /// What an index found about a question of exact data: the row and its values.
    pub(super) fn row(&self, probe: u32, at: u32) -> Option<&'a exact::RowFound> {
        self.probed(probe).rows().get(at as usize)
    }

    pub(super) fn document(&self, probe: u32, at: u32) -> Option<&'a documents::DocumentFound> {
        self.probed(probe).documents().get(at as usize)
    }

    /// The document that a file is, by its probe and its place among those found.
    pub(super) fn document_file(&self, probe: u32, at: u32) -> Option<documents::FileFound> {
        self.probed(probe).files().get(at as usize).copied()
    }

    fn rows(&self, test: &ExactTest) -> Vec<Item> {
        let found = exact::sufficing(test, self.probed(test.probe).rows(), self.pieces);
        found
            .into_iter()
            .map(|(scope, at, row)| Item { scope, at: At::Row(test.probe, at), value: row, weight: 1 })
            .collect()
    }

    fn documents(&self, test: &DocumentsTest) -> Vec<Item> {
        let found = documents::sufficing(test, self.probed(test.probe).documents(), self.pieces);
        let texts = found.into_iter().map(|(scope, at, document)| Item {
            scope,
            at: At::Document(test.probe, at),
            value: document,
            weight: 1,
        });
        let mut items: Vec<Item> = texts.collect();
        // A document that is known by its text is not counted again by its octets.
        for (at, file) in self.probed(test.probe).files().iter().enumerate() {
            let scope = self.scope_of_part(file.part);
            let admitted = if scope == Spot::BODY_SCOPE { test.places.body } else { test.places.attachments };
            let known = items.iter().any(|item| (item.scope, item.value) == (scope, file.document));
            if admitted && !known {
                let at = At::DocumentFile(test.probe, at as u32);
                items.push(Item { scope, at, value: file.document, weight: 1 });
            }
        }
        items.sort_by_key(|item| item.scope);
        items
    }

    fn learned(&mut self, test: &LearnedTest) -> Vec<Item> {
        let Some(Probe { index: Index::Learned(index), name, .. }) =
            self.set.engine.probes.get(test.probe as usize)
        else {
            return Vec::new();
        };
        let mut items = Vec::new();
        for likeness in learned::judge(test, index, self.pieces) {
            items.push(item(likeness.scope, At::Like(self.likenesses.len() as u32), items.len()));
            self.likenesses.push((name.clone(), likeness));
        }
        items
    }

    // ---- files and findings

    fn files(&self, test: &FileTest) -> Vec<Item> {
        let parts = self.mail.opened.parts.iter().filter(|part| is_file(part.role));
        let matching = parts.filter(|part| {
            let kind = test.kinds.is_empty() || test.kinds.contains(&part.kind);
            let size = test.size.is_none_or(|size| size.holds(part.size));
            kind && size && (test.names.is_empty() || name_matches(part.name.as_deref(), &test.names))
        });
        matching
            .enumerate()
            .map(|(value, part)| item(file_scope(part.id), At::File(part.id), value))
            .collect()
    }

    fn encrypted(&self) -> Vec<Item> {
        let encrypted = Reasons { any: false, words: vec![Reason::Encrypted.to_string()] };
        let mut items = self.unscannable(&encrypted);
        let named: HashSet<u32> = self
            .unscannable
            .iter()
            .filter(|found| found.reason == Reason::Encrypted)
            .map(|found| found.part)
            .collect();
        let parts = self.mail.opened.parts.iter().filter(|part| part.encrypted && !named.contains(&part.id));
        let from = items.len();
        items.extend(
            parts.enumerate().map(|(value, part)| item(file_scope(part.id), At::File(part.id), from + value)),
        );
        items.sort_by_key(|item| item.scope);
        items
    }

    fn unscannable(&self, reasons: &Reasons) -> Vec<Item> {
        let matching = self.unscannable.iter().enumerate().filter(|(_, found)| {
            reasons.any || {
                let said = found.reason.to_string();
                let unsupported = matches!(found.reason, Reason::Unsupported(_));
                reasons.words.iter().any(|word| *word == said || unsupported && word == "unsupported")
            }
        });
        let mut items: Vec<Item> = matching
            .map(|(at, found)| item(self.scope_of_part(found.part), At::Unscannable(at as u32), at))
            .collect();
        items.sort_by_key(|item| item.scope);
        items
    }

    fn ambiguous(&self, names: &[String]) -> Vec<Item> {
        let any = names.iter().any(|name| name == "any");
        let matching = self.mail.opened.ambiguous.iter().enumerate();
        let matching =
            matching.filter(|(_, found)| any || names.iter().any(|name| name == found.reason.as_str()));
        let mut items: Vec<Item> = matching
            .map(|(at, found)| item(self.scope_of_part(found.part), At::Ambiguous(at as u32), at))
            .collect();
        items.sort_by_key(|item| item.scope);
        items
    }

    fn scope_of_part(&self, part: u32) -> Scope {
        let file = self.mail.opened.parts.get(part as usize).is_some_and(|part| is_file(part.role));
        if file { file_scope(part) } else { Spot::BODY_SCOPE }
    }

    /// Files that the mail's reader sees attached: not those inside other files or attached mails.
    fn attachments(&self) -> u64 {
        let parts = &self.mail.opened.parts;
        let inside = |mut parent: Option<u32>| {
            while let Some(part) = parent.and_then(|parent| parts.get(parent as usize)) {
                if is_file(part.role) || part.role == Role::Message && part.parent.is_some() {
                    return true;
                }
                parent = part.parent;
            }
            false
        };
        let attached = |role| matches!(role, Role::Attachment | Role::Message);
        parts
            .iter()
            .filter(|part| attached(part.role) && part.parent.is_some() && !inside(part.parent))
            .count() as u64
    }
}

/// Whether a part is a file of its own.
pub(super) fn is_file(role: Role) -> bool {
    matches!(role, Role::Attachment | Role::Entry | Role::Embedded)
}

impl Spot {
    const BODY_SCOPE: Scope = 2;
}

fn item(scope: Scope, at: At, value: usize) -> Item {
    Item { scope, at, value: value as u32, weight: 1 }
}

fn name_matches(name: Option<&str>, globs: &[String]) -> bool {
    let Some(name) = name else { return false };
    let name = name.to_lowercase();
    globs.iter().any(|glob| glob_matches(glob, &name))
}

/// The matches of several sources in the order of the message, at one place the longest first.
fn in_order(sources: Vec<&Source>) -> Box<dyn Iterator<Item = Found> + '_> {
    if let [one] = sources.as_slice() {
        return Box::new(one.iter());
    }
    let mut rest: Vec<_> = sources.into_iter().map(|source| source.iter()).collect();
    let key = |found: &Found, source: usize| (found.piece, found.start, Reverse(found.end), source);
    let mut heads = BinaryHeap::new();
    for (source, rest) in rest.iter_mut().enumerate() {
        heads.extend(rest.next().map(|found| Reverse((key(&found, source), found.pattern))));
    }
    Box::new(std::iter::from_fn(move || {
        let Reverse(((piece, start, Reverse(end), source), pattern)) = heads.pop()?;
        heads.extend(rest[source].next().map(|found| Reverse((key(&found, source), found.pattern))));
        Some(Found { piece, start, end, pattern, words: (0, 0) })
    }))
}

fn select<'i>(items: &'i [Item], within: Within<'_>) -> impl Iterator<Item = &'i Item> {
    let (range, except) = match within {
        Within::All(except) => (0..items.len(), Some(except)),
        Within::One(scope) => {
            let start = items.partition_point(|item| item.scope < scope);
            let end = items.partition_point(|item| item.scope <= scope);
            (start..end, None)
        }
    };
    let excluded: HashSet<Scope> = except.cloned().unwrap_or_default();
    items[range].iter().filter(move |item| !excluded.contains(&item.scope))
}

fn counted(items: &[Item], mode: Count, within: Within<'_>) -> u64 {
    match mode {
        Count::All => select(items, within).map(|item| item.weight).sum(),
        Count::Unique => select(items, within).map(|item| item.value).collect::<HashSet<u32>>().len() as u64,
    }
}

fn is_time(test: &TimeTest, now: &jiff::ZonedDateTime) -> bool {
    let local = now.with_time_zone(test.zone.clone());
    let day = match local.weekday() {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    };
    if test.days >> day & 1 == 0 {
        return false;
    }
    let time = local.time();
    test.of_day.is_none_or(
        |(from, to)| if from < to { from <= time && time < to } else { time >= from || time < to },
    )
}
