//! Why the gateway did not do what it was asked: what was wrong with the request, or with the gateway itself.

/// Why something was not done. What it says is for an administrator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The keys at hand are not those of the database.
    #[error("the keys do not fit the gateway's data: put back the master.keys that belong to this database")]
    WrongKeys,
    /// A setting, folder or filter says what cannot be: where, and what to write instead.
    #[error("{0}")]
    Invalid(String),
    /// Something waits on what was to be deleted.
    #[error("{what} is in use: {}", .by.join("; "))]
    InUse {
        /// What.
        what: String,
        /// By what, one each.
        by: Vec<String>,
    },
    /// Somebody else changed it meanwhile.
    #[error("{0} was changed by somebody else meanwhile; load it again")]
    Changed(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// The configuration file is the truth.
    #[error("folders and filters are kept in the configuration file; change them there and restart")]
    KeptInFile,
    /// What was stored cannot be read.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// What.
        what: String,
        /// How.
        why: String,
    },
    /// A listener, certificate or directory.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Damaged { what: what.into(), why: why.to_string() }
    }
}
