//! What is kept about a violation and how: the record, its history and states, and the journal that keeps them durably.

mod journal;
mod read;
mod record;
mod write;

pub use journal::{Journal, JournalOptions, JournalState};
pub use record::{
    Disposition, Effect, Entry, Filter, Incident, Match, NewMessage, NewViolation, Outcome, Recorded,
    RecordedIncident, Severity, Status, Summary, mask,
};

/// Why something was not recorded, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// More is waiting to be written than may wait.
    #[error("the journal is busy: more messages wait to be recorded than may wait")]
    Busy,
    /// The journal's writer has ended.
    #[error("the journal is closed")]
    Closed,
    /// The batch that this message was written with failed.
    #[error("not recorded: {0}")]
    Batch(String),
    /// A record cannot be read.
    #[error("incident {id} is damaged: {why}")]
    Damaged {
        /// Which.
        id: u64,
        /// How.
        why: String,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
