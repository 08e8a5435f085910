//! What two sets make of the same mails, counted: for the command line and the console alike.

use std::collections::BTreeMap;

use crate::{Disposition, Inspection, Mail, Response, Set, Severity, respond};

/// What a set makes of a mail.
#[derive(Debug)]
pub struct Judged {
    /// What it violates.
    pub inspection: Inspection,
    /// What follows.
    pub response: Response,
}

impl Set {
    /// Inspects the mail, and says what the response rules would make of it; nothing is done.
    pub fn judge(&self, mail: &Mail<'_>) -> Judged {
        let inspection = self.inspect(mail);
        let response = respond(self, &inspection, mail, false);
        Judged { inspection, response }
    }
}

impl Judged {
    /// Numbers of the violated policies.
    pub fn policies(&self) -> Vec<u32> {
        self.inspection.violations.iter().map(|violation| violation.policy.id).collect()
    }

    /// How bad the violation of a policy is.
    fn severity(&self, policy: u32) -> Option<Severity> {
        let mut violations = self.inspection.violations.iter();
        violations.find(|violation| violation.policy.id == policy).map(|violation| violation.severity)
    }

    /// What becomes of the mail.
    pub fn disposition(&self) -> &Disposition {
        &self.response.disposition
    }
}

/// One policy before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared<E> {
    /// Its name, as the later set has it where that has it.
    pub name: String,
    /// Mails that only the later set finds.
    pub newly: u64,
    /// Mails that only the earlier set finds.
    pub no_longer: u64,
    /// Mails that both find.
    pub unchanged: u64,
    /// Those among them that are worse or less bad than they were.
    pub other_severity: u64,
    /// The first of those that only the later set finds.
    pub newly_examples: Vec<E>,
    /// The first of those that only the earlier set finds.
    pub no_longer_examples: Vec<E>,
}

/// The difference between two sets over many mails. An example is whatever leads a reader to the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<E> {
    /// Mails looked at.
    pub mails: u64,
    /// Mails of which the two sets say different things.
    pub different: u64,
    /// By number, each policy that one of them found violated.
    pub policies: BTreeMap<u32, Compared<E>>,
    /// Mails by what becomes of them before and after, where that is not the same.
    pub dispositions: BTreeMap<(&'static str, &'static str), u64>,
    examples: usize,
}

impl<E: Clone> Comparison<E> {
    /// Of no mail yet; of each kind so many examples are kept.
    pub fn new(examples: usize) -> Self {
        Self { mails: 0, different: 0, policies: BTreeMap::new(), dispositions: BTreeMap::new(), examples }
    }

    /// Counts a mail; true if the two sets do not say the same of it.
    pub fn add(&mut self, example: &E, before: &Judged, after: &Judged) -> bool {
        self.mails += 1;
        let (was, is) = (before.policies(), after.policies());
        let mut differs = was != is || before.disposition() != after.disposition();
        let (from, to) = (before.disposition().as_str(), after.disposition().as_str());
        if from != to {
            *self.dispositions.entry((from, to)).or_default() += 1;
        }
        for violation in before.inspection.violations.iter().chain(&after.inspection.violations) {
            let (id, name) = (violation.policy.id, &violation.policy.name);
            self.policies.entry(id).or_insert_with(|| Compared::of(name)).name.clone_from(name);
        }
        let most = self.examples;
        for (id, compared) in &mut self.policies {
            match (was.contains(id), is.contains(id)) {
                (true, true) => {
                    let other = before.severity(*id) != after.severity(*id);
                    differs |= other;
                    compared.unchanged += 1;
                    compared.other_severity += u64::from(other);
                }
                (false, true) => {
                    compared.newly += 1;
                    keep(&mut compared.newly_examples, example, most);
                }
                (true, false) => {
                    compared.no_longer += 1;
                    keep(&mut compared.no_longer_examples, example, most);
                }
                (false, false) => {}
            }
        }
        self.different += u64::from(differs);
        differs
    }
}

impl<E> Compared<E> {
    fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            newly: 0,
            no_longer: 0,
            unchanged: 0,
            other_severity: 0,
            newly_examples: Vec::new(),
            no_longer_examples: Vec::new(),
        }
    }
}

fn keep<E: Clone>(examples: &mut Vec<E>, example: &E, most: usize) {
    if examples.len() < most {
        examples.push(example.clone());
    }
}
