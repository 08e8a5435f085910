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
    let direction = direction(&set.settings, mail.envelope);
    let pieces = Pieces::new(&set.engine, mail);
    let gathered = gather::gather(set, &pieces, mail, Depth::Needed);
    let mut unscannable = findings(mail, &pieces, &gathered);
    let answers = Answers::new(set, mail, &pieces, &gathered, &unscannable, direction);
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
