//! Certificates: a private authority, what it vouches for, and what is in use where and until when.
//!
//! All are PEM files in one directory, readable by their owner only. An authority's key signs, and is needed for nothing else:
//! it may lie elsewhere and be brought for a moment. PKCS#12 is read and becomes PEM.

mod authority;
mod describe;
mod files;
mod pkcs12;

pub(crate) use authority::check as check_host;
pub use authority::{Authority, Issue, Pair, Use, request};
pub use describe::{Seen, describe};
pub(crate) use files::write_whole;
pub use files::{Directory, NAME, Ours};
pub use pkcs12::open_pkcs12;

/// A certificate that ends sooner than this is worth a warning.
pub const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Why a certificate was not made, read or found. One sentence that says which one and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub(crate) String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn file(what: &str, path: &std::path::Path, why: impl std::fmt::Display) -> Self {
        Self(format!("{what} {}: {why}", path.display()))
    }
}
