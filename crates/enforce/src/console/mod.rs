//! The console for people.

use std::sync::Arc;

use axum::Router;

use crate::Enforce;

/// Its pages.
pub fn router(_: &Arc<Enforce>) -> Router {
    Router::new()
}

/// Its name, navigation and bounds.
pub(crate) fn site_options() -> web::Options {
    web::Options::new("Enforce", "/incidents")
}
