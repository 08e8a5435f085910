//! The wire form: what the three servers say to one another over HTTPS, as plain data in JSON. They share nothing else.

mod ingest;
mod people;
mod remediation;
mod servers;
mod updates;

pub use ingest::{IncidentBatch, IngestAnswer, ShippedIncident, ShippedLine};
pub use servers::{
    EnrollRequest, Enrolled, Heartbeat, HeartbeatAnswer, PolicyFile, PolicyManifest, RenewRequest,
    ServerKind, ServerSettings,
};

pub use people::{Person, SessionAnswer, SessionQuestion, SignInAnswer, SignInRequest, SignInStep};
pub use remediation::{CopyAnswer, CopyResult, RemediationAnswer, RemediationRequest, ReviewAction};
pub use updates::{CopyState, MessageUpdate, UpdateAnswer, UpdateBatch, UpdateResult};

/// Where each request goes; all under mutual TLS.
pub mod paths {
    /// Enforce to gateway: `POST` a [`super::RemediationRequest`], answered by a [`super::RemediationAnswer`].
    pub const REMEDIATION: &str = "/remediation/v1/requests";
    /// Gateway to Enforce: `POST` an [`super::UpdateBatch`], answered by an [`super::UpdateAnswer`]; with basic
    /// authentication as a user who has the privilege "Incident Update".
    pub const MESSAGE_UPDATES: &str = "/servers/v1/message-updates";
    /// Gateway to Enforce: `POST` a [`super::SignInRequest`], answered by a [`super::SignInAnswer`].
    pub const SIGN_IN: &str = "/servers/v1/sign-in";
    /// Gateway to Enforce: `POST` a [`super::SessionQuestion`], answered by a [`super::SessionAnswer`].
    pub const SESSION: &str = "/servers/v1/session";
    /// Any server to Enforce, with a token instead of a certificate: `POST` an [`super::EnrollRequest`].
    pub const ENROLL: &str = "/servers/v1/enroll";
    /// Any server to Enforce: `POST` a [`super::RenewRequest`], answered by [`super::Enrolled`].
    pub const RENEW: &str = "/servers/v1/renew";
    /// Any server to Enforce: `POST` a [`super::Heartbeat`], answered by a [`super::HeartbeatAnswer`].
    pub const HEARTBEAT: &str = "/servers/v1/heartbeat";
    /// `GET` [`super::ServerSettings`], with ETag and If-None-Match.
    pub const SETTINGS: &str = "/servers/v1/settings";
    /// `GET` a [`super::PolicyManifest`], with ETag and If-None-Match.
    pub const POLICIES: &str = "/servers/v1/policies";
    /// `GET` the octets of a file of the manifest, by its digest behind a slash.
    pub const POLICY_FILES: &str = "/servers/v1/policy-files";
    /// Detection server to Enforce: `POST` an [`super::IncidentBatch`], answered by an [`super::IngestAnswer`].
    pub const INCIDENTS: &str = "/servers/v1/incidents";
    /// `GET` where Enforce stands in a journal, named behind a slash: an [`super::IngestAnswer`].
    pub const CURSOR: &str = "/servers/v1/cursor";
    /// `PUT` the octets of an original: journal and the original's name behind slashes.
    pub const ORIGINALS: &str = "/servers/v1/originals";
}
