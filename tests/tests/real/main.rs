//! Weir among real programs: Postfix before and behind it, swaks and Python as senders, systemd's own checks, a newcomer's first commands.

// Helpers panic: that is how a test fails.
#![allow(clippy::unwrap_used)]

mod clients;
mod deployment;
mod first_steps;
mod policies;
mod postfix_forward;
mod postfix_milter;
mod postfix_reflect;
