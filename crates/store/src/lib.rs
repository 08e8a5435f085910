//! Opens a database and migrates it; keys and encryption at rest. Knows no table of others.

pub mod cipher;
pub mod keys;
pub mod sqlite;

/// Why something cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema is not the one that this program knows.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A file could not be read or written.
    #[error("{what}: {why}")]
    File {
        /// Which file, and what was tried.
        what: String,
        /// Why.
        why: std::io::Error,
    },
    /// A key is missing or does not fit.
    #[error("{0}")]
    Key(String),
    /// Sealed octets were changed, cut or sealed by another key.
    #[error("stored data is damaged or was sealed by another key")]
    Damaged,
}
