//! What detection servers and gateways say to Enforce, and hear from it: the servers' port.

use std::sync::Arc;

use axum::Router;

use crate::Enforce;

/// The paths of the servers' port.
pub(crate) fn router(_: &Arc<Enforce>) -> Router {
    Router::new()
}
