//! From text to a syntax tree in which everything knows where it stands.

pub(crate) mod amount;
pub(crate) mod cases;
pub(crate) mod condition;
pub(crate) mod identifier;
pub(crate) mod keys;
pub(crate) mod policy;
pub(crate) mod read;
pub(crate) mod response;
pub(crate) mod settings;
