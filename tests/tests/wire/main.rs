//! Weir between a sender and a scripted next hop, seen from outside. Each file is named for the behaviour or the fault.

// Helpers panic: that is how a test fails.
#![allow(clippy::unwrap_used)]

mod body_octets;
mod commands;
mod failover;
mod forged_and_pass_headers;
mod hop_down;
mod hop_hostile;
mod hop_replies;
mod hostile_input;
mod killed_at_any_moment;
mod limits;
mod line_ends;
mod loops;
mod marks_and_incidents;
mod operations;
mod proxied_clients;
mod reflect;
mod reload;
mod replaced_index;
mod shutdown;
mod tls_from_senders;
mod tls_to_hop;
mod trial;
