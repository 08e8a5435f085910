//! Console, interface and remediation as seen from the outside: real HTTP to a real listener.

#![allow(clippy::unwrap_used)]

mod api;
mod backtest;
mod barriers;
mod browser;
mod decisions;
#[path = "../../../web/tests/support/driver.rs"]
mod driver;
mod indexes;
mod keys;
mod ldap;
mod lookups;
mod oidc;
mod openapi;
mod originals;
mod pages;
mod policies;
mod postbox;
mod receivers;
mod remediation;
mod reports;
mod roles;
#[path = "../../../store/tests/s3/mod.rs"]
mod s3;
mod second_person;
mod servers;
mod support;
mod told;
