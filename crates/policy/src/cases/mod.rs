//! Runs the cases beside policies and identifiers: mails that must be found, and near misses that must not.
//!
//! All policies and all identifiers at all their breadths are compiled into one set, policies that are off included;
//! a case asks that set once and looks at its own policy or identifier only.

mod expect;
mod mail;

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use content::{Documents, How, Limits};
use jiff::civil;

use crate::compile::files::{Role, SourceFile, role};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::Indexes;
use crate::mail::{Envelope, Mail};
use crate::set::Set;
use crate::syntax::cases::{self, Case};
use crate::syntax::identifier;
use crate::syntax::read::View;
use crate::verdict::Inspection;
use expect::Subject;

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The file of the cases.
    pub file: String,
    /// Its line in that file, from 1.
    pub line: usize,
    /// Its name, or the beginning of its text.
    pub name: String,
    /// What is not as the case says; empty if it passed.
    pub failures: Vec<String>,
}

impl CaseResult {
    /// Whether everything is as the case says.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "passed".to_owned() } else { self.failures.join("; ") };
        write!(f, "{}:{}: {}: {verdict}", self.file, self.line, self.name)
    }
}

/// Runs all cases among the files. `load` gives files of the folders `NAME.cases/` by their names relative to the policy
/// directory. Fails only if the set itself or a file of cases cannot be used.
pub fn run_cases(
    sources: &[SourceFile],
    load: &dyn Fn(&str) -> Option<Vec<u8>>,
    documents: &dyn Documents,
) -> Result<Vec<CaseResult>, Vec<Diagnostic>> {
    run_cases_with(sources, &Indexes::default(), load, documents)
}

/// As [`run_cases`], for policies that ask indexes.
pub fn run_cases_with(
    sources: &[SourceFile],
    indexes: &Indexes,
    load: &dyn Fn(&str) -> Option<Vec<u8>>,
    documents: &dyn Documents,
) -> Result<Vec<CaseResult>, Vec<Diagnostic>> {
    let bench = Bench::new(sources, indexes, load, documents)?;
    let mut out = Diagnostics::default();
    let mut results = Vec::new();
    for file in sources.iter().filter(|file| role(&file.name) == Role::Cases) {
        let all = cases::read(&file.place(), &mut out);
        results.extend(all.iter().flat_map(|case| bench.run(file, case)));
    }
    if out.has_errors() { Err(out.into_sorted()) } else { Ok(results) }
}

/// When mails of cases are sent, unless they say: a Wednesday morning, so that no case changes with the day it is run on.
const SENT: civil::DateTime = civil::datetime(2026, 1, 14, 10, 0, 0, 0);
/// A case may take so long; inspection takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The set and everything else that cases need.
struct Bench<'b> {
    set: Set,
    /// Numbers of policies by the name of their file.
    policies: HashMap<String, u32>,
    /// Numbers of the policies made for an identifier's breadths, by the name of its file.
    identifiers: HashMap<String, Vec<(&'static str, u32)>>,
    load: &'b dyn Fn(&str) -> Option<Vec<u8>>,
    documents: &'b dyn Documents,
}

impl<'b> Bench<'b> {
    fn new(
        sources: &[SourceFile],
        indexes: &Indexes,
        load: &'b dyn Fn(&str) -> Option<Vec<u8>>,
        documents: &'b dyn Documents,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut files: Vec<SourceFile> = sources.iter().map(switched_on).collect();
        let (made, identifiers) = for_identifiers(sources);
        files.extend(made);
        let set = Set::load_files_with(&files, indexes)?.set;
        let policies = set.policies().iter().map(|policy| (policy.file.clone(), policy.id)).collect();
        Ok(Self { set, policies, identifiers, load, documents })
    }

    /// One result for each text of the case.
    fn run(&self, file: &SourceFile, case: &Case) -> Vec<CaseResult> {
        let subject = self.subject(file);
        let line = file.text.get(..case.span.start).map_or(1, |before| before.matches('\n').count() + 1);
        let texts: Vec<&str> =
            if case.texts.is_empty() { vec![""] } else { case.texts.iter().map(String::as_str).collect() };
        let each = texts.into_iter().map(|text| CaseResult {
            file: file.name.clone(),
            line,
            name: case.name.clone().unwrap_or_else(|| beginning(case, text)),
            failures: match &subject {
                Some(subject) => self.failures(file, case, text, subject),
                None => vec!["there is no policy and no identifier of that name beside the cases".to_owned()],
            },
        });
        each.collect()
    }

    /// The policy or identifier that the cases are for.
    fn subject(&self, file: &SourceFile) -> Option<Subject> {
        let owner = format!("{}.toml", file.name.strip_suffix(".cases.toml")?);
        let policy = self.policies.get(&owner).map(|id| Subject::Policy(*id));
        policy.or_else(|| self.identifiers.get(&owner).map(|breadths| Subject::Identifier(breadths.clone())))
    }

    fn failures(&self, file: &SourceFile, case: &Case, text: &str, subject: &Subject) -> Vec<String> {
        let folder = file.name.strip_suffix(".toml").unwrap_or(&file.name);
        let octets = match mail::octets(case, text, &|name| (self.load)(&format!("{folder}/{name}"))) {
            Ok(octets) => octets,
            Err(why) => return vec![why],
        };
        let inspection = self.inspect(case, &octets);
        expect::failures(case, subject, &inspection, &self.set)
    }

    fn inspect(&self, case: &Case, octets: &[u8]) -> Inspection {
        let deadline = Instant::now() + PATIENCE;
        let limits = Limits::default();
        let how = How { limits: &limits, deadline, documents: self.documents, passwords: &[], digests: true };
        let opened = content::open(octets, &how);
        let zone = self.set.compiled().settings.zone.clone();
        let now =
            zone.to_zoned_datetime(case.at.unwrap_or(SENT)).unwrap_or_else(|_| jiff::ZonedDateTime::now());
        let envelope = envelope(case);
        self.set.inspect(&Mail {
            envelope: &envelope,
            opened: &opened,
            size: octets.len() as u64,
            now,
            deadline,
        })
    }
}

fn envelope(case: &Case) -> Envelope {
    let sender = case.sender.clone().unwrap_or_else(|| mail::SENDER.to_owned());
    let recipients =
        if case.recipients.is_empty() { vec![mail::RECIPIENT.to_owned()] } else { case.recipients.clone() };
    Envelope { sender: if sender == "<>" { String::new() } else { sender }, recipients, peer: None }
}

/// What a case without a name is known by.
fn beginning(case: &Case, text: &str) -> String {
    let files = case.attachments.iter().map(|file| &file.name);
    let others = case.subject.iter().chain(&case.mail).chain(files).map(String::as_str);
    let line = text
        .lines()
        .chain(others)
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("a mail without text");
    let short: String = line.chars().take(60).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

/// A policy that is off, on: its cases hold before it is switched on.
fn switched_on(file: &SourceFile) -> SourceFile {
    let changed = (role(&file.name) == Role::Policy).then(|| with_mode_on(&file.text)).flatten();
    changed.map_or_else(|| file.clone(), |text| SourceFile::new(file.name.clone(), text))
}

fn with_mode_on(text: &str) -> Option<String> {
    let (table, _) = toml::de::DeTable::parse_recoverable(text);
    let mode = View::new(table.get_ref(), table.span()).text("mode").filter(|mode| mode.value == "off")?;
    Some(format!("{}\"on\"{}", text.get(..mode.span.start)?, text.get(mode.span.end..)?))
}

type ByFile = HashMap<String, Vec<(&'static str, u32)>>;

/// One policy for each breadth of each identifier.
fn for_identifiers(sources: &[SourceFile]) -> (Vec<SourceFile>, ByFile) {
    let mut made = Vec::new();
    let mut by_file = ByFile::new();
    let mut number = u32::MAX;
    for file in sources.iter().filter(|file| role(&file.name) == Role::Identifier) {
        // What is wrong in it is told when the set is compiled.
        let mut ignored = Diagnostics::default();
        let Some(read) = identifier::read_identifier(&file.place(), file.stem(), &mut ignored) else {
            continue;
        };
        for (breadth, _) in read.breadths {
            let policy = format!(
                "id = {number}\nname = \"identifier {stem} {breadth}\"\nmode = \"on\"\n[[rule]]\nname = \"found\"\nidentifier = \"{stem}\"\nbreadth = \"{breadth}\"\n",
                stem = file.stem()
            );
            made.push(SourceFile::new(format!("cases of {}.{breadth}.toml", file.stem()), policy));
            by_file.entry(file.name.clone()).or_default().push((breadth, number));
            number -= 1;
        }
    }
    (made, by_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "id = 1\nname = \"Markings\"\nmode = \"off\"\n[[rule]]\nname = \"Marked\"\nkeywords = \"secret\"\n\
                          [[rule]]\nname = \"Named file\"\nfile_name = \"*.key\"\n";
    const IDENTIFIER: &str = "name = \"Part number\"\n[wide]\npatterns = ['P\\d{4}']\n[narrow]\nlike = \"wide\"\nnear = { keywords = \"part\" }\n";

    fn run(cases: &str) -> Vec<String> {
        let files = [
            SourceFile::new("a/marked.toml", POLICY),
            SourceFile::new("identifiers/part.toml", IDENTIFIER),
            SourceFile::new("a/marked.cases.toml", cases),
        ];
        results(&files)
    }

    fn run_identifier(cases: &str) -> Vec<String> {
        let files = [
            SourceFile::new("identifiers/part.toml", IDENTIFIER),
            SourceFile::new("identifiers/part.cases.toml", cases),
        ];
        results(&files)
    }

    fn results(files: &[SourceFile]) -> Vec<String> {
        let load = |name: &str| {
            (name == "a/marked.cases/whole.eml").then(|| b"Subject: secret\n\nnothing\n".to_vec())
        };
        let all = run_cases(files, &load, &content::documents::InProcess).unwrap();
        all.iter().filter(|result| !result.passed()).map(ToString::to_string).collect()
    }

    #[test]
    fn cases_that_hold_pass_though_the_policy_is_off() {
        let passed = run(r#"
            [[find]]
            body = "a secret word"
            rule = "Marked"
            count = 1
            severity = "medium"
            [[find]]
            mail = "whole.eml"
            [[find]]
            attachments = [{ name = "clé.key", text = "x" }]
            rule = "Named file"
            [[miss]]
            texts = ["secretary", "nothing"]
            [[miss]]
            body = "secret"
            rule = "Named file"
        "#);
        assert_eq!(passed, Vec::<String>::new());
    }

    #[test]
    fn failures_say_where_and_why() {
        let failed = run("[[find]]\nname = \"dull\"\nbody = \"nothing\"\n[[miss]]\nbody = \"a secret\"\n\
                          [[find]]\nbody = \"secret\"\ncount = 2\nseverity = \"high\"\nrule = [\"Named file\", \"Nemed\"]\n\
                          [[find]]\nmail = \"other.eml\"\n[[find]]\nattachments = [{ name = \"x\", file = \"../x\" }]\n");
        assert_eq!(failed[0], "a/marked.cases.toml:1: dull: must be found, but is not");
        assert_eq!(
            failed[1],
            "a/marked.cases.toml:4: a secret: must not be found, but rule `Marked` found \"secret\" in the body"
        );
        assert_eq!(
            failed[2],
            "a/marked.cases.toml:6: secret: rule `Named file` must match, but does not; the policy has no rule `Nemed`; \
             the match count is 1, not 2; the severity is medium, not high"
        );
        assert!(
            failed[3].starts_with("a/marked.cases.toml:11: other.eml: ")
                && failed[3].ends_with("the file other.eml is not in the folder of the cases"),
            "{}",
            failed[3]
        );
        assert!(
            failed[4].ends_with("the file name ../x leads out of the folder of the cases"),
            "{}",
            failed[4]
        );
    }

    #[test]
    fn identifiers_are_tried_at_every_breadth_that_is_meant() {
        assert_eq!(
            run_identifier(
                "[[find]]\ntext = \"part P1234\"\n[[miss]]\ntext = \"P1234\"\nbreadth = [\"narrow\"]\n"
            ),
            Vec::<String>::new()
        );
        let failed = run_identifier(
            "[[find]]\ntext = \"P1234\"\n[[miss]]\ntext = \"part P1234\"\nbreadth = \"wide\"\n[[miss]]\ntext=\"x\"\nbreadth = \"medium\"\n",
        );
        assert_eq!(
            failed[0],
            "identifiers/part.cases.toml:1: P1234: must be found at breadth narrow, but is not"
        );
        assert_eq!(
            failed[1],
            "identifiers/part.cases.toml:3: part P1234: must not be found at breadth wide, but \"P1234\" is in the body"
        );
        assert_eq!(failed[2], "identifiers/part.cases.toml:6: x: the identifier has no breadth medium");
    }

    #[test]
    fn cases_without_a_policy_fail() {
        let files = [SourceFile::new("b/nobody.cases.toml", "[[find]]\nbody = \"x\"\n")];
        assert!(results(&files)[0].contains("there is no policy and no identifier"));
    }
}
