//! PLACEHOLDER by the lead so that the crate compiles; helper polresp replaces this file.
use super::Response;
/// Replaced.
pub fn respond(_: &crate::Set, _: &crate::Inspection, _: &crate::Mail<'_>, _: bool) -> Response { Response::default() }
