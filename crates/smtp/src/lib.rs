//! Speaks SMTP strictly from either side: reads commands, replies and bodies, drives an upstream session, is a client
//! to a next hop, spools a message. It has no opinion about mail.
//!
//! The upstream side is [`server`], with the seam [`server::Service`]; the client to the next hop is [`client`].

mod alarm;
mod body;
pub mod cidr;
pub mod client;
pub mod command;
#[doc(hidden)]
pub mod fuzz;
pub mod header;
pub mod mx;
pub mod proxy;
pub mod reply;
pub mod server;
pub mod spool;
mod stream;
pub mod tls;
pub mod xclient;
