//! PLACEHOLDER by the lead so that the crate compiles; helper polresp replaces this file.
#[derive(Debug, Clone)]
pub(crate) struct Template;
