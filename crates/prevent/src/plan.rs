//! What goes into the outbox with an incident: the ordered effects, and who of their addressees must not hear of this mail.
//!
//! A notice of ours that comes by here is answered by none at all. A server or policy on trial orders no effects; the history
//! says what they would be.

use effects::NoticeOrder;
use policy::SideAction;

use crate::settings::Settings;
use crate::unique_id::{IdKey, Identity, UniqueId};

/// What the plan needs to know of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'c> {
    pub(crate) sender: &'c str,
    pub(crate) recipients: &'c [String],
    pub(crate) message_id: Option<&'c str>,
    pub(crate) automatic: bool,
}

/// Effects for the outbox. Those on trial are not among them.
pub(crate) fn planned(
    effects: &[policy::Effect],
    cause: &Cause<'_>,
    settings: &Settings,
) -> Vec<incident::Effect> {
    let mut planned: Vec<incident::Effect> = Vec::new();
    for effect in effects.iter().filter(|effect| !effect.trial) {
        let kind = effect.action.kind();
        let same = |known: &&incident::Effect| {
            known.policy_id == effect.policy && known.rule == effect.rule && base(&known.kind) == kind
        };
        // The outbox keeps one of a kind for each incident and rule: the second of a rule has a number.
        let kind = match planned.iter().filter(same).count() {
            0 => kind.to_owned(),
            before => format!("{kind}/{}", before + 1),
        };
        let payload = match &effect.action {
            SideAction::Notify { to, subject, text } => notice(to, subject, text, cause, settings),
            other => other.payload(),
        };
        planned.push(incident::Effect { policy_id: effect.policy, rule: effect.rule.clone(), kind, payload });
    }
    planned
}

fn base(kind: &str) -> &str {
    kind.split('/').next().unwrap_or_default()
}

fn notice(to: &[String], subject: &str, text: &str, cause: &Cause<'_>, settings: &Settings) -> String {
    let order = if is_ours(cause, &settings.id_key) {
        NoticeOrder::to_nobody(to, subject, text, "the mail is itself a notice of this server")
    } else {
        NoticeOrder::new(to, subject, text, cause.sender, cause.automatic)
    };
    serde_json::to_string(&order).unwrap_or_default()
}

// ---- our own notices

/// The left part of a notice's Message-ID: the same at each attempt, and known to this company's servers when it comes by.
pub(crate) fn notice_id(tag: &str, recipient: &str, key: &IdKey) -> String {
    format!("{tag}.{}", seal(tag, recipient, key))
}

fn seal(tag: &str, recipient: &str, key: &IdKey) -> String {
    let body = recipient.to_lowercase();
    let tag = Some(tag.as_bytes());
    let identity =
        Identity { sender: "a notice of ours", message_id: tag, instead: [b""; 3], body: body.as_bytes() };
    UniqueId::of(key, &identity).to_string()
}

/// Whether the mail is a notice of ours, to whom it says.
fn is_ours(cause: &Cause<'_>, key: &IdKey) -> bool {
    let (Some(id), [recipient]) = (cause.message_id, cause.recipients) else { return false };
    let left = id.trim().trim_start_matches('<').split('@').next().unwrap_or_default();
    left.rsplit_once('.').is_some_and(|(tag, sealed)| cause.automatic && seal(tag, recipient, key) == sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_of_ours_is_known_by_its_id_and_addressee_only() {
        let (key, other) = (IdKey::new([1; 32]), IdKey::new([2; 32]));
        let id = format!("<{}@a.example>", notice_id("weir.1.2", "Ann@a.example", &key));
        let recipients = ["ann@a.example".to_owned()];
        let cause = Cause { sender: "", recipients: &recipients, message_id: Some(&id), automatic: true };
        assert!(is_ours(&cause, &key));
        assert!(!is_ours(&cause, &other));
        assert!(!is_ours(&Cause { automatic: false, ..cause }, &key));
        assert!(!is_ours(&Cause { recipients: &["eve@a.example".to_owned()], ..cause }, &key));
        assert!(!is_ours(&Cause { message_id: Some("<weir.1.2@a.example>"), ..cause }, &key));
    }
}
