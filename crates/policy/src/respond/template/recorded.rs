//! The variables of an incident that was recorded: what a person's response rule tells when the mail itself is long gone.

use super::values::{LONGEST, counted, described, list, matches, unopened};
use super::{Template, Use, Values, Variable, safe};
use crate::diagnostic::{Diagnostics, Place};
use crate::verdict::Severity;

/// A text with variables that are filled in from a recorded incident. The incident's number and address stay as they are
/// written: whoever carries the order out knows them.
#[derive(Debug, Clone)]
pub struct RecordedText(Template);

/// What is known of a recorded incident. Matches come in covered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RecordedIncident {
    pub policy: String,
    pub policy_id: u32,
    pub severity: Severity,
    pub sender: String,
    pub recipients: Vec<String>,
    pub subject: String,
    pub direction: String,
    /// As people read it.
    pub date: String,
    /// passed, modified, blocked, …
    pub disposition: String,
    pub match_count: u64,
    pub count_is_complete: bool,
    pub matches: Vec<RecordedMatch>,
    /// Path and reason of each part that could not be inspected.
    pub unscannable: Vec<(String, String)>,
}

/// A kept match.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RecordedMatch {
    pub rule: String,
    pub condition: String,
    /// What kind of text it stands in.
    pub kind: String,
    /// The way to it, outermost file first; empty for the message itself.
    pub path: String,
    /// Its text, covered.
    pub masked: String,
}

impl RecordedText {
    /// Reads a text; what is wrong with its variables is said.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text, Use::Effect)
    }

    /// Reads addresses, `$SENDER$` and `$RECIPIENTS$` among them, with commas between them.
    pub fn parse_addresses(text: &str) -> Result<Self, String> {
        let written = text.split([',', ' ']).map(str::trim).filter(|one| !one.is_empty());
        let wrong = written.clone().find(|one| !one.contains('$') && !safe::is_address(one));
        match (wrong, written.count()) {
            (Some(wrong), _) => {
                Err(format!("{wrong:?} is no address; write an address, $SENDER$ or $RECIPIENTS$"))
            }
            (None, 0) => Err("there is no address: write one, $SENDER$ or $RECIPIENTS$".to_owned()),
            _ => Self::read(text, Use::Addresses),
        }
    }

    fn read(text: &str, what: Use) -> Result<Self, String> {
        let (mut found, place) = (Diagnostics::default(), Place::default());
        let template = Template::parse(text, what, &place, &mut found);
        match found.into_sorted().first() {
            None => Ok(Self(template)),
            Some(wrong) => Err(match &wrong.remedy {
                Some(remedy) => format!("{}: {remedy}", wrong.message),
                None => wrong.message.clone(),
            }),
        }
    }

    /// One line for a subject or a log.
    pub fn line(&self, incident: &RecordedIncident) -> String {
        self.0.line(incident)
    }

    /// Several lines for a notice.
    pub fn text(&self, incident: &RecordedIncident) -> String {
        self.0.text(incident)
    }

    /// Addresses, each of which mail can be sent to.
    pub fn addresses(&self, incident: &RecordedIncident) -> Vec<String> {
        self.0.addresses(incident)
    }
}

impl Values for RecordedIncident {
    fn sender(&self) -> &str {
        &self.sender
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    fn value(&self, variable: Variable, between: &str) -> String {
        let value = match variable {
            Variable::Policy => self.policy.clone(),
            Variable::PolicyId => self.policy_id.to_string(),
            Variable::Rules => list(self.matches.iter().map(|found| found.rule.clone()).collect(), ", "),
            Variable::Sender if self.sender.is_empty() => "<>".to_owned(),
            Variable::Sender => self.sender.clone(),
            Variable::Recipients => list(self.recipients.clone(), ", "),
            Variable::Subject => self.subject.clone(),
            Variable::MatchCount => counted(self.match_count, self.count_is_complete),
            Variable::Severity => self.severity.title().to_owned(),
            Variable::Direction => self.direction.clone(),
            Variable::Date => self.date.clone(),
            Variable::Blocked => if self.disposition == "blocked" { "yes" } else { "no" }.to_owned(),
            Variable::Disposition => self.disposition.clone(),
            Variable::Matches => {
                let all = self
                    .matches
                    .iter()
                    .map(|found| described(&found.condition, found.component(), &found.path, &found.masked));
                return matches(
                    all,
                    self.match_count,
                    &counted(self.match_count, self.count_is_complete),
                    between,
                );
            }
            Variable::Unscannable => {
                list(self.unscannable.iter().map(|(path, why)| unopened(path, why)).collect(), "; ")
            }
            Variable::FileName => list(self.files(false), ", "),
            Variable::Attachments => list(self.files(true), ", "),
            Variable::IncidentId | Variable::IncidentSnapshot => String::new(),
        };
        safe::line(&value, LONGEST)
    }
}

impl RecordedIncident {
    /// Files with matches; all that the incident knows of, where there are none or all are wanted.
    fn files(&self, all: bool) -> Vec<String> {
        let with_matches: Vec<String> = self
            .matches
            .iter()
            .filter(|found| !found.path.is_empty())
            .map(|found| found.path.clone())
            .collect();
        if !all && !with_matches.is_empty() {
            return with_matches;
        }
        let outer = |path: &String| path.split(" > ").next().unwrap_or_default().to_owned();
        with_matches.iter().chain(self.unscannable.iter().map(|(path, _)| path)).map(outer).collect()
    }
}

impl RecordedMatch {
    fn component(&self) -> &str {
        if self.path.is_empty() { &self.kind } else { "attachment" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident() -> RecordedIncident {
        RecordedIncident {
            policy: "Cards".into(),
            policy_id: 17,
            severity: Severity::High,
            sender: "ann@a.example".into(),
            recipients: vec!["bert@b.example".into(), "x\r\nBcc: y@e.example".into()],
            subject: "one\r\nBcc: eve@evil.example $SENDER$".into(),
            direction: "outbound".into(),
            date: "2026-11-27 08:00 UTC".into(),
            disposition: "modified".into(),
            match_count: 2,
            count_is_complete: true,
            matches: vec![RecordedMatch {
                rule: "numbers".into(),
                condition: "payment_card".into(),
                kind: "text".into(),
                path: "offer.zip > q3.xlsx".into(),
                masked: "**** 1111".into(),
            }],
            unscannable: vec![("a.zip".into(), "encrypted".into())],
        }
    }

    #[test]
    fn variables_stand_for_what_was_recorded_and_nothing_of_a_mail_is_a_variable_or_a_line() {
        let text =
            RecordedText::parse("$POLICY$ $POLICY_ID$ $SEVERITY$ $SUBJECT$ $BLOCKED$ $INCIDENT_ID$").unwrap();
        assert_eq!(
            text.line(&incident()),
            "Cards 17 High one Bcc: eve@evil.example $SENDER$ no $INCIDENT_ID$"
        );
        let text = RecordedText::parse("$MATCHES$\n$FILE_NAME$\n$ATTACHMENTS$\n$UNSCANNABLE$").unwrap();
        assert_eq!(
            text.text(&incident()),
            "payment_card in offer.zip > q3.xlsx: **** 1111\noffer.zip > q3.xlsx\noffer.zip, a.zip\na.zip (encrypted)"
        );
    }

    #[test]
    fn notices_go_to_addresses_only_whatever_was_recorded() {
        let to = RecordedText::parse_addresses("$SENDER$, $RECIPIENTS$, security@a.example").unwrap();
        assert_eq!(to.addresses(&incident()), ["ann@a.example", "bert@b.example", "security@a.example"]);
        let bounce = RecordedIncident { sender: String::new(), recipients: Vec::new(), ..incident() };
        assert_eq!(to.addresses(&bounce), ["security@a.example"]);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert!(RecordedText::parse("$PATH$").unwrap_err().contains("FILE_NAME"));
        assert!(RecordedText::parse("$SUBJEKT$").unwrap_err().contains("$SUBJECT$"));
        for wrong in ["", "nobody", "$SUBJECT$", "a@b.example nobody"] {
            assert!(RecordedText::parse_addresses(wrong).is_err(), "{wrong}");
        }
    }
}
