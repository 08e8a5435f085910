//! A sender and a sink: one thread each, many connections, as little work a message as can be.

mod sender;
mod sink;

pub use sender::{Load, Measured, run};
pub use sink::Sink;
