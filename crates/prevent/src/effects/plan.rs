//! What goes into the outbox with an incident: the ordered effects, and who of their addressees must not hear of this mail.
//!
//! A notice answers a mail. As RFC 3834 asks of automatic answers, none goes to the sender of a mail that is itself automatic,
//! nor to a mail system's own address; and a notice of ours that comes by here is answered by none at all.

use policy::SideAction;
use serde_json::json;

use crate::settings::Settings;
use crate::unique_id::{IdKey, Identity, UniqueId};

/// Local parts of senders that are programs (RFC 3834 2).
const PROGRAMS: &[&str] = &["mailer-daemon", "postmaster"];

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
    let ours = is_ours(cause, &settings.id_key);
    let (mut told, mut withheld) = (Vec::new(), Vec::new());
    for address in to {
        match reason_to_withhold(address, cause, ours) {
            Some(why) => withheld.push((address, why)),
            None => told.push(address),
        }
    }
    json!({ "to": told, "subject": subject, "text": text, "withheld": withheld }).to_string()
}

fn reason_to_withhold(address: &str, cause: &Cause<'_>, ours: bool) -> Option<&'static str> {
    let is_sender = address.eq_ignore_ascii_case(cause.sender);
    match local_part(address).as_str() {
        _ if ours => Some("the mail is itself a notice of this server"),
        _ if cause.sender.is_empty() && address.is_empty() => Some("nobody is to be told"),
        "mailer-daemon" => Some("it is a mail system's own address"),
        _ if is_sender && cause.automatic => Some("the mail is itself automatic (Auto-Submitted)"),
        local if is_sender && PROGRAMS.contains(&local) => Some("the sender is a mail system"),
        _ => None,
    }
}

fn local_part(address: &str) -> String {
    address.rsplit_once('@').map_or(address, |(local, _)| local).to_ascii_lowercase()
}

/// Auto-Submitted in the header, with anything but `no` (RFC 3834 5).
pub(crate) fn is_automatic(message: &[u8]) -> bool {
    const NAME: &[u8] = b"auto-submitted";
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    let lines = message[..end].split(|octet| matches!(octet, b'\r' | b'\n'));
    let value = lines.filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        line[..colon].trim_ascii_end().eq_ignore_ascii_case(NAME).then(|| line[colon + 1..].trim_ascii())
    });
    let said_no = |value: &[u8]| {
        let word =
            value.split(|octet| matches!(octet, b';' | b' ' | b'\t' | b'(')).next().unwrap_or_default();
        word.eq_ignore_ascii_case(b"no")
    };
    value.into_iter().any(|value| !said_no(value))
}

// ---- our own notices

/// The left part of a notice's Message-ID: the same at each attempt, and known to this company's servers when it comes by.
pub(super) fn notice_id(tag: &str, recipient: &str, key: &IdKey) -> String {
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

    fn withheld(address: &str, sender: &str, automatic: bool) -> bool {
        let cause = Cause { sender, recipients: &[], message_id: None, automatic };
        reason_to_withhold(address, &cause, false).is_some()
    }

    #[test]
    fn programs_and_automatic_mail_get_no_notice_but_others_do() {
        assert!(!withheld("ann@a.example", "ann@a.example", false));
        assert!(withheld("Ann@a.example", "ann@a.example", true));
        assert!(
            !withheld("security@a.example", "ann@a.example", true),
            "a header of the sender silences nobody else"
        );
        assert!(withheld("MAILER-DAEMON@a.example", "ann@a.example", false));
        assert!(withheld("postmaster@a.example", "Postmaster@a.example", false));
        assert!(!withheld("postmaster@a.example", "ann@a.example", false));
    }

    #[test]
    fn auto_submitted_is_read_as_rfc_3834_writes_it() {
        for (header, automatic) in [
            ("Auto-Submitted: auto-replied", true),
            ("auto-submitted : Auto-Generated; x=1", true),
            ("Auto-Submitted: no", false),
            ("Auto-Submitted: No (really)", false),
            ("Auto-Submitted: nothing", true),
            ("X-Auto-Submitted: auto-replied", false),
            ("Subject: x\r\n\r\nAuto-Submitted: auto-replied", false),
        ] {
            let message = format!("From: a@a.example\r\n{header}\r\n\r\nbody");
            assert_eq!(is_automatic(message.as_bytes()), automatic, "{header}");
        }
    }

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
