//! Asks a compiled set about a message: gather matches in one pass over each text, answer the questions that they raise,
//! judge the rules that may hold.
//!
//! ```text
//! pieces -> gather -> answers -> judge -> report
//! ```
//!
//! A message in which nothing is found costs the pass and no more, however many policies there are.

mod answers;
mod documents;
mod exact;
mod explain;
mod gather;
pub(crate) mod ignore;
mod joined;
mod judge;
mod learned;
mod lines;
mod losses;
mod matches;
mod near;
mod pieces;
mod probes;
mod report;
mod sparse;
mod stretch;
mod tally;

use content::{Reason, Unscannable};

use crate::compile::model::{Compiled, Settings};
use crate::mail::{Direction, Envelope, Mail};
use crate::verdict::{Inspection, Violation};

pub use explain::{
    ConditionOutcome, Effect, ExceptionOutcome, Explanation, PolicyOutcome, RuleEnd, RuleOutcome,
};
pub use losses::{Loss, Why};

use answers::Answers;
use gather::{Depth, Gathered};
use judge::Judge;
use pieces::Pieces;

/// Which policies the message violates.
pub(crate) fn inspect(set: &Compiled, mail: &Mail<'_>) -> Inspection {
    let pieces = Pieces::new(&set.engine, mail);
    let gathered = gather::gather(set, &pieces, mail, Depth::Needed);
    concluded(set, mail, &pieces, &gathered)
}

/// What follows from what was gathered.
fn concluded(set: &Compiled, mail: &Mail<'_>, pieces: &Pieces<'_>, gathered: &Gathered) -> Inspection {
    let direction = direction(&set.settings, mail.envelope);
    let mut unscannable = findings(mail, pieces, gathered);
    let answers = Answers::new(set, mail, pieces, gathered, &unscannable, direction);
    let (answers, mut violations) = judged(set, mail, answers);
    if !answers.cut().is_empty() {
        // What could not be counted is a finding too, and rules may ask for it.
        let mut more = unscannable.clone();
        answers
            .cut()
            .iter()
            .for_each(|(piece, reason)| add(mail, &mut more, pieces.get(*piece).part, reason.clone()));
        violations = judged(set, mail, answers.with_findings(&more)).1;
        unscannable = more;
    }
    Inspection { violations, unscannable, direction }
}

fn judged<'a>(
    set: &'a Compiled,
    mail: &'a Mail<'a>,
    mut answers: Answers<'a>,
) -> (Answers<'a>, Vec<Violation>) {
    let rules = judge::candidates(&set.engine, mail, answers.gathered, !answers.unscannable.is_empty());
    let violations = rules.map(|rules| Judge::new(set, &mut answers, mail).violations(&rules));
    (answers, violations.unwrap_or_default())
}

/// Why each policy is or is not violated.
pub(crate) fn explain(set: &Compiled, mail: &Mail<'_>) -> Explanation {
    let direction = direction(&set.settings, mail.envelope);
    let pieces = Pieces::new(&set.engine, mail);
    let gathered = gather::gather(set, &pieces, mail, Depth::Everything);
    let inspection = inspect(set, mail);
    let unscannable = inspection.unscannable.clone();
    let mut answers = Answers::new(set, mail, &pieces, &gathered, &unscannable, direction);
    explain::explain(set, &mut answers, mail, inspection)
}

/// What opening reported, and what inspection itself had to leave.
fn findings(mail: &Mail<'_>, pieces: &Pieces<'_>, gathered: &Gathered) -> Vec<Unscannable> {
    let mut all = mail.opened.unscannable.clone();
    let mut add = |part: u32, reason: Reason| add(mail, &mut all, part, reason);
    let part_of = |piece: &u32| pieces.get(*piece).part;
    gathered.late.iter().map(part_of).for_each(|part| add(part, Reason::Timeout));
    gathered.overflowing.iter().map(part_of).for_each(|part| add(part, Reason::TooBig));
    gathered.faulty.iter().map(part_of).for_each(|part| add(part, Reason::EngineFault));
    gathered.faulty_parts.iter().for_each(|part| add(*part, Reason::EngineFault));
    all
}

fn add(mail: &Mail<'_>, all: &mut Vec<Unscannable>, part: u32, reason: Reason) {
    let path = mail.opened.parts.get(part as usize).map(|part| part.path.clone()).unwrap_or_default();
    let found = Unscannable { part, path, reason };
    if !all.contains(&found) {
        all.push(found);
    }
}

/// Where the message goes, seen from our domains.
pub(crate) fn direction(settings: &Settings, envelope: &Envelope) -> Direction {
    if !settings.has_internal {
        return Direction::Unknown;
    }
    let from_us = settings.internal.contains(&envelope.sender);
    let to_us = envelope.recipients.iter().filter(|recipient| settings.internal.contains(recipient)).count();
    match (from_us, to_us) {
        (true, ours) if ours == envelope.recipients.len() && ours > 0 => Direction::Internal,
        (true, _) => Direction::Outbound,
        (false, 0) => Direction::Passing,
        (false, _) => Direction::Inbound,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use content::documents::InProcess;
    use content::{How, Limits};

    use super::*;
    use crate::verdict::Violation;
    use crate::{Set, SourceFile};

    fn policy(id: u32, rule: &str) -> SourceFile {
        let text = format!("id = {id}\nname = \"P{id}\"\nmode = \"on\"\n[[rule]]\nname = \"R\"\n{rule}");
        SourceFile::new(format!("{id}.toml"), text)
    }

    /// A mail for which there was time enough to gather all matches, and none to count them.
    fn counted_too_late(policies: &[SourceFile], body: &str) -> Inspection {
        let set = Set::load_files(policies).unwrap().set;
        let start = Instant::now();
        let far = start + Duration::from_secs(3600);
        let how = How {
            limits: &Limits::default(),
            deadline: far,
            documents: &InProcess,
            passwords: &[],
            digests: false,
        };
        let message = format!("Subject: x\r\n\r\n{body}");
        let opened = content::open(message.as_bytes(), &how);
        let now = || jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(jiff::tz::TimeZone::UTC);
        let (envelope, size) = (Envelope::default(), message.len() as u64);
        let mail = Mail { envelope: &envelope, opened: &opened, size, now: now(), deadline: far };
        let pieces = Pieces::new(&set.compiled().engine, &mail);
        let gathered = gather::gather(set.compiled(), &pieces, &mail, Depth::Needed);
        assert!(gathered.late.is_none());
        let late = Mail { envelope: &envelope, opened: &opened, size, now: now(), deadline: start };
        concluded(set.compiled(), &late, &pieces, &gathered)
    }

    /// By policy: what it counted, and whether that is all.
    fn counts(inspection: &Inspection) -> Vec<(u32, u64, bool)> {
        let told = |violation: &Violation| {
            let rules = violation.rules.iter().all(|rule| rule.count_is_complete);
            assert_eq!(violation.count_is_complete, rules);
            (violation.policy.id, violation.match_count, violation.count_is_complete)
        };
        inspection.violations.iter().map(told).collect()
    }

    const COUNTED: u64 = gather::AT_A_TIME as u64 - 1;

    #[test]
    fn what_was_counted_before_time_was_over_counts_and_is_said_not_to_be_all() {
        let policies = [
            policy(1, "keywords = [\"card\"]\nat_least = 1000\n"),
            policy(2, "keywords = [\"card\"]\nat_least = 70000\n"),
            policy(3, "keywords = [\"other\"]\n"),
            policy(4, "unscannable = [\"timeout\"]\n"),
            policy(5, "all = [{ keywords = [\"other\"] }]\nnone = [{ keywords = [\"card\"] }]\n"),
        ];
        let body = format!("other {}", "card ".repeat(80_000));
        let inspection = counted_too_late(&policies, &body);
        // Small counts end before the time is looked at; what would have been reached later is for whoever asks for timeouts.
        assert_eq!(counts(&inspection), [(1, COUNTED, false), (3, 1, true), (4, 1, true)]);
        assert_eq!(inspection.unscannable.len(), 1);
        assert_eq!(inspection.unscannable[0].reason, Reason::Timeout);
    }

    #[test]
    fn without_a_policy_that_asks_for_timeouts_the_built_in_one_decides() {
        let policies = [policy(2, "keywords = [\"card\"]\nat_least = 70000\n")];
        let inspection = counted_too_late(&policies, &"card ".repeat(80_000));
        assert_eq!(counts(&inspection), [(crate::compile::NOT_FULLY_INSPECTED, 1, true)]);
        let few = counted_too_late(&policies, &"card ".repeat(COUNTED as usize));
        assert!(few.violations.is_empty() && few.unscannable.is_empty());
    }
}
