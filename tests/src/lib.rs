//! Real peers for tests of the weir binary: it is started as people start it and spoken to over sockets only.
//!
//! A test names what it needs (a [`sink::Sink`] as next hop, a [`weir::Weir`], a [`postfix::Postfix`]) and each peer
//! is gone when its value is dropped. Everything listens on loopback, on ports of its own, with data in a directory
//! of its own, so that tests run beside each other. Helpers panic: a peer that does not come up fails the test.

// Test support: panicking is how it reports.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod certs;
pub mod client;
pub mod console;
pub mod dialogue;
pub mod enforce;
pub mod gateway;
pub mod mails;
pub mod network;
pub mod ports;
pub mod postfix;
pub mod requirement;
pub mod sink;
pub mod weir;
