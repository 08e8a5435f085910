//! What is kept about a violation and how: the record, its history and states, and the journal that keeps them durably.

pub mod archive;
mod columns;
pub mod desk;
pub mod events;
pub mod files;
mod gauge;
mod ingest;
mod journal;
mod messages;
mod originals;
mod outbox;
mod pseudonyms;
mod read;
mod record;
mod restore;
mod retention;
mod rotate;
mod seal;
mod ship;
mod terms;
mod waiting;
pub mod wire;
mod write;
mod writer;

pub use gauge::{JournalOptions, JournalState};
pub use journal::Journal;
pub use messages::MessageState;
pub use originals::Unneeded;
pub use outbox::{Claimed, Later, Line, Outbox, OutboxOptions};
pub use record::{
    Disposition, Effect, Entry, Filter, Incident, Match, NewMessage, NewViolation, Outcome, PREVENT_STATUSES,
    Recorded, RecordedIncident, Severity, Status, Summary, mask, prevent_status_name,
};
pub use restore::restore;
pub use retention::{Ages, Deleted, Retention};
pub use rotate::rotate_keys;

/// Why something was not recorded, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// More is waiting to be written than may wait.
    #[error("the journal is busy: more messages wait to be recorded than may wait")]
    Busy,
    /// The bound of the journal is reached.
    #[error("the journal is full; free space on its disk, or raise its bound")]
    Full,
    /// The keys at hand are not those of the database.
    #[error("the keys do not fit the incidents: put back the master.keys that belong to this database")]
    WrongKeys,
    /// The journal's writer has ended, or it was opened to be read only.
    #[error("the journal is closed")]
    Closed,
    /// The batch that this message was written with failed.
    #[error("not recorded: {0}")]
    Batch(String),
    /// An original lies in an object store that this server was not told of.
    #[error("the original lies in the object store {0}, which is not the one of [enforce.originals]")]
    OutOfReach(String),
    /// What it takes to answer is still being made.
    #[error("{0}")]
    NotYet(&'static str),
    /// A record cannot be read.
    #[error("incident {id} is damaged: {why}")]
    Damaged {
        /// Which.
        id: u64,
        /// How.
        why: String,
    },
}

impl Error {
    /// Whether the store itself fails: what was to be written is not at fault.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_outage())
    }
}
