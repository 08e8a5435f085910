//! What the variables stand for in one message. Values are one line each and bounded; matches are masked.

use super::{Values, Variable, safe};
use crate::mail::{Envelope, Mail};
use crate::respond::Disposition;
use crate::verdict::{Inspection, Match, Severity, Violation};

/// What texts are about: violations of a message, and what became of it.
pub(crate) struct Facts<'f> {
    pub(crate) mail: &'f Mail<'f>,
    pub(crate) inspection: &'f Inspection,
    /// The violations that the text speaks for.
    pub(crate) violations: Vec<&'f Violation>,
    pub(crate) disposition: &'f Disposition,
}

/// Names, addresses or files that a value lists.
const LISTED: usize = 20;
/// Octets of one value.
pub(super) const LONGEST: usize = 4_000;
/// Octets of one item of a list: no item hides the others.
const ITEM: usize = 300;

impl Values for Facts<'_> {
    fn sender(&self) -> &str {
        &self.envelope().sender
    }

    fn recipients(&self) -> &[String] {
        &self.envelope().recipients
    }

    fn value(&self, variable: Variable, between: &str) -> String {
        let value = match variable {
            Variable::Policy => self.each(|violation| vec![violation.policy.name.clone()]),
            Variable::PolicyId => self.each(|violation| vec![violation.policy.id.to_string()]),
            Variable::Rules => {
                self.each(|violation| violation.rules.iter().map(|rule| rule.name.clone()).collect())
            }
            Variable::Sender if self.envelope().sender.is_empty() => "<>".to_owned(),
            Variable::Sender => self.envelope().sender.clone(),
            Variable::Recipients => list(self.envelope().recipients.clone(), ", "),
            Variable::Subject => self.subject(),
            Variable::MatchCount => self.match_count(),
            Variable::Severity => {
                self.severity().map_or_else(String::new, |severity| severity.title().to_owned())
            }
            Variable::Direction => self.inspection.direction.to_string(),
            Variable::Date => self.mail.now.strftime("%Y-%m-%d %H:%M %Z").to_string(),
            Variable::Blocked => {
                if matches!(self.disposition, Disposition::Block { .. }) { "yes" } else { "no" }.to_owned()
            }
            Variable::Disposition => self.disposition.as_str().to_owned(),
            Variable::Matches => return self.matches(between),
            Variable::Unscannable => self.unscannable(),
            Variable::FileName => self.files(),
            Variable::Attachments => list(self.attachments(), ", "),
            Variable::IncidentId | Variable::IncidentSnapshot => String::new(),
        };
        safe::line(&value, LONGEST)
    }
}

impl Facts<'_> {
    fn envelope(&self) -> &Envelope {
        self.mail.envelope
    }

    fn each(&self, of: impl Fn(&Violation) -> Vec<String>) -> String {
        list(self.violations.iter().flat_map(|violation| of(violation)).collect(), ", ")
    }

    fn severity(&self) -> Option<Severity> {
        self.violations.iter().map(|violation| violation.severity).reduce(Severity::worse)
    }

    fn match_count(&self) -> String {
        let count =
            self.violations.iter().fold(0u64, |sum, violation| sum.saturating_add(violation.match_count));
        counted(count, self.violations.iter().all(|violation| violation.count_is_complete))
    }

    fn subject(&self) -> String {
        let subject =
            self.mail.opened.headers.iter().find(|header| header.name.eq_ignore_ascii_case(b"subject"));
        subject.map_or_else(String::new, |subject| subject.text.to_string())
    }

    fn unscannable(&self) -> String {
        let findings = &self.inspection.unscannable;
        let findings = findings.iter().map(|finding| unopened(&finding.path, &finding.reason.to_string()));
        list(findings.collect(), "; ")
    }

    fn attachments(&self) -> Vec<String> {
        use content::Role;
        let files = self.mail.opened.parts.iter().filter(|part| matches!(part.role, Role::Attachment));
        files.map(|part| part.name.clone().unwrap_or_else(|| part.path.clone())).collect()
    }

    fn files(&self) -> String {
        let with_matches = self.violations.iter().flat_map(|violation| &violation.matches);
        let paths =
            with_matches.filter(|found| found.component == "attachment").map(|found| found.path.clone());
        let paths: Vec<String> = paths.collect();
        list(if paths.is_empty() { self.attachments() } else { paths }, ", ")
    }

    fn matches(&self, between: &str) -> String {
        let all = self.violations.iter().flat_map(|violation| &violation.matches);
        let count =
            self.violations.iter().fold(0u64, |sum, violation| sum.saturating_add(violation.match_count));
        let masked =
            |found: &Match| described(&found.condition, &found.component, &found.path, &found.masked());
        matches(all.map(masked), count, &self.match_count(), between)
    }
}

/// A number of matches.
pub(super) fn counted(count: u64, complete: bool) -> String {
    if complete { count.to_string() } else { format!("{count} or more") }
}

/// Different matches in words, the first twenty; how many there are, where they are more.
pub(super) fn matches(
    all: impl Iterator<Item = String>,
    count: u64,
    in_words: &str,
    between: &str,
) -> String {
    let mut lines: Vec<String> = Vec::new();
    for found in all {
        let line = safe::line(&found, ITEM);
        if !lines.contains(&line) {
            lines.push(line);
        }
        if lines.len() == LISTED {
            break;
        }
    }
    let told = lines.len() as u64;
    if told == LISTED as u64 && count > told {
        lines.push(format!("and more, {in_words} in all"));
    }
    lines.join(between)
}

/// A match in words: what, where, and its text with letters and digits covered.
pub(super) fn described(condition: &str, component: &str, path: &str, masked: &str) -> String {
    let place = match (component, path) {
        ("attachment", path) if !path.is_empty() => format!("in {path}"),
        (component, "") => format!("in the {component}"),
        (component, path) => format!("in the {component}, {path}"),
    };
    match masked.trim() {
        "" => format!("{condition} {place}"),
        masked => format!("{condition} {place}: {masked}"),
    }
}

/// What could not be inspected, and why.
pub(super) fn unopened(path: &str, reason: &str) -> String {
    if path.is_empty() { format!("the mail ({reason})") } else { format!("{path} ({reason})") }
}

/// Different items in their order, the first twenty and how many more.
pub(super) fn list(items: Vec<String>, between: &str) -> String {
    let mut different: Vec<String> = Vec::new();
    let mut more = 0u64;
    for item in items {
        let item = safe::line(&item, ITEM);
        if item.is_empty() || different.contains(&item) {
            continue;
        }
        if different.len() < LISTED { different.push(item) } else { more += 1 }
    }
    if more > 0 {
        different.push(format!("and {more} more"));
    }
    different.join(between)
}
