//! Saving what a form was made from: only where it still is as the form showed it.
//!
//! A form carries the [`mark`] of what it showed, empty where there was nothing. Whoever saves over something else than that is
//! told what is there now, and nothing is changed.

/// Between the look at what is there and its change nobody else saves. Above the lock of credentials, below those of others.
pub(crate) const FORMS: i64 = 0x666f_726d_7300;

/// What became of a wish to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved<T> {
    /// It is saved.
    Done,
    /// It is not as the form showed it. As it is now; none: it is gone.
    Stale(Option<T>),
    /// It cannot be: for whoever asked.
    Refused(String),
}

/// Tells what stands there from the same with anything different.
pub(crate) fn mark(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Whether a form that carries `was` showed what is there now.
pub(crate) fn is_as_shown<T>(now: Option<&T>, mark: impl Fn(&T) -> String, was: &str) -> bool {
    now.map(mark).unwrap_or_default() == was
}
