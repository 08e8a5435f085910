//! The console for people.

use std::sync::Arc;

use axum::Router;

use crate::Enforce;

/// Its pages.
pub fn router(_: &Arc<Enforce>) -> Router {
    Router::new()
}
