//! Opens a database and migrates it; keys, encryption at rest, blobs on disk or in an object store. Knows no table of others.
//!
//! [`database`] speaks one SQL to SQLite and PostgreSQL, [`keys`] holds what seals, [`cipher`] seals, [`blobs`] keeps large sealed
//! objects in files, [`objects`] in an S3-compatible store, [`lock`] keeps a second server out of a data directory, [`steps`] brings tables forward,
//! [`key_check`] tells whether keys are a database's, [`sealed`] wraps what is in it by a new key, [`archive`] keeps sealed records in a file.

pub mod archive;
pub mod blobs;
pub mod cipher;
pub mod database;
pub mod key_check;
pub mod keys;
pub mod lock;
pub mod objects;
pub mod sealed;
pub mod steps;
mod whole;

/// Why something cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database's file was changed by something else, or its disk lies.
    #[error(
        "the database {0} is damaged; restore it from a backup, or move it away to begin with an empty one"
    )]
    Corrupt(String),
    /// A search was interrupted: it had so long.
    #[error("the search took longer than {} s", .0.as_secs())]
    TookTooLong(std::time::Duration),
    /// It was opened to be read.
    #[error("the database {0} was opened to be read only")]
    ReadOnly(String),
    /// The database or its schema is not one that this program knows, or could not be made.
    #[error("database: {0}")]
    Schema(String),
    /// A database server cannot be reached, or does not let us in.
    #[error("{0}")]
    NotOpened(String),
    /// A file could not be read or written.
    #[error("{what}: {why}")]
    File {
        /// Which file, and what was tried.
        what: String,
        /// Why.
        why: std::io::Error,
    },
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] objects::Failure),
    /// A key is missing or does not fit.
    #[error("{0}")]
    Key(String),
    /// An archive is not one, is damaged, or cannot hold what it was given.
    #[error("the archive {0}")]
    Archive(String),
    /// Another process has the data directory.
    #[error(
        "the data directory {0} is in use by another process: stop that one, or choose another directory"
    )]
    InUse(String),
    /// Sealed octets were changed, cut or sealed by another key.
    #[error("stored data is damaged or was sealed by another key")]
    Damaged,
}

impl Error {
    pub(crate) fn file(what: &str, path: &std::path::Path, why: std::io::Error) -> Self {
        Self::File { what: format!("{what} {}", path.display()), why }
    }

    /// Whether the store itself fails (no room, no disk, no connection): what was asked for is not at fault.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => is_outage_code(error.code().as_deref()),
            Self::Database(error) => !matches!(
                error,
                sqlx::Error::RowNotFound
                    | sqlx::Error::ColumnDecode { .. }
                    | sqlx::Error::ColumnNotFound(_)
                    | sqlx::Error::Encode(_)
            ),
            Self::File { .. }
            | Self::NotOpened(_)
            | Self::Corrupt(_)
            | Self::ReadOnly(_)
            | Self::InUse(_) => true,
            Self::Objects(failure) => {
                matches!(failure, objects::Failure::Away(_) | objects::Failure::Refused(_))
            }
            Self::Schema(_) | Self::Key(_) | Self::Archive(_) | Self::Damaged | Self::TookTooLong(_) => false,
        }
    }
}

/// SQLite's primary codes perm, busy, locked, nomem, readonly, ioerr, corrupt, full, cantopen; PostgreSQL's classes 08
/// (connection), 25 (read only), 53 (resources), 57 (intervention), 58 (system).
fn is_outage_code(code: Option<&str>) -> bool {
    let Some(code) = code else { return true };
    // SQLite's are numbers of up to four digits, PostgreSQL's have five characters.
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 3 | 5 | 6 | 7 | 8 | 10 | 11 | 13 | 14),
        _ => ["08", "25", "53", "57", "58"].iter().any(|class| code.starts_with(class)),
    }
}

/// An error and what is behind it, in one line.
pub fn reasons(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        words.push(error.to_string());
        source = error.source();
    }
    words.dedup();
    words.join(": ")
}
