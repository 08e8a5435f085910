//! The routes of a console, and which paths they have: a router keeps that to itself, and a test has to ask each of them.

use axum::Router;
use axum::routing::MethodRouter;

/// A router that knows its paths.
#[derive(Debug, Clone)]
pub struct Routes<S = ()> {
    router: Router<S>,
    paths: Vec<String>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    pub fn new() -> Self {
        Self { router: Router::new(), paths: Vec::new() }
    }

    /// Those of a router whose paths are written down elsewhere: in the description of an interface.
    pub fn described(router: Router<S>, paths: impl IntoIterator<Item = String>) -> Self {
        Self { router, paths: paths.into_iter().collect() }
    }

    /// One more.
    #[must_use]
    pub fn route(mut self, path: &str, methods: MethodRouter<S>) -> Self {
        self.paths.push(path.to_owned());
        Self { router: self.router.route(path, methods), paths: self.paths }
    }

    /// Those of another one too.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        Self { router: self.router.merge(other.router), paths: self.paths }
    }

    /// With what their handlers share.
    pub fn with_state(self, state: S) -> Routes {
        Routes { router: self.router.with_state(state), paths: self.paths }
    }
}

impl Routes {
    pub(crate) fn into_parts(self) -> (Router, Vec<String>) {
        (self.router, self.paths)
    }
}
