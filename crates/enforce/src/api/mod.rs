//! The interface for programs.

use std::sync::Arc;

use axum::Router;

use crate::Enforce;

/// Its paths.
pub fn router(_: &Arc<Enforce>) -> Router {
    Router::new()
}
