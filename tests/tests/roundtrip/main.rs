//! The whole round trip of Email Quarantine Connect over real processes: `weir prevent` marks, `weir gateway` holds, people decide at
//! either console, and both tell what came of it.

// Helpers panic: that is how a test fails.
#![allow(clippy::unwrap_used)]

mod disk_full;
mod faults;
mod folders;
mod guide;
mod keys;
mod logged;
mod newcomer;
mod placement;
mod postfix;
mod queue;
mod several_gateways;
mod signing_in;
mod site;
mod special_cases;
mod troubleshooting;
