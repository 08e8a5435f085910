//! Console, interface and remediation as seen from the outside: real HTTP to a real listener.

#![allow(clippy::unwrap_used)]

mod api;
mod barriers;
mod browser;
mod decisions;
#[path = "../../../web/tests/support/driver.rs"]
mod driver;
mod keys;
mod pages;
mod policies;
mod remediation;
mod roles;
mod servers;
mod support;
