//! Holds marked mail in content incident folders until told to deliver or delete it; its queue.
//!
//! The way of a message: `listener` takes it, [`filter`] decides (pure code), then it either goes on in step with the delivery
//! hop, whose reply is the sender's, or `accept` keeps it: held copies and queue entries in one transaction,
//! synced before the 250. From then on a copy changes only by a decision ([`Gateway::decide`]), by Enforce's ([`Gateway::remediate`]) or
//! by its folder's limits, and leaves only through the queue.
//!
//! What is deliberately absent: no filter looks into a body (that is the detection server's work), and nothing here decides
//! without a rule that an administrator can read.

mod accept;
mod audit;
mod bounds;
mod bulk;
pub mod console;
mod copies;
mod decide;
mod definitions;
mod destination;
mod door;
mod error;
pub mod filter;
mod folder;
mod header;
mod history;
mod hop;
mod limits;
mod listener;
mod notices;
mod options;
mod queue;
mod recorder;
mod remediation;
mod running;
mod state;
mod to_enforce;
mod updates;
mod vault;

pub use audit::{AuditFilter, AuditMessage, AuditPage, AuditRecord};
pub use bounds::Bounds;
pub use bulk::Bulk;
pub use copies::{Copies, CopyFilter, CopyLine, CopyPage, Related, ReleaseRequest, Snapshot};
pub use decide::{Decided, Who};
pub use definitions::{Change, FilterRow, FolderContents, FolderRow};
pub use destination::Destination;
pub use error::Error;
pub use folder::{Folder, FolderKind, Limit};
pub use history::Entry;
pub use incident::wire::{CopyResult, ReviewAction};
pub use options::{
    DeliveryAuth, DeliveryTls, EnforceOptions, InspectOptions, ListenerOptions, NoticeOptions, Options,
    QueueOptions, RemediationOptions, SignInOptions, TlsFiles,
};
pub use queue::{QueueFilter, QueueLine, QueuePage, QueueState};
pub use running::{Certificates, Running, start};
pub use state::State;
pub use updates::UpdateState;
pub use vault::{Gateway, rotate_keys};
