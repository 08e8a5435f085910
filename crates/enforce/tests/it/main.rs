//! Console, interface and remediation as seen from the outside: real HTTP to a real listener.

#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../../store/tests/postgres/mod.rs"]
mod postgres;

mod api;
mod audited;
mod backtest;
mod barriers;
mod browser;
#[path = "../../../web/tests/support/changes.rs"]
mod changes;
mod decisions;
mod dictionaries;
#[path = "../../../web/tests/support/driver.rs"]
mod driver;
mod editor;
mod fleet;
mod indexes;
mod keys;
mod ldap;
mod looking;
mod lookups;
mod oidc;
mod openapi;
mod originals;
mod overview;
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
mod snapshot;
mod stale;
mod support;
mod told;
