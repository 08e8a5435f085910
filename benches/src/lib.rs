//! What the benches share: a deterministic corpus of office mail, and a sender and a sink that cost very little.

#![allow(clippy::missing_panics_doc)]

pub mod corpus;
pub mod inspect;
pub mod load;
