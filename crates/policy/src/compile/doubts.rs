//! Warnings for what is legal but surely wrong: rules that can never match, thresholds out of reach, exceptions that
//! swallow their policy.

use std::sync::Arc;

use jiff::civil;

use super::library::Library;
use super::model::{
    Content, DocumentsTest, ExactTest, Leaf, LearnedTest, Node, Policy, Rule, Settings, Source, Test,
};
use super::reach::{Reach, tiers};
use crate::diagnostic::{Diagnostics, Place};
use crate::syntax::condition::{Condition, Count, Test as Written};
use crate::syntax::policy as syntax;

/// A compiled policy beside what was written.
pub(crate) struct Doubts<'d> {
    pub(crate) atoms: &'d [super::model::Atom],
    /// The patterns of each list, in order.
    pub(crate) members: &'d [Arc<[u32]>],
    pub(crate) library: &'d Library<'d>,
    pub(crate) settings: &'d Settings,
    pub(crate) today: civil::Date,
}

impl Doubts<'_> {
    /// Looks at one policy.
    pub(crate) fn policy(
        &self,
        written: &syntax::Policy,
        policy: &Policy,
        rules: &[Rule],
        out: &mut Diagnostics,
    ) {
        let own = &rules[policy.rules.start as usize..policy.rules.end as usize];
        for rule in own {
            let Some(source) = written.rules.iter().find(|source| source.name.value == rule.name) else {
                continue;
            };
            let place = written.place.at(source.name.span.clone());
            if let Some(why) = self.never(&rule.tree, rule.per_component) {
                out.warn("W0204", &place, "this rule can never match")
                    .label(why)
                    .remedy("change or remove one of its conditions");
            }
            self.one_recipient(&source.condition, Aside::Rule, &written.place, out);
            self.reach().rule(source, rule, &written.place, out);
            tiers(source, rule, &written.place, out);
        }
        for (exception, source) in policy.exceptions.iter().zip(&written.exceptions) {
            let place = written.place.at(source.span.clone());
            if exception.until.is_some_and(|until| until < self.today) {
                let span = source.until.as_ref().map_or(source.span.clone(), |until| until.span.clone());
                out.warn("W0208", &written.place.at(span), "this exception is over")
                    .label("this day has passed")
                    .remedy("remove the exception, or set a later day");
            }
            let concerns = |rule: usize| {
                exception.rules.is_empty() || exception.rules.contains(&(policy.rules.start + rule as u32))
            };
            let swallowed =
                own.iter().enumerate().filter(|(number, _)| concerns(*number)).all(|(_, rule)| {
                    // What both count is the same only where the rule has nothing else to count.
                    let enough = exception.at_least <= 1
                        || exception.at_least <= rule.at_least && rule.tree.leaves().len() == 1;
                    let apart = !exception.whole_message && !rule.per_component;
                    enough && self.implied(&exception.tree, &rule.tree, apart)
                });
            if swallowed && !own.is_empty() {
                out.warn("W0205", &place, "this exception swallows the rules that it is for")
                    .label("holds whenever they match")
                    .remedy("ask for something that the rules do not ask for");
            }
            self.one_recipient(&source.condition, Aside::Exception, &written.place, out);
            self.reach().exception(source, &exception.tree, &written.place, out);
        }
    }

    fn reach(&self) -> Reach<'_> {
        Reach { atoms: self.atoms, library: self.library }
    }

    /// Why a tree can never hold.
    fn never(&self, node: &Node, per_component: bool) -> Option<&'static str> {
        match node {
            Node::Leaf(leaf) => self.never_alone(leaf),
            Node::Any(nodes) => {
                let mut whys = nodes.iter().map(|node| self.never(node, per_component));
                let first = whys.next()??;
                whys.all(|why| why.is_some()).then_some(first)
            }
            Node::All(nodes) => {
                let inner = nodes.iter().find_map(|node| self.never(node, per_component));
                inner
                    .or_else(|| self.contradiction(nodes))
                    .or_else(|| per_component.then(|| self.apart(nodes)).flatten())
            }
            Node::None(_) => None,
        }
    }

    fn never_alone(&self, leaf: &Leaf) -> Option<&'static str> {
        match &self.atoms.get(leaf.atom as usize)?.test {
            Test::Direction(bits)
                if !self.settings.has_internal && bits >> crate::Direction::Unknown as u8 & 1 == 0 =>
            {
                Some("the direction is unknown without internal_domains in settings.toml")
            }
            Test::Content(Content { places, .. })
            | Test::Exact(ExactTest { places, .. })
            | Test::Documents(DocumentsTest { places, .. })
            | Test::Learned(LearnedTest { places, .. })
                if places.is_empty() =>
            {
                Some("looks nowhere")
            }
            _ => None,
        }
    }

    /// A condition and its opposite, or two sizes that exclude each other.
    fn contradiction(&self, nodes: &[Node]) -> Option<&'static str> {
        let wanted: Vec<&Leaf> = nodes.iter().flat_map(musts).collect();
        let refused = nodes.iter().flat_map(refused);
        for node in refused {
            if let Node::Leaf(leaf) = node
                && wanted.iter().any(|one| self.leads_to(one, leaf))
            {
                return Some("a condition stands in `all` and in `none`");
            }
        }
        let amounts = |pick: fn(&Test) -> Option<&crate::syntax::amount::Amount>| {
            let all: Vec<_> =
                wanted.iter().filter_map(|leaf| pick(&self.atoms.get(leaf.atom as usize)?.test)).collect();
            let least = all.iter().map(|amount| amount.least).max();
            let most = all.iter().map(|amount| amount.most).min();
            least.zip(most).is_some_and(|(least, most)| least > most)
        };
        fn size(test: &Test) -> Option<&crate::syntax::amount::Amount> {
            if let Test::MessageSize(amount) = test { Some(amount) } else { None }
        }
        fn count(test: &Test) -> Option<&crate::syntax::amount::Amount> {
            if let Test::AttachmentCount(amount) = test { Some(amount) } else { None }
        }
        (amounts(size) || amounts(count)).then_some("two of its numbers exclude each other")
    }

    /// Two contents that must be in one component, but look in different ones.
    fn apart(&self, nodes: &[Node]) -> Option<&'static str> {
        let places: Vec<_> = nodes
            .iter()
            .filter_map(|node| match node {
                Node::Leaf(leaf) => match &self.atoms.get(leaf.atom as usize)?.test {
                    Test::Content(content) => Some(&content.places),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let disjoint =
            places.iter().enumerate().any(|(at, one)| places[..at].iter().any(|other| one.disjoint(other)));
        disjoint.then_some("its conditions look in different components, but must hold in one")
    }

    /// Whether the second holds wherever the first does: the same question, or one that finds all that the other finds.
    fn leads_to(&self, one: &Leaf, other: &Leaf) -> bool {
        if one.atom == other.atom {
            let counts_less = one.mode == other.mode || one.mode == Count::Unique;
            return other.at_least <= 1 || counts_less && one.at_least >= other.at_least;
        }
        let content = |leaf: &Leaf| match self.atoms.get(leaf.atom as usize).map(|atom| &atom.test) {
            Some(Test::Content(content)) => Some(content),
            _ => None,
        };
        let (Some(one), Some(all)) = (content(one), content(other)) else { return false };
        let mut wider = all.places.clone();
        wider.merge(&one.places);
        other.at_least <= 1
            && wider == all.places
            && all.exclude.is_empty()
            && one.sources.iter().all(|source| all.sources.iter().any(|wider| self.has_all(*wider, *source)))
    }

    /// Whether one source has every match that another has, or a longer one.
    fn has_all(&self, wider: Source, narrower: Source) -> bool {
        let (Source::List(wider), Source::List(narrower)) = (wider, narrower) else {
            return wider == narrower;
        };
        let of = |list: u32| self.members.get(list as usize).map(|members| &members[..]).unwrap_or_default();
        of(narrower).iter().all(|pattern| of(wider).binary_search(pattern).is_ok())
    }

    /// Whether `exception` holds whenever `rule` does. `apart` says that it must hold in each single component where the rule
    /// finds something, wherever the rest of that stands.
    fn implied(&self, exception: &Node, rule: &Node, apart: bool) -> bool {
        let by_rule = || match rule {
            Node::Any(nodes) => nodes.iter().all(|node| self.implied(exception, node, apart)),
            Node::All(nodes) => nodes.iter().any(|node| self.implied(exception, node, apart)),
            Node::Leaf(_) | Node::None(_) => false,
        };
        match exception {
            Node::Leaf(leaf) => {
                let everyone = match self.atoms.get(leaf.atom as usize).map(|atom| &atom.test) {
                    Some(Test::Sender(addresses)) => addresses.is_everyone(),
                    Some(Test::Recipients { patterns, .. }) => patterns.is_everyone(),
                    _ => false,
                };
                let leads = |one: &Leaf| self.leads_to(one, leaf) && (!apart || leaf.at_least <= 1);
                everyone || matches!(rule, Node::Leaf(one) if leads(one)) || by_rule()
            }
            Node::All(nodes) if apart && nodes.len() > 1 => false,
            Node::All(nodes) => nodes.iter().all(|node| self.implied(node, rule, apart)),
            Node::Any(nodes) => nodes.iter().any(|node| self.implied(node, rule, apart)) || by_rule(),
            Node::None(_) => false,
        }
    }

    /// An exception for one recipient of ours lets the mail go to outsiders as well, and so does a rule that one such recipient
    /// keeps from matching.
    fn one_recipient(&self, condition: &Condition, is: Aside, place: &Place, out: &mut Diagnostics) {
        match &condition.test {
            Written::All(inner) | Written::Any(inner) => {
                inner.iter().for_each(|condition| self.one_recipient(condition, is, place, out));
            }
            Written::None(inner) => {
                inner.iter().for_each(|condition| self.one_recipient(condition, is.turned(), place, out));
            }
            Written::Recipient { all, .. } => {
                let all = all.as_ref().map(|all| all.value);
                let Some((what, remedy)) =
                    is.doubt(all, condition.at_least.as_ref().map(|least| least.value))
                else {
                    return;
                };
                out.warn("W0210", &place.at(condition.span.clone()), what)
                    .label("others may be among the recipients")
                    .remedy(remedy);
            }
            _ => {}
        }
    }
}

/// What follows for the mail where a condition on recipients holds.
#[derive(Clone, Copy)]
enum Aside {
    /// A rule may match.
    Rule,
    /// A rule does not match.
    NotRule,
    /// An exception may hold.
    Exception,
    /// An exception does not hold.
    NotException,
}

impl Aside {
    /// Under `none`.
    fn turned(self) -> Self {
        match self {
            Self::Rule => Self::NotRule,
            Self::NotRule => Self::Rule,
            Self::Exception => Self::NotException,
            Self::NotException => Self::Exception,
        }
    }

    /// What is surely not meant by `all_recipients` and `at_least`, and what to write instead.
    fn doubt(self, all: Option<bool>, at_least: Option<u64>) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NotRule if all.is_none() && at_least.is_none() => Some((
                "one such recipient keeps this rule from matching, whoever else gets the mail",
                "say `all_recipients = true`: then the rule matches unless every recipient is one of these (`false` if one is enough)",
            )),
            Self::Exception if all == Some(false) || at_least.is_some() => Some((
                "one such recipient is enough for this exception, whoever else gets the mail",
                "leave `at_least` and `all_recipients = false` out: then every recipient must match",
            )),
            Self::NotException if all == Some(true) || at_least.is_some_and(|least| least > 1) => Some((
                "this exception holds although such a recipient gets the mail",
                "leave `at_least` and `all_recipients = true` out: then one such recipient is enough to rule the exception out",
            )),
            _ => None,
        }
    }
}

/// The conditions that a tree cannot hold without.
fn musts(node: &Node) -> Vec<&Leaf> {
    match node {
        Node::Leaf(leaf) => vec![leaf],
        Node::All(nodes) => nodes.iter().flat_map(musts).collect(),
        Node::Any(nodes) if nodes.len() == 1 => musts(&nodes[0]),
        _ => Vec::new(),
    }
}

/// The conditions that must not hold for a tree to hold.
fn refused(node: &Node) -> Vec<&Node> {
    match node {
        Node::All(nodes) => nodes.iter().flat_map(refused).collect(),
        Node::None(nodes) => nodes.iter().collect(),
        _ => Vec::new(),
    }
}
