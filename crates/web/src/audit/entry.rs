//! A line of the audit log to be. Whatever changes something takes it along, and commits the change with it.

use store::database::{Answer, Session, Witness, Witnessed};

use super::{Actor, Audit};

/// A line to be.
#[derive(Debug, Clone)]
pub struct Entry {
    audit: Audit,
    actor: Actor,
    action: String,
    subject: String,
    detail: String,
}

impl Entry {
    pub(super) fn new(audit: Audit, actor: Actor, [action, subject, detail]: [&str; 3]) -> Self {
        Self { audit, actor, action: action.into(), subject: subject.into(), detail: detail.into() }
    }

    /// Adds the line in a transaction that changes something. Last before the commit: others wait for it.
    pub async fn write(&self, db: &mut dyn Session) -> Result<(), store::Error> {
        self.audit.write(db, &self.actor, &self.action, &self.subject, &self.detail).await
    }

    /// Of another subject: of one that has its number only now.
    pub fn about(self, subject: String) -> Self {
        Self { subject, ..self }
    }
}

impl Witness for Entry {
    fn write<'a>(&'a self, db: &'a mut dyn Session) -> Answer<'a, ()> {
        Box::pin(self.write(db))
    }
}

impl From<Entry> for Witnessed {
    fn from(entry: Entry) -> Self {
        Self::by(entry)
    }
}
