//! What both consoles share: layout, templates, sign-in, sessions, request checks, showing mail safely.
//!
//! A server makes a [`Site`] from an open database and hands its own pages to [`Site::mount`], which puts the checks of [`guard`]
//! around them and adds the pages that both have ([`pages`]). A page's handler takes a [`Viewer`] (nobody gets there without
//! signing in), asks it for privileges, and answers with a [`layout::Page`] or a [`Problem`]. [`listen`] serves it.

pub mod audit;
pub mod clock;
pub mod csv;
pub mod guard;
pub mod guests;
pub mod layout;
pub mod listen;
pub mod mail;
pub mod oidc;
pub mod outgoing;
pub mod pages;
pub mod people;
mod piped;
mod problem;
mod routes;
mod schema;
mod seen;
pub mod session;
mod site;
mod viewer;

pub use clock::Clock;
pub use piped::{Cut, Pipe, piped};
pub use problem::Problem;
pub use routes::Routes;
pub use schema::prepare;
pub use seen::{NOT_SHOWN, is_pseudonym, pseudonym};
pub use site::{Brand, Options, Place, Site};
pub use store::reasons;
pub use viewer::{Means, Theme, Viewer};

/// Why something about people, sessions or the audit log was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Too many are signing in at the same time.
    #[error("too many people sign in at the moment: try again in a few seconds")]
    Busy,
    /// The system gives no random octets, or too little memory for hashing.
    #[error("no random octets or no memory for hashing: {0}")]
    Random(String),
    /// The new password is not good enough.
    #[error(transparent)]
    Weak(#[from] people::Weak),
    /// The password to confirm a change with is wrong.
    #[error("The password is wrong, or was tried too often: type it again, or wait a while.")]
    WrongPassword,
    /// The name is in use.
    #[error("{0} is there already: choose another name.")]
    Taken(String),
    /// It is not there (any more).
    #[error("It is not there any more: somebody else removed it.")]
    Gone,
    /// Somebody else changed it meanwhile.
    #[error("Somebody else changed it meanwhile: look at it again, and make the change once more.")]
    Stale,
    /// Nobody could manage users afterwards.
    #[error("Nobody who can sign in could manage users any more: give somebody else that right first.")]
    LastAdministrator,
    /// Others hang on it.
    #[error("It is in use: {}.", .0.join(", "))]
    InUse(Vec<String>),
    /// A value cannot be taken; the text says why and what to write.
    #[error("{0}")]
    Bad(String),
}

/// Octets in hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The 32 octets of such digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
