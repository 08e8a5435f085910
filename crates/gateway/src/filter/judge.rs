//! From a message's facts to a verdict for each recipient. Pure: the same facts give the same verdict.

use super::condition::{Compiled, Condition};
use super::{Action, Archive, Changes, Filter, Notice, Plan};
use crate::Destination;
use crate::header::Header;

/// What filters may ask about a message.
#[derive(Debug, Clone)]
pub struct Facts<'m> {
    /// The header.
    pub header: &'m Header<'m>,
    /// The envelope sender; empty for `<>`.
    pub sender: &'m str,
    /// Octets of the message.
    pub size: u64,
    /// `X-dlp-uniquemsgid`, where the peer is trusted.
    pub unique_id: Option<&'m str>,
    /// `X-dlp-policyid`, where the peer is trusted.
    pub policy_ids: &'m [u32],
}

/// The filters in force, ready to be used.
#[derive(Debug, Default)]
pub struct Judge {
    filters: Vec<(Filter, u64, Ready)>,
}

/// What becomes of one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is done with it.
    pub step: Step,
    /// Informational incidents: the folder, and the filter with its version.
    pub inform: Vec<(String, String, u64)>,
    /// How its header changes when it leaves.
    pub changes: Changes,
    /// By another host than the usual one.
    pub route: Option<Destination>,
    /// Journal copies.
    pub archive: Vec<Archive>,
    /// Notices, each with the name of the filter.
    pub notices: Vec<(String, Notice)>,
}

/// What is done with a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It goes on.
    Deliver,
    /// It waits in a folder.
    Hold {
        /// The folder.
        folder: String,
        /// The filter.
        filter: String,
        /// Its version.
        version: u64,
        /// What decisions will mean.
        plan: Box<Plan>,
    },
    /// It goes to others instead.
    Redirect {
        /// To whom.
        to: Vec<String>,
        /// The filter.
        filter: String,
    },
    /// It ends here.
    Delete {
        /// The filter.
        filter: String,
    },
}

impl Verdict {
    /// It goes on to its recipient by the usual way and nothing else is done: it need not be kept.
    pub fn just_passes(&self) -> bool {
        self.step == Step::Deliver
            && self.route.is_none()
            && self.inform.is_empty()
            && self.archive.is_empty()
            && self.notices.is_empty()
    }
}

impl Judge {
    /// Filters with their versions, in order. Those that are off are left out.
    pub fn new(filters: impl IntoIterator<Item = (Filter, u64)>) -> Result<Self, String> {
        let mut ready = Vec::new();
        for (filter, version) in filters {
            if filter.enabled {
                let when =
                    Ready::new(&filter.when).map_err(|why| format!("filter {:?}: {why}", filter.name))?;
                ready.push((filter, version, when));
            }
        }
        Ok(Self { filters: ready })
    }

    /// What becomes of the copy for `recipient`.
    pub fn verdict(&self, facts: &Facts<'_>, recipient: &str) -> Verdict {
        let mut verdict = Verdict {
            step: Step::Deliver,
            inform: Vec::new(),
            changes: Changes::default(),
            route: None,
            archive: Vec::new(),
            notices: Vec::new(),
        };
        for (filter, version, when) in &self.filters {
            if when.holds(facts, recipient) {
                filter.actions.iter().for_each(|action| verdict.apply(action, filter, *version));
                if !filter.go_on {
                    break;
                }
            }
        }
        if let Step::Hold { plan, .. } = &mut verdict.step {
            plan.changes = verdict.changes.clone();
        }
        verdict
    }
}

impl Verdict {
    fn apply(&mut self, action: &Action, filter: &Filter, version: u64) {
        let name = || filter.name.clone();
        match action {
            Action::Hold(folder) => {
                let (approve, reject, custom) =
                    (filter.approve.clone(), filter.reject.clone(), filter.custom.clone());
                let plan = Plan { approve, reject, custom, changes: Changes::default() };
                self.stricter(Step::Hold {
                    folder: folder.clone(),
                    filter: name(),
                    version,
                    plan: plan.into(),
                });
            }
            Action::Inform(folder) => self.inform.push((folder.clone(), name(), version)),
            Action::Deliver => {}
            Action::Delete => self.stricter(Step::Delete { filter: name() }),
            Action::Redirect(to) => self.stricter(Step::Redirect { to: to.clone(), filter: name() }),
            Action::Archive(archive) => self.archive.push(archive.clone()),
            Action::AddHeader(line) => self.changes.add.push(line.clone()),
            Action::RemoveHeader(line) => self.changes.remove.push(line.clone()),
            Action::TagSubject(tag) => self.changes.tags.push(tag.clone()),
            Action::Route(to) => self.route = Some(to.clone()),
            Action::Notify(notice) => self.notices.push((name(), notice.clone())),
        }
    }

    /// Among several filters the one that lets less out decides; the first of equals.
    fn stricter(&mut self, step: Step) {
        let rank = |step: &Step| match step {
            Step::Deliver => 0,
            Step::Redirect { .. } => 1,
            Step::Hold { .. } => 2,
            Step::Delete { .. } => 3,
        };
        if rank(&step) > rank(&self.step) {
            self.step = step;
        }
    }
}

/// A condition ready to be used. Its depth is bounded where filters are checked.
#[derive(Debug)]
enum Ready {
    Always,
    HasUniqueMessageId,
    PolicyId(Vec<u32>),
    Header(String, Compiled),
    Sender(Compiled),
    Recipient(Compiled),
    SizeOver(u64),
    All(Vec<Ready>),
    Any(Vec<Ready>),
    Not(Box<Ready>),
}

impl Ready {
    fn new(condition: &Condition) -> Result<Self, String> {
        condition.check()?;
        let all = |inner: &[Condition]| inner.iter().map(Self::new).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::Always => Self::Always,
            Condition::HasUniqueMessageId => Self::HasUniqueMessageId,
            Condition::PolicyId(ids) => Self::PolicyId(ids.clone()),
            Condition::Header(test) => Self::Header(test.name.trim().to_owned(), test.value.compile()?),
            Condition::Sender(test) => Self::Sender(test.compile()?),
            Condition::Recipient(test) => Self::Recipient(test.compile()?),
            Condition::SizeOver(octets) => Self::SizeOver(*octets),
            Condition::All(inner) => Self::All(all(inner)?),
            Condition::Any(inner) => Self::Any(all(inner)?),
            Condition::Not(inner) => Self::Not(Box::new(Self::new(inner)?)),
        })
    }

    fn holds(&self, facts: &Facts<'_>, recipient: &str) -> bool {
        match self {
            Self::Always => true,
            Self::HasUniqueMessageId => facts.unique_id.is_some(),
            Self::PolicyId(ids) => facts.policy_ids.iter().any(|id| ids.contains(id)),
            Self::Header(name, test) => facts.header.values(name).any(|value| {
                let plain = String::from_utf8_lossy(value);
                let plain = plain.replace("\r\n", "");
                test.holds(plain.trim()) || test.holds(content::header_text(value).trim())
            }),
            Self::Sender(test) => test.holds(facts.sender),
            Self::Recipient(test) => test.holds(recipient),
            Self::SizeOver(octets) => facts.size > *octets,
            Self::All(inner) => inner.iter().all(|one| one.holds(facts, recipient)),
            Self::Any(inner) => inner.iter().any(|one| one.holds(facts, recipient)),
            Self::Not(inner) => !inner.holds(facts, recipient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Line, Tag};

    const MAIL: &[u8] = b"X-dlp-uniquemsgid: A\r\nX-dlp-policyid: 23\r\nSubject: =?utf-8?q?caf=C3=A9?= plans\r\nX-Class: secret\r\n folded\r\n\r\nbody\r\n";

    fn parsed(text: &str) -> Filter {
        toml::from_str(text).unwrap()
    }

    fn holds(when: &str) -> bool {
        let filter = parsed(&format!("name = \"f\"\nwhen = {when}\nactions = [\"delete\"]"));
        filter.check(&[]).unwrap();
        let header = Header::read(MAIL);
        let facts = Facts {
            header: &header,
            sender: "ann@company.example",
            size: 1000,
            unique_id: Some("A"),
            policy_ids: &[23, 24],
        };
        Judge::new([(filter, 1)]).unwrap().verdict(&facts, "Bob@Partner.example").step != Step::Deliver
    }

    #[test]
    fn conditions_hold_and_do_not_hold() {
        let cases = [
            ("\"always\"", true),
            ("\"has-unique-message-id\"", true),
            ("{ policy-id = [24] }", true),
            ("{ policy-id = [5, 6] }", false),
            ("{ header = { name = \"SUBJECT\", value = { contains = \"Café\" } } }", true),
            ("{ header = { name = \"subject\", value = { is = \"café plans\" } } }", true),
            ("{ header = { name = \"X-Class\", value = { is = \"secret folded\" } } }", true),
            ("{ header = { name = \"X-Class\", value = { matches = \"^secret\\\\s\" } } }", true),
            ("{ header = { name = \"X-Class\", value = { starts-with = \"public\" } } }", false),
            ("{ header = { name = \"X-None\", value = \"present\" } }", false),
            ("{ sender = { ends-with = \"@company.example\" } }", true),
            ("{ recipient = { any-of = [\"a@b.c\", \"bob@partner.example\"] } }", true),
            ("{ size-over = 999 }", true),
            ("{ size-over = 1000 }", false),
            ("{ not = \"always\" }", false),
            ("{ all = [\"always\", { size-over = 5000 }] }", false),
            ("{ any = [\"always\", { size-over = 5000 }] }", true),
        ];
        for (when, expected) in cases {
            assert_eq!(holds(when), expected, "{when}");
        }
    }

    #[test]
    fn the_first_filter_decides_and_one_that_goes_on_adds_to_it() {
        let filters = [
            "name = \"a\"\nwhen = \"always\"\ngo-on = true\nactions = [{ tag-subject = { prefix = \"[x]\" } }, { add-header = { name = \"X-A\", value = \"1\" } }]",
            "name = \"b\"\nwhen = \"has-unique-message-id\"\nactions = [{ hold = \"f\" }]",
            "name = \"c\"\nwhen = \"always\"\nactions = [\"delete\"]",
        ];
        let judge = Judge::new(filters.map(|text| (parsed(text), 7))).unwrap();
        let header = Header::read(MAIL);
        let facts = Facts { header: &header, sender: "", size: 1, unique_id: Some("A"), policy_ids: &[] };
        let Step::Hold { folder, filter, version, plan } = judge.verdict(&facts, "r@x.example").step else {
            panic!()
        };
        assert_eq!((folder.as_str(), filter.as_str(), version), ("f", "b", 7));
        assert_eq!(plan.changes.tags, [Tag { prefix: "[x]".into(), suffix: String::new() }]);
        assert_eq!(plan.changes.add, [Line { name: "X-A".into(), value: "1".into() }]);
        assert_eq!((plan.approve, plan.reject), (vec![Action::Deliver], vec![Action::Delete]));
        let unmarked = Facts { unique_id: None, ..facts };
        assert_eq!(judge.verdict(&unmarked, "r@x.example").step, Step::Delete { filter: "c".into() });
    }

    #[test]
    fn a_filter_that_cannot_be_says_where_and_what_to_write() {
        let wrong = |text: &str| parsed(text).check(&[]).unwrap_err();
        let actions = |rest: &str| wrong(&format!("name = \"f\"\nwhen = \"always\"\n{rest}"));
        assert!(actions("actions = [{ hold = \"none\" }]").contains("no folder \"none\""));
        assert!(actions("actions = [\"deliver\"]\napprove = [{ hold = \"x\" }]").contains("approve"));
        assert!(
            actions("actions = [\"deliver\"]\nreject = [\"delete\", \"deliver\"]").contains("exactly one")
        );
        assert!(actions("actions = [{ redirect = [\"nobody\"] }]").contains("no mail address"));
        assert!(
            actions("actions = [{ add-header = { name = \"X-dlp-policyid\", value = \"1\" } }]")
                .contains("not for a filter")
        );
        assert!(
            wrong("name = \"f\"\nwhen = { sender = { matches = \"(\" } }\nactions = [\"deliver\"]")
                .contains("pattern")
        );
        assert!(
            toml::from_str::<Filter>("name = \"f\"\nwhen = \"always\"\nactions = [\"shred\"]")
                .unwrap_err()
                .to_string()
                .contains("shred")
        );
    }
}
