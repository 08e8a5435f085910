//! What a role sees of a mail: lists, snapshots, the message audit and the queue with the parts taken out that it does not see.
//!
//! Pages are made of [`Seen`] values only, and these come from here.

use std::ops::Deref;

use web::people::Hidden;
use web::{NOT_SHOWN, Viewer};

use crate::{AuditMessage, CopyLine, QueueLine, Snapshot};

/// Something of which the viewer may see all that is left.
#[derive(Debug)]
pub(super) struct Seen<T>(T);

impl<T> Deref for Seen<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Something with parts of a mail in it.
pub(super) trait OfMail: Sized {
    /// Without what the viewer's role does not see.
    fn redacted(self, viewer: &Viewer) -> Self;

    /// As it may be shown.
    fn seen_by(self, viewer: &Viewer) -> Seen<Self> {
        Seen(self.redacted(viewer))
    }
}

impl OfMail for CopyLine {
    fn redacted(self, viewer: &Viewer) -> Self {
        Self {
            sender: viewer.sender(&self.sender),
            recipient: recipient(viewer, self.recipient),
            subject: viewer.subject(self.subject),
            ..self
        }
    }
}

impl OfMail for Snapshot {
    fn redacted(mut self, viewer: &Viewer) -> Self {
        if viewer.hides(Hidden::Sender) {
            self.message_id = None;
            NOT_SHOWN.clone_into(&mut self.peer);
            if let Some(release) = &mut self.release {
                NOT_SHOWN.clone_into(&mut release.peer);
            }
        }
        for one in &mut self.related {
            one.recipient = recipient(viewer, std::mem::take(&mut one.recipient));
        }
        Self { line: self.line.redacted(viewer), ..self }
    }
}

impl OfMail for AuditMessage {
    fn redacted(mut self, viewer: &Viewer) -> Self {
        if viewer.hides(Hidden::Sender) {
            self.message_id = None;
            NOT_SHOWN.clone_into(&mut self.peer);
        }
        Self {
            sender: viewer.sender(&self.sender),
            recipients: viewer.recipients(self.recipients),
            subject: viewer.subject(self.subject),
            ..self
        }
    }
}

impl OfMail for QueueLine {
    fn redacted(self, viewer: &Viewer) -> Self {
        // A letter of the gateway's own goes to the sender of another mail; hosts answer with the addresses that they were given.
        let hides_sender = viewer.hides(Hidden::Sender);
        let letter = matches!(self.reason.as_str(), "notice" | "bounce");
        let quotes = hides_sender || viewer.hides(Hidden::Recipients);
        Self {
            sender: viewer.sender(&self.sender),
            recipient: if letter && hides_sender {
                NOT_SHOWN.to_owned()
            } else {
                recipient(viewer, self.recipient)
            },
            last_error: self.last_error.map(|error| if quotes { NOT_SHOWN.to_owned() } else { error }),
            ..self
        }
    }
}

fn recipient(viewer: &Viewer, address: String) -> String {
    if viewer.hides(Hidden::Recipients) { NOT_SHOWN.to_owned() } else { address }
}

/// Whether the role sees what was done in words: they name senders and recipients, and quote what other hosts answered.
pub(super) fn sees_words(viewer: &Viewer) -> bool {
    let named = [Hidden::Sender, Hidden::Recipients, Hidden::Subject];
    !named.iter().any(|part| viewer.hides(*part))
}

/// Whether the role sees histories.
pub(super) fn sees_history(viewer: &Viewer) -> bool {
    sees_words(viewer) && !viewer.hides(Hidden::History)
}
