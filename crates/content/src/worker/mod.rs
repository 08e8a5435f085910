//! Documents are opened in worker processes that may die: the pool on the server's side, and what a worker does.
//!
//! A worker is the same binary, locked in before it reads its first document. Requests and answers are length-prefixed
//! frames on its standard input and output. The pool trusts no answer, waits for none beyond the deadline, ends a worker
//! that is late, and starts another in its place. A worker's death is a finding (`parser failed`), never an outage.

mod child;
mod frame;
mod pool;
mod sandbox;

pub use child::main;
pub use pool::{Counts, Pool, PoolOptions};

/// How a worker must be locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// Without seccomp the pool does not start.
    #[default]
    Required,
    /// What the kernel has.
    BestEffort,
}
