//! Opens a database and migrates it; keys, encryption at rest and blobs on disk. Knows no table of others.
//!
//! [`sqlite`] opens and migrates, [`keys`] holds what seals, [`cipher`] seals, [`blobs`] keeps large sealed objects in files,
//! [`lock`] keeps a second server out of a data directory.

pub mod blobs;
pub mod cipher;
pub mod keys;
pub mod lock;
pub mod sqlite;

/// Why something cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema is not the one that this program knows, or could not be made.
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
    /// Another process has the data directory.
    #[error("{0} is in use by another process; one server owns a data directory")]
    InUse(String),
    /// Sealed octets were changed, cut or sealed by another key.
    #[error("stored data is damaged or was sealed by another key")]
    Damaged,
}

impl Error {
    pub(crate) fn file(what: &str, path: &std::path::Path, why: std::io::Error) -> Self {
        Self::File { what: format!("{what} {}", path.display()), why }
    }

    /// Whether the store itself fails (no room, no disk, no connection): trying the same again at once is no use.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => is_outage_code(error.code().as_deref()),
            Self::Database(error) => {
                !matches!(error, sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. })
            }
            Self::File { .. } => true,
            _ => false,
        }
    }
}

/// SQLite's primary codes perm, busy, locked, nomem, readonly, ioerr, corrupt, full, cantopen; PostgreSQL's classes 08, 53, 57, 58.
fn is_outage_code(code: Option<&str>) -> bool {
    let Some(code) = code else { return true };
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 3 | 5 | 6 | 7 | 8 | 10 | 11 | 13 | 14),
        _ => ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)),
    }
}
