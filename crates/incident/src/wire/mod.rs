//! The wire form: what the three servers say to one another over HTTPS, as plain data in JSON. They share nothing else.

mod remediation;
mod updates;

pub use remediation::{CopyAnswer, CopyResult, RemediationAnswer, RemediationRequest, ReviewAction};
pub use updates::{CopyState, MessageUpdate, UpdateAnswer, UpdateBatch, UpdateResult};

/// Where each request goes; all under mutual TLS.
pub mod paths {
    /// Enforce to gateway: `POST` a [`super::RemediationRequest`], answered by a [`super::RemediationAnswer`].
    pub const REMEDIATION: &str = "/remediation/v1/requests";
    /// Gateway to Enforce: `POST` an [`super::UpdateBatch`], answered by an [`super::UpdateAnswer`]; with basic
    /// authentication as a user who has the privilege "Incident Update".
    pub const MESSAGE_UPDATES: &str = "/servers/v1/message-updates";
}
