//! Words and colours for states, actions and outcomes: the same on every page.

use incident::wire::{CopyResult, ReviewAction};
use web::layout::{Chip, Tint};

use crate::filter::Action;
use crate::{CopyLine, Limit, QueueState, State};

/// A copy's state, and what came of its delivery where that is known.
pub(super) fn state(line: &CopyLine) -> Chip {
    let delivered = line.outcome.as_deref();
    match (line.state, delivered) {
        (State::Held, _) => Chip::new("Held", Tint::Warn),
        (State::Informational, _) => Chip::new("Informational", Tint::Plain),
        (State::Approved, Some("failed")) => Chip::new("Approved, delivery failed", Tint::Bad),
        (State::Approved, Some("dropped")) => Chip::new("Approved, dropped", Tint::Bad),
        (State::Approved, Some("delivered")) => Chip::new("Approved, delivered", Tint::Good),
        (State::Approved, _) => Chip::new("Approved", Tint::Good),
        (State::Rejected, _) => Chip::new("Rejected", Tint::Bad),
        (State::Custom, Some("failed")) => Chip::new("Custom, delivery failed", Tint::Bad),
        (State::Custom, Some("dropped")) => Chip::new("Custom, dropped", Tint::Bad),
        (State::Custom, _) => Chip::new("Custom action", Tint::Info),
        (State::Expunged, _) => Chip::new("Expunged", Tint::Plain),
    }
}

/// A state alone.
pub(super) fn bare_state(state: State) -> &'static str {
    match state {
        State::Held => "Held",
        State::Informational => "Informational",
        State::Approved => "Approved",
        State::Rejected => "Rejected",
        State::Custom => "Custom action",
        State::Expunged => "Expunged",
    }
}

/// The action of a form.
pub(super) fn action(word: &str) -> Option<ReviewAction> {
    Some(match word {
        "approve" => ReviewAction::Approved,
        "reject" => ReviewAction::Rejected,
        "custom" => ReviewAction::Custom,
        _ => return None,
    })
}

/// What became of a decision, in a word.
pub(super) fn result(result: CopyResult) -> &'static str {
    match result {
        CopyResult::Released => "approved",
        CopyResult::Rejected => "rejected",
        CopyResult::Custom => "custom action taken",
        CopyResult::AlreadyReleased => "already approved",
        CopyResult::AlreadyRejected => "already rejected",
        CopyResult::AlreadyCustom => "custom action already taken",
        CopyResult::Expired => "expired",
        CopyResult::NotFound => "not found",
        CopyResult::Failed => "failed",
    }
}

/// Whether a decision was carried out.
pub(super) fn was_done(result: CopyResult) -> bool {
    matches!(result, CopyResult::Released | CopyResult::Rejected | CopyResult::Custom)
}

/// What a list of actions does, for people.
pub(super) fn actions(actions: &[Action]) -> String {
    actions.iter().map(describe).collect::<Vec<_>>().join(", then ")
}

fn describe(action: &Action) -> String {
    match action {
        Action::Hold(folder) => format!("hold in \"{folder}\""),
        Action::Inform(folder) => format!("informational incident in \"{folder}\""),
        Action::Deliver => "deliver".to_owned(),
        Action::Delete => "delete".to_owned(),
        Action::Redirect(to) => format!("deliver to {} instead", to.join(", ")),
        Action::Archive(archive) => format!("archive at {}", archive.to),
        Action::AddHeader(line) => format!("add the header {}", line.name),
        Action::RemoveHeader(name) => format!("remove the header {name}"),
        Action::TagSubject(tag) => match (tag.prefix.trim(), tag.suffix.trim()) {
            ("", suffix) => format!("put \"{suffix}\" behind the subject"),
            (prefix, "") => format!("put \"{prefix}\" before the subject"),
            (prefix, suffix) => format!("put \"{prefix}\" and \"{suffix}\" around the subject"),
        },
        Action::Route(host) => format!("deliver by {host}"),
        Action::Notify(notice) => format!("notify {}", notice.to.join(", ")),
    }
}

/// What happens at a folder's limits.
pub(super) fn limit(limit: Limit) -> &'static str {
    match limit {
        Limit::Reject => "reject the oldest",
        Limit::Delete => "delete the oldest",
        Limit::Keep => "keep everything and warn",
        Limit::DeliverUnreviewedMail => "deliver unreviewed mail",
    }
}

/// Where an entry of the queue is.
pub(super) fn queue_state(state: QueueState) -> Chip {
    match state {
        QueueState::Waiting => Chip::new("Waiting", Tint::Info),
        QueueState::Claimed => Chip::new("Connecting", Tint::Plain),
        QueueState::Handing => Chip::new("Being handed over", Tint::Plain),
        QueueState::Unknown => Chip::new("Outcome unknown", Tint::Bad),
    }
}

/// What was done with a message when it came.
pub(super) fn outcome(outcome: &str) -> Chip {
    match outcome {
        "held" => Chip::new("Held", Tint::Warn),
        "passed" => Chip::new("Passed on", Tint::Good),
        "queued" => Chip::new("Queued", Tint::Info),
        "refused" => Chip::new("Refused by the next hop", Tint::Bad),
        "deferred" => Chip::new("Deferred", Tint::Warn),
        "deleted" => Chip::new("Deleted", Tint::Bad),
        "repeated" => Chip::new("Repeated", Tint::Plain),
        other => Chip::new(other, Tint::Plain),
    }
}

/// What one message says about many: `3 approved, 1 already approved`.
pub(super) fn tally(results: impl Iterator<Item = CopyResult>) -> String {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for word in results.map(result) {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_outcomes_are_told_in_one_sentence() {
        let results = [CopyResult::Released, CopyResult::AlreadyReleased, CopyResult::Released];
        assert_eq!(tally(results.into_iter()), "2 approved, 1 already approved");
    }

    #[test]
    fn actions_are_told_in_order() {
        let list = [
            Action::TagSubject(crate::filter::Tag { prefix: "[seen]".into(), suffix: String::new() }),
            Action::Deliver,
        ];
        assert_eq!(actions(&list), "put \"[seen]\" before the subject, then deliver");
    }
}
