//! Answers to questions about one message, each worked out when it is first asked for.

use std::collections::{HashMap, HashSet};

use content::{Reason, Role, Unscannable};

use super::gather::{Found, Gathered};
use super::learned::Likeness;
use super::pieces::{Pieces, Scope, Spot, file_scope};
use crate::compile::model::{Compiled, Leaf, Test};
use crate::mail::{Direction, Mail};
use crate::syntax::condition::Count;

mod facts;
mod files;
mod indexes;
mod texts;

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
    /// Questions about content whose counting broke off.
    stopped: HashSet<u32>,
    /// Components in which a question about content counted only as much as changes a verdict.
    full: HashMap<u32, HashSet<Scope>>,
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
            full: HashMap::new(),
            cut: Vec::new(),
            left_out: HashSet::new(),
            likenesses: Vec::new(),
        }
    }

    /// Whether there is nothing to count that an answer does not know of.
    pub(super) fn went_to_the_end(&self, atom: u32) -> bool {
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

    /// The components in which an answer counts only as much as changes a verdict.
    pub(super) fn full(&self, atom: u32) -> impl Iterator<Item = Scope> {
        self.full.get(&atom).into_iter().flatten().copied()
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
        let set = self.set;
        match &set.engine.atoms[atom as usize].test {
            Test::Content(content) => Answer::Items(self.content(atom, content)),
            Test::Exact(test) => Answer::Items(self.rows(test)),
            Test::Documents(test) => Answer::Items(self.documents(test)),
            Test::Learned(test) => Answer::Items(self.learned(test)),
            Test::File(test) => Answer::Items(self.files(test)),
            Test::Encrypted => Answer::Items(self.encrypted()),
            Test::Unscannable(reasons) => Answer::Items(self.unscannable(reasons)),
            Test::Ambiguous(names) => Answer::Items(self.ambiguous(names)),
            test => Answer::Fact(self.holds(test)),
        }
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

    fn scope_of_part(&self, part: u32) -> Scope {
        let file = self.mail.opened.parts.get(part as usize).is_some_and(|part| is_file(part.role));
        if file { file_scope(part) } else { Spot::BODY_SCOPE }
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
