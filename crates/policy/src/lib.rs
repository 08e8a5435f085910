//! Compiles policy files into one immutable set and says which policies a message violates.

pub mod matcher;
pub mod validators;
